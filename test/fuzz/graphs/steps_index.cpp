// Gathers, scatters (indices repeat), subtensors.
#include <algorithm>

#include "oriel/compose.h"
#include "oriel/subtensor.h"
#include "test/fuzz/graphs/steps.h"

namespace oriel::fuzz {

void IndexStep(Maker& m) {
  const Item* picked = m.Pick([](const Item& i) { return i.value.rank() > 0 && i.value.rank() < 4; });
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  const DType t = v.dtype();
  const int axis = static_cast<int>(m.random().Below(v.rank()));
  const std::optional<Value> found = m.Indices(v.dim(axis));
  if (!found || !found->ok()) return;
  const Value index = *found;
  // Too large a result is not even stated: gathers multiply.
  Dims shape(v.shape().begin(), v.shape().begin() + axis);
  shape.insert(shape.end(), index.shape().begin(), index.shape().end());
  shape.insert(shape.end(), v.shape().begin() + axis + 1, v.shape().end());
  if (!m.Fits(shape)) return;
  const bool real = IsFloat(t);
  // What is written: of the right shape, other rows of the same tensor.
  const std::optional<Value> rows = m.Indices(v.dim(axis));
  const bool same = rows && rows->ok() && rows->shape() == index.shape();
  Value updates = gather(v, {same ? *rows : index}, axis);
  if (real) updates = m.random().Percent(50) ? tanh(updates) : updates * 0.5;
  const bool jumps = real && m.random().Percent(50);
  const double size = std::min(x.size + 4, 10.0);
  switch (m.random().Below(10)) {
    case 0: case 1: m.AddLike(gather(v, {index}, axis), x); break;
    case 2: m.AddLike(take(v, index, axis), x); break;
    case 3: {
      // Two axes at once.
      if (axis + 1 >= v.rank()) break;
      const std::optional<Value> second = m.Indices(v.dim(axis + 1));
      if (second && Broadcast(second->shape(), index.shape())) m.AddLike(gather(v, {index, *second}, axis), x);
      break;
    }
    case 4:
      if (axis == 0) m.AddLike(v[{index}], x);
      else if (axis == 1) m.AddLike(v[{all(), index}], x);
      break;
    case 5: case 6:
      if (!IsBool(t) && x.size < 8) m.Add(scatter_add(v, {index}, updates, axis), x.exact && !real, size);
      break;
    case 7: m.Add(scatter_set(v, {index}, updates, axis), x.exact && !jumps, x.size); break;
    case 8: {
      if (IsBool(t) || axis != 0 || x.size >= 8) break;
      const Subtensor part = Subtensor::Of(v, {index});
      m.Add(m.random().Percent(50) ? inc_subtensor(part, 0.5) : set_subtensor(part, 1), x.exact && !real, size);
      break;
    }
    case 9: {
      if (v.rank() < 1 || m.Extent(v.dim(0)) < 2) break;
      const Subtensor part = m.random().Percent(50) ? Subtensor::Of(v, {slice(1, std::nullopt, 2)})
                                                    : Subtensor::Of(v, {slice(std::nullopt, -1)});
      if (IsBool(t)) m.AddLike(set_subtensor(part, true), x);
      else m.Add(m.random().Percent(50) ? inc_subtensor(part, 2) : set_subtensor(part, 0), x.exact, std::min(x.size + 2, 10.0));
      break;
    }
  }
  if (m.random().Percent(10) && v.rank() == 2) m.AddLike(diagonal(v), x);
}

void SortStep(Maker& m) {
  const Item* picked = m.Pick([](const Item& i) { return i.value.rank() > 0 && i.value.rank() < 4; });
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  const int axis = static_cast<int>(m.random().Below(v.rank()));
  // Where computed numbers go depends on how they are rounded.
  const bool wide = x.exact || v.dtype() == DType::f64 || v.dtype() == DType::f32;
  switch (m.random().Below(4)) {
    case 0: m.AddLike(sort(v, axis), x); break;
    case 1: if (wide) m.Add(argsort(v, axis), x.exact, 6); break;
    case 2: if (wide) m.AddLike(take_along_axis(v, argsort(neg(cast(v, DType::f32)), axis), axis), x); break;
    case 3: m.AddLike(sort(v, std::nullopt), x); break;
  }
}

void LateStep(Maker& m) {
  if (m.depth() > 0) return;
  const Item* picked = m.Pick([](const Item& i) { return i.value.rank() > 0 && i.value.rank() < 4; });
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value v = x.value;
  const Dim n = v.dim(0);
  if (m.Extent(n) < 1) return;
  if (m.random().Percent(25) && x.exact) {
    // There may be none.
    const std::vector<Value> places = nonzero(v);
    ++m.features["rows counted at run time"];
    m.Return(gather(v, places));
    m.Add(sum(places[0]), true, 8);
    return;
  }
  const std::optional<Value> at = m.IndexScalar(n);
  if (!at) return;
  const Value rows = first_rows(v, *at + 1);
  if (!rows.ok() || !rows.dim(0).is_symbol()) {
    m.Add(rows, x.exact, x.size);  // counted as refused
    return;
  }
  // From one to all of them: what is made of them is planned for all.
  m.Know(rows.dim(0).symbol(), m.Extent(n));
  ++m.features["rows counted at run time"];
  m.AddLike(rows, x);
}

void RandomStep(Maker& m) {
  const Item* picked = m.Pick([](const Item& i) { return i.value.rank() <= 3; });
  if (picked == nullptr) return;
  const Item x = *picked;
  const Dims shape = x.value.shape();
  const DType t = m.random().Percent(50) ? DType::f32 : DType::f64;
  ++m.features["random draw"];
  RandomStreams& draws = m.streams();
  const Dim rows = shape.empty() ? Dim(0) : shape[0];
  switch (m.random().Below(11)) {
    case 7: if (!shape.empty()) m.Add(draws.permutation(rows), true, 6); break;
    case 8: if (!shape.empty()) m.AddLike(draws.permutation(x.value), x); break;
    case 9: if (!shape.empty()) m.AddLike(draws.shuffle_row_elements(x.value), x); break;
    case 10: if (!shape.empty() && m.Extent(rows) > 0) m.AddLike(draws.choice({rows, Dim(2)}, x.value), x); break;
    case 0: m.Add(draws.uniform(shape, -1.0, 2.0, t), true, 1); break;
    case 1: m.Add(draws.normal(shape, 0.0, 0.5, t), false, 2); break;
    case 2: m.Add(draws.binomial(shape, m.random().Between(0, 4), 0.4), true, 2); break;
    case 3: m.Add(draws.integers(shape, -3, 11), true, 3); break;
    case 4: if (!shape.empty() && m.Extent(shape[0]) > 0) m.Add(draws.below(shape, shape[0]), true, 6); break;
    case 5: if (!shape.empty() && m.Extent(shape.back()) > 0 && IsFloat(x.value.dtype())) m.Add(draws.categorical(softmax(m.Tame(x, 2))), false, 5); break;
    case 6: if (!shape.empty() && m.Extent(shape.back()) > 0 && IsFloat(x.value.dtype())) m.Add(draws.multinomial(softmax(m.Tame(x, 2)), 2), false, 2); break;
  }
}

}  // namespace oriel::fuzz
