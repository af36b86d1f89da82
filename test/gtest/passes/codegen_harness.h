// File: codegen_harness.h
//
// Compiles a lowered kernel written as MLIR text to an object, loads it into
// this process and runs its phases over task ranges of the test's choice.
#ifndef ORIEL_TEST_GTEST_PASSES_CODEGEN_HARNESS_H_
#define ORIEL_TEST_GTEST_PASSES_CODEGEN_HARNESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "oriel/dim.h"
#include "passes/Codegen/Cpu/ObjectCode.h"
#include "runtime/engine/kernel_abi.h"

namespace oriel {

// One argument of a kernel: a tensor's bytes and shape, or an index value.
struct TestArg {
  void* data = nullptr;
  std::vector<int64_t> shape;
  int64_t value = 0;
};

enum class TestEmitter { kGeneric, kMatMul, kScatter, kConcatenate, kArgReduce };

class TestKernel {
 public:
  // `error` gets the diagnostics, and the result is null, when it fails.
  // `vector_bits` 0: for this machine; else for `cpu`, an LLVM name that every
  // host of the tests can run, with vectors that wide.
  static std::unique_ptr<TestKernel> Compile(const std::string& text,
                                             TestEmitter emitter,
                                             std::string* error,
                                             unsigned vector_bits = 0,
                                             bool debug_lines = true,
                                             const char* cpu = "x86-64-v3");
  ~TestKernel();

  // Runs every phase, its tasks split into `workers` ranges, and returns the
  // failure with the lowest position (code 0: none).
  ErrorRecord Run(const std::vector<TestArg>& args, int workers = 1);

  // What a scatter's workers met in the last run, one record each.
  const std::vector<ScatterCounts>& counts() const { return counts_; }

  size_t phases() const { return entries_.size(); }
  const ObjectCode& object() const { return object_; }

 private:
  struct Loaded;
  struct Param {
    bool is_tensor = false;
    std::vector<bool> is_dynamic;
  };
  TestKernel();
  std::unique_ptr<Loaded> loaded_;
  std::vector<KernelEntry> entries_;
  std::vector<Param> params_;
  std::vector<Dim> tasks_;  // per phase
  Dim scratch_, shared_;
  std::vector<ScatterCounts> counts_;
  ObjectCode object_;
};

}  // namespace oriel

#endif  // ORIEL_TEST_GTEST_PASSES_CODEGEN_HARNESS_H_
