//===- Schedule.cpp - The order of the steps
//--------------------------------===//
#include "passes/Planning/Schedule.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

#include <optional>
#include <queue>

using namespace mlir;

namespace oriel {

Value resolve(Value value) {
  while (true) {
    if (auto reshape = value.getDefiningOp<ir::ReshapeOp>())
      value = reshape.getX();
    else if (auto rows = value.getDefiningOp<ir::RowsOp>())
      value = rows.getX();
    else
      return value;
  }
}

SmallVector<Value> readsOf(const WorkItem &item) {
  if (!item.op)
    return {item.source};
  SmallVector<Value> reads;
  if (item.part == WorkItem::Part::Checks) {
    for (OpOperand &operand : item.op->getOpOperands())
      if (static_cast<int64_t>(operand.getOperandNumber()) != item.base)
        reads.push_back(operand.get());
    return reads;
  }
  item.op->walk([&](Operation *op) {
    // Views read nothing themselves; who uses them does.
    if (auto rows = dyn_cast<ir::RowsOp>(op))
      reads.push_back(rows.getCount());
    else if (!isa<ir::ReshapeOp>(op))
      reads.append(op->operand_begin(), op->operand_end());
  });
  return reads;
}

Scheduler::Scheduler(ArrayRef<WorkItem> items)
    : items(items), successors(items.size() + 1) {
  llvm::DenseMap<Value, size_t> definedBy;
  llvm::DenseMap<Operation *, size_t> checks;
  for (auto [i, item] : llvm::enumerate(items)) {
    if (item.part == WorkItem::Part::Checks)
      checks[item.op] = i;
    else if (item.op)
      for (Value result : item.op->getResults())
        definedBy[result] = i;
    if (item.part == WorkItem::Part::Writes)
      successors[checks.lookup(item.op)].push_back(i);
  }
  for (auto [i, item] : llvm::enumerate(items)) {
    if (item.op && item.part != WorkItem::Part::Checks)
      itemOf.try_emplace(item.op, i);
    if (item.fallible)
      successors[i].push_back(barrier());
    for (Value value : readsOf(item)) {
      Value source = resolve(value);
      if (auto it = definedBy.find(source);
          it != definedBy.end() && it->second != i)
        successors[it->second].push_back(i);
      if (auto read = source.getDefiningOp<ir::StateReadOp>()) {
        SmallVector<size_t, 2> &readers = readersOf[read.getState()];
        if (readers.empty() || readers.back() != i)
          readers.push_back(i);
      }
    }
  }
  llvm::StringMap<size_t> binders;
  for (auto [i, item] : llvm::enumerate(items))
    if (!item.binds.empty())
      binders[item.binds] = i;
  for (auto [i, item] : llvm::enumerate(items))
    for (const std::string &symbol : item.mentions)
      if (auto it = binders.find(symbol);
          it != binders.end() && it->second != i)
        successors[it->second].push_back(i);
  std::optional<size_t> last;
  for (auto [i, item] : llvm::enumerate(items)) {
    if (!item.observes)
      continue;
    if (last)
      successors[*last].push_back(i);
    last = i;
  }
}

llvm::DenseSet<size_t> Scheduler::reachableFrom(size_t item) const {
  llvm::DenseSet<size_t> seen = {item};
  SmallVector<size_t> work = {item};
  while (!work.empty())
    for (size_t next : successors[work.pop_back_val()])
      if (seen.insert(next).second)
        work.push_back(next);
  return seen;
}

std::string Scheduler::addWriters(ArrayRef<Operation *> writers,
                                  StringRef state) {
  SmallVector<size_t> added; // an edge from each of these, the newest last
  for (Operation *writer : writers) {
    std::string why = addWriter(writer, state, writers, added);
    if (!why.empty()) {
      for (size_t from : llvm::reverse(added))
        successors[from].pop_back();
      return why;
    }
  }
  return "";
}

std::string Scheduler::addWriter(Operation *writer, StringRef state,
                                 ArrayRef<Operation *> writers,
                                 SmallVectorImpl<size_t> &added) {
  auto found = itemOf.find(writer);
  if (found == itemOf.end())
    return "its new value is not computed by a step of the function";
  const size_t at = found->second;
  // What must come before: who reads the old value, and what may fail.
  SmallVector<size_t> before;
  if (auto readers = readersOf.find(state); readers != readersOf.end())
    for (size_t i : readers->second)
      if (i != at && !llvm::is_contained(writers, items[i].op))
        before.push_back(i);
  llvm::DenseSet<size_t> later = reachableFrom(at);
  if (llvm::any_of(before, [&](size_t i) { return later.contains(i); }))
    return "its old value is read after the new one is computed";
  if (later.contains(barrier()))
    return "a step that may fail needs its new value";
  before.push_back(barrier());
  for (size_t i : before) {
    successors[i].push_back(at);
    added.push_back(i);
  }
  return "";
}

SmallVector<size_t> Scheduler::countPredecessors() const {
  SmallVector<size_t> waitsFor(successors.size(), 0);
  for (const auto &list : successors)
    for (size_t next : list)
      ++waitsFor[next];
  return waitsFor;
}

void Scheduler::start(SmallVectorImpl<size_t> &waitsFor,
                      llvm::function_ref<void(size_t)> ready) const {
  // A barrier with nothing before it stands open; nobody may be told twice.
  SmallVector<size_t> first;
  for (size_t i = 0; i < items.size(); ++i)
    if (waitsFor[i] == 0)
      first.push_back(i);
  if (waitsFor[barrier()] == 0)
    finish(barrier(), waitsFor, [&](size_t i) { first.push_back(i); });
  llvm::for_each(first, ready);
}

void Scheduler::finish(size_t item, SmallVectorImpl<size_t> &waitsFor,
                       llvm::function_ref<void(size_t)> ready) const {
  bool passed = false; // nothing is left that may fail
  for (size_t next : successors[item]) {
    if (--waitsFor[next] != 0)
      continue;
    if (next == barrier())
      passed = true;
    else
      ready(next);
  }
  if (passed)
    finish(barrier(), waitsFor, ready);
}

SmallVector<size_t> Scheduler::asWritten() const {
  SmallVector<size_t> waitsFor = countPredecessors();
  std::priority_queue<size_t, std::vector<size_t>, std::greater<size_t>> ready;
  start(waitsFor, [&](size_t i) { ready.push(i); });
  SmallVector<size_t> ordered;
  while (!ready.empty()) {
    size_t at = ready.top();
    ready.pop();
    ordered.push_back(at);
    finish(at, waitsFor, [&](size_t next) { ready.push(next); });
  }
  return ordered;
}

namespace {

/// Follows what lives while items run: what each makes, and what nobody reads
/// after it.
class LiveSet {
public:
  LiveSet(ArrayRef<WorkItem> items, llvm::function_ref<int64_t(Value)> bytes)
      : made(items.size(), 0), read(items.size()) {
    llvm::DenseMap<Value, size_t> numbers;
    for (auto [i, item] : llvm::enumerate(items)) {
      if (!item.op || item.part == WorkItem::Part::Checks)
        continue;
      for (Value result : item.op->getResults()) {
        int64_t size = bytes(result);
        if (size == 0)
          continue;
        made[i] += size;
        numbers[result] = sizes.size();
        sizes.push_back(size);
        readers.push_back(0);
        readersSum.push_back(0);
      }
    }
    for (auto [i, item] : llvm::enumerate(items)) {
      SmallVector<size_t> mine;
      for (Value value : readsOf(item))
        if (auto it = numbers.find(resolve(value)); it != numbers.end())
          mine.push_back(it->second);
      llvm::sort(mine);
      mine.erase(llvm::unique(mine), mine.end());
      for (size_t value : mine) {
        ++readers[value];
        readersSum[value] += i;
      }
      read[i] = std::move(mine);
    }
  }

  /// What live would grow by when `item` has run.
  int64_t growth(size_t item) const {
    int64_t bytes = made[item];
    for (size_t value : read[item])
      if (readers[value] == 1)
        bytes -= sizes[value];
    return bytes;
  }

  /// Runs it. `last` is told which item is now the last reader of a value.
  void run(size_t item, llvm::function_ref<void(size_t)> last = {}) {
    live += made[item];
    peak = std::max(peak, live);
    for (size_t value : read[item]) {
      readersSum[value] -= item;
      if (--readers[value] == 0)
        live -= sizes[value];
      else if (readers[value] == 1 && last)
        last(readersSum[value]); // of one item: its number
    }
  }

  int64_t peak = 0;

private:
  int64_t live = 0;
  SmallVector<int64_t> made;
  SmallVector<SmallVector<size_t>> read;
  SmallVector<int64_t> sizes;
  SmallVector<size_t> readers, readersSum; // that have not run
};

} // namespace

SmallVector<WorkItem>
Scheduler::order(llvm::function_ref<int64_t(Value)> bytes) const {
  SmallVector<size_t> written = asWritten(), frugal;
  LiveSet sets(items, bytes), alternative = sets;
  for (size_t item : written)
    sets.run(item);

  SmallVector<size_t> waitsFor = countPredecessors();
  // By growth, then as written. An item's growth only shrinks while it waits:
  // then it is there twice, and the larger one is passed over.
  std::priority_queue<std::pair<int64_t, size_t>,
                      std::vector<std::pair<int64_t, size_t>>, std::greater<>>
      ready;
  llvm::SmallVector<bool> done(items.size(), false);
  auto push = [&](size_t item) {
    ready.push({alternative.growth(item), item});
  };
  start(waitsFor, push);
  while (!ready.empty()) {
    size_t at = ready.top().second;
    ready.pop();
    if (done[at])
      continue;
    done[at] = true;
    frugal.push_back(at);
    alternative.run(at, [&](size_t reader) {
      if (!done[reader] && waitsFor[reader] == 0)
        push(reader);
    });
    finish(at, waitsFor, push);
  }
  constexpr int64_t kClearly = 20; // one part in so many
  bool better = alternative.peak + sets.peak / kClearly < sets.peak;
  SmallVector<WorkItem> ordered;
  for (size_t item : better ? frugal : written)
    ordered.push_back(items[item]);
  return ordered;
}

} // namespace oriel
