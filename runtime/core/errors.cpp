#include "oriel/errors.h"

#include "absl/strings/cord.h"
#include "runtime/core/status.h"

namespace oriel {
namespace {
constexpr char kDTypePayload[] = "oriel/dtype";
}  // namespace

absl::Status DTypeError(std::string_view message) {
  absl::Status status = absl::InvalidArgumentError(ToAbsl(message));
  status.SetPayload(kDTypePayload, absl::Cord());
  return status;
}

bool IsDTypeError(const absl::Status& status) { return status.GetPayload(kDTypePayload).has_value(); }

}  // namespace oriel
