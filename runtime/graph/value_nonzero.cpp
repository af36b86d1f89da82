// Values whose size a run finds: the first rows of an array, and what is not 0.
#include "oriel/compose.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/scan_internal.h"

namespace oriel {

Value first_rows(const Operand& x, const Operand& count, const std::string& name) {
  const Location& at = x.location;
  const Value array = graph::Strong(x);
  if (!array.ok()) return array;
  Value rows = graph::Strong(count);
  if (!rows.ok()) return rows;
  if (!IsInteger(rows.dtype()) || rows.rank() != 0) {
    return graph::PoisonInvalid("first_rows: the count must be a scalar integer, got " +
                                    ToString(TensorType{rows.dtype(), rows.shape()}),
                                at);
  }
  return graph::FirstRows(array, graph::CastTo(rows, DType::i64, at), graph::LateDim(name.empty() ? "rows" : name), at);
}

std::vector<Value> nonzero(const Operand& x) {
  const Location& at = x.location;
  Value mask = graph::Strong(x);
  if (!mask.ok()) return {mask};
  if (mask.rank() == 0) return {graph::PoisonInvalid("nonzero: takes at least 1 axis", at)};
  if (!IsBool(mask.dtype())) mask = not_equal(Operand(mask, at), Operand(0, at));
  const Dims shape = mask.shape();
  const Value flat = reshape(Operand(mask, at), {NumElements(shape)});
  // What is true comes first, in its order: the sort is stable.
  const Value order = argsort(Operand(logical_not(Operand(flat, at)), at), 0);
  const Value count = sum(Operand(cast(Operand(flat, at), DType::i64), at));
  const Value positions = first_rows(Operand(order, at), Operand(count, at), "nonzero");
  std::vector<Value> of_axis;
  Dim below(1);  // elements of the axes after this one
  for (size_t axis = shape.size(); axis-- > 0;) {
    Value position = positions;
    if (below != Dim(1)) position = floor_div(Operand(position, at), Operand(dim_value(below, at), at));
    if (axis > 0) position = mod(Operand(position, at), Operand(dim_value(shape[axis], at), at));
    of_axis.insert(of_axis.begin(), position);
    below = below * shape[axis];
  }
  return of_axis;
}

}  // namespace oriel
