// File: reference.h
//
// What a mathematical function should give. Values come from MPFR, 160 bits; for
// f32 and the 16-bit types from the C library's double, whose error (a few units
// of 2^-53) is far below what is measured: where a rounding hangs on it, MPFR
// decides, and a sample of every run compares the two.
#ifndef ORIEL_TEST_MATH_REFERENCE_H_
#define ORIEL_TEST_MATH_REFERENCE_H_

#include <mpfr.h>

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "oriel/oriel.h"

namespace oriel {

// Largest allowed errors in ulp.
struct Bounds {
  double f32, f64;
  // f16 and bf16. An operation computes in f32 and rounds once; what is composed of
  // several rounds after each.
  double narrow = 0.501;
};

struct UnaryFunction {
  const char* name;
  std::function<Value(const Value&)> make;
  double (*approximate)(double);              // within 2^-48 of the value, relatively
  void (*exact)(mpfr_t result, mpfr_t x);     // 160 bits
  Bounds max_ulp;
  double low, high;                           // where f64 varies; half of its samples
};

struct BinaryFunction {
  const char* name;
  std::function<Value(const Value&, const Value&)> make;
  void (*exact)(mpfr_t result, mpfr_t x, mpfr_t y);
  Bounds max_ulp;
};

inline void PrintTo(const UnaryFunction& f, std::ostream* out) { *out << f.name; }
inline void PrintTo(const BinaryFunction& f, std::ostream* out) { *out << f.name; }

std::vector<UnaryFunction> UnaryFunctions();
std::vector<BinaryFunction> BinaryFunctions();

// A binary floating-point format.
struct Format {
  DType dtype;
  int digits;        // of the significand
  int min_exponent;  // of frexp(), for the smallest normal number
  int max_exponent;  // of frexp(), for the largest
};
inline constexpr Format kF64 = {DType::f64, 53, -1021, 1024};
inline constexpr Format kF32 = {DType::f32, 24, -125, 128};
inline constexpr Format kF16 = {DType::f16, 11, -13, 16};
inline constexpr Format kBF16 = {DType::bf16, 8, -125, 128};

// An MPFR number of 160 bits.
class Real {
 public:
  Real() { mpfr_init2(value_, 160); }
  explicit Real(double x) : Real() { mpfr_set_d(value_, x, MPFR_RNDN); }
  ~Real() { mpfr_clear(value_); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  mpfr_ptr get() { return value_; }
  double ToDouble() { return mpfr_get_d(value_, MPFR_RNDN); }

 private:
  mpfr_t value_;
};

// |got - value| in units in the last place of `value`: the spacing of the
// format's numbers there. Infinity counts as the number after the largest, a NaN
// that should not be, or is missing, and a zero or infinity that should be exact
// and is not (its sign included) as infinitely many.
double Ulps(double got, double value, const Format& format);
double Ulps(double got, Real& value, const Format& format);

// The number of the format nearest to the value (ties to even).
double Round(Real& value, const Format& format);

}  // namespace oriel

#endif  // ORIEL_TEST_MATH_REFERENCE_H_
