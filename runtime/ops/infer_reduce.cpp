// Inference of reductions.
#include <algorithm>

#include "runtime/ops/infer_internal.h"

namespace oriel::infer {
namespace {

// The largest of no elements is an error in NumPy, unless no result asks for it.
absl::Status CheckNotEmpty(const Context& c, const std::string& name, const std::vector<int64_t>& axes) {
  const TensorType& x = c.operands[0];
  auto is_reduced = [&](int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); };
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!is_reduced(axis) && x.shape[axis] == Dim(0)) return absl::OkStatus();
  }
  for (int64_t axis : axes) {
    const Dim& extent = x.shape[axis];
    if (extent == Dim(0)) {
      return c.Error(name + " of axis " + std::to_string(axis) + " of " + ToString(x.shape) +
                     " has no elements to choose from");
    }
    if (!extent.is_static() && c.requirements != nullptr) {
      c.requirements->push_back({Dim::Min(extent, 1), 1, c.op() + ": " + name + " needs an element on axis " +
                                                             std::to_string(axis)});
    }
  }
  return absl::OkStatus();
}

Dims ReducedShape(const Dims& shape, const std::vector<int64_t>& axes, bool keepdims) {
  Dims result;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) != axes.end();
    if (!reduced) result.push_back(shape[axis]);
    if (reduced && keepdims) result.push_back(1);
  }
  return result;
}

}  // namespace

absl::StatusOr<Types> Reduce(const Context& c) {
  const TensorType& x = c.operands[0];
  ORIEL_ASSIGN_OR_RETURN(const bool keepdims, c.Attr<bool>("keepdims"));
  if (c.kind != OpKind::kReduce) {
    ORIEL_RETURN_IF_ERROR(CheckDType(c.kind, x.dtype));
    ORIEL_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", x.rank()));
    ORIEL_RETURN_IF_ERROR(CheckNotEmpty(c, c.op(), {axis}));
    return Types{{DType::i64, ReducedShape(x.shape, {axis}, keepdims)}};
  }
  ORIEL_ASSIGN_OR_RETURN(const std::string kind, c.Attr<std::string>("kind"));
  ORIEL_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, c.Attr<std::vector<int64_t>>("axes"));
  const absl::Span<const std::string_view> kinds = EnumSpellings(AttrKind::kReduceKind);
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    return c.Error("unknown kind '" + kind + "', expected sum, prod, max, min, any, all or mean");
  }
  ORIEL_RETURN_IF_ERROR(c.CheckAxes(axes, x.rank(), "axes"));
  ORIEL_RETURN_IF_ERROR(CheckDType(c.kind, x.dtype, kind));
  if (kind == "max" || kind == "min") ORIEL_RETURN_IF_ERROR(CheckNotEmpty(c, kind, axes));
  return Types{{x.dtype, ReducedShape(x.shape, axes, keepdims)}};
}

}  // namespace oriel::infer
