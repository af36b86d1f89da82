// Inference of the ops that move elements without computing.
#include "runtime/core/dim_node.h"
#include "runtime/core/out_of_bounds.h"
#include "runtime/ops/infer_internal.h"

namespace oriel::infer {
namespace {

absl::Status CheckNotNegative(const Context& c, const Dims& shape) {
  for (const Dim& dim : shape) {
    if (dim.is_static() && dim.value() < 0) return c.Error("shape " + ToString(shape) + " has a negative extent");
  }
  return absl::OkStatus();
}

absl::StatusOr<Types> Broadcast(const Context& c) {
  const TensorType& x = c.operands[0];
  ORIEL_ASSIGN_OR_RETURN(Dims shape, c.Attr<Dims>("shape"));
  ORIEL_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, c.Attr<std::vector<int64_t>>("axes"));
  ORIEL_RETURN_IF_ERROR(CheckNotNegative(c, shape));
  if (axes.size() != x.shape.size()) {
    return c.Error("axes " + TupleOf(axes) + " must name one result axis for each axis of the operand " +
                   ToString(x.shape));
  }
  ORIEL_RETURN_IF_ERROR(c.CheckAxes(axes, static_cast<int>(shape.size()), "axes"));
  for (size_t i = 0; i < axes.size(); ++i) {
    const Dim& from = x.shape[i];
    if (from.is_static() && from.value() == 1) continue;
    const Dim& to = shape[axes[i]];
    if (!c.Unify(from, to, "axis " + std::to_string(i) + " of the operand")) {
      return c.Error("cannot broadcast " + ToString(x.shape) + " to " + ToString(shape) + ": axis " +
                     std::to_string(i) + " is " + from.ToString() + ", required 1 or " + to.ToString());
    }
  }
  return Types{{x.dtype, std::move(shape)}};
}

absl::StatusOr<Types> Reshape(const Context& c) {
  const TensorType& x = c.operands[0];
  ORIEL_ASSIGN_OR_RETURN(Dims shape, c.Attr<Dims>("shape"));
  ORIEL_RETURN_IF_ERROR(CheckNotNegative(c, shape));
  const Dim from = NumElements(x.shape), to = NumElements(shape);
  if (!c.Unify(from, to, "number of elements")) {
    return c.Error("cannot reshape " + ToString(x.shape) + " with " + from.ToString() + " elements into " +
                   ToString(shape) + " with " + to.ToString());
  }
  return Types{{x.dtype, std::move(shape)}};
}

absl::StatusOr<Types> Transpose(const Context& c) {
  const TensorType& x = c.operands[0];
  ORIEL_ASSIGN_OR_RETURN(const std::vector<int64_t> permutation, c.Attr<std::vector<int64_t>>("permutation"));
  std::vector<bool> seen(x.shape.size());
  bool valid = permutation.size() == x.shape.size();
  Dims shape;
  for (int64_t axis : permutation) {
    valid = valid && axis >= 0 && axis < x.rank() && !seen[axis];
    if (!valid) break;
    seen[axis] = true;
    shape.push_back(x.shape[axis]);
  }
  if (!valid) {
    return c.Error("permutation " + TupleOf(permutation) + " must name each axis of " + ToString(x.shape) + " once");
  }
  return Types{{x.dtype, std::move(shape)}};
}

absl::StatusOr<Types> Slice(const Context& c) {
  const TensorType& x = c.operands[0];
  ORIEL_ASSIGN_OR_RETURN(const Dims starts, c.Attr<Dims>("starts"));
  ORIEL_ASSIGN_OR_RETURN(const Dims limits, c.Attr<Dims>("limits"));
  ORIEL_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, c.Attr<std::vector<int64_t>>("steps"));
  if (starts.size() != x.shape.size() || limits.size() != starts.size() || steps.size() != starts.size()) {
    return c.Error("needs a start, a limit and a step for each axis of " + ToString(x.shape) + ", got " +
                   Count(starts.size(), "start") + ", " + Count(limits.size(), "limit") + " and " +
                   Count(steps.size(), "step"));
  }
  Dims shape;
  for (size_t i = 0; i < starts.size(); ++i) {
    const std::string axis = "axis " + std::to_string(i);
    const Dim &start = starts[i], &limit = limits[i], &extent = x.shape[i];
    const std::string given = axis + " of extent " + extent.ToString() + ": start " + start.ToString() + ", limit " +
                              limit.ToString() + ", step " + std::to_string(steps[i]);
    if (steps[i] > 0 && limit - start == Dim(1)) {
      // One position: as an index is told about.
      const std::string what = OutOfBounds(start, static_cast<int>(i), extent);
      if (!c.RequireAtMost(0, start, what) || !c.RequireAtMost(limit, extent, what)) {
        return c.Error(given + ", required 0 <= start <= limit <= extent");
      }
    } else if (steps[i] > 0) {
      if (!c.RequireAtMost(0, start, axis + ": 0 <= start") || !c.RequireAtMost(start, limit, axis + ": start <= limit") ||
          !c.RequireAtMost(limit, extent, axis + ": limit <= extent")) {
        return c.Error(given + ", required 0 <= start <= limit <= extent");
      }
    } else if (steps[i] < 0) {
      if (!c.RequireAtMost(-1, limit, axis + ": -1 <= limit") || !c.RequireAtMost(limit, start, axis + ": limit <= start") ||
          !c.RequireAtMost(start + 1, extent, axis + ": start < extent")) {
        return c.Error(given + ", required -1 <= limit <= start < extent");
      }
    } else {
      return c.Error(given + ", required a step other than 0");
    }
    shape.push_back(SliceExtent(start, limit, steps[i]));
  }
  return Types{{x.dtype, std::move(shape)}};
}

absl::StatusOr<Types> Concatenate(const Context& c) {
  if (c.operands.empty()) return c.Error("takes at least 1 operand, got 0");
  const TensorType& first = c.operands[0];
  ORIEL_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", first.rank()));
  Dims shape = first.shape;
  std::vector<Dim> extents;
  for (size_t i = 1; i < c.operands.size(); ++i) {
    const TensorType& part = c.operands[i];
    const std::string both = "operand " + std::to_string(i) + " is " + ToString(part) + ", which must match " +
                             ToString(first) + " but for axis " + std::to_string(axis);
    if (part.dtype != first.dtype || part.rank() != first.rank()) return c.Error(both);
    for (int a = 0; a < part.rank(); ++a) {
      if (a == axis) {
        extents.push_back(part.shape[a]);
        continue;
      }
      std::optional<Dim> dim = c.Unify(shape[a], part.shape[a], "axis " + std::to_string(a) + " of the parts");
      if (!dim) return c.Error(both);
      shape[a] = *dim;
    }
  }
  // Of many parts one after another would take the time of their square.
  extents.push_back(shape[axis]);
  shape[axis] = CombineDims(std::move(extents), [](const Dim& a, const Dim& b) { return a + b; });
  return Types{{first.dtype, std::move(shape)}};
}

}  // namespace

absl::StatusOr<Types> Shape(const Context& c) {
  switch (c.kind) {
    case OpKind::kBroadcast:
      return Broadcast(c);
    case OpKind::kReshape:
      return Reshape(c);
    case OpKind::kTranspose:
      return Transpose(c);
    case OpKind::kSlice:
      return Slice(c);
    default:
      return Concatenate(c);
  }
}

}  // namespace oriel::infer
