// File: trim_test.cpp
//
// What functions keep for calls to come: how much, and that it is given back.
#include "gmock/gmock.h"
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
