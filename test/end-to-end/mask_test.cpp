// Reading through masks: sizes that data decides.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

Value Read(const Value& x, const Value& mask) { return Subtensor::Masked(x, mask).read(); }

// Masks with some, all and none true.
void ForEachMask(const Build& build, Extents base, Extents mask, const std::vector<std::vector<std::string>>& symbols, Tolerance tolerance = {}) {
  for (const Tensor& where : {Data(mask, DType::boolean, 3), Tensor::Ones(mask, DType::boolean), Tensor::Zeros(mask, DType::boolean)}) {
    ExpectMatches(build, {Data(base, DType::f64, 4), where}, symbols, tolerance);
  }
}

TEST(Mask, ReadsWhatIsTrue) {
  ForEachMask([](const std::vector<Value>& in) { return std::vector<Value>{Read(in[0], in[1]), Read(in[0], in[1]) * 2 + 1, sum(Read(in[0], in[1]))}; },
              {9}, {9}, {{"n"}, {"n"}}, {.ulps = 16, .absolute = 1e-12});
  ForEachMask([](const std::vector<Value>& in) { return std::vector<Value>{Read(in[0], in[1]), sum(exp(Read(in[0], in[1])), {1})}; }, {6, 5}, {6},
              {{"n", "m"}, {"n"}}, {.ulps = 64, .absolute = 1e-12});
  ForEachMask([](const std::vector<Value>& in) { return std::vector<Value>{Read(in[0], in[1]), Read(in[0], in[0] > 0.25), sum(Read(in[0], in[0] > 0))}; },
              {4, 3, 2}, {4, 3}, {{"n", "m", ""}, {"n", "m"}}, {.ulps = 64, .absolute = 1e-12});
  ForEachMask([](const std::vector<Value>& in) { return std::vector<Value>{Read(in[0], in[1])}; }, {0, 3}, {0}, {{"n", ""}, {"n"}});
}

TEST(Mask, AgainstPlainLoops) {
  const Tensor x = Data({5, 4}, DType::f32, 8), mask = Data({5, 4}, DType::boolean, 9);
  const Value a = input("a", DType::f32, {Dim::Symbol("n"), 4}), m = input("m", DType::boolean, {Dim::Symbol("n"), 4});
  std::vector<Value> outputs = nonzero(m);
  outputs.push_back(Read(a, m));
  absl::StatusOr<Function> f = CompileInMode({a, m}, outputs);
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)({x, mask});
  ASSERT_TRUE(out.ok()) << out.status();
  int64_t k = 0;
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      if (mask.ElementAsInt({i, j}) == 0) continue;
      ASSERT_LT(k, (*out)[0].dim(0));
      EXPECT_EQ((*out)[0].ElementAsInt({k}), i);
      EXPECT_EQ((*out)[1].ElementAsInt({k}), j);
      EXPECT_EQ((*out)[2].ElementAsDouble({k}), x.ElementAsDouble({i, j}));
      ++k;
    }
  }
  EXPECT_EQ((*out)[0].dim(0), k);
  EXPECT_EQ((*out)[2].shape(), (Extents{k}));
}

TEST(Mask, TwoMasksHaveTwoSizes) {
  ForEachMask([](const std::vector<Value>& in) {
    const Value a = Read(in[0], in[1]), b = Read(in[0], in[0] > 0);
    return std::vector<Value>{concatenate({a, b}, 0), matmul(reshape(a, {a.dim(0), 1}), reshape(b, {1, b.dim(0)})), sum(a) - sum(b)};
  }, {9}, {9}, {{"n"}, {"n"}}, {.ulps = 64, .absolute = 1e-12});
}

TEST(Mask, GradientsGoBackToTheirPlaces) {
  ForEachMask([](const std::vector<Value>& in) {
    const Value cost = sum(exp(Read(in[0], in[1]) * 0.5) * 2);
    const Value whole = sum(select(in[1], exp(in[0] * 0.5) * 2, 0.0));
    const Value g = grad(cost, {in[0]})[0];
    return std::vector<Value>{g, g - grad(whole, {in[0]})[0], grad(sum(g * g), {in[0]})[0]};
  }, {9}, {9}, {{"n"}, {"n"}}, {.ulps = 64, .absolute = 1e-12});
}

TEST(Mask, WritesAValueForEachElement) {
  ForEachMask([](const std::vector<Value>& in) {
    const Subtensor part = Subtensor::Masked(in[0], in[1]);
    return std::vector<Value>{set_subtensor(part, part.read() * part.read()), inc_subtensor(part, part.read()), set_subtensor(part, 7),
                              set_subtensor(part, arange(in[0].dim(1)))};
  }, {6, 5}, {6}, {{"n", "m"}, {"n"}});
}

TEST(Mask, ItsShapeIsChecked) {
  const Value x = input("x", DType::f64, {Dim::Symbol("n"), 3});
  EXPECT_THAT(std::string(Read(x, input("m", DType::boolean, {Dim::Symbol("n"), 2})).status().message()), testing::HasSubstr("axis 1 differs"));
  EXPECT_FALSE(Read(x, input("m", DType::boolean, {1})).ok());
  const Value m = input("m", DType::boolean, {Dim::Symbol("k")});
  absl::StatusOr<Function> f = CompileInMode({x, m}, {Read(x, m)});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_TRUE((*f)({Tensor::Ones({4, 3}, DType::f64), Tensor::Ones({4}, DType::boolean)}).ok());
  for (int64_t other : {3, 5}) {
    EXPECT_EQ((*f)({Tensor::Ones({4, 3}, DType::f64), Tensor::Ones({other}, DType::boolean)}).status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST(FirstRows, OfAnyArray) {
  const Build build = [](const std::vector<Value>& in) {
    const Value h = first_rows(in[0], in[1], "picked");
    return std::vector<Value>{h, h + 1, sum(h, {0}), first_rows(arange(in[0].dim(0)), in[1]) * 2, grad(sum(h * h), {in[0]})[0]};
  };
  for (int64_t count : {0, 2, 5}) {
    ExpectMatches(build, {Data({5, 3}, DType::f64, 2), Tensor::Scalar<int64_t>(count)}, {{"n", "m"}, {}}, {.ulps = 16, .absolute = 1e-12});
  }
}

TEST(FirstRows, CountsOutsideAreErrors) {
  State total = state("total", Tensor::Zeros({}, DType::f64));
  const Value x = input("x", DType::f64, {Dim::Symbol("n")}), count = input("count", DType::i64, {});
  const Value h = first_rows(x, count, "picked");
  for (const std::vector<Value>& outputs : {std::vector<Value>{h}, std::vector<Value>{sum(h)}}) {
    absl::StatusOr<Function> f = CompileInMode({x, count}, outputs, {{total, total + 1}});
    ASSERT_TRUE(f.ok()) << f.status();
    for (int64_t bad : {-1, 5}) {
      const absl::Status status = (*f)({Tensor::Ones({4}, DType::f64), Tensor::Scalar<int64_t>(bad)}).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
      EXPECT_THAT(std::string(status.message()), testing::HasSubstr("'picked' would be " + std::to_string(bad)));
      EXPECT_EQ(total.value().ElementAsDouble({}), 0);
    }
  }
}

}  // namespace
}  // namespace oriel::e2e
