//===- ArgReduce.h - argmax and argmin being emitted -----------*- C++ -*-===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_ARGREDUCE_H
#define ORIEL_PASSES_CODEGEN_CPU_ARGREDUCE_H

#include "passes/Codegen/Cpu/GenericKernel.h"

#include <optional>
#include <string>

namespace oriel {

/// A kernel of one argmax or argmin, with the extreme value itself where that is
/// asked for.
class ArgReduceEmitter {
public:
  ArgReduceEmitter(mlir::ModuleOp module, KernelSignature &signature, const CpuEmitOptions &options)
      : module(module), signature(signature), options(options), vectorBits(options.vectorBits),
        symbol((signature.getFunction().getSymName() + "_0").str()) {}

  mlir::LogicalResult run(KernelInfo &info);

private:
  // Elements of a block of a row: in the first-level cache when it is searched.
  static constexpr int64_t kBlock = 2048;
  // Columns of a task, and rows taken together.
  static constexpr int64_t kColumns = 1024;
  static constexpr int64_t kTogether = 8;
  static Dim blocksOf(const Dim &columns) { return Dim::CeilDiv(columns, kColumns); }

  // ArgReduce.cpp: the last axis
  mlir::LogicalResult match();
  mlir::LogicalResult matchMaker(mlir::linalg::GenericOp generic, int64_t axis);
  mlir::Value makeBlock(PassEmitter &emitter, llvm::ArrayRef<mlir::Value> indices, mlir::Value from,
                        mlir::Value to);
  void emitRows(EntryBuilder &entry);

  // ArgReduceColumns.cpp
  /// Where the results of a block of columns lie.
  struct Columns {
    mlir::Value indices, extremes, count;
  };
  Columns beginColumns(EntryBuilder &entry, mlir::Value at, mlir::Value count);
  void emitTogether(EntryBuilder &entry, mlir::Value first, mlir::Value pitch,
                    const Columns &columns, mlir::Value k, int64_t rows);
  void emitColumns(EntryBuilder &entry);
  void emitMadeColumns(EntryBuilder &entry);

  // ArgReduceScan.cpp
  mlir::Value loadElements(Code &code, mlir::Value pointer, unsigned lanes,
                           mlir::Value mask = nullptr);
  mlir::Value exceeds(Code &code, mlir::Value candidate, mlir::Value best);
  mlir::Value isBetter(Code &code, mlir::Value candidate, mlir::Value best);
  mlir::Value further(Code &code, mlir::Value a, mlir::Value b);
  mlir::Value neutral(Code &code);
  void storeExtreme(Code &code, mlir::Value value, mlir::Value pointer, mlir::Value mask = nullptr);
  llvm::SmallVector<mlir::Value> scan(Code &code, mlir::Value row, mlir::Value from,
                                      mlir::Value to);
  mlir::Value extremeOf(Code &code, mlir::Value row, mlir::Value from, mlir::Value to,
                        mlir::Value best);
  mlir::Value search(Code &code, mlir::Value row, mlir::Value from, mlir::Value to,
                     llvm::function_ref<mlir::Value(mlir::Value)> isHit);
  bool isFloat() const { return llvm::isa<mlir::FloatType>(compared); }

  mlir::ModuleOp module;
  KernelSignature &signature;
  const CpuEmitOptions &options;
  unsigned vectorBits;
  std::string symbol;

  mlir::Operation *op = nullptr;
  bool isMax = false, isUnsigned = false;
  const KernelArg *x = nullptr, *out = nullptr;
  const KernelArg *extreme = nullptr; // the maximum or minimum itself, where asked for
  std::optional<KernelModel> maker; // of the operand, where x is null
  unsigned made = 0;                // its value that is the operand
  bool isLast = false;              // the reduced axis
  Dim outer, count, inner;
  mlir::Type element;  // of the operand in memory
  mlir::Type compared; // what elements are compared as
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_ARGREDUCE_H
