//===- PlanDispatch.cpp - A kernel's step: its storage, its arguments ----===//
#include "passes/Planning/PlannerImpl.h"

#include "dialect/Graph/NodeId.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <map>

using namespace mlir;

namespace oriel::planning {

/// The bytes of a value as far as they are known; as many as there can be where
/// they are more. Nothing: its shape is not known.
static std::optional<uint64_t> staticBytes(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.hasStaticShape())
    return std::nullopt;
  uint64_t bytes = (type.getElementTypeBitWidth() + 7) / 8;
  for (int64_t extent : type.getShape())
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, extent);
  return bytes;
}

/// Does the step make of constants what can be kept from call to call? What
/// kernels keep that do not ask for it is, all together, at most twice the bytes
/// of the constants that it is made of: a chain of them keeps its first results,
/// the rest is made by each call as if it read an input.
bool Planner::canKeep(ir::DispatchOp op, const KernelFacts &facts,
                      WorkItem::Part part) {
  if (part != WorkItem::Part::Whole || facts.fallible ||
      op->getBlock() != &main.getBody().front() || op.getInputs().empty() ||
      !writers.lookup(op).empty())
    return false;
  uint64_t read = constantBytes, made = keptBytes;
  llvm::SmallDenseSet<Attribute> isNew;
  for (Value input : op.getInputs()) {
    Value source = resolve(input);
    auto constant = source.getDefiningOp<ir::ConstantOp>();
    std::optional<uint64_t> bytes = staticBytes(source);
    if ((!constant && !kept.contains(source)) || !bytes)
      return false;
    if (constant && !readOnce.contains(constant.getValue()) &&
        isNew.insert(constant.getValue()).second)
      read = llvm::SaturatingAdd(read, *bytes);
  }
  for (Value result : op.getResults()) {
    std::optional<uint64_t> bytes = staticBytes(result);
    if (buffers.contains(result) || !bytes)
      return false;
    made = llvm::SaturatingAdd(made, *bytes);
  }
  for (const Dim &dim : op.getDims().getDims())
    if (!dim.is_static())
      return false;
  if (!facts.once && made / 2 + made % 2 > read)
    return false;
  constantBytes = read;
  keptBytes = made;
  readOnce.insert(isNew.begin(), isNew.end());
  return true;
}

/// A step as remarks name it.
static std::string nameOf(const WorkItem &item) {
  if (!item.op)
    return "a copy";
  if (auto dispatch = dyn_cast<ir::DispatchOp>(item.op))
    return dispatch.getKernel().getRootReference().str();
  if (isa<ir::ObserveOp>(item.op))
    return "a tap";
  return ("a " + item.op->getName().stripDialect()).str();
}

/// A remark on why `result` is not written over any operand that the kernel
/// reads only where it writes: for each, who still needs it.
void Planner::explainNotInPlace(ir::DispatchOp op, Value result, int32_t root,
                                const llvm::DenseMap<Value, size_t> &lastUse,
                                size_t position) {
  std::string why;
  llvm::DenseSet<Value> seen;
  for (int64_t i : kernels[op].inPlaceOperands) {
    Value operand = op.getInputs()[i], source = resolve(operand);
    if (operand.getType() != result.getType() ||
        !dims.areEqual(dims.getDims(operand), dims.getDims(result)) ||
        !seen.insert(source).second)
      continue;
    int32_t theirs = rootOf(bufferFor(operand));
    const Buffer &old = out.program.buffers[theirs];
    auto last = lastUse.find(source);
    std::string reason;
    if (theirs == root)
      return; // in place, after all
    if (old.kind == BufferKind::kInput)
      reason = "is an input";
    else if (old.kind == BufferKind::kState)
      reason = "is a state";
    else if (old.kind == BufferKind::kConstant || old.kind == BufferKind::kKept)
      reason = "is a constant";
    else if (old.kind == BufferKind::kOutput)
      reason = "is an output";
    else if (old.kind == BufferKind::kRow)
      reason = "is a row of an array";
    else if (last != lastUse.end() && last->second != position)
      reason = "is read later by " + nameOf(planned[last->second]);
    else if (source.getParentBlock() != op->getBlock())
      reason = "is needed by the next iteration or another branch";
    else if (pinned.contains(theirs) || isa<BlockArgument>(source))
      reason = "is carried by a loop";
    else if (pinned.contains(root))
      reason = "dies, but the result is carried by a loop or a state";
    else if (llvm::count_if(op.getInputs(), [&](Value other) {
               return resolve(other) == source;
             }) > 1)
      reason = "is read in another way too";
    else
      reason = "has given its storage to another result";
    why += (why.empty() ? "'" : "; '") + old.name + "' " + reason;
  }
  if (!why.empty())
    out.program.remarks.push_back(
        op.getKernel().getRootReference().str() + " writes '" +
        out.program.buffers[root].name + "' over no operand: " + why);
}

FailureOr<Step>
Planner::planDispatch(ir::DispatchOp op, WorkItem::Part part,
                      const llvm::DenseMap<Value, size_t> &lastUse,
                      size_t position) {
  const KernelFacts &facts = kernels[op];
  const bool checks = part == WorkItem::Part::Checks;
  DispatchStep step;
  step.kernel = op.getKernel().getRootReference().str();
  step.fallible = facts.fallible && part != WorkItem::Part::Writes;
  step.op_class = checks ? "Checks" : facts.opClass;
  if (auto call = op->getAttrOfType<StringAttr>(kReferenceAttr))
    step.reference = call.str();
  step.node = ir::getNodeId(op.getOperation());

  // Kernel-local symbols: a<i>_<j>, a<i> over the function's arguments, which
  // are inputs, index arguments, outputs.
  std::map<std::string, Dim> local;
  unsigned number = 0, tensors = 0;
  auto types = op->getAttrOfType<ArrayAttr>(kKernelTypesAttr);
  auto addTensor = [&](Value value, int32_t buffer) {
    step.args.push_back({buffer, Dim(0)});
    Dims shape = dims.getDims(value);
    // The kernel is given the extents that its code does not know.
    auto type = cast<RankedTensorType>(
        types ? cast<TypeAttr>(types[tensors]).getValue() : value.getType());
    ++tensors;
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      local["a" + std::to_string(number) + "_" + std::to_string(axis)] =
          shape[axis];
      if (type.isDynamicDim(axis))
        step.args.push_back({-1, shape[axis]});
    }
    ++number;
  };
  for (auto [i, input] : llvm::enumerate(op.getInputs())) {
    // Checks come before what they do not read may have been computed.
    if (checks && static_cast<int64_t>(i) == facts.checkedBase) {
      addTensor(input, -1);
      continue;
    }
    step.reads.push_back(bufferFor(input));
    addTensor(input, step.reads.back());
  }
  for (const Dim &dim : op.getDims().getDims()) {
    local["a" + std::to_string(number++)] = dim;
    step.args.push_back({-1, dim});
  }

  // A result may take over the storage of an operand that dies here, if the
  // kernel reads each element of it only where it writes.
  llvm::DenseSet<int32_t> taken;
  // 0 where the result begins as the operand that it replaces.
  local[kCopiedSymbol] = Dim(checks ? 0 : 1);
  step.once = canKeep(op, facts, part);
  for (Value result : op.getResults()) {
    if (checks) {
      addTensor(result, -1);
      continue;
    }
    int32_t buffer = bufferFor(result);
    int32_t root = rootOf(buffer);
    uint8_t mark = 0;
    if (step.once) {
      out.program.buffers[buffer].kind = BufferKind::kKept;
      kept.insert(result);
      pinned.insert(root);
    }
    if (llvm::is_contained(writers[op], buffer))
      mark = llvm::is_contained(step.reads, buffer) ? 1 : 0;
    for (int64_t i : facts.inPlaceOperands) {
      if (mark != 0 || check || pinned.contains(root))
        break;
      if (i < 0 || i >= static_cast<int64_t>(op.getInputs().size()))
        return op.emitOpError() << "has the in-place operand " << i
                                << ", required below " << op.getInputs().size();
      Value operand = op.getInputs()[i];
      Value source = resolve(operand);
      int32_t theirs = rootOf(bufferFor(operand));
      const Buffer &old = out.program.buffers[theirs];
      auto last = lastUse.find(source);
      bool dies = last != lastUse.end() && last->second == position &&
                  source.getParentBlock() == op->getBlock() &&
                  !isa<BlockArgument>(source);
      bool shared = llvm::count_if(op.getInputs(), [&](Value other) {
                      return resolve(other) == source;
                    }) > 1;
      if (!dies || shared || old.kind != BufferKind::kTemporary ||
          pinned.contains(theirs) || theirs == root || taken.contains(theirs) ||
          operand.getType() != result.getType() ||
          !dims.areEqual(dims.getDims(operand), dims.getDims(result)) ||
          NumElements(old.shape) !=
              NumElements(out.program.buffers[root].shape))
        continue;
      taken.insert(theirs);
      if (out.program.buffers[buffer].kind == BufferKind::kTemporary &&
          buffer == root)
        out.program.buffers[buffer].alias_of = theirs;
      else
        out.program.buffers[theirs].alias_of = root;
      mark = 1;
    }
    if (mark == 1)
      local[kCopiedSymbol] = Dim(0);
    else if (!step.once && !check)
      explainNotInPlace(op, result, root, lastUse, position);
    step.writes.push_back(buffer);
    step.in_place.push_back(mark);
    addTensor(result, buffer);
  }

  for (size_t p = 0; p < facts.symbols.size(); ++p) {
    // What writes nothing that outlives a failed call checks where it writes.
    if (facts.checkedBase && checks != (p == 0))
      continue;
    // Phases without work are left out, but for one: a step has a kernel.
    Dim tasks = facts.tasks[p].Substitute(local);
    if (p == 0 || tasks != Dim(0) ||
        (p + 1 == facts.symbols.size() && step.phases.empty()))
      step.phases.push_back({facts.symbols[p], tasks});
  }
  if (facts.parameters) {
    llvm::erase_if(step.args, [](const ArgWord &word) { return word.buffer < 0; });
    for (const Dim &parameter : *facts.parameters)
      step.args.push_back({-1, parameter.Substitute(local)});
  }
  step.scratch_bytes = facts.scratch.Substitute(local);
  step.shared_bytes = facts.shared.Substitute(local);
  step.cost = facts.cost.Substitute(local);
  for (ArrayRef<int64_t> ids : op.getNodeLists())
    step.ordinals.push_back({std::vector<NodeId>(ids.begin(), ids.end())});
  if (step.once)
    out.program.remarks.push_back(
        step.kernel + " reads constants alone: it runs once, its result is kept");
  Step whole;
  whole.op = std::move(step);
  return whole;
}

} // namespace oriel::planning
