// File: graph.h
//
// A random graph with everything needed to run it.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_GRAPH_H_
#define ORIEL_TEST_FUZZ_GRAPHS_GRAPH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "oriel/oriel.h"
#include "test/fuzz/graphs/maker.h"

namespace oriel::fuzz {

struct OpRange {
  int least = 5, most = 200;
};

struct Graph {
  uint64_t seed = 0;
  std::vector<Value> inputs, outputs;
  std::vector<Update> updates;                 // also those that random draws imply
  std::vector<State> states;                   // read or updated
  std::vector<Tensor> initial;                 // what they hold before the first call
  std::vector<std::vector<Tensor>> calls;      // arguments, one call after another
  DimBindings extents;                         // of all calls
  std::map<int, Value> looked;                 // see Maker
  std::map<std::string, int> features;         // see Maker; also "gradient", ...
  std::map<std::string, int> refused;
  int stated = 0;                              // op nodes before gradients
  int steps = 0;                               // that made them
};

// The graph of a seed: a number of ops in `ops` (each order of magnitude equally
// often), then gradients. Equal arguments give the same graph, but for new
// states. With `look` set some of the values are looked at.
Graph MakeGraph(uint64_t seed, OpRange ops, const Look& look = {});

// The same graph with its extents known while it compiles.
Graph WithKnownExtents(const Graph& graph);

// How many op nodes of each kind the graph has, bodies included.
std::map<std::string, int> CountOps(const Graph& graph);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_GRAPH_H_
