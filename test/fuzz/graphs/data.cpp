#include "test/fuzz/graphs/data.h"

#include <cmath>
#include <numeric>

namespace oriel::fuzz {

Tensor Data(Extents shape, DType dtype, uint64_t seed, bool special) {
  Random random(seed);
  if (IsFloat(dtype)) {
    Tensor t = Tensor::Normal(shape, seed, DType::f64);
    double* p = t.data<double>();
    const double values[] = {0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-40, -1e-6, 3.0};
    for (int64_t i = 0; i < t.size(); ++i) {
      if (special && random.Percent(30)) p[i] = values[random.Below(sizeof values / sizeof *values)];
      else if (random.Percent(50)) p[i] = std::round(p[i] * 16) / 16;
    }
    return *t.Cast(dtype);
  }
  Tensor t = Tensor::Zeros(shape, DType::i64);
  int64_t* p = t.data<int64_t>();
  for (int64_t i = 0; i < t.size(); ++i) {
    if (IsBool(dtype)) p[i] = random.Below(2);
    else if (special && random.Percent(15)) p[i] = static_cast<int64_t>(random.Next() >> random.Below(60));  // wraps
    else p[i] = random.Below(15) - (IsSigned(dtype) ? 7 : 0);
  }
  return *t.Cast(dtype);
}

Tensor AsView(const Tensor& tensor, Random* random) {
  const int rank = tensor.rank();
  if (rank == 0) return tensor;
  std::vector<int> order(static_cast<size_t>(rank)), back(static_cast<size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  for (int k = rank - 1; k > 0; --k) std::swap(order[static_cast<size_t>(k)], order[static_cast<size_t>(random->Below(k + 1))]);
  for (int k = 0; k < rank; ++k) back[static_cast<size_t>(order[static_cast<size_t>(k)])] = k;
  Tensor view = *tensor.Transpose(order)->Clone().Transpose(back);
  const int axis = static_cast<int>(random->Below(rank));
  if (random->Percent(40)) {
    // Reversed twice, with a copy between: negative strides.
    const int64_t n = view.dim(axis);
    view = *view.Slice(axis, n - 1, -n - 1, -1)->Clone().Slice(axis, n - 1, -n - 1, -1);
  }
  return view;
}

uint64_t HashName(const std::string& name) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

}  // namespace oriel::fuzz
