// compose.h: inputs that name their own dims; which inputs a graph needs.
#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "oriel/compose.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

// The how-many-th asking for `name`, from 1 on. The same program asks in the
// same order, so that its graphs are equal from run to run (and are cached).
int64_t Count(const std::string& name) {
  static std::mutex mutex;
  static auto& counts = *new std::map<std::string, int64_t>();
  std::lock_guard<std::mutex> lock(mutex);
  return ++counts[name];
}

// As a dim symbol may be spelt.
std::string Symbol(const std::string& name) {
  std::string symbol = name;
  for (char& c : symbol) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!fits) c = '_';
  }
  if (symbol.empty() || (symbol[0] >= '0' && symbol[0] <= '9')) symbol.insert(0, "_");
  return symbol;
}

}  // namespace

Value fresh_input(std::string name, DType dtype, Dims shape, Location at) {
  if (name.empty()) name = "input_" + std::to_string(Count("input"));
  const std::string symbol = Symbol(name);
  std::string prefix = symbol;
  bool counted = false;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] != Dim(-1)) continue;
    if (!counted) {
      const int64_t count = Count(symbol);
      if (count > 1) prefix += "." + std::to_string(count);
      counted = true;
    }
    shape[axis] = Dim::Symbol(prefix + "_" + std::to_string(axis));
  }
  return input(std::move(name), dtype, std::move(shape), at);
}

std::vector<size_t> UnusedInputs(absl::Span<const Value> inputs, absl::Span<const Value> outputs) {
  std::set<NodeId> used;
  std::vector<std::string> symbols;  // extents that are needed are a use too
  const auto collect = [&](const Dims& dims) {
    for (const Dim& dim : dims) dim.CollectSymbols(&symbols);
  };
  std::vector<std::pair<std::vector<Value>, uint64_t>> bodies = {{{outputs.begin(), outputs.end()}, 0}};
  for (size_t i = 0; i < bodies.size(); ++i) {
    const auto [results, region] = bodies[i];
    for (const graph::Node* node : graph::Reachable(results, region)) {
      if (node->kind == graph::NodeKind::kInput) used.insert(node->id);
      for (const TensorType& type : node->types) collect(type.shape);
      for (const auto& [name, value] : node->attrs.entries()) {
        if (const Dims* dims = std::get_if<Dims>(&value)) collect(*dims);
      }
      for (const graph::Region& inner : node->regions) bodies.emplace_back(inner.results, inner.id);
    }
  }
  const std::set<std::string> needed(symbols.begin(), symbols.end());
  std::vector<size_t> unused;
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<std::string> own;
    for (const Dim& dim : inputs[i].shape()) dim.CollectSymbols(&own);
    const bool sizes = std::any_of(own.begin(), own.end(), [&](const std::string& s) { return needed.count(s) != 0; });
    const bool is_input = inputs[i].ok() && inputs[i].node()->kind == graph::NodeKind::kInput;
    if (is_input && !sizes && used.count(inputs[i].id()) == 0) unused.push_back(i);
  }
  return unused;
}

}  // namespace oriel
