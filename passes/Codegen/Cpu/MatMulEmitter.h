//===- MatMulEmitter.h - the walk over a product ----------------*- C++ -*-===//
//
// A kernel's tasks, the blocks of columns and of k in them, and the tiles of a
// block. MatMul.cpp describes the kernel and makes its functions,
// MatMulWalk.cpp goes from tasks to blocks, MatMulBlock.cpp through the tiles
// of one.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_CODEGEN_CPU_MATMULEMITTER_H
#define ORIEL_PASSES_CODEGEN_CPU_MATMULEMITTER_H

#include "passes/Codegen/Cpu/Emitters.h"
#include "passes/Codegen/Cpu/MatMul.h"
#include "passes/Codegen/Cpu/MatMulDots.h"
#include "passes/Codegen/Cpu/MatMulRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace oriel {

class MatMulEmitter {
public:
  MatMulEmitter(mlir::ModuleOp module, KernelSignature &signature,
                const MatMulSpec &spec, const MatMulBlocks &blocks,
                MatMulRows *rows)
      : module(module), signature(signature), spec(spec), blocks(blocks),
        rows(rows), symbol(signature.getFunction().getSymName()),
        entry(module, signature, (symbol + "_0").str()), code(entry.code) {}

  llvm::LogicalResult run(KernelInfo &info);

private:
  /// Columns of one row at once: their sums stay in the first-level cache, and
  /// rows of B are read in runs that prefetching follows.
  static constexpr int64_t kRowColumns = 2048;

  /// A right operand packed once, of bytes.
  std::optional<MatMulDots> dots;

  /// Rows and columns of one matrix of the batch.
  struct Area {
    llvm::SmallVector<mlir::Value> batch;
    mlir::Value rowsFrom, rowsTo, columnsFrom, columnsTo;
  };
  /// A block of k of some columns.
  struct Block {
    mlir::Value pc, kc, isFirst, isLast;
    mlir::Value column, columns;
    mlir::Value packsA, packsB; // i1; else read where it lies
  };
  struct TileFunctions {
    mlir::func::FuncOp wide, middle,
        narrow[3]; // narrow ones of mr, mr / 2 and 1 rows
  };
  struct Tile {
    mlir::Value rows, columns;   // how many count
    mlir::Value i, j;            // of its first element
    mlir::Value isFirst, isLast; // block of k
  };

  void describe(KernelInfo &info);
  void emitFunctions();
  std::pair<mlir::Value, mlir::Value> tasksOf(mlir::Value matrix,
                                              mlir::Value perMatrix);
  Area areaOf(mlir::Value matrix);
  void emitMatrix(mlir::Value matrix, mlir::Value perMatrix);
  void emitRowBlocks(mlir::Value matrix, mlir::Value perMatrix);
  void emitArea(const Area &area);
  void emitBlock(const Area &area, const Block &block);
  void emitRow(const Area &area, const Block &block);
  void emitTiles(const Area &area, const Block &block, mlir::Value row);
  llvm::SmallVector<mlir::Value>
  packArguments(const MatMulAccess &operand, llvm::ArrayRef<mlir::Value> batch, mlir::Value i,
                mlir::Value j, const Block &block, mlir::Value count, mlir::Value target);
  void overColumns(const Block &block, mlir::Value rows,
                   llvm::function_ref<void(mlir::Value, mlir::Value)> body);
  void callTile(const TileFunctions &from, mlir::ValueRange args,
                mlir::Value rows, mlir::Value width);
  mlir::Value panelPlace(const MatMulAccess &operand, llvm::ArrayRef<mlir::Value> batch,
                         mlir::Value line, mlir::Value k);
  mlir::Value sumsPlace(llvm::ArrayRef<mlir::Value> batch, mlir::Value i,
                        mlir::Value j);
  llvm::LogicalResult emitTileResult(llvm::ArrayRef<mlir::Value> batch,
                                     const Tile &tile);

  int64_t bytes() const { return spec.accumulator.getIntOrFloatBitWidth() / 8; }
  mlir::Value flag(bool value) {
    return mlir::arith::ConstantIntOp::create(code, code.loc, value, 1);
  }
  mlir::Value both(mlir::Value a, mlir::Value b) {
    return mlir::arith::AndIOp::create(code, code.loc, a, b);
  }
  mlir::Value negate(mlir::Value a) {
    return mlir::arith::XOrIOp::create(code, code.loc, a, flag(true));
  }
  mlir::Value either(mlir::Value a, mlir::Value b) {
    return mlir::arith::OrIOp::create(code, code.loc, a, b);
  }
  mlir::Value packedB() {
    return code.gep(spec.accumulator, entry.scratch(), code.i64(panelA()));
  }
  /// Elements of a packed panel of A, where this kernel packs it.
  int64_t panelA() const { return spec.a.panels ? 0 : blocks.mr * MatMulBlocks::kKC; }
  mlir::Value pointerAt(const MatMulAccess &access,
                        llvm::ArrayRef<mlir::Value> batch, mlir::Value i,
                        mlir::Value j, mlir::Value k) {
    return code.gep(access.arg->elementType, entry.pointer(*access.arg),
                    matmulOffset(entry, access, batch, i, j, k));
  }
  /// Whether A is packed for each block of columns, few as they may be.
  bool packsA() const { return !mayReadA && !spec.a.panels; }
  /// Sums of k blocks lie like the result, in it, in the block of rows or in
  /// the shared workspace.
  bool isPlain() const {
    return rows || (spec.partialsInOutput && !spec.epilogue);
  }

  mlir::ModuleOp module;
  KernelSignature &signature;
  const MatMulSpec &spec;
  MatMulBlocks blocks;
  MatMulRows *rows;     // null: a task is a part of the result
  mlir::Value rowsBase; // of the block: where row 0 would lie
  llvm::StringRef symbol;
  EntryBuilder entry;
  Code &code;
  TileFunctions tiles,
      wideningTiles; // of B as packed; where it lies and must be widened
  mlir::func::FuncOp rowFunction, packA, packB;
  int64_t rowCounts[3];
  bool mayReadA = false, mayReadB = false; // where they lie
  bool widensB = false;                    // tiles do, then
  bool isAcross = false;                   // of the row function
  Dim taskHeight;                          // rows of a task
  Dim taskRows, taskColumns;               // tasks per column, columns per task
  MatMulAccess sums;
  mlir::Value tile; // on the stack
  mlir::Value isOneRow;
  llvm::LogicalResult status = llvm::success();
};

} // namespace oriel

#endif // ORIEL_PASSES_CODEGEN_CPU_MATMULEMITTER_H
