// File: error_report.cpp
#include "runtime/engine/error_report.h"

#include <algorithm>
#include <limits>
#include <set>

#include "oriel/config.h"
#include "runtime/core/status.h"
#include "runtime/core/tree_text.h"
#include "runtime/engine/reports.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

std::string Label(const Program& program, NodeId id) {
  const NodeInfo* node = program.nodes.Find(id);
  return node == nullptr ? "?" : node->Label();
}

std::string FullName(const NodeInfo& node) { return (node.scope.empty() ? "" : node.scope + "/") + node.name; }

// The name of what a node produces, as an operand is written.
std::string OperandName(const Program& program, NodeId id) {
  const NodeInfo* node = program.nodes.Find(id);
  if (node == nullptr) return "?";
  return node->name.empty() ? node->op + "#" + std::to_string(id) : FullName(*node);
}

std::string StridesText(const Extents& shape, size_t element) {
  Extents strides(shape.size());
  int64_t stride = static_cast<int64_t>(element);
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
  return ToString(strides);
}

std::string Join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return "[" + text + "]";
}

std::string OneLine(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

// A buffer's elements when there are at most five of them.
std::string ValueText(const CallContext& c, int32_t b) {
  const ResolvedDims& d = *c.dims;
  const Buffer& buffer = c.program->buffer(b);
  int64_t size = 1;
  for (int64_t extent : d.shapes[b]) size *= extent;
  const int32_t root = c.program->root(b);
  char* data = c.address[root];
  if (size > 5 || data == nullptr) return "not shown";
  // Guarded buffers are out of reach once their life has ended.
  if (c.apart != nullptr && c.apart->of_root[root].data() != nullptr && !c.apart->of_root[root].is_open()) {
    return "not shown";
  }
  if (size == 0) return "[]";
  absl::StatusOr<Tensor> view = Tensor::Borrow(data, d.shapes[b], {}, buffer.dtype, {}, /*read_only=*/true);
  return view.ok() ? OneLine(view->ToString()) : "not shown";
}

void DebugprintNode(const Program& program, NodeId id, int depth, std::set<NodeId>* seen, std::string* text) {
  const NodeInfo* node = program.nodes.Find(id);
  if (node == nullptr) return;
  for (int i = 0; i < depth; ++i) *text += " |";
  *text += node->op + " [id " + IdLetters(id) + "]";
  if (!node->name.empty()) *text += " '" + FullName(*node) + "'";
  if (const std::string where = node->Where(); !where.empty()) *text += " (" + where + ")";
  const bool repeated = !seen->insert(id).second && !node->operands.empty();
  *text += repeated ? " (shown above)\n" : "\n";
  if (repeated) return;
  if (depth >= 4 && !node->operands.empty()) {
    for (int i = 0; i <= depth; ++i) *text += " |";
    *text += "...\n";
    return;
  }
  for (NodeId operand : node->operands) DebugprintNode(program, operand, depth + 1, seen, text);
}

// What a tap reads is not what its node is made of.
bool IsObserve(const PreparedProgram& p, int32_t step) {
  return std::holds_alternative<ObserveStep>(p.flat[step].step->op);
}

std::string Debugprint(const PreparedProgram& p, NodeId id, int32_t step) {
  std::string text;
  std::set<NodeId> seen;
  DebugprintNode(p.program, id, 0, &seen, &text);
  const NodeInfo* node = p.program.nodes.Find(id);
  if (step >= 0 && (node == nullptr || node->operands.empty()) && !IsObserve(p, step)) {
    for (int32_t b : AccessOf(*p.flat[step].step).reads) {
      const Buffer& buffer = p.buffer(b);
      text += " |" + buffer.name + " <" + std::string(NumpyName(buffer.dtype)) + " " + ToString(buffer.shape) + ">";
      const NodeInfo* source = p.program.nodes.Find(buffer.node);
      if (source != nullptr) text += " [id " + IdLetters(source->id) + "]" + (source->Where().empty() ? "" : " (" + source->Where() + ")");
      text += "\n";
    }
  }
  return text;
}

// The steps that read what `step` writes, per output.
std::string ClientsText(const PreparedProgram& p, int32_t step) {
  std::vector<std::string> outputs;
  for (int32_t written : AccessOf(*p.flat[step].step).writes) {
    std::vector<std::string> clients;
    for (int32_t s = 0; s < static_cast<int32_t>(p.flat.size()); ++s) {
      const std::vector<int32_t> reads = AccessOf(*p.flat[s].step).reads;
      if (std::find(reads.begin(), reads.end(), written) == reads.end()) continue;
      clients.push_back(Label(p.program, NodeOf(*p.flat[s].step)) + "@" + std::to_string(s));
    }
    for (const OutputDecl& output : p.program.outputs) {
      if (output.buffer == written) clients.push_back("output " + output.name);
    }
    for (const StateDecl& state : p.program.states) {
      if (state.updated && state.new_value == written) clients.push_back("state " + state.name);
    }
    outputs.push_back(Join(clients));
  }
  return Join(outputs);
}

// The buffers that hold a node's operands, of those that have one (what is
// computed within a kernel has none). `node` may be null.
std::vector<int32_t> OperandBuffers(const PreparedProgram& p, const NodeInfo* node) {
  std::vector<int32_t> buffers;
  if (node == nullptr) return buffers;
  for (NodeId operand : node->operands) {
    for (int32_t b = 0; b < static_cast<int32_t>(p.program.buffers.size()); ++b) {
      if (p.buffer(b).node != operand || p.buffer(b).kind == BufferKind::kWorkspace) continue;
      buffers.push_back(b);
      break;
    }
  }
  return buffers;
}

}  // namespace

int32_t StepOf(const PreparedProgram& p, NodeId id) {
  int32_t within = -1;
  for (int32_t s = 0; s < static_cast<int32_t>(p.flat.size()); ++s) {
    if (id != kNoNode && NodeOf(*p.flat[s].step) == id && !IsObserve(p, s)) return s;
    const auto* dispatch = std::get_if<DispatchStep>(&p.flat[s].step->op);
    if (dispatch == nullptr || within >= 0) continue;
    for (const OrdinalNodes& ordinal : dispatch->ordinals) {
      if (std::find(ordinal.nodes.begin(), ordinal.nodes.end(), id) != ordinal.nodes.end()) within = s;
    }
  }
  return within;
}

std::string ErrorSections(const PreparedProgram& p, const ResolvedDims& d, const CallContext* context, NodeId id, int32_t step) {
  std::string text;
  const NodeInfo* node = p.program.nodes.Find(id);
  text += std::string(kFirstSection) + NodeCall(p, id, step);
  if (node != nullptr) text += " [id " + IdLetters(id) + "]";
  text += "\nToposort index: " + std::to_string(step);
  text += "\nCreated at: ";
  text += node == nullptr || node->Where().empty() ? "unknown" : node->Where();
  const std::vector<std::string> chain = p.program.nodes.Chain(id);  // itself first
  for (size_t i = 1; i < chain.size(); ++i) text += "\n    " + chain[i];
  if (Config::errors_are_short()) return text;
  std::vector<std::string> types, shapes, strides, values;
  // Before the run the node's own operands, where all are there to be shown.
  std::vector<int32_t> inputs = context == nullptr ? OperandBuffers(p, node) : std::vector<int32_t>();
  const bool all = node != nullptr && !inputs.empty() && inputs.size() == node->operands.size();
  if (step >= 0 && !all) inputs = AccessOf(*p.flat[step].step).reads;
  for (int32_t b : inputs) {
    const Buffer& buffer = p.buffer(b);
    types.push_back(std::string(NumpyName(buffer.dtype)) + " " + ToString(buffer.shape));
    shapes.push_back(ToString(d.shapes[b]));
    strides.push_back(StridesText(d.shapes[b], SizeOf(buffer.dtype)));
    values.push_back(context == nullptr ? "not shown" : ValueText(*context, b));
  }
  text += "\nInputs types: " + Join(types);
  text += "\nInputs shapes: " + Join(shapes);
  text += "\nInputs strides: " + Join(strides);
  text += "\nInputs values: " + Join(values);
  text += "\nOutputs clients: " + (step >= 0 ? ClientsText(p, step) : "[]");
  text += "\nDebugprint of the node:\n" + Debugprint(p, id, step);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string NodeCall(const PreparedProgram& p, NodeId id, int32_t step) {
  const NodeInfo* node = p.program.nodes.Find(id);
  if (node == nullptr && step < 0) return "none: the inputs, states and constants alone";
  std::string text = node == nullptr ? (step >= 0 ? "step" : "?") : node->op;
  std::string operands;
  if (node != nullptr && !node->operands.empty()) {
    for (NodeId operand : node->operands) operands += (operands.empty() ? "" : ", ") + OperandName(p.program, operand);
  } else if (step >= 0 && !IsObserve(p, step)) {
    for (int32_t b : AccessOf(*p.flat[step].step).reads) operands += (operands.empty() ? "" : ", ") + p.buffer(b).name;
  }
  text += "(" + operands + ")";
  if (node != nullptr && !node->name.empty()) text += " '" + FullName(*node) + "'";
  return text;
}

absl::Status RunError(const CallContext& c) {
  const PreparedProgram& p = *c.program;
  const int32_t step = c.failed_step;
  if (c.told) return c.failure;
  NodeId id = step >= 0 ? NodeOf(*p.flat[step].step) : c.failed_node;
  if (!c.failure.ok()) {
    return absl::Status(c.failure.code(), std::string(c.failure.message()) + ErrorSections(p, *c.dims, &c, id, step));
  }
  const ErrorRecord& e = c.error;
  const auto* dispatch = std::get_if<DispatchStep>(&p.flat[step].step->op);
  if (dispatch != nullptr && e.ordinal >= 0 && e.ordinal < static_cast<int32_t>(dispatch->ordinals.size()) &&
      !dispatch->ordinals[e.ordinal].nodes.empty()) {
    id = dispatch->ordinals[e.ordinal].nodes.front();
  }
  if (e.code != static_cast<int32_t>(KernelError::kIndexOutOfRange)) {
    return absl::InternalError("kernel error " + std::to_string(e.code) + ErrorSections(p, *c.dims, &c, id, step));
  }
  std::string message = "index " + std::to_string(e.value) + " is out of bounds for axis " + std::to_string(e.axis) + " with size " +
                        std::to_string(e.bound) + " (position " + std::to_string(e.position) + " of index operand " +
                        std::to_string(e.operand) + ")";
  return absl::OutOfRangeError(message + ErrorSections(p, *c.dims, &c, id, step));
}

}  // namespace oriel
