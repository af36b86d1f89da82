//===- CostModel.h - what a kernel costs ------------------------*- C++ -*-===//
//
// Estimates for one question: are two pieces of work cheaper as one kernel or
// as two? Rules say what is legal; this says what is worth it, and the same
// figures are what `--oriel-explain-fusion` prints. No MLIR here: sizes, op
// kinds and numbers.
//
//   CostModel model(MachineModel::forVectors(512));
//   KernelWork add = model.elementwise(OpKind::kAdd, dims, 4);
//   add.readBytes = 2 * model.bytes(dims, 4);
//   add.writtenBytes = model.bytes(dims, 4);
//   double ns = model.getNs(add);
//
// Sizes that are unknown when compiling count as MachineModel::assumedExtent
// for each symbol: the estimate of a decision, never a bound of anything.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_FUSION_COSTMODEL_H
#define ORIEL_PASSES_FUSION_COSTMODEL_H

#include "oriel/dim.h"
#include "runtime/ops/op_table.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <string>

namespace oriel {

/// The machine that is assumed. Measured on the machine of docs/performance.md
/// (benchmarks/fusion_model.cpp repeats it); only ratios matter.
struct MachineModel {
  unsigned vectorBits = 256;
  unsigned vectorRegisters = 16;
  int64_t l1Bytes = 32 << 10; // a core's
  int64_t l2Bytes = 1 << 20;  // a core's
  int64_t l3Bytes = 16 << 20; // a core's share
  // Bytes a nanosecond that one core streams from and to each of them.
  double l1Rate = 150, l2Rate = 80, l3Rate = 45, memoryRate = 26;
  double dispatchNs = 40;  // a step: bookkeeping, call, prologue
  double rowNs = 2.5;      // a sweep over a row: loop and addresses
  double sweepNs = 0.2;    // a further one: it waits for the one before
  double rowOpShare = 6;   // of an op's time an element, where it is a scalar
  double scalarNs = 1.1;   // that the result of a simple scalar op is waited for
  double spillNs = 0.03;   // a vector's store and load, an element of 4 bytes
  double packNs = 0.12;    // an element of a matmul's operand into a panel
  unsigned columnRuns = 2; // threads that take columns of a product of their own
  unsigned threads = 4;    // that share a kernel's tasks
  double threadNs = 10000; // of work that is worth waking one more
  int64_t taskElements = 16384; // of an elementwise kernel
  int64_t assumedExtent = 256;  // of a size not known when compiling

  /// `registers` 0: 32 of 512 bits, else 16.
  static MachineModel forVectors(unsigned bits, unsigned registers = 0);
};

/// What a kernel does.
struct KernelWork {
  double points = 0;      // elements of the iteration space
  double rows = 0;        // inner loops started a pass; 0: one loop over all
  bool wholeRows = false; // a row is a task, else some thousand points are
  double readBytes = 0;   // of memory, each tensor once
  double writtenBytes = 0;
  double againBytes =
      0;               // read once more from the nearest cache that holds a row
  double rowBytes = 0; // what a row of those takes
  double computeNs = 0; // on one core, operands in registers
  double onceNs = 0;    // and of what is a scalar a row, with nothing beside it
  double passes = 1;    // sweeps over each row
  unsigned live = 0;    // vectors live at once, at most

  /// One kernel after another into this: sums.
  KernelWork &operator+=(const KernelWork &other);
};

/// Of a candidate: what it would cost either way.
struct FusionFigures {
  KernelWork apart; // both kernels together
  KernelWork fused;
  double apartNs = 0, fusedNs = 0;

  /// Of near equals one kernel is better: a step and a buffer less.
  bool isWorthIt() const { return fusedNs <= 1.05 * apartNs; }
  /// "read 8 kB and written 4 kB apart, 4 kB and 4 kB fused; 12 ns of ops; 5
  /// vectors live; 1.2 us apart, 0.6 us fused".
  std::string toString() const;
};

class CostModel {
public:
  explicit CostModel(MachineModel machine = {}) : machine(machine) {}
  const MachineModel &getMachine() const { return machine; }

  /// The value of a dim; unknown symbols are assumed.
  double extent(const Dim &dim) const;
  double elements(const Dims &shape) const;
  double bytes(const Dims &shape, unsigned elementBytes) const {
    return elements(shape) * elementBytes;
  }

  /// One core's time for an element of `op`, vectorised, operands in registers.
  /// From docs/math.md; 16-bit floats compute as 4 bytes.
  double opNs(OpKind op, unsigned elementBytes) const;
  /// One scalar, whose operands are waited for.
  double scalarNs(OpKind op) const;
  /// Computing `op` for each element of `shape`; no memory yet.
  KernelWork elementwise(OpKind op, const Dims &shape,
                         unsigned elementBytes) const;
  /// A matmul of m x k by k x n: its time alone (2 m n k operations at two
  /// vectors of FMA a cycle, a share lost to packing).
  KernelWork matmul(double batch, double m, double n, double k,
                    unsigned elementBytes) const;

  /// How a matmul of m x n results reads one operand.
  struct Packing {
    double times = 1;      // that each element is packed, if it is
    double reads = 1;      // or goes through what is computed as it is read
    bool isPacked = false; // also where nothing is computed
  };
  /// `lies`: the right operand's columns are contiguous. `byRows`: whole rows of
  /// the result are made at a time.
  Packing packing(bool isLeft, bool lies, double m, double n, unsigned elementBytes, bool byRows) const;

  /// Moving `bytes` of a kernel that touches `footprint` bytes in all.
  double moveNs(double bytes, double footprint) const;
  /// A kernel: its dispatch, and what its work takes of one core; more where it
  /// has fewer tasks than there are threads to wait for it.
  /// `footprint` are the bytes that it touches, others beside it included (0:
  /// its own): they say which cache holds them.
  double getNs(const KernelWork &work, double footprint = 0) const;

  /// Two kernels against one. What they touch together lies in one place either
  /// way.
  FusionFigures compare(const KernelWork &first, const KernelWork &second,
                        const KernelWork &fused) const;

private:
  MachineModel machine;
};

/// "640 B", "1.3 kB", "12 MB".
std::string bytesText(double bytes);
/// "85 ns", "1.2 us", "3.4 ms".
std::string nsText(double ns);

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_COSTMODEL_H
