// File: prepare.cpp
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "runtime/core/status.h"
#include "runtime/engine/library/library.h"
#include "runtime/engine/prepared.h"
#include "runtime/engine/program_io.h"
#include "runtime/memory/arena.h"

namespace oriel {
namespace {

class Preparer {
 public:
  explicit Preparer(PreparedProgram* p) : p_(*p) {}

  absl::Status Run() {
    const Program& program = p_.program;
    p_.flat = FlattenSteps(program);
    p_.life = ComputeLifetimes(program, p_.flat);
    for (const Buffer& buffer : program.buffers) {
      std::vector<int32_t> shape;
      for (const Dim& dim : buffer.shape) {
        ORIEL_ASSIGN_OR_RETURN(int32_t index, DimIndex(dim));
        shape.push_back(index);
      }
      p_.shapes.push_back(std::move(shape));
    }
    ORIEL_RETURN_IF_ERROR(Constants());
    ORIEL_RETURN_IF_ERROR(Kept());
    p_.point_of_no_return = static_cast<int32_t>(p_.flat.size());
    for (int32_t s = 0; s < static_cast<int32_t>(p_.flat.size()); ++s) ORIEL_RETURN_IF_ERROR(OneStep(s));
    for (const OutputDecl& output : program.outputs) p_.truncates = p_.truncates || output.hidden || output.rows_from >= 0;
    KeepCarriedApart();
    Events();
    Stages();
    if (p_.workers > 1 && p_.binds.empty()) p_.order = FindOrder(p_);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<int32_t> DimIndex(const Dim& dim) {
    const auto [it, added] = index_.emplace(dim.ToString(), static_cast<int32_t>(p_.dims.size()));
    if (added) {
      ORIEL_ASSIGN_OR_RETURN(DimProgram compiled, DimProgram::Compile(dim, p_.program.symbols));
      p_.dims.push_back(std::move(compiled));
    }
    return it->second;
  }

  // Constants move into one aligned block.
  absl::Status Constants() {
    uint64_t total = 0;
    for (const Constant& constant : p_.program.constants) {
      p_.constant_offset.push_back(total);
      p_.constant_bytes.push_back(constant.data.size());
      total += std::max<uint64_t>(RoundToAlignment(constant.data.size()), kMemoryAlignment);
    }
    ORIEL_ASSIGN_OR_RETURN(p_.constants, Block::Allocate(total));
    for (size_t i = 0; i < p_.program.constants.size(); ++i) {
      std::vector<uint8_t>& data = p_.program.constants[i].data;
      if (!data.empty()) std::memcpy(p_.constants.data() + p_.constant_offset[i], data.data(), data.size());
      data = {};
    }
    return absl::OkStatus();
  }

  // Storage of what steps that run once make.
  absl::Status Kept() {
    uint64_t total = 0;
    std::vector<uint64_t> offset(p_.program.buffers.size(), 0);
    for (size_t b = 0; b < p_.program.buffers.size(); ++b) {
      const Buffer& buffer = p_.program.buffers[b];
      if (buffer.kind != BufferKind::kKept) continue;
      uint64_t bytes = SizeOf(buffer.dtype);
      for (const Dim& dim : buffer.shape) {
        if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(dim.value()), &bytes)) bytes = uint64_t{1} << 62;
      }
      offset[b] = total;
      if (bytes > (uint64_t{1} << 60) || __builtin_add_overflow(total, std::max(RoundToAlignment(bytes), kMemoryAlignment), &total)) {
        return absl::ResourceExhaustedError("'" + buffer.name + "' of shape " + ToString(buffer.shape) + " is too large to address");
      }
    }
    if (total == 0) return absl::OkStatus();
    p_.kept = std::make_unique<KeptResults>();
    ORIEL_ASSIGN_OR_RETURN(p_.kept->block, Block::Allocate(total));
    p_.kept->offset = std::move(offset);
    p_.kept->done.reset(new std::atomic<bool>[p_.flat.size()]());
    return absl::OkStatus();
  }

  void Roots(const std::vector<int32_t>& buffers, std::vector<int32_t>* roots) const {
    for (int32_t b : buffers) roots->push_back(p_.root(b));
  }

  absl::StatusOr<KernelEntry> EntryOf(int32_t s, std::string_view symbol) const {
    const bool library = symbol.starts_with(kLibraryPrefix);
    const KernelEntry entry = library ? FindLibraryKernel(symbol.substr(kLibraryPrefix.size())) : p_.image->Find(symbol);
    if (entry != nullptr) return entry;
    return absl::NotFoundError("step " + std::to_string(s) + ": kernel '" + std::string(symbol) + "' is not in the " +
                               (library ? "engine's library" : "program image"));
  }

  absl::Status OneStep(int32_t s) {
    const FlatStep& flat = p_.flat[s];
    PreparedStep out;
    out.end = flat.end;
    out.else_begin = flat.else_begin;
    if (const auto* d = std::get_if<DispatchStep>(&flat.step->op)) {
      out.kind = StepKind::kDispatch;
      out.fallible = d->fallible;
      if (d->op_class == kScatterClass) out.scatter = p_.scatters++;
      out.once = d->once;
      out.first_phase = static_cast<int32_t>(p_.entries.size());
      out.phases = static_cast<int32_t>(d->phases.size());
      for (const KernelPhase& phase : d->phases) {
        ORIEL_ASSIGN_OR_RETURN(const KernelEntry entry, EntryOf(s, phase.symbol));
        p_.entries.push_back(entry);
        ORIEL_ASSIGN_OR_RETURN(int32_t tasks, DimIndex(phase.tasks));
        p_.phase_tasks.push_back(tasks);
      }
      out.first_word = p_.words;
      out.words = kArgFirst + static_cast<int32_t>(d->args.size());
      p_.words += out.words;
      ORIEL_ASSIGN_OR_RETURN(out.scratch, DimIndex(d->scratch_bytes));
      ORIEL_ASSIGN_OR_RETURN(out.shared, DimIndex(d->shared_bytes));
      ORIEL_ASSIGN_OR_RETURN(out.cost, DimIndex(d->cost));
      p_.word_dim.resize(p_.words, -1);
      p_.word_root.resize(p_.words, -1);
      for (size_t i = 0; i < d->args.size(); ++i) {
        const int32_t word = out.first_word + kArgFirst + static_cast<int32_t>(i);
        ORIEL_ASSIGN_OR_RETURN(p_.word_dim[word], DimIndex(d->args[i].value));
        if (d->args[i].buffer >= 0) p_.word_root[word] = p_.root(d->args[i].buffer);
      }
    } else if (const auto* c = std::get_if<CopyStep>(&flat.step->op)) {
      out.kind = StepKind::kCopy;
      out.src = p_.root(c->src);
      out.dst = p_.root(c->dst);
    } else if (const auto* v = std::get_if<DimValueStep>(&flat.step->op)) {
      out.kind = StepKind::kDimValue;
      out.dst = p_.root(v->buffer);
      ORIEL_ASSIGN_OR_RETURN(out.value, DimIndex(v->value));
    } else if (const auto* l = std::get_if<LoopStep>(&flat.step->op)) {
      out.kind = StepKind::kLoop;
      out.src = p_.root(l->trips);
      out.dst = l->induction < 0 ? -1 : p_.root(l->induction);
      Roots(l->initial, &out.initial);
      Roots(l->current, &out.current);
      Roots(l->next, &out.next);
      Roots(l->results, &out.results);
      for (const LoopSequence& sequence : l->sequences) {
        ORIEL_ASSIGN_OR_RETURN(const int32_t start, DimIndex(sequence.start));
        out.rows.push_back({p_.root(sequence.source), p_.root(sequence.row), start, sequence.step});
      }
      out.sequences = static_cast<int32_t>(out.rows.size());
      for (const LoopStack& stack : l->stacks) out.rows.push_back({p_.root(stack.stack), p_.root(stack.row), -1, 1});
      out.stop = l->stop < 0 ? -1 : p_.root(l->stop);
      out.count = l->count < 0 ? -1 : p_.root(l->count);
      if (l->bounded) {
        ORIEL_ASSIGN_OR_RETURN(out.extent, DimIndex(l->extent));
      }
      out.reverse = l->reverse;
      out.checked = out.fallible = l->checked;
      out.loop = p_.loops++;
      p_.straight = false;
    } else if (const auto* b = std::get_if<BranchStep>(&flat.step->op)) {
      out.kind = StepKind::kBranch;
      out.src = p_.root(b->condition);
      p_.straight = false;
    } else if (const auto* bind = std::get_if<BindStep>(&flat.step->op)) {
      out.kind = StepKind::kBind;
      out.fallible = true;
      out.src = p_.root(bind->count);
      ORIEL_ASSIGN_OR_RETURN(out.extent, DimIndex(bind->limit));
      out.bind = static_cast<int32_t>(p_.binds.size());
      p_.binds.push_back({bind->symbol, out.extent, {}, {}, {}, {}});
    } else if (std::holds_alternative<ObserveStep>(flat.step->op)) {
      out.kind = StepKind::kObserve;
      out.fallible = true;
    }
    for (int32_t b : AccessOf(*flat.step).writes) {
      if (p_.buffer(p_.root(b)).kind != BufferKind::kState) continue;
      int32_t first = s;
      for (int32_t q = flat.parent; q >= 0; q = p_.flat[q].parent) {
        if (std::holds_alternative<LoopStep>(p_.flat[q].step->op)) first = q;
      }
      p_.point_of_no_return = std::min(p_.point_of_no_return, first);
    }
    p_.steps.push_back(std::move(out));
    return absl::OkStatus();
  }

  // A loop swaps the storage of current and next, so either may hold the other's
  // value: both live as long as the longer one.
  void KeepCarriedApart() {
    for (int32_t s = 0; s < static_cast<int32_t>(p_.steps.size()); ++s) {
      const PreparedStep& step = p_.steps[s];
      if (step.kind != StepKind::kLoop) continue;
      for (size_t k = 0; k < step.current.size(); ++k) {
        if (p_.buffer(step.next[k]).kind == BufferKind::kRow) continue;
        for (int32_t root : {step.current[k], step.next[k]}) {
          Lifetime& life = p_.life.of_root[root];
          // Both were alive at the loop step: extend to cover it whole.
          Lifetime& other = p_.life.of_root[root == step.current[k] ? step.next[k] : step.current[k]];
          const int32_t begin = EarlierInSameBody(life.begin, other.begin);
          const int32_t end = LaterInSameBody(life.end, other.end);
          life.begin = other.begin = begin;
          life.end = other.end = end;
        }
      }
    }
  }
  int32_t Lift(int32_t s, int32_t depth) const {
    while (p_.flat[s].depth > depth) s = p_.flat[s].parent;
    return s;
  }
  int32_t EarlierInSameBody(int32_t a, int32_t b) const {
    const int32_t depth = std::min(p_.flat[a].depth, p_.flat[b].depth);
    return std::min(Lift(a, depth), Lift(b, depth));
  }
  int32_t LaterInSameBody(int32_t a, int32_t b) const {
    const int32_t depth = std::min(p_.flat[a].depth, p_.flat[b].depth);
    return std::max(Lift(a, depth), Lift(b, depth));
  }

  void Events() {
    for (int32_t b = 0; b < static_cast<int32_t>(p_.program.buffers.size()); ++b) {
      const Lifetime& life = p_.life.of_root[b];
      if (life.root != b || life.whole_call || life.begin < 0) continue;
      p_.steps[life.begin].begins.push_back(b);
      p_.steps[life.end].ends.push_back(b);
    }
  }

  // Which bind step settles what.
  void Stages() {
    if (p_.binds.empty()) return;
    std::unordered_map<std::string, int32_t> of_symbol;
    for (size_t i = 0; i < p_.binds.size(); ++i) of_symbol[p_.program.symbols[static_cast<size_t>(p_.binds[i].symbol)]] = static_cast<int32_t>(i) + 1;
    const auto stage_of = [&](const Dim& dim) {
      int32_t stage = 0;
      std::vector<std::string> names;
      dim.CollectSymbols(&names);
      for (const std::string& name : names) {
        if (const auto it = of_symbol.find(name); it != of_symbol.end()) stage = std::max(stage, it->second);
      }
      return stage;
    };
    p_.dim_stage.resize(p_.dims.size());
    for (const auto& [text, index] : index_) p_.dim_stage[index] = stage_of(*Dim::Parse(text));
    for (const DimConstraint& c : p_.program.constraints) p_.constraint_stage.push_back(std::max(stage_of(c.left), stage_of(c.right)));
    for (const std::vector<int32_t>& shape : p_.shapes) {
      int32_t stage = 0;
      for (int32_t dim : shape) stage = std::max(stage, p_.dim_stage[dim]);
      p_.buffer_stage.push_back(stage);
    }
    for (int32_t b = 0; b < static_cast<int32_t>(p_.program.buffers.size()); ++b) {
      const BufferKind kind = p_.buffer(b).kind;
      const bool own = p_.root(b) == b && (kind == BufferKind::kTemporary || kind == BufferKind::kOutput);
      if (own && p_.buffer_stage[b] > 0 && p_.life.of_root[b].begin >= 0) p_.binds[p_.buffer_stage[b] - 1].roots.push_back(b);
    }
    for (int32_t w = 0; w < p_.words; ++w) {
      if (p_.word_dim.empty() || p_.word_dim[w] < 0) continue;
      const int32_t stage = p_.dim_stage[p_.word_dim[w]];
      if (stage == 0) continue;
      BindStage& bind = p_.binds[stage - 1];
      if (p_.word_root[w] < 0) bind.words.push_back(w);
      else if (std::find(bind.moved.begin(), bind.moved.end(), p_.word_root[w]) == bind.moved.end()) bind.moved.push_back(p_.word_root[w]);
    }
    for (int32_t s = 0; s < static_cast<int32_t>(p_.steps.size()); ++s) StageOfStep(s);
  }

  void StageOfStep(int32_t s) {
    PreparedStep& step = p_.steps[s];
    int32_t stage = 0;
    const auto add_dim = [&](int32_t dim) {
      if (dim >= 0) stage = std::max(stage, p_.dim_stage[dim]);
    };
    const auto add_buffers = [&](const std::vector<int32_t>& buffers) {
      for (int32_t b : buffers) stage = std::max({stage, p_.buffer_stage[b], p_.buffer_stage[p_.root(b)]});
    };
    for (int32_t dim : {step.scratch, step.shared, step.cost, step.value, step.extent}) add_dim(dim);
    for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) add_dim(p_.phase_tasks[i]);
    for (const PreparedRow& row : step.rows) {
      add_dim(row.start);
      add_buffers({row.array, row.row});
    }
    if (step.kind == StepKind::kLoop || step.kind == StepKind::kCopy) {
      const StepAccess access = AccessOf(*p_.flat[s].step);
      add_buffers(access.reads);
      add_buffers(access.writes);
      add_buffers(step.current);
      add_buffers(step.next);
    }
    step.stage = stage;
    if (step.kind == StepKind::kDispatch && stage > 0) p_.binds[stage - 1].dispatches.push_back(s);
  }

  PreparedProgram& p_;
  std::unordered_map<std::string, int32_t> index_;
};

}  // namespace

bool IsShadow(const Program& program, int32_t buffer) {
  for (const StateDecl& state : program.states) {
    if (state.updated && state.new_value == buffer) return true;
  }
  return false;
}

absl::StatusOr<std::shared_ptr<const PreparedProgram>> Prepare(Program program, std::shared_ptr<const LoadedImage> image, int workers) {
  ORIEL_RETURN_IF_ERROR(ValidateProgram(program));
  auto prepared = std::make_shared<PreparedProgram>();
  prepared->program = std::move(program);
  prepared->image = std::move(image);
  prepared->workers = std::max(workers, 1);
  Preparer preparer(prepared.get());
  ORIEL_RETURN_IF_ERROR(preparer.Run());
  return std::shared_ptr<const PreparedProgram>(std::move(prepared));
}

}  // namespace oriel
