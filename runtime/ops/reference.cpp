#include "runtime/ops/reference.h"

#include <cstring>

#include "runtime/ops/infer.h"
#include "runtime/ops/reference_internal.h"

namespace oriel {
namespace reference {

Extents Call::Shape(std::string_view name) const {
  Extents extents;
  for (const Dim& dim : *attrs.Get<Dims>(name)) extents.push_back(dim.value());
  return extents;
}

namespace {

// The attributes with every dim evaluated.
absl::StatusOr<Attrs> EvaluateDims(OpKind kind, const Attrs& attrs, const DimBindings& bindings) {
  Attrs result = attrs;
  for (const auto& [name, value] : attrs.entries()) {
    const Dims* dims = std::get_if<Dims>(&value);
    if (dims == nullptr) continue;
    Dims evaluated;
    for (const Dim& dim : *dims) {
      absl::StatusOr<int64_t> extent = dim.Evaluate(bindings);
      if (!extent.ok()) return Prefixed(extent.status(), GetOpInfo(kind).mnemonic + " " + name);
      evaluated.push_back(*extent);
    }
    result.Set(name, std::move(evaluated));
  }
  return result;
}

absl::Status CopyAll(const Tensor& from, Tensor& to) {
  if (to.bytes() != 0) std::memcpy(to.raw(), from.raw(), to.bytes());
  return absl::OkStatus();
}

// Prints and watches are the identity here; an assert holds here too.
absl::Status CheckAssert(const Call& call) {
  const std::string* kind = call.attrs.Get<std::string>("kind");
  if (kind == nullptr || *kind != "assert") return absl::OkStatus();
  const std::string* message = call.attrs.Get<std::string>("message");
  const auto* counts = call.attrs.Get<std::vector<int64_t>>("counts");
  const size_t conditions = counts == nullptr ? call.operands.size() - 1 : counts->size();
  for (size_t k = 0; k < conditions; ++k) {
    const Tensor& condition = call.operands[1 + k];
    const bool* data = static_cast<const bool*>(condition.raw());
    for (int64_t i = 0; i < condition.size(); ++i) {
      if (!data[i]) return absl::FailedPreconditionError(message == nullptr ? "assertion failed" : *message);
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const Call& call) {
  if (IsElementwiseUnary(call.kind)) return Unary(call);
  if (IsElementwiseBinary(call.kind)) return Binary(call);
  switch (call.kind) {
    case OpKind::kConstant:
      return CopyAll(call.attrs.Get<Tensor>("value")->Contiguous(), call.results[0]);
    case OpKind::kIota:
      return Iota(call);
    case OpKind::kDimValue:
      *Data<int64_t>(call.results[0]) = call.Shape("dim")[0];
      return absl::OkStatus();
    case OpKind::kCompare:
      return Compare(call);
    case OpKind::kSelect:
      return Select(call);
    case OpKind::kCast: {
      ORIEL_ASSIGN_OR_RETURN(Tensor converted, call.operands[0].Cast(call.results[0].dtype()));
      return CopyAll(converted.Contiguous(), call.results[0]);
    }
    case OpKind::kBroadcast:
      return Broadcast(call);
    case OpKind::kTap:
      ORIEL_RETURN_IF_ERROR(CheckAssert(call));
      return CopyAll(call.operands[0], call.results[0]);
    case OpKind::kReshape:
    case OpKind::kTransfer:
      return CopyAll(call.operands[0], call.results[0]);
    case OpKind::kTranspose:
      return Transpose(call);
    case OpKind::kSlice:
      return Slice(call);
    case OpKind::kDynamicSlice:
      return DynamicSlice(call);
    case OpKind::kConcatenate:
      return Concatenate(call);
    case OpKind::kReduce:
      return Reduce(call);
    case OpKind::kArgMax:
    case OpKind::kArgMin:
      return ArgReduce(call);
    case OpKind::kSort:
    case OpKind::kArgSort:
      return Sort(call);
    case OpKind::kMatMul:
      return MatMul(call);
    case OpKind::kGather:
      return Gather(call);
    case OpKind::kScatter:
      return Scatter(call);
    default:
      return absl::UnimplementedError(GetOpInfo(call.kind).mnemonic + ": has no reference kernel");
  }
}

bool HasKernel(OpKind kind) {
  switch (kind) {
    case OpKind::kState:
    case OpKind::kStateRead:
    case OpKind::kStateUpdate:
    case OpKind::kLoop:
    case OpKind::kBranch:
    case OpKind::kYield:
    case OpKind::kObserve:
    case OpKind::kKernel:
    case OpKind::kDispatch:
      return false;
    default:
      return true;
  }
}

}  // namespace
}  // namespace reference

absl::StatusOr<std::vector<Tensor>> EvaluateOp(OpKind kind, const Attrs& attrs, absl::Span<const Tensor> operands,
                                               const DimBindings& dims) {
  if (kind == OpKind::kRows) {
    // Only the count says how many there are.
    ORIEL_ASSIGN_OR_RETURN(const Tensor rows, operands[0].Slice(0, 0, operands[1].ElementAsInt({})));
    return std::vector<Tensor>{rows.Contiguous()};
  }
  if (!reference::HasKernel(kind)) {
    return absl::UnimplementedError(GetOpInfo(kind).mnemonic + ": has no reference kernel");
  }
  ORIEL_ASSIGN_OR_RETURN(const Attrs evaluated, reference::EvaluateDims(kind, attrs, dims));
  std::vector<TensorType> types;
  std::vector<Tensor> contiguous;
  for (const Tensor& operand : operands) {
    types.push_back({operand.dtype(), Dims(operand.shape().begin(), operand.shape().end())});
    contiguous.push_back(operand.Contiguous());
  }
  ORIEL_ASSIGN_OR_RETURN(const std::vector<TensorType> result_types, InferTypes(kind, evaluated, types, nullptr));
  std::vector<Tensor> results;
  for (const TensorType& type : result_types) {
    Extents extents;
    for (const Dim& dim : type.shape) extents.push_back(dim.value());
    ORIEL_ASSIGN_OR_RETURN(Tensor result, Tensor::Empty(std::move(extents), type.dtype));
    results.push_back(std::move(result));
  }
  ORIEL_RETURN_IF_ERROR(reference::Run({kind, evaluated, contiguous, results}));
  return results;
}

std::string IndexErrorMessage(int64_t value, int64_t axis, int64_t bound, int64_t position, int64_t operand) {
  return "index " + std::to_string(value) + " is out of range for axis " + std::to_string(axis) + " with extent " +
         std::to_string(bound) + " (position " + std::to_string(position) + " of index operand " +
         std::to_string(operand) + ")";
}

}  // namespace oriel
