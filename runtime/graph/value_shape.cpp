// Shape functions and indexing of value.h.
#include <algorithm>

#include "oriel/compose.h"
#include "oriel/errors.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/scan_internal.h"

namespace oriel {
namespace {

using graph::MakeOp;
using graph::NormalizeAxis;
using graph::Poison;
using graph::PoisonInvalid;

// min and max that decide what can be decided (symbols are never negative).
Dim Smaller(const Dim& a, const Dim& b) {
  if (ProvablyAtMost(a, b)) return a;
  return ProvablyAtMost(b, a) ? b : Dim::Min(a, b);
}
Dim Larger(const Dim& a, const Dim& b) {
  if (ProvablyAtMost(a, b)) return b;
  return ProvablyAtMost(b, a) ? a : Dim::Max(a, b);
}

// A bound as Python reads it, clipped to [low, high]: a negative integer counts
// from the end. A symbolic bound counts from the front.
Dim ClipBound(const Dim& bound, const Dim& extent, const Dim& low, const Dim& high) {
  const Dim from_front = bound.is_static() && bound.value() < 0 ? extent + bound : bound;
  return Smaller(Larger(from_front, low), high);
}

struct Bounds {
  Dim start, limit;
};

// start:stop:step clipped to an axis, as oriel.slice wants it.
Bounds NormalizeSlice(const std::optional<Dim>& start, const std::optional<Dim>& stop, int64_t step,
                      const Dim& extent) {
  if (step > 0) {
    const Dim from = start ? ClipBound(*start, extent, 0, extent) : Dim(0);
    const Dim to = stop ? ClipBound(*stop, extent, 0, extent) : extent;
    // Nothing may start beyond the last element, so what takes nothing starts
    // at the first.
    if (from.is_static() && to.is_static() && to.value() <= from.value()) return {0, 0};
    return {from, Larger(to, from)};
  }
  const Dim from = start ? ClipBound(*start, extent, -1, extent - 1) : extent - 1;
  const Dim to = stop ? ClipBound(*stop, extent, -1, extent - 1) : Dim(-1);
  return {from, Smaller(to, from)};
}

// One integer: a block of one element that must exist.
absl::StatusOr<Bounds> IntegerBounds(const Dim& index, const Dim& extent, int axis) {
  const bool from_end = index.is_static() && index.value() < 0;
  const Dim start = from_end ? extent + index : index;
  if (index.is_static() && extent.is_static() && (start.value() < 0 || start.value() >= extent.value())) {
    return absl::OutOfRangeError("index " + index.ToString() + " is out of range for axis " + std::to_string(axis) +
                                 " with extent " + extent.ToString());
  }
  return Bounds{start, start + 1};
}

// The view part of an index.
struct View {
  std::vector<Dim> starts, limits;
  std::vector<int64_t> steps;
  Dims shape;           // after dropping integers' axes and adding new ones
  bool slices = false;  // takes less than everything, or in another order
};

Value ApplyView(const Value& x, const View& view, const Location& at) {
  Value result = x;
  if (view.slices) {
    result = MakeOp({.op = OpKind::kSlice,
                     .attrs = {{"starts", Dims(view.starts)}, {"limits", Dims(view.limits)}, {"steps", view.steps}},
                     .operands = {x}},
                    at);
  }
  if (!result.ok() || result.shape() == view.shape) return result;
  return MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", view.shape}}, .operands = {result}, .derived = view.slices},
                at);
}

}  // namespace

SliceBounds ClipSlice(const std::optional<Dim>& start, const std::optional<Dim>& stop, int64_t step,
                      const Dim& extent) {
  const Bounds bounds = NormalizeSlice(start, stop, step, extent);
  return {bounds.start, SliceExtent(bounds.start, bounds.limit, step)};
}

Value broadcast_to(const Operand& x, Dims shape) {
  const Value value = graph::Strong(x);
  return value.ok() ? graph::BroadcastTo(value, shape, x.location, /*derived=*/false) : value;
}

Value reshape(const Operand& x, Dims shape) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  std::optional<size_t> open;
  Dim known(1);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] != Dim(-1)) {
      known = known * shape[axis];
      continue;
    }
    if (open) return PoisonInvalid("reshape: only one entry of " + ToString(shape) + " may be -1", x.location);
    open = axis;
  }
  if (open) {
    const Dim elements = NumElements(value.shape());
    const bool exact = known != Dim(0) &&
                       !(elements.is_static() && known.is_static() && elements.value() % known.value() != 0);
    if (!exact) {
      return PoisonInvalid("reshape: cannot reshape " + ToString(value.shape()) + " with " + elements.ToString() +
                               " elements into " + ToString(shape),
                           x.location);
    }
    shape[*open] = Dim::FloorDiv(elements, known);
  }
  if (shape == value.shape()) return value;
  return MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", std::move(shape)}}, .operands = {value}}, x.location);
}

Value transpose(const Operand& x, std::vector<int> permutation) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  std::vector<int64_t> axes;
  if (permutation.empty()) {
    for (int axis = value.rank(); axis-- > 0;) axes.push_back(axis);
  }
  for (int axis : permutation) {
    absl::StatusOr<int64_t> normal = NormalizeAxis(axis, value.rank(), "transpose");
    if (!normal.ok()) return Poison(normal.status(), x.location);
    axes.push_back(*normal);
  }
  if (axes.empty() && value.rank() == 0) return value;
  return MakeOp({.op = OpKind::kTranspose, .attrs = {{"permutation", std::move(axes)}}, .operands = {value}},
                x.location);
}

Value slice(const Operand& x, std::vector<Dim> starts, std::vector<Dim> stops, std::vector<int64_t> steps) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  const size_t rank = value.shape().size();
  if (steps.empty()) steps.assign(rank, 1);
  if (starts.size() != rank || stops.size() != rank || steps.size() != rank) {
    return PoisonInvalid("slice: needs a start, a stop and a step for each axis of " + ToString(value.shape()) +
                             ", got " + std::to_string(starts.size()) + ", " + std::to_string(stops.size()) +
                             " and " + std::to_string(steps.size()),
                         x.location);
  }
  View view;
  view.slices = true;
  for (size_t axis = 0; axis < rank; ++axis) {
    if (steps[axis] == 0) return PoisonInvalid("slice: the step of axis " + std::to_string(axis) + " is 0", x.location);
    const Bounds bounds = NormalizeSlice(starts[axis], stops[axis], steps[axis], value.shape()[axis]);
    view.starts.push_back(bounds.start);
    view.limits.push_back(bounds.limit);
  }
  view.steps = std::move(steps);
  return MakeOp({.op = OpKind::kSlice,
                 .attrs = {{"starts", Dims(view.starts)}, {"limits", Dims(view.limits)}, {"steps", view.steps}},
                 .operands = {value}},
                x.location);
}

Value concatenate(std::vector<Value> parts, int axis, Location at) {
  if (parts.empty()) return PoisonInvalid("concatenate: takes at least 1 part, got 0", at);
  if (auto poisoned = graph::FirstPoisoned(parts)) return *poisoned;
  absl::StatusOr<int64_t> normal = NormalizeAxis(axis, parts[0].rank(), "concatenate");
  if (!normal.ok()) return Poison(normal.status(), at);
  std::vector<Operand> operands(parts.begin(), parts.end());
  std::vector<const Operand*> pointers;
  for (const Operand& operand : operands) pointers.push_back(&operand);
  if (absl::Status strict = graph::CheckStrict(pointers, "concatenate"); !strict.ok()) return Poison(strict, at);
  DType dtype = parts[0].dtype();
  for (const Value& part : parts) dtype = Promote(dtype, part.dtype());
  for (Value& part : parts) part = graph::CastTo(part, dtype, at);
  return MakeOp({.op = OpKind::kConcatenate, .attrs = {{"axis", *normal}}, .operands = std::move(parts)}, at);
}

Value expand_dims(const Operand& x, int axis) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  absl::StatusOr<int64_t> normal = NormalizeAxis(axis, value.rank() + 1, "expand_dims");
  if (!normal.ok()) return Poison(normal.status(), x.location);
  Dims shape = value.shape();
  shape.insert(shape.begin() + *normal, Dim(1));
  return MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", std::move(shape)}}, .operands = {value}}, x.location);
}

Value squeeze(const Operand& x, int axis) {
  const Value value = graph::Strong(x);
  if (!value.ok()) return value;
  absl::StatusOr<int64_t> normal = NormalizeAxis(axis, value.rank(), "squeeze");
  if (!normal.ok()) return Poison(normal.status(), x.location);
  Dims shape = value.shape();
  const Dim extent = shape[*normal];
  if (extent.is_static() && extent.value() != 1) {
    return PoisonInvalid("squeeze: axis " + std::to_string(*normal) + " of " + ToString(shape) + " has extent " +
                             extent.ToString() + ", required 1",
                         x.location);
  }
  shape.erase(shape.begin() + *normal);
  return MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", std::move(shape)}}, .operands = {value}}, x.location);
}

// ---- indexing ----

Value::Index::Index(int i, Location at) : Index(static_cast<int64_t>(i), at) {}
Value::Index::Index(int64_t i, Location at) : kind(Kind::kInt), integer(i), location(at) {}
Value::Index::Index(const Value& array, Location at) : kind(Kind::kArray), array(array), location(at) {}

Value::Index Value::Index::Slice(std::optional<Dim> start, std::optional<Dim> stop, int64_t step, Location at) {
  Index index(0, at);
  index.kind = Kind::kSlice;
  index.start = std::move(start);
  index.stop = std::move(stop);
  index.step = step;
  return index;
}

Value::Index Value::Index::NewAxis(Location at) {
  Index index(0, at);
  index.kind = Kind::kNewAxis;
  return index;
}

Value Value::operator[](const Index& index) const { return (*this)[{index}]; }

Value Value::operator[](std::initializer_list<Index> indices) const {
  return Get(absl::Span<const Index>(indices.begin(), indices.size()));
}

Value Value::Get(absl::Span<const Index> indices) const {
  if (!ok() || indices.empty()) return *this;
  const Location& at = indices.begin()->location;
  if (node_->kind == graph::NodeKind::kOp && node_->op == OpKind::kRows && indices[0].kind == Index::Kind::kInt) {
    const Value row = graph::RowOfFirst(*node_, indices[0].integer, at);
    return indices.size() == 1 ? row : row.Get(indices.subspan(1));
  }
  View view;
  std::vector<Value> arrays;
  // NumPy: integers beside arrays count as arrays when it decides whether the
  // indexed axes are neighbours (then the result's take their place) or not
  // (then they come first).
  std::vector<size_t> advanced;      // entries that are integers or arrays
  std::vector<int> array_axes;       // axes of the view that arrays index
  int axis = 0;
  size_t entry = 0;
  for (const Index& index : indices) {
    const size_t at_entry = entry++;
    if (index.kind == Index::Kind::kNewAxis) {
      view.shape.push_back(1);
      continue;
    }
    if (axis == rank()) {
      return PoisonInvalid("too many indices: " + ToString(shape()) + " has rank " + std::to_string(rank()), at);
    }
    const Dim& extent = shape()[axis];
    Bounds bounds{0, extent};
    int64_t step = 1;
    switch (index.kind) {
      case Index::Kind::kInt:
      case Index::Kind::kDim: {
        const Dim position = index.kind == Index::Kind::kInt ? Dim(index.integer) : index.start.value_or(Dim(0));
        absl::StatusOr<Bounds> one = IntegerBounds(position, extent, axis);
        if (!one.ok()) return Poison(one.status(), at);
        bounds = *one;
        advanced.push_back(at_entry);
        break;
      }
      case Index::Kind::kSlice:
        if (index.step == 0) return PoisonInvalid("the step of index " + std::to_string(at_entry) + " is 0", at);
        step = index.step;
        bounds = NormalizeSlice(index.start, index.stop, step, extent);
        view.shape.push_back(SliceExtent(bounds.start, bounds.limit, step));
        break;
      default:
        if (!index.array.ok()) return index.array;
        if (!IsInteger(index.array.dtype())) {
          return Poison(DTypeError("an index array must be of integers, got " +
                                   std::string(NumpyName(index.array.dtype()))),
                        at);
        }
        arrays.push_back(index.array);
        array_axes.push_back(static_cast<int>(view.shape.size()));
        advanced.push_back(at_entry);
        view.shape.push_back(extent);
    }
    view.slices = view.slices || step != 1 || bounds.start != Dim(0) || bounds.limit != extent;
    view.starts.push_back(bounds.start);
    view.limits.push_back(bounds.limit);
    view.steps.push_back(step);
    ++axis;
  }
  for (; axis < rank(); ++axis) {
    view.starts.push_back(0);
    view.limits.push_back(shape()[axis]);
    view.steps.push_back(1);
    view.shape.push_back(shape()[axis]);
  }
  Value result = ApplyView(*this, view, at);
  if (indices.size() == 1 && indices[0].kind == Index::Kind::kInt && view.starts[0] == shape()[0] - Dim(1)) {
    return graph::LastOfCheckpoint(*this, result, at);
  }
  if (arrays.empty() || !result.ok()) return result;

  const bool neighbours = advanced.back() - advanced.front() + 1 == advanced.size();
  if (neighbours) return gather(result, std::move(arrays), array_axes[0], at);
  std::vector<int> permutation = array_axes;
  for (int i = 0; i < result.rank(); ++i) {
    if (std::find(array_axes.begin(), array_axes.end(), i) == array_axes.end()) permutation.push_back(i);
  }
  return gather(transpose(Operand(result, at), std::move(permutation)), std::move(arrays), 0, at);
}

}  // namespace oriel
