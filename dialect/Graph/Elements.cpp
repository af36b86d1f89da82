//===- Elements.cpp - Constant attributes as tensors ----------------------===//

#include "dialect/Graph/Elements.h"
#include "dialect/Graph/Infer.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "runtime/ops/reference.h"

using namespace mlir;
using namespace oriel::ir;

std::optional<oriel::Tensor> oriel::ir::getTensor(ElementsAttr elements) {
  auto type = dyn_cast<RankedTensorType>(elements.getType());
  std::optional<DType> dtype =
      type ? getDType(type.getElementType()) : std::nullopt;
  if (!dtype)
    return std::nullopt;
  auto tensor = Tensor::Empty(Extents(type.getShape()), *dtype);
  if (!tensor.ok())
    return std::nullopt;
  char *out = static_cast<char *>(tensor->raw());
  size_t size = SizeOf(*dtype);

  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || blob->getData().size() != tensor->bytes())
      return std::nullopt;
    llvm::copy(blob->getData(), out);
    return *tensor;
  }
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!dense)
    return std::nullopt;
  // How truth values are packed is MLIR's affair.
  if (*dtype == DType::boolean) {
    for (bool value : dense.getValues<bool>())
      *out++ = value;
    return *tensor;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat()) {
    llvm::copy(raw, out);
    return *tensor;
  }
  for (int64_t i = 0, n = tensor->size(); i < n; ++i)
    out = llvm::copy(raw.take_front(size), out);
  return *tensor;
}

ElementsAttr oriel::ir::getElements(MLIRContext *context,
                                    const oriel::Tensor &value,
                                    StringRef name) {
  Tensor tensor = value.Contiguous();
  auto type = RankedTensorType::get(tensor.shape(),
                                    getElementType(context, tensor.dtype()));
  ArrayRef<char> bytes(static_cast<const char *>(tensor.raw()), tensor.bytes());
  size_t size = SizeOf(tensor.dtype());
  // Each element equals the next.
  bool isSplat =
      bytes.size() > size && bytes.drop_front(size) == bytes.drop_back(size);
  if (isSplat)
    bytes = bytes.take_front(size);
  if (bytes.size() > 1024)
    return DenseResourceElementsAttr::get(
        type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
  if (tensor.dtype() == DType::boolean) {
    SmallVector<bool> values(bytes.begin(), bytes.end());
    return DenseElementsAttr::get(type, values);
  }
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

/// Ops whose compiled result may differ in bits from the reference kernel's: a
/// value known only because a dim is static must not change with that.
static bool isRoundedByCode(oriel::OpKind kind, Type element) {
  if (!isa<FloatType>(element))
    return false;
  switch (kind) {
  case oriel::OpKind::kExp:
  case oriel::OpKind::kExpm1:
  case oriel::OpKind::kLog:
  case oriel::OpKind::kLog1p:
  case oriel::OpKind::kRsqrt:
  case oriel::OpKind::kTanh:
  case oriel::OpKind::kSigmoid:
  case oriel::OpKind::kErf:
  case oriel::OpKind::kSin:
  case oriel::OpKind::kCos:
  case oriel::OpKind::kPow:
  case oriel::OpKind::kReduce:
  case oriel::OpKind::kMatMul:
    return true;
  default:
    return false;
  }
}

OpFoldResult oriel::ir::foldInferred(Operation *op,
                                     ArrayRef<Attribute> operands) {
  // Larger results are data, cheaper to compute than to carry about.
  constexpr int64_t kMaxResult = 1024, kMaxOperand = 16384;
  if (operands.empty() || op->getNumResults() != 1)
    return {};
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (!type.hasStaticShape() || type.getNumElements() > kMaxResult ||
      type.getEncoding() ||
      isRoundedByCode(*getOpKind(op), type.getElementType()))
    return {};
  std::vector<Tensor> tensors;
  for (Attribute operand : operands) {
    auto elements = dyn_cast_or_null<ElementsAttr>(operand);
    if (!elements || elements.getNumElements() > kMaxOperand)
      return {};
    std::optional<Tensor> tensor = getTensor(elements);
    if (!tensor)
      return {};
    tensors.push_back(std::move(*tensor));
  }
  auto result = EvaluateOp(*getOpKind(op), getAttrs(op), tensors, {});
  // What cannot be evaluated, an index out of range say, fails at run time.
  if (!result.ok() || result->size() != 1)
    return {};
  ElementsAttr folded = getElements(op->getContext(), result->front());
  if (folded.getType() != type)
    return {};
  return folded;
}
