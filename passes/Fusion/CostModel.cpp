//===- CostModel.cpp - what a kernel costs --------------------------------===//

#include "passes/Fusion/CostModel.h"

#include "runtime/core/dim_node.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace oriel {

MachineModel MachineModel::forVectors(unsigned bits, unsigned registers) {
  MachineModel machine;
  machine.vectorBits = bits;
  machine.vectorRegisters = registers ? registers : bits >= 512 ? 32 : 16;
  return machine;
}

KernelWork &KernelWork::operator+=(const KernelWork &other) {
  points = std::max(points, other.points);
  rows = std::max(rows, other.rows);
  wholeRows |= other.wholeRows;
  readBytes += other.readBytes;
  writtenBytes += other.writtenBytes;
  againBytes += other.againBytes;
  rowBytes = std::max(rowBytes, other.rowBytes);
  computeNs += other.computeNs;
  onceNs += other.onceNs;
  passes += other.passes;
  live = std::max(live, other.live);
  return *this;
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

double CostModel::extent(const Dim &dim) const {
  if (dim.is_static())
    return static_cast<double>(dim.value());
  std::vector<std::string> symbols;
  dim.CollectSymbols(&symbols);
  DimBindings assumed;
  for (const std::string &symbol : symbols)
    assumed[symbol] = machine.assumedExtent;
  // What does not evaluate (a quotient by a difference, say) is any extent.
  absl::StatusOr<int64_t> value = dim.Evaluate(assumed);
  return value.ok() ? std::max<double>(0, static_cast<double>(*value))
                    : static_cast<double>(machine.assumedExtent);
}

double CostModel::elements(const Dims &shape) const {
  double count = 1;
  for (const Dim &dim : shape)
    count *= extent(dim);
  return count;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

namespace {

/// ns an element of docs/math.md for f32 and f64; a simple op is two vectors of
/// 256 bits a cycle.
struct OpTime {
  double f32, f64;
};

OpTime timeOf(OpKind op) {
  switch (op) {
  case OpKind::kExp:
    return {0.24, 0.64};
  case OpKind::kExpm1:
    return {0.44, 0.99};
  case OpKind::kLog:
    return {0.43, 1.00};
  case OpKind::kLog1p:
    return {0.44, 1.07};
  case OpKind::kSigmoid:
    return {0.25, 0.73};
  case OpKind::kTanh:
    return {0.38, 1.21};
  case OpKind::kErf:
    return {0.30, 1.20};
  case OpKind::kSin:
  case OpKind::kCos:
    return {0.30, 0.83};
  case OpKind::kPow:
    return {1.63, 3.93};
  case OpKind::kMod:
  case OpKind::kFloorDiv:
    return {0.25, 0.52};
  case OpKind::kDiv:
  case OpKind::kSqrt:
    return {0.12, 0.34};
  case OpKind::kRsqrt:
    return {0.24, 0.68};
  case OpKind::kRandomBits:
    return {3.0, 3.0};
  case OpKind::kSign:
    return {0.06, 0.12};
  case OpKind::kSort:
  case OpKind::kArgSort:
    return {40, 40};
  case OpKind::kGather:
    return {0.7, 0.8}; // an index, a check, a load
  case OpKind::kScatter:
    return {1.2, 1.3};
  case OpKind::kArgMax:
  case OpKind::kArgMin:
    return {0.08, 0.12};
  case OpKind::kReduce:
    return {0.03, 0.06};
  default:
    return {0.02, 0.04};
  }
}

} // namespace

double CostModel::opNs(OpKind op, unsigned elementBytes) const {
  OpTime time = timeOf(op);
  double ns = elementBytes >= 8 ? time.f64 : time.f32;
  // Without 256-bit vectors twice as many instructions.
  return machine.vectorBits >= 256 ? ns : 2 * ns;
}

double CostModel::scalarNs(OpKind op) const {
  // Of f64: a scalar takes as long as a vector of them.
  return machine.scalarNs * std::max(1.0, timeOf(op).f64 / timeOf(OpKind::kAdd).f64 / 4);
}

KernelWork CostModel::elementwise(OpKind op, const Dims &shape,
                                  unsigned elementBytes) const {
  KernelWork work;
  work.points = elements(shape);
  work.computeNs = work.points * opNs(op, elementBytes);
  return work;
}

KernelWork CostModel::matmul(double batch, double m, double n, double k,
                             unsigned elementBytes) const {
  KernelWork work;
  work.points = batch * m * n;
  // Two 256-bit FMA a cycle at 3.7 GHz, nine tenths of it reached.
  double lanes =
      std::min(256u, machine.vectorBits) / (8.0 * (elementBytes >= 8 ? 8 : 4));
  work.computeNs = work.points * k / (2 * 3.7 * lanes * 0.9);
  return work;
}

CostModel::Packing CostModel::packing(bool isLeft, bool lies, double m, double n,
                                      unsigned elementBytes, bool byRows) const {
  // The blocks of the code generator (MatMulTile.cpp, MatMulWalk.cpp).
  constexpr double kDepth = 256, kReadRows = 128, kReadColumns = 192, kTileRows = 8, kBlockRows = 128;
  double lanes = machine.vectorBits / (8.0 * elementBytes);
  double blockColumns = machine.l2Bytes * 15.0 / 16 / (kDepth * elementBytes);
  double tasks = byRows ? 1 : std::ceil(n / (6 * lanes)); // that go down different columns
  double columnRuns = std::min<double>(machine.columnRuns, tasks);
  Packing packing;
  if (isLeft) {
    // Once for each block of columns; threads have columns of their own.
    packing.times = packing.reads = std::max(std::ceil(n / blockColumns), columnRuns);
    packing.isPacked = n > kReadColumns;
  } else {
    // Once for each run of tasks down some columns, whose rows are many.
    double runs = byRows ? std::ceil(m / kBlockRows) : std::ceil(machine.columnRuns / columnRuns);
    packing.isPacked = !lies || m / runs > kReadRows;
    packing.times = std::min(runs, std::ceil(m / kTileRows));
    packing.reads = packing.isPacked ? packing.times : std::ceil(m / kTileRows);
  }
  return packing;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

double CostModel::moveNs(double bytes, double footprint) const {
  double rate = footprint <= machine.l1Bytes   ? machine.l1Rate
                : footprint <= machine.l2Bytes ? machine.l2Rate
                : footprint <= machine.l3Bytes ? machine.l3Rate
                                               : machine.memoryRate;
  return bytes / rate;
}

double CostModel::getNs(const KernelWork &work, double footprint) const {
  double moved = work.readBytes + work.writtenBytes;
  double memory = moveNs(moved, std::max(moved, footprint));
  // A row read again comes from the cache that holds it.
  double again = moveNs(work.againBytes, std::min(work.rowBytes, moved));
  double compute = work.computeNs;
  if (work.live > machine.vectorRegisters)
    compute +=
        (work.live - machine.vectorRegisters) * machine.spillNs * work.points;
  double total = std::max(memory + again, compute) + work.onceNs +
                 work.rows * (work.passes * machine.rowNs +
                              (work.passes - 1) * machine.sweepNs);
  double tasks = work.wholeRows ? work.rows
                                : std::ceil(work.points / machine.taskElements);
  // Threads that find no task wait for the others.
  double wanted = std::clamp(total / machine.threadNs, 1.0,
                             static_cast<double>(machine.threads));
  return machine.dispatchNs + total * wanted / std::clamp(tasks, 1.0, wanted);
}

FusionFigures CostModel::compare(const KernelWork &first,
                                 const KernelWork &second,
                                 const KernelWork &fused) const {
  FusionFigures figures;
  figures.apart = first;
  figures.apart += second;
  figures.fused = fused;
  double footprint = std::max(fused.readBytes + fused.writtenBytes,
                              std::max(first.readBytes + first.writtenBytes,
                                       second.readBytes + second.writtenBytes));
  figures.apartNs = getNs(first, footprint) + getNs(second, footprint);
  figures.fusedNs = getNs(fused, footprint);
  return figures;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string withUnit(double value, llvm::ArrayRef<const char *> units) {
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < units.size(); ++unit)
    value /= 1000;
  char text[48];
  bool isWhole = unit == 0 || value >= 99.95;
  std::snprintf(text, sizeof text, isWhole ? "%.0f %s" : "%.1f %s", value,
                units[unit]);
  return text;
}

std::string bytesText(double bytes) {
  return withUnit(bytes, {"B", "kB", "MB", "GB"});
}

std::string nsText(double ns) { return withUnit(ns, {"ns", "us", "ms", "s"}); }

std::string FusionFigures::toString() const {
  return "apart " + bytesText(apart.readBytes) + " read, " +
         bytesText(apart.writtenBytes) + " written, " + nsText(apartNs) +
         "; fused " + bytesText(fused.readBytes) + " read, " +
         bytesText(fused.writtenBytes) + " written, " +
         nsText(fused.computeNs + fused.onceNs) + " of ops, " + std::to_string(fused.live) +
         " vectors live, " + nsText(fusedNs);
}

} // namespace oriel
