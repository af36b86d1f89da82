//===- KernelLowering.cpp - one outlined kernel to its lowered form -------===//

#include "passes/Lowering/KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Lowering/ScalarOps.h"
#include "runtime/core/dim_node.h"

using namespace mlir;

namespace oriel {

static constexpr StringLiteral kOutputAttr = "oriel.output";

static RankedTensorType getMemoryTensor(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(),
                               getMemoryType(tensor.getElementType()));
}

LogicalResult KernelLowering::run() {
  if (failed(start()))
    return failure();
  switch (kernelClass) {
  case KernelClass::Concatenate:
  case KernelClass::Scatter:
  case KernelClass::ArgReduce:
    if (failed(lowerWithOperands()))
      return failure();
    break;
  case KernelClass::Library:
    if (failed(lowerAlone()))
      return failure();
    break;
  default:
    if (failed(findSpace()) || failed(schedule()))
      return failure();
    if (kernelClass == KernelClass::MatMul && failed(lowerMatMul()))
      return failure();
    if (failed(lowerPasses()))
      return failure();
  }
  if (!badDim.empty())
    return kernel.emitError() << "size " << badDim
                              << " is no expression of argument sizes";
  finish();
  return success();
}

LogicalResult KernelLowering::start() {
  if (!kernel.getBody().hasOneBlock())
    return kernel.emitError() << "a kernel has one block, got "
                              << kernel.getBody().getBlocks().size();
  SmallVector<Type> inputs, outputTypes;
  for (Type type : kernel.getArgumentTypes())
    inputs.push_back(isa<IndexType>(type) ? type : getMemoryTensor(type));
  for (Type type : kernel.getResultTypes())
    outputTypes.push_back(getMemoryTensor(type));
  SmallVector<Type> all(inputs);
  all.append(outputTypes);
  b.setInsertionPoint(kernel);
  lowered = func::FuncOp::create(
      b, kernel.getLoc(), kernel.getName(),
      FunctionType::get(kernel.getContext(), all, outputTypes));
  for (NamedAttribute attr : kernel->getDiscardableAttrs())
    lowered->setAttr(attr.getName(), attr.getValue());
  Block *entry = new Block;
  lowered.getBody().push_back(entry);
  Operation *terminator = kernel.getBody().front().getTerminator();
  for (BlockArgument arg : kernel.getArguments())
    arguments[arg] = entry->addArgument(inputs[arg.getArgNumber()], arg.getLoc());
  for (auto [k, type] : llvm::enumerate(outputTypes)) {
    outputs.push_back(entry->addArgument(type, terminator->getLoc()));
    lowered.setArgAttr(inputs.size() + k, kOutputAttr, b.getUnitAttr());
  }
  results.resize(outputs.size());
  returned.assign(terminator->operand_begin(), terminator->operand_end());
  b.setInsertionPointToEnd(entry);
  return success();
}

void KernelLowering::finish() {
  func::ReturnOp::create(b, kernel.getBody().front().getTerminator()->getLoc(),
                         results);
  // The lowered function takes the kernel's name and place.
  StringAttr name = kernel.getSymNameAttr();
  kernel.erase();
  lowered.setSymNameAttr(name);
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// A dim over arguments as an index value at the start of the function.
Value KernelLowering::index(const Dim &dim) {
  Value &value = indices[dim.ToString()];
  if (value)
    return value;
  OpBuilder::InsertionGuard guard(b);
  Block &entry = lowered.getBody().front();
  auto place = [&] {
    if (lastDim)
      b.setInsertionPointAfter(lastDim);
    else
      b.setInsertionPointToStart(&entry);
  };
  Location loc = kernel.getLoc();
  auto made = [&](Value v) {
    lastDim = v.getDefiningOp();
    return v;
  };
  auto constant = [&](int64_t number) {
    Value &cached = indices[std::to_string(number)];
    if (!cached) {
      place();
      cached = made(arith::ConstantIndexOp::create(b, loc, number));
    }
    return cached;
  };
  auto symbolValue = [&](const std::string &name) -> Value {
    Value &cached = indices[name];
    if (cached)
      return cached;
    // a<i> is index argument i, a<i>_<j> axis j of argument i.
    StringRef rest(name);
    unsigned arg = 0, axis = 0;
    if (!rest.consume_front("a") || rest.consumeInteger(10, arg) ||
        arg >= kernel.getNumArguments())
      return Value();
    Value tensor = arguments.lookup(kernel.getArgument(arg));
    if (rest.empty())
      return cached = isa<IndexType>(tensor.getType()) ? tensor : Value();
    if (!rest.consume_front("_") || rest.consumeInteger(10, axis) || !rest.empty())
      return Value();
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    if (!type || axis >= type.getRank())
      return Value();
    Value position = constant(axis);
    place();
    return indices[name] =
               made(tensor::DimOp::create(b, loc, tensor, position));
  };

  auto atomValue = [&](const DimAtom &atom) -> Value {
    if (atom.kind == DimAtom::Kind::kSymbol)
      return symbolValue(atom.symbol);
    // Such a size is an index argument of the kernel (OutlineKernels).
    if (atom.kind == DimAtom::Kind::kCeilSqrt)
      return Value();
    // Nesting is bounded (kMaxDimDepth).
    Value result;
    for (const Dim &arg : atom.args) {
      Value next = index(arg);
      if (!result) {
        result = next;
        continue;
      }
      Value first = result;
      place();
      switch (atom.kind) {
      case DimAtom::Kind::kFloorDiv:
      case DimAtom::Kind::kMod:
        result = made(arith::FloorDivSIOp::create(b, loc, first, next));
        break;
      case DimAtom::Kind::kCeilDiv:
        result = made(arith::CeilDivSIOp::create(b, loc, first, next));
        break;
      case DimAtom::Kind::kMin:
        result = made(arith::MinSIOp::create(b, loc, first, next));
        break;
      case DimAtom::Kind::kMax:
        result = made(arith::MaxSIOp::create(b, loc, first, next));
        break;
      case DimAtom::Kind::kOpaqueAdd:
        result = made(arith::AddIOp::create(b, loc, first, next));
        break;
      case DimAtom::Kind::kOpaqueMul:
        result = made(arith::MulIOp::create(b, loc, first, next));
        break;
      case DimAtom::Kind::kSymbol:
      case DimAtom::Kind::kCeilSqrt:
        break;
      }
      if (atom.kind == DimAtom::Kind::kMod) {
        // The remainder that goes with rounding down.
        Value whole = made(arith::MulIOp::create(b, loc, result, next));
        result = made(arith::SubIOp::create(b, loc, first, whole));
      }
    }
    return result;
  };

  const Dim::Node &node = dim.node();
  Value sum;
  auto combine = [&](Value term, bool subtract) {
    if (!sum)
      sum = term;
    else {
      place();
      sum = subtract
                ? made(arith::SubIOp::create(b, loc, sum, term))
                : made(arith::AddIOp::create(b, loc, sum, term));
    }
  };
  if (node.constant != 0 || node.terms.empty())
    sum = constant(node.constant);
  for (const DimTerm &term : node.terms) {
    Value product;
    int64_t coefficient = term.coefficient;
    bool subtract = sum && coefficient < 0;
    if (subtract)
      coefficient = -coefficient;
    if (coefficient != 1)
      product = constant(coefficient);
    for (const auto &factor : term.factors) {
      Value atom = atomValue(*factor);
      if (!atom) {
        badDim = dim.ToString();
        return constant(0);
      }
      if (product) {
        place();
        product = made(arith::MulIOp::create(b, loc, product, atom));
      } else {
        product = atom;
      }
    }
    combine(product, subtract);
  }
  return indices[dim.ToString()] = sum;
}

OpFoldResult KernelLowering::indexOrConstant(const Dim &dim) {
  if (dim.is_static())
    return b.getIndexAttr(dim.value());
  return index(dim);
}

Value KernelLowering::emptyTensor(ArrayRef<Dim> shape, Type element) {
  SmallVector<int64_t> extents;
  SmallVector<Value> sizes;
  for (const Dim &dim : shape) {
    extents.push_back(dim.is_static() ? dim.value() : ShapedType::kDynamic);
    if (!dim.is_static())
      sizes.push_back(index(dim));
  }
  return tensor::EmptyOp::create(b, kernel.getLoc(),
                                 RankedTensorType::get(extents, element), sizes);
}

Value KernelLowering::fill(TypedAttr value, Value tensor) {
  Value scalar = arith::ConstantOp::create(b, kernel.getLoc(), value);
  return linalg::FillOp::create(b, kernel.getLoc(), scalar, tensor).getResult(0);
}

//===----------------------------------------------------------------------===//
// The kernel's ops
//===----------------------------------------------------------------------===//

/// Does `op` compute (against views and what is made from nothing)?
bool KernelLowering::isComputed(Operation *op) const {
  if (!op)
    return false;
  OpRole role = getRole(op);
  return role != OpRole::View && role != OpRole::Leaf && role != OpRole::Operand;
}

Access KernelLowering::resolve(Value value) const {
  return resolveViews(value, [](Operation *) { return false; });
}

} // namespace oriel
