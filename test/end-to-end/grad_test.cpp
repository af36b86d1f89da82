// Gradients compiled: equal to the reference evaluator's in every mode, and of
// tables only the rows that a batch uses.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using Values = std::vector<Value>;

// The gradients of sum(f * weights) by the float inputs.
Build GradientsOf(const Build& f) {
  return [f](const Values& in) {
    const Values outputs = f(in);
    Value cost = scalar(0, DType::f64);
    for (const Value& y : outputs) {
      const Value ramp = cast(arange(NumElements(y.shape())), DType::f32) * 0.37;
      cost = cost + cast(sum(reshape(y, {NumElements(y.shape())}) * cast(cos(ramp), y.dtype())), DType::f64);
    }
    std::vector<Operand> wrt;
    for (const Value& x : in) {
      if (IsFloat(x.dtype())) wrt.push_back(x);
    }
    return grad(cost, wrt, {.disconnected_inputs = Disconnected::kIgnore});
  };
}

void ExpectGradientsMatch(const Build& f, const std::vector<Tensor>& arguments,
                          const std::vector<std::vector<std::string>>& symbols) {
  ExpectMatches(GradientsOf(f), arguments, symbols, {.ulps = 128, .absolute = 1e-4});
}

TEST(Grad, Elementwise) {
  for (DType dtype : {DType::f32, DType::f64}) {
    ExpectGradientsMatch(
        [](const Values& in) {
          const Value x = in[0], y = in[1];
          return Values{tanh(x) * sigmoid(y) - exp(-x * x) / (1.5 + cos(y)),
                        pow(abs(x) + 0.5, y),
                        log1p(x * x) + erf(y),
                        select(x > 0.0, sqrt(x), expm1(y)),
                        relu(x - 0.25) + minimum(y, 0.5),
                        mod(x, 3.0) + floor(y)};
        },
        {Data({7, 33}, dtype, 1), Data({33}, dtype, 2)}, {{"n", "m"}, {"m"}});
  }
}

TEST(Grad, HalvesKeepTheirType) {
  for (DType dtype : {DType::f16, DType::bf16}) {
    ExpectMatches(GradientsOf([](const Values& in) { return Values{tanh(in[0]) * in[1]}; }),
                  {Data({5, 40}, dtype, 1), Data({40}, dtype, 2)}, {{"n", ""}, {""}}, {.ulps = 8, .absolute = 0.05});
  }
}

TEST(Grad, ReductionsAndProducts) {
  ExpectGradientsMatch(
      [](const Values& in) {
        const Value x = in[0];
        return Values{sum(x * x, {0}),
                      mean(exp(x * 0.5), {1}),
                      reduce_max(x, {1}),
                      softmax(x),
                      log_softmax(x),
                      logsumexp(x, {0}),
                      prod(x[slice(0, 3)], {0}),
                      prod(x[{all(), slice(0, 5)}] * 0.9, {1})};
      },
      {Data({9, 21}, DType::f32, 3)}, {{"", "m"}});
  Tensor zeros = Data({4, 6}, DType::f64, 5);
  zeros.data<double>()[1] = zeros.data<double>()[8] = zeros.data<double>()[9] = 0;
  ExpectGradientsMatch([](const Values& in) { return Values{prod(in[0], {1}), prod(in[0], {0})}; }, {zeros},
                       {{"", "m"}});
}

TEST(Grad, Contractions) {
  ExpectGradientsMatch(
      [](const Values& in) {
        const Value h = tanh(dot(in[0], in[1]) + in[2]);
        return Values{dot(h, transpose(in[1])), dot(h[0], in[2]), matmul(in[3], in[1])};
      },
      {Data({12, 9}, DType::f32, 1), Data({9, 17}, DType::f32, 2), Data({17}, DType::f32, 3),
       Data({3, 5, 9}, DType::f32, 4)},
      {{"n", ""}, {}, {}, {"b", "", ""}});
}

TEST(Grad, OfEmptyProducts) {
  // The epilogue of a product without rows reads operands without elements.
  ExpectGradientsMatch(
      [](const Values& in) { return Values{tanh(matmul(in[0], transpose(in[0]))), tanh(dot(in[0], in[1]))}; },
      {Tensor::Zeros({0, 34}), Data({34}, DType::f32, 1)}, {{"n", ""}, {""}});
}

TEST(Grad, ShapesAndIndices) {
  Tensor index = Tensor::Zeros({6}, DType::i64), unique = Tensor::Zeros({3}, DType::i64);
  for (int64_t i = 0; i < 6; ++i) index.data<int64_t>()[i] = i * 5 % 7 - 3;
  for (int64_t i = 0; i < 3; ++i) unique.data<int64_t>()[i] = i * 3 % 8;
  ExpectGradientsMatch(
      [](const Values& in) {
        const Value x = in[0];
        return Values{exp(x[{slice(1, -1), slice(std::nullopt, std::nullopt, -1)}]),
                      exp(x[{slice(std::nullopt, std::nullopt, 3), slice(-2, 0, -2)}]),
                      exp(transpose(x)[slice(2, 5)]),
                      exp(concatenate({x, x[slice(0, 2)]}, 0)),
                      exp(gather(x, {in[1]})),
                      exp(gather(x, {in[1]}, 1)),
                      scatter_add(x, {in[2]}, exp(in[3])),
                      exp(scatter_set(x, {in[2]}, in[3])),
                      exp(scatter_set(x, {in[1]}, x[slice(0, 6)])),
                      exp(dynamic_slice(x, {in[2][{1}], in[2][{0}]}, {2, 4}))};
      },
      {Data({8, 9}, DType::f32, 1), index, unique, Data({3, 9}, DType::f32, 2)}, {{}, {"k"}, {}, {}});
}

TEST(Grad, LoopsAndBranches) {
  for (int64_t trips : {0, 1, 5}) {
    ExpectGradientsMatch(
        [trips](const Values& in) {
          return loop(trips, {in[0]},
                      [&](Value i, Values c) { return Values{tanh(dot(c[0], in[1])) + cast(i, DType::f32) * in[2]}; });
        },
        {Data({4, 6}, DType::f32, 1), Data({6, 6}, DType::f32, 2), Data({6}, DType::f32, 3)}, {{"n", ""}, {}, {}});
  }
  for (float sign : {1.0f, -1.0f}) {
    ExpectGradientsMatch(
        [](const Values& in) {
          return branch(in[0] > 0.0, [&] { return Values{exp(in[1]) * in[2]}; }, [&] { return Values{sin(in[1])}; });
        },
        {Tensor::Scalar(sign), Data({12}, DType::f32, 1), Data({12}, DType::f32, 2)}, {{}, {"n"}, {"n"}});
  }
}

TEST(Grad, SecondDerivatives) {
  ExpectGradientsMatch(
      [](const Values& in) {
        const Value cost = sum(log_softmax(dot(tanh(in[0]), in[1])) * 0.1);
        return grad(cost, {in[0], in[1]});
      },
      {Data({5, 4}, DType::f64, 1), Data({4, 3}, DType::f64, 2)}, {{"n", ""}, {}});
}

TEST(Grad, ProductsBothWays) {
  ExpectMatches(
      [](const Values& in) {
        const Value y = tanh(dot(in[0], in[1]));
        const Value cost = sum(y * y);
        return Values{jvp({y}, {in[1]}, {in[2]})[0], vjp({y}, {in[1]}, {y})[0],
                      jvp(grad(cost, {in[1]}), {in[1]}, {in[2]})[0], jacobian(y[0], in[1])};
      },
      {Data({3, 4}, DType::f64, 1), Data({4, 5}, DType::f64, 2), Data({4, 5}, DType::f64, 3)}, {},
      {.ulps = 256, .absolute = 1e-9});
}

// Softmax regression by grad: states after a step, compiled and by the reference.
TEST(Grad, ATrainingStep) {
  const State w = state("W", Data({16, 5}, DType::f32, 1)), b = state("b", Tensor::Zeros({5}));
  const Values in{input("x", DType::f32, {dyn("n"), 16}), input("t", DType::i64, {dyn("n")})};
  const Value p = softmax(dot(in[0], w) + b);
  const Value cost = (-mean(log(p[{arange(in[1].dim(0)), in[1]}]))).named("cost");
  const Values g = grad(cost, {w, b});
  const std::vector<Update> updates = {{w, w - 0.5 * g[0]}, {b, b - 0.5 * g[1]}};
  Tensor labels = Tensor::Zeros({20}, DType::i64);
  for (int64_t i = 0; i < 20; ++i) labels.data<int64_t>()[i] = i * 3 % 5;
  const std::vector<Tensor> arguments = {Data({20, 16}, DType::f32, 2), labels};
  absl::StatusOr<std::vector<Tensor>> expected = Evaluate(in, {cost}, updates, arguments);
  absl::StatusOr<Function> f = CompileInMode(in, {cost}, updates);
  ASSERT_TRUE(expected.ok() && f.ok()) << expected.status() << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(arguments));
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_TRUE(Close((*out)[0], (*expected)[0], {64, 1e-6}));
  EXPECT_TRUE(Close(w.value(), (*expected)[1], {64, 1e-5}));
  EXPECT_TRUE(Close(b.value(), (*expected)[2], {64, 1e-5}));
  // Nodes of the gradient say what of.
  bool says = false;
  for (const NodeInfo& node : f->nodes().nodes()) {
    if (node.origin != Origin::kDerived || node.rule != "grad") continue;
    for (const std::string& line : f->nodes().Chain(node.id)) says = says || line.find("grad of n") == 0;
  }
  EXPECT_TRUE(says);
}

// The gradient of table[indices] and its update: no second table, no pass over it.
TEST(Grad, OfATableTouchesOnlyRows) {
  const int64_t rows = 20000, width = 32, batch = 64;
  const State table = state("table", Data({rows, width}, DType::f32, 1));
  const Values in{input("indices", DType::i64, {dyn("n")}), input("target", DType::f32, {dyn("n"), width})};
  const Value cost = mean(pow(gather(table, {in[0]}) - in[1], 2.0)) + 0.1 * mean(tanh(gather(table, {in[0] + 1})));
  const std::vector<Update> updates = {{table, table - 0.5 * grad(cost, {table})[0]}};
  Tensor indices = Tensor::Zeros({batch}, DType::i64);
  for (int64_t i = 0; i < batch; ++i) indices.data<int64_t>()[i] = (i / 2) * 7919 % (rows - 1);
  const std::vector<Tensor> arguments = {indices, Data({batch, width}, DType::f32, 2)};
  absl::StatusOr<std::vector<Tensor>> expected = Evaluate(in, {cost}, updates, arguments);
  absl::StatusOr<Function> f = CompileInMode(in, {cost}, updates);
  ASSERT_TRUE(expected.ok() && f.ok()) << expected.status() << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(arguments));
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_TRUE(Close((*out)[0], (*expected)[0], {64, 1e-6}));
  EXPECT_TRUE(Close(table.value(), (*expected)[1], {64, 1e-6}));
  const MemoryReport memory = f->memory();
  EXPECT_LE(memory.planned_peak, rows * width * 4 + (1 << 20)) << f->plan_text();
}

}  // namespace
}  // namespace oriel::e2e
