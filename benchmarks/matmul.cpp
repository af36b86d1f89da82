// Matrix products of float32 against OpenBLAS with the same number of threads:
// squares, thin and batched shapes in every transposition, vectors.
#include <cblas.h>

#include <cmath>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "benchmarks/common.h"

extern "C" void openblas_set_num_threads(int);

namespace oriel::bench {
namespace {

struct Shape {
  int64_t m, n, k;
  int64_t batch = 0;  // 0: matrices
  bool transpose_a = false, transpose_b = false;
  bool vector = false;  // m is 1, the left operand and the result are vectors
};

std::string NameOf(const Shape& s) {
  std::string name = "matmul/";
  if (s.batch > 0) name += std::to_string(s.batch) + "x";
  name += std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
  if (s.vector) return name + (s.transpose_b ? "/T" : "/N");
  if (!s.transpose_a && !s.transpose_b) return name;
  return name + (s.transpose_a ? "/T" : "/N") + (s.transpose_b ? "T" : "N");
}

// The operands as they lie in memory, and the product of their matrices.
struct Problem {
  Value a, b, product;
  std::vector<Tensor> in;
};

Problem Make(const Shape& s) {
  Dims batch;
  std::vector<int64_t> extents;
  std::vector<int> swap = {1, 0};
  if (s.batch > 0) {
    batch = {dyn("batch")};
    extents = {s.batch};
    swap = {0, 2, 1};
  }
  auto matrix = [&](const char* name, const char* rows, const char* columns, bool transposed) {
    Dims shape = batch;
    shape.push_back(dyn(transposed ? columns : rows));
    shape.push_back(dyn(transposed ? rows : columns));
    return input(name, DType::f32, shape);
  };
  auto values = [&](int64_t rows, int64_t columns, bool transposed, uint64_t seed) {
    std::vector<int64_t> shape = extents;
    shape.push_back(transposed ? columns : rows);
    shape.push_back(transposed ? rows : columns);
    return Tensor::Normal(shape, seed);
  };
  Problem p;
  p.a = s.vector ? input("a", DType::f32, {dyn("k")}) : matrix("a", "m", "k", s.transpose_a);
  p.b = matrix("b", "k", "n", s.transpose_b);
  p.in = {s.vector ? Tensor::Normal({s.k}, 7) : values(s.m, s.k, s.transpose_a, 7),
          values(s.k, s.n, s.transpose_b, 8)};
  p.product = matmul(s.transpose_a ? transpose(p.a, swap) : p.a, s.transpose_b ? transpose(p.b, swap) : p.b);
  return p;
}

// Against double precision on a sample of rows and columns.
void CheckSample(const Shape& s, const Problem& p, const Tensor& out, double tolerance) {
  const float* a = p.in[0].data<float>();
  const float* b = p.in[1].data<float>();
  for (int64_t z = 0; z < std::max<int64_t>(s.batch, 1); z += 17) {
    const float* x = a + z * s.m * s.k;
    const float* y = b + z * s.k * s.n;
    for (int64_t i = 0; i < s.m; i += std::max<int64_t>(1, s.m / 7)) {
      for (int64_t j = 0; j < s.n; j += std::max<int64_t>(1, s.n / 11)) {
        double sum = 0;
        for (int64_t t = 0; t < s.k; ++t) {
          sum += double(s.transpose_a ? x[t * s.m + i] : x[i * s.k + t]) *
                 (s.transpose_b ? y[j * s.k + t] : y[t * s.n + j]);
        }
        Tensor one = Tensor::Scalar(out.data<float>()[(z * s.m + i) * s.n + j]);
        Check(NameOf(s), one, [&](int64_t) { return sum; }, tolerance);
      }
    }
  }
}

Pair MatMul(const Shape& s, int threads) {
  Problem p = Make(s);
  Function f = Compile({p.a, p.b}, {p.product}, {}, {.name = "matmul", .num_threads = threads});
  std::vector<Tensor> in = p.in;
  Tensor out = Call(f, in)[0];
  auto c = std::make_shared<Tensor>(Tensor::Zeros(out.shape()));
  auto blas = [in, c, s, threads] {
    openblas_set_num_threads(threads);
    const float* a = in[0].data<float>();
    const float* b = in[1].data<float>();
    float* to = c->data<float>();
    if (s.vector) {
      const int64_t rows = s.transpose_b ? s.n : s.k, columns = s.transpose_b ? s.k : s.n;
      cblas_sgemv(CblasRowMajor, s.transpose_b ? CblasNoTrans : CblasTrans, rows, columns, 1.0f, b, columns, a, 1,
                  0.0f, to, 1);
      return;
    }
    for (int64_t z = 0; z < std::max<int64_t>(s.batch, 1); ++z) {
      cblas_sgemm(CblasRowMajor, s.transpose_a ? CblasTrans : CblasNoTrans, s.transpose_b ? CblasTrans : CblasNoTrans,
                  s.m, s.n, s.k, 1.0f, a + z * s.m * s.k, s.transpose_a ? s.m : s.k, b + z * s.k * s.n,
                  s.transpose_b ? s.k : s.n, 0.0f, to + z * s.m * s.n, s.n);
    }
  };
  blas();
  // Against double precision on a sample, against the peer everywhere.
  const float* expected = c->data<float>();
  const double tolerance = 2e-5 * std::sqrt(static_cast<double>(s.k));
  Check(NameOf(s), out, [&](int64_t i) { return expected[i]; }, tolerance);
  CheckSample(s, p, out, tolerance);
  return {[f, in] { Call(f, in); }, blas};
}

// x @ w with constant weights, packed once, against OpenBLAS, which packs in each
// call.
Pair Constant(const Shape& s, int threads) {
  Problem p = Make(s);
  const Value x = input("x", DType::f32, {dyn("m"), s.k}), w = constant(p.in[1]);
  Function f = Compile({x}, {matmul(x, s.transpose_b ? transpose(w) : w)}, {}, {.name = "constant", .num_threads = threads});
  Pair plain = MatMul(s, threads);
  const std::vector<Tensor> in = p.in;
  CheckSample(s, p, Call(f, {in[0]})[0], 2e-5 * std::sqrt(static_cast<double>(s.k)));
  return {[f, in] { Call(f, {in[0]}); }, plain.peer};
}

// i8 by constant i8 in i32 against the same with f32.
Pair ConstantBytes(const Shape& s, int threads) {
  const Value x = input("x", DType::i8, {dyn("m"), s.k}), y = input("y", DType::f32, {dyn("m"), s.k});
  const Tensor a = Tensor::Uniform({s.m, s.k}, 1, DType::i8), b = Tensor::Uniform({s.k, s.n}, 2, DType::i8);
  const Tensor af = *a.Cast(DType::f32), bf = *b.Cast(DType::f32);
  Function bytes = Compile({x}, {matmul(cast(x, DType::i32), cast(constant(b), DType::i32))}, {}, {.name = "bytes", .num_threads = threads});
  Function floats = Compile({y}, {matmul(y, constant(bf))}, {}, {.name = "floats", .num_threads = threads});
  const Tensor sums = Call(bytes, {a})[0], expected = Call(floats, {af})[0];
  // Sums below 2^24: both are exact.
  Check("bytes", *sums.Cast(DType::f32), [&](int64_t i) { return expected.data<float>()[i]; }, 0);
  return {[bytes, a] { Call(bytes, {a}); }, [floats, af] { Call(floats, {af}); }};
}

// act(x @ w + bias) against the bare product, both compiled by Oriel.
Pair Epilogue(const Shape& s, int threads) {
  Problem p = Make(s);
  Value bias = input("bias", DType::f32, {dyn("n")});
  Value x = p.product + bias;
  Value gelu = 0.5f * x * (1.0f + erf(x * static_cast<float>(std::sqrt(0.5))));
  Function bare = Compile({p.a, p.b}, {p.product}, {}, {.name = "bare", .num_threads = threads});
  Function fused = Compile({p.a, p.b, bias}, {gelu}, {}, {.name = "gelu", .num_threads = threads});
  std::vector<Tensor> in = p.in, all = {p.in[0], p.in[1], Tensor::Normal({s.n}, 9)};
  Tensor product = Call(bare, in)[0], out = Call(fused, all)[0];
  CheckSample(s, p, product, 2e-5 * std::sqrt(static_cast<double>(s.k)));
  Check("gelu", out, [&](int64_t i) {
    const double y = double(product.data<float>()[i]) + all[2].data<float>()[i % s.n];
    return 0.5 * y * (1 + std::erf(y * std::sqrt(0.5)));
  }, 1e-5);
  return {[fused, all] { Call(fused, all); }, [bare, in] { Call(bare, in); }};
}

// softmax(x @ w + bias) as one function against the product and the softmax in
// two, which no fusion joins.
Pair Rows(const Shape& s, int threads) {
  Problem p = Make(s);
  Value bias = input("bias", DType::f32, {dyn("n")});
  Value scores = input("scores", DType::f32, {dyn("m"), dyn("n")});
  Function fused = Compile({p.a, p.b, bias}, {softmax(p.product + bias)}, {}, {.name = "rows", .num_threads = threads});
  Function product = Compile({p.a, p.b, bias}, {p.product + bias}, {}, {.name = "product", .num_threads = threads});
  Function apart = Compile({scores}, {softmax(scores)}, {}, {.name = "softmax", .num_threads = threads});
  const std::vector<Tensor> in = {p.in[0], p.in[1], Tensor::Normal({s.n}, 9)};
  Tensor out = Call(fused, in)[0], expected = Call(apart, Call(product, in))[0];
  Check("rows", out, [&](int64_t i) { return expected.data<float>()[i]; }, 0);
  return {[fused, in] { Call(fused, in); }, [product, apart, in] { Call(apart, Call(product, in)); }};
}

// (0.3 x) @ maximum(w, 0) as one function against three.
Pair Prologue(const Shape& s, int threads) {
  Problem p = Make(s);
  Value x = input("x", DType::f32, {dyn("m"), dyn("k")}), w = input("w", DType::f32, {dyn("k"), dyn("n")});
  Function fused = Compile({x, w}, {matmul(x * 0.3f, maximum(w, 0.0f))}, {}, {.name = "scaled", .num_threads = threads});
  Function scale = Compile({x}, {x * 0.3f}, {}, {.name = "scale", .num_threads = threads});
  Function bound = Compile({w}, {maximum(w, 0.0f)}, {}, {.name = "bound", .num_threads = threads});
  Function product = Compile({x, w}, {matmul(x, w)}, {}, {.name = "product", .num_threads = threads});
  const std::vector<Tensor> in = p.in;
  const auto apart = [=] { return Call(product, {Call(scale, {in[0]})[0], Call(bound, {in[1]})[0]}); };
  Tensor out = Call(fused, in)[0], expected = apart()[0];
  Check("scaled", out, [&](int64_t i) { return expected.data<float>()[i]; }, 0);
  return {[fused, in] { Call(fused, in); }, [apart] { apart(); }};
}

const bool registered = [] {
  std::vector<Shape> shapes;
  for (int64_t n : {64, 256, 512, 1000, 1024, 2048}) shapes.push_back({n, n, n});
  for (int transpose = 0; transpose < 4; ++transpose) {
    const bool ta = transpose & 2, tb = transpose & 1;
    for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{64, 4000, 200}, {4096, 64, 64}, {18000, 10, 64}}) {
      shapes.push_back({m, n, k, 0, ta, tb});
    }
    shapes.push_back({64, 64, 64, 128, ta, tb});
    if (transpose > 0) shapes.push_back({512, 512, 512, 0, ta, tb});
    if (!ta) shapes.push_back({1, 1024, 1024, 0, false, tb, true});
  }
  for (int threads : {1, 2}) {
    const std::string suffix = "/threads:" + std::to_string(threads);
    for (const Shape& s : shapes) {
      RegisterPair(NameOf(s) + suffix, "openblas", [=] { return MatMul(s, threads); });
    }
    for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{4096, 64, 64}, {4096, 256, 64}, {1024, 1024, 64}, {512, 4096, 64}, {2048, 512, 512}, {1024, 1024, 1024}}) {
      const Shape s = {m, n, k};
      RegisterPair("softmax_" + NameOf(s) + suffix, "two_calls", [=] { return Rows(s, threads); });
      RegisterPair("scaled_" + NameOf(s) + suffix, "three_calls", [=] { return Prologue(s, threads); });
    }
    for (int64_t m : {8, 64, 512}) {
      for (bool across : {false, true}) {
        for (auto [n, k] : {std::pair<int64_t, int64_t>{512, 512}, {4096, 1024}}) {
          const Shape s = {m, n, k, 0, false, across};
          RegisterPair("constant_" + NameOf(s) + suffix, "openblas", [=] { return Constant(s, threads); });
          if (!across) RegisterPair("constant_i8_" + NameOf(s) + suffix, "f32", [=] { return ConstantBytes(s, threads); });
        }
      }
    }
    for (int64_t n : {512, 1024, 2048}) {
      const Shape s = {n, n, n};
      RegisterPair("bias_gelu_" + NameOf(s) + suffix, "bare", [=] { return Epilogue(s, threads); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
