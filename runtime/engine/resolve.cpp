// File: resolve.cpp
//
// From input shapes to dim values, and from dim values to everything a call
// needs to know: sizes, memory plan, argument words, launches.
#include <algorithm>
#include <atomic>
#include <limits>

#include "runtime/core/out_of_bounds.h"
#include "runtime/core/status.h"
#include "runtime/device/thread_pool.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/prepared.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/block_pool.h"

namespace oriel {
namespace {

constexpr uint64_t kTooLarge = uint64_t{1} << 60;
// What an arena may grow by for steps to run side by side: this many bytes, or one
// part in so many.
constexpr uint64_t kSideBySideBytes = uint64_t{1} << 20, kSideBySidePart = 8;

std::atomic<double> cost_factor{1};

std::string SymbolsText(const PreparedProgram& p, absl::Span<const int64_t> symbols) {
  std::string text;
  for (size_t i = 0; i < symbols.size(); ++i) {
    text += (i ? ", " : "") + p.program.symbols[i] + " = " + std::to_string(symbols[i]);
  }
  return text.empty() ? "" : " with " + text;
}

std::string NodeText(const Program& program, NodeId id) {
  const NodeInfo* node = program.nodes.Find(id);
  if (node == nullptr) return "";
  const std::string where = node->Where();
  return " (" + node->Label() + (where.empty() ? "" : " at " + where) + ")";
}

// Fills ResolvedDims step by step; the first error stops it.
class Resolver {
 public:
  Resolver(const PreparedProgram& p, absl::Span<const int64_t> symbols) : p_(p), symbols_(symbols) {}

  absl::Status Values() {
    values_.assign(p_.dims.size(), 0);
    for (size_t i = 0; i < p_.dims.size(); ++i) {
      if (IsOpen(p_.DimStage(static_cast<int32_t>(i)))) continue;
      const DimError error = p_.dims[i].Run(symbols_.data(), &values_[i]);
      if (error == DimError::kNone) continue;
      return absl::InvalidArgumentError("the dim expression " + p_.dims[i].text() +
                                        (error == DimError::kOverflow ? " overflows" : " divides by zero") + SymbolsText(p_, symbols_));
    }
    return absl::OkStatus();
  }

  // `failed`: the node of the one that does not hold.
  absl::Status Constraints(NodeId* failed) const {
    for (size_t i = 0; i < p_.program.constraints.size(); ++i) {
      const DimConstraint& c = p_.program.constraints[i];
      if (!p_.binds.empty() && IsOpen(p_.constraint_stage[i])) continue;
      int64_t left = 0, right = 0;
      ORIEL_RETURN_IF_ERROR(Evaluate(c.left, &left));
      ORIEL_RETURN_IF_ERROR(Evaluate(c.right, &right));
      if (left == right) continue;
      *failed = c.node;
      const absl::StatusCode code = RequirementCode(c.what);
      std::string text = c.what + NodeText(p_.program, c.node);
      if (code != absl::StatusCode::kOutOfRange) {  // which says it all
        text += ": " + c.left.ToString() + " is " + std::to_string(left) + " but must equal " + c.right.ToString() + ", which is " +
                std::to_string(right);
      }
      return absl::Status(code, text + SymbolsText(p_, symbols_));
    }
    return absl::OkStatus();
  }

  // The sections of a report about a node whose requirement does not hold, with
  // the shapes as far as they make sense.
  std::string Sections(NodeId node) const {
    ResolvedDims known;
    known.shapes.resize(p_.program.buffers.size());
    for (size_t b = 0; b < known.shapes.size(); ++b) {
      for (const int32_t extent : p_.shapes[b]) known.shapes[b].push_back(std::max<int64_t>(values_[extent], 0));
    }
    return ErrorSections(p_, known, nullptr, node, StepOf(p_, node));
  }

  absl::Status Shapes(std::vector<Extents>* shapes, std::vector<uint64_t>* bytes) const {
    const size_t n = p_.program.buffers.size();
    if (shapes != nullptr) shapes->resize(n);
    bytes->resize(n);
    for (size_t b = 0; b < n; ++b) {
      const Buffer& buffer = p_.program.buffers[b];
      __uint128_t size = SizeOf(buffer.dtype);
      if (IsOpen(p_.BufferStage(static_cast<int32_t>(b)))) {
        (*bytes)[b] = 0;
        if (shapes != nullptr) (*shapes)[b].resize(p_.shapes[b].size());
        continue;
      }
      if (shapes != nullptr) (*shapes)[b].reserve(p_.shapes[b].size());
      bool empty = false;
      for (size_t axis = 0; axis < p_.shapes[b].size(); ++axis) {
        const int64_t extent = values_[p_.shapes[b][axis]];
        if (extent < 0) {
          return absl::InvalidArgumentError("'" + buffer.name + "'" + NodeText(p_.program, buffer.node) + ": extent " +
                                            buffer.shape[axis].ToString() + " of axis " + std::to_string(axis) + " would be " +
                                            std::to_string(extent) + SymbolsText(p_, symbols_));
        }
        if (shapes != nullptr) (*shapes)[b].push_back(extent);
        empty = empty || extent == 0;
        size *= static_cast<uint64_t>(extent);
        if (!empty && size > kTooLarge) size = __uint128_t{kTooLarge} + 1;
      }
      if (empty) size = 0;
      if (size > kTooLarge) {
        return absl::ResourceExhaustedError("'" + buffer.name + "'" + NodeText(p_.program, buffer.node) + " of shape " +
                                            ToString(buffer.shape) + " is too large to address" + SymbolsText(p_, symbols_));
      }
      (*bytes)[b] = static_cast<uint64_t>(size);
    }
    for (size_t b = 0; b < n; ++b) {
      const int32_t root = p_.root(static_cast<int32_t>(b));
      if (IsOpen(p_.BufferStage(root))) continue;
      if ((*bytes)[b] > (*bytes)[root]) {
        return absl::InternalError("'" + p_.program.buffers[b].name + "' has " + std::to_string((*bytes)[b]) + " bytes but shares the storage of '" +
                                   p_.program.buffers[root].name + "', which has " + std::to_string((*bytes)[root]) + SymbolsText(p_, symbols_));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Steps(const std::vector<uint64_t>& bytes, std::vector<ResolvedStep>* steps) const {
    steps->resize(p_.steps.size());
    for (size_t s = 0; s < p_.steps.size(); ++s) {
      const PreparedStep& step = p_.steps[s];
      ResolvedStep& out = (*steps)[s];
      if (IsOpen(step.stage)) continue;
      switch (step.kind) {
        case StepKind::kDispatch: {
          const int64_t scratch = values_[step.scratch], shared = values_[step.shared];
          if (scratch < 0 || shared < 0 || static_cast<uint64_t>(scratch) > kTooLarge / 1024 || static_cast<uint64_t>(shared) > kTooLarge) {
            return absl::InvalidArgumentError("step " + std::to_string(s) + ": workspace of " + std::to_string(scratch) + " and " +
                                              std::to_string(shared) + " bytes" + SymbolsText(p_, symbols_));
          }
          out.scratch = out.scratch_stride = RoundToAlignment(static_cast<uint64_t>(scratch));
          out.shared = RoundToAlignment(static_cast<uint64_t>(shared));
          break;
        }
        case StepKind::kCopy: {
          const auto* copy = std::get_if<CopyStep>(&p_.flat[s].step->op);
          ORIEL_RETURN_IF_ERROR(SameBytes(s, bytes, copy->src, copy->dst));
          out.bytes = bytes[copy->src];
          break;
        }
        case StepKind::kDimValue:
          out.value = values_[step.value];
          break;
        case StepKind::kLoop: {
          const auto* loop = std::get_if<LoopStep>(&p_.flat[s].step->op);
          for (size_t k = 0; k < loop->current.size(); ++k) {
            ORIEL_RETURN_IF_ERROR(SameBytes(s, bytes, loop->current[k], loop->initial[k]));
            ORIEL_RETURN_IF_ERROR(SameBytes(s, bytes, loop->current[k], loop->next[k]));
            ORIEL_RETURN_IF_ERROR(SameBytes(s, bytes, loop->current[k], loop->results[k]));
            // Swapped storages must be equally large as a whole.
            if (p_.buffer(step.next[k]).kind != BufferKind::kRow) {
              ORIEL_RETURN_IF_ERROR(SameBytes(s, bytes, step.current[k], step.next[k]));
            }
            out.carried.push_back(bytes[loop->current[k]]);
          }
          ORIEL_RETURN_IF_ERROR(Rows(s, step, *loop, bytes, &out));
          break;
        }
        case StepKind::kBind:
          out.extent = values_[step.extent];
          break;
        case StepKind::kBranch:
        case StepKind::kObserve:
          break;
      }
    }
    return absl::OkStatus();
  }

  // Storage with a life of its own, for the peak and the arena.
  struct Storage {
    std::vector<ArenaBuffer> buffers;
    std::vector<int32_t> root;  // >= 0: that buffer; else ~step: its workspace
    std::vector<int> part;      // workspace: 0 scratch, 1 shared
    uint64_t fixed = 0;
  };
  // `side`: the groups in which steps run; null: each in its own place.
  absl::StatusOr<Storage> CollectStorage(const std::vector<uint64_t>& bytes, const std::vector<ResolvedStep>& steps,
                                         const SideBySide* side = nullptr) const {
    const auto place = [side](int32_t s) { return side == nullptr ? s : side->runs_at[static_cast<size_t>(s)]; };
    const auto enter = [&](int32_t s) { return p_.flat[place(s)].enter; };
    const std::vector<int32_t> begins = side == nullptr ? std::vector<int32_t>() : Begins(*side);
    Storage out;
    __uint128_t total = 0;
    for (int32_t b = 0; b < static_cast<int32_t>(p_.program.buffers.size()); ++b) {
      const Lifetime& life = p_.life.of_root[b];
      if (life.root != b || p_.buffer(b).kind == BufferKind::kRow) continue;
      total += RoundToAlignment(bytes[b]);
      if (life.whole_call) {
        out.fixed += RoundToAlignment(bytes[b]);
      } else if (life.begin >= 0) {
        const int32_t begin = enter(life.begin);
        out.buffers.push_back({bytes[b], begins.empty() ? begin : std::min(begin, begins[b]), p_.flat[life.end].exit});
        out.root.push_back(b);
        out.part.push_back(0);
      }
    }
    const auto add_workspace = [&](size_t s, int part, uint64_t size) {
      if (size == 0) return;
      total += RoundToAlignment(size);
      const int32_t at = enter(static_cast<int32_t>(s));
      out.buffers.push_back({size, at, at});
      out.root.push_back(~static_cast<int32_t>(s));
      out.part.push_back(part);
    };
    const std::vector<uint64_t> scratch = Scratch(steps, side);
    for (size_t s = 0; s < steps.size(); ++s) {
      if (place(static_cast<int32_t>(s)) == static_cast<int32_t>(s)) add_workspace(s, 0, scratch[s] * static_cast<uint64_t>(p_.workers));
      add_workspace(s, 1, steps[s].shared);
    }
    if (total > kTooLarge) return absl::ResourceExhaustedError("the program's buffers are too large to address" + SymbolsText(p_, symbols_));
    return out;
  }

  absl::Status Memory(ResolvedDims* r) const {
    ORIEL_ASSIGN_OR_RETURN(const Storage storage, CollectStorage(r->bytes, r->steps));
    r->fixed_bytes = storage.fixed;
    r->planned_peak = storage.fixed + LivePeak(storage.buffers, &r->peak_time);
    // Outputs and shadows outlive the call: they are not in an arena.
    uint64_t apart = 0;
    for (size_t i = 0; i < storage.buffers.size(); ++i) {
      if (IsInArena(storage, i)) continue;
      const uint64_t rounded = RoundToAlignment(storage.buffers[i].bytes);
      apart += rounded;
      if (p_.buffer(storage.root[i]).kind == BufferKind::kOutput && rounded >= BlockPool::kMinBytes) r->large_output_bytes += rounded;
    }
    r->stage_arena.assign(p_.binds.size() + 1, 0);
    r->arena_offset.assign(p_.program.buffers.size(), 0);
    for (int32_t stage = 0; stage <= static_cast<int32_t>(p_.binds.size()); ++stage) {
      if (IsOpen(stage)) continue;
      const InArena in = OfStage(storage, stage);
      const ArenaPlan plan = PlanArena(in.buffers);
      Place(storage, in, plan, nullptr, r);
      r->stage_arena[stage] = plan.bytes;
      r->arena_bytes += plan.bytes;
      r->arena_live += plan.peak;
    }
    r->held_bytes = storage.fixed + apart + r->arena_bytes;
    return absl::OkStatus();
  }

  // Steps side by side, unless the arena would grow by more than a little: then
  // fewer of them at a time.
  absl::Status PlanSideBySide(ResolvedDims* r) const {
    if (p_.order.bodies.empty()) return absl::OkStatus();
    std::vector<int64_t> cost(p_.steps.size(), 0);
    for (size_t s = 0; s < p_.steps.size(); ++s) {
      if (p_.steps[s].kind == StepKind::kDispatch) cost[s] = CostOf(p_.steps[s]);
    }
    const uint64_t alone = r->arena_bytes, most = alone + std::max(alone / kSideBySidePart, kSideBySideBytes);
    for (int32_t members = SideBySide::kMostMembers; members >= 2;) {
      std::unique_ptr<const SideBySide> side = FindGroups(p_, cost, r->launches, members);
      if (side == nullptr) return absl::OkStatus();
      members = (side->most_members + 1) / 2;
      ORIEL_ASSIGN_OR_RETURN(const Storage storage, CollectStorage(r->bytes, r->steps, side.get()));
      const InArena in = OfStage(storage, 0);  // nothing is bound later
      if (LivePeak(in.buffers) > most) continue;
      const ArenaPlan plan = PlanArena(in.buffers);
      if (plan.bytes > most) continue;
      Place(storage, in, plan, side.get(), r);
      r->held_bytes += plan.bytes - alone;
      r->stage_arena[0] = r->arena_bytes = plan.bytes;
      r->arena_live = plan.peak;
      r->side_bytes = plan.bytes - std::min(alone, plan.bytes);
      r->side = std::move(side);
      return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status Arguments(ResolvedDims* r) const {
    r->words.assign(p_.words, 0);
    std::vector<std::vector<Patch>> patches(p_.program.buffers.size());
    for (int32_t w = 0; w < p_.words; ++w) {
      if (p_.word_dim.empty() || p_.word_dim[w] < 0 || IsOpen(p_.DimStage(p_.word_dim[w]))) continue;
      const int64_t value = values_[p_.word_dim[w]];
      if (p_.word_root[w] < 0) {
        r->words[w] = value;
        continue;
      }
      const int32_t root = p_.word_root[w];
      if (value < 0 || static_cast<uint64_t>(value) > r->bytes[root]) {
        return absl::InternalError("an argument points " + std::to_string(value) + " bytes into '" + p_.buffer(root).name + "', which has " +
                                   std::to_string(r->bytes[root]));
      }
      patches[root].push_back({w, value});
    }
    r->patch_begin.push_back(0);
    for (const std::vector<Patch>& of_root : patches) {
      r->patches.insert(r->patches.end(), of_root.begin(), of_root.end());
      r->patch_begin.push_back(static_cast<int32_t>(r->patches.size()));
    }
    for (size_t s = 0; s < p_.steps.size(); ++s) {
      const PreparedStep& step = p_.steps[s];
      if (step.kind != StepKind::kDispatch) continue;
      r->words[step.first_word + kArgScratchBytes] = static_cast<int64_t>(r->steps[s].scratch);
      for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) {
        Launch launch;
        launch.entry = p_.entries[i];
        if (IsOpen(step.stage)) {
          r->launches.push_back(launch);
          continue;
        }
        launch.tasks = values_[p_.phase_tasks[i]];
        if (launch.tasks < 0) {
          return absl::InvalidArgumentError("step " + std::to_string(s) + ": " + std::to_string(launch.tasks) + " tasks" + SymbolsText(p_, symbols_));
        }
        launch.cost_ns = CostOf(step) / step.phases;
        const Split split = ChooseSplit(launch.cost_ns, launch.tasks, p_.workers);
        launch.grain = split.grain;
        launch.threads = split.inline_run ? 1 : split.threads;
        // Each piece of a scatter looks at all updates, so short ones are not split.
        if (step.scatter < 0) {
          launch.short_grain = split.short_grain;
          launch.short_threads = split.short_threads;
        }
        if (step.scatter >= 0 && launch.threads > 1) launch.grain = (launch.tasks + launch.threads - 1) / launch.threads;
        r->launches.push_back(launch);
      }
    }
    return absl::OkStatus();
  }

 private:
  // The storage of an arena: indices into Storage.
  struct InArena {
    std::vector<ArenaBuffer> buffers;
    std::vector<size_t> which;
  };

  bool IsInArena(const Storage& storage, size_t i) const {
    const int32_t root = storage.root[i];
    return root < 0 || (p_.buffer(root).kind != BufferKind::kOutput && !IsShadow(p_.program, root));
  }

  InArena OfStage(const Storage& storage, int32_t stage) const {
    InArena in;
    for (size_t i = 0; i < storage.buffers.size(); ++i) {
      const int32_t root = storage.root[i];
      if (!IsInArena(storage, i) || (root >= 0 ? p_.BufferStage(root) : p_.steps[~root].stage) != stage) continue;
      in.buffers.push_back(storage.buffers[i]);
      in.which.push_back(i);
    }
    return in;
  }

  void Place(const Storage& storage, const InArena& in, const ArenaPlan& plan, const SideBySide* side, ResolvedDims* r) const {
    for (size_t k = 0; k < in.which.size(); ++k) {
      const int32_t root = storage.root[in.which[k]];
      if (root >= 0) {
        r->arena_offset[root] = plan.offsets[k];
      } else if (storage.part[in.which[k]] == 0) {
        r->steps[~root].scratch_offset = plan.offsets[k];
      } else {
        r->steps[~root].shared_offset = plan.offsets[k];
      }
    }
    if (side == nullptr) return;
    const std::vector<uint64_t> scratch = Scratch(r->steps, side);
    for (size_t s = 0; s < r->steps.size(); ++s) {
      const size_t at = static_cast<size_t>(side->runs_at[s]);
      r->steps[s].scratch_stride = scratch[at];
      r->steps[s].scratch_offset = r->steps[at].scratch_offset;
    }
  }

  // Per step: the scratch of a worker, where others run in its place the largest
  // of theirs.
  std::vector<uint64_t> Scratch(const std::vector<ResolvedStep>& steps, const SideBySide* side) const {
    std::vector<uint64_t> scratch(steps.size(), 0);
    for (size_t s = 0; s < steps.size(); ++s) {
      uint64_t& at = scratch[side == nullptr ? s : static_cast<size_t>(side->runs_at[s])];
      at = std::max(at, steps[s].scratch);
    }
    return scratch;
  }

  // Per root: the earliest time at which a step that moves up writes it. It may be
  // allocated between that place and the step's own.
  std::vector<int32_t> Begins(const SideBySide& side) const {
    std::vector<int32_t> begins(p_.program.buffers.size(), std::numeric_limits<int32_t>::max());
    for (size_t s = 0; s < side.runs_at.size(); ++s) {
      const int32_t at = side.runs_at[s];
      if (at == static_cast<int32_t>(s)) continue;
      for (int32_t b : AccessOf(*p_.flat[s].step).writes) {
        int32_t& begin = begins[p_.root(b)];
        begin = std::min(begin, p_.flat[at].enter);
      }
    }
    return begins;
  }

  absl::Status Evaluate(const Dim& dim, int64_t* out) const {
    ORIEL_ASSIGN_OR_RETURN(DimProgram program, DimProgram::Compile(dim, p_.program.symbols));
    ORIEL_ASSIGN_OR_RETURN(*out, program.Evaluate(symbols_));
    return absl::OkStatus();
  }

  // Nanoseconds on one thread, roughly.
  int64_t CostOf(const PreparedStep& step) const {
    const int64_t cost = std::clamp<int64_t>(values_[step.cost], 0, int64_t{1} << 53);
    const double factor = cost_factor.load(std::memory_order_relaxed);
    return factor == 1 ? cost : static_cast<int64_t>(static_cast<double>(cost) * factor);
  }

  // Is its symbol still to be bound? What is of that stage is left out then.
  bool IsOpen(int32_t stage) const {
    return stage > 0 && symbols_[static_cast<size_t>(p_.binds[static_cast<size_t>(stage) - 1].symbol)] < 0;
  }

  // Where the rows of a loop's arrays lie; every row must be in its array.
  absl::Status Rows(size_t s, const PreparedStep& step, const LoopStep& loop, const std::vector<uint64_t>& bytes,
                    ResolvedStep* out) const {
    if (step.extent < 0) return absl::OkStatus();
    out->extent = values_[step.extent];
    if (out->extent < 0) {
      return absl::InvalidArgumentError("loop" + NodeText(p_.program, loop.node) + ": its extent " + loop.extent.ToString() + " would be " +
                                        std::to_string(out->extent) + SymbolsText(p_, symbols_));
    }
    for (size_t r = 0; r < step.rows.size(); ++r) {
      const bool is_sequence = static_cast<int32_t>(r) < step.sequences;
      const int32_t array = is_sequence ? loop.sequences[r].source : loop.stacks[r - static_cast<size_t>(step.sequences)].stack;
      const int32_t row = is_sequence ? loop.sequences[r].row : loop.stacks[r - static_cast<size_t>(step.sequences)].row;
      const int64_t rows = values_[p_.shapes[array][0]];
      const int64_t first = step.rows[r].start < 0 ? 0 : values_[step.rows[r].start];
      int64_t last = 0;
      bool inside = !__builtin_mul_overflow(step.rows[r].step, out->extent - 1, &last) && !__builtin_add_overflow(first, last, &last);
      inside = inside && std::min(first, last) >= 0 && std::max(first, last) < rows;
      if (out->extent > 0 && !inside) {
        return absl::InternalError("step " + std::to_string(s) + ": " + std::to_string(out->extent) + " iterations leave '" + p_.buffer(array).name +
                                   "' of " + std::to_string(rows) + " rows" + SymbolsText(p_, symbols_));
      }
      const int64_t size = static_cast<int64_t>(bytes[row]);
      out->row_offset.push_back(out->extent > 0 ? first * size : 0);
      out->row_stride.push_back(out->extent > 0 ? step.rows[r].step * size : 0);
    }
    return absl::OkStatus();
  }

  absl::Status SameBytes(size_t s, const std::vector<uint64_t>& bytes, int32_t a, int32_t b) const {
    if (bytes[a] == bytes[b]) return absl::OkStatus();
    return absl::InternalError("step " + std::to_string(s) + ": '" + p_.buffer(a).name + "' has " + std::to_string(bytes[a]) + " bytes, '" +
                               p_.buffer(b).name + "' has " + std::to_string(bytes[b]) + SymbolsText(p_, symbols_));
  }

  const PreparedProgram& p_;
  absl::Span<const int64_t> symbols_;
  std::vector<int64_t> values_;
};

std::string TypeText(DType dtype, const std::string& shape) { return std::string(NumpyName(dtype)) + " " + shape; }

}  // namespace

absl::StatusOr<std::shared_ptr<const ResolvedDims>> Resolve(const PreparedProgram& p, absl::Span<const int64_t> symbols, bool one_by_one) {
  auto r = std::make_shared<ResolvedDims>();
  r->one_by_one = one_by_one;
  r->symbols.assign(symbols.begin(), symbols.end());
  Resolver resolver(p, r->symbols);
  ORIEL_RETURN_IF_ERROR(resolver.Values());
  NodeId failed = kNoNode;
  if (const absl::Status status = resolver.Constraints(&failed); !status.ok()) {
    return failed == kNoNode ? status : absl::Status(status.code(), std::string(status.message()) + resolver.Sections(failed));
  }
  ORIEL_RETURN_IF_ERROR(resolver.Shapes(&r->shapes, &r->bytes));
  for (const InputDecl& input : p.program.inputs) r->input_shapes.push_back(r->shapes[input.buffer]);
  ORIEL_RETURN_IF_ERROR(resolver.Steps(r->bytes, &r->steps));
  ORIEL_RETURN_IF_ERROR(resolver.Memory(r.get()));
  ORIEL_RETURN_IF_ERROR(resolver.Arguments(r.get()));
  if (!one_by_one) ORIEL_RETURN_IF_ERROR(resolver.PlanSideBySide(r.get()));
  return std::shared_ptr<const ResolvedDims>(std::move(r));
}

void ScaleCostsForTesting(double factor) { cost_factor = factor; }

uint64_t PlannedPeak(const PreparedProgram& p, absl::Span<const int64_t> symbols) {
  constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  Resolver resolver(p, symbols);
  std::vector<uint64_t> bytes;
  std::vector<ResolvedStep> steps;
  NodeId failed = kNoNode;
  if (!resolver.Values().ok() || !resolver.Constraints(&failed).ok() || !resolver.Shapes(nullptr, &bytes).ok() ||
      !resolver.Steps(bytes, &steps).ok()) {
    return kNone;
  }
  absl::StatusOr<Resolver::Storage> storage = resolver.CollectStorage(bytes, steps);
  if (!storage.ok()) return kNone;
  return storage->fixed + LivePeak(storage->buffers);
}

std::vector<int64_t> WithLimits(const PreparedProgram& p, absl::Span<const int64_t> symbols) {
  std::vector<int64_t> values(symbols.begin(), symbols.end());
  for (const BindStage& bind : p.binds) {
    int64_t& value = values[static_cast<size_t>(bind.symbol)];
    int64_t limit = 0;
    if (value >= 0) continue;
    if (p.dims[bind.limit].Run(values.data(), &limit) != DimError::kNone) break;
    value = std::max<int64_t>(limit, 0);
  }
  return values;
}

absl::StatusOr<std::vector<int64_t>> BindSymbols(const PreparedProgram& p, absl::Span<const Tensor> inputs) {
  const Program& program = p.program;
  if (inputs.size() != program.inputs.size()) {
    std::string names;
    for (const InputDecl& input : program.inputs) names += (names.empty() ? "" : ", ") + input.name;
    return absl::InvalidArgumentError("'" + program.name + "' takes " + std::to_string(program.inputs.size()) +
                                      (program.inputs.size() == 1 ? " input" : " inputs") + " (" + names + "), " + std::to_string(inputs.size()) + " given");
  }
  constexpr int64_t kUnbound = -1;
  std::vector<int64_t> values(program.symbols.size(), kUnbound);
  std::vector<std::string> bound_by(program.symbols.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const InputDecl& input = program.inputs[i];
    const Buffer& buffer = program.buffers[input.buffer];
    const Tensor& given = inputs[i];
    const std::string where = NodeText(program, input.node);
    const auto wrong = [&](const std::string& what) {
      return absl::InvalidArgumentError("input '" + input.name + "'" + where + ": " + what + "; expected " +
                                        TypeText(buffer.dtype, ToString(buffer.shape)) + ", got " + TypeText(given.dtype(), ToString(given.shape())));
    };
    if (given.dtype() != buffer.dtype) return wrong("wrong dtype");
    if (given.rank() != static_cast<int>(buffer.shape.size())) {
      return wrong("wrong rank " + std::to_string(given.rank()) + ", expected " + std::to_string(buffer.shape.size()));
    }
    for (size_t axis = 0; axis < buffer.shape.size(); ++axis) {
      const Dim& dim = buffer.shape[axis];
      const int64_t extent = given.shape()[axis];
      if (dim.is_static()) {
        if (dim.value() != extent) return wrong("axis " + std::to_string(axis) + " has " + std::to_string(extent) + " elements, expected " + std::to_string(dim.value()));
      } else if (dim.is_symbol()) {
        const size_t k = static_cast<size_t>(std::find(program.symbols.begin(), program.symbols.end(), dim.symbol()) - program.symbols.begin());
        if (values[k] == kUnbound) {
          values[k] = extent;
          bound_by[k] = "axis " + std::to_string(axis) + " of input '" + input.name + "'";
        } else if (values[k] != extent) {
          return wrong("axis " + std::to_string(axis) + " has " + std::to_string(extent) + " elements, but '" + dim.symbol() + "' is " +
                       std::to_string(values[k]) + " by " + bound_by[k]);
        }
      }
    }
  }
  // Expressions in input shapes, now that every symbol of them has its value.
  for (size_t i = 0; i < inputs.size(); ++i) {
    const InputDecl& input = program.inputs[i];
    const Buffer& buffer = program.buffers[input.buffer];
    for (size_t axis = 0; axis < buffer.shape.size(); ++axis) {
      const Dim& dim = buffer.shape[axis];
      if (dim.is_static() || dim.is_symbol()) continue;
      int64_t expected = 0;
      const DimError error = p.dims[p.shapes[input.buffer][axis]].Run(values.data(), &expected);
      if (error == DimError::kNone && expected == inputs[i].shape()[axis]) continue;
      return absl::InvalidArgumentError("input '" + input.name + "'" + NodeText(program, input.node) + ": axis " + std::to_string(axis) + " has " +
                                        std::to_string(inputs[i].shape()[axis]) + " elements, expected " + dim.ToString() +
                                        (error == DimError::kNone ? " = " + std::to_string(expected) : "") + SymbolsText(p, values));
    }
  }
  return values;
}

}  // namespace oriel
