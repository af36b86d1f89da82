//===- KernelSignature.cpp - the lowered function's signature -------------===//

#include "passes/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace oriel {

unsigned getOrdinal(Location loc) {
  unsigned line = 0;
  loc->walk([&](Location l) {
    if (auto file = dyn_cast<FileLineColLoc>(l)) {
      line = file.getLine();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return line / 8;
}

Location getLineLoc(MLIRContext *context, unsigned ordinal, LineRole role) {
  return FileLineColLoc::get(context, "kernel", LineOf(ordinal, role), 0);
}

Type getStorageType(Type elementType) {
  if (elementType.isInteger(1))
    return IntegerType::get(elementType.getContext(), 8);
  if (elementType.isIndex())
    return IntegerType::get(elementType.getContext(), 64);
  return elementType;
}

int64_t getStorageBytes(Type elementType) {
  return getStorageType(elementType).getIntOrFloatBitWidth() / 8;
}

static bool isKernelElementType(Type type) {
  if (isa<Float64Type, Float32Type, Float16Type, BFloat16Type>(type))
    return true;
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.isSignless() &&
         llvm::is_contained({1u, 8u, 16u, 32u, 64u}, integer.getWidth());
}

FailureOr<KernelSignature> KernelSignature::get(func::FuncOp lowered) {
  KernelSignature result;
  result.function = lowered;
  unsigned word = kArgFirst;
  for (BlockArgument value : lowered.getArguments()) {
    KernelArg arg;
    arg.number = value.getArgNumber();
    arg.value = value;
    arg.word = word++;
    arg.isOutput =
        static_cast<bool>(lowered.getArgAttr(arg.number, "oriel.output"));
    std::string name = "a" + std::to_string(arg.number);
    if (auto type = dyn_cast<RankedTensorType>(value.getType())) {
      if (!isKernelElementType(type.getElementType()))
        return lowered.emitError("kernel argument ")
               << arg.number << " has element type " << type.getElementType()
               << "; required: f64 f32 f16 bf16 i8 i16 i32 i64 or i1";
      arg.isTensor = true;
      arg.elementType = getStorageType(type.getElementType());
      for (auto [j, size] : llvm::enumerate(type.getShape())) {
        if (ShapedType::isDynamic(size)) {
          arg.shape.push_back(Dim::Symbol(name + "_" + std::to_string(j)));
          ++word;
        } else {
          arg.shape.push_back(Dim(size));
        }
      }
    } else if (!value.getType().isIndex() && !value.getType().isInteger(64)) {
      return lowered.emitError("kernel argument ")
             << arg.number << " has type " << value.getType()
             << "; required: a ranked tensor, index or i64";
    }
    result.args.push_back(std::move(arg));
  }
  return result;
}

const KernelArg *KernelSignature::lookup(Value value) const {
  auto arg = dyn_cast<BlockArgument>(value);
  if (!arg || arg.getOwner()->getParentOp() != func::FuncOp(function).getOperation())
    return nullptr;
  return &args[arg.getArgNumber()];
}

Dim KernelSignature::canonical(const Dim &dim) const {
  Dim result = dim;
  // A name may stand for an expression of other names: chains are short.
  for (unsigned i = 0; i < 8; ++i) {
    Dim next = result.Substitute(names);
    if (next == result)
      break;
    result = next;
  }
  return result;
}

void KernelSignature::unify(const Dim &left, const Dim &right) {
  Dim a = canonical(left), b = canonical(right);
  if (a == b)
    return;
  // The first argument's names win, so that the words read are the same ones.
  if (b.is_symbol() && !(a.is_symbol() && b.symbol() < a.symbol()))
    names[b.symbol()] = a;
  else if (a.is_symbol())
    names[a.symbol()] = b;
}

Dims KernelSignature::stridesOf(const Dims &shape) const {
  Dims strides(shape.size(), Dim(1));
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = canonical(strides[i] * shape[i]);
  return strides;
}

FailureOr<Dim> KernelSignature::dimOf(OpFoldResult value) const {
  if (auto attr = dyn_cast<Attribute>(value))
    return Dim(cast<IntegerAttr>(attr).getInt());
  return dimOf(cast<Value>(value));
}

FailureOr<Dim> KernelSignature::dimOf(Value value) const {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return Dim(constant.getSExtValue());
  if (const KernelArg *arg = lookup(value)) {
    if (arg->isTensor)
      return failure();
    return canonical(Dim::Symbol("a" + std::to_string(arg->number)));
  }
  Operation *op = value.getDefiningOp();
  if (!op)
    return failure();
  if (isa<arith::IndexCastOp>(op))
    return dimOf(op->getOperand(0));
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    const KernelArg *arg = lookup(dim.getSource());
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!arg || !index)
      return failure();
    return canonical(arg->shape[*index]);
  }
  if (op->getNumOperands() != 2)
    return failure();
  FailureOr<Dim> a = dimOf(op->getOperand(0)), b = dimOf(op->getOperand(1));
  if (failed(a) || failed(b))
    return failure();
  if (isa<arith::AddIOp>(op))
    return *a + *b;
  if (isa<arith::SubIOp>(op))
    return *a - *b;
  if (isa<arith::MulIOp>(op))
    return *a * *b;
  if (isa<arith::FloorDivSIOp>(op))
    return Dim::FloorDiv(*a, *b);
  if (isa<arith::CeilDivSIOp>(op))
    return Dim::CeilDiv(*a, *b);
  if (isa<arith::MinSIOp>(op))
    return Dim::Min(*a, *b);
  if (isa<arith::MaxSIOp>(op))
    return Dim::Max(*a, *b);
  return failure();
}

} // namespace oriel
