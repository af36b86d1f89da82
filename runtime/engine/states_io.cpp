// File: states_io.cpp
#include "oriel/states_io.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "oriel/npy.h"
#include "oriel/safetensors.h"
#include "runtime/core/held_states.h"
#include "runtime/core/state_cell.h"
#include "runtime/core/status.h"
#include "runtime/engine/function_state.h"

namespace oriel {
namespace {

using Cells = std::vector<graph::StateCell*>;

enum class Format { kNpz, kSafetensors };

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

absl::StatusOr<Format> FormatOf(const std::string& path) {
  if (EndsWith(path, ".npz")) return Format::kNpz;
  if (EndsWith(path, ".safetensors")) return Format::kSafetensors;
  return absl::InvalidArgumentError(path + ": states are kept in .npz or .safetensors files");
}

// The cells, each once, by id: the order in which locks are taken.
absl::StatusOr<Cells> CellsOf(const std::vector<State>& states) {
  std::map<std::string, uint64_t> names;
  std::map<uint64_t, graph::StateCell*> cells;
  for (const State& state : states) {
    graph::StateCell* cell = state.cell().get();
    if (cell == nullptr) return absl::InvalidArgumentError("an empty State has no value to keep");
    if (cell->name.empty()) return absl::InvalidArgumentError("a state without a name cannot be kept on disk");
    const auto [it, is_new] = names.emplace(cell->name, cell->id);
    if (!is_new && it->second != cell->id) return absl::AlreadyExistsError("two states are named '" + cell->name + "'");
    cells.emplace(cell->id, cell);
  }
  Cells out;
  for (const auto& [id, cell] : cells) out.push_back(cell);
  return out;
}

std::string TypeText(DType dtype, const Extents& shape) { return std::string(NumpyName(dtype)) + " " + ToString(shape); }

}  // namespace

std::vector<State> StatesOf(const std::vector<Function>& functions) {
  std::vector<State> states;
  std::set<uint64_t> seen;
  for (const Function& function : functions) {
    for (State& state : function.states()) {
      if (seen.insert(state.cell()->id).second) states.push_back(std::move(state));
    }
  }
  return states;
}

absl::Status SaveStates(const std::string& path, const std::vector<State>& states) {
  ORIEL_ASSIGN_OR_RETURN(const Format format, FormatOf(path));
  absl::StatusOr<Cells> cells = CellsOf(states);
  if (!cells.ok()) return Prefixed(cells.status(), path);
  std::map<std::string, Tensor> tensors;
  {
    // All at once: a call that updates several is seen whole or not at all.
    std::vector<std::shared_lock<std::shared_mutex>> locks;
    for (graph::StateCell* cell : *cells) locks.push_back(graph::CallHolds::LockToRead(*cell));
    for (graph::StateCell* cell : *cells) {
      Tensor copy = cell->storage.Clone();
      if (copy.bytes() != cell->storage.bytes()) return absl::ResourceExhaustedError(path + ": no memory for a copy of state '" + cell->name + "'");
      tensors.emplace(cell->name, std::move(copy));
    }
  }
  return format == Format::kNpz ? SaveNpz(path, tensors) : SaveSafetensors(path, tensors);
}

absl::Status LoadStates(const std::string& path, const std::vector<State>& states, const LoadStatesOptions& options) {
  ORIEL_ASSIGN_OR_RETURN(const Format format, FormatOf(path));
  absl::StatusOr<Cells> cells = CellsOf(states);
  if (!cells.ok()) return Prefixed(cells.status(), path);
  absl::StatusOr<std::map<std::string, Tensor>> tensors = format == Format::kNpz ? LoadNpz(path) : LoadSafetensors(path);
  if (!tensors.ok()) return tensors.status();
  std::vector<std::pair<graph::StateCell*, Tensor>> values;
  for (graph::StateCell* cell : *cells) {
    const auto it = tensors->find(cell->name);
    if (it == tensors->end()) {
      if (options.allow_missing) continue;
      return absl::NotFoundError(path + ": no tensor \"" + cell->name + "\" for the state of that name");
    }
    const Tensor& value = it->second;
    if (value.dtype() != cell->dtype || value.shape() != cell->shape) {
      return absl::InvalidArgumentError(path + ": tensor \"" + cell->name + "\" is " + TypeText(value.dtype(), value.shape()) +
                                        ", the state is " + TypeText(cell->dtype, cell->shape));
    }
    // Contiguous and its own, as a cell's storage has to be.
    Tensor own = value.contiguous() ? value : value.Clone();
    if (own.bytes() != value.bytes()) return absl::ResourceExhaustedError(path + ": no memory for state '" + cell->name + "'");
    values.emplace_back(cell, std::move(own));
    tensors->erase(it);
  }
  if (!options.allow_extra && !tensors->empty()) {
    return absl::NotFoundError(path + ": tensor \"" + tensors->begin()->first + "\" is the value of no state that was given");
  }
  tensors->clear();
  for (const auto& [cell, value] : values) ORIEL_RETURN_IF_ERROR(graph::CallHolds::MayLock(*cell, /*exclusive=*/true));
  // From here on nothing fails.
  std::vector<std::unique_lock<std::shared_mutex>> locks;
  for (const auto& [cell, value] : values) locks.emplace_back(cell->mutex);
  for (auto& [cell, value] : values) std::swap(cell->storage, value);
  return absl::OkStatus();
}

}  // namespace oriel
