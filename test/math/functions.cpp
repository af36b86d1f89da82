// The functions that are measured. A bound is what was measured over all inputs
// (f64: millions of samples), rounded up.
#include <cmath>

#include "test/math/reference.h"

namespace oriel {
namespace {

double Sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
void ExactSigmoid(mpfr_t r, mpfr_t x) {
  mpfr_neg(r, x, MPFR_RNDN);
  mpfr_exp(r, r, MPFR_RNDN);
  mpfr_add_ui(r, r, 1, MPFR_RNDN);
  mpfr_ui_div(r, 1, r, MPFR_RNDN);
}

double Rsqrt(double x) { return 1 / std::sqrt(x); }
void ExactRsqrt(mpfr_t r, mpfr_t x) {  // of -0 it is -infinity, as 1 / sqrt(x)
  mpfr_sqrt(r, x, MPFR_RNDN);
  mpfr_ui_div(r, 1, r, MPFR_RNDN);
}

double Reciprocal(double x) { return 1 / x; }
void ExactReciprocal(mpfr_t r, mpfr_t x) { mpfr_ui_div(r, 1, x, MPFR_RNDN); }

// np.mod: the sign of the divisor; one rounding, where the divisor is added.
void ExactMod(mpfr_t r, mpfr_t x, mpfr_t y) {
  mpfr_fmod(r, x, y, MPFR_RNDN);
  if (mpfr_nan_p(r)) return;
  if (mpfr_zero_p(r)) {
    mpfr_setsign(r, r, mpfr_signbit(y), MPFR_RNDN);
  } else if (mpfr_signbit(r) != mpfr_signbit(y)) {
    mpfr_add(r, r, y, MPFR_RNDN);
  }
}

}  // namespace

#define ORIEL_FUNCTION(name) \
  #name, [](const Value& x) { return oriel::name(x); }, \
      [](double x) -> double { return std::name(x); }, [](mpfr_t r, mpfr_t x) { mpfr_##name(r, x, MPFR_RNDN); }

std::vector<UnaryFunction> UnaryFunctions() {
  return {
      {ORIEL_FUNCTION(exp), {1.05, 1.05}, -746, 711},
      {ORIEL_FUNCTION(expm1), {1.09, 1.09}, -38, 711},
      {ORIEL_FUNCTION(log), {0.9, 0.9}, 0, 4},
      {ORIEL_FUNCTION(log1p), {0.9, 0.9}, -1, 3},
      {"sigmoid", [](const Value& x) { return oriel::sigmoid(x); }, Sigmoid, ExactSigmoid, {1.75, 1.75}, -746, 40},
      {ORIEL_FUNCTION(tanh), {1.81, 1.9}, -22, 22},
      {ORIEL_FUNCTION(erf), {1.7, 1.6}, -6, 6},
      {ORIEL_FUNCTION(sin), {1.6, 1.6}, -1e9, 1e9},
      {ORIEL_FUNCTION(cos), {1.6, 1.6}, -1e9, 1e9},
      {ORIEL_FUNCTION(sqrt), {0.5, 0.5}, 0, 4},
      {"rsqrt", [](const Value& x) { return oriel::rsqrt(x); }, Rsqrt, ExactRsqrt, {1.51, 1.51}, 0, 4},
      {"reciprocal", [](const Value& x) { return oriel::reciprocal(x); }, Reciprocal, ExactReciprocal, {0.5, 0.5}, -4, 4},
      {ORIEL_FUNCTION(exp2), {0.54, 1.1}, -1075, 1025},
      {ORIEL_FUNCTION(log2), {2.2, 2.2, 1.7}, 0, 4},
      {ORIEL_FUNCTION(log10), {2.2, 2.2, 1.8}, 0, 4},
      {ORIEL_FUNCTION(tan), {3.6, 3.6, 1.8}, -1e3, 1e3},
      {ORIEL_FUNCTION(sinh), {4, 4, 2.5}, -711, 711},
      {ORIEL_FUNCTION(cosh), {4, 4, 2.5}, -711, 711},
  };
}
#undef ORIEL_FUNCTION

std::vector<BinaryFunction> BinaryFunctions() {
  return {
      {"pow", [](const Value& x, const Value& y) { return oriel::pow(x, y); },
       [](mpfr_t r, mpfr_t x, mpfr_t y) { mpfr_pow(r, x, y, MPFR_RNDN); }, {0.54, 1.1}},
      {"mod", [](const Value& x, const Value& y) { return oriel::mod(x, y); }, ExactMod, {0.5, 0.5}},
  };
}

}  // namespace oriel
