// What the runtime itself costs: a scalar function's call, a loop's iteration
// (what the profile costs: profile_cost.cpp).
#include <cmath>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

Function ScalarFunction() {
  Value x = input("x", DType::f32, {});
  return Compile({x}, {x * 2.0 + 1.0}, {}, {.name = "scalar", .num_threads = 1});
}

// 1,000 iterations of v = tanh(v * 0.5 + b) over 8 floats.
Function LoopFunction() {
  Value v = input("v", DType::f32, {dyn("n")}), b = input("b", DType::f32, {dyn("n")});
  Value trips = input("trips", DType::i64, {});
  std::vector<Value> out = loop(trips, {v}, [&](Value, std::vector<Value> c) {
    return std::vector<Value>{tanh(c[0] * 0.5 + b)};
  });
  return Compile({v, b, trips}, out, {}, {.name = "loop", .num_threads = 1});
}

// Ten elementwise ops on 100 elements.
Function SmallFunction() {
  Value x = input("x", DType::f32, {dyn("n")}), y = input("y", DType::f32, {dyn("n")});
  Value v = (x + y) * x - y;
  v = abs(v) + sqrt(abs(x)) * y + maximum(x, y) - x;
  return Compile({x, y}, {v}, {}, {.name = "small", .num_threads = 1});
}

std::vector<Tensor> LoopInputs() {
  return {Tensor::Normal({8}, 10), Tensor::Normal({8}, 11), Tensor::Scalar<int64_t>(1000)};
}

Pair ScalarCall() {
  Function f = ScalarFunction();
  std::vector<Tensor> in = {Tensor::Scalar(3.0f)};
  Check("scalar", Call(f, in)[0], [](int64_t) { return 7; }, 0);
  auto cell = std::make_shared<float>(3);
  return {[f, in] { Call(f, in); },
          // The floor: one allocated tensor, as any call must return.
          [in] { Tensor t = Tensor::Scalar(*in[0].data<float>() * 2 + 1); }};
}

Pair LoopIterations() {
  Function f = LoopFunction();
  std::vector<Tensor> in = LoopInputs();
  auto plain = [in] {
    float v[8];
    for (int i = 0; i < 8; ++i) v[i] = in[0].data<float>()[i];
    for (int t = 0; t < 1000; ++t) {
      for (int i = 0; i < 8; ++i) v[i] = std::tanh(v[i] * 0.5f + in[1].data<float>()[i]);
    }
    return std::vector<float>(v, v + 8);
  };
  std::vector<float> expected = plain();
  Check("loop", Call(f, in)[0], [&](int64_t i) { return expected[i]; }, 1e-5);
  return {[f, in] { Call(f, in); }, [plain] { plain(); }};
}

Pair SmallCall() {
  Function f = SmallFunction();
  std::vector<Tensor> in = {Tensor::Normal({100}, 12), Tensor::Normal({100}, 13)};
  auto plain = [in] {
    Tensor t = Tensor::Zeros({100});
    for (int i = 0; i < 100; ++i) {
      const float x = in[0].data<float>()[i], y = in[1].data<float>()[i];
      const float v = (x + y) * x - y;
      t.data<float>()[i] = std::fabs(v) + std::sqrt(std::fabs(x)) * y + std::fmax(x, y) - x;
    }
    return t;
  };
  Tensor expected = plain();
  Check("small", Call(f, in)[0], [&](int64_t i) { return expected.data<float>()[i]; }, 1e-5);
  return {[f, in] { Call(f, in); }, [plain] { plain(); }};
}

const bool registered = [] {
  RegisterPair("call/scalar", "allocation", ScalarCall);
  RegisterPair("call/10_ops_100_elements", "loop", SmallCall);
  RegisterPair("call/loop_1000_iterations", "loop_libm", LoopIterations);
  return true;
}();

}  // namespace
}  // namespace oriel::bench
