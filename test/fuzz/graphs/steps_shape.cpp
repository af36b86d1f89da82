// Views, parts and joins.
#include <algorithm>
#include <numeric>

#include "test/fuzz/graphs/steps.h"

namespace oriel::fuzz {
namespace {

int Axis(Maker& m, const Value& x) { return static_cast<int>(m.random().Below(x.rank())); }

std::vector<int> Permutation(Maker& m, int rank) {
  std::vector<int> order(static_cast<size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  for (int k = rank - 1; k > 0; --k) std::swap(order[static_cast<size_t>(k)], order[static_cast<size_t>(m.random().Below(k + 1))]);
  return order;
}

}  // namespace

void ShapeStep(Maker& m) {
  const Item* picked = m.Pick();
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  const int rank = v.rank();
  switch (m.random().Below(12)) {
    case 0: case 1: if (rank > 1) m.AddLike(transpose(v, Permutation(m, rank)), x); break;
    case 2: m.AddLike(reshape(v, {Dim(-1)}), x); break;
    case 3: {
      // Two neighbours become one.
      if (rank < 2) break;
      const int at = static_cast<int>(m.random().Below(rank - 1));
      Dims shape;
      for (int k = 0; k < rank; ++k) {
        if (k == at + 1) shape.back() = shape.back() * v.dim(k);
        else shape.push_back(v.dim(k));
      }
      m.AddLike(reshape(v, shape), x);
      break;
    }
    case 4: {
      // A static extent is split.
      Dims shape;
      for (const Dim& dim : v.shape()) {
        if (dim.is_static() && dim.value() > 0 && dim.value() % 2 == 0) shape.push_back(2), shape.push_back(dim.value() / 2);
        else shape.push_back(dim);
      }
      if (shape.size() != v.shape().size()) m.AddLike(reshape(v, shape), x);
      break;
    }
    case 5: m.AddLike(expand_dims(v, static_cast<int>(m.random().Below(rank + 1))), x); break;
    case 6:
      for (int k = 0; k < rank; ++k) {
        if (v.dim(k) != Dim(1)) continue;
        m.AddLike(squeeze(v, k), x);
        break;
      }
      break;
    case 7: {
      const Item* like = m.PickBeside(v, [&](const Item& i) { return i.value.rank() >= rank; });
      if (like == nullptr) break;
      Dims shape = like->value.shape();
      for (int k = 1; k <= rank; ++k) {
        Dim& dim = shape[shape.size() - static_cast<size_t>(k)];
        if (dim == Dim(1)) dim = v.dim(-k);
      }
      m.AddLike(broadcast_to(v, shape), x);
      break;
    }
    case 8: {
      if (rank == 0) break;
      std::vector<Dim> repeats(static_cast<size_t>(rank), Dim(1));
      repeats[static_cast<size_t>(Axis(m, v))] = m.random().Between(1, 3);
      m.AddLike(tile(v, repeats), x);
      break;
    }
    case 9: if (rank > 0) m.AddLike(repeat(v, Dim(m.random().Between(1, 3)), Axis(m, v)), x); break;
    case 10: if (rank > 0) m.AddLike(roll(v, m.random().Between(-3, 3), Axis(m, v)), x); break;
    case 11: if (rank >= 2) m.AddLike(m.random().Percent(50) ? tril(v) : triu(v, 1), x); break;
  }
}

void SliceStep(Maker& m) {
  const Item* picked = m.Pick([](const Item& i) { return i.value.rank() > 0; });
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  const int rank = v.rank();
  if (m.random().Percent(15)) {
    // A block at computed positions.
    std::vector<Value> starts;
    Dims sizes;
    for (int k = 0; k < rank; ++k) {
      const std::optional<Value> start = m.random().Percent(60) ? m.IndexScalar(v.dim(k)) : std::nullopt;
      starts.push_back(start ? *start : dim_value(Dim(0)));
      sizes.push_back(start ? Dim(1) : v.dim(k));
    }
    m.AddLike(dynamic_slice(v, starts, sizes), x);
    return;
  }
  std::vector<Value::Index> indices;
  for (int k = 0; k < rank; ++k) {
    const int64_t n = m.Extent(v.dim(k));
    switch (m.random().Below(8)) {
      case 0: indices.push_back(slice(m.random().Below(3), std::nullopt)); break;
      case 1: indices.push_back(slice(std::nullopt, -1 - m.random().Below(2))); break;
      case 2: indices.push_back(slice(std::nullopt, std::nullopt, -1)); break;
      case 3: indices.push_back(slice(m.random().Below(2), std::nullopt, m.random().Between(2, 3))); break;
      case 4: indices.push_back(slice(std::nullopt, std::nullopt, -m.random().Between(2, 3))); break;
      case 5:
        if (n > 0 && rank > 1) indices.push_back(m.random().Percent(50) ? int64_t{0} : int64_t{-1});
        else indices.push_back(all());
        break;
      default: indices.push_back(all());
    }
    if (m.random().Percent(5)) indices.push_back(Value::Index::NewAxis());
  }
  m.AddLike(v.Get(indices), x);
}

void JoinStep(Maker& m) {
  const Item* picked = m.Pick([](const Item& i) { return i.value.rank() > 0; });
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  const int axis = Axis(m, v);
  const Item* other = m.Pick([&](const Item& i) {
    if (i.value.rank() != v.rank() || i.value.dtype() != v.dtype()) return false;
    for (int k = 0; k < v.rank(); ++k) {
      if (k != axis && i.value.dim(k) != v.dim(k)) return false;
    }
    return true;
  });
  const Item y = other == nullptr ? x : *other;
  switch (m.random().Below(4)) {
    case 0: case 1: m.Add(concatenate({v, y.value}, axis), x.exact && y.exact, std::max(x.size, y.size)); break;
    case 2:
      if (y.value.shape() == v.shape()) m.Add(stack({v, y.value, v}, axis), x.exact && y.exact, std::max(x.size, y.size));
      break;
    case 3: {
      const std::vector<Value> parts = split(v, {Dim::FloorDiv(v.dim(axis), 2), v.dim(axis) - Dim::FloorDiv(v.dim(axis), 2)}, axis);
      for (const Value& part : parts) m.AddLike(part, x);
      break;
    }
  }
}

}  // namespace oriel::fuzz
