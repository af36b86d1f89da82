// Leaves: inputs, states, constants, index ramps.
#include <mutex>

#include "runtime/core/held_states.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {

using graph::MakeOp;
using graph::PoisonInvalid;

namespace {

Value ReadState(const State& state, const Location& at) {
  const std::shared_ptr<graph::StateCell>& cell = state.cell();
  if (cell == nullptr) return PoisonInvalid("empty State", at);
  Value read = MakeOp({.op = OpKind::kStateRead,
                       .attrs = {{"dtype", cell->dtype}, {"shape", Dims(cell->shape.begin(), cell->shape.end())}},
                       .state = cell},
                      at);
  if (!read.ok()) return read;
  auto named = std::make_shared<graph::Node>(*read.node());
  named->name = cell->name;  // shared: the state may get another
  return Value(std::move(named));
}

absl::Status CheckExtents(const Dims& shape, std::string_view what) {
  for (const Dim& dim : shape) {
    // Dims travel as text: a name that does not read back is refused here.
    if (absl::StatusOr<Dim> again = Dim::Parse(dim.ToString()); !again.ok() || *again != dim) {
      return absl::InvalidArgumentError(std::string(what) + ": dim '" + dim.ToString() +
                                        "' has a symbol that is not of the form [A-Za-z_$][A-Za-z0-9_.$]*");
    }
    if (dim.is_static() && dim.value() < 0) {
      return absl::InvalidArgumentError(std::string(what) + ": shape " + ToString(shape) + " has a negative extent");
    }
  }
  return absl::OkStatus();
}

}  // namespace

Operand::Operand(const Value& v, Location at) : value(v), location(at) {}
Operand::Operand(const State& s, Location at) : value(ReadState(s, at)), location(at) {}
Operand::Operand(const Tensor& t, Location at) : value(constant(t, at)), location(at) {}

Value input(std::string name, DType dtype, Dims shape, Location at) {
  if (name.empty()) return PoisonInvalid("input: the name is empty", at);
  if (absl::Status status = CheckExtents(shape, "input '" + name + "'"); !status.ok()) {
    return graph::Poison(status, at);
  }
  return graph::MakeLeaf(graph::NodeKind::kInput, std::move(name), {dtype, std::move(shape)}, at);
}

Value constant(const Tensor& value, Location at) {
  // A private copy: the caller may write through its tensor later.
  return MakeOp({.op = OpKind::kConstant, .attrs = {{"value", value.Clone()}}}, at);
}

Value scalar(double value, DType dtype, Location at) {
  absl::StatusOr<Tensor> tensor = Tensor::Scalar<double>(value).Cast(dtype);
  if (!tensor.ok()) return graph::Poison(tensor.status(), at);
  return MakeOp({.op = OpKind::kConstant, .attrs = {{"value", *std::move(tensor)}}}, at);
}

Value iota(Dims shape, int axis, DType dtype, Location at) {
  absl::StatusOr<int64_t> normal = graph::NormalizeAxis(axis, static_cast<int>(shape.size()), "iota");
  if (!normal.ok()) return graph::Poison(normal.status(), at);
  return MakeOp({.op = OpKind::kIota,
                 .attrs = {{"axis", *normal}, {"shape", std::move(shape)}, {"dtype", dtype}}},
                at);
}

Value arange(const Dim& n, DType dtype, Location at) {
  // As np.arange: nothing for a negative count.
  return iota({n.is_static() && n.value() < 0 ? Dim(0) : n}, 0, dtype, at);
}

Value dim_value(const Dim& dim, Location at) {
  return MakeOp({.op = OpKind::kDimValue, .attrs = {{"dim", Dims{dim}}}}, at);
}

// ---- State ----

State state(std::string name, const Tensor& initial, Location at) {
  std::shared_ptr<graph::StateCell> cell = graph::MakeStateCell(std::move(name), initial.Clone());
  cell->file = at.file_name();
  cell->line = static_cast<int32_t>(at.line());
  return State(std::move(cell));
}

const std::string& State::name() const {
  static const std::string& none = *new std::string();
  return cell_ == nullptr ? none : cell_->name.str();
}
absl::Status State::set_name(std::string name) const {
  if (cell_ == nullptr) return absl::InvalidArgumentError("set_name: empty State");
  cell_->name.Set(std::move(name));
  return absl::OkStatus();
}
DType State::dtype() const { return cell_ == nullptr ? DType::f32 : cell_->dtype; }
Extents State::shape() const { return cell_ == nullptr ? Extents() : cell_->shape; }
uint64_t State::id() const { return cell_ == nullptr ? 0 : cell_->id; }

Tensor State::value() const {
  if (cell_ == nullptr) return Tensor();
  const auto lock = graph::CallHolds::LockToRead(*cell_);
  return cell_->storage.Clone();
}

absl::Status State::set_value(const Tensor& value) {
  if (cell_ == nullptr) return absl::FailedPreconditionError("set_value: empty State");
  if (value.dtype() != cell_->dtype || value.shape() != cell_->shape) {
    return absl::InvalidArgumentError("state '" + cell_->name + "': set_value got " +
                                      std::string(NumpyName(value.dtype())) + " " + ToString(value.shape()) +
                                      ", required " + std::string(NumpyName(cell_->dtype)) + " " +
                                      ToString(cell_->shape));
  }
  ORIEL_RETURN_IF_ERROR(graph::CallHolds::MayLock(*cell_, /*exclusive=*/true));
  Tensor copy = value.Clone();
  std::unique_lock lock(cell_->mutex);
  cell_->storage = std::move(copy);
  return absl::OkStatus();
}

}  // namespace oriel
