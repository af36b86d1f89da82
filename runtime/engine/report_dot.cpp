// File: report_dot.cpp
//
// Pictures of compiled functions: a frame a kernel with the user nodes in it, or
// a box a kernel when there are many; coloured by time.
#include <algorithm>
#include <map>

#include "oriel/printing.h"
#include "runtime/core/dot_text.h"
#include "runtime/core/tree_text.h"
#include "runtime/engine/report_text.h"
#include "runtime/engine/reports.h"

namespace oriel {
namespace {

// " 'encoder/h'", "" without a name.
std::string NameOf(const NodeInfo& node) {
  return node.name.empty() ? "" : " '" + (node.scope.empty() ? "" : node.scope + "/") + node.name + "'";
}

class FunctionBoxes {
 public:
  FunctionBoxes(const PreparedProgram& p, const Profile& profile, const DotOptions& options) : p_(p), options_(options) {
    for (const ApplyRow& row : profile.rows) {
      if (row.id >= 0 && profile.wall_seconds > 0) heat_[row.id] = row.seconds / profile.wall_seconds;
    }
    size_t nodes = 0;
    for (int32_t s = 0; s < static_cast<int32_t>(p.flat.size()); ++s) nodes += NamesOf(p, s).nodes.size();
    frames_ = static_cast<int>(nodes + p.program.inputs.size() + p.program.states.size()) <= options.max_boxes;
  }

  DotGraph Build() {
    graph_.title = p_.program.name;
    for (int32_t b = 0; b < static_cast<int32_t>(p_.program.buffers.size()); ++b) {
      const BufferKind kind = p_.buffer(b).kind;
      if (kind == BufferKind::kInput || kind == BufferKind::kState || kind == BufferKind::kConstant) Leaf(b, -1);
    }
    std::vector<int> frame_of_step(p_.flat.size(), -1);
    for (int32_t s = 0; s < static_cast<int32_t>(p_.flat.size()); ++s) {
      const int32_t parent = p_.flat[s].parent;
      Add(s, parent >= 0 ? frame_of_step[static_cast<size_t>(parent)] : -1, &frame_of_step);
    }
    for (const auto& [next, current] : carried_) {
      const auto from = last_.find(next), to = last_.find(current);
      if (from != last_.end() && to != last_.end()) graph_.back.emplace_back(from->second, to->second);
    }
    for (const OutputDecl& output : p_.program.outputs) Result(output.buffer, "output " + output.name);
    for (const StateDecl& state : p_.program.states) {
      if (state.updated) Result(state.new_value, "new value of " + state.name);
    }
    return std::move(graph_);
  }

 private:
  std::string TypeOf(int32_t b) const {
    return options_.types ? "\n" + std::string(NumpyName(p_.buffer(b).dtype)) + " " + ToString(p_.buffer(b).shape) : "";
  }

  int Put(DotBox box) {
    graph_.boxes.push_back(std::move(box));
    return static_cast<int>(graph_.boxes.size()) - 1;
  }

  void Leaf(int32_t b, int cluster) {
    DotBox box;
    box.leaf = true;
    box.kind = KindName(p_.buffer(b).kind);
    box.label = box.kind + " " + p_.buffer(b).name + TypeOf(b);
    box.cluster = cluster;
    last_[b] = Put(std::move(box));
  }

  void Result(int32_t b, const std::string& label) {
    DotBox box;
    box.result = true;
    box.kind = "result";
    box.label = label + TypeOf(b);
    if (const int from = Source(b); from >= 0) box.from.push_back(from);
    Put(std::move(box));
  }

  double Heat(int32_t s) const {
    const auto it = heat_.find(s);
    return it == heat_.end() ? -1 : it->second;
  }

  void Add(int32_t s, int frame, std::vector<int>* frame_of_step) {
    const Step& step = *p_.flat[s].step;
    const StepNames names = NamesOf(p_, s);
    const StepAccess access = AccessOf(step);
    std::string title = std::to_string(s) + " " + names.op_class + " " + names.name;
    const double heat = Heat(s);
    if (heat >= 0) title += Format("\n%.1f%% of the time", 100 * heat);
    const auto* loop = std::get_if<LoopStep>(&step.op);
    if (loop != nullptr || std::holds_alternative<BranchStep>(step.op)) {
      const int inner = static_cast<int>(graph_.clusters.size());
      graph_.clusters.push_back({title, -1, frame});
      (*frame_of_step)[static_cast<size_t>(s)] = inner;
      if (loop != nullptr) {
        for (size_t k = 0; k < loop->current.size(); ++k) {
          Leaf(loop->current[k], inner);
          const auto from = last_.find(loop->initial[k]);
          if (from != last_.end()) graph_.boxes.back().from.push_back(from->second);
          carried_.emplace_back(loop->next[k], loop->current[k]);
          results_.emplace_back(loop->results[k], loop->next[k]);
        }
        for (const LoopSequence& sequence : loop->sequences) {
          Leaf(sequence.row, inner);
          const auto from = last_.find(sequence.source);
          if (from != last_.end()) graph_.boxes.back().from.push_back(from->second);
        }
        for (const LoopStack& stack : loop->stacks) results_.emplace_back(stack.stack, stack.row);
      }
      return;
    }
    std::map<NodeId, int> inside;
    if (frames_ && names.nodes.size() > 1) {
      const int cluster = static_cast<int>(graph_.clusters.size());
      graph_.clusters.push_back({title, heat, frame});
      for (NodeId id : InOrder(names.nodes)) {
        const NodeInfo* node = p_.program.nodes.Find(id);
        DotBox box;
        box.kind = node->op;
        box.place = node->Where();
        box.name = node->name;
        box.label = node->op + NameOf(*node) + (box.place.empty() ? "" : "\n" + box.place);
        box.cluster = cluster;
        for (NodeId operand : node->operands) {
          if (const auto it = inside.find(operand); it != inside.end()) box.from.push_back(it->second);
          else if (const auto read = Read(access, operand); read >= 0) box.from.push_back(read);
        }
        inside[id] = Put(std::move(box));
      }
      // What no node of the kernel says it reads goes to its first.
      for (int32_t b : access.reads) {
        const auto it = Source(b);
        if (it < 0) continue;
        bool used = false;
        for (const auto& [id, at] : inside) {
          const std::vector<int>& from = graph_.boxes[static_cast<size_t>(at)].from;
          used = used || std::find(from.begin(), from.end(), it) != from.end();
        }
        if (!used) graph_.boxes[static_cast<size_t>(inside.begin()->second)].from.push_back(it);
      }
      for (int32_t b : access.writes) {
        const auto it = inside.find(p_.buffer(b).node);
        last_[b] = it != inside.end() ? it->second : static_cast<int>(graph_.boxes.size()) - 1;
      }
      return;
    }
    DotBox box;
    box.kind = names.op_class;
    box.heat = heat;
    box.cluster = frame;
    box.label = title;
    size_t shown = 0;
    for (NodeId id : names.nodes) {
      const NodeInfo* node = p_.program.nodes.Find(id);
      if (!node->Where().empty()) box.place = node->Where();
      if (!node->name.empty()) box.name = node->name;
      if (++shown > 6) continue;
      box.label += "\n" + node->op + NameOf(*node) + (node->Where().empty() ? "" : " " + node->Where());
    }
    if (shown > 6) box.label += "\nand " + std::to_string(shown - 6) + " more";
    for (int32_t b : access.reads) {
      if (const int from = Source(b); from >= 0) box.from.push_back(from);
    }
    const int at = Put(std::move(box));
    for (int32_t b : access.writes) last_[b] = at;
  }

  // Operands before users, as far as the table says.
  std::vector<NodeId> InOrder(std::vector<NodeId> nodes) const {
    std::vector<NodeId> order;
    while (!nodes.empty()) {
      size_t pick = 0;
      for (size_t i = 0; i < nodes.size(); ++i) {
        const NodeInfo* node = p_.program.nodes.Find(nodes[i]);
        const bool ready = std::none_of(node->operands.begin(), node->operands.end(), [&](NodeId operand) {
          return operand != nodes[i] && std::find(nodes.begin(), nodes.end(), operand) != nodes.end();
        });
        if (!ready) continue;
        pick = i;
        break;
      }
      order.push_back(nodes[pick]);
      nodes.erase(nodes.begin() + static_cast<ptrdiff_t>(pick));
    }
    return order;
  }

  // The box that made a buffer; results of a loop come from its body.
  int Source(int32_t b) const {
    if (const auto it = last_.find(b); it != last_.end()) return it->second;
    for (const auto& [result, inner] : results_) {
      if (result != b) continue;
      if (const auto it = last_.find(inner); it != last_.end()) return it->second;
    }
    return -1;
  }
  int Read(const StepAccess& access, NodeId node) const {
    for (int32_t b : access.reads) {
      if (p_.buffer(b).node == node) return Source(b);
    }
    return -1;
  }

  const PreparedProgram& p_;
  const DotOptions& options_;
  bool frames_ = true;
  std::map<int64_t, double> heat_;
  DotGraph graph_;
  std::map<int32_t, int> last_;  // buffer: the box that made it
  std::vector<std::pair<int32_t, int32_t>> carried_, results_;
};

}  // namespace

std::string Dot(const Function& function, const DotOptions& options) {
  if (function.impl() == nullptr) return "digraph \"empty\" {}\n";
  const Profile profile = BuildProfile(*function.impl());
  return DotText(FunctionBoxes(*function.impl()->prepared, profile, options).Build(), options.max_boxes);
}

}  // namespace oriel
