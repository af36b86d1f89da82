//===- OutlineKernels.cpp - move each kernel into a module of its own -----===//

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Fusion/KernelRules.h"
#include "passes/Fusion/Passes.h"
#include "runtime/core/dim_node.h"
#include "runtime/engine/kernel_abi.h"
#include "llvm/ADT/StringMap.h"
#include "runtime/ops/op_call.h"

using namespace mlir;

namespace oriel {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "passes/Fusion/Passes.h.inc"

namespace {

/// Dims of the program as dims of a kernel's arguments. What no operand has
/// becomes an index argument.
class LocalDims {
public:
  LocalDims(ir::KernelOp kernel, const DimAnalysis &analysis)
      : analysis(analysis), inputs(kernel.getInputs().size()) {
    for (auto [k, input] : llvm::enumerate(kernel.getInputs())) {
      auto type = cast<RankedTensorType>(input.getType());
      Dims own;
      for (auto [axis, dim] : llvm::enumerate(analysis.getDims(input))) {
        if (!type.isDynamicDim(axis)) {
          own.push_back(Dim(type.getDimSize(axis)));
          continue;
        }
        Dim symbol = Dim::Symbol("a" + std::to_string(k) + "_" +
                                 std::to_string(axis));
        Dim known = analysis.canonical(dim);
        if (known.is_static()) {
          own.push_back(symbol);
          continue;
        }
        // Equal extents have one name: that of the first.
        auto [it, isNew] = names.try_emplace(known.ToString(), symbol);
        if (isNew && known.is_symbol())
          symbols.emplace(known.symbol(), symbol);
        own.push_back(it->second);
      }
      inputDims.push_back(std::move(own));
    }
  }

  const Dims &getInputDims(unsigned input) const { return inputDims[input]; }
  const Dims &getIndexValues() const { return values; }

  Dim get(const Dim &dim) {
    Dim known = analysis.canonical(dim);
    if (known.is_static())
      return known;
    if (auto it = names.find(known.ToString()); it != names.end())
      return it->second;
    if (isPolynomial(known)) {
      std::vector<std::string> used;
      known.CollectSymbols(&used);
      if (llvm::all_of(used, [&](const std::string &symbol) {
            return symbols.count(symbol);
          }))
        return known.Substitute(symbols);
    }
    Dim index = Dim::Symbol("a" + std::to_string(inputs + values.size()));
    values.push_back(dim);
    names.try_emplace(known.ToString(), index);
    if (known.is_symbol())
      symbols.emplace(known.symbol(), index);
    return index;
  }

private:
  static bool isPolynomial(const Dim &dim) {
    for (const DimTerm &term : dim.node().terms)
      for (const auto &factor : term.factors)
        if (factor->kind != DimAtom::Kind::kSymbol)
          return false;
    return true;
  }

  const DimAnalysis &analysis;
  unsigned inputs;
  std::vector<Dims> inputDims;
  Dims values;
  llvm::StringMap<Dim> names;             // canonical text -> local
  std::map<std::string, Dim> symbols;     // canonical symbol -> local
};

/// Kernel-local numbers of the nodes of a kernel, in order of appearance.
class Ordinals {
public:
  unsigned get(Operation *op) {
    NodeId id = ir::getNodeId(op);
    if (id != kNoNode)
      if (auto it = numbers.find(id); it != numbers.end())
        return it->second;
    unsigned number = lists.size();
    lists.push_back(id == kNoNode ? SmallVector<int64_t>{}
                                  : SmallVector<int64_t>{id});
    if (id != kNoNode)
      numbers[id] = number;
    return number;
  }
  ArrayAttr getLists(MLIRContext *context) const {
    SmallVector<Attribute> attrs;
    for (const SmallVector<int64_t> &list : lists)
      attrs.push_back(DenseI64ArrayAttr::get(context, list));
    return ArrayAttr::get(context, attrs);
  }

private:
  llvm::DenseMap<NodeId, unsigned> numbers;
  SmallVector<SmallVector<int64_t>> lists;
};

/// "max_sub_exp_sum_div": what people look for in a profile.
std::string describe(Block &body) {
  constexpr size_t maxLength = 40;
  std::string text, moved;
  for (Operation &op : body.without_terminator()) {
    OpRole role = getRole(&op);
    std::string name = op.getName().stripDialect().str();
    if (auto reduce = dyn_cast<ir::ReduceOp>(op))
      name = ir::stringifyReduceKind(reduce.getKind()).str();
    bool isMoved = role == OpRole::Leaf || role == OpRole::View || role == OpRole::Operand;
    std::string &part = isMoved ? moved : text;
    if (part.size() + name.size() + 1 > maxLength)
      continue;
    part += "_" + name;
  }
  return text.empty() ? moved : text;
}

struct OutlineKernels : impl::OutlineKernelsBase<OutlineKernels> {
  using OutlineKernelsBase::OutlineKernelsBase;

  /// Module names by the text of what they hold.
  llvm::StringMap<StringAttr> known;
  unsigned count = 0;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    known.clear();
    count = 0;
    for (func::FuncOp function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (function.isExternal())
        continue;
      FailureOr<DimAnalysis> dims = DimAnalysis::get(function);
      if (failed(dims))
        return signalPassFailure();
      dims->recordConstraints(function);
      SmallVector<ir::KernelOp> kernels;
      function.walk([&](ir::KernelOp kernel) { kernels.push_back(kernel); });
      for (ir::KernelOp kernel : kernels)
        outline(kernel, *dims, module);
    }
  }

  /// The one op of a kernel over its inputs; null when there are several.
  StringAttr describeCall(Block &body) {
    Operation &op = body.front();
    std::optional<OpKind> kind = ir::getOpKind(&op);
    if (!kind || op.getNextNode() != body.getTerminator())
      return {};
    OpCall call{*kind, ir::getAttrs(&op), {}};
    for (Value operand : op.getOperands()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      if (!argument || argument.getOwner() != &body)
        return {};
      call.operands.push_back(argument.getArgNumber());
    }
    return StringAttr::get(&getContext(), WriteOpCall(call));
  }

  void outline(ir::KernelOp kernel, DimAnalysis &analysis, ModuleOp module) {
    MLIRContext *context = &getContext();
    OpBuilder b(kernel);
    LocalDims local(kernel, analysis);
    Ordinals ordinals;
    Block &body = kernel.getBody().front();
    StringAttr call = reference ? describeCall(body) : StringAttr();

    // Dims over arguments, locations by ordinal.
    for (Operation &op : body) {
      for (NamedAttribute attr : llvm::to_vector(op.getAttrDictionary())) {
        auto given = dyn_cast<ir::DimsAttr>(attr.getValue());
        if (!given || given.isStatic())
          continue;
        Dims dims;
        for (const Dim &dim : given.getDims())
          dims.push_back(local.get(dim));
        op.setAttr(attr.getName(), ir::DimsAttr::get(context, dims));
      }
    }
    // What each result is the value of, while ops still carry node ids.
    SmallVector<int64_t> resultNodes;
    for (Value value : kernel.getYield().getValues()) {
      Operation *op = value.getDefiningOp();
      resultNodes.push_back(ir::getNodeId(op ? op : kernel.getOperation()));
    }
    unsigned last = 0;
    for (Operation &op : body.without_terminator()) {
      last = ordinals.get(&op);
      op.setLoc(ir::getKernelLoc(context, LineOf(last, LineRole::kCompute)));
    }
    Location storeLoc =
        ir::getKernelLoc(context, LineOf(last, LineRole::kStore));
    Location loopLoc = ir::getKernelLoc(context, LineOf(last, LineRole::kLoop));

    SmallVector<Type> inputTypes(kernel.getInputs().getTypes());
    inputTypes.append(local.getIndexValues().size(), b.getIndexType());
    auto type = FunctionType::get(context, inputTypes, kernel.getResultTypes());
    auto function = func::FuncOp::create(loopLoc, "kernel", type);
    function->setAttr(kKernelClassAttr, kernel.getKernelClassAttr());
    for (unsigned k = 0; k < kernel.getInputs().size(); ++k)
      function.setArgAttr(k, ir::kDimsAttr,
                          ir::DimsAttr::get(context, local.getInputDims(k)));
    Block *entry = new Block;
    function.getBody().push_back(entry);
    llvm::DenseMap<Value, unsigned> firstUse; // its line
    for (Operation &op : body.without_terminator())
      for (Value operand : op.getOperands())
        firstUse.try_emplace(operand, *ir::getKernelLine(op.getLoc()));
    for (BlockArgument arg : body.getArguments()) {
      auto use = firstUse.find(arg);
      unsigned line = (use == firstUse.end() ? 0 : use->second) +
                      static_cast<unsigned>(LineRole::kLoad);
      arg.replaceAllUsesWith(
          entry->addArgument(arg.getType(), ir::getKernelLoc(context, line)));
    }
    for (size_t k = 0; k < local.getIndexValues().size(); ++k)
      entry->addArgument(b.getIndexType(), loopLoc);
    ir::YieldOp yield = kernel.getYield();
    entry->getOperations().splice(entry->end(), body.getOperations(),
                                  body.begin(), Block::iterator(yield));
    OpBuilder inner(context);
    inner.setInsertionPointToEnd(entry);
    func::ReturnOp::create(inner, storeLoc, yield.getValues());
    // place() may erase the function, and with it the values yielded.
    yield.erase();

    std::string name = describe(*entry);
    StringAttr symbol = place(function, name, module);

    SmallVector<Attribute> resultDims;
    for (Value result : kernel.getResults())
      resultDims.push_back(
          ir::DimsAttr::get(context, analysis.getDims(result)));
    auto callee = SymbolRefAttr::get(symbol, FlatSymbolRefAttr::get(symbol));
    auto dispatch = ir::DispatchOp::create(
        b, kernel.getLoc(), kernel.getResultTypes(), kernel.getInputs(), callee,
        ir::DimsAttr::get(context, local.getIndexValues()),
        ordinals.getLists(context));
    dispatch->setAttr(kResultDimsAttr, b.getArrayAttr(resultDims));
    dispatch->setAttr(kResultNodesAttr, b.getDenseI64ArrayAttr(resultNodes));
    if (call)
      dispatch->setAttr(kReferenceAttr, call);
    for (auto [old, result] :
         llvm::zip_equal(kernel.getResults(), dispatch.getResults())) {
      analysis.setDims(result, analysis.getDims(old));
      old.replaceAllUsesWith(result);
    }
    kernel.erase();
  }

  /// The module that holds `function`: an equal one when there is one.
  StringAttr place(func::FuncOp function, StringRef name, ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    OpPrintingFlags flags;
    flags.enableDebugInfo().useLocalScope();
    function->print(stream, flags);
    auto [it, isNew] = known.try_emplace(text);
    if (!isNew) {
      function.erase();
      return it->second;
    }
    StringAttr symbol = StringAttr::get(
        &getContext(), "k" + std::to_string(count++) + name.str());
    it->second = symbol;
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    auto kernelModule = ModuleOp::create(b, function.getLoc(), symbol.getValue());
    if (Attribute target = module->getAttr(ir::kTargetAttr))
      kernelModule->setAttr(ir::kTargetAttr, target);
    function.setName(symbol);
    kernelModule.getBody()->push_back(function);
    return symbol;
  }
};

} // namespace
} // namespace oriel
