// Reductions over any axes, and chains of them over the same rows.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;
using Reduction = Value (*)(const Operand&, Axes, bool);

// A sum's error grows with what it adds: absolute tolerance for cancellation.
Tolerance For(DType t, int64_t count) {
  switch (t) {
    case DType::f64: return {8, 1e-14 * count};
    case DType::f32: return {8, 1e-6 * count};
    case DType::f16: return {8, 4e-3 * count};
    case DType::bf16: return {8, 3e-2 * count};
    default: return {};
  }
}

TEST(Reduce, EveryKindAndDTypeOverEachAxis) {
  const std::pair<const char*, Reduction> kinds[] = {{"sum", sum}, {"prod", prod}, {"max", reduce_max},
                                                     {"min", reduce_min}, {"mean", mean}, {"any", any}, {"all", all_of}};
  for (const auto& [name, f] : kinds) {
    for (DType t : AllDTypes()) {
      for (Axes axes : {Axes{}, Axes{0}, Axes{1}, Axes{2}, Axes{0, 2}, Axes{0, 1}, Axes{1, 2}, Axes{-1}}) {
        SCOPED_TRACE(std::string(name) + " " + std::string(NumpyName(t)) + " axes " + ToString(Extents(axes.begin(), axes.end())));
        Reduction reduce = f;
        if (!reduce(input("x", t, {3, 3, 3}), axes, false).ok()) {
          ADD_FAILURE() << "no " << name << " on " << NumpyName(t);
          continue;
        }
        ExpectMatches([=](const Values& in) { return Values{reduce(in[0], axes, false), reduce(in[0], axes, true)}; },
                      {Data({4, 6, 35}, t, 1)}, {{"a", "b", "c"}}, For(t, 840));
      }
    }
  }
}

TEST(Reduce, LengthsAroundTheLeaves) {
  for (int64_t n : {0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 100, 255, 256, 257, 1000, 4095, 4096, 4097, 8192, 12289, 40000}) {
    for (DType t : {DType::f32, DType::f64, DType::i32, DType::u8, DType::i8}) {
      SCOPED_TRACE(std::to_string(n) + " " + std::string(NumpyName(t)));
      ExpectMatches([](const Values& in) { return Values{sum(in[0]), sum(in[0] * in[0])}; }, {Data({n}, t, 1)}, {{"n"}}, For(t, n + 1));
      ExpectMatches([](const Values& in) { return Values{sum(in[0], {0}), sum(in[0], {1})}; }, {Data({n, 3}, t, 1)}, {{"n", "m"}}, For(t, n + 1));
      if (n == 0) continue;
      ExpectMatches([](const Values& in) { return Values{reduce_max(in[0]), reduce_min(in[0])}; }, {Data({n}, t, 1, true)}, {{"n"}});
    }
  }
}

// Sums of narrow integers are narrow within a group: the largest there are.
TEST(Reduce, SumsOfTheLargestNarrowIntegers) {
  const std::pair<DType, double> largest[] = {{DType::i8, -128}, {DType::i8, 127}, {DType::u8, 255}, {DType::i16, -32768}, {DType::u16, 65535}, {DType::i32, -2147483648.0}};
  for (const auto& [t, value] : largest) {
    SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(value));
    for (const Extents& shape : {Extents{5000, 3}, Extents{300, 70}, Extents{3, 9000}, Extents{2, 130, 40}})
      ExpectMatches([](const Values& in) { return Values{sum(in[0]), sum(in[0], {0}), sum(in[0], {-1}), sum(in[0], {-2})}; },
                    {Tensor::Full(shape, value, t)}, {shape.size() == 3 ? std::vector<std::string>{"a", "b", "c"} : std::vector<std::string>{"a", "b"}}, {.ulps = 0});
  }
}

// A few columns and many rows, whose leaves are taken side by side: whole ones, part
// of one beside them, several results, and operands that lie otherwise.
TEST(Reduce, AFewColumns) {
  for (int64_t n : {2047, 2048, 2049, 4096, 6000, 20011})
    for (int64_t columns : {1, 2, 3, 5, 7, 8}) {
      SCOPED_TRACE(testing::Message() << n << "x" << columns);
      for (DType t : {DType::f32, DType::f64, DType::f16, DType::i8})
        ExpectMatches([](const Values& in) { return Values{sum(in[0], {0}), mean(in[0] * in[0], {0}), reduce_max(in[0], {0})}; }, {Data({n, columns}, t, 1)}, {{"n", "m"}}, For(t, n));
      ExpectMatches([](const Values& in) { return Values{sum(in[0] * in[1], {0}), sum(in[0] * in[2], {0}), sum(in[0] + in[3], {0})}; },
                    {Data({n, columns}, DType::f32, 1), Data({n, columns}, DType::f32, 2), Data({columns}, DType::f32, 3), Data({n, 1}, DType::f32, 4)},
                    {{"n", "m"}, {"n", "m"}, {"m"}, {"n", ""}}, For(DType::f32, n));
    }
  ExpectMatches([](const Values& in) { return Values{sum(in[0], {1})}; }, {Data({3, 5000, 3}, DType::f32, 1)}, {{"a", "b", "c"}}, For(DType::f32, 5000));
  ExpectMatches([](const Values& in) { return Values{sum(in[0], {1})}; }, {Data({2, 4500, 2}, DType::boolean, 1)}, {{"a", "b", "c"}}, {});
}

// How many roundings an element may go through in pairwise summation as NumPy does
// it: blocks of at most 128 elements in 8 chains and a rest, then pairs.
int PairwiseRoundings(int64_t n) {
  if (n < 8) return std::max<int64_t>(n - 1, 0);
  if (n <= 128) return n / 8 - 1 + 3 + n % 8;
  return 18 + std::ceil(std::log2(n / 128.0));
}

// No sum is further from the exact one than pairwise summation may be: its
// roundings, each of at most half an ulp of the sum of magnitudes. Random numbers of
// one sign and of both, far apart, sorted, of alternating signs, and one number over
// and over, whose roundings all go one way. Columns, rows, short rows, rows of a
// transposed operand.
TEST(Reduce, ErrorsOfSumsAreWithinThoseOfPairwiseSummation) {
  auto check = [](const char* what, const Tensor& result, const Tensor& x, int64_t outer, int64_t n, int64_t inner, int64_t step) {
    const float* p = x.data<float>();
    for (int64_t i = 0; i < outer; ++i) {
      long double exact = 0, magnitude = 0;
      for (int64_t k = 0; k < n; ++k) {
        exact += p[i * step + k * inner];
        magnitude += std::fabs(p[i * step + k * inner]);
      }
      const double bound = PairwiseRoundings(n) * 0x1p-24 * static_cast<double>(magnitude);
      ASSERT_LE(std::fabs(static_cast<double>(result.data<float>()[i] - exact)), bound) << what << " of " << n << ", element " << i;
    }
  };
  const int64_t columns = 24;
  for (int64_t rows : {7, 12, 127, 129, 255, 511, 1000, 4095, 70000}) {
    Value a = input("x", DType::f32, {dyn("n"), dyn("m")});
    auto f = CompileInMode({a}, {sum(a, {0}), sum(a, {1}), sum(transpose(a), {1}), sum(reshape(a, {Dim(columns), Dim(rows)}), {1})});
    ASSERT_TRUE(f.ok()) << f.status();
    for (int kind = 0; kind < 7; ++kind) {
      Tensor x = Tensor::Normal({rows, columns}, 40 + kind);
      float* p = x.data<float>();
      for (int64_t i = 0; i < x.size(); ++i) {
        if (kind == 1) p[i] = std::fabs(p[i]);
        if (kind == 2) p[i] = std::ldexp(p[i], static_cast<int>(static_cast<uint32_t>(i * 2654435761u) >> 28));
        if (kind == 3) p[i] = 0.1f;
        if (kind == 4) p[i] = 1 + 0x1p-23f;
        if (kind == 5) p[i] = std::copysign(p[i], i / columns % 2 ? -1.0f : 1.0f);
      }
      if (kind == 6) std::sort(p, p + x.size());
      SCOPED_TRACE("kind " + std::to_string(kind));
      auto out = (*f)({x});
      ASSERT_TRUE(out.ok()) << out.status();
      check("columns", (*out)[0], x, columns, rows, columns, 1);
      check("short rows", (*out)[1], x, rows, columns, 1, columns);
      check("transposed rows", (*out)[2], x, columns, rows, columns, 1);
      check("rows", (*out)[3], x, columns, rows, 1, rows);
    }
  }
}

TEST(Reduce, NaNPropagatesThroughMaxAndMin) {
  Tensor x = Data({5, 100}, DType::f32, 1);
  x.data<float>()[203] = std::numeric_limits<float>::quiet_NaN();
  ExpectMatches([](const Values& in) { return Values{reduce_max(in[0], {1}), reduce_min(in[0], {1}), reduce_max(in[0], {0})}; },
                {x}, {{"n", "m"}});
}

TEST(Reduce, EmptyMaxIsAnError) {
  Value x = input("x", DType::f32, {dyn("n")});
  absl::StatusOr<Function> f = CompileInMode({x}, {reduce_max(x)});
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Zeros({0})});
  EXPECT_EQ(out.status().code(), absl::StatusCode::kInvalidArgument) << out.status();
}

TEST(Reduce, ArgMaxArgMin) {
  for (DType t : AllDTypes()) {
    for (int64_t n : {1, 5, 33, 1000}) {
      SCOPED_TRACE(std::string(NumpyName(t)) + " " + std::to_string(n));
      ExpectMatches([](const Values& in) {
        return Values{argmax(in[0], 1), argmin(in[0], 1), argmax(in[0], 0), argmin(in[0], 0, true), argmax(in[0])};
      }, {Data({7, n}, t, 3, true)}, {{"n", "m"}});
    }
  }
}

TEST(Reduce, RowChains) {
  for (int64_t columns : {1, 3, 31, 32, 33, 500, 4097, 9000}) {
    SCOPED_TRACE(columns);
    ExpectMatches([](const Values& in) {
      Value x = in[0];
      Value centred = x - mean(x, {1}, true);
      Value variance = mean(centred * centred, {1}, true);
      return Values{softmax(x), log_softmax(x), logsumexp(x, {1}), centred * rsqrt(variance + 1e-5) * in[1] + in[2]};
    }, {Data({6, columns}, DType::f32, 1), Data({columns}, DType::f32, 2), Data({columns}, DType::f32, 3)},
       {{"n", "m"}, {"m"}, {"m"}}, {.ulps = 64, .absolute = 2e-5});
  }
}

TEST(Reduce, SoftmaxOverOtherAxesAndDTypes) {
  for (DType t : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    ExpectMatches([](const Values& in) { return Values{softmax(in[0], 0), softmax(in[0], 1), softmax(in[0], 2)}; },
                  {Data({5, 6, 40}, t, 1)}, {{"a", "b", "c"}}, {.ulps = 16, .absolute = t == DType::bf16 ? 1e-2 : 1e-3});
  }
}

TEST(Reduce, ReductionFeedsElementwise) {
  ExpectMatches([](const Values& in) {
    Value s = sum(in[0] * in[1], {0});
    return Values{tanh(s) + 1.0, in[0] - sum(in[0], {0}, true), in[0] / sum(abs(in[0]))};
  }, {Data({300, 20}, DType::f32, 1), Data({300, 20}, DType::f32, 2)}, {{"n", "m"}, {"n", "m"}}, {.ulps = 64, .absolute = 1e-4});
}

}  // namespace
}  // namespace oriel::e2e
