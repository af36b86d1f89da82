// File: lifetimes.cpp
#include "runtime/engine/lifetimes.h"

#include <algorithm>

namespace oriel {
namespace {

struct Flattener {
  std::vector<FlatStep> steps;
  int32_t bodies = 1;
  int32_t clock = 0;

  void Body(const std::vector<Step>& body, int32_t parent, int32_t id, int32_t depth) {
    if (depth > kMaxStepDepth) return;
    for (const Step& step : body) {
      const int32_t at = static_cast<int32_t>(steps.size());
      FlatStep flat;
      flat.step = &step;
      flat.parent = parent;
      flat.body = id;
      flat.depth = depth;
      flat.enter = clock++;
      steps.push_back(flat);
      if (const LoopStep* loop = std::get_if<LoopStep>(&step.op)) {
        Body(loop->body, at, bodies++, depth + 1);
        steps[at].exit = clock++;
      } else if (const BranchStep* branch = std::get_if<BranchStep>(&step.op)) {
        Body(branch->then_body, at, bodies++, depth + 1);
        steps[at].else_begin = static_cast<int32_t>(steps.size());
        Body(branch->else_body, at, bodies++, depth + 1);
        steps[at].exit = clock++;
      } else {
        steps[at].exit = steps[at].enter;
      }
      steps[at].end = static_cast<int32_t>(steps.size());
    }
  }
};

// The innermost body that encloses both steps.
int32_t CommonBody(const std::vector<FlatStep>& steps, int32_t a, int32_t b) {
  while (steps[a].body != steps[b].body) {
    const int32_t depth_a = steps[a].depth, depth_b = steps[b].depth;
    if (depth_a >= depth_b) a = steps[a].parent;
    if (depth_b >= depth_a) b = steps[b].parent;
  }
  return steps[a].body;
}

// The step of `body` that is or encloses `s`.
int32_t LiftTo(const std::vector<FlatStep>& steps, int32_t s, int32_t body) {
  while (steps[s].body != body) s = steps[s].parent;
  return s;
}

}  // namespace

std::vector<FlatStep> FlattenSteps(const Program& program) {
  Flattener f;
  f.Body(program.steps, -1, 0, 0);
  return std::move(f.steps);
}

StepAccess AccessOf(const Step& step) {
  StepAccess access;
  if (const auto* d = std::get_if<DispatchStep>(&step.op)) {
    access.reads = d->reads;
    access.writes = d->writes;
  } else if (const auto* c = std::get_if<CopyStep>(&step.op)) {
    access.reads = {c->src};
    access.writes = {c->dst};
  } else if (const auto* v = std::get_if<DimValueStep>(&step.op)) {
    access.writes = {v->buffer};
  } else if (const auto* l = std::get_if<LoopStep>(&step.op)) {
    access.reads = l->initial;
    access.reads.insert(access.reads.begin(), l->trips);
    for (const LoopSequence& sequence : l->sequences) access.reads.push_back(sequence.source);
    access.writes = l->results;
    for (const LoopStack& stack : l->stacks) access.writes.push_back(stack.stack);
    if (l->count >= 0) access.writes.push_back(l->count);
  } else if (const auto* b = std::get_if<BranchStep>(&step.op)) {
    access.reads = {b->condition};
  } else if (const auto* bind = std::get_if<BindStep>(&step.op)) {
    access.reads = {bind->count};
  } else if (const auto* o = std::get_if<ObserveStep>(&step.op)) {
    access.reads = o->values;
  }
  return access;
}

NodeId NodeOf(const Step& step) {
  return std::visit([](const auto& op) { return op.node; }, step.op);
}

std::vector<int32_t> AliasRoots(const std::vector<Buffer>& buffers) {
  const int32_t n = static_cast<int32_t>(buffers.size());
  std::vector<int32_t> root(n, -2);  // -2: not known yet, -3: on the current path
  std::vector<int32_t> path;
  for (int32_t i = 0; i < n; ++i) {
    path.clear();
    int32_t at = i;
    int32_t found = -1;
    while (true) {
      if (at < 0 || at >= n || root[at] == -3) break;  // bad index or cycle
      if (root[at] != -2) {
        found = root[at];
        break;
      }
      if (buffers[at].alias_of == -1) {
        found = at;
        path.push_back(at);
        break;
      }
      root[at] = -3;
      path.push_back(at);
      at = buffers[at].alias_of;
    }
    for (int32_t b : path) root[b] = found;
  }
  return root;
}

Lifetimes ComputeLifetimes(const Program& program, const std::vector<FlatStep>& steps) {
  Lifetimes out;
  const int32_t n = static_cast<int32_t>(program.buffers.size());
  out.root = AliasRoots(program.buffers);
  out.of_root.resize(n);
  for (int32_t i = 0; i < n; ++i) {
    Lifetime& life = out.of_root[i];
    life.root = out.root[i];
    const BufferKind kind = program.buffers[i].kind;
    life.whole_call = kind == BufferKind::kInput || kind == BufferKind::kState || kind == BufferKind::kConstant || kind == BufferKind::kKept;
  }
  // The last top-level position of each body, for what is never released.
  std::vector<int32_t> last_of_body;
  for (int32_t s = 0; s < static_cast<int32_t>(steps.size()); ++s) {
    if (steps[s].body >= static_cast<int32_t>(last_of_body.size())) last_of_body.resize(steps[s].body + 1, -1);
    last_of_body[steps[s].body] = s;
  }
  std::vector<int32_t> released(n, -1), allocated(n, -1);
  for (int32_t s = 0; s < static_cast<int32_t>(steps.size()); ++s) {
    for (int32_t b : steps[s].step->alloc) allocated[b] = s;
    for (int32_t b : steps[s].step->release) released[b] = s;
  }
  for (int32_t b = 0; b < n; ++b) {
    if (allocated[b] < 0 || out.root[b] < 0) continue;
    Lifetime& life = out.of_root[out.root[b]];
    // The storage is the array's.
    if (life.whole_call || program.buffers[out.root[b]].kind == BufferKind::kRow) continue;
    int32_t begin = allocated[b];
    int32_t end = released[b] >= 0 ? released[b] : last_of_body[steps[begin].body];
    if (life.begin < 0) {
      life.begin = begin;
      life.end = end;
      continue;
    }
    const int32_t body = CommonBody(steps, begin, life.begin);
    life.begin = std::min(LiftTo(steps, begin, body), LiftTo(steps, life.begin, body));
    life.end = std::max(LiftTo(steps, end, body), LiftTo(steps, life.end, body));
  }
  return out;
}

}  // namespace oriel
