//===- PassEmitter.h - vector code for the passes of one row ---*- C++ -*-===//
//
// A row is a range [lo, hi) of the space's last dim at fixed indices of the
// others. Each pass is one sweep over the row: a main loop of two native
// vectors, a native loop and a tail. What does not vary along the row is
// computed once, as scalars. Reductions follow the tree of architecture.md.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_PASSEMITTER_H
#define ORIEL_PASSES_CODEGEN_CPU_PASSEMITTER_H

#include "mlir/IR/IRMapping.h"

#include "passes/Codegen/Cpu/KernelModel.h"

namespace oriel {

/// Elements of a leaf of the reduction tree and of its groups: along the last
/// axis, elsewhere.
inline constexpr int64_t kRowLeaf = 4096, kRowGroup = 256;
inline constexpr int64_t kColumnLeaf = 128, kColumnGroup = 8;

/// Element j lies at base + j * stride.
struct Stream {
  mlir::Value base;
  Dim stride = 1;
  mlir::Type element;
  mlir::Value streams = nullptr; // whole vectors go past the caches (null: never)
};

/// One pass at one row: what is fixed along it.
struct PassState {
  const ModelPass *pass = nullptr;
  llvm::SmallVector<mlir::Value> indices; // of the space; the last is unused
  llvm::SmallVector<Stream> inputs;       // base is null: not varying
  llvm::DenseMap<mlir::Operation *, Stream> extracts;
  llvm::SmallVector<llvm::SmallVector<Stream>> stores; // per result
  mlir::IRMapping scalars;                // values that do not vary
  llvm::DenseMap<mlir::Value, mlir::Value> splats;
  unsigned splatLanes = 0;
  mlir::Value indexable; // every index bound is positive (null: always)
};

/// The binary counter that combines leaf results.
class CounterStack {
public:
  using Combine = std::function<mlir::Value(mlir::Value older, mlir::Value newer)>;
  CounterStack(EntryBuilder &entry, const PassResult &result, mlir::Type type);
  CounterStack(EntryBuilder &entry, Combine combine, mlir::Type type);
  /// The result of leaf `k` (in order).
  void push(mlir::Value k, mlir::Value value);
  /// After `count` >= 1 leaves.
  mlir::Value fold(mlir::Value count);

private:
  mlir::Value slot(mlir::Value index);
  EntryBuilder &entry;
  Combine combine;
  mlir::Type type;
  mlir::Value memory;
};

/// Lanes of the reduction tree: 128 bytes of 4- or 8-byte accumulators.
unsigned treeLanes(const PassResult &result);

/// combiner(older, newer) on scalars or vectors.
mlir::Value combine(Code &code, const PassResult &result, mlir::Value older,
                    mlir::Value newer);
/// The elements of a group, `count` (a power of two) of each lane, pairwise:
/// `element(k)` emits those of number k, one value a result.
llvm::SmallVector<mlir::Value>
combinePairwise(Code &code, llvm::ArrayRef<const PassResult *> results, int64_t count,
                llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t k)> element);

class PassEmitter {
public:
  PassEmitter(EntryBuilder &entry, const KernelSignature &signature,
              const KernelModel &model, unsigned vectorBits);

  /// Whether every op of the model can be emitted; an error names the op and
  /// the type that cannot.
  static mlir::LogicalResult check(const KernelModel &model);

  /// The row the calls below work on.
  void beginRow(llvm::ArrayRef<mlir::Value> indices, mlir::Value lo, mlir::Value hi);

  /// Emits a pass of the row: elementwise, per row, or a row reduction. While it
  /// computes, `fetched` are brought closer (see nextRow).
  void emitPass(const ModelPass &pass, llvm::ArrayRef<Stream> fetched = {});
  /// What `pass` will read of memory for the next row, if rows are short enough
  /// for it to wait in the second-level cache.
  llvm::SmallVector<Stream> nextRow(const ModelPass &pass);
  /// The scalars of one leaf of a row reduction over [lo, hi), a leaf at most.
  llvm::SmallVector<mlir::Value> emitLeaf(PassState &state, mlir::Value lo,
                                          mlir::Value hi);
  /// Binds and stores the final scalars of a row reduction.
  void finishReduction(const ModelPass &pass, llvm::ArrayRef<mlir::Value> finals);

  /// What a row reduction or a pass without the reduced axis found for the row.
  mlir::Value getRowValue(unsigned value) const { return rowScalars.lookup(value); }
  void setRowValue(unsigned value, mlir::Value scalar) { rowScalars[value] = scalar; }
  /// The index of the row among all.
  mlir::Value flatRow();

  PassState prepare(const ModelPass &pass);
  /// Makes the splats a loop of that many lanes reads, ahead of it.
  void prepareSplats(PassState &state, unsigned lanes);
  /// One step of a pass at element j. `accs`: one per reduced result, in order,
  /// read and replaced. lanes 0: scalar code.
  void emitStep(PassState &state, mlir::Value j, unsigned lanes, mlir::Value mask,
                llvm::MutableArrayRef<mlir::Value> accs, bool onlyChecks = false);
  /// The same, but returns what would be combined, one value a reduced result.
  llvm::SmallVector<mlir::Value> emitOperands(PassState &state, mlir::Value j, unsigned lanes,
                                              mlir::Value mask);

  /// Sweeps [lo, hi): two native vectors at a time, then native ones, then the
  /// tail. `step(j, lanes, mask)` emits the code; `before(lanes)` runs ahead of
  /// each loop. `isRare`: without the widest loop, for less code.
  void sweep(const ModelPass &pass, mlir::Value lo, mlir::Value hi,
             llvm::function_ref<void(unsigned lanes)> before,
             llvm::function_ref<void(mlir::Value j, unsigned lanes, mlir::Value mask)> step,
             bool isRare = false);

  /// An argument's elements along the current row.
  Stream accessStream(const LinearAccess &access);
  /// Where a pass's result lies along the row.
  Stream valueStream(unsigned value);
  mlir::Value loadStream(const Stream &stream, mlir::Value j, unsigned lanes,
                         mlir::Value mask);
  void storeStream(const Stream &stream, mlir::Value value, mlir::Value j,
                   unsigned lanes, mlir::Value mask);
  /// A value of the lowered function outside the bodies.
  mlir::Value capture(mlir::Value value);

  unsigned getVectorBits() const { return vectorBits; }
  /// A few ops of a cycle or two.
  static bool isCheap(const ModelPass &pass);
  /// Lanes of a native vector for the widest type that varies in the pass.
  unsigned nativeLanes(const ModelPass &pass) const;
  /// Reads input k of `pass` from `stream` from now on (staged tiles).
  void overrideInput(const ModelPass &pass, unsigned k, Stream stream);
  /// What emitStep would store goes there instead (null: as always).
  void takeResults(llvm::SmallVectorImpl<mlir::Value> *results) { taken = results; }
  void clearOverrides() { overrides.clear(); }

  EntryBuilder &entry;
  Code &code;

private:
  Stream streamOf(const LinearAccess &access, const PassState &state);
  void emitElementwise(const ModelPass &pass);
  void emitPerRow(const ModelPass &pass);
  void emitRowReduction(const ModelPass &pass);
  llvm::SmallVector<mlir::Value> emitGroup(PassState &state, mlir::Value first, unsigned wide);
  void fetchLines(llvm::ArrayRef<Stream> streams, mlir::Value j, unsigned lanes, int64_t ahead,
                  unsigned hint);
  mlir::Value scalarOf(PassState &state, mlir::Value value);
  using Getter = llvm::function_ref<mlir::Value(mlir::Value)>;
  llvm::SmallVector<mlir::Value> emitOp(PassState &state, mlir::Operation *op,
                                        mlir::Value j, unsigned lanes,
                                        mlir::Value mask, Getter get);
  mlir::Value emitExtract(PassState &state, mlir::Operation *op, mlir::Value j,
                          unsigned lanes, mlir::Value mask, Getter get);
  mlir::Value emitCheck(PassState &state, mlir::Operation *op, mlir::Value j,
                        unsigned lanes, mlir::Value mask, Getter get);
  llvm::SmallVector<mlir::Value> emitPerLane(mlir::Operation *op, unsigned lanes,
                                             Getter get);
  mlir::Value asI64(mlir::Value value);
  mlir::Location line(mlir::Location loc, LineRole role);

  const KernelSignature &signature;
  const KernelModel &model;
  unsigned vectorBits;
  llvm::SmallVectorImpl<mlir::Value> *taken = nullptr;
  llvm::SmallVectorImpl<mlir::Value> *operands = nullptr; // emitOperands
  llvm::SmallVector<Stream> fetchedAhead;                 // of the next row
  llvm::SmallVector<mlir::Value> indices;
  mlir::Value lo, hi;
  llvm::DenseMap<unsigned, mlir::Value> rowScalars; // values that lack the last dim
  llvm::DenseMap<mlir::Value, mlir::Value> captured;
  llvm::DenseMap<std::pair<const ModelPass *, unsigned>, Stream> overrides;
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_PASSEMITTER_H
