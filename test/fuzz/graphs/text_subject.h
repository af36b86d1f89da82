// File: text_subject.h
//
// A graph as MLIR text with its data in a file: what a finding leaves behind and
// oriel-reduce makes smaller.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_TEXT_SUBJECT_H_
#define ORIEL_TEST_FUZZ_GRAPHS_TEXT_SUBJECT_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "test/fuzz/graphs/graph.h"
#include "test/fuzz/graphs/variants.h"

namespace oriel::fuzz {

// "input.x.0": the argument x of call 0; "state.s": what a state holds first.
using NamedData = std::map<std::string, Tensor>;

struct TextGraph {
  std::string text;
  std::string known;  // the same with extents known, "" for none
  NamedData data;
  // Testing the fuzzer: the variants without fusion are compiled from the text
  // with each `first` replaced by `second`, as by a compiler that is wrong.
  std::pair<std::string, std::string> planted;
};

absl::StatusOr<TextGraph> ToText(const Graph& graph);
absl::Status Save(const TextGraph& graph, const std::string& folder);
absl::StatusOr<TextGraph> Load(const std::string& text, const std::string& known, const std::string& data);

// Arguments and states that the data lacks (a reduced graph has new ones) get
// numbers made from their names; dims that nothing binds are 3.
Subject SubjectOf(const TextGraph& graph);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_TEXT_SUBJECT_H_
