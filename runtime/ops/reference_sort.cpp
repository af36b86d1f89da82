// Reference kernels of sort and argsort.
#include <algorithm>
#include <numeric>

#include "runtime/ops/reference_internal.h"

namespace oriel::reference {

// NumPy's order: NaN after everything else, -0.0 equal to 0.0.
absl::Status Sort(const Call& call) {
  const Tensor& x = call.operands[0];
  const int64_t axis = call.Int("axis");
  const auto shape = absl::MakeSpan(x.shape());
  const int64_t outer = Product(shape.first(axis)), n = shape[axis], inner = Product(shape.subspan(axis + 1));
  return VisitDType(x.dtype(), [&]<typename T>() {
    const T* data = Data<T>(x);
    std::vector<int64_t> order(static_cast<size_t>(n));
    for (int64_t row = 0; row < outer * inner; ++row) {
      const int64_t from = row / inner * n * inner + row % inner;
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t k) {
        const auto a = Get(data[from + i * inner]), b = Get(data[from + k * inner]);
        return a < b || (b != b && a == a);
      });
      for (int64_t k = 0; k < n; ++k) {
        const int64_t at = from + k * inner;
        if (call.kind == OpKind::kArgSort) {
          Data<int64_t>(call.results[0])[at] = order[static_cast<size_t>(k)];
        } else {
          Data<T>(call.results[0])[at] = data[from + order[static_cast<size_t>(k)] * inner];
        }
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace oriel::reference
