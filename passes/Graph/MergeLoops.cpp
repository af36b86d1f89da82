//===- MergeLoops.cpp - Loops with equal bodies are one loop --------------===//
//
// A gradient states the loop it goes back through again, with the carried
// values of every iteration collected. That loop does all the first one does,
// so that the two become one loop with the results of both.
//
//===----------------------------------------------------------------------===//

#include "dialect/Graph/OrielOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/Graph/TrackedRewrite.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace oriel;

namespace {

// What of one loop is what of the other, values by value.
class Correspondence {
public:
  // Are the blocks equal up to their terminators, given the values so far?
  bool match(Block &a, Block &b) {
    // Who looks at the first loop's values goes on doing so: a gradient's copy
    // has no taps.
    auto isNoObserver = [](Operation &op) { return !isa<ir::ObserveOp>(op); };
    auto mine = llvm::make_filter_range(a.without_terminator(), isNoObserver);
    auto theirs = b.without_terminator();
    if (a.getNumArguments() != b.getNumArguments() ||
        std::distance(mine.begin(), mine.end()) !=
            std::distance(theirs.begin(), theirs.end()))
      return false;
    for (auto [x, y] : llvm::zip_equal(a.getArguments(), b.getArguments())) {
      if (x.getType() != y.getType())
        return false;
      first[y] = x;
    }
    for (auto [x, y] : llvm::zip(mine, theirs))
      if (!match(&x, &y))
        return false;
    return true;
  }

  // The first loop's value for one of the second.
  Value map(Value value) const {
    auto it = first.find(value);
    return it == first.end() ? value : it->second;
  }

  // Ops of the first loop and those of the second that do the same.
  SmallVector<std::pair<Operation *, Operation *>> ops;

private:
  bool match(Operation *a, Operation *b) {
    if (a->getName() != b->getName() ||
        a->getAttrDictionary() != b->getAttrDictionary() ||
        a->getResultTypes() != b->getResultTypes() ||
        a->getNumOperands() != b->getNumOperands() ||
        a->getNumRegions() != b->getNumRegions())
      return false;
    for (auto [x, y] : llvm::zip_equal(a->getOperands(), b->getOperands()))
      if (x != map(y))
        return false;
    for (auto [x, y] : llvm::zip_equal(a->getRegions(), b->getRegions())) {
      if (!x.hasOneBlock() || !y.hasOneBlock() || !match(x.front(), y.front()))
        return false;
      for (auto [u, v] :
           llvm::zip(x.front().getTerminator()->getOperands(),
                     y.front().getTerminator()->getOperands()))
        if (u != map(v))
          return false;
    }
    for (auto [x, y] : llvm::zip_equal(a->getResults(), b->getResults()))
      first[y] = x;
    ops.push_back({a, b});
    return true;
  }

  llvm::DenseMap<Value, Value> first;
};

// A loop that is not bounded runs as often as one bounded by what its trip
// count is.
bool haveEqualTrips(ir::LoopOp a, ir::LoopOp b) {
  if (a.getExtent() == b.getExtent())
    return true;
  if (a.getExtent().size() > 0)
    std::swap(a, b);
  if (a.getExtent().size() > 0 || b.getExtent().size() == 0)
    return false;
  Dim extent = b.getExtent().getDim(0);
  if (auto value = a.getTrips().getDefiningOp<ir::DimValueOp>())
    return value.getDim().getDim(0) == extent;
  auto constant = a.getTrips().getDefiningOp<ir::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue())
                           : DenseIntElementsAttr();
  return elements && elements.isSplat() && extent.is_static() &&
         elements.getSplatValue<APInt>().getSExtValue() <= extent.value();
}

bool haveEqualHeads(ir::LoopOp a, ir::LoopOp b) {
  return a->getOperands() == b->getOperands() &&
         a.getStarts() == b.getStarts() && a.getSteps() == b.getSteps() &&
         a.getReverse() == b.getReverse() && a.getUntil() == b.getUntil() &&
         a.getChecked() == b.getChecked() &&
         a->getDiscardableAttrDictionary() ==
             b->getDiscardableAttrDictionary() &&
         haveEqualTrips(a, b);
}

class LoopMerger {
public:
  LoopMerger(RewriterBase &rewriter, TrackedRewriteListener &listener)
      : rewriter(rewriter), listener(listener) {}

  void visit(Block &block) {
    llvm::DenseMap<size_t, SmallVector<ir::LoopOp, 1>> known;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      auto loop = dyn_cast<ir::LoopOp>(op);
      if (!loop)
        continue;
      size_t hash = llvm::hash_combine_range(op.operand_begin(),
                                             op.operand_end());
      bool isNew = true;
      for (ir::LoopOp &other : known[hash])
        if (ir::LoopOp merged = merge(other, loop)) {
          other = merged;
          isNew = false;
          break;
        }
      if (isNew)
        known[hash].push_back(loop);
    }
    // Inside of what is left: outer loops that are one have one inner loop.
    for (Operation &op : block)
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          visit(inner);
  }

  bool changed = false;

private:
  // The loop that does what `a` and the later `b` do, null when they differ.
  ir::LoopOp merge(ir::LoopOp a, ir::LoopOp b) {
    Correspondence same;
    if (!haveEqualHeads(a, b) ||
        !same.match(a.getBody().front(), b.getBody().front()))
      return {};
    for (auto [x, y] : llvm::zip_equal(a.getYielded(), b.getYielded()))
      if (x != same.map(y))
        return {};
    if (a.getUntil() && a.getStop() != same.map(b.getStop()))
      return {};
    SmallVector<Value> collected(a.getCollected());
    SmallVector<Type> types(a.getStacks().getTypes());
    SmallVector<unsigned> position; // of b's stacks among all
    for (auto [value, stack] :
         llvm::zip_equal(b.getCollected(), b.getStacks())) {
      Value mine = same.map(value);
      auto it = llvm::find(collected, mine);
      unsigned at = it - collected.begin();
      if (it != collected.end() && types[at] != stack.getType())
        return {};
      position.push_back(at);
      if (it == collected.end()) {
        collected.push_back(mine);
        types.push_back(stack.getType());
      }
    }
    rewriter.setInsertionPoint(a);
    auto loop = ir::LoopOp::create(
        rewriter, a.getLoc(), a.getExtent().size() > 0 ? a : b,
        SmallVector<Value>(a.getSequences()), a.getStarts().getDims(),
        a.getSteps(), SmallVector<Value>(a.getInitial()), types);
    loop->setDiscardableAttrs(a->getDiscardableAttrDictionary());
    SmallVector<Value> yielded(a.getYielded());
    yielded.append(collected);
    if (a.getUntil())
      yielded.push_back(a.getStop());
    ir::YieldOp yield = a.getYield();
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
    for (auto [x, y] : same.ops)
      if (y->getNumResults() > 0)
        listener.notifyOperationReplaced(y, x->getResults());
    unsigned carried = loop.getNumCarried();
    SmallVector<Value> ofA(loop.getResults().take_front(
        carried + a.getStacks().size())),
        ofB(loop.getResults().take_front(carried));
    for (unsigned at : position)
      ofB.push_back(loop.getStacks()[at]);
    if (a.getUntil()) {
      ofA.push_back(loop.getCount());
      ofB.push_back(loop.getCount());
    }
    SmallVector<Value> arguments(loop.getBody().getArguments());
    rewriter.mergeBlocks(&a.getBody().front(), &loop.getBody().front(),
                         arguments);
    rewriter.replaceOp(a, ofA);
    rewriter.replaceOp(b, ofB);
    changed = true;
    return loop;
  }

  RewriterBase &rewriter;
  TrackedRewriteListener &listener;
};

} // namespace

bool oriel::mergeEqualLoops(ModuleOp module, TrackedRewriteListener &listener) {
  IRRewriter rewriter(module.getContext(), &listener);
  LoopMerger merger(rewriter, listener);
  for (auto function : module.getOps<FunctionOpInterface>())
    for (Block &block : function.getFunctionBody())
      merger.visit(block);
  return merger.changed;
}
