// File: call.cpp
//
// One call of a Function: lock the states, run, commit (contexts.cpp has where
// its context comes from). A call
// with known shapes does no allocation but its outputs and looks nothing up.
#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <optional>

#include "runtime/core/status.h"
#include "runtime/core/thread_setting.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/function_state.h"
#include "runtime/engine/input_copy.h"
#include "runtime/engine/trim.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

// The end of a call that charged its time to rows: those of a call that stands
// for others are shared out, and it is settled which call is the next.
void EndSplit(CallContext* context, uint64_t now, uint64_t spent) {
  CallContext& c = *context;
  Counters& counters = c.counters;
  const int32_t runtime = static_cast<int32_t>(counters.runtime());
  c.sink[runtime].AddTicks(now - c.last_tick);
  const uint64_t wall = counters.wall.ticks.load(std::memory_order_relaxed);
  if (c.sink == counters.split.get()) Share(c.sink, counters.rows.get(), 0, runtime + 1, wall - c.wall_split, 1);
  c.wall_split = wall;
  c.sampling.Timed(c.calls++, spent);
  const int64_t group = c.sampling.Group(c.calls, c.short_ticks);
  c.unsplit = group - 1;
  if (group > 1) counters.calls_sampled.store(1, std::memory_order_relaxed);
  c.sink = (group > 1 ? counters.split : counters.rows).get();
}

// Outputs whose number of rows the call found out keep their first rows; what
// only told that number is not returned.
absl::Status TruncateOutputs(const Program& program, std::vector<Tensor>* outputs) {
  std::vector<Tensor> returned;
  for (size_t i = 0; i < outputs->size(); ++i) {
    const OutputDecl& output = program.outputs[i];
    if (output.hidden) continue;
    Tensor tensor = (*outputs)[i];
    if (output.rows_from >= 0) {
      const int64_t rows = (*outputs)[static_cast<size_t>(output.rows_from)].ElementAsInt({});
      ORIEL_ASSIGN_OR_RETURN(tensor, tensor.Slice(0, 0, rows));
    }
    returned.push_back(std::move(tensor));
  }
  *outputs = std::move(returned);
  return absl::OkStatus();
}

class StateLocks {
 public:
  explicit StateLocks(const std::vector<graph::HeldState>& locks) : locks_(locks) {
    for (const auto& lock : locks_) {
      if (lock.exclusive) lock.cell->mutex.lock();
      else lock.cell->mutex.lock_shared();
    }
  }
  ~StateLocks() {
    for (size_t i = locks_.size(); i-- > 0;) {
      if (locks_[i].exclusive) locks_[i].cell->mutex.unlock();
      else locks_[i].cell->mutex.unlock_shared();
    }
  }
  StateLocks(const StateLocks&) = delete;
  StateLocks& operator=(const StateLocks&) = delete;

 private:
  const std::vector<graph::HeldState>& locks_;
};

}  // namespace

char* EmptyStorage() {
  alignas(64) static char storage[64];
  return storage;
}

absl::StatusOr<Tensor> NewOutput(const Extents& shape, DType dtype, uint64_t bytes, const std::shared_ptr<BlockPool>& pool) {
  if (bytes < BlockPool::kMinBytes) return Tensor::Empty(shape, dtype);
  ORIEL_ASSIGN_OR_RETURN(Block taken, pool->Take(bytes));
  auto block = std::make_shared<Block>(std::move(taken));
  char* data = block->data();
  return Tensor::Borrow(data, shape, {}, dtype, [block, pool] { pool->Give(std::move(*block)); });
}

absl::StatusOr<std::vector<Tensor>> Function::Impl::Call(absl::Span<const Tensor> inputs) const {
  const int64_t number = taps->NextCall();
  const std::shared_ptr<const TapRun> run = taps->Current();
  if (run == nullptr) [[likely]] return CallProgram(inputs, nullptr, number);
  return (run->program == nullptr ? *this : *run->program).CallProgram(inputs, run.get(), number);
}

absl::Status Function::Impl::NoMemory(const std::shared_ptr<const ResolvedDims>& dims) const {
  if (dims == nullptr) return BareMemoryError();  // the first call, which did not get that far
  return MemoryError(*prepared, *dims, Limit(), 0, out_of_memory);
}

absl::StatusOr<std::vector<Tensor>> Function::Impl::CallProgram(absl::Span<const Tensor> inputs, const TapRun* run,
                                                                int64_t number) const {
  const uint64_t entry = ReadClock(clock);
  std::unique_ptr<CallContext> acquired = AcquireHot(inputs);
  if (acquired == nullptr) [[unlikely]] {
    try {
      ORIEL_ASSIGN_OR_RETURN(acquired, Acquire(inputs));
    } catch (const std::bad_alloc&) {
      return NoMemory(Last());
    }
  }
  CallContext* context = acquired.get();
  context->taps = run;
  context->call_number = number;
  context->threads = prepared->workers;
  if (options.num_threads == 0) {
    if (const int now = CurrentNumThreads(); now > 0) context->threads = std::min(now, prepared->workers);
  }
  context->split = --context->unsplit < 0;  // never when nothing is timed
  std::vector<Tensor> outputs;
  uint64_t copies = 0;
  absl::Status status;
  try {
    status = Run(context, inputs, entry, &outputs, &copies);
  } catch (const std::bad_alloc&) {
    // Before the first write to a state: see Run().
    status = NoMemory(context->dims);
  }
  context->counters.wall.AddCalls(1);
  const uint64_t now = ReadClock(clock);
  const uint64_t spent = now - entry;
  context->counters.wall.AddTicks(spent);  // nothing when nothing is timed
  if (context->split) {
    EndSplit(context, now, spent);
  } else if (spent >= context->short_ticks) [[unlikely]] {
    context->sampling.Restart(context->calls, context->counters.wall.calls.load(std::memory_order_relaxed));
    context->unsplit = 0;
  }
  const int64_t measured = context->apart != nullptr && context->apart->guard && status.ok()
                               ? static_cast<int64_t>(context->apart->counter.peak()) : -1;
  // After a failure buffers may be open and loops half way: start afresh.
  Release(std::move(acquired), status.ok(), measured, copies);
  if (!status.ok()) return status;
  return outputs;
}

absl::Status Function::Impl::Run(CallContext* context, absl::Span<const Tensor> inputs, uint64_t entry,
                                 std::vector<Tensor>* outputs, uint64_t* copies) const {
  CallContext& c = *context;
  const Program& p = program();
  if (c.binds != nullptr) [[unlikely]] c.dims = c.binds->start;
  const ResolvedDims& d = *c.dims;
  const bool guard = c.apart != nullptr && c.apart->guard;
  c.last_tick = entry;
  c.failure = absl::OkStatus();

  // Inputs: as they are, or copied to C order.
  std::vector<Tensor> copied;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int32_t b = p.inputs[i].buffer;
    const Tensor* tensor = &inputs[i];
    if (!UsableAsIs(*tensor)) [[unlikely]] {
      if (c.split) {
        const uint64_t now = Ticks();
        c.sink[c.counters.runtime()].AddTicks(now - c.last_tick);
        c.last_tick = now;
      }
      if (copied.empty()) copied.reserve(inputs.size());
      ORIEL_ASSIGN_OR_RETURN(Tensor copy, CopyInput(*tensor, p.inputs[i].name, c.threads));
      const uint64_t bytes = RoundToAlignment(d.bytes[b]);
      copied.push_back(std::move(copy));
      tensor = &copied.back();
      *copies += bytes;
      c.counters.rows[c.counters.steps + i].AddCalls(1);
      if (c.split) {
        const uint64_t now = Ticks();
        c.sink[c.counters.steps + i].AddTicks(now - c.last_tick);
        c.last_tick = now;
      }
    }
    char* data = static_cast<char*>(const_cast<void*>(tensor->raw()));
    if (data == nullptr) data = EmptyStorage();
    if (guard) {
      // Into pages of its own, in OpenGuards: remember where from.
      c.address[b] = data;
    } else {
      c.SetAddress(b, data);
    }
  }

  if (graph::CallHolds::Any()) [[unlikely]] {
    for (const graph::HeldState& lock : locks) ORIEL_RETURN_IF_ERROR(graph::CallHolds::MayLock(*lock.cell, lock.exclusive));
  }
  const StateLocks held(locks);
  std::optional<graph::CallHolds> holds;
  if (c.taps != nullptr) [[unlikely]] holds.emplace(p.name, locks);
  if (!guard) {
    for (size_t i = 0; i < cells.size(); ++i) {
      char* data = static_cast<char*>(cells[i]->storage.raw());
      c.SetAddress(p.states[i].buffer, data == nullptr ? EmptyStorage() : data);
    }
  }
  outputs->reserve(p.outputs.size());
  for (size_t i = 0; i < p.outputs.size(); ++i) {
    const OutputDecl& output = p.outputs[i];
    if (prepared->BufferStage(output.buffer) > 0) [[unlikely]] {
      outputs->emplace_back();  // made where its size is found
      continue;
    }
    const bool small = d.bytes[output.buffer] < BlockPool::kMinBytes;
    if (small) outputs->push_back(c.outputs[i].One());
    if (!small || outputs->back().raw() == nullptr) [[unlikely]] {
      if (small) outputs->pop_back();
      absl::StatusOr<Tensor> tensor = TrimAndRetry(
          [&] { return NewOutput(d.shapes[output.buffer], p.buffers[output.buffer].dtype, d.bytes[output.buffer], this->outputs); });
      if (!tensor.ok()) return MemoryError(*prepared, d, Limit(), *copies, std::string(tensor.status().message()));
      outputs->push_back(*std::move(tensor));
    }
    if (guard) continue;
    char* data = static_cast<char*>(outputs->back().raw());
    c.SetAddress(output.buffer, data == nullptr ? EmptyStorage() : data);
  }
  if (guard) {
    c.apart->counter.ResetPeak();
    if (*copies > 0) c.apart->counter.Add(*copies);
    absl::Status opened = OpenGuards(context);
    if (!opened.ok()) return opened;
  }

  if (c.split) {
    const uint64_t now = Ticks();
    c.sink[c.counters.runtime()].AddTicks(now - c.last_tick);
    c.last_tick = now;
  }
  if (c.binds != nullptr) [[unlikely]] {
    BindRun& binds = *c.binds;
    binds.limit = Limit();
    binds.copies = *copies;
    binds.make_room = [this](uint64_t held) {
      if (held + KeptBytes() > Limit()) (void)Trim();
    };
    binds.outputs = outputs;
    binds.pool = &this->outputs;
    c.told = false;
  }
  // From the first write to a state in place on, steps allocate nothing: an
  // exception (no memory) leaves all states as they were.
  if (!RunSteps(context, c.split)) [[unlikely]] return RunError(c);

  if (guard) ORIEL_RETURN_IF_ERROR(CloseGuards(context, *outputs, *copies));
  if (prepared->truncates) ORIEL_RETURN_IF_ERROR(TruncateOutputs(p, outputs));
  // The commit: nothing below can fail.
  for (size_t i = 0; i < cells.size(); ++i) {
    const StateDecl& state = p.states[i];
    if (!state.updated || guard) continue;
    if (prepared->root(state.new_value) != state.buffer) {
      std::swap(cells[i]->storage, c.shadows[i]);
      c.SetAddress(state.new_value, static_cast<char*>(c.shadows[i].raw()));
    }
  }
  return absl::OkStatus();
}

absl::Status Function::Impl::OpenGuards(CallContext* context) const {
  CallContext& c = *context;
  const Program& p = program();
  ApartStorage& apart = *c.apart;
  for (int32_t b = 0; b < static_cast<int32_t>(p.buffers.size()); ++b) {
    if (prepared->root(b) != b || !prepared->life.of_root[b].whole_call) continue;
    const Buffer& buffer = p.buffers[b];
    const char* from = nullptr;
    if (buffer.kind == BufferKind::kInput) from = c.address[b];
    if (buffer.kind == BufferKind::kState) from = static_cast<const char*>(cells[buffer.state]->storage.raw());
    if (buffer.kind == BufferKind::kConstant) from = prepared->constants.data() + prepared->constant_offset[buffer.constant];
    GuardedBuffer& pages = apart.of_root[b];
    ORIEL_RETURN_IF_ERROR(pages.Open(&apart.counter));
    if (from != nullptr && c.dims->bytes[b] > 0) std::memcpy(pages.data(), from, c.dims->bytes[b]);
    // What is kept from call to call has a call's pages here: a step makes it.
    const bool written = buffer.kind == BufferKind::kKept ||
                         (buffer.kind == BufferKind::kState && p.states[buffer.state].updated &&
                         prepared->root(p.states[buffer.state].new_value) == b);
    if (!written) ORIEL_RETURN_IF_ERROR(pages.MakeReadOnly());
    c.SetAddress(b, pages.data());
  }
  return absl::OkStatus();
}

absl::Status Function::Impl::CloseGuards(CallContext* context, const std::vector<Tensor>& outputs, uint64_t copies) const {
  CallContext& c = *context;
  const Program& p = program();
  ApartStorage& apart = *c.apart;
  const uint64_t measured = apart.counter.peak();
  // The plan and the independent count must agree; where a branch or a loop may
  // have left buffers unused the plan is a bound.
  const uint64_t planned = c.dims->planned_peak + copies;
  if (measured > planned || (prepared->straight && measured != planned)) {
    return absl::InternalError("'" + p.name + "' held " + BytesText(measured) + " at its peak, the plan says " + BytesText(planned));
  }
  for (size_t i = 0; i < p.outputs.size(); ++i) {
    const int32_t b = p.outputs[i].buffer;
    if (c.dims->bytes[b] > 0) std::memcpy(const_cast<void*>(outputs[i].raw()), apart.of_root[b].data(), c.dims->bytes[b]);
  }
  // New state values are looked at before any is stored: a canary may object.
  std::vector<Tensor> values(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!p.states[i].updated) continue;
    const int32_t b = prepared->root(p.states[i].new_value);
    ORIEL_ASSIGN_OR_RETURN(values[i], Tensor::Empty(cells[i]->shape, cells[i]->dtype));
    if (c.dims->bytes[b] > 0) std::memcpy(values[i].raw(), apart.of_root[b].data(), c.dims->bytes[b]);
  }
  for (size_t b = 0; b < apart.of_root.size(); ++b) ORIEL_RETURN_IF_ERROR(apart.of_root[b].Close(p.buffers[b].name));
  if (copies > 0) apart.counter.Remove(copies);
  for (size_t i = 0; i < cells.size(); ++i) {
    if (p.states[i].updated) std::swap(cells[i]->storage, values[i]);
  }
  return absl::OkStatus();
}

}  // namespace oriel
