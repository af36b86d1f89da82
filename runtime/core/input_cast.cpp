#include "oriel/input_cast.h"

#include <string>

#include "oriel/errors.h"
#include "runtime/core/status.h"

namespace oriel {
namespace {

// Bits of an integer's magnitude, or of a float's significand.
int Digits(DType t) {
  switch (t) {
    case DType::f64: return 53;
    case DType::f32: return 24;
    case DType::f16: return 11;
    case DType::bf16: return 8;
    case DType::boolean: return 1;
    default: return static_cast<int>(8 * SizeOf(t)) - (IsSigned(t) ? 1 : 0);
  }
}

// The largest exponent of a float's finite values.
int Range(DType t) {
  switch (t) {
    case DType::f64: return 1023;
    case DType::f16: return 15;
    default: return 127;
  }
}

}  // namespace

bool IsLossless(DType from, DType to) {
  if (from == to || IsBool(from)) return true;
  if (IsBool(to)) return false;
  if (IsFloat(from)) return IsFloat(to) && Digits(to) >= Digits(from) && Range(to) >= Range(from);
  if (IsFloat(to)) return Digits(to) >= Digits(from);
  if (IsSigned(from) && IsUnsigned(to)) return false;
  return Digits(to) >= Digits(from);
}

bool CanCastInput(DType from, DType to, CastRule rule) {
  if (from == to) return true;
  if (rule == CastRule::kNone) return false;
  if (IsLossless(from, to) || (!IsFloat(from) && IsFloat(to))) return true;
  const bool same_kind = IsFloat(from) == IsFloat(to) && IsBool(from) == IsBool(to);
  return rule == CastRule::kDowncast && same_kind;
}

absl::StatusOr<Tensor> CastInput(const Tensor& argument, DType wanted, CastRule rule, std::string_view name) {
  if (argument.dtype() == wanted) return argument;
  if (!CanCastInput(argument.dtype(), wanted, rule)) {
    std::string message = "input '" + std::string(name) + "' is " + std::string(NumpyName(wanted)) + ", got " +
                          std::string(NumpyName(argument.dtype()));
    if (CanCastInput(argument.dtype(), wanted, CastRule::kDowncast)) {
      message += rule == CastRule::kNone ? ", and casting of inputs is off"
                                         : ", which may lose values (allow_input_downcast permits it)";
    }
    return DTypeError(message);
  }
  return argument.Cast(wanted);
}

}  // namespace oriel
