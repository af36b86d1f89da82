// DTypeReport: where wider floats entered an expression.
#include "oriel/printing.h"

#include <map>

#include "runtime/graph/node.h"
#include "runtime/graph/node_text.h"

namespace oriel {
namespace {

using graph::Node;
using graph::NodeKind;

bool Wider(DType dtype, DType than) { return IsFloat(dtype) && SizeOf(dtype) > SizeOf(than); }

std::string Named(const Value& value) {
  const std::string& name = value.name();
  return (name.empty() ? graph::OpText(*value.node()) : "'" + name + "'") + " " + ToString(TensorType{value.dtype(), value.shape()});
}

// Why a node is wider than what it is made of; "" when it is not where that
// began.
std::string Reason(const Node& node, DType expected) {
  switch (node.kind) {
    case NodeKind::kInput:
      return "an input of that dtype";
    case NodeKind::kOp:
      break;
    default:
      return "";
  }
  if (node.op == OpKind::kStateRead) return "a state of that dtype";
  if (node.op == OpKind::kConstant) return "a constant of that dtype";
  std::string from;
  for (const Value& operand : node.operands) {
    if (Wider(operand.dtype(), expected)) return "";  // it was so before
    from += (from.empty() ? "" : ", ") + Named(operand);
  }
  for (const graph::Region& region : node.regions) {
    for (const Value& result : region.results) {
      if (Wider(result.dtype(), expected)) return "";  // told in the body
    }
  }
  return from.empty() ? "stated so" : "from " + from;
}

}  // namespace

std::string DTypeReport(const std::vector<Value>& values, DType expected) {
  std::map<NodeId, const Node*> nodes;
  std::vector<std::pair<std::vector<Value>, uint64_t>> bodies;
  for (const Value& value : values) {
    if (value.ok()) bodies.push_back({{value}, value.node()->region});
  }
  for (size_t i = 0; i < bodies.size(); ++i) {
    const auto [roots, region] = bodies[i];
    for (const Node* node : graph::Reachable(roots, region)) {
      if (!nodes.emplace(node->id, node).second) continue;
      for (const graph::Region& inner : node->regions) bodies.emplace_back(inner.results, inner.id);
    }
  }
  std::string text;
  int wide = 0, entries = 0;
  for (const auto& [id, node] : nodes) {
    bool is_wide = false;
    for (const TensorType& type : node->types) is_wide = is_wide || Wider(type.dtype, expected);
    if (!is_wide) continue;
    ++wide;
    // A cast that a builder put in is told by the op it was put in for: what
    // matters is its line, which is that op's.
    const std::string reason = Reason(*node, expected);
    if (reason.empty()) continue;
    ++entries;
    const std::string where = node->Where();
    text += "  " + (where.empty() ? "(unknown line)" : where) + ": " + graph::OpText(*node) +
            (node->kind == NodeKind::kOp && node->op != OpKind::kStateRead && !node->name.empty() ? " '" + node->name + "'" : "") + " is " +
            ToString(node->types[0]) + ", " + reason;
    if (node->derivation != nullptr) text += " (" + node->derivation->rule + ")";
    text += "\n";
  }
  const std::string limit(NumpyName(expected));
  if (wide == 0) return "no float type is wider than " + limit + "\n";
  return std::to_string(wide) + " of " + std::to_string(nodes.size()) + " nodes are wider than " + limit + "; it entered at " +
         std::to_string(entries) + (entries == 1 ? " place:\n" : " places:\n") + text;
}

}  // namespace oriel
