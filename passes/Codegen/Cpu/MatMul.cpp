//===- MatMul.cpp - the matmul emitter ------------------------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "passes/Codegen/Cpu/Emitters.h"

#include "dialect/Graph/OrielDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace oriel {
namespace {

class MatMulEmitter {
public:
  MatMulEmitter(ModuleOp module, KernelSignature &signature,
                const MatMulSpec &spec, unsigned vectorBits)
      : module(module), signature(signature), spec(spec),
        blocks(vectorBits, spec.accumulator),
        symbol(signature.getFunction().getSymName()),
        entry(module, signature, (symbol + "_0").str()), code(entry.code) {}

  LogicalResult run(KernelInfo &info);

private:
  struct Tile {
    Value rows, columns;  // how many count
    Value i, j;           // of its first element
    Value isFirst, isLast; // block of k
  };

  void describe(KernelInfo &info);
  void emitFunctions();
  void emitGroup(Value group, Value inner, Value single);
  void emitBlockColumn(ArrayRef<Value> batch, Value rowsFrom, Value rowsTo,
                       Value column, Value columns);
  void emitRows(ArrayRef<Value> batch, Value row, Value rows, Value column,
                Value columns, Value pc, Value kc);
  void callTile(Value kc, Value panelA, Value panelB, Value rows, Value isWide);
  LogicalResult emitTileResult(ArrayRef<Value> batch, const Tile &tile);

  int64_t bytes() const { return spec.accumulator.getIntOrFloatBitWidth() / 8; }

  ModuleOp module;
  KernelSignature &signature;
  const MatMulSpec &spec;
  MatMulBlocks blocks;
  StringRef symbol;
  EntryBuilder entry;
  Code &code;
  func::FuncOp wide, narrow[3], rowFunction;
  int64_t rowCounts[3];
  Dim taskRows, taskColumns, packedABytes; // see describe()
  Value tile;        // on the stack
  Value isDirect;    // one row, straight from the operands
  LogicalResult status = success();
};

void MatMulEmitter::describe(KernelInfo &info) {
  Dim mc = blocks.mc, nc = blocks.nc, nr = blocks.nr, mr = blocks.mr;
  taskRows = Dim::Max(Dim::CeilDiv(spec.m, mc), 1);
  // Few blocks of rows: narrower tasks, so that there are enough of them.
  taskColumns = Dim::Min(nc, 2 * nr * taskRows * taskRows);
  Dim kc = Dim::Min(spec.k, MatMulBlocks::kKC);
  Dim packedRows = Dim::Min(mc, mr * Dim::CeilDiv(spec.m, mr));
  Dim packedColumns = Dim::Min(nc, nr * Dim::CeilDiv(spec.n, nr));
  packedABytes = 64 * Dim::CeilDiv(packedRows * kc * bytes(), 64);
  Dim all = NumElements(spec.batch);
  info.entries = {(symbol + "_0").str()};
  // Without rows there is nothing to do, whatever taskRows says.
  info.tasks = {all * Dim::Min(spec.m, 1) * taskRows *
                Dim::CeilDiv(spec.n, taskColumns)};
  info.scratch = packedABytes + packedColumns * kc * bytes();
  // Sums of k blocks wait here for the last one.
  info.shared = 0;
  if (!spec.partialsInOutput)
    info.shared = Dim::Min(Dim::FloorDiv(spec.k, MatMulBlocks::kKC + 1), 1) * all *
                  spec.m * spec.n * bytes();
  int64_t rate = 5 * static_cast<int64_t>(blocks.lanes) / 2;
  info.cost = Dim::FloorDiv(all * spec.m * spec.n * spec.k, rate) +
              Dim::FloorDiv(all * (spec.m * spec.n + spec.k * spec.n), 8) + 50;
}

void MatMulEmitter::emitFunctions() {
  rowCounts[0] = blocks.mr;
  rowCounts[1] = blocks.mr / 2;
  rowCounts[2] = 1;
  auto make = [&](int64_t rows, int64_t vectors) {
    std::string name =
        (symbol + "_tile" + Twine(rows) + "x" + Twine(vectors * blocks.lanes)).str();
    return emitTileFunction(module, name, spec, blocks, rows, vectors);
  };
  wide = make(blocks.mr, blocks.vectors);
  for (unsigned n = 0; n < 3; ++n)
    narrow[n] = make(rowCounts[n], 1);
  if (spec.b.j == Dim(1))
    rowFunction = emitRowFunction(module, (symbol + "_row").str(), spec, blocks);
}

LogicalResult MatMulEmitter::run(KernelInfo &info) {
  describe(info);
  emitFunctions();
  code.loc = getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoop);
  isDirect = entry.prologue([&]() -> Value {
    if (!rowFunction)
      return arith::ConstantIntOp::create(code, code.loc, 0, 1);
    return code.equal(entry.dim(spec.m), code.i64(1));
  });
  tile = entry.stack(spec.accumulator, std::max(blocks.mr * blocks.nr, blocks.nc));
  // A group is a run of tasks that share packed columns: all rows of a block of
  // columns, or, with one block of rows, all columns.
  Value rowTasks = entry.dim(taskRows);
  Value columnTasks = entry.dim(Dim::CeilDiv(spec.n, taskColumns));
  Value single = code.equal(rowTasks, code.i64(1));
  Value inner = code.maximum(code.select(single, columnTasks, rowTasks), code.i64(1));
  Value first = code.divUnsigned(entry.begin, inner);
  Value last = code.divUnsigned(code.add(entry.end, code.sub(inner, code.i64(1))), inner);
  code.loop(first, last, code.i64(1),
            [&](Value group) { emitGroup(group, inner, single); });
  entry.finish();
  return status;
}

void MatMulEmitter::emitGroup(Value group, Value inner, Value single) {
  Value zero = code.i64(0);
  Value m = entry.dim(spec.m), n = entry.dim(spec.n);
  Value columnTasks = code.maximum(
      entry.dim(Dim::CeilDiv(spec.n, taskColumns)), code.i64(1));
  Value width = entry.dim(taskColumns), height = code.i64(blocks.mc);
  Value start = code.mul(group, inner);
  Value low = code.sub(code.maximum(entry.begin, start), start);
  Value high = code.sub(code.minimum(entry.end, code.add(start, inner)), start);
  Value matrix = code.select(single, group, code.divUnsigned(group, columnTasks));
  Value block = code.remUnsigned(group, columnTasks);
  Value columnsFrom = code.mul(code.select(single, low, block), width);
  Value columnsTo = code.minimum(
      n, code.mul(code.select(single, high, code.add(block, code.i64(1))), width));
  Value rowsFrom = code.select(single, zero, code.mul(low, height));
  Value rowsTo = code.minimum(m, code.select(single, m, code.mul(high, height)));
  SmallVector<Value> sizes;
  for (const Dim &size : spec.batch)
    sizes.push_back(entry.dim(size));
  SmallVector<Value> batch;
  if (!sizes.empty())
    batch = entry.decompose(matrix, sizes);
  code.loop(columnsFrom, columnsTo, code.i64(blocks.nc), [&](Value column) {
    Value columns = code.minimum(code.i64(blocks.nc), code.sub(columnsTo, column));
    emitBlockColumn(batch, rowsFrom, rowsTo, column, columns);
  });
}

void MatMulEmitter::emitBlockColumn(ArrayRef<Value> batch, Value rowsFrom,
                                    Value rowsTo, Value column, Value columns) {
  Value zero = code.i64(0), k = entry.dim(spec.k);
  Value isPacked = arith::XOrIOp::create(
      code, code.loc, isDirect, arith::ConstantIntOp::create(code, code.loc, 1, 1));
  Location loads = getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoad);
  Type elementB = spec.b.arg->elementType, elementA = spec.a.arg->elementType;
  // K = 0 still stores its zeros: one block, of nothing.
  code.loop(zero, code.maximum(k, code.i64(1)), code.i64(MatMulBlocks::kKC), [&](Value pc) {
    Value kc = code.minimum(code.i64(MatMulBlocks::kKC), code.sub(k, pc));
    code.ifThen(isPacked, [&] {
      Code::LocScope scope(code, loads);
      Value from = code.gep(elementB, entry.pointer(*spec.b.arg),
                            matmulOffset(entry, spec.b, batch, nullptr, column, pc));
      Value to = code.gep(code.getI8Type(), entry.scratch(), entry.dim(packedABytes));
      emitPack(code, spec, elementB, from, spec.b.j, spec.b.k, entry.dim(spec.b.j),
               entry.dim(spec.b.k), columns, kc, to, blocks.nr, blocks.lanes);
    });
    code.loop(rowsFrom, rowsTo, code.i64(blocks.mc), [&](Value row) {
      Value rows = code.minimum(code.i64(blocks.mc), code.sub(rowsTo, row));
      code.ifThen(isPacked, [&] {
        Code::LocScope scope(code, loads);
        Value from = code.gep(elementA, entry.pointer(*spec.a.arg),
                              matmulOffset(entry, spec.a, batch, row, nullptr, pc));
        emitPack(code, spec, elementA, from, spec.a.i, spec.a.k, entry.dim(spec.a.i),
                 entry.dim(spec.a.k), rows, kc, entry.scratch(), blocks.mr,
                 blocks.lanes);
      });
      emitRows(batch, row, rows, column, columns, pc, kc);
    });
  });
}

/// All tiles of a block of A by a block of B. Rows are the outer loop: a panel
/// of A stays in the first-level cache while B's panels stream past.
void MatMulEmitter::emitRows(ArrayRef<Value> batch, Value row, Value rows,
                             Value column, Value columns, Value pc, Value kc) {
  Value zero = code.i64(0), mr = code.i64(blocks.mr), nr = code.i64(blocks.nr);
  Type element = spec.accumulator;
  Value isFirst = code.equal(pc, zero);
  Value isLast = code.less(entry.dim(spec.k),
                           code.add(pc, code.i64(MatMulBlocks::kKC + 1)));
  Value panelStep = code.select(isDirect, columns, nr);
  code.loop(zero, rows, mr, [&](Value ip) {
    Value tileRows = code.minimum(mr, code.sub(rows, ip));
    code.loop(zero, columns, panelStep, [&](Value jp) {
      Value panelColumns = code.minimum(panelStep, code.sub(columns, jp));
      // Partial tiles go vector by vector: fewer kinds of tiles to compile, and
      // about as fast.
      Value isWide = arith::AndIOp::create(
          code, code.loc,
          code.less(code.i64((blocks.vectors - 1) * blocks.lanes), panelColumns),
          code.less(code.i64(blocks.mr / 2), tileRows));
      Value width = code.select(
          isDirect, panelColumns,
          code.select(isWide, nr, code.i64(blocks.lanes)));
      code.loop(zero, panelColumns, width, [&](Value jv) {
        Value tileColumns = code.minimum(width, code.sub(panelColumns, jv));
        Value jt = code.add(jp, jv);
        auto direct = [&]() -> SmallVector<Value> {
          Type elementA = spec.a.arg->elementType, elementB = spec.b.arg->elementType;
          Value a = code.gep(elementA, entry.pointer(*spec.a.arg),
                             matmulOffset(entry, spec.a, batch, row, nullptr, pc));
          Value b = code.gep(elementB, entry.pointer(*spec.b.arg),
                             matmulOffset(entry, spec.b, batch, nullptr,
                                          code.add(column, jt), pc));
          func::CallOp::create(code, code.loc, rowFunction,
                               ValueRange{kc, a, entry.dim(spec.a.k), b,
                                          entry.dim(spec.b.k), tileColumns, tile});
          return {};
        };
        auto packed = [&]() -> SmallVector<Value> {
          Value packedB = code.gep(code.getI8Type(), entry.scratch(),
                                   entry.dim(packedABytes));
          Value panelA = code.gep(element, entry.scratch(), code.mul(ip, kc));
          Value panelB = code.gep(element, packedB, code.add(code.mul(jp, kc), jv));
          callTile(kc, panelA, panelB, tileRows, isWide);
          return {};
        };
        if (rowFunction)
          code.ifElse(isDirect, TypeRange(), direct, packed);
        else
          packed();
        Tile at{tileRows, tileColumns, code.add(row, ip), code.add(column, jt),
                isFirst, isLast};
        if (failed(emitTileResult(batch, at)))
          status = failure();
      });
    });
  });
}

void MatMulEmitter::callTile(Value kc, Value panelA, Value panelB, Value rows,
                             Value isWide) {
  auto call = [&](func::FuncOp function) -> SmallVector<Value> {
    func::CallOp::create(code, code.loc, function,
                         ValueRange{kc, panelA, panelB, tile});
    return {};
  };
  auto byRows = [&]() -> SmallVector<Value> {
    code.ifElse(
        code.less(code.i64(rowCounts[1]), rows), TypeRange(),
        [&] { return call(narrow[0]); },
        [&]() -> SmallVector<Value> {
          code.ifElse(
              code.less(code.i64(rowCounts[2]), rows), TypeRange(),
              [&] { return call(narrow[1]); }, [&] { return call(narrow[2]); });
          return {};
        });
    return {};
  };
  code.ifElse(isWide, TypeRange(), [&] { return call(wide); }, byRows);
}

/// Adds the tile to the sums of the blocks of k before, and stores it: as a sum
/// while blocks are to come, then through the epilogue.
LogicalResult MatMulEmitter::emitTileResult(ArrayRef<Value> batch, const Tile &at) {
  Type element = spec.accumulator;
  unsigned lanes = blocks.lanes;
  Type vector = code.vectorOf(element, lanes);
  Location compute = getLineLoc(code.getContext(), spec.ordinal, LineRole::kCompute);
  LogicalResult result = success();
  Dim rowStride = spec.n;
  // Sums lie like the result: in it, or in the shared workspace.
  MatMulAccess sums;
  Dim stride = spec.m * spec.n;
  sums.batch.assign(spec.batch.size(), Dim(0));
  for (size_t b = spec.batch.size(); b-- > 0;) {
    sums.batch[b] = signature.canonical(stride);
    stride = stride * spec.batch[b];
  }
  sums.i = spec.n;
  sums.j = 1;
  bool isPlain = spec.partialsInOutput && !spec.epilogue;

  auto columnsAt = [&](Value r, Value c, Value mask) {
    Value i = code.add(at.i, r), j = code.add(at.j, c);
    Value value = code.load(
        vector, code.gep(element, tile,
                         code.add(code.mul(r, code.i64(blocks.nr)), c)));
    auto getPlace = [&] {
      const MatMulAccess &access = spec.partialsInOutput ? spec.outputs[0] : sums;
      Value base = spec.partialsInOutput ? entry.pointer(*spec.outputs[0].arg)
                                         : entry.shared();
      return code.gep(element, base,
                      matmulOffset(entry, access, batch, i, j, nullptr));
    };
    auto addSums = [&]() -> SmallVector<Value> {
      Value place = getPlace();
      Value before = mask ? code.maskedLoad(vector, place, mask)
                          : code.load(vector, place);
      Code::LocScope scope(code, compute);
      return {matmulAdd(code, spec.kind, before, value)};
    };
    value = code.ifElse(
        at.isFirst, TypeRange(vector), [&]() -> SmallVector<Value> { return {value}; },
        addSums)[0];
    auto finish = [&]() -> SmallVector<Value> {
      if (failed(emitMatMulStore(entry, signature, spec, value, batch, i, j, mask,
                                 lanes)))
        result = failure();
      return {};
    };
    auto keep = [&]() -> SmallVector<Value> {
      if (mask)
        code.maskedStore(value, getPlace(), mask);
      else
        code.store(value, getPlace());
      return {};
    };
    if (isPlain)
      finish();
    else
      code.ifElse(at.isLast, TypeRange(), finish, keep);
  };
  Value zero = code.i64(0), one = code.i64(1);
  Value whole = code.roundDown(at.columns, lanes);
  Value mask = code.maskBelow(code.sub(at.columns, whole), lanes);
  Value hasRest = code.less(whole, at.columns);
  auto edges = [&]() -> SmallVector<Value> {
    code.loop(zero, at.rows, one, [&](Value r) {
      code.loop(zero, whole, code.i64(lanes), [&](Value c) { columnsAt(r, c, nullptr); });
      code.ifThen(hasRest, [&] { columnsAt(r, whole, mask); });
    });
    return {};
  };
  if (!isPlain) {
    edges();
    return result;
  }
  // A whole tile without an epilogue is only moved: worth its own loop, as the
  // others cost much of a short k's time.
  auto wholeTile = [&]() -> SmallVector<Value> {
    code.loop(zero, at.rows, one, [&](Value r) {
      for (int64_t v = 0; v < blocks.vectors; ++v)
        columnsAt(r, code.i64(v * lanes), nullptr);
    });
    return {};
  };
  code.ifElse(code.equal(at.columns, code.i64(blocks.nr)), TypeRange(), wholeTile, edges);
  return result;
}

} // namespace

LogicalResult emitMatMulKernel(ModuleOp module, KernelSignature &signature,
                               const CpuEmitOptions &options, KernelInfo &info) {
  FailureOr<MatMulSpec> spec = matchMatMul(signature);
  if (failed(spec))
    return failure();
  // The preferred width is for loops that wait for memory; a tile's sums gain
  // from every register there is.
  unsigned vectorBits = options.vectorBits;
  auto target = module->getAttrOfType<ir::TargetAttr>(ir::kTargetAttr);
  if (target && target.getFeatures().contains("+avx512vl"))
    vectorBits = 512;
  return MatMulEmitter(module, signature, *spec, vectorBits).run(info);
}

} // namespace oriel
