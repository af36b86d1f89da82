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

/// Does `body` look at `carried`, or at a view of it, only before `first`, which
/// may read it itself?
static bool isReadBefore(BlockArgument carried, Operation *first, Block *body) {
  llvm::SmallVector<Value> views = {carried};
  while (!views.empty())
    for (Operation *user : views.pop_back_val().getUsers()) {
      if (isa<ir::ReshapeOp, ir::RowsOp>(user)) {
        views.push_back(user->getResult(0));
        continue;
      }
      if (user == first)
        continue;
      Operation *inBody = body->findAncestorOpInBlock(*user);
      if (!inBody || inBody == first || !inBody->isBeforeInBlock(first))
        return false;
    }
  return true;
}

/// The operands that `value` may be computed over: by a kernel that reads each
/// element of them only where it writes, or by a loop that carries it so.
/// `carried` alone where it is one.
llvm::SmallVector<Value> Planner::workedOn(Value value,
                                           BlockArgument carried) {
  if (auto loop = value.getDefiningOp<ir::LoopOp>()) {
    unsigned k = cast<OpResult>(value).getResultNumber();
    if (k >= loop.getFinals().size())
      return {};
    Value initial = loop.getInitial()[k];
    bool isOnce = llvm::count(loop->getOperands(), initial) == 1;
    if (!isOnce || !canWorkInPlace(loop.getCarried()[k], loop.getYielded()[k],
                                   &loop.getBody().front()))
      return {};
    return {initial};
  }
  auto dispatch = value.getDefiningOp<ir::DispatchOp>();
  if (!dispatch)
    return {};
  const KernelFacts &facts = kernels[dispatch];
  if (facts.fallible && !facts.checkedBase)
    return {};
  llvm::SmallVector<Value> others;
  bool works = false;
  for (auto [i, operand] : llvm::enumerate(dispatch.getInputs())) {
    bool isInPlace = operand.getType() == value.getType() &&
                     llvm::is_contained(facts.inPlaceOperands, static_cast<int64_t>(i));
    if (resolve(operand) == carried) {
      if (operand != carried || !isInPlace)
        return {};
      works = true;
    } else if (isInPlace && operand.hasOneUse()) {
      others.push_back(operand);
    }
  }
  return works ? llvm::SmallVector<Value>{carried} : others;
}

/// The values of `body` from `carried` to `yielded`, each computed over the one
/// before, the last first; none where that cannot be: something else reads one
/// of them later.
llvm::SmallVector<Value> Planner::chainInPlace(BlockArgument carried,
                                               Value yielded, Block *body,
                                               unsigned length) {
  constexpr unsigned kMostLinks = 64;
  Operation *op = yielded.getDefiningOp();
  if (check || length > kMostLinks || !op || op->getBlock() != body ||
      bound.contains(yielded) || buffers.contains(yielded) ||
      yielded.getType() != carried.getType())
    return {};
  for (Value next : workedOn(yielded, carried)) {
    if (next == carried)
      return isReadBefore(carried, op, body) ? llvm::SmallVector<Value>{yielded}
                                             : llvm::SmallVector<Value>();
    if (!next.hasOneUse())
      continue;
    llvm::SmallVector<Value> chain =
        chainInPlace(carried, next, body, length + 1);
    if (!chain.empty()) {
      chain.insert(chain.begin(), yielded);
      return chain;
    }
  }
  return {};
}

bool Planner::canWorkInPlace(BlockArgument carried, Value yielded,
                             Block *body) {
  return !chainInPlace(carried, yielded, body).empty();
}

/// Lets what a loop begins with be computed where the loop carries it: nothing
/// else reads it.
void Planner::beginInPlace(ir::LoopOp loop, Value initial, int32_t current) {
  int32_t theirs = rootOf(bufferFor(initial)), root = rootOf(current);
  const Buffer &buffer = out.program.buffers[theirs];
  if (initial.getDefiningOp<ir::DispatchOp>() && initial.hasOneUse() &&
      initial.getParentBlock() == loop->getBlock() &&
      buffers.lookup(initial) == theirs && theirs != root &&
      buffer.kind == BufferKind::kTemporary && !pinned.contains(theirs) &&
      buffer.shape == out.program.buffers[root].shape)
    out.program.buffers[theirs].alias_of = root;
}

/// May a loop that works in place do so in the buffer that its result has
/// already: an output's, or one that a loop around it carries?
bool Planner::ownsResult(Value result) const {
  int32_t buffer = buffers.lookup(result);
  return carriedOver.contains(result) ||
         (out.program.buffers[buffer].kind == BufferKind::kOutput &&
          rootOf(buffer) == buffer);
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
    llvm::SmallVector<Value> chain = chainInPlace(carried, yielded, body);
    bool isOurs = isNew || isShadow(buffers.lookup(result)) ||
                  (!chain.empty() && ownsResult(result));
    if (isOurs)
      step.current.push_back(resultBuffer(result, name));
    else
      step.current.push_back(
          addBuffer(carried, BufferKind::kTemporary, step.node, name));
    buffers[carried] = step.current.back();
    if (!chain.empty()) {
      for (Value value : chain) {
        bound.insert(value);
        buffers[value] = step.current.back();
        if (isa<ir::LoopOp>(value.getDefiningOp()))
          carriedOver.insert(value);
        else
          writers[value.getDefiningOp()].push_back(step.current.back());
      }
      step.next.push_back(step.current.back());
      beginInPlace(op, op.getInitial()[k], step.current.back());
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
