// File: emit_object_test.cpp
//
// Objects: free of undefined symbols, line tables that hold the ordinals, code
// that does not depend on them.
#include <cstring>
#include <set>

#include "elf.h"
#include "gtest/gtest.h"
#include "test/gtest/passes/codegen_harness.h"

namespace oriel {
namespace {

// The bytes of a section of an ELF object, "" when it has none.
std::string Section(const std::string& elf, const std::string& name) {
  auto* header = reinterpret_cast<const Elf64_Ehdr*>(elf.data());
  auto* sections = reinterpret_cast<const Elf64_Shdr*>(elf.data() + header->e_shoff);
  const char* names = elf.data() + sections[header->e_shstrndx].sh_offset;
  for (int i = 0; i < header->e_shnum; ++i)
    if (name == names + sections[i].sh_name)
      return elf.substr(sections[i].sh_offset, sections[i].sh_size);
  return "";
}

// argmax along rows, its node's ordinal 5.
const char* kArgMax = R"(
module { func.func @k(%x: tensor<?x?xf32>, %o0: tensor<?xi64> {oriel.output}) -> tensor<?xi64> {
  %0 = oriel.argmax %x axis 1 : tensor<?x?xf32> -> tensor<?xi64> loc("kernel":40:0)
  return %0 : tensor<?xi64>
} })";

TEST(EmitObject, ChosenOrdinalIsInTheLineTable) {
  std::string error;
  auto kernel = TestKernel::Compile(kArgMax, TestEmitter::kArgReduce, &error);
  ASSERT_TRUE(kernel) << error;
  ASSERT_EQ(kernel->object().symbols.size(), 1u);
  const ObjectSymbol& symbol = kernel->object().symbols[0];
  EXPECT_EQ(symbol.name, "k_0");
  EXPECT_TRUE(symbol.isGlobal);
  EXPECT_GT(symbol.size, 50u);
  std::set<uint32_t> lines;
  uint32_t last = 0;
  for (const LineRow& row : symbol.lines) {
    EXPECT_TRUE(row.offset > last || row.offset == 0);
    EXPECT_LT(row.offset, symbol.size);
    last = row.offset;
    lines.insert(row.line);
  }
  EXPECT_TRUE(lines.count(LineOf(5, LineRole::kCompute)));
  EXPECT_TRUE(lines.count(LineOf(5, LineRole::kLoad)));
  EXPECT_FALSE(lines.count(LineOf(4, LineRole::kCompute)));
}

TEST(EmitObject, CodeIsTheSameWithoutLines) {
  std::string error;
  auto with = TestKernel::Compile(kArgMax, TestEmitter::kArgReduce, &error);
  auto without = TestKernel::Compile(kArgMax, TestEmitter::kArgReduce, &error, 0, false);
  ASSERT_TRUE(with && without) << error;
  std::string text = Section(with->object().elf, ".text");
  EXPECT_GT(text.size(), 50u);
  EXPECT_EQ(text, Section(without->object().elf, ".text"));
  EXPECT_TRUE(without->object().symbols[0].lines.empty());
  EXPECT_EQ(Section(with->object().elf, ".debug_line"), "");
  EXPECT_NE(Section(with->object().elf, ".eh_frame"), "");
}

TEST(EmitObject, WhatNothingLowersIsNamed) {
  const char* text = R"(
module { func.func @k(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %o0: tensor<?x?xf32> {oriel.output}) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%o0 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%i : tensor<?x?xf32>) attrs = {oriel.matmul} {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %1 = arith.mulf %x, %y : f32
    %2 = arith.addf %acc, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x?xf32>) outs(%o0 : tensor<?x?xf32>) {
  ^bb0(%x: f32, %u: f32):
    %1 = math.acosh %x : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
} })";
  std::string error;
  EXPECT_FALSE(TestKernel::Compile(text, TestEmitter::kMatMul, &error));
  EXPECT_NE(error.find("no lowering handles 'math.acosh' on f32"), std::string::npos) << error;
}

}  // namespace
}  // namespace oriel
