// File: error_report.h
//
// The text of run-time errors: the sections of the report, in their order.
#ifndef ORIEL_ENGINE_ERROR_REPORT_H_
#define ORIEL_ENGINE_ERROR_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "runtime/engine/executor.h"
#include "runtime/engine/prepared.h"

namespace oriel {

// "gather(W, t)" and the like for a node: operands from the node table, else
// from the buffers its step reads (`step` -1: none).
std::string NodeCall(const PreparedProgram& p, NodeId id, int32_t step);

// The status of a failed run: OutOfRange for an index (with value, position,
// axis, bound), else context.failure, with the report below its message.
absl::Status RunError(const CallContext& context);

// ResourceExhausted with the storage map at the moment the limit is passed and,
// for each dim symbol, the largest value that fits. `extra` bytes are held
// beside the plan (copies of strided inputs); `why` is the message.
absl::Status MemoryError(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra, const std::string& why);

}  // namespace oriel

#endif  // ORIEL_ENGINE_ERROR_REPORT_H_
