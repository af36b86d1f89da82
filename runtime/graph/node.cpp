#include "runtime/graph/node.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_map>

#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace graph {
namespace {

NodeId NextNodeId() {
  static std::atomic<NodeId> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// Bodies and name scopes that are open in this thread, outermost first.
thread_local std::vector<uint64_t> open_regions;
thread_local std::vector<std::string> open_scopes;

std::string CurrentScope() {
  std::string scope;
  for (const std::string& name : open_scopes) scope += (scope.empty() ? "" : "/") + name;
  return scope;
}

std::shared_ptr<Node> NewNode(NodeKind kind, const Location& at) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  node->id = NextNodeId();
  node->region = open_regions.empty() ? 0 : open_regions.back();
  node->scope = CurrentScope();
  node->file = at.file_name();
  node->line = static_cast<int32_t>(at.line());
  return node;
}

// Moves everything that refers to other nodes out of `node`.
void TakeReferences(Node& node, std::vector<Value>* out) {
  auto take = [&](std::vector<Value>& values) {
    for (Value& value : values) out->push_back(std::move(value));
    values.clear();
  };
  take(node.operands);
  take(node.captures);
  for (Region& region : node.regions) {
    take(region.arguments);
    take(region.results);
  }
}

bool IsVisible(uint64_t region) {
  return region == 0 || std::find(open_regions.begin(), open_regions.end(), region) != open_regions.end();
}

// Values are only usable in the body that made them and in bodies inside it.
absl::Status CheckVisible(absl::Span<const Value> operands) {
  for (const Value& value : operands) {
    const Node& node = *value.node();
    if (IsVisible(node.region)) continue;
    return absl::InvalidArgumentError("'" + node.Label() + "' was made in the body of a loop or branch at " +
                                      node.Where() + " and cannot be used outside of it");
  }
  return absl::OkStatus();
}

}  // namespace

Node::~Node() {
  // The outermost destructor in this thread frees what the inner ones leave it.
  thread_local std::vector<Value>* pending = nullptr;
  if (pending != nullptr) {
    TakeReferences(*this, pending);
    return;
  }
  std::vector<Value> mine;
  TakeReferences(*this, &mine);
  pending = &mine;
  while (!mine.empty()) {
    const Value last = std::move(mine.back());
    mine.pop_back();
  }
  pending = nullptr;
}

std::string BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string Node::Where() const { return line == 0 ? "" : BaseName(file) + ":" + std::to_string(line); }

std::string Node::Label() const {
  if (!name.empty()) return name;
  std::string what = "input";
  if (kind == NodeKind::kOp) what = GetOpInfo(op).mnemonic;
  if (kind == NodeKind::kArgument) what = "argument";
  return what + "#" + std::to_string(id);
}

std::vector<const Node*> Reachable(absl::Span<const Value> roots, uint64_t region) {
  std::map<NodeId, const Node*> found;  // by id: in the order of making
  std::vector<const Node*> pending;
  auto push = [&](const std::vector<Value>& values) {
    for (const Value& value : values) pending.push_back(value.node().get());
  };
  for (const Value& root : roots) pending.push_back(root.node().get());
  while (!pending.empty()) {
    const Node* node = pending.back();
    pending.pop_back();
    if (node == nullptr || node->region != region) continue;
    const auto [at, is_new] = found.emplace(node->id, node);
    if (!is_new) {
      // A copy of the same node under another name: keep the named one.
      if (at->second->name.empty()) at->second = node;
      continue;
    }
    push(node->operands);
    push(node->captures);
  }
  std::vector<const Node*> order;
  for (const auto& [id, node] : found) order.push_back(node);
  return order;
}

Value Poison(const absl::Status& status, const Location& at) {
  auto node = NewNode(NodeKind::kPoison, at);
  node->status = Prefixed(status, node->Where());
  return Value(std::move(node));
}

Value PoisonInvalid(const std::string& message, const Location& at) {
  return Poison(absl::InvalidArgumentError(message), at);
}

std::optional<Value> FirstPoisoned(absl::Span<const Value> values) {
  for (const Value& value : values) {
    if (!value.ok()) return value;
  }
  return std::nullopt;
}

Value MakeOp(NodeSpec spec, const Location& at) {
  if (auto poisoned = FirstPoisoned(spec.operands)) return *poisoned;
  std::vector<TensorType> operand_types;
  for (const Value& operand : spec.operands) operand_types.push_back({operand.dtype(), operand.shape()});
  std::vector<DimRequirement> requirements;
  absl::StatusOr<std::vector<TensorType>> types = InferTypes(spec.op, spec.attrs, operand_types, &requirements);
  if (!types.ok()) return Poison(types.status(), at);
  return MakeTyped(std::move(spec), *std::move(types), std::move(requirements), at);
}

Value MakeTyped(NodeSpec spec, std::vector<TensorType> types, std::vector<DimRequirement> requirements,
                const Location& at) {
  if (auto poisoned = FirstPoisoned(spec.operands)) return *poisoned;
  if (absl::Status status = CheckVisible(spec.operands); !status.ok()) {
    return Poison(Prefixed(status, GetOpInfo(spec.op).mnemonic), at);
  }
  auto node = NewNode(NodeKind::kOp, at);
  for (const Region& region : spec.regions) {
    for (Value& capture : CapturesOf(region)) node->captures.push_back(std::move(capture));
  }
  if (absl::Status status = CheckVisible(node->captures); !status.ok()) {
    return Poison(Prefixed(status, GetOpInfo(spec.op).mnemonic), at);
  }
  // A state's value from before the call is the same in every body.
  if (spec.op == OpKind::kStateRead) node->region = 0;
  node->op = spec.op;
  node->attrs = std::move(spec.attrs);
  node->operands = std::move(spec.operands);
  node->regions = std::move(spec.regions);
  node->state = std::move(spec.state);
  node->derived = spec.derived;
  node->types = std::move(types);
  node->requirements = std::move(requirements);
  return Value(std::move(node));
}

Value MakeLeaf(NodeKind kind, std::string name, TensorType type, const Location& at) {
  auto node = NewNode(kind, at);
  // An input belongs to the function wherever it is written.
  if (kind == NodeKind::kInput) node->region = 0;
  node->name = std::move(name);
  node->types.push_back(std::move(type));
  return Value(std::move(node));
}

RegionScope::RegionScope() {
  static std::atomic<uint64_t> next{1};
  id_ = next.fetch_add(1, std::memory_order_relaxed);
  open_regions.push_back(id_);
}

RegionScope::RegionScope(uint64_t id) : id_(id) { open_regions.push_back(id); }

RegionScope::~RegionScope() { open_regions.pop_back(); }

std::vector<Value> CapturesOf(const Region& region) {
  std::vector<Value> captures;
  std::map<std::pair<NodeId, int>, bool> seen;
  auto note = [&](const std::vector<Value>& values) {
    for (const Value& value : values) {
      if (value.node()->region == region.id) continue;
      if (seen.emplace(std::pair(value.id(), value.result_index()), true).second) captures.push_back(value);
    }
  };
  note(region.results);
  for (const Node* node : Reachable(region.results, region.id)) {
    note(node->operands);
    note(node->captures);
  }
  return captures;
}

}  // namespace graph

// ---- Value ----

namespace {

const absl::Status& EmptyValueStatus() {
  static const absl::Status& status = *new absl::Status(absl::StatusCode::kInvalidArgument, "empty Value");
  return status;
}

}  // namespace

Value::Value() = default;
Value::Value(std::shared_ptr<const graph::Node> node, int result) : node_(std::move(node)), result_(result) {}

const absl::Status& Value::status() const { return node_ == nullptr ? EmptyValueStatus() : node_->status; }
DType Value::dtype() const { return ok() ? node_->types[result_].dtype : DType::f32; }
const Dims& Value::shape() const {
  static const Dims& none = *new Dims();
  return ok() ? node_->types[result_].shape : none;
}
Dim Value::dim(int axis) const {
  const int at = axis < 0 ? axis + rank() : axis;
  return at >= 0 && at < rank() ? shape()[at] : Dim(0);
}
NodeId Value::id() const { return node_ == nullptr ? kNoNode : node_->id; }
const std::string& Value::name() const {
  static const std::string& none = *new std::string();
  return node_ == nullptr ? none : node_->name;
}

Value Value::named(std::string name) const {
  if (!ok()) return *this;
  // An input's name is how callers pass it: it keeps that.
  if (node_->kind == graph::NodeKind::kInput) return *this;
  auto copy = std::make_shared<graph::Node>(*node_);
  copy->name = std::move(name);
  return Value(std::move(copy), result_);
}

NameScope::NameScope(std::string name) { graph::open_scopes.push_back(std::move(name)); }
NameScope::~NameScope() { graph::open_scopes.pop_back(); }

}  // namespace oriel
