// File: tap_hub.h
//
// TapHub: who looks at the values of one function, and which program runs for
// it. A function without anyone looking runs its main program; the others are
// compiled when first needed and kept.
#ifndef ORIEL_ENGINE_TAP_HUB_H_
#define ORIEL_ENGINE_TAP_HUB_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "oriel/function.h"
#include "oriel/taps.h"
#include "runtime/engine/prepared.h"

namespace oriel {

// One who gets what a step observes.
struct TapHandler {
  TapKind kind = TapKind::kWatch;
  std::string name;                               // of the records
  std::shared_ptr<const WatchCallback> callback;  // kWatch
  PrintOptions print;                             // kPrint
};

// What calls run with until somebody comes or goes. Immutable.
struct TapRun {
  std::shared_ptr<const Function::Impl> program;   // null: the function's own
  std::vector<std::vector<TapHandler>> of_step;    // by flat step
};

class TapHub {
 public:
  // Compiles the graph again: with or without its taps, `nodes` watched.
  using Recompile = std::function<absl::StatusOr<Function>(bool graph_taps, const std::vector<NodeId>& nodes)>;

  // What fusion decides for the main program.
  using Explain = std::function<absl::StatusOr<std::string>()>;

  // The taps of the program are on, a watch once it has its callback.
  explicit TapHub(std::shared_ptr<const PreparedProgram> own);

  // What only whoever compiled knows: the callbacks of the graph's watches by
  // number, and how to compile again. Before the function is given out.
  void Bind(const std::vector<std::shared_ptr<const WatchCallback>>& callbacks, Recompile recompile,
            Explain explain);
  // FailedPrecondition: the function was loaded from a file.
  absl::StatusOr<std::string> ExplainFusion() const;

  // For one call: its number, and what it runs with (null: nobody looks).
  int64_t NextCall() { return calls_.fetch_add(1, std::memory_order_relaxed); }
  std::shared_ptr<const TapRun> Current() const {
    if (!changed_.load(std::memory_order_acquire)) return nullptr;
    std::lock_guard<std::mutex> lock(mutex_);
    return current_;
  }

  // FailedPrecondition when it takes another program and nothing can compile
  // one (a function loaded from a file); InvalidArgument for an unknown node.
  absl::StatusOr<TapHandle> Add(NodeId node, TapHandler handler);
  absl::Status Remove(TapHandle handle);
  std::vector<TapInfo> List() const;

  // All programs that it has compiled; none is ever forgotten.
  std::vector<std::shared_ptr<const Function::Impl>> Variants() const;

  // The program that runs now; `own` when it is the function's. Lives as long
  // as the hub.
  const Function::Impl& Shown(const Function::Impl& own) const;

 private:
  struct Entry {
    TapHandle handle = 0;
    int32_t tap = -1;  // of the graph, or -1
    NodeId node = kNoNode;
    TapHandler handler;
  };
  // A program with these taps.
  struct Variant {
    bool graph_taps = false;
    std::set<NodeId> nodes;
    std::shared_ptr<const Function::Impl> impl;  // null: the function's own
  };
  // Makes `entries` the ones in force. Needs changes_.
  absl::Status Install(std::vector<Entry> entries);
  absl::StatusOr<const Variant*> Find(const std::vector<Entry>& entries);

  const std::shared_ptr<const PreparedProgram> own_;
  Recompile recompile_;
  Explain explain_;
  std::atomic<int64_t> calls_{0};
  std::atomic<bool> changed_{false};  // current_ is not null
  std::mutex changes_;                // one change at a time; held while compiling
  mutable std::mutex mutex_;          // entries_, current_ and compiled_
  std::vector<Entry> entries_;
  std::shared_ptr<const TapRun> current_;
  std::vector<std::unique_ptr<Variant>> variants_;  // changes_; the first is own
  std::vector<std::shared_ptr<const Function::Impl>> compiled_;
  TapHandle next_ = 1;
};

}  // namespace oriel

#endif  // ORIEL_ENGINE_TAP_HUB_H_
