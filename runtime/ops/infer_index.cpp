// Inference of the ops that read or write where values say.
#include "runtime/ops/infer_internal.h"

namespace oriel::infer {
namespace {

absl::StatusOr<Types> DynamicSlice(const Context& c) {
  if (c.operands.empty()) return c.Error("takes at least 1 operand, got 0");
  const TensorType& x = c.operands[0];
  ORIEL_ASSIGN_OR_RETURN(Dims sizes, c.Attr<Dims>("sizes"));
  const size_t starts = c.operands.size() - 1;
  if (starts != x.shape.size() || sizes.size() != x.shape.size()) {
    return c.Error("needs a start and a size for each axis of " + ToString(x.shape) + ", got " +
                   Count(starts, "start") + " and " + Count(sizes.size(), "size"));
  }
  ORIEL_RETURN_IF_ERROR(c.CheckIndexOperands(1));
  for (size_t i = 0; i < starts; ++i) {
    if (c.operands[1 + i].rank() != 0) {
      return c.Error("start " + std::to_string(i) + " must be a scalar, got shape " + ToString(c.operands[1 + i].shape));
    }
    const std::string axis = "axis " + std::to_string(i);
    if (!c.RequireAtMost(0, sizes[i], axis + ": 0 <= size") ||
        !c.RequireAtMost(sizes[i], x.shape[i], axis + ": size <= extent")) {
      return c.Error(axis + " of extent " + x.shape[i].ToString() + " has no block of size " + sizes[i].ToString());
    }
  }
  return Types{{x.dtype, std::move(sizes)}};
}

}  // namespace

// gather: x, indices...; scatter: x, updates, indices... The k index tensors
// have one shape and index axes [axis, axis + k).
absl::StatusOr<Types> Index(const Context& c) {
  if (c.kind == OpKind::kDynamicSlice) return DynamicSlice(c);
  const bool scatter = c.kind == OpKind::kScatter;
  const size_t first = scatter ? 2 : 1;
  if (c.operands.size() <= first) {
    return c.Error("takes at least " + Count(first + 1, "operand") + ", got " + std::to_string(c.operands.size()));
  }
  const TensorType& x = c.operands[0];
  const size_t k = c.operands.size() - first;
  if (scatter) {
    ORIEL_ASSIGN_OR_RETURN(const std::string kind, c.Attr<std::string>("kind"));
    if (kind != "add" && kind != "set") return c.Error("unknown kind '" + kind + "', expected add or set");
    ORIEL_RETURN_IF_ERROR(CheckDType(c.kind, x.dtype, kind));
  }
  ORIEL_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", x.rank()));
  if (axis + k > x.shape.size()) {
    return c.Error(Count(k, "index operand") + " from axis " + std::to_string(axis) + " on do not fit a tensor of rank " +
                   std::to_string(x.rank()));
  }
  ORIEL_RETURN_IF_ERROR(c.CheckIndexOperands(first));
  Dims index = c.operands[first].shape;
  for (size_t i = 1; i < k; ++i) {
    const Dims& other = c.operands[first + i].shape;
    const std::string both =
        "index operands must have equal shapes, got " + ToString(c.operands[first].shape) + " and " + ToString(other);
    if (other.size() != index.size()) return c.Error(both);
    for (size_t a = 0; a < index.size(); ++a) {
      std::optional<Dim> dim = c.Unify(index[a], other[a], "axis " + std::to_string(a) + " of the index operands");
      if (!dim) return c.Error(both);
      index[a] = *dim;
    }
  }
  Dims picked(x.shape.begin(), x.shape.begin() + axis);
  picked.insert(picked.end(), index.begin(), index.end());
  picked.insert(picked.end(), x.shape.begin() + axis + static_cast<int64_t>(k), x.shape.end());
  if (!scatter) return Types{{x.dtype, std::move(picked)}};

  const TensorType& updates = c.operands[1];
  const std::string both = "updates are " + ToString(updates) + ", required " + ToString(TensorType{x.dtype, picked});
  if (updates.dtype != x.dtype || updates.shape.size() != picked.size()) return c.Error(both);
  for (size_t a = 0; a < picked.size(); ++a) {
    if (!c.Unify(updates.shape[a], picked[a], "axis " + std::to_string(a) + " of the updates")) return c.Error(both);
  }
  return Types{x};
}

}  // namespace oriel::infer
