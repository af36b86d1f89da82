// File: report_debugprint.cpp
//
// DebugPrint of a compiled function: its steps as trees from the outputs down.
#include <map>
#include <set>

#include "oriel/printing.h"
#include "runtime/core/tree_text.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/report_text.h"
#include "runtime/engine/reports.h"

namespace oriel {
namespace {

class FunctionTrees {
 public:
  FunctionTrees(const PreparedProgram& p, const Profile& profile, const DebugPrintOptions& options)
      : p_(p), profile_(profile), options_(options) {
    for (const ApplyRow& row : profile.rows) total_ += row.seconds;
    FindWriters();
  }

  // The value of a buffer at the end of a body (the program's own: 0).
  int Add(int32_t buffer, int32_t body, const std::string& role = "") {
    const Key root_key = Seen(buffer, body, static_cast<int32_t>(p_.flat.size()));
    std::vector<Key> pending = {root_key};
    while (!pending.empty()) {
      const Key key = pending.back();
      if (index_.count(key) != 0) {
        pending.pop_back();
        continue;
      }
      const size_t before = pending.size();
      if (key.here) {
        for (int32_t read : ReadsOf(key)) {
          const Key operand = Seen(read, key.body, key.writer);
          if (index_.count(operand) == 0) pending.push_back(operand);
        }
      }
      if (pending.size() != before) continue;
      pending.pop_back();
      Make(key);
    }
    const int entry = index_.at(root_key);
    if (role.empty()) return entry;
    // A root: the same line with what it is for.
    TreeEntry root = entries_[static_cast<size_t>(entry)];
    root.after += role;
    entries_.push_back(std::move(root));
    return static_cast<int>(entries_.size()) - 1;
  }

  struct Inner {
    int owner;
    std::string title;
    int32_t body, begin, end;
    const LoopStep* loop;
  };
  const std::vector<TreeEntry>& entries() const { return entries_; }
  std::vector<Inner>& inner() { return inner_; }

  // The steps of [begin, end) at body level whose results nothing there reads.
  std::vector<int32_t> Ends(int32_t begin, int32_t end) const {
    std::set<int32_t> read;
    for (int32_t s = begin; s < end; s = p_.flat[s].end) {
      for (int32_t b : AccessOf(*p_.flat[s].step).reads) read.insert(b);
    }
    std::vector<int32_t> ends;
    for (int32_t s = begin; s < end; s = p_.flat[s].end) {
      for (int32_t b : WritesOf(s)) {
        if (read.count(b) == 0) ends.push_back(b);
      }
    }
    return ends;
  }

 private:
  // What a step writes: a branch, what both its bodies do.
  std::vector<int32_t> WritesOf(int32_t s) const {
    if (!std::holds_alternative<BranchStep>(p_.flat[s].step->op)) return AccessOf(*p_.flat[s].step).writes;
    std::set<int32_t> then_writes;
    std::vector<int32_t> both;
    for (int32_t k = s + 1; k < p_.flat[s].end; ++k) {
      if (p_.flat[k].parent != s) continue;
      for (int32_t b : WritesOf(k)) {
        if (k < p_.flat[s].else_begin) then_writes.insert(b);
        else if (then_writes.count(b) != 0) both.push_back(b);
      }
    }
    return both;
  }

  void FindWriters() {
    for (int32_t s = 0; s < static_cast<int32_t>(p_.flat.size()); ++s) {
      for (int32_t b : AccessOf(*p_.flat[s].step).writes) writers_[b].push_back(s);
    }
    // First rows come from the step that finds how many there are.
    for (int32_t s = 0; s < static_cast<int32_t>(p_.flat.size()); ++s) {
      const auto* bind = std::get_if<BindStep>(&p_.flat[s].step->op);
      if (bind == nullptr) continue;
      const Dim made = Dim::Symbol(p_.program.symbols[static_cast<size_t>(bind->symbol)]);
      for (int32_t b = 0; b < static_cast<int32_t>(p_.program.buffers.size()); ++b) {
        const Buffer& buffer = p_.buffer(b);
        if (buffer.alias_of < 0 || writers_.count(b) != 0 || buffer.shape.empty() || buffer.shape[0] != made) continue;
        if (p_.buffer(buffer.alias_of).shape.empty() || p_.buffer(buffer.alias_of).shape[0] == made) continue;
        writers_[b].push_back(s);
      }
    }
  }

  // The value of a buffer at one moment: what step made it, seen from a body.
  struct Key {
    int32_t buffer, body;
    int32_t writer;  // -1: none, it comes with the call or is the engine's own
    bool here;       // the writer is a step of that body
    auto operator<=>(const Key&) const = default;
  };
  // As step `reader` of the body (or what comes after all) finds it: states and
  // buffers written in place have one value before and another after.
  Key Seen(int32_t buffer, int32_t body, int32_t reader) const {
    Key key{buffer, body, -1, false};
    const auto it = writers_.find(buffer);
    if (it == writers_.end()) return key;
    for (int32_t s : it->second) {
      for (int32_t at = s; at >= 0; at = p_.flat[at].parent) {
        if (p_.flat[at].body != body) continue;
        if (at < reader) {
          key.writer = at;
          key.here = true;
        }
        break;
      }
    }
    // Made outside, before this body began.
    if (!key.here && it->second.front() < reader) key.writer = it->second.front();
    return key;
  }

  // What the step reads to make the value: a bind step also what it views.
  std::vector<int32_t> ReadsOf(const Key& key) const {
    const Step& step = *p_.flat[key.writer].step;
    std::vector<int32_t> reads = AccessOf(step).reads;
    if (std::holds_alternative<BindStep>(step.op)) reads.insert(reads.begin(), p_.buffer(key.buffer).alias_of);
    return reads;
  }

  void Make(const Key& key) {
    const int32_t b = key.buffer, body = key.body, s = key.writer;
    const Buffer& buffer = p_.buffer(b);
    TreeEntry entry;
    const std::string type =
        options_.types ? " <" + std::string(NumpyName(buffer.dtype)) + " " + ToString(buffer.shape) + ">" : "";
    const NodeInfo* node = p_.program.nodes.Find(buffer.node);
    if (!key.here) {  // a leaf
      entry.op = buffer.name;
      entry.id = buffer.node >= 0 ? buffer.node : -2;
      entry.after = type;
      if (buffer.kind != BufferKind::kInput && buffer.kind != BufferKind::kTemporary) entry.after += std::string(" ") + KindName(buffer.kind);
      if (s >= 0) entry.after += " of step " + std::to_string(s);
    } else {
      const Step& step = *p_.flat[s].step;
      const StepNames names = NamesOf(p_, s);
      const std::vector<int32_t> writes = WritesOf(s);
      entry.op = names.op_class + "{" + (std::holds_alternative<LoopStep>(step.op) || std::holds_alternative<BranchStep>(step.op) ? names.op : names.name) + "}";
      if (writes.size() > 1) {
        for (size_t i = 0; i < writes.size(); ++i) {
          if (writes[i] == b) entry.op += "." + std::to_string(i);
        }
      }
      // A state's buffer is known by the state; what makes its new value is a node.
      const NodeId id = buffer.node >= 0 && buffer.kind != BufferKind::kState ? buffer.node : NodeOf(step);
      entry.id = id >= 0 ? id : -2;
      entry.group = static_cast<int64_t>(p_.program.nodes.size()) + s;
      entry.after = type;
      if (node != nullptr && !node->name.empty()) entry.after += " '" + (node->scope.empty() ? "" : node->scope + "/") + node->name + "'";
      const int32_t root = p_.root(b);
      if (std::holds_alternative<BindStep>(step.op)) entry.after += " first rows of " + p_.buffer(buffer.alias_of).name;
      else if (root != b) entry.after += " in place of " + p_.buffer(root).name;
      else if (buffer.kind == BufferKind::kState) entry.after += " in place";
      entry.after += "   " + std::to_string(s);
      if (const ApplyRow* row = RowOf(s); row != nullptr && row->calls > 0 && total_ > 0) {
        entry.after += Format(" --> %.2es %.1f%%", row->seconds, 100 * row->seconds / total_);
      }
      if (names.nodes.size() > 1 || (names.nodes.size() == 1 && names.nodes[0] != id)) {
        for (NodeId n : names.nodes) entry.notes.push_back(" { " + NodeText(n));
      } else if (options_.lines && node != nullptr && !node->Where().empty()) {
        entry.after += "  " + node->Where();
      }
      for (int32_t read : ReadsOf(key)) entry.children.push_back(index_.at(Seen(read, body, s)));
      NoteBodies(s);
    }
    index_[key] = static_cast<int>(entries_.size());
    entries_.push_back(std::move(entry));
  }

  std::string NodeText(NodeId id) const {
    const NodeInfo* node = p_.program.nodes.Find(id);
    std::string text = node->op + " [id " + IdLetters(id) + "]";
    if (!node->name.empty()) text += " '" + (node->scope.empty() ? "" : node->scope + "/") + node->name + "'";
    if (options_.lines && !node->Where().empty()) text += "  " + node->Where();
    if (node->origin == Origin::kDerived && !node->rule.empty()) text += ", " + node->rule;
    return text;
  }

  const ApplyRow* RowOf(int32_t s) const {
    const size_t i = static_cast<size_t>(s);
    return i < profile_.rows.size() && profile_.rows[i].id == s ? &profile_.rows[i] : nullptr;
  }

  void NoteBodies(int32_t s) {
    if (!noted_.insert(s).second) return;
    const FlatStep& flat = p_.flat[s];
    const int owner = static_cast<int>(entries_.size());
    if (const auto* loop = std::get_if<LoopStep>(&flat.step->op)) {
      if (flat.end > s + 1) inner_.push_back({owner, "", p_.flat[s + 1].body, s + 1, flat.end, loop});
    } else if (std::holds_alternative<BranchStep>(flat.step->op)) {
      if (flat.else_begin > s + 1) inner_.push_back({owner, " then", p_.flat[s + 1].body, s + 1, flat.else_begin, nullptr});
      if (flat.end > flat.else_begin) inner_.push_back({owner, " else", p_.flat[flat.else_begin].body, flat.else_begin, flat.end, nullptr});
    }
  }

  const PreparedProgram& p_;
  const Profile& profile_;
  const DebugPrintOptions& options_;
  double total_ = 0;
  std::map<int32_t, std::vector<int32_t>> writers_;
  std::map<Key, int> index_;
  std::vector<TreeEntry> entries_;
  std::vector<Inner> inner_;
  std::set<int32_t> noted_;
};

}  // namespace

std::string DebugPrint(const Function& function, const DebugPrintOptions& options) {
  if (function.impl() == nullptr) return "an empty Function\n";
  const PreparedProgram& p = *function.impl()->prepared;
  const Profile profile = BuildProfile(*function.impl());
  FunctionTrees trees(p, profile, options);
  std::vector<std::pair<int, std::string>> roots;
  for (const OutputDecl& output : p.program.outputs) {
    roots.emplace_back(trees.Add(output.buffer, 0, " -> output " + output.name), "");
  }
  for (const StateDecl& state : p.program.states) {
    if (!state.updated) continue;
    const bool in_place = p.root(state.new_value) == state.buffer;
    roots.emplace_back(trees.Add(state.new_value, 0, " -> state " + state.name + (in_place ? "" : " (a shadow)")), "");
  }
  std::vector<std::vector<int>> inner;
  for (size_t i = 0; i < trees.inner().size(); ++i) {  // grows
    const FunctionTrees::Inner body = trees.inner()[i];
    std::vector<int> entries;
    if (body.loop != nullptr) {
      for (int32_t b : body.loop->next) entries.push_back(trees.Add(b, body.body));
      for (const LoopStack& stack : body.loop->stacks) entries.push_back(trees.Add(stack.row, body.body));
    } else {
      for (int32_t b : trees.Ends(body.begin, body.end)) entries.push_back(trees.Add(b, body.body));
    }
    inner.push_back(std::move(entries));
  }
  TreePrinter printer(&trees.entries(), options.depth);
  for (const auto& [entry, text] : roots) printer.Print(entry);
  for (size_t i = 0; i < inner.size(); ++i) {
    const FunctionTrees::Inner& body = trees.inner()[i];
    if (i == 0) printer.Text("\nInner graphs:\n");
    const TreeEntry& owner = trees.entries()[static_cast<size_t>(body.owner)];
    std::string name = owner.op.substr(0, owner.op.find('}') + 1);
    printer.Text("\n" + name + (owner.id >= 0 ? " [id " + IdLetters(owner.id) + "]" : "") + body.title + "\n");
    for (int entry : inner[i]) printer.Print(entry, " >");
  }
  return printer.Take();
}

}  // namespace oriel
