#include "test/fuzz/graphs/statistics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/ops/op_table.h"

namespace oriel::fuzz {
namespace {

std::string Spread(std::vector<int> of) {
  if (of.empty()) return "none";
  std::sort(of.begin(), of.end());
  return absl::StrCat(of.front(), " to ", of.back(), ", half of them up to ", of[of.size() / 2]);
}

// Most frequent first.
std::vector<std::pair<int64_t, std::string>> Sorted(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<int64_t, std::string>> all;
  for (const auto& [name, count] : counts) all.emplace_back(count, name);
  std::sort(all.rbegin(), all.rend());
  return all;
}

std::string List(const std::map<std::string, int64_t>& counts) {
  return absl::StrJoin(Sorted(counts), ", ", [](std::string* out, const auto& p) { absl::StrAppend(out, p.second, " ", p.first); });
}

}  // namespace

void Statistics::Count(const Graph& graph) {
  ++graphs_;
  int all = 0;
  for (const auto& [op, count] : CountOps(graph)) ops_[op] += count, all += count;
  stated_.push_back(graph.stated);
  all_.push_back(all);
  for (const auto& [feature, count] : graph.features) ++features_[feature];
  for (const auto& [message, count] : graph.refused) refused_[message] += count;
}

void Statistics::Clean(const ReferenceResult& reference, const Run& run) {
  ++clean_;
  elements_ += reference.elements;
  loose_ += reference.loose;
  failing_calls_ += run.status.ok() ? 0 : 1;
}

std::vector<std::string> Statistics::Missing() const {
  // Beside these a graph states them all; the dialect's own ops have no line in
  // the ops of expressions.
  const std::vector<std::string> other = {"state", "state_update", "yield", "tap", "observe", "kernel", "dispatch", "transfer"};
  std::vector<std::string> missing;
  for (const OpInfo& info : AllOps()) {
    const bool ours = std::find(other.begin(), other.end(), info.mnemonic) == other.end();
    if (ours && ops_.count(info.mnemonic) == 0) missing.push_back(info.mnemonic);
  }
  return missing;
}

std::string Statistics::Text(uint64_t first_seed, uint64_t last_seed, double seconds) const {
  std::string text = absl::StrCat("ops: ", List(ops_), "\n");
  if (!Missing().empty()) absl::StrAppend(&text, "ops never made: ", absl::StrJoin(Missing(), " "), "\n");
  absl::StrAppend(&text, "graphs with: ", List(features_), "\n");
  absl::StrAppend(&text, "ops of a graph: ", Spread(stated_), "; with gradients ", Spread(all_), "\n");
  absl::StrAppend(&text, "compared with the reference: ", elements_, " elements, ", loose_,
                  " of them with a tolerance above a thousandth of the value; ", failing_calls_, " graphs whose calls fail everywhere alike\n");
  int64_t refused = 0;
  for (const auto& [message, count] : refused_) refused += count;
  absl::StrAppend(&text, "steps refused while graphs were made: ", refused, "\n");
  const std::vector<std::pair<int64_t, std::string>> reasons = Sorted(refused_);
  for (size_t k = 0; k < std::min<size_t>(reasons.size(), 5); ++k) {
    const auto& [count, message] = reasons[k];
    absl::StrAppend(&text, "  ", count, ": ", message.substr(0, 140), "\n");
  }
  absl::StrAppend(&text, "seeds ", first_seed, " to ", last_seed, ": ", clean_, " of ", graphs_, " graphs ran clean in ",
                  absl::StrFormat("%.1f", seconds), " seconds\n");
  return text;
}

}  // namespace oriel::fuzz
