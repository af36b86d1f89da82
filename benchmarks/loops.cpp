// What a step of a scan costs: 1,000 steps of a body of three small kernels, a
// row of a sequence read and a row collected in each.
#include <cmath>

#include "benchmarks/common.h"
#include "oriel/scan.h"

namespace oriel::bench {
namespace {

constexpr int64_t kSteps = 1000, kWidth = 8;

Pair ThreeKernels() {
  const Value x = input("x", DType::f32, {dyn("time"), kWidth}), h = input("h", DType::f32, {kWidth});
  std::vector<Value> weights;
  for (const char* name : {"a", "b", "c"}) weights.push_back(input(name, DType::f32, {kWidth, kWidth}));
  // Three products, each with what follows it: three kernels a step.
  const ScanResult r = scan(
      [&](const ScanStep& s) {
        const Value one = dot(s.outputs[0], weights[0]) + s.sequences[0];
        const Value two = maximum(dot(one, weights[1]), 0);
        return ScanBody{{dot(two, weights[2]) * 0.5}};
      },
      {.sequences = {x}, .outputs_info = {h}, .name = "steps"});
  const Function f = Compile({x, h, weights[0], weights[1], weights[2]}, {r.outputs[0]}, {}, {.name = "scan", .num_threads = 1});
  std::vector<Tensor> in = {Tensor::Normal({kSteps, kWidth}, 1), Tensor::Normal({kWidth}, 2)};
  for (uint64_t k = 0; k < 3; ++k) {
    Tensor w = Tensor::Normal({kWidth, kWidth}, 3 + k);
    for (int64_t i = 0; i < kWidth * kWidth; ++i) w.data<float>()[i] *= 0.2f;
    in.push_back(w);
  }
  auto plain = [in] {
    Tensor out = Tensor::Zeros({kSteps, kWidth});
    const float* v = in[1].data<float>();
    float one[kWidth], two[kWidth];
    const auto product = [](const float* u, const float* w, float* y) {
      for (int64_t j = 0; j < kWidth; ++j) y[j] = 0;
      for (int64_t i = 0; i < kWidth; ++i) {
        for (int64_t j = 0; j < kWidth; ++j) y[j] += u[i] * w[i * kWidth + j];
      }
    };
    for (int64_t t = 0; t < kSteps; ++t) {
      float* row = out.data<float>() + t * kWidth;
      product(v, in[2].data<float>(), one);
      for (int64_t j = 0; j < kWidth; ++j) one[j] += in[0].data<float>()[t * kWidth + j];
      product(one, in[3].data<float>(), two);
      for (int64_t j = 0; j < kWidth; ++j) two[j] = std::fmax(two[j], 0.0f);
      product(two, in[4].data<float>(), row);
      for (int64_t j = 0; j < kWidth; ++j) row[j] *= 0.5f;
      v = row;
    }
    return out;
  };
  const Tensor expected = plain();
  Check("scan", Call(f, in)[0], [&](int64_t i) { return expected.data<float>()[i]; }, 1e-4);
  return {[f, in] { Call(f, in); }, [plain] { plain(); }};
}

const bool registered = [] {
  RegisterPair("scan/1000_steps_of_3_kernels", "loop", ThreeKernels);
  return true;
}();

}  // namespace
}  // namespace oriel::bench
