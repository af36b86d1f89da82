// File: status.h
//
// Small helpers around absl::Status: early-return macros, and the bridge
// between std::string_view and Abseil's own (a different type in the Abseil
// that Debian ships).
#ifndef ORIEL_CORE_STATUS_H_
#define ORIEL_CORE_STATUS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace oriel {

inline absl::string_view ToAbsl(std::string_view s) { return absl::string_view(s.data(), s.size()); }
inline std::string_view ToStd(absl::string_view s) { return std::string_view(s.data(), s.size()); }

// The same status, payloads included, with `context` before its message
// ("x.npy: ...").
inline absl::Status Prefixed(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  std::string message(context);
  message.append(": ").append(status.message().data(), status.message().size());
  absl::Status prefixed(status.code(), message);
  status.ForEachPayload([&](absl::string_view type, const auto& payload) { prefixed.SetPayload(type, payload); });
  return prefixed;
}

}  // namespace oriel

#define ORIEL_CONCAT_IMPL_(a, b) a##b
#define ORIEL_CONCAT_(a, b) ORIEL_CONCAT_IMPL_(a, b)

// Returns from the enclosing function (which returns Status or StatusOr) when
// the expression is not OK.
#define ORIEL_RETURN_IF_ERROR(expr)                     \
  do {                                                  \
    absl::Status oriel_status_ = (expr);                \
    if (!oriel_status_.ok()) return oriel_status_;      \
  } while (false)

// ORIEL_ASSIGN_OR_RETURN(Tensor t, Load(path));
#define ORIEL_ASSIGN_OR_RETURN(lhs, expr) \
  ORIEL_ASSIGN_OR_RETURN_IMPL_(ORIEL_CONCAT_(oriel_statusor_, __LINE__), lhs, expr)
#define ORIEL_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return tmp.status();                \
  lhs = *std::move(tmp)

#endif  // ORIEL_CORE_STATUS_H_
