// File: profile_test.cpp
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>

#include "gmock/gmock.h"
#include "runtime/engine/clock.h"
#include "runtime/engine/report_text.h"
#include "test/gtest/engine/program_builder.h"

namespace oriel::testing {
namespace {

using ::testing::HasSubstr;

double Sum(const Profile& profile) {
  double sum = 0;
  for (const ApplyRow& row : profile.rows) sum += row.seconds;
  return sum;
}

const ApplyRow& RowNamed(const Profile& profile, const std::string& name) {
  for (const ApplyRow& row : profile.rows) {
    if (row.name == name) return row;
  }
  ADD_FAILURE() << "no row " << name << " in\n" << profile.text();
  static const ApplyRow none;
  return none;
}

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// How often this thread was put aside for another.
int64_t Preemptions() {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

// double, slow, double.
ProgramBuilder SlowInTheMiddle() {
  ProgramBuilder b("slow_step");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t first = b.Temp("first", DType::f32, {n}), second = b.Temp("second", DType::f32, {n});
  const int32_t out = b.Output("out", DType::f32, {n});
  b.Add(b.Elementwise("double", {x}, {first}), {first});
  DispatchStep slow = b.Elementwise("slow", {first}, {second});
  const NodeId fused = b.Node("tanh", "squash", 77);
  slow.ordinals.push_back({{fused, slow.node}});
  b.Add(slow, {second}, {first});
  DispatchStep last = b.Elementwise("double", {second}, {out});
  last.kernel = "last";
  b.Add(last, {out}, {second});
  return b;
}

// A loop with a slow and a fast step in its body.
ProgramBuilder LoopOf(const std::string& kernel) {
  ProgramBuilder b("loop");
  const int32_t x = b.Input("x", DType::f32, {64});
  const int32_t trips = b.Input("trips", DType::i64, {});
  const int32_t current = b.Temp("current", DType::f32, {64}), next = b.Temp("next", DType::f32, {64});
  const int32_t middle = b.Temp("middle", DType::f32, {64});
  const int32_t out = b.Output("out", DType::f32, {64});
  LoopStep loop;
  loop.trips = trips;
  loop.initial = {x};
  loop.current = {current};
  loop.next = {next};
  loop.results = {out};
  loop.node = b.Node("loop", "iterate", 3);
  loop.body.push_back(b.Wrap(b.Elementwise("mul", {current, current}, {middle}), {middle}));
  DispatchStep second = b.Elementwise(kernel, {middle}, {next});
  second.kernel = "second";
  loop.body.push_back(b.Wrap(second, {}, {middle}));
  b.Add(loop, {current, next, out}, {current, next});
  return b;
}

TEST(Clock, TicksAreNanosecondsTimesAConstant) {
  double best = 1;  // the smallest difference: this thread may be interrupted
  for (int round = 0; round < 10; ++round) {
    const double begin = Now();
    const uint64_t ticks = Ticks();
    while (Now() - begin < 0.02) {
    }
    const double seconds = static_cast<double>(Ticks() - ticks) * TickNs() * 1e-9;
    best = std::min(best, std::abs(seconds - (Now() - begin)));
  }
  EXPECT_LT(best, 0.0002);
}

TEST(Profile, FindsTheSlowStepAndSumsToTheWall) {
  const Function f = Expect(SlowInTheMiddle().Make());
  const Tensor x = Tensor::Ones({100});
  // Against a clock of the test's own: the profile measured the calls. Only
  // calls that no other thread interrupted: between the two clocks' reads an
  // interruption is in one and not in the other.
  double outside = 0, inside = 0;
  for (int i = 0, counted = 0; counted < 30 && i < 3000; ++i) {
    f.reset_profile();
    const int64_t preemptions = Preemptions();
    const double begin = Now();
    const absl::StatusOr<std::vector<Tensor>> result = f({x});
    const double end = Now();
    ASSERT_TRUE(result.ok()) << result.status();
    if (Preemptions() != preemptions) continue;
    outside += end - begin;
    inside += f.profile().wall_seconds;
    ++counted;
  }
  EXPECT_GE(outside, 30 * 0.002);
  EXPECT_NEAR(inside, outside, 0.01 * outside);

  f.reset_profile();
  for (int i = 0; i < 60; ++i) Expect(f({x}));
  const Profile profile = f.profile();
  EXPECT_EQ(profile.calls, 60);
  EXPECT_NEAR(Sum(profile), profile.wall_seconds, 0.01 * profile.wall_seconds);
  const ApplyRow& slow = RowNamed(profile, "slow");
  EXPECT_EQ(slow.id, 1);
  EXPECT_EQ(slow.calls, 60);
  EXPECT_GT(slow.seconds, 0.95 * profile.wall_seconds);
  EXPECT_GE(slow.seconds, 60 * 0.002);
  EXPECT_LT(RowNamed(profile, "last").seconds, 0.02 * profile.wall_seconds);
  // The runtime's own row is measured: neither nothing nor the remainder.
  const ApplyRow& runtime = profile.rows.back();
  EXPECT_EQ(runtime.op_class, "Runtime");
  EXPECT_GT(runtime.seconds, 0);
  ASSERT_EQ(slow.nodes.size(), 2u);
  EXPECT_EQ(slow.nodes[0].name, "second");
  EXPECT_EQ(slow.nodes[1].Where(), "model.cpp:77");
  EXPECT_EQ(slow.inputs[0].shape, Extents{100});

  const std::string text = profile.text();
  size_t at = 0;
  for (const char* part : {"Function\n---\n<#call> <wall time>", "slow_step\n", "\nClass\n---\n<% time> <sum %> <apply time> <time per call> <#call> <#apply> <Class name>\n",
                           "   Elementwise\n", "\nOps\n---\n<% time> <sum %> <apply time> <time per call> <#call> <#apply> <Op name>\n",
                           "\nApply\n---\n<% time> <sum %> <apply time> <time per call> <#call> <id> <Apply name>\n", "     60     1   slow\n",
                           "    node 4 [id E]: tanh 'squash' at model.cpp:77\n", "    input 0: dtype=float32, shape=(100,), strides=c", "    output 0: dtype=float32, shape=(100,), strides=c"}) {
    const size_t next = text.find(part, at);
    EXPECT_NE(next, std::string::npos) << part << "\nin\n" << text;
    if (next != std::string::npos) at = next;
  }
  EXPECT_THAT(profile.text(1), HasSubstr("... (remaining 3 Apply account for"));
  f.reset_profile();
  EXPECT_EQ(f.profile().calls, 0);
  EXPECT_EQ(f.profile().wall_seconds, 0);
  Expect(f({x}));
  EXPECT_EQ(f.profile().calls, 1);
  EXPECT_LT(f.profile().wall_seconds, 0.5 * profile.wall_seconds);
}

TEST(Profile, ManyShortCallsSumToTheWall) {
  const Function f = Expect(AddMul().Make());
  const Tensor x = Tensor::Ones({8});
  while (f.profile().wall_seconds < 0.1) {
    for (int i = 0; i < 10'001; ++i) (void)f({x, x});
  }
  const Profile profile = f.profile();
  EXPECT_NEAR(Sum(profile), profile.wall_seconds, 0.01 * profile.wall_seconds);
  const bool is_short = profile.wall_seconds < 1e-6 * static_cast<double>(profile.calls);
  for (const ApplyRow& row : profile.rows) {
    EXPECT_GT(row.seconds, 0) << row.name;
    EXPECT_EQ(row.calls, profile.calls) << row.name;
    // Most such calls are only timed as a whole, and say so. Under a sanitizer on
    // a busy machine no call is short.
    if (is_short) EXPECT_TRUE(row.sampled) << row.name;
  }
}

TEST(Profile, FewShortCallsAreExact) {
  const Function f = Expect(AddMul().Make());
  const Tensor x = Tensor::Ones({8});
  for (int i = 0; i < 15; ++i) Expect(f({x, x}));
  const Profile profile = f.profile();
  EXPECT_NEAR(Sum(profile), profile.wall_seconds, 1e-9);
  for (const ApplyRow& row : profile.rows) EXPECT_FALSE(row.sampled) << row.name;
}

// The calls between two that are split into rows: a long one ends the sampling.
TEST(Profile, ALongCallAmongShortOnesIsFound) {
  const Function f = Expect(LoopOf("slow").Make());
  const Tensor x = Tensor::Ones({64});
  for (int i = 0; i < 100; ++i) Expect(f({x, Tensor::Scalar(int64_t{0})}));
  EXPECT_TRUE(f.profile().rows[0].sampled);
  for (int i = 0; i < 20; ++i) Expect(f({x, Tensor::Scalar(int64_t{2})}));
  const Profile profile = f.profile();
  EXPECT_NEAR(Sum(profile), profile.wall_seconds, 0.01 * profile.wall_seconds);
  const ApplyRow& second = RowNamed(profile, "second");
  EXPECT_EQ(second.calls, 40);
  EXPECT_GT(second.seconds, 0.9 * profile.wall_seconds);
}

TEST(Profile, LoopsAreSampledAndExact) {
  const Function f = Expect(LoopOf("double").Make());
  const Tensor x = Tensor::Ones({64});
  const int64_t trips = 2'000'000;
  Expect(f({x, Tensor::Scalar(trips)}));
  const Profile profile = f.profile();
  EXPECT_NEAR(Sum(profile), profile.wall_seconds, 0.01 * profile.wall_seconds);
  const ApplyRow& second = RowNamed(profile, "second");
  EXPECT_EQ(second.calls, trips);
  EXPECT_TRUE(second.sampled);
  EXPECT_GT(second.seconds, 0.05 * profile.wall_seconds);
  EXPECT_FALSE(profile.rows[0].sampled);
  EXPECT_EQ(profile.rows[0].op_class, "Loop");
  EXPECT_EQ(profile.rows[0].calls, 1);
}

TEST(Profile, LongLoopBodiesAreTimedEveryTime) {
  const Function f = Expect(LoopOf("slow").Make());
  Expect(f({Tensor::Ones({64}), Tensor::Scalar(int64_t{60})}));
  const Profile profile = f.profile();
  const ApplyRow& second = RowNamed(profile, "second");
  EXPECT_FALSE(second.sampled);
  EXPECT_GE(second.seconds, 60 * 0.002 * 0.999);
  EXPECT_GT(second.seconds, 0.95 * profile.wall_seconds);
  EXPECT_NEAR(Sum(profile), profile.wall_seconds, 0.01 * profile.wall_seconds);
}

// The longest is no sum: a reset forgets it.
TEST(Profile, AResetForgetsTheLongestRun) {
  ProgramBuilder b("runs");
  const int32_t run = b.Input("run", DType::i64, {}), out = b.Output("out", DType::f32, {1});
  DispatchStep d = b.Elementwise("count_run", {run}, {out});
  d.op_class = "Scatter";
  b.Add(d, {out});
  const Function f = Expect(b.Make());
  const auto call = [&](int64_t length) { Expect(f({*Tensor::From<int64_t>({length}, {})})); };
  const auto use = [&] { return f.profile().rows[0].scatter; };
  call(4096);
  ASSERT_TRUE(use().has_value());
  EXPECT_EQ(use()->longest_run, 4096);
  f.reset_profile();
  call(16);
  EXPECT_EQ(use()->longest_run, 16);
  EXPECT_EQ(use()->combined, 16);
  f.Trim();  // into what is kept of contexts that are gone
  EXPECT_EQ(use()->longest_run, 16);
  f.reset_profile();
  call(3);
  EXPECT_EQ(use()->longest_run, 3);
}

TEST(Profile, CanBeSwitchedOff) {
  CompileOptions options;
  options.profile = false;
  const Function f = Expect(AddMul().Make(options));
  Expect(f({Tensor::Ones({8}), Tensor::Ones({8})}));
  const Profile profile = f.profile();
  EXPECT_FALSE(profile.enabled);
  EXPECT_EQ(profile.calls, 1);
  EXPECT_EQ(profile.wall_seconds, 0);
  EXPECT_THAT(profile.text(), HasSubstr("times were not measured"));
}

TEST(Profile, Json) {
  const Function f = Expect(SlowInTheMiddle().Make());
  Expect(f({Tensor::Ones({3})}));
  const std::string json = f.profile().json();
  for (const char* part : {"{\"function\":\"slow_step\",\"calls\":1,\"enabled\":true", "\"rows\":[{\"id\":0,", "\"class\":\"Runtime\"", "\"shape\":[3]", "\"line\":77"}) {
    EXPECT_THAT(json, HasSubstr(part));
  }
  JsonWriter w;
  w.BeginObject().Key("a\"\n").String("\x01\\").Key("b").BeginArray().Int(1).Number(0.5).Number(1.0 / 0.0).EndArray().EndObject();
  EXPECT_EQ(w.Take(), "{\"a\\\"\\u000a\":\"\\u0001\\\\\",\"b\":[1,0.5,null]}");
}

TEST(Profile, PlanText) {
  const std::string text = Expect(SlowInTheMiddle().Make()).plan_text();
  for (const char* part : {"plan of 'slow_step': 3 steps, 2 kernel entries, 4 buffers", "input  x f32(n,)", "    1  Elementwise slow  (first) -> (second f32(n,)) ; +second -first",
                           "phase slow over ceildiv(n,256) tasks", "n4 squash: tanh at model.cpp:77"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

// The cost of a call, printed for the record; the bound is loose because the
// machine may be busy and the build unoptimised.
TEST(Profile, AScalarCallIsShort) {
  ProgramBuilder b("scalar");
  const int32_t x = b.Input("x", DType::f32, {});
  const int32_t out = b.Output("out", DType::f32, {});
  b.Add(b.Elementwise("double", {x}, {out}), {out});
  const Function f = Expect(b.Make());
  const Tensor input = Tensor::Scalar(1.5f);
  const std::vector<Tensor> inputs = {input};
  double best = 1;
  for (int round = 0; round < 20; ++round) {
    const double begin = Now();
    for (int i = 0; i < 2000; ++i) (void)f(inputs);
    best = std::min(best, (Now() - begin) / 2000);
  }
  std::printf("a scalar call takes %.0f ns\n", best * 1e9);
  EXPECT_LT(best, 20e-6);
}

}  // namespace
}  // namespace oriel::testing
