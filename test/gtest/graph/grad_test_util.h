// Gradients against central differences, by the evaluator, in f64.
#ifndef ORIEL_TEST_GTEST_GRAPH_GRAD_TEST_UTIL_H_
#define ORIEL_TEST_GTEST_GRAPH_GRAD_TEST_UTIL_H_

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "graph_test_util.h"
#include "oriel/grad.h"

namespace oriel {

using Builder = std::function<Value(const std::vector<Value>&)>;

// Values that are neither near zero nor equal: at distance 0.1 of each other
// and of 0, in an order that `seed` shuffles. With `positive` all above 0.
inline Tensor Distinct(Extents shape, uint64_t seed, bool positive = false) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) {
    const double magnitude = 0.25 + 0.1 * static_cast<double>(positive ? i : i / 2);
    values.push_back(positive || i % 2 == 0 ? magnitude : -magnitude - 0.05);
  }
  uint64_t state = seed * 2654435761u + 1;
  for (size_t i = values.size(); i > 1; --i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::swap(values[i - 1], values[(state >> 33) % i]);
  }
  return Make(DType::f64, std::move(shape), values);
}

inline std::vector<Value> InputsFor(const std::vector<Tensor>& arguments, bool symbolic) {
  std::vector<Value> inputs;
  for (size_t i = 0; i < arguments.size(); ++i) {
    Dims shape;
    for (size_t axis = 0; axis < arguments[i].shape().size(); ++axis) {
      const int64_t extent = arguments[i].shape()[axis];
      // Equal extents are equal symbols; ones stay ones, so that they
      // broadcast.
      shape.push_back(symbolic && extent != 1 ? dyn("n" + std::to_string(extent)) : Dim(extent));
    }
    inputs.push_back(input("x" + std::to_string(i), arguments[i].dtype(), shape));
  }
  return inputs;
}

// sum(y * w) with fixed weights, so that every element counts differently.
inline Value Weighted(const Value& y, uint64_t seed) {
  if (!y.ok()) return y;
  const Dim n = NumElements(y.shape());
  const Value ramp = cast(arange(n), DType::f64) * 0.37 + static_cast<double>(seed % 7) + 0.3;
  return sum(reshape(y, {n}) * cos(ramp));
}

// The gradients of `cost` by the f64 inputs, next to (cost(x+h) - cost(x-h)) /
// 2h.
inline void ExpectGradients(const std::vector<Value>& inputs, const std::vector<Tensor>& arguments, const Value& cost,
                            const std::string& what, double tolerance) {
  ASSERT_TRUE(cost.ok()) << what << ": " << cost.status();
  std::vector<Operand> wrt;
  std::vector<size_t> which;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != DType::f64) continue;
    wrt.push_back(inputs[i]);
    which.push_back(i);
  }
  const std::vector<Value> gradients = grad(cost, wrt);
  for (size_t k = 0; k < gradients.size(); ++k) {
    ASSERT_TRUE(gradients[k].ok()) << what << ": " << gradients[k].status();
    EXPECT_EQ(gradients[k].shape(), inputs[which[k]].shape()) << what;
    EXPECT_EQ(gradients[k].dtype(), DType::f64) << what;
  }
  absl::StatusOr<std::vector<Tensor>> results = Evaluate(inputs, gradients, {}, arguments);
  ASSERT_TRUE(results.ok()) << what << ": " << results.status();
  const auto cost_at = [&](const std::vector<Tensor>& at) {
    absl::StatusOr<std::vector<Tensor>> value = Evaluate(inputs, {cost}, {}, at);
    EXPECT_TRUE(value.ok()) << what << ": " << value.status();
    return value.ok() ? Values(value->front())[0] : 0;
  };
  for (size_t k = 0; k < which.size(); ++k) {
    const std::vector<double> got = Values((*results)[k]);
    std::vector<double> values = Values(arguments[which[k]]);
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = values[i], h = 1e-6 * std::max(1.0, std::abs(x));
      std::vector<Tensor> at = arguments;
      values[i] = x + h;
      at[which[k]] = Make(DType::f64, arguments[which[k]].shape(), values);
      const double above = cost_at(at);
      values[i] = x - h;
      at[which[k]] = Make(DType::f64, arguments[which[k]].shape(), values);
      const double below = cost_at(at);
      values[i] = x;
      const double expected = (above - below) / (2 * h);
      EXPECT_NEAR(got[i], expected, tolerance * std::max(1.0, std::abs(expected)))
          << what << ": input " << which[k] << " element " << i;
      if (testing::Test::HasFailure()) return;
    }
  }
}

// First derivatives of all outputs of `f`, with known and with symbolic dims.
inline void CheckGradient(const std::string& what, const Builder& f, const std::vector<Tensor>& arguments,
                          double tolerance = 1e-6) {
  for (bool symbolic : {false, true}) {
    const std::vector<Value> inputs = InputsFor(arguments, symbolic);
    ExpectGradients(inputs, arguments, Weighted(f(inputs), 1), what + (symbolic ? ", symbolic" : ""), tolerance);
  }
}

// Second derivatives: the gradient of a weighted sum of the gradients.
inline void CheckSecond(const std::string& what, const Builder& f, const std::vector<Tensor>& arguments,
                        double tolerance = 1e-5) {
  CheckGradient(
      what + ", second",
      [&](const std::vector<Value>& inputs) {
        std::vector<Operand> wrt;
        for (const Value& value : inputs) {
          if (value.dtype() == DType::f64) wrt.push_back(value);
        }
        const std::vector<Value> first = grad(Weighted(f(inputs), 1), wrt);
        Value total = scalar(0, DType::f64);
        for (size_t i = 0; i < first.size(); ++i) total = total + Weighted(first[i], i + 2);
        // Keeps every input connected where f is linear.
        for (const Value& value : inputs) {
          if (value.dtype() == DType::f64) total = total + sum(value);
        }
        return total;
      },
      arguments, tolerance);
}

inline void CheckBoth(const std::string& what, const Builder& f, const std::vector<Tensor>& arguments) {
  CheckGradient(what, f, arguments);
  CheckSecond(what, f, arguments);
}

}  // namespace oriel

#endif  // ORIEL_TEST_GTEST_GRAPH_GRAD_TEST_UTIL_H_
