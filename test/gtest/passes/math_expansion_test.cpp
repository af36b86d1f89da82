// The expanded mathematical functions, compiled and run: distance from the true
// value in units in the last place over dense samples of all magnitudes,
// special values against the C library's, and equal bits for every vector
// length. Prints the table that docs/math.md records.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Codegen/Cpu/EmitObject.h"
#include "passes/Codegen/Cpu/ExpandMath.h"
#include "passes/Codegen/Cpu/LowerToLLVM.h"

namespace oriel {
namespace {

using Kernel = void (*)(const void* x, const void* y, void* out, int64_t n);

struct Function {
  const char* name;
  const char* op;  // of one operand x, or of x and y; empty: the sigmoid
  bool binary;
  long double (*reference)(long double, long double);
  double (*special)(double, double);      // the C library's, for special values
  double (*special32)(double, double);
  double max_ulp;
  double low32, high32, low64, high64;    // where half of the samples are
};

#define UNARY(fn) \
  [](long double x, long double) { return fn##l(x); }, [](double x, double) { return fn(x); }, \
      [](double x, double) -> double { return fn##f(static_cast<float>(x)); }
#define BINARY(fn) \
  [](long double x, long double y) { return fn##l(x, y); }, [](double x, double y) { return fn(x, y); }, \
      [](double x, double y) -> double { return fn##f(static_cast<float>(x), static_cast<float>(y)); }

template <typename T>
T Sigmoid(T x) {
  const T e = std::exp(-std::fabs(x));
  return (x < 0 ? e : T(1)) / (1 + e);
}

const Function kFunctions[] = {
    {"exp", "math.exp %x", false, UNARY(exp), 2, -104, 90, -746, 711},
    {"expm1", "math.expm1 %x", false, UNARY(expm1), 2, -18, 90, -38, 711},
    {"log", "math.log %x", false, UNARY(log), 2, 0, 4, 0, 4},
    {"log1p", "math.log1p %x", false, UNARY(log1p), 2, -1, 3, -1, 3},
    {"sigmoid", "", false, [](long double x, long double) { return Sigmoid(x); },
     [](double x, double) { return Sigmoid(x); },
     [](double x, double) -> double { return Sigmoid(static_cast<float>(x)); }, 2, -104, 20, -746, 40},
    {"tanh", "math.tanh %x", false, UNARY(tanh), 2, -10, 10, -22, 22},
    {"erf", "math.erf %x", false, UNARY(erf), 2, -4, 4, -6, 6},
    {"sin", "math.sin %x", false, UNARY(sin), 2, -1e5, 1e5, -1e9, 1e9},
    {"cos", "math.cos %x", false, UNARY(cos), 2, -1e5, 1e5, -1e9, 1e9},
    {"pow", "math.powf %x, %y", true, BINARY(pow), 4, 0, 10, 0, 10},
    {"fmod", "arith.remf %x, %y", true, BINARY(fmod), 0, -100, 100, -100, 100},
};

constexpr int kLengths[] = {1, 4, 8, 16, 24};  // 1: scalar code

std::string Symbol(const Function& f, bool f64, int length) {
  return std::string(f.name) + (f64 ? "64_" : "32_") + std::to_string(length);
}

// vector<8xf32> -> vector<8xi1>
std::string MaskOf(const std::string& type) { return type.substr(0, type.find('f')) + "i1>"; }

// %r = sigmoid(%x) as oriel-lower-to-linalg writes it.
std::string SigmoidText(const std::string& type) {
  const auto constant = [&](const std::string& value) {
    return "arith.constant " + (type[0] == 'v' ? "dense<" + value + ">" : value) + " : " + type + "\n";
  };
  return "    %c0 = " + constant("0.0") + "    %c1 = " + constant("1.0") +
         "    %abs = math.absf %x : " + type + "\n    %minus = arith.negf %abs : " + type +
         "\n    %e = math.exp %minus : " + type + "\n    %below = arith.cmpf olt, %x, %c0 : " + type +
         "\n    %top = arith.select %below, %e, %c1 : " + (type[0] == 'v' ? MaskOf(type) + ", " : "") + type +
         "\n    %sum = arith.addf %e, %c1 : " + type + "\n    %r = arith.divf %top, %sum : " + type + "\n";
}

std::string KernelText(const Function& f, bool f64, int length) {
  const std::string element = f64 ? "f64" : "f32", align = f64 ? "8" : "4";
  const std::string type = length == 1 ? element : "vector<" + std::to_string(length) + "x" + element + ">";
  const auto load = [&](const std::string& name) {
    return "    %p" + name + " = llvm.getelementptr %a" + name + "[%k] : (!llvm.ptr, i64) -> !llvm.ptr, " + element +
           "\n    %" + name + " = llvm.load %p" + name + " {alignment = " + align + " : i64} : !llvm.ptr -> " + type +
           "\n";
  };
  return "func.func @" + Symbol(f, f64, length) +
         "(%ax: !llvm.ptr, %ay: !llvm.ptr, %ar: !llvm.ptr, %n: i64) {\n"
         "  %zero = arith.constant 0 : i64\n  %step = arith.constant " + std::to_string(length) + " : i64\n"
         "  scf.for %k = %zero to %n step %step : i64 {\n" + load("x") + (f.binary ? load("y") : "") +
         (f.op[0] == 0 ? SigmoidText(type) : "    %r = " + std::string(f.op) + " : " + type + "\n") +
         "    %pr = llvm.getelementptr %ar[%k] : (!llvm.ptr, i64) -> !llvm.ptr, " + element +
         "\n    llvm.store %r, %pr {alignment = " + align + " : i64} : " + type + ", !llvm.ptr\n  }\n  return\n}\n";
}

// All kernels, compiled once.
class Kernels {
 public:
  static Kernels& Get() {
    static Kernels* kernels = new Kernels;
    return *kernels;
  }
  Kernel Find(const Function& f, bool f64, int length) {
    auto address = jit_->lookup(Symbol(f, f64, length));
    if (!address) {
      ADD_FAILURE() << llvm::toString(address.takeError());
      return nullptr;
    }
    return address->toPtr<Kernel>();
  }
  const std::string& error() const { return error_; }

 private:
  Kernels() {
    mlir::DialectRegistry registry;
    registerEmitObjectTranslations(registry);
    registry.insert<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::LLVM::LLVMDialect,
                    mlir::math::MathDialect, mlir::scf::SCFDialect, mlir::vector::VectorDialect>();
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic& d) {
      error_ += d.str() + "\n";
      return mlir::success();
    });
    std::string text;
    for (const Function& f : kFunctions) {
      for (bool f64 : {false, true}) {
        for (int length : kLengths) text += KernelText(f, f64, length);
      }
    }
    mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module) return;
    mlir::PassManager passes(&context);
    passes.addPass(createExpandMathPass());
    passes.addPass(createLowerToLLVMPass(/*debugLines=*/false));
    if (mlir::failed(passes.run(*module))) return;
    // Refuses objects that would call anything.
    llvm::Expected<ObjectCode> object = emitObject(*module, getHostTarget());
    if (!object) {
      error_ += llvm::toString(object.takeError());
      return;
    }
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    jit_ = llvm::cantFail(llvm::orc::LLJITBuilder().create());
    llvm::cantFail(jit_->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object->elf, "math")));
  }
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  std::string error_;
};

template <typename T>
struct Samples {
  std::vector<T> x, y;
};

template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T>
Samples<T> MakeSamples(const Function& f, size_t count) {
  Samples<T> out;
  std::mt19937_64 rng(1234);
  const bool f64 = sizeof(T) == 8;
  const double low = f64 ? f.low64 : f.low32, high = f64 ? f.high64 : f.high32;
  const auto uniform = [&](double a, double b) {
    return static_cast<T>(a + (b - a) * (static_cast<double>(rng() >> 11) * 0x1p-53));
  };
  for (size_t i = 0; i < count; ++i) {
    // Half in the interesting interval, half of all bit patterns (every
    // exponent equally often: subnormals, infinities and NaNs among them).
    T x = i % 2 ? uniform(low, high) : std::bit_cast<T>(static_cast<BitsOf<T>>(rng()));
    T y = i % 4 < 2 ? uniform(-20, 20) : std::bit_cast<T>(static_cast<BitsOf<T>>(rng()));
    if (std::strcmp(f.name, "pow") == 0 && i % 8 < 6) {
      // Powers that stay in range: y up to the logarithm of the largest.
      const double range = (f64 ? 709.0 : 88.0) / std::max(0.1, std::fabs(std::log(std::fabs(static_cast<double>(x)))));
      if (std::isfinite(range)) y = uniform(-1.1 * range, 1.1 * range);
      if (i % 16 == 4) y = std::round(y);
    }
    if (std::strcmp(f.name, "fmod") == 0 && i % 8 == 5) x = y * static_cast<T>(static_cast<int64_t>(rng() % 100000));
    // Near multiples of pi/2, where sine and cosine lose digits.
    if ((f.name[0] == 's' || f.name[0] == 'c') && i % 8 == 3) {
      x = static_cast<T>(static_cast<double>(rng() % 1000000) * 1.5707963267948966);
    }
    out.x.push_back(x);
    out.y.push_back(y);
  }
  return out;
}

template <typename T>
double Ulps(T got, long double expected) {
  if (std::isnan(expected) || std::isnan(got)) {
    return std::isnan(expected) == std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  }
  using L = std::numeric_limits<T>;
  const T nearest = static_cast<T>(expected);
  if (got == nearest && std::isinf(got)) return 0;
  // Infinity counts as the number after the largest.
  int exponent;
  std::frexp(std::fabs(expected), &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent, L::min_exponent) - L::digits);
  const long double value = std::isinf(got) ? std::copysign(std::ldexp(1.0L, L::max_exponent), got)
                                            : static_cast<long double>(got);
  return static_cast<double>(std::fabs(value - expected) / unit);
}

template <typename T>
bool SameBits(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<BitsOf<T>>(a) == std::bit_cast<BitsOf<T>>(b);
}

template <typename T>
std::vector<T> RunKernel(const Function& f, int length, const Samples<T>& in) {
  std::vector<T> out(in.x.size());
  if (Kernel kernel = Kernels::Get().Find(f, sizeof(T) == 8, length)) {
    kernel(in.x.data(), in.y.data(), out.data(), static_cast<int64_t>(out.size()));
  }
  return out;
}

// The best time for an element of ordinary size, data in the first-level cache,
// in code of 16 floats or 8 doubles at a time. For the table only.
template <typename T>
double NanosecondsAnElement(const Function& f) {
  Samples<T> in;
  for (int i = 0; i < 2048; ++i) {
    in.x.push_back(static_cast<T>(0.1 + i * 0.001));
    in.y.push_back(static_cast<T>(2.5 - i * 0.0005));
  }
  std::vector<T> out(in.x.size());
  Kernel kernel = Kernels::Get().Find(f, sizeof(T) == 8, sizeof(T) == 8 ? 8 : 16);
  if (kernel == nullptr) return 0;
  double best = 1e9;
  for (int repeat = 0; repeat < 100; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    kernel(in.x.data(), in.y.data(), out.data(), static_cast<int64_t>(out.size()));
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count() / static_cast<double>(out.size()));
  }
  return best;
}

// Enough to meet every branch; ORIEL_MATH_SAMPLES asks for more.
size_t SampleCount() {
  const char* text = std::getenv("ORIEL_MATH_SAMPLES");
  return text == nullptr ? 480000 : static_cast<size_t>(std::atoll(text)) / 48 * 48;
}

template <typename T>
void TestFunction(const Function& f) {
  ASSERT_EQ(Kernels::Get().error(), "");
  const Samples<T> in = MakeSamples<T>(f, SampleCount());
  const std::vector<T> scalar = RunKernel(f, 1, in);
  for (int length : kLengths) {
    const std::vector<T> other = RunKernel(f, length, in);
    for (size_t i = 0; i < scalar.size(); ++i) {
      ASSERT_TRUE(SameBits(scalar[i], other[i])) << f.name << " of " << in.x[i] << ", " << in.y[i] << ": length "
                                                 << length << " gives " << other[i] << ", 1 gives " << scalar[i];
    }
  }
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < scalar.size(); ++i) {
    const double ulps = Ulps(scalar[i], f.reference(in.x[i], in.y[i]));
    if (ulps > worst) worst = ulps, at = i;
  }
  std::printf("| %s | %s | %.2f | %.9g%s | %.2f |\n", f.name, sizeof(T) == 8 ? "f64" : "f32", worst,
              static_cast<double>(in.x[at]),
              f.binary ? (", " + std::to_string(static_cast<double>(in.y[at]))).c_str() : "",
              NanosecondsAnElement<T>(f));
  EXPECT_LE(worst, f.max_ulp) << f.name << " of " << in.x[at] << ", " << in.y[at] << " = " << scalar[at];
}

class MathExpansion : public ::testing::TestWithParam<Function> {};

TEST_P(MathExpansion, IsAccurateAndTheSameForEveryLength) {
  TestFunction<float>(GetParam());
  TestFunction<double>(GetParam());
}

template <typename T>
void TestSpecials(const Function& f) {
  ASSERT_EQ(Kernels::Get().error(), "");
  using L = std::numeric_limits<T>;
  const T inf = L::infinity(), nan = L::quiet_NaN();
  const std::vector<T> values = {0,  -T(0), 1,   -1,  2,         -2,         T(0.5),          -T(0.5),
                                 3,  -3,    4,   T(2.5), -T(2.5), inf,       -inf,            nan,
                                 -nan, L::min(), -L::min(), L::denorm_min(), -L::denorm_min(), L::max(), L::lowest(),
                                 L::epsilon(), -L::epsilon(), T(1) + L::epsilon(), T(1) - L::epsilon() / 2,
                                 -T(1) + L::epsilon() / 2, T(1e9), T(1e9) + 64, T(0x1p53), T(0x1p25), T(0x1p24) + 2};
  Samples<T> in;
  for (T x : values) {
    for (T y : values) {
      in.x.push_back(x);
      in.y.push_back(y);
    }
  }
  while (in.x.size() % 48 != 0) in.x.push_back(1), in.y.push_back(1);
  for (int length : kLengths) {
    const std::vector<T> out = RunKernel(f, length, in);
    for (size_t i = 0; i < out.size(); ++i) {
      const T expected = static_cast<T>((sizeof(T) == 8 ? f.special : f.special32)(in.x[i], in.y[i]));
      const std::string what = std::string(f.name) + " of " + std::to_string(in.x[i]) + ", " + std::to_string(in.y[i]);
      EXPECT_EQ(std::isnan(out[i]), std::isnan(expected)) << what;
      if (std::isnan(expected)) continue;
      EXPECT_EQ(std::signbit(out[i]), std::signbit(expected)) << what << " = " << out[i];
      EXPECT_EQ(std::isinf(out[i]), std::isinf(expected)) << what << " = " << out[i];
      if (expected == 0 || std::isinf(expected)) EXPECT_EQ(out[i], expected) << what;
    }
  }
}

TEST_P(MathExpansion, SpecialValuesAsTheCLibrary) {
  TestSpecials<float>(GetParam());
  TestSpecials<double>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, MathExpansion, ::testing::ValuesIn(kFunctions),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(MathExpansionExact, WholeNumbers) {
  // What programs compare with ==.
  ASSERT_EQ(Kernels::Get().error(), "");
  std::map<std::string, const Function*> by_name;
  for (const Function& f : kFunctions) by_name[f.name] = &f;
  Samples<double> in;
  for (int i = 0; i < 48; ++i) in.x.push_back(i - 24), in.y.push_back(i % 5);
  const std::vector<double> power = RunKernel(*by_name["pow"], 16, in);
  for (size_t i = 0; i < 48; ++i) EXPECT_EQ(power[i], std::pow(in.x[i], in.y[i])) << in.x[i] << "^" << in.y[i];
  Samples<double> zeros;
  zeros.x.assign(48, 0.0);
  zeros.y.assign(48, 0.0);
  EXPECT_EQ(RunKernel(*by_name["exp"], 4, zeros)[0], 1.0);
  EXPECT_EQ(RunKernel(*by_name["cos"], 4, zeros)[0], 1.0);
}

TEST(MathExpansionExact, ArgumentsClosestToMultiplesOfHalfPi) {
  // The double nearest to a multiple of pi/2 (2^-62 away), and large floats.
  ASSERT_EQ(Kernels::Get().error(), "");
  std::map<std::string, const Function*> by_name;
  for (const Function& f : kFunctions) by_name[f.name] = &f;
  Samples<double> in;
  for (int i = 0; i < 48; ++i) {
    in.x.push_back(std::ldexp(6381956970095103.0, 797 + i / 8));
    in.y.push_back(0);
  }
  for (const char* name : {"sin", "cos"}) {
    const Function& f = *by_name[name];
    const std::vector<double> out = RunKernel(f, 8, in);
    for (size_t i = 0; i < out.size(); ++i) {
      EXPECT_LE(Ulps(out[i], f.reference(in.x[i], 0)), 1.6) << name << " of " << in.x[i] << " = " << out[i];
    }
  }
  EXPECT_NEAR(RunKernel(*by_name["cos"], 1, in)[0], -4.6871659242546277e-19, 1e-34);
}

}  // namespace
}  // namespace oriel
