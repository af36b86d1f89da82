// File: memory_report.cpp
#include <algorithm>
#include <set>

#include "oriel/profile.h"
#include "oriel/tensor.h"
#include "runtime/engine/report_text.h"
#include "runtime/engine/reports.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

// `bytes` rounded to 64, as an expression; the rounding is left out where the
// static part already is a multiple.
Dim Rounded(int64_t static_part, const Dim& rest) {
  if (static_part % 64 == 0) return Dim(static_part) * rest;
  return Dim(64) * Dim::CeilDiv(Dim(static_part) * rest, Dim(64));
}

Dim BytesOf(const Buffer& buffer) {
  int64_t static_part = static_cast<int64_t>(SizeOf(buffer.dtype));
  Dim rest(1);
  for (const Dim& dim : buffer.shape) {
    int64_t product;
    if (dim.is_static() && !__builtin_mul_overflow(static_part, dim.value(), &product)) {
      static_part = product;
    } else {
      rest = rest * dim;
    }
  }
  if (rest.is_static()) return Dim(static_cast<int64_t>(RoundToAlignment(static_cast<uint64_t>(static_part * rest.value()))));
  return Rounded(static_part, rest);
}

// The peak as text: the largest of the sums of what is live at once, sums that
// another contains left out.
std::string PeakFormula(const PreparedProgram& p, int32_t peak_time) {
  constexpr size_t kMaxTerms = 6, kMaxCompared = 128;
  struct Item {
    Dim bytes;
    int32_t begin, end;
  };
  Dim fixed(0);
  std::vector<Item> items;
  for (int32_t b = 0; b < static_cast<int32_t>(p.program.buffers.size()); ++b) {
    const Lifetime& life = p.life.of_root[b];
    if (life.root != b) continue;
    if (life.whole_call) {
      fixed = fixed + BytesOf(p.buffer(b));
    } else if (life.begin >= 0) {
      items.push_back({BytesOf(p.buffer(b)), p.flat[life.begin].enter, p.flat[life.end].exit});
    }
  }
  for (size_t s = 0; s < p.flat.size(); ++s) {
    const auto* d = std::get_if<DispatchStep>(&p.flat[s].step->op);
    if (d == nullptr) continue;
    const auto add = [&](const Dim& bytes, int64_t times) {
      if (bytes.is_static() && bytes.value() <= 0) return;
      const Dim rounded = bytes.is_static() ? Dim(static_cast<int64_t>(RoundToAlignment(static_cast<uint64_t>(bytes.value())))) : Rounded(1, bytes);
      items.push_back({Dim(times) * rounded, p.flat[s].enter, p.flat[s].enter});
    };
    add(d->scratch_bytes, p.workers);
    add(d->shared_bytes, 1);
  }
  std::vector<std::vector<bool>> live;  // per candidate time
  std::set<int32_t> times;
  for (const Item& item : items) times.insert(item.begin);
  if (times.empty()) return fixed.ToString();
  const auto live_at = [&](int32_t time) {
    std::vector<bool> at(items.size());
    for (size_t i = 0; i < items.size(); ++i) at[i] = items[i].begin <= time && time <= items[i].end;
    return at;
  };
  const auto sum = [&](const std::vector<bool>& at) {
    Dim total = fixed;
    for (size_t i = 0; i < items.size(); ++i) {
      if (at[i]) total = total + items[i].bytes;
    }
    return total.ToString();
  };
  if (times.size() > kMaxCompared) return sum(live_at(peak_time)) + " (the largest of " + std::to_string(times.size()) + " sums for these dims)";
  for (int32_t time : times) live.push_back(live_at(time));
  const auto contains = [](const std::vector<bool>& a, const std::vector<bool>& b) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (b[i] && !a[i]) return false;
    }
    return true;
  };
  std::vector<std::string> terms;
  for (size_t i = 0; i < live.size(); ++i) {
    bool dominated = false;
    for (size_t k = 0; k < live.size() && !dominated; ++k) {
      dominated = k != i && contains(live[k], live[i]) && (k < i || !contains(live[i], live[k]));
    }
    if (dominated) continue;
    std::string term = sum(live[i]);
    if (std::find(terms.begin(), terms.end(), term) == terms.end()) terms.push_back(std::move(term));
  }
  if (terms.size() == 1) return terms[0];
  if (terms.size() > kMaxTerms) return sum(live_at(peak_time)) + " (the largest of " + std::to_string(terms.size()) + " sums for these dims)";
  std::string text = "max(";
  for (size_t i = 0; i < terms.size(); ++i) text += (i ? ", " : "") + terms[i];
  return text + ")";
}

// What each step writes: into memory of its own, over an operand, or nothing new.
void AddApplies(const PreparedProgram& p, const ResolvedDims& d, MemoryReport* report) {
  for (int32_t s = 0; s < static_cast<int32_t>(p.flat.size()); ++s) {
    const Step& step = *p.flat[s].step;
    const StepAccess access = AccessOf(step);
    if (access.writes.empty()) continue;
    MemoryApplyRow row;
    row.id = s;
    row.name = NamesOf(p, s).name;
    if (const NodeInfo* node = p.program.nodes.Find(NodeOf(step))) row.where = node->Where();
    const auto* dispatch = std::get_if<DispatchStep>(&step.op);
    for (size_t i = 0; i < access.writes.size(); ++i) {
      const int32_t b = access.writes[i];
      MemoryApplyRow::Output output;
      output.name = p.buffer(b).name;
      output.shape = d.shapes[b];
      output.dtype = p.buffer(b).dtype;
      output.bytes = static_cast<int64_t>(d.bytes[b]);
      const bool over_operand = std::any_of(access.reads.begin(), access.reads.end(), [&](int32_t r) { return p.root(r) == p.root(b); });
      if (over_operand) output.how = 'i';
      if (dispatch != nullptr && i < dispatch->in_place.size() && dispatch->in_place[i] == 2) output.how = 'v';
      row.bytes += output.bytes;
      row.outputs.push_back(std::move(output));
    }
    report->applies.push_back(std::move(row));
  }
  std::sort(report->applies.begin(), report->applies.end(),
            [](const MemoryApplyRow& a, const MemoryApplyRow& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.id < b.id; });
}

}  // namespace

const char* KindName(BufferKind kind) {
  switch (kind) {
    case BufferKind::kInput: return "input";
    case BufferKind::kState: return "state";
    case BufferKind::kOutput: return "output";
    case BufferKind::kTemporary: return "temporary";
    case BufferKind::kWorkspace: return "workspace";
    case BufferKind::kConstant: return "constant";
    case BufferKind::kRow: return "row";
    case BufferKind::kKept: return "kept";
  }
  return "?";
}

MemoryReport BuildMemoryReport(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, int64_t measured, uint64_t copies, bool planned) {
  MemoryReport report;
  report.function = p.program.name;
  report.planned_peak = static_cast<int64_t>(d.planned_peak + copies);
  report.measured_peak = measured;
  report.arena_bytes = static_cast<int64_t>(d.arena_bytes);
  report.arena_live = static_cast<int64_t>(d.arena_live);
  report.side_by_side_bytes = static_cast<int64_t>(d.side_bytes);
  report.limit = static_cast<int64_t>(limit);
  report.peak_formula = PeakFormula(p, d.peak_time);
  if (copies > 0) report.peak_formula += " + " + std::to_string(copies) + " of contiguous input copies";
  const auto where = [&](NodeId id) {
    const NodeInfo* node = p.program.nodes.Find(id);
    return node == nullptr ? std::string() : node->Where();
  };
  std::vector<std::string> shared(p.program.buffers.size());
  for (int32_t b = 0; b < static_cast<int32_t>(p.program.buffers.size()); ++b) {
    const int32_t root = p.root(b);
    if (root != b) shared[root] += (shared[root].empty() ? " (also " : ", ") + p.buffer(b).name;
  }
  for (int32_t b = 0; b < static_cast<int32_t>(p.program.buffers.size()); ++b) {
    const Lifetime& life = p.life.of_root[b];
    if (life.root != b || (!life.whole_call && life.begin < 0)) continue;
    const Buffer& buffer = p.buffer(b);
    BufferRow row;
    row.name = buffer.name + shared[b] + (shared[b].empty() ? "" : ")");
    row.kind = KindName(buffer.kind);
    row.shape = d.shapes[b];
    row.dtype = buffer.dtype;
    row.bytes = static_cast<int64_t>(RoundToAlignment(d.bytes[b]));
    row.node = buffer.node;
    row.where = where(buffer.node);
    row.live_at_peak = life.whole_call || (p.flat[life.begin].enter <= d.peak_time && d.peak_time <= p.flat[life.end].exit);
    report.buffers.push_back(std::move(row));
  }
  for (size_t s = 0; s < d.steps.size(); ++s) {
    const auto workspace = [&](const char* what, uint64_t bytes) {
      if (bytes == 0) return;
      BufferRow row;
      row.name = std::string(what) + " of step " + std::to_string(s);
      row.kind = KindName(BufferKind::kWorkspace);
      row.shape = {static_cast<int64_t>(bytes)};
      row.dtype = DType::u8;
      row.bytes = static_cast<int64_t>(bytes);
      row.node = NodeOf(*p.flat[s].step);
      row.where = where(row.node);
      row.live_at_peak = p.flat[s].enter == d.peak_time;
      report.buffers.push_back(std::move(row));
    };
    workspace("scratch", d.steps[s].scratch * static_cast<uint64_t>(p.workers));
    workspace("workspace", d.steps[s].shared);
  }
  if (copies > 0) {
    BufferRow row;
    row.name = "contiguous copies of strided inputs";
    row.kind = KindName(BufferKind::kTemporary);
    row.shape = {static_cast<int64_t>(copies)};
    row.dtype = DType::u8;
    row.bytes = static_cast<int64_t>(copies);
    row.live_at_peak = true;
    report.buffers.push_back(std::move(row));
  }
  for (const BindStage& bind : p.binds) {
    const size_t symbol = static_cast<size_t>(bind.symbol);
    FoundSize found;
    found.dim = p.program.symbols[symbol];
    found.value = d.symbols[symbol];
    if (p.dims[bind.limit].Run(d.symbols.data(), &found.most) != DimError::kNone) found.most = found.value;
    found.is_bound = planned;
    report.found.push_back(std::move(found));
  }
  AddApplies(p, d, &report);
  std::sort(report.buffers.begin(), report.buffers.end(), [](const BufferRow& a, const BufferRow& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.name < b.name;
  });
  return report;
}

std::string MemoryReport::text(int max_rows) const {
  std::string text = "Memory of '" + function + "'\n---\n";
  const bool bound = std::any_of(found.begin(), found.end(), [](const FoundSize& size) { return size.is_bound; });
  text += "Planned peak:    " + BytesText(static_cast<uint64_t>(planned_peak)) + (bound ? " at most" : "") + "\n";
  if (!peak_formula.empty()) text += "    = " + peak_formula + "\n";
  for (const FoundSize& size : found) {
    text += "    " + size.dim + (size.is_bound ? "" : " = " + std::to_string(size.value) + ",") + " at most " + std::to_string(size.most) +
            ": found by a run\n";
  }
  if (measured_peak >= 0) text += "Measured peak:   " + BytesText(static_cast<uint64_t>(measured_peak)) + "\n";
  text += "Arena:           " + BytesText(static_cast<uint64_t>(arena_bytes)) + " for temporaries";
  if (arena_live > 0) {
    text += Format(", %.3f of their largest live set, ", static_cast<double>(arena_bytes) / static_cast<double>(arena_live)) +
            BytesText(static_cast<uint64_t>(arena_live));
  }
  if (side_by_side_bytes > 0) text += "; " + BytesText(static_cast<uint64_t>(side_by_side_bytes)) + " of it because steps run side by side";
  text += "\n";
  text += "Kept for calls:  " + BytesText(static_cast<uint64_t>(kept_bytes)) + "\n";
  text += "Limit:           " + BytesText(static_cast<uint64_t>(limit)) + "\n";
  text += "<bytes> <at peak> <kind> <dtype> <shape> <name> <node> <where>\n";
  int shown = 0;
  int64_t rest = 0;
  for (const BufferRow& row : buffers) {
    if (shown >= max_rows) {
      rest += row.bytes;
      continue;
    }
    ++shown;
    text += Format("%12lldB  %-3s  %-9s  %-8s  %-18s  %s", static_cast<long long>(row.bytes), row.live_at_peak ? "yes" : "no", row.kind.c_str(),
                   std::string(NumpyName(row.dtype)).c_str(), ToString(row.shape).c_str(), row.name.c_str());
    if (row.node != kNoNode) text += "  n" + std::to_string(row.node);
    if (!row.where.empty()) text += "  " + row.where;
    text += "\n";
  }
  if (static_cast<int>(buffers.size()) > shown) {
    text += Format("   ... (remaining %zu buffers hold %lldB)\n", buffers.size() - static_cast<size_t>(shown), static_cast<long long>(rest));
  }
  return text;
}

std::string MemoryReport::apply_text(int max_rows) const {
  std::string text = "<Sum apply outputs (bytes)> <Apply outputs shape> <created/inplace/view> <Apply node>\n";
  int shown = 0;
  int64_t rest = 0, all = 0;
  for (const MemoryApplyRow& row : applies) {
    all += row.bytes;
    if (shown >= max_rows) {
      rest += row.bytes;
      continue;
    }
    ++shown;
    std::string shapes, how;
    for (const MemoryApplyRow::Output& output : row.outputs) {
      shapes += (shapes.empty() ? "" : ", ") + ToString(output.shape);
      how += (how.empty() ? "" : " ") + std::string(1, output.how);
    }
    text += Format("%15lldB  [%s] %s %s  %lld", static_cast<long long>(row.bytes), shapes.c_str(), how.c_str(), row.name.c_str(), static_cast<long long>(row.id));
    text += (row.where.empty() ? "" : "  " + row.where) + "\n";
  }
  if (static_cast<int>(applies.size()) > shown) {
    text += Format("   ... (remaining %zu Apply account for %lldB/%lldB (%.2f%%) of the Apply with dense outputs sizes)\n", applies.size() - static_cast<size_t>(shown),
                   static_cast<long long>(rest), static_cast<long long>(all), all > 0 ? 100.0 * static_cast<double>(rest) / static_cast<double>(all) : 0.0);
  }
  return text;
}

std::string MemoryReport::json() const {
  JsonWriter w;
  w.BeginObject().Key("function").String(function).Key("planned_peak").Int(planned_peak).Key("measured_peak").Int(measured_peak);
  w.Key("arena_bytes").Int(arena_bytes).Key("arena_live").Int(arena_live).Key("side_by_side_bytes").Int(side_by_side_bytes);
  w.Key("kept_bytes").Int(kept_bytes).Key("limit").Int(limit).Key("peak_formula").String(peak_formula).Key("found").BeginArray();
  for (const FoundSize& size : found) {
    w.BeginObject().Key("dim").String(size.dim).Key("value").Int(size.value).Key("most").Int(size.most).Key("is_bound").Bool(size.is_bound).EndObject();
  }
  w.EndArray().Key("buffers").BeginArray();
  for (const BufferRow& row : buffers) {
    w.BeginObject().Key("name").String(row.name).Key("kind").String(row.kind).Key("dtype").String(NumpyName(row.dtype));
    w.Key("shape").Ints(row.shape).Key("bytes").Int(row.bytes).Key("node").Int(row.node).Key("where").String(row.where);
    w.Key("live_at_peak").Bool(row.live_at_peak).EndObject();
  }
  w.EndArray().Key("applies").BeginArray();
  for (const MemoryApplyRow& row : applies) {
    w.BeginObject().Key("id").Int(row.id).Key("name").String(row.name).Key("bytes").Int(row.bytes).Key("where").String(row.where);
    w.Key("outputs").BeginArray();
    for (const MemoryApplyRow::Output& output : row.outputs) {
      w.BeginObject().Key("name").String(output.name).Key("dtype").String(NumpyName(output.dtype)).Key("shape").Ints(output.shape);
      w.Key("bytes").Int(output.bytes).Key("how").String(output.how == 'i' ? "in place" : output.how == 'v' ? "view" : "created").EndObject();
    }
    w.EndArray().EndObject();
  }
  w.EndArray().EndObject();
  return w.Take();
}

}  // namespace oriel
