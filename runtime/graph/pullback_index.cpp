// Pullbacks of gathers and scatters.
#include "runtime/graph/pullback.h"

namespace oriel::graph::pullback {
namespace {

int AxisOf(const Pullback& p) { return static_cast<int>(*p.attrs().Get<int64_t>("axis")); }
std::vector<Value> IndicesFrom(const Pullback& p, size_t first) {
  return {p.node().operands.begin() + static_cast<std::ptrdiff_t>(first), p.node().operands.end()};
}

bool IsUniform(const Value& value) {
  const Node& node = *value.node();
  return value.rank() == 0 || (node.kind == NodeKind::kOp && node.op == OpKind::kBroadcast && node.operands[0].rank() == 0);
}

// start + step * arange(n), where step is 1 or -1 as far as one can see.
bool IsProgression(Value index) {
  while (index.rank() == 1 && index.node()->kind == NodeKind::kOp) {
    const Node& node = *index.node();
    if (node.op == OpKind::kIota) return true;
    if (node.op == OpKind::kNeg) {
      index = node.operands[0];
    } else if ((node.op == OpKind::kAdd || node.op == OpKind::kSub) && IsUniform(node.operands[1])) {
      index = node.operands[0];
    } else if ((node.op == OpKind::kAdd || node.op == OpKind::kSub) && IsUniform(node.operands[0])) {
      index = node.operands[1];
    } else {
      return false;
    }
  }
  return false;
}

// Can no two entries of the index be equal? An arange is such; so are index
// tensors with an arange among them.
bool AreDistinct(const std::vector<Value>& indices) {
  for (const Value& index : indices) {
    if (index.rank() == 0 || IsProgression(index)) return true;
  }
  return false;
}

// [indexed axes..., trailing axes...] of the updates: true where this update is
// the last that went to its place.
Value IsLast(const Pullback& p, const std::vector<Value>& indices, int axis) {
  const Dims &shape = p.x(0).shape(), &picked = indices[0].shape();
  const auto first = shape.begin() + axis;
  const Dims places(first, first + static_cast<std::ptrdiff_t>(indices.size()));
  const Value order = reshape(arange(NumElements(picked)), picked);
  const Value winners = scatter_set(Filled(0, DType::i64, places), indices, order);
  Value last = equal(gather(winners, indices), order);
  for (int after = axis + static_cast<int>(indices.size()); after < p.x(0).rank(); ++after)
    last = expand_dims(last, -1);
  return last;
}

}  // namespace

void Gather(Pullback& p) {
  const Pullback::SumSoFar sum = p.Sum(0);
  if (sum.in_place) p.GiveTotal(0, scatter_add(sum.value, IndicesFrom(p, 1), p.g(), AxisOf(p)));
  else p.Give(0, scatter_add(ZerosLike(p.x()), IndicesFrom(p, 1), p.g(), AxisOf(p)));
  p.Mask();
}

// An added update passes its gradient on and to the update; a written one
// leaves none to what it replaced, and of equal indices only the last counts.
void Scatter(Pullback& p) {
  const std::vector<Value> indices = IndicesFrom(p, 2);
  const int axis = AxisOf(p);
  if (*p.attrs().Get<std::string>("kind") == "add") {
    p.Give(0, p.g());
    if (p.Wants(1)) p.Give(1, gather(p.g(), indices, axis));
    return;
  }
  p.Mask();
  if (p.Wants(0)) p.Give(0, scatter_set(p.g(), indices, ZerosLike(p.x(1)), axis));
  if (!p.Wants(1)) return;
  const Value updates = gather(p.g(), indices, axis);
  p.Give(1, AreDistinct(indices) ? updates : select(IsLast(p, indices, axis), updates, 0.0));
}

}  // namespace oriel::graph::pullback
