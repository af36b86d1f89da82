// Random draws: the same numbers as the reference evaluator's in every mode,
// the right distributions, never out of range, streams that continue.
#include <algorithm>
#include <cmath>
#include <set>

#include "gmock/gmock.h"
#include "oriel/random.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using testing::HasSubstr;

std::vector<double> Doubles(const Tensor& tensor) {
  const Tensor wide = *tensor.Cast(DType::f64);
  return {wide.data<double>(), wide.data<double>() + wide.size()};
}

// Kolmogorov-Smirnov: the largest distance of the empirical distribution from
// `cdf`, times sqrt(n). Above 2.7 with probability 1e-6.
double Distance(std::vector<double> values, double (*cdf)(double)) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double at = cdf(values[i]);
    worst = std::max({worst, std::abs(at - static_cast<double>(i) / n), std::abs(static_cast<double>(i + 1) / n - at)});
  }
  return worst * std::sqrt(n);
}

TEST(Random, BitsMatchTheReference) {
  for (const Extents& shape : std::vector<Extents>{{0}, {1}, {7}, {33}, {5, 19}}) {
    ExpectMatches([](const std::vector<Value>& in) { return std::vector<Value>{random_bits(in[0], in[1])}; },
                  {Data(shape, DType::u64, 1), Data(shape, DType::u64, 2)});
  }
}

TEST(Random, DrawsMatchTheReferenceAndContinue) {
  RandomStreams random(42);
  const std::vector<Value> draws = {random.uniform({3, 41}), random.uniform({101}, -2.0, 5.0, DType::f32),
                                    random.integers({77}, -3, 12), random.binomial({9, 5}, 6, 0.3),
                                    random.normal({64}, 1.0, 2.0), random.normal({64}, 0.0, 1.0, DType::f32),
                                    random.categorical(constant(Data({6, 5}, DType::f64, 3)) * 0.0 + 1.0),
                                    random.multinomial(constant(Data({4, 5}, DType::f64, 3)) * 0.0 + 1.0, 7)};
  absl::StatusOr<Function> f = CompileInMode({}, draws);
  ASSERT_TRUE(f.ok()) << f.status();
  std::vector<std::vector<Tensor>> calls;
  for (int call = 0; call < 3; ++call) {
    const absl::StatusOr<std::vector<Tensor>> expected = Evaluate({}, draws, {}, {});
    ASSERT_TRUE(expected.ok()) << expected.status();
    const absl::StatusOr<std::vector<Tensor>> actual = (*f)({});
    ASSERT_TRUE(actual.ok()) << actual.status();
    for (size_t i = 0; i < draws.size(); ++i) {
      EXPECT_TRUE(Close((*actual)[i], (*expected)[i], {8, 1e-6})) << "draw " << i << " of call " << call;
      for (const auto& before : calls) EXPECT_FALSE(SameBits((*actual)[i], before[i])) << "draw " << i;
    }
    calls.push_back(*actual);
  }
  // The same seed gives the same numbers again.
  ASSERT_TRUE(random.seed(42).ok());
  const std::vector<Tensor> again = *(*f)({});
  for (size_t i = 0; i < draws.size(); ++i) EXPECT_TRUE(SameBits(again[i], calls[0][i])) << "draw " << i;
  ASSERT_TRUE(random.seed(43).ok());
  EXPECT_FALSE(SameBits((*(*f)({}))[0], calls[0][0]));
}

TEST(Random, AFunctionThatSharesADrawContinuesIt) {
  RandomStreams random(5);
  const Value draw = random.uniform({8});
  absl::StatusOr<Function> f = CompileInMode({}, {draw});
  absl::StatusOr<Function> g = CompileInMode({}, {draw * 2.0});
  ASSERT_TRUE(f.ok() && g.ok());
  const Tensor first = (*(*f)({}))[0], second = (*(*g)({}))[0];
  EXPECT_FALSE(SameBits(*(*Evaluate({}, {constant(first) * 2.0}, {}, {}))[0].Cast(DType::f64), second));
  // An update that is given takes the implied one's place.
  const State cell = random.states()[0];
  absl::StatusOr<Function> still = CompileInMode({}, {draw}, {{cell, Operand(cell).value}});
  ASSERT_TRUE(still.ok()) << still.status();
  EXPECT_TRUE(SameBits((*(*still)({}))[0], (*(*still)({}))[0]));
}

TEST(Random, SplitsAndDrawsAreIndependent) {
  RandomStreams random(9);
  RandomStreams left = random.split(), right = random.split();
  std::vector<Value> draws = {random.uniform({1000}), random.uniform({1000}), left.uniform({1000}), right.uniform({1000})};
  std::vector<std::vector<double>> values;
  absl::StatusOr<Function> f = CompileInMode({}, draws);
  ASSERT_TRUE(f.ok()) << f.status();
  const std::vector<Tensor> out = *(*f)({});
  for (const Tensor& tensor : out) values.push_back(Doubles(tensor));
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      double covariance = 0;
      for (size_t j = 0; j < 1000; ++j) covariance += (values[i][j] - 0.5) * (values[k][j] - 0.5);
      EXPECT_LT(std::abs(covariance / 1000 * 12), 5 / std::sqrt(1000.0)) << i << " and " << k;
    }
  }
}

TEST(Random, IterationsOfALoopDiffer) {
  RandomStreams random(3);
  const Value sum = loop(1000, {scalar(0, DType::f64), scalar(0, DType::f64)}, [&](Value, std::vector<Value> carried) {
    const Value u = random.uniform({});
    return std::vector<Value>{carried[0] + u, carried[1] + u * u};
  })[0];
  absl::StatusOr<Function> f = CompileInMode({}, {sum});
  ASSERT_TRUE(f.ok()) << f.status();
  const double first = Doubles((*(*f)({}))[0])[0], second = Doubles((*(*f)({}))[0])[0];
  // One number a thousand times would be anywhere in [0, 1000].
  EXPECT_NEAR(first, 500, 5 * std::sqrt(1000.0 / 12));
  EXPECT_NEAR(second, 500, 5 * std::sqrt(1000.0 / 12));
  EXPECT_NE(first, second);
}

TEST(Random, Distributions) {
  constexpr int64_t kCount = 200'000;
  RandomStreams random(11);
  EXPECT_LT(Distance(Doubles(ResultOf(random.uniform({kCount}))), [](double x) { return x; }), 2.7);
  EXPECT_LT(Distance(Doubles(ResultOf(random.uniform({kCount}, 2.0, 6.0, DType::f32))), [](double x) { return (x - 2) / 4; }), 2.7);
  auto bell = [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; };
  EXPECT_LT(Distance(Doubles(ResultOf(random.normal({kCount}))), bell), 2.7);
  EXPECT_LT(Distance(Doubles(ResultOf(random.normal({kCount}, 0.0, 1.0, DType::f32))), bell), 2.7);
  EXPECT_LT(Distance(Doubles(ResultOf(random.normal({kCount}, 3.0, 0.5))), [](double x) { return std::erfc(-(x - 3) / 0.5 / std::sqrt(2.0)) / 2; }), 2.7);

  // Chi-squared of counts: mean k, standard deviation sqrt(2 k).
  auto chi = [](const std::vector<double>& counts, const std::vector<double>& expected) {
    double sum = 0;
    for (size_t i = 0; i < counts.size(); ++i) sum += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
    return (sum - static_cast<double>(counts.size() - 1)) / std::sqrt(2.0 * static_cast<double>(counts.size() - 1));
  };
  std::vector<double> counts(13);
  for (double x : Doubles(ResultOf(random.integers({kCount}, -6, 6)))) counts[static_cast<size_t>(x + 6)] += 1;
  EXPECT_LT(chi(counts, std::vector<double>(13, kCount / 13.0)), 6);
  counts.assign(5, 0);
  for (double x : Doubles(ResultOf(random.binomial({kCount}, 4, 0.25)))) counts[static_cast<size_t>(x)] += 1;
  std::vector<double> expected;
  for (double p : {0.31640625, 0.421875, 0.2109375, 0.046875, 0.00390625}) expected.push_back(p * kCount);
  EXPECT_LT(chi(counts, expected), 6);
  counts.assign(3, 0);
  const Tensor p = *Tensor::From<double>({1, 0, 3}, {3});
  for (double x : Doubles(ResultOf(random.categorical(broadcast_to(p, {kCount, 3}))))) counts[static_cast<size_t>(x)] += 1;
  EXPECT_EQ(counts[1], 0);
  EXPECT_LT(chi({counts[0], counts[2]}, {kCount / 4.0, kCount * 3 / 4.0}), 6);
}

TEST(Random, NeverOutOfRange) {
  RandomStreams random(1);
  for (DType dtype : FloatDTypes()) {
    for (double x : Doubles(ResultOf(random.uniform({100'000}, 1.0, 1.5, dtype)))) ASSERT_TRUE(x >= 1 && x < 1.5) << x;
    // Turned around the ends are, too.
    for (double x : Doubles(ResultOf(random.uniform({100'000}, 1.5, 1.0, dtype)))) ASSERT_TRUE(x > 1 && x <= 1.5) << x;
    for (double x : Doubles(ResultOf(random.normal({100'000}, 0.0, 1.0, dtype)))) ASSERT_TRUE(std::abs(x) < 9) << x;
  }
  for (DType dtype : AllDTypes()) {
    if (!IsInteger(dtype)) continue;
    const int width = static_cast<int>(8 * SizeOf(dtype));
    const int64_t low = IsSigned(dtype) ? std::numeric_limits<int64_t>::min() >> (64 - width) : 0;
    const int64_t high = IsSigned(dtype) || width == 64 ? std::numeric_limits<int64_t>::max() >> (64 - std::min(width, 64))
                                                        : (int64_t{1} << width) - 1;
    const Tensor all = ResultOf(random.integers({4000}, low, high, dtype));
    EXPECT_EQ(all.dtype(), dtype);
    const Tensor one = ResultOf(random.integers({50}, high, high, dtype));
    for (double x : Doubles(one)) EXPECT_EQ(x, static_cast<double>(high));
  }
  for (double x : Doubles(ResultOf(random.below({10'000}, 3)))) ASSERT_TRUE(x == 0 || x == 1 || x == 2);
  EXPECT_EQ(ResultOf(random.below({0}, 0)).size(), 0);
}

TEST(Random, MultinomialRowsSumToTheDraws) {
  RandomStreams random(2);
  const Tensor p = *Tensor::From<float>({0.f, 1e-30f, 1.f, 5.f, 0.f, 0.f}, {2, 3});
  const std::vector<double> one = Doubles(ResultOf(random.multinomial(p)));
  EXPECT_EQ(one[0] + one[1] + one[2], 1);
  EXPECT_EQ(one[0], 0);
  EXPECT_EQ(one[3], 1);
  const std::vector<double> many = Doubles(ResultOf(random.multinomial(p, 100)));
  EXPECT_EQ(many[0] + many[1] + many[2], 100);
  EXPECT_EQ(many[3], 100);
  EXPECT_EQ(Doubles(ResultOf(random.multinomial(p, 0))), std::vector<double>(6, 0));
}

TEST(Random, RowsWithoutADistributionAreAnError) {
  RandomStreams random(2);
  const Value p = input("p", DType::f64, {dyn("n"), 3});
  const Value drawn = random.categorical(p);
  absl::StatusOr<Function> f = CompileInMode({p}, {drawn});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor before = random.states()[0].value();
  for (const std::vector<double>& row : {std::vector<double>{0, 0, 0}, {1, -1, 2}, {1, std::nan(""), 1}}) {
    std::vector<double> rows = {1, 2, 3};
    rows.insert(rows.end(), row.begin(), row.end());
    const auto out = (*f)({*Tensor::From<double>(rows, {2, 3})});
    EXPECT_EQ(out.status().code(), absl::StatusCode::kFailedPrecondition) << out.status();
    EXPECT_THAT(std::string(out.status().message()), HasSubstr("a row of weights"));
    EXPECT_TRUE(SameBits(random.states()[0].value(), before));  // no number was taken
  }
  EXPECT_TRUE((*f)({*Tensor::From<double>({1, 2, 3}, {1, 3})}).ok());
  EXPECT_FALSE(SameBits(random.states()[0].value(), before));
}

TEST(Random, ErrorsAtTheCallersLine) {
  RandomStreams random(2);
  EXPECT_THAT(std::string(random.uniform({2}, 0.0, 1.0, DType::i32).status().message()), HasSubstr("random_test.cpp"));
  EXPECT_THAT(std::string(random.integers({2}, 3, 2).status().message()), HasSubstr("from 3 to 2"));
  EXPECT_THAT(std::string(random.integers({2}, 0, 256, DType::u8).status().message()), HasSubstr("do not fit uint8"));
  EXPECT_THAT(std::string(random.binomial({2}, -1).status().message()), HasSubstr("got -1"));
  EXPECT_THAT(std::string(random.binomial({2}, 1, 1.5).status().message()), HasSubstr("probability is 1.5, required from 0 to 1"));
  EXPECT_THAT(std::string(random.binomial({2}, 1, constant(Tensor::Scalar(static_cast<double>(NAN)))).status().message()), HasSubstr("is nan"));
  EXPECT_THAT(std::string(random.normal({2}, 0, -1).status().message()), HasSubstr("deviation is -1.0, required at least 0"));
  EXPECT_THAT(std::string(random.uniform({2}, 0, INFINITY).status().message()), HasSubstr("a bound is inf"));
  EXPECT_TRUE(random.states().empty()) << "a draw that cannot be made takes no number";
  EXPECT_TRUE(random.binomial({2}, 1, 1).ok() && random.normal({2}, 0, 0).ok() && random.uniform({2}, 1, 1).ok());
  EXPECT_THAT(std::string(random_bits(scalar(1, DType::i64), scalar(1, DType::u64)).status().message()), HasSubstr("uint64"));
  EXPECT_FALSE(random.uniform({2}, constant(Tensor::Zeros({3}))).ok());
}

}  // namespace
}  // namespace oriel::e2e
