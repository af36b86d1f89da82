// Gradients of reductions and matrix products.
#include "grad_test_util.h"

namespace oriel {
namespace {

using testing::ElementsAre;

using Reduction = Value (*)(const Operand&, Axes, bool);

TEST(GradReduce, AxesAndKeepdims) {
  const std::vector<std::pair<const char*, Reduction>> reductions = {
      {"sum", sum}, {"mean", mean}, {"prod", prod}, {"max", reduce_max}, {"min", reduce_min}, {"logsumexp", logsumexp}};
  const std::vector<std::pair<Extents, Axes>> cases = {
      {{}, {}},      {{4}, {}},           {{4}, {0}},          {{2, 3}, {}},     {{2, 3}, {0}},
      {{2, 3}, {1}}, {{2, 3}, {-1}},      {{2, 3, 2}, {0, 2}}, {{2, 3, 2}, {1}}, {{1, 3}, {0}},
      {{1, 1}, {}},  {{2, 3, 2}, {2, 1}}, {{5, 1}, {0, 1}},    {{7}, {0}},       {{2, 2, 5}, {0, 1, 2}}};
  for (const auto& [name, f] : reductions) {
    for (const auto& [shape, axes] : cases) {
      for (bool keepdims : {false, true}) {
        const Builder build = [f = f, axes = axes, keepdims](const std::vector<Value>& x) {
          return f(x[0] * 1.0, axes, keepdims);
        };
        CheckBoth(std::string(name) + " " + ToString(shape), build, {Distinct(shape, shape.size())});
      }
    }
  }
}

TEST(GradReduce, EmptyExtents) {
  for (Reduction f : {Reduction(sum), Reduction(prod), Reduction(mean)}) {
    CheckBoth("empty", [f](const std::vector<Value>& x) { return f(x[0], {1}, false); }, {Distinct({0, 2}, 1)});
  }
  CheckBoth("sum of none", [](const std::vector<Value>& x) { return sum(x[0], {1}); }, {Distinct({2, 0}, 1)});
  CheckBoth("product of none", [](const std::vector<Value>& x) { return prod(x[0], {1}); }, {Distinct({2, 0}, 1)});
}

TEST(GradReduce, ProductsBesideZeros) {
  const Builder build = [](const std::vector<Value>& x) { return prod(x[0], {1}); };
  // One zero, two zeros, three zeros, none.
  const Tensor zeros = Make(DType::f64, {4, 5}, {0, 2, 3, 4, 5, 0, 2, 0, 4, 5, 0, 2, 0, 0, 5, 1, 2, 3, 4, 5});
  CheckBoth("zeros", build, {zeros});
  CheckBoth("all", [](const std::vector<Value>& x) { return prod(x[0]); },
            {Make(DType::f64, {2, 3}, {1, 2, 0, 3, 0, 4})});
  const Value x = input("x", DType::f64, {3});
  EXPECT_THAT(EvalValues(grad(prod(x), {x})[0], {x}, {Make(DType::f64, {3}, {0, 2, 3})}), ElementsAre(6, 0, 0));
}

TEST(GradReduce, TiesShareEqually) {
  const Value x = input("x", DType::f64, {4});
  const Tensor tied = Make(DType::f64, {4}, {1, 3, 3, 2});
  EXPECT_THAT(EvalValues(grad(reduce_max(x), {x})[0], {x}, {tied}), ElementsAre(0, 0.5, 0.5, 0));
  EXPECT_THAT(EvalValues(grad(reduce_min(neg(x)), {x})[0], {x}, {tied}), ElementsAre(0, -0.5, -0.5, 0));
}

TEST(GradReduce, MeansOfHalvesOverManyElements) {
  // 70,000 is not a float16.
  const Value x = input("x", DType::f16, {70000});
  const Value g = grad(cast(mean(x), DType::f64) * 7000.0, {x})[0];
  EXPECT_NEAR(EvalValues(g, {x}, {Tensor::Ones({70000}, DType::f16)})[69999], 0.1, 1e-3);
}

TEST(GradReduce, Compositions) {
  for (const Extents& shape : std::vector<Extents>{{4}, {2, 3}, {1, 1}}) {
    CheckBoth("softmax", [](const std::vector<Value>& x) { return softmax(x[0]); }, {Distinct(shape, 1)});
    CheckBoth("log_softmax", [](const std::vector<Value>& x) { return log_softmax(x[0], 0); }, {Distinct(shape, 2)});
    CheckBoth("log of softmax", [](const std::vector<Value>& x) { return log(softmax(x[0])); }, {Distinct(shape, 3)});
  }
}

TEST(GradReduce, LogsOfSoftmaxesThatUnderflow) {
  // p[0] is 0 in float64, and the gradient of its logarithm is that of log_softmax.
  const Value x = input("x", DType::f64, {2, 3}), i = input("i", DType::i64, {2});
  const std::vector<Tensor> arguments = {Make(DType::f64, {2, 3}, {-900, 0, 1, 5, -900, 5}),
                                         Make(DType::i64, {2}, {0, 1})};
  const Value p = softmax(x);
  const Value g = grad(sum(log(p)[{arange(2), i}]) + sum(log(p[{arange(2), i}])), {x})[0];
  const Value expected = grad(sum(log_softmax(x)[{arange(2), i}] * 2.0), {x})[0];
  const std::vector<double> want = EvalValues(expected, {x, i}, arguments), got = EvalValues(g, {x, i}, arguments);
  for (size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(got[k], want[k], 1e-12) << k;
  EXPECT_EQ(got[0], 2);
  // The gradient by the probabilities themselves is what it is.
  EXPECT_NEAR(
      EvalValues(grad(sum(log(p)), {p, x})[0], {x, i}, {Make(DType::f64, {2, 3}, {0, 0, 0, 0, 0, 0}), arguments[1]})[0],
      3, 1e-12);
  const Value y = sigmoid(x);
  EXPECT_EQ(EvalValues(grad(sum(log(y)), {x})[0], {x, i}, arguments)[0], 1);
}

TEST(GradContract, AllRanks) {
  const std::vector<std::pair<Extents, Extents>> cases = {{{3}, {3}},
                                                          {{2, 3}, {3}},
                                                          {{3}, {3, 2}},
                                                          {{2, 3}, {3, 4}},
                                                          {{5, 2, 3}, {3}},
                                                          {{3}, {5, 3, 2}},
                                                          {{5, 2, 3}, {3, 4}},
                                                          {{5, 2, 3}, {5, 3, 4}},
                                                          {{1, 2, 3}, {5, 3, 4}},
                                                          {{2, 3}, {5, 3, 4}},
                                                          {{2, 1, 2, 3}, {4, 3, 2}},
                                                          {{1, 1}, {1, 1}},
                                                          {{0, 3}, {3, 2}},
                                                          {{2, 0}, {0, 3}},
                                                          {{2, 3}, {3, 0}}};
  for (const auto& [a, b] : cases) {
    CheckBoth("matmul " + ToString(a) + " " + ToString(b),
              [](const std::vector<Value>& x) { return matmul(x[0], x[1]); }, {Distinct(a, 1), Distinct(b, 2)});
  }
  CheckBoth("square", [](const std::vector<Value>& x) { return matmul(x[0], matmul(transpose(x[0]), x[0])); },
            {Distinct({2, 3}, 4)});
  CheckBoth("dot with a scalar", [](const std::vector<Value>& x) { return dot(x[0], x[1]); },
            {Distinct({}, 4), Distinct({2, 2}, 5)});
}

}  // namespace
}  // namespace oriel
