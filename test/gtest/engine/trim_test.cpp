// File: trim_test.cpp
//
// What functions keep for calls to come: how much, and that it is given back.
#include <sys/resource.h>

#include <fstream>

#include "gmock/gmock.h"
#include "runtime/engine/function_state.h"
#include "test/gtest/engine/program_builder.h"

namespace oriel::testing {
namespace {

constexpr int64_t kMega = 1 << 20;

Tensor Ones(int64_t n) { return F32(std::vector<float>(static_cast<size_t>(n), 1)); }

TEST(Trim, GivesBackWhatIsKept) {
  const Function f = Expect(AddMul().Make());
  EXPECT_EQ(f.Trim(), 0u);
  EXPECT_EQ(f.memory().kept_bytes, 0);
  std::vector<Tensor> out = Expect(f({Ones(kMega), Ones(kMega)}));
  // The temporary's arena; the output is the user's.
  const int64_t arena = f.memory().kept_bytes;
  EXPECT_GE(arena, 4 * kMega);
  EXPECT_LT(arena, 5 * kMega);
  out.clear();
  const int64_t both = f.memory().kept_bytes;
  EXPECT_GE(both, arena + 4 * kMega);
  EXPECT_EQ(f.Trim(), static_cast<uint64_t>(both));
  EXPECT_EQ(f.memory().kept_bytes, 0);
  EXPECT_EQ(f.Trim(), 0u);
  EXPECT_EQ(Floats(Expect(f({Ones(3), Ones(3)}))[0]), (std::vector<float>{2, 2, 2}));
  EXPECT_EQ(f.profile().calls, 2);  // trimming forgets no time
}

TEST(Trim, ReachesEveryFunction) {
  const Function f = Expect(AddMul().Make()), g = Expect(AddMul().Make());
  { Expect(Expect(AddMul().Make())({Ones(5), Ones(5)})); }  // gone
  Expect(f({Ones(kMega), Ones(kMega)}));
  Expect(g({Ones(kMega), Ones(kMega)}));
  const int64_t both = f.memory().kept_bytes + g.memory().kept_bytes;
  EXPECT_GE(both, 8 * kMega);
  EXPECT_GE(TrimMemory(), static_cast<uint64_t>(both));
  EXPECT_EQ(f.memory().kept_bytes + g.memory().kept_bytes, 0);
  EXPECT_EQ(TrimMemory(), 0u);
}

// What ran while someone looked is another program.
TEST(Trim, ReachesProgramsThatWereLookedAt) {
  const Function f = Expect(AddMul().Make());
  f.impl()->taps->Bind({}, [](bool, const std::vector<NodeId>& nodes) {
    ProgramBuilder b = AddMul();
    ObserveStep watch;
    watch.kind = TapKind::kWatch;
    watch.tap = -1;
    watch.node = nodes[0];
    watch.values = {2};  // the sum
    b.program().steps.insert(b.program().steps.begin() + 1, b.Wrap(watch));
    return b.Make();
  }, nullptr);
  int seen = 0;
  const absl::StatusOr<TapHandle> handle = f.Watch("sum", [&](const TapRecord&) { ++seen; return absl::OkStatus(); });
  ASSERT_TRUE(handle.ok()) << handle.status();
  Expect(f({Ones(kMega), Ones(kMega)}));
  EXPECT_EQ(seen, 1);
  ASSERT_TRUE(f.Remove(*handle).ok());
  const int64_t kept = f.memory().kept_bytes;
  EXPECT_GE(kept, 4 * kMega);
  EXPECT_EQ(f.Trim(), static_cast<uint64_t>(kept));
  EXPECT_EQ(f.memory().kept_bytes, 0);
  EXPECT_EQ(TrimMemory(), 0u);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// The process may take so much more address space while it lives.
class RoomFor {
 public:
  explicit RoomFor(uint64_t bytes) {
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    rlimit now = before_;
    now.rlim_cur = pages * 4096 + bytes;
    EXPECT_EQ(setrlimit(RLIMIT_AS, &now), 0);
  }
  ~RoomFor() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_;
};

// The copy of a strided input is made of what another function keeps.
TEST(Trim, ComesBeforeACopyFails) {
  constexpr int64_t n = 9 * kMega;
  const Function f = Expect(AddMul().Make()), g = Expect(AddMul().Make());
  const Tensor wide = Ones(2 * n), b = Ones(n);
  const Tensor strided = *Tensor::Borrow(const_cast<void*>(wide.raw()), {n}, {8}, DType::f32);
  Expect(g({b, b}));  // it has its arena
  Expect(f({b, b}));
  ASSERT_GE(f.memory().kept_bytes, 4 * n);
  std::vector<Tensor> out;
  {
    const RoomFor room(8 * kMega);
    out = Expect(g({strided, b}));
  }
  EXPECT_EQ(f.memory().kept_bytes, 0);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].data<float>()[n - 1], 2.0f);
}

// So is the storage of a size that the run finds.
TEST(Trim, ComesBeforeStorageOfAFoundSizeFails) {
  constexpr int64_t n = 9 * kMega;
  ProgramBuilder b("found");
  const Dim most = b.Symbol("n"), found = b.Symbol("m");
  const int32_t x = b.Input("x", DType::f32, {most}), count = b.Input("count", DType::i64, {});
  const int32_t rows = b.Temp("rows", DType::f32, {found}), y = b.Output("y", DType::f32, {found});
  b.Add(BindStep{1, count, most, kNoNode});
  b.Add(b.Elementwise("double", {x}, {rows}), {rows});
  b.Add(b.Elementwise("double", {rows}, {y}), {y}, {rows});
  const Function f = Expect(AddMul().Make()), g = Expect(b.Make());
  const Tensor ones = Ones(n), few = *Tensor::From<int64_t>({5}, {}), all = *Tensor::From<int64_t>({n}, {});
  EXPECT_EQ(Floats(Expect(g({ones, few}))[0]), (std::vector<float>{4, 4, 4, 4, 4}));
  Expect(f({ones, ones}));
  ASSERT_GE(f.memory().kept_bytes, 8 * n);
  std::vector<Tensor> out;
  {
    const RoomFor room(8 * kMega);
    out = Expect(g({ones, all}));
  }
  EXPECT_EQ(f.memory().kept_bytes, 0);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].size(), n);
  EXPECT_EQ(out[0].data<float>()[n - 1], 4.0f);
}
#endif

// A limit that the arenas of two sizes together pass: the old one goes first,
// and the call is made as if it had not been there.
TEST(Trim, ALimitComesBeforeWhatIsKept) {
  CompileOptions options;
  options.memory_limit = 20 * kMega;
  const Function f = Expect(AddMul().Make(options));
  Expect(f({Ones(kMega), Ones(kMega)}));             // 16 MiB, an arena of 4 MiB is kept
  Expect(f({Ones(kMega + 64), Ones(kMega + 64)}));   // does not fit beside it
  const MemoryReport memory = f.memory();
  EXPECT_LE(memory.kept_bytes, 9 * kMega);
  EXPECT_LE(memory.planned_peak + 4 * kMega, memory.limit + 1024);
}

}  // namespace
}  // namespace oriel::testing
