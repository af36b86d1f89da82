//===- Decompose.cpp - oriel-decompose ------------------------------------===//

#include "dialect/Graph/Elements.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Graph/Passes.h"
#include "passes/Graph/TrackedRewrite.h"

namespace oriel {
#define GEN_PASS_DEF_DECOMPOSE
#include "passes/Graph/Passes.h.inc"
} // namespace oriel

using namespace mlir;
using namespace oriel;
using namespace oriel::ir;

namespace {

// Rewrites the reductions of a function, each once: no pattern driver is needed
// since nothing it makes is to be decomposed again.
class Decomposer {
public:
  Decomposer(RewriterBase &rewriter, NodeTableBuilder &nodes,
             const DimAnalysis &dims)
      : rewriter(rewriter), nodes(nodes), dims(dims) {}

  void decompose(ReduceOp op) {
    rewriter.setInsertionPoint(op);
    if (op.getKind() == ReduceKind::mean)
      return decomposeMean(op);
    if (op.getAxes().size() < 2)
      return;
    rewriter.replaceOp(op,
                       reduceAxes(op, op.getKind(), op.getX(), op.getLoc()));
  }

private:
  // One reduction an axis, from the last to the first: removing an axis does
  // not renumber those before it. The last op made takes `loc`.
  Value reduceAxes(ReduceOp op, ReduceKind kind, Value x, Location loc) {
    ArrayRef<int64_t> axes = op.getAxes();
    for (unsigned k = axes.size(); k-- > 0;) {
      Location step =
          k == 0 ? loc
                 : nodes.derive(getNodeId(op), "decompose-reduce", "reduce");
      x = ReduceOp::create(rewriter, step, kind, x, axes[k], op.getKeepdims());
    }
    return x;
  }

  // mean(x) = sum(x) / n; half floats are added in f32, where n is exact.
  void decomposeMean(ReduceOp op) {
    constexpr StringLiteral rule = "decompose-mean";
    auto derive = [&](StringRef name) {
      return nodes.derive(getNodeId(op), rule, name);
    };
    auto type = cast<RankedTensorType>(op.getType());
    Type element = type.getElementType();
    Type wide =
        element.getIntOrFloatBitWidth() < 32 ? rewriter.getF32Type() : element;
    Value x = op.getX();
    if (wide != element)
      x = CastOp::create(rewriter, derive("cast"), x, wide);

    Dim count(1);
    const Dims &shape = dims.getDims(op.getX());
    for (int64_t axis : op.getAxes())
      count = count * shape[axis];
    Value sum = op.getAxes().empty()
                    ? x
                    : reduceAxes(op, ReduceKind::sum, x, derive("reduce"));
    auto scalar = RankedTensorType::get({}, wide);
    Value n;
    if (count.is_static()) {
      auto number =
          rewriter.getFloatAttr(wide, static_cast<double>(count.value()));
      n = ConstantOp::create(rewriter, derive("constant"),
                             DenseElementsAttr::get(scalar, number));
    } else {
      auto dim = DimsAttr::get(op.getContext(), Dims{count});
      auto index = RankedTensorType::get({}, rewriter.getI64Type());
      n = DimValueOp::create(rewriter, derive("dim_value"), index, dim);
      n = CastOp::create(rewriter, derive("cast"), n, wide);
    }
    if (type.getRank() > 0)
      n = BroadcastOp::create(
          rewriter, derive("broadcast"), type.clone(wide), n,
          DimsAttr::get(op.getContext(), dims.getDims(op.getResult())),
          ArrayRef<int64_t>());
    // The quotient is the mean itself: it keeps the node.
    Location quotient = wide == element ? op.getLoc() : derive("div");
    Value mean = DivOp::create(rewriter, quotient, sum, n);
    if (wide != element)
      mean = CastOp::create(rewriter, op.getLoc(), mean, element);
    rewriter.replaceOp(op, mean);
  }

  RewriterBase &rewriter;
  NodeTableBuilder &nodes;
  const DimAnalysis &dims;
};

struct Decompose : oriel::impl::DecomposeBase<Decompose> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    TrackedRewriteListener listener(module);
    IRRewriter rewriter(&getContext(), &listener);
    for (auto function : module.getOps<func::FuncOp>()) {
      FailureOr<DimAnalysis> dims = DimAnalysis::get(function);
      if (failed(dims))
        return signalPassFailure();
      SmallVector<ReduceOp> reductions;
      function.walk([&](ReduceOp op) { reductions.push_back(op); });
      Decomposer decomposer(rewriter, listener.nodes(), *dims);
      // Users first: the analysis knows the operands that were there, not what
      // replaces them.
      for (ReduceOp op : llvm::reverse(reductions))
        decomposer.decompose(op);
    }
    listener.finish();
  }
};
} // namespace
