// File: thread_pool.cpp
#include "runtime/device/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>

#include "runtime/memory/limits.h"

namespace oriel {
namespace {

constexpr uint64_t kOpen = 1;
constexpr uint64_t kInside = uint64_t{1} << 8;   // one helper inside
constexpr uint64_t kJoined = uint64_t{1} << 24;  // one helper has joined
constexpr uint64_t kInsideMask = uint64_t{0xffff} << 8;
constexpr uint64_t kJoinedMask = uint64_t{0xffff} << 24;
constexpr uint64_t kGeneration = uint64_t{1} << 40;  // one more job in this slot
constexpr uint64_t kGenerationMask = ~(kGeneration - 1);

// How long a worker looks for the next job before it sleeps: steps of one call
// follow each other within microseconds, waking a sleeper costs tens.
constexpr auto kSpin = std::chrono::microseconds(50);

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Set while a thread runs tasks, so that a nested Run stays inline.
thread_local bool in_task = false;

}  // namespace

int AvailableCores() {
  static const int cores = [] {
    int n = static_cast<int>(std::thread::hardware_concurrency());
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
    n = static_cast<int>(std::min<double>(n, std::ceil(ControlGroupCores(""))));
    return std::max(n, 1);
  }();
  return cores;
}

Split ChooseSplit(int64_t cost_ns, int64_t tasks, int threads) {
  Split split;
  split.grain = std::max<int64_t>(tasks, 1);
  if (threads <= 1 || tasks <= 1 || cost_ns < kWorthWaking) return split;
  const int64_t useful = std::max<int64_t>(1, cost_ns / (kWorthWaking / 2));
  split.threads = static_cast<int>(std::min<int64_t>({threads, tasks, useful}));
  if (split.threads <= 1) {
    split.threads = 1;
    return split;
  }
  split.inline_run = false;
  // What is left over when the others have ended is one piece at most.
  constexpr int64_t kPiecesPerThread = 32;
  const int64_t pieces = std::clamp<int64_t>(cost_ns / kPiece, split.threads, split.threads * kPiecesPerThread);
  split.grain = std::max<int64_t>(1, tasks / pieces);
  return split;
}

ThreadPool::ThreadPool() = default;

ThreadPool::~ThreadPool() {
  stop_.store(true);
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

ThreadPool& ThreadPool::Shared() {
  alignas(ThreadPool) static char storage[sizeof(ThreadPool)];
  static ThreadPool* pool = [] {
    // A child has none of its parent's workers. Made anew in place: no other
    // thread is there that could use it, and none of the old is freed.
    (void)pthread_atfork(nullptr, nullptr, [] {
      new (storage) ThreadPool;
      in_task = false;
    });
    return new (storage) ThreadPool;
  }();
  return *pool;
}

void ThreadPool::Start(int workers) {
  workers = std::min(workers, kMaxWorkers);
  if (started_.load(std::memory_order_acquire) >= workers) return;
  std::lock_guard<std::mutex> lock(start_mutex_);
  while (started_.load(std::memory_order_relaxed) < workers) {
    // Without memory or threads left there are fewer: the caller does the work.
    try {
      threads_.emplace_back([this] { WorkerLoop(); });
    } catch (const std::exception&) {
      return;
    }
    started_.fetch_add(1, std::memory_order_release);
  }
}

void ThreadPool::Work(Slot* slot, int64_t worker) {
  const bool outer = in_task;
  in_task = true;
  const int64_t tasks = slot->tasks;
  int64_t begin = slot->next.load(std::memory_order_relaxed);
  while (begin < tasks) {
    const int64_t end = std::min(begin + std::max(slot->grain, (tasks - begin) / slot->parts), tasks);
    if (!slot->next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
    slot->entry(slot->args, begin, end, worker);
    begin = slot->next.load(std::memory_order_relaxed);
  }
  in_task = outer;
}

bool ThreadPool::TryHelp() {
  while (true) {
    // The job that has the fewest: callers at the same time share the workers.
    Slot* best = nullptr;
    uint64_t state = 0;
    int fewest = 0;
    for (Slot& slot : slots_) {
      const uint64_t now = slot.state.load(std::memory_order_acquire);
      const int joined = static_cast<int>((now & kJoinedMask) / kJoined);
      if ((now & kOpen) == 0 || joined >= slot.limit.load(std::memory_order_relaxed)) continue;
      if (best != nullptr && joined >= fewest) continue;
      best = &slot;
      state = now;
      fewest = joined;
    }
    if (best == nullptr) return false;
    if (!best->state.compare_exchange_strong(state, state + kInside + kJoined, std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
    Work(best, fewest + 1);
    // Release: the caller sees what this helper wrote.
    const uint64_t before = best->state.fetch_sub(kInside, std::memory_order_acq_rel);
    if ((before & kOpen) == 0 && (before & kInsideMask) == kInside) best->state.notify_all();
    return true;
  }
}

void ThreadPool::WorkerLoop() {
  while (!stop_.load(std::memory_order_relaxed)) {
    const uint32_t seen = epoch_.load(std::memory_order_acquire);
    if (open_jobs_.load(std::memory_order_acquire) > 0 && TryHelp()) continue;
    const auto until = std::chrono::steady_clock::now() + kSpin;
    bool changed = false;
    while (!changed) {
      for (int i = 0; i < 64 && !changed; ++i) {
        changed = epoch_.load(std::memory_order_relaxed) != seen;
        if (!changed) Pause();
      }
      if (!changed && std::chrono::steady_clock::now() >= until) break;
    }
    if (changed) continue;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    // A job that came since `seen` was read makes wait return at once.
    epoch_.wait(seen, std::memory_order_seq_cst);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void ThreadPool::Run(KernelEntry entry, const int64_t* args, int64_t tasks, int64_t grain, int threads, bool in_turn) {
  if (tasks <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t pieces = (tasks + grain - 1) / grain;
  const int helpers = static_cast<int>(std::min<int64_t>({int64_t{threads} - 1, pieces - 1, int64_t{kMaxWorkers}}));
  Slot* slot = nullptr;
  if (helpers > 0 && !in_task) {
    for (Slot& s : slots_) {
      if (!s.taken.load(std::memory_order_relaxed) && !s.taken.exchange(true, std::memory_order_acquire)) {
        slot = &s;
        break;
      }
    }
  }
  if (slot == nullptr) {  // nothing to share, or more callers than slots
    entry(args, 0, tasks, 0);
    return;
  }
  Start(helpers);
  slot->entry = entry;
  slot->args = args;
  slot->tasks = tasks;
  slot->grain = grain;
  slot->parts = in_turn ? tasks : 2 * (int64_t{helpers} + 1);
  slot->limit.store(helpers, std::memory_order_relaxed);
  slot->next.store(0, std::memory_order_relaxed);
  const uint64_t last = slot->state.load(std::memory_order_relaxed);
  slot->state.store(((last & kGenerationMask) + kGeneration) | kOpen, std::memory_order_release);
  open_jobs_.fetch_add(1, std::memory_order_acq_rel);
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) epoch_.notify_all();

  Work(slot, 0);

  uint64_t state = slot->state.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  for (int spins = 0; (state & kInsideMask) != 0; ++spins) {
    if (spins < 4000) {
      Pause();
    } else {
      slot->state.wait(state, std::memory_order_acquire);
    }
    state = slot->state.load(std::memory_order_acquire);
  }
  open_jobs_.fetch_sub(1, std::memory_order_relaxed);
  slot->taken.store(false, std::memory_order_release);
}

}  // namespace oriel
