//===- FoldScatterUpdates.cpp - oriel-fold-scatter-updates ----------------===//

#include "dialect/Graph/Match.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Graph/Passes.h"
#include "passes/Graph/TrackedRewrite.h"

namespace oriel {
#define GEN_PASS_DEF_FOLDSCATTERUPDATES
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;
using namespace oriel::ir;

namespace {

// A value that is zero but where scatters added to it: zeros, scatters onto
// them (innermost first), then `scales` of the whole (innermost first).
struct SparseSum {
  SmallVector<ScatterOp> scatters;
  SmallVector<Operation *> scales; // neg, mul or div by one number
};

constexpr StringLiteral kRule = "fold-scatter-update";

// The rank-0 value or the constant that every element of `value` is.
bool isUniform(Value value) {
  if (getSplat(value))
    return true;
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  return broadcast && broadcast.getAxes().empty();
}

// Looked at from one place only. Observers do not count: programs with and
// without them are to have the same bits.
bool hasOneReader(Value value) {
  Operation *reader = nullptr;
  for (Operation *user : value.getUsers()) {
    if (isa<ObserveOp>(user))
      continue;
    if (reader)
      return false;
    reader = user;
  }
  return reader && llvm::count(reader->getOperands(), value) == 1;
}

std::optional<SparseSum> matchSparseSum(Value value, Block *block) {
  SparseSum sum;
  while (true) {
    Operation *op = value.getDefiningOp();
    if (!op || op->getBlock() != block || !hasOneReader(value))
      return std::nullopt;
    if (isa<NegOp>(op)) {
      value = op->getOperand(0);
    } else if (isa<MulOp>(op) && isUniform(op->getOperand(0))) {
      value = op->getOperand(1);
    } else if (isa<MulOp, DivOp>(op) && isUniform(op->getOperand(1))) {
      value = op->getOperand(0);
    } else {
      break;
    }
    sum.scales.push_back(op);
  }
  std::reverse(sum.scales.begin(), sum.scales.end());
  while (!isSplat(value, 0.0)) {
    auto scatter = value.getDefiningOp<ScatterOp>();
    if (!scatter || scatter.getKind() != ScatterKind::add ||
        scatter->getBlock() != block || !hasOneReader(value))
      return std::nullopt;
    sum.scatters.push_back(scatter);
    value = scatter.getX();
  }
  if (sum.scatters.empty())
    return std::nullopt;
  std::reverse(sum.scatters.begin(), sum.scatters.end());
  return sum;
}

class Folder {
public:
  Folder(RewriterBase &rewriter, NodeTableBuilder &nodes, DimAnalysis &dims)
      : rewriter(rewriter), nodes(nodes), dims(dims) {}

  // root = other + sum or other - sum: the scatters go onto `other` instead,
  // and the scales onto the updates.
  void fold(Operation *root, Value other, const SparseSum &sum) {
    rewriter.setInsertionPoint(root);
    Value result = other;
    for (ScatterOp scatter : sum.scatters) {
      Value updates = scatter.getUpdates();
      for (Operation *scale : sum.scales)
        updates = applied(scale, updates, scatter);
      if (isa<SubOp>(root))
        updates = made(NegOp::create(rewriter, derive({root, scatter}, "neg"),
                                     updates),
                       scatter.getUpdates());
      Location loc = derive({root, scatter}, "scatter");
      result = made(ScatterOp::create(rewriter, loc, root->getResult(0).getType(),
                                      ScatterKind::add, result, updates,
                                      scatter.getIndices(), scatter.getAxis()),
                    root->getResult(0));
    }
    rewriter.replaceOp(root, result);
  }

private:
  Location derive(ArrayRef<Operation *> ops, StringRef name) {
    SmallVector<NodeId> ids;
    for (Operation *op : ops)
      ids.push_back(getNodeId(op));
    return nodes.derive(ids, kRule, name);
  }

  Value made(Value value, Value like) {
    dims.setDims(value, Dims(dims.getDims(like)));
    return value;
  }

  // The number of `uniform` at every element of the updates.
  Value spread(Value uniform, Value updates, Operation *scale) {
    auto type = cast<RankedTensorType>(updates.getType());
    auto scalar = RankedTensorType::get({}, type.getElementType());
    Value number;
    if (Attribute splat = getSplat(uniform)) {
      number = ConstantOp::create(rewriter, derive({scale}, "constant"),
                                  DenseElementsAttr::get(scalar, splat));
      dims.setDims(number, {});
    } else {
      number = uniform.getDefiningOp<BroadcastOp>().getX();
    }
    if (type.getRank() == 0)
      return number;
    return made(BroadcastOp::create(
                    rewriter, derive({scale}, "broadcast"), type, number,
                    DimsAttr::get(type.getContext(), dims.getDims(updates)),
                    ArrayRef<int64_t>()),
                updates);
  }

  Value applied(Operation *scale, Value updates, ScatterOp scatter) {
    if (isa<NegOp>(scale))
      return made(NegOp::create(rewriter, derive({scale, scatter}, "neg"), updates), updates);
    Value left = updates, right = updates;
    if (isUniform(scale->getOperand(1)))
      right = spread(scale->getOperand(1), updates, scale);
    else
      left = spread(scale->getOperand(0), updates, scale);
    Location loc = derive({scale, scatter}, scale->getName().stripDialect());
    Value result = isa<MulOp>(scale)
                       ? MulOp::create(rewriter, loc, left, right).getResult()
                       : DivOp::create(rewriter, loc, left, right).getResult();
    return made(result, updates);
  }

  RewriterBase &rewriter;
  NodeTableBuilder &nodes;
  DimAnalysis &dims;
};

struct FoldScatterUpdates
    : oriel::impl::FoldScatterUpdatesBase<FoldScatterUpdates> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    TrackedRewriteListener listener(module);
    IRRewriter rewriter(&getContext(), &listener);
    for (auto function : module.getOps<func::FuncOp>()) {
      // Sums of sums fold from the inside out, in the order of the text.
      SmallVector<Operation *> roots;
      function.walk([&](Operation *op) {
        if (isa<AddOp, SubOp>(op) &&
            !getElementTypeOrSelf(op->getResult(0).getType()).isInteger(1))
          roots.push_back(op);
      });
      if (roots.empty())
        continue;
      FailureOr<DimAnalysis> dims = DimAnalysis::get(function);
      if (failed(dims))
        return signalPassFailure();
      Folder folder(rewriter, listener.nodes(), *dims);
      for (Operation *root : roots) {
        Value a = root->getOperand(0), b = root->getOperand(1);
        Type type = root->getResult(0).getType();
        if (auto sum = matchSparseSum(b, root->getBlock()); sum && a.getType() == type)
          folder.fold(root, a, *sum);
        else if (auto sum = matchSparseSum(a, root->getBlock());
                 sum && isa<AddOp>(root) && b.getType() == type)
          folder.fold(root, b, *sum);
      }
    }
    listener.finish();
  }
};
} // namespace
