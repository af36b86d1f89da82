//===- GroupCosts.cpp - what the cost model says of groups ----------------===//
//
// A group keeps the work of its ops; an op that joins adds to it in time that
// depends on its operands alone, a merge on what the groups read
// (kMaxKernelInputs at most). Only the liveness walk visits all ops of a group,
// which are at most kMaxKernelOps, and only where they could outnumber the
// registers.
//
//===----------------------------------------------------------------------===//

#include "dialect/Graph/Infer.h"
#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

static unsigned elementBytes(Value value) {
  Type type = cast<RankedTensorType>(value.getType()).getElementType();
  return std::max(1u, type.getIntOrFloatBitWidth() / 8);
}

/// Each operand that reads a computing op's value is an edge, those of ops that
/// stay outside of kernels too.
void BlockFuser::countEdges() {
  consumers.assign(ops.size(), 0);
  isStateValue.assign(ops.size(), false);
  operandOps.assign(ops.size(), {});
  auto isComputing = [&](int index) {
    return index != kNone && roles[index] != OpRole::Outside &&
           roles[index] != OpRole::View && roles[index] != OpRole::Leaf;
  };
  auto read = [&](Value value) {
    int index = indexOf(value.getDefiningOp());
    if (index != kNone)
      ++consumers[index];
  };
  for (auto [index, op] : llvm::enumerate(ops)) {
    OpRole role = roles[index];
    bool isMade = role != OpRole::View && role != OpRole::Leaf;
    if (role == OpRole::Outside ||
        (isa<ir::ReshapeOp>(op) && needsBuffer[index])) {
      llvm::for_each(op->getOperands(), read);
      if (auto update = dyn_cast<ir::StateUpdateOp>(op))
        if (int made = indexOf(update.getValue().getDefiningOp()); made != kNone)
          isStateValue[made] = true;
      op->walk([&](Operation *inner) {
        if (inner != op)
          llvm::for_each(inner->getOperands(), read);
      });
      continue;
    }
    if (!isMade && !needsBuffer[index])
      continue;
    for (unsigned k = 0; k < op->getNumOperands(); ++k) {
      int made = indexOf(getSource(op, k).base.getDefiningOp());
      if (made == kNone)
        continue;
      ++consumers[made];
      if (isComputing(made))
        operandOps[index].push_back(made);
    }
  }
  llvm::for_each(block.getTerminator()->getOperands(), read);
}

double BlockFuser::bytesOf(Value value) const {
  return model.bytes(shapeOf(value), elementBytes(value));
}

/// What an operand moves: axes that a broadcast repeats count once, of a slice
/// its part.
double BlockFuser::bytesRead(Operation *op, const Source &source) const {
  double whole = bytesOf(source.base);
  if (isa<ir::GatherOp, ir::DynamicSliceOp>(op) &&
      source.value == op->getOperand(0))
    return std::min(whole, bytesOf(op->getResult(0)));
  const Dims &shape = shapeOf(source.value);
  double count = 1;
  for (const AxisAccess &axis : source.access.axes)
    if (axis.dim >= 0)
      count *= model.extent(shape[axis.dim]);
  return std::min(whole, count * elementBytes(source.base));
}

double BlockFuser::computeNs(unsigned index) const {
  Operation *op = ops[index];
  std::optional<OpKind> kind = ir::getOpKind(op);
  if (!kind)
    return 0;
  if (auto matmul = dyn_cast<ir::MatMulOp>(op)) {
    const Dims &left = shapeOf(matmul.getA());
    double k = left.empty() ? 1 : model.extent(left.back());
    return model
        .matmul(1, model.elements(shapeOf(matmul.getResult())), 1, k,
                elementBytes(matmul.getResult()))
        .computeNs;
  }
  bool reduces = roles[index] == OpRole::RowReduce ||
                 roles[index] == OpRole::ColumnReduce ||
                 roles[index] == OpRole::ArgReduce;
  bool moves = roles[index] == OpRole::Scatter;
  Value shaped = reduces ? op->getOperand(0)
                 : moves ? op->getOperand(1)
                         : op->getResult(0);
  double each = model.opNs(*kind, elementBytes(shaped));
  // Rows that are picked whole cost their moves, and an index each.
  if (auto gather = dyn_cast<ir::GatherOp>(op)) {
    double picks = model.elements(shapeOf(gather.getIndices()[0]));
    return picks * each + model.elements(shapeOf(shaped)) *
                              model.opNs(OpKind::kAdd, elementBytes(shaped));
  }
  return model.elements(shapeOf(shaped)) * each;
}

/// Adds the time of an op of a kernel over `space`. What is computed once a row is
/// a scalar: a single instruction runs beside the vectors, a function waits for
/// the row and is waited for. Short rows are taken side by side, in vectors.
void BlockFuser::addCompute(KernelWork &work, unsigned index, Level level, const Dims &space) const {
  constexpr double fewInstructions = 0.2; // ns
  constexpr int64_t mostSideBySide = 16;  // elements of a row
  double ns = computeNs(index);
  std::optional<OpKind> kind = ir::getOpKind(ops[index]);
  bool isFunction = level == Level::Row && roles[index] == OpRole::Elementwise && kind &&
                    model.opNs(*kind, 4) >= fewInstructions;
  bool areShort = !space.empty() && space.back().is_static() && space.back().value() <= mostSideBySide;
  if (isFunction)
    work.onceNs += ns * (areShort ? 1 : model.getMachine().rowOpShare);
  else
    work.computeNs += ns;
}

KernelWork BlockFuser::workAlone(unsigned index,
                                 ArrayRef<Source> sources) const {
  Operation *op = ops[index];
  bool reduces =
      roles[index] == OpRole::RowReduce || roles[index] == OpRole::ColumnReduce;
  const Dims &space = shapeOf(reduces ? op->getOperand(0) : op->getResult(0));
  KernelWork work;
  work.points = model.elements(space);
  work.computeNs = computeNs(index);
  work.live = op->getNumOperands() + 1;
  bool isOneLoop = !reduces;
  SmallVector<Value> seen;
  for (const Source &source : sources) {
    if (!isRead(source) || llvm::is_contained(seen, source.base))
      continue;
    seen.push_back(source.base);
    work.readBytes += bytesRead(op, source);
    int64_t rank = cast<RankedTensorType>(source.base.getType()).getRank();
    bool isWhole = rank == static_cast<int64_t>(space.size());
    isOneLoop &= rank == 0 || (isWhole && source.access.isIdentity());
  }
  work.writtenBytes = bytesOf(op->getResult(0));
  if (!isOneLoop && !space.empty())
    work.rows = work.points / std::max(1.0, model.extent(space.back()));
  return work;
}

/// The sweep over the rows in which a full op is computed or a reduction done;
/// for what is computed once a row, the sweep before.
unsigned BlockFuser::passIn(ArrayRef<Source> sources, const Group &group,
                            bool isFull) const {
  unsigned pass = 0;
  for (const Source &source : sources)
    if (source.op != kNone && nodes[source.op] != kNone && group.isKernel &&
        &group == &graph.get(nodes[source.op]))
      pass = std::max(pass, passes[source.op] +
                                (isFull && levels[source.op] == Level::Row));
  return pass;
}

KernelWork BlockFuser::workJoined(unsigned index, const Group &group,
                                  Level level, ArrayRef<Source> sources) const {
  Operation *op = ops[index];
  KernelWork alone = workAlone(index, sources);
  KernelWork work = group.work;
  addCompute(work, index, level, group.space);
  work.points = std::max(work.points, alone.points);
  bool reduces =
      roles[index] == OpRole::RowReduce || roles[index] == OpRole::ColumnReduce;
  bool isFull = level == Level::Full || reduces;
  if (isFull)
    work.rows = std::max(work.rows, alone.rows);
  SmallVector<Value> seen;
  for (const Source &source : sources) {
    bool isOwn = source.op != kNone && &group == &graph.get(source.group);
    bool isNew = !llvm::is_contained(seen, source.base);
    seen.push_back(source.base);
    if (isOwn) {
      // The last that reads it: it need not be written.
      unsigned edges = llvm::count_if(
          sources, [&](const Source &other) { return other.op == source.op; });
      if (isNew && consumers[source.op] <= edges)
        work.writtenBytes -= bytesOf(source.base);
    } else if (isNew && isRead(source) &&
               !group.reads.contains(source.base.getAsOpaquePointer())) {
      work.readBytes += bytesRead(op, source);
    }
  }
  work.writtenBytes = std::max(0.0, work.writtenBytes) + alone.writtenBytes;
  double pass = isFull ? passIn(sources, group, isFull) + 1 : 1;
  if (pass > work.passes) {
    // A sweep more: its operand comes from what holds the row.
    work.againBytes += bytesOf(op->getOperand(0));
    work.passes = pass;
    work.wholeRows = true;
    work.rowBytes = 2 * bytesOf(op->getOperand(0)) / std::max(1.0, work.rows);
  }
  work.wholeRows |= reduces && group.gathers;
  if (reduces && group.reducedAxis < 0 && group.kernelClass == KernelClass::MatMul) {
    work.computeNs += rowBlocksNs(group);
    work.wholeRows = true;
  }
  if (group.ops.size() + group.reads.size() >=
          model.getMachine().vectorRegisters ||
      explanation)
    work.live = liveVectors(group.ops, index);
  else
    work.live = std::max(work.live, alone.live);
  return work;
}

KernelWork BlockFuser::workMerged(const Group &a, const Group &b) const {
  KernelWork work = a.work;
  work += b.work;
  work.passes = std::max(a.work.passes, b.work.passes);
  auto internalise = [&](const Group &reader, const Group &maker) {
    for (auto [pointer, read] : reader.reads) {
      int made = indexOf(Value::getFromOpaquePointer(pointer).getDefiningOp());
      bool isInside = made != kNone && nodes[made] != kNone &&
                      &graph.get(nodes[made]) == &maker;
      if (!isInside)
        continue;
      work.readBytes -= read.bytes;
      if (consumers[made] <= read.edges)
        work.writtenBytes -= bytesOf(ops[made]->getResult(0));
      // A row's value, needed all along the row: a sweep more.
      if (levels[made] == Level::Row && !canBeRowsOf(reader, maker)) {
        work.passes = a.work.passes + b.work.passes;
        work.wholeRows = true;
        work.rows = std::max(work.rows, maker.work.rows);
        work.againBytes =
            a.work.againBytes + b.work.againBytes + 4 * work.points;
        work.rowBytes = 8 * work.points / std::max(1.0, work.rows);
      }
    }
  };
  internalise(a, b);
  internalise(b, a);
  // Ops of the rows were vectors along them, and run once a row now.
  bool isRows = canBeRowsOf(a, b);
  if (isRows || canBeRowsOf(b, a))
    for (unsigned index : isRows ? a.ops : b.ops) {
      work.computeNs -= computeNs(index);
      addCompute(work, index, Level::Row, isRows ? b.space : a.space);
    }
  auto reduceRows = [&](const Group &matmul, const Group &other) {
    if (matmul.kernelClass != KernelClass::MatMul || matmul.reducedAxis >= 0 ||
        other.reducedAxis < 0)
      return;
    work.computeNs += rowBlocksNs(matmul);
    work.wholeRows = true;
  };
  reduceRows(a, b);
  reduceRows(b, a);
  const Group &few = a.reads.size() < b.reads.size() ? a : b;
  const Group &many = &few == &a ? b : a;
  for (auto [pointer, read] : few.reads)
    if (auto it = many.reads.find(pointer); it != many.reads.end())
      work.readBytes -= std::min(read.bytes, it->second.bytes);
  work.readBytes = std::max(0.0, work.readBytes);
  work.writtenBytes = std::max(0.0, work.writtenBytes);
  if (a.ops.size() + b.ops.size() + many.reads.size() >=
          model.getMachine().vectorRegisters ||
      explanation)
    work.live = liveVectors(a.ops, b.ops);
  return work;
}

FusionFigures BlockFuser::weighJoin(unsigned index, const Group &group,
                                    Level level,
                                    ArrayRef<Source> sources) const {
  return model.compare(group.work, workAlone(index, sources),
                       workJoined(index, group, level, sources));
}

FusionFigures BlockFuser::weighMerge(const Group &a, const Group &b) const {
  return model.compare(a.work, b.work, workMerged(a, b));
}

unsigned BlockFuser::liveVectors(ArrayRef<unsigned> first,
                                 ArrayRef<unsigned> second) const {
  SmallVector<unsigned> order(first);
  order.append(second.begin(), second.end());
  llvm::sort(order);
  DenseMap<unsigned, unsigned> lastUse; // value -> position
  for (auto [position, index] : llvm::enumerate(order))
    for (int operand : operandOps[index])
      lastUse[operand] = position;
  DenseMap<unsigned, unsigned> ends; // position -> values
  unsigned live = 0, most = 0;
  for (auto [position, index] : llvm::enumerate(order)) {
    // Its operands that are loaded for it are live here alone.
    unsigned loaded = ops[index]->getNumOperands() - operandOps[index].size();
    most = std::max(most, live + loaded + 1);
    if (auto it = lastUse.find(index); it != lastUse.end() &&
                                       it->second > position &&
                                       levels[index] == Level::Full) {
      ++live;
      ++ends[it->second];
    }
    if (auto it = ends.find(position); it != ends.end())
      live -= it->second;
  }
  return most;
}

void BlockFuser::account(unsigned index, ArrayRef<Source> sources) {
  unsigned id = graph.find(nodes[index]);
  Group &group = graph[id];
  for (const Source &source : sources) {
    if (source.op != kNone && graph.find(nodes[source.op]) == id) {
      if (consumers[source.op] > 0)
        --consumers[source.op];
      continue;
    }
    if (!isRead(source))
      continue;
    Group::Read &read = group.reads[source.base.getAsOpaquePointer()];
    read.bytes = std::max(read.bytes, bytesRead(ops[index], source));
    ++read.edges;
  }
  if (roles[index] == OpRole::Gather)
    group.gathers = true;
  group.updatesState |= isStateValue[index];
}

} // namespace oriel
