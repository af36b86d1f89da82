//===- Schedule.cpp - The order of the steps
//--------------------------------===//
#include "passes/Planning/Schedule.h"

#include "llvm/ADT/DenseMap.h"
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

namespace {

bool readsState(const WorkItem &item, StringRef state) {
  return llvm::any_of(readsOf(item), [&](Value value) {
    auto read = resolve(value).getDefiningOp<ir::StateReadOp>();
    return read && read.getState() == state;
  });
}

} // namespace

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
    : items(items), successors(items.size()) {
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
  for (auto [i, item] : llvm::enumerate(items))
    for (Value value : readsOf(item))
      if (auto it = definedBy.find(resolve(value));
          it != definedBy.end() && it->second != i)
        successors[it->second].push_back(i);
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

SmallVector<bool> Scheduler::reachableFrom(size_t item) const {
  SmallVector<bool> seen(items.size(), false);
  SmallVector<size_t> work = {item};
  seen[item] = true;
  while (!work.empty()) {
    size_t at = work.pop_back_val();
    for (size_t next : successors[at])
      if (!seen[next]) {
        seen[next] = true;
        work.push_back(next);
      }
  }
  return seen;
}

std::string Scheduler::addWriters(ArrayRef<Operation *> writers,
                                  StringRef state) {
  auto before = successors;
  for (Operation *writer : writers) {
    std::string why = addWriter(writer, state, writers);
    if (!why.empty()) {
      successors = std::move(before);
      return why;
    }
  }
  return "";
}

std::string Scheduler::addWriter(Operation *writer, StringRef state,
                                 ArrayRef<Operation *> writers) {
  size_t at = 0;
  while (at < items.size() && (items[at].op != writer ||
                               items[at].part == WorkItem::Part::Checks))
    ++at;
  if (at == items.size())
    return "its new value is not computed by a step of the function";
  SmallVector<bool> later = reachableFrom(at);
  SmallVector<size_t> before;
  for (auto [i, item] : llvm::enumerate(items)) {
    if (i == at)
      continue;
    bool reads =
        !llvm::is_contained(writers, item.op) && readsState(item, state);
    if (later[i] && reads)
      return "its old value is read after the new one is computed";
    if (later[i] && item.fallible)
      return "a step that may fail needs its new value";
    if (reads || item.fallible)
      before.push_back(i);
  }
  for (size_t i : before)
    successors[i].push_back(at);
  return "";
}

SmallVector<WorkItem> Scheduler::order() const {
  SmallVector<size_t> waitsFor(items.size(), 0);
  for (const auto &list : successors)
    for (size_t next : list)
      ++waitsFor[next];
  std::priority_queue<size_t, std::vector<size_t>, std::greater<size_t>> ready;
  for (size_t i = 0; i < items.size(); ++i)
    if (waitsFor[i] == 0)
      ready.push(i);
  SmallVector<WorkItem> ordered;
  while (!ready.empty()) {
    size_t at = ready.top();
    ready.pop();
    ordered.push_back(items[at]);
    for (size_t next : successors[at])
      if (--waitsFor[next] == 0)
        ready.push(next);
  }
  return ordered;
}

} // namespace oriel
