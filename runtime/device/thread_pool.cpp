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

// Short jobs: what waking a worker costs the caller and the first jobs after; and
// the part of the time that has to be saved for workers to stay awake.
constexpr int64_t kWaking = kWorthWaking / 2, kSavedPart = 8;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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
  split.grain = split.short_grain = std::max<int64_t>(tasks, 1);
  if (threads <= 1 || tasks <= 1 || cost_ns < kWorthHandingOver) return split;
  if (cost_ns < kWorthWaking) {
    // A thread's part is worth a hand-over; pieces are a hand-over's time or more,
    // so that who comes late costs little.
    split.short_threads = static_cast<int>(std::min<int64_t>({threads, tasks, cost_ns / (2 * kHandOver)}));
    split.short_grain = std::max<int64_t>(1, tasks * kHandOver / cost_ns);
    return split;
  }
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

ThreadPool::ThreadPool(int cores) : cores_(cores) {}

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
      const int number = started_.load(std::memory_order_relaxed);
      threads_.emplace_back([this, number] { WorkerLoop(number < kDesks ? &desks_[number] : nullptr); });
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

bool ThreadPool::Join(Slot* slot, uint64_t state, int64_t joined) {
  if (!slot->state.compare_exchange_strong(state, state + kInside + kJoined, std::memory_order_acq_rel, std::memory_order_relaxed)) return false;
  Work(slot, joined + 1);
  // Release: the caller sees what this helper wrote.
  const uint64_t before = slot->state.fetch_sub(kInside, std::memory_order_acq_rel);
  if ((before & kOpen) == 0 && (before & kInsideMask) == kInside) slot->state.notify_all();
  return true;
}

bool ThreadPool::TryHelp() {
  // Mostly it is the newest, which nobody has joined yet.
  Slot& newest = slots_[newest_.load(std::memory_order_relaxed)];
  const uint64_t state = newest.state.load(std::memory_order_acquire);
  if ((state & kOpen) != 0 && (state & kJoinedMask) == 0 && newest.limit.load(std::memory_order_relaxed) > 0 && Join(&newest, state, 0)) return true;
  while (true) {
    // The job that has the fewest: callers at the same time share the workers.
    Slot* best = nullptr;
    uint64_t best_state = 0;
    int fewest = 0;
    for (Slot& slot : slots_) {
      const uint64_t now = slot.state.load(std::memory_order_acquire);
      const int joined = static_cast<int>((now & kJoinedMask) / kJoined);
      if ((now & kOpen) == 0 || joined >= slot.limit.load(std::memory_order_relaxed)) continue;
      if (best != nullptr && joined >= fewest) continue;
      best = &slot;
      best_state = now;
      fewest = joined;
    }
    if (best == nullptr) return false;
    if (Join(best, best_state, fewest)) return true;
  }
}

bool ThreadPool::ServeDesk(Desk* desk) {
  uint64_t word = desk->word.load(std::memory_order_acquire);
  if (word % Desk::kStates != Desk::kPosted) return false;
  // Its caller may take it back.
  if (!desk->word.compare_exchange_strong(word, word - Desk::kPosted + Desk::kRunning, std::memory_order_acquire, std::memory_order_relaxed)) return false;
  in_task = true;
  desk->entry(desk->args, desk->begin, desk->end, desk->worker);
  in_task = false;
  desk->word.store(word - Desk::kPosted + Desk::kStates + Desk::kReady, std::memory_order_release);
  return true;
}

void ThreadPool::WorkerLoop(Desk* desk) {
  while (!stop_.load(std::memory_order_relaxed)) {
    const uint32_t seen = epoch_.load(std::memory_order_acquire);
    if (TryHelp()) continue;
    // No other state is left by anyone but the worker.
    if (desk != nullptr) desk->word.fetch_add(Desk::kReady - Desk::kAway, std::memory_order_release);
    auto until = std::chrono::steady_clock::now() + kSpin;
    bool changed = false;
    while (!changed) {
      for (int i = 0; i < 64 && !changed; ++i) {
        changed = epoch_.load(std::memory_order_relaxed) != seen;
        if (desk != nullptr && ServeDesk(desk)) {
          until = std::chrono::steady_clock::now() + kSpin;
        } else if (!changed) {
          Pause();
        }
      }
      if (!changed && std::chrono::steady_clock::now() >= until) break;
    }
    if (desk != nullptr) {
      // Whoever has claimed it posts at once.
      uint64_t word = desk->word.load(std::memory_order_relaxed);
      while (word % Desk::kStates != Desk::kReady || !desk->word.compare_exchange_weak(word, word - Desk::kReady + Desk::kAway, std::memory_order_relaxed)) {
        if (!ServeDesk(desk)) Pause();
        word = desk->word.load(std::memory_order_relaxed);
      }
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
  busy_.fetch_add(helpers + 1, std::memory_order_relaxed);
  slot->entry = entry;
  slot->args = args;
  slot->tasks = tasks;
  slot->grain = grain;
  slot->parts = in_turn ? tasks : 2 * (int64_t{helpers} + 1);
  slot->limit.store(helpers, std::memory_order_relaxed);
  slot->next.store(0, std::memory_order_relaxed);
  const uint64_t last = slot->state.load(std::memory_order_relaxed);
  slot->state.store(((last & kGenerationMask) + kGeneration) | kOpen, std::memory_order_release);
  newest_.store(static_cast<uint32_t>(slot - slots_), std::memory_order_relaxed);
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
  busy_.fetch_sub(helpers + 1, std::memory_order_relaxed);
  slot->taken.store(false, std::memory_order_release);
}

bool ThreadPool::WorthWaking(int64_t cost_ns, int threads) {
  const int64_t now = NowNs(), passed = now - short_at_.load(std::memory_order_relaxed);
  short_at_.store(now, std::memory_order_relaxed);
  // Callers at the same time may lose some of this: it decides nothing but when.
  int64_t saved = passed > std::chrono::nanoseconds(kSpin).count() ? 0 : saved_.load(std::memory_order_relaxed);
  saved = std::max<int64_t>(0, saved + cost_ns - cost_ns / threads - kHandOver - passed / kSavedPart);
  const bool worth = saved >= kWaking;
  saved_.store(worth ? 0 : saved, std::memory_order_relaxed);
  return worth;
}

void ThreadPool::RunShort(KernelEntry entry, const int64_t* args, int64_t tasks, int64_t grain, int threads, int64_t cost_ns) {
  if (in_task) {
    entry(args, 0, tasks, 0);
    return;
  }
  // A worker without a core of its own would be waited for.
  const int others = busy_.fetch_add(1, std::memory_order_relaxed);
  const int64_t pieces = (tasks + grain - 1) / grain;
  const int64_t most = std::min<int64_t>({kAskedAtOnce, threads - 1, pieces - 1, cores_ - 1 - others});
  Desk* asked[kAskedAtOnce];
  int64_t helpers = 0;
  const int desks = std::min(started_.load(std::memory_order_relaxed), kDesks);
  for (int i = 0; i < desks && helpers < most; ++i) {
    uint64_t word = desks_[i].word.load(std::memory_order_relaxed);
    if (word % Desk::kStates != Desk::kReady) continue;
    // Acquire: what it held is no longer read.
    if (desks_[i].word.compare_exchange_strong(word, word - Desk::kReady + Desk::kClaimed, std::memory_order_acquire, std::memory_order_relaxed)) asked[helpers++] = &desks_[i];
  }
  if (helpers == 0) {
    if (most > 0 && WorthWaking(cost_ns, static_cast<int>(most) + 1)) {
      busy_.fetch_sub(1, std::memory_order_relaxed);
      Run(entry, args, tasks, grain, static_cast<int>(most) + 1);
      return;
    }
    entry(args, 0, tasks, 0);
    busy_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  // Equal parts, the caller's larger by what does not go up: helper h has the
  // h-th from the end.
  const int64_t part = tasks / (helpers + 1);
  uint64_t posted[kAskedAtOnce];
  for (int64_t h = 0; h < helpers; ++h) {
    Desk& desk = *asked[h];
    desk.entry = entry;
    desk.args = args;
    desk.begin = tasks - (h + 1) * part;
    desk.end = desk.begin + part;
    desk.worker = h + 1;
    posted[h] = desk.word.load(std::memory_order_relaxed) - Desk::kClaimed + Desk::kPosted;
    desk.word.store(posted[h], std::memory_order_release);
  }
  in_task = true;
  entry(args, 0, tasks - helpers * part, 0);
  for (int64_t h = 0; h < helpers; ++h) {
    std::atomic<uint64_t>& word = asked[h]->word;
    // What it has not begun is taken back.
    uint64_t seen = posted[h];
    if (word.compare_exchange_strong(seen, posted[h] - Desk::kPosted + Desk::kStates + Desk::kReady, std::memory_order_acq_rel, std::memory_order_acquire)) {
      entry(args, tasks - (h + 1) * part, tasks - h * part, 0);
      continue;
    }
    const uint64_t running = posted[h] - Desk::kPosted + Desk::kRunning;
    for (int spins = 0; seen == running; ++spins) {
      if (spins < 4000) {
        Pause();
      } else {
        std::this_thread::yield();
      }
      seen = word.load(std::memory_order_acquire);
    }
  }
  in_task = false;
  busy_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace oriel
