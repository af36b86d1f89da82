// Verifiers of single steps; what depends on the steps around (is this buffer
// alive here?) is checked by the program, PlanProgram.cpp.
#include "dialect/Plan/PlanDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace oriel::plan;

namespace {

BufferOp bufferOf(Value value) { return value.getDefiningOp<BufferOp>(); }

LogicalResult checkBuffers(Operation *op) {
  for (Value operand : op->getOperands())
    if (isa<BufferType>(operand.getType()) && !bufferOf(operand))
      return op->emitOpError() << "names a buffer that no plan.buffer declares";
  return success();
}

LogicalResult checkScalar(Operation *op, Value value, StringRef role,
                          Type element) {
  BufferOp buffer = bufferOf(value);
  if (buffer.getElement() != element || !buffer.getShape().getDims().empty())
    return op->emitOpError()
           << role << " is " << buffer.getElement() << " of shape "
           << ::oriel::ToString(buffer.getShape().getDims())
           << ", required a scalar " << element;
  return success();
}

LogicalResult checkWritable(Operation *op, Value value) {
  BufferOp root = bufferOf(value).getRoot();
  if (root.getKind() == Kind::Input || root.getKind() == Kind::Constant)
    return op->emitOpError()
           << "writes " << root.describe()
           << ", required an output, state, temporary, workspace or row";
  auto dispatch = dyn_cast<DispatchOp>(op);
  if (root.getKind() == Kind::Kept && !(dispatch && dispatch.getOnce()))
    return op->emitOpError() << "writes " << root.describe()
                             << ", required a dispatch that runs once";
  return success();
}

// Same element type, and the same number of elements as far as that is known.
LogicalResult checkSame(Operation *op, Value a, Value b, StringRef what) {
  BufferOp x = bufferOf(a), y = bufferOf(b);
  ::oriel::Dim m = ::oriel::NumElements(x.getShape().getDims());
  ::oriel::Dim n = ::oriel::NumElements(y.getShape().getDims());
  if (x.getElement() != y.getElement() ||
      (m.is_static() && n.is_static() && m != n))
    return op->emitOpError()
           << what << ": " << x.describe() << " is " << x.getElement() << " "
           << ::oriel::ToString(x.getShape().getDims()) << " and "
           << y.describe() << " is " << y.getElement() << " "
           << ::oriel::ToString(y.getShape().getDims())
           << ", required equal types and sizes";
  return success();
}

// A row of an array: its shape without the first axis.
LogicalResult checkRow(Operation *op, Value array, Value row) {
  BufferOp whole = bufferOf(array), one = bufferOf(row);
  ::oriel::Dims shape = whole.getShape().getDims();
  if (one.getKind() != Kind::Row)
    return op->emitOpError() << "has the rows of " << whole.describe()
                             << " at " << one.describe()
                             << ", required a row";
  if (shape.empty() || whole.getElement() != one.getElement() ||
      ::oriel::Dims(shape.begin() + 1, shape.end()) !=
          one.getShape().getDims())
    return op->emitOpError()
           << "has the rows of " << whole.describe() << ", "
           << whole.getElement() << " " << ::oriel::ToString(shape) << ", at "
           << one.describe() << ", " << one.getElement() << " "
           << ::oriel::ToString(one.getShape().getDims());
  return success();
}

LogicalResult checkOne(Operation *op, ::oriel::ir::DimsAttr dims,
                       StringRef what) {
  if (dims.getDims().size() != 1)
    return op->emitOpError()
           << what << " has " << dims.getDims().size() << " dims, required 1";
  return success();
}

LogicalResult checkSteps(Operation *op, Region &body) {
  for (Operation &step : body.front())
    if (!isa<AllocOp, ReleaseOp, DispatchOp, CopyOp, DimValueOp, LoopOp,
             BranchOp, ObserveOp, BindOp>(step))
      return step.emitOpError() << "stands in the body of '" << op->getName()
                                << "', required a step (alloc release dispatch "
                                   "copy dim_value loop branch observe bind)";
  return success();
}

// Only what the engine allocates for a call.
LogicalResult checkStorage(Operation *op, ValueRange buffers) {
  for (Value value : buffers) {
    BufferOp buffer = bufferOf(value);
    if (buffer.getKind() != Kind::Temporary &&
        buffer.getKind() != Kind::Output && buffer.getKind() != Kind::Workspace)
      return op->emitOpError()
             << "names " << buffer.describe()
             << ", required an output, temporary or workspace";
  }
  return success();
}

} // namespace

LogicalResult AllocOp::verify() {
  if (failed(checkBuffers(*this)))
    return failure();
  return checkStorage(*this, getBuffers());
}

LogicalResult ReleaseOp::verify() {
  if (failed(checkBuffers(*this)) || failed(checkStorage(*this, getBuffers())))
    return failure();
  for (Value value : getBuffers())
    if (bufferOf(value).getKind() == Kind::Output)
      return emitOpError() << "names " << bufferOf(value).describe()
                           << ", required to live until the end";
  return success();
}

LogicalResult DispatchOp::verify() {
  if (failed(checkBuffers(*this)))
    return failure();
  if (getEntries().empty())
    return emitOpError() << "has no entries, required at least one phase";
  if (getEntries().size() != getTasks().getDims().size())
    return emitOpError() << "has " << getEntries().size() << " entries and "
                         << getTasks().getDims().size()
                         << " task counts, required one per entry";
  size_t operands = getInputs().size() + getOutputs().size();
  int64_t next = 0;
  for (Attribute word : getArgs()) {
    if (isa<::oriel::ir::DimsAttr>(word))
      continue;
    auto number = dyn_cast<IntegerAttr>(word);
    if (!number)
      return emitOpError() << "has the argument word " << word
                           << ", required a buffer number or #oriel.dims";
    if (number.getInt() != next)
      return emitOpError() << "passes buffer " << number.getInt()
                           << ", required " << next
                           << " (inputs, then outputs, each once)";
    ++next;
  }
  if (next != static_cast<int64_t>(operands))
    return emitOpError() << "passes " << next
                         << " buffers to the kernel, required " << operands
                         << " (inputs, then outputs)";
  if (failed(checkOne(*this, getScratch(), "scratch")) ||
      failed(checkOne(*this, getShared(), "shared")) ||
      failed(checkOne(*this, getCost(), "cost")))
    return failure();
  if (getInPlace().size() != getOutputs().size())
    return emitOpError() << "has " << getInPlace().size()
                         << " in_place marks, required " << getOutputs().size()
                         << " (one per output)";
  for (int64_t mark : getInPlace())
    if (mark < 0 || mark > 2)
      return emitOpError() << "has in_place mark " << mark
                           << ", required 0 created, 1 in place or 2 view";
  for (Attribute nodes : getOrdinals())
    if (!isa<DenseI64ArrayAttr>(nodes))
      return emitOpError() << "has ordinal " << nodes
                           << ", required an array of node ids";
  for (Value output : getOutputs())
    if (failed(checkWritable(*this, output)))
      return failure();
  if (!getOnce())
    return success();
  if (getFallible() || !isa<ProgramOp>((*this)->getParentOp()))
    return emitOpError() << "runs once, required a step of the program's own "
                            "body that cannot fail";
  for (Value input : getInputs()) {
    BufferOp root = bufferOf(input).getRoot();
    if (root.getKind() != Kind::Constant && root.getKind() != Kind::Kept)
      return emitOpError() << "runs once and reads " << root.describe()
                           << ", required constants and what is kept";
  }
  for (Value output : getOutputs())
    if (bufferOf(output).getKind() != Kind::Kept)
      return emitOpError() << "runs once and writes "
                           << bufferOf(output).describe()
                           << ", required kept buffers";
  return success();
}

LogicalResult CopyOp::verify() {
  if (failed(checkBuffers(*this)) || failed(checkWritable(*this, getTarget())))
    return failure();
  return checkSame(*this, getSource(), getTarget(), "copies");
}

LogicalResult BindOp::verify() {
  if (failed(checkBuffers(*this)) || failed(checkOne(*this, getLimit(), "limit")))
    return failure();
  return checkScalar(*this, getCount(), "count",
                     IntegerType::get(getContext(), 64));
}

LogicalResult DimValueOp::verify() {
  if (failed(checkBuffers(*this)) ||
      failed(checkWritable(*this, getTarget())) ||
      failed(checkOne(*this, getValue(), "value")))
    return failure();
  return checkScalar(*this, getTarget(), "target",
                     IntegerType::get(getContext(), 64));
}

LogicalResult LoopOp::verify() {
  if (failed(checkBuffers(*this)))
    return failure();
  Type i64 = IntegerType::get(getContext(), 64);
  if (failed(checkScalar(*this, getTrips(), "trips", i64)))
    return failure();
  if (getInduction() &&
      failed(checkScalar(*this, getInduction(), "induction", i64)))
    return failure();
  Type i1 = IntegerType::get(getContext(), 1);
  if (getStop() && failed(checkScalar(*this, getStop(), "stop", i1)))
    return failure();
  if (getCount() && (failed(checkScalar(*this, getCount(), "count", i64)) ||
                     failed(checkWritable(*this, getCount()))))
    return failure();
  if (getExtent() && failed(checkOne(*this, *getExtent(), "extent")))
    return failure();
  size_t sequences = getSequences().size();
  if (getRows().size() != sequences ||
      (getStarts() ? getStarts()->size() : 0) != sequences ||
      (getSteps() ? getSteps()->size() : 0) != sequences)
    return emitOpError() << "has " << sequences << " sequences, "
                         << getRows().size() << " rows, "
                         << (getStarts() ? getStarts()->size() : 0)
                         << " starts and "
                         << (getSteps() ? getSteps()->size() : 0)
                         << " steps, required as many of each";
  if (getStacks().size() != getStackRows().size())
    return emitOpError() << "has " << getStacks().size() << " stacks and "
                         << getStackRows().size()
                         << " rows of stacks, required as many of each";
  if ((sequences > 0 || !getStacks().empty()) && !getExtent())
    return emitOpError() << "has sequences or stacks, required an extent";
  for (auto [array, row] : llvm::zip(getSequences(), getRows()))
    if (failed(checkRow(*this, array, row)))
      return failure();
  for (auto [array, row] : llvm::zip(getStacks(), getStackRows()))
    if (failed(checkRow(*this, array, row)) ||
        failed(checkWritable(*this, array)))
      return failure();
  size_t count = getInitial().size();
  if (getCurrent().size() != count || getNext().size() != count ||
      getResults().size() != count)
    return emitOpError() << "carries " << count << " initial, "
                         << getCurrent().size() << " current, "
                         << getNext().size() << " next and "
                         << getResults().size()
                         << " result buffers, required as many of each";
  for (size_t k = 0; k < count; ++k)
    for (Value other : {getCurrent()[k], getNext()[k], getResults()[k]})
      if (failed(checkSame(*this, getInitial()[k], other, "carries")) ||
          failed(checkWritable(*this, other)))
        return failure();
  return checkSteps(*this, getBody());
}

LogicalResult BranchOp::verify() {
  if (failed(checkBuffers(*this)) ||
      failed(checkScalar(*this, getCondition(), "condition",
                         IntegerType::get(getContext(), 1))))
    return failure();
  for (Region *body : {&getThenBody(), &getElseBody()})
    if (failed(checkSteps(*this, *body)))
      return failure();
  return success();
}

LogicalResult ObserveOp::verify() { return checkBuffers(*this); }

LogicalResult TruncateOp::verify() {
  if (failed(checkBuffers(*this)) ||
      failed(checkScalar(*this, getCount(), "count",
                         IntegerType::get(getContext(), 64))))
    return failure();
  for (Value value : {getOutput(), getCount()})
    if (bufferOf(value).getKind() != Kind::Output)
      return emitOpError() << "names " << bufferOf(value).describe()
                           << ", required an output";
  if (bufferOf(getOutput()).getShape().getDims().empty())
    return emitOpError() << "gives rows of the scalar "
                         << bufferOf(getOutput()).describe();
  return success();
}

LogicalResult CommitOp::verify() {
  if (failed(checkBuffers(*this)))
    return failure();
  BufferOp state = bufferOf(getState());
  if (state.getKind() != Kind::State)
    return emitOpError() << "commits " << state.describe()
                         << ", required a state";
  if (!getShadow())
    return success();
  if (!getReason() || getReason()->empty())
    return emitOpError()
           << "takes a shadow without a reason, required `because \"...\"`";
  if (bufferOf(getShadow()).getKind() != Kind::Temporary ||
      bufferOf(getShadow()).getAlias())
    return emitOpError() << "takes the value of "
                         << bufferOf(getShadow()).describe()
                         << ", required a temporary with its own storage";
  return checkSame(*this, getState(), getShadow(), "commits");
}
