// Inference of ops with regions, and of those whose types are stated.
#include "runtime/ops/infer_internal.h"

namespace oriel {
namespace infer {

absl::StatusOr<Types> Control(const Context& c) {
  switch (c.kind) {
    case OpKind::kLoop: {
      if (c.operands.empty()) return c.Error("takes a trip count, got no operands");
      const TensorType& trips = c.operands[0];
      if (trips.dtype != DType::i64 || trips.rank() != 0) {
        return c.Error("the trip count must be int64 (), got " + ToString(trips));
      }
      return Types(c.operands.begin() + 1, c.operands.end());
    }
    case OpKind::kTransfer:
      return Types{c.operands[0]};
    case OpKind::kBranch: {
      const TensorType& condition = c.operands[0];
      if (condition.dtype != DType::boolean || condition.rank() != 0) {
        return c.Error("the condition must be bool (), got " + ToString(condition));
      }
      return Types{};
    }
    default:
      return c.Error("its types are stated, not inferred");
  }
}

}  // namespace infer

absl::Status CheckLoopBody(absl::Span<const TensorType> initial, absl::Span<const TensorType> yielded,
                           std::vector<DimRequirement>* requirements) {
  const infer::Context c{OpKind::kLoop, {}, {}, requirements};
  if (initial.size() != yielded.size()) {
    return c.Error("the body returns " + infer::Count(yielded.size(), "value") + ", required " +
                   std::to_string(initial.size()) + ", one for each carried value");
  }
  for (size_t i = 0; i < initial.size(); ++i) {
    const std::string both = "carried value " + std::to_string(i) + " starts as " + ToString(initial[i]) +
                             " and the body returns " + ToString(yielded[i]) + ": they must be equal";
    if (initial[i].dtype != yielded[i].dtype || initial[i].rank() != yielded[i].rank()) return c.Error(both);
    for (int axis = 0; axis < initial[i].rank(); ++axis) {
      if (!c.Unify(initial[i].shape[axis], yielded[i].shape[axis],
                   "axis " + std::to_string(axis) + " of carried value " + std::to_string(i))) {
        return c.Error(both);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferBranch(absl::Span<const TensorType> then_types,
                                                    absl::Span<const TensorType> else_types,
                                                    std::vector<DimRequirement>* requirements) {
  const infer::Context c{OpKind::kBranch, {}, {}, requirements};
  if (then_types.size() != else_types.size()) {
    return c.Error("the bodies return " + std::to_string(then_types.size()) + " and " +
                   infer::Count(else_types.size(), "value") + ": they must be equally many");
  }
  std::vector<TensorType> results(then_types.begin(), then_types.end());
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string both = "result " + std::to_string(i) + " is " + ToString(then_types[i]) + " in one body and " +
                             ToString(else_types[i]) + " in the other: they must be equal";
    if (results[i].dtype != else_types[i].dtype || results[i].rank() != else_types[i].rank()) return c.Error(both);
    for (int axis = 0; axis < results[i].rank(); ++axis) {
      std::optional<Dim> dim = c.Unify(results[i].shape[axis], else_types[i].shape[axis],
                                       "axis " + std::to_string(axis) + " of result " + std::to_string(i));
      if (!dim) return c.Error(both);
      results[i].shape[axis] = *dim;
    }
  }
  return results;
}

}  // namespace oriel
