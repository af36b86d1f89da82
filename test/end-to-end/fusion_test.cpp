// What fusion forms, end to end: chains over rows with their gradients, several
// results of one kernel, rows that are gathered where they are reduced, and
// what ExplainFusion says of it.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::HasSubstr;

const std::vector<std::vector<std::string>> kSymbols = {
    {"n", "m"}, {"n", "m"}, {"n"}};

std::vector<Tensor> Rows(DType dtype, int64_t n = 37, int64_t m = 65) {
  return {Data({n, m}, dtype, 1), Data({n, m}, dtype, 2)};
}

Tensor Indices(std::vector<int64_t> values) {
  const int64_t count = static_cast<int64_t>(values.size());
  return Tensor::From<int64_t>(values, {count}).value();
}

Value LayerNorm(const Value& x) {
  const Value centred = x - mean(x, {1}, /*keepdims=*/true);
  const Value variance = mean(centred * centred, {1}, /*keepdims=*/true);
  return centred / sqrt(variance + scalar(1e-3, x.dtype()));
}

Value LogSumExp(const Value& x) {
  const Value top = reduce_max(x, {1}, /*keepdims=*/true);
  return squeeze(log(sum(exp(x - top), {1}, true)) + top, 1);
}

TEST(Fusion, ChainsOverRowsAreOneKernel) {
  const std::vector<std::pair<std::string, Build>> chains = {
      {"softmax",
       [](const std::vector<Value>& in) {
         return std::vector<Value>{softmax(in[0], -1)};
       }},
      {"log softmax",
       [](const std::vector<Value>& in) {
         return std::vector<Value>{log(softmax(in[0], -1))};
       }},
      {"layer norm",
       [](const std::vector<Value>& in) {
         return std::vector<Value>{LayerNorm(in[0])};
       }},
      {"logsumexp",
       [](const std::vector<Value>& in) {
         return std::vector<Value>{LogSumExp(in[0])};
       }},
      {"one-hot loss",
       [](const std::vector<Value>& in) {
         return std::vector<Value>{-sum(log(softmax(in[0], -1)) * in[1], {1})};
       }},
      {"variance",
       [](const std::vector<Value>& in) {
         const Value centred = in[0] - mean(in[0], {1}, true);
         return std::vector<Value>{mean(centred * centred, {1})};
       }},
      {"logsumexp and its gradient",
       [](const std::vector<Value>& in) {
         const Value y = LogSumExp(in[0]);
         return std::vector<Value>{y, grad(sum(y), {in[0]})[0]};
       }},
      {"several reductions",
       [](const std::vector<Value>& in) {
         return std::vector<Value>{sum(in[0], {1}) - reduce_max(in[0], {1}),
                                   sum(in[0] * in[1], {1}), exp(in[0])};
       }},
      {"softmax and its gradient",
       [](const std::vector<Value>& in) {
         const Value p = softmax(in[0], -1);
         return std::vector<Value>{p, grad(sum(p * in[1]), {in[0]})[0]};
       }},
      {"layer norm and its gradient",
       [](const std::vector<Value>& in) {
         const Value y = LayerNorm(in[0]);
         return std::vector<Value>{y, grad(sum(y * in[1]), {in[0]})[0]};
       }},
  };
  for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::f16}) {
    for (const auto& [name, build] : chains) {
      SCOPED_TRACE(name);
      EXPECT_EQ(Kernels(build, Rows(dtype), kSymbols), 1) << NumpyName(dtype);
      const bool is_half = dtype == DType::bf16 || dtype == DType::f16;
      ExpectMatches(
          build, Rows(dtype), kSymbols,
          {.ulps = is_half ? 64.0 : 512.0, .absolute = is_half ? 0.05 : 1e-6});
    }
  }
}

TEST(Fusion, CrossEntropyGathersItsTargetInTheSameKernel) {
  const Build build = [](const std::vector<Value>& in) {
    return std::vector<Value>{LogSumExp(in[0]) -
                              in[0][{arange(in[2].dim(0)), in[2]}]};
  };
  std::vector<Tensor> arguments = Rows(DType::f32, 5, 7);
  arguments.push_back(Indices({3, 0, 6, -1, 2}));
  EXPECT_EQ(Kernels(build, arguments, kSymbols), 1);
  ExpectMatches(build, arguments, kSymbols, {.ulps = 64, .absolute = 1e-6});
  // The index outside is named as ever.
  const std::vector<Value> inputs = InputsFor(arguments, false, kSymbols);
  const absl::StatusOr<Function> f = CompileInMode(inputs, build(inputs));
  ASSERT_TRUE(f.ok()) << f.status();
  arguments[2] = Indices({3, 0, 7, -1, 2});
  EXPECT_THAT(std::string((*f)(arguments).status().message()), HasSubstr("7"));
}

// The loss of integer targets in one kernel, its gradient (a probability, less one
// where the target is) in one more and the scatter of the ones.
TEST(Fusion, CrossEntropyOfIntegerTargetsAndItsGradient) {
  const Build build = [](const std::vector<Value>& in) {
    const Value loss =
        mean(LogSumExp(in[0]) - in[0][{arange(in[2].dim(0)), in[2]}]);
    return std::vector<Value>{loss, grad(loss, {in[0]})[0]};
  };
  std::vector<Tensor> arguments = Rows(DType::f32, 5, 7);
  arguments.push_back(Indices({3, 0, 6, -1, 2}));
  EXPECT_LE(Kernels(build, arguments, kSymbols), 4);
  ExpectMatches(build, arguments, {{"n", "m"}, {"n", "m"}, {"n"}},
                {.ulps = 64, .absolute = 1e-6});
}

// What the targets alone make is a kernel of its own; the rest is one.
TEST(Fusion, GradientOfOneHotCrossEntropy) {
  const Build build = [](const std::vector<Value>& in) {
    const Value loss = sum(-sum(log(softmax(in[0], -1)) * in[1], {1}));
    return std::vector<Value>{grad(loss, {in[0]})[0]};
  };
  EXPECT_LE(Kernels(build, Rows(DType::f32), kSymbols), 2);
  ExpectMatches(build, Rows(DType::f32), kSymbols, {.ulps = 512, .absolute = 1e-6});
}

TEST(Fusion, ColumnReductionsShareTheirOperand) {
  const Build build = [](const std::vector<Value>& in) {
    const Value e = exp(in[0] * in[1]);
    return std::vector<Value>{e, sum(e, {0}),
                              reduce_max(in[0], {0}) * sum(in[0], {0})};
  };
  for (int64_t n : {1, 255, 257, 1000}) {
    EXPECT_EQ(Kernels(build, Rows(DType::f32, n, 33), kSymbols), 1);
    ExpectMatches(build, Rows(DType::f32, n, 33), kSymbols,
                  {.ulps = 512, .absolute = 1e-5});
    ExpectMatches(build, Rows(DType::f16, n, 33), kSymbols,
                  {.ulps = 512, .absolute = 0.1});
  }
}

// Where the reduced axis has extent 1 a value and its column's sum have one
// shape.
TEST(Fusion, ColumnsOfOneRow) {
  const Build build = [](const std::vector<Value>& in) {
    const Value& x = in[0];
    const int axis = x.rank() - 2;
    const Value total = sum(x, {axis}, true);
    return std::vector<Value>{x * 0.0 + total, select(greater(x, 1.0), x, total), sum(exp(x) * total, {axis}), x - total};
  };
  for (const Extents& shape : {Extents{1, 1}, Extents{1, 3}, Extents{1, 300}, Extents{2, 1, 3}, Extents{257, 1, 127}}) {
    ExpectMatches(build, {Data(shape, DType::f32, 1)}, {}, {.ulps = 64, .absolute = 1e-6});
    ExpectMatches(build, {Data(shape, DType::f32, 1)}, {std::vector<std::string>(shape.size(), "")}, {.ulps = 64, .absolute = 1e-6});
  }
}

TEST(Fusion, GatheredRowsAreReduced) {
  const Build build = [](const std::vector<Value>& in) {
    const Value rows = in[0][{in[2]}];
    return std::vector<Value>{sum(rows * rows, {1}), reduce_max(rows, {1})};
  };
  for (int64_t m : {1, 7, 64, 5000}) {
    std::vector<Tensor> arguments = {Data({9, m}, DType::f32, 1),
                                     Data({9, m}, DType::f32, 2),
                                     Indices({3, 0, 8, -1, 2})};
    const std::vector<std::vector<std::string>> symbols = {
        {"n", "m"}, {"n", "m"}, {"k"}};
    ExpectMatches(build, arguments, symbols, {.ulps = 512, .absolute = 1e-6});
  }
}

TEST(Fusion, Explains) {
  const Value x = input("x", DType::f32, {8, 8});
  const Value doubled = (x * x).named("doubled"), y = exp(doubled).named("y");
  const absl::StatusOr<Function> f =
      compile({x}, {y, dot(y, x)}, {}, {.name = "net", .cache_dir = "none"});
  ASSERT_TRUE(f.ok()) << f.status();
  const absl::StatusOr<std::string> text = f->ExplainFusion();
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("'y' exp (fusion_test.cpp:"));
  EXPECT_THAT(*text, HasSubstr("and 'doubled' mul (fusion_test.cpp:"));
  EXPECT_THAT(*text, HasSubstr("): fused: apart 512 B read, 512 B written, "));
  EXPECT_THAT(*text, HasSubstr("not fused, "));
  const absl::StatusOr<Function> apart =
      compile({x}, {y}, {}, {.cache_dir = "none", .fusion = false});
  ASSERT_TRUE(apart.ok());
  EXPECT_THAT(apart->ExplainFusion().value(),
              HasSubstr("not fused, fusion is off"));
  EXPECT_EQ(Function().ExplainFusion().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace oriel::e2e
