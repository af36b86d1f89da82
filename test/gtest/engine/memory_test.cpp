// File: memory_test.cpp
//
// runtime/memory: arenas, limits, guarded buffers.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "gmock/gmock.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/block_pool.h"
#include "runtime/memory/guarded.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

TEST(Arena, SharesWhatDoesNotLiveTogether) {
  const ArenaPlan plan = PlanArena({{100, 0, 1}, {100, 2, 3}, {60, 1, 2}});
  EXPECT_EQ(plan.offsets[0], plan.offsets[1]);
  EXPECT_EQ(plan.peak, 128u + 64u);
  EXPECT_EQ(plan.bytes, 192u);
}

TEST(Arena, RandomLifetimesNeverOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaBuffer> buffers(1 + random() % 40);
    for (ArenaBuffer& b : buffers) {
      b.bytes = random() % 4 == 0 ? 0 : random() % 5000;
      b.begin = static_cast<int32_t>(random() % 30);
      b.end = b.begin + static_cast<int32_t>(random() % 10);
    }
    const ArenaPlan plan = PlanArena(buffers);
    uint64_t peak = 0;
    for (int32_t t = 0; t < 50; ++t) {
      uint64_t live = 0;
      for (size_t i = 0; i < buffers.size(); ++i) {
        if (buffers[i].begin > t || buffers[i].end < t) continue;
        live += RoundToAlignment(buffers[i].bytes);
        EXPECT_EQ(plan.offsets[i] % kMemoryAlignment, 0u);
        EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.bytes);
        for (size_t k = 0; k < i; ++k) {
          if (buffers[k].begin > t || buffers[k].end < t || buffers[i].bytes == 0 || buffers[k].bytes == 0) continue;
          EXPECT_TRUE(plan.offsets[i] + buffers[i].bytes <= plan.offsets[k] || plan.offsets[k] + buffers[k].bytes <= plan.offsets[i]);
        }
      }
      peak = std::max(peak, live);
    }
    EXPECT_EQ(plan.peak, peak);
    EXPECT_GE(plan.bytes, plan.peak);
    int32_t when = -1;
    EXPECT_EQ(LivePeak(buffers, &when), peak);
  }
}

// Thousands of buffers: a chain of layers, a chain whose values all wait for the
// way back, and everything at once.
TEST(Arena, PlansManyBuffersInFewSteps) {
  constexpr int32_t kMany = 10'000;
  std::mt19937 random(2);
  std::vector<ArenaBuffer> chain, saved, together, mixed, crowded;
  for (int32_t i = 0; i < kMany; ++i) {
    const uint64_t bytes = 64 * (1 + random() % 100);
    chain.push_back({bytes, i, i + 1});
    saved.push_back({bytes, i, 2 * kMany - i});
    together.push_back({bytes, 0, kMany});
    mixed.push_back({bytes, i, i + static_cast<int32_t>(random() % 40)});
    crowded.push_back({bytes, i, i + static_cast<int32_t>(random() % 400)});  // 200 live together
  }
  for (const auto* buffers : {&chain, &saved, &together, &mixed, &crowded}) {
    const ArenaPlan plan = PlanArena(*buffers);
    EXPECT_LE(plan.steps, 700u * kMany);
    EXPECT_LE(plan.bytes, plan.peak + plan.peak / 10);
  }
  EXPECT_EQ(PlanArena(saved).bytes, PlanArena(saved).peak);
  EXPECT_EQ(PlanArena(together).bytes, PlanArena(together).peak);
}

// A layer's value waits for its gradient, others come and go meanwhile: within a
// twentieth of the largest live set, as of programs.
TEST(Arena, LayersAndTheirGradientsAreNearTheBound) {
  std::mt19937 random(3);
  for (const int layers : {3, 10, 30, 100, 1000}) {
    std::vector<ArenaBuffer> buffers;
    std::vector<ArenaBuffer> saved;
    int32_t time = 0;
    const auto bytes = [&] { return 64 * (1 + uint64_t{random()} % 1000); };
    for (int k = 0; k < 6 * layers; ++k, ++time) {
      if (k % 2 == 0) saved.push_back({bytes(), time, 0});
      else buffers.push_back({bytes(), time, time + 1 + static_cast<int32_t>(random() % 3)});
    }
    for (size_t i = saved.size(); i-- > 0; time += 2) {
      saved[i].end = time + 1;
      buffers.push_back(saved[i]);
      buffers.push_back({saved[i].bytes, time, time + 1 + static_cast<int32_t>(random() % 3)});
    }
    const ArenaPlan plan = PlanArena(buffers);
    EXPECT_LE(plan.bytes, plan.peak + plan.peak / 20) << layers << " layers";
    EXPECT_EQ(PlanArena(buffers).offsets, plan.offsets);
  }
}

// A folder that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string name = ::testing::TempDir() + "oriel_memory_XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  void Write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = path_ + file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Limits, ControlGroups) {
  constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  TempDir dir;
  EXPECT_EQ(ControlGroupLimit(dir.path()), kNone);
  dir.Write("/proc/self/cgroup", "0::/user/job\n");
  EXPECT_EQ(ControlGroupLimit(dir.path()), kNone);
  dir.Write("/sys/fs/cgroup/user/job/memory.max", "max\n");
  EXPECT_EQ(ControlGroupLimit(dir.path()), kNone);
  dir.Write("/sys/fs/cgroup/user/memory.max", "3000000\n");
  EXPECT_EQ(ControlGroupLimit(dir.path()), 3000000u);
  dir.Write("/sys/fs/cgroup/user/job/memory.max", "2000000\n");
  EXPECT_EQ(ControlGroupLimit(dir.path()), 2000000u);
  dir.Write("/proc/self/cgroup", "11:cpu,memory:/a\n4:freezer:/b\n");
  dir.Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(ControlGroupLimit(dir.path()), kNone);
  dir.Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1234567\n");
  EXPECT_EQ(ControlGroupLimit(dir.path()), 1234567u);
  EXPECT_GT(DefaultMemoryLimit(), uint64_t{1} << 20);
  EXPECT_LE(DefaultMemoryLimit(), static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST(Limits, CoresOfControlGroups) {
  constexpr double kAll = std::numeric_limits<double>::infinity();
  TempDir dir;
  EXPECT_EQ(ControlGroupCores(dir.path()), kAll);
  dir.Write("/proc/self/cgroup", "0::/user/job\n");
  dir.Write("/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  EXPECT_EQ(ControlGroupCores(dir.path()), kAll);
  dir.Write("/sys/fs/cgroup/user/cpu.max", "250000 100000\n");
  EXPECT_EQ(ControlGroupCores(dir.path()), 2.5);
  dir.Write("/sys/fs/cgroup/cpu.max", "150000 100000\n");  // a container's own
  EXPECT_EQ(ControlGroupCores(dir.path()), 1.5);
  TempDir old;
  old.Write("/proc/self/cgroup", "4:cpu,cpuacct:/a/b\n3:memory:/m\n");
  old.Write("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n");
  old.Write("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ControlGroupCores(old.path()), kAll);
  old.Write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "300000\n");
  old.Write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ControlGroupCores(old.path()), 3);
}

TEST(Limits, BytesText) {
  EXPECT_EQ(BytesText(7713792000), "7713792000 bytes (7714 MB)");
  EXPECT_EQ(BytesText(999), "999 bytes");
  EXPECT_EQ(BytesText(1), "1 byte");
  EXPECT_EQ(BytesText(4032), "4032 bytes (4 kB)");
}

TEST(Guarded, CountsAndCatches) {
  MemoryCounter counter;
  absl::StatusOr<GuardedBuffer> buffer = GuardedBuffer::Reserve(100, 4);
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(counter.held(), 0u);
  ASSERT_TRUE(buffer->Open(&counter).ok());
  EXPECT_FALSE(buffer->Open(&counter).ok());
  EXPECT_EQ(counter.held(), 128u);
  EXPECT_EQ(static_cast<unsigned char>(buffer->data()[0]), 0xA5);
  // The end is flush with a page.
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data() + 100) % 4096, 0u);
  buffer->data()[99] = 1;
  EXPECT_TRUE(buffer->Close("b").ok());
  EXPECT_EQ(counter.held(), 0u);
  EXPECT_EQ(counter.peak(), 128u);
  ASSERT_TRUE(buffer->Open(&counter).ok());
  buffer->data()[-1] = 1;
  EXPECT_THAT(std::string(buffer->Close("b").message()), ::testing::HasSubstr("byte -1, outside it"));
  ASSERT_TRUE(buffer->Open(&counter).ok());
  { const GuardedBuffer gone = *std::move(buffer); }
  EXPECT_EQ(counter.held(), 0u);
  EXPECT_TRUE(GuardedBuffer::Reserve(0, 1).ok());
  EXPECT_FALSE(GuardedBuffer::Reserve(uint64_t{1} << 60, 4).ok());
  EXPECT_FALSE(Block::Allocate(uint64_t{1} << 61).ok());
}

TEST(BlockPool, KeepsWhatOneCallNeeds) {
  BlockPool pool;
  absl::StatusOr<Block> a = pool.Take(2'000'000);
  ASSERT_TRUE(a.ok());
  pool.Give(*std::move(a));
  EXPECT_EQ(pool.kept_bytes(), 0u);  // no capacity yet
  pool.SetCapacity(5'000'000);
  a = pool.Take(2'000'000);
  absl::StatusOr<Block> b = pool.Take(2'000'000), c = pool.Take(2'000'000);
  const char* address = a->data();
  pool.Give(*std::move(a));
  pool.Give(*std::move(b));
  pool.Give(*std::move(c));  // one too many
  EXPECT_LE(pool.kept_bytes(), 5'000'000u);
  EXPECT_GT(pool.kept_bytes(), 3'000'000u);
  b = pool.Take(1'900'000);
  a = pool.Take(2'000'000);
  EXPECT_TRUE(a->data() == address || b->data() == address);
  EXPECT_EQ(pool.kept_bytes(), 0u);
  pool.Give(*std::move(a));
  EXPECT_TRUE(pool.Take(100'000'000).ok());  // nothing kept fits: it is freed
  EXPECT_EQ(pool.kept_bytes(), 0u);
}

using GuardedDeathTest = ::testing::Test;
TEST(GuardedDeathTest, AccessOutsideFaults) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  MemoryCounter counter;
  absl::StatusOr<GuardedBuffer> buffer = GuardedBuffer::Reserve(100, 4);
  ASSERT_TRUE(buffer.ok());
  volatile char* data = buffer->data();
  EXPECT_DEATH(data[0] = 1, "");  // not open
  ASSERT_TRUE(buffer->Open(&counter).ok());
  EXPECT_DEATH(data[100] = 1, "");
  EXPECT_DEATH(data[-4096] = 1, "");
  ASSERT_TRUE(buffer->MakeReadOnly().ok());
  EXPECT_DEATH(data[0] = 1, "");
  ASSERT_TRUE(buffer->Close("b").ok());
  EXPECT_DEATH((void)data[0], "");
}

}  // namespace
}  // namespace oriel
