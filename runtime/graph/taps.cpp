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

// The operands of the comparison behind a condition: a == b, all_of(a == b).
std::vector<Value> ComparedBy(const Value& condition) {
  Value value = condition;
  while (value.node()->kind == NodeKind::kOp && value.node()->op == OpKind::kReduce &&
         *value.node()->attrs.Get<std::string>("kind") == "all") {
    value = value.node()->operands[0];
  }
  const Node& node = *value.node();
  if (node.kind != NodeKind::kOp || node.op != OpKind::kCompare) return {};
  return {WithoutFitting(node.operands[0]), WithoutFitting(node.operands[1])};
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
    const std::vector<Value> compared = ComparedBy(condition);
    counts.push_back(static_cast<int64_t>(compared.size()));
    shown.insert(shown.end(), compared.begin(), compared.end());
    operands.push_back(condition);
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
