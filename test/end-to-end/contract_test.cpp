// Matrix products of every form, with epilogues.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

Tolerance For(DType t, int64_t k) {
  switch (t) {
    case DType::f64: return {4, 1e-15 * k};
    case DType::f32: return {4, 1e-6 * k};
    case DType::f16: return {2, 2e-3 * k};
    case DType::bf16: return {2, 1.6e-2 * k};
    default: return {};
  }
}

TEST(MatMul, ShapesAroundTheTiles) {
  for (int64_t m : {0, 1, 5, 6, 7, 16, 33}) {
    for (int64_t n : {0, 1, 15, 16, 17, 50}) {
      for (int64_t k : {0, 1, 4, 37, 300}) {
        SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k));
        ExpectMatches([](const Values& in) { return Values{matmul(in[0], in[1])}; },
                      {Data({m, k}, DType::f32, 1), Data({k, n}, DType::f32, 2)}, {{"m", "k"}, {"k", "n"}}, For(DType::f32, k));
      }
    }
  }
}

TEST(MatMul, LargerThanTheBlocks) {
  for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{200, 130, 700}, {64, 1000, 200}, {129, 257, 513}, {1, 1000, 600}, {600, 1, 300}}) {
    SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k));
    for (DType t : {DType::f32, DType::f64}) {
      ExpectMatches([](const Values& in) { return Values{dot(in[0], in[1])}; }, {Data({m, k}, t, 1), Data({k, n}, t, 2)},
                    {{"m", "k"}, {"k", "n"}}, For(t, k));
    }
  }
}

TEST(MatMul, EveryDType) {
  for (DType t : AllDTypes()) {
    SCOPED_TRACE(NumpyName(t));
    ExpectMatches([](const Values& in) { return Values{matmul(in[0], in[1])}; }, {Data({19, 45}, t, 1), Data({45, 34}, t, 2)},
                  {{"m", "k"}, {"k", "n"}}, For(t, 45));
  }
}

// Operands scaled, shifted or bounded by a number join the product, in every way
// it reads them: packed, as they lie, across, a row, a batch.
TEST(MatMul, OperandsWithANumber) {
  const auto product = [](const Values& in) {
    return Values{matmul(in[0] * 0.3f, in[1]),           matmul(in[0], maximum(in[1], 0.f)),
                  matmul(1.5f - in[0], abs(in[1])),      matmul(-in[0], minimum(in[1], 0.25f)) + 1.f,
                  matmul(in[0] + 0.7f, transpose(in[2])), matmul(transpose(in[1] * 0.3f), transpose(in[0] - 0.1f))};
  };
  for (DType t : {DType::f32, DType::f64}) {
    for (auto [m, n, k] : {std::array<int64_t, 3>{1, 70, 300}, {19, 33, 20}, {150, 1, 9}, {200, 300, 270}}) {
      SCOPED_TRACE(testing::Message() << NumpyName(t) << " " << m << "x" << n << "x" << k);
      ExpectMatches(product, {Data({m, k}, t, 1), Data({k, n}, t, 2), Data({n, k}, t, 3)},
                    {{"m", "k"}, {"k", "n"}, {"n", "k"}}, For(t, 4 * k));
    }
    ExpectMatches([](const Values& in) { return Values{matmul(in[0] * 0.3f, maximum(in[1], 0.f))}; },
                  {Data({3, 20, 30}, t, 1), Data({3, 30, 40}, t, 2)}, {{"b", "m", "k"}, {"b", "k", "n"}}, For(t, 120));
  }
  const Values inputs = {input("x", DType::f32, {dyn("m"), dyn("k")}), input("w", DType::f32, {dyn("k"), dyn("n")})};
  for (const auto& [build, kernels] : {std::pair<Value, int>{matmul(inputs[0] * 0.3f, maximum(inputs[1], 0.f)), 1},
                                       {matmul(exp(inputs[0]), inputs[1]), 2}}) {
    const absl::StatusOr<Function> f = compile(inputs, {build}, {}, {.cache_dir = "none"});
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_EQ(f->compile_info().kernels, kernels);
  }
}

// What widens operands joins the product: quantised and 16-bit weights.
TEST(MatMul, WidenedOperands) {
  const auto product = [](DType to) {
    return [to](const Values& in) {
      Value x = cast(in[0], to), w = cast(in[1], to);
      return Values{matmul(x, w), matmul(x, cast(transpose(in[2]), to)), matmul(transpose(cast(in[2], to)), x),
                    cast(matmul(x, w), DType::f32) * 0.125f};
    };
  };
  for (auto [from, to] : {std::pair{DType::i8, DType::i32}, {DType::u8, DType::i32}, {DType::u16, DType::i64},
                          {DType::i8, DType::f32}, {DType::bf16, DType::f32}, {DType::f16, DType::f64}}) {
    for (int64_t m : {1, 19, 150}) {
      SCOPED_TRACE(std::string(NumpyName(from)) + " " + std::string(NumpyName(to)) + " " + std::to_string(m));
      ExpectMatches(product(to), {Data({m, 45}, from, 1), Data({45, 34}, from, 2), Data({m, 45}, from, 3)},
                    {{"m", "k"}, {"k", "n"}, {"m", "k"}}, {4, 1e-5 * 45});
    }
  }
}

TEST(MatMul, VectorsAndBatches) {
  ExpectMatches([](const Values& in) {
    return Values{dot(in[0], in[0]), matmul(in[1], in[0]), matmul(in[0], transpose(in[1])), matmul(in[2], in[3]),
                  matmul(in[2], in[4]), matmul(in[2], in[0])};
  }, {Data({24}, DType::f32, 1), Data({10, 24}, DType::f32, 2), Data({5, 7, 24}, DType::f32, 3),
      Data({5, 24, 11}, DType::f32, 4), Data({24, 9}, DType::f32, 5)},
     {{"k"}, {"a", "k"}, {"b", "m", "k"}, {"b", "k", "n"}, {"k", ""}}, For(DType::f32, 24));
}

TEST(MatMul, DimsThatNoOperandRunsOver) {
  const Build build = [](const Values& in) {
    const Value &a = in[0], &v = in[1], &w = in[2], &middle = in[4];
    const Dim times = in[3].dim(0), m = a.dim(0), k = a.dim(1), n = w.dim(1);
    const Value many = broadcast_to(a, {times, m, k}), ws = broadcast_to(w, {times, k, n});
    const Value fourth = broadcast_to(expand_dims(middle, 1), {middle.dim(0), times, middle.dim(1), middle.dim(2)});
    return Values{matmul(many, v),
                  matmul(v, ws),
                  matmul(many, ws),
                  tanh(matmul(many, ws)) * expand_dims(expand_dims(in[3], 1), 2),
                  matmul(broadcast_to(v, {times, k}), w),
                  matmul(fourth, v),
                  sum(matmul(many, ws), {2})};
  };
  const std::vector<Tensor> data = {Data({2, 4}, DType::f32, 1), Data({4}, DType::f32, 2), Data({4, 5}, DType::f32, 3),
                                    Data({3}, DType::f32, 4), Data({2, 6, 4}, DType::f32, 5)};
  ExpectMatches(build, data);
  ExpectMatches(build, data, {{"m", "k"}, {"k"}, {"k", "n"}, {"t"}, {"b", "l", "k"}});
}

TEST(MatMul, AContractedDimThatNoOperandRunsOver) {
  const Build build = [](const Values& in) {
    const Value &u = in[0], &w = in[1], &batches = in[2];
    const Dim m = u.dim(0), n = w.dim(0), k = in[3].dim(0), times = batches.dim(0);
    const Value rows = broadcast_to(expand_dims(u, 1), {m, k}), columns = broadcast_to(expand_dims(w, 0), {k, n});
    return Values{matmul(rows * 2.0f + 1.0f, tanh(columns)),
                  matmul(expand_dims(u, 1) * 3.0f + 1.0f, expand_dims(w, 0) * in[3]),
                  matmul(broadcast_to(expand_dims(u, 1), {times, m, 1}) + 1.0f, expand_dims(batches, 1) * expand_dims(w, 0) + 2.0f)};
  };
  const std::vector<Tensor> data = {Data({5}, DType::f32, 1), Data({7}, DType::f32, 2), Data({3, 1}, DType::f32, 3),
                                    Data({1}, DType::f32, 4)};
  ExpectMatches(build, data);
  const Build repeated = [](const Values& in) {
    const Value &u = in[0], &w = in[1];
    const Dim m = u.dim(0), n = w.dim(0), k = in[2].dim(0);
    const Value rows = broadcast_to(expand_dims(u, 1), {m, k}), columns = broadcast_to(expand_dims(w, 0), {k, n});
    return Values{matmul(rows * 2.0f + 1.0f, tanh(columns)), matmul(rows, columns)};
  };
  const std::vector<Tensor> long_k = {Data({5}, DType::f32, 1), Data({7}, DType::f32, 2), Data({9}, DType::f32, 3)};
  ExpectMatches(repeated, long_k);
  ExpectMatches(repeated, long_k, {{"m"}, {"n"}, {"k"}});
}

TEST(MatMul, TransposedOperands) {
  for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{40, 50, 60}, {7, 9, 300}}) {
    ExpectMatches([](const Values& in) {
      return Values{matmul(transpose(in[0]), in[1]), matmul(transpose(in[0]), transpose(in[2])),
                    matmul(in[3], transpose(in[2]))};
    }, {Data({k, m}, DType::f32, 1), Data({k, n}, DType::f32, 2), Data({n, k}, DType::f32, 3), Data({m, k}, DType::f32, 4)},
       {{"k", "m"}, {"k", "n"}, {"n", "k"}, {"m", "k"}}, For(DType::f32, k));
  }
}

TEST(MatMul, Epilogues) {
  ExpectMatches([](const Values& in) {
    Value h = dot(in[0], in[1]);
    return Values{relu(h + in[2]), tanh(dot(in[0], in[1] * 1.0) * 0.5 + in[2]) + in[3]};
  }, {Data({70, 90}, DType::f32, 1), Data({90, 45}, DType::f32, 2), Data({45}, DType::f32, 3), Data({70, 45}, DType::f32, 4)},
     {{"m", "k"}, {"k", "n"}, {"n"}, {"m", "n"}}, {.ulps = 16, .absolute = 1e-4});
}

TEST(MatMul, TwoLayers) {
  ExpectMatches([](const Values& in) {
    return Values{softmax(dot(relu(dot(in[0], in[1]) + in[2]), in[3]))};
  }, {Data({33, 64}, DType::f32, 1), Data({64, 100}, DType::f32, 2), Data({100}, DType::f32, 3), Data({100, 10}, DType::f32, 4)},
     {{"batch", ""}, {}, {}, {}}, {.ulps = 64, .absolute = 1e-4});
}

}  // namespace
}  // namespace oriel::e2e
