// print, watch and assert_that: identities that are looked at.
#include "oriel/taps.h"

#include <algorithm>

#include "runtime/graph/builder.h"

namespace oriel {
namespace {

using graph::Node;
using graph::NodeKind;

constexpr std::string_view kAttributes[] = {"shape", "dtype", "value", "min",  "max",
                                            "mean",  "nan_count", "ndim", "size", "__str__"};

absl::Status CheckAttributes(const std::vector<std::string>& attrs) {
  for (const std::string& name : attrs) {
    if (std::find(std::begin(kAttributes), std::end(kAttributes), name) != std::end(kAttributes)) continue;
    std::string known;
    for (std::string_view each : kAttributes) known += (known.empty() ? "" : ", ") + std::string(each);
    return absl::InvalidArgumentError("print: unknown attribute '" + name + "', required one of " + known);
  }
  return absl::OkStatus();
}

Attrs TapAttrs(std::string kind, std::vector<int64_t> counts, std::string message, std::string lines) {
  return {{"kind", std::move(kind)},
          {"counts", std::move(counts)},
          {"message", std::move(message)},
          {"lines", std::move(lines)}};
}

// What the builder inserted to fit an operand: its text shows the operand.
Value WithoutFitting(Value value) {
  while (value.node()->kind == NodeKind::kOp && value.node()->derivation != nullptr &&
         (value.node()->op == OpKind::kCast || value.node()->op == OpKind::kBroadcast)) {
    value = value.node()->operands[0];
  }
  return value;
}

bool IsOp(const Value& value, OpKind op) { return value.node()->kind == NodeKind::kOp && value.node()->op == op; }

bool IsAll(const Value& value) {
  return IsOp(value, OpKind::kReduce) && *value.node()->attrs.Get<std::string>("kind") == "all";
}

// What must hold element by element: of all_of(c) each element of c, of a & b of
// one shape a and b, so that an error can say which element and which of both.
std::vector<Value> Elementary(const Value& condition) {
  std::vector<Value> parts, pending = {condition};
  while (!pending.empty()) {
    Value value = pending.back();
    pending.pop_back();
    while (IsAll(value)) value = value.node()->operands[0];
    const Node& node = *value.node();
    if (IsOp(value, OpKind::kLogicalAnd) && node.operands[0].shape() == node.operands[1].shape() &&
        node.operands[0].dtype() == DType::boolean && node.operands[1].dtype() == DType::boolean) {
      const Value left = WithoutFitting(node.operands[0]), right = WithoutFitting(node.operands[1]);
      // An operand that was broadcast has elements where the whole may have none.
      if (left.shape() == value.shape() && right.shape() == value.shape()) {
        pending.push_back(right);
        pending.push_back(left);
        continue;
      }
    }
    parts.push_back(std::move(value));
  }
  return parts;
}

// What a condition was computed from, to be shown: the operands of its
// comparisons, also of those below a not and on both sides of an or.
std::vector<Value> ComparedBy(const Value& condition) {
  constexpr size_t kMost = 8;
  std::vector<Value> shown, pending = {condition};
  const auto show = [&](const Value& value) {  // isnan(x) compares x with itself
    for (const Value& known : shown) {
      if (known.id() == value.id() && known.result_index() == value.result_index()) return;
    }
    shown.push_back(value);
  };
  while (!pending.empty() && shown.size() < kMost) {
    const Value value = WithoutFitting(pending.back());
    pending.pop_back();
    if (IsOp(value, OpKind::kLogicalAnd) || IsOp(value, OpKind::kLogicalOr) || IsOp(value, OpKind::kLogicalXor) ||
        IsOp(value, OpKind::kLogicalNot)) {
      const std::vector<Value>& operands = value.node()->operands;
      pending.insert(pending.end(), operands.rbegin(), operands.rend());
    } else if (IsOp(value, OpKind::kCompare)) {
      for (const Value& operand : value.node()->operands) show(WithoutFitting(operand));
    } else if (value.id() != condition.id()) {
      show(value);
    }
  }
  return shown;
}

}  // namespace

Value print(const Operand& x, PrintOptions options) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  if (absl::Status status = CheckAttributes(options.attrs); !status.ok()) return graph::Poison(status, x.location);
  std::string attributes;
  for (const std::string& name : options.attrs) attributes += (attributes.empty() ? "" : ",") + name;
  return graph::MakeOp({.op = OpKind::kTap,
                        .attrs = TapAttrs("print", {}, std::move(options.message), std::move(attributes)),
                        .operands = {value},
                        .tap = std::make_shared<const WatchCallback>()},
                       x.location);
}

Value assert_that(const Operand& x, std::string message, std::vector<Value> conditions) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  if (conditions.empty()) return graph::PoisonInvalid("assert_that: no conditions, required at least 1", x.location);
  std::vector<Value> operands = {value}, shown;
  std::vector<int64_t> counts;
  for (Value& condition : conditions) {
    if (!condition.ok()) return condition;
    if (condition.dtype() != DType::boolean) {
      condition = not_equal(Operand(condition, x.location), Operand(0, x.location));
      if (!condition.ok()) return condition;
    }
    for (Value& part : Elementary(condition)) {
      const std::vector<Value> compared = ComparedBy(part);
      counts.push_back(static_cast<int64_t>(compared.size()));
      shown.insert(shown.end(), compared.begin(), compared.end());
      operands.push_back(std::move(part));
    }
  }
  operands.insert(operands.end(), shown.begin(), shown.end());
  return graph::MakeOp({.op = OpKind::kTap,
                        .attrs = TapAttrs("assert", std::move(counts), std::move(message), ""),
                        .operands = std::move(operands),
                        .tap = std::make_shared<const WatchCallback>()},
                       x.location);
}

Value watch(const Operand& x, std::string name, WatchCallback callback) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  if (callback == nullptr) return graph::PoisonInvalid("watch: the callback is empty", x.location);
  return graph::MakeOp({.op = OpKind::kTap,
                        .attrs = TapAttrs("watch", {}, std::move(name), ""),
                        .operands = {value},
                        .tap = std::make_shared<const WatchCallback>(std::move(callback))},
                       x.location);
}

}  // namespace oriel
