// File: substitute.h
//
// Graphs made again with something replaced.
//
//   // The same cost on a batch of a state that holds all the data:
//   Value batch = slice(data, {i * 32, 0}, {(i + 1) * 32, 64});
//   std::vector<Value> on_batch = Substitute({cost}, {{x, batch}});
//
// compile() does it for CompileOptions::givens.
#ifndef ORIEL_SUBSTITUTE_H_
#define ORIEL_SUBSTITUTE_H_

#include <utility>
#include <vector>

#include "oriel/value.h"

namespace oriel {

// What replaces what: a value (an input or any other) or every read of a state.
struct Given {
  Given(Value from, const Operand& to, Location at = Location::current());
  Given(State from, const Operand& to, Location at = Location::current());

  Value from;   // empty when a state is replaced
  State state;
  Value to;     // of the same dtype and rank; a weak scalar becomes that dtype
  Location location;
};

// `values` with every use of what `givens` names replaced, all at once: what
// they put in is not looked at again. Nodes that use none of it stay the same
// nodes; the others are made again with their names, scopes, lines and
// origins, under new ids, also inside of loops and branches. Where a replaced
// value has a dim that is a symbol, the replacement's extent takes its place
// everywhere. Poisoned, at the line of the Given: another dtype or rank, or two
// replacements of one value; at the node's line: shapes that no longer fit.
// Nesting of the expression is no limit (nothing recurses along operands).
std::vector<Value> Substitute(const std::vector<Value>& values, const std::vector<Given>& givens);

// The same, but every node is made again. Without `share_inputs` inputs too: the
// copies have the names and test values of the originals.
std::vector<Value> Clone(const std::vector<Value>& values, const std::vector<Given>& givens = {},
                         bool share_inputs = true);

}  // namespace oriel

#endif  // ORIEL_SUBSTITUTE_H_
