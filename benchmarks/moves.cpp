// Transposes and concatenations of float32, 64 MB, against a copy of as many bytes
// by as many threads.
#include "benchmarks/common.h"
#include "benchmarks/limits.h"

namespace oriel::bench {
namespace {

constexpr int64_t kN = 4096;

// `element(i, j, in)` is element (i, j) of the result, 4096 by 4096.
std::vector<std::function<void()>> Move(std::vector<Value> inputs, const Value& result, std::vector<Tensor> in,
          const std::function<float(int64_t, int64_t, const std::vector<Tensor>&)>& element, int threads) {
  Function f = Compile(inputs, {result}, {}, {.name = "move", .num_threads = threads});
  Tensor out = Call(f, in)[0];
  Check("move", out, [&](int64_t i) { return element(i / kN, i % kN, in); }, 0);
  auto from = std::make_shared<Tensor>(Tensor::Normal({kN, kN}, 3)), to = std::make_shared<Tensor>(Tensor::Zeros({kN, kN}));
  return {[f, in] { Call(f, in); },
          [from, to, threads] { Copy(from->raw(), to->raw(), from->bytes(), threads); },
          [from, to, threads] { CopyStreaming(from->raw(), to->raw(), from->bytes(), threads); }};
}

std::vector<std::function<void()>> Transpose(int threads) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")});
  return Move({x}, transpose(x), {Tensor::Normal({kN, kN}, 1)},
              [](int64_t i, int64_t j, const std::vector<Tensor>& in) { return in[0].data<float>()[j * kN + i]; }, threads);
}

std::vector<std::function<void()>> Concatenate(int axis, int threads) {
  Value a = input("a", DType::f32, {dyn("n"), dyn(axis == 0 ? "m" : "p")});
  Value b = input("b", DType::f32, {dyn(axis == 0 ? "p" : "n"), dyn(axis == 0 ? "m" : "q")});
  const Extents half = axis == 0 ? Extents{kN / 2, kN} : Extents{kN, kN / 2};
  return Move({a, b}, concatenate({a, b}, axis), {Tensor::Normal(half, 1), Tensor::Normal(half, 2)},
              [axis](int64_t i, int64_t j, const std::vector<Tensor>& in) {
                int64_t& along = axis == 0 ? i : j;
                const Tensor& part = in[along >= kN / 2];
                along %= kN / 2;
                return part.data<float>()[i * part.shape()[1] + j];
              }, threads);
}

const bool registered = [] {
  const std::vector<std::string> contenders = {"oriel", "copy", "copy_streaming"};
  for (int threads : {1, 2}) {
    const std::string suffix = "/threads:" + std::to_string(threads);
    RegisterCase("move/transpose_4096" + suffix, contenders, [threads] { return Transpose(threads); });
    for (int axis : {0, 1}) {
      RegisterCase("move/concatenate_axis" + std::to_string(axis) + suffix, contenders,
                   [axis, threads] { return Concatenate(axis, threads); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
