//===- LoopPatterns.cpp - Canonical forms of loops ------------------------===//

#include "dialect/Graph/Match.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace oriel::ir;

namespace {

// The trip count when it is a constant.
std::optional<int64_t> getTripCount(LoopOp op) {
  auto trips = dyn_cast_or_null<IntegerAttr>(getSplat(op.getTrips()));
  if (!trips)
    return std::nullopt;
  return trips.getInt();
}

// A loop that never runs gives its initial values, and zeros for what it would
// have collected.
struct FoldIdleLoop : OpRewritePattern<LoopOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LoopOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<int64_t> trips = getTripCount(op);
    if (!trips || *trips > 0)
      return rewriter.notifyMatchFailure(op, "trips are not known to be zero");
    SmallVector<Value> results(op.getInitial());
    for (Value stack : op.getStacks()) {
      auto type = cast<RankedTensorType>(stack.getType());
      if (!type.hasStaticShape())
        return rewriter.notifyMatchFailure(op, "extents of what it collects "
                                               "are not known");
      results.push_back(ConstantOp::create(
          rewriter, op.getLoc(),
          DenseElementsAttr::get(type,
                                 rewriter.getZeroAttr(type.getElementType()))));
    }
    if (op.getUntil())
      results.push_back(ConstantOp::create(
          rewriter, op.getLoc(),
          DenseElementsAttr::get(cast<RankedTensorType>(op.getTrips().getType()),
                                 rewriter.getZeroAttr(rewriter.getI64Type()))));
    rewriter.replaceOp(op, results);
    return success();
  }
};

// What of a loop stays. Rows of sequences and results that nothing reads go,
// carried values that nothing but themselves needs, and those that each
// iteration passes on as they are.
struct DropUnused : OpRewritePattern<LoopOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LoopOp op,
                                PatternRewriter &rewriter) const override {
    unsigned carried = op.getNumCarried(), stacks = op.getStacks().size();
    llvm::BitVector keepRow(op.getNumSequences()), keepCarried(carried),
        keepStack(stacks);
    for (unsigned s = 0; s < keepRow.size(); ++s)
      keepRow[s] = !op.getElements()[s].use_empty();
    for (unsigned j = 0; j < stacks; ++j)
      keepStack[j] = !op.getStacks()[j].use_empty();
    // A carried value that each iteration passes on is its initial value.
    llvm::BitVector isInvariant(carried);
    for (unsigned k = 0; k < carried; ++k)
      isInvariant[k] = op.getYielded()[k] == op.getCarried()[k];
    findNeeded(op, keepStack, keepCarried);
    keepCarried &= isInvariant.flip();
    isInvariant.flip();
    if (keepRow.all() && keepCarried.all() && keepStack.all())
      return rewriter.notifyMatchFailure(op, "everything is used");

    SmallVector<Value> sequences, initial, yielded;
    SmallVector<Type> stackTypes;
    oriel::Dims starts;
    SmallVector<int64_t> steps;
    for (unsigned s : keepRow.set_bits()) {
      sequences.push_back(op.getSequences()[s]);
      starts.push_back(op.getStarts().getDim(s));
      steps.push_back(op.getSteps()[s]);
    }
    for (unsigned k : keepCarried.set_bits()) {
      initial.push_back(op.getInitial()[k]);
      yielded.push_back(op.getYielded()[k]);
    }
    for (unsigned j : keepStack.set_bits()) {
      stackTypes.push_back(op.getStacks()[j].getType());
      yielded.push_back(op.getCollected()[j]);
    }
    if (op.getUntil())
      yielded.push_back(op.getStop());
    auto loop = LoopOp::create(rewriter, op.getLoc(), op, sequences, starts,
                               steps, initial, stackTypes);
    loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    SmallVector<Value> arguments{loop.getInduction()};
    unsigned next = 0;
    for (unsigned s = 0; s < keepRow.size(); ++s)
      // Nothing uses a row that goes.
      arguments.push_back(keepRow[s] ? Value(loop.getElements()[next++])
                                     : Value());
    next = 0;
    for (unsigned k = 0; k < carried; ++k)
      arguments.push_back(keepCarried[k] ? Value(loop.getCarried()[next++])
                                         : op.getInitial()[k]);
    SmallVector<Value> results;
    next = 0;
    for (unsigned k = 0; k < carried; ++k)
      results.push_back(keepCarried[k] ? Value(loop.getFinals()[next++])
                                       : op.getInitial()[k]);
    next = 0;
    for (unsigned j = 0; j < stacks; ++j)
      // Nothing uses a stack that goes: any value of its type will do.
      results.push_back(keepStack[j] ? Value(loop.getStacks()[next++])
                                     : Value());
    if (op.getUntil())
      results.push_back(loop.getCount());
    YieldOp yield = op.getYield();
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
    rewriter.mergeBlocks(&op.getBody().front(), &loop.getBody().front(),
                         arguments);
    for (auto [old, value] : llvm::zip_equal(op.getResults(), results))
      if (value)
        rewriter.replaceAllUsesWith(old, value);
    rewriter.eraseOp(op);
    return success();
  }

  // The carried values that a used result, a kept stack or the stop needs, by
  // way of others too.
  static void findNeeded(LoopOp op, const llvm::BitVector &keepStack,
                         llvm::BitVector &needed) {
    SmallVector<Value> work;
    llvm::DenseSet<Value> seen;
    auto push = [&](Value value) {
      if (value && seen.insert(value).second)
        work.push_back(value);
    };
    auto need = [&](unsigned k) {
      if (needed[k])
        return;
      needed.set(k);
      push(op.getYielded()[k]);
    };
    for (unsigned k = 0; k < op.getNumCarried(); ++k)
      if (!op.getFinals()[k].use_empty())
        need(k);
    for (unsigned j : keepStack.set_bits())
      push(op.getCollected()[j]);
    push(op.getStop());
    // Effects in the body happen whether or not its results are used.
    op.getBody().walk([&](Operation *inner) {
      if (inner->getParentOp() == op && !isa<YieldOp>(inner) &&
          !isMemoryEffectFree(inner))
        llvm::for_each(inner->getOperands(), push);
    });
    Block *body = &op.getBody().front();
    unsigned first = 1 + op.getNumSequences();
    while (!work.empty()) {
      Value value = work.pop_back_val();
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        if (argument.getOwner() == body && argument.getArgNumber() >= first)
          need(argument.getArgNumber() - first);
        continue;
      }
      Operation *def = value.getDefiningOp();
      if (!op->isProperAncestor(def))
        continue;
      llvm::for_each(def->getOperands(), push);
      // And what its regions use.
      def->walk([&](Operation *inner) {
        llvm::for_each(inner->getOperands(), push);
      });
    }
  }
};

} // namespace

void LoopOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<FoldIdleLoop, DropUnused>(context);
}
