// Pictures of expressions.
#include <map>

#include "oriel/printing.h"
#include "runtime/core/dot_text.h"
#include "runtime/graph/node.h"
#include "runtime/graph/node_text.h"

namespace oriel {
namespace graph {
namespace {

class Boxes {
 public:
  explicit Boxes(const DotOptions& options) : options_(options) {}

  // The nodes that `roots` need of a body; bodies of loops and branches are
  // frames of their own.
  void Add(const std::vector<Value>& roots, uint64_t region, int cluster, int depth) {
    for (const Node* node : Reachable(roots, region)) AddNode(*node, cluster, depth);
  }

  DotGraph graph;
  std::map<NodeId, int> box;

 private:
  void AddNode(const Node& node, int cluster, int depth) {
    if (box.count(node.id) != 0) return;
    std::vector<int> inner_results;
    if (depth < 30) {
      for (const Region& region : node.regions) {
        const int frame = static_cast<int>(graph.clusters.size());
        const bool is_branch = node.op == OpKind::kBranch;
        graph.clusters.push_back({node.Label() + (is_branch ? (&region == &node.regions[0] ? " then" : " else") : " body"), -1, cluster});
        for (const Value& argument : region.arguments) AddNode(*argument.node(), frame, depth + 1);
        Add(region.results, region.id, frame, depth + 1);
        for (const Value& result : region.results) {
          if (const auto it = box.find(result.id()); it != box.end() && result.node()->region == region.id) inner_results.push_back(it->second);
        }
      }
    }
    DotBox b;
    b.cluster = cluster;
    b.leaf = node.kind != NodeKind::kOp || node.op == OpKind::kConstant || node.op == OpKind::kStateRead || node.op == OpKind::kIota ||
             node.op == OpKind::kDimValue;
    b.kind = node.kind == NodeKind::kOp ? GetOpInfo(node.op).mnemonic : "input";
    b.place = node.Where();
    b.name = node.name;
    b.label = OpText(node);
    if (node.kind == NodeKind::kOp && node.op != OpKind::kStateRead && !node.name.empty()) b.label += " '" + node.name + "'";
    if (options_.types && !node.types.empty()) b.label += "\n" + ToString(node.types[0]);
    if (!b.leaf && !b.place.empty()) b.label += "\n" + b.place;
    const auto use = [&](const std::vector<Value>& values) {
      for (const Value& value : values) {
        if (const auto it = box.find(value.id()); it != box.end()) b.from.push_back(it->second);
      }
    };
    use(node.operands);
    b.from.insert(b.from.end(), inner_results.begin(), inner_results.end());
    box[node.id] = static_cast<int>(graph.boxes.size());
    graph.boxes.push_back(std::move(b));
  }

  const DotOptions& options_;
};

}  // namespace
}  // namespace graph

std::string Dot(const std::vector<Value>& values, const DotOptions& options) {
  graph::Boxes boxes(options);
  std::vector<Value> roots;
  for (const Value& value : values) {
    if (value.ok()) {
      roots.push_back(value);
      continue;
    }
    DotBox error;
    error.label = "error\n" + std::string(value.status().message());
    error.kind = "error";
    error.result = true;
    boxes.graph.boxes.push_back(std::move(error));
  }
  for (const Value& root : roots) boxes.Add({root}, root.node()->region, -1, 0);
  for (const Value& root : roots) {
    DotBox& box = boxes.graph.boxes[static_cast<size_t>(boxes.box.at(root.id()))];
    box.result = true;
  }
  boxes.graph.title = values.size() == 1 && !values[0].name().empty() ? values[0].name() : "expression";
  return DotText(boxes.graph, options.max_boxes);
}

}  // namespace oriel
