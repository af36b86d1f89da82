// Loops, branches and states.
#include <algorithm>

#include "test/fuzz/graphs/steps.h"

namespace oriel::fuzz {
namespace {

// Values stated in a body, from what is in it and above.
void Fill(Maker& m) {
  for (int64_t steps = m.random().Between(1, 5); steps > 0; --steps) AnyStep(m);
}

// The state's new value from what the pool has; of the state's own type.
Value NextOf(Maker& m, const State& s) {
  const Value old = Operand(s).value;
  const Item like{old, true, 3};
  if (s.shape().size() == 2 && m.random().Percent(50)) {
    // Rows of a table.
    const std::optional<Value> rows = m.Indices(old.dim(0));
    if (rows && rows->rank() == 1 && rows->ok()) {
      const Value part = gather(old, {*rows});
      if (IsFloat(s.dtype())) return scatter_add(old, {*rows}, tanh(part) * -0.25);
      return IsBool(s.dtype()) ? scatter_set(old, {*rows}, logical_not(part)) : scatter_add(old, {*rows}, part);
    }
  }
  bool exact;
  return m.Renewed(like, &exact);
}

bool Updated(const Maker& m, const State& s) {
  return std::any_of(m.updates.begin(), m.updates.end(), [&](const Update& u) { return u.first.id() == s.id(); });
}

void PlainLoop(Maker& m) {
  const Item* first = m.Pick([](const Item& i) { return i.value.rank() <= 3; });
  if (first == nullptr) return;
  std::vector<Item> initial = {*first};
  if (m.random().Percent(50)) {
    const Item* second = m.Pick([](const Item& i) { return i.value.rank() <= 3; });
    if (second != nullptr) initial.push_back(*second);
  }
  const int64_t most = m.random().Below(5);
  Operand trips(most);
  if (m.random().Percent(40)) {
    const std::optional<Value> found = m.IndexScalar(Dim(most + 1));
    if (found) trips = Operand(*found), ++m.features["trips found at run time"];
  }
  const int64_t before = m.runs;
  m.runs *= std::max<int64_t>(most, 1);
  std::vector<Value> values;
  for (const Item& i : initial) values.push_back(i.value);
  const std::vector<Value> finals = loop(trips, values, [&](Value i, std::vector<Value> carried) {
    std::vector<Item> inside = {{i, true, 3}};
    for (size_t k = 0; k < carried.size(); ++k) inside.push_back({carried[k], false, initial[k].size});
    std::vector<Value> next;
    m.Inside(inside, [&] {
      Fill(m);
      for (size_t k = 0; k < carried.size(); ++k) {
        bool exact;
        next.push_back(m.Renewed({carried[k], false, initial[k].size}, &exact));
      }
    });
    // Exchanged: the buffers of the carries may not be mixed up.
    if (next.size() == 2 && next[0].dtype() == next[1].dtype() && next[0].shape() == next[1].shape() && m.random().Percent(50)) std::swap(next[0], next[1]);
    return next;
  });
  m.runs = before;
  ++m.features["loop"];
  for (size_t k = 0; k < finals.size(); ++k) m.Add(finals[k], false, initial[k].size + 1);
}

void Scan(Maker& m) {
  // Rows of something short enough.
  const Item* first = m.Pick([&](const Item& i) {
    return i.value.rank() > 0 && i.value.rank() <= 3 && !m.IsLate(i.value.shape(), 1) && m.Extent(i.value.dim(0)) <= 40 && m.Extent(i.value.dim(0)) * m.runs <= 200;
  });
  if (first == nullptr) return;
  const Item sequence = *first;
  const Dim rows = sequence.value.dim(0);
  const int64_t extent = m.Extent(rows);
  ScanOptions options;
  const bool pairs = extent >= 2 && !m.IsLate({rows}) && m.random().Percent(25);
  options.sequences.push_back(ScanSequence(Operand(sequence.value), pairs ? std::vector<int64_t>{-1, 0} : std::vector<int64_t>{0}));
  std::vector<Item> elements(pairs ? 2 : 1, sequence);
  if (m.random().Percent(40)) {
    const Item* second = m.Pick([&](const Item& i) { return i.value.rank() > 0 && i.value.rank() <= 3 && i.value.dim(0) == rows && !m.IsLate(i.value.shape(), 1); });
    if (second != nullptr) options.sequences.push_back(Operand(second->value)), elements.push_back(*second);
  }
  ++m.no_late;
  std::vector<Item> carried;
  for (int64_t n = m.random().Below(3); n > 0; --n) {
    const Item* start = m.Pick([](const Item& i) { return i.value.rank() <= 2; });
    if (start != nullptr) carried.push_back(*start);
  }
  const int64_t collected = m.random().Between(carried.empty() ? 1 : 0, 2);
  for (const Item& i : carried) options.outputs_info.push_back(ScanOutput(Operand(i.value)));
  for (int64_t n = 0; n < collected; ++n) options.outputs_info.push_back(ScanOutput());
  options.go_backwards = m.random().Percent(30);
  const bool until = m.random().Percent(15);
  bool unknown = until;  // the number of steps
  if (!pairs && m.random().Percent(20)) {
    const std::optional<Value> steps = m.IndexScalar(rows);
    // At least one where there is a row: what is made of the stacks may need it.
    if (steps) options.n_steps = *steps + 1, unknown = true, ++m.features["trips found at run time"];
  }
  if (!unknown && m.random().Percent(20)) {
    const int64_t every = m.random().Below(5);
    options.checkpoint = every == 0 ? ScanOptions::kSqrt : every;
  }
  if (!unknown && m.random().Percent(10)) options.truncate_gradient = m.random().Between(1, 4);
  State inside_state;
  if (m.random().Percent(30) && !m.states.empty() && m.depth() == 0) {
    const State& s = m.random().Of(m.states);
    if (!Updated(m, s)) inside_state = s;
  }
  const int64_t before = m.runs;
  m.runs *= std::max<int64_t>(extent, 1);
  std::vector<Item> kept;
  const ScanResult result = scan(
      [&](const ScanStep& step) {
        std::vector<Item> inside = {{step.i, true, 5}};
        for (size_t k = 0; k < step.sequences.size(); ++k) {
          const Item& of = elements[std::min(k, elements.size() - 1)];
          inside.push_back({step.sequences[k], of.exact, of.size});
        }
        for (size_t k = 0; k < step.outputs.size(); ++k) inside.push_back({step.outputs[k], false, carried[k].size});
        ScanBody body;
        m.Inside(inside, [&] {
          const size_t own = m.pool.size() - inside.size();
          Fill(m);
          for (size_t k = 0; k < step.outputs.size(); ++k) {
            bool exact;
            body.outputs.push_back(m.Renewed({step.outputs[k], false, carried[k].size}, &exact));
          }
          for (int64_t n = 0; n < collected; ++n) {
            Item out = m.pool[own + static_cast<size_t>(m.random().Below(static_cast<int64_t>(m.pool.size() - own)))];
            // Rows of many elements make stacks that are too large.
            if (!m.Fits(out.value.shape()) || out.value.rank() > 3) out = inside[0];
            body.outputs.push_back(out.value);
            kept.push_back(out);
          }
          if (inside_state.cell() != nullptr) body.updates.emplace_back(inside_state, NextOf(m, inside_state));
          if (until) body.until = greater_equal(step.i, m.random().Between(0, 5));
        });
        return body;
      },
      options);
  m.runs = before;
  --m.no_late;
  ++m.features["loop"];
  ++m.features["loop over sequences"];
  if (until) ++m.features["loop until"];
  if (options.checkpoint != 0) ++m.features["loop with checkpoints"];
  if (!result.updates.empty()) ++m.features["state updated in a loop"];
  for (const Update& u : result.updates) m.updates.push_back(u);
  for (size_t k = 0; k < carried.size() && k < result.finals.size(); ++k) m.Add(result.finals[k], false, carried[k].size + 1);
  m.Add(result.steps, true, 5);
  for (size_t k = 0; k < result.outputs.size(); ++k) {
    const bool is_carried = k < carried.size();
    const Item from = is_carried ? carried[k] : k - carried.size() < kept.size() ? kept[k - carried.size()] : sequence;
    const Value& stack = result.outputs[k];
    // As many rows as steps were made.
    const bool late = unknown && stack.ok() && m.depth() == 0 && stack.dim(0).is_symbol() && stack.dim(0) != rows;
    if (late) m.Know(stack.dim(0).symbol(), extent), ++m.features["rows counted at run time"];
    if (!unknown || (late && m.random().Percent(60))) {
      m.Add(stack, !is_carried && from.exact, from.size + 1);
    } else if (m.depth() == 0 && stack.ok()) {
      m.Return(stack);
    }
  }
}

}  // namespace

void LoopStep(Maker& m) {
  if (m.depth() >= 2) return;
  if (!m.random().Percent(40)) return Scan(m);
  ++m.no_late;
  PlainLoop(m);
  --m.no_late;
}

void BranchStep(Maker& m) {
  if (m.depth() >= 3) return;
  ++m.no_late;
  const Item* picked = m.Pick();
  --m.no_late;
  if (picked == nullptr) return;
  const Item x = *picked;
  const Value condition = m.Condition();
  const auto side = [&] {
    std::vector<Value> out;
    m.Inside({}, [&] {
      Fill(m);
      bool exact;
      out.push_back(m.random().Percent(20) ? x.value : m.Renewed(x, &exact));
    });
    return out;
  };
  ++m.features["branch"];
  if (m.random().Percent(60)) {
    for (const Value& v : branch(condition, side, side)) m.Add(v, false, x.size + 1);
  } else {
    bool exact;
    ++m.no_late;
    const Value other = m.Renewed(x, &exact);
    --m.no_late;
    m.Add(ifelse(condition, other, x.value), false, x.size + 1);
  }
}

void StateStep(Maker& m) {
  if (m.states.empty()) return;
  const State s = m.random().Of(m.states);
  if (m.random().Percent(50) || Updated(m, s) || m.depth() > 0) {
    m.Add(Operand(s).value, true, 3);
    return;
  }
  if (m.random().Percent(30)) {
    // Two states exchange their values.
    for (const State& other : m.states) {
      if (other.id() == s.id() || Updated(m, other) || other.dtype() != s.dtype() || other.shape() != s.shape()) continue;
      m.updates.emplace_back(s, Operand(other).value);
      m.updates.emplace_back(other, Operand(s).value);
      ++m.features["states exchanged"];
      return;
    }
  }
  const Value next = NextOf(m, s);
  if (!next.ok()) {
    ++m.refused[std::string(next.status().message())];
    return;
  }
  m.updates.emplace_back(s, next);
  ++m.features["state updated"];
}

void AnyStep(Maker& m) {
  using StepFn = void (*)(Maker&);
  static const std::vector<std::pair<int, StepFn>> steps = {
      {16, UnaryStep}, {20, BinaryStep}, {8, IntegerStep}, {11, LogicStep},  {6, CastStep},    {4, LeafStep},
      {8, ShapeStep},  {7, SliceStep},   {5, JoinStep},    {12, ReduceStep}, {7, ContractStep}, {9, IndexStep},
      {2, RandomStep}, {5, LoopStep},    {3, BranchStep},  {5, StateStep},
      {3, SortStep},   {2, LateStep}};
  int total = 0;
  for (const auto& [weight, step] : steps) total += weight;
  int64_t at = m.random().Below(total);
  for (const auto& [weight, step] : steps) {
    if ((at -= weight) < 0) return step(m);
  }
}

}  // namespace oriel::fuzz
