// File: executor.cpp
#include "runtime/engine/executor.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "runtime/core/status.h"
#include "runtime/engine/guard_check.h"
#include "runtime/engine/observe.h"
#include "runtime/memory/arena.h"

namespace oriel {
namespace {

// Iterations of a loop that are timed before the body may be called short.
constexpr int64_t kFirstIterations = 4;

class Executor {
 public:
  // All steps, and a failure asked for that no step raised.
  template <bool kTimed>
  bool All(bool testing) {
    const int32_t n = static_cast<int32_t>(p_.steps.size());
    if (!testing) return Range<kTimed, false>(0, n);
    if (!Range<kTimed, true>(0, n)) return false;
    return c_.fail_at < 0 || Inject(n - 1);
  }

  // `testing`: one step after another, whatever the plan.
  Executor(CallContext* c, bool testing)
      : c_(*c), p_(*c->program), dims_(c->dims.get()), side_(testing ? nullptr : c->dims->side.get()), device_(HostDevice()) {}

  template <bool kTimed, bool kTesting>
  bool Range(int32_t s, int32_t end) {
    while (s < end) {
      const PreparedStep& step = p_.steps[s];
      if (side_ != nullptr) [[unlikely]] {
        if (const int32_t group = side_->of_step[s]; group != SideBySide::kAlone) {
          if (group >= 0 && !Group<kTimed>(side_->groups[group])) return false;
          s = step.end;
          continue;
        }
      }
      if constexpr (kTesting) {
        if (!Before(s, step)) return false;
      }
      switch (step.kind) {
        case StepKind::kDispatch:
          if (!Dispatch(s, step)) return false;
          break;
        case StepKind::kCopy:
          if (c_.address[step.dst] != c_.address[step.src]) {
            device_.Copy(c_.address[step.dst], c_.address[step.src], dims_->steps[s].bytes, c_.threads);
          }
          break;
        case StepKind::kDimValue:
          std::memcpy(c_.address[step.dst], &dims_->steps[s].value, sizeof(int64_t));
          break;
        case StepKind::kObserve:
          if (absl::Status status = Observe(c_, s); !status.ok()) return Fail(s, std::move(status));
          break;
        case StepKind::kBind:
          if (absl::Status status = BindDim(&c_, s); !status.ok()) return Fail(s, std::move(status));
          dims_ = c_.dims.get();
          break;
        case StepKind::kLoop:
          if (!Loop<kTimed, kTesting>(s, step)) return false;
          break;
        case StepKind::kBranch: {
          const bool taken = *c_.address[step.src] != 0;
          if constexpr (kTimed) Stamp(s);
          if (!(taken ? Range<kTimed, kTesting>(s + 1, step.else_begin) : Range<kTimed, kTesting>(step.else_begin, step.end))) return false;
          break;
        }
      }
      if constexpr (kTimed) Stamp(s);
      c_.counters.rows[s].AddCalls(1);
      if constexpr (kTesting) {
        if (!After(s, step)) return false;
      }
      s = step.end;
    }
    return true;
  }

 private:
  // Charges the time since the last stamp to row s.
  void Stamp(int32_t s) {
    const uint64_t now = Ticks();
    c_.sink[s].AddTicks((now - c_.last_tick) * c_.weight);
    c_.last_tick = now;
  }

  // The setting may allow fewer threads now than the program was made for.
  void Run(const Launch& launch) {
    if (std::max(launch.threads, launch.short_threads) <= c_.threads) [[likely]] return device_.Run(launch);
    Launch fewer = launch;
    fewer.threads = std::min(launch.threads, c_.threads);
    fewer.short_threads = std::min(launch.short_threads, c_.threads);
    device_.Run(fewer);
  }

  bool Dispatch(int32_t s, const PreparedStep& step) {
    const Launch* launch = &c_.launches[step.first_phase];
    const Launch* end = launch + step.phases;
    if (step.once) [[unlikely]] return Once(s, step);
    if (!step.fallible) {
      for (; launch != end; ++launch) {
        if (launch->alone()) {
          if (launch->tasks > 0) launch->entry(launch->args, 0, launch->tasks, 0);
        } else {
          Run(*launch);
        }
      }
      return true;
    }
    ClearErrors(step);
    for (; launch != end; ++launch) {
      Run(*launch);
      if (const ErrorRecord* error = ErrorOf(step)) [[unlikely]] return FailWith(s, *error);
    }
    return true;
  }

  // The workers' records that a step's kernel writes to.
  ErrorRecord* Errors(const PreparedStep& step) const { return reinterpret_cast<ErrorRecord*>(c_.words[static_cast<size_t>(step.first_word) + kArgErrors]); }
  void ClearErrors(const PreparedStep& step) {
    std::memset(static_cast<void*>(Errors(step)), 0, sizeof(ErrorRecord) * static_cast<size_t>(p_.workers));
  }
  // The lowest position; of several index operands or nodes the first. Null: none.
  const ErrorRecord* ErrorOf(const PreparedStep& step) const {
    const ErrorRecord* records = Errors(step);
    const ErrorRecord* first = nullptr;
    for (int w = 0; w < p_.workers; ++w) {
      if (records[w].code == 0) continue;
      if (first == nullptr || std::tie(records[w].position, records[w].ordinal, records[w].operand) <
                                  std::tie(first->position, first->ordinal, first->operand)) {
        first = &records[w];
      }
    }
    return first;
  }
  bool FailWith(int32_t s, const ErrorRecord& error) {
    c_.failed_step = s;
    c_.error = error;
    return false;
  }

  // What a worker needs to run pieces of a group.
  struct BesideJob {
    const Launch* launches;
    const SideBySide::Piece* pieces;
    BesideRun* timed;  // null: nothing is timed
    int32_t members;   // pieces of the others are left out
  };
  static void RunPieces(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
    const BesideJob& job = *reinterpret_cast<const BesideJob*>(args[0]);
    for (int64_t i = begin; i < end; ++i) {
      const SideBySide::Piece& piece = job.pieces[i];
      if (piece.member >= job.members) [[unlikely]] continue;
      const Launch& launch = job.launches[piece.launch];
      const uint64_t start = job.timed != nullptr ? Ticks() : 0;
      launch.entry(launch.args, piece.begin, piece.end, worker);
      if (job.timed != nullptr) job.timed->At(static_cast<size_t>(worker), static_cast<size_t>(piece.member)) += Ticks() - start;
    }
  }

  // All steps of a group. Their rows share the time that passes as the time that
  // threads spend in them. One after another, those after the first that fails
  // would not have run: only those before it go on, as one of them may fail yet.
  template <bool kTimed>
  bool Group(const SideBySide::Group& group) {
    BesideRun& run = *c_.beside;
    if constexpr (kTimed) run.Clear();
    const ErrorRecord* error = nullptr;
    size_t members = group.steps.size();
    if (group.fallible) {
      for (int32_t s : group.steps) {
        if (p_.steps[s].fallible) ClearErrors(p_.steps[s]);
      }
    }
    for (const SideBySide::Round& round : group.rounds) {
      const BesideJob job{c_.launches.data(), side_->pieces.data() + round.first, kTimed ? &run : nullptr, static_cast<int32_t>(members)};
      const int64_t args[1] = {reinterpret_cast<int64_t>(&job)};
      Run({RunPieces, args, round.pieces, 1, round.threads, /*in_turn=*/true});
      for (size_t m = 0; group.fallible && m < members; ++m) {
        const PreparedStep& step = p_.steps[group.steps[m]];
        if (!step.fallible || ErrorOf(step) == nullptr) continue;
        error = ErrorOf(step);
        members = m;
      }
    }
    for (size_t m = 0; m < members; ++m) c_.counters.rows[group.steps[m]].AddCalls(1);
    if constexpr (kTimed) {
      const uint64_t now = Ticks();
      uint64_t left = now - c_.last_tick, of = 0;
      c_.last_tick = now;
      for (size_t m = 0; m < group.steps.size(); ++m) of += run.Sum(m);
      for (size_t m = 0; m < group.steps.size(); ++m) {
        // Of what is left, as of what is left of the threads' time: it adds up.
        const uint64_t mine = run.Sum(m);
        const uint64_t share = of == 0 || m + 1 == group.steps.size() ? left : static_cast<uint64_t>(static_cast<__uint128_t>(left) * mine / of);
        left -= share;
        of -= mine;
        c_.sink[group.steps[m]].AddTicks(share * c_.weight);
        c_.counters.beside[group.steps[m]].AddTicks(share);
        c_.counters.beside[group.steps[m]].AddCalls(mine);
      }
    }
    return error == nullptr || FailWith(group.steps[members], *error);
  }

  // A step whose results are kept: by the first call that gets here, others wait
  // for it. In guard mode its pages are of the call: then each call makes them.
  bool Once(int32_t s, const PreparedStep& step) {
    const auto run = [&] {
      for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) Run(c_.launches[i]);
    };
    KeptResults& kept = *p_.kept;
    if (c_.apart != nullptr && c_.apart->guard) {
      run();
      return true;
    }
    if (!kept.done[s].load(std::memory_order_acquire)) {
      std::lock_guard<std::mutex> lock(kept.mutex);
      if (!kept.done[s].load(std::memory_order_relaxed)) {
        run();
        kept.done[s].store(true, std::memory_order_release);
        return true;
      }
    }
    c_.counters.rows[s].AddCalls(~uint64_t{0});  // takes back the one that is added: it did not run
    return true;
  }

  // Before iteration i: the addresses of its rows.
  void SetRows(const PreparedStep& step, const ResolvedStep& resolved, const LoopRun& run, int64_t i) {
    for (size_t r = 0; r < step.rows.size(); ++r) c_.SetAddress(step.rows[r].row, run.rows[r] + resolved.row_stride[r] * i);
  }

  // After an iteration: what it made is what the next is given.
  void MoveCarried(const PreparedStep& step, const LoopRun& run) {
    for (size_t k = 0; k < step.current.size(); ++k) {
      char* next = c_.address[step.next[k]];
      if (step.current[k] == step.next[k]) continue;
      c_.SetAddress(step.current[k], next);
      // A row of a stack stays where it is.
      if (run.next[k] != nullptr) c_.SetAddress(step.next[k], next == run.next[k] ? run.current[k] : run.next[k]);
    }
  }

  // Iterations until `end`, or the first that fails. The body may lower
  // run->trips.
  template <bool kTimed, bool kTesting>
  bool Iterate(int32_t s, const PreparedStep& step, LoopRun* run, int64_t* k, int64_t end) {
    for (; *k < std::min(end, run->trips); ++*k) {
      const int64_t i = step.reverse ? run->trips - 1 - *k : *k;
      c_.iterations.back() = i;
      if (step.dst >= 0) std::memcpy(c_.address[step.dst], &i, sizeof i);
      SetRows(step, dims_->steps[s], *run, i);
      if (!Range<kTimed, kTesting>(s + 1, step.end)) return false;
      if (step.stop >= 0 && *c_.address[step.stop] != 0) run->trips = *k + 1;
      MoveCarried(step, *run);
      if constexpr (kTimed) Stamp(s);
    }
    return true;
  }

  // All iterations: some timed, the others between them as if nothing were.
  template <bool kTesting>
  bool IterateSampled(int32_t s, const PreparedStep& step, LoopRun* run) {
    const uint64_t short_ticks = ShortTicks(static_cast<size_t>(step.end - s));
    Sampling sampling(kFirstIterations);
    int64_t k = 0;
    while (k < run->trips) {
      const int64_t begin = k, group = std::min(sampling.Group(k, short_ticks), run->trips - k);
      if (group > 1) {
        // The last of the group, so that all others are in one go.
        c_.counters.loops_sampled.store(1, std::memory_order_relaxed);
        if (!Iterate<false, kTesting>(s, step, run, &k, begin + group - 1)) return false;
        if (k >= run->trips) break;
      }
      c_.weight = static_cast<uint64_t>(group);
      const uint64_t iteration = Ticks();
      c_.last_tick = iteration;
      if (!Iterate<true, kTesting>(s, step, run, &k, k + 1)) return false;
      sampling.Timed(begin, c_.last_tick - iteration);
    }
    return true;
  }

  // How often the loop runs, and where its rows and carried values lie.
  bool Enter(int32_t s, const PreparedStep& step, LoopRun* run) {
    const ResolvedStep& resolved = dims_->steps[s];
    std::memcpy(&run->trips, c_.address[step.src], sizeof run->trips);
    run->trips = std::max<int64_t>(run->trips, 0);
    if (step.extent >= 0 && run->trips > resolved.extent) {
      if (step.checked) {
        return Fail(s, absl::InvalidArgumentError("the loop would run " + std::to_string(run->trips) + " iterations, at most " +
                                                  std::to_string(resolved.extent) + " (" +
                                                  std::get<LoopStep>(p_.flat[s].step->op).extent.ToString() + ")"));
      }
      run->trips = resolved.extent;
    }
    run->rows.resize(step.rows.size());
    for (size_t r = 0; r < step.rows.size(); ++r) run->rows[r] = c_.address[step.rows[r].array] + resolved.row_offset[r];
    run->current.resize(step.current.size());
    run->next.resize(step.current.size());
    for (size_t k = 0; k < step.current.size(); ++k) {
      run->current[k] = c_.address[step.current[k]];
      run->next[k] = p_.buffer(step.next[k]).kind == BufferKind::kRow ? nullptr : c_.address[step.next[k]];
      char* initial = c_.address[step.initial[k]];
      if (step.current[k] != step.next[k]) {
        c_.SetAddress(step.current[k], initial);  // read where it lies
      } else if (initial != run->current[k]) {
        device_.Copy(run->current[k], initial, resolved.carried[k], c_.threads);
      }
    }
    return true;
  }

  // Results, and the addresses as the plan has them.
  void Leave(int32_t s, const PreparedStep& step, const LoopRun& run) {
    const ResolvedStep& resolved = dims_->steps[s];
    for (size_t k = 0; k < step.current.size(); ++k) {
      const char* value = c_.address[step.current[k]];
      c_.SetAddress(step.current[k], run.current[k]);
      if (run.next[k] != nullptr) c_.SetAddress(step.next[k], run.next[k]);
      char* result = c_.address[step.results[k]];
      if (result != value) device_.Copy(result, value, resolved.carried[k], c_.threads);
    }
    for (size_t r = static_cast<size_t>(step.sequences); r < step.rows.size(); ++r) {
      const int64_t stride = resolved.row_stride[r], rest = resolved.extent - run.trips;
      if (rest > 0 && stride > 0) std::memset(run.rows[r] + stride * run.trips, 0, static_cast<size_t>(stride * rest));
    }
    if (step.count >= 0) std::memcpy(c_.address[step.count], &run.trips, sizeof run.trips);
  }

  template <bool kTimed, bool kTesting>
  bool Loop(int32_t s, const PreparedStep& step) {
    LoopRun* const run = &c_.loops[static_cast<size_t>(step.loop)];
    RowCounter* const outer = c_.sink;
    const uint64_t outer_weight = c_.weight, start = c_.last_tick;
    std::vector<uint64_t>& kept = run->kept;
    kept.clear();
    if (!Enter(s, step, run)) return false;
    if constexpr (kTimed) {
      c_.sink = c_.loop_rows.get();
      if (outer == c_.sink) {
        for (int32_t r = s; r < step.end; ++r) kept.push_back(outer[r].ticks.exchange(0, std::memory_order_relaxed));
      }
    }
    bool ok;
    c_.iterations.push_back(0);
    if constexpr (kTimed) {
      c_.weight = 1;
      Stamp(s);
      ok = IterateSampled<kTesting>(s, step, run);
      c_.weight = outer_weight;
    } else {
      int64_t k = 0;
      ok = Iterate<false, kTesting>(s, step, run, &k, run->trips);
    }
    if (ok) {
      // After a failure they say in which iteration it was.
      c_.iterations.pop_back();
      Leave(s, step, *run);
    }
    if constexpr (kTimed) {
      // The loop's whole time is exact; its rows share it as sampled.
      c_.last_tick = Ticks();
      Share(c_.sink, outer, s, step.end, c_.last_tick - start, outer_weight, kept.empty() ? nullptr : kept.data());
      c_.sink = outer;
    }
    return ok;
  }

  // ---- testing: buffers apart, injected failures ----
  bool Fail(int32_t s, absl::Status status) {
    c_.failed_step = s;
    c_.failure = std::move(status);
    return false;
  }
  bool Inject(int32_t s) {
    return Fail(s, absl::InternalError("failure injected at step " + std::to_string(c_.fail_at)));
  }

  bool Before(int32_t s, const PreparedStep& step) {
    // From here on states are written in place and nothing can fail: a failure
    // asked for later is raised now, at the last place one can happen.
    if (c_.fail_at >= 0 && s >= p_.point_of_no_return) return Inject(s);
    if (c_.apart == nullptr) return true;
    ApartStorage& apart = *c_.apart;
    for (int32_t b : step.begins) {
      if (apart.of_root[b].data() == nullptr || apart.of_root[b].is_open()) continue;
      if (absl::Status status = apart.of_root[b].Open(&apart.counter); !status.ok()) return Fail(s, std::move(status));
    }
    for (std::vector<GuardedBuffer>* workspace : {&apart.scratch, &apart.shared}) {
      if ((*workspace)[s].data() == nullptr) continue;
      if (absl::Status status = (*workspace)[s].Open(&apart.counter); !status.ok()) return Fail(s, std::move(status));
    }
    return true;
  }

  bool After(int32_t s, const PreparedStep& step) {
    if (c_.check != CheckMode::kOff) {
      if (absl::Status status = CheckResults(c_, s); !status.ok()) return Fail(s, std::move(status));
    }
    if (c_.apart != nullptr) {
      ApartStorage& apart = *c_.apart;
      for (std::vector<GuardedBuffer>* workspace : {&apart.scratch, &apart.shared}) {
        if ((*workspace)[s].data() == nullptr) continue;
        if (absl::Status status = (*workspace)[s].Close("workspace of step " + std::to_string(s)); !status.ok()) return Fail(s, std::move(status));
      }
      for (int32_t b : step.ends) {
        // Outputs and shadows are read after the last step.
        if (p_.buffer(b).kind == BufferKind::kOutput || IsShadow(p_.program, b)) continue;
        if (absl::Status status = apart.of_root[b].Close(p_.buffer(b).name); !status.ok()) return Fail(s, std::move(status));
      }
    }
    // A step that does not run (a branch not taken) fails at the next that does.
    if (c_.fail_at >= 0 && (s == c_.fail_at || s >= p_.steps[c_.fail_at].end)) return Inject(s);
    return true;
  }

  CallContext& c_;
  const PreparedProgram& p_;
  const ResolvedDims* dims_;  // others after a bind step
  const SideBySide* side_;    // null: one step after another
  Device& device_;
};

}  // namespace

bool RunSteps(CallContext* context, bool split) {
  context->failed_step = -1;
  context->iterations.clear();
  context->failed_node = kNoNode;
  if (context->check != CheckMode::kOff) {
    context->failure = CheckInputs(context);
    if (!context->failure.ok()) return false;
  }
  context->weight = 1;
  const bool testing = context->apart != nullptr || context->fail_at >= 0 || context->check != CheckMode::kOff;
  Executor executor(context, testing);
  return split ? executor.All<true>(testing) : executor.All<false>(testing);
}

absl::StatusOr<std::unique_ptr<CallContext>> MakeContext(std::shared_ptr<const PreparedProgram> program,
                                                         std::shared_ptr<const ResolvedDims> dims, bool apart, bool guard) {
  auto context = std::make_unique<CallContext>(std::move(program), std::move(dims));
  CallContext& c = *context;
  const PreparedProgram& p = *c.program;
  const ResolvedDims& d = *c.dims;
  const int32_t buffers = static_cast<int32_t>(p.program.buffers.size());
  c.words = d.words;
  c.launches = d.launches;
  c.address.assign(buffers, nullptr);
  c.iterations.reserve(static_cast<size_t>(p.loops));
  ORIEL_ASSIGN_OR_RETURN(c.errors, Block::Allocate(sizeof(ErrorRecord) * static_cast<uint64_t>(p.workers) *
                                                  static_cast<uint64_t>(d.side != nullptr ? d.side->error_sets : 1)));
  if (!apart) {
    ORIEL_ASSIGN_OR_RETURN(c.arena, HostDevice().Allocate(d.stage_arena[0]));
  } else {
    c.apart = std::make_unique<ApartStorage>();
    c.apart->guard = guard;
    c.apart->of_root.resize(buffers);
    c.apart->scratch.resize(p.steps.size());
    c.apart->shared.resize(p.steps.size());
  }

  if (!p.binds.empty()) {
    c.binds = std::make_unique<BindRun>();
    c.binds->start = c.dims;
    c.binds->known.resize(p.binds.size());
    c.binds->arenas.resize(p.binds.size());
    c.binds->arena_bytes.resize(p.binds.size());
  }

  if (d.side != nullptr) {
    c.beside = std::make_unique<BesideRun>(static_cast<size_t>(p.workers), static_cast<size_t>(d.side->most_members));
    c.counters.MakeBeside();
  }

  for (const OutputDecl& output : p.program.outputs) {
    const bool known = p.BufferStage(output.buffer) == 0;
    c.outputs.push_back(known ? NewTensors(d.shapes[output.buffer], p.buffer(output.buffer).dtype) : NewTensors());
  }

  // Shadows are tensors, so that a commit is a swap.
  c.shadows.resize(p.program.states.size());
  std::vector<bool> shadow(buffers, false);
  for (size_t i = 0; i < p.program.states.size(); ++i) {
    const StateDecl& state = p.program.states[i];
    if (!state.updated || p.root(state.new_value) == state.buffer) continue;
    shadow[state.new_value] = true;
    if (guard) continue;
    ORIEL_ASSIGN_OR_RETURN(c.shadows[i], Tensor::Empty(d.shapes[state.new_value], p.buffer(state.new_value).dtype));
  }

  for (int32_t b = 0; b < buffers; ++b) {
    if (p.root(b) != b || p.buffer(b).kind == BufferKind::kRow) continue;
    const Buffer& buffer = p.buffer(b);
    const Lifetime& life = p.life.of_root[b];
    char* data = nullptr;
    if (buffer.kind == BufferKind::kConstant) data = p.constants.data() + p.constant_offset[buffer.constant];
    if (buffer.kind == BufferKind::kKept) data = p.kept->block.data() + p.kept->offset[b];
    if (p.BufferStage(b) > 0) continue;  // made where it is bound
    const bool plain = !life.whole_call && life.begin >= 0 && buffer.kind != BufferKind::kOutput && !shadow[b];
    if (plain && !apart) data = c.arena.data() + d.arena_offset[b];
    if (apart && (plain || guard)) {
      // Elements may be as little aligned as a user's input.
      ORIEL_ASSIGN_OR_RETURN(c.apart->of_root[b], GuardedBuffer::Reserve(d.bytes[b], SizeOf(buffer.dtype)));
      data = c.apart->of_root[b].data();
    }
    if (data != nullptr) c.SetAddress(b, data);
  }
  if (!guard) {
    for (size_t i = 0; i < p.program.states.size(); ++i) {
      const StateDecl& state = p.program.states[i];
      if (state.updated && shadow[state.new_value]) c.SetAddress(state.new_value, static_cast<char*>(c.shadows[i].raw()));
    }
  }

  for (size_t s = 0; s < p.steps.size(); ++s) {
    const PreparedStep& step = p.steps[s];
    if (step.kind == StepKind::kLoop) {
      // What running it needs: nothing is allocated, and can fail, once states
      // are written in place.
      LoopRun& run = c.loops[static_cast<size_t>(step.loop)];
      run.rows.reserve(step.rows.size());
      run.current.reserve(step.current.size());
      run.next.reserve(step.current.size());
      run.kept.reserve(static_cast<size_t>(step.end) - s);
    }
    if (step.kind != StepKind::kDispatch) continue;
    char* scratch = nullptr;
    char* shared = nullptr;
    if (!apart) {
      scratch = c.arena.data() + d.steps[s].scratch_offset;
      shared = c.arena.data() + d.steps[s].shared_offset;
      c.words[step.first_word + kArgScratchBytes] = static_cast<int64_t>(d.steps[s].scratch_stride);
    } else {
      if (d.steps[s].scratch > 0) {
        ORIEL_ASSIGN_OR_RETURN(c.apart->scratch[s], GuardedBuffer::Reserve(d.steps[s].scratch * static_cast<uint64_t>(p.workers), kMemoryAlignment));
      }
      if (d.steps[s].shared > 0) {
        ORIEL_ASSIGN_OR_RETURN(c.apart->shared[s], GuardedBuffer::Reserve(d.steps[s].shared, kMemoryAlignment));
      }
      scratch = c.apart->scratch[s].data();
      shared = c.apart->shared[s].data();
    }
    int64_t* words = &c.words[step.first_word];
    const size_t errors = d.side != nullptr ? static_cast<size_t>(d.side->errors[s]) * static_cast<size_t>(p.workers) : 0;
    words[kArgErrors] = reinterpret_cast<int64_t>(reinterpret_cast<ErrorRecord*>(c.errors.data()) + errors);
    words[kArgScratch] = reinterpret_cast<int64_t>(scratch);
    words[kArgShared] = reinterpret_cast<int64_t>(shared);
    if (step.scatter >= 0) {
      words[kArgCounts] = reinterpret_cast<int64_t>(&c.counters.scatter[static_cast<size_t>(step.scatter) * static_cast<size_t>(p.workers)]);
    }
    for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) c.launches[i].args = words;
  }
  return context;
}

}  // namespace oriel
