// File: side_by_side_test.cpp
//
// Steps that need nothing of each other run at the same time, and nobody can
// tell but by the clock.
#include "runtime/engine/side_by_side.h"

#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "gmock/gmock.h"
#include "oriel/config.h"
#include "runtime/engine/prepared.h"
#include "test/gtest/engine/program_builder.h"

namespace oriel::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#else
constexpr bool kThreadSanitizer = false;
#endif

constexpr int64_t kLong = 50'000;  // nanoseconds, as a step's cost says

DispatchStep Costly(ProgramBuilder* b, const std::string& symbol, std::vector<int32_t> reads, int32_t write, int64_t cost = kLong) {
  DispatchStep d = b->Elementwise(symbol, std::move(reads), {write});
  d.cost = Dim(cost);
  return d;
}

// The groups for programs whose dims are static.
std::vector<std::vector<int32_t>> GroupsOf(const Program& program, int workers) {
  absl::StatusOr<std::shared_ptr<const PreparedProgram>> p = Prepare(program, TestKernels(), workers);
  EXPECT_TRUE(p.ok()) << p.status();
  absl::StatusOr<std::shared_ptr<const ResolvedDims>> d = Resolve(**p, {});
  EXPECT_TRUE(d.ok()) << d.status();
  std::vector<std::vector<int32_t>> groups;
  if ((*d)->side != nullptr) {
    for (const SideBySide::Group& group : (*d)->side->groups) groups.push_back(group.steps);
  }
  return groups;
}

// Two chains of three steps from one input, one after the other in the plan, and
// their sum.
ProgramBuilder Chains(const std::string& kernel = "double", int64_t cost = kLong) {
  ProgramBuilder b("chains");
  const int32_t x = b.Input("x", DType::f32, {4});
  std::vector<int32_t> ends;
  for (const char* name : {"a", "c"}) {
    int32_t at = x;
    for (int k = 0; k < 3; ++k) {
      const int32_t next = b.Temp(name + std::to_string(k), DType::f32, {4});
      b.Add(Costly(&b, kernel, {at}, next, cost), {next}, at == x ? std::vector<int32_t>() : std::vector<int32_t>{at});
      at = next;
    }
    ends.push_back(at);
  }
  const int32_t y = b.Output("y", DType::f32, {4});
  b.Add(Costly(&b, "add", ends, y, 0), {y}, ends);
  return b;
}

TEST(SideBySide, GroupsWhatNeedsNothingOfEachOther) {
  EXPECT_THAT(GroupsOf(Chains().program(), 2), ElementsAre(ElementsAre(0, 3), ElementsAre(1, 4), ElementsAre(2, 5)));
  EXPECT_THAT(GroupsOf(Chains().program(), 1), ElementsAre());
  EXPECT_THAT(GroupsOf(Chains("double", 1'000).program(), 2), ElementsAre());  // too short to be worth it
}

TEST(SideBySide, StepsReallyRunAtTheSameTime) {
  CompileOptions options;
  options.num_threads = 2;
  // Each "meet" waits until another one runs.
  const Function f = Expect(Chains("meet").Make(options));
  for (int i = 0; i < 20; ++i) EXPECT_THAT(Floats(Expect(f({F32({1, 2, 3, 4})}))[0]), ElementsAre(16, 32, 48, 64));
}

TEST(SideBySide, TheProfileAddsUp) {
  CompileOptions options;
  options.num_threads = 2;
  const Function f = Expect(Chains("slow").Make(options));
  for (int i = 0; i < 5; ++i) Expect(f({F32({1, 2, 3, 4})}));
  const Profile profile = f.profile();
  double sum = 0, threads = 0;
  for (const ApplyRow& row : profile.rows) {
    sum += row.seconds;
    threads += row.thread_seconds;
    EXPECT_EQ(row.calls, 5);
    if (row.id >= 0 && row.id < 6) {
      // Two milliseconds on a thread each time, whatever the wall says.
      EXPECT_GE(row.thread_seconds, 5 * 1.9e-3) << row.name;
    } else {
      EXPECT_EQ(row.thread_seconds, 0) << row.name;
    }
  }
  EXPECT_NEAR(sum, profile.wall_seconds, 0.01 * profile.wall_seconds);
  EXPECT_GE(threads, 6 * 5 * 1.9e-3);
  EXPECT_THAT(profile.text(), HasSubstr("side by side with other steps: "));
  EXPECT_THAT(profile.json(), HasSubstr("\"thread_seconds\":"));
  f.reset_profile();
  for (const ApplyRow& row : f.profile().rows) EXPECT_EQ(row.thread_seconds, 0);
}

TEST(SideBySide, WritesComeAfterWhatReadsBefore) {
  ProgramBuilder b("order");
  const int32_t x = b.Input("x", DType::f32, {4}), t = b.Temp("t", DType::f32, {4}), u = b.Temp("u", DType::f32, {4});
  const int32_t over = b.Temp("over", DType::f32, {4}, t), y = b.Output("y", DType::f32, {4});
  b.Add(Costly(&b, "double", {x}, t), {t});
  b.Add(Costly(&b, "add", {t, x}, u), {u});
  b.Add(Costly(&b, "double", {t}, over), {over}, {t});  // in place: not beside the step before
  b.Add(Costly(&b, "add", {over, u}, y), {y}, {over, u});
  EXPECT_THAT(GroupsOf(b.program(), 4), ElementsAre());
  EXPECT_THAT(Floats(Expect(Expect(b.Make())({F32({1, 2, 3, 4})}))[0]), ElementsAre(7, 14, 21, 28));
}

// x[indices], which fails at indices outside; `late`: in its second phase.
DispatchStep Gather(ProgramBuilder* b, int32_t x, int32_t indices, int32_t out, bool late = false) {
  DispatchStep d;
  d.kernel = "gather";
  if (late) d.phases.push_back({"gather", 0});
  d.phases.push_back({"gather", 1});
  d.args = {{x, 0}, {indices, 0}, {out, 0}, {-1, 4}, {-1, 4}};
  d.reads = {x, indices};
  d.writes = {out};
  d.fallible = true;
  d.cost = Dim(kLong);
  d.node = b->program().buffers[out].node;
  d.ordinals = {{{d.node}}};
  return d;
}

Tensor Indices(std::vector<int64_t> values) { return *Tensor::From<int64_t>(values, {static_cast<int64_t>(values.size())}); }

TEST(SideBySide, TheFirstOfThePlanThatFailsCounts) {
  for (const bool late : {false, true}) {  // does the first fail in a later round than the second?
    ProgramBuilder b("may_fail");
    const int32_t x = b.Input("x", DType::f32, {4}), i = b.Input("i", DType::i64, {4}), j = b.Input("j", DType::i64, {4});
    std::vector<int32_t> made;
    const int32_t s = b.State("s", DType::f32, {4});
    for (const char* name : {"p", "q"}) {
      const int32_t out = b.Output(std::string("g") + name, DType::f32, {4});
      b.Add(Gather(&b, x, name[0] == 'p' ? i : j, out, late && name[0] == 'p'), {out});
      made.push_back(b.Temp(name, DType::f32, {4}));
      b.Add(Costly(&b, "double", {x}, made.back()), {made.back()});
    }
    b.Add(Costly(&b, "add", made, s), {}, made);
    b.Update(s, s);
    EXPECT_THAT(GroupsOf(b.program(), 2), ElementsAre(ElementsAre(0, 1, 2, 3)));
    CompileOptions options;
    for (const int threads : {1, 2, 4}) {
      options.num_threads = threads;
      const Function f = Expect(b.Make(options));
      const Tensor good = Indices({0, 1, 2, 3}), bad = Indices({0, 1, 2, 9}), worse = Indices({7, 1, 2, 9});
      Expect(f({F32({1, 2, 3, 4}), good, good}));
      EXPECT_THAT(Floats(f.states()[0].cell()->storage), ElementsAre(4, 8, 12, 16));
      const absl::StatusOr<std::vector<Tensor>> both = f({F32({0, 0, 0, 0}), bad, worse});
      EXPECT_THAT(std::string(both.status().message()), HasSubstr("9"));
      const absl::StatusOr<std::vector<Tensor>> second = f({F32({0, 0, 0, 0}), good, worse});
      EXPECT_THAT(std::string(second.status().message()), HasSubstr("7"));
      // Neither changed the state, and the next call is as good as any.
      EXPECT_THAT(Floats(f.states()[0].cell()->storage), ElementsAre(4, 8, 12, 16));
      EXPECT_THAT(Floats(Expect(f({F32({5, 6, 7, 8}), good, Indices({-1, 0, 1, 2})}))[1]), ElementsAre(8, 5, 6, 7));
    }
  }
}

// Between two that may fail stands one that may fail too, but is too short for the
// group: the second of them keeps its place.
TEST(SideBySide, WhatMayFailPassesNothingThatMayFail) {
  ProgramBuilder b("in_line");
  const int32_t x = b.Input("x", DType::f32, {4}), i = b.Input("i", DType::i64, {4});
  std::vector<int32_t> outs;
  for (const char* name : {"p", "q", "r"}) {
    outs.push_back(b.Output(name, DType::f32, {4}));
    DispatchStep d = Gather(&b, x, i, outs.back());
    if (name[0] == 'q') d.cost = Dim(0);
    b.Add(d, {outs.back()});
  }
  EXPECT_THAT(GroupsOf(b.program(), 2), ElementsAre());
}

// Programs of steps that fail or not, straight or in a loop: what a call says, and
// the values, are those of one thread.
TEST(SideBySide, RandomFailuresAreTheSame) {
  std::mt19937 random(11);
  int grouped = 0, failed = 0;
  for (int round = 0; round < 60; ++round) {
    const bool loops = round % 2 == 1;
    ProgramBuilder b("failures");
    const int32_t x = b.Input("x", DType::f32, {4}), y = b.Output("y", DType::f32, {4});
    const int32_t trips = loops ? b.Input("trips", DType::i64, {}) : -1;
    const int32_t current = loops ? b.Temp("current", DType::f32, {4}) : -1, next = loops ? b.Temp("next", DType::f32, {4}) : -1;
    const int32_t first = loops ? current : x, last = loops ? next : y;
    std::vector<int32_t> inputs;
    for (int k = 0; k < 6; ++k) inputs.push_back(b.Input("i" + std::to_string(k), DType::i64, {4}));
    std::vector<int32_t> values = {first};
    std::vector<Step> body;
    for (int k = 0; k < 12; ++k) {
      const int32_t from = values[random() % values.size()], out = b.Temp("t" + std::to_string(k), DType::f32, {4});
      if (random() % 3 == 0) {
        body.push_back(b.Wrap(Costly(&b, "double", {from}, out), {out}));
      } else {
        body.push_back(b.Wrap(Gather(&b, from, inputs[random() % inputs.size()], out, random() % 2 == 0), {out}));
      }
      values.push_back(out);
    }
    std::vector<int32_t> release(values.begin() + 1, values.end());
    body.push_back(b.Wrap(Costly(&b, "add", {values[values.size() - 1], values[values.size() - 2]}, last), loops ? std::vector<int32_t>() : std::vector<int32_t>{y}, release));
    if (loops) {
      LoopStep loop;
      loop.trips = trips;
      loop.initial = {x};
      loop.current = {current};
      loop.next = {next};
      loop.results = {y};
      loop.body = std::move(body);
      b.Add(loop, {current, next, y}, {current, next});
    } else {
      b.program().steps = std::move(body);
    }
    grouped += GroupsOf(b.program(), 3).empty() ? 0 : 1;
    std::vector<Function> functions;
    for (const int threads : {1, 2, 3, 8}) {
      CompileOptions options;
      options.num_threads = threads;
      functions.push_back(Expect(b.Make(options)));
    }
    for (int call = 0; call < 6; ++call) {
      std::vector<Tensor> arguments = {F32({1, 2, 3, 4})};
      if (loops) arguments.push_back(Tensor::Scalar<int64_t>(2));
      for (size_t k = 0; k < inputs.size(); ++k) {
        std::vector<int64_t> indices;
        for (int e = 0; e < 4; ++e) indices.push_back(random() % 14 == 0 ? 100 + static_cast<int64_t>(random() % 100) : static_cast<int64_t>(random() % 4));
        arguments.push_back(Indices(indices));
      }
      const absl::StatusOr<std::vector<Tensor>> expected = functions[0](arguments);
      failed += !expected.ok();
      for (const Function& f : functions) {
        const absl::StatusOr<std::vector<Tensor>> actual = f(arguments);
        ASSERT_EQ(actual.status(), expected.status()) << round;
        if (expected.ok()) ASSERT_EQ(Floats((*actual)[0]), Floats((*expected)[0])) << round;
      }
    }
  }
  EXPECT_GE(grouped, 40);
  EXPECT_GE(failed, 60);
  EXPECT_LE(failed, 300);
}

// What a step writes may be allocated between the place where it runs and its own:
// nothing else may lie there from the first of them on.
TEST(SideBySide, StorageAllocatedEarly) {
  ProgramBuilder b("early");
  const int32_t x = b.Input("x", DType::f32, {4});
  const auto temp = [&](const char* name) { return b.Temp(name, DType::f32, {4}); };
  const int32_t p = temp("p"), q = temp("q"), r = temp("r"), late = temp("late"), r2 = temp("r2"), y = b.Output("y", DType::f32, {4});
  b.Add(Costly(&b, "double", {x}, p, 0), {p});
  b.Add(Costly(&b, "double", {x}, q), {q});
  b.Add(Costly(&b, "add", {p, q}, r, 0), {r}, {p, q});
  b.Add(Costly(&b, "double", {r}, r2, 0), {r2, late}, {r});
  b.Add(Costly(&b, "mul", {x, x}, late));  // beside q
  b.Add(Costly(&b, "add", {late, r2}, y, 0), {y}, {late, r2});
  EXPECT_THAT(GroupsOf(b.program(), 2), ElementsAre(ElementsAre(1, 4)));
  for (const int threads : {1, 2}) {
    CompileOptions options;
    options.num_threads = threads;
    EXPECT_THAT(Floats(Expect(Expect(b.Make(options))({F32({1, 2, 3, 4})}))[0]), ElementsAre(9, 20, 33, 48));
  }
}

// Programs of random steps, some in place, in loops' bodies too: the same values
// with any number of threads, and buffers of steps that may overlap lie apart.
TEST(SideBySide, RandomProgramsGiveTheSame) {
  std::mt19937 random(7);
  int grouped = 0, early = 0;
  for (int round = 0; round < 90; ++round) {
    enum Form { kStraight, kLoop, kBranch };  // where the steps are
    const Form form = static_cast<Form>(round % 3);
    ProgramBuilder b("random");
    const int64_t n = 64 + static_cast<int64_t>(random() % 600);
    const int32_t x = b.Input("x", DType::f32, {n}), y = b.Output("y", DType::f32, {n});
    const int32_t condition = form == kBranch ? b.Input("condition", DType::boolean, {}) : -1;
    const int32_t trips = form == kLoop ? b.Input("trips", DType::i64, {}) : -1;
    const int32_t current = form == kLoop ? b.Temp("current", DType::f32, {n}) : -1;
    const int32_t next = form == kLoop ? b.Temp("next", DType::f32, {n}) : -1;
    const int32_t first = form == kLoop ? current : x, result = form == kLoop ? next : y;
    struct Value {
      int32_t buffer, uses = 0;
      size_t last = 0;
    };
    std::vector<Value> values = {{first}};
    struct Made {
      std::string kernel;
      std::vector<size_t> reads;
      size_t write;
    };
    std::vector<Made> steps;
    for (int k = 0; k < 25; ++k) {
      const size_t r = random() % values.size(), q = random() % values.size();
      Made made{"add", {r, q}, values.size()};
      if (random() % 2) made = {"double", {r}, values.size()};
      for (size_t read : made.reads) values[read].last = steps.size();
      steps.push_back(made);
      values.push_back({b.Temp("t" + std::to_string(k), DType::f32, {n})});
      values.back().last = steps.size() - 1;
    }
    std::vector<Step> body;
    for (size_t s = 0; s < steps.size(); ++s) {
      std::vector<int32_t> reads, release, alloc;
      const int32_t write = values[steps[s].write].buffer;
      for (size_t read : steps[s].reads) reads.push_back(values[read].buffer);
      for (const Value& value : values) {
        if (value.buffer != first && value.last == s) release.push_back(value.buffer);
      }
      if (s + 1 == steps.size()) {
        std::erase(release, write);
        if (form == kStraight) alloc.push_back(y);
        body.push_back(b.Wrap(Costly(&b, "add", {reads[0], reads[0]}, result), alloc, release));
        break;
      }
      if (release.size() == 1 && release[0] == reads[0] && reads.size() == 1 && release[0] != write && random() % 2) {
        b.program().buffers[write].alias_of = reads[0];  // now and then over an operand that dies
        alloc.push_back(write);
      } else if (s > 0 && random() % 3 == 0) {
        body[random() % s].alloc.push_back(write);  // or allocated long before
        ++early;
      } else {
        alloc.push_back(write);
      }
      body.push_back(b.Wrap(Costly(&b, steps[s].kernel, reads, write, 10'000 + static_cast<int64_t>(random() % 90'000)), alloc, release));
    }
    std::vector<float> input(static_cast<size_t>(n));
    for (float& v : input) v = static_cast<float>(random() % 7);
    std::vector<Tensor> arguments = {F32(input)};
    if (form == kStraight) {
      b.program().steps = std::move(body);
    } else if (form == kLoop) {
      LoopStep loop;
      loop.trips = trips;
      loop.initial = {x};
      loop.current = {current};
      loop.next = {next};
      loop.results = {y};
      loop.body = std::move(body);
      b.Add(loop, {current, next, y}, {current, next});
      arguments.push_back(*Tensor::From<int64_t>({3}, {}));
    } else {
      BranchStep branch;
      branch.condition = condition;
      branch.then_body = std::move(body);
      branch.else_body.push_back(b.Wrap(b.Elementwise("double", {x}, {y})));
      b.Add(branch, {y});
      arguments.push_back(Tensor::Scalar(true));
    }
    grouped += GroupsOf(b.program(), 3).empty() ? 0 : 1;
    CompileOptions options;
    options.num_threads = 1;
    const std::vector<float> expected = Floats(Expect(Expect(b.Make(options))(arguments))[0]);
    for (const int threads : {2, 3, 8}) {
      options.num_threads = threads;
      const Function f = Expect(b.Make(options));
      for (int call = 0; call < 3; ++call) ASSERT_EQ(Floats(Expect(f(arguments))[0]), expected) << round << ", " << threads << " threads";
    }
    options.guard_buffers = true;  // one after another, each buffer between guard pages
    ASSERT_EQ(Floats(Expect(Expect(b.Make(options))(arguments))[0]), expected);
  }
  EXPECT_GE(grouped, 45);
  EXPECT_GE(early, 90);
}

// Chains of two steps each, over n elements, and the sum of two of their ends.
void AddChains(ProgramBuilder* b, const Dim& n, int chains = 2, const std::string& kernel = "double") {
  const int32_t x = b->Input("x", DType::f32, {n});
  std::vector<int32_t> ends;
  for (int k = 0; k < chains; ++k) {
    const std::string name = "c" + std::to_string(k);
    const int32_t first = b->Temp(name, DType::f32, {n}), end = k < 2 ? b->Temp(name + "_end", DType::f32, {64}) : b->Output(name + "_end", DType::f32, {64});
    DispatchStep make = Costly(b, kernel, {x}, first), use = Costly(b, kernel, {first}, end);
    make.phases[0].tasks = use.phases[0].tasks = Dim(1);
    b->Add(make, {first});
    b->Add(use, {end}, {first});
    if (k < 2) ends.push_back(end);
  }
  const int32_t y = b->Output("y", DType::f32, {64});
  b->Add(Costly(b, "add", ends, y, 0), {y}, ends);
}

TEST(SideBySide, StorageIsApartAndTheReportSaysSo) {
  // Each chain alone needs two values at a time, together four.
  ProgramBuilder b("apart");
  AddChains(&b, 10'000);
  CompileOptions options;
  options.num_threads = 1;
  const MemoryReport one = *Expect(b.Make(options)).PlanMemory({});
  options.num_threads = 2;
  const MemoryReport two = *Expect(b.Make(options)).PlanMemory({});
  EXPECT_EQ(one.side_by_side_bytes, 0);
  EXPECT_EQ(two.side_by_side_bytes, 40'000);
  EXPECT_EQ(two.arena_bytes, one.arena_bytes + 40'000);
  EXPECT_EQ(two.planned_peak, one.planned_peak);
  EXPECT_EQ(two.arena_live, two.arena_bytes);
  EXPECT_THAT(two.text(), HasSubstr("40000 bytes (40 kB) of it because steps run side by side"));
  EXPECT_THAT(two.json(), HasSubstr("\"side_by_side_bytes\":40000"));
}

// Room for one step after another, but not for more: so they run, in an arena.
TEST(SideBySide, ATightLimitRunsOneAfterAnotherInAnArena) {
  ProgramBuilder b("tight");
  AddChains(&b, 10'000);
  CompileOptions options;
  options.num_threads = 1;
  const MemoryReport one = *Expect(b.Make(options)).PlanMemory({});
  options.num_threads = 2;
  const Function f = Expect(b.Make(options));
  const Tensor x = Tensor::Ones({10'000});
  const std::vector<float> expected = Floats(Expect(f({x}))[0]);
  EXPECT_EQ(f.memory().side_by_side_bytes, 40'000);
  ASSERT_TRUE(Config::Set("memory_limit", std::to_string(one.planned_peak + 20'000)).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Floats(Expect(f({x}))[0]), expected);
    const MemoryReport tight = f.memory();
    EXPECT_EQ(tight.side_by_side_bytes, 0);
    EXPECT_EQ(tight.arena_bytes, one.arena_bytes);
    EXPECT_GE(tight.kept_bytes, one.arena_bytes);  // each alone has nothing to keep
    EXPECT_LT(tight.kept_bytes, one.arena_bytes + 20'000);
  }
  ASSERT_TRUE(Config::Set("memory_limit", "0").ok());
  EXPECT_EQ(Floats(Expect(f({x}))[0]), expected);
  EXPECT_EQ(f.memory().side_by_side_bytes, 40'000);
  EXPECT_EQ(f.profile().calls, 4);
}

// Scratch is of workers: more of them take no more of it for steps side by side.
TEST(SideBySide, ManyWorkersStillGroup) {
  ProgramBuilder b("scratch");
  constexpr int64_t n = 2000;
  const int32_t x = b.Input("x", DType::f32, {n});
  std::vector<int32_t> expected_steps;
  for (int k = 0; k < 4; ++k) {
    const int32_t y = b.Output("y" + std::to_string(k), DType::f32, {});
    DispatchStep d;
    d.kernel = "sum";
    d.phases = {{"sum_partial", Dim(8)}, {"sum_total", Dim(1)}};
    d.args = {{x, 0}, {y, 0}, {-1, n}};
    d.reads = {x};
    d.writes = {y};
    d.scratch_bytes = Dim(int64_t{64} << (k * 3));  // up to 32 KiB
    d.shared_bytes = Dim(64);
    d.cost = Dim(kLong);
    d.node = b.program().buffers[y].node;
    d.ordinals = {{{d.node}}};
    b.Add(d, {y});
    expected_steps.push_back(k);
  }
  EXPECT_THAT(GroupsOf(b.program(), 64), ElementsAre(expected_steps));
  CompileOptions options;
  for (const bool guard : {false, true}) {
    options.guard_buffers = guard;
    for (const int threads : {1, 2, 16, 64}) {
      options.num_threads = threads;
      const Function f = Expect(b.Make(options));
      for (int call = 0; call < 5; ++call) {
        for (const Tensor& sum : Expect(f({Tensor::Ones({n})}))) EXPECT_EQ(Floats(sum), std::vector<float>{n});
      }
      // Of the largest, once.
      EXPECT_LE(f.memory().side_by_side_bytes, 4 * 64);
    }
  }
}

// Where there is no room for many at a time, some run at a time.
TEST(SideBySide, FewerWhereRoomIsShort) {
  ProgramBuilder b("wide");
  AddChains(&b, 75'000, 16);
  for (const std::vector<int32_t>& group : GroupsOf(b.program(), 4)) EXPECT_EQ(group.size(), 4u);
  EXPECT_EQ(GroupsOf(b.program(), 4).size(), 8u);
}

// For each thread that looks at all updates, a scatter is a piece more.
TEST(SideBySide, ScattersHaveNoMorePiecesThanThreads) {
  ProgramBuilder b("scatters");
  const int32_t x = b.Input("x", DType::f32, {64 * kBlock});
  for (int k = 0; k < 2; ++k) {
    const int32_t y = b.Output("y" + std::to_string(k), DType::f32, {64 * kBlock});
    DispatchStep d = Costly(&b, "double", {x}, y);
    if (k == 0) d.op_class = "Scatter";
    b.Add(d, {y});
  }
  const std::shared_ptr<const PreparedProgram> p = *Prepare(b.program(), TestKernels(), 16);
  const std::shared_ptr<const ResolvedDims> d = *Resolve(*p, {});
  ASSERT_NE(d->side, nullptr);
  int64_t pieces[2] = {0, 0}, tasks[2] = {0, 0};
  for (const SideBySide::Piece& piece : d->side->pieces) {
    ++pieces[piece.member];
    tasks[piece.member] += piece.end - piece.begin;
  }
  EXPECT_THAT(tasks, ElementsAre(64, 64));
  EXPECT_LE(pieces[0], std::max(d->launches[0].threads, 1));
  EXPECT_GT(pieces[1], pieces[0]);
}

// Calls of another shape, whose steps run one after another, add nothing to it.
TEST(SideBySide, ThreadSecondsAreOfGroupsAlone) {
  ProgramBuilder b("both");
  AddChains(&b, b.Symbol("n"), 2, "slow");
  CompileOptions options;
  options.num_threads = 2;
  const Function f = Expect(b.Make(options));
  const auto threads = [&] {
    double sum = 0;
    for (const ApplyRow& row : f.profile().rows) sum += row.thread_seconds;
    return sum;
  };
  for (int i = 0; i < 3; ++i) Expect(f({Tensor::Ones({64})}));
  const double before = threads();
  EXPECT_GE(before, 3 * 4 * 1.9e-3);
  for (int i = 0; i < 3; ++i) Expect(f({Tensor::Ones({4'000'000})}));
  ASSERT_EQ(f.memory().side_by_side_bytes, 0);
  EXPECT_NEAR(threads(), before, 1e-3 * before);
}

// Of the setting num_threads what it is at the call, where no option says more.
TEST(Threads, TheSettingHoldsForCalls) {
  ASSERT_TRUE(Config::Set("num_threads", "3").ok());
  const Function free = Expect(Chains("slow").Make());
  CompileOptions options;
  options.num_threads = 2;
  const Function bound = Expect(Chains("meet").Make(options));  // waits for another
  ASSERT_TRUE(Config::Set("num_threads", "1").ok());
  for (const Function* f : {&free, &bound}) Expect((*f)({F32({1, 2, 3, 4})}));
  ASSERT_TRUE(Config::Set("num_threads", "0").ok());
  double wall = 0, threads = 0;
  for (const ApplyRow& row : free.profile().rows) wall += row.thread_seconds > 0 ? row.seconds : 0, threads += row.thread_seconds;
  EXPECT_GT(threads, 0);
  EXPECT_LE(threads, 1.01 * wall);  // one thread took one piece after another
  Expect(free({F32({1, 2, 3, 4})}));
}

// A child has workers of its own.
TEST(Threads, ForksWork) {
  if (kThreadSanitizer) GTEST_SKIP() << "the thread sanitizer starts no thread in a child";
  CompileOptions options;
  options.num_threads = 2;
  const Function f = Expect(Chains("meet").Make(options));
  Expect(f({F32({1, 2, 3, 4})}));  // the parent's worker is there
  const pid_t child = fork();
  if (child == 0) {
    absl::StatusOr<std::vector<Tensor>> out = f({F32({1, 2, 3, 4})});
    _exit(out.ok() && Floats((*out)[0]) == std::vector<float>{16, 32, 48, 64} ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(Floats(Expect(f({F32({1, 2, 3, 4})}))[0]), ElementsAre(16, 32, 48, 64));
}

// The storage for it is not taken where it would be a large part of the program's.
TEST(SideBySide, LargeArenasDoNotGrow) {
  ProgramBuilder b("large");
  AddChains(&b, 4'000'000);
  EXPECT_THAT(GroupsOf(b.program(), 2), ElementsAre());
}

}  // namespace
}  // namespace oriel::testing
