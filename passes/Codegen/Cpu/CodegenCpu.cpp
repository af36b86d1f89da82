//===- CodegenCpu.cpp - lowered kernels to vector code --------------------===//

#include "passes/Codegen/Cpu/CodegenCpu.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSwitch.h"

#include "dialect/Graph/OrielDialect.h"
#include "passes/Codegen/Cpu/Emitters.h"

using namespace mlir;

namespace oriel {

namespace {

using EmitKernel = LogicalResult (*)(ModuleOp, KernelSignature &, const CpuEmitOptions &,
                                     KernelInfo &);

EmitKernel emitterFor(StringRef kernelClass) {
  return llvm::StringSwitch<EmitKernel>(kernelClass)
      .Cases({"Elementwise", "RowReduce", "ColumnReduce", "Gather", "Copy"}, emitGenericKernel)
      .Case("MatMul", emitMatMulKernel)
      .Case("Pack", emitPackKernel)
      .Case("Scatter", emitScatterKernel)
      .Case("Concatenate", emitConcatenateKernel)
      .Case("ArgReduce", emitArgReduceKernel)
      .Case("Library", emitLibraryKernel)
      .Default(nullptr);
}

LogicalResult emitKernelModule(ModuleOp module, const CpuEmitOptions &options) {
  for (func::FuncOp function : llvm::to_vector(module.getOps<func::FuncOp>())) {
    auto kernelClass = function->getAttrOfType<StringAttr>("oriel.class");
    if (!kernelClass)
      continue;
    EmitKernel emit = emitterFor(kernelClass.getValue());
    if (!emit)
      return function.emitError("kernel class \"")
             << kernelClass.getValue()
             << "\" is unknown; required: Elementwise, RowReduce, ColumnReduce, MatMul, Pack, Gather, "
                "Scatter, Concatenate, ArgReduce, Copy or Library";
    FailureOr<KernelSignature> signature = KernelSignature::get(function);
    if (failed(signature))
      return failure();
    KernelInfo info;
    if (failed(emit(module, *signature, options, info)))
      return failure();
    function.erase();
    module->setAttr("oriel.class", kernelClass);
    setKernelInfo(module, info);
  }
  return success();
}

class CodegenCpuPass : public PassWrapper<CodegenCpuPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CodegenCpuPass)

  CodegenCpuPass() = default;
  CodegenCpuPass(const CodegenCpuPass &other) : PassWrapper(other) {
    vectorBits = other.vectorBits.getValue();
  }
  explicit CodegenCpuPass(unsigned bits) { vectorBits = bits; }

  StringRef getArgument() const final { return "oriel-codegen-cpu"; }
  StringRef getDescription() const final {
    return "Emit the entry functions of lowered kernels as vector code for a CPU";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                    scf::SCFDialect, vector::VectorDialect, ir::OrielDialect>();
  }

  void runOnOperation() final {
    CpuEmitOptions options;
    options.vectorBits = vectorBits ? vectorBits.getValue() : targetBits(getOperation());
    if (options.vectorBits != 128 && options.vectorBits != 256 && options.vectorBits != 512) {
      getOperation().emitError("the target's vectors have ")
          << options.vectorBits << " bits; required: 128, 256 or 512";
      return signalPassFailure();
    }
    SmallVector<ModuleOp> kernels(getOperation().getOps<ModuleOp>());
    // A graph without kernels (it only passes values on) is no kernel itself.
    if (kernels.empty() && !getOperation()->hasAttr("oriel.nodes"))
      kernels.push_back(getOperation());
    for (ModuleOp kernel : kernels)
      if (failed(emitKernelModule(kernel, options)))
        return signalPassFailure();
  }

private:
  /// From the nearest oriel.target; 256 without one.
  static unsigned targetBits(Operation *op) {
    for (; op; op = op->getParentOp())
      if (auto target = op->getAttrOfType<ir::TargetAttr>("oriel.target"))
        return target.getVectorBits();
    return 256;
  }

  Option<unsigned> vectorBits{*this, "vector-bits",
                              llvm::cl::desc("width of a vector register; 0: the target's"),
                              llvm::cl::init(0)};
};

} // namespace

std::unique_ptr<Pass> createCodegenCpuPass(unsigned vectorBits) {
  return std::make_unique<CodegenCpuPass>(vectorBits);
}

void registerCodegenCpuPass() { PassRegistration<CodegenCpuPass>(); }

} // namespace oriel
