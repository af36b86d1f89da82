//===- Planner.cpp - Schedule, buffers, shared storage, states
//--------------===//
#include "passes/Planning/PlannerImpl.h"

#include "dialect/Graph/NodeId.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Planning/Schedule.h"
#include "passes/Planning/ToProgram.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/SaveAndRestore.h"

#include <map>

using namespace mlir;

namespace oriel {

std::string getImageSymbol(StringRef kernelModule, StringRef entry) {
  if (entry == kernelModule)
    return entry.str();
  if (entry.consume_front(kernelModule))
    entry.consume_front("_");
  return (kernelModule + "." + entry).str();
}

namespace planning {

static FailureOr<KernelFacts> readKernel(ir::DispatchOp dispatch,
                                         const SymbolTable &symbols) {
  auto kernel =
      symbols.lookup<ModuleOp>(dispatch.getKernel().getRootReference());
  if (!kernel)
    return dispatch.emitOpError() << "calls " << dispatch.getKernel()
                                  << ", required a kernel module of that name";
  KernelFacts facts;
  auto entries = kernel->getAttrOfType<ArrayAttr>("oriel.entries");
  auto tasks = kernel->getAttrOfType<ir::DimsAttr>("oriel.tasks");
  if (!entries || !tasks || entries.size() != tasks.size() || entries.empty())
    return dispatch.emitOpError() << "calls " << dispatch.getKernel()
                                  << ", whose module lacks oriel.entries and "
                                     "oriel.tasks of equal length; "
                                     "required after code generation";
  for (Attribute entry : entries) {
    if (auto library = dyn_cast<StringAttr>(entry)) {
      facts.symbols.push_back((Twine(StringRef(kLibraryPrefix)) + library.getValue()).str());
      continue;
    }
    auto symbol = dyn_cast<FlatSymbolRefAttr>(entry);
    if (!symbol)
      return dispatch.emitOpError()
             << "has the kernel entry " << entry << ", required a symbol";
    facts.symbols.push_back(
        getImageSymbol(*kernel.getSymName(), symbol.getValue()));
  }
  facts.tasks = tasks.getDims();
  for (auto [name, dim] :
       {std::pair<StringRef, Dim *>{"oriel.scratch", &facts.scratch},
        {"oriel.shared", &facts.shared},
        {"oriel.cost", &facts.cost}}) {
    auto dims = kernel->getAttrOfType<ir::DimsAttr>(name);
    if (!dims || dims.size() != 1)
      return dispatch.emitOpError()
             << "calls " << dispatch.getKernel() << ", whose module lacks "
             << name << " with one dim";
    *dim = dims.getDim(0);
  }
  facts.fallible = kernel->hasAttr("oriel.fallible");
  facts.once = kernel->hasAttr(kOnceAttr);
  if (auto parameters = kernel->getAttrOfType<ir::DimsAttr>("oriel.parameters"))
    facts.parameters = parameters.getDims();
  if (auto name = kernel->getAttrOfType<StringAttr>(kClassAttr))
    facts.opClass = name.str();
  if (auto operands =
          kernel->getAttrOfType<DenseI64ArrayAttr>(kInPlaceOperandsAttr))
    facts.inPlaceOperands.append(operands.asArrayRef().begin(),
                                 operands.asArrayRef().end());
  if (auto base = kernel->getAttrOfType<IntegerAttr>(kCheckedBaseAttr))
    facts.checkedBase = base.getInt();
  return facts;
}

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

/// The node whose value this is: a dispatch has one per result.
static NodeId valueNode(Value value) {
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
  for (const std::string &symbol : out.program.symbols)
    if (!llvm::is_contained(unique, symbol))
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

LogicalResult Planner::readKernels() {
  SymbolTable symbols(module);
  WalkResult result = main.walk([&](ir::DispatchOp dispatch) {
    FailureOr<KernelFacts> facts = readKernel(dispatch, symbols);
    if (failed(facts))
      return WalkResult::interrupt();
    kernels[dispatch] = std::move(*facts);
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// States and outputs
//===----------------------------------------------------------------------===//

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

/// Does the step make of constants what can be kept from call to call? Kernels
/// that do not ask for it may keep twice the bytes of the constants they read.
bool Planner::canKeep(ir::DispatchOp op, const KernelFacts &facts,
                      WorkItem::Part part) {
  if (part != WorkItem::Part::Whole || facts.fallible ||
      op->getBlock() != &main.getBody().front() || op.getInputs().empty() ||
      !writers.lookup(op).empty())
    return false;
  int64_t read = 0, made = 0;
  auto add = [&](Value value, int64_t &bytes) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.hasStaticShape())
      return false;
    bytes += type.getNumElements() *
             ((type.getElementTypeBitWidth() + 7) / 8);
    return true;
  };
  for (Value input : op.getInputs()) {
    Value source = resolve(input);
    if ((!source.getDefiningOp<ir::ConstantOp>() && !kept.contains(source)) ||
        !add(input, read))
      return false;
  }
  for (Value result : op.getResults())
    if (buffers.contains(result) || !add(result, made))
      return false;
  for (const Dim &dim : op.getDims().getDims())
    if (!dim.is_static())
      return false;
  return facts.once || made <= 2 * read;
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
  unsigned number = 0;
  auto addTensor = [&](Value value, int32_t buffer) {
    step.args.push_back({buffer, Dim(0)});
    Dims shape = dims.getDims(value);
    auto type = cast<RankedTensorType>(value.getType());
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
    Dim tasks = facts.tasks[p].Substitute(local);
    if (!(p > 0 && tasks == Dim(0)))
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
