// PrintLines: what a print writes of a value.
#include <cmath>
#include <limits>

#include "oriel/taps.h"
#include "runtime/core/status.h"

namespace oriel {
namespace {

// A number as NumPy writes an element of `dtype`.
std::string NumberText(double value, DType dtype) {
  absl::StatusOr<Tensor> number = Tensor::Scalar<double>(value).Cast(dtype);
  return number.ok() ? number->ToString() : std::to_string(value);
}

struct Statistics {
  double min = 0, max = 0, mean = 0;
  int64_t nan_count = 0;
};

// As NumPy: a NaN is the smallest, the largest and the mean.
Statistics OfFloats(const Tensor& values) {
  Statistics s;
  const double* data = values.data<double>();
  s.min = std::numeric_limits<double>::infinity();
  s.max = -s.min;
  double sum = 0;
  for (int64_t i = 0; i < values.size(); ++i) {
    if (std::isnan(data[i])) {
      ++s.nan_count;
      continue;
    }
    s.min = std::fmin(s.min, data[i]);
    s.max = std::fmax(s.max, data[i]);
    sum += data[i];
  }
  s.mean = sum / static_cast<double>(values.size());
  if (s.nan_count > 0) s.min = s.max = s.mean = std::numeric_limits<double>::quiet_NaN();
  return s;
}

template <typename T>
std::string OfIntegers(const std::string& what, const Tensor& values) {
  const T* data = values.data<T>();
  T low = data[0], high = data[0];
  double sum = 0;
  for (int64_t i = 0; i < values.size(); ++i) {
    low = std::min(low, data[i]);
    high = std::max(high, data[i]);
    sum += static_cast<double>(data[i]);
  }
  if (what == "mean") return NumberText(sum / static_cast<double>(values.size()), DType::f64);
  return std::to_string(what == "min" ? low : high);
}

absl::StatusOr<std::string> StatisticText(const std::string& what, const Tensor& value) {
  if (value.size() == 0) return what == "nan_count" ? "0" : "none";
  if (IsFloat(value.dtype())) {
    ORIEL_ASSIGN_OR_RETURN(const Tensor floats, value.Contiguous().Cast(DType::f64));
    const Statistics s = OfFloats(floats.Contiguous());
    if (what == "nan_count") return std::to_string(s.nan_count);
    return NumberText(what == "min" ? s.min : what == "max" ? s.max : s.mean, value.dtype());
  }
  if (what == "nan_count") return "0";
  if (IsUnsigned(value.dtype())) {
    ORIEL_ASSIGN_OR_RETURN(const Tensor integers, value.Contiguous().Cast(DType::u64));
    return OfIntegers<uint64_t>(what, integers);
  }
  ORIEL_ASSIGN_OR_RETURN(const Tensor integers, value.Contiguous().Cast(DType::i64));
  const std::string text = OfIntegers<int64_t>(what, integers);
  if (value.dtype() == DType::boolean && what != "mean") return text == "0" ? "False" : "True";
  return text;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> PrintLines(const PrintOptions& options, const Tensor& value) {
  std::vector<std::string> lines;
  for (const std::string& what : options.attrs) {
    std::string text;
    if (what == "shape") {
      text = ToString(value.shape());
    } else if (what == "dtype") {
      text = std::string(NumpyName(value.dtype()));
    } else if (what == "ndim") {
      text = std::to_string(value.rank());
    } else if (what == "size") {
      text = std::to_string(value.size());
    } else if (what == "value" || what == "__str__") {
      text = value.ToString();
    } else if (what == "min" || what == "max" || what == "mean" || what == "nan_count") {
      ORIEL_ASSIGN_OR_RETURN(text, StatisticText(what, value));
    } else {
      return absl::InvalidArgumentError("print: unknown attribute '" + what +
                                        "', required one of shape, dtype, value, min, max, mean, nan_count, ndim, size, __str__");
    }
    lines.push_back((options.message.empty() ? "" : options.message + " ") + what + " = " + text);
  }
  return lines;
}

}  // namespace oriel
