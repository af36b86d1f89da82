// File: held_states.h
//
// Which states the calls under way on this thread have locked. A watch is called
// back in the middle of a call, on its thread: were it to wait for a lock of that
// call, it would wait for ever.
#ifndef ORIEL_CORE_HELD_STATES_H_
#define ORIEL_CORE_HELD_STATES_H_

#include <shared_mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runtime/core/state_cell.h"

namespace oriel::graph {

struct HeldState {
  StateCell* cell;
  bool exclusive;
};

// In scope while a call that may call back holds the locks of `states`.
class CallHolds {
 public:
  CallHolds(const std::string& function, const std::vector<HeldState>& states)
      : function_(function), states_(states), outer_(innermost_) {
    innermost_ = this;
  }
  ~CallHolds() { innermost_ = outer_; }
  CallHolds(const CallHolds&) = delete;
  CallHolds& operator=(const CallHolds&) = delete;

  // Is this thread in a callback? What follows is of no interest otherwise.
  static bool Any() { return innermost_ != nullptr; }

  // InvalidArgument when waiting for the cell's lock would never end.
  static absl::Status MayLock(const StateCell& cell, bool exclusive) {
    for (const CallHolds* call = innermost_; call != nullptr; call = call->outer_) {
      const HeldState* held = call->Find(cell);
      if (held == nullptr || !(held->exclusive || exclusive)) continue;
      return absl::InvalidArgumentError("state '" + cell.name + "' is in use by the call of '" + call->function_ +
                                        "' that called back: the callback can read it, not write it or call a function that " +
                                        (held->exclusive ? "uses it" : "updates it"));
    }
    return absl::OkStatus();
  }

  // A lock to read the cell, empty when a call of this thread has one already.
  // During a call a state keeps the value of before.
  static std::shared_lock<std::shared_mutex> LockToRead(const StateCell& cell) {
    for (const CallHolds* call = innermost_; call != nullptr; call = call->outer_) {
      if (call->Find(cell) != nullptr) return {};
    }
    return std::shared_lock<std::shared_mutex>(cell.mutex);
  }

 private:
  const HeldState* Find(const StateCell& cell) const {
    for (const HeldState& held : states_) {
      if (held.cell == &cell) return &held;
    }
    return nullptr;
  }

  const std::string& function_;
  const std::vector<HeldState>& states_;
  const CallHolds* const outer_;
  static inline thread_local const CallHolds* innermost_ = nullptr;
};

}  // namespace oriel::graph

#endif  // ORIEL_CORE_HELD_STATES_H_
