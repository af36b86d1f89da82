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

TEST(SideBySide, WhatMayFailKeepsItsPlace) {
  ProgramBuilder b("may_fail");
  const int32_t x = b.Input("x", DType::f32, {4}), i = b.Input("i", DType::i64, {4}), j = b.Input("j", DType::i64, {4});
  std::vector<int32_t> made;
  const int32_t s = b.State("s", DType::f32, {4});
  const auto gather = [&](const std::string& name, int32_t indices) {
    const int32_t out = b.Output(name, DType::f32, {4});
    DispatchStep d;
    d.kernel = "gather";
    d.phases.push_back({"gather", 1});
    d.args = {{x, 0}, {indices, 0}, {out, 0}, {-1, 4}, {-1, 4}};
    d.reads = {x, indices};
    d.writes = {out};
    d.fallible = true;
    d.cost = Dim(kLong);
    d.node = b.program().buffers[out].node;
    d.ordinals = {{{d.node}}};
    b.Add(d, {out});
  };
  for (const char* name : {"p", "q"}) {
    gather(std::string("g") + name, name[0] == 'p' ? i : j);
    made.push_back(b.Temp(name, DType::f32, {4}));
    b.Add(Costly(&b, "double", {x}, made.back()), {made.back()});
  }
  b.Add(Costly(&b, "add", made, s), {}, made);
  b.Update(s, s);
  EXPECT_THAT(GroupsOf(b.program(), 2), ElementsAre(ElementsAre(1, 3)));
  CompileOptions options;
  for (const int threads : {1, 2, 4}) {
    options.num_threads = threads;
    const Function f = Expect(b.Make(options));
    const Tensor good = *Tensor::From<int64_t>({0, 1, 2, 3}, {4}), bad = *Tensor::From<int64_t>({0, 1, 2, 9}, {4});
    const Tensor worse = *Tensor::From<int64_t>({7, 1, 2, 9}, {4});
    Expect(f({F32({1, 2, 3, 4}), good, good}));
    EXPECT_THAT(Floats(f.states()[0].cell()->storage), ElementsAre(4, 8, 12, 16));
    // The first of the plan, as if they ran one after another.
    const absl::StatusOr<std::vector<Tensor>> both = f({F32({0, 0, 0, 0}), bad, worse});
    EXPECT_THAT(std::string(both.status().message()), HasSubstr("9"));
    const absl::StatusOr<std::vector<Tensor>> second = f({F32({0, 0, 0, 0}), good, worse});
    EXPECT_THAT(std::string(second.status().message()), HasSubstr("7"));
    EXPECT_THAT(Floats(f.states()[0].cell()->storage), ElementsAre(4, 8, 12, 16));
  }
}

// Programs of random steps, some in place, in loops' bodies too: the same values
// with any number of threads, and buffers of steps that may overlap lie apart.
TEST(SideBySide, RandomProgramsGiveTheSame) {
  std::mt19937 random(7);
  int grouped = 0;
  for (int round = 0; round < 60; ++round) {
    ProgramBuilder b("random");
    const int64_t n = 64 + static_cast<int64_t>(random() % 600);
    const int32_t x = b.Input("x", DType::f32, {n});
    struct Value {
      int32_t buffer, uses = 0;
      size_t last = 0;
    };
    std::vector<Value> values = {{x}};
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
    for (size_t s = 0; s < steps.size(); ++s) {
      std::vector<int32_t> reads, release;
      const int32_t write = values[steps[s].write].buffer;
      for (size_t read : steps[s].reads) reads.push_back(values[read].buffer);
      for (const Value& value : values) {
        if (value.buffer != x && value.last == s) release.push_back(value.buffer);
      }
      // Now and then over an operand that dies.
      if (release.size() == 1 && release[0] == reads[0] && reads.size() == 1 && release[0] != write && random() % 2) b.program().buffers[write].alias_of = reads[0];
      if (s + 1 == steps.size()) {
        const int32_t y = b.Output("y", DType::f32, {n});
        std::vector<int32_t> inputs = {reads[0], reads[0]};
        b.Add(Costly(&b, "add", inputs, y), {y}, [&] {
          std::erase(release, write);
          return release;
        }());
      } else {
        b.Add(Costly(&b, steps[s].kernel, reads, write, 10'000 + static_cast<int64_t>(random() % 90'000)), {write}, release);
      }
    }
    grouped += GroupsOf(b.program(), 3).empty() ? 0 : 1;
    std::vector<float> input(static_cast<size_t>(n));
    for (float& v : input) v = static_cast<float>(random() % 7);
    CompileOptions options;
    options.num_threads = 1;
    const std::vector<float> expected = Floats(Expect(Expect(b.Make(options))({F32(input)}))[0]);
    for (const int threads : {2, 3, 8}) {
      options.num_threads = threads;
      const Function f = Expect(b.Make(options));
      for (int call = 0; call < 3; ++call) ASSERT_EQ(Floats(Expect(f({F32(input)}))[0]), expected) << round << ", " << threads << " threads";
    }
    options.guard_buffers = true;  // one after another, each buffer between guard pages
    ASSERT_EQ(Floats(Expect(Expect(b.Make(options))({F32(input)}))[0]), expected);
  }
  EXPECT_GE(grouped, 30);
}

// Two chains of two steps each, over n elements, and the sum of their ends.
void AddTwoChains(ProgramBuilder* b, int64_t n) {
  const int32_t x = b->Input("x", DType::f32, {n});
  std::vector<int32_t> ends;
  for (const char* name : {"a", "c"}) {
    const int32_t first = b->Temp(name, DType::f32, {n}), end = b->Temp(std::string(name) + "_end", DType::f32, {64});
    DispatchStep make = Costly(b, "double", {x}, first), use = Costly(b, "double", {first}, end);
    make.phases[0].tasks = use.phases[0].tasks = Dim(1);
    b->Add(make, {first});
    b->Add(use, {end}, {first});
    ends.push_back(end);
  }
  const int32_t y = b->Output("y", DType::f32, {64});
  b->Add(Costly(b, "add", ends, y, 0), {y}, ends);
}

TEST(SideBySide, StorageIsApartAndTheReportSaysSo) {
  // Each chain alone needs two values at a time, together four.
  ProgramBuilder b("apart");
  AddTwoChains(&b, 10'000);
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
  AddTwoChains(&b, 4'000'000);
  EXPECT_THAT(GroupsOf(b.program(), 2), ElementsAre());
}

}  // namespace
}  // namespace oriel::testing
