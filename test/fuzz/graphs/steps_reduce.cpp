// Reductions and products.
#include <algorithm>
#include <cmath>
#include <optional>

#include "test/fuzz/graphs/data.h"
#include "test/fuzz/graphs/steps.h"

namespace oriel::fuzz {
namespace {

Axes SomeAxes(Maker& m, const Value& x) {
  Axes axes;
  if (m.random().Percent(25)) return axes;  // all
  for (int k = 0; k < x.rank(); ++k) {
    if (m.random().Percent(100 / x.rank())) axes.push_back(m.random().Percent(30) ? k - x.rank() : k);
  }
  if (axes.empty()) axes.push_back(static_cast<int>(m.random().Below(x.rank())));
  return axes;
}

// Has what is reduced any elements?
bool Filled(Maker& m, const Value& x, const Axes& axes) {
  for (int k = 0; k < x.rank(); ++k) {
    const bool reduced = axes.empty() || std::find(axes.begin(), axes.end(), k) != axes.end() ||
                         std::find(axes.begin(), axes.end(), k - x.rank()) != axes.end();
    if (reduced && m.Extent(x.dim(k)) < 1) return false;
  }
  return true;
}

}  // namespace

void ReduceStep(Maker& m) {
  const Item* picked = m.Pick([](const Item& i) { return i.value.rank() > 0; });
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  const DType t = v.dtype();
  const bool real = IsFloat(t);
  const Axes axes = SomeAxes(m, v);
  const bool keep = m.random().Percent(40), filled = Filled(m, v, axes);
  const int axis = static_cast<int>(m.random().Below(v.rank()));
  const bool jumps = x.exact || t == DType::f64 || t == DType::f32;
  const Value tame = real ? m.Tame(x, 1) : v;
  switch (m.random().Below(15)) {
    case 0: case 1: m.Add(sum(tame, axes, keep), x.exact && !real, real ? 7 : 2); break;
    case 2: if (real && filled) m.Add(mean(v, axes, keep), false, x.size); break;
    case 3: m.Add(real ? prod(1.0 + 0.1 * tanh(v), axes, keep) : prod(v, axes, keep), x.exact && !real, 8); break;
    case 4: if (filled) m.Add(reduce_max(v, axes, keep), x.exact, x.size); break;
    case 5: if (filled) m.Add(reduce_min(v, axes, keep), x.exact, x.size); break;
    case 6: if (jumps) m.Add(any(not_equal(v, 0), axes, keep), x.exact, 0); break;
    case 7: if (jumps) m.Add(all_of(not_equal(v, 0), axes, keep), x.exact, 0); break;
    case 8: case 9: {  // where the extreme is, and what (one kernel then)
      if (!jumps || !Filled(m, v, {axis})) break;
      const bool largest = m.random().Percent(50);
      if (m.random().Percent(60)) m.Add(largest ? reduce_max(v, {axis}) : reduce_min(v, {axis}), x.exact, x.size);
      m.Add(largest ? argmax(v, axis, keep) : argmin(v, axis, keep), x.exact, 6);
      break;
    }
    case 10: if (real && Filled(m, v, {axis})) m.Add(softmax(m.Tame(x, 4), axis), false, 0); break;
    case 11: if (real && Filled(m, v, {axis})) m.Add(log_softmax(m.Tame(x, 4), axis), false, 5); break;
    case 12: if (real && filled) m.Add(logsumexp(m.Tame(x, 4), axes, keep), false, 5); break;
    case 13: if (real && filled) m.Add(variance(tame, axes, 0, keep), false, 2); break;
    case 14: if (jumps && filled && v.rank() == 1) m.Add(argmax(v), x.exact, 6); break;
  }
}

// A dtype that operands of a product may be widened to: the product reads them
// as they are.
DType Wider(DType t) {
  switch (t) {
    case DType::i8: case DType::u8: case DType::i16: case DType::u16: return DType::i32;
    case DType::f16: case DType::bf16: return DType::f32;
    case DType::i32: return DType::i64;
    case DType::f32: return DType::f64;
    default: return t;
  }
}

namespace {

// What a kernel of a product may compute as it reads an operand.
Value Made(Maker& m, const Value& x) {
  if (!IsFloat(x.dtype()) || x.rank() < 2) return x;
  Value y = x;
  for (int64_t steps = m.random().Between(1, 3); steps > 0; --steps) {
    switch (m.random().Below(7)) {
      case 0: y = y * 0.75; break;
      case 1: y = maximum(y, 0.0); break;
      case 2: y = y - 0.1 * sum(x, {-1}, true); break;        // a row's
      case 3: y = y * tanh(sum(x, {-2}, true)); break;        // a column's
      case 4: y = y + x; break;
      case 5: y = minimum(y, abs(x)); break;
      default: y = tanh(y); break;
    }
  }
  return cast(y, x.dtype());
}

// The product of matrices with constant weights on either side, narrow ones too, as
// they are or transposed; none where the extent to contract is unknown.
std::optional<Value> Weighted(Maker& m, const Value& a) {
  const bool left = m.random().Percent(30), across = m.random().Percent(40);
  if (a.rank() < 2) return std::nullopt;
  const Dim depth = a.dim(left ? -2 : -1);
  if (!depth.is_static() || depth.value() == 0) return std::nullopt;
  const int64_t lines = m.random().Between(2, 70);
  if (m.Elements(a.shape()) * lines > (int64_t{1} << 22)) return std::nullopt;
  const DType wide = a.dtype(), narrow = m.random().Percent(50) ? DType::i8 : wide;
  const Extents extents = left == across ? Extents{depth.value(), lines} : Extents{lines, depth.value()};
  const Tensor data = Data(extents, narrow, m.random().Next(), false);
  Value w = cast(constant(data), wide);
  if (across) w = transpose(w);
  return left ? matmul(w, a) : matmul(a, w);
}

// The product that the shapes allow, where there is one.
std::optional<Value> Product(const Value& a, const Value& b) {
  const int p = a.rank(), q = b.rank();
  if (p == 1 && q == 1) return a.dim(0) == b.dim(0) ? dot(a, b) : outer(a, b);
  if (p == 2 && q == 2) {
    if (a.dim(1) == b.dim(0)) return dot(a, b);
    if (a.dim(1) == b.dim(1)) return matmul(a, transpose(b));
    if (a.dim(0) == b.dim(0)) return matmul(transpose(a), b);
    if (a.dim(0) == b.dim(1)) return matmul(transpose(a), transpose(b));
    return std::nullopt;
  }
  if (q == 1 && a.dim(-1) == b.dim(0)) return matmul(a, b);
  if (p == 1 && a.dim(0) == b.dim(-2)) return matmul(a, b);
  if (p == 2 && q == 1 && a.dim(0) == b.dim(0)) return matmul(transpose(a), b);
  if (p == 1 && q == 2 && a.dim(0) == b.dim(1)) return matmul(a, transpose(b));
  if (p >= 2 && q >= 2 && a.dim(-1) == b.dim(-2)) {
    const Dims batch_a(a.shape().begin(), a.shape().end() - 2), batch_b(b.shape().begin(), b.shape().end() - 2);
    if (Broadcast(batch_a, batch_b)) return matmul(a, b);
    return std::nullopt;
  }
  if (p == 3 && q == 3 && a.dim(-1) == b.dim(-1) && (a.dim(0) == b.dim(0) || b.dim(0) == Dim(1))) return matmul(a, transpose(b, {0, 2, 1}));
  return std::nullopt;
}

}  // namespace

void ContractStep(Maker& m) {
  const auto number = [](const Item& i) { return !IsBool(i.value.dtype()) && i.value.rank() > 0; };
  const Item* first = m.Pick(number);
  if (first == nullptr) return;
  const Item x = *first;
  const Item* second = m.Pick([&](const Item& i) { return number(i) && i.value.dtype() == x.value.dtype() && i.value.rank() <= 3; });
  if (second == nullptr || x.value.rank() > 3) return;
  const Item y = *second;
  Value a = m.Tame(x, 1), b = m.Tame(y, 1);
  if (m.random().Percent(30)) {
    if (const std::optional<Value> product = Weighted(m, a)) {
      m.Add(*product, x.exact && !IsFloat(a.dtype()), 7);
      return;
    }
  }
  if (m.random().Percent(40)) {
    a = cast(a, Wider(a.dtype()));
    b = cast(b, Wider(b.dtype()));
  }
  const bool squares = a.shape() == b.shape();
  if (m.random().Percent(40)) a = Made(m, a);
  if (m.random().Percent(40)) b = squares && m.random().Percent(50) ? a : Made(m, b);
  const bool exact = x.exact && y.exact && !IsFloat(a.dtype());
  // The work is the elements of the result times the contracted extent.
  if (m.Elements(a.shape()) * std::max<int64_t>(m.Elements(b.shape()), 1) > (int64_t{1} << 22)) return;
  const std::optional<Value> product = Product(a, b);
  if (!product) return;
  // Sums of products: one of them dies in the other's epilogue.
  const Value sum = m.random().Percent(30) ? *product + *Product(a + a, b) : *product;
  m.Add(sum, exact, 7);
}

}  // namespace oriel::fuzz
