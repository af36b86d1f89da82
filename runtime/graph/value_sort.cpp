// Sorts of value.h, and gathers along one axis.
#include <optional>
#include <string>
#include <utility>

#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

Value Ordered(OpKind op, const Operand& x, std::optional<int> axis) {
  Value value = graph::Strong(x);
  if (!value.ok()) return value;
  if (!axis) value = reshape(Operand(value, x.location), {NumElements(value.shape())});
  absl::StatusOr<int64_t> normal = graph::NormalizeAxis(axis.value_or(0), value.rank(), GetOpInfo(op).mnemonic);
  if (!normal.ok()) return graph::Poison(normal.status(), x.location);
  return graph::MakeOp({.op = op, .attrs = {{"axis", *normal}}, .operands = {value}}, x.location);
}

}  // namespace

Value sort(const Operand& x, std::optional<int> axis) { return Ordered(OpKind::kSort, x, axis); }
Value argsort(const Operand& x, std::optional<int> axis) { return Ordered(OpKind::kArgSort, x, axis); }

Value take_along_axis(const Operand& x, const Operand& indices, int axis) {
  const Location& at = x.location;
  const Value value = graph::Strong(x), index = graph::Strong(indices);
  if (!value.ok()) return value;
  if (!index.ok()) return index;
  if (index.rank() != value.rank()) {
    return graph::PoisonInvalid("take_along_axis: the indices have " + std::to_string(index.rank()) +
                                    " axes, the operand " + std::to_string(value.rank()),
                                at);
  }
  absl::StatusOr<int64_t> normal = graph::NormalizeAxis(axis, value.rank(), "take_along_axis");
  if (!normal.ok()) return graph::Poison(normal.status(), at);
  // Both broadcast to each other on the other axes, as in NumPy.
  const size_t along = static_cast<size_t>(*normal);
  Dims of_value = value.shape(), of_index = index.shape();
  of_value[along] = of_index[along] = Dim(1);
  absl::StatusOr<Dims> others = graph::BroadcastShapes(of_value, of_index);
  if (!others.ok()) return graph::Poison(Prefixed(others.status(), "take_along_axis"), at);
  of_value = of_index = *others;
  of_value[along] = value.shape()[along];
  of_index[along] = index.shape()[along];
  std::vector<Value> positions = graph::PositionsAlong(broadcast_to(Operand(index, at), of_index), along, at);
  return gather(broadcast_to(Operand(value, at), of_value), std::move(positions), 0, at);
}

namespace graph {

std::vector<Value> PositionsAlong(const Value& index, size_t axis, const Location& at) {
  std::vector<Value> positions;
  for (size_t k = 0; k < index.shape().size(); ++k) {
    positions.push_back(k == axis ? index : iota(index.shape(), static_cast<int>(k), DType::i64, at));
  }
  return positions;
}

}  // namespace graph
}  // namespace oriel
