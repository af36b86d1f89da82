// File: report_at_exit.cpp
//
// The one place of the runtime that prints: the profiles at exit, when the user
// asked for them with ORIEL_FLAGS=profile=true.
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "oriel/config.h"
#include "runtime/engine/reports.h"

namespace oriel {
namespace {

// Functions are kept, so that their profiles outlive their handles. Never
// destroyed: used while the process ends.
struct Registry {
  std::mutex mutex;
  std::vector<std::shared_ptr<const Function::Impl>> functions;
};
Registry& TheRegistry() {
  static Registry* registry = new Registry;
  return *registry;
}

// All functions as one; rows say whose they are.
void AddTo(Profile* sum, const Profile& profile) {
  sum->calls += profile.calls;
  sum->wall_seconds += profile.wall_seconds;
  sum->kernel_seconds += profile.kernel_seconds;
  sum->compile_seconds += profile.compile_seconds;
  sum->enabled = sum->enabled && profile.enabled;
  for (ApplyRow row : profile.rows) {
    row.name = profile.function + ": " + row.name;
    sum->rows.push_back(std::move(row));
  }
}

void Print() {
  Profile sum;
  int printed = 0;
  Registry& registry = TheRegistry();
  const bool memory = Config::Get().profile_memory;
  std::lock_guard<std::mutex> lock(registry.mutex);
  for (const auto& impl : registry.functions) {
    const Profile profile = BuildProfile(*impl);
    if (profile.calls == 0) continue;
    std::fprintf(stderr, "%s\n", profile.text().c_str());
    AddTo(&sum, profile);
    ++printed;
    if (!memory) continue;
    const MemoryReport report = Function(impl).memory();
    std::fprintf(stderr, "%s%s\n", report.text().c_str(), report.apply_text().c_str());
  }
  if (printed < 2) return;
  sum.function = "Sum of all(" + std::to_string(printed) + ") printed profiles at exit";
  std::fprintf(stderr, "%s\n", sum.text().c_str());
}

}  // namespace

void ReportAtExit(const std::shared_ptr<const Function::Impl>& impl) {
  if (!Config::Get().profile) return;
  Registry& registry = TheRegistry();
  std::lock_guard<std::mutex> lock(registry.mutex);
  if (registry.functions.empty()) std::atexit(Print);
  registry.functions.push_back(impl);
}

}  // namespace oriel
