// Stacks whose number of rows only a run knows.
#include <atomic>
#include <cctype>
#include <map>
#include <mutex>
#include <set>

#include "runtime/graph/scan_internal.h"

namespace oriel::graph {
namespace {

// Is there any late dim at all? Nodes need not be searched before.
std::atomic<bool> any_late{false};

// What binds the late dims that are in use.
struct Binders {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<const Binder>> of;
};
Binders& TheBinders() {
  static Binders* binders = new Binders;
  return *binders;
}

}  // namespace

std::optional<Dim> DimOf(const Value& value) {
  if (!value.ok() || value.node()->kind != NodeKind::kOp) return std::nullopt;
  const Node& node = *value.node();
  if (node.op == OpKind::kDimValue) return node.attrs.Get<Dims>("dim")->front();
  if (node.op == OpKind::kConstant && node.types[0].shape.empty()) {
    return Dim(node.attrs.Get<Tensor>("value")->ElementAsInt({}));
  }
  return std::nullopt;
}

Dim LateDim(const std::string& name) {
  static std::atomic<int64_t> next{0};
  any_late.store(true, std::memory_order_relaxed);
  std::string stem = name.substr(0, name.find('$'));
  for (char& c : stem) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  if (stem.empty() || std::isdigit(static_cast<unsigned char>(stem[0]))) stem = "n" + stem;
  return Dim::Symbol(stem + "$" + std::to_string(next.fetch_add(1, std::memory_order_relaxed)));
}

bool IsLate(std::string_view symbol) { return symbol.find('$') != std::string_view::npos; }

absl::Status BindLateDims(Node* node) {
  if (!any_late.load(std::memory_order_relaxed)) return absl::OkStatus();
  std::vector<std::string> symbols;
  const auto collect = [&](const Dims& dims) {
    for (const Dim& dim : dims) {
      if (!dim.is_static()) dim.CollectSymbols(&symbols);
    }
  };
  for (const TensorType& type : node->types) collect(type.shape);
  for (const auto& [name, value] : node->attrs.entries()) {
    if (const Dims* dims = std::get_if<Dims>(&value)) collect(*dims);
  }
  const std::string own = node->op == OpKind::kRows ? node->attrs.Get<Dims>("dim")->front().symbol() : "";
  std::set<std::string> seen;
  for (const std::string& symbol : symbols) {
    if (!IsLate(symbol) || !seen.insert(symbol).second) continue;
    std::shared_ptr<const Binder> binder;
    for (const std::vector<Value>* values : {&node->operands, &node->captures}) {
      for (const Value& value : *values) {
        for (const auto& theirs : value.node()->binders) {
          if (binder == nullptr && theirs->symbol == symbol) binder = theirs;
        }
      }
    }
    if (binder == nullptr) {
      std::lock_guard<std::mutex> lock(TheBinders().mutex);
      std::weak_ptr<const Binder>& known = TheBinders().of[symbol];
      binder = known.lock();
      if (binder == nullptr && symbol == own) {
        // Without binders of its own: nothing may hold itself.
        auto rows = std::make_shared<Node>(*node);
        rows->binders.clear();
        binder = std::make_shared<const Binder>(Binder{symbol, Value(std::move(rows))});
        known = binder;
      }
    }
    if (binder == nullptr) {
      return absl::InvalidArgumentError("the dim '" + symbol + "' is that of a value which is no longer there");
    }
    node->binders.push_back(std::move(binder));
  }
  return absl::OkStatus();
}

Value FirstRows(const Value& stack, const Value& count, const Dim& dim, const Location& at) {
  if (auto poisoned = FirstPoisoned(std::vector<Value>{stack, count})) return *poisoned;
  return MakeOp({.op = OpKind::kRows, .attrs = {{"dim", Dims{dim}}}, .operands = {stack, count}}, at);
}

Value RowOfFirst(const Node& first_rows, int64_t index, const Location& at) {
  const OriginScope origin(first_rows, "row of the steps made");
  const Value &stack = first_rows.operands[0], &count = first_rows.operands[1];
  const Operand n(count, at);
  Value row, inside;
  if (index < 0) {
    row = add(n, Operand(index, at));
    inside = greater_equal(Operand(row, at), Operand(0, at));
  } else {
    row = scalar(static_cast<double>(index), DType::i64, at);
    inside = less(Operand(row, at), n);
  }
  // Past the end of the stack there is no row to read: that is the error.
  const Value outside = dim_value(stack.shape()[0], at);
  return gather(Operand(stack, at), {select(Operand(inside, at), Operand(row, at), Operand(outside, at))}, 0, at);
}

Value WithImplied(const Value& value, const std::vector<ImpliedUpdate>& updates, const Location& at) {
  const Value same = MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", value.shape()}}, .operands = {value}, .derived = true}, at);
  if (!same.ok()) return same;
  auto node = std::make_shared<Node>(*same.node());
  node->implied.insert(node->implied.end(), updates.begin(), updates.end());
  return Value(std::move(node));
}

}  // namespace oriel::graph
