// File: executor.cpp
#include "runtime/engine/executor.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace oriel {
namespace {

// Iterations of a short loop body that are timed: the first kFirst, then one in
// kEvery. Bodies longer than kLongTicks are always timed.
constexpr int64_t kFirst = 4, kEvery = 16;
constexpr uint64_t kLongTicks = 15'000;

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

  explicit Executor(CallContext* c) : c_(*c), p_(*c->program), dims_(*c->dims), device_(HostDevice()) {}

  template <bool kTimed, bool kTesting>
  bool Range(int32_t s, int32_t end) {
    while (s < end) {
      const PreparedStep& step = p_.steps[s];
      if constexpr (kTesting) {
        if (!Before(s, step)) return false;
      }
      switch (step.kind) {
        case StepKind::kDispatch:
          if (!Dispatch(s, step)) return false;
          break;
        case StepKind::kCopy:
          if (c_.address[step.dst] != c_.address[step.src]) {
            device_.Copy(c_.address[step.dst], c_.address[step.src], dims_.steps[s].bytes, p_.workers);
          }
          break;
        case StepKind::kDimValue:
          std::memcpy(c_.address[step.dst], &dims_.steps[s].value, sizeof(int64_t));
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
    const uint64_t spent = now - c_.last_tick;
    c_.last_tick = now;
    if (c_.loop_depth == 0) [[likely]] {
      c_.counters.rows[s].AddTicks(spent);
    } else {
      c_.loop_ticks[s] += static_cast<double>(spent) * c_.weight;
    }
  }

  bool Dispatch(int32_t s, const PreparedStep& step) {
    const Launch* launch = &c_.launches[step.first_phase];
    const Launch* end = launch + step.phases;
    if (!step.fallible) {
      for (; launch != end; ++launch) {
        if (launch->threads <= 1) {
          if (launch->tasks > 0) launch->entry(launch->args, 0, launch->tasks, 0);
        } else {
          device_.Run(*launch);
        }
      }
      return true;
    }
    ErrorRecord* records = reinterpret_cast<ErrorRecord*>(c_.errors.data());
    std::memset(static_cast<void*>(records), 0, sizeof(ErrorRecord) * static_cast<size_t>(p_.workers));
    for (; launch != end; ++launch) {
      device_.Run(*launch);
      const ErrorRecord* first = nullptr;
      for (int w = 0; w < p_.workers; ++w) {
        if (records[w].code == 0) continue;
        // The lowest position; of several index operands or nodes the first.
        if (first == nullptr || std::tie(records[w].position, records[w].ordinal, records[w].operand) <
                                    std::tie(first->position, first->ordinal, first->operand)) {
          first = &records[w];
        }
      }
      if (first != nullptr) {
        c_.failed_step = s;
        c_.error = *first;
        return false;
      }
    }
    return true;
  }

  void SwapCarried(const PreparedStep& step) {
    for (size_t k = 0; k < step.current.size(); ++k) {
      char* current = c_.address[step.current[k]];
      char* next = c_.address[step.next[k]];
      if (current == next) continue;
      c_.SetAddress(step.current[k], next);
      c_.SetAddress(step.next[k], current);
    }
  }

  template <bool kTimed, bool kTesting>
  bool Loop(int32_t s, const PreparedStep& step) {
    const std::vector<uint64_t>& bytes = dims_.steps[s].carried;
    // What the enclosing loop has counted for these rows so far.
    std::vector<double> outer;
    uint64_t start = 0;
    if constexpr (kTimed) {
      start = c_.last_tick;
      if (c_.loop_depth > 0) outer.assign(c_.loop_ticks.begin() + s, c_.loop_ticks.begin() + step.end);
      std::fill(c_.loop_ticks.begin() + s, c_.loop_ticks.begin() + step.end, 0.0);
    }
    const double outer_weight = c_.weight;
    int64_t trips;
    std::memcpy(&trips, c_.address[step.src], sizeof trips);
    for (size_t k = 0; k < step.current.size(); ++k) {
      if (c_.address[step.current[k]] == c_.address[step.initial[k]]) continue;
      device_.Copy(c_.address[step.current[k]], c_.address[step.initial[k]], bytes[k], p_.workers);
    }
    ++c_.loop_depth;
    if constexpr (kTimed) {
      c_.weight = 1;
      Stamp(s);
    }
    bool ok = true, always = false;
    for (int64_t i = 0; i < trips && ok; ++i) {
      if (step.dst >= 0) std::memcpy(c_.address[step.dst], &i, sizeof i);
      if (kTimed && (i < kFirst || always || i % kEvery == kEvery / 2)) {
        c_.weight = i < kFirst || always ? 1 : static_cast<double>(kEvery);
        if (c_.weight != 1) c_.counters.sampled.store(1, std::memory_order_relaxed);
        const uint64_t iteration = Ticks();
        c_.last_tick = iteration;
        ok = Range<true, kTesting>(s + 1, step.end);
        SwapCarried(step);
        Stamp(s);
        if (i == kFirst - 1) always = c_.last_tick - iteration > kLongTicks;
      } else {
        ok = Range<false, kTesting>(s + 1, step.end);
        SwapCarried(step);
      }
    }
    --c_.loop_depth;
    c_.weight = outer_weight;
    if (ok) {
      // A value may lie in the storage of `next` now: fetch it, then put both
      // addresses back where the plan has them.
      const bool swapped = trips > 0 && trips % 2 != 0;
      for (size_t k = 0; k < step.current.size(); ++k) {
        char* value = c_.address[step.current[k]];
        if (swapped && step.current[k] != step.next[k]) {
          c_.SetAddress(step.current[k], c_.address[step.next[k]]);
          c_.SetAddress(step.next[k], value);
        }
        char* result = c_.address[step.results[k]];
        if (result != value) device_.Copy(result, value, bytes[k], p_.workers);
      }
    }
    if constexpr (kTimed) {
      // The loop's whole time is exact; its rows share it as sampled.
      const uint64_t now = Ticks();
      c_.last_tick = now;
      const double total = static_cast<double>(now - start);
      double sampled = 0;
      for (int32_t r = s; r < step.end; ++r) sampled += c_.loop_ticks[r];
      const double scale = sampled > 0 ? total / sampled : 0;
      if (sampled <= 0) c_.loop_ticks[s] = total;
      double carry = 0;  // keeps the integer rows' sum exact
      for (int32_t r = s; r < step.end; ++r) {
        double mine = sampled > 0 ? c_.loop_ticks[r] * scale : c_.loop_ticks[r];
        if (c_.loop_depth > 0) {
          c_.loop_ticks[r] = outer[r - s] + mine * outer_weight;
          continue;
        }
        mine += carry;
        const uint64_t whole = static_cast<uint64_t>(mine);
        carry = mine - static_cast<double>(whole);
        c_.counters.rows[r].AddTicks(whole);
        c_.loop_ticks[r] = 0;
      }
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
  const ResolvedDims& dims_;
  Device& device_;
};

}  // namespace

bool RunSteps(CallContext* context, bool timed) {
  Executor executor(context);
  context->failed_step = -1;
  context->loop_depth = 0;
  context->weight = 1;
  const bool testing = context->apart != nullptr || context->fail_at >= 0;
  return timed ? executor.All<true>(testing) : executor.All<false>(testing);
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
  c.loop_ticks.assign(p.steps.size(), 0.0);
  ORIEL_ASSIGN_OR_RETURN(c.errors, Block::Allocate(sizeof(ErrorRecord) * static_cast<uint64_t>(p.workers)));
  if (!apart) {
    ORIEL_ASSIGN_OR_RETURN(c.arena, HostDevice().Allocate(d.arena_bytes));
  } else {
    c.apart = std::make_unique<ApartStorage>();
    c.apart->guard = guard;
    c.apart->of_root.resize(buffers);
    c.apart->scratch.resize(p.steps.size());
    c.apart->shared.resize(p.steps.size());
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
    if (p.root(b) != b) continue;
    const Buffer& buffer = p.buffer(b);
    const Lifetime& life = p.life.of_root[b];
    char* data = nullptr;
    if (buffer.kind == BufferKind::kConstant) data = p.constants.data() + p.constant_offset[buffer.constant];
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
    if (step.kind != StepKind::kDispatch) continue;
    char* scratch = nullptr;
    char* shared = nullptr;
    if (!apart) {
      scratch = c.arena.data() + d.steps[s].scratch_offset;
      shared = c.arena.data() + d.steps[s].shared_offset;
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
    words[kArgErrors] = reinterpret_cast<int64_t>(c.errors.data());
    words[kArgScratch] = reinterpret_cast<int64_t>(scratch);
    words[kArgShared] = reinterpret_cast<int64_t>(shared);
    for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) c.launches[i].args = words;
  }
  return context;
}

}  // namespace oriel
