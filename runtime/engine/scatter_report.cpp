// File: scatter_report.cpp
//
// What the profile says of a step that scatters.
#include "runtime/engine/reports.h"

namespace oriel {

std::optional<ScatterUse> ScatterUseOf(const PreparedProgram& p, const ResolvedDims* dims, int32_t s, const ScatterCounts& counts) {
  const auto of = [&](ScatterSweep kind) { return counts.sweeps[static_cast<size_t>(kind)]; };
  ScatterUse use;
  use.updates = counts.updates;
  use.combined = counts.combined;
  use.longest_run = counts.longest_run;
  use.sampled = counts.sampled;
  use.repeated = counts.repeated;
  use.serial = of(ScatterSweep::kSerial);
  use.ranges = of(ScatterSweep::kRange);
  use.columns = of(ScatterSweep::kColumns);
  use.copies = of(ScatterSweep::kCopy);
  if (use.serial + use.ranges + use.columns + use.copies == 0 || dims == nullptr) return std::nullopt;
  const PreparedStep& step = p.steps[static_cast<size_t>(s)];
  // The phase that sweeps: the last with tasks, or the one that fills copies, two
  // before it.
  Launch launch = dims->launches[static_cast<size_t>(step.first_phase + step.phases - 1)];
  const bool to_copies = launch.tasks == 0 && step.phases >= 3;
  if (to_copies) launch = dims->launches[static_cast<size_t>(step.first_phase + step.phases - 3)];
  const std::string threads = std::to_string(launch.threads) + " threads, each owns ";
  if (launch.threads > 1 && use.ranges > 0) {
    use.strategy = "by destination range";
    use.reason = threads + "a range of the destination, looks at every index and adds in the order of the updates";
  } else if (launch.threads > 1 && use.columns > 0) {
    use.strategy = "by column";
    use.reason = threads + "columns of the slices, or scatters side by side";
  } else if (launch.threads > 1 && use.copies > 0) {
    use.strategy = "private copies";
    use.reason = std::to_string(launch.threads) + " threads, each adds to a copy: integers have one sum in any order, and the destination is small";
  } else {
    use.strategy = "serial";
    if (p.workers <= 1) {
      use.reason = "one thread";
    } else if (launch.tasks <= 1) {
      use.reason = "the destination is too small to be shared: each thread would look at every index";
    } else {
      use.reason = "too little work to wake threads for";
    }
  }
  return use;
}

}  // namespace oriel
