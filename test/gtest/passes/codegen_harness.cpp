// File: codegen_harness.cpp
#include "test/gtest/passes/codegen_harness.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "dialect/Graph/OrielDialect.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Codegen/Cpu/EmitObject.h"
#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/LowerToLLVM.h"

namespace oriel {

struct TestKernel::Loaded {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

TestKernel::TestKernel() : loaded_(std::make_unique<Loaded>()) {}
TestKernel::~TestKernel() = default;

std::unique_ptr<TestKernel> TestKernel::Compile(const std::string& text,
                                                TestEmitter emitter,
                                                std::string* error,
                                                unsigned vector_bits,
                                                bool debug_lines,
                                                const char* cpu) {
  mlir::DialectRegistry registry;
  registerEmitObjectTranslations(registry);
  registry.insert<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                  mlir::LLVM::LLVMDialect, mlir::linalg::LinalgDialect,
                  mlir::math::MathDialect, mlir::cf::ControlFlowDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::vector::VectorDialect,
                  ir::OrielDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic& d) {
    *error += d.str() + "\n";
    return mlir::success();
  });
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module) return nullptr;
  auto functions = module->getOps<mlir::func::FuncOp>();
  if (functions.empty()) {
    *error += "no function";
    return nullptr;
  }
  mlir::func::FuncOp lowered = *functions.begin();
  mlir::FailureOr<KernelSignature> signature = KernelSignature::get(lowered);
  if (mlir::failed(signature)) return nullptr;
  TargetOptions target = getHostTarget();
  // What oriel-place prefers.
  target.vectorBits = std::min(target.vectorBits, 256u);
  if (vector_bits) {
    target.cpu = cpu;
    target.features.clear();
    target.vectorBits = vector_bits;
  }
  (*module)->setAttr(ir::kTargetAttr, ir::TargetAttr::get(&context, target.cpu, target.features, target.vectorBits,
                                                          /*l2Bytes=*/1 << 20));
  CpuEmitOptions options;
  options.vectorBits = target.vectorBits;
  std::unique_ptr<TestKernel> kernel(new TestKernel);
  auto* emit = emitter == TestEmitter::kMatMul        ? emitMatMulKernel
               : emitter == TestEmitter::kScatter     ? emitScatterKernel
               : emitter == TestEmitter::kConcatenate ? emitConcatenateKernel
               : emitter == TestEmitter::kArgReduce   ? emitArgReduceKernel
                                                      : emitGenericKernel;
  KernelInfo info;
  if (mlir::failed(emit(*module, *signature, options, info))) {
    if (error->empty()) *error = "the emitter failed without a diagnostic";
    return nullptr;
  }
  kernel->tasks_ = info.tasks;
  kernel->scratch_ = info.scratch;
  kernel->shared_ = info.shared;
  for (const KernelArg& arg : signature->getArgs()) {
    Param param;
    param.is_tensor = arg.isTensor;
    for (const Dim& dim : arg.shape) param.is_dynamic.push_back(!dim.is_static());
    kernel->params_.push_back(param);
  }
  lowered.erase();
  if (mlir::failed(mlir::verify(*module))) return nullptr;
  mlir::PassManager passes(&context);
  passes.addPass(createLowerToLLVMPass(debug_lines));
  if (mlir::failed(passes.run(*module))) return nullptr;
  llvm::Expected<ObjectCode> object = emitObject(*module, target);
  if (!object) {
    *error += llvm::toString(object.takeError());
    return nullptr;
  }
  kernel->object_ = std::move(*object);
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit) {
    *error += llvm::toString(jit.takeError());
    return nullptr;
  }
  if (llvm::Error e = (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
          kernel->object_.elf, "kernel"))) {
    *error += llvm::toString(std::move(e));
    return nullptr;
  }
  for (const std::string& symbol : info.entries) {
    auto address = (*jit)->lookup(symbol);
    if (!address) {
      *error += llvm::toString(address.takeError());
      return nullptr;
    }
    kernel->entries_.push_back(address->toPtr<KernelEntry>());
  }
  kernel->loaded_->jit = std::move(*jit);
  return kernel;
}

ErrorRecord TestKernel::Run(const std::vector<TestArg>& args, int workers) {
  DimBindings bindings;
  bindings["copied"] = 1;  // no result in an operand's storage
  std::vector<int64_t> words(kArgFirst);
  for (size_t i = 0; i < args.size(); ++i) {
    std::string name = "a" + std::to_string(i);
    if (!params_[i].is_tensor) {
      words.push_back(args[i].value);
      bindings[name] = args[i].value;
      continue;
    }
    words.push_back(reinterpret_cast<int64_t>(args[i].data));
    for (size_t j = 0; j < args[i].shape.size(); ++j) {
      bindings[name + "_" + std::to_string(j)] = args[i].shape[j];
      if (params_[i].is_dynamic[j]) words.push_back(args[i].shape[j]);
    }
  }
  auto bytes = [&](const Dim& dim) {
    int64_t n = dim.Evaluate(bindings).value();
    return (n + 63) / 64 * 64;
  };
  int64_t scratch_bytes = bytes(scratch_);
  // Guard bytes behind each buffer catch a write past what was asked for.
  constexpr int64_t kGuard = 64;
  auto allocate = [&](int64_t size) {
    char* p = static_cast<char*>(std::aligned_alloc(64, size + kGuard));
    std::memset(p, 0xCB, size + kGuard);
    return std::unique_ptr<char, decltype(&std::free)>(p, &std::free);
  };
  auto scratch = allocate(scratch_bytes * workers);
  int64_t shared_bytes = bytes(shared_);
  auto shared = allocate(shared_bytes);
  std::vector<ErrorRecord> records(workers);
  std::memset(records.data(), 0, workers * sizeof(ErrorRecord));
  words[kArgErrors] = reinterpret_cast<int64_t>(records.data());
  words[kArgScratch] = reinterpret_cast<int64_t>(scratch.get());
  words[kArgScratchBytes] = scratch_bytes;
  words[kArgShared] = reinterpret_cast<int64_t>(shared.get());
  counts_.assign(workers, ScatterCounts());
  words[kArgCounts] = reinterpret_cast<int64_t>(counts_.data());
  ErrorRecord lowest = {};
  for (size_t phase = 0; phase < entries_.size() && !lowest.code; ++phase) {
    int64_t tasks = tasks_[phase].Evaluate(bindings).value();
    for (int w = 0; w < workers; ++w) {
      int64_t begin = tasks * w / workers, end = tasks * (w + 1) / workers;
      if (begin < end) entries_[phase](words.data(), begin, end, w);
    }
    for (const ErrorRecord& r : records)
      if (r.code && (!lowest.code || r.position < lowest.position)) lowest = r;
  }
  for (int64_t i = 0; i < kGuard; ++i)
    if (scratch.get()[scratch_bytes * workers + i] != static_cast<char>(0xCB) ||
        shared.get()[shared_bytes + i] != static_cast<char>(0xCB)) {
      lowest.code = -1;  // a kernel wrote past its workspace
      lowest.position = i;
    }
  return lowest;
}

}  // namespace oriel
