// Kernels that differ in extents or scalar constants only are compiled once: with
// the bits of kernels of their own, and profiled each under its own nodes.
#include <set>

#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;
using Step = std::function<Value(const Values& in, int k)>;

// The steps k = 0 to n - 1 in one program, each over the result of the one
// before, equal those compiled alone to the bit; they need at most `most` kernels.
void ExpectStepsShare(const Step& step, const std::vector<Tensor>& arguments, int n, int most,
                      const std::vector<std::vector<std::string>>& symbols) {
  const Build all = [&](const Values& in) {
    Values results, next = in;
    for (int k = 0; k < n; ++k) results.push_back(next[0] = step(next, k));
    return results;
  };
  ExpectMatches(all, arguments, symbols, {16, 1e-3});
  for (bool known : {false, true}) {
    SCOPED_TRACE(known ? "known extents" : "unknown extents");
    const Values inputs = InputsFor(arguments, known, symbols);
    absl::StatusOr<Function> f = compile(inputs, all(inputs), {}, {.cache_dir = "none"});
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_LE(f->compile_info().kernels, most);
    absl::StatusOr<std::vector<Tensor>> together = (*f)(arguments);
    ASSERT_TRUE(together.ok()) << together.status();
    std::vector<Tensor> next = arguments;
    for (int k = 0; k < n; ++k) {
      const Values alone = InputsFor(next, known, symbols);
      absl::StatusOr<Function> g = compile(alone, {step(alone, k)}, {}, {.cache_dir = "none"});
      ASSERT_TRUE(g.ok()) << g.status();
      absl::StatusOr<std::vector<Tensor>> one = (*g)(next);
      ASSERT_TRUE(one.ok()) << one.status();
      EXPECT_TRUE(SameBits((*together)[k], (*one)[0])) << k;
      next[0] = (*one)[0];
    }
  }
}

TEST(SharedKernels, ProductsTimesOtherConstants) {
  ExpectStepsShare([](const Values& in, int k) { return dot(in[0], in[1]) * (0.3 + 0.07 * k) + 0.7; },
                   {Data({9, 16}, DType::f32, 1), Data({16, 16}, DType::f32, 2)}, 3, 1, {{"m", "n"}, {"n", "n"}});
}

TEST(SharedKernels, SumsOfColumnsAndRowsWithOtherConstants) {
  for (DType t : {DType::f32, DType::bf16}) {
    SCOPED_TRACE(NumpyName(t));
    ExpectStepsShare(
        [](const Values& in, int k) {
          const Value centered = in[0] - mean(in[0] * (0.3 + 0.07 * k), {1}, true);
          return tanh(centered * (1.1 + k) + sum(centered, {0}, true) * (0.1 / (3 + 2 * k)));
        },
        {Data({40, 21}, t, 1)}, 6, 9, {{"m", "n"}});
  }
}

// Integers; a constant is compared with and selected, and a sum of ramps has an
// index argument that comes after it.
TEST(SharedKernels, IntegersAndRamps) {
  const Build build = [](const Values& in) {
    Values results;
    for (int k = 0; k < 5; ++k) {
      const Value ramp = arange(in[0].dim(0) * 2 + k * 0);
      results.push_back(select(ramp > 21 + 2 * k, ramp * (11 + 2 * k), ramp - (5 + 4 * k)));
    }
    return results;
  };
  ExpectMatches(build, {Data({13}, DType::f32, 1)}, {{"n"}});
  const Values inputs = InputsFor({Data({13}, DType::f32, 1)}, false, {{"n"}});
  absl::StatusOr<Function> f = compile(inputs, build(inputs), {}, {.cache_dir = "none"});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_LE(f->compile_info().kernels, 2);
}

// Layers of other widths: one kernel for all products with a bias, and one for
// their gradients with an update, over states.
TEST(SharedKernels, LayersOfOtherWidths) {
  const int64_t widths[] = {12, 20, 7, 33, 10};
  const auto run = [&](bool fusion) {
    Value x = input("x", DType::f32, {dyn("n"), widths[0]}), h = x;
    std::vector<State> states;
    for (int k = 0; k + 1 < 5; ++k) {
      const std::string name = std::to_string(k);
      states.push_back(state("W" + name, Data({widths[k], widths[k + 1]}, DType::f32, k)));
      states.push_back(state("b" + name, Data({widths[k + 1]}, DType::f32, 10 + k)));
      h = tanh(dot(h, states[2 * k]) * 0.1 + states[2 * k + 1]);
    }
    std::vector<Value> g = grad(sum(h * h), std::vector<Operand>(states.begin(), states.end()));
    std::vector<Update> updates;
    for (size_t k = 0; k < states.size(); ++k) updates.emplace_back(states[k], states[k] - 0.01 * g[k]);
    std::vector<Tensor> values;
    absl::StatusOr<Function> f = CompileInMode({x}, {h}, updates, {.fusion = fusion});
    EXPECT_TRUE(f.ok()) << f.status();
    if (!f.ok()) return values;
    for (int64_t rows : {5, 64}) {
      absl::StatusOr<std::vector<Tensor>> out = (*f)({Data({rows, widths[0]}, DType::f32, 3)});
      EXPECT_TRUE(out.ok()) << out.status();
      if (out.ok()) values.push_back((*out)[0]);
    }
    for (const State& s : states) values.push_back(s.value());
    return values;
  };
  const std::vector<Tensor> fused = run(true), apart = run(false);
  ASSERT_EQ(fused.size(), apart.size());
  for (size_t k = 0; k < fused.size(); ++k) EXPECT_TRUE(SameBits(fused[k], apart[k])) << k;
}

TEST(SharedKernels, EachStepIsProfiledUnderItsOwnNodes) {
  Value x = input("x", DType::f32, {dyn("n"), 16}), w = input("w", DType::f32, {16, 16}), y = x;
  for (int k = 0; k < 3; ++k) y = (dot(y, w) * (0.3 + 0.07 * k)).named("scaled" + std::to_string(k));
  absl::StatusOr<Function> f = compile({x, w}, {y}, {}, {.cache_dir = "none"});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(f->compile_info().kernels, 1);
  ASSERT_TRUE((*f)({Data({4, 16}, DType::f32, 1), Data({16, 16}, DType::f32, 2)}).ok());
  const std::string text = f->profile().text();
  for (const char* name : {"scaled0", "scaled1", "scaled2"}) EXPECT_NE(text.find(name), std::string::npos) << text;
}

}  // namespace
}  // namespace oriel::e2e
