#include "runtime/engine/tap_hub.h"

#include <algorithm>
#include <map>

#include "runtime/core/status.h"
#include "runtime/engine/function_state.h"

namespace oriel {
namespace {

std::vector<std::string> SplitAttributes(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size() && !text.empty()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

TapHub::TapHub(std::shared_ptr<const PreparedProgram> own) : own_(std::move(own)) {
  auto variant = std::make_unique<Variant>();
  std::map<int32_t, Entry> taps;
  for (const FlatStep& flat : own_->flat) {
    const auto* observe = std::get_if<ObserveStep>(&flat.step->op);
    if (observe == nullptr) continue;
    if (observe->tap < 0) {
      variant->nodes.insert(observe->node);
      continue;
    }
    variant->graph_taps = true;
    Entry& entry = taps[observe->tap];
    entry.tap = observe->tap;
    entry.node = observe->node;
    entry.handler.kind = observe->kind;
    entry.handler.name = observe->message;
    if (observe->kind == TapKind::kPrint) entry.handler.print = {observe->message, SplitAttributes(observe->attributes)};
  }
  for (auto& [tap, entry] : taps) {
    entry.handle = next_++;
    entries_.push_back(std::move(entry));
  }
  variants_.push_back(std::move(variant));
  if (!entries_.empty()) (void)Install(entries_);  // its own program: cannot fail
}

void TapHub::Bind(const std::vector<std::shared_ptr<const WatchCallback>>& callbacks, Recompile recompile,
                  Explain explain) {
  std::lock_guard<std::mutex> changes(changes_);
  recompile_ = std::move(recompile);
  explain_ = std::move(explain);
  std::vector<Entry> entries = entries_;
  for (Entry& entry : entries) {
    if (entry.tap < 0 || static_cast<size_t>(entry.tap) >= callbacks.size()) continue;
    const auto& callback = callbacks[entry.tap];
    if (callback != nullptr && *callback != nullptr) entry.handler.callback = callback;
  }
  if (!entries.empty()) (void)Install(std::move(entries));
}

absl::StatusOr<std::string> TapHub::ExplainFusion() const {
  if (explain_ == nullptr) return absl::FailedPreconditionError("'" + own_->program.name + "' was loaded from a file: only its compiler can explain its kernels");
  return explain_();
}

absl::StatusOr<const TapHub::Variant*> TapHub::Find(const std::vector<Entry>& entries) {
  bool graph_taps = false;
  std::set<NodeId> nodes;
  for (const Entry& entry : entries) {
    if (entry.tap >= 0) graph_taps = true;
    else nodes.insert(entry.node);
  }
  // Nobody looks: the program without any of it. Else the first that has all.
  const bool none = entries.empty();
  for (const auto& variant : variants_) {
    if (none && (variant->graph_taps || !variant->nodes.empty())) continue;
    if (graph_taps && !variant->graph_taps) continue;
    if (std::includes(variant->nodes.begin(), variant->nodes.end(), nodes.begin(), nodes.end())) return variant.get();
  }
  if (recompile_ == nullptr) {
    if (none) return variants_.front().get();  // its steps have nobody to hand to
    return absl::FailedPreconditionError("'" + own_->program.name + "' was loaded from a file, which has no graph to compile with more "
                                         "values looked at: watch them in the process that compiles it");
  }
  absl::StatusOr<Function> compiled = recompile_(graph_taps, std::vector<NodeId>(nodes.begin(), nodes.end()));
  if (!compiled.ok()) {
    if (none) return variants_.front().get();
    return compiled.status();
  }
  auto variant = std::make_unique<Variant>();
  variant->graph_taps = graph_taps;
  variant->nodes = std::move(nodes);
  variant->impl = compiled->impl();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    compiled_.push_back(variant->impl);
  }
  variants_.push_back(std::move(variant));
  return variants_.back().get();
}

absl::Status TapHub::Install(std::vector<Entry> entries) {
  ORIEL_ASSIGN_OR_RETURN(const Variant* variant, Find(entries));
  const PreparedProgram& p = variant->impl == nullptr ? *own_ : *variant->impl->prepared;
  auto run = std::make_shared<TapRun>();
  run->program = variant->impl;
  run->of_step.resize(p.flat.size());
  for (size_t s = 0; s < p.flat.size(); ++s) {
    const auto* observe = std::get_if<ObserveStep>(&p.flat[s].step->op);
    if (observe == nullptr) continue;
    for (const Entry& entry : entries) {
      const bool mine = observe->tap >= 0 ? entry.tap == observe->tap : entry.tap < 0 && entry.node == observe->node;
      const bool deaf = entry.handler.kind == TapKind::kWatch && entry.handler.callback == nullptr;
      if (mine && !deaf) run->of_step[s].push_back(entry.handler);
    }
  }
  // The own program with nobody looking needs no run.
  const bool plain = entries.empty() && variant->impl == nullptr;
  std::lock_guard<std::mutex> lock(mutex_);
  entries_ = std::move(entries);
  current_ = plain ? nullptr : std::move(run);
  changed_.store(current_ != nullptr, std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<TapHandle> TapHub::Add(NodeId node, TapHandler handler) {
  std::lock_guard<std::mutex> changes(changes_);
  std::vector<Entry> entries = entries_;
  const TapHandle handle = next_;
  entries.push_back({handle, -1, node, std::move(handler)});
  ORIEL_RETURN_IF_ERROR(Install(std::move(entries)));
  ++next_;
  return handle;
}

absl::Status TapHub::Remove(TapHandle handle) {
  std::lock_guard<std::mutex> changes(changes_);
  std::vector<Entry> entries = entries_;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.handle == handle; });
  if (found == entries.end()) {
    return absl::NotFoundError("'" + own_->program.name + "' has no tap " + std::to_string(handle) + ": taken off already, or another function's");
  }
  entries.erase(found);
  return Install(std::move(entries));
}

std::vector<TapInfo> TapHub::List() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<TapInfo> infos;
  for (const Entry& entry : entries_) infos.push_back({entry.handle, entry.handler.kind, entry.node, entry.handler.name});
  return infos;
}

std::vector<std::shared_ptr<const Function::Impl>> TapHub::Variants() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return compiled_;
}

const Function::Impl& TapHub::Shown(const Function::Impl& own) const {
  const std::shared_ptr<const TapRun> run = Current();
  return run == nullptr || run->program == nullptr ? own : *run->program;
}

}  // namespace oriel
