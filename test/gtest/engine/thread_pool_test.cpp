// File: thread_pool_test.cpp
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/device/device.h"
#include "runtime/device/thread_pool.h"

namespace oriel {
namespace {

struct Job {
  std::vector<std::atomic<int>> ran;
  std::vector<std::atomic<int>> inside;  // per worker number
  std::atomic<int> wrong{0};
  std::atomic<int> max_worker{0};
  int spin_us = 0;
  int limit;
  Job(int64_t tasks, int threads) : ran(static_cast<size_t>(tasks)), inside(static_cast<size_t>(threads)), limit(threads) {}
};

void Count(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  Job& job = *reinterpret_cast<Job*>(args[0]);
  if (worker < 0 || worker >= job.limit) {
    ++job.wrong;
    return;
  }
  // No two threads under one worker number.
  if (job.inside[static_cast<size_t>(worker)].fetch_add(1) != 0) ++job.wrong;
  for (int64_t t = begin; t < end; ++t) ++job.ran[static_cast<size_t>(t)];
  int seen = job.max_worker.load();
  while (worker > seen && !job.max_worker.compare_exchange_weak(seen, static_cast<int>(worker))) {
  }
  if (job.spin_us > 0) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(job.spin_us);
    while (std::chrono::steady_clock::now() < until) {
    }
  }
  job.inside[static_cast<size_t>(worker)].fetch_sub(1);
}

void Check(ThreadPool* pool, int64_t tasks, int64_t grain, int threads) {
  Job job(tasks, threads);
  const int64_t args[1] = {reinterpret_cast<int64_t>(&job)};
  pool->Run(Count, args, tasks, grain, threads);
  EXPECT_EQ(job.wrong, 0);
  for (auto& ran : job.ran) ASSERT_EQ(ran, 1);
}

TEST(ThreadPool, RunsEveryTaskOnce) {
  ThreadPool pool;
  for (int threads : {1, 2, 3, 8}) {
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      for (int64_t grain : {1, 3, 64}) Check(&pool, tasks, grain, threads);
    }
  }
  EXPECT_LE(pool.workers(), 7);
}

TEST(ThreadPool, ManyCallersAtOnce) {
  ThreadPool pool;
  std::vector<std::thread> callers;
  for (int c = 0; c < 6; ++c) {
    callers.emplace_back([&pool, c] {
      for (int i = 0; i < 300; ++i) Check(&pool, 1 + (i * 7 + c) % 50, 1 + i % 3, 2 + (i + c) % 4);
    });
  }
  for (std::thread& t : callers) t.join();
}

TEST(ThreadPool, UsesItsThreadsAndWakesAfterSleep) {
  ThreadPool pool;
  for (int round = 0; round < 3; ++round) {
    Job job(64, 4);
    job.spin_us = 1000;
    const int64_t args[1] = {reinterpret_cast<int64_t>(&job)};
    pool.Run(Count, args, 64, 1, 4);
    EXPECT_EQ(job.wrong, 0);
    EXPECT_GE(job.max_worker, 1);  // 64 ms of work: someone came to help
    EXPECT_LT(job.max_worker, 4);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // workers park
  }
  EXPECT_EQ(pool.workers(), 3);
}

// A task that calls the pool again.
void Nested(const int64_t* args, int64_t, int64_t, int64_t) { Check(reinterpret_cast<ThreadPool*>(args[0]), 20, 1, 4); }
TEST(ThreadPool, NestedRunsAreInline) {
  ThreadPool pool;
  const int64_t args[1] = {reinterpret_cast<int64_t>(&pool)};
  pool.Run(Nested, args, 8, 1, 4);
}

TEST(ThreadPool, ShortStepsStayInline) {
  EXPECT_TRUE(ChooseSplit(19'000, 1000, 8).inline_run);
  EXPECT_TRUE(ChooseSplit(1'000'000, 1, 8).inline_run);
  EXPECT_TRUE(ChooseSplit(1'000'000, 1000, 1).inline_run);
  const Split split = ChooseSplit(1'000'000, 1000, 8);
  EXPECT_FALSE(split.inline_run);
  EXPECT_EQ(split.threads, 8);
  EXPECT_GE((1000 + split.grain - 1) / split.grain, 8);
  EXPECT_LE(ChooseSplit(1'000'000, 3, 8).threads, 3);
  EXPECT_EQ(ChooseSplit(0, 0, 8).grain, 1);
  EXPECT_GE(AvailableCores(), 1);
}

TEST(ThreadPool, ShortStepsAreForWorkersThatAreAwake) {
  EXPECT_EQ(ChooseSplit(kWorthHandingOver - 1, 1000, 8).short_threads, 1);
  EXPECT_EQ(ChooseSplit(kWorthHandingOver, 1, 8).short_threads, 1);
  EXPECT_EQ(ChooseSplit(kWorthHandingOver, 1000, 1).short_threads, 1);
  EXPECT_EQ(ChooseSplit(kWorthHandingOver, 1000, 8).short_threads, 2);
  const Split split = ChooseSplit(kWorthWaking - 1, 1000, 8);
  EXPECT_TRUE(split.inline_run);
  EXPECT_EQ(split.threads, 1);
  EXPECT_EQ(split.short_threads, 8);
  EXPECT_GE(1000 / split.short_grain, 8);
  EXPECT_EQ(ChooseSplit(kWorthWaking, 1000, 8).short_threads, 1);
}

constexpr int64_t kShort = kWorthWaking / 2;  // what a short job is said to cost

void CheckShort(ThreadPool* pool, int64_t tasks, int64_t grain, int threads, int* helped, int spin_us = 0) {
  Job job(tasks, std::max(threads, 1));
  job.spin_us = spin_us;
  const int64_t args[1] = {reinterpret_cast<int64_t>(&job)};
  pool->RunShort(Count, args, tasks, grain, threads, kShort);
  EXPECT_EQ(job.wrong, 0);
  for (auto& ran : job.ran) ASSERT_EQ(ran, 1);
  *helped += job.max_worker > 0;
}

TEST(ThreadPool, ALoneShortJobWakesNobody) {
  ThreadPool pool;
  int helped = 0;
  CheckShort(&pool, 8, 1, 4, &helped);
  EXPECT_EQ(helped, 0);
  EXPECT_EQ(pool.workers(), 0);
}

TEST(ThreadPool, ShortJobsWakeAWorkerInTimeAndAreSharedWithIt) {
  ThreadPool pool(/*cores=*/2);
  int helped = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int i = 0; helped < 20 && std::chrono::steady_clock::now() < deadline; ++i) {
    CheckShort(&pool, 1 + i % 9, 1 + i % 3, 2, &helped, /*spin_us=*/2);
    // Some come when it has gone to sleep, or is about to.
    if (i % 50 == 49) std::this_thread::sleep_for(std::chrono::microseconds(i % 400));
  }
  EXPECT_EQ(helped, 20);
  EXPECT_EQ(pool.workers(), 1);
}

TEST(ThreadPool, ShortAndLongJobsOfManyCallers) {
  ThreadPool pool(/*cores=*/64);  // more than there are: they take each other's turns
  std::vector<std::thread> callers;
  std::atomic<int> all_helped{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&pool, &all_helped, c] {
      int helped = 0;
      for (int i = 0; i < 1000; ++i) {
        if (i % 37 == 0) {
          Check(&pool, 1 + (i * 7 + c) % 50, 1 + i % 3, 2 + (i + c) % 4);
        } else {
          CheckShort(&pool, 1 + (i * 5 + c) % 20, 1 + i % 4, 1 + (i + c) % 4, &helped, i % 4 == 0 ? 20 : 0);
        }
      }
      all_helped += helped;
    });
  }
  for (std::thread& t : callers) t.join();
  RecordProperty("helped", all_helped);
}

// A task that calls the pool again, with a short job.
void NestedShort(const int64_t* args, int64_t, int64_t, int64_t) {
  int helped = 0;
  CheckShort(reinterpret_cast<ThreadPool*>(args[0]), 20, 1, 4, &helped);
  EXPECT_EQ(helped, 0);
}
TEST(ThreadPool, NestedShortJobsAreInline) {
  ThreadPool pool;
  const int64_t args[1] = {reinterpret_cast<int64_t>(&pool)};
  for (int i = 0; i < 20; ++i) {
    pool.Run(NestedShort, args, 8, 1, 4);
    pool.RunShort(NestedShort, args, 8, 1, 4, kShort);
  }
}

TEST(HostDevice, CopiesLargeAreas) {
  std::vector<char> from(5'000'001), to(from.size());
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<char>(i * 7 + i / 1000);
  HostDevice().Copy(to.data(), from.data(), from.size(), 4);
  EXPECT_EQ(from, to);
  EXPECT_EQ(HostDevice().name(), "cpu");
}

}  // namespace
}  // namespace oriel
