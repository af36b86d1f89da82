//===- LowerToLLVM.cpp - Kernel modules to the LLVM dialect ---------------===//
//
// Needs: kernel modules as the emitters leave them (func, scf, vector, arith,
// math, index, cf, ub and llvm pointer operations).
// Leaves: the LLVM dialect only, or an error that names the operation and the
// element type nothing lowers; each function with a line-table scope.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/LowerToLLVM.h"

#include "passes/Codegen/Cpu/EmitObject.h"
#include "passes/Codegen/Cpu/ExpandMath.h"
#include "passes/Codegen/Cpu/TargetFeatures.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace oriel {
namespace {

/// Math the code generator has instructions for; anything else would become a
/// call per lane.
bool isNative(Operation &op) {
  return isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp,
             math::CountLeadingZerosOp, math::CountTrailingZerosOp,
             math::CtPopOp, math::FloorOp, math::FmaOp, math::IsFiniteOp,
             math::IsInfOp, math::IsNaNOp, math::IsNormalOp, math::RoundEvenOp,
             math::RsqrtOp, math::SqrtOp, math::TruncOp>(op);
}

std::string describeTypes(Operation &op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (op.getNumOperands())
    os << getElementTypeOrSelf(op.getOperand(0).getType());
  if (op.getNumResults()) {
    Type result = getElementTypeOrSelf(op.getResult(0).getType());
    if (!op.getNumOperands())
      os << result;
    else if (result != getElementTypeOrSelf(op.getOperand(0).getType()))
      os << " to " << result;
  }
  return text;
}

LogicalResult reportUnlowered(Operation &op) {
  InFlightDiagnostic diag = op.emitError()
                            << "no lowering handles '" << op.getName() << "'";
  if (std::string types = describeTypes(op); !types.empty())
    diag << " on " << types;
  return diag << " on this device";
}

/// Half floats are computed in f32, each operation rounded back.
LogicalResult computeHalvesInF32(ModuleOp module) {
  bool any = false;
  module.walk([&](Operation *op) {
    auto isHalf = [](Type type) {
      Type element = getElementTypeOrSelf(type);
      return element.isBF16() || element.isF16();
    };
    any |= llvm::any_of(op->getResultTypes(), isHalf) ||
           llvm::any_of(op->getOperandTypes(), isHalf);
    return any ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (!any)
    return success();
  MLIRContext *context = module.getContext();
  TypeConverter converter;
  arith::populateEmulateUnsupportedFloatsConversions(
      converter, {BFloat16Type::get(context), Float16Type::get(context)},
      Float32Type::get(context));
  RewritePatternSet patterns(context);
  arith::populateEmulateUnsupportedFloatsPatterns(patterns, converter);
  ConversionTarget target(*context);
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  arith::populateEmulateUnsupportedFloatsLegality(target, converter);
  target.addDynamicallyLegalDialect<math::MathDialect>(
      [&](Operation *op) { return converter.isLegal(op); });
  return applyPartialConversion(module, target, std::move(patterns));
}

LogicalResult expand(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  populateExpandMathPatterns(patterns);
  populateExpandDivisionPatterns(patterns);
  populateExpandExtremesPatterns(patterns);
  populateNarrowTypePatterns(patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  vector::populateVectorStepLoweringPatterns(patterns);
  vector::populateVectorMaskMaterializationPatterns(
      patterns, /*force32BitVectorIndices=*/false);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorInterleaveToShufflePatterns(patterns);
  GreedyRewriteConfig config;
  // Blocks are the emitters' choice; merging them here would cost time and lose
  // locations.
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  // Folding would compute functions of constants with this machine's library:
  // other bits than the vector code's.
  config.enableFolding(false);
  // A pattern set that does not settle still leaves valid IR; what it left is
  // found by the check at the end.
  (void)applyPatternsGreedily(module, std::move(patterns), config);
  if (!hasFusedMultiplyAdd(module))
    expandFusedMultiplyAdds(module);
  if (!hasHalfConversions(module))
    expandHalfConversions(module);
  WalkResult bad = module.walk([&](Operation *op) {
    bool call = isa<arith::RemFOp>(op) ||
                (isa<math::MathDialect>(op->getDialect()) && !isNative(*op));
    if (call)
      (void)reportUnlowered(*op);
    return call ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(bad.wasInterrupted());
}

LogicalResult lowerControlFlow(ModuleOp module) {
  MLIRContext *context = module.getContext();
  RewritePatternSet patterns(context);
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget target(*context);
  target.addIllegalOp<scf::ForallOp, scf::ForOp, scf::IfOp, scf::IndexSwitchOp,
                      scf::ParallelOp, scf::WhileOp, scf::ExecuteRegionOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  return applyPartialConversion(module, target, std::move(patterns));
}

LogicalResult lowerTheRest(ModuleOp module) {
  MLIRContext *context = module.getContext();
  LowerToLLVMOptions options(context);
  LLVMTypeConverter converter(context, options);
  RewritePatternSet patterns(context);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns,
                                       /*approximateLog1p=*/false);
  populateVectorToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget target(*context);
  target.addLegalOp<ModuleOp>();
  if (failed(applyPartialConversion(module, target, std::move(patterns))))
    return failure();
  SmallVector<UnrealizedConversionCastOp> casts;
  module.walk([&](UnrealizedConversionCastOp op) { casts.push_back(op); });
  reconcileUnrealizedCasts(casts);
  // A cast left over only says that one of its neighbours was not lowered:
  // name that one when there is one.
  Operation *left = nullptr;
  module.walk([&](Operation *op) {
    if (isa<ModuleOp>(op) || isa<LLVM::LLVMDialect>(op->getDialect()))
      return WalkResult::advance();
    if (!left || isa<UnrealizedConversionCastOp>(left))
      left = op;
    return isa<UnrealizedConversionCastOp>(op) ? WalkResult::advance()
                                               : WalkResult::interrupt();
  });
  return left ? reportUnlowered(*left) : success();
}

/// The modules that hold kernels: those nested in `module`, or itself.
SmallVector<ModuleOp> kernelModules(ModuleOp module) {
  SmallVector<ModuleOp> modules(module.getOps<ModuleOp>());
  // A graph without kernels (it only passes values on) is no kernel itself.
  if (modules.empty() && !module->hasAttr("oriel.nodes"))
    modules.push_back(module);
  return modules;
}

struct LowerToLLVMPass
    : PassWrapper<LowerToLLVMPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToLLVMPass)
  LowerToLLVMPass() = default;
  LowerToLLVMPass(const LowerToLLVMPass &other) : PassWrapper(other) {
    debugLines = other.debugLines;
  }

  StringRef getArgument() const final { return "oriel-lower-to-llvm"; }
  StringRef getDescription() const final {
    return "Lower kernel modules to the LLVM dialect";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, cf::ControlFlowDialect,
                    func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                    scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    for (ModuleOp module : kernelModules(getOperation())) {
      if (failed(computeHalvesInF32(module)) || failed(expand(module)) ||
          failed(lowerControlFlow(module)) || failed(lowerTheRest(module)))
        return signalPassFailure();
      if (!debugLines)
        continue;
      OpPassManager scopes(ModuleOp::getOperationName());
      LLVM::DIScopeForLLVMFuncOpPassOptions options;
      options.emissionKind = LLVM::DIEmissionKind::LineTablesOnly;
      scopes.addPass(LLVM::createDIScopeForLLVMFuncOpPass(options));
      if (failed(runPipeline(scopes, module)))
        return signalPassFailure();
    }
  }

  Option<bool> debugLines{*this, "debug-lines",
                          llvm::cl::desc("Give functions line-table scopes"),
                          llvm::cl::init(true)};
};

struct PrintAsmPass : PassWrapper<PrintAsmPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrintAsmPass)
  PrintAsmPass() = default;
  PrintAsmPass(const PrintAsmPass &other) : PassWrapper(other) {
    cpu = other.cpu;
    vectorBits = other.vectorBits;
  }

  StringRef getArgument() const final { return "oriel-print-asm"; }
  StringRef getDescription() const final {
    return "Give the assembly of each kernel module as a remark";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registerEmitObjectTranslations(registry);
  }

  void runOnOperation() override {
    TargetOptions target = getHostTarget();
    if (!cpu.empty()) {
      target.cpu = cpu;
      target.features.clear();
      target.vectorBits = vectorBits;
    }
    for (ModuleOp module : kernelModules(getOperation())) {
      llvm::Expected<std::string> text = emitAssembly(module, target);
      if (!text) {
        module.emitError() << llvm::toString(text.takeError());
        return signalPassFailure();
      }
      module.emitRemark() << "assembly:\n" << *text;
    }
    markAllAnalysesPreserved();
  }

  Option<std::string> cpu{*this, "cpu", llvm::cl::desc("LLVM's cpu name")};
  Option<unsigned> vectorBits{*this, "vector-bits",
                              llvm::cl::desc("Preferred vector width"),
                              llvm::cl::init(256)};
};

} // namespace

std::unique_ptr<Pass> createLowerToLLVMPass(bool debugLines) {
  auto pass = std::make_unique<LowerToLLVMPass>();
  pass->debugLines = debugLines;
  return pass;
}

std::unique_ptr<Pass> createPrintAsmPass() {
  return std::make_unique<PrintAsmPass>();
}

void registerLowerToLLVMPasses() {
  registerExpandMathPass();
  registerPass([] { return createLowerToLLVMPass(); });
  registerPass([] { return createPrintAsmPass(); });
}

} // namespace oriel
