//===- ShareKernels.cpp - one kernel for those that differ in numbers -----===//

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Fusion/OpenKernels.h"
#include "passes/Fusion/Passes.h"
#include "runtime/engine/kernel_abi.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace oriel {
#define GEN_PASS_DEF_SHAREKERNELS
#include "passes/Fusion/Passes.h.inc"

namespace {

/// This many kernels that differ in nothing but their numbers are worth the
/// time that compiling one saves; fewer are worth their numbers. A product's
/// code is the same for every extent, and takes the longest.
unsigned enough(func::FuncOp kernel) {
  return getClass(kernel) == KernelClass::MatMul ? 2 : 4;
}

/// The text by which kernels are equal; `kernel` loses its name.
std::string textOf(func::FuncOp kernel) {
  kernel.setName("kernel");
  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().enableDebugInfo().useLocalScope());
  return text;
}

struct ShareKernels : impl::ShareKernelsBase<ShareKernels> {
  using ShareKernelsBase::ShareKernelsBase;

  struct Candidate {
    ModuleOp module;
    func::FuncOp kernel;
    SmallVector<OpenedConstant> constants; // all that can be arguments
  };

  void runOnOperation() override {
    ModuleOp root = getOperation();
    dispatches.clear();
    scalars.clear();
    root.walk([&](ir::DispatchOp dispatch) {
      dispatches[dispatch.getKernel().getRootReference()].push_back(dispatch);
    });
    // By the text without any number that can be an argument.
    llvm::MapVector<StringAttr, SmallVector<Candidate>> groups;
    for (ModuleOp module : root.getOps<ModuleOp>()) {
      auto functions = module.getOps<func::FuncOp>();
      if (functions.empty() || std::next(functions.begin()) != functions.end())
        continue;
      Candidate candidate{module, *functions.begin(), {}};
      OwningOpRef<func::FuncOp> open = copyToOpen(candidate.kernel);
      const bool extents = openExtents(*open);
      if (!openConstants(*open, {}, candidate.constants) && !extents)
        continue;
      groups[StringAttr::get(&getContext(), textOf(*open))].push_back(
          std::move(candidate));
    }
    for (auto &[text, group] : groups)
      if (group.size() >= (atLeast ? atLeast : enough(group.front().kernel)))
        share(group);
  }

private:
  /// Calls of each kernel module, by its name.
  llvm::DenseMap<StringAttr, SmallVector<ir::DispatchOp>> dispatches;
  /// Constants given to kernels, at the start of their function.
  llvm::DenseMap<std::pair<Operation *, std::pair<Attribute, NodeId>>, Value>
      scalars;

  /// The kernel of all of `group`: what is equal in them stays a number.
  void share(SmallVectorImpl<Candidate> &group) {
    const Candidate &first = group.front();
    llvm::BitVector kept(first.constants.size(), true);
    for (const Candidate &each : group)
      for (size_t k = 0; k < first.constants.size(); ++k)
        if (each.constants[k].value != first.constants[k].value)
          kept.reset(k);
    const bool sameExtents =
        llvm::all_equal(llvm::map_range(group, [&](const Candidate &each) {
          OwningOpRef<func::FuncOp> open = copyToOpen(each.kernel);
          SmallVector<OpenedConstant> constants;
          openConstants(*open, kept, constants);
          return StringAttr::get(&getContext(), textOf(*open));
        }));
    func::FuncOp shared = copyToOpen(first.kernel).release();
    if (!sameExtents)
      openExtents(shared);
    SmallVector<OpenedConstant> constants;
    openConstants(shared, kept, constants);

    ModuleOp module = first.module;
    StringAttr name = module.getSymNameAttr();
    first.kernel->erase();
    shared.setName(name);
    module.getBody()->push_back(shared);
    auto callee = SymbolRefAttr::get(name, FlatSymbolRefAttr::get(name));
    SmallVector<Attribute> types;
    for (Type type : shared.getArgumentTypes())
      if (isa<RankedTensorType>(type))
        types.push_back(TypeAttr::get(type));
    for (Type type : shared.getResultTypes())
      types.push_back(TypeAttr::get(type));
    auto list = ArrayAttr::get(&getContext(), types);
    for (Candidate &candidate : group) {
      for (ir::DispatchOp dispatch :
           dispatches.lookup(candidate.module.getSymNameAttr())) {
        dispatch.setKernelAttr(callee);
        dispatch->setAttr(kKernelTypesAttr, list);
        for (auto [k, constant] : llvm::enumerate(candidate.constants))
          if (!kept[k])
            dispatch.getInputsMutable().append(scalarFor(dispatch, constant));
      }
      if (candidate.module != module)
        candidate.module.erase();
    }
  }

  Value scalarFor(ir::DispatchOp dispatch, const OpenedConstant &constant) {
    auto function = dispatch->getParentOfType<func::FuncOp>();
    auto lists = dispatch.getNodes();
    NodeId node = ir::getNodeId(dispatch.getOperation());
    Location loc = dispatch.getLoc();
    if (constant.ordinal < lists.size()) {
      auto ids = cast<DenseI64ArrayAttr>(lists[constant.ordinal]).asArrayRef();
      if (!ids.empty()) {
        node = ids.front();
        loc = ir::getNodeLoc(&getContext(), node);
      }
    }
    Value &value = scalars[{function, {constant.value, node}}];
    if (!value) {
      OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
      value = ir::ConstantOp::create(b, loc, constant.value);
    }
    return value;
  }
};

} // namespace
} // namespace oriel
