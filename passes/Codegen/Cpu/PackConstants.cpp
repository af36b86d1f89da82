//===- PackConstants.cpp - constant operands of products, packed once -----===//

#include "passes/Codegen/Cpu/PackConstants.h"

#include "passes/Codegen/Cpu/MatMul.h"
#include "passes/Codegen/Cpu/MatMulDots.h"
#include "passes/Codegen/Cpu/MatMulLanes.h"

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Fusion/Passes.h"
#include "passes/Planning/Planner.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace oriel {
namespace {

/// Fewer rows of the result than these read an operand as it lies (one is a
/// vector's product); a left operand that needs no cast lies well for as many
/// columns as its tiles would read it for anyway.
constexpr int64_t kFewestRows = 2, kFewestColumns = 193;
/// Panels take at most so many times the bytes of their operand, all together.
constexpr uint64_t kMostBytes = 2;

/// The one operand of a product that a kernel is to pack.
struct Packing {
  unsigned number = 0; // of the product's argument, and of its dispatches' operand
  bool isB = false;
  std::string refusal; // or why not; then the rest is not set
  Value source;        // in the program's own body
  ModuleOp kernel;     // that packs it
  RankedTensorType type, kernelType; // of the panels, in the graph and in kernels
};

/// Bytes of a static tensor.
uint64_t bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  uint64_t bytes = (tensor.getElementTypeBitWidth() + 7) / 8;
  for (int64_t extent : tensor.getShape())
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, extent);
  return bytes;
}

struct PackConstantsPass : PassWrapper<PackConstantsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PackConstantsPass)

  PackConstantsPass() = default;
  PackConstantsPass(const PackConstantsPass &other) : PassWrapper(other) {
    explain = other.explain.getValue();
  }
  explicit PackConstantsPass(bool explains) { explain = explains; }

  StringRef getArgument() const final { return "oriel-pack-constants"; }
  StringRef getDescription() const final {
    return "Have constant operands of products packed once, by kernels of their own";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<func::FuncDialect, linalg::LinalgDialect, ir::OrielDialect>();
  }

  void runOnOperation() final;

private:
  LogicalResult visit(ModuleOp module);
  Packing decide(ir::DispatchOp dispatch, func::FuncOp kernel, const MatMulSpec &spec,
                 const MatMulBlocks &blocks, bool isB);
  Value keptSource(Value value);
  bool isMadeOfConstants(Value value);
  uint64_t constantBytes(Value value);
  ModuleOp packKernel(func::FuncOp product, const MatMulSpec &spec, const MatMulBlocks &blocks,
                      const Packing &packing);
  Value panelsOf(const Packing &packing, ir::DispatchOp product, unsigned ordinal);
  void give(ModuleOp module, ArrayRef<ir::DispatchOp> calls, ArrayRef<Packing> chosen,
            ArrayRef<SmallVector<Value>> panels);
  std::string labelOf(NodeId node, StringRef otherwise);

  Option<bool> explain{*this, "explain",
                       llvm::cl::desc("a remark: what is decided of each product's operands"),
                       llvm::cl::init(false)};

  func::FuncOp main;
  std::optional<ir::NodeTableBuilder> nodes;
  std::optional<SymbolTable> symbols;
  llvm::DenseMap<StringAttr, SmallVector<ir::DispatchOp>> dispatches;
  llvm::StringMap<ModuleOp> known;                          // kernels that pack, by text
  llvm::DenseMap<Attribute, Value> constants;               // in the program's own body
  llvm::DenseMap<std::pair<Value, Operation *>, Value> packed; // by source and kernel
  llvm::DenseMap<Value, uint64_t> bytesKept;                // of a source's panels
  std::vector<std::string> remarks, explanation;
};

void PackConstantsPass::runOnOperation() {
  ModuleOp root = getOperation();
  main = nullptr;
  for (func::FuncOp function : root.getOps<func::FuncOp>())
    if (!function.isExternal() && function.isPublic())
      main = function;
  if (!main || !root->hasAttr(ir::kTargetAttr))
    return;
  nodes.emplace(root);
  symbols.emplace(root);
  dispatches.clear();
  known.clear();
  constants.clear();
  packed.clear();
  bytesKept.clear();
  remarks.clear();
  explanation.clear();
  main.walk([&](ir::DispatchOp dispatch) {
    dispatches[dispatch.getKernel().getRootReference()].push_back(dispatch);
  });
  for (ModuleOp module : llvm::to_vector(root.getOps<ModuleOp>()))
    if (failed(visit(module)))
      return signalPassFailure();
  nodes->write();
  if (explain) {
    std::string text;
    for (const std::string &line : explanation)
      text += "\n  " + line;
    mlir::emitRemark(UnknownLoc::get(&getContext()))
        << "constant operands" << (text.empty() ? ": no products" : "") << text;
  }
  if (remarks.empty())
    return;
  Builder b(&getContext());
  SmallVector<Attribute> lines;
  if (auto before = root->getAttrOfType<ArrayAttr>(kRemarksAttr))
    lines.append(before.begin(), before.end());
  for (const std::string &remark : remarks)
    lines.push_back(b.getStringAttr(remark));
  root->setAttr(kRemarksAttr, b.getArrayAttr(lines));
}

std::string PackConstantsPass::labelOf(NodeId node, StringRef otherwise) {
  const NodeInfo *info = nodes->table().Find(node);
  if (!info)
    return otherwise.str();
  std::string text = info->name.empty() ? info->op : "'" + info->name + "'";
  std::string where = info->Where();
  return where.empty() ? text : text + " (" + where + ")";
}

/// One kernel: what its dispatches decide alike is done to it, or to copies of it.
LogicalResult PackConstantsPass::visit(ModuleOp module) {
  auto functions = module.getOps<func::FuncOp>();
  if (!llvm::hasSingleElement(functions))
    return success();
  func::FuncOp kernel = *functions.begin();
  auto name = kernel->getAttrOfType<StringAttr>(kClassAttr);
  const SmallVector<ir::DispatchOp> calls = dispatches.lookup(module.getSymNameAttr());
  if (!name || name.getValue() != "MatMul" || calls.empty())
    return success();
  FailureOr<KernelSignature> signature = KernelSignature::get(kernel);
  if (failed(signature))
    return failure();
  FailureOr<MatMulSpec> spec = matchMatMul(*signature);
  if (failed(spec))
    return failure();
  auto target = getOperation()->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
  const MatMulBlocks blocks = fitMatMul(module, *spec, target.getVectorBits());

  // By which operands (1: the left one, 2: the right one).
  llvm::MapVector<unsigned, SmallVector<ir::DispatchOp>> groups;
  llvm::DenseMap<Operation *, SmallVector<Packing, 2>> chosen;
  for (ir::DispatchOp call : calls) {
    unsigned which = 0;
    for (bool isB : {false, true}) {
      Packing packing = decide(call, kernel, *spec, blocks, isB);
      const SmallVector<int64_t> ids = spec->ordinal < call.getNodeLists().size()
                                           ? call.getNodeLists()[spec->ordinal]
                                           : SmallVector<int64_t>();
      const std::string product =
          labelOf(ids.empty() ? ir::getNodeId(call.getOperation()) : ids.front(), "matmul");
      std::string line = product + ": its " + (isB ? "right" : "left") + " operand ";
      Value operand = packing.source;
      if (!operand && packing.number < call.getInputs().size())
        operand = call.getInputs()[packing.number];
      line += labelOf(operand ? ir::getNodeId(operand) : kNoNode, "");
      if (packing.refusal.empty()) {
        line += " is packed once and kept: " + std::to_string(bytesOf(packing.type)) + " bytes";
        which |= isB ? 2 : 1;
        remarks.push_back(line);
      } else {
        line += " is not packed once: " + packing.refusal;
        if (operand && isMadeOfConstants(operand) && packing.refusal != "a vector multiplies it")
          remarks.push_back(line);
      }
      explanation.push_back(line);
      if (packing.refusal.empty())
        chosen[call].push_back(packing);
    }
    groups[which].push_back(call);
  }
  for (auto &[which, group] : groups) {
    if (which == 0)
      continue;
    SmallVector<SmallVector<Value>> panels;
    for (ir::DispatchOp call : group) {
      panels.emplace_back();
      for (const Packing &packing : chosen[call])
        panels.back().push_back(panelsOf(packing, call, spec->ordinal));
    }
    ModuleOp own = module;
    if (groups.size() > 1) {
      own = module.clone();
      getOperation().getBody()->push_back(own);
      symbols->insert(own); // which gives it a name of its own
      (*own.getOps<func::FuncOp>().begin()).setName(*own.getSymName());
    }
    give(own, group, chosen[group.front()], panels);
  }
  if (groups.size() > 1 && !groups.contains(0))
    symbols->erase(module);
  return success();
}

/// The value in the program's own body that `value` is there: itself, or its
/// constant made again. Null: it is none of them.
Value PackConstantsPass::keptSource(Value value) {
  Block &body = main.getBody().front();
  if (auto constant = value.getDefiningOp<ir::ConstantOp>()) {
    // First of all, so that every product that reads it comes later.
    Value &known = constants[constant.getValue()];
    if (known)
      return known;
    OpBuilder b = OpBuilder::atBlockBegin(&body);
    return known = b.clone(*constant)->getResult(0);
  }
  return value.getParentBlock() == &body && value.getDefiningOp() ? value : Value();
}

/// Does planning keep it (Planner::canKeep), once its kernel asks?
bool PackConstantsPass::isMadeOfConstants(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !cast<RankedTensorType>(value.getType()).hasStaticShape())
    return false;
  if (isa<ir::ConstantOp>(op))
    return true;
  if (auto reshape = dyn_cast<ir::ReshapeOp>(op))
    return isMadeOfConstants(reshape.getX());
  auto dispatch = dyn_cast<ir::DispatchOp>(op);
  if (!dispatch || dispatch->getBlock() != &main.getBody().front() ||
      dispatch.getNumResults() != 1 || dispatch.getInputs().empty() || !dispatch.getDims().isStatic())
    return false;
  auto kernel = symbols->lookup<ModuleOp>(dispatch.getKernel().getRootReference());
  // One that checks indices may fail, a library's is not worth looking into.
  if (!kernel || kernel.walk([](Operation *inner) {
        return isa<ir::CheckIndexOp, ir::SortOp, ir::ArgSortOp, ir::ScatterOp>(inner)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      }).wasInterrupted())
    return false;
  // An output belongs to the caller, a state's value to the state.
  if (llvm::any_of(value.getUsers(), [](Operation *user) {
        return isa<func::ReturnOp, ir::StateUpdateOp, ir::ReshapeOp, ir::YieldOp>(user);
      }))
    return false;
  return llvm::all_of(dispatch.getInputs(), [&](Value input) {
    return input.getDefiningOp<ir::ConstantOp>() != nullptr;
  });
}

/// Of the constants that it is made of.
uint64_t PackConstantsPass::constantBytes(Value value) {
  if (auto dispatch = value.getDefiningOp<ir::DispatchOp>()) {
    uint64_t sum = 0;
    for (Value input : dispatch.getInputs())
      sum = llvm::SaturatingAdd(sum, bytesOf(input.getType()));
    return sum;
  }
  return bytesOf(value.getType());
}

Packing PackConstantsPass::decide(ir::DispatchOp dispatch, func::FuncOp kernel,
                                  const MatMulSpec &spec, const MatMulBlocks &blocks,
                                  bool isB) {
  const MatMulAccess &operand = isB ? spec.b : spec.a, &other = isB ? spec.a : spec.b;
  Packing packing;
  packing.isB = isB;
  packing.number = operand.arg->number;
  auto refuse = [&](std::string why) {
    packing.refusal = std::move(why);
    return packing;
  };
  if (packing.number >= dispatch.getInputs().size() ||
      other.arg->number >= dispatch.getInputs().size())
    return refuse("it is no operand of the kernel's call");
  Value source = dispatch.getInputs()[packing.number];
  if (!isMadeOfConstants(source))
    return refuse("it is no constant");
  if (operand.isMade())
    return refuse("it is made of several tensors as it is read");
  if (!other.isMade() && isMadeOfConstants(dispatch.getInputs()[other.arg->number]))
    return refuse("the product is of constants alone");
  // Extents that the kernel does not know, this call may.
  std::map<std::string, Dim> local;
  for (auto [i, input] : llvm::enumerate(dispatch.getInputs())) {
    auto type = cast<RankedTensorType>(input.getType());
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (!type.isDynamicDim(axis))
        local["a" + std::to_string(i) + "_" + std::to_string(axis)] = Dim(type.getDimSize(axis));
  }
  if (isSummedInLanes(spec))
    return refuse("a vector multiplies it");
  Dim lines = (isB ? spec.m : spec.n).Substitute(local);
  if (spec.m.Substitute(local) == Dim(1) || spec.n.Substitute(local) == Dim(1))
    return refuse("a vector multiplies it");
  MatMulPanels panels(kernel->getParentOp(), spec, blocks, isB);
  bool liesWell = !isB && operand.arg->elementType == spec.accumulator && operand.casts.empty();
  int64_t fewest = liesWell ? kFewestColumns : kFewestRows;
  if (lines.is_static() && lines.value() < fewest)
    return refuse(std::to_string(lines.value()) + (isB ? " rows" : " columns") +
                  " of the result read it, fewer than " + std::to_string(fewest));
  linalg::LinalgOp contraction = spec.contraction;
  Value tensor = kernel.getArgument(packing.number);
  SmallVector<Value> read = contraction.getDpsInputs();
  unsigned which = llvm::find(read, tensor) - read.begin();
  if (which == read.size() || llvm::count(read, tensor) != 1)
    return refuse("it is read through a reshape, or twice");

  // The panels' type: (matrices..., panel, k, line).
  auto type = cast<RankedTensorType>(source.getType());
  AffineMap map = contraction.getMatchingIndexingMap(contraction.getDpsInputOperand(which));
  unsigned batches = spec.batch.size();
  SmallVector<int64_t> shape;
  int64_t count = 1, depth = 1;
  for (unsigned d = 0; d < batches; ++d)
    for (auto [axis, expr] : llvm::enumerate(map.getResults()))
      if (expr == getAffineDimExpr(d, &getContext()))
        shape.push_back(type.getDimSize(axis));
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (expr == getAffineDimExpr(isB ? batches + 1 : batches, &getContext()))
      count = type.getDimSize(axis);
    if (expr == getAffineDimExpr(batches + 2, &getContext()))
      depth = type.getDimSize(axis);
  }
  if (panels.isDots)
    depth = llvm::divideCeil(depth, MatMulDots::kGroup) + 1;
  int64_t panelLines = isB ? blocks.nr : blocks.mr;
  shape.append({static_cast<int64_t>(llvm::divideCeil(count, panelLines)), depth, panels.width});
  Type element = panels.element;
  if (element == operand.arg->elementType)
    element = type.getElementType(); // its sign is the graph's business
  packing.type = RankedTensorType::get(shape, element);
  packing.kernelType = RankedTensorType::get(shape, panels.element);
  packing.source = keptSource(source);
  if (!packing.source)
    return refuse("it is made in a body");
  packing.kernel = packKernel(kernel, spec, blocks, packing);
  const uint64_t bytes = bytesOf(packing.type), from = constantBytes(packing.source);
  if (packed.contains({packing.source, packing.kernel}))
    return packing;
  uint64_t &kept = bytesKept[packing.source];
  if (bytes == 0 || llvm::SaturatingAdd(kept, bytes) / kMostBytes > from)
    return refuse("panels of " + std::to_string(bytes) + " bytes are more than " +
                  std::to_string(kMostBytes) + " times the constant's " + std::to_string(from));
  kept += bytes;
  packed[{packing.source, packing.kernel}] = Value();
  return packing;
}

/// The kernel that packs such an operand, for any extents.
ModuleOp PackConstantsPass::packKernel(func::FuncOp product, const MatMulSpec &spec,
                                       const MatMulBlocks &blocks, const Packing &packing) {
  MLIRContext *context = &getContext();
  BlockArgument operand = product.getArgument(packing.number);
  linalg::LinalgOp contraction = spec.contraction;
  SmallVector<Value> read = contraction.getDpsInputs();
  unsigned which = llvm::find(read, Value(operand)) - read.begin();
  OpOperand *use = contraction.getDpsInputOperand(which);
  AffineMap map = contraction.getMatchingIndexingMap(use);
  unsigned batches = spec.batch.size();
  const MatMulAccess &access = packing.isB ? spec.b : spec.a;

  // Its loops: the batch's that it has, k, its lines.
  SmallVector<unsigned> batchLoops;
  for (unsigned d = 0; d < batches; ++d)
    if (llvm::is_contained(map.getResults(), getAffineDimExpr(d, context)))
      batchLoops.push_back(d);
  unsigned loops = batchLoops.size() + 2, kLoop = loops - 2, lineLoop = loops - 1;
  SmallVector<AffineExpr> from, to;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim) {
      from.push_back(expr);
      continue;
    }
    unsigned at = dim.getPosition();
    unsigned loop = at == batches + 2 ? kLoop
                    : at >= batches   ? lineLoop
                                      : llvm::find(batchLoops, at) - batchLoops.begin();
    from.push_back(getAffineDimExpr(loop, context));
  }
  AffineExpr line = getAffineDimExpr(lineLoop, context);
  int64_t width = packing.kernelType.getShape().back();
  for (unsigned b = 0; b < batchLoops.size(); ++b)
    to.push_back(getAffineDimExpr(b, context));
  AffineExpr k = getAffineDimExpr(kLoop, context);
  const MatMulPanels panels(product->getParentOp(), spec, blocks, packing.isB);
  constexpr int64_t group = MatMulDots::kGroup;
  if (panels.isDots)
    to.append({line.floorDiv(width / group), k.floorDiv(group) + 1,
               (line % (width / group)) * group + k % group});
  else
    to.append({line.floorDiv(width), k, line % width});

  // Extents stay unknown, but those of 1, so that layers share the kernel.
  auto open = [](RankedTensorType type, bool keepsLast) {
    SmallVector<int64_t> shape(type.getShape());
    for (size_t axis = 0; axis + (keepsLast ? 1 : 0) < shape.size(); ++axis)
      shape[axis] = ShapedType::kDynamic;
    return RankedTensorType::get(shape, type.getElementType());
  };
  auto source = cast<RankedTensorType>(operand.getType());
  SmallVector<int64_t> shape;
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    shape.push_back(isa<AffineDimExpr>(expr) ? ShapedType::kDynamic : source.getDimSize(axis));
  source = RankedTensorType::get(shape, source.getElementType());
  RankedTensorType result = open(packing.kernelType, true);

  OpBuilder b(context);
  Location loc = ir::getKernelLoc(context, LineOf(0, LineRole::kLoad));
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc, "pack");
  b.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(b, loc, "pack", b.getFunctionType({source, result}, {result}));
  function->setAttr(kClassAttr, b.getStringAttr("Pack"));
  function.setArgAttr(1, "oriel.output", b.getUnitAttr());
  Block *entry = function.addEntryBlock();
  for (BlockArgument argument : entry->getArguments())
    argument.setLoc(loc);
  b.setInsertionPointToEnd(entry);
  SmallVector<utils::IteratorType> iterators(loops, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{result}, ValueRange{entry->getArgument(0)},
      ValueRange{entry->getArgument(1)},
      ArrayRef<AffineMap>{AffineMap::get(loops, 0, from, context),
                          AffineMap::get(loops, 0, to, context)},
      iterators, [&](OpBuilder &body, Location, ValueRange args) {
        Value x = args[0];
        if (!panels.widens) {
          for (Operation *cast : access.casts) {
            IRMapping mapping;
            for (Value operand : cast->getOperands()) {
              Operation *def = operand.getDefiningOp();
              if (def && def->hasTrait<OpTrait::ConstantLike>()) {
                Operation *number = body.clone(*def);
                number->setLoc(loc);
                mapping.map(operand, number->getResult(0));
              } else {
                mapping.map(operand, x);
              }
            }
            Operation *clone = body.clone(*cast, mapping);
            clone->setLoc(loc);
            x = clone->getResult(0);
          }
          Type accumulator = spec.accumulator;
          if (x.getType() != accumulator)
            x = isa<FloatType>(accumulator)
                    ? arith::ExtFOp::create(body, loc, accumulator, x).getResult()
                    : arith::ExtUIOp::create(body, loc, accumulator, x).getResult();
        }
        linalg::YieldOp::create(body, loc, x);
      });
  generic->setAttr(kPackAttr, b.getI64IntegerAttr(blocks.lanes));
  if (panels.isDots)
    generic->setAttr(kDotsAttr, b.getI64IntegerAttr(
                                    getMatMulDots(product->getParentOp(), spec, blocks)->factor()));
  func::ReturnOp::create(b, loc, generic.getResults());

  std::string text;
  llvm::raw_string_ostream stream(text);
  function->print(stream, OpPrintingFlags().useLocalScope());
  ModuleOp &made = known[text];
  if (made)
    return made;
  made = module.release();
  made->setAttr(kClassAttr, b.getStringAttr("Pack"));
  made->setAttr(kOnceAttr, b.getUnitAttr());
  if (Attribute target = getOperation()->getAttr(ir::kTargetAttr))
    made->setAttr(ir::kTargetAttr, target);
  getOperation().getBody()->push_back(made);
  symbols->insert(made);
  function.setName(*made.getSymName());
  return made;
}

/// The panels, made right after what they are made of.
Value PackConstantsPass::panelsOf(const Packing &packing, ir::DispatchOp product,
                                  unsigned ordinal) {
  Value &panels = packed[{packing.source, packing.kernel}];
  if (panels)
    return panels;
  MLIRContext *context = &getContext();
  // Its kernel must ask to be kept, whatever else is.
  if (auto dispatch = packing.source.getDefiningOp<ir::DispatchOp>())
    symbols->lookup(dispatch.getKernel().getRootReference())
        ->setAttr(kOnceAttr, UnitAttr::get(context));
  OpBuilder b(context);
  b.setInsertionPointAfterValue(packing.source);
  auto lists = product.getNodeLists();
  NodeId node = ordinal < lists.size() && !lists[ordinal].empty()
                    ? lists[ordinal].front()
                    : ir::getNodeId(product.getOperation());
  NodeId source = ir::getNodeId(packing.source);
  Location loc = nodes->derive({node, source}, "pack", "pack");
  NodeId own = ir::getNodeId(loc);
  if (const NodeInfo *info = nodes->table().Find(source); info && !info->name.empty())
    nodes->table().Find(own)->name = info->name + " packed";
  ModuleOp kernel = packing.kernel;
  StringAttr symbol = kernel.getSymNameAttr();
  auto dispatch = ir::DispatchOp::create(
      b, loc, TypeRange{packing.type}, ValueRange{packing.source},
      SymbolRefAttr::get(symbol, FlatSymbolRefAttr::get(symbol)),
      ir::DimsAttr::get(context, Dims()), b.getArrayAttr({b.getDenseI64ArrayAttr({own})}));
  Dims dims(packing.type.getShape().begin(), packing.type.getShape().end());
  dispatch->setAttr(kResultDimsAttr, b.getArrayAttr({ir::DimsAttr::get(context, dims)}));
  dispatch->setAttr(kResultNodesAttr, b.getDenseI64ArrayAttr({own}));
  SmallVector<Attribute> types;
  for (Type type : (*kernel.getOps<func::FuncOp>().begin()).getArgumentTypes())
    types.push_back(TypeAttr::get(type));
  dispatch->setAttr(kKernelTypesAttr, b.getArrayAttr(types));
  return panels = dispatch.getResult(0);
}

/// The kernel `module` takes the panels after its other tensors, and so do its
/// calls.
void PackConstantsPass::give(ModuleOp module, ArrayRef<ir::DispatchOp> calls,
                             ArrayRef<Packing> chosen, ArrayRef<SmallVector<Value>> panels) {
  MLIRContext *context = &getContext();
  func::FuncOp kernel = *module.getOps<func::FuncOp>().begin();
  StringAttr name = module.getSymNameAttr();
  ir::DispatchOp first = calls.front();
  unsigned inputs = first.getInputs().size();
  for (auto [n, packing] : llvm::enumerate(chosen)) {
    // One extent for all, or none.
    bool isOne = llvm::all_of(panels, [&, n = n](ArrayRef<Value> each) {
      return each[n].getType() == panels.front()[n].getType();
    });
    SmallVector<int64_t> shape(packing.kernelType.getShape());
    for (int64_t &extent : MutableArrayRef<int64_t>(shape).drop_back())
      extent = isOne ? extent : ShapedType::kDynamic;
    auto type = RankedTensorType::get(shape, packing.kernelType.getElementType());
    auto attributes = DictionaryAttr::get(
        context, NamedAttribute(StringAttr::get(context, kPanelsAttr),
                                IntegerAttr::get(IntegerType::get(context, 64), packing.number)));
    (void)kernel.insertArgument(inputs + n, type, attributes,
                                ir::getKernelLoc(context, LineOf(0, LineRole::kLoad)));
  }
  for (auto [call, values] : llvm::zip_equal(calls, panels)) {
    ir::DispatchOp dispatch = call;
    SmallVector<Attribute> types;
    auto given = dispatch->getAttrOfType<ArrayAttr>(kKernelTypesAttr);
    for (unsigned k = 0; k < inputs; ++k)
      types.push_back(given ? given[k] : TypeAttr::get(dispatch.getInputs()[k].getType()));
    for (unsigned n = 0; n < values.size(); ++n)
      types.push_back(TypeAttr::get(kernel.getArgumentTypes()[inputs + n]));
    for (auto [k, type] : llvm::enumerate(dispatch.getResultTypes()))
      types.push_back(given ? given[inputs + k] : TypeAttr::get(type));
    dispatch.getInputsMutable().append(values);
    dispatch->setAttr(kKernelTypesAttr, ArrayAttr::get(context, types));
    dispatch.setKernelAttr(SymbolRefAttr::get(name, FlatSymbolRefAttr::get(name)));
  }
}

} // namespace

std::unique_ptr<Pass> createPackConstantsPass(bool explain) {
  return std::make_unique<PackConstantsPass>(explain);
}

void registerPackConstantsPass() { PassRegistration<PackConstantsPass>(); }

} // namespace oriel
