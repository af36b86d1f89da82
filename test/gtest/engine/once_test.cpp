// File: once_test.cpp
//
// Steps that run once: what they make of constants is kept from call to call.
#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "gmock/gmock.h"
#include "runtime/engine/program_io.h"
#include "test/gtest/engine/program_builder.h"

namespace oriel::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<uint8_t> Bytes(const std::vector<float>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// y = x + packed * packed, packed = 2 * c, made by two steps that run once; the
// second reads what the first keeps, through a view.
ProgramBuilder Packed() {
  ProgramBuilder b("packed");
  const int32_t x = b.Input("x", DType::f32, {3}), c = b.Constant("c", DType::f32, {3, 1}, Bytes({1, 2, 3}));
  const int32_t packed = b.Temp("packed", DType::f32, {3, 1}), squared = b.Temp("squared", DType::f32, {3});
  const int32_t view = b.Temp("view", DType::f32, {3}, packed);
  b.program().buffers[packed].kind = b.program().buffers[squared].kind = BufferKind::kKept;
  const int32_t y = b.Output("y", DType::f32, {3});
  DispatchStep first = b.Elementwise("double", {c}, {packed}), second = b.Elementwise("mul", {view, view}, {squared});
  first.once = second.once = true;
  b.Add(first);
  b.Add(second, {view}, {view});
  b.Add(b.Elementwise("add", {x, squared}, {y}), {y});
  return b;
}

int64_t CallsOf(const Function& f, int64_t step) {
  for (const ApplyRow& row : f.profile().rows) {
    if (row.id == step) return row.calls;
  }
  return -1;
}

TEST(Once, OnlyTheFirstCallRunsIt) {
  for (const bool guard : {false, true}) {
    CompileOptions options;
    options.guard_buffers = guard;
    const Function f = Expect(Packed().Make(options));
    for (int i = 0; i < 3; ++i) {
      const float shift = static_cast<float>(i);
      EXPECT_THAT(Floats(Expect(f({F32({shift, shift, shift})}))[0]), ElementsAre(4 + shift, 16 + shift, 36 + shift));
    }
    // Between guard pages nothing outlives a call.
    EXPECT_EQ(CallsOf(f, 0), guard ? 3 : 1);
    EXPECT_EQ(CallsOf(f, 1), guard ? 3 : 1);
    EXPECT_EQ(CallsOf(f, 2), 3);
    const MemoryReport memory = f.memory();
    EXPECT_EQ(memory.planned_peak, 5 * 64);  // x, c, two that are kept, y
    if (guard) {
      EXPECT_EQ(memory.measured_peak, memory.planned_peak);
    }
    EXPECT_THAT(memory.text(), HasSubstr("kept       float32   (3,)"));
  }
}

TEST(Once, CallsAtTheSameTimeRunItOnce) {
  const Function f = Expect(Packed().Make());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const float shift = static_cast<float>(t);
      for (int i = 0; i < 50; ++i) {
        const absl::StatusOr<std::vector<Tensor>> out = f({F32({shift, shift, shift})});
        if (!out.ok() || Floats((*out)[0]) != std::vector<float>{4 + shift, 16 + shift, 36 + shift}) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(CallsOf(f, 0), 1);
  EXPECT_EQ(CallsOf(f, 2), 200);
}

// Calls that fail after it have made it as well as any.
TEST(Once, FailedCallsMakeItToo) {
  ProgramBuilder b = Packed();
  const int32_t i = b.Input("i", DType::i64, {3}), z = b.Output("z", DType::f32, {3});
  DispatchStep gather;
  gather.kernel = "gather";
  gather.phases.push_back({"gather", 1});
  gather.args = {{0, 0}, {i, 0}, {z, 0}, {-1, 3}, {-1, 3}};
  gather.reads = {0, i};
  gather.writes = {z};
  gather.fallible = true;
  gather.node = b.program().buffers[z].node;
  gather.ordinals = {{{gather.node}}};
  b.Add(gather, {z});
  const Tensor good = *Tensor::From<int64_t>({2, 1, 0}, {3}), bad = *Tensor::From<int64_t>({0, 9, 0}, {3});
  for (int round = 0; round < 20; ++round) {
    const Function f = Expect(b.Make());
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int k = 0; k < 6; ++k) {
          const bool fails = (t + k) % 2 == 0;
          const absl::StatusOr<std::vector<Tensor>> out = f({F32({1, 2, 3}), fails ? bad : good});
          if (fails) wrong += out.status().code() != absl::StatusCode::kOutOfRange;
          else wrong += !out.ok() || Floats((*out)[0]) != std::vector<float>{5, 18, 39} || Floats((*out)[1]) != std::vector<float>{3, 2, 1};
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(CallsOf(f, 0), 1);
    EXPECT_EQ(CallsOf(f, 1), 1);
  }
}

// Where temporaries have storage of their own, what is kept is kept all the same.
TEST(Once, WithoutAnArena) {
  const Tensor x = Tensor::Ones({16});
  CompileOptions options;
  const Tensor expected = Expect(Expect(Fragmented(/*once=*/true).Make())({x}))[0];
  options.memory_limit = static_cast<uint64_t>(Expect(Fragmented(true).Make()).PlanMemory({})->planned_peak);
  const Function f = Expect(Fragmented(true).Make(options));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(BitEqual(Expect(f({x}))[0], expected));
  EXPECT_LT(f.memory().kept_bytes, f.memory().arena_bytes);
  EXPECT_EQ(CallsOf(f, 0), 1);
  EXPECT_EQ(CallsOf(f, 1), 3);
}

// y = 4 * x[:m], where a run finds m, beside `n` elements that are kept.
ProgramBuilder Found(int64_t n) {
  ProgramBuilder b("found");
  const Dim most = b.Symbol("n"), found = b.Symbol("m");
  const int32_t x = b.Input("x", DType::f32, {most}), count = b.Input("count", DType::i64, {});
  const int32_t c = b.Constant("c", DType::f32, {n}, Bytes(std::vector<float>(n, 1)));
  const int32_t kept = b.Temp("kept", DType::f32, {n}), rows = b.Temp("rows", DType::f32, {found});
  b.program().buffers[kept].kind = BufferKind::kKept;
  const int32_t y = b.Output("y", DType::f32, {found}), all = b.Output("all", DType::f32, {n});
  DispatchStep make = b.Elementwise("double", {c}, {kept});
  make.once = true;
  b.Add(make);
  b.Add(b.Elementwise("double", {kept}, {all}), {all});
  b.Add(BindStep{1, count, most, kNoNode});
  b.Add(b.Elementwise("double", {x}, {rows}), {rows});
  b.Add(b.Elementwise("double", {rows}, {y}), {y}, {rows});
  return b;
}

// What is kept counts against the limit where a size is settled in the run: in the
// bytes that are asked for there, to the last one.
TEST(Once, CountsAgainstTheLimitOfAFoundSize) {
  constexpr int64_t kSmall = 1024, kLarge = 64 * 1024, kRows = 4096;
  const Tensor x = Tensor::Ones({kRows}), count = *Tensor::From<int64_t>({kRows}, {}), few = *Tensor::From<int64_t>({16}, {});
  const auto peak = [&](int64_t n) {
    const Function f = Expect(Found(n).Make());
    EXPECT_EQ(Expect(f({x, count}))[0].size(), kRows);
    return f.memory().planned_peak;
  };
  const int64_t most = peak(kLarge);
  // The constant, what is kept of it and the output made of that.
  EXPECT_EQ(most - peak(kSmall), 3 * 4 * (kLarge - kSmall));
  CompileOptions options;
  options.memory_limit = static_cast<uint64_t>(most);
  const Function fits = Expect(Found(kLarge).Make(options));
  EXPECT_EQ(Floats(Expect(fits({x, count}))[0]).back(), 4.0f);
  options.memory_limit -= 1;
  const Function misses = Expect(Found(kLarge).Make(options));
  const absl::StatusOr<std::vector<Tensor>> out = misses({x, count});
  EXPECT_EQ(out.status().code(), absl::StatusCode::kResourceExhausted) << out.status();
  EXPECT_THAT(out.status().message(), HasSubstr("m = 4096"));
  EXPECT_EQ(Expect(misses({x, few}))[0].size(), 16);
}

TEST(Once, SurvivesATrim) {
  const Function f = Expect(Packed().Make());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Floats(Expect(f({F32({0, 0, 0})}))[0]), ElementsAre(4, 16, 36));
    f.Trim();
  }
  EXPECT_EQ(CallsOf(f, 0), 1);
}

TEST(Once, ValidatesPrograms) {
  const Program good = Packed().program();
  ASSERT_TRUE(ValidateProgram(good).ok()) << ValidateProgram(good);
  const absl::StatusOr<Program> read = ReadProgram(WriteProgram(good));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(std::get<DispatchStep>(read->steps[0].op).once);
  EXPECT_FALSE(std::get<DispatchStep>(read->steps[2].op).once);
  const auto step = [](Program& p, size_t s) -> DispatchStep& { return std::get<DispatchStep>(p.steps[s].op); };
  using Break = std::function<void(Program&)>;
  const std::vector<std::pair<Break, const char*>> cases = {
      {[&](Program& p) { step(p, 0).reads[0] = step(p, 0).args[0].buffer = 0; }, "runs once, but reads buffer 0 'x', which is no constant"},
      {[&](Program& p) { step(p, 2).once = true; }, "runs once, but reads buffer 0 'x', which is no constant"},
      {[&](Program& p) { step(p, 0).once = false; }, "writes buffer 2 'packed', which is kept: only a step that runs once may"},
      {[&](Program& p) { step(p, 0).fallible = true; }, "runs once, but may fail"},
      {[&](Program& p) { p.steps.insert(p.steps.begin(), p.steps[0]); }, "writes buffer 2 'packed', which is kept, a second time"},
      {[&](Program& p) { p.steps.erase(p.steps.begin()); }, "which nothing has written"},
      {[&](Program& p) { p.steps[0].alloc = {2}; }, "allocates buffer 2 'packed', which lives for the whole call"},
      {[&](Program& p) { p.buffers[3].kind = BufferKind::kTemporary; p.steps[1].alloc.push_back(3); },
       "runs once, but writes buffer 3 'squared', which is not kept"},
      {[&](Program& p) { p.symbols.push_back("n"); p.buffers[0].shape = {Dim::Symbol("n")}; step(p, 0).args[2].value = Dim::Symbol("n"); },
       "runs once, but depends on a dim symbol"},
      {[&](Program& p) { p.symbols.push_back("n"); p.buffers[0].shape = {Dim::Symbol("n")}; p.buffers[2].shape = {Dim::Symbol("n")}; },
       "kept with the shape (n,), required a static one"},
  };
  for (const auto& [broken, message] : cases) {
    Program p = good;
    broken(p);
    EXPECT_THAT(std::string(ValidateProgram(p).message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace oriel::testing
