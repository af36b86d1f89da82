// File: node_table.cpp
#include "oriel/node_table.h"

#include <set>

namespace oriel {
namespace {

// How a node is called in a chain: "n17 'h'" or, unnamed, "n17 add".
std::string Called(const NodeInfo& node) {
  std::string out = "n" + std::to_string(node.id);
  if (!node.name.empty()) {
    out += " '" + (node.scope.empty() ? "" : node.scope + "/") + node.name + "'";
  } else if (!node.op.empty()) {
    out += " " + node.op;
  }
  const std::string where = node.Where();
  if (!where.empty()) out += " at " + where;
  return out;
}

}  // namespace

std::string NodeInfo::Where() const {
  if (file.empty()) return "";
  const size_t slash = file.find_last_of('/');
  std::string base = slash == std::string::npos ? file : file.substr(slash + 1);
  if (line > 0) base += ":" + std::to_string(line);
  return base;
}

std::string NodeInfo::Label() const {
  if (!name.empty()) return name;
  return op + "#" + std::to_string(id);
}

NodeId NodeTable::Add(NodeInfo info) {
  info.id = static_cast<NodeId>(nodes_.size());
  nodes_.push_back(std::move(info));
  return nodes_.back().id;
}

const NodeInfo* NodeTable::Find(NodeId id) const {
  if (id < 0 || static_cast<size_t>(id) >= nodes_.size()) return nullptr;
  return &nodes_[static_cast<size_t>(id)];
}
NodeInfo* NodeTable::Find(NodeId id) {
  return const_cast<NodeInfo*>(static_cast<const NodeTable*>(this)->Find(id));
}

NodeId NodeTable::Resolve(NodeId id) const {
  // A chain without a cycle has at most size() links.
  for (size_t hops = 0; hops <= nodes_.size(); ++hops) {
    const NodeInfo* node = Find(id);
    if (node == nullptr || node->origin != Origin::kMerged || node->from.empty()) return id;
    if (Find(node->from[0]) == nullptr) return id;
    id = node->from[0];
  }
  return id;
}

std::vector<std::string> NodeTable::Chain(NodeId id) const {
  constexpr size_t kMaxLines = 32;
  std::vector<std::string> lines;
  const NodeInfo* first = Find(id);
  if (first == nullptr) return lines;
  lines.push_back(Called(*first));
  std::set<NodeId> seen = {id};
  // Depth first, in the order of `from`, each node once.
  std::vector<const NodeInfo*> stack = {first};
  while (!stack.empty() && lines.size() < kMaxLines) {
    const NodeInfo* node = stack.back();
    stack.pop_back();
    if (node->origin != Origin::kDerived && node->origin != Origin::kMerged) continue;
    const std::string how = node->origin == Origin::kMerged ? "merged into "
                            : node->rule.empty()            ? "derived from "
                                                            : node->rule + " of ";
    std::vector<const NodeInfo*> next;
    for (NodeId from : node->from) {
      const NodeInfo* source = Find(from);
      if (source == nullptr || !seen.insert(from).second) continue;
      if (lines.size() >= kMaxLines) break;
      lines.push_back(how + Called(*source));
      next.push_back(source);
    }
    stack.insert(stack.end(), next.rbegin(), next.rend());
  }
  return lines;
}

}  // namespace oriel
