//===- TransposeTiles.cpp - register-blocked transposition ----------------===//

#include "passes/Codegen/Cpu/TransposeTiles.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace oriel {

std::optional<TransposePlan> planTranspose(const KernelModel &model, TransposeKind kind) {
  TransposePlan plan;
  if (model.rank() < 2 || model.isFallible())
    return std::nullopt;
  int64_t widest = 1;
  for (auto [p, pass] : llvm::enumerate(model.passes)) {
    if (pass.lacksReduced) {
      if (kind == TransposeKind::kBlocks)
        return std::nullopt;
      continue;
    }
    Block *body = linalg::GenericOp(pass.op).getBody();
    for (auto [k, input] : llvm::enumerate(pass.inputs)) {
      const Dim &stride = input.innerStride();
      if (!input.arg || stride == Dim(0) || stride == Dim(1) ||
          body->getArgument(k).use_empty())
        continue;
      for (unsigned d = 0; d + 1 < model.rank(); ++d) {
        if (!(input.strides[d] == Dim(1)) || (!plan.staged.empty() && d != plan.dim) ||
            (kind == TransposeKind::kColumns && static_cast<int>(d) != model.reducedAxis))
          continue;
        plan.dim = d;
        TransposePlan::Staged staged;
        staged.pass = p;
        staged.input = k;
        // Passes that read the same elements share a tile.
        while (staged.tile < plan.tiles.size()) {
          const LinearAccess &other = plan.tiles[staged.tile].source;
          if (other.arg == input.arg && other.offset == input.offset &&
              other.strides == input.strides && other.terms.empty() && input.terms.empty())
            break;
          ++staged.tile;
        }
        if (staged.tile == plan.tiles.size())
          plan.tiles.push_back({input, body->getArgument(k).getLoc(), Dim(0)});
        plan.staged.push_back(staged);
        widest = std::max(widest, getStorageBytes(input.element));
        break;
      }
    }
  }
  if (plan.staged.empty())
    return std::nullopt;
  switch (kind) {
  case TransposeKind::kBlocks:
  case TransposeKind::kColumns:
    // 64 rows of 64 four-byte elements: half of a first-level cache.
    plan.columns = widest == 8 ? 32 : 64;
    plan.pitch = plan.columns;
    if (kind == TransposeKind::kColumns)
      plan.rows = kColumnLeaf;
    break;
  case TransposeKind::kRows:
  case TransposeKind::kLeaves:
    // The operand is read by whole cache lines, and two at a time. Rows of a tile
    // do not lie a power of two apart.
    plan.rows = 128 / widest;
    plan.pitch = (kind == TransposeKind::kRows ? model.sizes.back() : Dim(kRowLeaf)) + Dim(16);
    break;
  }

  const ModelPass &first = model.passes.front();
  const ModelValue &value = model.values[first.results.front().value];
  Value yielded = linalg::GenericOp(first.op).getBody()->getTerminator()->getOperand(0);
  plan.direct = kind == TransposeKind::kBlocks && model.passes.size() == 1 &&
                first.needed.empty() && first.results.size() == 1 && value.stores.size() == 1 &&
                value.stores[0].innerStride() == Dim(1) &&
                value.element == first.inputs[plan.staged[0].input].element &&
                yielded == linalg::GenericOp(first.op).getBody()->getArgument(plan.staged[0].input);
  if (plan.direct)
    return plan;
  Dim rows = Dim::Min(model.sizes[plan.dim], Dim(plan.rows));
  for (TransposePlan::Tile &tile : plan.tiles) {
    tile.offset = plan.bytes;
    Dim bytes = rows * plan.pitch * Dim(getStorageBytes(tile.source.element));
    plan.bytes = plan.bytes + Dim::CeilDiv(bytes, Dim(64)) * Dim(64);
  }
  return plan;
}

namespace {

/// Elements a side of the blocks that are transposed in registers: a vector's
/// lanes, but no more than there are registers.
unsigned blockOf(Type element, unsigned vectorBits) {
  return std::min<int64_t>(vectorBits / 8 / getStorageBytes(element), 16);
}

/// rows[i][j] -> rows[j][i] for as many vectors as each has lanes: within pieces
/// of 128 bits, then the pieces.
void transposeBlock(Code &code, SmallVectorImpl<Value> &rows) {
  unsigned block = rows.size();
  unsigned piece = 16 / getStorageBytes(getElementTypeOrSelf(rows[0].getType()));
  unsigned pieces = block / piece;
  SmallVector<Value> next(block);
  // One step: which lanes of rows a and b make a row.
  auto shuffle = [&](Value a, Value b, llvm::function_ref<int64_t(unsigned)> lane) -> Value {
    SmallVector<int64_t> order;
    for (unsigned k = 0; k < block; ++k)
      order.push_back(lane(k));
    return vector::ShuffleOp::create(code, code.loc, a, b, order);
  };
  for (unsigned done = 1; done < piece; done *= 2) {
    for (unsigned g = 0; g < block; g += piece)
      for (unsigned i = 0; i < piece / 2; ++i)
        for (unsigned half = 0; half < 2; ++half)
          next[g + 2 * i + half] = shuffle(rows[g + i], rows[g + i + piece / 2], [&](unsigned k) {
            return k / piece * piece + half * piece / 2 + k % piece / 2 + k % 2 * block;
          });
    llvm::copy(next, rows.begin());
  }
  // Rows g * piece + e hold, piece by piece, parts of rows p * piece + e.
  for (unsigned done = 1; done < pieces; done *= 2) {
    for (unsigned e = 0; e < piece; ++e)
      for (unsigned g = 0; g < pieces / 2; ++g)
        for (unsigned odd = 0; odd < 2; ++odd)
          next[(g + odd * pieces / 2) * piece + e] =
              shuffle(rows[2 * g * piece + e], rows[(2 * g + 1) * piece + e], [&](unsigned k) {
                unsigned p = k / piece, from = 2 * p + odd;
                return from % pieces * piece + k % piece + from / pieces * block;
              });
    llvm::copy(next, rows.begin());
  }
}

class TileTransposer {
public:
  TileTransposer(EntryBuilder &entry, unsigned vectorBits, const TileMove &move)
      : entry(entry), code(entry.code), move(move), vectorBits(vectorBits),
        block(blockOf(move.element, vectorBits)), vector(code.vectorOf(move.element, block)) {}

  void emit(Value rowLo, Value rowHi, Value lo, Value hi);
  void emitBlocks(Value rows, int64_t columns);

private:
  Value from(Value r, Value j) {
    return code.gep(move.element, move.source, code.add(r, code.mul(j, move.step)));
  }
  Value to(Value r, Value j) {
    return code.gep(move.element, move.target, code.add(code.mul(r, move.pitch), j));
  }
  SmallVector<Value> load(Value r, Value j);
  void whole(Value r, Value j);
  void line(Value r, Value j);
  void edge(Value r, Value j, Value many, Value wide, Value hi);

  EntryBuilder &entry;
  Code &code;
  const TileMove &move;
  unsigned vectorBits, block;
  Type vector;
};

SmallVector<Value> TileTransposer::load(Value r, Value j) {
  SmallVector<Value> rows;
  for (unsigned k = 0; k < block; ++k)
    rows.push_back(code.load(vector, from(r, code.add(j, code.i64(k)))));
  transposeBlock(code, rows);
  return rows;
}

void TileTransposer::whole(Value r, Value j) {
  for (auto [k, row] : llvm::enumerate(load(r, j)))
    code.store(row, to(code.add(r, code.i64(k)), j));
}

/// A line of each of `block` rows of the target, past the caches: half a line
/// would be written twice.
void TileTransposer::line(Value r, Value j) {
  int64_t bytes = getStorageBytes(move.element), width = kLineBytes / bytes;
  if (width == block) {
    for (auto [k, row] : llvm::enumerate(load(r, j)))
      code.storePastCache(row, to(code.add(r, code.i64(k)), j));
    return;
  }
  Value lines = entry.stack(move.element, block * width);
  auto place = [&](int64_t k, int64_t at) {
    return code.gep(move.element, lines, code.i64(k * width + at));
  };
  for (int64_t at = 0; at < width; at += block)
    for (auto [k, row] : llvm::enumerate(load(r, code.add(j, code.i64(at)))))
      code.store(row, place(k, at), block * bytes);
  unsigned lanes = vectorBits / 8 / bytes;
  Type wide = code.vectorOf(move.element, lanes);
  for (unsigned k = 0; k < block; ++k)
    for (int64_t at = 0; at < width; at += lanes)
      code.storePastCache(code.load(wide, place(k, at), lanes * bytes),
                          to(code.add(r, code.i64(k)), code.add(j, code.i64(at))));
}

/// Absent columns repeat the last one; absent rows are not stored.
void TileTransposer::edge(Value r, Value j, Value many, Value wide, Value hi) {
  Value isRow = code.maskBelow(many, block), isColumn = code.maskBelow(wide, block);
  Value last = code.sub(hi, code.i64(1));
  SmallVector<Value> rows;
  for (unsigned k = 0; k < block; ++k)
    rows.push_back(
        code.maskedLoad(vector, from(r, code.minimum(code.add(j, code.i64(k)), last)), isRow));
  transposeBlock(code, rows);
  for (unsigned k = 0; k < block; ++k)
    code.ifThen(code.less(code.i64(k), many), [&] {
      code.maskedStore(rows[k], to(code.add(r, code.i64(k)), j), isColumn);
    });
}

void TileTransposer::emit(Value rowLo, Value rowHi, Value lo, Value hi) {
  Value size = code.i64(block), count = code.sub(hi, lo);
  Value rowEnd = code.add(rowLo, code.roundDown(code.sub(rowHi, rowLo), block));
  int64_t width = kLineBytes / getStorageBytes(move.element);
  Value wholes = code.add(lo, code.roundDown(count, block)), end = wholes;
  auto inBlocks = [&] {
    if (move.alongTarget)
      return code.loop(rowLo, rowEnd, size,
                       [&](Value r) { code.loop(lo, wholes, size, [&](Value j) { whole(r, j); }); });
    code.loop(lo, wholes, size,
              [&](Value j) { code.loop(rowLo, rowEnd, size, [&](Value r) { whole(r, j); }); });
  };
  if (move.streams) {
    Value lines = code.add(lo, code.roundDown(count, width));
    end = code.select(move.streams, lines, wholes);
    code.ifElse(
        move.streams, TypeRange(),
        [&]() -> SmallVector<Value> {
          code.loop(rowLo, rowEnd, size, [&](Value r) {
            code.loop(lo, lines, code.i64(width), [&](Value j) { line(r, j); });
          });
          return {};
        },
        [&]() -> SmallVector<Value> {
          inBlocks();
          return {};
        });
  } else {
    inBlocks();
  }
  code.loop(rowLo, rowHi, size, [&](Value r) {
    Value many = code.sub(rowHi, r);
    Value start = code.select(code.less(many, size), lo, end);
    code.loop(start, hi, size, [&](Value j) { edge(r, j, many, code.sub(hi, j), hi); });
  });
}

void TileTransposer::emitBlocks(Value rows, int64_t columns) {
  Value zero = code.i64(0), size = code.i64(block);
  code.loop(zero, rows, size, [&](Value r) {
    code.loop(zero, code.i64(columns), size, [&](Value j) { whole(r, j); });
  });
}

} // namespace

void transposeTile(EntryBuilder &entry, unsigned vectorBits, const TileMove &move, Value rowLo,
                   Value rowHi, Value lo, Value hi) {
  TileTransposer(entry, vectorBits, move).emit(rowLo, rowHi, lo, hi);
}

void transposeBlocks(EntryBuilder &entry, unsigned vectorBits, const TileMove &move, Value rows,
                     int64_t columns) {
  TileTransposer(entry, vectorBits, move).emitBlocks(rows, columns);
}

SmallVector<Value> stageTiles(PassEmitter &emitter, const TransposePlan &plan,
                              const Dim &stagedAt, SmallVector<Value> indices, Value rowLo,
                              Value rowHi, Value lo, Value hi) {
  Code &code = emitter.code;
  EntryBuilder &entry = emitter.entry;
  indices[plan.dim] = code.i64(0);
  emitter.beginRow(indices, lo, hi);
  SmallVector<Value> tiles;
  for (const TransposePlan::Tile &tile : plan.tiles) {
    Code::LocScope scope(
        code, getLineLoc(code.getContext(), getOrdinal(tile.loc), LineRole::kLoad));
    Type element = getStorageType(tile.source.element);
    Stream source = emitter.accessStream(tile.source);
    Value place = code.gep(code.getI8Type(), entry.scratch(), entry.dim(stagedAt + tile.offset));
    // The tile starts at (rowLo, lo).
    Value pitch = entry.dim(plan.pitch);
    Value origin = code.add(code.mul(rowLo, pitch), lo);
    tiles.push_back(code.gep(element, place, code.sub(code.i64(0), origin)));
    TileMove move{element, source.base, entry.dim(source.stride), tiles.back(), pitch, nullptr};
    transposeTile(entry, emitter.getVectorBits(), move, rowLo, rowHi, lo, hi);
  }
  return tiles;
}

void readTiles(PassEmitter &emitter, const KernelModel &model, const TransposePlan &plan,
               ArrayRef<Value> tiles, Value r) {
  Code &code = emitter.code;
  for (const TransposePlan::Staged &staged : plan.staged) {
    const ModelPass &pass = model.passes[staged.pass];
    Type element = pass.inputs[staged.input].element;
    Value row = code.gep(getStorageType(element), tiles[staged.tile],
                         code.mul(r, emitter.entry.dim(plan.pitch)));
    emitter.overrideInput(pass, staged.input, {row, Dim(1), element});
  }
}

void emitTransposeTile(PassEmitter &emitter, const KernelModel &model,
                       const TransposePlan &plan, const Dim &stagedAt,
                       SmallVector<Value> indices, Value rowLo, Value rowHi, Value lo,
                       Value hi) {
  Code &code = emitter.code;
  if (plan.direct) {
    indices[plan.dim] = code.i64(0);
    emitter.beginRow(indices, lo, hi);
    const TransposePlan::Tile &tile = plan.tiles[0];
    Code::LocScope scope(
        code, getLineLoc(code.getContext(), getOrdinal(tile.loc), LineRole::kLoad));
    const LinearAccess &store = model.values[model.passes[0].results[0].value].stores[0];
    Stream source = emitter.accessStream(tile.source);
    EntryBuilder &entry = emitter.entry;
    TileMove move{getStorageType(tile.source.element), source.base, entry.dim(source.stride),
                  emitter.accessStream(store).base, entry.dim(store.strides[plan.dim])};
    move.alongTarget = true;
    if (store.offset == Dim(0) && store.terms.empty())
      move.streams = entry.streams(*store.arg, ArrayRef<Dim>(store.strides).drop_back(),
                                   kStreamedBytesApart);
    transposeTile(entry, emitter.getVectorBits(), move, rowLo, rowHi, lo, hi);
    return;
  }
  SmallVector<Value> tiles = stageTiles(emitter, plan, stagedAt, indices, rowLo, rowHi, lo, hi);
  code.loop(rowLo, rowHi, code.i64(1), [&](Value r) {
    indices[plan.dim] = r;
    emitter.beginRow(indices, lo, hi);
    readTiles(emitter, model, plan, tiles, r);
    for (const ModelPass &pass : model.passes)
      emitter.emitPass(pass);
    emitter.clearOverrides();
  });
}

} // namespace oriel
