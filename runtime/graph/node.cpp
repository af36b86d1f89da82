#include "runtime/graph/node.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_map>

#include "runtime/core/status.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/test_value.h"

namespace oriel {
namespace graph {
namespace {

NodeId NextNodeId() {
  static std::atomic<NodeId> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// Bodies and name scopes that are open in this thread, outermost first.
thread_local std::vector<uint64_t> open_regions;
// Of each of them its first argument, the induction variable of a loop; null
// when it has none.
thread_local std::vector<Value> open_inductions;
thread_local std::vector<std::string> open_scopes;

// The open OriginScopes of this thread, outermost first.
struct OpenOrigin {
  std::shared_ptr<const Derivation> derivation;  // null: paused
  std::string file, scope;
  int32_t line = 0;
};
thread_local std::vector<OpenOrigin> open_origins;

const OpenOrigin* CurrentOrigin() {
  return open_origins.empty() || open_origins.back().derivation == nullptr ? nullptr : &open_origins.back();
}

std::string CurrentScope() {
  std::string scope;
  for (const std::string& name : open_scopes) scope += (scope.empty() ? "" : "/") + name;
  return scope;
}

std::shared_ptr<const Derivation> Derive(absl::Span<const Node* const> from, std::string rule) {
  auto derivation = std::make_shared<Derivation>();
  for (const Node* node : from) derivation->from.push_back({InfoOf(*node), node->derivation});
  derivation->rule = std::move(rule);
  return derivation;
}

void OpenScope(absl::Span<const Node* const> from, std::string rule, const Location& at) {
  OpenOrigin origin;
  origin.derivation = Derive(from, std::move(rule));
  if (from.empty()) {
    origin.file = at.file_name();
    origin.line = static_cast<int32_t>(at.line());
    origin.scope = CurrentScope();
  } else {
    origin.file = from[0]->file;
    origin.line = from[0]->line;
    origin.scope = from[0]->scope;
  }
  open_origins.push_back(std::move(origin));
}

// What a builder inserts so that operands fit.
std::shared_ptr<const Derivation> FittingOf(const NodeSpec& spec) {
  if (spec.operands.empty()) return Derive({}, "scalar operand");
  const Node* operand = spec.operands[0].node().get();
  return Derive({&operand, 1}, GetOpInfo(spec.op).mnemonic + " to fit");
}

std::shared_ptr<Node> NewNode(NodeKind kind, const Location& at) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  node->id = NextNodeId();
  node->region = open_regions.empty() ? 0 : open_regions.back();
  if (const OpenOrigin* origin = CurrentOrigin()) {
    node->derivation = origin->derivation;
    node->scope = origin->scope;
    node->file = origin->file;
    node->line = origin->line;
    return node;
  }
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
  for (const auto& binder : node.binders) out->push_back(binder->rows);
  node.binders.clear();
  for (ImpliedUpdate& update : node.implied) out->push_back(std::move(update.value));
  node.implied.clear();
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

NodeInfo InfoOf(const Node& node) {
  NodeInfo info;
  info.id = node.id;
  info.op = node.kind == NodeKind::kInput ? "input" : node.kind == NodeKind::kOp ? GetOpInfo(node.op).mnemonic : "argument";
  info.name = node.name;
  info.scope = node.scope;
  info.file = node.file;
  info.line = node.line;
  return info;
}

OriginScope::OriginScope(absl::Span<const Value> from, std::string rule, const Location& at) {
  std::vector<const Node*> nodes;
  for (const Value& value : from) {
    if (value.ok()) nodes.push_back(value.node().get());
  }
  OpenScope(nodes, std::move(rule), at);
}
OriginScope::OriginScope(std::initializer_list<Value> from, std::string rule, const Location& at)
    : OriginScope(absl::MakeConstSpan(from.begin(), from.size()), std::move(rule), at) {}
OriginScope::OriginScope(const Node& from, std::string rule) {
  const Node* node = &from;
  OpenScope({&node, 1}, std::move(rule), Location("", 0));
}
OriginScope::~OriginScope() { open_origins.pop_back(); }

bool InOriginScope() { return CurrentOrigin() != nullptr; }

OriginPause::OriginPause() { open_origins.emplace_back(); }
OriginPause::~OriginPause() { open_origins.pop_back(); }

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
    for (const auto& binder : node->binders) pending.push_back(binder->rows.node().get());
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
  if (spec.derived && node->derivation == nullptr) node->derivation = FittingOf(spec);
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
  node->pullback = std::move(spec.pullback);
  node->implied = std::move(spec.implied);
  node->tap = std::move(spec.tap);
  node->types = std::move(types);
  node->requirements = std::move(requirements);
  if (absl::Status status = BindLateDims(node.get()); !status.ok()) {
    return Poison(Prefixed(status, GetOpInfo(node->op).mnemonic), at);
  }
  if (absl::Status status = GiveTestValue(node.get()); !status.ok()) return Poison(status, at);
  return Value(std::move(node));
}

Value MakeLeaf(NodeKind kind, std::string name, TensorType type, const Location& at) {
  auto node = NewNode(kind, at);
  // An input belongs to the function wherever it is written.
  if (kind == NodeKind::kInput) node->region = 0;
  node->name = std::move(name);
  node->types.push_back(std::move(type));
  node->test = std::make_shared<TestSlot>();
  Value leaf(std::move(node));
  if (kind == NodeKind::kArgument && !open_inductions.empty() && open_inductions.back().node() == nullptr) {
    open_inductions.back() = leaf;
  }
  return leaf;
}

RegionScope::RegionScope() {
  static std::atomic<uint64_t> next{1};
  id_ = next.fetch_add(1, std::memory_order_relaxed);
  open_regions.push_back(id_);
  open_inductions.emplace_back();
}

uint64_t CurrentRegion() { return open_regions.empty() ? 0 : open_regions.back(); }

RegionScope::RegionScope(uint64_t id) : id_(id) {
  open_regions.push_back(id);
  open_inductions.emplace_back();
}

RegionScope::~RegionScope() {
  open_regions.pop_back();
  open_inductions.pop_back();
}

std::vector<Value> OpenInductions() {
  std::vector<Value> inductions;
  for (const Value& value : open_inductions) {
    if (value.ok()) inductions.push_back(value);
  }
  return inductions;
}

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
    for (const auto& binder : node->binders) note({binder->rows});
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
  return node_ == nullptr ? none : node_->name.str();
}

bool Value::is_input() const { return ok() && node_->kind == graph::NodeKind::kInput; }

Value Value::named(std::string name) const {
  if (!ok()) return *this;
  // An input's name is how callers pass it: it keeps that.
  if (node_->kind == graph::NodeKind::kInput) return *this;
  auto copy = std::make_shared<graph::Node>(*node_);
  copy->name = std::move(name);
  return Value(std::move(copy), result_);
}

absl::Status Value::set_name(std::string name) {
  if (!ok()) return status();
  const bool input = node_->kind == graph::NodeKind::kInput;
  if (input && name.empty()) {
    return absl::InvalidArgumentError("input '" + node_->name + "': the name is empty");
  }
  // A read bears its state's name; results of one op share a node.
  const bool shared = !input && (node_->types.size() > 1 || node_->op == OpKind::kStateRead);
  if (!shared) {
    node_->name.Set(std::move(name));
    return absl::OkStatus();
  }
  const std::shared_ptr<const graph::Node> before = node_;
  *this = named(name);
  if (before->name.empty() && before->op != OpKind::kStateRead) before->name.Set(std::move(name));
  return absl::OkStatus();
}

NameScope::NameScope(std::string name) { graph::open_scopes.push_back(std::move(name)); }
NameScope::~NameScope() { graph::open_scopes.pop_back(); }

}  // namespace oriel
