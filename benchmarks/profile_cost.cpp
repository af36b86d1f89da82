// Calls a function N times with the profile on or off: run under callgrind for
// two values of N, the difference is the instructions of a call.
//   profile_cost on|off scalar|loop|digits N
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "oriel/oriel.h"

using namespace oriel;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "Usage: profile_cost on|off scalar|loop|digits N\n");
    return 2;
  }
  CompileOptions options;
  options.profile = !std::strcmp(argv[1], "on");
  options.num_threads = 1;
  absl::StatusOr<Function> f = absl::InvalidArgumentError("unknown case");
  std::vector<Tensor> in;
  if (!std::strcmp(argv[2], "scalar")) {
    Value x = input("x", DType::f32, {});
    f = compile({x}, {x * 2.0 + 1.0}, {}, options);
    in = {Tensor::Scalar(3.0f)};
  } else if (!std::strcmp(argv[2], "loop")) {  // 1,000 iterations over 8 floats
    Value v = input("v", DType::f32, {dyn("n")}), b = input("b", DType::f32, {dyn("n")});
    f = compile({v, b}, loop(1000, {v}, [&](Value, std::vector<Value> c) { return std::vector<Value>{tanh(c[0] * 0.5 + b)}; }), {}, options);
    in = {Tensor::Normal({8}, 1), Tensor::Normal({8}, 2)};
  } else if (!std::strcmp(argv[2], "digits")) {  // the training step of examples/digits, a batch of 32
    State w = state("W", Tensor::Zeros({64, 10})), b = state("b", Tensor::Zeros({10}));
    Value images = input("images", DType::u8, {dyn("batch"), 64}), labels = input("labels", DType::i64, {dyn("batch")});
    Value x = cast(images, DType::f32) * (1.0 / 16);
    Value p = softmax(dot(x, w) + b);
    Value onehot = equal(expand_dims(labels, 1), iota({1, 10}, 1, DType::i64));
    Value error = (p - cast(onehot, DType::f32)) / cast(dim_value(labels.dim(0)), DType::f32);
    f = compile({images, labels}, {-mean(log(p[{arange(labels.dim(0)), labels}]))},
                {{w, w - 0.5 * dot(transpose(x), error)}, {b, b - 0.5 * sum(error, {0})}}, options);
    in = {Tensor::Uniform({32, 64}, 1, DType::u8), Tensor::Zeros({32}, DType::i64)};
  }
  if (!f.ok()) {
    std::fprintf(stderr, "profile_cost: %s\n", f.status().ToString().c_str());
    return 1;
  }
  for (int i = std::atoi(argv[3]); i > 0; --i) {
    if (!(*f)(absl::MakeConstSpan(in)).ok()) return 1;
  }
  return 0;
}
