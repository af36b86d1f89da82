// Reference kernels of reductions.
#include <algorithm>
#include <cmath>

#include "runtime/ops/reference_internal.h"

namespace oriel::reference {
namespace {

// What a reduction over T accumulates in: doubles for floats (sums of them as a
// CarefulSum: more exact than any compiled order of additions), integers modulo
// 2^64.
template <typename T>
using Accumulator = std::conditional_t<std::is_same_v<T, bool>, bool,
                                       std::conditional_t<std::is_floating_point_v<Compute<T>>, double, T>>;

template <typename A>
A Neutral(std::string_view kind) {
  if (kind == "prod" || kind == "all") return A{1};
  using Limits = std::numeric_limits<A>;
  if (kind == "max") return Limits::has_infinity ? static_cast<A>(-Limits::infinity()) : Limits::lowest();
  if (kind == "min") return Limits::has_infinity ? Limits::infinity() : Limits::max();
  return A{0};
}

template <typename A>
A Combine(std::string_view kind, A a, A b) {
  if (kind == "max") return a >= b || a != a ? a : b;
  if (kind == "min") return a <= b || a != a ? a : b;
  if constexpr (std::is_same_v<A, bool>) {
    return kind == "all" ? a && b : a || b;
  } else if constexpr (std::is_same_v<A, double>) {
    return kind == "prod" ? a * b : a + b;
  } else {
    const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
    return static_cast<A>(kind == "prod" ? x * y : x + y);
  }
}

// Strides in elements of the result for each axis of the operand: zero on
// reduced axes, so that all their elements meet in one result.
std::vector<int64_t> ResultStrides(const Extents& shape, const std::vector<int64_t>& axes) {
  Extents kept = shape;
  for (int64_t axis : axes) kept[axis] = 1;
  std::vector<int64_t> strides = ElementStrides(kept);
  for (int64_t axis : axes) strides[axis] = 0;
  return strides;
}

}  // namespace

absl::Status Reduce(const Call& call) {
  const std::string kind = call.Enum("kind");
  const Tensor& x = call.operands[0];
  Tensor& result = call.results[0];
  const std::vector<int64_t> strides = ResultStrides(x.shape(), call.Ints("axes"));
  return VisitDType(x.dtype(), [&]<typename T>() {
    // No reduction at all, not one from the neutral element: -0.0 stays.
    if (call.Ints("axes").empty()) {
      std::copy_n(Data<T>(x), x.size(), Data<T>(result));
      return absl::OkStatus();
    }
    using A = Accumulator<T>;
    const int64_t n = result.size();
    // Not a vector: vector<bool> has no addressable elements.
    std::unique_ptr<A[]> sums(new A[static_cast<size_t>(n) + 1]);
    for (int64_t i = 0; i < n; ++i) sums[i] = Neutral<A>(kind);
    const bool careful = std::is_same_v<A, double> && (kind == "sum" || kind == "mean");
    std::vector<CarefulSum> totals(careful ? static_cast<size_t>(n) : 0);
    const T* element = Data<T>(x);
    ForEachIndex(x.shape(), [&](const std::vector<int64_t>& index) {
      int64_t at = 0;
      for (size_t axis = 0; axis < index.size(); ++axis) at += index[axis] * strides[axis];
      const A value = static_cast<A>(Get(*element++));
      if (careful) totals[static_cast<size_t>(at)].Add(static_cast<double>(value));
      else sums[at] = Combine<A>(kind, sums[at], value);
    });
    T* y = Data<T>(result);
    const double count = n == 0 ? 1 : static_cast<double>(x.size()) / static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<A, double>) {
        const double total = careful ? totals[static_cast<size_t>(i)].Get() : sums[i];
        y[i] = Put<T>(kind == "mean" ? total / count : total);
      } else {
        y[i] = Put<T>(sums[i]);
      }
    }
    return absl::OkStatus();
  });
}

// The first of equal candidates wins; the first NaN wins over all.
absl::Status ArgReduce(const Call& call) {
  const Tensor& x = call.operands[0];
  const int64_t axis = call.Int("axis");
  const bool max = call.kind == OpKind::kArgMax;
  const auto shape = absl::MakeSpan(x.shape());
  const int64_t outer = Product(shape.first(axis)), n = shape[axis], inner = Product(shape.subspan(axis + 1));
  int64_t* y = Data<int64_t>(call.results[0]);
  return VisitDType(x.dtype(), [&]<typename T>() {
    const T* data = Data<T>(x);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const T* column = data + o * n * inner + i;
        int64_t best = 0;
        for (int64_t k = 1; k < n; ++k) {
          const auto a = Get(column[best * inner]), b = Get(column[k * inner]);
          if (a != a) break;
          if (b != b || (max ? b > a : b < a)) best = k;
        }
        y[o * inner + i] = best;
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace oriel::reference
