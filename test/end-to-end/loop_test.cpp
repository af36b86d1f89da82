// scan and loops: equal to the unrolled graph, in every mode.
#include <cmath>
#include <thread>

#include "gmock/gmock.h"
#include "oriel/scan.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;
using testing::HasSubstr;

absl::StatusOr<std::vector<Tensor>> RunIn(const Values& inputs, const Values& outputs, const std::vector<Tensor>& arguments,
                                        const std::vector<Update>& updates = {}) {
  absl::StatusOr<Function> f = CompileInMode(inputs, outputs, updates);
  if (!f.ok()) return f.status();
  return (*f)(arguments);
}

// Both graphs of the same inputs have close results, and each matches the
// reference and itself in the default mode.
void ExpectSame(const Build& scanned, const Build& unrolled, const std::vector<Tensor>& arguments,
                const std::vector<std::vector<std::string>>& symbols = {}, Tolerance tolerance = {.ulps = 16, .absolute = 1e-6}) {
  ExpectMatches(scanned, arguments, symbols, tolerance);
  const Values inputs = InputsFor(arguments, /*static_dims=*/true);
  absl::StatusOr<std::vector<Tensor>> a = RunIn(inputs, scanned(inputs), arguments), b = RunIn(inputs, unrolled(inputs), arguments);
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  ASSERT_EQ(a->size(), b->size());
  for (size_t i = 0; i < a->size(); ++i) EXPECT_TRUE(Close((*a)[i], (*b)[i], tolerance)) << "output " << i;
}

Value Stack(const Values& rows) {
  Values expanded;
  for (const Value& row : rows) expanded.push_back(expand_dims(row, 0));
  return concatenate(expanded, 0);
}

TEST(Scan, RecurrentNetwork) {
  const auto step = [](const Value& x, const Value& h, const Value& w) { return tanh(x + dot(h, w)); };
  ExpectSame(
      [&](const Values& in) {
        const ScanResult r = scan(
            [&](const ScanStep& s) { return ScanBody{{step(s.sequences[0], s.outputs[0], in[2])}}; },
            {.sequences = {in[0]}, .outputs_info = {in[1]}, .name = "rnn"});
        return Values{r.outputs[0], r.finals[0], r.outputs[0][-1]};
      },
      [&](const Values& in) {
        Values rows;
        Value h = in[1];
        for (int t = 0; t < 7; ++t) rows.push_back(h = step(in[0][t], h, in[2]));
        return Values{Stack(rows), h, h};
      },
      {Data({7, 3, 5}, DType::f32, 1), Data({3, 5}, DType::f32, 2), Data({5, 5}, DType::f32, 3)}, {{"time", "batch"}, {"batch"}, {}});
}

TEST(Scan, Taps) {
  ExpectSame(
      [](const Values& in) {
        const ScanResult r = scan(
            [](const ScanStep& s) {
              return ScanBody{{s.sequences[0] * 2 + s.sequences[1] - s.sequences[2] + s.outputs[0] * 0.5 + s.outputs[1]}};
            },
            {.sequences = {{in[0], {-2, 0, 1}}}, .outputs_info = {{in[1], {-3, -1}}}});
        return Values{r.outputs[0]};
      },
      [](const Values& in) {
        Values y = {in[1][0], in[1][1], in[1][2]}, rows;
        for (int t = 2; t + 1 < 9; ++t) {
          y.push_back(in[0][t - 2] * 2 + in[0][t] - in[0][t + 1] + y[y.size() - 3] * 0.5 + y.back());
          rows.push_back(y.back());
        }
        return Values{Stack(rows)};
      },
      {Data({9, 4}, DType::f64, 4), Data({3, 4}, DType::f64, 5)}, {{"n"}});
}

TEST(Scan, GoesBackwards) {
  ExpectSame(
      [](const Values& in) {
        const ScanResult r =
            scan([](const ScanStep& s) { return ScanBody{{s.outputs[0] * 2 + s.sequences[0] - s.sequences[1]}}; },
                 {.sequences = {{in[0], {0, 1}}}, .outputs_info = {in[1]}, .go_backwards = true});
        return Values{r.outputs[0]};
      },
      [](const Values& in) {
        Values rows;
        Value c = in[1];
        for (int t = 5; t >= 0; --t) rows.push_back(c = c * 2 + in[0][t] - in[0][t + 1]);
        return Values{Stack(rows)};
      },
      {Data({7, 2}, DType::f32, 6), Data({2}, DType::f32, 7)}, {{"n"}});
}

TEST(Scan, SequencesOfSeveralLengths) {
  ExpectSame(
      [](const Values& in) {
        const ScanResult r = scan(
            [](const ScanStep& s) {
              return ScanBody{{s.sequences[0] + s.sequences[1], cast(s.i, DType::f32) * s.sequences[1]}};
            },
            {.sequences = {in[0], in[1]}});
        return Values{r.outputs[0], r.outputs[1]};
      },
      [](const Values& in) {
        Values a, b;
        for (int t = 0; t < 4; ++t) {
          a.push_back(in[0][t] + in[1][t]);
          b.push_back(static_cast<double>(t) * in[1][t]);
        }
        return Values{Stack(a), Stack(b)};
      },
      {Data({6, 2}, DType::f32, 8), Data({4, 2}, DType::f32, 9)}, {{"n"}, {"m"}});
}

TEST(Scan, KnownAndNoSteps) {
  for (const int64_t steps : {int64_t{5}, int64_t{1}, int64_t{0}, int64_t{-2}}) {
    const Value x = input("x", DType::f32, {3});
    const ScanResult r = scan([](const ScanStep& s) { return ScanBody{{s.outputs[0] * 2, s.outputs[0] + 1}}; },
                              {.outputs_info = {x, ScanOutput()}, .n_steps = steps});
    absl::StatusOr<std::vector<Tensor>> out = RunIn({x}, {r.outputs[0], r.outputs[1], r.finals[0], r.steps}, {Tensor::Ones({3})});
    ASSERT_TRUE(out.ok()) << out.status();
    const int64_t n = std::max<int64_t>(steps, 0);
    EXPECT_EQ((*out)[0].shape(), (Extents{n, 3}));
    EXPECT_EQ((*out)[1].shape(), (Extents{n, 3}));
    EXPECT_EQ((*out)[2].ElementAsDouble({1}), std::pow(2, n));
    EXPECT_EQ((*out)[3].ElementAsInt({}), n);
  }
}

TEST(Scan, NoRowsOfASymbolicSequence) {
  const Value x = input("x", DType::f32, {dyn("n"), 2}), h = input("h", DType::f32, {2});
  const ScanResult r = scan([](const ScanStep& s) { return ScanBody{{s.outputs[0] + s.sequences[0] - s.sequences[1]}}; },
                            {.sequences = {{x, {-1, 0}}}, .outputs_info = {h}});
  absl::StatusOr<Function> f = CompileInMode({x, h}, {r.outputs[0], r.finals[0]});
  ASSERT_TRUE(f.ok()) << f.status();
  for (int64_t n : {0, 1, 2, 5}) {
    absl::StatusOr<std::vector<Tensor>> out = (*f)({Data({n, 2}, DType::f32, 3), Tensor::Ones({2})});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ((*out)[0].shape(), (Extents{std::max<int64_t>(n - 1, 0), 2}));
  }
}

TEST(Scan, SymbolicSteps) {
  const Value x = input("x", DType::f64, {dyn("n")});
  const ScanResult r = scan([&](const ScanStep& s) { return ScanBody{{s.outputs[0] * 2 + cast(s.i, DType::f64)}}; },
                            {.outputs_info = {scalar(1, DType::f64)}, .n_steps = x.dim(0) * Dim(2)});
  absl::StatusOr<std::vector<Tensor>> out = RunIn({x}, {r.outputs[0] + 0}, {Tensor::Ones({3}, DType::f64)});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].shape(), (Extents{6}));
  EXPECT_EQ((*out)[0].ElementAsDouble({5}), 64 + 57);
}

TEST(Scan, UntilTellsHowManyRows) {
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  const ScanResult r = scan(
      [&](const ScanStep& s) {
        const Value total = s.outputs[0] + sum(s.sequences[0]);
        return ScanBody{.outputs = {total, s.sequences[0] * 2}, .until = total > limit};
      },
      {.sequences = {x}, .outputs_info = {scalar(0, DType::f64), ScanOutput()}});
  absl::StatusOr<Function> f = CompileInMode({x, limit}, {r.outputs[0], r.outputs[1], r.steps, r.outputs[1][-1], r.outputs[1][0]});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({6, 2}, DType::f64);
  for (const auto& [stop, steps] : {std::pair<double, int64_t>{3.5, 2}, {-1.0, 1}, {100.0, 6}}) {
    absl::StatusOr<std::vector<Tensor>> out = (*f)({ones, Tensor::Scalar<double>(stop)});
    ASSERT_TRUE(out.ok()) << out.status();
    ASSERT_EQ(out->size(), 5u);
    EXPECT_EQ((*out)[0].shape(), (Extents{steps}));
    EXPECT_EQ((*out)[1].shape(), (Extents{steps, 2}));
    EXPECT_EQ((*out)[2].ElementAsInt({}), steps);
    EXPECT_EQ((*out)[0].ElementAsDouble({steps - 1}), 2.0 * static_cast<double>(steps));
    EXPECT_EQ((*out)[3].ElementAsDouble({1}), 2.0);
    absl::StatusOr<std::vector<Tensor>> reference =
        Evaluate({x, limit}, {r.outputs[0], r.outputs[1]}, {}, {ones, Tensor::Scalar<double>(stop)});
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_TRUE(SameBits((*out)[0], (*reference)[0]));
    EXPECT_TRUE(SameBits((*out)[1], (*reference)[1]));
  }
  EXPECT_EQ(f->output_names().size(), 5u);
  // No step: no row to read.
  absl::StatusOr<std::vector<Tensor>> none = (*f)({Tensor::Zeros({0, 2}, DType::f64), Tensor::Scalar<double>(1)});
  EXPECT_EQ(none.status().code(), absl::StatusCode::kOutOfRange) << none.status();
}

TEST(Scan, StepsFoundAtRunTime) {
  const Value x = input("x", DType::f32, {dyn("n")}), n = input("steps", DType::i64, {});
  const ScanResult r = scan([](const ScanStep& s) { return ScanBody{{s.outputs[0] + s.sequences[0]}}; },
                            {.sequences = {x}, .outputs_info = {scalar(0, DType::f32)}, .n_steps = n});
  absl::StatusOr<Function> f = CompileInMode({x, n}, {r.outputs[0]});
  ASSERT_TRUE(f.ok()) << f.status();
  for (int64_t steps : {0, 1, 4}) {
    absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Ones({4}), Tensor::Scalar<int64_t>(steps)});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ((*out)[0].shape(), (Extents{steps}));
  }
  const absl::Status status = (*f)({Tensor::Ones({4}), Tensor::Scalar<int64_t>(5)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("the loop would run 5 iterations, at most 4"));
}

TEST(Scan, Nested) {
  ExpectSame(
      [](const Values& in) {
        const ScanResult outer = scan(
            [&](const ScanStep& s) {
              const Value matrix = s.sequences[0], start = s.outputs[0];
              const ScanResult inner =
                  scan([&](const ScanStep& t) { return ScanBody{{t.outputs[0] * in[1] + t.sequences[0] + start}}; },
                       {.sequences = {matrix}, .outputs_info = {start}, .name = "inner"});
              return ScanBody{{inner.finals[0], inner.outputs[0]}};
            },
            {.sequences = {in[0]}, .outputs_info = {in[1], ScanOutput()}, .name = "outer"});
        return Values{outer.outputs[0], outer.outputs[1]};
      },
      [](const Values& in) {
        Values finals, stacks;
        Value c = in[1];
        for (int i = 0; i < 3; ++i) {
          const Value start = c;
          Values rows;
          for (int j = 0; j < 4; ++j) rows.push_back(c = c * in[1] + in[0][i][j] + start);
          finals.push_back(c);
          stacks.push_back(Stack(rows));
        }
        return Values{Stack(finals), Stack(stacks)};
      },
      {Data({3, 4, 5}, DType::f32, 10), Data({5}, DType::f32, 11)}, {{"a", "b", "c"}, {"c"}});
}

TEST(Scan, StatesInside) {
  const State counter = state("counter", Tensor::Zeros({2}, DType::f64));
  const Value x = input("x", DType::f64, {dyn("n"), 2});
  const ScanResult r = scan(
      [&](const ScanStep& s) {
        const Value next = counter + s.sequences[0];
        return ScanBody{.outputs = {counter * 10}, .updates = {{counter, next}}};
      },
      {.sequences = {x}});
  ASSERT_EQ(r.updates.size(), 1u);
  absl::StatusOr<Function> f = CompileInMode({x}, {r.outputs[0]}, r.updates);
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({3, 2}, DType::f64);
  absl::StatusOr<std::vector<Tensor>> out = (*f)({ones});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].ElementAsDouble({2, 0}), 20);
  EXPECT_EQ(counter.value().ElementAsDouble({1}), 3);
  ASSERT_TRUE((*f)({ones}).ok());
  EXPECT_EQ(counter.value().ElementAsDouble({1}), 6);
}

// A failure inside of a loop leaves states as they were.
TEST(Scan, FailuresLeaveStates) {
  State s = state("s", Tensor::Ones({4}));
  const Value table = input("table", DType::f32, {5}), index = input("index", DType::i64, {dyn("n")});
  const ScanResult r = scan(
      [&](const ScanStep& step) { return ScanBody{.outputs = {step.outputs[0] + gather(table, {step.sequences[0]})}}; },
      {.sequences = {index}, .outputs_info = {scalar(0, DType::f32)}});
  const std::vector<Update> updates = {{s, s * 2 + r.finals[0]}};
  absl::StatusOr<Function> f = CompileInMode({table, index}, {r.outputs[0]}, updates);
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor before = s.value().Clone(), values = Tensor::Ones({5});
  Tensor wrong = Tensor::Zeros({3}, DType::i64);
  static_cast<int64_t*>(wrong.raw())[2] = 7;
  const absl::Status status = (*f)({values, wrong}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(SameBits(s.value(), before));
  for (int64_t step = 0; step < 6; ++step) {
    CompileOptions options;
    options.fail_at_step = step;
    absl::StatusOr<Function> failing = CompileInMode({table, index}, {r.outputs[0]}, updates, options);
    ASSERT_TRUE(failing.ok()) << failing.status();
    if (!(*failing)({values, Tensor::Zeros({3}, DType::i64)}).ok()) {
      EXPECT_TRUE(SameBits(s.value(), before)) << "failed at step " << step;
    } else {
      ASSERT_TRUE(s.set_value(before).ok());
    }
  }
}

TEST(Scan, TooManyStepsLeaveStates) {
  const State s = state("s", Tensor::Ones({4}));
  const Value n = input("n", DType::i64, {});
  const ScanResult r = scan([](const ScanStep& step) { return ScanBody{{step.outputs[0] + 1}}; },
                            {.outputs_info = {scalar(0, DType::f32)}, .n_steps = n, .max_steps = Dim(3)});
  // Doubled in place, which must come after the loop that may fail.
  absl::StatusOr<Function> f = CompileInMode({n}, {r.outputs[0], r.finals[0]}, {{s, s * 2}});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ((*f)({Tensor::Scalar<int64_t>(4)}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(s.value().ElementAsDouble({0}), 1);
  absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Scalar<int64_t>(-1)});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].shape(), (Extents{0}));
  EXPECT_EQ((*out)[1].ElementAsDouble({}), 0);
  EXPECT_EQ(s.value().ElementAsDouble({0}), 2);
}

TEST(Scan, ThreadsShareAFunction) {
  const Value x = input("x", DType::f64, {dyn("n"), 3});
  const ScanResult r = scan([](const ScanStep& s) { return ScanBody{{s.outputs[0] * 0.5 + s.sequences[0]}}; },
                            {.sequences = {x}, .outputs_info = {constant(Tensor::Zeros({3}, DType::f64))}});
  absl::StatusOr<Function> f = CompileInMode({x}, {r.outputs[0]});
  ASSERT_TRUE(f.ok()) << f.status();
  std::vector<Tensor> expected;
  for (int k = 0; k < 4; ++k) expected.push_back((*(*f)({Data({5 + k, 3}, DType::f64, 20 + k)}))[0]);
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      for (int i = 0; i < 50; ++i) {
        absl::StatusOr<std::vector<Tensor>> out = (*f)({Data({5 + k, 3}, DType::f64, 20 + k)});
        ASSERT_TRUE(out.ok()) << out.status();
        ASSERT_TRUE(SameBits((*out)[0], expected[static_cast<size_t>(k)]));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Scan, RowsOfProfilesAddUp) {
  const Value x = input("x", DType::f32, {200, 8});
  const ScanResult r = scan([](const ScanStep& s) { return ScanBody{{tanh(s.outputs[0] + s.sequences[0]), sum(s.sequences[0])}}; },
                            {.sequences = {x}, .outputs_info = {constant(Tensor::Zeros({8})), ScanOutput()}});
  absl::StatusOr<Function> f = CompileInMode({x}, {r.outputs[0], r.outputs[1]});
  ASSERT_TRUE(f.ok()) << f.status();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE((*f)({Data({200, 8}, DType::f32, 30)}).ok());
  const Profile profile = f->profile();
  double sum = 0;
  for (const ApplyRow& row : profile.rows) sum += row.seconds;
  if (profile.enabled) EXPECT_NEAR(sum, profile.wall_seconds, 1e-6 + profile.wall_seconds * 1e-3);
}

TEST(Scan, Checkpointed) {
  const auto build = [](int64_t every) {
    return [every](const Values& in) {
      const ScanResult r = scan(
          [](const ScanStep& s) { return ScanBody{{tanh(s.outputs[0] + s.sequences[0] * cast(s.i + 1, DType::f64))}}; },
          {.sequences = {in[0]}, .outputs_info = {in[1]}, .checkpoint = every});
      return Values{r.outputs[0], r.finals[0]};
    };
  };
  for (int64_t every : {1, 3, 4, 50}) {
    SCOPED_TRACE(every);
    ExpectSame(build(every), build(0), {Data({11, 2}, DType::f64, 12), Data({2}, DType::f64, 13)}, {{"n"}});
  }
}

TEST(Scan, MapsAndFolds) {
  ExpectSame(
      [](const Values& in) {
        const auto fold = [](const Values& x, const Values& acc) { return Values{acc[0] * 0.5 + x[0]}; };
        return Values{scan_map([](const Values& x) { return Values{exp(x[0])}; }, {in[0]}).outputs[0],
                      scan_foldl(fold, {in[0]}, {in[1]})[0], scan_foldr(fold, {in[0]}, {in[1]})[0]};
      },
      [](const Values& in) {
        Value left = in[1], right = in[1];
        for (int t = 0; t < 5; ++t) left = left * 0.5 + in[0][t];
        for (int t = 4; t >= 0; --t) right = right * 0.5 + in[0][t];
        return Values{exp(in[0]), left, right};
      },
      {Data({5, 3}, DType::f64, 14), Data({3}, DType::f64, 15)}, {{"n"}});
}

TEST(Scan, MistakesAtTheCallersLine) {
  const Value x = input("x", DType::f32, {4, 3}), h = input("h", DType::f32, {3});
  const auto message = [](const ScanResult& r) { return std::string(r.outputs[0].status().ToString()); };
  EXPECT_THAT(message(scan([](const ScanStep& s) { return ScanBody{{s.sequences[0]}}; }, {.sequences = {x}, .n_steps = 5})),
              HasSubstr("sequence 0 'x' has rows for 4 steps, n_steps is 5"));
  EXPECT_THAT(message(scan([](const ScanStep& s) { return ScanBody{{cast(s.outputs[0], DType::f64)}}; },
                           {.outputs_info = {h}, .n_steps = 2})),
              HasSubstr("output 0 (from 'h') starts as float32 (3,) and the body returns float64 (3,): cast the initial value to "
                        "float64, or the output to float32"));
  EXPECT_THAT(message(scan([](const ScanStep& s) { return ScanBody{{sum(s.outputs[0])}}; }, {.outputs_info = {h}, .n_steps = 2})),
              HasSubstr("output 0 (from 'h') starts as float32 (3,) and the body returns float32 (): they must have one shape"));
  EXPECT_THAT(message(scan([](const ScanStep&) { return ScanBody{{}}; }, {.outputs_info = {h}, .n_steps = 2})),
              HasSubstr("the body returns 0 outputs, outputs_info has 1 entries"));
  EXPECT_THAT(message(scan([](const ScanStep& s) { return ScanBody{{s.i}}; }, {})), HasSubstr("has no sequences, so it needs n_steps"));
  EXPECT_THAT(message(scan([](const ScanStep& s) { return ScanBody{{s.outputs[0]}}; }, {.outputs_info = {{x, {-5}}}, .n_steps = 2})),
              HasSubstr("required 5 rows for its earliest tap -5"));
  EXPECT_THAT(message(scan([&](const ScanStep& s) { return ScanBody{{s.sequences[0] + h}}; },
                           {.sequences = {x}, .strict = true, .name = "net"})),
              HasSubstr("scan 'net': strict: the body uses 'h'"));
  EXPECT_TRUE(scan([&](const ScanStep& s) { return ScanBody{{s.sequences[0] + s.non_sequences[0]}}; },
                   {.sequences = {x}, .non_sequences = {h}, .strict = true}).outputs[0].ok());
  const Value n = input("n", DType::i64, {});
  EXPECT_THAT(message(scan([](const ScanStep& s) { return ScanBody{{s.i}}; }, {.n_steps = n})), HasSubstr("max_steps must say"));
  EXPECT_THAT(message(scan([](const ScanStep& s) { return ScanBody{{s.i}}; }, {.n_steps = 2})), HasSubstr("OK"));
}

TEST(IfElse, ComputesOnlyWhatIsChosen) {
  const Value p = input("p", DType::boolean, {}), x = input("x", DType::f32, {2}), i = input("i", DType::i64, {});
  // The gather that is not chosen must not fail the call.
  const Value out = ifelse(p, sum(exp(x)), gather(x, {i}) * 2);
  absl::StatusOr<Function> f = CompileInMode({p, x, i}, {out});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({2}), far = Tensor::Scalar<int64_t>(9);
  absl::StatusOr<std::vector<Tensor>> chosen = (*f)({Tensor::Scalar<bool>(true), ones, far});
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_NEAR((*chosen)[0].ElementAsDouble({}), 2 * std::exp(1.0), 1e-5);
  EXPECT_EQ((*f)({Tensor::Scalar<bool>(false), ones, far}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ((*(*f)({Tensor::Scalar<bool>(false), ones, Tensor::Scalar<int64_t>(1)}))[0].ElementAsDouble({}), 2);
}

TEST(IfElse, SharesWhatBothNeed) {
  ExpectMatches(
      [](const Values& in) {
        const Value both = exp(in[1]) + 1;
        return Values{ifelse(sum(in[1]) > 0.0, both * in[1], log(both) - in[1]), both};
      },
      {Data({3}, DType::f64, 16), Data({3}, DType::f64, 17)}, {{"n"}, {"n"}});
}

}  // namespace
}  // namespace oriel::e2e
