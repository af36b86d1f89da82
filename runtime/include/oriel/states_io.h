// File: states_io.h
//
// States on disk: save, load, and the checkpoint of a training run.
//
//   absl::Status s = SaveStates("step900.safetensors", StatesOf({train, evaluate}));
//   s = LoadStates("step900.safetensors", StatesOf({train, evaluate}));
//
// The file's ending says what it is: .npz (NumPy's; no bfloat16) or
// .safetensors. States go by their names, which must differ. Random streams are
// states too: a run that is resumed from a checkpoint of all its functions'
// states gives the same bits as one that was never stopped.
#ifndef ORIEL_STATES_IO_H_
#define ORIEL_STATES_IO_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "oriel/function.h"
#include "oriel/value.h"

namespace oriel {

// The states that functions read or update, each once.
std::vector<State> StatesOf(const std::vector<Function>& functions);

// Writes the states as they are between two calls: no running call is seen half
// done. The file is replaced as a whole, so that a crash leaves the old one or
// the new one. AlreadyExists: two states of one name. InvalidArgument: a name
// that is empty, another ending, or a dtype the format lacks.
absl::Status SaveStates(const std::string& path, const std::vector<State>& states);

struct LoadStatesOptions {
  bool allow_extra = false;    // the file may have tensors for no state
  bool allow_missing = false;  // states the file lacks keep their values
};

// Gives all states their values from the file, or none: everything is read and
// checked first. NotFound: the file, or a name that is on one side only;
// InvalidArgument: another dtype or shape; DataLoss: the file is damaged (torn,
// altered; both formats carry checksums).
absl::Status LoadStates(const std::string& path, const std::vector<State>& states, const LoadStatesOptions& options = {});

}  // namespace oriel

#endif  // ORIEL_STATES_IO_H_
