#include "runtime/ops/infer.h"

#include <algorithm>

#include "runtime/core/dim_node.h"
#include "runtime/ops/infer_internal.h"

namespace oriel {
namespace {

using Kind = DimAtom::Kind;

// The atom of a term of one factor.
Dim LoneDim(const DimTerm& term) {
  const DimAtom& atom = *term.factors[0];
  switch (atom.kind) {
    case Kind::kMin: return CombineDims(atom.args, Dim::Min);
    case Kind::kMax: return CombineDims(atom.args, Dim::Max);
    case Kind::kFloorDiv: return Dim::FloorDiv(atom.args[0], atom.args[1]);
    default: return Dim::CeilDiv(atom.args[0], atom.args[1]);
  }
}

// The atom when the dim is just one, else nullptr.
const DimAtom* LoneAtom(const Dim& dim) {
  const Dim::Node& node = dim.node();
  const bool lone = node.constant == 0 && node.terms.size() == 1 && node.terms[0].coefficient == 1 &&
                    node.terms[0].factors.size() == 1;
  return lone ? node.terms[0].factors[0].get() : nullptr;
}

// Nothing of it can be negative. Dims nest at most kMaxDimDepth deep, which bounds
// this recursion and the next.
bool HasNoNegativePart(const Dim& dim) {
  const Dim::Node& node = dim.node();
  if (node.constant < 0) return false;
  for (const DimTerm& term : node.terms) {
    if (term.coefficient < 0) return false;
    for (const auto& atom : term.factors) {
      const auto& args = atom->args;
      if (atom->kind == Kind::kCeilSqrt) continue;
      if (atom->symbol == kTooLargeSymbol) return false;
      // One walk over the arguments: two would be two to the depth in all.
      const bool is_known = atom->kind == Kind::kMax ? std::any_of(args.begin(), args.end(), HasNoNegativePart)
                                                     : std::all_of(args.begin(), args.end(), HasNoNegativePart);
      if (!is_known) return false;
    }
  }
  return true;
}

// `dim` with `by` instead of the min, max or quotient that is the one factor of `term`.
Dim Replace(const Dim& dim, const DimTerm& term, const Dim& by) {
  const Dim atom = LoneDim(term);
  return dim - Dim(term.coefficient) * atom + Dim(term.coefficient) * by;
}

// Tries at most *steps bounds: a min is at most, a max at least each argument, a
// quotient at most what is divided.
bool ProvablyNonNegative(const Dim& dim, int* steps) {
  if (HasNoNegativePart(dim)) return true;
  for (const DimTerm& term : dim.node().terms) {
    if (term.factors.size() != 1) continue;
    const DimAtom& atom = *term.factors[0];
    const bool is_added = term.coefficient > 0;
    if (atom.kind == Kind::kMin || atom.kind == Kind::kMax) {
      const auto holds = [&](const Dim& arg) {
        return --*steps >= 0 && ProvablyNonNegative(Replace(dim, term, arg), steps);
      };
      // The extreme value itself is one of the arguments.
      return (atom.kind == Kind::kMax) == is_added ? std::any_of(atom.args.begin(), atom.args.end(), holds)
                                                   : std::all_of(atom.args.begin(), atom.args.end(), holds);
    }
    const bool is_quotient = atom.kind == Kind::kFloorDiv || atom.kind == Kind::kCeilDiv;
    if (is_quotient && !is_added && atom.args[1].is_static() && atom.args[1].value() > 0 &&
        HasNoNegativePart(atom.args[0])) {
      return --*steps >= 0 && ProvablyNonNegative(Replace(dim, term, atom.args[0]), steps);
    }
  }
  return false;
}

bool ProvablyNonNegative(const Dim& dim) {
  int steps = 64;
  return ProvablyNonNegative(dim, &steps);
}

// The max of both, `distance` not being negative: what never is positive is left
// out, so that the extents of a chain of slices do not grow with it.
Dim AtLeast(const Dim& distance, const Dim& other) {
  return ProvablyNonNegative(-other) ? distance : Dim::Max(distance, other);
}

// high - low where low <= high is known: clips that cancel do so.
Dim Distance(const Dim& low, const Dim& high) {
  // high - min(a, high) = max(high - a, 0), and max(a, low) - low = max(a - low, 0).
  if (const DimAtom* atom = LoneAtom(low); atom != nullptr && atom->kind == Kind::kMin) {
    if (std::find(atom->args.begin(), atom->args.end(), high) != atom->args.end()) {
      Dim distance(0);
      for (const Dim& arg : atom->args) distance = AtLeast(distance, high - arg);
      return distance;
    }
  }
  if (const DimAtom* atom = LoneAtom(high); atom != nullptr && atom->kind == Kind::kMax) {
    if (std::find(atom->args.begin(), atom->args.end(), low) != atom->args.end()) {
      Dim distance(0);
      for (const Dim& arg : atom->args) distance = AtLeast(distance, arg - low);
      return distance;
    }
  }
  // high - max(a, b) = min(high - a, high - b), where that says it in fewer words.
  if (const DimAtom* atom = LoneAtom(low); atom != nullptr && atom->kind == Kind::kMax) {
    Dim distance = high - atom->args[0];
    for (const Dim& arg : atom->args) distance = Dim::Min(distance, high - arg);
    if (distance.node().size < (high - low).node().size) return distance;
  }
  return high - low;
}

}  // namespace

Dim SliceExtent(const Dim& start, const Dim& limit, int64_t step) {
  const Dim distance = step > 0 ? Distance(start, limit) : Distance(limit, start);
  const int64_t stride = step > 0 ? step : -step;
  return stride == 1 ? distance : Dim::CeilDiv(distance, stride);
}

bool ProvablyAtMost(const Dim& a, const Dim& b) {
  if (ProvablyNonNegative(b - a)) return true;
  if (const DimAtom* atom = LoneAtom(a)) {
    auto below = [&](const Dim& arg) { return ProvablyAtMost(arg, b); };
    if (atom->kind == Kind::kMin && std::any_of(atom->args.begin(), atom->args.end(), below)) return true;
    if (atom->kind == Kind::kMax && std::all_of(atom->args.begin(), atom->args.end(), below)) return true;
  }
  if (const DimAtom* atom = LoneAtom(b)) {
    auto above = [&](const Dim& arg) { return ProvablyAtMost(a, arg); };
    if (atom->kind == Kind::kMax && std::any_of(atom->args.begin(), atom->args.end(), above)) return true;
    if (atom->kind == Kind::kMin && std::all_of(atom->args.begin(), atom->args.end(), above)) return true;
  }
  return false;
}

std::string ToString(const TensorType& type) {
  return std::string(NumpyName(type.dtype)) + " " + ToString(type.shape);
}

DimOrder CompareDims(const Dim& a, const Dim& b) {
  if (a == b) return DimOrder::kEqual;
  const Dim difference = a - b;
  if (!difference.is_static()) return DimOrder::kUnknown;
  if (difference.value() == 0) return DimOrder::kEqual;
  return difference.value() < 0 ? DimOrder::kLess : DimOrder::kGreater;
}

namespace infer {

absl::Status Context::Error(const std::string& message) const {
  return absl::InvalidArgumentError(op() + ": " + message);
}

std::optional<Dim> Context::Unify(const Dim& a, const Dim& b, const std::string& what) const {
  switch (CompareDims(a, b)) {
    case DimOrder::kEqual:
      return a;
    case DimOrder::kLess:
    case DimOrder::kGreater:
      return std::nullopt;
    case DimOrder::kUnknown:
      break;
  }
  if (requirements != nullptr) requirements->push_back({a, b, op() + ": " + what});
  return b.is_static() ? b : a;
}

bool Context::RequireAtMost(const Dim& left, const Dim& right, const std::string& what) const {
  switch (CompareDims(left, right)) {
    case DimOrder::kEqual:
    case DimOrder::kLess:
      return true;
    case DimOrder::kGreater:
      return false;
    case DimOrder::kUnknown:
      break;
  }
  if (ProvablyAtMost(left, right)) return true;
  const Dim smaller = Dim::Min(left, right);
  if (requirements != nullptr) requirements->push_back({smaller, left, op() + ": " + what});
  return true;
}

absl::StatusOr<int64_t> Context::Axis(std::string_view name, int rank) const {
  ORIEL_ASSIGN_OR_RETURN(const int64_t axis, Attr<int64_t>(name));
  if (axis < 0 || axis >= rank) {
    return Error("axis " + std::to_string(axis) + " is out of range for a tensor of rank " + std::to_string(rank));
  }
  return axis;
}

absl::Status Context::CheckAxes(const std::vector<int64_t>& axes, int rank, std::string_view name) const {
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < 0 || axes[i] >= rank) {
      return Error(std::string(name) + " " + TupleOf(axes) + " must lie in [0, " + std::to_string(rank) + ")");
    }
    if (i > 0 && axes[i] <= axes[i - 1]) {
      return Error(std::string(name) + " " + TupleOf(axes) + " must be increasing");
    }
  }
  return absl::OkStatus();
}

absl::Status Context::CheckIndexOperands(size_t first) const {
  for (size_t i = first; i < operands.size(); ++i) {
    if (operands[i].dtype != DType::i64) {
      return Error("index operand " + std::to_string(i - first) + " must be int64, got " +
                   std::string(NumpyName(operands[i].dtype)));
    }
  }
  return absl::OkStatus();
}

std::string TupleOf(const std::vector<int64_t>& values) { return oriel::ToString(Extents(values)); }

std::string Count(size_t n, std::string_view noun) {
  return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

}  // namespace infer

absl::StatusOr<std::vector<TensorType>> InferTypes(OpKind kind, const Attrs& attrs,
                                                   absl::Span<const TensorType> operands,
                                                   std::vector<DimRequirement>* requirements) {
  const infer::Context context{kind, attrs, operands, requirements};
  const OpInfo& info = GetOpInfo(kind);
  if (info.operands >= 0 && operands.size() != static_cast<size_t>(info.operands)) {
    return context.Error("takes " + infer::Count(static_cast<size_t>(info.operands), "operand") + ", got " +
                         std::to_string(operands.size()));
  }
  switch (kind) {
    case OpKind::kConstant:
    case OpKind::kIota:
    case OpKind::kStateRead:
    case OpKind::kStateUpdate:
    case OpKind::kDimValue:
      return infer::Leaf(context);
    case OpKind::kBroadcast:
    case OpKind::kReshape:
    case OpKind::kTranspose:
    case OpKind::kSlice:
    case OpKind::kConcatenate:
      return infer::Shape(context);
    case OpKind::kReduce:
    case OpKind::kArgMax:
    case OpKind::kArgMin:
      return infer::Reduce(context);
    case OpKind::kSort:
    case OpKind::kArgSort:
      return infer::Sort(context);
    case OpKind::kMatMul:
      return infer::Contract(context);
    case OpKind::kDynamicSlice:
    case OpKind::kGather:
    case OpKind::kScatter:
      return infer::Index(context);
    case OpKind::kState:
    case OpKind::kLoop:
    case OpKind::kBranch:
    case OpKind::kYield:
    case OpKind::kKernel:
    case OpKind::kDispatch:
    case OpKind::kTransfer:
    case OpKind::kRows:
    case OpKind::kTap:
    case OpKind::kObserve:
      return infer::Control(context);
    default:
      return infer::Elementwise(context);
  }
}

}  // namespace oriel
