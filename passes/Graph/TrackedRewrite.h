//===- TrackedRewrite.h - Rewriting that keeps the node table ---*- C++ -*-===//
//
// All rewriting of a graph with node ids runs under a TrackedRewriteListener,
// so that nothing a user wrote vanishes without the table saying where it went:
//
//   TrackedRewriteListener listener(module);
//   RewritePatternSet patterns(context);
//   patterns.add<MyPattern>(context, listener.nodes());
//   if (failed(applyTracked(module, std::move(patterns), listener)))
//     return signalPassFailure();
//   listener.finish();
//
// An op replaced by one with its own location keeps its node. Replaced by a
// value of another node it is merged into that. A new op that does the work of
// several nodes takes a location of nodes().derive(ids, rule, op).
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_GRAPH_TRACKEDREWRITE_H
#define PASSES_GRAPH_TRACKEDREWRITE_H

#include "dialect/Graph/NodeId.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Rewrite/FrozenRewritePatternSet.h"
#include "llvm/ADT/DenseMap.h"

namespace oriel {

class TrackedRewriteListener : public mlir::RewriterBase::Listener {
public:
  explicit TrackedRewriteListener(mlir::ModuleOp module)
      : module(module), builder(module) {}

  ir::NodeTableBuilder &nodes() { return builder; }

  using Listener::notifyOperationReplaced;
  void notifyOperationReplaced(mlir::Operation *op,
                               mlir::ValueRange replacement) override;

  // Decides for every node that no op stands for any more what became of it,
  // and writes the table. Call once, after all rewriting.
  void finish();

private:
  mlir::ModuleOp module;
  ir::NodeTableBuilder builder;
  // The node that computes what this one did.
  llvm::DenseMap<NodeId, NodeId> replacedBy;
};

// The greedy driver, set up so that it neither merges constants nor simplifies
// regions behind the listener's back (upstream gives what it merges or hoists
// an unknown location).
mlir::LogicalResult applyTracked(mlir::ModuleOp module,
                                 const mlir::FrozenRewritePatternSet &patterns,
                                 TrackedRewriteListener &listener,
                                 bool fold = true);

// Replaces ops by equal ones that dominate them. Ops with effects or regions
// stay. Returns whether any was replaced.
bool mergeEqualOps(mlir::ModuleOp module, TrackedRewriteListener &listener);

// Makes one loop of loops over the same operands whose bodies are equal up to
// what they collect; the first takes what the others collect. Before anything
// else is rewritten: bodies are compared op by op. Returns whether any was
// merged.
bool mergeEqualLoops(mlir::ModuleOp module, TrackedRewriteListener &listener);

} // namespace oriel

#endif // PASSES_GRAPH_TRACKEDREWRITE_H
