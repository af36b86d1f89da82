// What gradients of scans keep: checkpoints and truncation, for every way to say
// how many steps there are, and rows of arrays that a body indexes.
#include <cmath>

#include "gmock/gmock.h"
#include "oriel/grad.h"
#include "oriel/scan.h"
#include "oriel/taps.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

// x: rows, h: where h[t] starts, w: what it is multiplied by, n: how many steps.
std::vector<Tensor> NetworkData(int64_t rows, int64_t steps) {
  return {Data({rows, 4}, DType::f64, 1), Data({4}, DType::f64, 2), Data({4, 4}, DType::f64, 3),
          Tensor::Scalar<int64_t>(steps)};
}

Value Step(const Value& x, const Value& h, const Value& w) { return tanh(x + dot(h, w)); }

enum class Steps { kRows, kInteger, kRunTime, kUntil, kBoth };
constexpr Steps kAllSteps[] = {Steps::kRows, Steps::kInteger, Steps::kRunTime, Steps::kUntil, Steps::kBoth};

// What of the carried value the cost is made of: as the loop leaves it, as the
// last row collected, or both.
enum class End { kFinal, kRow, kBoth };

// The cost of a network over the first in[3] rows, in[3] being `steps`.
Value Cost(const Values& in, Steps how, int64_t steps, ScanOptions o, End end = End::kBoth) {
  o.sequences = {in[0]};
  o.outputs_info = {in[1], ScanOutput()};
  o.name = "net";
  if (how == Steps::kInteger) o.n_steps = steps;
  if (how == Steps::kRunTime) o.n_steps = in[3];
  if (how == Steps::kBoth) o.n_steps = in[3] + 1;
  const ScanResult r = scan(
      [&](const ScanStep& s) {
        const Value h = Step(s.sequences[0], s.outputs[0], in[2]) * (1.0 + 0.125 * cast(s.i, DType::f64));
        ScanBody body{.outputs = {h, sum(h * in[1])}};
        if (how == Steps::kUntil || how == Steps::kBoth) body.until = greater_equal(s.i + 1, in[3]);
        return body;
      },
      o);
  // Rows of what is collected, where there are any.
  const Value last = end == End::kRow && steps > 0 ? r.outputs[0][-1] : r.finals[0];
  Value cost = sum(last * last) + cast(r.steps, DType::f64);
  if (end == End::kBoth && steps > 0) cost = cost + sum(r.outputs[0][-1]);
  if (steps > 0) cost = cost + 0.5 * r.outputs[1][0];
  return cost;
}

std::vector<Value> CostAndGradients(const Values& in, const Value& cost) {
  Values out = grad(cost, {in[0], in[1], in[2]}, {.disconnected_inputs = Disconnected::kIgnore});
  out.push_back(cost);
  return out;
}

std::vector<Tensor> RunOf(const Values& inputs, const Values& outputs, const std::vector<Tensor>& arguments) {
  absl::StatusOr<Function> f = CompileInMode(inputs, outputs);
  EXPECT_TRUE(f.ok()) << f.status();
  if (!f.ok()) return {};
  absl::StatusOr<std::vector<Tensor>> out = (*f)(arguments);
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? *out : std::vector<Tensor>();
}

// `end` is one of the two: with both, the gradients that come through them are
// added inside the loop or, where the last row is the last carried value, outside
// it, in another order.
void ExpectTheGradientsOfTheWhole(Steps how, int64_t steps, End end) {
  constexpr int64_t kRows = 11;
  const std::vector<Tensor> arguments = NetworkData(kRows, steps);
  const Values in = InputsFor(arguments, false, {{"n"}});
  for (bool backwards : {false, true}) {
    ScanOptions all;
    all.go_backwards = backwards;
    const std::vector<Tensor> whole = RunOf(in, CostAndGradients(in, Cost(in, how, steps, all, end)), arguments);
    for (int64_t every : {ScanOptions::kSqrt, int64_t{3}, int64_t{50}}) {
      if (backwards && every == 50) continue;
      SCOPED_TRACE(testing::Message() << "form " << static_cast<int>(how) << ", " << steps << " steps, every " << every
                                      << ", backwards " << backwards << ", end " << static_cast<int>(end));
      ScanOptions o = all;
      o.checkpoint = every;
      const std::vector<Tensor> parts = RunOf(in, CostAndGradients(in, Cost(in, how, steps, o, end)), arguments);
      ASSERT_EQ(parts.size(), whole.size());
      for (size_t i = 0; i < parts.size(); ++i) EXPECT_TRUE(SameBits(parts[i], whole[i])) << i;
    }
  }
}

TEST(ScanCheckpoint, HasTheGradientsOfTheWhole) {
  for (Steps how : kAllSteps) {
    for (int64_t steps : {11, 7, 1, 0}) {
      if (how == Steps::kRows && steps != 11) continue;
      if ((how == Steps::kUntil || how == Steps::kBoth) && steps == 0) continue;
      if (how == Steps::kBoth && steps == 11) continue;
      for (End end : {End::kFinal, End::kRow}) ExpectTheGradientsOfTheWhole(how, steps, end);
    }
  }
}

TEST(ScanCheckpoint, MatchesTheReference) {
  for (Steps how : kAllSteps) {
    SCOPED_TRACE(static_cast<int>(how));
    const int64_t steps = how == Steps::kRows ? 5 : 4;
    ScanOptions o;
    o.checkpoint = ScanOptions::kSqrt;
    ExpectMatches([&](const Values& in) { return CostAndGradients(in, Cost(in, how, steps, o)); }, NetworkData(5, steps), {{"n"}},
                  {.ulps = 64, .absolute = 1e-9});
  }
}

TEST(ScanCheckpoint, SecondDerivatives) {
  const std::vector<Tensor> arguments = NetworkData(7, 5);
  const Values in = InputsFor(arguments, false, {{"n"}});
  for (Steps how : {Steps::kRows, Steps::kUntil}) {
    std::vector<Tensor> results[2];
    for (int64_t every : {int64_t{0}, ScanOptions::kSqrt}) {
      ScanOptions o;
      o.checkpoint = every;
      const Value g = grad(Cost(in, how, 5, o), {in[2]})[0];
      results[every == 0 ? 0 : 1] = RunOf(in, grad(sum(g * g), {in[0], in[1], in[2]}), arguments);
    }
    ASSERT_EQ(results[0].size(), results[1].size());
    for (size_t i = 0; i < results[0].size(); ++i) EXPECT_TRUE(Close(results[1][i], results[0][i], {.ulps = 256, .absolute = 1e-9})) << i;
  }
}

TEST(ScanCheckpoint, TooManySteps) {
  ScanOptions o;
  o.checkpoint = ScanOptions::kSqrt;
  const std::vector<Tensor> arguments = NetworkData(6, 7);
  const Values in = InputsFor(arguments, false, {{"n"}});
  absl::StatusOr<Function> f = CompileInMode(in, CostAndGradients(in, Cost(in, Steps::kRunTime, 7, o)));
  ASSERT_TRUE(f.ok()) << f.status();
  const absl::Status status = (*f)(arguments).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("would run 7 iterations, at most 6"));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("'net'"));
}

// The planned peak of a gradient over n and over 16 n steps: 4 times as much.
TEST(ScanCheckpoint, NeedsTheRootOfTheStepsInMemory) {
  constexpr int64_t kRow = 64 * 64 * 4;
  const auto peaks = [](int64_t every, bool symbolic) {
    std::vector<int64_t> bytes;
    for (int64_t n : {256, 4096}) {
      const Value x = input("x", DType::f32, {symbolic ? Dim::Symbol("n") : Dim(n)}), w = input("w", DType::f32, {64, 64});
      const Value h = scan([&](const ScanStep& s) { return ScanBody{{tanh(dot(s.outputs[0], w) + s.sequences[0])}}; },
                           {.sequences = {x}, .outputs_info = {constant(Tensor::Zeros({64, 64}))}, .checkpoint = every, .name = "net"})
                          .finals[0];
      absl::StatusOr<Function> f = CompileInMode({x, w}, grad(sum(h), {w}));
      EXPECT_TRUE(f.ok()) << f.status();
      if (!f.ok()) return std::vector<int64_t>{0, 0};
      const absl::StatusOr<MemoryReport> report = f->PlanMemory(symbolic ? DimBindings{{"n", n}} : DimBindings());
      EXPECT_TRUE(report.ok()) << report.status();
      EXPECT_THAT(report->text(), testing::HasSubstr("net"));
      bytes.push_back(static_cast<int64_t>(report->planned_peak));
    }
    return bytes;
  };
  for (bool symbolic : {false, true}) {
    SCOPED_TRACE(symbolic);
    const std::vector<int64_t> all = peaks(0, symbolic), root = peaks(ScanOptions::kSqrt, symbolic);
    EXPECT_GT(all[0], 256 * kRow);
    EXPECT_GT(all[1], 4096 * kRow);
    // 2 sqrt(n) rows, and those that do not grow.
    EXPECT_LT(root[0], (2 * 16 + 30) * kRow);
    EXPECT_LT(root[1], (2 * 64 + 30) * kRow);
    EXPECT_LT(root[1], 4 * root[0]);
    // Blocks longer than the loop are one of its length.
    const std::vector<int64_t> longer = peaks(int64_t{1} << 40, symbolic);
    EXPECT_LT(longer[0], 2 * all[0]);
    EXPECT_LT(longer[1], 2 * all[1]);
  }
}

// What a body prints is printed for every step, also for those of the rest.
TEST(ScanCheckpoint, BodiesAreWatchedOnceAStep) {
  const Value x = input("x", DType::f64, {Dim::Symbol("n")}), w = input("w", DType::f64, {});
  std::vector<double> seen;
  ScanOptions o{.sequences = {x}, .outputs_info = {constant(Tensor::Scalar(1.0))}, .checkpoint = 3};
  const Value h = scan(
      [&](const ScanStep& s) {
        return ScanBody{{watch(s.outputs[0] * w + s.sequences[0], "h", [&](const TapRecord& r) {
          seen.push_back(r.value.ElementAsDouble({}));
          return absl::OkStatus();
        })}};
      },
      o).finals[0];
  std::vector<double> expected;
  double value = 1;
  for (int i = 0; i < 8; ++i) expected.push_back(value = value * 0.5 + i);
  const std::vector<double> rows = {0, 1, 2, 3, 4, 5, 6, 7};
  RunOf({x, w}, {grad(h, {w})[0], h}, {*Tensor::From<double>(rows, {8}), Tensor::Scalar(0.5)});
  EXPECT_EQ(seen, expected);
}

// The last k of `steps` steps, unrolled, from a constant.
std::vector<Value> UnrolledWindow(const Values& in, int64_t steps, int64_t k) {
  const int64_t first = std::max<int64_t>(0, steps - k);
  Value h = in[1], cost = scalar(0, DType::f64);
  for (int64_t t = 0; t < steps; ++t) {
    const bool inside = t >= first;
    const auto part = [&](const Value& v) { return inside ? v : stop_gradient(v); };
    h = Step(part(in[0][t]), part(h), part(in[2])) * (1.0 + 0.125 * static_cast<double>(t));
    if (t == 0) cost = cost + 0.5 * sum(h * part(in[1]));
    h = inside ? h : stop_gradient(h);
  }
  cost = cost + sum(h * h) + static_cast<double>(steps) + (steps > 0 ? sum(h) : scalar(0, DType::f64));
  return CostAndGradients(in, cost);
}

TEST(ScanTruncated, EqualsTheUnrolledGraph) {
  constexpr int64_t kRows = 6;
  for (int64_t every : {int64_t{0}, int64_t{2}, ScanOptions::kSqrt}) {
    for (Steps how : kAllSteps) {
      for (int64_t k : {0, 1, 4, 9}) {
        for (int64_t steps : {6, 5, 1}) {
          if (how == Steps::kRows && steps != kRows) continue;
          if (how == Steps::kBoth && steps == kRows) continue;
          if (every != 0 && k == 9 && steps != 5) continue;
          SCOPED_TRACE(testing::Message() << "form " << static_cast<int>(how) << ", " << steps << " steps, the last " << k
                                          << ", checkpoint " << every);
          const std::vector<Tensor> arguments = NetworkData(kRows, steps);
          const Values in = InputsFor(arguments, false, {{"n"}}), fixed = InputsFor(arguments, true);
          ScanOptions o;
          o.truncate_gradient = k;
          o.checkpoint = every;
          const std::vector<Tensor> got = RunOf(in, CostAndGradients(in, Cost(in, how, steps, o)), arguments);
          const std::vector<Tensor> expected = RunOf(fixed, UnrolledWindow(fixed, steps, k), arguments);
          ASSERT_EQ(got.size(), expected.size());
          for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(Close(got[i], expected[i], {.ulps = 64, .absolute = 1e-9})) << i;
        }
      }
    }
  }
}

// ---- rows of a table that a body indexes ----

// Steps that each read a few rows of in[0], picked by in[1] and by what is
// carried.
using Read = std::function<Value(const Value& table, const Value& index, const Value& i)>;
struct TableCase {
  const char* name;
  Read read;
};

std::vector<TableCase> TableCases() {
  return {
      {"a row", [](const Value& table, const Value& index, const Value&) { return table[index]; }},
      {"several rows", [](const Value& table, const Value& index, const Value&) { return sum(table[stack({index, index + 1, index})], {0}); }},
      {"two reads", [](const Value& table, const Value& index, const Value& i) { return table[index] * tanh(table[i]); }},
      {"a window", [](const Value& table, const Value& index, const Value&) {
         return sum(dynamic_slice(table, {index, scalar(1, DType::i64)}, {3, 4}), {0}) * concatenate({table[index][slice(0, 2)], table[index][slice(0, 2)]}, 0);
       }},
      {"a constant row", [](const Value& table, const Value&, const Value&) { return table[7] * table[{slice(3, 5), all()}][1]; }},
      {"rows by a step", [](const Value& table, const Value&, const Value&) { return sum(table[slice(2, 11, 3)], {0}); }},
      {"a nested loop", [](const Value& table, const Value& index, const Value& i) {
         return scan([&](const ScanStep& s) { return ScanBody{{tanh(s.outputs[0] + table[index + s.i])}}; },
                     {.outputs_info = {table[i]}, .n_steps = 2}).finals[0];
       }},
  };
}

Value TableCost(const Values& in, const Read& read) {
  const Value width = zeros_like(read(in[0], scalar(0, DType::i64), scalar(0, DType::i64)));
  return sum(scan(
      [&](const ScanStep& s) {
        const Value row = read(in[0], s.sequences[0], s.i) * s.outputs[0];
        return ScanBody{{sin(row) + 1.0}};
      },
      {.sequences = {in[1]}, .outputs_info = {width + 0.5}, .name = "rows"}).finals[0]);
}

Tensor Positions(int64_t n, int64_t rows) {
  Tensor t = Tensor::Zeros({n}, DType::i64);
  for (int64_t i = 0; i < n; ++i) t.data<int64_t>()[i] = i * 7 % 11 % (rows - 4);
  return t;
}

TEST(ScanTable, GradientsEqualTheUnrolledGraph) {
  const std::vector<Tensor> arguments = {Data({40, 6}, DType::f64, 1), Positions(6, 40)};
  for (const TableCase& c : TableCases()) {
    SCOPED_TRACE(c.name);
    const auto scanned = [&](const Values& in) { return grad(TableCost(in, c.read), {in[0]}); };
    ExpectMatches(scanned, arguments, {{"rows", "width"}, {"n"}}, {.ulps = 64, .absolute = 1e-9});
    const Values in = InputsFor(arguments, true);
    Value h = zeros_like(c.read(in[0], scalar(0, DType::i64), scalar(0, DType::i64))) + 0.5;
    for (int64_t t = 0; t < 6; ++t) h = sin(c.read(in[0], in[1][t], scalar(static_cast<double>(t), DType::i64)) * h) + 1.0;
    const std::vector<Tensor> got = RunOf(in, scanned(in), arguments), expected = RunOf(in, grad(sum(h), {in[0]}), arguments);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_TRUE(Close(got[0], expected[0], {.ulps = 64, .absolute = 1e-9}));
  }
}

TEST(ScanTable, SecondDerivatives) {
  const std::vector<Tensor> arguments = {Data({12, 6}, DType::f64, 1), Positions(5, 12)};
  for (const TableCase& c : TableCases()) {
    SCOPED_TRACE(c.name);
    const Values in = InputsFor(arguments, true);
    const auto second = [&](const Value& cost) {
      const Value g = grad(cost, {in[0]})[0];
      return grad(sum(g * g * (1.0 + in[0])), {in[0]});
    };
    Value h = zeros_like(c.read(in[0], scalar(0, DType::i64), scalar(0, DType::i64))) + 0.5;
    for (int64_t t = 0; t < 5; ++t) h = sin(c.read(in[0], in[1][t], scalar(static_cast<double>(t), DType::i64)) * h) + 1.0;
    const std::vector<Tensor> got = RunOf(in, second(TableCost(in, c.read)), arguments), expected = RunOf(in, second(sum(h)), arguments);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_TRUE(Close(got[0], expected[0], {.ulps = 1024, .absolute = 1e-9}));
  }
}

// One array of the table's size, and no step of a loop that makes or passes over
// another: what a step costs does not depend on how many rows there are.
TEST(ScanTable, StepsTouchTheirRowsAlone) {
  constexpr int64_t kRows = 20000, kWidth = 64;
  for (const TableCase& c : TableCases()) {
    SCOPED_TRACE(c.name);
    const Value table = input("table", DType::f32, {kRows, kWidth}), index = input("index", DType::i64, {Dim::Symbol("n")});
    absl::StatusOr<Function> f = CompileInMode({table, index}, grad(TableCost({table, index}, c.read), {table}));
    ASSERT_TRUE(f.ok()) << f.status();
    const absl::StatusOr<MemoryReport> report = f->PlanMemory({{"n", 100}});
    ASSERT_TRUE(report.ok()) << report.status();
    int64_t made = 0;
    for (const MemoryApplyRow& row : report->applies) {
      for (const MemoryApplyRow::Output& output : row.outputs) made += output.bytes >= kRows * kWidth * 4 && output.how == 'c';
    }
    EXPECT_EQ(made, 1) << report->apply_text() << f->plan_text();
    EXPECT_LT(report->planned_peak, 2 * kRows * kWidth * 4 + (1 << 20)) << report->text();
  }
}

}  // namespace
}  // namespace oriel::e2e
