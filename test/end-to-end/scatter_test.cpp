// Scatters as programs see them: updates computed within, strategies and what
// the profile says of them, failures.
#include <cstring>

#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Values = std::vector<Value>;

Tensor Indices(int64_t n, const std::function<int64_t(int64_t)>& at) {
  Tensor t = Tensor::Zeros({n}, DType::i64);
  for (int64_t i = 0; i < n; ++i) t.data<int64_t>()[i] = at(i);
  return t;
}

Tensor Copied(const Tensor& from) {
  Tensor to = Tensor::Zeros(from.shape(), from.dtype());
  std::memcpy(to.raw(), from.raw(), static_cast<size_t>(from.bytes()));
  return to;
}

bool Fuses() { return CurrentMode().options.fusion; }

const ScatterUse* UseOf(const Profile& profile) {
  for (const ApplyRow& row : profile.rows) {
    if (row.scatter.has_value()) return &*row.scatter;
  }
  return nullptr;
}

// bias -= rate * gradient of a cost of bias[targets]: the scale is computed in
// the scatter's kernel, in the bias' own buffer; a bad index leaves all of it.
TEST(Scatter, AnUpdateScalesWithinItsKernel) {
  State bias = state("bias", Data({1001}, DType::f32, 1));
  Value targets = input("targets", DType::i64, {dyn("n")}), errors = input("errors", DType::f32, {dyn("n")});
  const Value cost = sum(Operand(bias).value[{targets}] * errors);
  absl::StatusOr<Function> f = CompileInMode({targets, errors}, {}, {{bias, bias - 0.125f * grad(cost, {bias})[0]}});
  ASSERT_TRUE(f.ok()) << f.status();
  if (Fuses()) {
    EXPECT_THAT(f->plan_text(), Not(HasSubstr("Elementwise"))) << f->plan_text();
    EXPECT_THAT(f->plan_text(), HasSubstr("state  bias f32(1001,), updated in place"));
  }
  const int64_t n = 3000;
  Tensor expected = Copied(bias.value()), error = Data({n}, DType::f32, 2);
  Tensor target = Indices(n, [](int64_t i) { return i < 900 ? i % 2 : (i * 7919) % 2002 - 1001; });
  for (int64_t i = 0; i < n; ++i) {
    // An eighth is exact.
    expected.data<float>()[(target.data<int64_t>()[i] + 1001) % 1001] -= 0.125f * error.data<float>()[i];
  }
  ASSERT_TRUE((*f)({target, error}).ok());
  EXPECT_TRUE(SameBits(bias.value(), expected));
  for (int64_t bad : {int64_t{0}, n / 2, n - 1}) {
    Tensor wrong = Copied(target);
    wrong.data<int64_t>()[bad] = -1002;
    absl::StatusOr<std::vector<Tensor>> out = (*f)({wrong, error});
    ASSERT_FALSE(out.ok());
    EXPECT_THAT(std::string(out.status().message()), HasSubstr("-1002"));
    EXPECT_TRUE(SameBits(bias.value(), expected)) << bad;
  }
}

// Counting: the updates are one number, which lies nowhere in memory.
TEST(Scatter, CountsOfOne) {
  Value i = input("i", DType::i64, {dyn("n")});
  for (DType dtype : {DType::f32, DType::i64, DType::u8}) {
    Value ones = broadcast_to(constant(Tensor::Full({}, 1, dtype)), {dyn("n")});
    Value zeros = broadcast_to(constant(Tensor::Full({}, 0, dtype)), {64});
    absl::StatusOr<Function> f = CompileInMode({i}, {scatter_add(zeros, {i}, ones)});
    ASSERT_TRUE(f.ok()) << f.status();
    Tensor index = Indices(5000, [](int64_t k) { return k * k % 61 - (k % 3 == 0 ? 64 : 0); });
    absl::StatusOr<std::vector<Tensor>> out = (*f)({index});
    ASSERT_TRUE(out.ok()) << out.status();
    absl::StatusOr<std::vector<Tensor>> expected = Evaluate({i}, {scatter_add(zeros, {i}, ones)}, {}, {index});
    ASSERT_TRUE(expected.ok()) << expected.status();
    EXPECT_TRUE(SameBits((*out)[0], (*expected)[0]));
  }
}

// Updates that read what the scatter writes over stay a kernel of their own:
// each must see the values from before.
TEST(Scatter, UpdatesThatReadTheDestination) {
  State w = state("w", Data({300}, DType::f32, 1));
  Value i = input("i", DType::i64, {300});
  absl::StatusOr<Function> f = CompileInMode({i}, {}, {{w, scatter_add(w, {i}, Operand(w).value * 0.5f)}});
  ASSERT_TRUE(f.ok()) << f.status();
  Tensor before = Copied(w.value()), expected = Copied(before);
  Tensor index = Indices(300, [](int64_t k) { return k * k % 300; });
  for (int64_t k = 0; k < 300; ++k) expected.data<float>()[index.data<int64_t>()[k]] += before.data<float>()[k] * 0.5f;
  ASSERT_TRUE((*f)({index}).ok());
  EXPECT_TRUE(SameBits(w.value(), expected));
}

// A gradient that is stored whole: zeros and sums in the state's buffer.
TEST(Scatter, IntoZerosOfAStateInPlace) {
  State g = state("g", Data({100}, DType::f32, 1));
  Value i = input("i", DType::i64, {dyn("n")}), u = input("u", DType::f32, {dyn("n")});
  Value zeros = broadcast_to(constant(Tensor::Full({}, 0, DType::f32)), {100});
  absl::StatusOr<Function> f = CompileInMode({i, u}, {}, {{g, scatter_add(zeros, {i}, u)}});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_THAT(f->plan_text(), HasSubstr("state  g f32(100,), updated in place"));
  Tensor update = Data({50}, DType::f32, 3), before = Copied(g.value());
  ASSERT_FALSE((*f)({Indices(50, [](int64_t k) { return k == 49 ? 100 : k; }), update}).ok());
  EXPECT_TRUE(SameBits(g.value(), before));
  Tensor expected = Tensor::Zeros({100});
  for (int64_t k = 0; k < 50; ++k) expected.data<float>()[k % 7] += update.data<float>()[k];
  ASSERT_TRUE((*f)({Indices(50, [](int64_t k) { return k % 7; }), update}).ok());
  EXPECT_TRUE(SameBits(g.value(), expected));
}

// Threads own ranges of the destination: the bits are those of one thread.
TEST(Scatter, ThreadsByDestinationRange) {
  const int64_t n = 400'000, size = 300'000;
  Value x = input("x", DType::f32, {dyn("m")}), i = input("i", DType::i64, {dyn("n")}), u = input("u", DType::f32, {dyn("n")});
  const Value y = scatter_add(x, {i}, u * 0.3f);
  std::vector<Tensor> arguments = {Data({size}, DType::f32, 1), Indices(n, [](int64_t k) { return k % 5 == 0 ? 7 : (k * 7919) % size; }), Data({n}, DType::f32, 2)};
  Tensor expected;
  for (int threads : {1, 2, 3, 8}) {
    CompileOptions options = CurrentMode().options;
    options.num_threads = threads;
    options.profile = true;
    absl::StatusOr<Function> f = compile({x, i, u}, {y}, {}, options);
    ASSERT_TRUE(f.ok()) << f.status();
    absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(arguments));
    ASSERT_TRUE(out.ok()) << out.status();
    if (threads == 1) expected = (*out)[0];
    EXPECT_TRUE(SameBits((*out)[0], expected)) << threads;
    const Profile profile = f->profile();
    const ScatterUse* use = UseOf(profile);
    ASSERT_NE(use, nullptr) << profile.text();
    EXPECT_EQ(use->strategy, threads == 1 ? "serial" : "by destination range") << profile.text();
    EXPECT_EQ(use->updates, n);
    EXPECT_NEAR(use->contention(), 0.25, 0.1);  // three or four of sixteen are one
    if (threads == 1) EXPECT_EQ(use->reason, "one thread");
    EXPECT_THAT(profile.json(), HasSubstr("\"strategy\""));
    EXPECT_THAT(profile.text(), HasSubstr("scatter: " + use->strategy));
    f->reset_profile();
    const Profile none = f->profile();
    EXPECT_TRUE(UseOf(none) == nullptr) << none.text();
  }
}

TEST(Scatter, TheProfileKnowsRuns) {
  Value x = input("x", DType::f32, {100}), i = input("i", DType::i64, {dyn("n")}), u = input("u", DType::f32, {dyn("n")});
  absl::StatusOr<Function> f = CompileInMode({x, i, u}, {scatter_add(x, {i}, u)});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE((*f)({Tensor::Zeros({100}), Indices(4096, [](int64_t) { return 9; }), Data({4096}, DType::f32, 2)}).ok());
  const Profile profile = f->profile();
  const ScatterUse* use = UseOf(profile);
  ASSERT_NE(use, nullptr);
  EXPECT_EQ(use->updates, 4096);
  EXPECT_EQ(use->combined, 4096);
  EXPECT_EQ(use->longest_run, 4096);
  EXPECT_EQ(use->contention(), 1);
}

}  // namespace
}  // namespace oriel::e2e
