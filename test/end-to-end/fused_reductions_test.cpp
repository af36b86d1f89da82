// Reductions that share a kernel with more than elementwise ops: a maximum beside
// its argmax, and reductions of a concatenation, part by part; bits and errors as
// of several kernels.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

void ExpectKernels(int count, const Build& build, const std::vector<Tensor>& arguments,
                   const Symbols& symbols, Tolerance tolerance = {}) {
  EXPECT_EQ(Kernels(build, arguments, symbols), count);
  ExpectMatches(build, arguments, symbols, tolerance);
}

TEST(MaximumAndArgMax, AnyAxisAndDType) {
  for (DType dtype : AllDTypes()) {
    if (dtype == DType::boolean) continue;
    for (int axis : {0, 1, 2}) {
      SCOPED_TRACE(testing::Message() << NumpyName(dtype) << " axis " << axis);
      const Build of_memory = [&](const Values& in) {
        return Values{reduce_max(in[0], {axis}), argmax(in[0], axis)};
      };
      const Build of_made = [&](const Values& in) {
        const Value y = in[0] * in[1] + in[0];
        return Values{argmin(y, axis, true), reduce_min(y, {axis}, true)};
      };
      const Symbols symbols = {{"n", "m", "k"}, {"k"}};
      for (auto [n, m, k] : {std::array<int64_t, 3>{3, 4, 5}, {1, 1, 1}, {20, 9, 130}}) {
        const std::vector<Tensor> arguments = {Data({n, m, k}, dtype, 1, /*special=*/true), Data({k}, dtype, 2)};
        ExpectKernels(1, of_memory, {arguments[0]}, {symbols[0]});
        ExpectKernels(1, of_made, arguments, symbols);
      }
    }
  }
}

// Of zeros the reduction has one sign, argmax the first's place.
TEST(MaximumAndArgMax, ZerosOfBothSigns) {
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    for (int64_t n : {2, 9, 70, 5000}) {
      std::vector<double> values(3 * n, -1.0);
      values[n / 2] = -0.0, values[n - 1] = 0.0;          // the first is negative
      values[n] = 0.0, values[2 * n - 1] = -0.0;
      values[2 * n + 1] = -0.0;                           // all are
      const Tensor x = *Tensor::From<double>(values, {3, n}).value().Cast(dtype);
      const Build rows = [](const Values& in) {
        return Values{reduce_max(in[0], {1}), argmax(in[0], 1), reduce_min(-in[0], {1}), argmin(-in[0], 1)};
      };
      const Build columns = [](const Values& in) {
        const Value y = transpose(in[0]) * 1.0;
        return Values{reduce_max(y, {0}), argmax(y, 0), reduce_min(-y, {0}), argmin(-y, 0)};
      };
      ExpectMatches(rows, {x}, {{"n", "m"}});
      ExpectMatches(columns, {x}, {{"n", "m"}});
    }
  }
}

TEST(MaximumAndArgMax, LongRowsManyColumnsAndNaNs) {
  for (bool special : {false, true}) {
    for (auto [n, m] : {std::array<int64_t, 2>{3, 10000}, {37, 3000}, {700, 70}, {100, 1}}) {
      const std::vector<Tensor> arguments = {Data({n, m}, DType::f32, 1, special), Data({m}, DType::f32, 2)};
      for (int axis : {0, 1}) {
        const Build build = [&](const Values& in) {
          const Value y = in[0] * in[1];
          return Values{reduce_max(y, {axis}), argmax(y, axis), y};
        };
        ExpectKernels(1, build, arguments, {{"n", "m"}, {"m"}});
      }
    }
  }
}

// What else comes of the maximum, or of the operand, stays as it was.
TEST(MaximumAndArgMax, BesideWhatTheyShareNoKernelWith) {
  const Build build = [](const Values& in) {
    const Value top = reduce_max(in[0], {1}, true), p = exp(in[0] - top);
    return Values{p / sum(p, {1}, true), argmax(in[0], 1), argmax(p, 1), reduce_max(p, {1}),
                  reduce_min(in[0], {1}), argmin(in[0], 0), reduce_max(in[0], {0})};
  };
  ExpectMatches(build, {Data({30, 50}, DType::f32, 1)}, {{"n", "m"}}, {.ulps = 64, .absolute = 1e-6});
}

TEST(MaximumAndArgMax, AStateIsStillUpdatedInPlace) {
  const Value x = input("x", DType::f32, {4, 3});
  State w = state("w", Tensor::Zeros({4, 3}));
  const Value next = add(w, x);
  const absl::StatusOr<Function> f =
      CompileInMode({x}, {reduce_max(next, {1}), argmax(next, 1)}, {{w, next}});
  ASSERT_TRUE(f.ok()) << f.status();
  const std::vector<Tensor> arguments = {Tensor::From<float>({1, 2, 0, 5, 4, 4, -1, -1, -2, 0, 0, 7}, {4, 3}).value()};
  ASSERT_TRUE((*f)(arguments).ok());
  const auto second = (*f)(arguments);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(SameBits((*second)[0], Tensor::From<float>({4, 10, -2, 14}, {4}).value()));
  EXPECT_TRUE(SameBits((*second)[1], Tensor::From<int64_t>({1, 0, 0, 2}, {4}).value()));
}

TEST(ReducedConcatenation, AcrossTheJoinedAxis) {
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8, DType::u32}) {
    for (int64_t last : {1, 70, 5000}) {
      SCOPED_TRACE(testing::Message() << NumpyName(dtype) << " rows of " << last);
      const Build build = [&](const Values& in) {
        const Value joined = concatenate({in[0], in[1] + in[1], in[2] * in[2]}, 0);
        return Values{sum(joined * joined, {1}), reduce_max(joined, {1}, true)};
      };
      const Symbols symbols = {{"a", "m"}, {"b", "m"}, {"c", "m"}};
      ExpectMatches(build, {Data({5, last}, dtype, 1), Data({1, last}, dtype, 2), Data({12, last}, dtype, 3)}, symbols,
                    {.ulps = 64, .absolute = IsFloat(dtype) ? 0.5 : 0.0});
    }
  }
  // Columns of what is joined along the columns; three axes; parts without elements.
  const Build columns = [](const Values& in) {
    return Values{sum(concatenate({in[0], exp(in[1])}, 1), {0}),
                  log(sum(concatenate({in[0], in[1]}, 1) + 9.f, {0}))};
  };
  for (auto [n, a, b] : {std::array<int64_t, 3>{300, 20, 33}, {7, 0, 5}, {0, 3, 4}, {1, 1, 1}})
    ExpectMatches(columns, {Data({n, a}, DType::f32, 1), Data({n, b}, DType::f32, 2)}, {{"n", "a"}, {"n", "b"}},
                  {.ulps = 512, .absolute = 1e-3});
  for (int joined : {0, 1, 2}) {
    for (int over : {0, 1, 2}) {
      Symbols symbols = {{"n", "m", "k"}, {"n", "m", "k"}};
      Extents other = {4, 6, 9};
      other[joined] = 5;
      symbols[1][joined] = "other";
      for (bool keep : {false, true})
        ExpectMatches([&](const Values& in) {
          const Value y = concatenate({tanh(in[0]), in[1]}, joined);
          return Values{sum(y, {over}, keep), reduce_min(y, {over}, keep) * 2.f};
        }, {Data({4, 6, 9}, DType::f32, 1), Data(other, DType::f32, 2)}, symbols, {.ulps = 256, .absolute = 1e-5});
    }
  }
}

TEST(ReducedConcatenation, AlongTheJoinedAxis) {
  for (DType dtype : AllDTypes()) {
    SCOPED_TRACE(NumpyName(dtype));
    const bool is_bool = dtype == DType::boolean;
    const Build build = [&](const Values& in) {
      const Value joined = concatenate({in[0], in[1], in[2]}, 1);
      Values out = {any(greater(joined, in[3]), {1}), all_of(not_equal(joined, in[3]), {1})};
      if (!is_bool) out.insert(out.end(), {reduce_max(joined, {1}), reduce_min(joined, {1}, true)});
      if (!is_bool && !IsFloat(dtype)) out.push_back(sum(joined, {1}));
      return out;
    };
    const Symbols symbols = {{"n", "a"}, {"n", "b"}, {"n", "c"}, {}};
    for (auto [a, b, c] : {std::array<int64_t, 3>{4, 9, 70}, {1, 0, 1}, {5000, 3, 200}}) {
      ExpectMatches(build, {Data({7, a}, dtype, 1, true), Data({7, b}, dtype, 2, true), Data({7, c}, dtype, 3, true), Data({}, dtype, 4)},
                    symbols, {.ulps = 512, .absolute = IsFloat(dtype) ? 1e-3 : 0});
      ExpectMatches(build, {Data({7, a}, dtype, 1, true), Data({7, b}, dtype, 2, true), Data({7, c}, dtype, 3, true), Data({}, dtype, 4)},
                    {}, {.ulps = 512, .absolute = IsFloat(dtype) ? 1e-3 : 0});
    }
  }
}

// A loss over examples of two kinds: the rows are softmax's, nothing is joined but a
// number a row.
TEST(ReducedConcatenation, ChainsOverRows) {
  const Build build = [](const Values& in) {
    const Value x = concatenate({in[0], in[1] * 0.5f}, 0);
    const Value top = reduce_max(x, {1}, true), e = exp(x - top);
    return Values{log(sum(e, {1})) + squeeze(top, 1), sum(e / sum(e, {1}, true) * x, {1})};
  };
  const std::vector<Tensor> arguments = {Data({40, 70}, DType::f32, 1), Data({9, 70}, DType::f32, 2)};
  ExpectMatches(build, arguments, {{"n", "m"}, {"k", "m"}}, {.ulps = 512, .absolute = 1e-5});
  ExpectMatches(build, arguments, {}, {.ulps = 512, .absolute = 1e-5});
}

TEST(ReducedConcatenation, Gradients) {
  for (int joined : {0, 1}) {
    const Build build = [&](const Values& in) {
      const Value x = concatenate({in[0] * in[0], tanh(in[1])}, joined);
      const Value loss = sum(log(sum(exp(x), {1})));
      const Values gradients = grad(loss, {in[0], in[1]});
      return Values{loss, gradients[0], gradients[1]};
    };
    ExpectMatches(build, {Data({9, 9}, DType::f64, 1), Data({9, 9}, DType::f64, 2)}, {{"n", "n"}, {"n", "n"}},
                  {.ulps = 256, .absolute = 1e-10});
  }
}

}  // namespace
}  // namespace oriel::e2e
