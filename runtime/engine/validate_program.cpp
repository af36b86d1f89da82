// File: validate_program.cpp
//
// ValidateProgram: a program comes from a file, so nothing in it is trusted
// until it has been looked at here. What depends on dim values (sizes that must
// agree, task counts) is checked when a call resolves its dims.
#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "runtime/core/status.h"
#include "runtime/engine/lifetimes.h"
#include "runtime/engine/program_io.h"

namespace oriel {
namespace {

// Of a time in nanoseconds (two weeks) and of a number of bytes.
constexpr int64_t kMostCost = int64_t{1} << 50;
// Of a sum of these.
constexpr int64_t kMostCosts = int64_t{1} << 60;

class Validator {
 public:
  explicit Validator(const Program& program) : p_(program) {}

  absl::Status Run() {
    ORIEL_RETURN_IF_ERROR(Symbols());
    ORIEL_RETURN_IF_ERROR(Nodes());
    ORIEL_RETURN_IF_ERROR(Costs());
    ORIEL_RETURN_IF_ERROR(Buffers());
    ORIEL_RETURN_IF_ERROR(Depth(p_.steps, 0));
    ORIEL_RETURN_IF_ERROR(Declarations());
    steps_ = FlattenSteps(p_);
    const size_t n = p_.buffers.size();
    allocated_.assign(n, -1);
    released_.assign(n, false);
    row_open_.assign(n, false);
    row_written_.assign(n, false);
    row_used_.assign(n, false);
    defined_.assign(n, false);
    for (size_t b = 0; b < n; ++b) {
      const BufferKind kind = p_.buffers[b].kind;
      if (kind == BufferKind::kInput || kind == BufferKind::kState || kind == BufferKind::kConstant) {
        defined_[b] = true;
      }
    }
    ORIEL_RETURN_IF_ERROR(Body(0, static_cast<int32_t>(steps_.size()), 0));
    return Ends();
  }

 private:
  static absl::Status Bad(const std::string& what) { return absl::InvalidArgumentError(what); }
  absl::Status BadStep(int32_t s, const std::string& what) const {
    return Bad("step " + std::to_string(s) + ": " + what);
  }
  std::string Name(int32_t b) const {
    return "buffer " + std::to_string(b) + " '" + p_.buffers[b].name + "'";
  }
  bool IsBuffer(int32_t b) const { return b >= 0 && b < static_cast<int32_t>(p_.buffers.size()); }
  bool IsNode(NodeId id) const { return id >= kNoNode && id < static_cast<NodeId>(p_.nodes.size()); }

  absl::Status CheckDim(const Dim& dim, const std::string& where) const {
    if (dim.is_static()) return absl::OkStatus();
    std::vector<std::string> names;
    dim.CollectSymbols(&names);
    for (const std::string& name : names) {
      if (!symbols_.count(name)) return Bad(where + ": unknown dim symbol '" + name + "' in " + dim.ToString());
    }
    return absl::OkStatus();
  }
  // And every symbol in it has a value by now.
  absl::Status CheckBound(const Dim& dim, const std::string& where) const {
    ORIEL_RETURN_IF_ERROR(CheckDim(dim, where));
    if (dim.is_static() || bound_.size() == symbols_.size()) return absl::OkStatus();
    std::vector<std::string> names;
    dim.CollectSymbols(&names);
    for (const std::string& name : names) {
      if (!bound_.count(name)) return Bad(where + ": dim symbol '" + name + "' in " + dim.ToString() + " is not bound here");
    }
    return absl::OkStatus();
  }
  absl::Status CheckBound(int32_t s, int32_t b) const {
    for (const Dim& dim : p_.buffers[b].shape) ORIEL_RETURN_IF_ERROR(CheckBound(dim, "step " + std::to_string(s) + ": " + Name(b)));
    return absl::OkStatus();
  }

  absl::Status CollectBinds(const std::vector<Step>& body, std::unordered_set<std::string>* binds) const {
    for (const Step& step : body) {
      if (const auto* bind = std::get_if<BindStep>(&step.op)) {
        if (bind->symbol < 0 || bind->symbol >= static_cast<int32_t>(p_.symbols.size())) return Bad("a step binds dim symbol " + std::to_string(bind->symbol) + " of " + std::to_string(p_.symbols.size()));
        const std::string& name = p_.symbols[static_cast<size_t>(bind->symbol)];
        if (!binds->insert(name).second) return Bad("dim symbol '" + name + "' is bound by two steps");
      } else if (const auto* loop = std::get_if<LoopStep>(&step.op)) {
        ORIEL_RETURN_IF_ERROR(CollectBinds(loop->body, binds));
      } else if (const auto* branch = std::get_if<BranchStep>(&step.op)) {
        ORIEL_RETURN_IF_ERROR(CollectBinds(branch->then_body, binds));
        ORIEL_RETURN_IF_ERROR(CollectBinds(branch->else_body, binds));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Symbols() {
    for (const std::string& name : p_.symbols) {
      if (name.empty()) return Bad("a dim symbol has no name");
      if (!symbols_.insert(name).second) return Bad("dim symbol '" + name + "' is listed twice");
    }
    return absl::OkStatus();
  }

  absl::Status Nodes() {
    for (size_t i = 0; i < p_.nodes.size(); ++i) {
      const NodeInfo& node = p_.nodes.nodes()[i];
      for (NodeId from : node.from) {
        if (!IsNode(from) || from == kNoNode) {
          return Bad("node " + std::to_string(i) + " comes from node " + std::to_string(from) + ", of " +
                     std::to_string(p_.nodes.size()));
        }
      }
      for (NodeId operand : node.operands) {
        if (!IsNode(operand)) return Bad("node " + std::to_string(i) + " has operand " + std::to_string(operand));
      }
    }
    return absl::OkStatus();
  }

  // Reports add these up.
  absl::Status Costs() {
    const CompileCosts& costs = p_.costs;
    const auto in_range = [](std::initializer_list<int64_t> values) {
      return std::all_of(values.begin(), values.end(), [](int64_t v) { return v >= 0 && v <= kMostCost; });
    };
    // Of each the sum up to here: one more cost in range does not overflow it.
    int64_t phases = 0, passes = 0, kernels = 0, code = 0, of_nodes = 0;
    const auto add = [](int64_t* sum, std::initializer_list<int64_t> values, const std::string& what, const char* unit) {
      for (const int64_t value : values) {
        if ((*sum += value) > kMostCosts) return Bad(what + " more than " + std::to_string(kMostCosts) + " " + unit + " together");
      }
      return absl::OkStatus();
    };
    for (const auto& [phase, ns] : costs.phases) {
      if (!in_range({ns})) return Bad("the phase '" + phase + "' took " + std::to_string(ns) + " ns");
      ORIEL_RETURN_IF_ERROR(add(&phases, {ns}, "the phases took", "ns"));
    }
    for (const CompileCosts::Pass& pass : costs.passes) {
      if (!in_range({pass.ns})) return Bad("the pass '" + pass.name + "' took " + std::to_string(pass.ns) + " ns");
      ORIEL_RETURN_IF_ERROR(add(&passes, {pass.ns}, "the passes took", "ns"));
    }
    if (!in_range({costs.kernels_ns}) || costs.threads < 1) return Bad("kernels were compiled by " + std::to_string(costs.threads) + " threads in " + std::to_string(costs.kernels_ns) + " ns");
    for (const CompileCosts::Kernel& kernel : costs.kernels) {
      const std::string who = "the cost of kernel '" + kernel.name + "'";
      if (kernel.uses < 1) return Bad(who + ": " + std::to_string(kernel.uses) + " uses");
      if (!in_range({kernel.code_bytes, kernel.cache_ns, kernel.codegen_ns, kernel.lowering_ns, kernel.llvm_ns})) return Bad(who + " is out of range");
      ORIEL_RETURN_IF_ERROR(add(&kernels, {kernel.cache_ns, kernel.codegen_ns, kernel.lowering_ns, kernel.llvm_ns}, "the kernels took", "ns"));
      ORIEL_RETURN_IF_ERROR(add(&code, {kernel.code_bytes}, "the kernels' code has", "bytes"));
      if (kernel.nodes.size() != kernel.node_bytes.size()) return Bad(who + ": " + std::to_string(kernel.nodes.size()) + " nodes with code of " + std::to_string(kernel.node_bytes.size()));
      for (size_t i = 0; i < kernel.nodes.size(); ++i) {
        if (!IsNode(kernel.nodes[i]) || kernel.nodes[i] == kNoNode) return Bad(who + " names node " + std::to_string(kernel.nodes[i]) + " of " + std::to_string(p_.nodes.size()));
        if (!in_range({kernel.node_bytes[i]})) return Bad(who + ": node " + std::to_string(kernel.nodes[i]) + " has " + std::to_string(kernel.node_bytes[i]) + " bytes of code");
        ORIEL_RETURN_IF_ERROR(add(&of_nodes, {kernel.node_bytes[i]}, "the kernels' nodes have", "bytes of code"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Buffers() {
    roots_ = AliasRoots(p_.buffers);
    std::vector<int32_t> special(p_.buffers.size(), -1);
    for (int32_t b = 0; b < static_cast<int32_t>(p_.buffers.size()); ++b) {
      const Buffer& buffer = p_.buffers[b];
      if (buffer.kind > BufferKind::kKept || buffer.dtype > DType::boolean) return Bad(Name(b) + ": unknown kind or dtype");
      if (roots_[b] < 0) return Bad(Name(b) + ": its alias chain is a cycle or leaves the table");
      if (!IsNode(buffer.node)) return Bad(Name(b) + ": unknown node " + std::to_string(buffer.node));
      if (buffer.shape.size() > 64) return Bad(Name(b) + ": rank " + std::to_string(buffer.shape.size()) + ", at most 64");
      for (const Dim& dim : buffer.shape) {
        ORIEL_RETURN_IF_ERROR(CheckDim(dim, Name(b)));
        if (dim.is_static() && dim.value() < 0) return Bad(Name(b) + ": negative extent " + dim.ToString());
      }
      const bool plain = buffer.kind == BufferKind::kTemporary || buffer.kind == BufferKind::kWorkspace;
      if (!plain) {
        if (buffer.alias_of != -1) return Bad(Name(b) + ": only temporaries may alias another buffer");
        special[b] = b;
      }
      if (buffer.kind == BufferKind::kKept && !IsStatic(buffer.shape)) return Bad(Name(b) + ": kept with the shape " + ToString(buffer.shape) + ", required a static one");
      const bool is_constant = buffer.kind == BufferKind::kConstant;
      if (is_constant != (buffer.constant != -1)) return Bad(Name(b) + ": kind and constant index disagree");
      const bool is_state = buffer.kind == BufferKind::kState;
      if (is_state != (buffer.state != -1)) return Bad(Name(b) + ": kind and state index disagree");
      if (is_constant) {
        if (buffer.constant < 0 || buffer.constant >= static_cast<int32_t>(p_.constants.size())) {
          return Bad(Name(b) + ": constant " + std::to_string(buffer.constant) + " of " + std::to_string(p_.constants.size()));
        }
        ORIEL_RETURN_IF_ERROR(CheckConstant(b, buffer.constant));
      }
      if (is_state && (buffer.state < 0 || buffer.state >= static_cast<int32_t>(p_.states.size()))) {
        return Bad(Name(b) + ": state " + std::to_string(buffer.state) + " of " + std::to_string(p_.states.size()));
      }
    }
    return absl::OkStatus();
  }

  // A constant's (or initial state's) bytes are those its buffer's shape needs.
  absl::Status CheckConstant(int32_t b, int32_t constant) const {
    const Buffer& buffer = p_.buffers[b];
    if (!IsStatic(buffer.shape)) return Bad(Name(b) + ": a constant or state must have a static shape, it has " + ToString(buffer.shape));
    __int128 bytes = static_cast<__int128>(SizeOf(buffer.dtype));
    for (const Dim& dim : buffer.shape) {
      bytes *= dim.value();
      if (bytes > (__int128{1} << 62)) return Bad(Name(b) + ": its size overflows");
    }
    const size_t have = p_.constants[constant].data.size();
    if (bytes != static_cast<__int128>(have)) {
      return Bad(Name(b) + ": shape " + ToString(buffer.shape) + " needs " + std::to_string(static_cast<uint64_t>(bytes)) +
                 " bytes, the constant has " + std::to_string(have));
    }
    return absl::OkStatus();
  }

  absl::Status Declarations() {
    std::vector<int> declared(p_.buffers.size(), 0);
    std::unordered_set<std::string> names, binds;
    ORIEL_RETURN_IF_ERROR(CollectBinds(p_.steps, &binds));
    for (size_t i = 0; i < p_.inputs.size(); ++i) {
      const InputDecl& input = p_.inputs[i];
      const std::string who = "input " + std::to_string(i) + " '" + input.name + "'";
      if (!names.insert(input.name).second) return Bad(who + ": its name is used twice");
      if (!IsBuffer(input.buffer) || p_.buffers[input.buffer].kind != BufferKind::kInput) return Bad(who + ": its buffer is no input buffer");
      if (declared[input.buffer]++) return Bad(who + ": its buffer belongs to another input");
      if (!IsNode(input.node)) return Bad(who + ": unknown node");
      for (const Dim& dim : p_.buffers[input.buffer].shape) {
        if (dim.is_symbol()) bound_.insert(dim.symbol());
      }
    }
    for (const std::string& name : p_.symbols) {
      if (bound_.count(name) && binds.count(name)) return Bad("dim symbol '" + name + "' is bound by an input and by a step");
      if (!bound_.count(name) && !binds.count(name)) return Bad("dim symbol '" + name + "' is not a whole extent of any input, so no call can bind it");
    }
    for (const InputDecl& input : p_.inputs) {
      for (const Dim& dim : p_.buffers[input.buffer].shape) ORIEL_RETURN_IF_ERROR(CheckBound(dim, "input '" + input.name + "'"));
    }
    for (size_t i = 0; i < p_.outputs.size(); ++i) {
      const OutputDecl& output = p_.outputs[i];
      const std::string who = "output " + std::to_string(i) + " '" + output.name + "'";
      if (!IsBuffer(output.buffer) || p_.buffers[output.buffer].kind != BufferKind::kOutput) return Bad(who + ": its buffer is no output buffer");
      if (declared[output.buffer]++) return Bad(who + ": its buffer belongs to another output");
    }
    for (size_t i = 0; i < p_.outputs.size(); ++i) {
      const OutputDecl& output = p_.outputs[i];
      if (output.rows_from == -1) continue;
      const std::string who = "output " + std::to_string(i) + " '" + output.name + "'";
      const int32_t from = output.rows_from;
      if (from < 0 || from >= static_cast<int32_t>(p_.outputs.size())) return Bad(who + ": its rows are told by output " + std::to_string(from) + " of " + std::to_string(p_.outputs.size()));
      const Buffer& count = p_.buffers[p_.outputs[from].buffer];
      if (count.dtype != DType::i64 || !count.shape.empty()) return Bad(who + ": its rows are told by '" + p_.outputs[from].name + "', required an int64 ()");
      if (p_.buffers[output.buffer].shape.empty()) return Bad(who + ": a scalar has no rows");
    }
    shadow_.assign(p_.buffers.size(), false);
    in_place_.assign(p_.buffers.size(), false);
    for (size_t i = 0; i < p_.states.size(); ++i) {
      const StateDecl& state = p_.states[i];
      const std::string who = "state " + std::to_string(i) + " '" + state.name + "'";
      if (!IsBuffer(state.buffer) || p_.buffers[state.buffer].kind != BufferKind::kState) return Bad(who + ": its buffer is no state buffer");
      if (p_.buffers[state.buffer].state != static_cast<int32_t>(i) || declared[state.buffer]++) return Bad(who + ": its buffer belongs to another state");
      const Buffer& old_value = p_.buffers[state.buffer];
      if (!IsStatic(old_value.shape)) return Bad(who + ": its shape " + ToString(old_value.shape) + " is not static");
      if (state.initial != -1) {
        if (state.initial < 0 || state.initial >= static_cast<int32_t>(p_.constants.size())) return Bad(who + ": initial value " + std::to_string(state.initial) + " of " + std::to_string(p_.constants.size()));
        ORIEL_RETURN_IF_ERROR(CheckConstant(state.buffer, state.initial));
      }
      if (!state.updated) continue;
      if (!IsBuffer(state.new_value)) return Bad(who + ": its new value is no buffer");
      const Buffer& new_value = p_.buffers[state.new_value];
      if (new_value.dtype != old_value.dtype || !(new_value.shape == old_value.shape)) {
        return Bad(who + ": its new value is " + std::string(NumpyName(new_value.dtype)) + " " + ToString(new_value.shape) +
                   ", required " + std::string(NumpyName(old_value.dtype)) + " " + ToString(old_value.shape));
      }
      if (roots_[state.new_value] == state.buffer) {
        in_place_[state.buffer] = true;
      } else {
        if (new_value.kind != BufferKind::kTemporary || new_value.alias_of != -1) return Bad(who + ": its shadow must be a temporary with storage of its own");
        if (shadow_[state.new_value]) return Bad(who + ": its shadow belongs to another state");
        shadow_[state.new_value] = true;
      }
    }
    for (int32_t b = 0; b < static_cast<int32_t>(p_.buffers.size()); ++b) {
      const BufferKind kind = p_.buffers[b].kind;
      if ((kind == BufferKind::kInput || kind == BufferKind::kOutput || kind == BufferKind::kState) && !declared[b]) {
        return Bad(Name(b) + ": no input, output or state declares it");
      }
    }
    for (const DimConstraint& c : p_.constraints) {
      ORIEL_RETURN_IF_ERROR(CheckDim(c.left, "constraint '" + c.what + "'"));
      ORIEL_RETURN_IF_ERROR(CheckDim(c.right, "constraint '" + c.what + "'"));
      if (!IsNode(c.node)) return Bad("constraint '" + c.what + "': unknown node");
    }
    return absl::OkStatus();
  }

  absl::Status Depth(const std::vector<Step>& body, int depth) const {
    if (depth > kMaxStepDepth) return Bad("steps are nested more than " + std::to_string(kMaxStepDepth) + " deep");
    for (const Step& step : body) {
      if (const auto* loop = std::get_if<LoopStep>(&step.op)) {
        ORIEL_RETURN_IF_ERROR(Depth(loop->body, depth + 1));
      } else if (const auto* branch = std::get_if<BranchStep>(&step.op)) {
        ORIEL_RETURN_IF_ERROR(Depth(branch->then_body, depth + 1));
        ORIEL_RETURN_IF_ERROR(Depth(branch->else_body, depth + 1));
      }
    }
    return absl::OkStatus();
  }

  bool OwnLife(int32_t b) const {
    const BufferKind kind = p_.buffers[b].kind;
    return kind == BufferKind::kTemporary || kind == BufferKind::kOutput || kind == BufferKind::kWorkspace;
  }

  absl::Status CheckLive(int32_t s, int32_t b, const char* how) const {
    if (!IsBuffer(b)) return BadStep(s, std::string(how) + " buffer " + std::to_string(b) + " of " + std::to_string(p_.buffers.size()));
    if (p_.buffers[roots_[b]].kind == BufferKind::kRow && !row_open_[roots_[b]]) return BadStep(s, std::string(how) + " " + Name(b) + ", a row, outside of its loop");
    if (!OwnLife(b)) return absl::OkStatus();
    if (allocated_[b] < 0) return BadStep(s, std::string(how) + " " + Name(b) + " before it is allocated");
    if (released_[b]) return BadStep(s, std::string(how) + " " + Name(b) + " after it is released");
    return absl::OkStatus();
  }
  absl::Status CheckRead(int32_t s, int32_t b) const {
    ORIEL_RETURN_IF_ERROR(CheckLive(s, b, "reads"));
    if (!defined_[roots_[b]]) return BadStep(s, "reads " + Name(b) + ", which nothing has written");
    return absl::OkStatus();
  }
  absl::Status CheckWrite(int32_t s, int32_t b) {
    ORIEL_RETURN_IF_ERROR(CheckLive(s, b, "writes"));
    const int32_t root = roots_[b];
    const BufferKind kind = p_.buffers[root].kind;
    if (kind == BufferKind::kInput || kind == BufferKind::kConstant) return BadStep(s, "writes " + Name(b) + ", which is (or aliases) an input or a constant");
    if (kind == BufferKind::kKept) {
      const auto* d = std::get_if<DispatchStep>(&steps_[s].step->op);
      if (d == nullptr || !d->once || root != b) return BadStep(s, "writes " + Name(b) + ", which is kept: only a step that runs once may");
      if (defined_[root]) return BadStep(s, "writes " + Name(b) + ", which is kept, a second time");
    }
    if (kind == BufferKind::kState) {
      if (!in_place_[root]) return BadStep(s, "writes " + Name(b) + ", a state that is not updated in place");
      if (first_state_write_ < 0) first_state_write_ = s;
      // By a loop's next iteration everything in the outermost loop around the
      // write comes after it.
      int32_t outer = -1;
      for (int32_t q = steps_[s].parent; q >= 0; q = steps_[q].parent) {
        if (std::holds_alternative<LoopStep>(steps_[q].step->op)) outer = q;
      }
      for (int32_t q = outer; outer >= 0 && q < steps_[outer].end; ++q) {
        if (Fallible(q)) return BadStep(q, "may fail after step " + std::to_string(s) + " of an earlier iteration wrote state " + Name(root));
      }
      const auto* d = std::get_if<DispatchStep>(&steps_[s].step->op);
      if (d != nullptr && d->fallible && d->phases.size() < 2) {
        return BadStep(s, "may fail after it began to write state " + Name(root) + "; in place it needs a phase of its own for the checks");
      }
    }
    if (kind == BufferKind::kRow && !row_written_[root]) return BadStep(s, "writes " + Name(b) + ", which is (or aliases) the row of a sequence");
    defined_[root] = true;
    return absl::OkStatus();
  }
  // `row` is of the type of a row of `array`, and of no other loop.
  absl::Status RowOf(int32_t s, int32_t array, int32_t row) {
    if (!IsBuffer(row) || p_.buffers[row].kind != BufferKind::kRow) return BadStep(s, "buffer " + std::to_string(row) + " is no row");
    const Buffer& whole = p_.buffers[array];
    const Buffer& one = p_.buffers[row];
    if (whole.shape.empty() || whole.dtype != one.dtype || Dims(whole.shape.begin() + 1, whole.shape.end()) != one.shape) {
      return BadStep(s, Name(row) + " is " + std::string(NumpyName(one.dtype)) + " " + ToString(one.shape) + ", a row of " +
                            std::string(NumpyName(whole.dtype)) + " " + ToString(whole.shape));
    }
    if (row_used_[row]) return BadStep(s, Name(row) + " is the row of two arrays");
    row_used_[row] = true;
    return absl::OkStatus();
  }
  bool Fallible(int32_t s) const {
    if (const auto* l = std::get_if<LoopStep>(&steps_[s].step->op)) return l->checked;
    if (std::holds_alternative<ObserveStep>(steps_[s].step->op) || std::holds_alternative<BindStep>(steps_[s].step->op)) return true;
    const auto* d = std::get_if<DispatchStep>(&steps_[s].step->op);
    return d != nullptr && d->fallible;
  }
  absl::Status ScalarOf(int32_t s, int32_t b, DType dtype, const char* what) const {
    if (!IsBuffer(b)) return BadStep(s, std::string(what) + " is no buffer");
    const Buffer& buffer = p_.buffers[b];
    if (buffer.dtype != dtype || !buffer.shape.empty()) {
      return BadStep(s, std::string(what) + " " + Name(b) + " is " + std::string(NumpyName(buffer.dtype)) + " " +
                            ToString(buffer.shape) + ", required " + std::string(NumpyName(dtype)) + " ()");
    }
    return absl::OkStatus();
  }

  absl::Status Body(int32_t begin, int32_t end, int32_t body) {
    std::vector<int32_t> mine;
    const std::unordered_set<std::string> bound = bound_;  // above this body
    for (int32_t s = begin; s < end; s = steps_[s].end) {
      const Step& step = *steps_[s].step;
      for (int32_t b : step.alloc) {
        if (!IsBuffer(b)) return BadStep(s, "allocates buffer " + std::to_string(b) + " of " + std::to_string(p_.buffers.size()));
        if (!OwnLife(b)) return BadStep(s, "allocates " + Name(b) + ", which lives for the whole call");
        if (allocated_[b] >= 0) return BadStep(s, "allocates " + Name(b) + " a second time");
        ORIEL_RETURN_IF_ERROR(CheckBound(s, b));
        ORIEL_RETURN_IF_ERROR(CheckBound(s, roots_[b]));
        allocated_[b] = body;
        mine.push_back(b);
      }
      if (first_state_write_ >= 0 && Fallible(s)) {
        return BadStep(s, "may fail, but step " + std::to_string(first_state_write_) + " has already written a state in place");
      }
      if (!IsNode(NodeOf(step))) return BadStep(s, "unknown node " + std::to_string(NodeOf(step)));
      if (const auto* d = std::get_if<DispatchStep>(&step.op)) ORIEL_RETURN_IF_ERROR(Dispatch(s, *d));
      if (const auto* c = std::get_if<CopyStep>(&step.op)) ORIEL_RETURN_IF_ERROR(Copy(s, *c));
      if (const auto* v = std::get_if<DimValueStep>(&step.op)) {
        ORIEL_RETURN_IF_ERROR(ScalarOf(s, v->buffer, DType::i64, "the result"));
        ORIEL_RETURN_IF_ERROR(CheckBound(v->value, "step " + std::to_string(s)));
        ORIEL_RETURN_IF_ERROR(CheckWrite(s, v->buffer));
      }
      if (const auto* bind = std::get_if<BindStep>(&step.op)) {
        ORIEL_RETURN_IF_ERROR(ScalarOf(s, bind->count, DType::i64, "the count"));
        ORIEL_RETURN_IF_ERROR(CheckRead(s, bind->count));
        ORIEL_RETURN_IF_ERROR(CheckBound(bind->limit, "step " + std::to_string(s)));
        bound_.insert(p_.symbols[static_cast<size_t>(bind->symbol)]);
      }
      if (const auto* o = std::get_if<ObserveStep>(&step.op)) ORIEL_RETURN_IF_ERROR(Observe(s, *o));
      if (const auto* l = std::get_if<LoopStep>(&step.op)) ORIEL_RETURN_IF_ERROR(Loop(s, *l));
      if (const auto* b = std::get_if<BranchStep>(&step.op)) {
        ORIEL_RETURN_IF_ERROR(ScalarOf(s, b->condition, DType::boolean, "the condition"));
        ORIEL_RETURN_IF_ERROR(CheckRead(s, b->condition));
        // What only one body writes is not defined after the branch.
        const std::vector<bool> before = defined_;
        ORIEL_RETURN_IF_ERROR(Body(s + 1, steps_[s].else_begin, s + 1 < steps_[s].else_begin ? steps_[s + 1].body : -1));
        std::vector<bool> then_defined = defined_;
        defined_ = before;
        ORIEL_RETURN_IF_ERROR(Body(steps_[s].else_begin, steps_[s].end, steps_[s].else_begin < steps_[s].end ? steps_[steps_[s].else_begin].body : -1));
        for (size_t i = 0; i < defined_.size(); ++i) defined_[i] = defined_[i] && then_defined[i];
      }
      for (int32_t b : step.release) {
        if (!IsBuffer(b) || !OwnLife(b)) return BadStep(s, "releases buffer " + std::to_string(b) + ", which is none or lives for the whole call");
        if (allocated_[b] != body) return BadStep(s, "releases " + Name(b) + ", which this body did not allocate");
        if (released_[b]) return BadStep(s, "releases " + Name(b) + " a second time");
        if (p_.buffers[b].kind == BufferKind::kOutput || shadow_[b]) return BadStep(s, "releases " + Name(b) + ", an output or a state's new value");
        released_[b] = true;
      }
    }
    // A body's own buffers end with it, and what it bound.
    if (body != 0) bound_ = bound;
    if (body != 0) {
      for (int32_t b : mine) {
        if (p_.buffers[b].kind == BufferKind::kOutput || shadow_[b]) return Bad(Name(b) + ": an output or a state's new value is allocated inside a loop or branch");
        released_[b] = true;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Observe(int32_t s, const ObserveStep& o) const {
    for (int32_t b : o.values) ORIEL_RETURN_IF_ERROR(CheckRead(s, b));
    if (o.tap < -1 || o.result < 0) return BadStep(s, "observes as tap " + std::to_string(o.tap) + ", result " + std::to_string(o.result));
    if (o.kind != TapKind::kAssert) {
      return o.values.size() == 1 && o.counts.empty() ? absl::OkStatus() : BadStep(s, "observes " + std::to_string(o.values.size()) + " values, required 1");
    }
    size_t total = o.counts.size();
    for (int32_t count : o.counts) {
      if (count < 0 || static_cast<size_t>(count) > o.values.size()) return BadStep(s, "asserts with a count of " + std::to_string(count));
      total += static_cast<size_t>(count);
    }
    if (o.counts.empty() || total != o.values.size()) {
      return BadStep(s, "asserts on " + std::to_string(o.values.size()) + " values, required " + std::to_string(total));
    }
    for (size_t k = 0; k < o.counts.size(); ++k) {
      if (p_.buffers[o.values[k]].dtype != DType::boolean) return BadStep(s, "asserts on " + Name(o.values[k]) + ", which is not bool");
    }
    return absl::OkStatus();
  }

  absl::Status Dispatch(int32_t s, const DispatchStep& d) {
    if (d.phases.empty()) return BadStep(s, "a dispatch without phases");
    const std::string where = "step " + std::to_string(s) + " (" + d.kernel + ")";
    for (const KernelPhase& phase : d.phases) {
      if (phase.symbol.empty()) return BadStep(s, "a phase without a symbol");
      ORIEL_RETURN_IF_ERROR(CheckBound(phase.tasks, where));
    }
    ORIEL_RETURN_IF_ERROR(CheckBound(d.scratch_bytes, where));
    ORIEL_RETURN_IF_ERROR(CheckBound(d.shared_bytes, where));
    ORIEL_RETURN_IF_ERROR(CheckBound(d.cost, where));
    for (int32_t b : d.reads) ORIEL_RETURN_IF_ERROR(CheckRead(s, b));
    for (int32_t b : d.writes) ORIEL_RETURN_IF_ERROR(CheckWrite(s, b));
    if (d.once) ORIEL_RETURN_IF_ERROR(Once(s, d));
    std::set<int32_t> touched(d.reads.begin(), d.reads.end());
    touched.insert(d.writes.begin(), d.writes.end());
    for (const ArgWord& arg : d.args) {
      ORIEL_RETURN_IF_ERROR(CheckBound(arg.value, where));
      if (arg.buffer < -1) return BadStep(s, "argument buffer " + std::to_string(arg.buffer));
      if (arg.buffer >= 0 && !touched.count(arg.buffer)) {
        return BadStep(s, "argument buffer " + std::to_string(arg.buffer) + " is neither in reads nor in writes");
      }
    }
    if (!d.in_place.empty() && d.in_place.size() != d.writes.size()) return BadStep(s, "in_place has " + std::to_string(d.in_place.size()) + " entries for " + std::to_string(d.writes.size()) + " writes");
    for (const OrdinalNodes& ordinal : d.ordinals) {
      for (NodeId id : ordinal.nodes) {
        if (!IsNode(id)) return BadStep(s, "an ordinal names node " + std::to_string(id) + " of " + std::to_string(p_.nodes.size()));
      }
    }
    return absl::OkStatus();
  }

  // The step gives the same whenever it runs.
  absl::Status Once(int32_t s, const DispatchStep& d) const {
    if (steps_[s].parent >= 0) return BadStep(s, "runs once, but in a loop or a branch");
    if (d.fallible) return BadStep(s, "runs once, but may fail");
    if (d.writes.empty()) return BadStep(s, "runs once, but writes nothing");
    for (int32_t b : d.reads) {
      const BufferKind kind = p_.buffers[roots_[b]].kind;
      if (kind != BufferKind::kConstant && kind != BufferKind::kKept) return BadStep(s, "runs once, but reads " + Name(b) + ", which is no constant");
    }
    for (int32_t b : d.writes) {
      if (p_.buffers[b].kind != BufferKind::kKept) return BadStep(s, "runs once, but writes " + Name(b) + ", which is not kept");
    }
    const auto fixed = [](const Dim& dim) { return dim.is_static(); };
    bool all = fixed(d.scratch_bytes) && fixed(d.shared_bytes);
    for (const KernelPhase& phase : d.phases) all = all && fixed(phase.tasks);
    for (const ArgWord& arg : d.args) all = all && fixed(arg.value);
    return all ? absl::OkStatus() : BadStep(s, "runs once, but depends on a dim symbol");
  }

  absl::Status SameDType(int32_t s, int32_t a, int32_t b) const {
    if (p_.buffers[a].dtype == p_.buffers[b].dtype) return absl::OkStatus();
    return BadStep(s, Name(a) + " is " + std::string(NumpyName(p_.buffers[a].dtype)) + " but " + Name(b) + " is " + std::string(NumpyName(p_.buffers[b].dtype)));
  }

  absl::Status Copy(int32_t s, const CopyStep& c) {
    ORIEL_RETURN_IF_ERROR(CheckRead(s, c.src));
    ORIEL_RETURN_IF_ERROR(CheckWrite(s, c.dst));
    return SameDType(s, c.src, c.dst);
  }

  absl::Status Loop(int32_t s, const LoopStep& l) {
    ORIEL_RETURN_IF_ERROR(ScalarOf(s, l.trips, DType::i64, "the trip count"));
    ORIEL_RETURN_IF_ERROR(CheckRead(s, l.trips));
    if (l.induction < -1) return BadStep(s, "induction buffer " + std::to_string(l.induction));
    if (l.stop < -1 || l.count < -1) return BadStep(s, "stop buffer " + std::to_string(l.stop) + ", count buffer " + std::to_string(l.count));
    ORIEL_RETURN_IF_ERROR(CheckBound(l.extent, "step " + std::to_string(s)));
    if (!l.bounded && (l.checked || !l.sequences.empty() || !l.stacks.empty())) return BadStep(s, "a loop that is checked or has sequences or stacks needs an extent");
    if (l.reverse && l.stop >= 0) return BadStep(s, "a reversed loop cannot stop early");
    std::set<int32_t> own;
    if (l.induction >= 0) {
      ORIEL_RETURN_IF_ERROR(ScalarOf(s, l.induction, DType::i64, "the induction variable"));
      ORIEL_RETURN_IF_ERROR(CheckWrite(s, l.induction));
      if (p_.buffers[roots_[l.induction]].kind != BufferKind::kTemporary) return BadStep(s, "the induction variable must be a temporary");
      own.insert(roots_[l.induction]);
    }
    // Rows are there in the body only; nothing writes those of sequences.
    std::set<int32_t> stack_rows;
    for (const LoopSequence& sequence : l.sequences) {
      ORIEL_RETURN_IF_ERROR(CheckRead(s, sequence.source));
      ORIEL_RETURN_IF_ERROR(CheckBound(sequence.start, "step " + std::to_string(s)));
      if (sequence.step == 0) return BadStep(s, "a sequence with step 0");
      ORIEL_RETURN_IF_ERROR(RowOf(s, sequence.source, sequence.row));
      defined_[sequence.row] = row_open_[sequence.row] = true;
    }
    for (const LoopStack& stack : l.stacks) {
      ORIEL_RETURN_IF_ERROR(CheckWrite(s, stack.stack));
      ORIEL_RETURN_IF_ERROR(RowOf(s, stack.stack, stack.row));
      if (!own.insert(roots_[stack.stack]).second) return BadStep(s, "stack " + Name(stack.stack) + " shares storage with another");
      stack_rows.insert(stack.row);
      row_open_[stack.row] = row_written_[stack.row] = true;
    }
    for (const LoopSequence& sequence : l.sequences) {
      if (own.count(roots_[sequence.source])) return BadStep(s, "sequence " + Name(sequence.source) + " shares storage with what the loop writes");
    }
    const size_t n = l.current.size();
    if (l.initial.size() != n || l.next.size() != n || l.results.size() != n) {
      return BadStep(s, "a loop with " + std::to_string(l.initial.size()) + " initial, " + std::to_string(n) + " current, " +
                            std::to_string(l.next.size()) + " next and " + std::to_string(l.results.size()) + " result buffers");
    }
    for (size_t k = 0; k < n; ++k) {
      ORIEL_RETURN_IF_ERROR(CheckRead(s, l.initial[k]));
      for (int32_t b : {l.current[k], l.next[k], l.results[k]}) {
        ORIEL_RETURN_IF_ERROR(CheckLive(s, b, "carries"));
        ORIEL_RETURN_IF_ERROR(SameDType(s, l.initial[k], b));
      }
      for (int32_t b : {l.current[k], l.next[k]}) {
        if (b == l.next[k] && stack_rows.count(b)) continue;
        // A state's new value may be carried where it ends up, and what works
        // in place in an output.
        const bool apart = roots_[l.current[k]] != roots_[l.next[k]], swapped = apart && b == l.next[k];
        const BufferKind kind = p_.buffers[roots_[b]].kind;
        if ((kind != BufferKind::kTemporary && (apart || kind != BufferKind::kOutput)) || (swapped && shadow_[roots_[b]])) return BadStep(s, "carried " + Name(b) + " must be a temporary");
      }
      if (roots_[l.initial[k]] == roots_[l.next[k]] && roots_[l.next[k]] != roots_[l.current[k]]) {
        return BadStep(s, "initial " + Name(l.initial[k]) + " shares storage with a next value");
      }
      if (!own.insert(roots_[l.current[k]]).second) return BadStep(s, "carried " + Name(l.current[k]) + " shares storage with another");
      if (roots_[l.next[k]] != roots_[l.current[k]] && !own.insert(roots_[l.next[k]]).second) return BadStep(s, "carried " + Name(l.next[k]) + " shares storage with another");
    }
    for (size_t k = 0; k < n; ++k) {
      const int32_t root = roots_[l.results[k]];
      if (root != roots_[l.current[k]] && !own.insert(root).second) return BadStep(s, "result " + Name(l.results[k]) + " shares storage with another");
    }
    for (int32_t b : l.current) ORIEL_RETURN_IF_ERROR(CheckWrite(s, b));
    ORIEL_RETURN_IF_ERROR(Body(s + 1, steps_[s].end, s + 1 < steps_[s].end ? steps_[s + 1].body : -1));
    for (int32_t b : l.next) ORIEL_RETURN_IF_ERROR(CheckRead(s, b));
    if (l.stop >= 0) {
      ORIEL_RETURN_IF_ERROR(ScalarOf(s, l.stop, DType::boolean, "whether to stop"));
      ORIEL_RETURN_IF_ERROR(CheckRead(s, l.stop));
    }
    for (const LoopSequence& sequence : l.sequences) row_open_[sequence.row] = false;
    for (const LoopStack& stack : l.stacks) {
      ORIEL_RETURN_IF_ERROR(CheckRead(s, stack.row));
      row_open_[stack.row] = false;
    }
    if (l.count >= 0) {
      ORIEL_RETURN_IF_ERROR(ScalarOf(s, l.count, DType::i64, "the count"));
      ORIEL_RETURN_IF_ERROR(CheckWrite(s, l.count));
    }
    for (int32_t b : l.results) ORIEL_RETURN_IF_ERROR(CheckWrite(s, b));
    return absl::OkStatus();
  }

  absl::Status Ends() const {
    for (const OutputDecl& output : p_.outputs) {
      if (allocated_[output.buffer] != 0) return Bad("output " + Name(output.buffer) + " is never allocated");
      if (!defined_[output.buffer]) return Bad("output " + Name(output.buffer) + " is never written");
    }
    for (const StateDecl& state : p_.states) {
      if (state.updated && !defined_[roots_[state.new_value]]) return Bad("the new value of state '" + state.name + "' is never written");
    }
    for (size_t b = 0; b < shadow_.size(); ++b) {
      if (shadow_[b] && allocated_[b] != 0) return Bad(Name(static_cast<int32_t>(b)) + ": a state's new value is never allocated");
    }
    return absl::OkStatus();
  }

  const Program& p_;
  std::unordered_set<std::string> symbols_;
  std::unordered_set<std::string> bound_;  // that have a value where the walk is
  std::vector<int32_t> roots_;
  std::vector<FlatStep> steps_;
  std::vector<int32_t> allocated_;  // the body that allocated it, -1: none yet
  std::vector<bool> released_, defined_;
  std::vector<bool> row_open_, row_written_, row_used_;  // of rows
  std::vector<bool> shadow_, in_place_;
  int32_t first_state_write_ = -1;
};

}  // namespace

absl::Status ValidateProgram(const Program& program) { return Validator(program).Run(); }

}  // namespace oriel
