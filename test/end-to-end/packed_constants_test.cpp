// Constant operands of products are packed once and kept: the bits are those of
// operands that each call packs, in every layout, type and mode.
#include <barrier>
#include <thread>

#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

int Packed(const Function& f) {
  int packed = 0;
  for (const std::string& remark : f.compile_info().remarks)
    packed += remark.find("is packed once and kept: ") != std::string::npos;
  return packed;
}

// `build` with the last `constants` arguments as constants: the reference's values,
// and the bits of the same with inputs. Twice, since the second call packs nothing.
// Returns how many operands are packed.
int ExpectBitsOfInputs(const Build& build, const std::vector<Tensor>& arguments, const Symbols& symbols, size_t constants = 1,
                       Tolerance tolerance = {.ulps = 64, .absolute = 1e-3}) {
  const std::vector<Tensor> given(arguments.begin(), arguments.end() - constants);
  const Build closed = [&](const Values& in) {
    Values all = in;
    for (size_t k = given.size(); k < arguments.size(); ++k) all.push_back(constant(arguments[k]));
    return build(all);
  };
  ExpectMatches(closed, given, symbols, tolerance);
  const Symbols named = CurrentMode().static_dims ? Symbols() : symbols;
  const Values open = InputsFor(arguments, named.empty(), named), inputs = InputsFor(given, named.empty(), named);
  absl::StatusOr<Function> each = CompileInMode(open, build(open)), once = CompileInMode(inputs, closed(inputs));
  EXPECT_TRUE(each.ok()) << each.status();
  EXPECT_TRUE(once.ok()) << once.status();
  if (!each.ok() || !once.ok()) return -1;
  const absl::StatusOr<std::vector<Tensor>> expected = (*each)(arguments);
  EXPECT_TRUE(expected.ok()) << expected.status();
  for (int call = 0; call < 2; ++call) {
    const absl::StatusOr<std::vector<Tensor>> out = (*once)(given);
    EXPECT_TRUE(out.ok()) << out.status();
    if (!expected.ok() || !out.ok()) return -1;
    for (size_t k = 0; k < out->size(); ++k) EXPECT_TRUE(SameBits((*out)[k], (*expected)[k])) << "call " << call << " result " << k;
  }
  return Packed(*once);
}

TEST(PackedConstants, RightOperandsOfEveryLayout) {
  for (auto [k, n] : {std::pair<int64_t, int64_t>{64, 50}, {5, 33}, {300, 130}, {513, 97}}) {
    for (bool across : {false, true}) {
      const Build build = [across](const Values& in) { return Values{matmul(in[0], across ? transpose(in[1]) : in[1])}; };
      const Tensor w = across ? Data({n, k}, DType::f32, 2) : Data({k, n}, DType::f32, 2);
      for (int64_t m : {0, 1, 2, 7, 8, 48, 131, 200}) {
        SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + (across ? " across" : ""));
        EXPECT_EQ(ExpectBitsOfInputs(build, {Data({m, k}, DType::f32, 1), w}, {{"m", ""}}), CurrentMode().static_dims && m <= 1 ? 0 : 1);
      }
    }
  }
}

TEST(PackedConstants, LeftOperands) {
  for (auto [m, k] : {std::pair<int64_t, int64_t>{50, 64}, {33, 300}, {97, 513}}) {
    for (bool across : {false, true}) {
      const Build build = [across](const Values& in) { return Values{matmul(across ? transpose(in[1]) : in[1], in[0])}; };
      const Tensor w = across ? Data({k, m}, DType::f32, 2) : Data({m, k}, DType::f32, 2);
      for (int64_t n : {1, 3, 16, 50, 200, 300}) {
        SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + (across ? " across" : ""));
        const int packed = ExpectBitsOfInputs(build, {Data({k, n}, DType::f32, 1), w}, {{"", "n"}});
        EXPECT_EQ(packed, CurrentMode().static_dims && n < 193 ? 0 : 1);
      }
    }
  }
}

// Narrow right operands stay narrow, widened by the tiles; casts, and arithmetic with
// numbers, belong to the one or the other.
TEST(PackedConstants, TypesAndWhatElementsGoThrough) {
  const std::vector<DType> types = {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i8, DType::u8, DType::i32, DType::i64, DType::boolean};
  for (DType t : types) {
    for (DType to : {t, DType::f32, DType::i32}) {
      if (to == DType::i32 && (t == DType::f64 || t == DType::f32 || t == DType::f16 || t == DType::bf16)) continue;
      SCOPED_TRACE(std::string(NumpyName(t)) + " to " + std::string(NumpyName(to)));
      const Tensor x = Data({140, 70}, to, 1), w = Data({70, 52}, t, 2), across = Data({52, 70}, t, 3);
      ExpectBitsOfInputs([&](const Values& in) { return Values{matmul(in[0], cast(in[1], to)), matmul(in[0], transpose(cast(in[2], to)))}; },
                         {x, w, across}, {{"m", ""}}, 2);
      ExpectBitsOfInputs([&](const Values& in) { return Values{matmul(transpose(cast(in[1], to)), transpose(in[0]))}; }, {x, w}, {{"m", ""}});
      if (t != DType::boolean)
        ExpectBitsOfInputs([&](const Values& in) { return Values{matmul(in[0], cast(in[1], to) * scalar(3, to))}; }, {x, w}, {{"m", ""}});
    }
  }
}

TEST(PackedConstants, OfABatch) {
  const Symbols symbols = {{"b", "", "m", ""}};
  const Tensor x = Data({2, 3, 20, 40}, DType::f32, 1);
  const Build build = [](const Values& in) { return Values{matmul(in[0], in[1]) + 1.0f}; };
  EXPECT_EQ(ExpectBitsOfInputs(build, {x, Data({40, 30}, DType::f32, 2)}, symbols), 1);
  // Repeated over a batch of unknown extent by a kernel of its own it is no constant.
  const int repeated = CurrentMode().name == "no-fusion" ? 0 : 1;
  EXPECT_EQ(ExpectBitsOfInputs(build, {x, Data({3, 40, 30}, DType::f32, 2)}, symbols), repeated);
  EXPECT_EQ(ExpectBitsOfInputs(build, {x, Data({2, 3, 40, 30}, DType::f32, 2)}, {{"", "", "m", ""}}), 1);
  EXPECT_EQ(ExpectBitsOfInputs([](const Values& in) { return Values{matmul(in[1], in[0])}; }, {x, Data({3, 50, 20}, DType::f64, 2)},
                               {{"b", "", "", "n"}}),
            CurrentMode().static_dims ? 0 : repeated);  // 40 columns read it where it lies
}

// A constant's transpose is made once; products of a batch of unknown extent repeat
// it, whoever else reads it, here and in bodies.
TEST(PackedConstants, TransposesRepeatedOverABatch) {
  const Tensor x = Data({3, 4, 5}, DType::f32, 1), y = Data({3, 5, 257}, DType::f32, 2), c = Data({1, 4, 257}, DType::f32, 3);
  const Symbols symbols = {{"b", "k", "n"}, {"b", "n", "m"}};
  const Tolerance tolerance = {.ulps = 64, .absolute = 1e-3};
  const auto transposed = [&] { return transpose(constant(c), {0, 2, 1}); };
  ExpectMatches([&](const Values& in) { return Values{matmul(transposed(), in[0]), matmul(in[1], transposed())}; }, {x, y}, symbols, tolerance);
  ExpectMatches([&](const Values& in) {
    const Value b = transposed();
    return Values{matmul(b, in[0]), exp(b)};
  }, {x}, {symbols[0]}, tolerance);
  ExpectMatches([&](const Values& in) {
    const Value b = transposed();
    return Values{matmul(in[0], b), exp(b), sum(b, {1})};
  }, {y}, {symbols[1]}, tolerance);
  ExpectMatches([&](const Values& in) {
    const Value b = transposed();
    const Value looped = loop(2, {in[0]}, [&](Value, Values each) { return Values{each[0] + sum(matmul(b, each[0]) * 0.01f, {1}, true) + sum(exp(b)) * 0.01f}; })[0];
    const Value chosen = branch(greater(sum(in[0]), -1e9), [&] { return Values{matmul(b, in[0]) + sum(exp(b)) * 0.01f}; }, [&] { return Values{exp(matmul(b, in[0]))}; })[0];
    return Values{looped, chosen, matmul(b, in[0])};
  }, {x}, {symbols[0]}, tolerance);
}

// Epilogues, rows, a constant read by matrices and a vector, layers that share a kernel.
TEST(PackedConstants, InKernelsOfEveryKind) {
  const Tensor x = Data({150, 64}, DType::f32, 1), w = Data({64, 64}, DType::f32, 2), v = Data({64}, DType::f32, 3);
  ExpectBitsOfInputs([](const Values& in) { return Values{softmax(matmul(in[0], in[1]) + in[2])}; }, {x, w, v}, {{"m", ""}}, 2);
  ExpectBitsOfInputs([](const Values& in) { return Values{softmax(matmul(in[0], transpose(in[1])) + in[2]), sum(matmul(in[0], in[1]), {1})}; },
                     {x, w, v}, {{"m", ""}}, 2);
  ExpectBitsOfInputs([](const Values& in) { return Values{tanh(matmul(in[0], in[2]) + in[1]), matmul(in[1], in[2]), matmul(in[2], in[1])}; },
                     {x, v, w}, {{"m", ""}, {""}});
  const Build layers = [](const Values& in) {
    Value y = in[0];
    for (size_t k = 1; k < in.size(); ++k) y = maximum(matmul(y, in[k]), 0.0f);
    return Values{y};
  };
  EXPECT_EQ(ExpectBitsOfInputs(layers, {x, w, Data({64, 100}, DType::f32, 4), Data({100, 40}, DType::f32, 5), Data({40, 64}, DType::f32, 6)},
                               {{"m", ""}}, 4),
            4);
}

TEST(PackedConstants, OfBodies) {
  const Tensor x = Data({30, 48}, DType::f32, 1), w = Data({48, 48}, DType::f32, 2);
  const Build build = [](const Values& in) {
    const Value looped = loop(5, {in[0]}, [&](Value, Values c) { return Values{tanh(matmul(c[0], in[1]))}; })[0];
    return Values{looped, branch(greater(sum(in[0]), 0.0), [&] { return Values{matmul(in[0], in[1])}; }, [&] { return Values{in[0]}; })[0]};
  };
  EXPECT_GE(ExpectBitsOfInputs(build, {x, w}, {{"m", ""}}), 1);
}

// One packing serves all products that read a constant in one way; the report shows it.
TEST(PackedConstants, AreSharedAndReported) {
  const Tensor x = Data({150, 64}, DType::f32, 1), w = Data({64, 96}, DType::f32, 2);
  const Values inputs = InputsFor({x, x}, false, {{"m", ""}, {"n", ""}});
  Value c = constant(w);
  ASSERT_TRUE(c.set_name("W").ok());
  absl::StatusOr<Function> f = CompileInMode(inputs, {matmul(inputs[0], c), exp(matmul(inputs[1], c))}, {}, {.profile = true});
  ASSERT_TRUE(f.ok()) << f.status();
  for (int call = 0; call < 3; ++call) ASSERT_TRUE((*f)({x, x}).ok());
  EXPECT_EQ(Packed(*f), 2);
  EXPECT_THAT(f->compile_info().remarks, Contains(HasSubstr("its right operand 'W'")));
  int packs = 0;
  int64_t calls = 0;
  for (const ApplyRow& row : f->profile().rows) {
    if (row.op_class != "Pack") continue;
    ++packs;
    calls += row.calls;
  }
  const std::string mode = CurrentMode().name;
  if (mode != "no-profile") {
    EXPECT_EQ(packs, 1) << f->profile().text();
    EXPECT_EQ(calls, mode == "guard" ? 3 : 1);
  }
  EXPECT_THAT(f->memory().text(), HasSubstr("W packed"));
  const absl::StatusOr<std::string> explained = f->ExplainFusion();
  ASSERT_TRUE(explained.ok()) << explained.status();
  EXPECT_THAT(*explained, HasSubstr("is packed once and kept: "));
  EXPECT_THAT(*explained, HasSubstr("is not packed once: it is no constant"));
}

// Panels of a few columns would be several times as large as the constant.
TEST(PackedConstants, AreRefusedBeyondTheLimit) {
  const Tensor x = Data({150, 64}, DType::f32, 1), w = Data({64, 2}, DType::f32, 2);
  const Values inputs = InputsFor({x}, false, {{"m", ""}});
  absl::StatusOr<Function> f = CompileInMode(inputs, {matmul(inputs[0], constant(w))});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(Packed(*f), 0);
  EXPECT_THAT(f->compile_info().remarks, Contains(HasSubstr("more than 2 times the constant's 512")));
}

// The first calls of several threads at once: one packs, the others wait.
TEST(PackedConstants, ByTheFirstOfSeveralThreads) {
  const Tensor x = Data({40, 200}, DType::f32, 1), w = Data({200, 150}, DType::f32, 2);
  const Build build = [&](const Values& in) { return Values{matmul(in[0], constant(w))}; };
  for (int round = 0; round < 5; ++round) {
    const Values inputs = InputsFor({x}, false, {{"m", ""}});
    absl::StatusOr<Function> f = CompileInMode(inputs, build(inputs));
    ASSERT_TRUE(f.ok()) << f.status();
    std::vector<Tensor> results(4);
    std::barrier start(4);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        absl::StatusOr<std::vector<Tensor>> out = (*f)({x});
        if (out.ok()) results[t] = (*out)[0];
      });
    for (std::thread& thread : threads) thread.join();
    const absl::StatusOr<std::vector<Tensor>> expected = (*f)({x});
    ASSERT_TRUE(expected.ok()) << expected.status();
    for (const Tensor& result : results) EXPECT_TRUE(SameBits(result, (*expected)[0]));
  }
}

}  // namespace
}  // namespace oriel::e2e
