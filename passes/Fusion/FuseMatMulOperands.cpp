//===- FuseMatMulOperands.cpp - what a matmul computes as it reads --------===//
//
// When the groups are known: an elementwise value that a matmul reads may be
// computed by the matmul's kernel, as it packs or reads the operand, from what the
// value is made of: a cast, a scale, a row's mean and a column's factor, a residual.
// The value is then neither written nor read. What that costs is that its ops run
// as often as an element is packed, and that an operand is packed which could be
// read where it lies.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/FuseBlock.h"

using namespace mlir;

namespace oriel {

static Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

/// Ops that packing computes: of floats all but those that are many instructions
/// whatever they are given, of integers those that cannot fail.
static bool mayBePacked(Operation *op) {
  if (isCheap(op) || isa<ir::SignOp, ir::FloorOp, ir::CeilOp, ir::RoundOp>(op))
    return true;
  return isa<FloatType>(elementOf(op->getResult(0))) &&
         isa<ir::ExpOp, ir::Expm1Op, ir::LogOp, ir::Log1pOp, ir::SqrtOp, ir::RsqrtOp, ir::TanhOp,
             ir::SigmoidOp, ir::ErfOp, ir::SinOp, ir::CosOp, ir::DivOp>(op);
}

/// Ops of one tensor that tiles and vectors compute too, an instruction or two each.
static bool isOneInstruction(Operation *op) {
  if (auto cast = dyn_cast<ir::CastOp>(op)) {
    Type from = elementOf(cast.getX()), to = elementOf(cast.getResult());
    return !from.isInteger(1) && !to.isInteger(1) &&
           !(isa<FloatType>(from) && isa<IntegerType>(to)) && // more than one op
           from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth();
  }
  Type element = elementOf(op->getResult(0));
  return (element.isF32() || element.isF64()) &&
         isa<ir::NegOp, ir::AbsOp, ir::AddOp, ir::SubOp, ir::MulOp, ir::MaximumOp, ir::MinimumOp>(op);
}

/// Adds what `index` reads to what a matmul would read for it.
void BlockFuser::lookAt(Prologue &made, unsigned index) const {
  constexpr unsigned kMostOps = 12;
  unsigned tensors = 0;
  made.isChain &= isOneInstruction(ops[index]);
  const Dims &shape = shapeOf(ops[index]->getResult(0));
  for (const Source &source : getSources(ops[index])) {
    Operation *def = source.base.getDefiningOp();
    if (!isRead(source)) {
      if (!def || !isSplatConstant(def))
        made.reason = "it counts along the operand";
      continue;
    }
    ++tensors;
    bool isWhole = source.access.axes.size() == shape.size();
    SmallVector<bool> runs(shape.size());
    for (auto [k, axis] : llvm::enumerate(source.access.axes)) {
      if (axis.dim < 0)
        continue;
      runs[axis.dim] = true;
      if (!dims.areEqual(shapeOf(source.base)[k], shape[axis.dim]))
        made.reason = "it reads a slice";
    }
    if (source.isSliced || !source.access.isPlain())
      made.reason = "it reads a slice";
    size_t rank = shape.size();
    isWhole = rank < 2 ? isWhole : runs[rank - 1] && runs[rank - 2];
    if (source.op == kNone || isOutput[source.op]) {
      // Memory, as it lies or will.
      made.isConstant &= isa_and_nonnull<ir::ConstantOp>(def);
      made.matrices += isWhole;
      made.isChain &= isWhole;
      continue;
    }
    bool isMadeAlong = roles[source.op] == OpRole::Elementwise && source.isDirect &&
                       levels[source.op] == Level::Full && mayBePacked(ops[source.op]);
    if (isMadeAlong) {
      if (llvm::is_contained(made.ops, static_cast<unsigned>(source.op))) {
        made.isChain = false;
      } else if (made.ops.size() == kMostOps) {
        made.reason = "it is made of more than " + std::to_string(kMostOps) + " ops";
      } else {
        made.ops.push_back(source.op);
      }
    } else if (levels[source.op] == Level::Row && !isWhole) {
      made.isChain = false;
      made.isConstant = false;
      if (!llvm::is_contained(made.kept, static_cast<unsigned>(source.op)))
        made.kept.push_back(source.op);
    } else {
      made.reason = "it goes on with what its kernel computes";
    }
  }
  made.isChain &= tensors == 1;
}

BlockFuser::Prologue BlockFuser::prologueOf(unsigned index) const {
  Prologue made;
  if (!mayBePacked(ops[index])) {
    made.reason = "packing computes no such op";
    return made;
  }
  made.ops.push_back(index);
  for (unsigned k = 0; k < made.ops.size() && made.reason.empty(); ++k)
    lookAt(made, made.ops[k]);
  made.isChain &= made.matrices == 1;
  auto isCast = [&](unsigned each) { return isa<ir::CastOp>(ops[each]); };
  if (made.reason.empty() && made.isConstant && !llvm::all_of(made.ops, isCast))
    made.reason = "it is computed once, of constants";
  auto readsTensor = [&](unsigned each) {
    return llvm::any_of(getSources(ops[each]), [&](const Source &source) {
      return isRead(source) && !llvm::is_contained(made.ops, static_cast<unsigned>(source.op));
    });
  };
  if (made.reason.empty() && llvm::none_of(made.ops, readsTensor))
    made.reason = "it is made of numbers alone, and reads no tensor";
  llvm::sort(made.ops);
  return made;
}

/// Why the matmul of `reader` cannot make its operand `index`; empty when it can.
std::string BlockFuser::whyNotPrologue(const Group &reader, const Prologue &made,
                                       unsigned index) const {
  if (!made.reason.empty())
    return made.reason;
  ir::MatMulOp matmul = matmulOf(reader);
  Type element = elementOf(ops[index]->getResult(0));
  if (element.isInteger(1))
    return "a product of truth values reads them as bytes";
  auto typeOf = [](Value value) { return cast<RankedTensorType>(value.getType()); };
  RankedTensorType a = typeOf(matmul.getA()), c = typeOf(matmul.getB());
  bool isVector = a.getRank() < 2 || c.getRank() < 2 || a.getShape()[a.getRank() - 2] == 1 ||
                  c.getShape().back() == 1;
  if (isVector && !made.isChain)
    return "a product with a vector reads its operands as they lie";
  for (unsigned member : reader.ops)
    if (ops[member] != matmul)
      for (int read : operandOps[member])
        if (llvm::is_contained(made.ops, static_cast<unsigned>(read)))
          return "the kernel reads it beside the product too";
  return "";
}

/// What an operand costs that is made as it is read: the ops as often as an element
/// is packed, and packing where it would be read as it lies.
double BlockFuser::operandNs(const Group &reader, unsigned operand, const Prologue &made) const {
  ir::MatMulOp matmul = matmulOf(reader);
  const Dims &shape = shapeOf(matmul.getResult()), &left = shapeOf(matmul.getA()),
             &right = shapeOf(matmul.getB());
  double k = model.extent(left.back());
  double n = right.size() < 2 ? 1 : model.extent(shape.back());
  double m = left.size() < 2 ? 1 : model.extent(shape[shape.size() - (right.size() < 2 ? 1 : 2)]);
  double batch = model.elements(shape) / std::max(1.0, m * n);
  double ns = 0;
  for (unsigned each : made.ops)
    if (std::optional<OpKind> kind = ir::getOpKind(ops[each]))
      ns += model.opNs(*kind, elementOf(ops[each]->getResult(0)).getIntOrFloatBitWidth() / 8);
  unsigned bytes = elementOf(matmul.getResult()).getIntOrFloatBitWidth() >= 64 ? 8 : 4;
  bool lies = operand == 1 && getSource(matmul, 1).access.isIdentity();
  CostModel::Packing packing = model.packing(operand == 0, lies, m, n, bytes, reader.reducedAxis >= 0);
  double times = made.isChain ? packing.reads : packing.times;
  double each = times * ns;
  // Each further matrix is brought across like the first.
  if (operand == 0 || !made.isChain)
    each += packing.times * model.getMachine().packNs *
            (made.matrices - (packing.isPacked || made.matrices == 0 ? 1.0 : 0.0));
  return std::max(0.0, each) * batch * k * (operand == 0 ? m : n);
}

KernelWork BlockFuser::workPrologue(const Group &reader, unsigned value, const Prologue &made,
                                    llvm::DenseMap<const void *, Group::Read> &reads) const {
  KernelWork work = reader.work;
  const void *pointer = ops[value]->getResult(0).getAsOpaquePointer();
  if (auto it = reader.reads.find(pointer); it != reader.reads.end())
    work.readBytes -= it->second.bytes;
  for (unsigned index : made.ops)
    for (const Source &source : getSources(ops[index])) {
      const void *base = source.base.getAsOpaquePointer();
      if ((source.op != kNone && llvm::is_contained(made.ops, static_cast<unsigned>(source.op))) ||
          !isRead(source) || reader.reads.contains(base) || reads.contains(base))
        continue;
      reads[base] = {bytesRead(ops[index], source), 1};
      work.readBytes += reads[base].bytes;
    }
  work.readBytes = std::max(0.0, work.readBytes);
  ir::MatMulOp matmul = matmulOf(reader);
  for (unsigned operand : {0u, 1u})
    if (getSource(matmul, operand).op == static_cast<int>(value))
      work.computeNs += operandNs(reader, operand, made);
  return work;
}

/// The kernel that makes `value` when nobody needs it in memory: what only it needed
/// is not done either. Without points: there is nothing left to do.
KernelWork BlockFuser::workWithout(const Group &home, unsigned value, const Prologue &made) const {
  SmallVector<unsigned> members(home.ops);
  llvm::sort(members);
  llvm::DenseSet<unsigned> live;
  for (unsigned member : llvm::reverse(members)) {
    if ((isOutput[member] && member != value) || llvm::is_contained(made.kept, member))
      live.insert(member);
    if (live.contains(member))
      for (int read : operandOps[member])
        if (llvm::is_contained(home.ops, static_cast<unsigned>(read)))
          live.insert(read);
  }
  if (live.empty())
    return KernelWork();
  KernelWork work = home.work;
  work.writtenBytes -= bytesOf(ops[value]->getResult(0));
  for (unsigned member : made.kept)
    if (!isOutput[member] && llvm::is_contained(home.ops, member))
      work.writtenBytes += bytesOf(ops[member]->getResult(0));
  llvm::DenseSet<const void *> read;
  unsigned sweeps = 1;
  for (unsigned member : members) {
    if (!live.contains(member)) {
      work.computeNs -= computeNs(member);
      continue;
    }
    bool isFull = levels[member] == Level::Full || roles[member] == OpRole::RowReduce;
    sweeps = std::max(sweeps, isFull ? passes[member] + 1 : 1);
    for (const Source &source : getSources(ops[member]))
      read.insert(source.base.getAsOpaquePointer());
  }
  for (auto [pointer, each] : home.reads)
    if (!read.contains(pointer))
      work.readBytes -= each.bytes;
  if (sweeps < work.passes) {
    work.againBytes -= (work.passes - sweeps) * bytesOf(ops[value]->getResult(0));
    work.passes = sweeps;
  }
  for (double *each : {&work.writtenBytes, &work.readBytes, &work.computeNs, &work.againBytes})
    *each = std::max(0.0, *each);
  return work;
}

/// A cast of 8-bit integers to 32 bits.
static bool isBytesCast(Operation *op) {
  auto cast = dyn_cast<ir::CastOp>(op);
  if (!cast)
    return false;
  Type from = getElementTypeOrSelf(cast.getX().getType());
  Type to = getElementTypeOrSelf(cast.getResult().getType());
  return isa<IntegerType>(from) && from.getIntOrFloatBitWidth() == 8 && isa<IntegerType>(to) &&
         to.getIntOrFloatBitWidth() == 32;
}

void BlockFuser::takePrologues() {
  if (llvm::none_of(roles, [](OpRole role) { return role == OpRole::MatMul; }))
    return;
  constexpr size_t kMostReaders = 8;
  struct Readers {
    SmallVector<unsigned> matmuls; // groups whose matmul reads it
    bool byOthers = false;
  };
  if (fusion) {
    findOutputs();
    std::vector<Readers> readers(ops.size());
    auto needed = [&](Value value) {
      if (int index = indexOf(value.getDefiningOp()); index != kNone)
        readers[index].byOthers = true;
    };
    llvm::for_each(block.getTerminator()->getOperands(), needed);
    for (unsigned index = 0; index < ops.size(); ++index) {
      if (nodes[index] == kNone)
        continue;
      unsigned id = graph.find(nodes[index]);
      if (!graph.get(id).isKernel) {
        llvm::for_each(ops[index]->getOperands(), needed);
        ops[index]->walk([&](Operation *inner) { llvm::for_each(inner->getOperands(), needed); });
        continue;
      }
      for (const Source &source : getSources(ops[index])) {
        if (source.op == kNone || source.group == static_cast<int>(id) || isAgain(ops[source.op], id))
          continue;
        Readers &of = readers[source.op];
        if (roles[index] != OpRole::MatMul || of.matmuls.size() == kMostReaders)
          of.byOthers = true;
        else if (!llvm::is_contained(of.matmuls, id))
          of.matmuls.push_back(id);
      }
    }
    for (unsigned index = 0; index < ops.size(); ++index) {
      if (readers[index].matmuls.empty() || roles[index] != OpRole::Elementwise || !isOutput[index] ||
          nodes[index] == kNone)
        continue;
      Prologue made = prologueOf(index);
      Group &home = graph[nodes[index]];
      struct Change {
        unsigned group;
        KernelWork work;
        llvm::DenseMap<const void *, Group::Read> reads;
        double before, after;
      };
      SmallVector<Change> changes;
      bool all = !readers[index].byOthers && !isStateValue[index];
      double before = 0, after = 0;
      for (unsigned id : readers[index].matmuls) {
        const Group &reader = graph.get(id);
        Change change{id, KernelWork(), llvm::DenseMap<const void *, Group::Read>(), 0, 0};
        PrologueDecision &decision = prologues[{id, index}];
        decision.reason = whyNotPrologue(reader, made, index);
        if (decision.reason.empty()) {
          change.work = workPrologue(reader, index, made, change.reads);
          if (reader.reads.size() + change.reads.size() > kMaxKernelInputs)
            decision.reason = tooManyInputs();
        }
        if (!decision.reason.empty()) {
          all = false;
          continue;
        }
        double footprint = std::max(reader.work.readBytes, change.work.readBytes) + reader.work.writtenBytes;
        change.before = model.getNs(reader.work, footprint);
        change.after = model.getNs(change.work, footprint);
        before += change.before;
        after += change.after;
        changes.push_back(std::move(change));
      }
      KernelWork rest;
      double saved = 0;
      if (!changes.empty() && all) {
        double footprint = home.work.readBytes + home.work.writtenBytes;
        rest = workWithout(home, index, made);
        saved = model.getNs(home.work, footprint) - (rest.points > 0 ? model.getNs(rest, footprint) : 0);
      }
      // Bytes are never multiplied slower than the words they become: machines that
      // can take four at once, others widen them as they are packed.
      bool drops = all && (isBytesCast(ops[index]) || after <= before + saved);
      for (Change &change : changes) {
        Group &reader = graph[change.group];
        PrologueDecision &decision = prologues[{change.group, index}];
        FusionFigures &figures = decision.figures;
        figures.apart = reader.work;
        figures.fused = change.work;
        figures.apartNs = change.before;
        figures.fusedNs = change.after;
        if (all) {
          KernelWork part = home.work;
          part.readBytes = std::max(0.0, home.work.readBytes - rest.readBytes);
          part.writtenBytes = std::max(0.0, home.work.writtenBytes - rest.writtenBytes);
          figures.apart += part;
          figures.apartNs += saved / changes.size();
        }
        // Where it is written anyway, those that gain by themselves.
        decision.isTaken = drops || (!all && change.after < change.before);
        if (!decision.isTaken) {
          decision.reason = kDearer;
          continue;
        }
        decision.reason = made.isChain ? "computed as the operand is read" : "computed as the operand is packed";
        reader.reads.erase(ops[index]->getResult(0).getAsOpaquePointer());
        reader.reads.insert(change.reads.begin(), change.reads.end());
        reader.work = change.work;
        for (unsigned each : made.ops)
          again[each].insert(graph.find(change.group));
      }
      if (!drops)
        continue;
      home.work = rest;
      isOutput[index] = false;
      for (unsigned kept : made.kept)
        isOutput[kept] = true;
    }
    isOutput.assign(ops.size(), false);
  }
  for (unsigned index = 0; index < ops.size(); ++index)
    if (roles[index] == OpRole::MatMul)
      explainOperands(index);
}

/// A line for each kernel that makes an operand.
void BlockFuser::explainOperands(unsigned index) {
  DenseMap<int, std::string> reasons;
  SmallVector<Source> sources = getSources(ops[index]), others;
  unsigned id = graph.find(nodes[index]);
  for (const Source &source : sources) {
    auto it = source.op == kNone ? prologues.end()
                                 : prologues.find({id, static_cast<unsigned>(source.op)});
    if (it == prologues.end()) {
      others.push_back(source);
      continue;
    }
    const PrologueDecision &decision = it->second;
    if (decision.isTaken) {
      explainPair(index, source.op, true, decision.reason, decision.figures);
      continue;
    }
    reasons[source.op] = decision.reason;
    if (decision.figures.apartNs > 0)
      weighed[source.op] = decision.figures;
    others.push_back(source);
  }
  remark(index, others, reasons);
}

} // namespace oriel
