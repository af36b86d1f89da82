// A matmul's kernel goes on with the rows of its result: softmax, layer norm,
// sums of squares; one kernel, with the bits of several.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

const Symbols kLayer = {{"m", "k"}, {"k", "n"}, {"n"}};

absl::StatusOr<Function> Compiled(const Build& build, const std::vector<Tensor>& arguments, const Symbols& symbols,
                                  CompileOptions options = {}) {
  const Values inputs = InputsFor(arguments, /*static_dims=*/symbols.empty(), symbols);
  options.cache_dir = "none";
  return compile(inputs, build(inputs), {}, options);
}

// How many kernels it has, of unknown extents (of known ones without symbols).
int Kernels(const Build& build, const std::vector<Tensor>& arguments, const Symbols& symbols) {
  const absl::StatusOr<Function> f = Compiled(build, arguments, symbols);
  if (!f.ok()) {
    ADD_FAILURE() << f.status();
    return -1;
  }
  return f->compile_info().kernels;
}

// The bits of one kernel are those of one for each node, on one thread and two.
void ExpectBitsOfNodes(const Build& build, const std::vector<Tensor>& arguments, const Symbols& symbols) {
  std::vector<std::vector<Tensor>> all;
  for (bool fusion : {true, false}) {
    for (int threads : {1, 2}) {
      absl::StatusOr<Function> f = Compiled(build, arguments, symbols, {.num_threads = threads, .fusion = fusion});
      ASSERT_TRUE(f.ok()) << f.status();
      absl::StatusOr<std::vector<Tensor>> out = (*f)(arguments);
      ASSERT_TRUE(out.ok()) << out.status();
      all.push_back(*out);
    }
  }
  for (size_t variant = 1; variant < all.size(); ++variant)
    for (size_t k = 0; k < all[0].size(); ++k) EXPECT_TRUE(SameBits(all[variant][k], all[0][k])) << variant << " " << k;
}

Value LayerNorm(const Value& x) {
  const Value centered = x - mean(x, {-1}, true);
  return centered * rsqrt(mean(centered * centered, {-1}, true) + 1e-5f);
}

std::vector<Tensor> Layer(int64_t m, int64_t n, int64_t k, DType t) {
  return {Data({m, k}, t, 1), Data({k, n}, t, 2), Data({n}, t, 3)};
}

TEST(MatMulRows, SoftmaxOfALayer) {
  const Build build = [](const Values& in) { return Values{softmax(matmul(in[0], in[1]) * 0.1f + in[2])}; };
  for (auto [m, n, k] : {std::array<int64_t, 3>{0, 40, 5}, {1, 64, 300}, {7, 1, 5}, {64, 700, 0}, {64, 10, 20}, {65, 33, 300}, {300, 700, 5}}) {
    SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k);
    ExpectMatches(build, Layer(m, n, k, DType::f32), kLayer, {8, 2e-6 * (k + 1)});
    ExpectBitsOfNodes(build, Layer(m, n, k, DType::f32), kLayer);
  }
  EXPECT_EQ(Kernels(build, Layer(64, 64, 64, DType::f32), kLayer), 1);
  EXPECT_EQ(Kernels(build, Layer(64, 64, 64, DType::f32), {}), 1);
}

TEST(MatMulRows, EveryFloat) {
  const Build build = [](const Values& in) {
    const Value y = matmul(in[0], in[1]) + in[2];
    return Values{sum(y, {1}), reduce_max(tanh(y), {1}, true), y};
  };
  for (DType t : FloatDTypes()) {
    SCOPED_TRACE(NumpyName(t));
    const double each = t == DType::f64 ? 1e-11 : t == DType::f32 ? 1e-4 : t == DType::f16 ? 0.5 : 4;
    ExpectMatches(build, Layer(65, 100, 270, t), kLayer, {4, each});
    ExpectBitsOfNodes(build, Layer(65, 100, 270, t), kLayer);
    EXPECT_EQ(Kernels(build, Layer(65, 100, 270, t), kLayer), 1);
  }
}

// Rows wider than a packed block and than a leaf of the tree, more rows than a
// block holds.
TEST(MatMulRows, LargerThanTheBlocks) {
  const Build build = [](const Values& in) {
    const Value y = maximum(matmul(in[0], in[1]) + in[2], 0.f);
    return Values{sum(y * y, {1}), LayerNorm(y)};
  };
  for (auto [m, n, k] : {std::array<int64_t, 3>{120, 5000, 20}, {600, 64, 300}, {300, 1100, 257}}) {
    SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k);
    ExpectMatches(build, Layer(m, n, k, DType::f32), kLayer, {16, 1e-5 * k});
    ExpectBitsOfNodes(build, Layer(m, n, k, DType::f32), kLayer);
  }
}

TEST(MatMulRows, ResidualAndLayerNorm) {
  const Build build = [](const Values& in) { return Values{LayerNorm(in[3] + matmul(in[0], in[1]) + in[2])}; };
  std::vector<Tensor> arguments = Layer(90, 128, 64, DType::f32);
  arguments.push_back(Data({90, 128}, DType::f32, 4));
  Symbols symbols = kLayer;
  symbols.push_back({"m", "n"});
  ExpectMatches(build, arguments, symbols, {16, 1e-4});
  ExpectBitsOfNodes(build, arguments, symbols);
  EXPECT_EQ(Kernels(build, arguments, symbols), 1);
}

TEST(MatMulRows, Attention) {
  const Build build = [](const Values& in) {
    return Values{matmul(softmax(matmul(in[0], transpose(in[1], {0, 2, 1})) * 0.125f), in[2])};
  };
  for (int64_t length : {3, 50, 130}) {
    std::vector<Tensor> arguments;
    for (uint64_t k = 1; k < 4; ++k) arguments.push_back(Data({3, length, 64}, DType::f32, k));
    const Symbols symbols(3, {"b", "t", ""});
    ExpectMatches(build, arguments, symbols, {16, 1e-5});
    ExpectBitsOfNodes(build, arguments, symbols);
    EXPECT_EQ(Kernels(build, arguments, symbols), 2);
  }
}

// A gradient is as it was; the loss's rows are summed where the product is made.
TEST(MatMulRows, SquaredErrorAndItsGradient) {
  const Build build = [](const Values& in) {
    const Value error = matmul(in[0], in[1]) + in[2] - in[3];
    const Value loss = sum(error * error);
    const std::vector<Value> g = grad(loss, {in[1], in[2]});
    return Values{loss, g[0], g[1]};
  };
  std::vector<Tensor> arguments = Layer(70, 40, 30, DType::f64);
  arguments.push_back(Data({70, 40}, DType::f64, 4));
  Symbols symbols = kLayer;
  symbols.push_back({"m", "n"});
  ExpectMatches(build, arguments, symbols, {16, 1e-9});
  ExpectBitsOfNodes(build, arguments, symbols);
}

TEST(MatMulRows, SaysWhyNot) {
  const auto explained = [](const Build& build, const std::vector<Tensor>& arguments) {
    const absl::StatusOr<Function> f = Compiled(build, arguments, {});
    if (!f.ok()) return std::vector<std::string>{f.status().ToString()};
    return f->compile_info().remarks;
  };
  const Build sums = [](const Values& in) { return Values{sum(matmul(in[0], in[1]), {1})}; };
  EXPECT_THAT(explained(sums, Layer(64, 10, 64, DType::f32)),
              Contains(HasSubstr("rows of 10 elements are faster side by side")));
  EXPECT_THAT(explained(sums, Layer(8, 100, 64, DType::f32)), Contains(HasSubstr("8 rows are too few")));
  EXPECT_THAT(explained(sums, Layer(64, 100, 64, DType::i8)), Contains(HasSubstr("narrow integers")));
}

}  // namespace
}  // namespace oriel::e2e
