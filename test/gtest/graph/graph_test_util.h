// Helpers of the expression tests.
#ifndef ORIEL_TEST_GTEST_GRAPH_GRAPH_TEST_UTIL_H_
#define ORIEL_TEST_GTEST_GRAPH_GRAPH_TEST_UTIL_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "oriel/function.h"
#include "oriel/value.h"

namespace oriel {

inline Tensor Make(DType dtype, Extents shape, const std::vector<double>& values) {
  absl::StatusOr<Tensor> wide = Tensor::From<double>(values, std::move(shape));
  EXPECT_TRUE(wide.ok()) << wide.status();
  return wide.ok() ? wide->Cast(dtype).value_or(Tensor()) : Tensor();
}

inline std::vector<double> Values(const Tensor& tensor) {
  absl::StatusOr<Tensor> wide = tensor.Contiguous().Cast(DType::f64);
  EXPECT_TRUE(wide.ok()) << wide.status();
  const double* data = wide->data<double>();
  return std::vector<double>(data, data + wide->size());
}

// "float32 (n, 4)", or the error.
inline std::string TypeText(const Value& value) {
  if (!value.ok()) return std::string(value.status().message());
  return std::string(NumpyName(value.dtype())) + " " + ToString(value.shape());
}

// The value of an expression without inputs, or of `inputs` given `arguments`.
inline Tensor Eval(const Value& value, const std::vector<Value>& inputs = {}, const std::vector<Tensor>& arguments = {}) {
  absl::StatusOr<std::vector<Tensor>> results = Evaluate(inputs, {value}, {}, arguments);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? results->front() : Tensor();
}

inline std::vector<double> EvalValues(const Value& value, const std::vector<Value>& inputs = {},
                                      const std::vector<Tensor>& arguments = {}) {
  return Values(Eval(value, inputs, arguments));
}

}  // namespace oriel

#endif  // ORIEL_TEST_GTEST_GRAPH_GRAPH_TEST_UTIL_H_
