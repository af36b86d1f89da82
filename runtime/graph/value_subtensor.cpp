// subtensor.h: writing to a part is a scatter, or a select where a mask says
// which part.
#include "oriel/subtensor.h"

#include <algorithm>

#include "oriel/compose.h"
#include "oriel/taps.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

using graph::Poison;
using graph::PoisonInvalid;
using Index = Value::Index;

// start, start + step, ... as int64, `count` of them.
Value Ramp(const Dim& start, const Dim& count, int64_t step, const Location& at) {
  Value ramp = iota({count}, 0, DType::i64, at);
  if (step != 1) ramp = mul(Operand(ramp, at), Operand(step, at));
  if (start == Dim(0)) return ramp;
  if (start.is_static()) return add(Operand(ramp, at), Operand(start.value(), at));
  return add(Operand(ramp, at), Operand(dim_value(start, at), at));
}

// One index of the axes that are written, and where it stands in the part.
struct AxisIndex {
  Value index;              // int64, rank 0 or more
  bool is_slice = false;    // gives one axis of the part; else shares the arrays'
};

// The axes of `value` moved: axis i of the result is axis order[i].
Value Permuted(const Value& value, const std::vector<int>& order, const Location& at) {
  if (std::is_sorted(order.begin(), order.end())) return value;
  return transpose(Operand(value, at), order);
}

Value Broadcast(const Value& value, const Dims& shape, const Location& at) {
  absl::StatusOr<Dims> together = graph::BroadcastShapes(value.shape(), shape);
  if (!together.ok() || together->size() != shape.size()) {
    return PoisonInvalid("could not broadcast a value of shape " + ToString(value.shape()) + " to the part of shape " +
                             ToString(shape),
                         at);
  }
  return graph::BroadcastTo(value, shape, at);
}

}  // namespace

Subtensor Subtensor::Of(const Operand& base, std::vector<Index> indices, Location at) {
  Subtensor part;
  part.base_ = graph::Strong(base);
  for (Index& index : indices) index.location = at;
  part.read_ = part.base_.Get(indices);
  part.indices_ = std::move(indices);
  return part;
}

namespace {

// Where a mask is true, in its elements taken as one axis.
Value Positions(const Value& mask, const Location& at) {
  return nonzero(Operand(reshape(Operand(mask, at), {NumElements(mask.shape())}), at))[0];
}

// The first `axes` axes as one.
Value Rows(const Value& x, int axes, const Location& at) {
  const Dims& shape = x.shape();
  Dims merged = {NumElements(Dims(shape.begin(), shape.begin() + axes))};
  merged.insert(merged.end(), shape.begin() + axes, shape.end());
  return reshape(Operand(x, at), merged);
}

}  // namespace

Subtensor Subtensor::Masked(const Operand& base, const Operand& mask, Location at) {
  Subtensor part;
  part.base_ = graph::Strong(base);
  part.read_ = part.base_;
  if (!part.base_.ok()) return part;
  Value where = graph::Strong(mask);
  if (!where.ok()) {
    part.read_ = where;
    return part;
  }
  if (!IsBool(where.dtype())) where = not_equal(Operand(where, at), Operand(0, at));
  if (where.rank() == 0 || where.rank() > part.base_.rank()) {
    part.read_ = PoisonInvalid("a mask of shape " + ToString(where.shape()) + " cannot index a tensor of shape " +
                                   ToString(part.base_.shape()) + ": its axes must be the first of the tensor's",
                               at);
    return part;
  }
  // Axis by axis as large as the base, here or when it runs.
  const Dims covered(part.base_.shape().begin(), part.base_.shape().begin() + where.rank());
  for (size_t axis = 0; axis < covered.size(); ++axis) {
    const Dim& dim = where.shape()[axis];
    const DimOrder order = CompareDims(dim, covered[axis]);
    if (order == DimOrder::kEqual || (order == DimOrder::kUnknown && dim != Dim(1))) continue;
    part.read_ = PoisonInvalid("a mask of shape " + ToString(where.shape()) + " cannot index a tensor of shape " +
                                   ToString(part.base_.shape()) + ": axis " + std::to_string(axis) + " differs",
                               at);
    return part;
  }
  if (where.shape() != covered) {
    std::vector<Value> conditions;
    for (size_t axis = 0; axis < covered.size(); ++axis) {
      if (where.shape()[axis] == covered[axis]) continue;
      conditions.push_back(equal(Operand(dim_value(where.shape()[axis], at), at), Operand(dim_value(covered[axis], at), at)));
    }
    where = assert_that(Operand(where, at), "boolean index did not match indexed array", std::move(conditions));
  }
  part.mask_ = where;
  part.positions_ = Positions(where, at);
  part.read_ = gather(Operand(Rows(part.base_, where.rank(), at), at), {part.positions_}, 0, at);
  return part;
}

Value set_subtensor(const Subtensor& part, const Operand& value) { return part.Write(value, /*add=*/false); }
Value inc_subtensor(const Subtensor& part, const Operand& value) { return part.Write(value, /*add=*/true); }

Value Subtensor::Write(const Operand& operand, bool add) const {
  const Location& at = operand.location;
  if (!base_.ok()) return base_;
  const char* name = add ? "inc_subtensor" : "set_subtensor";
  const Operand base(base_, at);
  const Operand* const sides[] = {&base, &operand};
  if (operand.weak || operand.value.ok()) {
    if (absl::Status strict = graph::CheckStrict(sides, name); !strict.ok()) return Poison(strict, at);
  }
  Value value = graph::Fit(operand, base_.dtype(), at);
  if (!value.ok()) return value;

  if (mask_) {
    const Value& mask = *mask_;
    const int rest = base_.rank() - mask.rank();
    // A value for each element of the mask: [count, rest...].
    if (value.rank() == rest + 1 && value.shape()[0] != Dim(1)) {
      if (!read_.ok()) return read_;
      value = Broadcast(value, read_.shape(), at);
      if (!value.ok()) return Poison(Prefixed(absl::InvalidArgumentError(value.status().message()), name), at);
      const Operand rows(Rows(base_, mask.rank(), at), at);
      const Value written = add ? scatter_add(rows, {positions_}, value, 0, at) : scatter_set(rows, {positions_}, value, 0, at);
      return reshape(Operand(written, at), base_.shape());
    }
    if (value.rank() == rest + 1) value = squeeze(Operand(value, at), 0);
    // The mask with an axis of one for each further axis of the base.
    Dims wide = mask.shape();
    wide.insert(wide.end(), static_cast<size_t>(rest), Dim(1));
    const Value where = rest == 0 ? mask : reshape(Operand(mask, at), wide);
    const Value changed = add ? oriel::add(Operand(base_, at), Operand(value, at)) : value;
    const Value chosen = select(Operand(where, at), Operand(changed, at), Operand(base_, at));
    if (!chosen.ok()) return chosen;
    if (chosen.rank() != base_.rank()) {
      return PoisonInvalid(std::string(name) + ": a value of shape " + ToString(value.shape()) +
                               " does not fit a tensor of shape " + ToString(base_.shape()),
                           at);
    }
    return chosen;
  }

  if (!read_.ok()) return read_;
  value = Broadcast(value, read_.shape(), at);
  if (!value.ok()) return Poison(Prefixed(absl::InvalidArgumentError(value.status().message()), name), at);

  // The axes from the first to the last that is not taken whole, and the
  // position in the part of the axis each entry gives.
  std::vector<AxisIndex> axes;
  std::vector<bool> whole;
  std::vector<int> slice_axis;  // per axis of the base: its axis in the part, -1 for none
  std::vector<size_t> advanced;
  int part_axis = 0, first_array_axis = -1;
  std::vector<int> new_axes;
  bool any_array = false;
  int array_rank = 0;
  for (const Index& index : indices_) {
    if (index.kind == Index::Kind::kArray) {
      any_array = true;
      array_rank = std::max(array_rank, index.array.rank());
    }
  }
  const auto extent = [&] { return base_.shape()[axes.size()]; };
  size_t entry = 0;
  for (const Index& index : indices_) {
    const size_t here = entry++;
    switch (index.kind) {
      case Index::Kind::kNewAxis:
        new_axes.push_back(part_axis++);
        break;
      case Index::Kind::kInt:
      case Index::Kind::kDim: {
        const Dim given = index.kind == Index::Kind::kInt ? Dim(index.integer) : index.start.value_or(Dim(0));
        const Dim position = given.is_static() && given.value() < 0 ? extent() + given : given;
        axes.push_back({position.is_static() ? constant(Tensor::Scalar<int64_t>(position.value()), at)
                                             : dim_value(position, at)});
        whole.push_back(false);
        slice_axis.push_back(-1);
        advanced.push_back(here);
        break;
      }
      case Index::Kind::kArray:
        if (first_array_axis < 0) first_array_axis = part_axis;
        axes.push_back({graph::CastTo(index.array, DType::i64, at)});
        whole.push_back(false);
        slice_axis.push_back(-1);
        advanced.push_back(here);
        break;
      case Index::Kind::kSlice: {
        const SliceBounds bounds = ClipSlice(index.start, index.stop, index.step, extent());
        whole.push_back(index.step == 1 && bounds.start == Dim(0) && bounds.count == extent());
        slice_axis.push_back(part_axis++);
        axes.push_back({Ramp(bounds.start, bounds.count, index.step, at), /*is_slice=*/true});
        break;
      }
    }
  }
  // Axes that no entry mentions are whole.
  int lo = 0, hi = static_cast<int>(axes.size());
  while (lo < hi && whole[static_cast<size_t>(lo)]) ++lo;
  while (hi > lo && whole[static_cast<size_t>(hi - 1)]) --hi;
  if (lo == hi) {
    // Everything is written (perhaps under new axes).
    const Value all = reshape(Operand(value, at), base_.shape());
    return add ? oriel::add(Operand(base_, at), Operand(all, at)) : all;
  }

  // NumPy puts the axes of the arrays first when other entries stand between.
  const bool neighbours = !any_array || advanced.back() - advanced.front() + 1 == advanced.size();
  const int array_at = !any_array ? -1 : (neighbours ? first_array_axis : 0);
  // The position in the part of its slice axes (and new ones), arrays included.
  const auto in_part = [&](int axis) { return any_array && axis >= array_at ? axis + array_rank : axis; };

  // Indices broadcast together: first the arrays' axes, then one for each slice.
  int slices = 0;
  for (int axis = lo; axis < hi; ++axis) slices += axes[static_cast<size_t>(axis)].is_slice ? 1 : 0;
  std::vector<Value> indices;
  std::vector<int> order;  // of the part's axes, as the scatter wants them
  for (int axis = 0; axis < lo; ++axis) order.push_back(in_part(slice_axis[static_cast<size_t>(axis)]));
  for (int i = 0; i < array_rank; ++i) order.push_back(array_at + i);
  int slice = 0;
  for (int axis = lo; axis < hi; ++axis) {
    const AxisIndex& one = axes[static_cast<size_t>(axis)];
    Value index = one.index;
    if (!index.ok()) return index;
    Dims shape = one.is_slice ? Dims(static_cast<size_t>(slices), Dim(1)) : index.shape();
    if (one.is_slice) {
      shape[static_cast<size_t>(slice++)] = index.shape()[0];
      order.push_back(in_part(slice_axis[static_cast<size_t>(axis)]));
    } else if (index.rank() > 0) {
      shape.insert(shape.end(), static_cast<size_t>(slices), Dim(1));
    }
    indices.push_back(shape == index.shape() ? index : reshape(Operand(index, at), shape));
  }
  for (size_t axis = static_cast<size_t>(hi); axis < slice_axis.size(); ++axis) {
    order.push_back(in_part(slice_axis[axis]));
  }
  const int mentioned = in_part(part_axis);
  for (int axis = mentioned; axis < read_.rank(); ++axis) order.push_back(axis);
  // New axes have extent 1: last, where a reshape drops them.
  Dims kept;
  for (int axis : order) kept.push_back(read_.shape()[static_cast<size_t>(axis)]);
  for (int axis : new_axes) order.push_back(in_part(axis));
  value = Permuted(value, order, at);
  if (value.ok() && !new_axes.empty()) value = reshape(Operand(value, at), kept);
  if (!value.ok()) return value;
  return add ? scatter_add(Operand(base_, at), std::move(indices), value, lo, at)
             : scatter_set(Operand(base_, at), std::move(indices), value, lo, at);
}

}  // namespace oriel
