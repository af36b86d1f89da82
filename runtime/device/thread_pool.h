// File: thread_pool.h
//
// ThreadPool: persistent workers that share the tasks of kernels.
//
//   ThreadPool::Shared().Run(entry, args, tasks, /*grain=*/8, /*threads=*/4);
//
// The caller works too, as worker 0; helpers that join get worker numbers
// 1...threads-1, no two at once. Which worker runs which task is up to chance;
// no result may depend on it (the pool itself combines nothing).
#ifndef ORIEL_DEVICE_THREAD_POOL_H_
#define ORIEL_DEVICE_THREAD_POOL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/engine/kernel_abi.h"

namespace oriel {

// The cores this process may use, as found at the first call: its affinity mask,
// and the control group's CPU quota rounded up. At least 1.
int AvailableCores();

// Thread-safe: several threads may call Run at once; an idle worker joins the job
// that has the fewest. A call made from inside a task runs inline.
//
// After fork() the child has the shared pool as it is at the start of a process,
// and starts workers of its own when it needs some. (What another thread of the
// parent was in the middle of stays locked in the child, as with any library:
// fork while no other thread is in a call.)
class ThreadPool {
 public:
  // `cores`: how many threads may run at once for short jobs to be shared.
  explicit ThreadPool(int cores = AvailableCores());
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // The process's pool. Never destroyed, so that it works during exit. Starts no
  // thread before a job needs it: none in a process that asks for one thread.
  static ThreadPool& Shared();

  // Runs entry over tasks [0, tasks) on at most `threads` threads, and returns
  // when all are done. Whoever is free takes a part of what is left, large ones
  // first and never less than `grain`, so that all end at about the same time;
  // `in_turn`: `grain` each time. Workers are started on first need.
  void Run(KernelEntry entry, const int64_t* args, int64_t tasks, int64_t grain, int threads, bool in_turn = false);

  // The same for short jobs, of about `cost_ns` on one thread, which are not worth
  // waking anyone: with those workers that still look for the next job after their
  // last, if there are any and cores for all of them; else on the calling thread.
  // Where such jobs follow each other so closely that by now a worker, had it been
  // awake, would have saved them what waking it costs, one is woken.
  void RunShort(KernelEntry entry, const int64_t* args, int64_t tasks, int64_t grain, int threads, int64_t cost_ns);

  int workers() const { return started_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kSlots = 32;
  static constexpr int kMaxWorkers = 255;

  // One running job. Slots live as long as the pool, so that a helper's last
  // touch of one can never be of freed memory.
  struct alignas(64) Slot {
    // bit 0: open (helpers may join); bits 8-23: helpers inside now; bits 24-39:
    // helpers that joined; bits 40-63: the slot's generation, so that a helper
    // that looked at one job cannot join the next by mistake. The rest of the
    // slot may be read only by the caller and by helpers inside.
    std::atomic<uint64_t> state{0};
    std::atomic<bool> taken{false};
    std::atomic<int> limit{0};  // helpers that may ever join
    KernelEntry entry = nullptr;
    const int64_t* args = nullptr;
    int64_t tasks = 0, grain = 1;
    int64_t parts = 1;  // one of these of what is left is taken
    alignas(64) std::atomic<int64_t> next{0};
  };

  // One worker, as it is to callers of short jobs: they hand it its part in a cache
  // line of its own, which is all that both touch.
  struct alignas(64) Desk {
    enum State : uint64_t { kAway, kReady, kClaimed, kPosted, kRunning, kStates };
    // State + kStates * how many parts it has had.
    std::atomic<uint64_t> word{kAway};
    // Written by who claimed it.
    KernelEntry entry = nullptr;
    const int64_t* args = nullptr;
    int64_t begin = 0, end = 0, worker = 0;
  };
  static constexpr int kDesks = 16;  // workers that short jobs are handed to
  static constexpr int64_t kAskedAtOnce = 4;

  void Start(int workers);
  void WorkerLoop(Desk* desk);
  // What a part of a short job takes away: false when there is none.
  static bool ServeDesk(Desk* desk);
  bool TryHelp();
  // Joins the job if it is still as `state` says.
  bool Join(Slot* slot, uint64_t state, int64_t joined);
  static void Work(Slot* slot, int64_t worker);
  bool WorthWaking(int64_t cost_ns, int threads);

  Slot slots_[kSlots];
  Desk desks_[kDesks];
  // What workers watch: written once a job.
  alignas(64) std::atomic<uint32_t> epoch_{0};  // rises with every job
  std::atomic<uint32_t> newest_{0};             // its slot
  alignas(64) std::atomic<int> sleepers_{0};
  // What a short job looks at, in one line. Threads that running jobs ask for,
  // callers included; workers; when the last short job came, and what a worker
  // awake would have saved those of late.
  alignas(64) std::atomic<int> busy_{0};
  std::atomic<int> started_{0};
  const int cores_;
  std::atomic<int64_t> short_at_{0}, saved_{0};
  alignas(64) std::atomic<bool> stop_{false};
  std::mutex start_mutex_;
  std::vector<std::thread> threads_;
};

// Nanoseconds: waking somebody costs about as much as it saves below the first;
// the second is the least worth taking from a job at once.
inline constexpr int64_t kWorthWaking = 20'000, kPiece = 5'000;
// Nanoseconds until a worker that is awake has its part of a short job and the caller
// knows of its end (measured: 100 to 350, by which cores they are), and the least
// work worth it: two threads save half of it, and estimates may be twice too high.
inline constexpr int64_t kHandOver = 400, kWorthHandingOver = 5 * kHandOver;

// How to split a step whose whole work is about `cost_ns` on one thread: not at
// all (inline) below the cost of waking anyone; else `grain`, the least to take at
// once, is a few microseconds of work or a small part of a thread's share.
struct Split {
  bool inline_run = true;
  int64_t grain = 1;
  int threads = 1;
  // Of what runs inline: among workers that are awake. One thread: not even then.
  int64_t short_grain = 1;
  int short_threads = 1;
};
Split ChooseSplit(int64_t cost_ns, int64_t tasks, int threads);

}  // namespace oriel

#endif  // ORIEL_DEVICE_THREAD_POOL_H_
