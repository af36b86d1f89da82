//===- Planner.cpp - Buffers, declarations, the order of steps -----------===//
#include "passes/Planning/PlannerImpl.h"

#include "dialect/Graph/NodeId.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Planning/Schedule.h"
#include "passes/Planning/ToProgram.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace oriel {
namespace planning {

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

std::string Planner::labelOf(NodeId node) const {
  const NodeInfo *info = nodes.Find(node);
  return info ? info->Label() : std::string("value");
}

int32_t Planner::addBuffer(Value value, BufferKind kind, NodeId node,
                           std::string name) {
  Buffer buffer;
  buffer.kind = kind;
  buffer.name = name.empty() ? labelOf(node) : std::move(name);
  buffer.dtype =
      *ir::getDType(cast<RankedTensorType>(value.getType()).getElementType());
  buffer.shape = dims.getDims(value);
  buffer.node = node;
  out.program.buffers.push_back(std::move(buffer));
  return static_cast<int32_t>(out.program.buffers.size()) - 1;
}

int32_t Planner::rootOf(int32_t buffer) const {
  while (out.program.buffers[buffer].alias_of >= 0)
    buffer = out.program.buffers[buffer].alias_of;
  return buffer;
}

int32_t Planner::constantBuffer(ir::ConstantOp op) {
  auto [it, isNew] = constantBuffers.try_emplace(op.getValue(), -1);
  if (isNew) {
    it->second = addBuffer(op.getResult(), BufferKind::kConstant,
                           ir::getNodeId(op.getOperation()));
    out.program.buffers[it->second].constant =
        static_cast<int32_t>(out.constants.size());
    out.constants.push_back(op.getValue());
  }
  return it->second;
}

NodeId valueNode(Value value) {
  if (auto dispatch = value.getDefiningOp<ir::DispatchOp>())
    if (auto nodes =
            dispatch->getAttrOfType<DenseI64ArrayAttr>(kResultNodesAttr))
      return nodes[cast<OpResult>(value).getResultNumber()];
  return ir::getNodeId(value);
}

int32_t Planner::bufferFor(Value value) {
  if (auto it = buffers.find(value); it != buffers.end())
    return it->second;
  int32_t buffer;
  if (auto constant = value.getDefiningOp<ir::ConstantOp>()) {
    buffer = constantBuffer(constant);
  } else if (auto read = value.getDefiningOp<ir::StateReadOp>()) {
    buffer = out.program.states[states.lookup(read.getState())].buffer;
  } else if (auto reshape = value.getDefiningOp<ir::ReshapeOp>()) {
    int32_t source = bufferFor(reshape.getX());
    buffer = addBuffer(value, BufferKind::kTemporary,
                       ir::getNodeId(reshape.getOperation()));
    out.program.buffers[buffer].alias_of = source;
  } else if (auto rows = value.getDefiningOp<ir::RowsOp>()) {
    int32_t source = bufferFor(rows.getX());
    buffer = addBuffer(value, BufferKind::kTemporary,
                       ir::getNodeId(rows.getOperation()));
    out.program.buffers[buffer].alias_of = source;
  } else {
    buffer = addBuffer(value, BufferKind::kTemporary, valueNode(value));
  }
  buffers[value] = buffer;
  return buffer;
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

LogicalResult Planner::declareStates() {
  for (auto state : module.getOps<ir::StateOp>()) {
    auto type = cast<RankedTensorType>(state.getType());
    StateDecl decl;
    auto given = state->getAttrOfType<StringAttr>(ir::kNameAttr);
    decl.name = given ? given.str() : state.getSymName().str();
    decl.buffer = static_cast<int32_t>(out.program.buffers.size());
    Buffer buffer;
    buffer.kind = BufferKind::kState;
    buffer.name = decl.name;
    buffer.dtype = *ir::getDType(type.getElementType());
    for (int64_t extent : type.getShape())
      buffer.shape.push_back(Dim(extent));
    buffer.node = ir::getNodeId(state.getOperation());
    buffer.state = static_cast<int32_t>(out.program.states.size());
    if (ElementsAttr initial = state.getInitialAttr()) {
      decl.initial = static_cast<int32_t>(out.constants.size());
      out.constants.push_back(initial);
    }
    pinned.insert(decl.buffer);
    states[state.getSymName()] = buffer.state;
    out.program.buffers.push_back(std::move(buffer));
    out.program.states.push_back(std::move(decl));
  }
  return success();
}

LogicalResult Planner::declareInputs() {
  for (BlockArgument argument : main.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto name = main.getArgAttrOfType<StringAttr>(number, ir::kNameAttr);
    InputDecl decl;
    decl.name = name ? name.str() : "arg" + std::to_string(number);
    decl.node = ir::getNodeId(argument);
    decl.buffer = addBuffer(argument, BufferKind::kInput, decl.node, decl.name);
    buffers[argument] = decl.buffer;
    for (const Dim &dim : out.program.buffers[decl.buffer].shape)
      dim.CollectSymbols(&out.program.symbols);
    out.program.inputs.push_back(std::move(decl));
  }
  std::vector<std::string> unique;
  llvm::StringSet<> seen;
  for (const std::string &symbol : out.program.symbols)
    if (seen.insert(symbol).second)
      unique.push_back(symbol);
  out.program.symbols = std::move(unique);
  return success();
}

/// The dim symbols that steps bind. A loop's stack that is only returned needs
/// none: the caller is given its first rows.
LogicalResult Planner::declareBound() {
  std::vector<std::string> mentioned;
  for (const DimConstraint &constraint : dims.getConstraints())
    for (const Dim &dim : {constraint.left, constraint.right})
      dim.CollectSymbols(&mentioned);
  llvm::SmallVector<ir::RowsOp> all;
  main.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto rows = dyn_cast<ir::RowsOp>(op)) {
      all.push_back(rows);
    } else if (op != main && op->getNumRegions() == 0) {
      collectSymbols(op, mentioned);
    } else if (auto loop = dyn_cast<ir::LoopOp>(op)) {
      for (const Dim &dim : loop.getExtent().getDims())
        dim.CollectSymbols(&mentioned);
      for (const Dim &dim : loop.getStarts().getDims())
        dim.CollectSymbols(&mentioned);
    }
  });
  for (ir::RowsOp rows : all) {
    auto loop = rows.getX().getDefiningOp<ir::LoopOp>();
    bool isReturned = loop && llvm::all_of(rows->getUsers(), [](Operation *user) {
                        return isa<func::ReturnOp>(user);
                      });
    if (!isReturned)
      mentioned.push_back(rows.getDim().getDim(0).symbol());
  }
  for (ir::RowsOp rows : all) {
    std::string symbol = rows.getDim().getDim(0).symbol();
    if (!llvm::is_contained(mentioned, symbol))
      continue;
    auto [binder, isNew] = binders.try_emplace(symbol, rows);
    if (!isNew) {
      ir::RowsOp first = binder->second;
      if (first.getCount() != rows.getCount() ||
          first->getBlock() != rows->getBlock())
        return rows.emitOpError()
               << "binds the dim '" << symbol
               << "', which another op binds to another count";
      Dim mine = dims.getDims(rows.getX())[0],
          other = dims.getDims(first.getX())[0];
      if (!dims.areEqual(mine, other))
        return rows.emitOpError()
               << "takes rows of " << mine.ToString() << ", another with the dim '"
               << symbol << "' of " << other.ToString() << ", required equal";
      continue;
    }
    if (llvm::is_contained(out.program.symbols, symbol))
      return rows.emitOpError() << "binds the dim '" << symbol
                                << "', which an argument binds";
    out.program.symbols.push_back(symbol);
  }
  return success();
}

/// Notes the dim symbols that a step needs bound.
void Planner::addMentions(WorkItem &item) const {
  if (binders.empty())
    return;
  std::vector<std::string> symbols;
  auto ofValue = [&](Value value) {
    for (const Dim &dim : dims.getDims(value))
      dim.CollectSymbols(&symbols);
  };
  if (!item.op) {
    ofValue(item.source);
  } else if (auto rows = dyn_cast<ir::RowsOp>(item.op)) {
    ofValue(rows.getX());
  } else {
    collectSymbols(item.op, symbols);
    item.op->walk([&](Operation *op) {
      llvm::for_each(op->getOperands(), ofValue);
      llvm::for_each(op->getResults(), ofValue);
    });
  }
  for (const std::string &symbol : symbols)
    if (binders.contains(symbol) && symbol != item.binds)
      item.mentions.push_back(symbol);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// Everything of a block that is done at run time, in its order.
llvm::SmallVector<WorkItem> Planner::itemsOf(Block *block) {
  llvm::SmallVector<WorkItem> items;
  for (Operation &op : block->without_terminator()) {
    if (isa<ir::ConstantOp, ir::ReshapeOp, ir::StateReadOp, ir::StateUpdateOp>(op))
      continue;
    WorkItem item;
    item.op = &op;
    if (auto rows = dyn_cast<ir::RowsOp>(op)) {
      std::string symbol = rows.getDim().getDim(0).symbol();
      if (binders.lookup(symbol) != rows)
        continue;
      item.binds = std::move(symbol);
      item.fallible = true;
    }
    addMentions(item);
    if (split.contains(&op)) {
      item.part = WorkItem::Part::Checks;
      item.base = *kernels[&op].checkedBase;
      item.fallible = true;
      items.push_back(item);
      item.part = WorkItem::Part::Writes;
      item.fallible = false;
      items.push_back(item);
      continue;
    }
    op.walk([&](ir::DispatchOp dispatch) {
      item.fallible |= kernels[dispatch].fallible;
    });
    op.walk([&](ir::LoopOp loop) { item.fallible |= loop.getChecked(); });
    op.walk([&](ir::RowsOp rows) {
      item.fallible |= binders.contains(rows.getDim().getDim(0).symbol());
    });
    op.walk([&](ir::ObserveOp) { item.fallible = item.observes = true; });
    items.push_back(item);
  }
  return items;
}

/// About what the value takes; 0 where it is written into a state or an output,
/// which have storage anyway.
int64_t Planner::roughBytes(Value value) const {
  constexpr int64_t kUnknown = 256; // elements of an axis
  auto type = cast<RankedTensorType>(value.getType());
  if (auto it = buffers.find(value); it != buffers.end())
    if (out.program.buffers[rootOf(it->second)].kind != BufferKind::kTemporary)
      return 0;
  double bytes = (type.getElementTypeBitWidth() + 7) / 8;
  for (int64_t extent : type.getShape())
    bytes *= ShapedType::isDynamic(extent) ? kUnknown : extent;
  return static_cast<int64_t>(std::min(bytes, 1e15));
}

FailureOr<Step> Planner::planOp(const WorkItem &item,
                                const llvm::DenseMap<Value, size_t> &lastUse,
                                size_t position) {
  Operation *op = item.op;
  if (auto dispatch = dyn_cast<ir::DispatchOp>(op))
    return planDispatch(dispatch, item.part, lastUse, position);
  if (auto loop = dyn_cast<ir::LoopOp>(op))
    return planLoop(loop);
  if (auto branch = dyn_cast<ir::BranchOp>(op))
    return planBranch(branch);
  if (auto value = dyn_cast<ir::DimValueOp>(op)) {
    Step step;
    step.op = DimValueStep{bufferFor(value.getResult()),
                           value.getDim().getDim(0), ir::getNodeId(op)};
    return step;
  }
  if (auto rows = dyn_cast<ir::RowsOp>(op)) {
    const std::vector<std::string> &symbols = out.program.symbols;
    auto symbol = llvm::find(symbols, rows.getDim().getDim(0).symbol());
    Step step;
    step.op = BindStep{static_cast<int32_t>(symbol - symbols.begin()),
                       bufferFor(rows.getCount()),
                       dims.getDims(rows.getX())[0], ir::getNodeId(op)};
    return step;
  }
  if (auto observe = dyn_cast<ir::ObserveOp>(op)) {
    std::vector<int32_t> values;
    for (Value value : observe.getValues())
      values.push_back(bufferFor(value));
    Step step;
    step.op = observeStep(observe.getInfo(), std::move(values));
    return step;
  }
  return op->emitOpError() << "is left outside a kernel, required "
                              "oriel.dispatch, loop, branch, dim_value, observe, "
                              "rows, reshape, constant, state_read or state_update";
}

LogicalResult Planner::planItems(ArrayRef<WorkItem> items,
                                 std::vector<Step> &steps) {
  llvm::DenseMap<Value, size_t> lastUse;
  for (auto [position, item] : llvm::enumerate(items))
    for (Value value : readsOf(item))
      lastUse[resolve(value)] = position;
  llvm::SaveAndRestore around(planned, items);
  for (auto [position, item] : llvm::enumerate(items)) {
    if (!item.op) {
      Step step;
      step.op = CopyStep{bufferFor(item.source), item.target, item.node};
      steps.push_back(std::move(step));
      continue;
    }
    FailureOr<Step> step = planOp(item, lastUse, position);
    if (failed(step))
      return failure();
    steps.push_back(std::move(*step));
  }
  return success();
}

FailureOr<PlannedProgram> Planner::run() {
  out.program.name = main.getSymName().str();
  nodes = ir::getNodeTable(module);
  out.program.nodes = nodes;
  if (failed(readKernels()) || failed(declareStates()) ||
      failed(declareInputs()) || failed(declareBound()) ||
      failed(bindUpdates()))
    return failure();
  bindOutputs();
  out.program.constraints = dims.getConstraints();

  Block *block = &main.getBody().front();
  llvm::SmallVector<WorkItem> items = itemsOf(block);
  for (WorkItem &copy : copies)
    addMentions(copy);
  items.append(copies.begin(), copies.end());
  Scheduler scheduler(items);
  for (auto &[state, chain] : inPlace)
    (void)scheduler.addWriters(chain, state);
  llvm::SmallVector<WorkItem> order =
      scheduler.order([&](Value value) { return roughBytes(value); });
  if (order.size() != items.size())
    return main.emitError() << "has sizes that need what they are found from";
  if (failed(planItems(order, out.program.steps)))
    return failure();
  assignLifetimes(out.program);
  return std::move(out);
}

} // namespace planning

FailureOr<PlannedProgram> planProgram(ModuleOp module, bool check) {
  func::FuncOp main;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    if (main)
      return function.emitError()
             << "is a second public function, required one";
    main = function;
  }
  if (!main)
    return module.emitError() << "has no public func.func, required one";
  if (!main.getBody().hasOneBlock())
    return main.emitError() << "has " << main.getBody().getBlocks().size()
                            << " blocks, required 1";
  FailureOr<DimAnalysis> dims = DimAnalysis::get(main);
  if (failed(dims))
    return failure();
  return planning::Planner(module, main, std::move(*dims), check).run();
}

} // namespace oriel
