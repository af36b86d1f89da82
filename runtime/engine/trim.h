// File: trim.h
//
// Before an allocation fails, what functions keep for calls to come is given back.
#ifndef ORIEL_ENGINE_TRIM_H_
#define ORIEL_ENGINE_TRIM_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "oriel/function.h"

namespace oriel {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// attempt(), a Status or a StatusOr; when the system has no memory for it, once
// more after TrimMemory().
template <typename Attempt>
auto TrimAndRetry(Attempt attempt) {
  auto result = attempt();
  if (StatusOf(result).code() != absl::StatusCode::kResourceExhausted) [[likely]] return result;
  (void)TrimMemory();
  return attempt();
}

}  // namespace oriel

#endif  // ORIEL_ENGINE_TRIM_H_
