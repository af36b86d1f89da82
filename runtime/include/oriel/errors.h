// File: errors.h
//
// What a status is about beyond its code, for callers that must tell errors of
// one code apart (Python raises TypeError for a wrong dtype, ValueError else).
#ifndef ORIEL_ERRORS_H_
#define ORIEL_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace oriel {

// InvalidArgument about an element type.
absl::Status DTypeError(std::string_view message);
bool IsDTypeError(const absl::Status& status);

}  // namespace oriel

#endif  // ORIEL_ERRORS_H_
