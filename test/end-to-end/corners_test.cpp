// Accesses that are no plain contiguous rows, for every dtype: steps, reversal,
// columns, transposed operands of reductions, lengths around the vectors.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using std::nullopt;
using Values = std::vector<Value>;

Tolerance ForSum(DType t, int64_t count) {
  switch (t) {
    case DType::f64: return {8, 1e-14 * count};
    case DType::f32: return {8, 1e-6 * count};
    case DType::f16: return {8, 4e-3 * count};
    case DType::bf16: return {8, 3e-2 * count};
    default: return {};
  }
}

TEST(Corners, StepsOfEveryDType) {
  for (DType t : AllDTypes()) {
    for (int64_t size : {1, 7, 8, 15, 31, 33, 100}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(size));
      ExpectMatches([](const Values& in) {
        Values out;
        for (int64_t step : {-3, -2, -1, 2, 3, 5}) {
          Value part = in[0][{all(), slice(nullopt, nullopt, step)}];
          out.push_back(part);
          out.push_back(maximum(part, part + part));
          out.push_back(in[0][{slice(nullopt, nullopt, step), slice(1, nullopt)}]);
        }
        return out;
      }, {Data({3, size}, t, 1)}, {{"n", "m"}}, {.ulps = 1});
    }
  }
}

TEST(Corners, ColumnsAndTransposesOfEveryDType) {
  for (DType t : AllDTypes()) {
    for (int64_t size : {1, 7, 15, 33, 100}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(size));
      ExpectMatches([](const Values& in) {
        Value x = in[0], flipped = transpose(x);
        return Values{x[{all(), 3}] + x[{all(), 4}], maximum(flipped, flipped + flipped),
                      transpose(x[{slice(nullopt, nullopt, 2), slice(nullopt, nullopt, -1)}]) + x[{0, 0}]};
      }, {Data({size, 37}, t, 1)}, {{"n", "m"}}, {.ulps = 1});
    }
  }
}

TEST(Corners, ReductionsOfTransposedOperands) {
  for (DType t : AllDTypes()) {
    for (auto [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {7, 33}, {40, 17}, {300, 18}, {5000, 3}}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(rows) + "x" + std::to_string(columns));
      ExpectMatches([](const Values& in) {
        Value flipped = transpose(in[0]);
        return Values{sum(flipped, {1}), reduce_max(flipped, {1}), sum(flipped, {0}), sum(transpose(in[0] + in[0]), {1})};
      }, {Data({rows, columns}, t, 2)}, {{"n", "m"}}, ForSum(t, 2 * rows));
    }
  }
}

TEST(Corners, ChainsOverTransposedRows) {
  for (DType t : FloatDTypes()) {
    for (auto [rows, columns] : {std::pair<int64_t, int64_t>{7, 33}, {40, 17}, {300, 18}, {5000, 3}}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(rows) + "x" + std::to_string(columns));
      ExpectMatches([](const Values& in) {
        Value flipped = transpose(in[0]);
        return Values{softmax(flipped), flipped - mean(flipped, {1}, true)};
      }, {Data({rows, columns}, t, 3)}, {{"n", "m"}}, ForSum(t, 16));
    }
  }
}

// Sums of steps and reversals, whose last vectors are partial.
TEST(Corners, ReductionsOfSteps) {
  for (DType t : AllDTypes()) {
    for (int64_t size : {1, 8, 31, 100, 5000}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(size));
      ExpectMatches([](const Values& in) {
        Values out;
        for (int64_t step : {-3, -1, 2, 5}) out.push_back(sum(in[0][{all(), slice(nullopt, nullopt, step)}], {1}));
        return out;
      }, {Data({3, size}, t, 4)}, {{"n", "m"}}, ForSum(t, size));
    }
  }
}

// Rows of every dtype gathered, scattered, joined and searched.
TEST(Corners, MovesAndSearchesOfEveryDType) {
  for (DType t : AllDTypes()) {
    for (int64_t size : {1, 7, 15, 33, 100}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(size));
      ExpectMatches([](const Values& in) {
        Value x = in[0], which = in[1];
        return Values{x[{which}], concatenate({x, in[2], x}, 1), argmax(x, 1), argmin(x, 0)};
      }, {Data({5, size}, t, 5), *Tensor::From<int64_t>({4, 0, -1, 2}, {4}), Data({5, size}, t, 6)},
         {{"n", "m"}, {""}, {"n", "m"}}, {.ulps = 0});
    }
  }
}

// Operands of a matmul in every layout, with edges of every width.
TEST(Corners, PackedPanelsOfEveryDType) {
  for (DType t : AllDTypes()) {
    for (auto [m, k, n] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1}, {3, 5, 7}, {9, 33, 15}, {5, 300, 49}}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n));
      ExpectMatches([](const Values& in) {
        return Values{matmul(in[0], in[1]), matmul(transpose(in[2]), in[1]), matmul(in[0], transpose(in[3]))};
      }, {Data({m, k}, t, 7), Data({k, n}, t, 8), Data({k, m}, t, 9), Data({n, k}, t, 10)},
         {{"m", "k"}, {"k", "n"}, {"k", "m"}, {"n", "k"}}, ForSum(t, k));
    }
  }
}

// A tail of one element, known at compile time, of numbers that were wider: no
// byte behind it is written (the guard mode sees it).
TEST(Corners, NarrowTailsOfOneElement) {
  for (int64_t n : {1, 9, 17, 25, 33}) {
    for (const auto& [from, to] : {std::pair{DType::f32, DType::i8}, {DType::f32, DType::u16}, {DType::f64, DType::i16}, {DType::i64, DType::u8}}) {
      SCOPED_TRACE(std::to_string(n) + " " + std::string(NumpyName(from)) + " to " + std::string(NumpyName(to)));
      const auto build = [to = to](const std::vector<Value>& in) { return std::vector<Value>{cast(abs(in[0]), to)}; };
      ExpectMatches(build, {Data({n}, from, 5)});
      ExpectMatches(build, {Data({2, n}, from, 6)});
    }
  }
}

}  // namespace
}  // namespace oriel::e2e
