// Reductions and products.
#include <algorithm>
#include <cmath>
#include <optional>

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
    case 8: if (jumps && Filled(m, v, {axis})) m.Add(argmax(v, axis, keep), x.exact, 6); break;
    case 9: if (jumps && Filled(m, v, {axis})) m.Add(argmin(v, axis, keep), x.exact, 6); break;
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
  if (m.random().Percent(40)) {
    a = cast(a, Wider(a.dtype()));
    b = cast(b, Wider(b.dtype()));
  }
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
