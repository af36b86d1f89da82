//===- Pipelines.cpp - the phases as passes -------------------------------===//

#include "passes/Pipelines/Pipelines.h"

#include "dialect/Check/CheckDialect.h"
#include "dialect/Graph/OrielDialect.h"
#include "dialect/Plan/PlanDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/Codegen/Cpu/CodegenCpu.h"
#include "passes/Codegen/Cpu/LowerToLLVM.h"
#include "passes/Codegen/Cpu/PackConstants.h"
#include "passes/Fusion/Passes.h"
#include "passes/Graph/Passes.h"
#include "passes/Lowering/Passes.h"
#include "passes/Placement/Passes.h"
#include "passes/Planning/PlanPass.h"

using namespace mlir;

namespace oriel {

static constexpr Phase kPhases[] = {Phase::Graph,   Phase::Simplified,
                                    Phase::Placed,  Phase::Fused,
                                    Phase::Lowered, Phase::Codegen,
                                    Phase::Planned, Phase::Program};
static constexpr StringLiteral kPhaseNames[] = {
    "graph", "simplified", "placed", "fused",
    "lowered", "codegen", "planned", "program"};

ArrayRef<Phase> allPhases() { return kPhases; }

StringRef getPhaseName(Phase phase) {
  return kPhaseNames[static_cast<int>(phase)];
}

std::optional<Phase> parsePhase(StringRef name) {
  for (Phase phase : kPhases)
    if (getPhaseName(phase) == name)
      return phase;
  return std::nullopt;
}

void buildPhasePipeline(OpPassManager &passes, Phase phase,
                        const PipelineOptions &options) {
  if (options.skip == phase)
    return;
  switch (phase) {
  case Phase::Graph:
    passes.addPass(createAssignNodes());
    if (options.observe) {
      ObserveOptions observe;
      observe.nodes.assign(options.observeNodes.begin(),
                           options.observeNodes.end());
      passes.addPass(createObserve(observe));
    } else {
      passes.addPass(createStripTaps());
    }
    passes.addPass(createOrderProducts());
    break;
  case Phase::Simplified:
    passes.addPass(createSimplify());
    passes.addPass(createStabilize());
    passes.addPass(createFoldScatterUpdates());
    passes.addPass(createDecompose());
    // What the rewrites left: equal ops, dead ones.
    passes.addPass(createSimplify());
    break;
  case Phase::Placed: {
    PlaceOptions place;
    place.cpu = options.cpu;
    place.features = options.features;
    place.vectorBits = options.vectorBits;
    passes.addPass(createPlace(place));
    break;
  }
  case Phase::Fused: {
    FuseKernelsOptions fuse;
    fuse.fusion = options.fusion;
    fuse.explain = options.explainFusion;
    passes.addPass(createFuseKernels(fuse));
    OutlineKernelsOptions outline;
    outline.reference = options.check;
    passes.addPass(createOutlineKernels(outline));
    // What is compared with its reference is each dispatch with its own op.
    if (!options.check)
      passes.addPass(createShareKernels());
    break;
  }
  case Phase::Lowered:
    passes.addPass(createLowerToLinalg());
    // Planning needs to know, and code generation erases what it is seen from.
    passes.addPass(createMarkInPlacePass());
    // What is compared with its reference is each dispatch with its own op.
    if (!options.check)
      passes.addPass(createPackConstantsPass(options.explainFusion));
    break;
  case Phase::Codegen:
    // Also run on one kernel module at a time, which has no node table.
    passes.addPass(createCodegenCpuPass());
    passes.addPass(createLowerToLLVMPass());
    return;
  case Phase::Planned:
    passes.addPass(createPlanPass(options.check));
    return;
  case Phase::Program:
    return;
  }
  if (options.verifyNodes)
    passes.addPass(createVerifyNodes());
}

void buildPipelineUpTo(OpPassManager &passes, Phase upTo,
                       const PipelineOptions &options) {
  for (Phase phase : kPhases)
    if (phase <= upTo)
      buildPhasePipeline(passes, phase, options);
}

void registerPipelineDialects(DialectRegistry &registry) {
  registry.insert<ir::OrielDialect, plan::PlanDialect, check::CheckDialect>();
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                  LLVM::LLVMDialect, linalg::LinalgDialect, math::MathDialect,
                  memref::MemRefDialect, scf::SCFDialect, tensor::TensorDialect,
                  ub::UBDialect, vector::VectorDialect>();
}

namespace {

/// "fused fusion=false": the phase, then options.
LogicalResult parseCompileTo(StringRef text, Phase &upTo, PipelineOptions &options,
                             function_ref<LogicalResult(const Twine &)> error) {
  SmallVector<StringRef> words;
  text.split(words, ' ', -1, /*KeepEmpty=*/false);
  auto names = llvm::join(ArrayRef<StringLiteral>(kPhaseNames), ", ");
  auto parseName = [&](StringRef word, Phase &phase) -> LogicalResult {
    auto known = parsePhase(word);
    if (!known)
      return error("'" + word + "' is no phase, required one of " + names);
    phase = *known;
    return success();
  };
  if (words.empty())
    return error("compile-to needs a phase: one of " + names);
  if (failed(parseName(words[0], upTo)))
    return failure();
  if (upTo == Phase::Program)
    return error("the phase 'program' leaves an image, not IR: use oriel-run "
                 "--compile-only");
  for (StringRef word : ArrayRef(words).drop_front()) {
    auto [key, value] = word.split('=');
    if (key == "fusion" && (value == "true" || value == "false")) {
      options.fusion = value == "true";
    } else if (key == "explain-fusion" && (value == "true" || value == "false")) {
      options.explainFusion = value == "true";
    } else if (key == "cpu") {
      options.cpu = value.str();
    } else if (key == "features") {
      options.features = value.str();
    } else if (key == "vector-bits" && !value.getAsInteger(10, options.vectorBits)) {
    } else if (key == "verify-nodes" && (value == "true" || value == "false")) {
      options.verifyNodes = value == "true";
    } else if (key == "observe" && (value == "true" || value == "false")) {
      options.observe = value == "true";
    } else if (key == "watch") {
      options.observe = true;
      SmallVector<StringRef> ids;
      value.split(ids, ',', -1, /*KeepEmpty=*/false);
      for (StringRef text : ids) {
        int64_t id;
        if (text.getAsInteger(10, id))
          return error("'" + text + "' is no node id, required an integer");
        options.observeNodes.push_back(id);
      }
    } else if (key == "skip") {
      Phase phase;
      if (failed(parseName(value, phase)))
        return failure();
      options.skip = phase;
    } else {
      return error("'" + word + "' is no option of compile-to, required "
                   "fusion=true|false, explain-fusion=true|false, cpu=NAME, "
                   "features=LIST, vector-bits=N, "
                   "verify-nodes=true|false, observe=true|false, watch=ID,ID "
                   "or skip=PHASE");
    }
  }
  return success();
}

} // namespace

void registerOrielPipelines() {
  registerOrielGraphPasses();
  registerOrielPlacementPasses();
  registerOrielFusionPasses();
  registerOrielLoweringPasses();
  registerPackConstantsPass();
  registerCodegenCpuPass();
  registerLowerToLLVMPasses();
  registerPlanningPasses();
  registerPassPipeline(
      "compile-to",
      "All phases up to one of graph, simplified, placed, fused, lowered, "
      "codegen, planned; then options: fusion=, explain-fusion=, cpu=, features=, vector-bits=, "
      "verify-nodes=, observe=, watch=, skip=PHASE",
      [](OpPassManager &passes, StringRef text,
         function_ref<LogicalResult(const Twine &)> error) -> LogicalResult {
        Phase upTo;
        PipelineOptions options;
        if (failed(parseCompileTo(text, upTo, options, error)))
          return failure();
        buildPipelineUpTo(passes, upTo, options);
        return success();
      },
      [](function_ref<void(const detail::PassOptions &)>) {});
}

} // namespace oriel
