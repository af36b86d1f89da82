// File: node.h
//
// Node: what a Value points at. Immutable once made, shared by all its users,
// so that an expression graph needs no owner and no locks.
#ifndef ORIEL_GRAPH_NODE_H_
#define ORIEL_GRAPH_NODE_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "oriel/taps.h"
#include "oriel/value.h"
#include "runtime/core/late_name.h"
#include "runtime/core/state_cell.h"
#include "runtime/ops/attrs.h"
#include "runtime/ops/infer.h"
#include "runtime/ops/op_table.h"

namespace oriel::graph {

enum class NodeKind : uint8_t {
  kPoison,    // status says why
  kInput,     // a function input; attrs: none, types[0] its type
  kArgument,  // an argument of a loop's region
  kOp,        // attrs, operands, regions as the op says
};

// A body of a loop (arguments: i, carried...) or branch (no arguments). Nodes
// made while its function ran have its id in Node::region.
struct Region {
  uint64_t id = 0;
  std::vector<Value> arguments;
  std::vector<Value> results;
};

// What a node that the library made stands for: `rule` of the nodes `from`.
// Plain data, not the nodes themselves: a gradient need not keep what it came
// from alive.
struct Derivation {
  struct From {
    NodeInfo info;  // id: of the process, not of a table
    std::shared_ptr<const Derivation> derivation;  // when it is derived itself
  };
  std::vector<From> from;
  std::string rule;
};

struct TestSlot;
struct PullbackOverride;  // pullback.h

// An update that a function which uses the node makes, unless it is given
// another of that state (random.h).
struct ImpliedUpdate {
  std::shared_ptr<StateCell> state;
  Value value;
};

// Who binds a dim symbol that only a run knows (FirstRows). Nodes that mention
// the symbol hold it, so that it is bound wherever they are used.
struct Binder {
  std::string symbol;
  Value rows;  // a rows op
};

struct Node {
  NodeKind kind = NodeKind::kPoison;
  OpKind op = OpKind::kConstant;  // of kOp
  Attrs attrs;
  std::vector<Value> operands;
  std::vector<TensorType> types;             // of the results
  std::vector<DimRequirement> requirements;  // what inference could not prove
  std::vector<Region> regions;
  std::vector<Value> captures;       // values from above that the regions use
  std::shared_ptr<StateCell> state;  // of state_read
  std::vector<ImpliedUpdate> implied;
  std::vector<std::shared_ptr<const Binder>> binders;  // of late dims that it mentions
  // Of a tap (empty but for a watch). A body made again for a gradient shares it:
  // of the taps in a function that share one, the first is looked at.
  std::shared_ptr<const WatchCallback> tap;
  // Its gradient as the user states it; null: the op's.
  std::shared_ptr<const PullbackOverride> pullback;

  // Copies under another name (Value::named) keep the id: they are one node.
  NodeId id = kNoNode;
  uint64_t region = 0;  // the innermost body it was made in, 0: none
  LateName name;        // may be given after the node was used (Value::set_name)
  std::string scope, file;
  int32_t line = 0;
  // Not null: made on behalf of other nodes, not stated by the program.
  std::shared_ptr<const Derivation> derivation;

  absl::Status status;  // not OK for kPoison

  std::shared_ptr<TestSlot> test;  // its test value (test_value.h); null: none

  Node() = default;
  Node(const Node&) = default;
  Node& operator=(const Node&) = delete;
  // Long chains must not nest destructor calls: the stack would overflow.
  ~Node();

  std::string Where() const;  // "file.cpp:42", "" when unknown
  std::string Label() const;  // the name, or "add#17"
};

// What reports show of a node; the id is that of the process.
NodeInfo InfoOf(const Node& node);

// Nodes made in this thread while it lives are derived: they stand for `rule`
// ("grad") of the nodes `from`, and carry the line and the name scope of the
// first of them whatever Location their builder is given. Empty or poisoned
// values in `from` are left out. With none left, and in the second form, nodes
// carry `at`. The innermost scope counts.
//
//   OriginScope origin({y}, "grad");
//   return g * cos(x);        // two nodes, each "grad of n17 'y' at net.cpp:42"
//
// A body that the user wrote must run outside of it: see OriginPause.
class OriginScope {
 public:
  OriginScope(absl::Span<const Value> from, std::string rule, const Location& at = Location::current());
  OriginScope(std::initializer_list<Value> from, std::string rule, const Location& at = Location::current());
  OriginScope(const Node& from, std::string rule);
  ~OriginScope();
  OriginScope(const OriginScope&) = delete;
  OriginScope& operator=(const OriginScope&) = delete;
};

// No OriginScope counts while it lives: for calls of the user's functions.
class OriginPause {
 public:
  OriginPause();
  ~OriginPause();
  OriginPause(const OriginPause&) = delete;
  OriginPause& operator=(const OriginPause&) = delete;
};

// Is one open in this thread, and not paused?
bool InOriginScope();

// The nodes that compute `roots` and belong to `region` (0: to no body), each
// once, in the order they were made. Where a node has copies of several names,
// the one that was named wins. Nodes made in bodies are reached through the
// captures of their loop or branch.
std::vector<const Node*> Reachable(absl::Span<const Value> roots, uint64_t region);

// "file.cpp" of "/a/b/file.cpp".
std::string BaseName(std::string_view path);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_NODE_H_
