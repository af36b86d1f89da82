// The gradient of bias[targets], 18,000 indices into 10,001: for a vector, for
// the same bias as a matrix of one column, and as a plain C++ loop; as a result,
// and as an update of the bias itself.
#include <memory>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kTargets = 18000, kSize = 10001;
constexpr float kRate = 0.125f;

Tensor Targets() {
  Tensor targets = Tensor::Zeros({kTargets}, DType::i64);
  for (int64_t i = 0; i < kTargets; ++i) {
    targets.data<int64_t>()[i] = static_cast<int64_t>((static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ull >> 20) % kSize);
  }
  return targets;
}

// bias[targets], or the account's other way of writing it: bias[:, None], then
// [targets, 0].
Value Picked(const State& bias, const Value& targets, bool column) {
  if (!column) return Operand(bias).value[{targets}];
  return expand_dims(bias, 1)[{targets, 0}];
}

// What the loop does: new memory every call, as ours.
Tensor LoopGradient(const Tensor& targets, const Tensor& errors) {
  Tensor out = Tensor::Zeros({kSize});
  float* to = out.data<float>();
  const int64_t* at = targets.data<int64_t>();
  const float* error = errors.data<float>();
  for (int64_t i = 0; i < kTargets; ++i) to[at[i]] += error[i];
  return out;
}

std::function<void()> Gradient(bool column) {
  State bias = state("bias", Tensor::Zeros({kSize}));
  Value targets = input("targets", DType::i64, {dyn("n")}), errors = input("errors", DType::f32, {dyn("n")});
  const Value cost = sum(Picked(bias, targets, column) * errors);
  Function f = Compile({targets, errors}, {grad(cost, {bias})[0]}, {}, {.name = "gradient", .num_threads = 1});
  const std::vector<Tensor> in = {Targets(), Tensor::Uniform({kTargets}, 9)};
  const Tensor expected = LoopGradient(in[0], in[1]);
  Check("gradient of the bias", Call(f, in)[0], [&](int64_t i) { return expected.data<float>()[i]; }, 0);
  return [f, in] { Call(f, in); };
}

std::function<void()> GradientLoop() {
  return [targets = Targets(), errors = Tensor::Uniform({kTargets}, 9)] { LoopGradient(targets, errors); };
}

void LoopUpdate(float* bias, const Tensor& targets, const Tensor& errors) {
  const int64_t* at = targets.data<int64_t>();
  const float* error = errors.data<float>();
  for (int64_t i = 0; i < kTargets; ++i) bias[at[i]] -= kRate * error[i];
}

std::function<void()> Update(bool column) {
  State bias = state("bias", Tensor::Zeros({kSize}));
  Value targets = input("targets", DType::i64, {dyn("n")}), errors = input("errors", DType::f32, {dyn("n")});
  const Value cost = sum(Picked(bias, targets, column) * errors);
  Function f = Compile({targets, errors}, {}, {{bias, bias - kRate * grad(cost, {bias})[0]}},
                       {.name = "update", .num_threads = 1});
  const std::vector<Tensor> in = {Targets(), Tensor::Uniform({kTargets}, 9)};
  Tensor expected = Tensor::Zeros({kSize});
  LoopUpdate(expected.data<float>(), in[0], in[1]);
  Call(f, in);
  Check("update of the bias", bias.value(), [&](int64_t i) { return expected.data<float>()[i]; }, 1e-6);
  return [f, in] { Call(f, in); };
}

std::function<void()> UpdateLoop() {
  return [bias = std::make_shared<Tensor>(Tensor::Zeros({kSize})), targets = Targets(),
          errors = Tensor::Uniform({kTargets}, 9)] { LoopUpdate(bias->data<float>(), targets, errors); };
}

const bool registered = [] {
  RegisterPair("bias/gradient", "loop", [] { return Pair{Gradient(false), GradientLoop()}; });
  RegisterPair("bias/gradient_column", "loop", [] { return Pair{Gradient(true), GradientLoop()}; });
  RegisterPair("bias/gradient_forms", "column", [] { return Pair{Gradient(false), Gradient(true)}; });
  RegisterPair("bias/update", "loop", [] { return Pair{Update(false), UpdateLoop()}; });
  RegisterPair("bias/update_column", "loop", [] { return Pair{Update(true), UpdateLoop()}; });
  RegisterPair("bias/update_forms", "column", [] { return Pair{Update(false), Update(true)}; });
  return true;
}();

}  // namespace
}  // namespace oriel::bench
