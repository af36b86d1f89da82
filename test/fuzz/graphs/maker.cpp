#include "test/fuzz/graphs/maker.h"

#include <algorithm>

#include "runtime/graph/node.h"

namespace oriel::fuzz {

bool Broadcast(const Dims& a, const Dims& b) {
  for (size_t k = 1; k <= std::min(a.size(), b.size()); ++k) {
    const Dim &x = a[a.size() - k], &y = b[b.size() - k];
    if (x != y && x != Dim(1) && y != Dim(1)) return false;
  }
  return true;
}

Maker::Maker(uint64_t seed, DimBindings extents, int64_t most_elements, Look look)
    : random_(seed), streams_(seed), extents_(std::move(extents)), most_elements_(most_elements), look_(std::move(look)) {}

int64_t Maker::Extent(const Dim& dim) const { return dim.Evaluate(extents_).value_or(-1); }

bool Maker::IsLate(const Dims& dims, size_t first) const {
  std::vector<std::string> symbols;
  for (size_t k = first; k < dims.size(); ++k) dims[k].CollectSymbols(&symbols);
  return std::any_of(symbols.begin(), symbols.end(), [&](const std::string& s) { return late_.count(s) > 0; });
}

int64_t Maker::Elements(const Dims& dims) const {
  int64_t n = 1;
  for (const Dim& dim : dims) n *= Extent(dim);
  return n;
}

bool Maker::Fits(const Dims& dims) const {
  if (dims.size() > 5) return false;
  int64_t n = 1;
  for (const Dim& dim : dims) {
    const int64_t extent = Extent(dim);
    if (extent < 0) return false;
    n *= std::max<int64_t>(extent, 1);
    if (n * runs > most_elements_) return false;
  }
  return true;
}

Item* Maker::Pick(const Wanted& wanted) {
  // Newer values more often: deep graphs, not wide ones.
  for (int tries = 0; tries < 12 && !pool.empty(); ++tries) {
    const auto n = static_cast<int64_t>(pool.size());
    const int64_t at = random_.Percent(50) ? random_.Below(n) : n - 1 - random_.Below(std::min<int64_t>(n, 6));
    Item& item = pool[static_cast<size_t>(at)];
    if ((depth_ > 0 || no_late > 0) && IsLate(item.value.shape())) continue;
    if (wanted && !wanted(item)) continue;
    item.used = true;
    return &item;
  }
  return nullptr;
}

Item* Maker::PickFloat() {
  return Pick([](const Item& i) { return IsFloat(i.value.dtype()); });
}

Item* Maker::PickInteger() {
  return Pick([](const Item& i) { return !IsFloat(i.value.dtype()) && !IsBool(i.value.dtype()); });
}

Item* Maker::PickExactInteger() {
  return Pick([](const Item& i) { return i.exact && !IsFloat(i.value.dtype()) && !IsBool(i.value.dtype()); });
}

Item* Maker::PickBeside(const Value& x, const Wanted& wanted) {
  return Pick([&](const Item& i) { return Broadcast(i.value.shape(), x.shape()) && (!wanted || wanted(i)); });
}

std::optional<Value> Maker::Indices(const Dim& n) {
  if (Extent(n) < 1) return std::nullopt;
  const Item* from = PickExactInteger();
  if (from == nullptr) return std::nullopt;
  Value index = cast(from->value, DType::i64) % dim_value(n);
  if (random_.Percent(40)) index = index - dim_value(n);
  return index;
}

std::optional<Value> Maker::IndexScalar(const Dim& n) {
  if (Extent(n) < 1) return std::nullopt;
  const Item* from = Pick([](const Item& i) {
    return i.exact && i.value.rank() == 0 && !IsFloat(i.value.dtype()) && !IsBool(i.value.dtype());
  });
  if (from == nullptr) return std::nullopt;
  return cast(from->value, DType::i64) % dim_value(n);
}

Value Maker::Condition() {
  const Item* from = Pick([](const Item& i) { return i.exact && i.value.rank() == 0; });
  if (from == nullptr) return equal(dim_value(Dim(1)), 1);
  if (IsBool(from->value.dtype())) return from->value;
  return random_.Percent(50) ? less(from->value, random_.Between(0, 2)) : greater_equal(from->value, 1);
}

Value Maker::Tame(const Item& x, double size) {
  if (x.size <= size) return x.value;
  return random_.Percent(50) ? tanh(x.value) : sin(x.value);
}

Value Maker::Renewed(const Item& like, bool* exact) {
  const Value x = like.value;
  const DType t = x.dtype();
  const Item* other = Pick([&](const Item& i) {
    if (i.value.rank() > x.rank()) return false;
    for (int k = 1; k <= i.value.rank(); ++k) {
      if (i.value.dim(-k) != x.dim(-k) && i.value.dim(-k) != Dim(1)) return false;
    }
    return IsFloat(t) == IsFloat(i.value.dtype());
  });
  *exact = like.exact && !IsFloat(t) && (other == nullptr || other->exact);
  if (IsBool(t)) return other != nullptr ? logical_xor(x, not_equal(other->value, 0)) : logical_not(x);
  if (!IsFloat(t)) return other != nullptr ? x + cast(other->value, t) : x + 1;
  const Value half = cast(x * 0.5, t);
  if (other == nullptr) return half;
  const Value y = cast(Tame(*other, 1), t);
  switch (random_.Below(4)) {
    case 0: return half + y;
    case 1: return tanh(x + y);
    case 2: return half * y - 0.25;
    default: return cast(half - 0.1 * mean(y), t);
  }
}

bool Maker::Add(const Value& value, bool exact, double size) {
  if (!value.ok()) {
    ++refused[std::string(value.status().message())];
    return false;
  }
  if (!Fits(value.shape())) return false;
  Value taken = value;
  if (const uint64_t seed = random_.Next(); look_ && seed % 4 == 0) {
    const int number = taps++;
    taken = look_(value, seed / 4);
    if (taken.node()->region == 0) looked[number] = taken;
  }
  pool.push_back({taken, exact, size});
  return true;
}

void Maker::Inside(const std::vector<Item>& items, const std::function<void()>& fill) {
  const size_t before = pool.size();
  ++depth_;
  pool.insert(pool.end(), items.begin(), items.end());
  fill();
  pool.resize(before);
  --depth_;
}

}  // namespace oriel::fuzz
