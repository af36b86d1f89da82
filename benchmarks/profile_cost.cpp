// What the profile costs, on against off.
//   profile_cost pairs scalar|small|loop|digits N
// times N pairs of batches, one of each at random order, and prints the medians
// of a call in nanoseconds and the quartiles of the pairs' ratios.
//   profile_cost on|off scalar|small|loop|digits N [TICKS]
// calls a function N times: run under cachegrind for two values of N, the
// difference is the instructions of a call. Prints what a call takes in ticks of
// the profile's clock. An emulator runs
// code slower than it reads the clock, and so would find nothing short: given
// what a call takes outside of it, the profile samples as it does there.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "oriel/oriel.h"
#include "runtime/engine/clock.h"
#include "runtime/engine/counters.h"

using namespace oriel;

absl::StatusOr<Function> Make(const char* which, bool profile, std::vector<Tensor>* in) {
  CompileOptions options;
  options.profile = profile;
  options.num_threads = 1;
  absl::StatusOr<Function> f = absl::InvalidArgumentError("unknown case");
  if (!std::strcmp(which, "scalar")) {
    Value x = input("x", DType::f32, {});
    f = compile({x}, {x * 2.0 + 1.0}, {}, options);
    *in = {Tensor::Scalar(3.0f)};
  } else if (!std::strcmp(which, "small")) {  // ten operations on 100 elements, call/10_ops_100_elements
    Value x = input("x", DType::f32, {dyn("n")}), y = input("y", DType::f32, {dyn("n")});
    Value v = (x + y) * x - y;
    f = compile({x, y}, {abs(v) + sqrt(abs(x)) * y + maximum(x, y) - x}, {}, options);
    *in = {Tensor::Normal({100}, 12), Tensor::Normal({100}, 13)};
  } else if (!std::strcmp(which, "loop")) {  // 1,000 iterations over 8 floats
    Value v = input("v", DType::f32, {dyn("n")}), b = input("b", DType::f32, {dyn("n")});
    f = compile({v, b}, loop(1000, {v}, [&](Value, std::vector<Value> c) { return std::vector<Value>{tanh(c[0] * 0.5 + b)}; }), {}, options);
    *in = {Tensor::Normal({8}, 1), Tensor::Normal({8}, 2)};
  } else if (!std::strcmp(which, "digits")) {  // the training step of examples/digits, a batch of 32
    State w = state("W", Tensor::Zeros({64, 10})), b = state("b", Tensor::Zeros({10}));
    Value images = input("images", DType::u8, {dyn("batch"), 64}), labels = input("labels", DType::i64, {dyn("batch")});
    Value x = cast(images, DType::f32) * (1.0 / 16);
    Value p = softmax(dot(x, w) + b);
    Value onehot = equal(expand_dims(labels, 1), iota({1, 10}, 1, DType::i64));
    Value error = (p - cast(onehot, DType::f32)) / cast(dim_value(labels.dim(0)), DType::f32);
    f = compile({images, labels}, {-mean(log(p[{arange(labels.dim(0)), labels}]))},
                {{w, w - 0.5 * dot(transpose(x), error)}, {b, b - 0.5 * sum(error, {0})}}, options);
    *in = {Tensor::Uniform({32, 64}, 1, DType::u8), Tensor::Zeros({32}, DType::i64)};
  }
  return f;
}

// The value below which `part` of `values` lie.
double Quantile(std::vector<double> values, double part) {
  const size_t at = static_cast<size_t>(part * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

// Pairs of batches of about 0.2 ms: neighbours in time share what else the
// machine does, and a coin decides who is first.
int Pairs(const char* which, int pairs) {
  std::vector<Tensor> in;
  const absl::StatusOr<Function> on = Make(which, true, &in), off = Make(which, false, &in);
  for (const auto* f : {&on, &off}) {
    if (!f->ok()) {
      std::fprintf(stderr, "profile_cost: %s\n", f->status().ToString().c_str());
      return 1;
    }
  }
  using Clock = std::chrono::steady_clock;
  bool good = true;
  auto batch = [&](const Function& f, int calls) {  // nanoseconds a call
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < calls; ++i) good &= f(absl::MakeConstSpan(in)).ok();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / calls;
  };
  batch(*off, 100);
  const int calls = std::max(1, static_cast<int>(2e5 / batch(*off, 100)));
  std::mt19937 coin(1);
  std::vector<double> ons, offs, ratios;
  for (int i = -pairs / 10; i < pairs; ++i) {  // the first tenth warms up
    const bool first = coin() & 1;
    double time[2];
    time[first] = batch(first ? *on : *off, calls);
    time[!first] = batch(first ? *off : *on, calls);
    if (i < 0) continue;
    ons.push_back(time[1]);
    offs.push_back(time[0]);
    ratios.push_back(time[1] / time[0]);
  }
  if (!good) {
    std::fprintf(stderr, "profile_cost: a call failed\n");
    return 1;
  }
  std::printf("on %.1f off %.1f ratio %.4f %.4f %.4f\n", Quantile(ons, 0.5), Quantile(offs, 0.5), Quantile(ratios, 0.25),
              Quantile(ratios, 0.5), Quantile(ratios, 0.75));
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "Usage: profile_cost pairs|on|off scalar|small|loop|digits N [TICKS]\n");
    return 2;
  }
  if (std::atoi(argv[3]) < 1) {
    std::fprintf(stderr, "profile_cost: N is '%s', required a positive number\n", argv[3]);
    return 2;
  }
  if (!std::strcmp(argv[1], "pairs")) return Pairs(argv[2], std::atoi(argv[3]));
  std::vector<Tensor> in;
  const absl::StatusOr<Function> rehearsal = Make(argv[2], /*profile=*/false, &in);
  if (!rehearsal.ok()) {
    std::fprintf(stderr, "profile_cost: %s\n", rehearsal.status().ToString().c_str());
    return 1;
  }
  uint64_t shortest = ~uint64_t{0};
  for (int i = 0; i < 20; ++i) {
    const uint64_t begin = Ticks();
    if (!(*rehearsal)(absl::MakeConstSpan(in)).ok()) return 1;
    shortest = std::min(shortest, Ticks() - begin);
  }
  std::printf("ticks %llu\n", static_cast<unsigned long long>(shortest));
  if (argc == 5) SetDilationForTesting(static_cast<double>(shortest) / std::atof(argv[4]));
  const absl::StatusOr<Function> f = Make(argv[2], !std::strcmp(argv[1], "on"), &in);
  if (!f.ok()) return 1;
  for (int i = std::atoi(argv[3]); i > 0; --i) {
    if (!(*f)(absl::MakeConstSpan(in)).ok()) return 1;
  }
  return 0;
}
