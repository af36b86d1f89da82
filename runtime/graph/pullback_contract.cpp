// Pullbacks of matrix products.
#include "runtime/graph/pullback.h"

namespace oriel::graph::pullback {
namespace {

// The last two axes exchanged.
Value Transposed(const Value& x) {
  if (!x.ok()) return x;
  std::vector<int> permutation;
  for (int axis = 0; axis < x.rank() - 2; ++axis) permutation.push_back(axis);
  permutation.push_back(x.rank() - 1);
  permutation.push_back(x.rank() - 2);
  return transpose(x, permutation);
}

Value Row(const Value& x) { return expand_dims(x, -2); }
Value Column(const Value& x) { return expand_dims(x, -1); }

// [batch..., k] summed over its batch.
Value OverBatch(const Value& x) {
  std::vector<int64_t> axes;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) axes.push_back(axis);
  return SumOver(x, axes, /*keepdims=*/false);
}

}  // namespace

void MatMul(Pullback& p) {
  const Value &a = p.x(0), &b = p.x(1), &g = p.g();
  if (a.rank() == 1 && b.rank() == 1) {
    if (p.Wants(0)) p.Give(0, g * b);
    if (p.Wants(1)) p.Give(1, g * a);
  } else if (b.rank() == 1) {  // [batch..., m, k] . [k]
    if (p.Wants(0)) p.Give(0, Column(g) * b);
    if (p.Wants(1) && a.rank() == 2) {
      p.Give(1, matmul(g, a));
    } else if (p.Wants(1)) {
      p.Give(1, OverBatch(squeeze(matmul(Row(g), a), -2)));
    }
  } else if (a.rank() == 1) {  // [k] . [batch..., k, n]
    if (p.Wants(0) && b.rank() == 2) {
      p.Give(0, matmul(b, g));
    } else if (p.Wants(0)) {
      p.Give(0, OverBatch(squeeze(matmul(b, Column(g)), -1)));
    }
    if (p.Wants(1)) p.Give(1, Column(a) * Row(g));
  } else {
    if (p.Wants(0)) p.Give(0, matmul(g, Transposed(b)));
    if (p.Wants(1)) p.Give(1, matmul(Transposed(a), g));
  }
}

}  // namespace oriel::graph::pullback
