//===- NodeId.h - Which user node an op stands for --------------*- C++ -*-===//
//
// From `oriel-assign-nodes` on an op's location is its node id, in one of two
// plain forms:
//
//   loc("oriel-node":ID:0)    in the graph
//   loc("kernel":LINE:0)      in an outlined kernel; LINE = ordinal * 8 + role
//
// and the module attribute `oriel.nodes` is the node table.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECT_GRAPH_NODEID_H
#define DIALECT_GRAPH_NODEID_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Location.h"
#include "oriel/node_table.h"
#include "llvm/ADT/ArrayRef.h"
#include <optional>

namespace oriel::ir {

inline constexpr llvm::StringLiteral kNodeFile = "oriel-node";
inline constexpr llvm::StringLiteral kKernelFile = "kernel";

// The node of an op, a location or an argument of a function (by its
// `oriel.node`); kNoNode when it has none.
oriel::NodeId getNodeId(mlir::Operation *op);
oriel::NodeId getNodeId(mlir::Location loc);
oriel::NodeId getNodeId(mlir::Value value);
// An op with one result is convertible to both.
inline oriel::NodeId getNodeId(mlir::OpState op) { return getNodeId(op.getOperation()); }

mlir::Location getNodeLoc(mlir::MLIRContext *context, oriel::NodeId id);

// A line of an outlined kernel: ordinal * 8 + role (LineRole of kernel_abi.h).
mlir::Location getKernelLoc(mlir::MLIRContext *context, unsigned line);
// The line, nullopt when the location is not of that form.
std::optional<unsigned> getKernelLine(mlir::Location loc);

// The node table of a module's `oriel.nodes`, and back.
oriel::NodeTable getNodeTable(mlir::ModuleOp module);
// The rows of `oriel.origins`: nodes that others are derived from and that the
// graph does not have. In its rows and in locations -1-k names the k-th of them.
oriel::NodeTable getOrigins(mlir::ModuleOp module);
void setNodeTable(mlir::ModuleOp module, const oriel::NodeTable &table);

// Adds derived nodes while rewriting. write() puts the table into the module.
class NodeTableBuilder {
public:
  explicit NodeTableBuilder(mlir::ModuleOp module)
      : module(module), nodes(getNodeTable(module)) {}

  // The location of a new node `op` that `rule` made from the nodes `ids`.
  // Scope, file and line are those of the first id.
  mlir::Location derive(llvm::ArrayRef<oriel::NodeId> ids, llvm::StringRef rule,
                        llvm::StringRef op);
  oriel::NodeTable &table() { return nodes; }
  void write() { setNodeTable(module, nodes); }

private:
  mlir::ModuleOp module;
  oriel::NodeTable nodes;
};

/// "scope/name" of a location's name in two: "scope/" is an unnamed node in a
/// scope, "name" a node in none. A slash in parentheses is part of the name:
/// gradients are called "(dcost/dW)".
std::pair<llvm::StringRef, llvm::StringRef> splitScope(llvm::StringRef full);

} // namespace oriel::ir

#endif // DIALECT_GRAPH_NODEID_H
