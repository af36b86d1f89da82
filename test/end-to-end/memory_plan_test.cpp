// What programs hold: arenas near the largest live set, an order that frees
// early, steps that run once, steps side by side, what is kept between calls.
#include "gmock/gmock.h"
#include "oriel/grad.h"
#include "runtime/device/thread_pool.h"
#include "runtime/engine/prepared.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Values = std::vector<Value>;

// A perceptron of `layers` layers, `width` wide, and its training step. The
// updates come last, as a user writes them.
struct Perceptron {
  std::vector<State> weights;
  Value x, t, cost;
  std::vector<Update> updates;

  Perceptron(int layers, int64_t width)
      : x(input("x", DType::f32, {Dim::Symbol("batch"), Dim(width)})), t(input("t", DType::f32, {Dim::Symbol("batch"), Dim(width)})) {
    Value h = x;
    for (int k = 0; k < layers; ++k) {
      const Tensor initial = *Data({width, width}, DType::f32, static_cast<uint64_t>(k)).Cast(DType::f32);
      weights.push_back(state("w" + std::to_string(k), initial));
      h = tanh(dot(h, weights.back()) * 0.0625f);
    }
    cost = mean((h - t) * (h - t));
    const Values gradients = grad(cost, std::vector<Operand>(weights.begin(), weights.end()));
    for (size_t k = 0; k < weights.size(); ++k) updates.push_back({weights[k], weights[k] - 0.1f * gradients[k]});
  }
};

TEST(MemoryPlan, TrainingStepsAreNearTheLargestLiveSet) {
  for (const int layers : {1, 3, 8, 20}) {
    Perceptron net(layers, 32);
    absl::StatusOr<Function> f = CompileInMode({net.x, net.t}, {net.cost}, net.updates);
    ASSERT_TRUE(f.ok()) << f.status();
    for (const int64_t batch : {1, 7, 100}) {
      const absl::StatusOr<MemoryReport> plan = f->PlanMemory({{"batch", batch}});
      ASSERT_TRUE(plan.ok()) << plan.status();
      EXPECT_GE(plan->arena_bytes, plan->arena_live);
      EXPECT_LE(plan->arena_bytes, plan->arena_live + std::max<int64_t>(plan->arena_live / 20, 128)) << plan->text();
      EXPECT_THAT(plan->text(), HasSubstr("of their largest live set, "));
    }
  }
}

// A weight's gradient is used up before the next one is made.
TEST(MemoryPlan, GradientsAreUsedEarly) {
  constexpr int kLayers = 12;
  constexpr int64_t kWidth = 128, kMatrix = kWidth * kWidth * 4;
  Perceptron net(kLayers, kWidth);
  absl::StatusOr<Function> f = CompileInMode({net.x, net.t}, {net.cost}, net.updates);
  ASSERT_TRUE(f.ok()) << f.status();
  const absl::StatusOr<MemoryReport> plan = f->PlanMemory({{"batch", 1}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  // Fused, a weight's new value is written over the old one; where each op is a
  // kernel, it is in a second buffer.
  const int64_t second = CurrentMode().options.fusion ? 0 : kLayers;
  EXPECT_LE(plan->arena_live, (second + 4) * kMatrix) << plan->text(100);
}

// Arrays that are stated one after another and used later are made and used one
// after another.
TEST(MemoryPlan, WhatFreesMostRunsFirst) {
  constexpr char kText[] = R"(
module {
  func.func @f(%x: tensor<4x1000xf64>) -> tensor<f64> {
    %a = oriel.sort %x axis 0 : tensor<4x1000xf64>
    %b = oriel.sort %x axis 1 : tensor<4x1000xf64>
    %n = oriel.neg %x : tensor<4x1000xf64>
    %c = oriel.sort %n axis 0 : tensor<4x1000xf64>
    %d = oriel.sort %n axis 1 : tensor<4x1000xf64>
    %ra = oriel.reduce max %a axes [0, 1] : tensor<4x1000xf64> -> tensor<f64>
    %rb = oriel.reduce min %b axes [0, 1] : tensor<4x1000xf64> -> tensor<f64>
    %rc = oriel.reduce max %c axes [0, 1] : tensor<4x1000xf64> -> tensor<f64>
    %rd = oriel.reduce min %d axes [0, 1] : tensor<4x1000xf64> -> tensor<f64>
    %s = oriel.add %ra, %rb : tensor<f64>
    %t = oriel.add %rc, %rd : tensor<f64>
    %r = oriel.mul %s, %t : tensor<f64>
    return %r : tensor<f64>
  }
})";
  CompileOptions options = CurrentMode().options;
  options.num_threads = 1;  // side by side more of them would live at once
  absl::StatusOr<Function> f = CompileText(kText, options);
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor x = Data({4, 1000}, DType::f64, 3);
  absl::StatusOr<std::vector<Tensor>> out = (*f)({x});
  ASSERT_TRUE(out.ok()) << out.status();
  double most = x.data<double>()[0], least = most;
  for (int64_t i = 0; i < x.size(); ++i) {
    most = std::max(most, x.data<double>()[i]);
    least = std::min(least, x.data<double>()[i]);
  }
  EXPECT_EQ((*out)[0].data<double>()[0], (most + least) * (-least + -most));
  // Three at a time at most (what is sorted, its copy, a workspace), not five.
  EXPECT_LE(f->memory().arena_live, 3 * 4000 * 8 + 16'384) << f->memory().text() << f->plan_text();
}

TEST(MemoryPlan, ConstantsArePreparedOnce) {
  const Tensor c = Data({8, 8}, DType::f64, 5);
  const Value x = input("x", DType::f64, {8, 8});
  absl::StatusOr<Function> f = CompileInMode({x}, {x + sort(exp(constant(c)))});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor argument = Data({8, 8}, DType::f64, 6);
  std::vector<Tensor> first, later;
  for (int call = 0; call < 3; ++call) {
    absl::StatusOr<std::vector<Tensor>> out = (*f)({argument});
    ASSERT_TRUE(out.ok()) << out.status();
    (call == 0 ? first : later) = *std::move(out);
  }
  EXPECT_TRUE(SameBits(later[0], first[0]));
  const Value y = input("x", DType::f64, {8, 8});
  EXPECT_TRUE(Close(first[0], (*Evaluate({y}, {y + sort(exp(constant(c)))}, {}, std::vector<Tensor>{argument}))[0], {8, 1e-12}));
  int64_t once = 0;
  for (const ApplyRow& row : f->profile().rows) once += row.calls == 1;
  EXPECT_EQ(once, CurrentMode().name == "guard" ? 0 : 2) << f->profile().text();
  EXPECT_THAT(f->memory().text(), HasSubstr("yes  kept "));
  EXPECT_THAT(f->compile_info().remarks, Contains(HasSubstr("reads constants alone: it runs once, its result is kept")));
}

// What is made of a constant in many steps is not kept step by step: a call needs
// no more than where it is an input, but the constant and twice its bytes.
TEST(MemoryPlan, ConstantChainsKeepNoMoreThanTwiceTheConstants) {
  constexpr int64_t kWidth = 64, kBytes = kWidth * kWidth * 8;
  const Tensor c = Data({kWidth, kWidth}, DType::f64, 5);
  const auto chain = [&](const Value& x, Value v) {
    for (int k = 0; k < 8; ++k) v = exp(-sort(v, k % 2));
    return sum(v * x);
  };
  CompileOptions options = CurrentMode().options;
  options.num_threads = 1;
  const Value x = input("x", DType::f64, {kWidth, kWidth});
  absl::StatusOr<Function> of_input = compile({x}, {chain(x, x)}, {}, options);
  ASSERT_TRUE(of_input.ok()) << of_input.status();
  const int64_t peak = of_input->PlanMemory({})->planned_peak;
  options.memory_limit = static_cast<uint64_t>(peak + 3 * kBytes + 1024);
  absl::StatusOr<Function> f = compile({x}, {chain(x, constant(c))}, {}, options);
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)({c}), expected = (*of_input)({c});
  ASSERT_TRUE(out.ok()) << out.status();
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_TRUE(SameBits((*out)[0], (*expected)[0]));
  EXPECT_LE(f->memory().planned_peak, peak + 3 * kBytes + 1024) << f->memory().text();
  int64_t kept = 0;
  for (const std::string& remark : f->compile_info().remarks) kept += remark.find("its result is kept") != std::string::npos;
  EXPECT_EQ(kept, 2);
}

TEST(MemoryPlan, RefusedReuseIsExplained) {
  const Value x = input("x", DType::f32, {Dim::Symbol("n")});
  const Value h = sort(x), y = sort(exp(h));
  absl::StatusOr<Function> f = CompileInMode({x}, {sort(h * y)});
  ASSERT_TRUE(f.ok()) << f.status();
  std::string remarks;
  for (const std::string& remark : f->compile_info().remarks) remarks += remark + "\n";
  EXPECT_THAT(remarks, HasSubstr("over no operand: '"));
  EXPECT_THAT(remarks, HasSubstr("is read later by k"));
}

TEST(MemoryPlan, IndependentStepsRunSideBySide) {
  const auto build = [] {
    const Value x = input("x", DType::f32, {6, 24});
    Values in = {x}, out;
    for (int k = 0; k < 3; ++k) {
      in.push_back(input("w" + std::to_string(k), DType::f32, {24, 24}));
      out.push_back(dot(tanh(dot(x, in.back())), in.back()));
    }
    return std::pair(in, out);
  };
  std::vector<Tensor> arguments = {Data({6, 24}, DType::f32, 1)};
  for (uint64_t k = 0; k < 3; ++k) arguments.push_back(Data({24, 24}, DType::f32, 2 + k));
  std::vector<Tensor> expected;
  ScaleCostsForTesting(1e4);
  for (const int threads : {1, 2, 4}) {
    const auto [in, out] = build();
    CompileOptions options = CurrentMode().options;
    options.num_threads = threads;
    absl::StatusOr<Function> f = compile(in, out, {}, options);
    ASSERT_TRUE(f.ok()) << f.status();
    absl::StatusOr<std::vector<Tensor>> result = (*f)(arguments);
    ASSERT_TRUE(result.ok()) << result.status();
    if (expected.empty()) expected = *result;
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(SameBits((*result)[i], expected[i]));
    double of_threads = 0, sum = 0;
    const Profile profile = f->profile();
    for (const ApplyRow& row : profile.rows) of_threads += row.thread_seconds, sum += row.seconds;
    const bool timed = options.profile && !options.guard_buffers;
    EXPECT_EQ(of_threads > 0, threads > 1 && timed) << profile.text();
    EXPECT_NEAR(sum, profile.wall_seconds, 0.01 * profile.wall_seconds);
  }
  ScaleCostsForTesting(CurrentMode().name == "threads" ? 1e4 : 1);
}

TEST(MemoryPlan, OneThreadStartsNone) {
  const int before = ThreadPool::Shared().workers();
  const Value x = input("x", DType::f32, {Dim::Symbol("n")});
  CompileOptions options = CurrentMode().options;
  options.num_threads = 1;
  absl::StatusOr<Function> f = compile({x}, {sum(exp(x))}, {}, options);
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE((*f)({Tensor::Zeros({1'000'000}, DType::f32)}).ok());
  EXPECT_EQ(ThreadPool::Shared().workers(), before);
}

TEST(MemoryPlan, WhatIsKeptIsGivenBack) {
  const Value x = input("x", DType::f32, {Dim::Symbol("n")});
  absl::StatusOr<Function> f = CompileInMode({x}, {sort(exp(x))});
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Zeros({1'000'000}, DType::f32)});
  ASSERT_TRUE(out.ok()) << out.status();
  const Tensor one = (*out)[0];
  out->clear();
  EXPECT_GT(f->memory().kept_bytes, 0);
  EXPECT_GT(f->Trim(), 0u);
  EXPECT_EQ(f->memory().kept_bytes, 0);
  out = (*f)({Tensor::Zeros({1'000'000}, DType::f32)});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_TRUE(SameBits((*out)[0], one));
}

}  // namespace
}  // namespace oriel::e2e
