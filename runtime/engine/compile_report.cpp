// File: compile_report.cpp
//
// CompileReport of a function: the costs its program holds, dealt out to nodes.
#include "oriel/compile_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/engine/reports.h"

namespace oriel {
namespace {

// Sums are of doubles: a program file may hold any numbers.
int64_t Rounded(double ns) { return static_cast<int64_t>(std::llround(std::min(ns, 4e18))); }

double Sum(const std::vector<std::pair<std::string, int64_t>>& phases) {
  double sum = 0;
  for (const auto& [phase, ns] : phases) sum += static_cast<double>(ns);
  return sum;
}

struct NodeShare {
  double kernel_ns = 0;
  int64_t bytes = 0;
};

// What compiling the kernels took, by node; returns what could be dealt out.
double DealKernels(const CompileCosts& costs, std::vector<NodeShare>* shares) {
  double threads_ns = 0, dealt = 0;
  for (const CompileCosts::Kernel& kernel : costs.kernels) threads_ns += static_cast<double>(kernel.thread_ns());
  if (threads_ns <= 0) return 0;
  for (const CompileCosts::Kernel& kernel : costs.kernels) {
    if (kernel.nodes.empty()) continue;
    const double ns = static_cast<double>(costs.kernels_ns) * (static_cast<double>(kernel.thread_ns()) / threads_ns);
    const double bytes = std::accumulate(kernel.node_bytes.begin(), kernel.node_bytes.end(), 0.0);
    for (size_t i = 0; i < kernel.nodes.size(); ++i) {
      NodeShare& share = (*shares)[static_cast<size_t>(kernel.nodes[i])];
      share.kernel_ns += ns * (bytes > 0 ? static_cast<double>(kernel.node_bytes[i]) / bytes : 1.0 / static_cast<double>(kernel.nodes.size()));
      share.bytes += kernel.node_bytes[i];
    }
    dealt += ns;
  }
  return dealt;
}

}  // namespace

CompileReport BuildCompileReport(const Program& program, const CompileInfo& info) {
  CompileReport report;
  report.function = program.name;
  report.source = info.source;
  report.total_ns = info.total_ns;
  report.phases = info.phases;
  report.made = program.costs;
  const double made = info.source == "compiled" ? static_cast<double>(info.total_ns) : Sum(program.costs.phases);
  report.made_ns = Rounded(made);
  const size_t nodes = program.nodes.size();
  std::vector<NodeShare> shares(nodes);
  const double kernels = DealKernels(report.made, &shares);
  const double even = nodes > 0 ? std::max(0.0, made - kernels) / static_cast<double>(nodes) : 0;
  report.nodes.reserve(nodes);
  for (size_t i = 0; i < nodes; ++i) {
    report.nodes.push_back({program.nodes.nodes()[i], Rounded(even + shares[i].kernel_ns), Rounded(shares[i].kernel_ns), shares[i].bytes});
  }
  std::stable_sort(report.nodes.begin(), report.nodes.end(),
                   [](const CompileReport::NodeRow& a, const CompileReport::NodeRow& b) { return a.ns > b.ns; });
  return report;
}

}  // namespace oriel
