// Stacks whose number of rows only a run knows.
#include <cctype>

#include "runtime/graph/scan_internal.h"

namespace oriel::graph {

std::optional<Dim> DimOf(const Value& value) {
  if (!value.ok() || value.node()->kind != NodeKind::kOp) return std::nullopt;
  const Node& node = *value.node();
  if (node.op == OpKind::kDimValue) return node.attrs.Get<Dims>("dim")->front();
  if (node.op == OpKind::kConstant && node.types[0].shape.empty()) {
    return Dim(node.attrs.Get<Tensor>("value")->ElementAsInt({}));
  }
  return std::nullopt;
}

Value FirstRows(const Value& stack, const Value& count, const Location& at) {
  if (auto poisoned = FirstPoisoned(std::vector<Value>{stack, count})) return *poisoned;
  // A dim of its own: no input binds it, so that it is no extent of anything
  // else. Not the node's id, which no cache could meet again.
  std::string name = stack.node()->name.empty() ? "loop" : stack.node()->name;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  const Dim rows = Dim::Symbol("steps_of_" + name + "_" + std::to_string(stack.result_index()));
  return MakeOp({.op = OpKind::kRows, .attrs = {{"dim", Dims{rows}}}, .operands = {stack, count}}, at);
}

Value RowOfFirst(const Node& first_rows, int64_t index, const Location& at) {
  const OriginScope origin(first_rows, "row of the steps made");
  const Value &stack = first_rows.operands[0], &count = first_rows.operands[1];
  const Operand n(count, at);
  Value row, inside;
  if (index < 0) {
    row = add(n, Operand(index, at));
    inside = greater_equal(Operand(row, at), Operand(0, at));
  } else {
    row = scalar(static_cast<double>(index), DType::i64, at);
    inside = less(Operand(row, at), n);
  }
  // Past the end of the stack there is no row to read: that is the error.
  const Value outside = dim_value(stack.shape()[0], at);
  return gather(Operand(stack, at), {select(Operand(inside, at), Operand(row, at), Operand(outside, at))}, 0, at);
}

Value WithImplied(const Value& value, const std::vector<ImpliedUpdate>& updates, const Location& at) {
  const Value same = MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", value.shape()}}, .operands = {value}, .derived = true}, at);
  if (!same.ok()) return same;
  auto node = std::make_shared<Node>(*same.node());
  node->implied.insert(node->implied.end(), updates.begin(), updates.end());
  return Value(std::move(node));
}

}  // namespace oriel::graph
