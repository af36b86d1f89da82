// File: pullback.h
//
// Pullback: the gradients of one node's operands from those of its results, in
// the same expression language as everything else. One function an op, in the
// file of its family (pullback_<family>.cpp); the table is in
// pullback_table.cpp. Internal.
//
//   void Tanh(Pullback& p) { p.Give(0, p.g() * (1.0 - p.y() * p.y())); }
//
// What a pullback makes is derived from its node (OriginScope), so that it
// carries the user's line whatever operators it is written with.
#ifndef ORIEL_GRAPH_PULLBACK_H_
#define ORIEL_GRAPH_PULLBACK_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/graph/builder.h"
#include "runtime/graph/loop.h"

namespace oriel::graph {

// Gradients are an empty Value where there is none: a structural zero.
inline bool IsGiven(const Value& gradient) { return gradient.node() != nullptr; }

class Pullback {
 public:
  // `node` is held by the caller. `gradients`: one a result; `wanted`: one an
  // operand, then one a capture.
  Pullback(std::shared_ptr<const Node> node, std::vector<Value> gradients, std::vector<bool> wanted, bool masked,
           const PullFn& pull)
      : node_(std::move(node)),
        gradients_(std::move(gradients)),
        wanted_(std::move(wanted)),
        masked_(masked),
        pull_(pull),
        given_(node_->operands.size() + node_->captures.size()) {}

  const Node& node() const { return *node_; }
  const Attrs& attrs() const { return node_->attrs; }
  Location at() const { return Location(node_->file.c_str(), static_cast<uint32_t>(node_->line)); }

  const Value& x(size_t operand = 0) const { return node_->operands[operand]; }
  Value y(int result = 0) const { return Value(node_, result); }
  // The gradient of the result; given whenever a pullback of a one-result op
  // runs.
  const Value& g(size_t result = 0) const { return gradients_[result]; }
  const std::vector<Value>& gradients() const { return gradients_; }
  const std::vector<bool>& wanted() const { return wanted_; }
  const PullFn& pull() const { return pull_; }

  // Does anyone need the gradient of this operand, or capture?
  bool Wants(size_t operand) const { return wanted_[operand]; }
  bool WantsCapture(size_t capture) const { return wanted_[node_->operands.size() + capture]; }

  // Adds to the gradient of an operand. Its element type and shape must be the
  // operand's, but for dims that are equal by requirement only.
  void Give(size_t operand, const Value& gradient);
  void GiveCapture(size_t capture, const Value& gradient);
  const std::vector<Value>& given() const { return given_; }

  // What has been added up so far of the gradient of an operand (captures come
  // after operands), in the shape of the operand; empty: nothing, or the sum is
  // another slot's to replace. `in_place`: it is carried by a loop, and an
  // addition to some elements should touch those alone.
  struct SumSoFar {
    Value value = {};
    bool in_place = false;
  };
  SumSoFar Sum(size_t slot) const { return sum_ ? sum_(slot) : SumSoFar(); }
  // Instead of Give where there is a sum: the sum with the gradient added.
  void GiveTotal(size_t slot, const Value& total) { totals_.emplace_back(slot, total); }
  const std::vector<std::pair<size_t, Value>>& totals() const { return totals_; }
  void set_sum(std::function<SumSoFar(size_t slot)> sum) { sum_ = std::move(sum); }

  // For rules of several nodes: adds to the gradient of a value further up, past
  // `between`, which must not be asked for itself: GoesPast(between) says so.
  bool GoesPast(const Value& between) const { return goes_past_ && goes_past_(between); }
  void GivePast(const Value& to, const Value& gradient) { past_.emplace_back(to, gradient); }
  const std::vector<std::pair<Value, Value>>& past() const { return past_; }
  void set_goes_past(std::function<bool(const Value&)> goes_past) { goes_past_ = std::move(goes_past); }

  // May elements of the gradient be zero because the forward value was not used
  // (the branch of a select that was not taken, what an index left out)? Then
  // 0 * inf and 0 / 0 must stay out of what is given.
  bool masked() const { return masked_; }
  // Says that what was given has such zeros.
  void Mask() { masks_ = true; }
  bool masks() const { return masked_ || masks_; }

 private:
  void Add(size_t slot, const Value& to, const Value& gradient);

  std::shared_ptr<const Node> node_;
  std::vector<Value> gradients_;
  std::vector<bool> wanted_;
  bool masked_, masks_ = false;
  const PullFn& pull_;
  std::vector<Value> given_;  // operands, then captures
  std::function<bool(const Value&)> goes_past_;
  std::vector<std::pair<Value, Value>> past_;
  std::function<SumSoFar(size_t slot)> sum_;
  std::vector<std::pair<size_t, Value>> totals_;
};

// What an op's gradient is.
struct PullbackRule {
  // Gradients flow back through it.
  void (*pull)(Pullback&) = nullptr;
  // Else: is the result a float with derivative zero almost everywhere (floor)?
  // Then what it depends on is connected and its gradient is zero.
  bool is_zero = false;
  // Else: why no gradient can flow ("its result is an index").
  const char* reason = nullptr;
};
const PullbackRule& PullbackOf(OpKind op);

// Gradients of an identity stated by the user (stop_gradient, grad_clip): they
// go to `inputs` as `pull` says, and nowhere else.
struct PullbackOverride {
  std::string name;  // "stop_gradient"
  std::vector<Value> inputs;
  // The gradient of each of `inputs`; empty: none. May be null: none for all.
  std::function<std::vector<Value>(const std::vector<Value>& inputs, const Value& gradient)> pull;
  bool is_zero = false;  // connected, with gradient zero
};

// A node that was just made, and that nobody else has, without a gradient: what
// is computed from it does not depend on its value, as a softmax does not on the
// maximum it subtracts.
Value WithoutGradient(const Value& fresh);
// The same of a copy of the node.
std::shared_ptr<const PullbackOverride> WithInputs(const PullbackOverride& stated, std::vector<Value> inputs);

// ---- what pullbacks are written with ----

// Zero, or one, of a value's type.
Value ZerosLike(const Value& value);
Value OnesLike(const Value& value);
Value Filled(double value, DType dtype, const Dims& shape);
// The one value of all elements, when it is known.
std::optional<double> UniformValue(const Value& value);
// a * b without the product where a factor is one.
Value Times(const Value& a, const Value& b);
// x with `axes` (of the result, increasing) of extent 1 added.
Value WithAxes(const Value& x, absl::Span<const int64_t> axes);
// x repeated to `shape` (same rank, extents 1 or equal).
Value Spread(const Value& x, const Dims& shape);
// The sum over some axes; x itself for none.
Value SumOver(const Value& x, const std::vector<int64_t>& axes, bool keepdims);
// The gradient of a broadcast's operand.
Value SumOfCopies(const Node& broadcast, const Value& gradient);
// The same elements under another shape; x itself where it has it.
Value InShape(const Value& x, const Dims& shape);
// `otherwise` where the gradient is zero and `singular` holds, else `value`:
// for masked gradients.
Value Guarded(const Value& gradient, const Value& singular, const Value& value, double otherwise);

// The families.
#define ORIEL_PULLBACK(name) void name(Pullback& p)
namespace pullback {
ORIEL_PULLBACK(Neg);
ORIEL_PULLBACK(Abs);
ORIEL_PULLBACK(Exp);
ORIEL_PULLBACK(Expm1);
ORIEL_PULLBACK(Log);
ORIEL_PULLBACK(Log1p);
ORIEL_PULLBACK(Sqrt);
ORIEL_PULLBACK(Rsqrt);
ORIEL_PULLBACK(Tanh);
ORIEL_PULLBACK(Sigmoid);
ORIEL_PULLBACK(Erf);
ORIEL_PULLBACK(Sin);
ORIEL_PULLBACK(Cos);
ORIEL_PULLBACK(Add);
ORIEL_PULLBACK(Sub);
ORIEL_PULLBACK(Mul);
ORIEL_PULLBACK(Div);
ORIEL_PULLBACK(Mod);
ORIEL_PULLBACK(Maximum);
ORIEL_PULLBACK(Minimum);
ORIEL_PULLBACK(Pow);
ORIEL_PULLBACK(Select);
ORIEL_PULLBACK(Cast);
ORIEL_PULLBACK(Tap);
ORIEL_PULLBACK(Broadcast);
ORIEL_PULLBACK(Rows);
ORIEL_PULLBACK(Reshape);
ORIEL_PULLBACK(Transpose);
ORIEL_PULLBACK(Slice);
ORIEL_PULLBACK(DynamicSlice);
ORIEL_PULLBACK(Concatenate);
ORIEL_PULLBACK(Reduce);
ORIEL_PULLBACK(Sort);
ORIEL_PULLBACK(MatMul);
ORIEL_PULLBACK(Gather);
ORIEL_PULLBACK(Scatter);
ORIEL_PULLBACK(Loop);
ORIEL_PULLBACK(Branch);
}  // namespace pullback
#undef ORIEL_PULLBACK

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_PULLBACK_H_
