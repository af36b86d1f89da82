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

/// rows[i][j] -> rows[j][i] for 8 or 4 vectors of as many lanes, with shuffles
/// within and then across the 128-bit halves.
void transposeBlock(Code &code, SmallVectorImpl<Value> &rows) {
  auto shuffle = [&](Value a, Value b, ArrayRef<int64_t> order) -> Value {
    return vector::ShuffleOp::create(code, code.loc, a, b, order);
  };
  SmallVector<Value> t(rows.size()), u(rows.size());
  if (rows.size() == 4) {
    for (unsigned k = 0; k < 4; k += 2) {
      t[k] = shuffle(rows[k], rows[k + 1], {0, 4, 2, 6});
      t[k + 1] = shuffle(rows[k], rows[k + 1], {1, 5, 3, 7});
    }
    for (unsigned k = 0; k < 2; ++k) {
      rows[k] = shuffle(t[k], t[k + 2], {0, 1, 4, 5});
      rows[k + 2] = shuffle(t[k], t[k + 2], {2, 3, 6, 7});
    }
    return;
  }
  for (unsigned k = 0; k < 8; k += 2) {
    t[k] = shuffle(rows[k], rows[k + 1], {0, 8, 1, 9, 4, 12, 5, 13});
    t[k + 1] = shuffle(rows[k], rows[k + 1], {2, 10, 3, 11, 6, 14, 7, 15});
  }
  for (unsigned k = 0; k < 8; k += 4)
    for (unsigned h = 0; h < 2; ++h) {
      u[k + 2 * h] = shuffle(t[k + h], t[k + h + 2], {0, 1, 8, 9, 4, 5, 12, 13});
      u[k + 2 * h + 1] = shuffle(t[k + h], t[k + h + 2], {2, 3, 10, 11, 6, 7, 14, 15});
    }
  for (unsigned k = 0; k < 4; ++k) {
    rows[k] = shuffle(u[k], u[k + 4], {0, 1, 2, 3, 8, 9, 10, 11});
    rows[k + 4] = shuffle(u[k], u[k + 4], {4, 5, 6, 7, 12, 13, 14, 15});
  }
}

/// target[r * pitch + j] = source[r + j * step] for r in [rowLo, rowHi), j in
/// [lo, hi).
void transposeTile(Code &code, Type element, Value source, Value step, Value target,
                   Value pitch, Value rowLo, Value rowHi, Value lo, Value hi) {
  unsigned block = getStorageBytes(element) == 8 ? 4 : 8;
  Type vector = code.vectorOf(element, block);
  auto from = [&](Value r, Value j) {
    return code.gep(element, source, code.add(r, code.mul(j, step)));
  };
  auto to = [&](Value r, Value j) {
    return code.gep(element, target, code.add(code.mul(r, pitch), j));
  };
  Value one = code.i64(1), size = code.i64(block);
  auto whole = [&](Value r, Value j) {
    SmallVector<Value> rows;
    for (unsigned k = 0; k < block; ++k)
      rows.push_back(code.load(vector, from(r, code.add(j, code.i64(k)))));
    transposeBlock(code, rows);
    for (unsigned k = 0; k < block; ++k)
      code.store(rows[k], to(code.add(r, code.i64(k)), j));
  };
  // Absent columns repeat the last one; absent rows are not stored.
  auto edge = [&](Value r, Value j, Value many, Value wide) {
    Value isRow = code.maskBelow(many, block), isColumn = code.maskBelow(wide, block);
    Value last = code.sub(hi, one);
    SmallVector<Value> rows;
    for (unsigned k = 0; k < block; ++k)
      rows.push_back(code.maskedLoad(
          vector, from(r, code.minimum(code.add(j, code.i64(k)), last)), isRow));
    transposeBlock(code, rows);
    for (unsigned k = 0; k < block; ++k)
      code.ifThen(code.less(code.i64(k), many), [&] {
        code.maskedStore(rows[k], to(code.add(r, code.i64(k)), j), isColumn);
      });
  };
  Value rowEnd = code.add(rowLo, code.roundDown(code.sub(rowHi, rowLo), block));
  Value end = code.add(lo, code.roundDown(code.sub(hi, lo), block));
  code.loop(lo, end, size,
            [&](Value j) { code.loop(rowLo, rowEnd, size, [&](Value r) { whole(r, j); }); });
  code.loop(rowLo, rowHi, size, [&](Value r) {
    Value many = code.sub(rowHi, r);
    Value start = code.select(code.less(many, size), lo, end);
    code.loop(start, hi, size, [&](Value j) { edge(r, j, many, code.sub(hi, j)); });
  });
}

} // namespace

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
    transposeTile(code, element, source.base, entry.dim(source.stride), tiles.back(), pitch,
                  rowLo, rowHi, lo, hi);
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
    transposeTile(code, getStorageType(tile.source.element), source.base,
                  emitter.entry.dim(source.stride), emitter.accessStream(store).base,
                  emitter.entry.dim(store.strides[plan.dim]), rowLo, rowHi, lo, hi);
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
