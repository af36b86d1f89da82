// Random graphs from seeds: compiled against the reference evaluator, and to the
// bit against the default mode and against one kernel per node.
// ORIEL_TEST_SEEDS="100-200" runs other seeds.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "oriel/taps.h"
#include "runtime/graph/node.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

// Looks at some of the values of a graph, when it is set.
struct Looking {
  std::function<Value(const Value&)> at;
  Value operator()(const Value& v, uint32_t random) const { return at && v.ok() && random % 3 == 0 ? at(v) : v; }
};

struct Case {
  std::shared_ptr<Looking> looking = std::make_shared<Looking>();
  std::vector<Tensor> arguments;
  std::vector<std::vector<std::string>> symbols;
  Build build;
};

// Do the shapes broadcast together whatever the dims' values?
bool Compatible(const Value& x, const Value& y) {
  for (int k = 1; k <= std::min(x.rank(), y.rank()); ++k) {
    const Dim a = x.dim(-k), b = y.dim(-k);
    if (a != b && a != Dim(1) && b != Dim(1)) return false;
  }
  return true;
}

// Continuous ops only on computed values: a rounding difference from the
// reference must not flip a comparison. Comparisons, floors and argmax read the
// inputs, which both sides have exactly.
Case MakeCase(uint32_t seed) {
  std::mt19937 sizes(seed);
  const bool empty = sizes() % 8 == 0;
  const int64_t n = empty ? sizes() % 3 : 1 + sizes() % 70, m = 1 + sizes() % 40;
  Case c;
  Tensor index = Tensor::Zeros({n}, DType::i64);
  for (int64_t i = 0; i < n; ++i) index.data<int64_t>()[i] = static_cast<int64_t>(sizes() % (2 * m)) - m;
  c.arguments = {Data({n, m}, DType::f32, seed), Data({m}, DType::f32, seed + 1), Data({n, 1}, DType::f32, seed + 2),
                 Data({n, m}, DType::f64, seed + 3), Data({n, m}, DType::i32, seed + 4), index};
  c.symbols = {{"n", "m"}, {"m"}, {"n", ""}, {"n", "m"}, {"n", "m"}, {"n"}};
  // Which steps exist is decided once, on symbolic dims, so that every mode has
  // the same graph.
  auto steps_made = std::make_shared<std::vector<bool>>();
  auto build = [seed, steps_made, looking = c.looking](const Values& in, bool decide) {
    std::mt19937 random(seed * 77 + 1);
    auto below = [&](int k) { return static_cast<int>(random() % k); };
    const Value a = in[0], b = in[1], k = in[4], index = in[5];
    Values pool(in.begin(), in.begin() + 4);
    const int steps = 4 + below(14);
    for (int s = 0; s < steps; ++s) {
      Value x = pool[below(pool.size())], y = pool[below(pool.size())], v;
      const int rank = x.rank(), axis = rank > 0 ? below(rank) : 0;
      const bool keep = below(2);
      const int op = below(26);
      const bool pair = Compatible(x, y);
      const bool wide = op == 13 ? x.rank() == 2 && y.rank() == 2 && x.dim(1) == y.dim(1) : true;
      switch (op) {
        case 0: if (pair) v = x + y; break;
        case 1: if (pair) v = x - y; break;
        case 2: if (pair) v = tanh(x) * y; break;
        case 3: if (pair) v = x / (abs(y) + 1.0); break;
        case 4: v = sigmoid(x); break;
        case 5: v = exp(minimum(x, 2.0)); break;
        case 6: if (pair) v = maximum(x, y); break;
        case 7: if (Compatible(a, x)) v = select(a < b, a, x); break;
        case 8: if (rank > 0) v = sum(tanh(x), {axis}, keep); break;
        case 9: if (rank > 0) v = mean(x, {axis}, keep); break;
        case 10: v = sum(tanh(x)); break;
        case 11: if (rank == 2) v = transpose(x); break;
        case 12: if (rank > 0 && x.dim(axis) == b.dim(0)) v = softmax(x, axis); break;  // m is never 0
        case 13: if (wide) v = matmul(tanh(x), transpose(tanh(y))); break;
        case 14: if (rank == 2) v = x[{all(), slice(1, std::nullopt)}]; break;
        case 15: if (rank > 0) v = x[slice(std::nullopt, std::nullopt, -1)]; break;
        case 16: if (rank > 0) v = concatenate({x, x * 0.5}, axis); break;
        case 17: v = cast(argmax(k, 1), DType::f32) + a[{all(), 0}]; break;
        case 18: v = gather(a, {index}, 1) * 2.0; break;
        case 19: v = reshape(x, {-1}); break;
        case 20: if (Compatible(a, x)) v = cast(floor_div(k, 3) + k % 4, DType::f32) * x; break;
        case 21: v = relu(x) + 0.5; break;
        case 22: v = scatter_add(b, {index}, cast(in[2][{all(), 0}], DType::f32)); break;
        case 23: v = log_softmax(a); break;
        case 24: if (rank > 0) v = expand_dims(x, axis); break;
        case 25:
          v = loop(1 + below(3), {x * 0.5}, [&](Value i, Values carried) {
            const Value body = (*looking)(tanh(carried[0]), seed);
            return Values{body + cast(sin(cast(i, DType::f32)), carried[0].dtype())};
          })[0];
          break;
      }
      if (decide) steps_made->push_back(v.ok());
      if ((*steps_made)[s]) pool.push_back((*looking)(v, seed + static_cast<uint32_t>(s)));
    }
    Values outputs;
    for (size_t o = 4; o < pool.size(); ++o) {
      if (below(3) == 0 || o + 1 == pool.size()) outputs.push_back(pool[o]);
    }
    if (outputs.empty()) outputs.push_back(a + b);
    // Of every second graph also the gradients by two inputs, of every eighth
    // the gradient of one of them again.
    if (seed % 2 == 0) {
      const GradOptions options{.disconnected_inputs = Disconnected::kIgnore};
      for (const Value& g : grad(mean(tanh(pool.back())), {a, b}, options)) outputs.push_back(g);
      if (seed % 8 == 0) outputs.push_back(grad(mean(tanh(outputs.back())), {b}, options)[0]);
    }
    return outputs;
  };
  build(InputsFor(c.arguments, false, c.symbols), /*decide=*/true);
  c.build = [build](const Values& in) { return build(in, /*decide=*/false); };
  return c;
}

// With some of its values looked at the graph gives the same bits, and each value
// is delivered with the bits it has as an output; likewise for nodes of the
// function that is compiled already.
void LookingChangesNothing(const Case& c, const Function& plain, const std::vector<Tensor>& expected) {
  Values looked;  // of no loop
  std::vector<std::pair<size_t, Tensor>> seen;
  int64_t delivered = 0;
  c.looking->at = [&](const Value& v) {
    const bool top = v.node()->region == 0;
    const size_t number = looked.size();
    if (top) looked.push_back(v);
    return watch(v, "", [&, top, number](const TapRecord& r) {
      ++delivered;
      if (top) seen.emplace_back(number, r.value.Clone());
      return r.iterations.empty() == top ? absl::OkStatus() : absl::InternalError("iterations of another body");
    });
  };
  const Values inputs = InputsFor(c.arguments, false, c.symbols);
  const Values outputs = c.build(inputs);
  c.looking->at = nullptr;
  absl::StatusOr<Function> f = compile(inputs, outputs, {}, CurrentMode().options);
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> got = (*f)(absl::MakeConstSpan(c.arguments));
  ASSERT_TRUE(got.ok()) << got.status();
  for (size_t i = 0; i < got->size(); ++i) EXPECT_TRUE(SameBits((*got)[i], expected[i])) << f->plan_text() << "output " << i << " is looked at";
  for (size_t k = 1; k < seen.size(); ++k) EXPECT_LT(seen[k - 1].first, seen[k].first);
  if (!looked.empty()) {
    absl::StatusOr<Function> values = compile(inputs, looked, {}, CurrentMode().options);
    ASSERT_TRUE(values.ok()) << values.status();
    for (const TapInfo& tap : values->taps()) ASSERT_TRUE(values->Remove(tap.handle).ok());
    absl::StatusOr<std::vector<Tensor>> apart = (*values)(absl::MakeConstSpan(c.arguments));
    ASSERT_TRUE(apart.ok()) << apart.status();
    for (const auto& [number, value] : seen) EXPECT_TRUE(SameBits(value, (*apart)[number])) << "value " << number << " is delivered";
  }
  // Every fifth node that the graph states, by its id.
  std::vector<TapHandle> handles;
  const int64_t stated = static_cast<int64_t>(plain.nodes().size());
  for (NodeId id = static_cast<NodeId>(looked.size() % 5); id < stated; id += 5) {
    absl::StatusOr<TapHandle> handle = plain.Watch(id, [&](const TapRecord&) {
      ++delivered;
      return absl::OkStatus();
    });
    if (!handle.ok()) break;  // derived by the compiler from here on
    handles.push_back(*handle);
    if (handles.size() == 3) break;
  }
  got = plain(absl::MakeConstSpan(c.arguments));
  ASSERT_TRUE(got.ok()) << got.status();
  for (size_t i = 0; i < got->size(); ++i) EXPECT_TRUE(SameBits((*got)[i], expected[i])) << plain.plan_text() << "output " << i << " is watched";
  for (TapHandle handle : handles) EXPECT_TRUE(plain.Remove(handle).ok());
}

TEST(RandomGraphs, MatchTheReferenceAndEachOther) {
  int from = 0, to = CurrentMode().name == "default" ? 80 : 25;
  if (const char* seeds = getenv("ORIEL_TEST_SEEDS")) ASSERT_EQ(std::sscanf(seeds, "%d-%d", &from, &to), 2);
  for (int seed = from; seed < to && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Case c = MakeCase(seed);
    ExpectMatches(c.build, c.arguments, c.symbols, {.ulps = 256, .absolute = 2e-3});
    Values inputs = InputsFor(c.arguments, false, c.symbols);
    Values outputs = c.build(inputs);
    CompileOptions options = CurrentMode().options;
    absl::StatusOr<Function> fused = compile(inputs, outputs, {}, options);
    options.fusion = !options.fusion;
    absl::StatusOr<Function> apart = compile(inputs, outputs, {}, options);
    ASSERT_TRUE(fused.ok() && apart.ok()) << fused.status() << apart.status();
    absl::StatusOr<std::vector<Tensor>> x = (*fused)(absl::MakeConstSpan(c.arguments));
    absl::StatusOr<std::vector<Tensor>> y = (*apart)(absl::MakeConstSpan(c.arguments));
    ASSERT_TRUE(x.ok() && y.ok()) << x.status() << y.status();
    for (size_t i = 0; i < x->size(); ++i) EXPECT_TRUE(SameBits((*x)[i], (*y)[i])) << fused->plan_text() << "output " << i << ": fused and unfused differ";
    LookingChangesNothing(c, *fused, *x);
    if (seed % 3 != 0) continue;
    // Each kernel beside its op's reference kernel.
    options.check = CheckMode::kReference;
    absl::StatusOr<Function> checked = compile(inputs, outputs, {}, options);
    ASSERT_TRUE(checked.ok()) << checked.status();
    absl::StatusOr<std::vector<Tensor>> z = (*checked)(absl::MakeConstSpan(c.arguments));
    ASSERT_TRUE(z.ok()) << z.status();
    for (size_t i = 0; i < x->size(); ++i) EXPECT_TRUE(SameBits((*x)[i], (*z)[i])) << "output " << i << " is checked";
  }
  std::printf("random graphs: seeds %d to %d\n", from, to - 1);
}

}  // namespace
}  // namespace oriel::e2e
