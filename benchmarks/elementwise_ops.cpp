// Simple elementwise kernels, one thread, 16M elements, against plain loops over
// the same arrays (what memory allows), and functions against a plain copy of the
// same bytes.
#include <cmath>
#include <memory>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kRows = 4096, kColumns = 4096, kSize = kRows * kColumns;

// `make` on arrays of type A, shape (rows, columns), against `loop` over the
// first array, the second (or the first again) and an output of type R.
template <typename A, typename R>
Pair Against(int operands, const std::function<Value(const Value&, const Value&)>& make,
             const std::function<double(double, double)>& expected, void (*loop)(const A*, const A*, R*, int64_t)) {
  Value x = input("x", DTypeOf<A>::value, {dyn("n"), dyn("m")}), y = input("y", DTypeOf<A>::value, {dyn("n"), dyn("m")});
  std::vector<Value> arguments = {x};
  if (operands == 2) arguments.push_back(y);
  Function f = Compile(arguments, {make(x, y)}, {}, {.name = "elementwise", .num_threads = 1});
  std::vector<Tensor> in;
  for (int k = 0; k < operands; ++k) {
    in.push_back(Tensor::Uniform({kRows, kColumns}, static_cast<uint64_t>(k) + 1, DTypeOf<A>::value));
  }
  const Tensor out = Call(f, in)[0];
  Check("elementwise", *out.Cast(DType::f32), [&](int64_t i) {
    return expected(static_cast<double>(in.front().data<A>()[i]), static_cast<double>(in.back().data<A>()[i]));
  }, 1e-6);
  auto o = std::make_shared<Tensor>(Tensor::Zeros({kRows, kColumns}, DTypeOf<R>::value));
  return {[f, in] { Call(f, in); },
          [in, o, loop] { loop(in.front().data<A>(), in.back().data<A>(), o->template data<R>(), kSize); }};
}

// A loop of the compiler's own for memory's sake.
#define ORIEL_LOOP(A, R, expression) \
  [](const A* x, const A* y, R* o, int64_t n) { \
    (void)y; \
    for (int64_t i = 0; i < n; ++i) o[i] = static_cast<R>(expression); \
  }

template <typename A, typename R>
void Register(const char* name, const char* peer, int operands, std::function<Value(const Value&, const Value&)> make,
              std::function<double(double, double)> expected, void (*loop)(const A*, const A*, R*, int64_t)) {
  RegisterPair("elementwise/" + std::string(name) + "/threads:1", peer,
               [=] { return Against<A, R>(operands, make, expected, loop); });
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

const bool registered = [] {
  using V = const Value&;
  Register<float, float>("add_f32", "loop", 2, [](V x, V y) { return x + y; },
                         [](double x, double y) { return x + y; }, ORIEL_LOOP(float, float, x[i] + y[i]));
  Register<float, float>("scale_f32", "loop", 1, [](V x, V) { return 3 * x + 1; },
                         [](double x, double) { return 3 * x + 1; }, ORIEL_LOOP(float, float, 3 * x[i] + 1));
  Register<float, float>("relu_f32", "loop", 1, [](V x, V) { return maximum(x - 0.5, 0); },
                         [](double x, double) { return std::fmax(x - 0.5, 0); },
                         ORIEL_LOOP(float, float, x[i] > 0.5f ? x[i] - 0.5f : 0));
  Register<float, float>("select_f32", "loop", 2, [](V x, V y) { return select(less(x, y), x, 2 * y); },
                         [](double x, double y) { return x < y ? x : 2 * y; },
                         ORIEL_LOOP(float, float, x[i] < y[i] ? x[i] : 2 * y[i]));
  Register<float, bool>("less_f32", "loop", 2, [](V x, V y) { return less(x, y); },
                        [](double x, double y) { return x < y; }, ORIEL_LOOP(float, bool, x[i] < y[i]));
  Register<int8_t, int8_t>("sub_i8", "loop", 2, [](V x, V y) { return x - y; },
                           [](double x, double y) { return x - y; }, ORIEL_LOOP(int8_t, int8_t, x[i] - y[i]));
  Register<double, float>("f64_to_f32", "loop", 1, [](V x, V) { return cast(x, DType::f32); },
                          [](double x, double) { return x; }, ORIEL_LOOP(double, float, x[i]));
  Register<int16_t, int8_t>("i16_to_i8", "loop", 1, [](V x, V) { return cast(x, DType::i8); },
                            [](double x, double) { return x; }, ORIEL_LOOP(int16_t, int8_t, x[i]));
  Register<int32_t, int32_t>("floor_div_i32", "loop", 2, [](V x, V y) { return floor_div(x, y + 1); },
                             [](double x, double y) { return std::floor(x / (y + 1)); },
                             ORIEL_LOOP(int32_t, int32_t, x[i] / (y[i] + 1)));
  Register<float, float>("pow_f32", "loop", 2, [](V x, V y) { return pow(x, y); },
                         [](double x, double y) { return std::pow(x, y); }, ORIEL_LOOP(float, float, std::pow(x[i], y[i])));
  const auto copy = ORIEL_LOOP(float, float, x[i]);
  Register<float, float>("exp_f32", "copy", 1, [](V x, V) { return exp(x); },
                         [](double x, double) { return std::exp(x); }, copy);
  Register<float, float>("log_f32", "copy", 1, [](V x, V) { return log(x + 1); },
                         [](double x, double) { return std::log(x + 1); }, copy);
  Register<float, float>("tanh_f32", "copy", 1, [](V x, V) { return tanh(x); },
                         [](double x, double) { return std::tanh(x); }, copy);
  Register<float, float>("sigmoid_f32", "copy", 1, [](V x, V) { return sigmoid(x); },
                         [](double x, double) { return Sigmoid(x); }, copy);
  Register<float, float>("gelu_f32", "copy", 1, [](V x, V) { return 0.5 * x * (1 + erf(x * 0.70710678)); },
                         [](double x, double) { return 0.5 * x * (1 + std::erf(x * 0.70710678)); }, copy);
  return true;
}();
#undef ORIEL_LOOP

}  // namespace
}  // namespace oriel::bench
