// File: report_memory_error.cpp
//
// The report of a call that does not fit: what was asked for, what lives, what
// would fit. It is made from the plan, before or after the fact, and can be made
// when no memory is left: from a reserve, and at worst without its sections.
#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <new>
#include <string_view>

#include "oriel/config.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/report_text.h"
#include "runtime/engine/reports.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

constexpr size_t kReserveBytes = size_t{1} << 20;
std::atomic<char*> reserve{nullptr};

std::string Label(const Program& program, NodeId id) {
  const NodeInfo* node = program.nodes.Find(id);
  return node == nullptr ? "?" : node->Label();
}

std::string AtLine(const Program& program, NodeId id) {
  const NodeInfo* node = program.nodes.Find(id);
  return node == nullptr || node->Where().empty() ? "" : " at " + node->Where();
}

// Steps that touch a root's storage, by label.
std::string ClientsOfRoot(const PreparedProgram& p, int32_t root) {
  std::string text;
  int shown = 0;
  for (int32_t s = 0; s < static_cast<int32_t>(p.flat.size()); ++s) {
    bool reads = false;
    for (int32_t b : AccessOf(*p.flat[s].step).reads) reads = reads || p.root(b) == root;
    if (!reads) continue;
    if (++shown > 4) return text + ", ...";
    text += (text.empty() ? "" : ", ") + Label(p.program, NodeOf(*p.flat[s].step)) + "@" + std::to_string(s);
  }
  return text.empty() ? "none" : text;
}

// Something that holds memory at the moment of the report.
struct Live {
  int32_t root;  // -1: workspace
  uint64_t bytes;
  std::string name;
  const char* kind;
  std::string shape;
  NodeId node;
};

// The moment at which a call passes its limit.
struct Moment {
  std::vector<Live> live;
  Live culprit{-1, 0, "inputs, states and constants", "fixed", "", kNoNode};
  int32_t step = -1;
  uint64_t free = 0;
};

Moment FindMoment(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra) {
  const int32_t buffers = static_cast<int32_t>(p.program.buffers.size());
  const auto describe = [&](int32_t b) {
    const Buffer& buffer = p.buffer(b);
    return Live{b, RoundToAlignment(d.bytes[b]), buffer.name, KindName(buffer.kind),
                ToString(d.shapes[b]) + " " + std::string(NumpyName(buffer.dtype)), buffer.node};
  };
  Moment m;
  uint64_t held = extra;
  if (extra > 0) m.live.push_back({-1, extra, "contiguous copies of strided inputs", "temporary", "", kNoNode});
  for (int32_t b = 0; b < buffers; ++b) {
    if (p.root(b) != b || !p.life.of_root[b].whole_call) continue;
    m.live.push_back(describe(b));
    held += m.live.back().bytes;
  }
  // Walk the plan to the buffer that passes the limit (or, when the system gave
  // out below it, to the one at the peak).
  m.culprit.bytes = held;
  m.free = limit > held ? limit - held : 0;
  for (int32_t s = 0; s < static_cast<int32_t>(p.steps.size()) && held <= limit; ++s) {
    std::vector<Live> incoming;
    for (int32_t b = 0; b < buffers; ++b) {
      if (p.root(b) == b && !p.life.of_root[b].whole_call && p.life.of_root[b].begin == s) incoming.push_back(describe(b));
    }
    const ResolvedStep& step = d.steps[s];
    const NodeId node = NodeOf(*p.flat[s].step);
    const uint64_t scratch = step.scratch * static_cast<uint64_t>(p.workers);
    if (scratch > 0) incoming.push_back({-1, scratch, "scratch of step " + std::to_string(s), "workspace", "", node});
    if (step.shared > 0) incoming.push_back({-1, step.shared, "workspace of step " + std::to_string(s), "workspace", "", node});
    for (Live& next : incoming) {
      m.step = s;
      m.culprit = next;
      m.free = limit > held ? limit - held : 0;
      held += next.bytes;
      if (held > limit) return m;
      m.live.push_back(std::move(next));
    }
    if (p.flat[s].exit == d.peak_time && d.planned_peak + extra <= limit) return m;
    m.live.erase(std::remove_if(m.live.begin(), m.live.end(), [&](const Live& l) {
      // A loop's or branch's own ends come after its body.
      int32_t ends_at = -1;
      if (l.root >= 0 && !p.life.of_root[l.root].whole_call) ends_at = p.flat[p.life.of_root[l.root].end].end - 1;
      const bool over = l.root >= 0 ? ends_at == s : std::string_view(l.kind) == "workspace";
      if (over) held -= l.bytes;
      return over;
    }), m.live.end());
  }
  return m;
}

// Temporaries that live through the moment only to be read later, and that a
// cheap step made from what is still there: making them again then would save
// their bytes.
std::string RecomputeText(const PreparedProgram& p, const Moment& m) {
  std::string text;
  if (m.step < 0) return text;
  int shown = 0;
  for (const Live& l : m.live) {
    if (l.root < 0 || p.buffer(l.root).kind != BufferKind::kTemporary) continue;
    const Lifetime& life = p.life.of_root[l.root];
    if (life.begin >= m.step || life.end <= m.step || p.flat[life.begin].body != p.flat[m.step].body) continue;
    const auto touches = [&](const std::vector<int32_t>& buffers) {
      return std::any_of(buffers.begin(), buffers.end(), [&](int32_t b) { return p.root(b) == l.root; });
    };
    if (touches(AccessOf(*p.flat[m.step].step).reads) || touches(AccessOf(*p.flat[m.step].step).writes)) continue;
    const auto* maker = std::get_if<DispatchStep>(&p.flat[life.begin].step->op);
    if (maker == nullptr || (maker->op_class != "Elementwise" && maker->op_class != "RowReduce" && maker->op_class != "Gather")) continue;
    int32_t next_use = -1;
    for (int32_t s = m.step + 1; s < static_cast<int32_t>(p.flat.size()) && next_use < 0; ++s) {
      if (touches(AccessOf(*p.flat[s].step).reads)) next_use = s;
    }
    const bool sources_live = next_use >= 0 && std::all_of(maker->reads.begin(), maker->reads.end(), [&](int32_t b) {
      const Lifetime& source = p.life.of_root[p.root(b)];
      return source.whole_call || source.end >= next_use;
    });
    if (!sources_live || ++shown > 3) continue;
    text += "\n    recomputing '" + l.name + "'" + AtLine(p.program, l.node) + " (step " + std::to_string(life.begin) + ", " + maker->op_class +
            ") for its next use in step " + std::to_string(next_use) + " would save " + BytesText(l.bytes);
  }
  return text;
}

std::string WhatFits(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra, const Moment& m) {
  std::string text;
  for (size_t i = 0; i < d.symbols.size(); ++i) {
    const int64_t now = d.symbols[i];
    if (now < 0) continue;  // to be bound
    const int64_t most = LargestThatFits(p, d.symbols, i, limit, extra, now);
    text += "\n    " + p.program.symbols[i] + ": " + (most < 0 ? std::string("no value") : "at most " + std::to_string(most)) + " (now " +
            std::to_string(now) + ")";
    // As if the copies stayed as large as they are: what fits for sure.
    const int64_t contiguous = extra > 0 ? LargestThatFits(p, d.symbols, i, limit, 0, now) : most;
    if (contiguous > most) text += ", " + std::to_string(contiguous) + " with contiguous inputs";
  }
  text += RecomputeText(p, m);
  for (const StateDecl& state : p.program.states) {
    if (!state.updated || p.root(state.new_value) == state.buffer) continue;
    text += "\n    updating state '" + state.name + "' in place would save " + BytesText(RoundToAlignment(d.bytes[state.buffer])) +
            (state.remark.empty() ? "" : " (a shadow is used: " + state.remark + ")");
  }
  text += "\n    a limit of " + BytesText(d.planned_peak + extra);
  return text;
}

absl::Status FullReport(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra, const std::string& why) {
  Moment m = FindMoment(p, d, limit, extra);
  NodeId id = m.culprit.node;
  if (id == kNoNode && m.step >= 0) id = NodeOf(*p.flat[m.step].step);
  std::string text = why + ": " + m.culprit.kind + " '" + m.culprit.name + "'" + (m.culprit.shape.empty() ? "" : " " + m.culprit.shape) +
                     " needs " + BytesText(m.culprit.bytes);
  text += ErrorSections(p, d, nullptr, id, m.step);
  text += "\nRequested: " + BytesText(m.culprit.bytes);
  text += "\nFree: " + BytesText(m.free);
  text += "\nLimit: " + BytesText(limit);
  if (Config::errors_are_short()) return absl::ResourceExhaustedError(text);
  text += "\nStorage map:";
  std::sort(m.live.begin(), m.live.end(), [](const Live& a, const Live& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.name < b.name; });
  uint64_t total = 0;
  for (const Live& l : m.live) {
    total += l.bytes;
    text += "\n    " + l.name + ", " + l.kind + (l.shape.empty() ? "" : ", " + l.shape) + ", " + BytesText(l.bytes);
    if (p.program.nodes.Find(l.node) != nullptr) text += ", " + Label(p.program, l.node) + AtLine(p.program, l.node);
    if (l.root >= 0) text += ", clients: " + ClientsOfRoot(p, l.root);
  }
  text += "\n    total: " + BytesText(total);
  text += "\nWhat would fit:" + WhatFits(p, d, limit, extra, m);
  return absl::ResourceExhaustedError(text);
}

// Symbols that must be equal, by a constraint of the program.
std::vector<size_t> TiedTo(const PreparedProgram& p, size_t symbol) {
  const auto index = [&](const Dim& dim) {
    return static_cast<size_t>(std::find(p.program.symbols.begin(), p.program.symbols.end(), dim.symbol()) - p.program.symbols.begin());
  };
  std::vector<size_t> tied = {symbol};
  for (size_t i = 0; i < tied.size(); ++i) {
    for (const DimConstraint& c : p.program.constraints) {
      if (!c.left.is_symbol() || !c.right.is_symbol()) continue;
      for (const auto& [a, b] : {std::pair(index(c.left), index(c.right)), std::pair(index(c.right), index(c.left))}) {
        if (a == tied[i] && std::find(tied.begin(), tied.end(), b) == tied.end()) tied.push_back(b);
      }
    }
  }
  return tied;
}

}  // namespace

const absl::Status& BareMemoryError() {
  static const absl::Status* status = new absl::Status(absl::ResourceExhaustedError(
      "out of memory, and none was left to say for what: Function::PlanMemory() tells what a call needs"));
  return *status;
}

void ReserveReportMemory() {
  (void)BareMemoryError();
  if (reserve.load(std::memory_order_relaxed) != nullptr) return;
  char* block = new (std::nothrow) char[kReserveBytes];
  if (block == nullptr) return;
  for (size_t i = 0; i < kReserveBytes; i += 4096) block[i] = 1;  // really there
  char* none = nullptr;
  if (!reserve.compare_exchange_strong(none, block)) delete[] block;
}

int64_t LargestThatFits(const PreparedProgram& p, std::vector<int64_t> symbols, size_t symbol, uint64_t limit, uint64_t extra, int64_t most) {
  const std::vector<size_t> tied = TiedTo(p, symbol);
  const auto fits = [&](int64_t value) {
    for (size_t i : tied) symbols[i] = value;
    const uint64_t peak = PlannedPeak(p, WithLimits(p, symbols));
    return peak != std::numeric_limits<uint64_t>::max() && peak + extra <= limit;
  };
  if (most < 0) return -1;
  if (fits(most)) return most;
  // Sizes grow with dims; what some small values forbid (an empty slice) may
  // hold for larger ones, so that the way down finds the first that fits.
  int64_t high = most, low = most / 2;
  while (low > 0 && !fits(low)) {
    high = low;
    low /= 2;
  }
  if (low == 0 && !fits(0)) return -1;
  while (high - low > 1) {  // fits(low), not fits(high)
    const int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

absl::Status MemoryError(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra, const std::string& why) {
  try {
    return FullReport(p, d, limit, extra, why);
  } catch (const std::bad_alloc&) {
  }
  // Not even for the report: now the reserve is for it.
  delete[] reserve.exchange(nullptr);
  absl::Status status = BareMemoryError();
  try {
    status = FullReport(p, d, limit, extra, why);
  } catch (const std::bad_alloc&) {
  }
  ReserveReportMemory();
  return status;
}

}  // namespace oriel
