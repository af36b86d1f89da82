// Helpers of the op tests: tensors from lists, ops in one call.
#ifndef ORIEL_TEST_GTEST_OPS_OPS_TEST_UTIL_H_
#define ORIEL_TEST_GTEST_OPS_OPS_TEST_UTIL_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oriel/tensor.h"
#include "runtime/ops/reference.h"

namespace oriel {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf = std::numeric_limits<double>::infinity();

// A tensor of `dtype` from doubles (exact for the small values tests use).
inline Tensor Make(DType dtype, Extents shape, const std::vector<double>& values) {
  absl::StatusOr<Tensor> wide = Tensor::From<double>(values, std::move(shape));
  EXPECT_TRUE(wide.ok()) << wide.status();
  if (!wide.ok()) return Tensor();
  absl::StatusOr<Tensor> tensor = wide->Cast(dtype);
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return tensor.ok() ? *tensor : Tensor();
}

inline Tensor Ints(Extents shape, const std::vector<int64_t>& values) {
  absl::StatusOr<Tensor> tensor = Tensor::From<int64_t>(values, std::move(shape));
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return tensor.ok() ? *tensor : Tensor();
}

inline std::vector<double> Values(const Tensor& tensor) {
  absl::StatusOr<Tensor> wide = tensor.Contiguous().Cast(DType::f64);
  EXPECT_TRUE(wide.ok()) << wide.status();
  const double* data = wide->data<double>();
  return std::vector<double>(data, data + wide->size());
}

// The op's only result; a failure fails the test.
inline Tensor Apply(OpKind op, const Attrs& attrs, const std::vector<Tensor>& operands) {
  absl::StatusOr<std::vector<Tensor>> results = EvaluateOp(op, attrs, operands, {});
  EXPECT_TRUE(results.ok()) << GetOpInfo(op).mnemonic << ": " << results.status();
  return results.ok() && results->size() == 1 ? results->front() : Tensor();
}

inline std::string ErrorOf(OpKind op, const Attrs& attrs, const std::vector<Tensor>& operands) {
  absl::StatusOr<std::vector<Tensor>> results = EvaluateOp(op, attrs, operands, {});
  EXPECT_FALSE(results.ok());
  return results.ok() ? "" : results.status().ToString();
}

// Equal, with NaN equal to NaN and zeros told apart by sign.
MATCHER_P(SameNumbers, expected, "") {
  if (arg.size() != expected.size()) {
    *result_listener << arg.size() << " numbers";
    return false;
  }
  for (size_t i = 0; i < arg.size(); ++i) {
    const double a = arg[i], b = expected[i];
    if (!(a == b || (std::isnan(a) && std::isnan(b))) || (a == 0 && std::signbit(a) != std::signbit(b))) {
      *result_listener << "number " << i << " is " << a << ", expected " << b;
      return false;
    }
  }
  return true;
}

}  // namespace oriel

#endif  // ORIEL_TEST_GTEST_OPS_OPS_TEST_UTIL_H_
