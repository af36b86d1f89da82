//===- OpenKernels.cpp - numbers of a kernel become its arguments ---------===//

#include "passes/Fusion/OpenKernels.h"

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "passes/Fusion/Access.h"
#include "passes/Fusion/Passes.h"
#include "runtime/engine/kernel_abi.h"

using namespace mlir;

namespace oriel {
namespace {

/// Axes of a kernel's values that have one extent whatever the extents are.
class AxisClasses {
public:
  /// False when some op's axes cannot be followed.
  bool build(func::FuncOp kernel) {
    Block &body = kernel.getBody().front();
    for (BlockArgument arg : body.getArguments())
      add(arg);
    for (Operation &op : body.without_terminator()) {
      for (Value result : op.getResults())
        add(result);
      if (!follow(&op))
        return false;
    }
    return true;
  }

  unsigned get(Value value, unsigned axis) {
    unsigned a = first.lookup(value) + axis;
    while (parent[a] != a)
      a = parent[a] = parent[parent[a]];
    return a;
  }

private:
  llvm::DenseMap<Value, unsigned> first; // the number of axis 0
  SmallVector<unsigned> parent;

  static int64_t rank(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type ? type.getRank() : 0;
  }

  void add(Value value) {
    first[value] = parent.size();
    for (int64_t axis = 0; axis < rank(value); ++axis)
      parent.push_back(parent.size());
  }

  void unite(Value a, int64_t i, Value b, int64_t j) {
    unsigned left = get(a, i), right = get(b, j);
    parent[std::max(left, right)] = std::min(left, right);
  }

  bool follow(Operation *op) {
    if (isa<ir::ConstantOp>(op))
      return rank(op->getResult(0)) == 0;
    if (auto broadcast = dyn_cast<ir::BroadcastOp>(op)) {
      auto type = cast<RankedTensorType>(broadcast.getX().getType());
      for (auto [k, axis] : llvm::enumerate(broadcast.getAxes()))
        if (type.getDimSize(k) != 1)
          unite(broadcast.getX(), k, broadcast.getResult(), axis);
      return true;
    }
    if (auto transpose = dyn_cast<ir::TransposeOp>(op)) {
      for (auto [k, axis] : llvm::enumerate(transpose.getPermutation()))
        unite(transpose.getX(), axis, transpose.getResult(), k);
      return true;
    }
    if (auto reduce = dyn_cast<ir::ReduceOp>(op)) {
      int64_t to = 0;
      for (int64_t axis = 0; axis < rank(reduce.getX()); ++axis) {
        bool reduced = llvm::is_contained(reduce.getAxes(), axis);
        if (!reduced)
          unite(reduce.getX(), axis, reduce.getResult(), to);
        to += !reduced || reduce.getKeepdims();
      }
      return true;
    }
    if (auto product = dyn_cast<ir::MatMulOp>(op)) {
      Value a = product.getA(), b = product.getB(), c = product.getResult();
      int64_t n = rank(a);
      if (n < 2 || rank(b) != n)
        return false;
      for (int64_t axis = 0; axis < n - 2; ++axis) {
        unite(a, axis, b, axis);
        unite(a, axis, c, axis);
      }
      unite(a, n - 2, c, n - 2);
      unite(b, n - 1, c, n - 1);
      unite(a, n - 1, b, n - 2);
      return true;
    }
    if (OpRole role = getRole(op); role != OpRole::Elementwise && role != OpRole::Operand)
      return false;
    for (Value operand : op->getOperands())
      for (int64_t axis = 0; axis < rank(operand); ++axis)
        unite(operand, axis, op->getResult(0), axis);
    return true;
  }
};

/// The same value, with the extents of opened axes unknown.
void setType(Value value, AxisClasses &axes,
             const llvm::DenseMap<unsigned, Dim> &opened) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return;
  SmallVector<int64_t> shape(type.getShape());
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (opened.contains(axes.get(value, axis)))
      shape[axis] = ShapedType::kDynamic;
  value.setType(
      RankedTensorType::get(shape, type.getElementType(), type.getEncoding()));
}

ir::DimsAttr openDims(ir::DimsAttr dims, Value value, AxisClasses &axes,
                      const llvm::DenseMap<unsigned, Dim> &opened) {
  Dims shape = dims.getDims();
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (auto it = opened.find(axes.get(value, axis)); it != opened.end())
      shape[axis] = it->second;
  return ir::DimsAttr::get(dims.getContext(), shape);
}

/// Numbers that are worth knowing: folding, division and the code generator
/// make other code of them.
bool isPlain(ElementsAttr value) {
  if (value.getElementType().isInteger(1))
    return false;
  if (isa<FloatType>(value.getElementType())) {
    APFloat number = value.getSplatValue<APFloat>();
    if (!number.isFinite() || number.isZero())
      return false;
    // A power of two multiplies and divides exactly.
    return number.getExactLog2Abs() == INT_MIN;
  }
  APInt number = value.getSplatValue<APInt>();
  return !number.isZero() && !number.isAllOnes() && !number.isPowerOf2() &&
         !(-number).isPowerOf2();
}

/// Is every use arithmetic whose code is the same for any number?
bool onlyArithmeticReads(Value constant) {
  SmallVector<Value> worklist{constant};
  while (!worklist.empty()) {
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      if (isa<ir::BroadcastOp>(user)) {
        worklist.push_back(user->getResult(0));
        continue;
      }
      if (getRole(user) == OpRole::Operand)
        return false; // its number is in the code that reads the operand
      bool isFloat = isa<FloatType>(getElementTypeOrSelf(user->getOperand(0)));
      if (!isa<ir::AddOp, ir::SubOp, ir::MulOp, ir::MaximumOp, ir::MinimumOp,
               ir::CompareOp, ir::SelectOp>(user) &&
          !(isFloat && isa<ir::DivOp>(user)))
        return false;
    }
  }
  return true;
}

void renameSymbols(Operation *op, const std::map<std::string, Dim> &names) {
  for (NamedAttribute attr : llvm::to_vector(op->getAttrDictionary())) {
    auto dims = dyn_cast<ir::DimsAttr>(attr.getValue());
    if (!dims || dims.isStatic())
      continue;
    Dims renamed;
    for (const Dim &dim : dims.getDims())
      renamed.push_back(dim.Substitute(names));
    op->setAttr(attr.getName(), ir::DimsAttr::get(op->getContext(), renamed));
  }
}

} // namespace

KernelClass getClass(func::FuncOp kernel) {
  auto name = kernel->getAttrOfType<StringAttr>(kKernelClassAttr);
  std::optional<KernelClass> known =
      name ? parseKernelClass(name.getValue()) : std::nullopt;
  return known.value_or(KernelClass::Library);
}

OwningOpRef<func::FuncOp> copyToOpen(func::FuncOp kernel) {
  OwningOpRef<func::FuncOp> copy(cast<func::FuncOp>(kernel->clone()));
  Block &body = copy->getBody().front();
  for (ir::ConstantOp constant :
       llvm::to_vector(body.getOps<ir::ConstantOp>())) {
    auto type = cast<RankedTensorType>(constant.getType());
    auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (type.getRank() == 0 || !value || !value.isSplat())
      continue;
    OpBuilder b(constant);
    auto scalar = RankedTensorType::get({}, type.getElementType());
    Dims shape(type.getShape().begin(), type.getShape().end());
    Value one =
        ir::ConstantOp::create(b, constant.getLoc(), value.resizeSplat(scalar));
    constant.getResult().replaceAllUsesWith(ir::BroadcastOp::create(
        b, constant.getLoc(), type, one,
        ir::DimsAttr::get(b.getContext(), shape), ArrayRef<int64_t>()));
    constant.erase();
  }
  return copy;
}

bool openExtents(func::FuncOp kernel) {
  KernelClass known = getClass(kernel);
  if (known != KernelClass::MatMul && known != KernelClass::Elementwise &&
      known != KernelClass::ColumnReduce)
    return false;
  // A row of known length is reduced faster.
  if (known == KernelClass::MatMul &&
      !kernel.getBody().front().getOps<ir::ReduceOp>().empty())
    return false;
  AxisClasses axes;
  if (!axes.build(kernel))
    return false;
  Block &body = kernel.getBody().front();
  // A class is opened when its extent is known everywhere: one that is unknown
  // somewhere has a name already, and a number that the program has to hold to.
  llvm::DenseSet<unsigned> closed;
  auto look = [&](Value value) {
    if (auto type = dyn_cast<RankedTensorType>(value.getType()))
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        if (type.isDynamicDim(axis) || type.getDimSize(axis) <= 1)
          closed.insert(axes.get(value, axis));
  };
  llvm::for_each(body.getArguments(), look);
  for (Operation &op : body.without_terminator())
    llvm::for_each(op.getResults(), look);
  llvm::DenseMap<unsigned, Dim>
      opened; // to its name: the first input's that has it
  for (BlockArgument arg : body.getArguments())
    if (auto type = dyn_cast<RankedTensorType>(arg.getType()))
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        if (unsigned id = axes.get(arg, axis); !closed.contains(id))
          opened.try_emplace(
              id, Dim::Symbol("a" + std::to_string(arg.getArgNumber()) + "_" +
                              std::to_string(axis)));
  if (opened.empty())
    return false;

  for (BlockArgument arg : body.getArguments()) {
    if (auto dims = kernel.getArgAttrOfType<ir::DimsAttr>(arg.getArgNumber(),
                                                          ir::kDimsAttr))
      kernel.setArgAttr(arg.getArgNumber(), ir::kDimsAttr,
                        openDims(dims, arg, axes, opened));
    setType(arg, axes, opened);
  }
  for (Operation &op : body.without_terminator()) {
    if (auto broadcast = dyn_cast<ir::BroadcastOp>(op))
      broadcast.setShapeAttr(
          openDims(broadcast.getShape(), broadcast.getResult(), axes, opened));
    for (Value result : op.getResults())
      setType(result, axes, opened);
  }
  kernel.setFunctionType(
      FunctionType::get(kernel.getContext(), body.getArgumentTypes(),
                        body.getTerminator()->getOperandTypes()));
  return true;
}

bool openConstants(func::FuncOp kernel, const llvm::BitVector &kept,
                   SmallVectorImpl<OpenedConstant> &constants) {
  KernelClass known = getClass(kernel);
  if (known != KernelClass::MatMul && known != KernelClass::Elementwise &&
      known != KernelClass::ColumnReduce && known != KernelClass::RowReduce)
    return false;
  Block &body = kernel.getBody().front();
  SmallVector<ir::ConstantOp> found;
  unsigned plain = 0;
  for (ir::ConstantOp constant : body.getOps<ir::ConstantOp>()) {
    auto value = dyn_cast<ElementsAttr>(constant.getValue());
    auto type = cast<RankedTensorType>(constant.getType());
    if (!value || type.getRank() != 0 || !isPlain(value) ||
        !onlyArithmeticReads(constant.getResult()))
      continue;
    if (plain >= kept.size() || !kept[plain])
      found.push_back(constant);
    ++plain;
  }
  unsigned inputs = llvm::count_if(body.getArguments(), [](BlockArgument arg) {
    return isa<RankedTensorType>(arg.getType());
  });
  if (found.empty() || inputs + found.size() > 2 * kMaxKernelInputs)
    return false;

  std::map<std::string, Dim> names;
  for (unsigned k = inputs; k < body.getNumArguments(); ++k)
    names.emplace("a" + std::to_string(k),
                  Dim::Symbol("a" + std::to_string(k + found.size())));
  MLIRContext *context = kernel.getContext();
  if (!names.empty()) {
    kernel.walk([&](Operation *op) { renameSymbols(op, names); });
    for (unsigned k = 0; k < inputs; ++k)
      if (auto dims = kernel.getArgAttrOfType<ir::DimsAttr>(k, ir::kDimsAttr)) {
        Dims renamed;
        for (const Dim &dim : dims.getDims())
          renamed.push_back(dim.Substitute(names));
        kernel.setArgAttr(k, ir::kDimsAttr,
                          ir::DimsAttr::get(context, renamed));
      }
  }
  auto none = DictionaryAttr::get(
      context, NamedAttribute(StringAttr::get(context, ir::kDimsAttr),
                              ir::DimsAttr::get(context, Dims())));
  for (auto [k, constant] : llvm::enumerate(found)) {
    unsigned line = ir::getKernelLine(constant.getLoc()).value_or(0);
    unsigned ordinal = line / LineOf(1, LineRole::kCompute);
    constants.push_back({cast<ElementsAttr>(constant.getValue()), ordinal});
    if (failed(kernel.insertArgument(
            inputs + k, constant.getType(), none,
            ir::getKernelLoc(context, LineOf(ordinal, LineRole::kLoad)))))
      return false;
    constant.getResult().replaceAllUsesWith(kernel.getArgument(inputs + k));
    constant.erase();
  }
  return true;
}

} // namespace oriel
