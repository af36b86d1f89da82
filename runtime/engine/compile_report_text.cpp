// File: compile_report_text.cpp
//
// CompileReport::text() and json(): the tables of phases, passes, kernels, nodes.
#include <algorithm>

#include "oriel/compile_report.h"
#include "runtime/engine/report_text.h"

namespace oriel {
namespace {

using Pass = CompileCosts::Pass;
using Kernel = CompileCosts::Kernel;

double Percent(int64_t part, int64_t whole) { return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0; }
double Ms(int64_t ns) { return static_cast<double>(ns) * 1e-6; }
int64_t CodeNs(const Kernel& k) { return k.codegen_ns + k.lowering_ns + k.llvm_ns; }

template <typename Row, typename Less>
std::vector<const Row*> Sorted(const std::vector<Row>& rows, Less less) {
  std::vector<const Row*> order;
  for (const Row& row : rows) order.push_back(&row);
  std::stable_sort(order.begin(), order.end(), [&](const Row* a, const Row* b) { return less(*a, *b); });
  return order;
}

std::string Remaining(size_t shown, size_t all, const char* what, int64_t left) {
  return shown >= all ? "" : Format("   ... (the other %zu %s: %.3f ms)\n", all - shown, what, Ms(left));
}

std::string PhaseTable(const CompileReport& r) {
  std::string text = "Phase\n---\n<% time> <time> <phase>\n";
  for (const auto& [phase, ns] : r.phases) text += Format("%6.1f%%  %10.3f ms   %s\n", Percent(ns, r.total_ns), Ms(ns), phase.c_str());
  if (r.source != "compiled") {
    text += Format("\nWhen it was compiled (%.3f ms)\n---\n<% time> <time> <phase>\n", Ms(r.made_ns));
    for (const auto& [phase, ns] : r.made.phases) text += Format("%6.1f%%  %10.3f ms   %s\n", Percent(ns, r.made_ns), Ms(ns), phase.c_str());
  }
  return text + "\n";
}

std::string PassTable(const CompileReport& r, size_t max_rows) {
  const auto order = Sorted(r.made.passes, [](const Pass& a, const Pass& b) { return a.ns > b.ns; });
  std::string text = "Pass\n---\n<% time> <time> <phase> <pass>\n";
  int64_t left = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i < max_rows) {
      text += Format("%6.1f%%  %10.3f ms   %-10s %s\n", Percent(order[i]->ns, r.made_ns), Ms(order[i]->ns), order[i]->phase.c_str(), order[i]->name.c_str());
    } else {
      left += order[i]->ns;
    }
  }
  return text + Remaining(max_rows, order.size(), "passes", left) + "\n";
}

std::string KernelTable(const CompileReport& r, size_t max_rows) {
  int64_t codegen = 0, lowering = 0, llvm = 0, cache = 0, bytes = 0, left = 0;
  size_t cached = 0;
  for (const Kernel& k : r.made.kernels) {
    cache += k.cache_ns;
    bytes += k.code_bytes;
    cached += k.from_cache ? 1 : 0;
    if (k.from_cache) continue;
    codegen += k.codegen_ns;
    lowering += k.lowering_ns;
    llvm += k.llvm_ns;
  }
  std::string text = "Kernel\n---\n";
  text += Format("%zu kernels, %zu from the cache, %lld bytes of code; %.3f ms with %d threads, in which threads spent: cache %.3f, code %.3f, lowering %.3f, LLVM %.3f ms\n",
                 r.made.kernels.size(), cached, static_cast<long long>(bytes), Ms(r.made.kernels_ns), static_cast<int>(r.made.threads), Ms(cache),
                 Ms(codegen), Ms(lowering), Ms(llvm));
  text += "<thread time> <cache> <code> <lowering> <LLVM> <bytes> <uses> <kernel>\n";
  const auto order = Sorted(r.made.kernels, [](const Kernel& a, const Kernel& b) { return a.thread_ns() > b.thread_ns(); });
  for (size_t i = 0; i < order.size(); ++i) {
    const Kernel& k = *order[i];
    if (i >= max_rows) {
      left += k.thread_ns();
      continue;
    }
    text += Format("%10.3f ms  %8.3f  %8.3f  %8.3f  %8.3f  %8lld  %5d   %s%s\n", Ms(k.thread_ns()), Ms(k.cache_ns), Ms(k.codegen_ns), Ms(k.lowering_ns),
                   Ms(k.llvm_ns), static_cast<long long>(k.code_bytes), static_cast<int>(k.uses), k.name.c_str(),
                   k.from_cache ? Format(" (from the cache; %.3f ms when it was compiled)", Ms(CodeNs(k))).c_str() : "");
  }
  return text + Remaining(max_rows, order.size(), "kernels", left) + "\n";
}

std::string NodeTableText(const CompileReport& r, size_t max_rows) {
  std::string text = "Node\n---\n<% time> <time> <of it kernels> <code bytes> <id> <node>\n";
  int64_t left = 0;
  for (size_t i = 0; i < r.nodes.size(); ++i) {
    const CompileReport::NodeRow& row = r.nodes[i];
    if (i >= max_rows) {
      left += row.ns;
      continue;
    }
    const std::string where = row.node.Where();
    text += Format("%6.1f%%  %10.3f ms  %10.3f  %8lld  %5lld   %s %s%s\n", Percent(row.ns, r.made_ns), Ms(row.ns), Ms(row.kernel_ns),
                   static_cast<long long>(row.code_bytes), static_cast<long long>(row.node.id), row.node.op.c_str(), row.node.name.empty() ? "" : ("'" + row.node.name + "' ").c_str(),
                   where.empty() ? "" : ("at " + where).c_str());
  }
  return text + Remaining(max_rows, r.nodes.size(), "nodes", left);
}

void Phases(JsonWriter* w, const char* key, const std::vector<std::pair<std::string, int64_t>>& phases) {
  w->Key(key).BeginArray();
  for (const auto& [phase, ns] : phases) w->BeginObject().Key("phase").String(phase).Key("ns").Int(ns).EndObject();
  w->EndArray();
}

}  // namespace

std::string CompileReport::text(int max_rows) const {
  const size_t rows = static_cast<size_t>(std::max(0, max_rows));
  std::string text = Format("Compilation of '%s' (%s): %.3f ms", function.c_str(), source.c_str(), Ms(total_ns));
  if (source != "compiled") text += Format("; compiling it took %.3f ms", Ms(made_ns));
  return text + "\n\n" + PhaseTable(*this) + PassTable(*this, rows) + KernelTable(*this, rows) + NodeTableText(*this, rows);
}

std::string CompileReport::json() const {
  JsonWriter w;
  w.BeginObject().Key("function").String(function).Key("source").String(source).Key("total_ns").Int(total_ns).Key("made_ns").Int(made_ns);
  Phases(&w, "phases", phases);
  Phases(&w, "made_phases", made.phases);
  w.Key("passes").BeginArray();
  for (const Pass& pass : made.passes) w.BeginObject().Key("phase").String(pass.phase).Key("pass").String(pass.name).Key("ns").Int(pass.ns).EndObject();
  w.EndArray().Key("kernels_ns").Int(made.kernels_ns).Key("threads").Int(made.threads).Key("kernels").BeginArray();
  for (const Kernel& k : made.kernels) {
    w.BeginObject().Key("kernel").String(k.name).Key("uses").Int(k.uses).Key("from_cache").Bool(k.from_cache).Key("code_bytes").Int(k.code_bytes);
    w.Key("thread_ns").Int(k.thread_ns()).Key("cache_ns").Int(k.cache_ns).Key("codegen_ns").Int(k.codegen_ns).Key("lowering_ns").Int(k.lowering_ns);
    w.Key("llvm_ns").Int(k.llvm_ns).Key("nodes").Ints(k.nodes).Key("node_bytes").Ints(k.node_bytes).EndObject();
  }
  w.EndArray().Key("nodes").BeginArray();
  for (const NodeRow& row : nodes) {
    w.BeginObject().Key("id").Int(row.node.id).Key("op").String(row.node.op).Key("name").String(row.node.name).Key("scope").String(row.node.scope);
    w.Key("file").String(row.node.file).Key("line").Int(row.node.line).Key("ns").Int(row.ns).Key("kernel_ns").Int(row.kernel_ns);
    w.Key("code_bytes").Int(row.code_bytes).EndObject();
  }
  w.EndArray().EndObject();
  return w.Take();
}

}  // namespace oriel
