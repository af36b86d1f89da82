// Reference kernels of matmul, gather and scatter.
#include <cstring>

#include "runtime/ops/reference.h"
#include "runtime/ops/reference_internal.h"

namespace oriel::reference {
namespace {

// Axes [axis, axis + k) of x are indexed by the k index tensors.
struct Indexing {
  int64_t outer, inner;          // products of the axes before and after
  std::vector<int64_t> extents;  // of the indexed axes
  int64_t positions;             // elements of an index tensor
  std::vector<int64_t> flat;     // per position: flat index over the axes
};

// Checks every index (the lowest position first, then the lowest operand) and
// makes it non-negative.
absl::StatusOr<Indexing> ReadIndices(const Call& call, size_t first) {
  const Extents& shape = call.operands[0].shape();
  const int64_t axis = call.Int("axis");
  const size_t k = call.operands.size() - first;
  const auto all = absl::MakeSpan(shape);
  Indexing indexing{Product(all.first(axis)), Product(all.subspan(axis + k)),
                    {shape.begin() + axis, shape.begin() + axis + static_cast<int64_t>(k)},
                    call.operands[first].size(), {}};
  for (int64_t position = 0; position < indexing.positions; ++position) {
    int64_t flat = 0;
    for (size_t i = 0; i < k; ++i) {
      const int64_t value = Data<int64_t>(call.operands[first + i])[position], bound = indexing.extents[i];
      if (value < -bound || value >= bound) {
        return absl::OutOfRangeError(GetOpInfo(call.kind).mnemonic + ": " +
                                     IndexErrorMessage(value, axis + static_cast<int64_t>(i), bound, position,
                                                       static_cast<int64_t>(i)));
      }
      flat = flat * bound + (value < 0 ? value + bound : value);
    }
    indexing.flat.push_back(flat);
  }
  return indexing;
}

// to[i] += from[i], as the op add does it.
template <typename T>
void AddRow(const T* from, T* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, bool>) {
      to[i] = to[i] || from[i];
    } else if constexpr (std::is_floating_point_v<Compute<T>>) {
      to[i] = Put<T>(Get(to[i]) + Get(from[i]));
    } else {
      to[i] = static_cast<T>(static_cast<uint64_t>(to[i]) + static_cast<uint64_t>(from[i]));
    }
  }
}

}  // namespace

absl::Status MatMul(const Call& call) {
  const Tensor &a = call.operands[0], &b = call.operands[1];
  const int64_t k = a.shape().back();
  const int64_t m = a.rank() == 1 ? 1 : a.shape()[a.rank() - 2];
  const int64_t n = b.rank() == 1 ? 1 : b.shape().back();
  // A vector beside a batch of matrices takes part in every product.
  const int64_t batch = m * n == 0 ? 0 : call.results[0].size() / (m * n);
  const int64_t a_step = a.rank() > 2 ? m * k : 0, b_step = b.rank() > 2 ? k * n : 0;
  return VisitDType(a.dtype(), [&]<typename T>() {
    constexpr bool real = std::is_floating_point_v<Compute<T>>;
    T* y = Data<T>(call.results[0]);
    for (int64_t p = 0; p < batch; ++p) {
      const T *left = Data<T>(a) + p * a_step, *right = Data<T>(b) + p * b_step;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          if constexpr (real) {
            CarefulSum sum;
            for (int64_t l = 0; l < k; ++l) {
              sum.Add(static_cast<double>(Get(left[i * k + l])) * static_cast<double>(Get(right[l * n + j])));
            }
            *y++ = Put<T>(sum.Get());
          } else {
            uint64_t sum = 0;
            for (int64_t l = 0; l < k; ++l) {
              sum += static_cast<uint64_t>(Get(left[i * k + l])) * static_cast<uint64_t>(Get(right[l * n + j]));
            }
            *y++ = Put<T>(sum);
          }
        }
      }
    }
    return absl::OkStatus();
  });
}

absl::Status Gather(const Call& call) {
  ORIEL_ASSIGN_OR_RETURN(const Indexing indexing, ReadIndices(call, 1));
  const size_t row = static_cast<size_t>(indexing.inner) * SizeOf(call.results[0].dtype());
  if (call.results[0].bytes() == 0) return absl::OkStatus();
  const char* from = static_cast<const char*>(call.operands[0].raw());
  char* to = static_cast<char*>(call.results[0].raw());
  const int64_t rows = Product(indexing.extents);
  for (int64_t o = 0; o < indexing.outer; ++o) {
    for (int64_t flat : indexing.flat) {
      std::memcpy(to, from + static_cast<size_t>(o * rows + flat) * row, row);
      to += row;
    }
  }
  return absl::OkStatus();
}

absl::Status Scatter(const Call& call) {
  ORIEL_ASSIGN_OR_RETURN(const Indexing indexing, ReadIndices(call, 2));
  Tensor& result = call.results[0];
  const bool add = call.Enum("kind") == "add";
  if (result.bytes() == 0) return absl::OkStatus();
  std::memcpy(result.raw(), call.operands[0].raw(), result.bytes());
  const int64_t rows = Product(indexing.extents), inner = indexing.inner;
  return VisitDType(result.dtype(), [&]<typename T>() {
    const T* update = Data<T>(call.operands[1]);
    T* y = Data<T>(result);
    for (int64_t o = 0; o < indexing.outer; ++o) {
      for (int64_t flat : indexing.flat) {
        T* target = y + (o * rows + flat) * inner;
        if (add) {
          AddRow(update, target, inner);
        } else {
          std::memcpy(target, update, static_cast<size_t>(inner) * sizeof(T));
        }
        update += inner;
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace oriel::reference
