// Print, watch and assert: what is delivered, in which order, and that looking
// changes nothing.
#include <cmath>
#include <atomic>
#include <thread>

#include "gmock/gmock.h"

#include "oriel/grad.h"
#include "oriel/scan.h"
#include "oriel/taps.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// One record, copied.
struct Seen {
  std::string name;
  std::vector<double> values;
  std::vector<int64_t> iterations;
  int64_t call;
  NodeId node;
  int line;
};

std::vector<double> AsDoubles(const Tensor& t) {
  const Tensor wide = t.Clone().Cast(DType::f64).value();
  return std::vector<double>(wide.data<double>(), wide.data<double>() + wide.size());
}

WatchCallback Into(std::vector<Seen>* seen) {
  return [seen](const TapRecord& r) {
    seen->push_back({std::string(r.name), AsDoubles(r.value), r.iterations, r.call, r.node, r.line});
    return absl::OkStatus();
  };
}

std::vector<std::string> Names(const std::vector<Seen>& seen) {
  std::vector<std::string> names;
  for (const Seen& s : seen) names.push_back(s.name);
  return names;
}

// Catches the lines of prints while it lives.
class Lines {
 public:
  Lines() : before_(SetPrintSink([this](std::string_view line) { lines.emplace_back(line); })) {}
  ~Lines() { SetPrintSink(before_); }
  std::vector<std::string> lines;

 private:
  PrintSink before_;
};

Tensor F64(std::vector<double> values, Extents shape) {
  return Tensor::From<double>(absl::Span<const double>(values), std::move(shape)).value();
}

std::vector<Tensor> RunWith(const absl::StatusOr<Function>& f, std::vector<Tensor> inputs) {
  EXPECT_TRUE(f.ok()) << f.status();
  if (!f.ok()) return {};
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(inputs));
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? *out : std::vector<Tensor>();
}

TEST(Taps, PrintWritesItsLines) {
  Lines caught;
  const Value x = input("x", DType::f64, {Dim(3), Dim(3)});
  const Value y = print(x, {"identity", {"shape"}}) * 2.0;
  const Value z = print(y, {"y", {"dtype", "min", "max", "mean", "nan_count", "ndim", "size"}});
  const Value s = print(sum(z), {"sum", {"__str__", "value"}});
  RunWith(CompileInMode({x}, {s}), {F64({1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3})});
  EXPECT_THAT(caught.lines, ElementsAre("identity shape = (3, 3)", "y dtype = float64", "y min = 0.0", "y max = 2.0",
                                        HasSubstr("y mean = 0.66666667"), "y nan_count = 0", "y ndim = 2", "y size = 9",
                                        "sum __str__ = 6.0", "sum value = 6.0"));
}

TEST(Taps, PrintOfAMatrixIsNumPysText) {
  Lines caught;
  const Value x = input("x", DType::f32, {Dim(2), Dim(2)});
  RunWith(CompileInMode({x}, {print(x * 2.0, {"x"})}), {Tensor::Ones({2, 2})});
  EXPECT_THAT(caught.lines, ElementsAre("x __str__ = [[2. 2.]\n [2. 2.]]"));
}

TEST(Taps, BadOptionsPoison) {
  const Value x = input("x", DType::f32, {Dim(2)});
  EXPECT_THAT(std::string(print(x, {"m", {"colour"}}).status().message()), HasSubstr("taps_test.cpp"));
  EXPECT_THAT(std::string(print(x, {"m", {"colour"}}).status().message()), HasSubstr("unknown attribute 'colour'"));
  EXPECT_EQ(watch(x, "x", nullptr).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(assert_that(x, "m", {}).status().code(), absl::StatusCode::kInvalidArgument);
}

// The compiler replaces the logarithm; the exponential is only looked at.
TEST(Taps, StabilizedFormulaStaysStable) {
  std::vector<Seen> seen;
  const Value x = input("x", DType::f64, {dyn("n")});
  const Value e = watch(exp(x), "e", Into(&seen));
  absl::StatusOr<Function> f = CompileInMode({x}, {log(1.0 + e)});
  const std::vector<Tensor> out = RunWith(f, {F64({800, 0}, {2})});
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].data<double>()[0], 800);
  EXPECT_NEAR(out[0].data<double>()[1], std::log(2.0), 1e-15);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].values[0], INFINITY);
  EXPECT_EQ(seen[0].values[1], 1);
}

TEST(Taps, ProgramOrderNamesAndLines) {
  std::vector<Seen> seen;
  const Value x = input("x", DType::f32, {dyn("n")});
  const Value a = watch(exp(x), "a", Into(&seen));
  const Value t = tanh(a).named("t"); const int line = __LINE__;
  const Value b = watch(t, "", Into(&seen));
  const Value c = watch(sum(b), "c", Into(&seen));
  const Value d = watch(b * c, "d", Into(&seen));
  absl::StatusOr<Function> f = CompileInMode({x}, {d + 1.0});
  RunWith(f, {Tensor::Ones({4})});
  RunWith(f, {Tensor::Ones({7})});
  EXPECT_THAT(Names(seen), ElementsAre("a", "t", "c", "d", "a", "t", "c", "d"));
  ASSERT_EQ(seen.size(), 8u);
  EXPECT_EQ(seen[1].line, line);
  EXPECT_EQ(seen[3].call, 0);
  EXPECT_EQ(seen[4].call, 1);
  EXPECT_EQ(f->nodes().Find(seen[1].node)->name, "t");
  EXPECT_EQ(seen[5].values.size(), 7u);
}

TEST(Taps, NodesThatRewritesRemove) {
  std::vector<Seen> seen;
  const Value x = input("x", DType::f32, {Dim(3)});
  const Value one = watch(exp(x), "first", Into(&seen));
  const Value two = watch(exp(x), "equal", Into(&seen));                    // merged into the first
  const Value three = watch(constant(Tensor::Ones({3})) + 1.0, "folded", Into(&seen));
  const Value four = watch(reshape(x, {3}), "identity", Into(&seen));
  const Value five = watch(pow(x, 2.0), "square", Into(&seen));             // becomes x * x
  const Value six = watch(mean(x), "mean", Into(&seen));                    // decomposed
  const Value seven = watch(sum(reshape(x, {3, 1})), "sum", Into(&seen));   // over two axes
  RunWith(CompileInMode({x}, {one + two + three + four + five + six + seven}), {Tensor::Full({3}, 2)});
  EXPECT_THAT(Names(seen), ElementsAre("first", "equal", "folded", "identity", "square", "mean", "sum"));
  ASSERT_EQ(seen.size(), 7u);
  EXPECT_EQ(seen[0].values, seen[1].values);
  EXPECT_THAT(seen[2].values, ElementsAre(2, 2, 2));
  EXPECT_THAT(seen[3].values, ElementsAre(2, 2, 2));
  EXPECT_THAT(seen[4].values, ElementsAre(4, 4, 4));
  EXPECT_THAT(seen[5].values, ElementsAre(2));
  EXPECT_THAT(seen[6].values, ElementsAre(6));
}

TEST(Taps, SeveralOnOneNodeAndOnInputsAndOutputs) {
  std::vector<Seen> seen;
  Lines caught;
  const Value x = input("x", DType::f32, {Dim(2)});
  Value y = print(watch(x, "in", Into(&seen)), {"x"});
  y = watch(watch(y * 3.0, "one", Into(&seen)), "two", Into(&seen));
  RunWith(CompileInMode({x}, {y}), {Tensor::Ones({2})});
  EXPECT_THAT(Names(seen), ElementsAre("in", "one", "two"));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_THAT(caught.lines, ElementsAre("x __str__ = [1. 1.]"));
  EXPECT_THAT(seen[2].values, ElementsAre(3, 3));
}

TEST(Taps, LoopsDeliverEachIteration) {
  std::vector<Seen> seen;
  const Value x = input("x", DType::f32, {Dim(2)});
  const Value above = x * 2.0;
  const Values out = loop(3, {x}, [&](Value i, Values c) {
    const Value carried = watch(c[0], "carried", Into(&seen));
    const Value inner = loop(2, {carried}, [&](Value j, Values d) {
      return Values{watch(d[0] + 1.0, "inner", Into(&seen))};
    })[0];
    return Values{inner + watch(above, "above", Into(&seen)) + watch(cast(i, DType::f32), "i", Into(&seen))};
  });
  RunWith(CompileInMode({x}, {watch(out[0], "result", Into(&seen))}), {Tensor::Ones({2})});
  ASSERT_EQ(seen.size(), 3u * 5u + 1u);
  for (int64_t i = 0; i < 3; ++i) {
    const Seen* s = &seen[static_cast<size_t>(i) * 5];
    EXPECT_EQ(s[0].name, "carried");
    EXPECT_THAT(s[0].iterations, ElementsAre(i));
    EXPECT_EQ(s[1].name, "inner");
    EXPECT_THAT(s[1].iterations, ElementsAre(i, 0));
    EXPECT_THAT(s[2].iterations, ElementsAre(i, 1));
    EXPECT_EQ(s[2].values[0], s[0].values[0] + 2);
    EXPECT_EQ(s[3].name, "above");
    EXPECT_EQ(s[3].values[0], 2);
    EXPECT_EQ(s[4].name, "i");
    EXPECT_EQ(s[4].values[0], static_cast<double>(i));
  }
  EXPECT_THAT(seen.back().iterations, IsEmpty());
  EXPECT_EQ(seen.back().values[0], 1 + 3 * (2 + 2) + 3);
}

TEST(Taps, BranchesDeliverWhatIsTaken) {
  std::vector<Seen> seen;
  const Value x = input("x", DType::f32, {Dim(2)});
  const Value p = input("p", DType::boolean, {});
  const Values out = branch(p, [&] { return Values{watch(x + 1.0, "then", Into(&seen))}; },
                            [&] { return Values{watch(x - 1.0, "else", Into(&seen))}; });
  absl::StatusOr<Function> f = CompileInMode({x, p}, {out[0] * 2.0});
  RunWith(f, {Tensor::Ones({2}), Tensor::Scalar(true)});
  RunWith(f, {Tensor::Ones({2}), Tensor::Scalar(false)});
  EXPECT_THAT(Names(seen), ElementsAre("then", "else"));
}

TEST(Taps, StatesAreSeenFromBeforeTheCall) {
  std::vector<Seen> seen;
  State w = state("w", Tensor::Full({2}, 1));
  const Value next = watch(watch(w, "old", Into(&seen)) * 2.0, "new", Into(&seen));
  absl::StatusOr<Function> f = CompileInMode({}, {}, {{w, next}});
  RunWith(f, {});
  RunWith(f, {});
  EXPECT_THAT(Names(seen), ElementsAre("old", "new", "old", "new"));
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_THAT(seen[2].values, ElementsAre(2, 2));
  EXPECT_THAT(seen[3].values, ElementsAre(4, 4));
  EXPECT_EQ(w.value().data<float>()[0], 4);
}

TEST(Taps, ACallbackEndsTheCallAndStatesStay) {
  State w = state("w", Tensor::Full({2}, 1)), v = state("v", Tensor::Full({2}, 1));
  bool stop = false;
  const Value doubled = (w * 2.0).named("doubled");
  const Value next = watch(doubled, "", [&](const TapRecord&) {
    return stop ? absl::CancelledError("enough") : absl::OkStatus();
  });
  absl::StatusOr<Function> f = CompileInMode({}, {}, {{v, v + 1.0}, {w, next}});
  RunWith(f, {});
  stop = true;
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::Span<const Tensor>());
  EXPECT_EQ(out.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(out.status().message()), HasSubstr("enough\nNode that caused the error: mul"));
  EXPECT_EQ(w.value().data<float>()[0], 2);
  EXPECT_EQ(v.value().data<float>()[0], 2);
  stop = false;
  RunWith(f, {});
  EXPECT_EQ(w.value().data<float>()[0], 4);
}

TEST(Taps, AssertPassesAndFails) {
  const Value x = input("x", DType::f64, {dyn("n"), dyn("m")});
  const Value y = assert_that(x * 2.0, "Shape mismatch!", {equal(dim_value(x.dim(0)), dim_value(x.dim(1)))}); const int line = __LINE__;
  absl::StatusOr<Function> f = CompileInMode({x}, {y + 1.0});
  EXPECT_EQ(RunWith(f, {F64({1, 2, 3, 4}, {2, 2})})[0].data<double>()[3], 9);
  absl::StatusOr<std::vector<Tensor>> out = (*f)({F64({1, 2}, {1, 2})});
  ASSERT_EQ(out.status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string message(out.status().message());
  EXPECT_THAT(message, HasSubstr("Shape mismatch! (assert at taps_test.cpp:" + std::to_string(line) + ")\nCondition: "));
  EXPECT_THAT(message, HasSubstr(" is False\n"));
  EXPECT_THAT(message, HasSubstr(" = 1\n"));
  EXPECT_THAT(message, HasSubstr(" = 2\n"));
  EXPECT_THAT(message, HasSubstr("\nNode that caused the error: mul("));
  EXPECT_THAT(message, HasSubstr("\nInputs values: [False, 1, 2]"));
}

TEST(Taps, AssertNamesTheElementAndStatesStay) {
  State w = state("w", Tensor::Full({8}, 1));
  const Value x = input("x", DType::f32, {Dim(8)});
  const Value limit = input("limit", DType::f32, {Dim(8)});
  const Value checked = assert_that((w + x).named("sum"), "too large", {less((w + x), limit)});
  absl::StatusOr<Function> f = CompileInMode({x, limit}, {}, {{w, checked}});
  RunWith(f, {Tensor::Zeros({8}), Tensor::Full({8}, 5)});
  Tensor grown = Tensor::Zeros({8});
  grown.data<float>()[3] = 9;
  absl::StatusOr<std::vector<Tensor>> out = (*f)({grown, Tensor::Full({8}, 5)});
  ASSERT_EQ(out.status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string message(out.status().message());
  EXPECT_THAT(message, HasSubstr("is False at (3,), 1 of 8 elements"));
  EXPECT_THAT(message, HasSubstr(" = 10.0 at (3,) of float32 (8,)"));
  EXPECT_THAT(message, HasSubstr("limit"));
  EXPECT_EQ(w.value().data<float>()[3], 1);
}

// all() and `and` say which element of which operand, as the parts would.
TEST(Taps, AssertLooksIntoAllAndAnd) {
  const Value x = input("x", DType::f64, {dyn("n")});
  const Value low = input("low", DType::f64, {});
  const Value checked = assert_that(x, "in range", {all_of(logical_and(x > low, x < 9.0))});
  absl::StatusOr<Function> f = CompileInMode({x, low}, {checked * 2.0});
  const Tensor limit = F64({0}, {});
  EXPECT_EQ(RunWith(f, {F64({1, 2, 3, 4, 5, 6}, {6}), limit})[0].data<double>()[5], 12);
  absl::StatusOr<std::vector<Tensor>> out = (*f)({F64({1, 2, 30, 4, 50, 6}, {6}), limit});
  ASSERT_EQ(out.status().code(), absl::StatusCode::kFailedPrecondition);
  std::string message(out.status().message());
  EXPECT_THAT(message, HasSubstr(" is False at (2,), 2 of 6 elements\n    x (taps_test.cpp:"));
  EXPECT_THAT(message, HasSubstr(" = 30.0 at (2,) of float64 (6,)\n"));
  EXPECT_THAT(message, HasSubstr(" = 9.0\n"));
  EXPECT_THAT(message, HasSubstr("\nNode that caused the error: input() 'x' [id "));
  out = (*f)({F64({1, 2, 3, -4, 5, 6}, {6}), limit});
  message = std::string(out.status().message());
  EXPECT_THAT(message, HasSubstr(" = -4.0 at (3,) of float64 (6,)\n    low (taps_test.cpp:"));
  // Of an or and a not, what they are made of.
  absl::StatusOr<Function> either = CompileInMode({x, low}, {assert_that(x, "", {logical_or(x < low, logical_not(isnan(x)))})});
  out = (*either)({F64({1, NAN, 3, 4, 5, 6}, {6}), limit});
  ASSERT_EQ(out.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(out.status().message()), HasSubstr("at (1,), 1 of 6 elements\n    x (taps_test.cpp:"));
  EXPECT_THAT(std::string(out.status().message()), HasSubstr(" = nan at (1,) of float64 (6,)\n    low (taps_test.cpp:"));
  // An empty axis: no element is false, though the other side is.
  const Value m = input("m", DType::f64, {dyn("rows"), 2});
  absl::StatusOr<Function> empty = CompileInMode({m, low}, {assert_that(m, "", {all_of(logical_and(m > 0.0, low > 0.0))})});
  EXPECT_TRUE((*empty)({F64({}, {0, 2}), limit}).ok());
  EXPECT_FALSE((*empty)({F64({1, 2}, {1, 2}), limit}).ok());
}

TEST(Taps, AssertInALoopSaysTheIteration) {
  const Value x = input("x", DType::f32, {});
  const Value out = loop(5, {x}, [](Value i, Values c) {
    return Values{assert_that(c[0] + 1.0, "small", {c[0] < 3.0})};
  })[0];
  absl::StatusOr<Function> f = CompileInMode({x}, {out});
  RunWith(f, {Tensor::Scalar(-5.0f)});
  absl::StatusOr<std::vector<Tensor>> failed = (*f)({Tensor::Scalar(1.0f)});
  ASSERT_EQ(failed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("in iteration (2,) of the loops around"));
}

TEST(Taps, TheGradientOfALoopLooksOnce) {
  std::vector<Seen> seen;
  const Value x = input("x", DType::f64, {Dim(2)});
  const Value y = loop(3, {x}, [&](Value i, Values c) {
    return Values{watch(tanh(c[0]), "step", Into(&seen))};
  })[0];
  const Value cost = sum(y);
  const std::vector<Value> g = grad(cost, {x});
  ASSERT_TRUE(g[0].ok()) << g[0].status();
  RunWith(CompileInMode({x}, {cost, g[0]}), {F64({0.5, 1}, {2})});
  ASSERT_EQ(seen.size(), 3u);
  seen.clear();
  RunWith(CompileInMode({x}, {g[0]}), {F64({0.5, 1}, {2})});
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_THAT(seen[2].iterations, ElementsAre(2));
}

TEST(Taps, ScanWithRowsStatesAnEndAndAGradient) {
  std::vector<Seen> seen;
  Lines caught;
  State steps = state("steps", Tensor::Zeros({}, DType::i64));
  const Value x = input("x", DType::f64, {dyn("time"), Dim(2)});
  const Value h0 = input("h0", DType::f64, {Dim(2)});
  const ScanResult r = scan(
      [&](const ScanStep& s) {
        const Value row = watch(s.sequences[0], "row", Into(&seen));
        const Value h = print(tanh(row + s.outputs[0]), {"h", {"shape"}});
        ScanBody body{{watch(h, "h", Into(&seen))}};
        body.updates = {{steps, steps + 1}};
        body.until = watch(greater(sum(row), 5.0), "stop", Into(&seen));
        return body;
      },
      {.sequences = {x}, .outputs_info = {h0}});
  ASSERT_TRUE(r.finals[0].ok()) << r.finals[0].status();
  const Value cost = sum(r.finals[0]);
  std::vector<Update> updates;
  for (const auto& [state, value] : r.updates) updates.emplace_back(state, value);
  const std::vector<Value> g = grad(cost, {h0});
  ASSERT_TRUE(g[0].ok()) << g[0].status();
  absl::StatusOr<Function> f = CompileInMode({x, h0}, {cost, g[0]}, updates);
  const std::vector<Tensor> out = RunWith(f, {F64({1, 2, 3, 1, 9, 9, 1, 1}, {4, 2}), F64({0, 0}, {2})});
  ASSERT_EQ(out.size(), 2u);
  // Three steps: the third row ends it.
  ASSERT_EQ(seen.size(), 9u);
  EXPECT_EQ(caught.lines.size(), 3u);
  EXPECT_THAT(Names({seen[3], seen[4], seen[5]}), ElementsAre("row", "h", "stop"));
  EXPECT_THAT(seen[3].values, ElementsAre(3, 1));
  EXPECT_THAT(seen[3].iterations, ElementsAre(1));
  EXPECT_THAT(seen[8].values, ElementsAre(1));
  EXPECT_EQ(steps.value().data<int64_t>()[0], 3);
  for (const TapInfo& tap : f->taps()) ASSERT_TRUE(f->Remove(tap.handle).ok());
  const std::vector<Tensor> plain = RunWith(f, {F64({1, 2, 3, 1, 9, 9, 1, 1}, {4, 2}), F64({0, 0}, {2})});
  ASSERT_EQ(plain.size(), 2u);
  EXPECT_TRUE(SameBits(plain[0], out[0]));
  EXPECT_TRUE(SameBits(plain[1], out[1]));
}

// ---- on a compiled function ----

TEST(FunctionTaps, WatchRemoveAndTheMainProgramAgain) {
  std::vector<Seen> seen;
  const Value x = input("x", DType::f32, {dyn("n")});
  const Value h = exp(x).named("h");
  Value y;
  {
    NameScope scope("net");
    y = tanh(h * 0.5).named("y");
  }
  absl::StatusOr<Function> f = CompileInMode({x}, {sum(y)});
  ASSERT_TRUE(f.ok()) << f.status();
  const std::string plan = f->plan_text();
  const Tensor before = RunWith(f, {Tensor::Ones({5})})[0];
  absl::StatusOr<TapHandle> first = f->Watch("h", Into(&seen));
  ASSERT_TRUE(first.ok()) << first.status();
  absl::StatusOr<TapHandle> second = f->Watch("net/y", Into(&seen));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(f->plan_text(), plan);
  const Tensor during = RunWith(f, {Tensor::Ones({5})})[0];
  EXPECT_TRUE(SameBits(during, before));
  EXPECT_THAT(Names(seen), ElementsAre("h", "y"));
  EXPECT_EQ(seen[0].call, 1);
  EXPECT_EQ(f->taps().size(), 2u);
  ASSERT_TRUE(f->Remove(*first).ok());
  seen.clear();
  RunWith(f, {Tensor::Ones({5})});
  EXPECT_THAT(Names(seen), ElementsAre("y"));
  ASSERT_TRUE(f->Remove(*second).ok());
  EXPECT_EQ(f->plan_text(), plan);
  seen.clear();
  EXPECT_TRUE(SameBits(RunWith(f, {Tensor::Ones({5})})[0], before));
  EXPECT_THAT(seen, IsEmpty());
  EXPECT_EQ(f->Remove(*second).code(), absl::StatusCode::kNotFound);
}

TEST(FunctionTaps, EveryNodeOfTheGraphById) {
  State w = state("w", Tensor::Full({4}, 2));
  const Value x = input("x", DType::f32, {Dim(4)});
  const Value y = loop(2, {x}, [&](Value i, Values c) { return Values{c[0] * w + exp(x)}; })[0];
  const Value z = log(1.0 + exp(y));
  absl::StatusOr<Function> f = CompileInMode({x}, {z}, {{w, w + 1.0}});
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::string> text = ToMlirText({x}, {z}, {{w, w + 1.0}});
  ASSERT_TRUE(text.ok());
  const Tensor expected = RunWith(f, {Tensor::Ones({4})})[0];
  int watched = 0;
  for (const NodeInfo& node : f->nodes().nodes()) {
    // What the compiler derived is not the graph's.
    if (node.rule.rfind("stabilize", 0) == 0 || node.rule.rfind("decompose", 0) == 0) break;
    std::vector<Seen> seen;
    ASSERT_TRUE(w.set_value(Tensor::Full({4}, 2)).ok());
    absl::StatusOr<TapHandle> handle = f->Watch(node.id, Into(&seen));
    ASSERT_TRUE(handle.ok()) << node.id << " " << node.op << ": " << handle.status();
    EXPECT_TRUE(SameBits(RunWith(f, {Tensor::Ones({4})})[0], expected)) << node.op;
    EXPECT_THAT(seen, testing::Not(IsEmpty())) << node.id << " " << node.op;
    EXPECT_EQ(w.value().data<float>()[0], 3);
    ASSERT_TRUE(f->Remove(*handle).ok());
    ++watched;
  }
  EXPECT_GT(watched, 8);
}

TEST(FunctionTaps, ANodeThatTheProgramDoesWithout) {
  const Value x = input("x", DType::f32, {Dim(4)});
  const Value chosen = select(constant(Tensor::Full({4}, 1, DType::boolean)), x * 2.0, exp(x).named("other"));
  absl::StatusOr<Function> f = CompileInMode({x}, {chosen});
  ASSERT_TRUE(f.ok()) << f.status();
  std::vector<Seen> seen;
  absl::StatusOr<TapHandle> handle = f->Watch("other", Into(&seen));
  ASSERT_TRUE(handle.ok()) << handle.status();
  EXPECT_EQ(RunWith(f, {Tensor::Zeros({4})})[0].data<float>()[0], 0);
  EXPECT_THAT(Names(seen), ElementsAre("other"));
  EXPECT_THAT(seen[0].values, ElementsAre(1, 1, 1, 1));
}

TEST(FunctionTaps, NamesThatAreNotOneNode) {
  const Value x = input("x", DType::f32, {Dim(4)});
  const Value y = exp(x).named("same") + tanh(x).named("same");
  absl::StatusOr<Function> f = CompileInMode({x}, {y});
  ASSERT_TRUE(f.ok()) << f.status();
  std::vector<Seen> seen;
  EXPECT_EQ(f->Watch("nothing", Into(&seen)).status().code(), absl::StatusCode::kNotFound);
  const absl::Status several = f->Watch("same", Into(&seen)).status();
  EXPECT_EQ(several.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(several.message()), HasSubstr("2 nodes named 'same'"));
  EXPECT_EQ(f->Watch(100000, Into(&seen)).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(f->Watch("same", nullptr).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(f->Print("x", {"", {"colour"}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(f->taps(), IsEmpty());
}

TEST(FunctionTaps, PrintByNameAndTapsOfTheGraphGoOff) {
  Lines caught;
  const Value x = input("x", DType::f32, {Dim(2)});
  const Value y = assert_that(print(x + 1.0, {"y", {"max"}}), "positive", {x > 0.0});
  absl::StatusOr<Function> f = CompileInMode({x}, {y});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_EQ(f->taps().size(), 2u);
  absl::StatusOr<TapHandle> print = f->Print("x", {"", {"shape"}});
  ASSERT_TRUE(print.ok()) << print.status();
  RunWith(f, {Tensor::Ones({2})});
  EXPECT_THAT(caught.lines, ElementsAre("x shape = (2,)", "y max = 2.0"));
  EXPECT_FALSE((*f)({Tensor::Zeros({2})}).ok());
  for (const TapInfo& tap : f->taps()) ASSERT_TRUE(f->Remove(tap.handle).ok());
  caught.lines.clear();
  EXPECT_EQ(RunWith(f, {Tensor::Zeros({2})})[0].data<float>()[0], 1);
  EXPECT_THAT(caught.lines, IsEmpty());
}

TEST(FunctionTaps, ConcurrentCallsAndChanges) {
  const Value x = input("x", DType::f32, {dyn("n")});
  const Value h = exp(x).named("h");
  absl::StatusOr<Function> f = CompileInMode({x}, {sum(h)});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor expected = RunWith(f, {Tensor::Ones({100})})[0];
  std::atomic<int> seen{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Ones({100})});
        if (!out.ok() || !BitEqual((*out)[0], expected)) ++wrong;
      }
    });
  }
  for (int i = 0; i < 8; ++i) {
    absl::StatusOr<TapHandle> handle = f->Watch("h", [&](const TapRecord& r) {
      if (r.value.size() != 100) ++wrong;
      ++seen;
      return absl::OkStatus();
    });
    ASSERT_TRUE(handle.ok()) << handle.status();
    ASSERT_TRUE((*f)({Tensor::Ones({100})}).ok());
    ASSERT_TRUE(f->Remove(*handle).ok());
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(seen, 8);
}

TEST(FunctionTaps, AnExportedProgramPrintsAndAsserts) {
  Lines caught;
  const Value x = input("x", DType::f32, {Dim(2)});
  absl::StatusOr<Function> f = CompileInMode({x}, {assert_that(print(x * 2.0, {"y"}), "positive", {x > 0.0})});
  ASSERT_TRUE(f.ok()) << f.status();
  const std::string path = testing::TempDir() + "/taps_" + CurrentMode().name + ".oriel";
  ASSERT_TRUE(f->Export(path).ok());
  absl::StatusOr<Function> loaded = Function::Load(path);
  RunWith(loaded, {Tensor::Ones({2})});
  EXPECT_THAT(caught.lines, ElementsAre("y __str__ = [2. 2.]"));
  EXPECT_EQ((*loaded)({Tensor::Zeros({2})}).status().code(), absl::StatusCode::kFailedPrecondition);
  std::vector<Seen> seen;
  EXPECT_EQ(loaded->Watch("x", Into(&seen)).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace oriel::e2e
