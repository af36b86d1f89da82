// Inference of ops with regions, and of those whose types are stated.
#include "runtime/ops/infer_internal.h"

namespace oriel {
namespace {

size_t LoopSequences(const Attrs& attrs) {
  const auto* steps = attrs.Get<std::vector<int64_t>>("steps");
  return steps == nullptr ? 0 : steps->size();
}

const Dim* LoopExtent(const Attrs& attrs) {
  const Dims* extent = attrs.Get<Dims>("extent");
  return extent == nullptr || extent->empty() ? nullptr : &extent->front();
}

bool Flag(const Attrs& attrs, std::string_view name) {
  const bool* value = attrs.Get<bool>(name);
  return value != nullptr && *value;
}

// How many iterations find a row, from `start` by `step`.
Dim RowsFrom(const Dim& start, int64_t step, const Dim& rows) {
  if (step > 0) return Dim::Max(Dim(0), Dim::CeilDiv(rows - start, step));
  return Dim::Max(Dim(0), Dim::CeilDiv(start + Dim(1), -step));
}

}  // namespace

namespace infer {

absl::StatusOr<Types> Control(const Context& c) {
  switch (c.kind) {
    case OpKind::kLoop: {
      // Without its body: the carried values alone.
      absl::StatusOr<Types> arguments = InferLoopArguments(c.attrs, c.operands, c.requirements);
      if (!arguments.ok()) return arguments.status();
      const size_t sequences = LoopSequences(c.attrs);
      return Types(c.operands.begin() + 1 + static_cast<int64_t>(sequences), c.operands.end());
    }
    case OpKind::kRows: {
      const TensorType &stack = c.operands[0], &count = c.operands[1];
      if (stack.rank() == 0) return c.Error("takes rows of " + ToString(stack) + ", required a rank of at least 1");
      if (count.dtype != DType::i64 || count.rank() != 0) return c.Error("the count must be int64 (), got " + ToString(count));
      ORIEL_ASSIGN_OR_RETURN(const Dims dim, c.Attr<Dims>("dim"));
      if (dim.size() != 1 || !dim[0].is_symbol()) return c.Error("the dim is " + oriel::ToString(dim) + ", required one symbol");
      Types types = {stack};
      types[0].shape[0] = dim[0];
      return types;
    }
    case OpKind::kTransfer:
      return Types{c.operands[0]};
    case OpKind::kTap:
      if (c.operands.empty()) return c.Error("takes a value to look at, got no operands");
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

absl::StatusOr<std::vector<TensorType>> InferLoopArguments(const Attrs& attrs, absl::Span<const TensorType> operands,
                                                           std::vector<DimRequirement>* requirements) {
  const infer::Context c{OpKind::kLoop, attrs, operands, requirements};
  if (operands.empty()) return c.Error("takes a trip count, got no operands");
  const TensorType& trips = operands[0];
  if (trips.dtype != DType::i64 || trips.rank() != 0) {
    return c.Error("the trip count must be int64 (), got " + ToString(trips));
  }
  const size_t count = LoopSequences(attrs);
  const Dims* starts = attrs.Get<Dims>("starts");
  if ((starts == nullptr ? 0 : starts->size()) != count) {
    return c.Error("has " + infer::Count(starts == nullptr ? 0 : starts->size(), "start") + " and " +
                   infer::Count(count, "step") + ", required one of each for a sequence");
  }
  if (operands.size() < 1 + count) {
    return c.Error("has " + infer::Count(operands.size() - 1, "operand") + " after the trip count, required at least " +
                   infer::Count(count, "sequence"));
  }
  if (const Dims* extent = attrs.Get<Dims>("extent"); extent != nullptr && extent->size() > 1) {
    return c.Error("the extent is " + oriel::ToString(*extent) + ", required one dim");
  }
  const Dim* extent = LoopExtent(attrs);
  if (extent != nullptr && extent->is_static() && extent->value() < 0) {
    return c.Error("the extent must not be negative, got " + extent->ToString());
  }
  if (count > 0 && extent == nullptr) return c.Error("has sequences, so it needs an extent");
  if (Flag(attrs, "reverse") && Flag(attrs, "until")) return c.Error("a reversed loop cannot stop early");
  if (Flag(attrs, "checked") && extent == nullptr) return c.Error("a trip count is checked against an extent, got none");
  std::vector<TensorType> arguments = {{DType::i64, {}}};
  for (size_t s = 0; s < count; ++s) {
    const TensorType& array = operands[1 + s];
    const std::string who = "sequence " + std::to_string(s);
    if (array.rank() == 0) return c.Error(who + " is " + ToString(array) + ", required a rank of at least 1");
    const Dim& start = (*starts)[s];
    const int64_t step = (*attrs.Get<std::vector<int64_t>>("steps"))[s];
    const Dim& rows = array.shape[0];
    if (step == 0) return c.Error(who + " has step 0");
    const std::string what = who + " (" + start.ToString() + " by " + std::to_string(step) + ") of " + rows.ToString() +
                             " rows";
    // Down from a row that exists, up from one that is not negative.
    const bool begins = step > 0 ? c.RequireAtMost(Dim(0), start, "the start of " + what)
                                 : c.RequireAtMost(start, rows - Dim(1), "the start of " + what);
    if (!begins || !c.RequireAtMost(*extent, RowsFrom(start, step, rows), "rows of " + what)) {
      return c.Error(what + " cannot give a row to each of " + extent->ToString() + " iterations");
    }
    arguments.push_back({array.dtype, Dims(array.shape.begin() + 1, array.shape.end())});
  }
  arguments.insert(arguments.end(), operands.begin() + 1 + static_cast<int64_t>(count), operands.end());
  return arguments;
}

absl::StatusOr<std::vector<TensorType>> InferLoop(const Attrs& attrs, absl::Span<const TensorType> operands,
                                                  absl::Span<const TensorType> yielded,
                                                  std::vector<DimRequirement>* requirements) {
  const infer::Context c{OpKind::kLoop, attrs, operands, requirements};
  const absl::Span<const TensorType> initial = operands.subspan(1 + LoopSequences(attrs));
  const bool until = Flag(attrs, "until");
  const size_t least = initial.size() + (until ? 1 : 0);
  if (yielded.size() < least) {
    return c.Error("the body returns " + infer::Count(yielded.size(), "value") + ", required " +
                   (until ? "at least " : "") + std::to_string(least) + ", one for each carried value" +
                   (until ? " and whether to stop" : ""));
  }
  std::vector<TensorType> results(initial.begin(), initial.end());
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
  const Dim* extent = LoopExtent(attrs);
  for (size_t i = initial.size(); i < yielded.size() - (until ? 1 : 0); ++i) {
    if (extent == nullptr) {
      return c.Error("the body returns " + infer::Count(yielded.size(), "value") + ", required " +
                     std::to_string(least) + ": values to collect need an extent");
    }
    TensorType stack = yielded[i];
    stack.shape.insert(stack.shape.begin(), *extent);
    results.push_back(std::move(stack));
  }
  if (until) {
    const TensorType& stop = yielded.back();
    if (stop.dtype != DType::boolean || stop.rank() != 0) {
      return c.Error("whether to stop must be bool (), got " + ToString(stop));
    }
    results.push_back({DType::i64, {}});
  }
  return results;
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
