//===- MatMulPackKernel.cpp - panels that are packed once -----------------===//
//
// The kernel that packs an operand of a matmul for all calls: a linalg.generic
// over (matrices..., k, lines), lines being the columns of a right operand or the
// rows of a left one, that writes (matrices..., line floordiv width, k, line mod
// width). `oriel.pack` is the number of lines that are filled up with zeros.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/LoweredValues.h"
#include "passes/Codegen/Cpu/MatMul.h"
#include "passes/Codegen/Cpu/MatMulDots.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {

LogicalResult emitPackKernel(ModuleOp module, KernelSignature &signature,
                             const CpuEmitOptions &options, KernelInfo &info) {
  func::FuncOp function = signature.getFunction();
  FailureOr<Operation *> op = soleOperation(signature);
  if (failed(op))
    return failure();
  auto generic = dyn_cast<linalg::GenericOp>(*op);
  auto lanes = generic ? generic->getAttrOfType<IntegerAttr>(kPackAttr) : IntegerAttr();
  if (!lanes || generic.getNumDpsInputs() != 1 || generic.getNumDpsInits() != 1)
    return function.emitError("expected one linalg.generic with ") << kPackAttr
           << " in a kernel that packs an operand";
  const KernelArg *from = signature.lookup(generic.getDpsInputs()[0]);
  const KernelArg *to = signature.lookup(generic.getDpsInits()[0]);
  if (!from || !to || to->shape.size() != generic.getNumLoops() + 1)
    return generic.emitError("expected it to read an argument and to write panels");
  unsigned batches = generic.getNumLoops() - 2;

  // What an element goes through; a copy moves bits, whatever they mean.
  MatMulSpec spec;
  spec.ordinal = getOrdinal(generic.getLoc());
  spec.accumulator = to->elementType;
  spec.kind = isa<FloatType>(to->elementType) ? MatMulKind::kFloat : MatMulKind::kInteger;
  KernelArg source = *from;
  MatMulAccess access;
  access.arg = &source;
  for (Operation &each : generic.getBody()->without_terminator())
    if (!each.hasTrait<OpTrait::ConstantLike>())
      access.casts.push_back(&each);
  if (access.casts.empty() && from->elementType == to->elementType)
    source.elementType = spec.accumulator =
        IntegerType::get(module.getContext(), to->elementType.getIntOrFloatBitWidth());

  // Strides of the operand over the loops.
  Dims strides = signature.stridesOf(from->shape), loops(generic.getNumLoops(), Dim(0)),
       sizes(generic.getNumLoops(), Dim(1));
  AffineMap map = generic.getIndexingMapsArray()[0];
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop)
      continue;
    loops[loop.getPosition()] = strides[axis];
    sizes[loop.getPosition()] = from->shape[axis];
  }
  Dim width = to->shape.back();
  if (!width.is_static())
    return generic.emitError("expected panels of known width");
  MatMulBlocks blocks(options.vectorBits, getL2Bytes(module), spec.accumulator, spec.kind);
  blocks.lanes = lanes.getInt();
  std::string symbol = function.getSymName().str();
  auto factor = generic->getAttrOfType<IntegerAttr>(kDotsAttr);
  int64_t group = factor ? MatMulDots::kGroup : 1, lines = width.value() / group;
  func::FuncOp pack =
      factor ? emitDotPanelFunction(module, symbol + "_pack", spec.ordinal, lines, factor.getInt() > 0)
             : emitPackFunction(module, symbol + "_pack", spec, blocks, access,
                                loops.back() == Dim(1), loops[batches] == Dim(1), lines);

  EntryBuilder entry(module, signature, symbol + "_0");
  Code &code = entry.code;
  code.loc = getLineLoc(module.getContext(), spec.ordinal, LineRole::kLoop);
  Dim panels = Dim::CeilDiv(sizes.back(), Dim(lines)), k = sizes[batches];
  Dim panelSize = to->shape[batches + 1] * width;
  SmallVector<Value> counts;
  for (unsigned b = 0; b < batches; ++b)
    counts.push_back(entry.dim(sizes[b]));
  counts.push_back(entry.dim(panels));
  entry.forEachTask(counts, [&](ArrayRef<Value> at) {
    Value line = code.mul(at.back(), code.i64(lines));
    Value offset = code.mul(line, entry.dim(loops.back())), number = code.i64(0);
    for (unsigned b = 0; b < batches; ++b) {
      offset = code.add(offset, code.mul(at[b], entry.dim(loops[b])));
      number = code.mul(code.add(number, at[b]), counts[b + 1]);
    }
    number = code.add(number, at.back());
    Value place = code.mul(number, entry.dim(panelSize));
    SmallVector<Value> arguments{
        code.gep(source.elementType, entry.pointer(*from), offset),
        entry.dim(loops.back()),
        entry.dim(loops[batches]),
        code.minimum(code.i64(lines), code.sub(entry.dim(sizes.back()), line)),
        entry.dim(k),
        code.gep(spec.accumulator, entry.pointer(*to), place)};
    if (factor)
      arguments.push_back(arith::ConstantIntOp::create(code, code.loc, factor.getInt(), 32));
    func::CallOp::create(code, code.loc, pack, arguments);
  });
  entry.finish();
  info.entries = {symbol + "_0"};
  Dim all = 1;
  for (unsigned b = 0; b < batches; ++b)
    all = all * sizes[b];
  info.tasks = {all * panels};
  info.scratch = info.shared = 0;
  info.cost = Dim::FloorDiv(all * panels * panelSize, Dim(4)) + 50;
  return success();
}

} // namespace oriel
