// Permutations and choices: in range, exact permutations, the right
// distributions, the same in every mode; errors that take no number.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "gmock/gmock.h"
#include "oriel/grad.h"
#include "oriel/random.h"
#include "oriel/scan.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<int64_t> Ints(const Tensor& tensor) {
  const Tensor wide = *tensor.Cast(DType::i64);
  return {wide.data<int64_t>(), wide.data<int64_t>() + wide.size()};
}

// The sum over cells of (counted - expected)^2 / expected must be below `limit`,
// the quantile of its distribution at 1 - 1e-6.
void ExpectFrequencies(const std::vector<double>& counted, const std::vector<double>& expected, double limit) {
  double distance = 0;
  for (size_t i = 0; i < counted.size(); ++i) distance += (counted[i] - expected[i]) * (counted[i] - expected[i]) / expected[i];
  EXPECT_LT(distance, limit);
}

// ---- permutations ----

TEST(RandomChoice, EveryPermutationIsEquallyLikely) {
  RandomStreams random(5);
  constexpr int64_t kRows = 48'000;
  const std::vector<int64_t> all = Ints(ResultOf(random.permutation(4, {kRows})));
  std::map<std::vector<int64_t>, double> counts;
  for (int64_t row = 0; row < kRows; ++row) counts[{all.begin() + row * 4, all.begin() + row * 4 + 4}] += 1;
  ASSERT_EQ(counts.size(), 24u);
  std::vector<double> counted;
  for (const auto& [order, count] : counts) counted.push_back(count);
  ExpectFrequencies(counted, std::vector<double>(24, kRows / 24.0), 70.5);  // 23 degrees of freedom
}

TEST(RandomChoice, PermutationsOfAnySize) {
  RandomStreams random(6);
  for (const int64_t n : {0, 1, 2, 255, 256, 3000}) {
    std::vector<int64_t> order = Ints(ResultOf(random.permutation(n)));
    std::sort(order.begin(), order.end());
    std::vector<int64_t> expected(static_cast<size_t>(n));
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(order, expected);
  }
  const Tensor many = ResultOf(random.permutation(5, {2, 3}, DType::i8));
  EXPECT_EQ(many.shape(), (Extents{2, 3, 5}));
  EXPECT_EQ(many.dtype(), DType::i8);
  EXPECT_EQ(ResultOf(random.permutation(4, {0})).shape(), (Extents{0, 4}));
}

TEST(RandomChoice, RowsAndElementsOfArrays) {
  RandomStreams random(7);
  const Value x = input("x", DType::f32, {dyn("n"), 3});
  absl::StatusOr<Function> f = CompileInMode({x}, {random.permutation(x), random.shuffle_row_elements(x), random.permutation(x.dim(0))});
  ASSERT_TRUE(f.ok()) << f.status();
  for (const int64_t n : {0, 1, 400}) {
    std::vector<float> data(static_cast<size_t>(3 * n));
    std::iota(data.begin(), data.end(), 0.f);
    const auto out = (*f)({*Tensor::From<float>(data, {n, 3})});
    ASSERT_TRUE(out.ok()) << out.status();
    std::set<float> firsts;
    const float *rows = (*out)[0].data<float>(), *elements = (*out)[1].data<float>();
    for (int64_t i = 0; i < n; ++i) {
      firsts.insert(rows[3 * i]);
      EXPECT_EQ(rows[3 * i + 2], rows[3 * i] + 2);  // rows stay whole
      std::vector<float> row(elements + 3 * i, elements + 3 * i + 3);
      std::sort(row.begin(), row.end());
      EXPECT_THAT(row, ElementsAre(3.f * i, 3.f * i + 1, 3.f * i + 2));
    }
    EXPECT_EQ(firsts.size(), static_cast<size_t>(n));
    if (n == 400) {
      EXPECT_NE(std::vector<float>(rows, rows + 3 * n), data);
    }
    std::vector<int64_t> order = Ints((*out)[2]);
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < n; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  }
}

// ---- choices ----

TEST(RandomChoice, WithReplacementFollowsTheWeights) {
  RandomStreams random(8);
  // More than a block of weights, zeros at its borders, any scale.
  std::vector<double> weights(150);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = i % 3 == 0 || i == 64 || i == 127 || i == 149 ? 0.0 : 1e-300 * static_cast<double>(1 + i % 7);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  constexpr int64_t kCount = 60'000;
  const std::vector<int64_t> drawn = Ints(ResultOf(random.choice({kCount}, 150, {.weights = constant(*Tensor::From<double>(weights, {150}))})));
  std::vector<double> counts(150, 0), counted, expected;
  for (int64_t i : drawn) {
    ASSERT_TRUE(i >= 0 && i < 150 && weights[static_cast<size_t>(i)] > 0) << i;
    counts[static_cast<size_t>(i)] += 1;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    counted.push_back(counts[i]);
    expected.push_back(kCount * weights[i] / total);
  }
  ExpectFrequencies(counted, expected, 182);  // 98 degrees of freedom
}

TEST(RandomChoice, OneOfManyWeightsOnly) {
  // Only one weight, wherever it is and however small.
  RandomStreams random(9);
  for (const int64_t n : {1, 5, 64, 65, 200, 4200}) {
    const Value p = input("p", DType::f64, {dyn("n")});
    absl::StatusOr<Function> f =
        CompileInMode({p}, {random.choice({30}, p.dim(0), {.weights = p}), random.choice({1}, p.dim(0), {.replace = false, .weights = p}),
                            random.categorical(p), random.multinomial(p, 3)});
    ASSERT_TRUE(f.ok()) << f.status();
    for (const int64_t at : std::set<int64_t>{0, n / 2, std::min<int64_t>(63, n - 1), std::min<int64_t>(64, n - 1), n - 1}) {
      for (const double weight : {5e-324, 1.0, 1e308}) {
        std::vector<double> weights(static_cast<size_t>(n), 0.0);
        weights[static_cast<size_t>(at)] = weight;
        const auto out = (*f)({*Tensor::From<double>(weights, {n})});
        ASSERT_TRUE(out.ok()) << out.status();
        for (int k = 0; k < 3; ++k) {
          for (int64_t i : Ints((*out)[static_cast<size_t>(k)])) ASSERT_EQ(i, at) << k << " of " << n << " by " << weight;
        }
        EXPECT_EQ(Ints((*out)[3])[static_cast<size_t>(at)], 3);
      }
    }
  }
}

TEST(RandomChoice, WithoutReplacementByWeight) {
  RandomStreams random(10);
  const std::vector<double> w = {1, 0, 2, 4, 1};
  constexpr int64_t kRows = 60'000;
  const Value p = broadcast_to(constant(*Tensor::From<double>(w, {5})), {kRows, 5});
  const std::vector<int64_t> drawn = Ints(ResultOf(random.multinomial_wo_replacement(p, 2)));
  // Ordered pairs: w_i / 8, then w_j / (8 - w_i).
  std::map<std::pair<int64_t, int64_t>, double> counts;
  for (int64_t row = 0; row < kRows; ++row) counts[{drawn[2 * row], drawn[2 * row + 1]}] += 1;
  std::vector<double> counted, expected;
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      const double chance = i == j ? 0 : w[i] / 8 * w[j] / (8 - w[i]);
      if (chance == 0) {
        EXPECT_EQ(counts.count({i, j}), 0u) << i << " " << j;
        continue;
      }
      counted.push_back(counts[{i, j}]);
      expected.push_back(kRows * chance);
    }
  }
  ExpectFrequencies(counted, expected, 49);  // 11 degrees of freedom
}

TEST(RandomChoice, TinyWeightsComeBeforeZeros) {
  RandomStreams random(11);
  const Value p = constant(*Tensor::From<double>({0, 5e-324, 0, 1e300, 1e-310, 0}, {6}));
  for (int i = 0; i < 5; ++i) {
    std::vector<int64_t> drawn = Ints(ResultOf(random.choice({3}, 6, {.replace = false, .weights = p})));
    EXPECT_EQ(drawn[0], 3);
    std::sort(drawn.begin(), drawn.end());
    EXPECT_THAT(drawn, ElementsAre(1, 3, 4));
  }
}

TEST(RandomChoice, WithoutWeights) {
  RandomStreams random(12);
  constexpr int64_t kCalls = 40'000;
  // Pairs of 4 in a row of independent draws: all 12 equally likely.
  const Value one = constant(Tensor::Ones({kCalls, 4}, DType::f64));
  const std::vector<int64_t> pairs = Ints(ResultOf(random.choice({2}, 4, {.replace = false, .weights = one})));
  std::vector<double> counts(16, 0);
  for (int64_t i = 0; i < kCalls; ++i) counts[static_cast<size_t>(pairs[2 * i] * 4 + pairs[2 * i + 1])] += 1;
  std::vector<double> counted;
  for (size_t i = 0; i < 16; ++i) {
    if (i % 5 != 0) counted.push_back(counts[i]);
    else EXPECT_EQ(counts[i], 0);
  }
  ExpectFrequencies(counted, std::vector<double>(12, kCalls / 12.0), 49);

  std::vector<int64_t> some = Ints(ResultOf(random.choice({3, 20}, 100, {.replace = false})));
  EXPECT_EQ(std::set<int64_t>(some.begin(), some.end()).size(), 60u);
  EXPECT_TRUE(*std::min_element(some.begin(), some.end()) >= 0 && *std::max_element(some.begin(), some.end()) < 100);
  std::vector<double> of_five(5, 0);
  for (int64_t i : Ints(ResultOf(random.choice({50'000}, 5)))) {
    ASSERT_TRUE(i >= 0 && i < 5);
    of_five[static_cast<size_t>(i)] += 1;
  }
  ExpectFrequencies(of_five, std::vector<double>(5, 10'000.0), 34);
  EXPECT_EQ(ResultOf(random.choice({}, 3)).shape(), (Extents{}));
  EXPECT_EQ(ResultOf(random.choice({0}, 0)).size(), 0);
}

TEST(RandomChoice, OfArraysAndOfRowsOfWeights) {
  RandomStreams random(13);
  const Value x = constant(*Tensor::From<float>({10, 11, 20, 21, 30, 31}, {3, 2}));
  const Tensor rows = ResultOf(random.choice({2, 4}, x));
  EXPECT_EQ(rows.shape(), (Extents{2, 4, 2}));
  for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(rows.data<float>()[2 * i] + 1, rows.data<float>()[2 * i + 1]);
  const Value p = constant(*Tensor::From<float>({0, 1, 0, 1, 0, 0}, {2, 3}));
  const Tensor by_row = ResultOf(random.choice({4}, x, {.weights = p}));
  EXPECT_EQ(by_row.shape(), (Extents{2, 4, 2}));
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(by_row.data<float>()[2 * i], 20);
    EXPECT_EQ(by_row.data<float>()[8 + 2 * i], 10);
  }
  EXPECT_EQ(ResultOf(random.choice({}, 3, {.weights = p, .dtype = DType::u8})).dtype(), DType::u8);
}

// ---- streams ----

std::vector<Value> AllDraws(RandomStreams& random) {
  const Value p = constant(*Tensor::From<double>({3, 0, 1, 2}, {4}));
  return {random.permutation(300),
          random.permutation(4, {70}),
          random.choice({9, 11}, 1000),
          random.choice({50}, 4, {.weights = p}),
          random.choice({3}, 4, {.replace = false, .weights = p}),
          random.choice({200}, 300, {.replace = false}),
          random.shuffle_row_elements(constant(Data({20, 30}, DType::i32, 1))),
          random.multinomial(broadcast_to(p, {6, 4}), 20)};
}

TEST(RandomChoice, TheReferencesNumbersFromTheSeedAndASplit) {
  RandomStreams random(42), same(42);
  RandomStreams split = random.split();
  const std::vector<Value> draws = AllDraws(random), again = AllDraws(same), other = AllDraws(split);
  absl::StatusOr<Function> f = CompileInMode({}, draws), g = CompileInMode({}, again), h = CompileInMode({}, other);
  ASSERT_TRUE(f.ok() && g.ok() && h.ok()) << f.status() << g.status() << h.status();
  std::vector<Tensor> first;
  for (int call = 0; call < 3; ++call) {
    const absl::StatusOr<std::vector<Tensor>> expected = Evaluate({}, draws, {}, {});
    ASSERT_TRUE(expected.ok()) << expected.status();
    const auto a = (*f)({}), b = (*g)({}), c = (*h)({});
    ASSERT_TRUE(a.ok() && b.ok() && c.ok());
    for (size_t i = 0; i < draws.size(); ++i) {
      EXPECT_TRUE(SameBits((*a)[i], (*expected)[i])) << "draw " << i;
      EXPECT_TRUE(SameBits((*a)[i], (*b)[i])) << "draw " << i;
      if (i != 4) EXPECT_FALSE(SameBits((*a)[i], (*c)[i])) << "draw " << i << " of the split";
    }
    if (call == 0) first = *a;
    else EXPECT_FALSE(SameBits((*a)[0], first[0]));
  }
  ASSERT_TRUE(random.seed(42).ok());
  const auto anew = (*f)({});
  ASSERT_TRUE(anew.ok());
  for (size_t i = 0; i < draws.size(); ++i) EXPECT_TRUE(SameBits((*anew)[i], first[i])) << "draw " << i;
}

TEST(RandomChoice, TheSameForAnyNumberOfThreads) {
  RandomStreams random(3);
  const Value p = constant(Data({500, 70}, DType::f64, 5));
  const std::vector<Value> draws = {random.permutation(300, {400}), random.choice({5}, 70, {.replace = false, .weights = p * p}),
                                    random.choice({40}, 70, {.weights = p * p}), random.permutation(100'000)};
  std::vector<std::vector<Tensor>> outputs;
  for (const int threads : {1, 2, 5}) {
    ASSERT_TRUE(random.seed(3).ok());
    absl::StatusOr<Function> f = compile({}, draws, {}, {.num_threads = threads});
    ASSERT_TRUE(f.ok()) << f.status();
    absl::StatusOr<std::vector<Tensor>> out = (*f)({});
    ASSERT_TRUE(out.ok()) << out.status();
    outputs.push_back(*out);
  }
  for (size_t i = 0; i < draws.size(); ++i) {
    EXPECT_TRUE(SameBits(outputs[0][i], outputs[1][i])) << i;
    EXPECT_TRUE(SameBits(outputs[0][i], outputs[2][i])) << i;
  }
}

TEST(RandomChoice, InLoopsAndBranches) {
  RandomStreams random(21);
  const Value p = constant(*Tensor::From<double>({1, 2, 3, 4}, {4}));
  const std::vector<Value> rows = scan(
                                      [&](const ScanStep&) {
                                        return ScanBody{.outputs = {random.permutation(50), random.choice({7}, 4, {.weights = p}),
                                                                    random.choice({2}, 4, {.replace = false, .weights = p})}};
                                      },
                                      {.n_steps = 6})
                                      .outputs;
  const Value c = input("c", DType::boolean, {});
  const Value chosen = branch(c, [&] { return std::vector<Value>{random.permutation(30)}; },
                              [&] { return std::vector<Value>{arange(30)}; })[0];
  absl::StatusOr<Function> f = CompileInMode({c}, {rows[0], chosen, rows[1], rows[2]});
  ASSERT_TRUE(f.ok()) << f.status();
  const auto out = (*f)({*Tensor::From<bool>({true}, {})});
  ASSERT_TRUE(out.ok()) << out.status();
  const std::vector<int64_t> orders = Ints((*out)[0]);
  std::set<std::vector<int64_t>> different;
  for (int64_t i = 0; i < 6; ++i) {
    std::vector<int64_t> order(orders.begin() + i * 50, orders.begin() + i * 50 + 50);
    different.insert(order);
    std::sort(order.begin(), order.end());
    for (int64_t k = 0; k < 50; ++k) ASSERT_EQ(order[static_cast<size_t>(k)], k);
  }
  EXPECT_EQ(different.size(), 6u);
  const std::vector<int64_t> choices = Ints((*out)[2]), pairs = Ints((*out)[3]);
  EXPECT_TRUE(*std::min_element(choices.begin(), choices.end()) >= 0 && *std::max_element(choices.begin(), choices.end()) < 4);
  EXPECT_NE(std::vector<int64_t>(choices.begin(), choices.begin() + 7), std::vector<int64_t>(choices.begin() + 7, choices.begin() + 14));
  for (size_t i = 0; i < 12; i += 2) EXPECT_NE(pairs[i], pairs[i + 1]);
  const auto other = (*f)({*Tensor::From<bool>({false}, {})});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(Ints((*other)[1])[29], 29);
  EXPECT_NE(Ints((*out)[1]), Ints((*other)[1]));
}

TEST(RandomChoice, GradientsGoBackToWhereRowsCameFrom) {
  RandomStreams random(14);
  const Value x = input("x", DType::f64, {dyn("n")});
  const Value moved = random.permutation(x), weights = cast(arange(x.dim(0)), DType::f64);
  absl::StatusOr<Function> f = CompileInMode({x}, {moved, grad(sum(moved * weights), {x})[0]});
  ASSERT_TRUE(f.ok()) << f.status();
  std::vector<double> positions(60);
  std::iota(positions.begin(), positions.end(), 0.0);
  const auto out = (*f)({*Tensor::From<double>(positions, {60})});
  ASSERT_TRUE(out.ok()) << out.status();
  const double *row = (*out)[0].data<double>(), *gradient = (*out)[1].data<double>();
  for (int64_t j = 0; j < 60; ++j) EXPECT_EQ(gradient[static_cast<int64_t>(row[j])], static_cast<double>(j));
}

// ---- errors ----

TEST(RandomChoice, WeightsThatCannotBeTakeNoNumber) {
  RandomStreams random(2);
  const Value p = input("p", DType::f64, {dyn("rows"), 3});
  const std::vector<Value> draws = {random.choice({4}, 3, {.weights = p}), random.choice({2}, 3, {.replace = false, .weights = p}),
                                    random.multinomial(p, 5)};
  const double inf = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < draws.size(); ++i) {
    absl::StatusOr<Function> f = CompileInMode({p}, {draws[i]});
    ASSERT_TRUE(f.ok()) << f.status();
    const Tensor before = random.states()[i].value();
    for (const std::vector<double>& row : {std::vector<double>{0, 0, 0}, {1, -1, 2}, {1, std::nan(""), 1}, {1, inf, 1}, {1, 0, 0}}) {
      if (row == std::vector<double>{1, 0, 0} && i != 1) continue;  // enough for them
      std::vector<double> rows = {1, 2, 3};
      rows.insert(rows.end(), row.begin(), row.end());
      const auto out = (*f)({*Tensor::From<double>(rows, {2, 3})});
      EXPECT_EQ(out.status().code(), absl::StatusCode::kFailedPrecondition) << out.status();
      EXPECT_THAT(std::string(out.status().message()), HasSubstr("a row of weights"));
      EXPECT_TRUE(SameBits(random.states()[i].value(), before));
    }
    EXPECT_TRUE((*f)({*Tensor::From<double>({1, 2, 3}, {1, 3})}).ok());
    EXPECT_FALSE(SameBits(random.states()[i].value(), before));
    EXPECT_TRUE((*f)({*Tensor::From<double>({}, {0, 3})}).ok());  // no rows, nothing to draw
  }
}

TEST(RandomChoice, MoreThanThereAre) {
  RandomStreams random(2);
  EXPECT_THAT(std::string(random.choice({4}, 3, {.replace = false}).status().message()),
              HasSubstr("4 of 3 elements cannot be had without replacement"));
  EXPECT_THAT(std::string(random.choice({4}, 0).status().message()), HasSubstr("none to choose from"));
  const Value p = input("p", DType::f64, {dyn("n")});
  const Value x = input("x", DType::f32, {dyn("n"), 2});
  EXPECT_TRUE(random.states().empty());  // nothing of the above took a place
  absl::StatusOr<Function> f = CompileInMode({x}, {random.choice({4}, x.dim(0), {.replace = false})});
  absl::StatusOr<Function> g = CompileInMode({p}, {random.choice({4}, p.dim(0), {.replace = false, .weights = p})});
  absl::StatusOr<Function> h = CompileInMode({x}, {random.choice({4}, x.dim(0))});
  ASSERT_TRUE(f.ok() && g.ok() && h.ok()) << f.status() << g.status() << h.status();
  EXPECT_EQ((*f)({Tensor::Zeros({3, 2})}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*g)({Tensor::Ones({3}, DType::f64)}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*h)({Tensor::Zeros({0, 2})}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE((*f)({Tensor::Zeros({4, 2})}).ok());
  EXPECT_TRUE((*g)({Tensor::Ones({5}, DType::f64)}).ok());
  EXPECT_TRUE((*h)({Tensor::Zeros({1, 2})}).ok());
}

TEST(RandomChoice, ErrorsAtTheCallersLine) {
  RandomStreams random(2);
  const Value p = constant(Tensor::Ones({3}, DType::f64));
  EXPECT_THAT(std::string(random.permutation(5, {}, DType::f32).status().message()), HasSubstr("random_choice_test.cpp"));
  EXPECT_THAT(std::string(random.permutation(300, {}, DType::i8).status().message()), HasSubstr("int8 cannot hold the positions below 300"));
  EXPECT_THAT(std::string(random.permutation(dyn("n"), {}, DType::u8).status().message()), HasSubstr("use 32 bits or more"));
  EXPECT_TRUE(random.permutation(256, {}, DType::u8).ok());
  EXPECT_THAT(std::string(random.permutation(scalar(1, DType::f32)).status().message()), HasSubstr("an array with rows"));
  EXPECT_THAT(std::string(random.choice({2}, 4, {.weights = p}).status().message()), HasSubstr("3 weights for 4 elements"));
  EXPECT_THAT(std::string(random.choice({2}, 1, {.weights = scalar(1, DType::f64)}).status().message()), HasSubstr("a row of weights"));
  EXPECT_THAT(std::string(random.choice({2}, 3, {.weights = less(p, 0)}).status().message()), HasSubstr("floats or integers, got bool"));
  EXPECT_THAT(std::string(random.multinomial(cast(p, DType::i32), 5).status().message()), HasSubstr("float probabilities"));
}

}  // namespace
}  // namespace oriel::e2e
