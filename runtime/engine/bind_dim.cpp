// File: bind_dim.cpp
//
// Bind steps: sizes that the run finds. What depends on a symbol is settled when
// the symbol is bound, as Resolve() does it for the inputs' symbols at the start
// of a call: sizes, a memory plan, argument words, launches.
#include <algorithm>
#include <cstring>

#include "runtime/core/status.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/executor.h"
#include "runtime/engine/trim.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/block_pool.h"

namespace oriel {
namespace {

// Storage of the stage, at its place in every argument. Where it fails for lack of
// memory it may be tried again.
absl::Status MakeStorage(CallContext* context, size_t stage) {
  CallContext& c = *context;
  const PreparedProgram& p = *c.program;
  const ResolvedDims& d = *c.dims;
  const BindStage& bind = p.binds[stage];
  Block& arena = c.binds->arenas[stage];
  if (c.apart == nullptr) {
    // One that an earlier call needed larger stays, where the limit has room.
    uint64_t held = d.held_bytes + c.binds->copies;
    for (size_t k = 0; k < p.binds.size(); ++k) {
      held += std::max(c.binds->arena_bytes[k], d.stage_arena[k + 1]) - d.stage_arena[k + 1];
    }
    uint64_t& bytes = c.binds->arena_bytes[stage];
    const uint64_t needed = d.stage_arena[stage + 1];
    if (bytes < needed || (bytes > needed && held > c.binds->limit)) {
      arena = Block();  // before the other one is there
      bytes = 0;
      ORIEL_ASSIGN_OR_RETURN(arena, HostDevice().Allocate(needed));
      bytes = needed;
    }
  }
  const bool guard = c.apart != nullptr && c.apart->guard;
  for (int32_t b : bind.roots) {
    const Buffer& buffer = p.buffer(b);
    if (buffer.kind == BufferKind::kOutput) {
      for (size_t i = 0; i < p.program.outputs.size(); ++i) {
        if (p.program.outputs[i].buffer != b) continue;
        ORIEL_ASSIGN_OR_RETURN((*c.binds->outputs)[i], NewOutput(d.shapes[b], buffer.dtype, d.bytes[b], *c.binds->pool));
        if (guard) continue;
        char* data = static_cast<char*>((*c.binds->outputs)[i].raw());
        c.SetAddress(b, data == nullptr ? EmptyStorage() : data);
      }
      if (!guard) continue;
    }
    if (c.apart != nullptr) {
      c.apart->of_root[b] = GuardedBuffer();
      ORIEL_ASSIGN_OR_RETURN(c.apart->of_root[b], GuardedBuffer::Reserve(d.bytes[b], SizeOf(buffer.dtype)));
      c.SetAddress(b, c.apart->of_root[b].data());
    } else {
      c.SetAddress(b, arena.data() + d.arena_offset[b]);
    }
  }
  for (int32_t w : bind.words) c.words[w] = d.words[w];
  for (int32_t root : bind.moved) c.SetAddress(root, c.address[root]);
  for (int32_t s : bind.dispatches) {
    const PreparedStep& step = p.steps[s];
    const ResolvedStep& resolved = d.steps[s];
    char* scratch = nullptr;
    char* shared = nullptr;
    if (c.apart == nullptr) {
      scratch = arena.data() + resolved.scratch_offset;
      shared = arena.data() + resolved.shared_offset;
    } else {
      c.apart->scratch[s] = GuardedBuffer();
      c.apart->shared[s] = GuardedBuffer();
      if (resolved.scratch > 0) {
        ORIEL_ASSIGN_OR_RETURN(c.apart->scratch[s], GuardedBuffer::Reserve(resolved.scratch * static_cast<uint64_t>(p.workers), kMemoryAlignment));
      }
      if (resolved.shared > 0) {
        ORIEL_ASSIGN_OR_RETURN(c.apart->shared[s], GuardedBuffer::Reserve(resolved.shared, kMemoryAlignment));
      }
      scratch = c.apart->scratch[s].data();
      shared = c.apart->shared[s].data();
    }
    int64_t* words = &c.words[step.first_word];
    words[kArgScratchBytes] = static_cast<int64_t>(resolved.scratch);
    words[kArgScratch] = reinterpret_cast<int64_t>(scratch);
    words[kArgShared] = reinterpret_cast<int64_t>(shared);
    for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) {
      c.launches[i] = d.launches[i];
      c.launches[i].args = words;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BindDim(CallContext* context, int32_t s) {
  CallContext& c = *context;
  const PreparedProgram& p = *c.program;
  const PreparedStep& step = p.steps[s];
  const size_t stage = static_cast<size_t>(step.bind);
  const BindStage& bind = p.binds[stage];
  int64_t count = 0;
  std::memcpy(&count, c.address[step.src], sizeof count);
  const int64_t limit = c.dims->steps[s].extent;
  const std::string& symbol = p.program.symbols[static_cast<size_t>(bind.symbol)];
  if (count < 0 || count > limit) {
    return absl::InvalidArgumentError("dim '" + symbol + "' would be " + std::to_string(count) + ", required at least 0 and at most " +
                                      std::to_string(limit) + " (" + std::get<BindStep>(p.flat[s].step->op).limit.ToString() + ")");
  }
  std::vector<int64_t> symbols = c.dims->symbols;
  symbols[static_cast<size_t>(bind.symbol)] = count;
  // Later ones were of an iteration before.
  for (size_t later = stage + 1; later < p.binds.size(); ++later) symbols[static_cast<size_t>(p.binds[later].symbol)] = -1;
  std::shared_ptr<const ResolvedDims>& known = c.binds->known[stage];
  if (known == nullptr || known->symbols != symbols) {
    absl::StatusOr<std::shared_ptr<const ResolvedDims>> resolved = Resolve(p, symbols);
    // Of a requirement that does not hold, it has told about the node that needs it.
    c.told = !resolved.ok() && std::string(resolved.status().message()).find(kFirstSection) != std::string::npos;
    ORIEL_ASSIGN_OR_RETURN(known, std::move(resolved));
  }
  c.dims = known;
  const auto too_large = [&](const std::string& why) {
    c.told = true;
    return MemoryError(p, *c.dims, c.binds->limit, c.binds->copies, why);
  };
  if (known->planned_peak + c.binds->copies > c.binds->limit) {
    return too_large("'" + p.program.name + "' does not fit into the memory limit with " + symbol + " = " + std::to_string(count));
  }
  c.binds->make_room((c.apart != nullptr ? known->planned_peak : known->held_bytes) + c.binds->copies);
  absl::Status made = TrimAndRetry([&] { return MakeStorage(context, stage); });
  if (made.code() == absl::StatusCode::kResourceExhausted) return too_large(std::string(made.message()));
  return made;
}

}  // namespace oriel
