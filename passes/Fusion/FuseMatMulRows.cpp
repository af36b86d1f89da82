//===- FuseMatMulRows.cpp - row reductions of a product -------------------===//
//
// A matmul's kernel may reduce the rows of its result: a task is whole rows then,
// made a block at a time. What that saves is the result's way through memory;
// what it costs is that the right operand is read for each block.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

/// Rows shorter than this are taken side by side, a lane a row, in a kernel of
/// their own.
static constexpr int64_t kShortestRow = 33;
/// Tasks of a tile's rows: so many let some threads share them.
static constexpr int64_t kFewestRows = 32;

/// The matmul of a group; null when it has none.
ir::MatMulOp BlockFuser::matmulOf(const Group &group) const {
  if (group.kernelClass == KernelClass::MatMul)
    for (unsigned index : group.ops)
      if (auto matmul = dyn_cast<ir::MatMulOp>(ops[index]))
        return matmul;
  return nullptr;
}

/// Why the rows of the group's product cannot be reduced in its kernel; empty
/// when they can.
std::string BlockFuser::whyNotRows(const Group &group) const {
  ir::MatMulOp matmul = matmulOf(group);
  if (!matmul)
    return "";
  auto typeOf = [](Value value) { return cast<RankedTensorType>(value.getType()); };
  RankedTensorType type = typeOf(matmul.getResult());
  if (typeOf(matmul.getA()).getRank() < 2 || typeOf(matmul.getB()).getRank() < 2)
    return "the product with a vector has no rows";
  if (!isa<FloatType>(type.getElementType()) &&
      type.getElementType().getIntOrFloatBitWidth() < 32)
    return "products of narrow integers are summed in wider ones";
  int64_t columns = type.getShape().back(), rows = type.getShape()[type.getRank() - 2];
  if (!ShapedType::isDynamic(columns) && columns < kShortestRow)
    return "rows of " + std::to_string(columns) +
           " elements are faster side by side, in a kernel of their own";
  if (!ShapedType::isDynamic(rows) && rows < kFewestRows)
    return std::to_string(rows) + " rows are too few for threads to share";
  return "";
}

/// What reading the right operand for each block of rows takes (MatMulRows.cpp of
/// the code generator has the same blocks).
double BlockFuser::rowBlocksNs(const Group &group) const {
  ir::MatMulOp matmul = matmulOf(group);
  if (!matmul)
    return 0;
  const Dims &shape = shapeOf(matmul.getResult()), &left = shapeOf(matmul.getA());
  if (shape.size() < 2 || left.size() < 2)
    return 0;
  auto element = cast<RankedTensorType>(matmul.getResult().getType()).getElementType();
  double bytes = element.getIntOrFloatBitWidth() >= 64 ? 8 : 4;
  double n = std::max(1.0, model.extent(shape.back())), k = model.extent(left.back());
  double m = std::max(1.0, model.extent(shape[shape.size() - 2]));
  double batch = model.elements(shape) / (m * n);
  // Across memory it is packed each time, else read as it lies.
  bool isAcross = !getSource(matmul, 1).access.isIdentity();
  double cache = model.getMachine().l2Bytes;
  bool isLarge = k * n * bytes > cache;
  double most = 2 * cache / (n * bytes), fitting = isLarge ? most : most / 4;
  double height = std::clamp(fitting, std::clamp(most, 8.0, 48.0), isLarge ? 512.0 : isAcross ? 256.0 : 128.0);
  double again = batch * (std::ceil(m / height) - 1);
  double operand = k * n * bytes;
  double packing = !isAcross ? 0 : k * n * model.opNs(OpKind::kGather, bytes) / 2;
  // Beyond the second-level cache rows are read in pieces, late.
  double reading = model.moveNs(operand, operand) * (operand > model.getMachine().l2Bytes ? 2 : 1);
  return again * (reading + packing);
}

} // namespace oriel
