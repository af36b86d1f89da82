// File: error_report.cpp
#include "runtime/engine/error_report.h"

#include <algorithm>
#include <limits>
#include <set>

#include "runtime/core/status.h"
#include "runtime/engine/reports.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

std::string Label(const Program& program, NodeId id) {
  const NodeInfo* node = program.nodes.Find(id);
  return node == nullptr ? "?" : node->Label();
}

// The name of what a node produces, as an operand is written.
std::string OperandName(const Program& program, NodeId id) {
  const NodeInfo* node = program.nodes.Find(id);
  if (node == nullptr) return "?";
  return node->name.empty() ? node->op + "#" + std::to_string(id) : node->name;
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
  *text += node->op + " [id " + std::to_string(id) + "]";
  if (!node->name.empty()) *text += " '" + node->name + "'";
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

std::string Debugprint(const PreparedProgram& p, NodeId id, int32_t step) {
  std::string text;
  std::set<NodeId> seen;
  DebugprintNode(p.program, id, 0, &seen, &text);
  const NodeInfo* node = p.program.nodes.Find(id);
  if (step >= 0 && (node == nullptr || node->operands.empty())) {
    for (int32_t b : AccessOf(*p.flat[step].step).reads) {
      const Buffer& buffer = p.buffer(b);
      text += " |" + buffer.name + " <" + std::string(NumpyName(buffer.dtype)) + " " + ToString(buffer.shape) + ">";
      const NodeInfo* source = p.program.nodes.Find(buffer.node);
      if (source != nullptr) text += " [id " + std::to_string(source->id) + "]" + (source->Where().empty() ? "" : " (" + source->Where() + ")");
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

// All sections after the message.
std::string Sections(const PreparedProgram& p, const ResolvedDims& d, const CallContext* context, NodeId id, int32_t step) {
  std::string text;
  const NodeInfo* node = p.program.nodes.Find(id);
  text += "\nNode that caused the error: " + NodeCall(p, id, step);
  if (node != nullptr) text += " [id " + std::to_string(id) + "]";
  text += "\nToposort index: " + std::to_string(step);
  text += "\nCreated at: ";
  text += node == nullptr || node->Where().empty() ? "unknown" : node->Where();
  const std::vector<std::string> chain = p.program.nodes.Chain(id);  // itself first
  for (size_t i = 1; i < chain.size(); ++i) text += "\n    " + chain[i];
  std::vector<std::string> types, shapes, strides, values;
  if (step >= 0) {
    for (int32_t b : AccessOf(*p.flat[step].step).reads) {
      const Buffer& buffer = p.buffer(b);
      types.push_back(std::string(NumpyName(buffer.dtype)) + " " + ToString(buffer.shape));
      shapes.push_back(ToString(d.shapes[b]));
      strides.push_back(StridesText(d.shapes[b], SizeOf(buffer.dtype)));
      values.push_back(context == nullptr ? "not shown" : ValueText(*context, b));
    }
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

// Steps that touch a root's storage, by label.
std::string ClientsOfRoot(const PreparedProgram& p, int32_t root) {
  std::string text;
  int shown = 0;
  for (int32_t s = 0; s < static_cast<int32_t>(p.flat.size()); ++s) {
    bool reads = false;
    for (int32_t b : AccessOf(*p.flat[s].step).reads) reads = reads || p.root(b) == root;
    if (!reads) continue;
    if (++shown > 4) return text + ", ...";
    text += (text.empty() ? "" : ", ") + Label(p.program, NodeOf(*p.flat[s].step)) + "@" + std::to_string(s);
  }
  return text.empty() ? "none" : text;
}

// "batch: 4096 (now 10000)": the largest values that fit, the others as they are.
std::string WhatFits(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra) {
  std::string text;
  const auto fits = [&](size_t symbol, int64_t value) {
    std::vector<int64_t> symbols = d.symbols;
    symbols[symbol] = value;
    const uint64_t peak = PlannedPeak(p, symbols);
    return peak != std::numeric_limits<uint64_t>::max() && peak + extra <= limit;
  };
  for (size_t i = 0; i < d.symbols.size(); ++i) {
    int64_t low = 0, high = d.symbols[i];
    text += "\n    " + p.program.symbols[i] + ": ";
    if (high == 0 || !fits(i, 0)) {
      text += "no value (now " + std::to_string(d.symbols[i]) + ")";
      continue;
    }
    while (high - low > 1) {  // fits(low), not fits(high)
      const int64_t middle = low + (high - low) / 2;
      (fits(i, middle) ? low : high) = middle;
    }
    text += "at most " + std::to_string(low) + " (now " + std::to_string(d.symbols[i]) + ")";
  }
  for (const StateDecl& state : p.program.states) {
    if (!state.updated || p.root(state.new_value) == state.buffer) continue;
    text += "\n    updating state '" + state.name + "' in place would save " + BytesText(RoundToAlignment(d.bytes[state.buffer])) +
            (state.remark.empty() ? "" : " (a shadow is used: " + state.remark + ")");
  }
  text += "\n    a limit of " + BytesText(d.planned_peak + extra);
  return text;
}

}  // namespace

std::string NodeCall(const PreparedProgram& p, NodeId id, int32_t step) {
  const NodeInfo* node = p.program.nodes.Find(id);
  if (node == nullptr && step < 0) return "none: the inputs, states and constants alone";
  std::string text = node == nullptr ? (step >= 0 ? "step" : "?") : node->op;
  std::string operands;
  if (node != nullptr && !node->operands.empty()) {
    for (NodeId operand : node->operands) operands += (operands.empty() ? "" : ", ") + OperandName(p.program, operand);
  } else if (step >= 0) {
    for (int32_t b : AccessOf(*p.flat[step].step).reads) operands += (operands.empty() ? "" : ", ") + p.buffer(b).name;
  }
  text += "(" + operands + ")";
  if (node != nullptr && !node->name.empty()) text += " '" + node->name + "'";
  return text;
}

absl::Status RunError(const CallContext& c) {
  const PreparedProgram& p = *c.program;
  const int32_t step = c.failed_step;
  NodeId id = step >= 0 ? NodeOf(*p.flat[step].step) : kNoNode;
  if (!c.failure.ok()) {
    return absl::Status(c.failure.code(), std::string(c.failure.message()) + Sections(p, *c.dims, &c, id, step));
  }
  const ErrorRecord& e = c.error;
  const auto* dispatch = std::get_if<DispatchStep>(&p.flat[step].step->op);
  if (dispatch != nullptr && e.ordinal >= 0 && e.ordinal < static_cast<int32_t>(dispatch->ordinals.size()) &&
      !dispatch->ordinals[e.ordinal].nodes.empty()) {
    id = dispatch->ordinals[e.ordinal].nodes.front();
  }
  if (e.code != static_cast<int32_t>(KernelError::kIndexOutOfRange)) {
    return absl::InternalError("kernel error " + std::to_string(e.code) + Sections(p, *c.dims, &c, id, step));
  }
  std::string message = "index " + std::to_string(e.value) + " is out of bounds for axis " + std::to_string(e.axis) + " with size " +
                        std::to_string(e.bound) + " (position " + std::to_string(e.position) + " of index operand " +
                        std::to_string(e.operand) + ")";
  return absl::OutOfRangeError(message + Sections(p, *c.dims, &c, id, step));
}

absl::Status MemoryError(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra, const std::string& why) {
  struct Live {
    int32_t root;      // -1: workspace
    uint64_t bytes;
    std::string name;
    const char* kind;
    std::string shape;
    NodeId node;
  };
  const auto describe = [&](int32_t b) {
    const Buffer& buffer = p.buffer(b);
    return Live{b, RoundToAlignment(d.bytes[b]), buffer.name, KindName(buffer.kind),
                ToString(d.shapes[b]) + " " + std::string(NumpyName(buffer.dtype)), buffer.node};
  };
  std::vector<Live> live;
  uint64_t held = extra;
  if (extra > 0) live.push_back({-1, extra, "contiguous copies of strided inputs", "temporary", "", kNoNode});
  for (int32_t b = 0; b < static_cast<int32_t>(p.program.buffers.size()); ++b) {
    if (p.root(b) != b || !p.life.of_root[b].whole_call) continue;
    live.push_back(describe(b));
    held += live.back().bytes;
  }
  // Walk the plan to the buffer that passes the limit (or, when the system gave
  // out below it, to the one at the peak).
  Live culprit{-1, held, "inputs, states and constants", "fixed", "", kNoNode};
  int32_t at_step = -1;
  uint64_t free_bytes = limit > held ? limit - held : 0;
  for (int32_t s = 0; s < static_cast<int32_t>(p.steps.size()) && held <= limit; ++s) {
    std::vector<Live> incoming;
    for (int32_t b = 0; b < static_cast<int32_t>(p.program.buffers.size()); ++b) {
      if (p.root(b) == b && !p.life.of_root[b].whole_call && p.life.of_root[b].begin == s) incoming.push_back(describe(b));
    }
    const ResolvedStep& step = d.steps[s];
    const NodeId node = NodeOf(*p.flat[s].step);
    if (step.scratch > 0) incoming.push_back({-1, step.scratch * static_cast<uint64_t>(p.workers), "scratch of step " + std::to_string(s), "workspace", "", node});
    if (step.shared > 0) incoming.push_back({-1, step.shared, "workspace of step " + std::to_string(s), "workspace", "", node});
    for (Live& next : incoming) {
      at_step = s;
      culprit = next;
      free_bytes = limit > held ? limit - held : 0;
      if (held + next.bytes > limit) {
        held += next.bytes;
        break;
      }
      held += next.bytes;
      live.push_back(std::move(next));
    }
    if (held > limit) break;
    if (p.flat[s].exit == d.peak_time && d.planned_peak + extra <= limit) break;
    live.erase(std::remove_if(live.begin(), live.end(), [&](const Live& l) {
      // A loop's or branch's own ends come after its body.
      int32_t ends_at = -1;
      if (l.root >= 0 && !p.life.of_root[l.root].whole_call) ends_at = p.flat[p.life.of_root[l.root].end].end - 1;
      const bool over = l.root >= 0 ? ends_at == s : std::string_view(l.kind) == "workspace";
      if (over) held -= l.bytes;
      return over;
    }), live.end());
  }
  NodeId id = culprit.node;
  if (id == kNoNode && at_step >= 0) id = NodeOf(*p.flat[at_step].step);
  std::string text = why + ": " + culprit.kind + " '" + culprit.name + "'" + (culprit.shape.empty() ? "" : " " + culprit.shape) + " needs " +
                     BytesText(culprit.bytes);
  text += Sections(p, d, nullptr, id, at_step);
  text += "\nRequested: " + BytesText(culprit.bytes);
  text += "\nFree: " + BytesText(free_bytes);
  text += "\nLimit: " + BytesText(limit);
  text += "\nStorage map:";
  std::sort(live.begin(), live.end(), [](const Live& a, const Live& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.name < b.name; });
  uint64_t total = 0;
  for (const Live& l : live) {
    total += l.bytes;
    const NodeInfo* node = p.program.nodes.Find(l.node);
    text += "\n    " + l.name + ", " + l.kind + (l.shape.empty() ? "" : ", " + l.shape) + ", " + BytesText(l.bytes);
    if (node != nullptr) text += ", " + node->Label() + (node->Where().empty() ? "" : " at " + node->Where());
    if (l.root >= 0) text += ", clients: " + ClientsOfRoot(p, l.root);
  }
  text += "\n    total: " + BytesText(total);
  text += "\nWhat would fit:" + WhatFits(p, d, limit, extra);
  return absl::ResourceExhaustedError(text);
}

}  // namespace oriel
