// File: error_report.h
//
// The text of run-time errors: the sections of the report, in their order.
#ifndef ORIEL_ENGINE_ERROR_REPORT_H_
#define ORIEL_ENGINE_ERROR_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

// What the sections begin with.
inline constexpr std::string_view kFirstSection = "\nNode that caused the error: ";

// The sections after the message, each on its own line. `context` null: the run
// has not begun, no values are shown.
std::string ErrorSections(const PreparedProgram& p, const ResolvedDims& d, const CallContext* context, NodeId id, int32_t step);

// The step that computes a node, -1 when none does.
int32_t StepOf(const PreparedProgram& p, NodeId id);

// ResourceExhausted with the storage map at the moment the limit is passed and,
// for each dim symbol, the largest value that fits. `extra` bytes are held
// beside the plan (copies of strided inputs); `why` is the message.
absl::Status MemoryError(const PreparedProgram& p, const ResolvedDims& d, uint64_t limit, uint64_t extra, const std::string& why);

// ResourceExhausted without sections, made beforehand: copying it takes no memory.
const absl::Status& BareMemoryError();

// The largest value of a dim symbol (of all symbols that must equal it) with
// which the planned peak and `extra` stay within `limit`, at most `most`; the
// others as in `symbols`. -1: not even 0 fits.
int64_t LargestThatFits(const PreparedProgram& p, std::vector<int64_t> symbols, size_t symbol, uint64_t limit, uint64_t extra, int64_t most);

// Memory set aside for reports of memory errors, so that they can be made when
// there is none left: taken once a process, on the first call.
void ReserveReportMemory();

}  // namespace oriel

#endif  // ORIEL_ENGINE_ERROR_REPORT_H_
