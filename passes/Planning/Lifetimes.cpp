//===- Lifetimes.cpp - Where buffers begin and end
//--------------------------===//
#include "passes/Planning/Planner.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

namespace oriel {
namespace {

using Counts = llvm::MapVector<int32_t, int64_t>;

class LifetimeAssigner {
public:
  explicit LifetimeAssigner(Program &program) : program(program) {
    for (const StateDecl &state : program.states)
      if (state.new_value >= 0)
        shadows.insert(state.new_value);
  }

  void run() {
    count(program.steps, total);
    assign(program.steps);
  }

private:
  /// The buffers a step touches itself, not in its bodies: those it names, and
  /// those whose storage these live in.
  llvm::SmallVector<int32_t> own(const Step &step) {
    llvm::SmallVector<int32_t> touched = named(step);
    for (size_t i = 0; i < touched.size(); ++i)
      if (int32_t other = program.buffers[touched[i]].alias_of;
          other >= 0 && !llvm::is_contained(touched, other))
        touched.push_back(other);
    return touched;
  }

  llvm::SmallVector<int32_t> named(const Step &step) {
    llvm::SmallVector<int32_t> out;
    auto add = [&](const std::vector<int32_t> &buffers) {
      out.append(buffers.begin(), buffers.end());
    };
    if (auto *dispatch = std::get_if<DispatchStep>(&step.op)) {
      add(dispatch->reads);
      add(dispatch->writes);
    } else if (auto *copy = std::get_if<CopyStep>(&step.op)) {
      out = {copy->src, copy->dst};
    } else if (auto *value = std::get_if<DimValueStep>(&step.op)) {
      out = {value->buffer};
    } else if (auto *loop = std::get_if<LoopStep>(&step.op)) {
      out = {loop->trips};
      if (loop->induction >= 0)
        out.push_back(loop->induction);
      add(loop->initial);
      add(loop->current);
      add(loop->next);
      add(loop->results);
      for (const LoopSequence &sequence : loop->sequences)
        out.push_back(sequence.source);
      for (const LoopStack &stack : loop->stacks)
        out.push_back(stack.stack);
      if (loop->stop >= 0)
        out.push_back(loop->stop);
      if (loop->count >= 0)
        out.push_back(loop->count);
    } else if (auto *branch = std::get_if<BranchStep>(&step.op)) {
      out = {branch->condition};
    } else if (auto *bind = std::get_if<BindStep>(&step.op)) {
      out = {bind->count};
    } else if (auto *observe = std::get_if<ObserveStep>(&step.op)) {
      add(observe->values);
    }
    return out;
  }

  llvm::SmallVector<std::vector<Step> *> bodies(Step &step) {
    if (auto *loop = std::get_if<LoopStep>(&step.op))
      return {&loop->body};
    if (auto *branch = std::get_if<BranchStep>(&step.op))
      return {&branch->then_body, &branch->else_body};
    return {};
  }

  bool isManaged(int32_t buffer) {
    BufferKind kind = program.buffers[buffer].kind;
    return kind == BufferKind::kTemporary || kind == BufferKind::kOutput;
  }

  void count(std::vector<Step> &steps, Counts &counts) {
    for (Step &step : steps) {
      for (int32_t buffer : own(step))
        if (isManaged(buffer))
          ++counts[buffer];
      for (std::vector<Step> *body : bodies(step))
        count(*body, counts);
    }
  }

  /// Gives each buffer to the innermost body that holds everything that touches
  /// it, inner bodies first.
  void assign(std::vector<Step> &steps) {
    for (Step &step : steps)
      for (std::vector<Step> *body : bodies(step))
        assign(*body);
    Counts seen;
    llvm::DenseMap<int32_t, size_t> first, last;
    for (size_t i = 0; i < steps.size(); ++i) {
      Counts here;
      for (int32_t buffer : own(steps[i]))
        if (isManaged(buffer))
          ++here[buffer];
      for (std::vector<Step> *body : bodies(steps[i]))
        count(*body, here);
      for (auto &[buffer, times] : here) {
        first.try_emplace(buffer, i);
        last[buffer] = i;
        seen[buffer] += times;
      }
    }
    for (auto &[buffer, times] : seen) {
      if (times != total[buffer] || !owned.insert(buffer).second)
        continue;
      steps[first[buffer]].alloc.push_back(buffer);
      if (program.buffers[buffer].kind != BufferKind::kOutput &&
          !shadows.contains(buffer))
        steps[last[buffer]].release.push_back(buffer);
    }
  }

  Program &program;
  Counts total;
  llvm::DenseSet<int32_t> shadows, owned;
};

} // namespace

void assignLifetimes(Program &program) { LifetimeAssigner(program).run(); }

} // namespace oriel
