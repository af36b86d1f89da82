// CompareLookedAt: taps change nothing and tell the truth.
#include <map>

#include "absl/strings/str_cat.h"
#include "oriel/taps.h"
#include "test/fuzz/graphs/variants.h"

namespace oriel::fuzz {
namespace {

struct Seen {
  // Of the first call: number of the tap, value; taps outside of bodies.
  std::vector<std::pair<int, Tensor>> values;
  std::string wrong;
};

// Each third value is printed, watched, asserted.
Look Looking(Seen* seen) {
  auto next = std::make_shared<int>(0);
  return [seen, next](const Value& v, uint64_t random) {
    const int number = (*next)++;
    switch (random % 3) {
      case 0: return print(v, {"p", {"shape", "min", "nan_count"}});
      case 1: return assert_that(v, "never", {constant(*Tensor::Ones({2}, DType::u8).Cast(DType::boolean))});
      default:
        return watch(v, "w", [seen, number](const TapRecord& r) {
          if (r.call == 0 && r.iterations.empty()) seen->values.emplace_back(number, r.value.Clone());
          return absl::OkStatus();
        });
    }
  };
}

Subject Of(const Graph& g) {
  Subject s;
  s.compile = [&g](const CompileOptions& o) { return compile(g.inputs, g.outputs, g.updates, o); };
  s.initial = [&g](const std::vector<State>& states) {
    std::vector<Tensor> values;
    for (const State& state : states) {
      for (size_t k = 0; k < g.states.size(); ++k) {
        if (g.states[k].id() == state.id()) values.push_back(g.initial[k]);
      }
    }
    return values;
  };
  s.calls = [&g](const Function&) { return g.calls; };
  return s;
}

}  // namespace

Finding CompareLookedAt(uint64_t seed, OpRange ops, const Subject& subject, const VariantOptions& options, const Run& base) {
  const std::string name = "looked at";
  Seen seen;
  const Graph g = MakeGraph(seed, ops, Looking(&seen));
  const Subject looked = Of(g);
  CompileOptions o;
  o.num_threads = 1;
  o.cache_dir = options.cache_dir;
  o.leave_out_phase = options.leave_out_phase;
  absl::StatusOr<Function> f = looked.compile(o);
  if (!f.ok()) return {name, absl::StrCat("does not compile: ", f.status().ToString())};
  std::string found = DifferenceInBits(RunCalls(looked, *f), base);
  if (!found.empty()) return {name, found};
  for (size_t k = 1; k < seen.values.size(); ++k) {
    if (seen.values[k - 1].first >= seen.values[k].first) {
      return {name, absl::StrCat("value ", seen.values[k].first, " is delivered after ", seen.values[k - 1].first)};
    }
  }
  // The same function with its taps taken off.
  for (const TapInfo& tap : f->taps()) {
    if (absl::Status status = f->Remove(tap.handle); !status.ok()) return {name, status.ToString()};
  }
  found = DifferenceInBits(RunCalls(looked, *f), base);
  if (!found.empty()) return {"taps taken off", found};
  // What was delivered, as outputs; values of branches are none.
  std::erase_if(seen.values, [&](const auto& of) { return g.looked.count(of.first) == 0; });
  Graph values = g;
  values.outputs.clear();
  for (const auto& [number, value] : seen.values) values.outputs.push_back(g.looked.at(number));
  values.calls.resize(1);
  if (!values.outputs.empty() && base.status.ok()) {
    const Subject apart = Of(values);
    absl::StatusOr<Function> outputs = apart.compile(o);
    if (!outputs.ok()) return {name, absl::StrCat("its values do not compile: ", outputs.status().ToString())};
    for (const TapInfo& tap : outputs->taps()) {
      if (absl::Status status = outputs->Remove(tap.handle); !status.ok()) return {name, status.ToString()};
    }
    const Run run = RunCalls(apart, *outputs);
    if (!run.status.ok()) return {name, run.status.ToString()};
    for (size_t k = 0; k < seen.values.size(); ++k) {
      found = DifferenceInBits(seen.values[k].second, run.calls[0][k]);
      if (!found.empty()) return {name, absl::StrCat("value ", seen.values[k].first, " as delivered ", found)};
    }
  }
  // Every fifth node that the graph states, by its id.
  absl::StatusOr<Function> plain = subject.compile(o);
  if (!plain.ok()) return {name, plain.status().ToString()};
  std::vector<TapHandle> handles;
  const auto stated = static_cast<NodeId>(plain->nodes().size());
  for (NodeId id = static_cast<NodeId>(seed % 5); id < stated && handles.size() < 4; id += 5) {
    absl::StatusOr<TapHandle> handle = plain->Watch(id, [](const TapRecord&) { return absl::OkStatus(); });
    if (!handle.ok()) break;  // derived by the compiler from here on
    handles.push_back(*handle);
  }
  found = DifferenceInBits(RunCalls(subject, *plain), base);
  if (!found.empty()) return {"nodes watched", found};
  return {};
}

}  // namespace oriel::fuzz
