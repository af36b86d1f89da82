//===- DimAnalysis.cpp - the shape of every value -------------------------===//

#include "passes/Fusion/DimAnalysis.h"

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"

using namespace mlir;

namespace oriel {

Dims getTypeDims(RankedTensorType type, StringRef prefix) {
  Dims dims;
  for (auto [axis, extent] : llvm::enumerate(type.getShape()))
    dims.push_back(ShapedType::isDynamic(extent)
                       ? Dim::Symbol((prefix + "_" + Twine(axis)).str())
                       : Dim(extent));
  return dims;
}

void collectSymbols(Operation *op, std::vector<std::string> &symbols) {
  op->walk([&](Operation *inner) {
    inner->getAttrDictionary().walk([&](ir::DimsAttr dims) {
      for (const Dim &dim : dims.getDims())
        dim.CollectSymbols(&symbols);
    });
  });
}

FailureOr<DimAnalysis> DimAnalysis::get(func::FuncOp function) {
  DimAnalysis analysis;
  function.walk<WalkOrder::PreOrder>([&](ir::RowsOp rows) {
    analysis.late.try_emplace(rows.getDim().getDim(0).symbol(),
                              analysis.late.size() + 1);
  });
  for (BlockArgument arg : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      continue;
    Dims dims = getTypeDims(type, ("arg" + Twine(arg.getArgNumber())).str());
    if (auto given = function.getArgAttrOfType<ir::DimsAttr>(
            arg.getArgNumber(), ir::kDimsAttr)) {
      if (given.size() != static_cast<size_t>(type.getRank()))
        return function.emitError()
               << "argument " << arg.getArgNumber() << " has rank "
               << type.getRank() << ", its oriel.dims name " << given.size()
               << " dims";
      dims = given.getDims();
    }
    analysis.shapes[arg] = std::move(dims);
  }
  if (auto recorded = function->getAttrOfType<ArrayAttr>(kRequiresAttr)) {
    for (Attribute each : recorded) {
      auto fields = dyn_cast<ArrayAttr>(each);
      auto dims = fields && fields.size() == 3 ? dyn_cast<ir::DimsAttr>(fields[0]) : nullptr;
      auto what = dims ? dyn_cast<StringAttr>(fields[1]) : nullptr;
      auto node = what ? dyn_cast<IntegerAttr>(fields[2]) : nullptr;
      if (!node || dims.size() != 2)
        return function.emitError()
               << "has " << kRequiresAttr << " with " << each
               << ", required [#oriel.dims<left, right>, what, node]";
      analysis.require(dims.getDim(0), dims.getDim(1), node.getInt(), what.str());
    }
  }
  for (Block &block : function.getBody())
    if (failed(analysis.visitBlock(block)))
      return failure();
  return analysis;
}

void DimAnalysis::recordConstraints(func::FuncOp function) const {
  Builder b(function.getContext());
  SmallVector<Attribute> recorded;
  for (const DimConstraint &constraint : constraints)
    recorded.push_back(b.getArrayAttr(
        {ir::DimsAttr::get(b.getContext(), Dims{constraint.left, constraint.right}),
         b.getStringAttr(constraint.what), b.getI64IntegerAttr(constraint.node)}));
  if (!recorded.empty())
    function->setAttr(kRequiresAttr, b.getArrayAttr(recorded));
}

const Dims &DimAnalysis::getDims(Value value) const {
  static const Dims none;
  auto it = shapes.find(value);
  return it == shapes.end() ? none : it->second;
}

LogicalResult DimAnalysis::visitBlock(Block &block) {
  for (Operation &op : block)
    if (failed(visitOp(&op)))
      return failure();
  return success();
}

namespace {

std::vector<TensorType> typesOf(const DimAnalysis &analysis,
                                ValueRange values) {
  std::vector<TensorType> types;
  for (Value value : values) {
    auto tensor = cast<RankedTensorType>(value.getType());
    auto dtype = ir::getDType(tensor.getElementType());
    types.push_back({dtype.value_or(DType::f32), analysis.getDims(value)});
  }
  return types;
}

StringRef messageOf(const absl::Status &status) {
  return StringRef(status.message().data(), status.message().size());
}

} // namespace

LogicalResult DimAnalysis::visitOp(Operation *op) {
  auto requireAll = [&](const std::vector<DimRequirement> &needs) {
    for (const DimRequirement &need : needs)
      require(need.left, need.right, op, need.what);
  };
  if (auto loop = dyn_cast<ir::LoopOp>(op)) {
    Block &body = loop.getBody().front();
    Attrs attrs = ir::getAttrs(op);
    std::vector<TensorType> operands = typesOf(*this, op->getOperands());
    std::vector<DimRequirement> needs;
    auto arguments = InferLoopArguments(attrs, operands, &needs);
    if (!arguments.ok())
      return op->emitError() << messageOf(arguments.status());
    for (auto [argument, type] :
         llvm::zip_equal(body.getArguments(), *arguments))
      setDims(argument, type.shape);
    if (failed(visitBlock(body)))
      return failure();
    auto results = InferLoop(attrs, operands,
                             typesOf(*this, loop.getYield().getValues()),
                             &needs);
    if (!results.ok())
      return op->emitError() << messageOf(results.status());
    for (auto [result, type] : llvm::zip_equal(loop.getResults(), *results))
      setDims(result, type.shape);
    requireAll(needs);
    return success();
  }
  if (auto branch = dyn_cast<ir::BranchOp>(op)) {
    if (failed(visitBlock(branch.getThenBody().front())) ||
        failed(visitBlock(branch.getElseBody().front())))
      return failure();
    std::vector<DimRequirement> needs;
    auto types = InferBranch(typesOf(*this, branch.getThenYield().getValues()),
                             typesOf(*this, branch.getElseYield().getValues()),
                             &needs);
    if (!types.ok())
      return op->emitError() << messageOf(types.status());
    for (auto [result, type] : llvm::zip_equal(branch.getResults(), *types))
      shapes[result] = type.shape;
    requireAll(needs);
    return success();
  }
  if (auto kernel = dyn_cast<ir::KernelOp>(op)) {
    Block &body = kernel.getBody().front();
    for (auto [input, arg] :
         llvm::zip_equal(kernel.getInputs(), body.getArguments()))
      setDims(arg, getDims(input));
    if (failed(visitBlock(body)))
      return failure();
    for (auto [result, value] :
         llvm::zip_equal(kernel.getResults(), kernel.getYield().getValues()))
      setDims(result, getDims(value));
    return success();
  }
  if (isa<ir::DispatchOp>(op)) {
    auto dims = op->getAttrOfType<ArrayAttr>(kResultDimsAttr);
    if (!dims || dims.size() != op->getNumResults())
      return op->emitError() << "needs " << kResultDimsAttr << " with "
                             << op->getNumResults() << " shapes";
    for (auto [result, attr] : llvm::zip_equal(op->getResults(), dims))
      shapes[result] = cast<ir::DimsAttr>(attr).getDims();
    return success();
  }
  return visitGraphOp(op);
}

LogicalResult DimAnalysis::visitGraphOp(Operation *op) {
  if (op->getNumResults() == 0)
    return success();
  auto kind = ir::getOpKind(op);
  bool isTensor = llvm::all_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && ir::getDType(tensor.getElementType());
  });
  if (!kind || !isTensor)
    return success(); // not a graph op: has no dims
  auto ownType = [&]() -> LogicalResult {
    for (Value result : op->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      if (!type.hasStaticShape())
        return op->emitError()
               << "has type " << type << ", required a static shape";
      shapes[result] = getTypeDims(type, "");
    }
    return success();
  };
  if (isa<ir::ConstantOp, ir::StateReadOp>(op))
    return ownType();
  if (isa<ir::TransferOp>(op)) {
    setDims(op->getResult(0), getDims(op->getOperand(0)));
    return success();
  }
  std::vector<DimRequirement> needs;
  auto types = InferTypes(*kind, ir::getAttrs(op),
                          typesOf(*this, op->getOperands()), &needs);
  if (!types.ok())
    return op->emitError() << messageOf(types.status());
  for (const DimRequirement &need : needs)
    require(need.left, need.right, op, need.what);
  for (auto [result, type] : llvm::zip_equal(op->getResults(), *types)) {
    // An extent the result's type knows and inference does not is a claim to
    // be checked at run time.
    auto tensor = cast<RankedTensorType>(result.getType());
    Dims dims = type.shape;
    for (auto [axis, extent] : llvm::enumerate(tensor.getShape())) {
      if (ShapedType::isDynamic(extent) || dims[axis].is_static())
        continue;
      require(dims[axis], Dim(extent), op,
              op->getName().stripDialect().str() + ": axis " +
                  std::to_string(axis) + " of the result");
      dims[axis] = Dim(extent);
    }
    shapes[result] = std::move(dims);
  }
  return success();
}

void DimAnalysis::require(const Dim &left, const Dim &right, Operation *op,
                          std::string what) {
  require(left, right, ir::getNodeId(op), std::move(what));
}

void DimAnalysis::require(const Dim &left, const Dim &right, NodeId node,
                          std::string what) {
  Dim a = canonical(left), b = canonical(right);
  if (a == b)
    return;
  constraints.push_back({left, right, node, std::move(what)});
  // What a late symbol must equal is checked where it is bound: until then it
  // tells nothing of dims that are known before.
  auto numberOf = [&](const std::string &symbol) {
    auto it = late.find(symbol);
    return it == late.end() ? 0u : it->second;
  };
  std::vector<std::string> mentioned;
  left.CollectSymbols(&mentioned);
  right.CollectSymbols(&mentioned);
  bool isLate = llvm::any_of(mentioned, numberOf);
  // A symbol stands for what it must equal, unless that mentions it or one that
  // is bound later.
  auto bind = [&](const Dim &symbol, const Dim &value) {
    if (!symbol.is_symbol())
      return false;
    unsigned number = numberOf(symbol.symbol());
    if (isLate && number == 0)
      return false;
    std::vector<std::string> used;
    value.CollectSymbols(&used);
    if (llvm::is_contained(used, symbol.symbol()) ||
        llvm::any_of(used, [&](const std::string &other) {
          return numberOf(other) > number;
        }))
      return false;
    std::map<std::string, Dim> one{{symbol.symbol(), value}};
    for (auto &entry : names)
      entry.second = entry.second.Substitute(one);
    names.emplace(symbol.symbol(), value);
    return true;
  };
  if (b.is_static() ? !bind(a, b) : !bind(b, a))
    bind(a, b);
}

Dim DimAnalysis::canonical(const Dim &dim) const {
  if (names.empty() || dim.is_static())
    return dim;
  return dim.Substitute(names);
}

Dims DimAnalysis::canonical(const Dims &dims) const {
  Dims result;
  for (const Dim &dim : dims)
    result.push_back(canonical(dim));
  return result;
}

bool DimAnalysis::areEqual(const Dim &a, const Dim &b) const {
  return a == b || canonical(a) == canonical(b);
}

bool DimAnalysis::areEqual(const Dims &a, const Dims &b) const {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!areEqual(a[i], b[i]))
      return false;
  return true;
}

} // namespace oriel
