// File: node_table.h
//
// NodeTable: what became of every node a user wrote. One is part of every
// program; profile rows, errors and memory reports name nodes through it.
#ifndef ORIEL_NODE_TABLE_H_
#define ORIEL_NODE_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace oriel {

using NodeId = int64_t;
inline constexpr NodeId kNoNode = -1;

// Where a node comes from, or where it went.
enum class Origin : uint8_t {
  kUser = 0,     // stated by the program
  kDerived = 1,  // made by `rule` from `from` (a decomposition, a gradient)
  kMerged = 2,   // equal to node from[0], which computes it
  kFolded = 3,   // known at compile time; no code computes it
  kDead = 4,     // nothing needs it
};

struct NodeInfo {
  NodeId id = kNoNode;
  std::string op;     // "add", "reduce"
  std::string name;   // the user's name, "" when unnamed; need not be unique
  std::string scope;  // name scope, "" at top
  std::string file;   // the caller's file as given by the compiler
  int32_t line = 0;   // 0: unknown
  Origin origin = Origin::kUser;
  std::vector<NodeId> from;  // for kDerived, kMerged
  std::string rule;          // for kDerived: the rule's name
  // The nodes of its operands, in order: error reports print the node with
  // them. May be empty (then reports use the step's buffers).
  std::vector<NodeId> operands;

  // "file.cpp:42" (the file's last component), "" when unknown.
  std::string Where() const;
  // The name when there is one, else "op#id".
  std::string Label() const;
};

// Ids index densely from 0. Thread-compatible.
class NodeTable {
 public:
  NodeId Add(NodeInfo info);  // sets info.id
  const NodeInfo* Find(NodeId id) const;  // nullptr when unknown
  NodeInfo* Find(NodeId id);
  size_t size() const { return nodes_.size(); }
  const std::vector<NodeInfo>& nodes() const { return nodes_; }

  // Follows kMerged links to the node that computes `id` (cycles end).
  NodeId Resolve(NodeId id) const;

  // The chain of "Created at" lines: the node itself, then what it was
  // derived from, each as "grad of n17 'h' at file.cpp:42".
  std::vector<std::string> Chain(NodeId id) const;

 private:
  std::vector<NodeInfo> nodes_;
};

}  // namespace oriel

#endif  // ORIEL_NODE_TABLE_H_
