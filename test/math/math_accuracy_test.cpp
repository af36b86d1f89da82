// Errors of the mathematical functions in ulp, through compile(); see README.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "runtime/core/float16.h"
#include "test/math/reference.h"

namespace oriel {
namespace {

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::max(1ull, std::strtoull(text, nullptr, 10));
}

// The worst of one function and format.
struct Worst {
  double ulps = -1;
  double x = 0, y = 0, got = 0;
  uint64_t count = 0, not_nearest = 0;

  void Add(double error, double at_x, double at_y, double result) {
    ++count;
    if (error > ulps) ulps = error, x = at_x, y = at_y, got = result;
  }
  void Merge(const Worst& other) {
    const uint64_t all = count + other.count, wrong = not_nearest + other.not_nearest;
    if (other.ulps > ulps) *this = other;
    count = all, not_nearest = wrong;
  }
};

// Rows of the table, printed when all tests have run.
struct Row {
  bool is_pair = false;
  std::map<DType, Worst> worst;
};
std::vector<std::pair<std::string, Row>>& Rows() {
  static auto& rows = *new std::vector<std::pair<std::string, Row>>;
  return rows;
}
void Record(const std::string& name, DType dtype, const Worst& worst, bool is_pair = false) {
  for (auto& [known, row] : Rows()) {
    if (known == name) return void(row.worst[dtype] = worst);
  }
  Rows().emplace_back(name, Row{is_pair, {{dtype, worst}}});
}

std::string Number(double x) {
  char text[64];
  std::snprintf(text, sizeof(text), "%a", x);
  return text;
}

class PrintTable : public ::testing::Environment {
 public:
  void TearDown() override {
    std::printf("| function | f32 max ulp | at | correctly rounded | f64 max ulp | at | f16, bf16 max ulp |\n");
    std::printf("|---|---|---|---|---|---|---|\n");
    for (auto& [name, row] : Rows()) {
      const auto ulps = [&row = row](DType dtype) {
        char text[32];
        std::snprintf(text, sizeof(text), "%.3f", row.worst[dtype].ulps);
        return row.worst[dtype].count == 0 ? std::string() : std::string(text);
      };
      const auto at = [&row = row](DType dtype) {
        const Worst& worst = row.worst[dtype];
        return worst.count == 0 ? "" : Number(worst.x) + (row.is_pair ? ", " + Number(worst.y) : "");
      };
      const Worst& f32 = row.worst[DType::f32];
      std::printf("| %s | %s | %s | %.2f %% | %s | %s | %s |\n", name.c_str(), ulps(DType::f32).c_str(),
                  at(DType::f32).c_str(),
                  100.0 - 100.0 * static_cast<double>(f32.not_nearest) / static_cast<double>(std::max<uint64_t>(1, f32.count)),
                  ulps(DType::f64).c_str(), at(DType::f64).c_str(),
                  row.is_pair ? "" : (ulps(DType::f16) + ", " + ulps(DType::bf16)).c_str());
    }
  }
};

// A function of vectors of one dtype, compiled once.
class Compiled {
 public:
  Compiled(const UnaryFunction& f, DType dtype) {
    Value x = input("x", dtype, {dyn("n")});
    Set(compile({x}, {f.make(x)}, {}, {.name = f.name, .num_threads = 1}));
  }
  Compiled(const BinaryFunction& f, DType dtype) {
    Value x = input("x", dtype, {dyn("n")}), y = input("y", dtype, {dyn("n")});
    Set(compile({x, y}, {f.make(x, y)}, {}, {.name = f.name, .num_threads = 1}));
  }
  bool ok() const { return function_.has_value(); }
  Tensor operator()(std::vector<Tensor> in) const {
    auto out = (*function_)(absl::MakeConstSpan(in));
    if (!out.ok()) {
      ADD_FAILURE() << out.status();
      return Tensor();
    }
    return (*out)[0];
  }

 private:
  void Set(absl::StatusOr<Function> function) {
    if (function.ok()) {
      function_ = *std::move(function);
    } else {
      ADD_FAILURE() << function.status();
    }
  }
  std::optional<Function> function_;
};

// Runs body(thread, threads) on every core.
template <typename Body>
void OnAllCores(Body body) {
  const int threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back([=] { body(t, threads); });
  body(0, threads);
  for (std::thread& t : others) t.join();
}

double RoundToF32(double x) { return static_cast<float>(x); }

class MathAccuracy : public ::testing::TestWithParam<UnaryFunction> {};

TEST_P(MathAccuracy, Float32) {
  const UnaryFunction& f = GetParam();
  const Compiled compiled(f, DType::f32);
  ASSERT_TRUE(compiled.ok());
  const uint64_t stride = Setting("ORIEL_MATH_STRIDE", 4093);
  const auto measure = [&](const std::vector<uint32_t>& bits, Worst& worst) {
    Tensor x = *Tensor::Empty({static_cast<int64_t>(bits.size())}, DType::f32);
    for (size_t i = 0; i < bits.size(); ++i) x.data<float>()[i] = std::bit_cast<float>(bits[i]);
    const Tensor y = compiled({x});
    for (size_t i = 0; i < bits.size(); ++i) {
      const double in = x.data<float>()[i], got = y.data<float>()[i];
      const double value = f.approximate(in);
      worst.Add(Ulps(got, value, kF32), in, 0, got);
      const double below = RoundToF32(value * (1 - 0x1p-48)), above = RoundToF32(value * (1 + 0x1p-48));
      double nearest = below;
      if ((below != above && !std::isnan(value)) || bits[i] % 65521 == 0) {
        Real real(in);
        f.exact(real.get(), real.get());
        nearest = Round(real, kF32);
        EXPECT_TRUE(nearest == below || nearest == above || (std::isnan(nearest) && std::isnan(value)))
            << "the references of " << f.name << "(" << Number(in) << ") differ: " << Number(value) << " and "
            << Number(real.ToDouble());
      }
      worst.not_nearest += got != nearest && !(std::isnan(got) && std::isnan(nearest));
    }
  };
  Worst worst;
  std::mutex mutex;
  OnAllCores([&](int thread, int threads) {
    Worst mine;
    constexpr uint64_t kBlock = 1 << 16;
    std::vector<uint32_t> bits;
    for (uint64_t block = thread; block * kBlock * stride < (1ull << 32); block += threads) {
      bits.clear();
      for (uint64_t k = block * kBlock; k < (block + 1) * kBlock && k * stride < (1ull << 32); ++k) {
        bits.push_back(static_cast<uint32_t>(k * stride));
      }
      measure(bits, mine);
    }
    std::lock_guard<std::mutex> lock(mutex);
    worst.Merge(mine);
  });
  if (stride > 1) {
    std::vector<uint32_t> bits;
    for (uint32_t exponent = 0; exponent < 512; ++exponent) {
      for (uint32_t k = 0; k < 64; ++k) bits.push_back((exponent << 23) + k - 32);
    }
    Worst edges;
    measure(bits, edges);
    worst.Merge(edges);
  }
  // What is reported is MPFR's.
  Real real(worst.x);
  f.exact(real.get(), real.get());
  const double confirmed = Ulps(worst.got, real, kF32);
  if (std::isfinite(worst.ulps)) EXPECT_NEAR(confirmed, worst.ulps, 1e-6) << f.name << "(" << Number(worst.x) << ")";
  Record(f.name, DType::f32, worst);
  EXPECT_LE(worst.ulps, f.max_ulp.f32) << f.name << "(" << Number(worst.x) << ") = " << Number(worst.got);
}

// All values of a 16-bit type.
void TestNarrow(const UnaryFunction& f, const Format& format) {
  const Compiled compiled(f, format.dtype);
  ASSERT_TRUE(compiled.ok());
  Tensor x = *Tensor::Empty({1 << 16}, format.dtype);
  auto* in = static_cast<uint16_t*>(x.raw());
  for (int i = 0; i < 1 << 16; ++i) in[i] = static_cast<uint16_t>(i);
  const Tensor y = compiled({x});
  const auto* out = static_cast<const uint16_t*>(y.raw());
  const auto wide = [&](uint16_t bits) -> double {
    return format.dtype == DType::f16 ? HalfToFloat(bits) : BfloatToFloat(bits);
  };
  Worst worst;
  for (int i = 0; i < 1 << 16; ++i) {
    worst.Add(Ulps(wide(out[i]), f.approximate(wide(in[i])), format), wide(in[i]), 0, wide(out[i]));
  }
  Record(f.name, format.dtype, worst);
  EXPECT_LE(worst.ulps, f.max_ulp.narrow) << f.name << "(" << Number(worst.x) << ") = " << Number(worst.got);
}

TEST_P(MathAccuracy, Float16) { TestNarrow(GetParam(), kF16); }
TEST_P(MathAccuracy, Bfloat16) { TestNarrow(GetParam(), kBF16); }

// Places where a method changes, a result changes its exponent or digits cancel.
std::vector<double> HardPlaces() {
  std::vector<double> places = {0,        0.0625, 0.125,  0.25,   0.5,    std::sqrt(0.5), 0.75, 0.921875, 1,
                                1.125,    1.25,   1.5,    std::sqrt(2.0), 2,     3,    4,        5,
                                6,        9,      16,     20,     36.7368, 37.42, 64,   708.396,  709.7827,
                                710.4758, 744.44, 745.13, 1022,   1024,    1074,  1075, 0x1p26,   0x1p51,
                                0x1p52,   0x1p53, 0x1p64, 0x1p-26, 0x1p-27, 0x1p-53, 0x1p-54, 0x1p-1022,
                                6381956970095103 * 0x1p797, std::numeric_limits<double>::max()};
  for (int n = 1; n <= 64; ++n) places.push_back(n * 0x1.921fb54442d18p0);      // pi/2
  for (int n = 1; n <= 16; ++n) places.push_back((n - 0.5) * 0x1.62e42fefa39efp-1);  // ln 2
  for (int n = 1; n <= 8; ++n) places.push_back((n - 0.5) / 2.73);              // of tanh
  for (int n = 20; n <= 1000; n += 49) places.push_back(std::ldexp(0x1.921fb54442d18p0, n));
  const size_t count = places.size();
  for (size_t i = 0; i < count; ++i) places.push_back(-places[i]);
  return places;
}

TEST_P(MathAccuracy, Float64) {
  const UnaryFunction& f = GetParam();
  const Compiled compiled(f, DType::f64);
  ASSERT_TRUE(compiled.ok());
  std::vector<double> in;
  const uint64_t samples = Setting("ORIEL_MATH_SAMPLES", 20000), near = 8 + samples / 2000;
  for (double place : HardPlaces()) {
    // Neighbours, at first each, then further and further apart.
    for (uint64_t k = 0; k < near; ++k) {
      const uint64_t far = k < 8 ? k : k * k * k;
      in.push_back(std::bit_cast<double>(std::bit_cast<uint64_t>(place) + far));
      in.push_back(std::bit_cast<double>(std::bit_cast<uint64_t>(place) - far));
    }
  }
  std::mt19937_64 rng(1234);
  for (uint64_t i = 0; i < samples; ++i) {
    in.push_back(std::bit_cast<double>(rng()));
    in.push_back(f.low + (f.high - f.low) * static_cast<double>(rng() >> 11) * 0x1p-53);
    // Each exponent near 1 as often.
    in.push_back(std::bit_cast<double>((rng() & 0x803fffffffffffff) | (rng() % 2 ? 0x3fc0000000000000 : 0x3f80000000000000)));
  }
  const Tensor x = *Tensor::From<double>(in, {static_cast<int64_t>(in.size())});
  const Tensor y = compiled({x});
  Worst worst;
  std::mutex mutex;
  OnAllCores([&](int thread, int threads) {
    Worst mine;
    Real real;
    for (size_t i = thread; i < in.size(); i += threads) {
      mpfr_set_d(real.get(), in[i], MPFR_RNDN);
      f.exact(real.get(), real.get());
      mine.Add(Ulps(y.data<double>()[i], real, kF64), in[i], 0, y.data<double>()[i]);
    }
    mpfr_free_cache();
    std::lock_guard<std::mutex> lock(mutex);
    worst.Merge(mine);
  });
  Record(f.name, DType::f64, worst);
  EXPECT_LE(worst.ulps, f.max_ulp.f64) << f.name << "(" << Number(worst.x) << ") = " << Number(worst.got);
}

INSTANTIATE_TEST_SUITE_P(All, MathAccuracy, ::testing::ValuesIn(UnaryFunctions()),
                         [](const auto& info) { return std::string(info.param.name); });

class PairAccuracy : public ::testing::TestWithParam<BinaryFunction> {};

template <typename T>
void TestPairs(const BinaryFunction& f, const Format& format, double bound) {
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  const Compiled compiled(f, format.dtype);
  ASSERT_TRUE(compiled.ok());
  std::mt19937_64 rng(99);
  const auto any = [&] { return std::bit_cast<T>(static_cast<Bits>(rng())); };
  const auto uniform = [&](double low, double high) {
    return static_cast<T>(low + (high - low) * static_cast<double>(rng() >> 11) * 0x1p-53);
  };
  std::vector<T> xs, ys;
  const auto pair = [&](T x, T y) { xs.push_back(x), ys.push_back(y); };
  using L = std::numeric_limits<T>;
  std::vector<T> special = {0, 1, 2, 3, T(0.5), T(2.5), L::min(), L::denorm_min(), L::max(), L::infinity(),
                            T(1) + L::epsilon(), T(1) - L::epsilon() / 2, T(0x1p24) + 2, L::quiet_NaN()};
  for (T x : special) {
    for (T y : special) pair(x, y), pair(-x, y), pair(x, -y), pair(-x, -y);
  }
  for (uint64_t i = 0, samples = Setting("ORIEL_MATH_SAMPLES", 20000); i < samples; ++i) {
    pair(any(), any());
    pair(uniform(0, 10), uniform(-20, 20));
    pair(uniform(-100, 100), uniform(-100, 100));
    // Powers all over the range, and next to 1.
    const T base = std::fabs(any());
    const double reach = (format.max_exponent * 0.6931) / std::max(0.1, std::fabs(std::log(static_cast<double>(base))));
    if (std::isfinite(reach)) pair(base, uniform(-1.1 * reach, 1.1 * reach));
    const T near = T(1) + static_cast<T>(static_cast<int64_t>(rng() % 4096) - 2048) * L::epsilon();
    pair(near, uniform(-1, 1) * std::ldexp(T(1), format.digits + static_cast<int>(rng() % 12) - 8));
    pair(std::round(uniform(-40, 40)), std::round(uniform(-12, 12)));
  }
  const Tensor z = compiled({*Tensor::From<T>(xs, {static_cast<int64_t>(xs.size())}),
                             *Tensor::From<T>(ys, {static_cast<int64_t>(ys.size())})});
  Worst worst;
  std::mutex mutex;
  OnAllCores([&](int thread, int threads) {
    Worst mine;
    Real x, y, r;
    for (size_t i = thread; i < xs.size(); i += threads) {
      mpfr_set_d(x.get(), xs[i], MPFR_RNDN);
      mpfr_set_d(y.get(), ys[i], MPFR_RNDN);
      f.exact(r.get(), x.get(), y.get());
      const double got = z.data<T>()[i];
      mine.Add(Ulps(got, r, format), xs[i], ys[i], got);
      const double nearest = Round(r, format);
      mine.not_nearest += got != nearest && !(std::isnan(got) && std::isnan(nearest));
    }
    mpfr_free_cache();
    std::lock_guard<std::mutex> lock(mutex);
    worst.Merge(mine);
  });
  Record(f.name, format.dtype, worst, /*is_pair=*/true);
  EXPECT_LE(worst.ulps, bound) << f.name << "(" << Number(worst.x) << ", " << Number(worst.y)
                               << ") = " << Number(worst.got);
}

TEST_P(PairAccuracy, Float32) { TestPairs<float>(GetParam(), kF32, GetParam().max_ulp.f32); }
TEST_P(PairAccuracy, Float64) { TestPairs<double>(GetParam(), kF64, GetParam().max_ulp.f64); }

INSTANTIATE_TEST_SUITE_P(All, PairAccuracy, ::testing::ValuesIn(BinaryFunctions()),
                         [](const auto& info) { return std::string(info.param.name); });

const auto* const table = ::testing::AddGlobalTestEnvironment(new PrintTable);

}  // namespace
}  // namespace oriel
