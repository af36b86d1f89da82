// File: statistics.h
//
// What a run of the fuzzer has seen.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_STATISTICS_H_
#define ORIEL_TEST_FUZZ_GRAPHS_STATISTICS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "test/fuzz/graphs/graph.h"
#include "test/fuzz/graphs/reference.h"

namespace oriel::fuzz {

class Statistics {
 public:
  void Count(const Graph& graph);
  void Clean(const ReferenceResult& reference, const Run& run);
  void Finding() { ++findings_; }
  int64_t graphs() const { return graphs_; }
  int64_t findings() const { return findings_; }
  // Ops that a graph can state and none did.
  std::vector<std::string> Missing() const;
  std::string Text(uint64_t first_seed, uint64_t last_seed, double seconds) const;

 private:
  int64_t graphs_ = 0, clean_ = 0, findings_ = 0, failing_calls_ = 0;
  int64_t elements_ = 0, loose_ = 0;
  std::vector<int> stated_, all_;  // ops of each graph, before and after gradients
  std::map<std::string, int64_t> ops_, features_, refused_;
};

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_STATISTICS_H_
