// File: trim.cpp
//
// What functions keep for calls to come, and how it is given back.
#include <algorithm>
#include <mutex>
#include <vector>

#include "runtime/engine/function_state.h"
#include "runtime/engine/reports.h"

namespace oriel {
namespace {

// Every function that lives. Never destroyed: functions may outlive it.
struct Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<const Function::Impl>> functions;
  size_t sweep_at = 64;  // then those that are gone are forgotten
  int walkers = 0;       // by index: nothing is forgotten meanwhile
};
Registry& TheRegistry() {
  static Registry* registry = new Registry;
  return *registry;
}

}  // namespace

uint64_t CallContext::OwnBytes() const {
  uint64_t bytes = arena.bytes() + errors.bytes();
  for (const Tensor& shadow : shadows) {
    if (shadow.raw() != nullptr && shadow.rank() > 0) bytes += shadow.bytes();
  }
  if (binds != nullptr) {
    for (const Block& block : binds->arenas) bytes += block.bytes();
  }
  return bytes;
}

uint64_t Function::Impl::KeptBytes() const {
  uint64_t bytes = outputs->kept_bytes();
  std::lock_guard<std::mutex> lock(mutex);
  ParkHot();
  for (const auto& context : idle) bytes += context->OwnBytes();
  return bytes;
}

uint64_t Function::Impl::AllKeptBytes() const {
  uint64_t bytes = KeptBytes();
  for (const auto& variant : taps->Variants()) bytes += variant->KeptBytes();
  return bytes;
}

uint64_t Function::Impl::Trim() const {
  std::vector<std::unique_ptr<CallContext>> dropped;  // freed outside the lock
  uint64_t bytes = 0;
  {
    std::lock_guard<std::mutex> lock(mutex);
    ParkHot();
    for (const auto& context : idle) {
      Retire(*context);
      bytes += context->OwnBytes();
    }
    // What running calls push back when they end must find room.
    dropped.swap(idle);
    try {
      idle.reserve(contexts.size() + 1);
    } catch (const std::bad_alloc&) {
      dropped.swap(idle);
      while (!idle.empty()) {  // keeps its room, frees the rest
        std::unique_ptr<CallContext> gone = std::move(idle.back());
        idle.pop_back();
      }
    }
    resolved.clear();
  }
  return bytes + outputs->Trim();
}

void RememberFunction(const std::shared_ptr<const Function::Impl>& impl) {
  Registry& registry = TheRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  if (registry.functions.size() >= registry.sweep_at && registry.walkers == 0) {
    std::erase_if(registry.functions, [](const auto& function) { return function.expired(); });
    registry.sweep_at = 2 * registry.functions.size() + 64;
  }
  registry.functions.push_back(impl);
}

uint64_t TrimMemory() {
  Registry& registry = TheRegistry();
  uint64_t bytes = 0;
  {
    std::lock_guard<std::mutex> lock(registry.mutex);
    ++registry.walkers;
  }
  // One at a time, so that none is destroyed under the lock, and none waits;
  // without a copy, for which there may be no memory.
  for (size_t i = 0;; ++i) {
    std::shared_ptr<const Function::Impl> impl;
    {
      std::lock_guard<std::mutex> lock(registry.mutex);
      if (i >= registry.functions.size()) {
        --registry.walkers;
        return bytes;
      }
      impl = registry.functions[i].lock();
    }
    if (impl != nullptr) bytes += impl->Trim();
  }
}

uint64_t Function::Trim() const {
  if (impl_ == nullptr) return 0;
  uint64_t bytes = impl_->Trim();
  for (const auto& variant : impl_->taps->Variants()) bytes += variant->Trim();
  return bytes;
}

}  // namespace oriel
