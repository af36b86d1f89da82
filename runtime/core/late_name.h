// File: late_name.h
//
// LateName: a name that may be given after the thing that bears it was shared.
#ifndef ORIEL_CORE_LATE_NAME_H_
#define ORIEL_CORE_LATE_NAME_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace oriel {

// Copies share the name: Set() through one shows in all. Assigning a string
// gives this one a name of its own. It reads as a std::string.
// Thread-safety: Set() and readers may run at the same time; what str() returned
// stays valid, and as it was, until the last copy is gone.
class LateName {
 public:
  explicit LateName(std::string name = {}) : slot_(std::make_shared<const Slot>(std::move(name))) {}
  LateName(const LateName&) = default;
  LateName& operator=(const LateName&) = default;
  LateName& operator=(std::string name) { return *this = LateName(std::move(name)); }

  const std::string& str() const { return slot_->newest.load(std::memory_order_acquire)->name; }
  operator const std::string&() const { return str(); }  // NOLINT
  bool empty() const { return str().empty(); }

  void Set(std::string name) const {
    if (name == str()) return;
    Entry* entry = new Entry{std::move(name), slot_->newest.load(std::memory_order_relaxed)};
    while (!slot_->newest.compare_exchange_weak(entry->before, entry, std::memory_order_release,
                                                std::memory_order_relaxed)) {
    }
  }

 private:
  // Readers may hold an older name: they are kept, newest first.
  struct Entry {
    std::string name;
    const Entry* before;
  };
  struct Slot {
    explicit Slot(std::string name) : newest(new Entry{std::move(name), nullptr}) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      for (const Entry* entry = newest.load(std::memory_order_acquire); entry != nullptr;) {
        const Entry* before = entry->before;
        delete entry;
        entry = before;
      }
    }
    mutable std::atomic<const Entry*> newest;
  };
  std::shared_ptr<const Slot> slot_;
};

inline std::string operator+(std::string text, const LateName& name) { return std::move(text) + name.str(); }
inline std::string operator+(const char* text, const LateName& name) { return text + name.str(); }
inline std::string operator+(const LateName& name, const std::string& text) { return name.str() + text; }
inline std::string operator+(const LateName& name, const char* text) { return name.str() + text; }
inline bool operator==(const LateName& name, std::string_view text) { return name.str() == text; }

}  // namespace oriel

#endif  // ORIEL_CORE_LATE_NAME_H_
