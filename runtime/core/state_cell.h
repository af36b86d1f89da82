// File: state_cell.h
//
// StateCell: the storage behind a State. The expression layer makes it, the
// engine reads, writes and locks it; neither depends on the other.
#ifndef ORIEL_CORE_STATE_CELL_H_
#define ORIEL_CORE_STATE_CELL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>

#include "oriel/dtype.h"
#include "oriel/tensor.h"
#include "runtime/core/late_name.h"

namespace oriel::graph {

// Invariants: `storage` is C-contiguous, owned (64-byte aligned), of `dtype` and
// `shape`, and shared with no other Tensor: a running call writes through it and
// swaps it for another buffer. So take the lock, and Clone() what leaves it.
//   - read `storage`:            shared lock
//   - write or replace it:       exclusive lock
//   - several cells:             lock in increasing `id`
// dtype, shape, id, file and line never change after construction; the name may,
// from any thread (LateName).
struct StateCell {
  LateName name;
  DType dtype = DType::f32;
  Extents shape;
  mutable std::shared_mutex mutex;
  Tensor storage;
  uint64_t id = 0;  // unique in the process: NextStateId()
  std::string file;  // where it was stated, "" and 0 when unknown
  int32_t line = 0;
};

// Ids for new cells, from 1 on.
inline uint64_t NextStateId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// A cell whose storage is `initial` itself: pass an unshared, contiguous tensor.
inline std::shared_ptr<StateCell> MakeStateCell(std::string name, Tensor initial) {
  auto cell = std::make_shared<StateCell>();
  cell->name = std::move(name);
  cell->dtype = initial.dtype();
  cell->shape = initial.shape();
  cell->storage = std::move(initial);
  cell->id = NextStateId();
  return cell;
}

}  // namespace oriel::graph

#endif  // ORIEL_CORE_STATE_CELL_H_
