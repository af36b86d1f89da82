// File: kernel_abi.h
//
// The contract between generated kernels and the engine. Plain C layout; any
// change raises kKernelAbiVersion.
//
// A kernel has one or more phases, each an entry of this type. The engine runs
// phase p over tasks [0, tasks_p), splitting the range over its threads, with
// a barrier (and an error check) between phases:
//
//   void k(const int64_t* args, int64_t task_begin, int64_t task_end,
//          int64_t worker);
//
// `args` is an array of 64-bit words:
//   [0] ErrorRecord*: one record per worker; a kernel writes only [worker]
//   [1] the workers' scratch: base address; worker w owns
//       [base + w*args[2], base + (w+1)*args[2]), 64-byte aligned
//   [2] scratch bytes per worker (a multiple of 64)
//   [3] the shared workspace's address (all phases and workers), 64-byte aligned
//   [4] ScatterCounts*: one record per worker, in kernels of class Scatter (else
//       null): a kernel adds to [worker] what it saw; nobody resets them
//   [5...] the arguments of the kernel's function in order, inputs then
//       outputs: a tensor is its address followed by the size of each of its
//       DYNAMIC dims in order; an index argument is its value.
// A library kernel (runtime/engine/library) has the same entry; its words from
// [5] on are the addresses of its inputs and outputs, then its parameters.
// Tensors are C-contiguous and 64-byte aligned unless they are user inputs
// (aligned to the element size then: generated code assumes only that).
// Booleans are bytes 0 or 1.
#ifndef ORIEL_ENGINE_KERNEL_ABI_H_
#define ORIEL_ENGINE_KERNEL_ABI_H_

#include <cstdint>

namespace oriel {

inline constexpr uint32_t kKernelAbiVersion = 2;

enum KernelArgWord { kArgErrors = 0, kArgScratch, kArgScratchBytes, kArgShared, kArgCounts, kArgFirst };

enum class KernelError : int32_t { kNone = 0, kIndexOutOfRange = 1 };

// The first (lowest `position`) failure a worker met. 64 bytes, so that workers
// do not share cache lines.
struct alignas(64) ErrorRecord {
  int32_t code;      // KernelError
  int32_t ordinal;   // kernel-local node ordinal
  int64_t position;  // flat position in the index tensor
  int64_t axis;      // axis of the indexed tensor
  int64_t value;     // the index as given
  int64_t bound;     // the extent of that axis
  int64_t operand;   // which index operand, 0 for the first
  int64_t reserved[2];
};
static_assert(sizeof(ErrorRecord) == 64);

// How a scatter went over its updates (ScatterCounts::sweeps).
enum class ScatterSweep : int32_t {
  kSerial = 0,   // all updates in their order, on one thread
  kRange = 1,    // those of one range of the destination, in their order
  kColumns = 2,  // a part of each slice, or one of several scatters side by side
  kCopy = 3,     // some of the updates, into a copy that is added later (integers)
};

// What a scatter met, one record per worker; sums over all calls. A slice is what
// one index names: one element, or a row.
struct alignas(64) ScatterCounts {
  int64_t updates;      // slices written
  int64_t combined;     // of them: added in a register, since runs repeat one index or two
  int64_t longest_run;  // the most updates in a row that were (not a sum)
  int64_t sampled;      // updates that were compared with those around them
  int64_t repeated;     // of them: with an index that another close by has
  int64_t sweeps[4];    // by ScatterSweep
  int64_t reserved[7];
};
static_assert(sizeof(ScatterCounts) == 128);

using KernelEntry = void (*)(const int64_t* args, int64_t task_begin,
                             int64_t task_end, int64_t worker);

// Source roles: a kernel's line numbers are ordinal * 8 + role.
enum class LineRole : uint32_t { kCompute = 0, kLoad = 1, kStore = 2, kLoop = 3 };
inline constexpr uint32_t LineOf(uint32_t ordinal, LineRole role) {
  return ordinal * 8 + static_cast<uint32_t>(role);
}

}  // namespace oriel

#endif  // ORIEL_ENGINE_KERNEL_ABI_H_
