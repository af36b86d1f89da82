// File: function_impl.h
//
// How a Function is made: by the JIT from a fresh or cached image, by
// Function::Load, and by tests.
#ifndef ORIEL_ENGINE_FUNCTION_IMPL_H_
#define ORIEL_ENGINE_FUNCTION_IMPL_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "oriel/function.h"
#include "runtime/core/state_cell.h"
#include "runtime/engine/image.h"
#include "runtime/engine/program.h"

namespace oriel {

// Validates `program`, finds its kernels in `image` and prepares it to run.
// `states` are the cells in the order of Program::states (dtype and shape must
// match); empty makes new cells from the declared initial values.
// InvalidArgument: the program is malformed or a cell does not fit; NotFound: a
// kernel the image lacks.
absl::StatusOr<Function> MakeFunction(
    Program program, std::shared_ptr<const LoadedImage> image,
    std::vector<std::shared_ptr<graph::StateCell>> states, CompileInfo info,
    const CompileOptions& options);

// The same, with the program read from the image.
absl::StatusOr<Function> MakeFunction(
    std::shared_ptr<const LoadedImage> image,
    std::vector<std::shared_ptr<graph::StateCell>> states, CompileInfo info,
    const CompileOptions& options);

}  // namespace oriel

#endif  // ORIEL_ENGINE_FUNCTION_IMPL_H_
