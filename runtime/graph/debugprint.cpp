// DebugPrint of expressions.
#include "oriel/printing.h"

#include <map>
#include <set>
#include <tuple>

#include "runtime/core/tree_text.h"
#include "runtime/graph/node.h"
#include "runtime/graph/node_text.h"

namespace oriel {
namespace graph {
namespace {

std::string AttrText(const AttrValue& value) {
  const auto ints = [](const std::vector<int64_t>& list) {
    return ToString(Extents(list.begin(), list.end()));
  };
  if (const auto* i = std::get_if<int64_t>(&value)) return std::to_string(*i);
  if (const auto* d = std::get_if<double>(&value)) return std::to_string(*d);
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* s = std::get_if<std::string>(&value)) return *s;
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) return ints(*list);
  if (const auto* dims = std::get_if<Dims>(&value)) return dims->size() == 1 ? dims->front().ToString() : ToString(*dims);
  if (const auto* dtype = std::get_if<DType>(&value)) return std::string(NumpyName(*dtype));
  return "";
}

}  // namespace

std::string OpText(const Node& node) {
  if (node.kind == NodeKind::kInput || node.kind == NodeKind::kArgument) return node.name.empty() ? node.Label() : node.name;
  if (node.kind == NodeKind::kPoison) return "error{" + std::string(node.status.message()) + "}";
  if (node.op == OpKind::kStateRead) return node.state->name.empty() ? "state" : node.state->name.str();
  const std::string& mnemonic = GetOpInfo(node.op).mnemonic;
  if (node.op == OpKind::kConstant) {
    const Tensor& value = *node.attrs.Get<Tensor>("value");
    std::string text = value.size() <= 5 ? value.ToString() : std::string(NumpyName(value.dtype())) + " " + ToString(value.shape());
    for (char& c : text) c = c == '\n' ? ' ' : c;
    return "constant{" + text + "}";
  }
  // What the result's type shows as well is left out.
  std::string attrs;
  for (const auto& [name, value] : node.attrs.entries()) {
    if (name == "shape" || (std::get_if<bool>(&value) != nullptr && !std::get<bool>(value))) continue;
    std::string text = AttrText(value);
    if (text.empty() || text == "()") continue;
    const bool plain = name == "kind" || name == "predicate" || name == "dtype" || name == "permutation" || name == "dim";
    attrs += (attrs.empty() ? "" : ", ") + (plain ? text : name + "=" + text);
  }
  return attrs.empty() ? mnemonic : mnemonic + "{" + attrs + "}";
}

std::string TypeText(const Value& value) {
  return value.ok() ? "<" + ToString(TensorType{value.dtype(), value.shape()}) + ">" : "<error>";
}

namespace {

// Entries for everything that values need, bodies included.
class Trees {
 public:
  explicit Trees(const DebugPrintOptions& options) : options_(options) {}

  // The entry of a value; makes those of all it needs first.
  int Add(const Value& root) {
    std::vector<Value> pending = {root};
    while (!pending.empty()) {
      const Value value = pending.back();
      if (index_.count(KeyOf(value)) != 0) {
        pending.pop_back();
        continue;
      }
      const size_t before = pending.size();
      if (value.node() != nullptr) {
        for (const Value& operand : value.node()->operands) {
          if (index_.count(KeyOf(operand)) == 0) pending.push_back(operand);
        }
      }
      if (pending.size() != before) continue;
      pending.pop_back();
      Make(value);
    }
    return index_.at(KeyOf(root));
  }

  const std::vector<TreeEntry>& entries() const { return entries_; }

  struct Body {
    int owner;  // entry
    std::string title;
    const Region* region;
  };
  std::vector<Body>& bodies() { return bodies_; }

 private:
  // Copies of a node under other names are one node; poisoned and empty values
  // stand for themselves.
  using Key = std::tuple<NodeId, int, const Node*>;
  static Key KeyOf(const Value& value) {
    if (value.ok()) return {value.id(), value.result_index(), nullptr};
    return {kNoNode, 0, value.node().get()};
  }

  void Make(const Value& value) {
    TreeEntry entry;
    const Node* node = value.node().get();
    if (node == nullptr) {
      entry.op = "error{empty Value}";
      entry.id = -2;
    } else {
      entry.op = OpText(*node);
      if (node->types.size() > 1) entry.op += "." + std::to_string(value.result_index());
      if (options_.types) entry.after += " " + TypeText(value);
      const bool leaf = node->kind != NodeKind::kOp || node->op == OpKind::kStateRead;
      if (!leaf && !node->name.empty()) entry.after += " '" + (node->scope.empty() ? "" : node->scope + "/") + node->name + "'";
      if (options_.lines && !node->Where().empty()) entry.after += "  " + node->Where();
      if (node->derivation != nullptr) entry.after += ", " + node->derivation->rule;
      entry.group = node->id;
      for (const Value& operand : node->operands) entry.children.push_back(index_.at(KeyOf(operand)));
    }
    const int index = static_cast<int>(entries_.size());
    entries_.push_back(std::move(entry));
    index_[KeyOf(value)] = index;
    if (node == nullptr) return;
    if (!node->regions.empty() && seen_.insert(node->id).second) {
      for (size_t i = 0; i < node->regions.size(); ++i) {
        bodies_.push_back({index, node->op == OpKind::kBranch ? (i == 0 ? " then" : " else") : "", &node->regions[i]});
      }
    }
  }

  const DebugPrintOptions& options_;
  std::vector<TreeEntry> entries_;
  std::map<Key, int> index_;
  std::set<NodeId> seen_;
  std::vector<Body> bodies_;
};

}  // namespace
}  // namespace graph

std::string DebugPrint(const std::vector<Value>& values, const DebugPrintOptions& options) {
  graph::Trees trees(options);
  std::vector<int> roots;
  for (const Value& value : values) roots.push_back(trees.Add(value));
  std::vector<std::vector<int>> results;
  for (size_t i = 0; i < trees.bodies().size(); ++i) {  // grows
    std::vector<int> of_body;
    const graph::Region* region = trees.bodies()[i].region;
    for (const Value& result : region->results) of_body.push_back(trees.Add(result));
    results.push_back(std::move(of_body));
  }
  TreePrinter printer(&trees.entries(), options.depth);
  for (int root : roots) printer.Print(root);
  bool heading = false;
  for (size_t i = 0; i < results.size(); ++i) {
    const auto& body = trees.bodies()[i];
    const std::string id = printer.IdOf(body.owner);
    if (id.empty()) continue;  // below the depth that was asked for
    if (!heading) printer.Text("\nInner graphs:\n");
    heading = true;
    std::string name = trees.entries()[static_cast<size_t>(body.owner)].op;
    if (const size_t dot = name.rfind('.'); dot != std::string::npos && dot + 3 >= name.size()) name.resize(dot);
    printer.Text("\n" + name + " [id " + id + "]" + body.title + "\n");
    for (int result : results[i]) printer.Print(result, " >");
  }
  return printer.Take();
}

}  // namespace oriel
