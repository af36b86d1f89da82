//===- PlanStates.cpp - Where states and outputs are written -------------===//
#include "passes/Planning/PlannerImpl.h"

#include "dialect/Graph/NodeId.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace oriel::planning {

/// Lets the op that computes `value` write it straight into `buffer`. False
/// when it does not come from a step of this block, or is spoken for.
/// `ownStorage`: the buffer may not be shared through a view.
bool Planner::bind(Value value, int32_t buffer, Block *block, bool ownStorage) {
  Value source = resolve(value);
  Operation *op = source.getDefiningOp();
  if (!op || op->getBlock() != block || bound.contains(source) ||
      buffers.contains(source))
    return false;
  // The first rows of a larger array do not hold it.
  for (Value view = value; view != source;
       view = view.getDefiningOp()->getOperand(0))
    if (view.getDefiningOp<ir::RowsOp>())
      return false;
  if (!isa<ir::DispatchOp, ir::LoopOp, ir::BranchOp, ir::DimValueOp>(op))
    return false;
  // A loop's results, and what a loop carries, own their storage.
  if (source != value && (ownStorage || isa<ir::LoopOp>(op)))
    return false;
  bound.insert(source);
  buffers[value] = buffer;
  if (source != value) {
    int32_t view = addBuffer(source, BufferKind::kTemporary, ir::getNodeId(op));
    out.program.buffers[view].alias_of = buffer;
    buffers[source] = view;
  }
  return true;
}

/// "" when `dispatch` may write over the state of `update`, as far as the kernel
/// is concerned; the schedule may still object.
std::string Planner::whyNotWriter(ir::DispatchOp dispatch,
                                  ir::StateUpdateOp update) {
  const KernelFacts &facts = kernels[dispatch];
  if (facts.fallible && !facts.checkedBase)
    return "the kernel that computes it may fail";
  for (auto [i, operand] : llvm::enumerate(dispatch.getInputs())) {
    auto read = resolve(operand).getDefiningOp<ir::StateReadOp>();
    if (!read || read.getState() != update.getState())
      continue;
    if (operand != resolve(operand) ||
        !llvm::is_contained(facts.inPlaceOperands, static_cast<int64_t>(i)))
      return "the kernel that computes it reads other elements of it than it "
             "writes";
  }
  return "";
}

std::string Planner::whyNotInPlace(ir::StateUpdateOp update) {
  if (check)
    return "every value is checked (check=)";
  auto dispatch = update.getValue().getDefiningOp<ir::DispatchOp>();
  if (!dispatch || dispatch->getBlock() != update->getBlock()) {
    Operation *op = resolve(update.getValue()).getDefiningOp();
    if (op && isa<ir::LoopOp>(op))
      return "its new value is a loop's result, which goes from one buffer to "
             "another with each iteration";
    if (op && isa<ir::BranchOp>(op))
      return "its new value is a branch's result";
    return "its new value is not the direct result of a kernel";
  }
  if (bound.contains(update.getValue()))
    return "its new value is also another state's";
  return whyNotWriter(dispatch, update);
}

/// The kernels that can make the new value one after another in the state's own
/// buffer: the last is the one that computes it, each other computes what only
/// the next reads, and that in place.
SmallVector<Operation *> Planner::writersOf(ir::StateUpdateOp update) {
  llvm::SmallVector<Operation *> writers;
  for (Value value = update.getValue();;) {
    auto dispatch = value.getDefiningOp<ir::DispatchOp>();
    if (!dispatch || dispatch->getBlock() != update->getBlock() ||
        bound.contains(value) || !whyNotWriter(dispatch, update).empty())
      break;
    writers.insert(writers.begin(), dispatch.getOperation());
    made[dispatch] = value;
    const KernelFacts &facts = kernels[dispatch];
    Value next;
    for (int64_t i : facts.inPlaceOperands) {
      if (i < 0 || i >= static_cast<int64_t>(dispatch.getInputs().size()))
        break;
      Value operand = dispatch.getInputs()[i];
      if (operand.getDefiningOp<ir::DispatchOp>() && operand.hasOneUse() &&
          operand.getType() == update.getValue().getType())
        next = operand;
    }
    bool readsState = llvm::any_of(dispatch.getInputs(), [&](Value operand) {
      auto read = resolve(operand).getDefiningOp<ir::StateReadOp>();
      return read && read.getState() == update.getState();
    });
    if (!next || readsState)
      break;
    value = next;
  }
  return writers;
}

LogicalResult Planner::bindUpdates() {
  llvm::SmallVector<ir::StateUpdateOp> updates(
      main.getOps<ir::StateUpdateOp>());
  if (!check)
    for (ir::StateUpdateOp update : updates)
      for (Operation *writer : writersOf(update))
        if (kernels[writer].fallible)
          split.insert(writer);
  // In place is the better fate: those who can have it choose first.
  Scheduler scheduler(itemsOf(&main.getBody().front()));
  llvm::SmallVector<std::pair<ir::StateUpdateOp, std::string>> shadows;
  for (ir::StateUpdateOp update : updates) {
    StateDecl &state = out.program.states[states.lookup(update.getState())];
    state.updated = true;
    std::string why = whyNotInPlace(update);
    if (why.empty()) {
      llvm::SmallVector<Operation *> chain = writersOf(update);
      while (!chain.empty() &&
             !(why = scheduler.addWriters(chain, update.getState())).empty())
        chain.erase(chain.begin());
      if (!chain.empty()) {
        for (Operation *writer : chain) {
          // What the next of them works on, at last the new value.
          bound.insert(made[writer]);
          buffers[made[writer]] = state.buffer;
          writers[writer].push_back(state.buffer);
        }
        state.new_value = state.buffer;
        inPlace.push_back({update.getState().str(), std::move(chain)});
        continue;
      }
    }
    shadows.push_back({update, why});
  }
  for (auto &[update, why] : shadows) {
    StateDecl &state = out.program.states[states.lookup(update.getState())];
    NodeId node = ir::getNodeId(update.getOperation());
    int32_t shadow = addBuffer(update.getValue(), BufferKind::kTemporary, node,
                               state.name + " (new)");
    out.program.buffers[shadow].shape = out.program.buffers[state.buffer].shape;
    state.new_value = shadow;
    state.remark = why;
    pinned.insert(shadow);
    if (!bind(update.getValue(), shadow, update->getBlock(),
              /*ownStorage=*/false))
      copies.push_back({nullptr, update.getValue(), shadow, node});
    out.program.remarks.push_back("state '" + state.name +
                                  "' gets a second buffer: " + why);
  }
  return success();
}

void Planner::bindOutputs() {
  auto ret = cast<func::ReturnOp>(main.getBody().front().getTerminator());
  llvm::SmallVector<ir::RowsOp> counted(ret.getNumOperands());
  for (auto [i, operand] : llvm::enumerate(ret.getOperands())) {
    // The caller gets the first rows of the whole stack.
    Value value = operand;
    if (auto rows = value.getDefiningOp<ir::RowsOp>()) {
      counted[i] = rows;
      value = rows.getX();
    }
    auto name = main.getResultAttrOfType<StringAttr>(i, ir::kNameAttr);
    OutputDecl decl;
    decl.name = name ? name.str() : "output" + std::to_string(i);
    NodeId node = valueNode(value);
    decl.buffer = addBuffer(value, BufferKind::kOutput, node, decl.name);
    if (!bind(value, decl.buffer, ret->getBlock(), /*ownStorage=*/false))
      copies.push_back({nullptr, value, decl.buffer, node});
    out.program.outputs.push_back(std::move(decl));
  }
  for (auto [i, rows] : llvm::enumerate(counted)) {
    if (!rows)
      continue;
    Value count = rows.getCount();
    OutputDecl decl;
    decl.name = "rows of " + out.program.outputs[i].name;
    decl.hidden = true;
    NodeId node = valueNode(count);
    decl.buffer = addBuffer(count, BufferKind::kOutput, node, decl.name);
    if (!bind(count, decl.buffer, ret->getBlock(), /*ownStorage=*/false))
      copies.push_back({nullptr, count, decl.buffer, node});
    out.program.outputs[i].rows_from =
        static_cast<int32_t>(out.program.outputs.size());
    out.program.outputs.push_back(std::move(decl));
  }
}

} // namespace oriel::planning
