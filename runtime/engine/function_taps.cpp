// The methods of Function that look inside (oriel/taps.h).
#include <map>
#include <optional>

#include "oriel/function.h"
#include "runtime/core/status.h"
#include "runtime/engine/function_state.h"
#include "runtime/engine/tap_hub.h"

namespace oriel {
namespace {

absl::Status Empty() { return absl::FailedPreconditionError("an empty Function has no nodes to look at"); }

// The one node of that name, "scope/name" or "name". Where a state and its
// update have it, the state; of those the program needs and others, the former
// (what a gradient stands for has its name too).
absl::StatusOr<NodeId> FindNode(const Function& function, const std::string& name) {
  std::vector<const NodeInfo*> found;
  bool state = false, needed = false;
  for (const NodeInfo& node : function.nodes().nodes()) {
    if (node.name.empty()) continue;
    const std::string full = node.scope.empty() ? node.name : node.scope + "/" + node.name;
    if (name != node.name && name != full) continue;
    found.push_back(&node);
    state = state || node.op == "state";
    needed = needed || node.origin != Origin::kDead;
  }
  if (found.empty()) {
    return absl::NotFoundError("'" + function.name() + "' has no node named '" + name + "'");
  }
  std::string several;
  const NodeInfo* only = nullptr;
  int count = 0;
  for (const NodeInfo* node : found) {
    if (needed && node->origin == Origin::kDead) continue;
    if (state && (node->op == "state_update" || node->op == "state_read")) continue;
    ++count;
    only = node;
    several += "\n    " + std::to_string(node->id) + ": " + node->op + (node->Where().empty() ? "" : " at " + node->Where());
  }
  if (count == 1) return only->id;
  return absl::InvalidArgumentError("'" + function.name() + "' has " + std::to_string(count) + " nodes named '" + name +
                                    "', choose one by its id:" + several);
}

absl::StatusOr<PrintOptions> Checked(PrintOptions options) {
  ORIEL_RETURN_IF_ERROR(PrintLines(options, Tensor()).status());
  return options;
}

}  // namespace

absl::StatusOr<TapHandle> Function::Watch(NodeId node, WatchCallback callback) const {
  if (impl_ == nullptr) return Empty();
  if (callback == nullptr) return absl::InvalidArgumentError("the callback is empty");
  TapHandler handler;
  handler.kind = TapKind::kWatch;
  if (const NodeInfo* info = nodes().Find(node); info != nullptr) handler.name = info->name;
  handler.callback = std::make_shared<const WatchCallback>(std::move(callback));
  return impl_->taps->Add(node, std::move(handler));
}

absl::StatusOr<TapHandle> Function::Watch(const std::string& name, WatchCallback callback) const {
  if (impl_ == nullptr) return Empty();
  ORIEL_ASSIGN_OR_RETURN(const NodeId node, FindNode(*this, name));
  return Watch(node, std::move(callback));
}

absl::StatusOr<TapHandle> Function::Print(NodeId node, PrintOptions options) const {
  if (impl_ == nullptr) return Empty();
  TapHandler handler;
  handler.kind = TapKind::kPrint;
  ORIEL_ASSIGN_OR_RETURN(handler.print, Checked(std::move(options)));
  handler.name = handler.print.message;
  return impl_->taps->Add(node, std::move(handler));
}

absl::StatusOr<TapHandle> Function::Print(const std::string& name, PrintOptions options) const {
  if (impl_ == nullptr) return Empty();
  ORIEL_ASSIGN_OR_RETURN(const NodeId node, FindNode(*this, name));
  if (options.message.empty()) options.message = name;
  return Print(node, std::move(options));
}

absl::Status Function::Remove(TapHandle handle) const {
  if (impl_ == nullptr) return Empty();
  return impl_->taps->Remove(handle);
}

std::vector<TapInfo> Function::taps() const {
  return impl_ == nullptr ? std::vector<TapInfo>() : impl_->taps->List();
}

}  // namespace oriel
