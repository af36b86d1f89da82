//===- Schedule.h - The order of the steps ----------------------*- C++ -*-===//
//
// Steps keep the order of the graph unless another needs clearly less memory, or
// a state is written in place: then everything that may fail, and everything that
// reads the old value, goes first.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_PLANNING_SCHEDULE_H
#define ORIEL_PASSES_PLANNING_SCHEDULE_H

#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include "oriel/node_table.h"

#include <string>

namespace oriel {

/// The value whose storage `value` shows: reshapes and first rows are views.
mlir::Value resolve(mlir::Value value);

/// One thing to do at run time: an op, or without one a copy of `source` into
/// the buffer `target`.
struct WorkItem {
  /// A kernel whose first phase makes all checks may be two steps: what can
  /// fail, and what writes.
  enum class Part { Whole, Checks, Writes };

  mlir::Operation *op = nullptr;
  mlir::Value source;
  int32_t target = -1;
  NodeId node = kNoNode;
  bool fallible = false;
  Part part = Part::Whole;
  int64_t base = -1;      // Checks: the operand that only the writes read
  bool observes = false;  // hands values out: in the order of the program
  std::string binds;      // the dim symbol that it binds, "": none
  /// Dim symbols that it needs bound.
  llvm::SmallVector<std::string, 0> mentions;
};

/// The values the item needs, those captured by its regions included.
llvm::SmallVector<mlir::Value> readsOf(const WorkItem &item);

class Scheduler {
public:
  explicit Scheduler(llvm::ArrayRef<WorkItem> items);

  /// Asks that `writer`, and then those that work on what it wrote, may write
  /// the state in place. Returns "" when an order exists, otherwise the reason
  /// why not, and changes nothing.
  std::string addWriters(llvm::ArrayRef<mlir::Operation *> writers,
                         llvm::StringRef state);

  /// The items in an order that obeys data flow and the writers; as near to the
  /// original order as that allows, unless running first what frees most lets
  /// clearly less live at once. `bytes`: about what a value takes, 0 when it has
  /// storage anyway.
  llvm::SmallVector<WorkItem>
  order(llvm::function_ref<int64_t(mlir::Value)> bytes) const;

private:
  /// Stands after the items: comes when all that may fail are done, and before
  /// all that write a state in place.
  size_t barrier() const { return items.size(); }

  llvm::SmallVector<size_t> asWritten() const;
  /// How many each item waits for.
  llvm::SmallVector<size_t> countPredecessors() const;
  /// Tells what waits for nothing from the start.
  void start(llvm::SmallVectorImpl<size_t> &waitsFor,
             llvm::function_ref<void(size_t)> ready) const;
  /// Tells what waits for nothing any more, now that `item` is done.
  void finish(size_t item, llvm::SmallVectorImpl<size_t> &waitsFor,
              llvm::function_ref<void(size_t)> ready) const;
  std::string addWriter(mlir::Operation *writer, llvm::StringRef state,
                        llvm::ArrayRef<mlir::Operation *> writers,
                        llvm::SmallVectorImpl<size_t> &added);
  llvm::DenseSet<size_t> reachableFrom(size_t item) const;

  llvm::SmallVector<WorkItem> items;
  llvm::SmallVector<llvm::SmallVector<size_t>> successors; // and the barrier's
  /// The item of an op: of one in two parts, the second.
  llvm::DenseMap<mlir::Operation *, size_t> itemOf;
  llvm::StringMap<llvm::SmallVector<size_t, 2>> readersOf; // by state
};

} // namespace oriel

#endif // ORIEL_PASSES_PLANNING_SCHEDULE_H
