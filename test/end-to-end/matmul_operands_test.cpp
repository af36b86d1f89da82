// A matmul's kernel makes its operands as it reads them: scales, shifts, rows less
// their means, sums of two matrices; the bits are those of a kernel for each op.
#include <array>

#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

const Symbols kProduct = {{"m", "k"}, {"k", "n"}};

absl::StatusOr<Function> Compiled(const Build& build, const std::vector<Tensor>& arguments, const Symbols& symbols,
                                  CompileOptions options = {}) {
  const Values inputs = InputsFor(arguments, /*static_dims=*/symbols.empty(), symbols);
  options.cache_dir = "none";
  return compile(inputs, build(inputs), {}, options);
}

using Shape = std::array<int64_t, 3>;
using Arguments = std::function<std::vector<Tensor>(Shape)>;

// Shapes at the edges of tiles, panels and blocks of k.
const std::vector<Shape> kShapes = {{13, 50, 257}, {1, 1, 1},    {1, 40, 9},  {9, 1, 40},  {3, 5, 0},
                                    {0, 4, 3},     {8, 48, 256}, {7, 49, 31}, {65, 1000, 20}, {150, 200, 300}};

// The bits are those of one kernel for each node, on one thread and two, with known
// extents too.
void ExpectBitsOfNodes(const Build& build, const Arguments& arguments, const Symbols& symbols, const std::vector<Shape>& shapes) {
  std::vector<Function> functions;
  for (const CompileOptions& options : {CompileOptions{.num_threads = 1, .fusion = false}, CompileOptions{.num_threads = 1},
                                        CompileOptions{.num_threads = 2}}) {
    absl::StatusOr<Function> f = Compiled(build, arguments(shapes[0]), symbols, options);
    ASSERT_TRUE(f.ok()) << f.status();
    functions.push_back(*f);
  }
  absl::StatusOr<Function> known = Compiled(build, arguments(shapes[0]), {});
  ASSERT_TRUE(known.ok()) << known.status();
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(testing::Message() << shape[0] << "x" << shape[1] << "x" << shape[2]);
    const std::vector<Tensor> in = arguments(shape);
    std::vector<std::vector<Tensor>> all;
    for (const Function& f : functions) {
      absl::StatusOr<std::vector<Tensor>> out = f(in);
      ASSERT_TRUE(out.ok()) << out.status();
      all.push_back(*out);
    }
    if (shape == shapes[0]) {
      absl::StatusOr<std::vector<Tensor>> out = (*known)(in);
      ASSERT_TRUE(out.ok()) << out.status();
      all.push_back(*out);
    }
    for (size_t variant = 1; variant < all.size(); ++variant)
      for (size_t k = 0; k < all[0].size(); ++k) EXPECT_TRUE(SameBits(all[variant][k], all[0][k])) << variant << " " << k;
  }
}

std::vector<Tensor> Factors(Shape shape, DType t = DType::f32) {
  auto [m, n, k] = shape;
  return {Data({m, k}, t, 1), Data({k, n}, t, 2)};
}

// One kernel where the operands are large, whatever becomes of them where they are
// small.
void ExpectOneKernel(const Build& build, const Arguments& arguments, const Symbols& symbols, double tolerance = 1e-4) {
  for (size_t n : {0, 2}) ExpectMatches(build, arguments(kShapes[n]), symbols, {16, tolerance * (kShapes[n][2] + 1)});
  ExpectBitsOfNodes(build, arguments, symbols, kShapes);
  const absl::StatusOr<Function> f = Compiled(build, arguments({4096, 300, 1024}), {});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(f->compile_info().kernels, 1);
}

TEST(MatMulPrologue, ChainsOfNumbers) {
  ExpectOneKernel([](const Values& in) { return Values{matmul(maximum(in[0] * 0.3f - 0.1f, 0.f), -in[1] + 2.f)}; },
                  [](auto shape) { return Factors(shape); }, kProduct);
}

// A vector along each axis of each operand.
TEST(MatMulPrologue, Vectors) {
  const Build build = [](const Values& in) {
    const Value a = (in[0] - reshape(in[2], {in[2].dim(0), 1})) * in[3];
    const Value b = in[1] * reshape(in[3], {in[3].dim(0), 1}) + in[4];
    return Values{matmul(a, b)};
  };
  const auto arguments = [](Shape shape) {
    auto [m, n, k] = shape;
    return std::vector<Tensor>{Data({m, k}, DType::f32, 1), Data({k, n}, DType::f32, 2), Data({m}, DType::f32, 3),
                               Data({k}, DType::f32, 4), Data({n}, DType::f32, 5)};
  };
  ExpectOneKernel(build, arguments, {{"m", "k"}, {"k", "n"}, {"m"}, {"k"}, {"n"}}, 1e-3);
}

TEST(MatMulPrologue, TwoMatrices) {
  const Build build = [](const Values& in) { return Values{matmul(maximum(in[0] + in[2], 0.f), in[1] * in[3])}; };
  const auto arguments = [](Shape shape) {
    auto [m, n, k] = shape;
    return std::vector<Tensor>{Data({m, k}, DType::f32, 1), Data({k, n}, DType::f32, 2), Data({m, k}, DType::f32, 3),
                               Data({k, n}, DType::f32, 4)};
  };
  ExpectOneKernel(build, arguments, {{"m", "k"}, {"k", "n"}, {"m", "k"}, {"k", "n"}});
}

// Each layout of each operand, and one that lies the other way.
TEST(MatMulPrologue, Layouts) {
  for (int way = 0; way < 8; ++way) {
    SCOPED_TRACE(way);
    const Build build = [way](const Values& in) {
      const auto turned = [](const Value& x, bool turn) { return turn ? transpose(x) : x; };
      const Value a = turned(in[0], way & 1) + turned(in[2], way & 4);
      const Value b = turned(in[1] * in[3], way & 2);
      return Values{matmul(a, b)};
    };
    const auto arguments = [way](Shape shape) {
      auto [m, n, k] = shape;
      const auto data = [](int64_t rows, int64_t columns, bool turn, uint64_t seed) {
        return turn ? Data({columns, rows}, DType::f32, seed) : Data({rows, columns}, DType::f32, seed);
      };
      return std::vector<Tensor>{data(m, k, way & 1, 1), data(k, n, way & 2, 2), data(m, k, way & 4, 3),
                                 Data({way & 2 ? k : n}, DType::f32, 4)};
    };
    const auto turned = [](std::vector<std::string> names, bool turn) {
      if (turn) std::swap(names[0], names[1]);
      return names;
    };
    const Symbols symbols = {turned({"m", "k"}, way & 1), turned({"k", "n"}, way & 2), turned({"m", "k"}, way & 4),
                             {way & 2 ? "k" : "n"}};
    ExpectMatches(build, arguments({13, 50, 257}), symbols, {16, 1e-2});
    ExpectBitsOfNodes(build, arguments, symbols, {{13, 50, 257}, {150, 200, 37}, {1, 33, 20}});
    const absl::StatusOr<Function> f = Compiled(build, arguments({4096, 300, 1024}), {});
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_EQ(f->compile_info().kernels, 1);
  }
}

TEST(MatMulPrologue, EveryDType) {
  const Build build = [](const Values& in) {
    const Value mask = in[2] > in[3];
    return Values{matmul(select(mask, in[0] + in[2], in[0]), in[1] * in[3])};
  };
  for (DType t : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::u8}) {
    SCOPED_TRACE(NumpyName(t));
    const Arguments arguments = [t](Shape shape) {
      auto [m, n, k] = shape;
      return std::vector<Tensor>{Data({m, k}, t, 1), Data({k, n}, t, 2), Data({m, k}, t, 3), Data({n}, t, 4)};
    };
    const Symbols symbols = {{"m", "n"}, {"n", "n"}, {"m", "n"}, {"n"}};
    const double each = t == DType::f64 ? 1e-10 : t == DType::f32 ? 1e-2 : t == DType::f16 ? 4 : 32;
    ExpectMatches(build, arguments({13, 50, 50}), symbols, {16, IsFloat(t) ? each : 0});
    ExpectBitsOfNodes(build, arguments, symbols, {{13, 50, 50}, {70, 9, 9}, {150, 257, 257}});
  }
}

// Narrow weights with a factor for each column.
TEST(MatMulPrologue, Dequantised) {
  const Build build = [](const Values& in) { return Values{matmul(in[0], cast(in[1], DType::f32) * in[2])}; };
  const auto arguments = [](Shape shape) {
    auto [m, n, k] = shape;
    return std::vector<Tensor>{Data({m, k}, DType::f32, 1), Data({k, n}, DType::i8, 2), Data({n}, DType::f32, 3)};
  };
  ExpectOneKernel(build, arguments, {{"m", "k"}, {"k", "n"}, {"n"}}, 1e-2);
}

// Rows are normalised where their statistics are known: one kernel finds them, the
// other uses them.
TEST(MatMulPrologue, NormalisedRows) {
  const Build build = [](const Values& in) {
    const Value centered = in[0] - mean(in[0], {-1}, true);
    const Value normal = centered * rsqrt(mean(centered * centered, {-1}, true) + 1e-5f);
    return Values{matmul(normal * in[2] + in[3], in[1])};
  };
  const auto arguments = [](Shape shape) {
    auto [m, n, k] = shape;
    return std::vector<Tensor>{Data({m, k}, DType::f32, 1), Data({k, n}, DType::f32, 2), Data({k}, DType::f32, 3),
                               Data({k}, DType::f32, 4)};
  };
  const Symbols symbols = {{"m", "k"}, {"k", "n"}, {"k"}, {"k"}};
  for (const Shape& shape : {Shape{13, 50, 257}, Shape{1, 33, 20}}) ExpectMatches(build, arguments(shape), symbols, {16, 1e-2});
  ExpectBitsOfNodes(build, arguments, symbols, {{13, 50, 257}, {150, 20, 300}, {1, 33, 20}});
  ExpectBitsOfNodes(build, arguments, symbols, {{2000, 20, 500}, {13, 50, 257}});
}

TEST(MatMulPrologue, BatchesAndBroadcasts) {
  const Build build = [](const Values& in) {
    return Values{matmul(in[0] * in[2], broadcast_to(in[1], {in[0].dim(0), in[1].dim(0), in[1].dim(1)}) - in[3])};
  };
  const Arguments arguments = [](Shape shape) {
    auto [m, n, k] = shape;
    return std::vector<Tensor>{Data({3, m, k}, DType::f32, 1), Data({k, n}, DType::f32, 2), Data({3, 1, k}, DType::f32, 3),
                               Data({3, k, 1}, DType::f32, 4)};
  };
  const Symbols symbols = {{"b", "m", "k"}, {"k", "n"}, {"b", "", "k"}, {"b", "k", ""}};
  ExpectMatches(build, arguments({5, 50, 20}), symbols, {16, 1e-3});
  ExpectBitsOfNodes(build, arguments, symbols, {{70, 50, 20}, {1, 50, 20}, {5, 100, 30}});
}

// One value as both operands, and a factor that is an input.
TEST(MatMulPrologue, BothOperands) {
  const Build build = [](const Values& in) {
    const Value a = in[0] * in[1] + in[0];
    return Values{matmul(a, transpose(a))};
  };
  const Arguments arguments = [](Shape shape) {
    return std::vector<Tensor>{Data({shape[0], shape[2]}, DType::f32, 1), Data({}, DType::f32, 2)};
  };
  const Symbols symbols = {{"m", "k"}, {}};
  ExpectMatches(build, arguments({9, 9, 20}), symbols, {16, 1e-3});
  ExpectBitsOfNodes(build, arguments, symbols, {{70, 70, 20}, {1, 1, 20}, {9, 9, 300}});
}

// Operands made below a transpose of what is made too: numbers come to lie below it.
TEST(MatMulPrologue, BelowATranspose) {
  const std::vector<Build> builds = {
      [](const Values& in) { return Values{matmul(in[2], transpose(in[0] + 1.f) * 2.f)}; },
      [](const Values& in) { return Values{matmul(transpose(transpose(in[0]) + 1.f) * 2.f, in[2])}; },
      [](const Values& in) { return Values{matmul(in[1], transpose(in[0] + 1.f) * 2.f)}; },
      [](const Values& in) { return Values{matmul(in[1], transpose(maximum(in[0] * 3.f, 0.f)) + 1.f)}; },
      [](const Values& in) { return Values{matmul(transpose(transpose(in[0] + 1.f) * 2.f) - 1.f, transpose(in[1]))}; },
  };
  for (size_t way = 0; way < builds.size(); ++way)
    for (const auto& [m, k] : {std::pair<int64_t, int64_t>{5, 4097}, {50, 400}}) {
      SCOPED_TRACE(testing::Message() << way << " " << m << "x" << k);
      const std::vector<Tensor> arguments = {Data({m, k}, DType::f32, 1), Data({30, k}, DType::f32, 2), Data({k}, DType::f32, 3)};
      for (const Symbols& symbols : {Symbols{{"m", "k"}, {"n", "k"}, {"k"}}, Symbols{{"m", ""}, {"n", ""}, {""}}, Symbols{}})
        ExpectMatches(builds[way], arguments, symbols, {16, 1e-4 * static_cast<double>(k)});
    }
}

// Operands made of numbers alone: there is no tensor to read.
TEST(MatMulPrologue, OfNumbersAlone) {
  for (const auto& [from, to] : {std::pair{DType::f16, DType::f32}, {DType::i8, DType::i32}, {DType::i8, DType::f32}}) {
    SCOPED_TRACE(testing::Message() << NumpyName(from) << " " << NumpyName(to));
    const std::vector<Tensor> arguments = {Data({7, 1000}, to, 1)};
    const Tolerance tolerance{16, IsFloat(to) ? 1e-2 : 0};
    const Build right = [from = from, to = to](const Values& in) {
      return Values{matmul(in[0], cast(constant(Tensor::Full({1000, 5}, 1, from)), to))};
    };
    const Build left = [from = from, to = to](const Values& in) {
      const Value one = constant(Tensor::Full({}, 1, from));
      return Values{matmul(cast(broadcast_to(one, {Dim(5), in[0].dim(0)}), to), in[0])};
    };
    for (const Symbols& symbols : {Symbols{{"m", ""}}, Symbols{}}) {
      ExpectMatches(right, arguments, symbols, tolerance);
      ExpectMatches(left, arguments, symbols, tolerance);
    }
  }
}

std::vector<std::string> Remarks(const Build& build, const std::vector<Tensor>& arguments) {
  const absl::StatusOr<Function> f = Compiled(build, arguments, {});
  if (!f.ok()) return {f.status().ToString()};
  return f->compile_info().remarks;
}

TEST(MatMulPrologue, SaysWhyNot) {
  const std::vector<Tensor> wide = {Data({64, 32}, DType::f32, 1), Data({32, 20000}, DType::f32, 2)};
  // Packed for each block of columns of a wide result.
  EXPECT_THAT(Remarks([](const Values& in) { return Values{matmul(tanh(in[0]), in[1])}; }, wide),
              Contains(HasSubstr("take longer")));
  // What a kernel makes goes on there.
  const std::vector<Tensor> layers = {Data({64, 64}, DType::f32, 1), Data({64, 64}, DType::f32, 2)};
  EXPECT_THAT(Remarks([](const Values& in) { return Values{matmul(maximum(matmul(in[0], in[1]), 0.f), in[1])}; }, layers),
              Contains(HasSubstr("goes on with what its kernel computes")));
}

TEST(MatMulPrologue, ExplainsItself) {
  const std::vector<Tensor> in = Factors({64, 64, 64});
  const absl::StatusOr<Function> f =
      Compiled([](const Values& v) { return Values{matmul(v[0] * 0.5f, tanh(v[1]))}; }, in, kProduct);
  ASSERT_TRUE(f.ok()) << f.status();
  const absl::StatusOr<std::string> text = f->ExplainFusion();
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("fused, computed as the operand is read: apart"));
  EXPECT_THAT(*text, HasSubstr("fused, computed as the operand is packed: apart"));
}

}  // namespace
}  // namespace oriel::e2e
