#include "runtime/engine/guard_check.h"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "oriel/taps.h"
#include "runtime/core/status.h"
#include "runtime/core/tree_text.h"
#include "runtime/engine/lifetimes.h"
#include "runtime/engine/observe.h"

namespace oriel {
namespace {

// What was found in a value: where first, and how often.
struct Found {
  int64_t position = -1, count = 0;
};

template <typename T>
Found Scan(const T* data, int64_t size, bool infinities) {
  Found found;
  for (int64_t i = 0; i < size; ++i) {
    if (infinities ? std::isfinite(data[i]) : !std::isnan(data[i])) continue;
    if (found.count++ == 0) found.position = i;
  }
  return found;
}

// 16-bit floats by their bits: all of the exponent's set, and for a NaN some of
// the fraction's.
Found Scan16(const uint16_t* data, int64_t size, uint16_t exponent, bool infinities) {
  const uint16_t fraction = static_cast<uint16_t>(0x7fff & ~exponent);
  Found found;
  for (int64_t i = 0; i < size; ++i) {
    if ((data[i] & exponent) != exponent || (!infinities && (data[i] & fraction) == 0)) continue;
    if (found.count++ == 0) found.position = i;
  }
  return found;
}

Found Scan(const Tensor& value, bool infinities) {
  switch (value.dtype()) {
    case DType::f64:
      return Scan(static_cast<const double*>(value.raw()), value.size(), infinities);
    case DType::f32:
      return Scan(static_cast<const float*>(value.raw()), value.size(), infinities);
    case DType::f16:
      return Scan16(static_cast<const uint16_t*>(value.raw()), value.size(), 0x7c00, infinities);
    case DType::bf16:
      return Scan16(static_cast<const uint16_t*>(value.raw()), value.size(), 0x7f80, infinities);
    default:
      return {};
  }
}

std::string Flat(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

std::string ElementText(const Tensor& value, int64_t position) {
  absl::StatusOr<Tensor> flat = value.Reshape({value.size()});
  if (flat.ok()) flat = flat->Slice(0, position, position + 1);
  if (flat.ok()) flat = flat->Reshape({});
  return flat.ok() ? flat->ToString() : "?";
}

std::string TypeText(const Tensor& value) {
  return std::string(NumpyName(value.dtype())) + " " + ToString(value.shape());
}

std::string NodeText(const PreparedProgram& p, NodeId id, const std::string& otherwise) {
  const NodeInfo* node = p.program.nodes.Find(id);
  if (node == nullptr) return otherwise;
  std::string text = node->op;
  if (!node->name.empty()) text += " '" + node->name + "'";
  text += " [id " + IdLetters(id) + "]";
  const std::string where = node->Where();
  return where.empty() ? text : text + " (" + where + ")";
}

// What an operand has where the result went wrong.
std::string OperandText(const Tensor& value, const Extents& shape, int64_t position, bool infinities) {
  constexpr int64_t kSmall = 5;
  if (value.shape() == shape && value.rank() > 0) {
    return ElementText(value, position) + " at " + ToString(PositionOf(shape, position)) + " of " + TypeText(value);
  }
  if (value.size() <= kSmall) return Flat(value.ToString()) + ", " + TypeText(value);
  const Found found = Scan(value, infinities);
  if (found.count > 0) {
    return TypeText(value) + " with " + ElementText(value, found.position) + " at " + ToString(PositionOf(value.shape(), found.position));
  }
  std::string text = TypeText(value);
  const absl::StatusOr<std::vector<std::string>> range = PrintLines({"", {"min", "max"}}, value);
  if (range.ok()) text += ", " + (*range)[0] + ", " + (*range)[1];
  return text;
}

std::atomic<ReferenceFunction> reference_function{nullptr};

// The first element further from the reference than it may be.
absl::StatusOr<Found> Compare(const Tensor& actual, const ReferenceValue& expected) {
  Found found;
  const auto note = [&](int64_t i) {
    if (found.count++ == 0) found.position = i;
  };
  if (actual.shape() != expected.value.shape() || actual.dtype() != expected.value.dtype()) {
    return absl::InternalError("the reference kernel made " + TypeText(expected.value) + ", required " + TypeText(actual));
  }
  if (!IsFloat(actual.dtype())) {
    const char* a = static_cast<const char*>(actual.raw());
    const char* b = static_cast<const char*>(expected.value.raw());
    const size_t size = SizeOf(actual.dtype());
    for (int64_t i = 0; i < actual.size(); ++i) {
      if (std::memcmp(a + static_cast<size_t>(i) * size, b + static_cast<size_t>(i) * size, size) != 0) note(i);
    }
    return found;
  }
  ORIEL_ASSIGN_OR_RETURN(const Tensor a, actual.Cast(DType::f64));
  ORIEL_ASSIGN_OR_RETURN(const Tensor b, expected.value.Cast(DType::f64));
  const double* x = a.data<double>();
  const double* y = b.data<double>();
  const double* tolerance = expected.tolerance.data<double>();
  for (int64_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(x[i]) || std::isnan(y[i])) {
      if (std::isnan(x[i]) != std::isnan(y[i])) note(i);
    } else if (x[i] != y[i] && !(std::fabs(x[i] - y[i]) <= tolerance[i])) {
      note(i);
    }
  }
  return found;
}

std::string CountText(const Found& found, const Tensor& value) {
  if (value.rank() == 0) return "";
  return " at " + ToString(PositionOf(value.shape(), found.position)) + ", " + std::to_string(found.count) + " of " +
         std::to_string(value.size()) + " elements";
}

}  // namespace

absl::Status CheckInputs(CallContext* context) {
  const CallContext& c = *context;
  const PreparedProgram& p = *c.program;
  const bool infinities = c.check == CheckMode::kInf;
  if (c.check == CheckMode::kReference) return absl::OkStatus();
  const auto look = [&](int32_t b, const std::string& what) -> absl::Status {
    if (!IsFloat(p.buffer(b).dtype)) return absl::OkStatus();
    ORIEL_ASSIGN_OR_RETURN(const Tensor value, ViewOf(c, b));
    const Found found = Scan(value, infinities);
    if (found.count == 0) return absl::OkStatus();
    context->failed_node = p.buffer(b).node;
    return absl::FailedPreconditionError(what + " already holds " + ElementText(value, found.position) + " before the call" +
                                         CountText(found, value));
  };
  for (const InputDecl& input : p.program.inputs) {
    ORIEL_RETURN_IF_ERROR(look(input.buffer, "input '" + input.name + "'"));
  }
  for (const StateDecl& state : p.program.states) {
    ORIEL_RETURN_IF_ERROR(look(state.buffer, "state '" + state.name + "'"));
  }
  return absl::OkStatus();
}

void SetReferenceFunction(ReferenceFunction function) { reference_function.store(function); }

namespace {

std::string OperandsText(const CallContext& c, const std::vector<int32_t>& reads, const Extents& shape, int64_t position) {
  std::string text;
  for (size_t k = 0; k < reads.size(); ++k) {
    const absl::StatusOr<Tensor> operand = ViewOf(c, reads[k]);
    if (!operand.ok()) continue;
    const Buffer& buffer = c.program->buffer(reads[k]);
    text += "\n    operand " + std::to_string(k) + ": " + NodeText(*c.program, buffer.node, buffer.name) + " = " +
            OperandText(*operand, shape, position, c.check == CheckMode::kInf);
  }
  return text;
}

absl::Status CompareResult(const CallContext& c, int32_t s) {
  const PreparedProgram& p = *c.program;
  const auto* dispatch = std::get_if<DispatchStep>(&p.flat[s].step->op);
  if (dispatch == nullptr || dispatch->reference.empty() || dispatch->writes.size() != 1) return absl::OkStatus();
  const ReferenceFunction reference = reference_function.load();
  if (reference == nullptr) {
    return absl::UnimplementedError("check=reference needs the reference kernels, which come with compile()");
  }
  std::vector<Tensor> inputs;
  for (int32_t b : dispatch->reads) {
    ORIEL_ASSIGN_OR_RETURN(Tensor view, ViewOf(c, b));
    inputs.push_back(std::move(view));
  }
  DimBindings dims;
  for (size_t i = 0; i < p.program.symbols.size(); ++i) dims[p.program.symbols[i]] = c.dims->symbols[i];
  ORIEL_ASSIGN_OR_RETURN(const ReferenceValue expected, reference(dispatch->reference, inputs, dims));
  const int32_t b = dispatch->writes[0];
  ORIEL_ASSIGN_OR_RETURN(const Tensor actual, ViewOf(c, b));
  ORIEL_ASSIGN_OR_RETURN(const Found found, Compare(actual, expected));
  if (found.count == 0) return absl::OkStatus();
  return absl::InternalError(ElementText(actual, found.position) + " is the result of " + NodeText(p, dispatch->node, p.buffer(b).name) +
                             ", the reference kernel makes " + ElementText(expected.value, found.position) +
                             CountText(found, actual) + IterationText(c) +
                             OperandsText(c, dispatch->reads, actual.shape(), found.position));
}

}  // namespace

absl::Status CheckResults(const CallContext& c, int32_t s) {
  if (c.check == CheckMode::kReference) return CompareResult(c, s);
  const PreparedProgram& p = *c.program;
  const StepKind kind = p.steps[s].kind;
  // Loops and branches only pass on what steps in them made.
  if (kind != StepKind::kDispatch && kind != StepKind::kCopy) return absl::OkStatus();
  const StepAccess access = AccessOf(*p.flat[s].step);
  const bool infinities = c.check == CheckMode::kInf;
  for (int32_t b : access.writes) {
    if (!IsFloat(p.buffer(b).dtype)) continue;
    ORIEL_ASSIGN_OR_RETURN(const Tensor value, ViewOf(c, b));
    const Found found = Scan(value, infinities);
    if (found.count == 0) continue;
    // The node computed here: the buffer may be that of the loop or the state it is for.
    const NodeId computed = NodeOf(*p.flat[s].step);
    const NodeId id = computed == kNoNode ? p.buffer(b).node : computed;
    const std::string text = ElementText(value, found.position) + " is the result of " + NodeText(p, id, p.buffer(b).name) +
                       CountText(found, value) + IterationText(c) +
                       OperandsText(c, access.reads, value.shape(), found.position);
    return absl::FailedPreconditionError(text);
  }
  return absl::OkStatus();
}

}  // namespace oriel
