//===- CreatePlan.cpp - Program to plan.program
//-----------------------------===//
#include "dialect/Graph/NodeId.h"
#include "mlir/IR/Builders.h"
#include "passes/Planning/ToProgram.h"

using namespace mlir;

namespace oriel {
namespace {

class PlanWriter {
public:
  PlanWriter(OpBuilder &builder, Location loc, const PlannedProgram &planned)
      : b(builder), loc(loc), planned(planned), program(planned.program) {}

  plan::ProgramOp run() {
    SmallVector<StringRef> symbols(program.symbols.begin(),
                                   program.symbols.end());
    auto op = plan::ProgramOp::create(b, loc, program.name,
                                      b.getStrArrayAttr(symbols));
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&op.getBody());
    handles.resize(program.buffers.size());
    for (size_t i = 0; i < program.buffers.size(); ++i)
      declare(i);
    for (const DimConstraint &c : program.constraints)
      plan::RequireOp::create(b, loc, dims({c.left}), dims({c.right}),
                              b.getStringAttr(c.what), node(c.node));
    writeSteps(program.steps);
    for (const OutputDecl &output : program.outputs)
      if (output.rows_from >= 0)
        plan::TruncateOp::create(
            b, loc, handles[output.buffer],
            handles[program.outputs[output.rows_from].buffer]);
    for (const StateDecl &state : program.states) {
      if (!state.updated)
        continue;
      bool inPlace = state.new_value == state.buffer;
      plan::CommitOp::create(b, loc, handles[state.buffer],
                             inPlace ? Value() : handles[state.new_value],
                             inPlace ? StringAttr()
                                     : b.getStringAttr(state.remark));
    }
    return op;
  }

private:
  ir::DimsAttr dims(const Dims &values) {
    return ir::DimsAttr::get(b.getContext(), values);
  }
  IntegerAttr node(NodeId id) {
    return id == kNoNode ? IntegerAttr() : b.getI64IntegerAttr(id);
  }

  SmallVector<Value> values(ArrayRef<int32_t> buffers) {
    SmallVector<Value> out;
    for (int32_t buffer : buffers)
      out.push_back(handles[buffer]);
    return out;
  }

  /// An alias comes after what it aliases, so the recursion goes there first.
  void declare(size_t i) {
    if (handles[i])
      return;
    const Buffer &buffer = program.buffers[i];
    Value alias;
    if (buffer.alias_of >= 0) {
      declare(buffer.alias_of);
      alias = handles[buffer.alias_of];
    }
    int32_t constant = buffer.constant;
    if (buffer.state >= 0)
      constant = program.states[buffer.state].initial;
    handles[i] =
        plan::BufferOp::create(
            b, loc, plan::BufferType::get(b.getContext()),
            plan::KindAttr::get(b.getContext(),
                                static_cast<plan::Kind>(buffer.kind)),
            b.getStringAttr(buffer.name),
            TypeAttr::get(ir::getElementType(b.getContext(), buffer.dtype)),
            dims(buffer.shape), node(buffer.node), alias,
            constant >= 0 ? planned.constants[constant] : ElementsAttr())
            .getResult();
  }

  void writeSteps(const std::vector<Step> &steps) {
    for (const Step &step : steps) {
      if (!step.alloc.empty())
        plan::AllocOp::create(b, loc, values(step.alloc));
      std::visit([&](const auto &op) { write(op); }, step.op);
      if (!step.release.empty())
        plan::ReleaseOp::create(b, loc, values(step.release));
    }
  }

  void writeBody(Region &region, const std::vector<Step> &steps) {
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&region);
    writeSteps(steps);
  }

  void write(const DispatchStep &step) {
    SmallVector<StringRef> entries;
    Dims tasks;
    for (const KernelPhase &phase : step.phases) {
      entries.push_back(phase.symbol);
      tasks.push_back(phase.tasks);
    }
    SmallVector<Attribute> args, ordinals;
    int64_t number = 0;
    for (const ArgWord &word : step.args)
      args.push_back(word.buffer >= 0 ? Attribute(b.getI64IntegerAttr(number++))
                                      : Attribute(dims({word.value})));
    for (const OrdinalNodes &ordinal : step.ordinals)
      ordinals.push_back(b.getDenseI64ArrayAttr(ordinal.nodes));
    SmallVector<int64_t> inPlace(step.in_place.begin(), step.in_place.end());
    plan::DispatchOp::create(
        b, loc, b.getStringAttr(step.kernel), b.getStringAttr(step.op_class),
        b.getStrArrayAttr(entries), dims(tasks), values(step.reads),
        values(step.writes), b.getArrayAttr(args), dims({step.scratch_bytes}),
        dims({step.shared_bytes}), dims({step.cost}),
        b.getDenseI64ArrayAttr(inPlace), b.getArrayAttr(ordinals),
        step.fallible ? b.getUnitAttr() : UnitAttr(), node(step.node),
        step.reference.empty() ? StringAttr()
                               : b.getStringAttr(step.reference),
        step.once ? b.getUnitAttr() : UnitAttr());
  }

  void write(const CopyStep &step) {
    plan::CopyOp::create(b, loc, handles[step.src], handles[step.dst],
                         node(step.node));
  }

  void write(const DimValueStep &step) {
    plan::DimValueOp::create(b, loc, dims({step.value}), handles[step.buffer],
                             node(step.node));
  }

  void write(const BindStep &step) {
    plan::BindOp::create(b, loc,
                         b.getStringAttr(program.symbols[step.symbol]),
                         handles[step.count], dims({step.limit}),
                         node(step.node));
  }

  void write(const ObserveStep &step) {
    SmallVector<int64_t> counts(step.counts.begin(), step.counts.end());
    auto info = ir::TapInfoAttr::get(
        b.getContext(), static_cast<ir::TapKind>(step.kind), step.tap,
        step.node, step.result, step.message, step.attributes, counts,
        step.file, step.line);
    plan::ObserveOp::create(b, loc, info, values(step.values));
  }

  void write(const LoopStep &step) {
    auto optional = [&](int32_t buffer) {
      return buffer >= 0 ? handles[buffer] : Value();
    };
    auto flag = [&](bool set) { return set ? b.getUnitAttr() : UnitAttr(); };
    SmallVector<Value> sequences, rows, stacks, stackRows;
    Dims starts;
    SmallVector<int64_t> steps;
    for (const LoopSequence &sequence : step.sequences) {
      sequences.push_back(handles[sequence.source]);
      rows.push_back(handles[sequence.row]);
      starts.push_back(sequence.start);
      steps.push_back(sequence.step);
    }
    for (const LoopStack &stack : step.stacks) {
      stacks.push_back(handles[stack.stack]);
      stackRows.push_back(handles[stack.row]);
    }
    auto op = plan::LoopOp::create(
        b, loc, handles[step.trips],
        step.bounded ? dims({step.extent}) : ir::DimsAttr(),
        optional(step.induction), sequences, rows,
        sequences.empty() ? ir::DimsAttr() : dims(starts),
        sequences.empty() ? DenseI64ArrayAttr() : b.getDenseI64ArrayAttr(steps),
        values(step.initial), values(step.current), values(step.next),
        values(step.results), stacks, stackRows, optional(step.stop),
        optional(step.count), flag(step.reverse), flag(step.checked),
        node(step.node));
    writeBody(op.getBody(), step.body);
  }

  void write(const BranchStep &step) {
    auto op = plan::BranchOp::create(b, loc, handles[step.condition],
                                     node(step.node));
    writeBody(op.getThenBody(), step.then_body);
    writeBody(op.getElseBody(), step.else_body);
  }

  OpBuilder &b;
  Location loc;
  const PlannedProgram &planned;
  const Program &program;
  SmallVector<Value> handles;
};

} // namespace

plan::ProgramOp createProgramOp(OpBuilder &builder, Location loc,
                                const PlannedProgram &planned) {
  return PlanWriter(builder, loc, planned).run();
}

} // namespace oriel
