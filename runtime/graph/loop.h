// File: loop.h
//
// Loops below the level of scan(): how one is made, looked into, and made again
// with more results. Gradients of loops are stated in these terms.
//
// The loop op:
//
//   n = clamp(trips, 0, extent)          (without an extent: max(trips, 0))
//   for k in [0, n):
//     i = reverse ? n-1-k : k
//     elements[s] = sequences[s].array[sequences[s].start + sequences[s].step*i]
//     carried, collected, stop = body(i, elements, carried)
//     stacks[j][i] = collected[j]
//     if stop: n = k+1, leave            (until; never with reverse)
//   results: carried..., stacks..., [n]
//
// A stack has shape [extent, ...]; rows that no iteration wrote are zero. The
// engine reads elements and writes rows in place: neither copies the array.
#ifndef ORIEL_GRAPH_LOOP_H_
#define ORIEL_GRAPH_LOOP_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph/builder.h"

namespace oriel::graph {

struct LoopSequence {
  Value array = {};  // rank >= 1
  Dim start = 0;     // the row of iteration 0
  int64_t step = 1;  // rows from one iteration to the next, not 0
  std::string name = {};  // of the element in the body; "": "<array's name>[t]"
};

struct LoopSpec {
  Value trips = {};            // integer scalar; empty: the value of `extent`
  std::optional<Dim> extent = {};  // rows of stacks; needed for sequences and stacks
  std::vector<LoopSequence> sequences = {};
  std::vector<Value> initial = {};
  std::vector<std::string> names = {};  // of carried values in the body; may be short
  bool reverse = false;        // from the last iteration to the first
  bool checked = false;        // trips > extent fails at run time; else it is clamped
  // Gradients go through the last so many iterations only; -1: all.
  int64_t truncate_gradient = -1;
  std::string name = {};       // of the loop's node
};

// What a body returns.
struct LoopYield {
  std::vector<Value> carried, collected;
  Value stop;  // bool scalar that ends the loop; empty: it runs to the end
};
using LoopBodyFn = std::function<LoopYield(const Value& i, const std::vector<Value>& elements,
                                           const std::vector<Value>& carried)>;

struct LoopResults {
  std::vector<Value> finals, stacks;
  Value count;  // i64: iterations run; of a loop with a `stop`
  // Not OK when something is wrong: then `error` is the poisoned value, finals
  // are as many copies of it and there are no stacks.
  Value error;
  bool failed = false;
};

// Makes the loop; the body is called once (not at all when an operand is
// poisoned).
LoopResults MakeLoop(const LoopSpec& spec, const LoopBodyFn& body, const Location& at);

// A loop node's parts. The node must outlive the view.
class LoopView {
 public:
  explicit LoopView(const Node& node);

  const Node& node() const { return *node_; }
  const Region& region() const { return node_->regions[0]; }
  size_t sequences() const { return steps_.size(); }
  size_t carried() const { return node_->operands.size() - 1 - steps_.size(); }
  size_t stacks() const { return node_->types.size() - carried() - (until_ ? 1 : 0); }
  bool reverse() const { return reverse_; }
  bool until() const { return until_; }
  bool checked() const { return checked_; }
  const std::optional<Dim>& extent() const { return extent_; }
  int64_t truncate_gradient() const { return truncate_; }

  Value trips() const { return node_->operands[0]; }
  Value array(size_t s) const { return node_->operands[1 + s]; }
  Dim start(size_t s) const { return starts_[s]; }
  int64_t step(size_t s) const { return steps_[s]; }
  Value initial(size_t k) const { return node_->operands[1 + steps_.size() + k]; }

  // In the body.
  Value index() const { return region().arguments[0]; }
  Value element(size_t s) const { return region().arguments[1 + s]; }
  Value argument(size_t k) const { return region().arguments[1 + steps_.size() + k]; }
  Value yielded(size_t k) const { return region().results[k]; }             // carried
  Value collected(size_t j) const { return region().results[carried() + j]; }
  Value stop() const { return until_ ? region().results.back() : Value(); }

  // Which result of the node is final k, stack j, the count.
  int final_index(size_t k) const { return static_cast<int>(k); }
  int stack_index(size_t j) const { return static_cast<int>(carried() + j); }
  int count_index() const { return static_cast<int>(node_->types.size()) - 1; }

  // A spec that makes this loop again.
  LoopSpec spec() const;

 private:
  const Node* node_;
  Dims starts_;
  std::vector<int64_t> steps_;
  std::optional<Dim> extent_;
  bool reverse_ = false, until_ = false, checked_ = false;
  int64_t truncate_ = -1;
};

// ---- making bodies again ----

// What stands for a value: {id, result}.
using ValueKey = std::pair<NodeId, int>;
inline ValueKey KeyOf(const Value& value) { return {value.id(), value.result_index()}; }
using ValueMap = std::map<ValueKey, Value>;

// Makes everything again that `roots` need of `region` (its arguments must be
// in `map`, or are kept), in the body that is open now, with names, scopes and
// lines as they were. Adds what it makes to `map`; values of other regions stay
// as they are unless `map` has them.
struct CloneOptions {
  std::string rule = {};  // each copy is derived from its original by it; "": as the original
  // What to use instead of reads of a state; an empty Value keeps the read.
  std::function<Value(const Node& state_read)> replace_state = nullptr;
  const std::set<NodeId>* keep = nullptr;  // not made again
  bool drop_implied = false;               // updates that nodes of the body imply are seen to
  // Of taps that are shared one is looked at: what is computed again for a
  // gradient shares them, what is computed instead of the original has its own.
  bool own_taps = false;
  bool drop_taps = false;  // neither
};
std::vector<Value> CloneInto(const Region& region, const std::vector<Value>& roots, ValueMap* map,
                             const CloneOptions& options = {});

// One iteration of the loop's body made again in the body that is open now, of
// those of `elements` and `carried` that are the loop's own.
LoopYield CloneBody(const LoopView& loop, const Value& i, const std::vector<Value>& elements,
                    const std::vector<Value>& carried, const CloneOptions& options = {});

// The loop again, collecting in addition each carried value as it is at the
// START of every iteration. Loops over the same operands with equal bodies are
// one loop when compiled (oriel-simplify): the forward loop runs once. A loop
// whose trip count is computed and that has no extent has no bound for the rows
// to save: InvalidArgument.
struct SavedLoop {
  LoopResults results;        // as the loop's own
  std::vector<Value> saved;   // per carried value: [extent, ...]
  Value trips;                // iterations run: the loop's trips, or its count
};
SavedLoop SaveCarries(const LoopView& loop, const Location& at);

// The extent of a loop, or the dim that its trip count is the value of; none
// when that is computed.
std::optional<Dim> ExtentOf(const LoopView& loop);

// ---- the gradient ----

// Gradients of a loop's results to gradients of its operands and captures, by
// one reversed loop over saved carries. `pull` is called once, in the body of
// that loop: given body values (a copy of the body) and their gradients, it
// returns the gradient of each of `wrt`; an empty Value: none. `wrt` are leaves:
// no gradient may flow through one of them to another (of two captures one may
// be computed from the other, outside the loop).
// `sums`: as `wrt`, or nothing: what the gradient is added to, part by part, so
// that rows go straight to their place; empty: zero.
using PullFn = std::function<std::vector<Value>(const std::vector<Value>& outputs, const std::vector<Value>& gradients,
                                                const std::vector<Value>& wrt, const std::vector<Value>& sums)>;
struct LoopGradients {
  std::vector<Value> operands;  // as node.operands; empty: none
  std::vector<Value> captures;  // as node.captures, with its sum; empty: none
  Value error;                  // poisoned when something is wrong
  bool failed = false;
};
// `gradients`: one a result of the node, empty where there is none. `wanted`:
// which operands, then which captures, anyone needs the gradient of. Gradients
// of float operands and captures only. `sums`: as node.captures: what the loop
// adds the gradient of each to; empty: zero.
LoopGradients LoopPullback(const Node& node, const std::vector<Value>& gradients, const std::vector<bool>& wanted,
                           const std::vector<Value>& sums, const PullFn& pull, const Location& at);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_LOOP_H_
