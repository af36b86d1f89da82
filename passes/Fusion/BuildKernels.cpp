//===- BuildKernels.cpp - kernel ops from groups --------------------------===//

#include "passes/Fusion/FuseBlock.h"

#include <queue>

using namespace mlir;

namespace oriel {

/// Values of kernels that something else reads.
void BlockFuser::findOutputs() {
  auto use = [&](Operation *value, int user) {
    int index = indexOf(value);
    if (index == kNone || nodes[index] == kNone)
      return;
    if (user == kNone || nodes[user] == kNone ||
        graph.find(nodes[user]) != graph.find(nodes[index]))
      isOutput[index] = true;
  };
  auto useAll = [&](Operation *op, int user) {
    for (Value operand : op->getOperands())
      use(operand.getDefiningOp(), user);
  };
  for (unsigned index = 0; index < ops.size(); ++index) {
    Operation *op = ops[index];
    if (nodes[index] == kNone)
      continue; // made again where it is read
    if (!graph[nodes[index]].isKernel) {
      useAll(op, kNone);
      op->walk([&](Operation *inner) {
        if (inner != op)
          useAll(inner, kNone);
      });
      continue;
    }
    // What the kernel computes again it reads the operands of.
    SmallVector<Operation *> work = {op};
    for (unsigned k = 0; k < work.size(); ++k)
      for (const Source &source : getSources(work[k])) {
        Operation *def = source.base.getDefiningOp();
        if (def && isAgain(def, nodes[index])) {
          if (!llvm::is_contained(work, def))
            work.push_back(def);
        } else {
          use(def, index);
        }
      }
  }
  useAll(block.getTerminator(), kNone);
}

/// Groups in an order their dependencies allow, each as late as its last op
/// stood in the program.
std::vector<unsigned> BlockFuser::orderNodes() {
  DenseMap<unsigned, SmallVector<unsigned>> successors;
  DenseMap<unsigned, unsigned> waiting, position;
  for (unsigned index = 0; index < ops.size(); ++index) {
    if (nodes[index] == kNone)
      continue;
    unsigned group = graph.find(nodes[index]);
    auto [it, isNew] = position.try_emplace(group, index);
    it->second = std::max(it->second, index);
    if (!isNew)
      continue;
    unsigned &count = waiting[group];
    SmallVector<unsigned> preds;
    for (unsigned pred : graph[group].preds)
      if (graph.find(pred) != group)
        preds.push_back(graph.find(pred));
    llvm::sort(preds);
    preds.erase(llvm::unique(preds), preds.end());
    count = preds.size();
    for (unsigned pred : preds)
      successors[pred].push_back(group);
  }
  using Entry = std::pair<unsigned, unsigned>; // position, group
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> ready;
  for (auto [group, count] : waiting)
    if (count == 0)
      ready.push({position[group], group});
  std::vector<unsigned> order;
  while (!ready.empty()) {
    unsigned group = ready.top().second;
    ready.pop();
    order.push_back(group);
    for (unsigned succ : successors[group])
      if (--waiting[succ] == 0)
        ready.push({position[succ], succ});
  }
  return order;
}

Value BlockFuser::currentValue(Value value) const {
  auto it = results.find(value);
  return it == results.end() ? value : it->second;
}

Value BlockFuser::getArgument(Kernel &kernel, Value value) {
  Value &argument = kernel.arguments[value];
  if (!argument) {
    kernel.inputs.push_back(currentValue(value));
    argument = kernel.body->addArgument(value.getType(), value.getLoc());
  }
  return argument;
}

/// What stands for `value` in the kernel: a value made inside, a copy of its
/// chain of views, or an argument. Chains are walked, not recursed into; only
/// scalars of a few ops are.
Value BlockFuser::getInside(Kernel &kernel, OpBuilder &b, unsigned group,
                            Value value, Reading reading) {
  auto isInside = [&](Value v) {
    int index = indexOf(v.getDefiningOp());
    return index != kNone && nodes[index] != kNone &&
           roles[index] != OpRole::Leaf &&
           graph.find(nodes[index]) == graph.find(group);
  };
  if (isInside(value))
    return kernel.values.lookup(value);
  if ((reading == Reading::Buffer && !isAgain(value.getDefiningOp(), group)) ||
      (reading == Reading::Fill && !isFill(value)) || (reading == Reading::Spread && !isSpread(value)))
    return getArgument(kernel, value);

  // A matmul reads memory: what elementwise ops have a copy of may be a number.
  llvm::DenseMap<Value, Value> &values =
      reading == Reading::Transposed ? kernel.matrices : kernel.values;
  SmallVector<Operation *> views;
  while (Operation *def = value.getDefiningOp()) {
    if (isInside(value) || values.count(value) || !isView(def) ||
        endsViews(def) ||
        (reading == Reading::Transposed && !isMatrixView(def, views.empty())))
      break;
    views.push_back(def);
    value = def->getOperand(0);
  }
  Value inside;
  Operation *def = value.getDefiningOp();
  if (isInside(value)) {
    inside = kernel.values.lookup(value);
  } else if (auto it = values.find(value); it != values.end()) {
    inside = it->second;
  } else if (reading == Reading::Transposed && isAgain(def, group)) {
    inside = getMade(kernel, b, group, value);
  } else if (def && reading != Reading::Transposed && (isLeaf(def) || isAgain(def, group))) {
    IRMapping mapping;
    for (Value operand : def->getOperands())
      mapping.map(operand,
                  getInside(kernel, b, group, operand, Reading::Viewed));
    inside = b.clone(*def, mapping)->getResult(0);
    kernel.values[value] = inside;
  } else {
    inside = getArgument(kernel, value);
  }
  for (Operation *view : llvm::reverse(views)) {
    IRMapping mapping;
    mapping.map(view->getOperand(0), inside);
    inside = b.clone(*view, mapping)->getResult(0);
    values[view->getResult(0)] = inside;
  }
  return inside;
}

/// A copy of an op, and of those that make its operands, for the matmul that
/// computes them as it reads its operand. They are few.
Value BlockFuser::getMade(Kernel &kernel, OpBuilder &b, unsigned group, Value value) {
  Operation *def = value.getDefiningOp();
  if (!isAgain(def, group))
    return getInside(kernel, b, group, value, Reading::Viewed);
  if (Value known = kernel.matrices.lookup(value))
    return known;
  IRMapping mapping;
  for (Value operand : def->getOperands())
    mapping.map(operand, getMade(kernel, b, group, operand));
  Operation *made = b.clone(*def, mapping);
  made->setAttr(kOperandAttr, b.getUnitAttr());
  return kernel.matrices[value] = made->getResult(0);
}

void BlockFuser::buildKernel(unsigned id) {
  Group &group = graph[id];
  llvm::sort(group.ops);
  SmallVector<Value> outputs;
  SmallVector<Type> types;
  int last = kNone;
  for (unsigned index : group.ops) {
    if (!isOutput[index])
      continue;
    last = index;
    outputs.push_back(ops[index]->getResult(0));
    types.push_back(outputs.back().getType());
  }
  if (last == kNone)
    return; // nothing reads it
  OpBuilder builder(block.getTerminator());
  Kernel kernel;
  Region region;
  kernel.body = new Block;
  region.push_back(kernel.body);
  OpBuilder body(block.getTerminator()->getContext());
  body.setInsertionPointToEnd(kernel.body);
  for (unsigned index : group.ops) {
    Operation *op = ops[index];
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands())
      operands.push_back(getInside(
          kernel, body, id, operand.get(),
          readingOf(op, operand.getOperandNumber())));
    Operation *clone = body.clone(*op);
    clone->setOperands(operands);
    kernel.values[op->getResult(0)] = clone->getResult(0);
  }
  SmallVector<Value> yielded;
  for (Value output : outputs)
    yielded.push_back(kernel.values.lookup(output));
  // What only the kernels that compute it again needed.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*kernel.body)))
    if (op.use_empty() && !llvm::is_contained(yielded, op.getResult(0)))
      op.erase();
  for (unsigned k = kernel.inputs.size(); k-- > 0;)
    if (BlockArgument argument = kernel.body->getArgument(k); argument.use_empty() &&
                                                              !llvm::is_contained(yielded, argument)) {
      kernel.body->eraseArgument(k);
      kernel.inputs.erase(kernel.inputs.begin() + k);
    }
  // A kernel's node is that of its last result.
  Location loc = ops[last]->getLoc();
  ir::YieldOp::create(body, loc, yielded);
  auto op = ir::KernelOp::create(builder, loc, types, kernel.inputs,
                                 toString(group.kernelClass));
  op.getBody().takeBody(region);
  for (auto [output, result] : llvm::zip_equal(outputs, op.getResults()))
    results[output] = result;
}

void BlockFuser::build() {
  findOutputs();
  Operation *terminator = block.getTerminator();
  for (unsigned group : orderNodes()) {
    if (graph[group].isKernel)
      buildKernel(group);
    else
      ops[graph[group].ops.front()]->moveBefore(terminator);
  }
  for (auto [value, result] : results)
    value.replaceAllUsesWith(result);
  // What was copied into kernels is dead now; users come after.
  for (unsigned index = ops.size(); index-- > 0;) {
    bool isCopied = nodes[index] != kNone && graph[nodes[index]].isKernel;
    bool isTransparent = nodes[index] == kNone;
    if ((isCopied || isTransparent) && ops[index]->use_empty())
      ops[index]->erase();
  }
}

} // namespace oriel
