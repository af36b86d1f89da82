//===- KernelFacts.cpp - What the attributes of a kernel say -------------===//
#include "passes/Planning/PlannerImpl.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace oriel {

std::string getImageSymbol(StringRef kernelModule, StringRef entry) {
  if (entry == kernelModule)
    return entry.str();
  if (entry.consume_front(kernelModule))
    entry.consume_front("_");
  return (kernelModule + "." + entry).str();
}

namespace planning {

static FailureOr<KernelFacts> readKernel(ir::DispatchOp dispatch,
                                         const SymbolTable &symbols) {
  auto kernel =
      symbols.lookup<ModuleOp>(dispatch.getKernel().getRootReference());
  if (!kernel)
    return dispatch.emitOpError() << "calls " << dispatch.getKernel()
                                  << ", required a kernel module of that name";
  KernelFacts facts;
  auto entries = kernel->getAttrOfType<ArrayAttr>("oriel.entries");
  auto tasks = kernel->getAttrOfType<ir::DimsAttr>("oriel.tasks");
  if (!entries || !tasks || entries.size() != tasks.size() || entries.empty())
    return dispatch.emitOpError() << "calls " << dispatch.getKernel()
                                  << ", whose module lacks oriel.entries and "
                                     "oriel.tasks of equal length; "
                                     "required after code generation";
  for (Attribute entry : entries) {
    if (auto library = dyn_cast<StringAttr>(entry)) {
      facts.symbols.push_back((Twine(StringRef(kLibraryPrefix)) + library.getValue()).str());
      continue;
    }
    auto symbol = dyn_cast<FlatSymbolRefAttr>(entry);
    if (!symbol)
      return dispatch.emitOpError()
             << "has the kernel entry " << entry << ", required a symbol";
    facts.symbols.push_back(
        getImageSymbol(*kernel.getSymName(), symbol.getValue()));
  }
  facts.tasks = tasks.getDims();
  for (auto [name, dim] :
       {std::pair<StringRef, Dim *>{"oriel.scratch", &facts.scratch},
        {"oriel.shared", &facts.shared},
        {"oriel.cost", &facts.cost}}) {
    auto dims = kernel->getAttrOfType<ir::DimsAttr>(name);
    if (!dims || dims.size() != 1)
      return dispatch.emitOpError()
             << "calls " << dispatch.getKernel() << ", whose module lacks "
             << name << " with one dim";
    *dim = dims.getDim(0);
  }
  facts.fallible = kernel->hasAttr("oriel.fallible");
  facts.once = kernel->hasAttr(kOnceAttr);
  if (auto parameters = kernel->getAttrOfType<ir::DimsAttr>("oriel.parameters"))
    facts.parameters = parameters.getDims();
  if (auto name = kernel->getAttrOfType<StringAttr>(kClassAttr))
    facts.opClass = name.str();
  if (auto operands =
          kernel->getAttrOfType<DenseI64ArrayAttr>(kInPlaceOperandsAttr))
    facts.inPlaceOperands.append(operands.asArrayRef().begin(),
                                 operands.asArrayRef().end());
  if (auto base = kernel->getAttrOfType<IntegerAttr>(kCheckedBaseAttr))
    facts.checkedBase = base.getInt();
  return facts;
}

LogicalResult Planner::readKernels() {
  SymbolTable symbols(module);
  WalkResult result = main.walk([&](ir::DispatchOp dispatch) {
    FailureOr<KernelFacts> facts = readKernel(dispatch, symbols);
    if (failed(facts))
      return WalkResult::interrupt();
    kernels[dispatch] = std::move(*facts);
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

} // namespace planning
} // namespace oriel
