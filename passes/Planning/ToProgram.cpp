//===- ToProgram.cpp - plan.program to Program
//------------------------------===//
#include "passes/Planning/ToProgram.h"

#include "dialect/Graph/NodeId.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace oriel {

FailureOr<std::vector<uint8_t>> elementBytes(ElementsAttr elements) {
  size_t count = elements.getNumElements();
  unsigned bits = elements.getElementType().getIntOrFloatBitWidth();
  size_t width = bits == 1 ? 1 : bits / 8;
  std::vector<uint8_t> out;
  out.reserve(count * width);
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || blob->getData().size() != count * width)
      return failure();
    out.assign(blob->getData().begin(), blob->getData().end());
    return out;
  }
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!dense)
    return failure();
  if (bits == 1) {
    for (bool value : dense.getValues<bool>())
      out.push_back(value ? 1 : 0);
    return out;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (dense.isSplat()) {
    for (size_t i = 0; i < count; ++i)
      out.insert(out.end(), raw.begin(), raw.begin() + width);
    return out;
  }
  if (raw.size() != count * width)
    return failure();
  out.assign(raw.begin(), raw.end());
  return out;
}

namespace {

class PlanReader {
public:
  explicit PlanReader(plan::ProgramOp op) : op(op) {}

  FailureOr<Program> run() {
    program.name = op.getSymName().str();
    for (Attribute symbol : op.getSymbols())
      program.symbols.push_back(cast<StringAttr>(symbol).str());
    if (auto module = op->getParentOfType<ModuleOp>())
      program.nodes = ir::getNodeTable(module);
    if (failed(readBlock(op.getBody().front(), program.steps)))
      return failure();
    return std::move(program);
  }

private:
  int32_t index(Value value) const { return numbers.lookup(value); }
  std::vector<int32_t> indices(ValueRange values) const {
    std::vector<int32_t> out;
    for (Value value : values)
      out.push_back(index(value));
    return out;
  }
  int32_t outputOf(Value buffer) const {
    auto it = llvm::find_if(program.outputs, [&](const OutputDecl &output) {
      return output.buffer == index(buffer);
    });
    return static_cast<int32_t>(it - program.outputs.begin());
  }
  template <typename Op> static NodeId nodeOf(Op op) {
    return op.getNode() ? static_cast<NodeId>(*op.getNode()) : kNoNode;
  }

  FailureOr<int32_t> readConstant(plan::BufferOp op) {
    FailureOr<std::vector<uint8_t>> bytes = elementBytes(op.getValueAttr());
    if (failed(bytes))
      return op.emitOpError() << "has a value whose elements are not at hand, "
                                 "required dense or dense_resource "
                                 "with as many bytes as elements need";
    program.constants.push_back({std::move(*bytes)});
    return static_cast<int32_t>(program.constants.size()) - 1;
  }

  LogicalResult declare(plan::BufferOp op) {
    Buffer buffer;
    int32_t number = static_cast<int32_t>(program.buffers.size());
    numbers[op.getResult()] = number;
    buffer.name = op.getName().str();
    buffer.kind = static_cast<BufferKind>(op.getKind());
    buffer.dtype = *ir::getDType(op.getElement());
    buffer.shape = op.getShape().getDims();
    buffer.node = nodeOf(op);
    if (op.getAlias())
      buffer.alias_of = index(op.getAlias());
    int32_t constant = -1;
    if (op.getValueAttr()) {
      FailureOr<int32_t> read = readConstant(op);
      if (failed(read))
        return failure();
      constant = *read;
    }
    switch (buffer.kind) {
    case BufferKind::kConstant:
      buffer.constant = constant;
      break;
    case BufferKind::kInput:
      program.inputs.push_back({buffer.name, number, buffer.node});
      break;
    case BufferKind::kOutput:
      program.outputs.push_back({buffer.name, number});
      break;
    case BufferKind::kState: {
      buffer.state = static_cast<int32_t>(program.states.size());
      StateDecl state;
      state.name = buffer.name;
      state.buffer = number;
      state.initial = constant;
      program.states.push_back(std::move(state));
      break;
    }
    default:
      break;
    }
    program.buffers.push_back(std::move(buffer));
    return success();
  }

  LogicalResult readBlock(Block &block, std::vector<Step> &steps) {
    std::vector<int32_t> alloc;
    for (Operation &each : block) {
      if (auto buffer = dyn_cast<plan::BufferOp>(each)) {
        if (failed(declare(buffer)))
          return failure();
        continue;
      }
      if (auto require = dyn_cast<plan::RequireOp>(each)) {
        program.constraints.push_back(
            {require.getLeft().getDim(0), require.getRight().getDim(0),
             nodeOf(require), require.getWhat().str()});
        continue;
      }
      if (auto op = dyn_cast<plan::AllocOp>(each)) {
        for (Value value : op.getBuffers())
          alloc.push_back(index(value));
        continue;
      }
      if (auto op = dyn_cast<plan::ReleaseOp>(each)) {
        if (steps.empty())
          return op.emitOpError()
                 << "stands before the first step, required after one";
        for (Value value : op.getBuffers())
          steps.back().release.push_back(index(value));
        continue;
      }
      if (auto truncate = dyn_cast<plan::TruncateOp>(each)) {
        int32_t count = outputOf(truncate.getCount());
        program.outputs[outputOf(truncate.getOutput())].rows_from = count;
        program.outputs[count].hidden = true;
        continue;
      }
      if (auto commit = dyn_cast<plan::CommitOp>(each)) {
        StateDecl &state =
            program.states[program.buffers[index(commit.getState())].state];
        state.updated = true;
        state.new_value =
            commit.getShadow() ? index(commit.getShadow()) : state.buffer;
        if (commit.getReason())
          state.remark = commit.getReason()->str();
        continue;
      }
      Step step;
      if (failed(readStep(each, step)))
        return failure();
      step.alloc = std::move(alloc);
      alloc.clear();
      steps.push_back(std::move(step));
    }
    if (!alloc.empty())
      return block.getParentOp()->emitOpError()
             << "allocates buffers after its last step, required before one";
    return success();
  }

  LogicalResult readStep(Operation &each, Step &step) {
    if (auto op = dyn_cast<plan::DispatchOp>(each)) {
      step.op = readDispatch(op);
    } else if (auto op = dyn_cast<plan::CopyOp>(each)) {
      step.op =
          CopyStep{index(op.getSource()), index(op.getTarget()), nodeOf(op)};
    } else if (auto op = dyn_cast<plan::DimValueOp>(each)) {
      step.op = DimValueStep{index(op.getTarget()), op.getValue().getDim(0),
                             nodeOf(op)};
    } else if (auto op = dyn_cast<plan::LoopOp>(each)) {
      LoopStep loop;
      loop.trips = index(op.getTrips());
      loop.induction = op.getInduction() ? index(op.getInduction()) : -1;
      loop.initial = indices(op.getInitial());
      loop.current = indices(op.getCurrent());
      loop.next = indices(op.getNext());
      loop.results = indices(op.getResults());
      loop.node = nodeOf(op);
      for (size_t s = 0; s < op.getSequences().size(); ++s)
        loop.sequences.push_back({index(op.getSequences()[s]),
                                  index(op.getRows()[s]),
                                  op.getStarts()->getDim(s),
                                  (*op.getSteps())[s]});
      for (size_t j = 0; j < op.getStacks().size(); ++j)
        loop.stacks.push_back(
            {index(op.getStacks()[j]), index(op.getStackRows()[j])});
      loop.bounded = op.getExtent().has_value();
      if (loop.bounded)
        loop.extent = op.getExtent()->getDim(0);
      loop.reverse = op.getReverse();
      loop.checked = op.getChecked();
      loop.stop = op.getStop() ? index(op.getStop()) : -1;
      loop.count = op.getCount() ? index(op.getCount()) : -1;
      if (failed(readBlock(op.getBody().front(), loop.body)))
        return failure();
      step.op = std::move(loop);
    } else if (auto op = dyn_cast<plan::BindOp>(each)) {
      auto symbol = llvm::find(program.symbols, op.getSymbol().str());
      if (symbol == program.symbols.end())
        return op.emitOpError() << "binds '" << op.getSymbol()
                                << "', which is no symbol of the program";
      step.op = BindStep{static_cast<int32_t>(symbol - program.symbols.begin()),
                         index(op.getCount()), op.getLimit().getDim(0),
                         nodeOf(op)};
    } else if (auto op = dyn_cast<plan::ObserveOp>(each)) {
      step.op = observeStep(op.getInfo(), indices(op.getValues()));
    } else if (auto op = dyn_cast<plan::BranchOp>(each)) {
      BranchStep branch;
      branch.condition = index(op.getCondition());
      branch.node = nodeOf(op);
      if (failed(readBlock(op.getThenBody().front(), branch.then_body)) ||
          failed(readBlock(op.getElseBody().front(), branch.else_body)))
        return failure();
      step.op = std::move(branch);
    } else {
      return each.emitOpError() << "is not a step that a program can hold";
    }
    return success();
  }

  DispatchStep readDispatch(plan::DispatchOp op) {
    DispatchStep step;
    step.kernel = op.getName().str();
    step.op_class = op.getOpClass().str();
    for (auto [entry, tasks] :
         llvm::zip_equal(op.getEntries(), op.getTasks().getDims()))
      step.phases.push_back({cast<StringAttr>(entry).str(), tasks});
    step.reads = indices(op.getInputs());
    step.writes = indices(op.getOutputs());
    for (Attribute word : op.getArgs()) {
      if (auto number = dyn_cast<IntegerAttr>(word)) {
        size_t k = number.getInt();
        step.args.push_back({k < step.reads.size()
                                 ? step.reads[k]
                                 : step.writes[k - step.reads.size()],
                             Dim(0)});
      } else {
        for (const Dim &dim : cast<ir::DimsAttr>(word).getDims())
          step.args.push_back({-1, dim});
      }
    }
    step.scratch_bytes = op.getScratch().getDim(0);
    step.shared_bytes = op.getShared().getDim(0);
    step.cost = op.getCost().getDim(0);
    step.fallible = op.getFallible();
    if (op.getReference())
      step.reference = op.getReference()->str();
    step.once = op.getOnce();
    for (Attribute nodes : op.getOrdinals()) {
      ArrayRef<int64_t> ids = cast<DenseI64ArrayAttr>(nodes).asArrayRef();
      step.ordinals.push_back({std::vector<NodeId>(ids.begin(), ids.end())});
    }
    for (int64_t mark : op.getInPlace())
      step.in_place.push_back(static_cast<uint8_t>(mark));
    step.node = nodeOf(op);
    return step;
  }

  plan::ProgramOp op;
  Program program;
  llvm::DenseMap<Value, int32_t> numbers;
};

} // namespace

ObserveStep observeStep(ir::TapInfoAttr info, std::vector<int32_t> values) {
  ObserveStep step;
  step.kind = static_cast<TapKind>(info.getKind());
  step.tap = static_cast<int32_t>(info.getTap());
  step.result = static_cast<int32_t>(info.getResult());
  step.node = info.getNode();
  step.message = info.getMessage().str();
  step.attributes = info.getLines().str();
  step.file = info.getFile().str();
  step.line = static_cast<int32_t>(info.getLine());
  step.values = std::move(values);
  step.counts.assign(info.getCounts().begin(), info.getCounts().end());
  return step;
}

FailureOr<Program> toProgram(plan::ProgramOp op) {
  return PlanReader(op).run();
}

} // namespace oriel
