//===- TrackedRewrite.cpp - Rewriting that keeps the node table -----------===//

#include "passes/Graph/TrackedRewrite.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/Hashing.h"

using namespace mlir;
using namespace oriel;

void TrackedRewriteListener::notifyOperationReplaced(Operation *op,
                                                     ValueRange replacement) {
  NodeId from = ir::getNodeId(op);
  if (from == kNoNode || replacement.empty())
    return;
  NodeId to = ir::getNodeId(replacement.front());
  // Links to a node that comes back to this one would lose both.
  if (to == kNoNode || to == from)
    return;
  for (NodeId next = to; replacedBy.count(next);)
    if ((next = replacedBy.lookup(next)) == from)
      return;
  replacedBy[from] = to;
}

void TrackedRewriteListener::finish() {
  // What still stands for each node.
  llvm::DenseMap<NodeId, bool> onlyConstant;
  module.walk([&](Operation *op) {
    NodeId id = ir::getNodeId(op);
    // Who looks at a node does not stand for it.
    if (id == kNoNode || op->hasTrait<OpTrait::IsTerminator>() ||
        isa<ir::ObserveOp>(op))
      return;
    auto [entry, isNew] = onlyConstant.try_emplace(id, true);
    entry->second &= isa<ir::ConstantOp>(op);
  });
  module.walk([&](FunctionOpInterface function) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (auto id = function.getArgAttrOfType<IntegerAttr>(i, ir::kNodeAttr))
        onlyConstant[id.getInt()] = false;
  });

  NodeTable &table = builder.table();
  // A node derived from several stands for them all.
  llvm::DenseMap<NodeId, NodeId> absorbedBy;
  for (const NodeInfo &info : table.nodes())
    if (info.origin == Origin::kDerived && onlyConstant.count(info.id))
      for (NodeId id : info.from)
        absorbedBy.try_emplace(id, info.id);

  for (NodeId id = 0, n = table.size(); id < n; ++id) {
    NodeInfo &info = *table.Find(id);
    if (info.origin != Origin::kUser && info.origin != Origin::kDerived)
      continue;
    auto live = onlyConstant.find(id);
    if (live != onlyConstant.end()) {
      if (live->second && info.op != "constant")
        info.origin = Origin::kFolded;
      continue;
    }
    auto replaced = replacedBy.find(id);
    auto absorbed = absorbedBy.find(id);
    if (replaced != replacedBy.end()) {
      const NodeInfo *target = table.Find(replaced->second);
      auto constant = onlyConstant.find(replaced->second);
      bool isConstant = constant != onlyConstant.end() && constant->second;
      // Replaced by a constant that happened to be there already.
      if (target && isConstant && info.op != "constant") {
        info.origin = Origin::kFolded;
        continue;
      }
      info.origin = Origin::kMerged;
      info.from = {replaced->second};
    } else if (absorbed != absorbedBy.end()) {
      info.origin = Origin::kMerged;
      info.from = {absorbed->second};
    } else {
      info.origin = Origin::kDead;
    }
  }
  builder.write();
}

LogicalResult oriel::applyTracked(ModuleOp module,
                                  const FrozenRewritePatternSet &patterns,
                                  TrackedRewriteListener &listener, bool fold) {
  GreedyRewriteConfig config;
  config.setListener(&listener)
      .setUseTopDownTraversal()
      .enableFolding(fold)
      .enableConstantCSE(false)
      .setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  return applyPatternsGreedily(module, patterns, config);
}

//===----------------------------------------------------------------------===//
// Equal ops
//===----------------------------------------------------------------------===//

namespace {
// Replaces equal ops block by block; an op of an enclosing block is found from
// a nested one.
class EqualOps {
public:
  explicit EqualOps(RewriterBase &rewriter) : rewriter(rewriter) {}

  void visit(Block &block) {
    SmallVector<size_t> added;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (op.getNumRegions() > 0) {
        visitRegions(&op);
        continue;
      }
      if (op.getNumResults() == 0 || !isMemoryEffectFree(&op))
        continue;
      size_t hash = hashOf(&op);
      Operation *equal = find(hash, &op);
      if (equal) {
        rewriter.replaceOp(&op, equal->getResults());
        changed = true;
        continue;
      }
      known[hash].push_back(&op);
      added.push_back(hash);
    }
    for (size_t hash : added)
      known[hash].pop_back();
  }

  bool changed = false;

private:
  void visitRegions(Operation *op) {
    llvm::DenseMap<size_t, SmallVector<Operation *, 1>> outer;
    bool isIsolated = op->hasTrait<OpTrait::IsIsolatedFromAbove>();
    if (isIsolated)
      std::swap(outer, known);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        visit(block);
    if (isIsolated)
      std::swap(outer, known);
  }

  // Independent of the operands' order, for ops that are.
  static size_t hashOf(Operation *op) {
    size_t hash = OperationEquivalence::computeHash(
        op, OperationEquivalence::ignoreHashValue,
        OperationEquivalence::ignoreHashValue,
        OperationEquivalence::IgnoreLocations);
    for (Value operand : op->getOperands())
      hash += size_t(llvm::hash_value(operand.getAsOpaquePointer()));
    return hash;
  }

  static bool haveEqualOperands(Operation *a, Operation *b) {
    if (a->getOperands() == b->getOperands())
      return true;
    return a->hasTrait<OpTrait::IsCommutative>() && a->getNumOperands() == 2 &&
           a->getOperand(0) == b->getOperand(1) &&
           a->getOperand(1) == b->getOperand(0);
  }

  Operation *find(size_t hash, Operation *op) {
    for (Operation *other : known.lookup(hash))
      if (haveEqualOperands(other, op) &&
          OperationEquivalence::isEquivalentTo(
              other, op, OperationEquivalence::ignoreValueEquivalence,
              /*markEquivalent=*/nullptr,
              OperationEquivalence::IgnoreLocations))
        return other;
    return nullptr;
  }

  RewriterBase &rewriter;
  llvm::DenseMap<size_t, SmallVector<Operation *, 1>> known;
};
} // namespace

bool oriel::mergeEqualOps(ModuleOp module, TrackedRewriteListener &listener) {
  IRRewriter rewriter(module.getContext(), &listener);
  EqualOps equal(rewriter);
  for (auto function : module.getOps<FunctionOpInterface>())
    for (Block &block : function.getFunctionBody())
      equal.visit(block);
  return equal.changed;
}
