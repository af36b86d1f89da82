#include "test/fuzz/graphs/graph.h"

#include <algorithm>

#include "runtime/graph/implied_updates.h"
#include "runtime/graph/node.h"
#include "test/fuzz/graphs/data.h"
#include "test/fuzz/graphs/steps.h"

namespace oriel::fuzz {
namespace {

constexpr DType kFloats[] = {DType::f32, DType::f32, DType::f32, DType::f64, DType::f64, DType::f16, DType::bf16};
constexpr DType kIntegers[] = {DType::i32, DType::i64, DType::i8, DType::i16, DType::u8, DType::u16, DType::u32, DType::u64};

int64_t AnExtent(Random& r) {
  switch (r.Below(8)) {
    case 0: return r.Below(2);
    case 1: return 1;
    case 2: case 3: return r.Between(2, 9);
    case 4: return 8 * r.Between(1, 8);
    default: return r.Between(2, 70);
  }
}

void Count(const std::vector<Value>& roots, uint64_t region, std::map<std::string, int>* counts) {
  for (const graph::Node* node : graph::Reachable(roots, region)) {
    if (node->kind != graph::NodeKind::kOp) continue;
    ++(*counts)[GetOpInfo(node->op).mnemonic];
    for (const graph::Region& body : node->regions) Count(body.results, body.id, counts);
  }
}

std::vector<Value> Roots(const Graph& g) {
  std::vector<Value> roots = g.outputs;
  for (const Update& update : g.updates) roots.push_back(update.second);
  return roots;
}

void CollectStates(const std::vector<Value>& roots, uint64_t region, std::vector<State>* states) {
  const auto add = [&](const State& s) {
    if (std::none_of(states->begin(), states->end(), [&](const State& t) { return t.id() == s.id(); })) states->push_back(s);
  };
  for (const graph::Node* node : graph::Reachable(roots, region)) {
    if (node->state != nullptr) add(State(node->state));
    for (const graph::Region& body : node->regions) CollectStates(body.results, body.id, states);
  }
}

// Inputs of all kinds over the symbols; what a call gives them.
void MakeInputs(Graph* g, Maker* m, Random* r) {
  const Dim n = dyn("n"), k = dyn("k"), p = dyn("p");
  const DType t = kFloats[r->Below(std::size(kFloats))], u = kFloats[r->Below(std::size(kFloats))];
  const DType i = kIntegers[r->Below(std::size(kIntegers))], j = kIntegers[r->Below(std::size(kIntegers))];
  const bool special = r->Percent(30);
  const int64_t a = r->Between(1, 6), b = 2 * r->Between(1, 4);
  struct Made { const char* name; DType t; Dims shape; };
  const std::vector<Made> all = {
      {"x", t, {n, k}},         {"y", t, {n, k}},           {"bias", t, {k}},           {"column", t, {n, 1}},
      {"w", t, {k, p}},         {"scale", t, {}},           {"wide", u, {n, k}},        {"rows", u, {n}},
      {"deep", t, {2, n, k}},   {"square", t, {a, b}},      {"short", t, {b}},          {"count", i, {n, k}},
      {"steps", DType::i64, {}}, {"index", DType::i64, {n}}, {"places", DType::i32, {p}}, {"small", j, {k}},
      {"mask", DType::boolean, {n, k}}, {"flag", DType::boolean, {}}, {"table", t, {k, b}}, {"numbers", i, {a, b}}};
  for (size_t c = 0; c < all.size(); ++c) {
    if (c >= 4 && r->Percent(35)) continue;
    const Value v = input(all[c].name, all[c].t, all[c].shape);
    g->inputs.push_back(v);
    m->pool.push_back({v, true, 2});
  }
  for (size_t call = 0; call < 3; ++call) {
    std::vector<Tensor> arguments;
    for (const Value& v : g->inputs) {
      Extents shape;
      for (const Dim& dim : v.shape()) shape.push_back(m->Extent(dim));
      Tensor data = Data(shape, v.dtype(), g->seed * 31 + call * 7 + HashName(v.name()), special);
      arguments.push_back(r->Percent(15) ? AsView(data, r) : data);
    }
    g->calls.push_back(std::move(arguments));
  }
}

void MakeStates(Graph* g, Maker* m, Random* r) {
  if (r->Percent(40)) return;
  DType t = kFloats[r->Below(std::size(kFloats))];
  for (const Value& v : g->inputs) {
    if (v.name() == "x" && r->Percent(70)) t = v.dtype();
  }
  int64_t a = r->Between(1, 5), b = r->Between(1, 9);
  for (const Value& v : g->inputs) {
    if (v.name() == "square") a = v.dim(0).value(), b = v.dim(1).value();
  }
  const std::vector<std::pair<DType, Extents>> all = {
      {t, {a, b}}, {t, {a, b}}, {t, {b}}, {t, {}}, {DType::i64, {}}, {kIntegers[r->Below(std::size(kIntegers))], {b}}, {DType::boolean, {a}}, {t, {r->Between(5, 40), b}}};
  for (const auto& [dtype, shape] : all) {
    if (r->Percent(55)) continue;
    const size_t number = m->states.size();
    const State s = state("s" + std::to_string(number), Data(shape, dtype, g->seed * 101 + number, false));
    m->states.push_back(s);
    m->pool.push_back({Operand(s).value, true, 3});
  }
}

// A float scalar that depends on what was made last.
std::optional<Value> Cost(Maker* m) {
  std::vector<Value> terms;
  for (size_t k = m->pool.size(); k-- > 0 && terms.size() < 2;) {
    const Item& item = m->pool[k];
    if (!IsFloat(item.value.dtype()) || m->Elements(item.value.shape()) < 1) continue;
    terms.push_back(cast(mean(tanh(item.value)), DType::f64));
  }
  if (terms.empty()) return std::nullopt;
  return terms.size() == 2 ? terms[0] + terms[1] * 0.5 : terms[0];
}

void MakeGradients(Graph* g, Maker* m, Random* r) {
  if (!r->Percent(45)) return;
  const std::optional<Value> cost = Cost(m);
  if (!cost) return;
  std::vector<Operand> wrt;
  for (const Value& v : g->inputs) {
    if (IsFloat(v.dtype()) && r->Percent(40)) wrt.push_back(v);
  }
  // Also by something on the way; by what a tap looks at, since other reads of a
  // state are it too, and the tap's value is not.
  for (size_t k = g->inputs.size(); k < m->pool.size() && wrt.size() < 5; ++k) {
    Value value = m->pool[k].value;
    while (value.node()->kind == graph::NodeKind::kOp && value.node()->op == OpKind::kTap) value = Value(value.node()->operands[0]);
    if (IsFloat(value.dtype()) && r->Percent(4)) wrt.push_back(value);
  }
  const GradOptions options{.disconnected_inputs = Disconnected::kIgnore};
  // Descent on states that nothing else updates.
  std::vector<State> learned;
  for (const State& s : m->states) {
    const bool updated = std::any_of(m->updates.begin(), m->updates.end(), [&](const Update& u) { return u.first.id() == s.id(); });
    if (IsFloat(s.dtype()) && !updated && r->Percent(60)) learned.push_back(s), wrt.push_back(s);
  }
  if (wrt.empty()) return;
  const std::vector<Value> gradients = grad(*cost, wrt, options);
  const size_t plain = wrt.size() - learned.size();
  for (size_t k = 0; k < gradients.size(); ++k) {
    if (!gradients[k].ok()) {
      ++m->refused[std::string(gradients[k].status().message())];
      continue;
    }
    if (k < plain) g->outputs.push_back(gradients[k]);
    else m->updates.emplace_back(learned[k - plain], cast(Operand(learned[k - plain]).value - 0.125 * gradients[k], learned[k - plain].dtype()));
  }
  g->outputs.push_back(*cost);
  ++m->features["gradient"];
  if (!learned.empty()) ++m->features["state learned by gradient"];
  if (m->features.count("loop") > 0) ++m->features["gradient beside loops"];
  if (r->Percent(15) && gradients[0].ok() && m->Elements(gradients[0].shape()) > 0) {
    const Value second = grad(cast(mean(tanh(gradients[0])), DType::f64), {wrt.back()}, options)[0];
    if (second.ok()) g->outputs.push_back(second), ++m->features["second gradient"];
    else ++m->refused[std::string(second.status().message())];
  }
}

}  // namespace

Graph MakeGraph(uint64_t seed, OpRange ops, const Look& look) {
  Graph g;
  g.seed = seed;
  Random r(seed * 0x9E3779B97F4A7C15ull + 77);
  g.extents = {{"n", AnExtent(r)}, {"k", AnExtent(r)}, {"p", AnExtent(r)}};
  const bool large = r.Percent(12);
  if (large) {
    // Enough elements for several tasks.
    g.extents = {{"n", r.Between(500, 9000)}, {"k", r.Between(1, 9)}, {"p", r.Between(1, 5)}};
    if (r.Percent(50)) std::swap(g.extents["n"], g.extents["k"]);
  }
  Maker m(seed, g.extents, large ? int64_t{1} << 17 : int64_t{1} << 13, look);
  MakeInputs(&g, &m, &r);
  MakeStates(&g, &m, &r);
  const size_t leaves = m.pool.size();
  const int64_t target = r.LogBetween(ops.least, large ? std::min(ops.most, 60) : ops.most);
  // What the outputs would need so far decides when it is enough. Taps have
  // operands of their own: with them, as many steps as without.
  const int steps = look ? MakeGraph(seed, ops).steps : 8 * ops.most;
  while (g.steps < steps) {
    AnyStep(m);
    ++g.steps;
    if (look || (g.steps % 4 != 0 && g.steps > 8)) continue;
    Graph so_far;
    for (size_t k = leaves; k < m.pool.size(); ++k) so_far.outputs.push_back(m.pool[k].value);
    so_far.updates = m.updates;
    int count = 0;
    for (const auto& [op, number] : CountOps(so_far)) count += number;
    g.stated = count;
    if (count >= target) break;
  }
  // What nothing uses is returned, and now and then something on the way.
  for (size_t k = leaves; k < m.pool.size(); ++k) {
    const bool last = k + 1 == m.pool.size();
    if (last || (!m.pool[k].used && g.outputs.size() < 24) || r.Percent(6)) g.outputs.push_back(m.pool[k].value);
  }
  g.outputs.insert(g.outputs.end(), m.returned.begin(), m.returned.end());
  if (g.outputs.empty()) g.outputs.push_back(tanh(m.pool[0].value));
  MakeGradients(&g, &m, &r);
  g.updates = graph::WithImpliedUpdates(g.outputs, m.updates);
  CollectStates(Roots(g), 0, &g.states);
  for (const Update& u : g.updates) {
    if (std::none_of(g.states.begin(), g.states.end(), [&](const State& s) { return s.id() == u.first.id(); })) g.states.push_back(u.first);
  }
  for (const State& s : g.states) g.initial.push_back(s.value());
  if (g.states.empty()) g.calls.resize(1);
  g.features = m.features;
  g.refused = m.refused;
  g.looked = m.looked;
  if (!g.states.empty()) ++g.features["state"];
  if (m.taps > 0) ++g.features["tap"];
  return g;
}

Graph WithKnownExtents(const Graph& graph) {
  Graph g = graph;
  std::vector<Given> givens;
  for (Value& v : g.inputs) {
    Dims shape;
    for (const Dim& dim : v.shape()) shape.push_back(dim.Evaluate(g.extents).value_or(0));
    if (shape == v.shape()) continue;
    const Value known = input(v.name(), v.dtype(), shape);
    givens.push_back(Given(v, known));
    v = known;
  }
  const std::vector<Value> roots = Substitute(Roots(graph), givens);
  for (size_t k = 0; k < roots.size(); ++k) {
    (k < g.outputs.size() ? g.outputs[k] : g.updates[k - g.outputs.size()].second) = roots[k];
  }
  return g;
}

std::map<std::string, int> CountOps(const Graph& graph) {
  std::map<std::string, int> counts;
  Count(Roots(graph), 0, &counts);
  return counts;
}

}  // namespace oriel::fuzz
