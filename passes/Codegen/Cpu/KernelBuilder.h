//===- KernelBuilder.h - building kernel entry functions -------*- C++ -*-===//
//
// What every emitter of this library shares: the lowered function's signature
// as kernel-local dims, the entry functions of kernel_abi.h, and short names for
// the operations kernels are made of. Arithmetic on sizes and indices is i64;
// memory is LLVM pointers, never memrefs.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_KERNELBUILDER_H
#define ORIEL_PASSES_CODEGEN_CPU_KERNELBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include <map>
#include <optional>
#include <string>

#include "oriel/dim.h"
#include "runtime/engine/kernel_abi.h"

namespace oriel {

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

/// The kernel-local ordinal a lowered op's location carries (line / 8; 0 when
/// it has none).
unsigned getOrdinal(mlir::Location loc);

/// loc("kernel":ordinal*8+role:0), the only kind of location kernels carry.
mlir::Location getLineLoc(mlir::MLIRContext *context, unsigned ordinal,
                          LineRole role);

//===----------------------------------------------------------------------===//
// The lowered function's signature
//===----------------------------------------------------------------------===//

/// One argument of the lowered function.
struct KernelArg {
  unsigned number = 0;      // in the function's argument list
  bool isTensor = false;    // else an index argument
  bool isOutput = false;
  unsigned word = 0;        // its first word in `args` (address or value)
  mlir::Type elementType;   // as stored (i1 never: booleans are i8); tensors
  Dims shape;               // over a<i>_<j>; tensors
  mlir::Value value;        // the block argument
};

/// Element type as it lies in memory: i1 is i8, index is i64.
mlir::Type getStorageType(mlir::Type elementType);
/// Bytes of one element in memory.
int64_t getStorageBytes(mlir::Type elementType);

class KernelSignature {
public:
  /// Reads a lowered function; an error for argument types no kernel may have.
  static mlir::FailureOr<KernelSignature> get(mlir::func::FuncOp lowered);

  mlir::func::FuncOp getFunction() const { return function; }
  llvm::ArrayRef<KernelArg> getArgs() const { return args; }
  /// The argument `value` is, or null.
  const KernelArg *lookup(mlir::Value value) const;

  /// Two dims known to be equal (they bound one loop, say). Afterwards
  /// canonical() gives one name to both, integers first.
  void unify(const Dim &a, const Dim &b);
  Dim canonical(const Dim &dim) const;
  /// The contiguous strides (in elements) of `shape`, canonical.
  Dims stridesOf(const Dims &shape) const;

  /// A top-level index value of the lowered function (index arguments,
  /// constants, tensor.dim of arguments, arithmetic of those) as a Dim.
  mlir::FailureOr<Dim> dimOf(mlir::Value value) const;
  mlir::FailureOr<Dim> dimOf(mlir::OpFoldResult value) const;

private:
  mlir::func::FuncOp function;
  llvm::SmallVector<KernelArg> args;
  std::map<std::string, Dim> names; // symbol -> what stands for it
};

//===----------------------------------------------------------------------===//
// Code: an OpBuilder with a current location and short names
//===----------------------------------------------------------------------===//

/// The value of a constant integer.
std::optional<int64_t> getConstant(mlir::Value value);

/// Bits of the narrowest element the machine's masked accesses take, from the
/// nearest oriel.target: 8 with AVX-512BW, else 32 (AVX's).
unsigned getNarrowestMask(mlir::Operation *op);

/// Lanes: 0 stands for scalar code wherever a lane count is asked for.
class Code : public mlir::OpBuilder {
public:
  Code(mlir::MLIRContext *context, unsigned narrowestMask)
      : OpBuilder(context), loc(getLineLoc(context, 0, LineRole::kLoop)),
        narrowestMask(narrowestMask) {}

  mlir::Location loc;
  const unsigned narrowestMask;

  /// A masked vector costs little more than a whole one. AVX's masked stores
  /// are slow, and it has none of narrow elements.
  bool hasFastMasks() const { return narrowestMask == 8; }

  /// Sets the location for a scope.
  struct LocScope {
    Code &code;
    mlir::Location saved;
    LocScope(Code &code, mlir::Location loc) : code(code), saved(code.loc) {
      code.loc = loc;
    }
    ~LocScope() { code.loc = saved; }
  };

  // i64 (or, where both operands are vectors, elementwise) arithmetic; folds.
  mlir::Value i64(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value minimum(mlir::Value a, mlir::Value b);
  mlir::Value maximum(mlir::Value a, mlir::Value b);
  mlir::Value divUnsigned(mlir::Value a, mlir::Value b);
  mlir::Value remUnsigned(mlir::Value a, mlir::Value b);
  /// Rounded toward minus infinity / plus infinity, signed.
  mlir::Value floorDiv(mlir::Value a, mlir::Value b);
  mlir::Value ceilDiv(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value c, mlir::Value a, mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b);  // signed
  mlir::Value equal(mlir::Value a, mlir::Value b);
  /// a rounded down to a multiple of `step` (a >= 0).
  mlir::Value roundDown(mlir::Value a, int64_t step);

  // Vectors.
  mlir::Type vectorOf(mlir::Type element, unsigned lanes);
  mlir::Value splat(mlir::Value scalar, unsigned lanes);
  /// [0, 1, ..., lanes) of integer (or index) type `element`.
  mlir::Value laneIds(mlir::Type element, unsigned lanes);
  /// Lanes [offset, offset + count) of a vector.
  mlir::Value slice(mlir::Value vector, unsigned offset, unsigned count);
  mlir::Value lane(mlir::Value vector, unsigned k);
  mlir::Value zero(mlir::Type type);
  /// Lane k is set when k < count (count: i64, any value).
  mlir::Value maskBelow(mlir::Value count, unsigned lanes);
  /// The count a mask was made of by maskBelow, from 0 to its lanes; or null.
  mlir::Value countOf(mlir::Value mask) const { return counts.lookup(mask); }

  // Memory. Elements are addressed by i64 indices; accesses assume only the
  // element's alignment unless `align` says otherwise.
  mlir::Value gep(mlir::Type element, mlir::Value base, mlir::Value index);
  mlir::Value load(mlir::Type type, mlir::Value pointer, unsigned align = 0);
  void store(mlir::Value value, mlir::Value pointer, unsigned align = 0);
  /// A vector written past the caches; `pointer` is a multiple of its size (of 64
  /// bytes if that is less). See EntryBuilder::streams.
  void storePastCache(mlir::Value value, mlir::Value pointer);
  /// Lanes that are off read zero. Where the machine has no masked access of
  /// such elements, a mask of maskBelow goes through the stack in pieces.
  mlir::Value maskedLoad(mlir::Type type, mlir::Value pointer, mlir::Value mask);
  void maskedStore(mlir::Value value, mlir::Value pointer, mlir::Value mask);
  /// A vector of which only the last `count` lanes are read, the others zero.
  mlir::Value loadLast(mlir::Type type, mlir::Value pointer, mlir::Value count);
  /// Lane k from base + offsets[k] (elements). The value of lanes that are off
  /// is open; lane 0 must be on. A null mask: all are.
  mlir::Value gather(mlir::Type type, mlir::Value base, mlir::Value offsets,
                     mlir::Value mask);
  /// Lane k from first + k * stride (elements); as gather.
  mlir::Value loadStrided(mlir::Type type, mlir::Value first, mlir::Value stride,
                          mlir::Value mask);

  // Control flow; the current location becomes the loop's.
  using LoopBody =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value i,
                                                        mlir::ValueRange carried)>;
  llvm::SmallVector<mlir::Value> loop(mlir::Value lower, mlir::Value upper,
                                      mlir::Value step, mlir::ValueRange carried,
                                      LoopBody body);
  void loop(mlir::Value lower, mlir::Value upper, mlir::Value step,
            llvm::function_ref<void(mlir::Value i)> body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> then);
  /// The last `count` < `lanes` elements from `from` on: one masked vector, or
  /// (isMasked false) vectors of half the lanes, a quarter, ... one element.
  void tail(mlir::Value from, mlir::Value count, unsigned lanes, bool isMasked,
            llvm::function_ref<void(mlir::Value j, unsigned lanes, mlir::Value mask)> step);
  llvm::SmallVector<mlir::Value>
  ifElse(mlir::Value condition, mlir::TypeRange types,
         llvm::function_ref<llvm::SmallVector<mlir::Value>()> then,
         llvm::function_ref<llvm::SmallVector<mlir::Value>()> otherwise);

private:
  mlir::Value staging(mlir::Type type);
  void copyPieces(mlir::Type element, mlir::Value to, mlir::Value from, mlir::Value count,
                  unsigned lanes);
  mlir::Value loadSteps(mlir::VectorType type, mlir::Value first, int64_t step,
                        mlir::Value count);

  llvm::DenseMap<mlir::Value, mlir::Value> counts;
  std::pair<mlir::Operation *, mlir::Value> stage; // per function
};

//===----------------------------------------------------------------------===//
// EntryBuilder: one entry function
//===----------------------------------------------------------------------===//

class EntryBuilder {
public:
  /// Starts `func.func @symbol(%args: !llvm.ptr, %begin, %end, %worker: i64)`
  /// at the end of `module`; `code` inserts into its body.
  EntryBuilder(mlir::ModuleOp module, const KernelSignature &signature,
              llvm::StringRef symbol);

  Code code;
  mlir::Value begin, end, worker;

  // All of these are made once, at the start of the function.
  mlir::Value word(unsigned index);              // i64 argument word
  mlir::Value pointer(const KernelArg &arg);     // a tensor's address
  mlir::Value dim(const Dim &dim);               // i64
  mlir::Value scratch();                         // this worker's scratch
  mlir::Value shared();                          // the shared workspace
  mlir::Value errorRecord();                     // this worker's ErrorRecord
  mlir::Value stack(mlir::Type element, int64_t count, unsigned align = 64);
  /// Whether (i1) this output has at least `bytes` bytes, so that its lines are
  /// better written past the caches than read into them first. Null: never.
  mlir::Value isLarge(const KernelArg &output, int64_t bytes);
  /// isLarge, and every row (of elements `pitches` apart) starts a cache line.
  mlir::Value streams(const KernelArg &output, llvm::ArrayRef<Dim> pitches, int64_t bytes);
  /// Runs `build` with the insertion point at the start of the function.
  mlir::Value prologue(llvm::function_ref<mlir::Value()> build);

  /// Multi-index of `task` over `sizes`, the last fastest.
  llvm::SmallVector<mlir::Value> decompose(mlir::Value task,
                                           llvm::ArrayRef<mlir::Value> sizes);
  /// The multi-index after `indices`.
  llvm::SmallVector<mlir::Value> advance(llvm::ArrayRef<mlir::Value> indices,
                                         llvm::ArrayRef<mlir::Value> sizes);
  /// for task in [begin, end): body(multi-index). Indices are carried, so a
  /// task costs no division.
  void forEachTask(llvm::ArrayRef<mlir::Value> sizes,
                   llvm::function_ref<void(llvm::ArrayRef<mlir::Value>)> body);

  struct IndexCheck {
    unsigned ordinal = 0; // of the indexing node
    int64_t axis = 0;
    int64_t operand = 0;
    mlir::Value bound;    // i64
    bool wrap = true;     // negative indices count from the end
  };
  /// Wraps negative indices (if asked to) and checks 0 <= index < bound. A failure is
  /// recorded in this worker's ErrorRecord if its position is the lowest yet.
  /// `index` and `position` (flat, in the index tensor) are i64 or vectors of
  /// as many lanes; lanes off in `mask` (may be null) are not checked. Returns
  /// the index, 0 where it failed or was off: which is safe only if bound > 0.
  mlir::Value checkIndex(mlir::Value index, mlir::Value position,
                         mlir::Value mask, const IndexCheck &check);

  /// Ends the function.
  mlir::func::FuncOp finish();

private:
  void recordFailure(mlir::Value index, mlir::Value position,
                     const IndexCheck &check);

  const KernelSignature &signature;
  mlir::func::FuncOp function;
  mlir::Operation *marker; // the prologue ends here
  mlir::Value args;
  std::map<unsigned, mlir::Value> words;
  std::map<std::string, mlir::Value> dims;
  mlir::Value scratchBase, sharedBase, record;
  std::map<std::string, mlir::Value> streamed; // isLarge and streams
};

/// Results of so many bytes are written past the caches: they would not stay in
/// one for their reader (the last-level caches of today hold some 32 MiB).
inline constexpr int64_t kStreamedBytes = 32 << 20;
/// The same where consecutive lines of a result are written far apart, which
/// costs ordinary stores three times as much.
inline constexpr int64_t kStreamedBytesApart = 8 << 20;
inline constexpr int64_t kLineBytes = 64;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// What a kernel module says about itself (architecture.md, "Kernel function
/// attributes after codegen").
struct KernelInfo {
  llvm::SmallVector<std::string> entries; // symbol per phase
  Dims tasks;                             // one per phase
  Dim scratch, shared;                    // bytes; rounded up to 64 here
  Dim cost;                               // nanoseconds, one thread
  bool fallible = false;
  bool library = false;                   // entries name library kernels
  Dims parameters;                        // of a library kernel
};

/// Sets oriel.entries ... oriel.fallible on the kernel's module.
void setKernelInfo(mlir::ModuleOp module, const KernelInfo &info);

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_KERNELBUILDER_H
