// Elementwise steps and leaves.
#include <algorithm>

#include "test/fuzz/graphs/data.h"
#include "test/fuzz/graphs/steps.h"

namespace oriel::fuzz {
namespace {

constexpr double kLarge = 10;  // sizes stay in the range of float16

}  // namespace

void UnaryStep(Maker& m) {
  const Item* picked = m.PickFloat();
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  // Round, floor, ceil and sign jump: of computed numbers only wide ones.
  const bool jumps = x.exact || v.dtype() == DType::f64 || v.dtype() == DType::f32;
  switch (m.random().Below(25)) {
    case 0: m.AddLike(neg(v), x); break;
    case 1: m.AddLike(abs(v), x); break;
    case 2: if (jumps) m.Add(sign(v), x.exact, 0); break;
    case 3: m.Add(exp(clip(v, -8, 4)), false, 6); break;
    case 4: m.Add(expm1(clip(v, -8, 4)), false, 6); break;
    case 5: m.Add(log(abs(v) + 0.5), false, 4); break;
    case 6: m.Add(log1p(abs(v)), false, 4); break;
    case 7: m.Add(sqrt(abs(v)), x.exact, x.size / 2 + 1); break;
    case 8: m.Add(rsqrt(abs(v) + 0.5), false, 1); break;
    case 9: m.Add(tanh(v), false, 0); break;
    case 10: m.Add(sigmoid(v), false, 0); break;
    case 11: m.Add(erf(v), false, 0); break;
    case 12: m.Add(sin(m.Tame(x, 6)), false, 0); break;
    case 13: m.Add(cos(m.Tame(x, 6)), false, 0); break;
    case 14: if (jumps) m.AddLike(floor(v), x); break;
    case 15: if (jumps) m.AddLike(ceil(v), x); break;
    case 16: if (jumps) m.AddLike(round(v * 2.0), x); break;
    case 17: if (x.size <= 6) m.Add(square(v), x.exact, 2 * x.size); break;
    case 18: m.Add(softplus(m.Tame(x, 4)), false, x.size); break;
    case 19: m.AddLike(relu(v), x); break;
    case 20: m.AddLike(clip(v, -1.5, 2), x); break;
    case 21: m.Add(reciprocal(abs(v) + 0.25), x.exact, 2); break;
    case 22: m.Add(sigmoid_binary_crossentropy(m.Tame(x, 4), 0.25), false, 6); break;
    case 23: m.Add(elu(m.Tame(x, 4), 0.5), false, 4); break;
    case 24: m.Add(log1p(exp(m.Tame(x, 4))), false, 5); break;  // log(1 + exp x) is rewritten
  }
}

void BinaryStep(Maker& m) {
  const Item* first = m.PickFloat();
  if (first == nullptr) return;
  const Item x = *first;
  const bool weak = m.random().Percent(15);
  Item y;
  if (!weak) {
    const Item* second = m.PickBeside(x.value, [](const Item& i) { return IsFloat(i.value.dtype()); });
    if (second == nullptr) return;
    y = *second;
  }
  const double number = static_cast<double>(m.random().Between(-8, 8)) / 4;
  const Operand b = weak ? Operand(number) : Operand(y.value);
  const Operand small = weak ? Operand(number) : Operand(m.Tame(y, kLarge - std::min(x.size, kLarge)));
  const bool exact = x.exact && (weak || y.exact);
  const double size = std::max(x.size, weak ? 1 : y.size);
  const bool jumps = exact || (x.value.dtype() == DType::f64 || x.value.dtype() == DType::f32);
  const bool small_exact = exact && (weak || small.value.id() == y.value.id());
  switch (m.random().Below(13)) {
    case 0: case 1: if (size < kLarge) m.Add(x.value + b, exact, size + 1); break;
    case 2: if (size < kLarge) m.Add(b - x.value, exact, size + 1); break;
    case 3: case 4: m.Add(x.value * small, small_exact, std::min(x.size + size, kLarge)); break;
    case 5: m.Add(x.value / (abs(b) + 0.5), exact, x.size + 1); break;
    case 6: m.Add(maximum(x.value, b), exact, size); break;
    case 7: m.Add(minimum(b, x.value), exact, size); break;
    case 8: m.Add(pow(clip(abs(x.value) + 0.5, 0, 3), clip(b, -2, 2)), false, 4); break;
    case 9: if (jumps) m.Add(floor_div(x.value, abs(b) + 0.5), exact, x.size + 1); break;
    case 10: if (jumps) m.Add(x.value % (abs(b) + 0.5), exact, size + 1); break;
    case 11: if (jumps) m.Add(select(less(x.value, b), x.value * 0.5, b), exact, size); break;
    case 12: m.Add(logaddexp(clip(x.value, -6, 6), clip(b, -6, 6)), false, 4); break;
  }
}

void IntegerStep(Maker& m) {
  const Item* first = m.PickInteger();
  if (first == nullptr) return;
  const Item x = *first;
  const Value v = x.value;
  const Item* second = m.PickBeside(v, [](const Item& i) { return !IsFloat(i.value.dtype()) && !IsBool(i.value.dtype()); });
  const bool weak = second == nullptr || m.random().Percent(20);
  const bool exact = x.exact && (weak || second->exact);
  // NumPy promotes int64 with uint64 to float64: a weak number instead.
  const bool clash = !weak && IsFloat(Promote(v.dtype(), second->value.dtype()));
  const Operand b = weak || clash ? Operand(static_cast<int>(m.random().Between(0, 7))) : Operand(second->value);
  switch (m.random().Below(14)) {
    case 0: m.Add(v + b, exact, 2); break;
    case 1: m.Add(v - b, exact, 2); break;
    case 2: m.Add(v * b, exact, 2); break;
    case 3: m.Add(floor_div(v, b), exact, 2); break;
    case 4: m.Add(v % b, exact, 2); break;
    case 5: m.Add(maximum(v, b), exact, 2); break;
    case 6: m.Add(minimum(b, v), exact, 2); break;
    case 7: m.Add(pow(v, b % 4), exact, 2); break;
    case 8: m.Add(neg(v), exact, 2); break;
    case 9: m.Add(abs(v), exact, 2); break;
    case 10: m.Add(sign(v), exact, 0); break;
    case 11: m.Add(select(greater(v, b), v, b), exact, 2); break;
    case 12: m.Add(random_bits(cast(v, DType::u64), cast(b, DType::u64)) % 17, exact, 4); break;
    case 13: m.Add(clip(v, 0, 9), exact, 3); break;
  }
}

void LogicStep(Maker& m) {
  const Item* first = m.Pick();
  if (first == nullptr) return;
  const Item x = *first;
  const DType t = x.value.dtype();
  if (IsBool(t)) {
    const Item* second = m.PickBeside(x.value, [](const Item& i) { return IsBool(i.value.dtype()); });
    if (second == nullptr) return;
    const Item y = *second;
    const bool exact = x.exact && y.exact;
    switch (m.random().Below(6)) {
      case 0: m.Add(logical_not(x.value), x.exact, 0); break;
      case 1: m.Add(x.value & y.value, exact, 0); break;
      case 2: m.Add(x.value | y.value, exact, 0); break;
      case 3: m.Add(logical_xor(x.value, y.value), exact, 0); break;
      case 4: m.Add(less(x.value, y.value), exact, 0); break;
      case 5: {
        const Item* a = m.PickBeside(x.value);
        if (a != nullptr) m.Add(select(x.value, a->value, cast(neg(cast(a->value, DType::f32)), a->value.dtype())), exact && a->exact, a->size);
        break;
      }
    }
    return;
  }
  if (!x.exact && t != DType::f64 && t != DType::f32) return;
  const Item* second = m.PickBeside(x.value, [&](const Item& i) { return i.value.dtype() == t; });
  if (second == nullptr) return;
  const Item y = *second;
  const bool exact = x.exact && y.exact;
  switch (m.random().Below(6)) {
    case 0: m.Add(equal(x.value, y.value), exact, 0); break;
    case 1: m.Add(not_equal(x.value, 0), exact, 0); break;
    case 2: m.Add(less(x.value, y.value), exact, 0); break;
    case 3: m.Add(less_equal(x.value, 1), exact, 0); break;
    case 4: m.Add(greater(x.value, y.value), exact, 0); break;
    case 5: m.Add(greater_equal(x.value, y.value), exact, 0); break;
  }
}

void CastStep(Maker& m) {
  const Item* picked = m.Pick();
  if (picked == nullptr) return;
  const Item x = *picked;
  const DType to = static_cast<DType>(m.random().Below(kNumDTypes));
  const DType from = x.value.dtype();
  if (!IsFloat(from)) {
    // Numbers of any size overflow float16: a remainder first.
    const bool bound = IsFloat(to) && !IsBool(from);
    m.Add(cast(bound ? x.value % 100 : x.value, to), x.exact, IsFloat(to) ? 7 : 2);
  } else if (IsFloat(to)) {
    m.Add(cast(x.value, to), x.exact, x.size);
  } else if (x.exact || from == DType::f64 || from == DType::f32) {
    // What an integer cannot hold has no specified conversion.
    const Value whole = select(abs(x.value) < 100, IsSigned(to) ? x.value : abs(x.value), 0.0);
    m.Add(cast(whole, to), x.exact, 2);
  }
}

void LeafStep(Maker& m) {
  const Item* picked = m.Pick();
  if (picked == nullptr) return;
  const Dims shape = picked->value.shape();
  const DType t = static_cast<DType>(m.random().Below(kNumDTypes));
  const DType number = IsBool(t) ? DType::i32 : t;
  const auto rank = static_cast<int64_t>(shape.size());
  switch (m.random().Below(6)) {
    case 0: {
      // Long axes would not fit the narrow types.
      if (rank == 0) break;
      const int axis = static_cast<int>(m.random().Below(rank));
      const bool fits = m.Extent(shape[static_cast<size_t>(axis)]) <= 100;
      m.Add(iota(shape, axis, fits ? number : DType::i32), true, fits ? 7 : 20);
      break;
    }
    case 1: if (rank > 0 && m.Extent(shape[0]) <= 100) m.Add(arange(shape[0], number), true, 7); break;
    case 2: if (rank > 0 && m.Extent(shape[0]) < 1000) m.Add(cast(dim_value(shape[0]), DType::f32) * 0.25, true, 8); break;
    case 3: if (rank > 0) m.Add(dim_value(shape[static_cast<size_t>(m.random().Below(rank))] + 1), true, 7); break;
    case 4: {
      Extents extents;
      for (const Dim& dim : shape) extents.push_back(dim.is_static() ? dim.value() : 1);
      const uint64_t seed = m.random().Next();
      m.Add(constant(Data(extents, t, seed, m.random().Percent(30))), true, 4);
      break;
    }
    case 5: m.Add(full(shape, static_cast<double>(m.random().Between(-6, 6)) / 2, DType::f32), true, 2); break;
  }
}

}  // namespace oriel::fuzz
