//===- PlanControl.cpp - Loops and branches -------------------------------===//
#include "dialect/Graph/NodeId.h"
#include "passes/Planning/PlannerImpl.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace oriel::planning {

/// The buffer of a loop's result, named after the loop when it is made here.
int32_t Planner::resultBuffer(Value value, const llvm::Twine &name) {
  bool isNew = !buffers.contains(value);
  int32_t buffer = bufferFor(value);
  if (isNew)
    out.program.buffers[buffer].name = name.str();
  pinned.insert(buffer);
  return buffer;
}

/// Gives a row the shape of the rows of its array.
void Planner::shapeRow(int32_t array, int32_t row) {
  const Dims &shape = out.program.buffers[array].shape;
  out.program.buffers[row].shape = Dims(shape.begin() + 1, shape.end());
}

/// The kernel of `body` that computes `yielded` over `carried`, if it may: it
/// reads each element only where it writes, and nothing reads the old value
/// later.
Operation *Planner::writerInPlace(BlockArgument carried, Value yielded,
                                  Block *body) {
  auto dispatch = yielded.getDefiningOp<ir::DispatchOp>();
  if (check || !dispatch || dispatch->getBlock() != body ||
      bound.contains(yielded) || buffers.contains(yielded) ||
      yielded.getType() != carried.getType())
    return nullptr;
  const KernelFacts &facts = kernels[dispatch];
  if (facts.fallible && !facts.checkedBase)
    return nullptr;
  bool works = false;
  for (auto [i, operand] : llvm::enumerate(dispatch.getInputs())) {
    if (resolve(operand) != carried)
      continue;
    if (operand != carried ||
        !llvm::is_contained(facts.inPlaceOperands, static_cast<int64_t>(i)))
      return nullptr;
    works = true;
  }
  if (!works)
    return nullptr;
  llvm::SmallVector<Value> views = {carried};
  while (!views.empty())
    for (Operation *user : views.pop_back_val().getUsers()) {
      if (auto reshape = dyn_cast<ir::ReshapeOp>(user)) {
        views.push_back(reshape.getResult());
        continue;
      }
      Operation *inBody = body->findAncestorOpInBlock(*user);
      if (!inBody || (inBody != dispatch.getOperation() &&
                      !inBody->isBeforeInBlock(dispatch)))
        return nullptr;
    }
  return dispatch;
}

bool Planner::isShadow(int32_t buffer) const {
  return llvm::any_of(out.program.states, [&](const StateDecl &state) {
    return state.updated && state.new_value == buffer;
  });
}

FailureOr<Step> Planner::planLoop(ir::LoopOp op) {
  LoopStep step;
  step.node = ir::getNodeId(op.getOperation());
  step.trips = bufferFor(op.getTrips());
  step.bounded = op.getExtent().size() > 0;
  if (step.bounded)
    step.extent = op.getExtent().getDim(0);
  step.reverse = op.getReverse();
  step.checked = op.getChecked();
  std::string label = labelOf(step.node);
  if (!op.getInduction().use_empty()) {
    step.induction = addBuffer(op.getInduction(), BufferKind::kTemporary,
                               step.node, label + " i");
    buffers[op.getInduction()] = step.induction;
    pinned.insert(step.induction);
  }
  for (auto [s, element] : llvm::enumerate(op.getElements())) {
    int32_t source = bufferFor(op.getSequences()[s]);
    int32_t row = addBuffer(element, BufferKind::kRow, step.node,
                            out.program.buffers[source].name + "[t]");
    buffers[element] = row;
    shapeRow(source, row);
    step.sequences.push_back(
        {source, row, op.getStarts().getDim(s), op.getSteps()[s]});
  }

  // What is collected goes into its row of the stack where a step of the body
  // can write there.
  Block *body = &op.getBody().front();
  llvm::SmallVector<WorkItem> copies;
  llvm::DenseMap<Value, int32_t> rowOf;
  for (auto [j, stack] : llvm::enumerate(op.getStacks())) {
    Value value = op.getCollected()[j];
    std::string name = label + " rows" +
                       (op.getStacks().size() > 1 ? " " + std::to_string(j) : "");
    int32_t row = addBuffer(value, BufferKind::kRow, step.node, name + "[t]");
    pinned.insert(row);
    step.stacks.push_back({resultBuffer(stack, name), row});
    shapeRow(step.stacks.back().stack, row);
    if (!bind(value, row, body, /*ownStorage=*/false))
      copies.push_back({nullptr, value, row, step.node});
    else if (buffers.lookup(value) == row)
      rowOf.try_emplace(value, row);
  }

  for (auto [k, result] : llvm::enumerate(op.getFinals())) {
    BlockArgument carried = op.getCarried()[k];
    Value yielded = op.getYielded()[k];
    std::string name = label + "[" + std::to_string(k) + "]";
    step.initial.push_back(bufferFor(op.getInitial()[k]));
    // Carried in the storage of the result, when that is ours to use.
    bool isNew = !buffers.contains(result);
    if (isNew || isShadow(buffers.lookup(result)))
      step.current.push_back(resultBuffer(result, name));
    else
      step.current.push_back(
          addBuffer(carried, BufferKind::kTemporary, step.node, name));
    buffers[carried] = step.current.back();
    if (Operation *writer = writerInPlace(carried, yielded, body)) {
      bound.insert(yielded);
      buffers[yielded] = step.current.back();
      writers[writer].push_back(step.current.back());
      step.next.push_back(step.current.back());
    } else if (auto row = rowOf.find(yielded); row != rowOf.end()) {
      // What is collected too is carried where it lies: in the stack.
      step.next.push_back(row->second);
      rowOf.erase(row);
    } else {
      step.next.push_back(addBuffer(carried, BufferKind::kTemporary, step.node,
                                    name + " next"));
      if (!bind(yielded, step.next.back(), body, /*ownStorage=*/true))
        copies.push_back({nullptr, yielded, step.next.back(), step.node});
    }
    step.results.push_back(resultBuffer(result, name));
    for (int32_t buffer : {step.current.back(), step.next.back()})
      pinned.insert(buffer);
  }
  if (Value stop = op.getStop()) {
    step.stop = bufferFor(stop);
    pinned.insert(rootOf(step.stop));
  }
  if (Value count = op.getCount(); count && !count.use_empty())
    step.count = resultBuffer(count, label + " iterations");

  llvm::SmallVector<WorkItem> items = itemsOf(body);
  items.append(copies.begin(), copies.end());
  if (failed(planItems(items, step.body)))
    return failure();
  Step whole;
  whole.op = std::move(step);
  return whole;
}

FailureOr<Step> Planner::planBranch(ir::BranchOp op) {
  BranchStep step;
  step.node = ir::getNodeId(op.getOperation());
  step.condition = bufferFor(op.getCondition());
  llvm::SmallVector<int32_t> results;
  for (Value result : op.getResults()) {
    results.push_back(bufferFor(result));
    // Both bodies write it: neither may put something else there.
    pinned.insert(rootOf(results.back()));
  }
  if (failed(planBody(&op.getThenBody().front(), results, step.node,
                      step.then_body)) ||
      failed(planBody(&op.getElseBody().front(), results, step.node,
                      step.else_body)))
    return failure();
  Step whole;
  whole.op = std::move(step);
  return whole;
}

/// Plans a body whose yielded values must land in `targets`.
LogicalResult Planner::planBody(Block *block, ArrayRef<int32_t> targets,
                                NodeId node, std::vector<Step> &steps) {
  llvm::SmallVector<WorkItem> yields;
  for (auto [k, value] : llvm::enumerate(block->getTerminator()->getOperands()))
    if (!bind(value, targets[k], block, /*ownStorage=*/false))
      yields.push_back({nullptr, value, targets[k], node});
  llvm::SmallVector<WorkItem> items = itemsOf(block);
  items.append(yields.begin(), yields.end());
  return planItems(items, steps);
}

} // namespace oriel::planning
