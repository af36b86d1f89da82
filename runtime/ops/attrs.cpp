#include "runtime/ops/attrs.h"

namespace oriel {

void Attrs::Set(std::string_view name, AttrValue value) {
  for (auto& [key, old] : entries_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  entries_.emplace_back(std::string(name), std::move(value));
}

const AttrValue* Attrs::Find(std::string_view name) const {
  for (const auto& [key, value] : entries_) {
    if (key == name) return &value;
  }
  return nullptr;
}

absl::Status Attrs::Missing(std::string_view name) const {
  const char* problem = Find(name) == nullptr ? "' is missing" : "' is of the wrong kind";
  return absl::InvalidArgumentError("attribute '" + std::string(name) + problem);
}

}  // namespace oriel
