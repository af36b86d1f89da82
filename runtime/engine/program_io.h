// File: program_io.h
//
// The binary form of a Program, and the check every program passes before it
// runs. Little endian; a version, then sections with their lengths. One io()
// per record serves writer and reader.
#ifndef ORIEL_ENGINE_PROGRAM_IO_H_
#define ORIEL_ENGINE_PROGRAM_IO_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/engine/program.h"

namespace oriel {

std::string WriteProgram(const Program& program);

// Reads and validates. DataLoss: not a program, cut off, malformed;
// FailedPrecondition: another version. Never reads outside `bytes`, allocates
// at most a small multiple of their number.
absl::StatusOr<Program> ReadProgram(std::string_view bytes);

// Checks what program.h promises: every index, alias chain, lifetime, loop and
// branch, that dims use only the program's symbols, that symbols are bound by
// inputs, that state writes come after everything fallible. InvalidArgument
// names the step or record.
absl::Status ValidateProgram(const Program& program);

}  // namespace oriel

#endif  // ORIEL_ENGINE_PROGRAM_IO_H_
