// Reports of memory errors when no memory is left: operator new of this binary
// can be told to fail.
#include <cstdlib>
#include <map>
#include <new>
#include <string_view>

#include "gmock/gmock.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/function_state.h"
#include "test/gtest/engine/program_builder.h"

namespace {

// Bytes that may still be taken; negative: any number. What is freed comes back.
thread_local int64_t budget = -1;
constexpr size_t kHeader = 16;

void* Take(size_t size) {
  if (budget >= 0) {
    if (static_cast<int64_t>(size) > budget) return nullptr;
    budget -= static_cast<int64_t>(size);
  }
  char* block = static_cast<char*>(std::malloc(size + kHeader));
  if (block == nullptr) return nullptr;
  *reinterpret_cast<size_t*>(block) = size;
  return block + kHeader;
}
void Give(void* p) {
  if (p == nullptr) return;
  char* block = static_cast<char*>(p) - kHeader;
  if (budget >= 0) budget += static_cast<int64_t>(*reinterpret_cast<size_t*>(block));
  std::free(block);
}

}  // namespace

void* operator new(size_t size) {
  if (void* p = Take(size)) return p;
  throw std::bad_alloc();
}
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Take(size); }
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Take(size); }
void operator delete(void* p) noexcept { Give(p); }
void operator delete(void* p, size_t) noexcept { Give(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { Give(p); }
void operator delete[](void* p) noexcept { Give(p); }
void operator delete[](void* p, size_t) noexcept { Give(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { Give(p); }

namespace oriel {
namespace {

using ::testing::HasSubstr;

// h = double(x), out = add(h, x): in reused memory, of n floats each.
absl::StatusOr<Function> Small() {
  oriel::testing::ProgramBuilder b("small");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t h = b.Temp("h", DType::f32, {n});
  const int32_t out = b.Output("out", DType::f32, {n});
  b.Add(b.Elementwise("double", {x}, {h}), {h});
  b.Add(b.Elementwise("add", {h, x}, {out}), {out}, {h});
  return b.Make({});
}

struct Case {
  absl::StatusOr<Function> f = Small();
  std::shared_ptr<const ResolvedDims> dims;
  const std::string why = "'small' does not fit";
  Case() {
    if (f.ok()) dims = Resolve(*f->impl()->prepared, {1000000}).value();
  }
  absl::Status Report(int64_t left) {
    budget = left;
    absl::Status status = MemoryError(*f->impl()->prepared, *dims, 1000000, 0, why);
    budget = -1;
    return status;
  }
};

TEST(MemoryReport, IsMadeFromTheReserve) {
  Case c;
  ASSERT_TRUE(c.f.ok()) << c.f.status();
  const absl::Status with_memory = c.Report(-1);
  ReserveReportMemory();
  const absl::Status without = c.Report(0);
  EXPECT_EQ(without, with_memory);  // all of it
  EXPECT_THAT(std::string(without.message()), HasSubstr("What would fit:\n    n: at most "));
}

TEST(MemoryReport, CannotFailWhereverMemoryEnds) {
  Case c;
  ASSERT_TRUE(c.f.ok()) << c.f.status();
  const absl::Status whole = c.Report(-1);
  int short_ones = 0;
  for (int64_t left = 0; left < 60000; left += 37) {
    const absl::Status status = c.Report(left);
    ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << left;
    if (status == whole) continue;
    ++short_ones;
    EXPECT_THAT(std::string(status.message()), HasSubstr("PlanMemory"));
  }
  // Without its reserve the report needs some memory: a few are the short one.
  EXPECT_GT(short_ones, 0);
  ReserveReportMemory();
  EXPECT_EQ(c.Report(0), whole);
}

TEST(MemoryReport, SaysWhatRecomputingWouldSave) {
  // early = double(x) lives through the peak to be read at the end.
  oriel::testing::ProgramBuilder b("recompute");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t early = b.Temp("early", DType::f32, {n});
  const int32_t wide = b.Temp("wide", DType::f32, {n * 4});
  const int32_t middle = b.Temp("middle", DType::f32, {n});
  const int32_t out = b.Output("out", DType::f32, {n});
  DispatchStep first = b.Elementwise("double", {x}, {early});
  first.op_class = "Elementwise";
  b.Add(first, {early});
  b.Add(b.Elementwise("double", {x}, {wide}), {wide});
  b.Add(b.Elementwise("double", {wide}, {middle}), {middle}, {wide});
  b.Add(b.Elementwise("add", {middle, early}, {out}), {out}, {middle, early});
  absl::StatusOr<Function> f = b.Make({});
  ASSERT_TRUE(f.ok()) << f.status();
  const auto dims = Resolve(*f->impl()->prepared, {1024});
  ASSERT_TRUE(dims.ok()) << dims.status();
  const absl::Status status = MemoryError(*f->impl()->prepared, **dims, 20000, 0, "does not fit");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("recomputing 'early' at model.cpp:11 (step 0, Elementwise) for its next use in step 3 would save 4096 bytes"));
}

// s = s + x in place, then a loop: out = x; for i in range(trips): out = out + i.
oriel::testing::ProgramBuilder UpdateThenLoops() {
  oriel::testing::ProgramBuilder b("step");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t trips = b.Input("trips", DType::i64, {});
  const int32_t state = b.State("s", DType::f32, {4});
  const int32_t sum = b.Temp("sum", DType::f32, {4}, state);
  b.Update(state, sum);
  b.Add(b.Elementwise("add", {state, x}, {sum}), {sum});
  testing::AddNestedLoops(&b, n, x, trips, trips);
  return b;
}

// Wherever the heap ends in a call, it is the memory error, no exception, and
// nothing has happened; a call that has memory again works.
TEST(MemoryReport, IsWhatACallWithoutMemoryReturns) {
  const std::vector<float> zeros = {0, 0, 0, 0};
  for (const char* how : {"by position", "by name", "timed each call", "with a default"}) {
    SCOPED_TRACE(how);
    const std::string_view way = how;
    int failed = 0, reports = 0;
    for (int64_t left = 0;; left += 61) {
      CompileOptions options;
      options.num_threads = 2;
      if (way == "with a default") options.inputs = {In(Value(), Tensor::Scalar<int64_t>(2), "trips")};
      auto cell = graph::MakeStateCell("s", Tensor::Zeros({4}));
      const Function f = oriel::testing::Expect(UpdateThenLoops().Make(options, {cell}));
      const std::vector<Tensor> inputs = {Tensor::Ones({4}), Tensor::Scalar<int64_t>(2)};
      const std::map<std::string, Tensor> named = {{"x", inputs[0]}, {"trips", inputs[1]}};
      if (way == "timed each call") ASSERT_TRUE(f(inputs).ok());  // a context that waits
      ASSERT_TRUE(State(cell).set_value(Tensor::Zeros({4})).ok());
      absl::StatusOr<std::vector<Tensor>> out = std::vector<Tensor>();
      budget = left;
      if (way == "by name") out = f.Call(named);
      else if (way == "with a default") out = f(absl::MakeConstSpan(inputs.data(), 1));
      else out = f(absl::MakeConstSpan(inputs));
      budget = -1;
      if (out.ok()) {
        EXPECT_EQ(oriel::testing::Floats(State(cell).value()), (std::vector<float>{1, 1, 1, 1}));
        break;
      }
      ++failed;
      ASSERT_EQ(out.status().code(), absl::StatusCode::kResourceExhausted) << left << ": " << out.status();
      const std::string message(out.status().message());
      if (message.find("Storage map:") != std::string::npos) ++reports;
      EXPECT_EQ(oriel::testing::Floats(State(cell).value()), zeros) << left << ": " << message;
      // Memory is back: the same function works.
      const std::vector<Tensor> again = oriel::testing::Expect(f(inputs));
      ASSERT_EQ(again.size(), 1u);
      EXPECT_EQ(oriel::testing::Floats(again[0]), (std::vector<float>{3, 3, 3, 3}));
      EXPECT_EQ(oriel::testing::Floats(State(cell).value()), (std::vector<float>{1, 1, 1, 1}));
    }
    EXPECT_GT(failed, 0);
    if (way == "timed each call") {
      EXPECT_GT(reports, 0) << "dims are known";
    }
  }
}

}  // namespace
}  // namespace oriel
