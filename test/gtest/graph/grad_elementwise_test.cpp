// Gradients of elementwise ops: against central differences on generated
// shapes, and the conventions at kinks and beside singularities.
#include <limits>

#include "grad_test_util.h"

namespace oriel {
namespace {

using testing::ElementsAre;

const std::vector<Extents> kShapes = {{}, {1}, {3}, {2, 3}, {0}, {3, 0}, {1, 4, 1}};

struct Unary {
  const char* name;
  Value (*f)(const Operand&);
  bool positive;
};

class UnaryGradient : public testing::TestWithParam<Unary> {};

TEST_P(UnaryGradient, FirstAndSecond) {
  const auto& [name, f, positive] = GetParam();
  for (size_t i = 0; i < kShapes.size(); ++i) {
    CheckBoth(name, [f = f](const std::vector<Value>& x) { return f(x[0]); }, {Distinct(kShapes[i], i, positive)});
  }
}

INSTANTIATE_TEST_SUITE_P(All, UnaryGradient,
                         testing::Values(Unary{"neg", neg, false}, Unary{"abs", abs, false}, Unary{"exp", exp, false},
                                         Unary{"expm1", expm1, false}, Unary{"log", log, true},
                                         Unary{"log1p", log1p, true}, Unary{"sqrt", sqrt, true},
                                         Unary{"rsqrt", rsqrt, true}, Unary{"tanh", tanh, false},
                                         Unary{"sigmoid", sigmoid, false}, Unary{"erf", erf, false},
                                         Unary{"sin", sin, false}, Unary{"cos", cos, false},
                                         Unary{"relu", relu, false}),
                         [](const auto& info) { return std::string(info.param.name); });

struct Binary {
  const char* name;
  Value (*f)(const Operand&, const Operand&);
  bool positive;
};

class BinaryGradient : public testing::TestWithParam<Binary> {};

TEST_P(BinaryGradient, FirstAndSecond) {
  const auto& [name, f, positive] = GetParam();
  const Builder build = [f = f](const std::vector<Value>& x) { return f(x[0], x[1]); };
  const std::vector<std::pair<Extents, Extents>> shapes = {{{}, {}},     {{3}, {3}},    {{2, 3}, {3}}, {{2, 1}, {1, 3}},
                                                           {{}, {2, 2}}, {{3, 1}, {0}}, {{0}, {0}},    {{1}, {4}}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    // Apart by at least 0.02, so that differences stay on one side of kinks.
    absl::StatusOr<Tensor> b = Distinct(shapes[i].second, i + 31, positive);
    std::vector<double> values = Values(*b);
    for (double& value : values) value *= 1.07;
    CheckBoth(name, build, {Distinct(shapes[i].first, i, positive), Make(DType::f64, shapes[i].second, values)});
  }
}

INSTANTIATE_TEST_SUITE_P(All, BinaryGradient,
                         testing::Values(Binary{"add", add, false}, Binary{"sub", sub, false},
                                         Binary{"mul", mul, false}, Binary{"div", div, false},
                                         Binary{"mod", mod, false}, Binary{"maximum", maximum, false},
                                         Binary{"minimum", minimum, false}, Binary{"pow", pow, true}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(GradElementwise, SelectAndCasts) {
  CheckBoth("select", [](const std::vector<Value>& x) { return select(x[0] > 0.0, x[1] * x[1], exp(x[0])); },
            {Distinct({2, 3}, 1), Distinct({3}, 2)});
  CheckGradient("casts", [](const std::vector<Value>& x) { return cast(cast(x[0], DType::f64) * 2, DType::f64); },
                {Distinct({3}, 1)});
  // Through f32 and f16 the gradient has the operand's type again.
  const Value x = input("x", DType::f32, {2});
  const Value g = grad(sum(cast(x, DType::f16) * 3), {x})[0];
  EXPECT_EQ(TypeText(g), "float32 (2,)");
  EXPECT_THAT(EvalValues(g, {x}, {Make(DType::f32, {2}, {1, 2})}), ElementsAre(3, 3));
}

TEST(GradElementwise, SixteenBitFloatsKeepTheirType) {
  for (DType dtype : {DType::f16, DType::bf16}) {
    const Value x = input("x", dtype, {3});
    const Value g = grad(mean(tanh(x) * x / 2), {x})[0];
    EXPECT_EQ(g.dtype(), dtype);
    const double v = 0.5, t = std::tanh(v);
    EXPECT_NEAR(EvalValues(g, {x}, {Make(dtype, {3}, {v, v, v})})[0], (t + v * (1 - t * t)) / 6, 4e-3);
  }
}

TEST(GradElementwise, KnownPowers) {
  for (double power : {0.0, 1.0, 2.0, 3.0, 0.5, -1.0}) {
    CheckBoth("pow " + std::to_string(power), [=](const std::vector<Value>& x) { return pow(x[0], power) + x[0]; },
              {Distinct({4}, 3, /*positive=*/true)});
  }
}

// Slopes of the one-element function at a point.
double SlopeAt(const Builder& f, double at) {
  const Value x = input("x", DType::f64, {});
  return EvalValues(grad(f({x}), {x})[0], {x}, {Make(DType::f64, {}, {at})})[0];
}

TEST(GradElementwise, Kinks) {
  EXPECT_EQ(SlopeAt([](const auto& x) { return abs(x[0]); }, 0), 0);
  EXPECT_EQ(SlopeAt([](const auto& x) { return relu(x[0]); }, 0), 0.5);
  EXPECT_EQ(SlopeAt([](const auto& x) { return maximum(x[0], 1.0); }, 1), 0.5);
  EXPECT_EQ(SlopeAt([](const auto& x) { return minimum(x[0], 1.0); }, 1), 0.5);
  EXPECT_EQ(SlopeAt([](const auto& x) { return maximum(x[0], x[0]); }, 2), 1);
  for (auto f : {sign, floor, ceil, round}) EXPECT_EQ(SlopeAt([f](const auto& x) { return f(x[0]) + x[0]; }, 0.3), 1);
  EXPECT_EQ(SlopeAt([](const auto& x) { return floor_div(x[0], 2.0); }, 3.3), 0);
  EXPECT_EQ(SlopeAt([](const auto& x) { return mod(x[0], 2.0); }, 3.3), 1);
}

TEST(GradElementwise, BranchesNotTakenLeaveNoNaN) {
  // f is singular, or has no value, where select takes the other side.
  const std::vector<std::pair<std::string, Builder>> cases = {
      {"log", [](const auto& x) { return select(x[0] > 0.0, log(x[0]), 0.0); }},
      {"log1p", [](const auto& x) { return select(x[0] > 0.0, log1p(x[0] - 1.0), 0.0); }},
      {"sqrt", [](const auto& x) { return select(x[0] > 0.0, sqrt(x[0]), 0.0); }},
      {"rsqrt", [](const auto& x) { return select(x[0] > 0.0, rsqrt(x[0]), 0.0); }},
      {"div", [](const auto& x) { return select(x[0] > 0.0, 3.0 / x[0], 0.0); }},
      {"pow", [](const auto& x) { return select(x[0] > 0.0, pow(x[0], -0.5), 0.0); }},
      {"pow of x", [](const auto& x) { return select(x[0] > 0.0, pow(2.0 + x[0], x[0]), 0.0); }},
      {"x to the x", [](const auto& x) { return select(x[0] > 0.0, pow(x[0], x[0] * 1.5), 0.0); }},
  };
  for (const auto& [name, f] : cases) {
    for (double at : {0.0, -1.0}) {
      EXPECT_EQ(SlopeAt(f, at), 0) << name << " at " << at;
      const Builder second = [&f = f](const std::vector<Value>& x) { return grad(f(x), {x[0]})[0]; };
      EXPECT_EQ(SlopeAt(second, at), 0) << name << " at " << at << ", second";
    }
    CheckBoth(name, f, {Make(DType::f64, {}, {1.25})});
  }
}

TEST(GradElementwise, GuardsDoNotHideDerivatives) {
  // log(x)**2 has gradient 0 at 1, and a second derivative of 2 there; the
  // select makes the gradient a masked one.
  const Builder first = [](const std::vector<Value>& x) {
    return grad(select(x[0] > 0.0, pow(log(x[0]), 2.0), 0.0), {x[0]})[0];
  };
  EXPECT_NEAR(SlopeAt(first, 1.0), 2, 1e-12);
}

TEST(GradElementwise, PowAtZero) {
  const Builder by_power = [](const std::vector<Value>& x) { return pow(scalar(0, DType::f64), x[0]); };
  EXPECT_EQ(SlopeAt(by_power, 2.0), 0);
  // x**y at x = 0, y = 0: b * x**(b-1) is 0 there, not 0 * inf.
  const Builder by_base = [](const std::vector<Value>& x) { return pow(x[0], 0.0 * x[0]); };
  EXPECT_EQ(SlopeAt(by_base, 0.0), 0);
  EXPECT_EQ(SlopeAt([](const auto& x) { return pow(x[0], 2.0); }, 0), 0);
  EXPECT_EQ(SlopeAt([](const auto& x) { return pow(x[0], 1.0); }, 0), 1);
  EXPECT_EQ(SlopeAt([](const auto& x) { return pow(x[0], 0.0); }, 0), 0);
}

TEST(GradElementwise, SingularSlopesAreInfinite) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(SlopeAt([](const auto& x) { return sqrt(x[0]); }, 0), inf);
  EXPECT_EQ(SlopeAt([](const auto& x) { return log(x[0]); }, 0), inf);
}

TEST(GradElementwise, RandomCompositions) {
  // f(x, y) of random smooth steps.
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const Builder build = [seed](const std::vector<Value>& inputs) {
      std::vector<Value> pool = inputs;
      uint64_t state = seed * 977 + 5;
      const auto pick = [&](uint64_t n) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % n;
      };
      for (int step = 0; step < 8; ++step) {
        const Value a = pool[pick(pool.size())], b = pool[pick(pool.size())];
        switch (pick(9)) {
          case 0:
            pool.push_back(a * b);
            break;
          case 1:
            pool.push_back(a - b);
            break;
          case 2:
            pool.push_back(tanh(a));
            break;
          case 3:
            pool.push_back(sigmoid(a) + b);
            break;
          case 4:
            pool.push_back(a / (1.0 + b * b));
            break;
          case 5:
            pool.push_back(sin(a));
            break;
          case 6:
            pool.push_back(sqrt(1.0 + a * a));
            break;
          case 7:
            pool.push_back(log(1.5 + cos(a)));
            break;
          default:
            pool.push_back(select(inputs[0] > 0.0, a, b));
            break;
        }
      }
      Value total = pool.back();
      for (const Value& value : inputs) total = total + value;
      return total;
    };
    CheckGradient("seed " + std::to_string(seed), build, {Distinct({2, 3}, seed), Distinct({3}, seed + 100)}, 1e-5);
  }
}

}  // namespace
}  // namespace oriel
