// Matrix products of float32 against OpenBLAS with the same number of threads.
#include <cblas.h>

#include <cmath>

#include "benchmarks/common.h"

extern "C" void openblas_set_num_threads(int);

namespace oriel::bench {
namespace {

Pair MatMul(int64_t m, int64_t n, int64_t k, int threads) {
  Value a = input("a", DType::f32, {dyn("m"), dyn("k")});
  Value b = input("b", DType::f32, {dyn("k"), dyn("n")});
  Function f = Compile({a, b}, {dot(a, b)}, {}, {.name = "matmul", .num_threads = threads});
  std::vector<Tensor> in = {Tensor::Normal({m, k}, 7), Tensor::Normal({k, n}, 8)};
  Tensor out = Call(f, in)[0];
  auto c = std::make_shared<Tensor>(Tensor::Zeros({m, n}));
  auto blas = [in, c, m, n, k, threads] {
    openblas_set_num_threads(threads);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0f, in[0].data<float>(), k,
                in[1].data<float>(), n, 0.0f, c->data<float>(), n);
  };
  blas();
  // Against double precision on a sample of rows, against the peer everywhere.
  const float* expected = c->data<float>();
  const double tolerance = 2e-5 * std::sqrt(static_cast<double>(k));
  Check("matmul", out, [&](int64_t i) { return expected[i]; }, tolerance);
  for (int64_t i = 0; i < m; i += std::max<int64_t>(1, m / 7)) {
    for (int64_t j = 0; j < n; j += std::max<int64_t>(1, n / 11)) {
      double s = 0;
      for (int64_t t = 0; t < k; ++t) s += double(in[0].data<float>()[i * k + t]) * in[1].data<float>()[t * n + j];
      Tensor one = Tensor::Scalar(out.data<float>()[i * n + j]);
      Check("matmul", one, [&](int64_t) { return s; }, tolerance);
    }
  }
  return {[f, in] { Call(f, in); }, blas};
}

const bool registered = [] {
  for (int threads : {1, 2}) {
    for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{256, 256, 256}, {512, 512, 512},
                           {1000, 1000, 1000}, {1024, 1024, 1024}, {2048, 2048, 2048}, {64, 4000, 200}}) {
      RegisterPair("matmul/" + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) +
                       "/threads:" + std::to_string(threads),
                   "openblas", [=] { return MatMul(m, n, k, threads); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
