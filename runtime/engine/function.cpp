// File: function.cpp
//
// Function's methods, and how one is made from a program and an image.
#include "oriel/function.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <new>

#include "oriel/config.h"
#include "runtime/core/file.h"
#include "runtime/core/status.h"
#include "runtime/device/thread_pool.h"
#include "runtime/engine/clock.h"
#include "runtime/engine/error_report.h"
#include "runtime/engine/function_impl.h"
#include "runtime/engine/function_state.h"
#include "runtime/engine/program_io.h"
#include "runtime/engine/reports.h"
#include "runtime/memory/limits.h"

namespace oriel {
namespace {

absl::Status EmptyFunction() {
  return absl::FailedPreconditionError("an empty Function was called; compile() or Function::Load() make one that runs");
}

// A new cell with the value a program declares for a state.
absl::StatusOr<std::shared_ptr<graph::StateCell>> NewCell(const PreparedProgram& p, const StateDecl& state) {
  const Buffer& buffer = p.buffer(state.buffer);
  Extents shape;
  for (const Dim& dim : buffer.shape) shape.push_back(dim.value());
  ORIEL_ASSIGN_OR_RETURN(Tensor value, Tensor::Empty(std::move(shape), buffer.dtype));
  if (value.bytes() > 0) {
    if (state.initial >= 0) {
      std::memcpy(value.raw(), p.constants.data() + p.constant_offset[state.initial], value.bytes());
    } else {
      std::memset(value.raw(), 0, value.bytes());
    }
  }
  return graph::MakeStateCell(state.name, std::move(value));
}

absl::Status CheckCell(const PreparedProgram& p, const StateDecl& state, const graph::StateCell& cell) {
  const Buffer& buffer = p.buffer(state.buffer);
  bool same = cell.dtype == buffer.dtype && cell.shape.size() == buffer.shape.size();
  for (size_t i = 0; same && i < cell.shape.size(); ++i) same = buffer.shape[i].value() == cell.shape[i];
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError("state '" + state.name + "' is " + std::string(NumpyName(cell.dtype)) + " " + ToString(cell.shape) +
                                    ", the program needs " + std::string(NumpyName(buffer.dtype)) + " " + ToString(buffer.shape));
}

// The defaults of the options, by input.
absl::Status TakeDefaults(const CompileOptions& options, Function::Impl* impl) {
  const Program& program = impl->program();
  impl->default_values.resize(program.inputs.size());
  impl->default_states.resize(program.inputs.size());
  for (const In& in : options.inputs) {
    size_t i = 0;
    while (i < program.inputs.size() && program.inputs[i].name != in.name) ++i;
    if (i == program.inputs.size()) {
      return absl::NotFoundError("'" + program.name + "' has no input '" + in.name + "' to give a default");
    }
    const Buffer& buffer = program.buffers[program.inputs[i].buffer];
    const auto check = [&](DType dtype, const Extents& shape) {
      bool fits = dtype == buffer.dtype && shape.size() == buffer.shape.size();
      for (size_t axis = 0; fits && axis < shape.size(); ++axis) {
        fits = !buffer.shape[axis].is_static() || buffer.shape[axis].value() == shape[axis];
      }
      return fits ? absl::OkStatus()
                  : absl::InvalidArgumentError("the default of input '" + in.name + "' is " + std::string(NumpyName(dtype)) + " " +
                                               ToString(shape) + ", required " + std::string(NumpyName(buffer.dtype)) + " " +
                                               ToString(buffer.shape));
    };
    if (in.value) {
      ORIEL_RETURN_IF_ERROR(check(in.value->dtype(), in.value->shape()));
      impl->default_values[i] = in.value->Clone();  // the caller may write to its own
    } else if (in.state.cell() != nullptr) {
      const graph::StateCell& cell = *in.state.cell();
      ORIEL_RETURN_IF_ERROR(check(cell.dtype, cell.shape));
      impl->default_states[i] = in.state.cell();
    }
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t Function::Impl::Limit() const {
  if (options.memory_limit != 0) return limit;
  const uint64_t configured = Config::current_memory_limit();
  return configured != 0 ? configured : limit;
}

bool Function::Impl::HasDefault(size_t input) const {
  return default_values[input].has_value() || default_states[input] != nullptr;
}

absl::StatusOr<Tensor> Function::Impl::Default(size_t input) const {
  if (default_values[input]) return *default_values[input];
  const std::shared_ptr<graph::StateCell>& cell = default_states[input];
  if (cell == nullptr) return absl::NotFoundError("input '" + program().inputs[input].name + "' has no default");
  const auto lock = graph::CallHolds::LockToRead(*cell);
  Tensor copy = cell->storage.Clone();
  if (copy.bytes() != cell->storage.bytes()) return absl::ResourceExhaustedError("no memory for a copy of state '" + cell->name + "'");
  return copy;
}

absl::StatusOr<Function> MakeFunction(Program program, std::shared_ptr<const LoadedImage> image,
                                      std::vector<std::shared_ptr<graph::StateCell>> states, CompileInfo info,
                                      const CompileOptions& options) {
  const uint64_t start = clock_internal::MonotonicNs();
  ORIEL_RETURN_IF_ERROR(Config::flags_status());
  if (!options.givens.empty()) {
    return absl::InvalidArgumentError("'" + program.name + "': givens replace parts of expressions; a program that is loaded or stated as text has none");
  }
  const Config config = Config::Get();
  int workers = options.num_threads > 0 ? options.num_threads : config.num_threads;
  if (workers <= 0) workers = AvailableCores();
  workers = std::min(workers, 256);
  auto impl = std::make_shared<Function::Impl>();
  ORIEL_ASSIGN_OR_RETURN(impl->prepared, Prepare(std::move(program), std::move(image), workers));
  const PreparedProgram& p = *impl->prepared;
  impl->options = options;
  impl->info = std::move(info);
  impl->clock = options.profile ? ClockOfCalls() : CallClock::kNone;
  impl->out_of_memory = "'" + impl->program().name + "' ran out of memory";
  impl->limit = options.memory_limit != 0 ? options.memory_limit : DefaultMemoryLimit();
  ORIEL_RETURN_IF_ERROR(TakeDefaults(options, impl.get()));
  ReserveReportMemory();
  if (workers > 1) (void)ThreadPool::Shared();  // not in the middle of a call
  if (states.empty()) {
    for (const StateDecl& state : p.program.states) {
      ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<graph::StateCell> cell, NewCell(p, state));
      states.push_back(std::move(cell));
    }
  }
  if (states.size() != p.program.states.size()) {
    return absl::InvalidArgumentError("'" + p.program.name + "' has " + std::to_string(p.program.states.size()) + " states, " +
                                      std::to_string(states.size()) + " cells given");
  }
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i] == nullptr) return absl::InvalidArgumentError("state '" + p.program.states[i].name + "' has no cell");
    ORIEL_RETURN_IF_ERROR(CheckCell(p, p.program.states[i], *states[i]));
    const bool updated = p.program.states[i].updated;
    const auto known = std::find_if(impl->locks.begin(), impl->locks.end(), [&](const auto& lock) { return lock.cell == states[i].get(); });
    if (known == impl->locks.end()) {
      impl->locks.push_back({states[i].get(), updated});
    } else if (known->exclusive || updated) {
      return absl::InvalidArgumentError("state '" + p.program.states[i].name + "' is updated and given twice");
    }
  }
  std::sort(impl->locks.begin(), impl->locks.end(), [](const auto& a, const auto& b) { return a.cell->id < b.cell->id; });
  impl->cells = std::move(states);
  impl->taps = std::make_shared<TapHub>(impl->prepared);
  const int64_t preparing = static_cast<int64_t>(clock_internal::MonotonicNs() - start);
  impl->info.phases.emplace_back("prepare", preparing);
  impl->info.total_ns += preparing;
  std::shared_ptr<const Function::Impl> done = std::move(impl);
  ReportAtExit(done);
  RememberFunction(done);
  return Function(std::move(done));
}

absl::StatusOr<Function> MakeFunction(std::shared_ptr<const LoadedImage> image, std::vector<std::shared_ptr<graph::StateCell>> states,
                                      CompileInfo info, const CompileOptions& options) {
  ORIEL_ASSIGN_OR_RETURN(Program program, ReadProgram(image->program()));
  return MakeFunction(std::move(program), std::move(image), std::move(states), std::move(info), options);
}

Function::Function() = default;

absl::StatusOr<std::vector<Tensor>> Function::operator()(absl::Span<const Tensor> inputs) const {
  if (impl_ == nullptr) return EmptyFunction();
  const size_t wanted = impl_->program().inputs.size();
  if (inputs.size() >= wanted) [[likely]] return impl_->Call(inputs);
  try {
    std::vector<Tensor> all(inputs.begin(), inputs.end());
    for (size_t i = inputs.size(); i < wanted; ++i) {
      if (!impl_->HasDefault(i)) return impl_->Call(inputs);  // says what is wrong
      ORIEL_ASSIGN_OR_RETURN(Tensor value, impl_->Default(i));
      all.push_back(std::move(value));
    }
    return impl_->Call(all);
  } catch (const std::bad_alloc&) {
    return impl_->NoMemory(impl_->Last());
  }
}

absl::StatusOr<std::vector<Tensor>> Function::operator()(std::initializer_list<Tensor> inputs) const {
  return (*this)(absl::Span<const Tensor>(inputs.begin(), inputs.size()));
}

namespace {

absl::StatusOr<std::vector<Tensor>> CallByName(const Function::Impl& impl, const std::map<std::string, Tensor>& inputs) {
  std::vector<Tensor> ordered;
  std::string names;
  size_t used = 0;
  for (const InputDecl& input : impl.program().inputs) names += (names.empty() ? "" : ", ") + input.name;
  for (size_t i = 0; i < impl.program().inputs.size(); ++i) {
    const InputDecl& input = impl.program().inputs[i];
    const auto it = inputs.find(input.name);
    if (it == inputs.end() && impl.HasDefault(i)) {
      ORIEL_ASSIGN_OR_RETURN(Tensor value, impl.Default(i));
      ordered.push_back(std::move(value));
      continue;
    }
    if (it == inputs.end()) return absl::NotFoundError("'" + impl.program().name + "': input '" + input.name + "' is missing; it takes (" + names + ")");
    ordered.push_back(it->second);
    ++used;
  }
  if (used != inputs.size()) {
    for (const auto& [given, tensor] : inputs) {
      const auto& decls = impl.program().inputs;
      if (std::none_of(decls.begin(), decls.end(), [&](const InputDecl& d) { return d.name == given; })) {
        return absl::NotFoundError("'" + impl.program().name + "' has no input '" + given + "'; it takes (" + names + ")");
      }
    }
  }
  return impl.Call(ordered);
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> Function::Call(const std::map<std::string, Tensor>& inputs) const {
  if (impl_ == nullptr) return EmptyFunction();
  try {
    return CallByName(*impl_, inputs);
  } catch (const std::bad_alloc&) {
    return impl_->NoMemory(impl_->Last());
  }
}

const std::string& Function::name() const {
  static const std::string* empty = new std::string;
  return impl_ == nullptr ? *empty : impl_->program().name;
}

std::vector<std::string> Function::input_names() const {
  std::vector<std::string> names;
  if (impl_ != nullptr) for (const InputDecl& input : impl_->program().inputs) names.push_back(input.name);
  return names;
}

std::vector<DType> Function::input_dtypes() const {
  std::vector<DType> dtypes;
  if (impl_ != nullptr) {
    const Program& p = impl_->program();
    for (const InputDecl& input : p.inputs) dtypes.push_back(p.buffers[input.buffer].dtype);
  }
  return dtypes;
}

std::vector<std::string> Function::output_names() const {
  std::vector<std::string> names;
  if (impl_ != nullptr) for (const OutputDecl& output : impl_->program().outputs) {
    if (!output.hidden) names.push_back(output.name);
  }
  return names;
}

std::vector<State> Function::states() const {
  std::vector<State> states;
  if (impl_ != nullptr) for (const auto& cell : impl_->cells) states.emplace_back(cell);
  return states;
}

Profile Function::profile() const { return impl_ == nullptr ? Profile() : BuildProfile(impl_->taps->Shown(*impl_)); }

void Function::reset_profile() const {
  if (impl_ == nullptr) return;
  const Impl& impl = impl_->taps->Shown(*impl_);
  CounterTotals now = impl.Totals();  // since the last reset
  std::lock_guard<std::mutex> lock(impl.mutex);
  CounterTotals& base = impl.baseline;
  base.ticks.resize(now.ticks.size());
  base.calls.resize(now.calls.size());
  for (size_t i = 0; i < now.ticks.size(); ++i) {
    base.ticks[i] += now.ticks[i];
    base.calls[i] += now.calls[i];
  }
  base.scatter.resize(now.scatter.size());
  for (size_t i = 0; i < now.scatter.size(); ++i) {
    ScatterCounts& to = base.scatter[i];
    const ScatterCounts& from = now.scatter[i];
    to.updates += from.updates;
    to.combined += from.combined;
    to.sampled += from.sampled;
    to.repeated += from.repeated;
    for (size_t k = 0; k < std::size(to.sweeps); ++k) to.sweeps[k] += from.sweeps[k];
  }
  base.beside_wall.resize(std::max(base.beside_wall.size(), now.beside_wall.size()));
  base.beside_threads.resize(base.beside_wall.size());
  base.beside_ticks.resize(base.beside_wall.size());
  for (size_t i = 0; i < now.beside_wall.size(); ++i) {
    base.beside_wall[i] += now.beside_wall[i];
    base.beside_threads[i] += now.beside_threads[i];
    base.beside_ticks[i] += now.beside_ticks[i];
  }
  base.wall += now.wall;
  base.function_calls += now.function_calls;
  // A maximum cannot be subtracted: it begins anew.
  for (ScatterCounts& counts : impl.retired.scatter) counts.longest_run = 0;
  impl.resets.store(impl.resets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

MemoryReport Function::memory() const {
  if (impl_ == nullptr) return MemoryReport();
  const Impl& impl = impl_->taps->Shown(*impl_);
  std::shared_ptr<const ResolvedDims> dims;
  int64_t measured;
  uint64_t copies;
  {
    std::lock_guard<std::mutex> lock(impl.mutex);
    dims = impl.last;
    measured = impl.last_measured;
    copies = impl.last_copies;
  }
  if (dims == nullptr) {  // never called: nothing is known but the limit
    MemoryReport report;
    report.function = name();
    report.limit = static_cast<int64_t>(impl_->Limit());
    report.kept_bytes = static_cast<int64_t>(impl_->AllKeptBytes());
    return report;
  }
  MemoryReport report = BuildMemoryReport(*impl.prepared, *dims, impl_->Limit(), measured, copies);
  report.kept_bytes = static_cast<int64_t>(impl_->AllKeptBytes());
  return report;
}

namespace {

// The dims in program order; the one named `open` may lack a value (0 then).
absl::StatusOr<std::vector<int64_t>> DimsInOrder(const PreparedProgram& p, const DimBindings& dims, const std::string& open = "") {
  const Program& program = p.program;
  std::vector<int64_t> values;
  const auto wrong = [&](const std::string& what) { return absl::InvalidArgumentError("'" + program.name + "'" + what); };
  for (const auto& [given, value] : dims) {
    if (std::find(program.symbols.begin(), program.symbols.end(), given) != program.symbols.end()) continue;
    std::string known;
    for (const std::string& symbol : program.symbols) known += (known.empty() ? "" : ", ") + symbol;
    return wrong(" has no dim '" + given + "'; its dims are (" + known + ")");
  }
  for (size_t i = 0; i < program.symbols.size(); ++i) {
    const std::string& symbol = program.symbols[i];
    const auto it = dims.find(symbol);
    if (it == dims.end() && symbol == open) {
      values.push_back(0);
      continue;
    }
    // What a step binds may be as large as it can.
    const bool bound = std::any_of(p.binds.begin(), p.binds.end(), [&](const BindStage& bind) { return bind.symbol == static_cast<int32_t>(i); });
    if (it == dims.end() && bound) {
      values.push_back(-1);
      continue;
    }
    if (it == dims.end()) return wrong(": dim '" + symbol + "' has no value");
    if (it->second < 0) return wrong(": dim '" + symbol + "' is " + std::to_string(it->second) + ", at least 0 expected");
    values.push_back(it->second);
  }
  return values;
}

}  // namespace

absl::StatusOr<MemoryReport> Function::PlanMemory(const DimBindings& dims) const {
  if (impl_ == nullptr) return EmptyFunction();
  ORIEL_ASSIGN_OR_RETURN(const std::vector<int64_t> values, DimsInOrder(*impl_->prepared, dims));
  ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<const ResolvedDims> resolved, Resolve(*impl_->prepared, WithLimits(*impl_->prepared, values)));
  MemoryReport report = BuildMemoryReport(*impl_->prepared, *resolved, impl_->Limit(), -1, 0, /*planned=*/true);
  report.kept_bytes = static_cast<int64_t>(impl_->AllKeptBytes());
  return report;
}

absl::StatusOr<int64_t> Function::LargestThatFits(const std::string& dim, const DimBindings& others, uint64_t limit) const {
  if (impl_ == nullptr) return EmptyFunction();
  const Program& program = impl_->program();
  const auto at = std::find(program.symbols.begin(), program.symbols.end(), dim);
  if (at == program.symbols.end()) {
    DimBindings with = others;
    with[dim] = 0;
    return DimsInOrder(*impl_->prepared, with, dim).status();  // says which there are
  }
  ORIEL_ASSIGN_OR_RETURN(std::vector<int64_t> values, DimsInOrder(*impl_->prepared, others, dim));
  if (limit == 0) limit = impl_->Limit();
  const size_t symbol = static_cast<size_t>(at - program.symbols.begin());
  const int64_t most = oriel::LargestThatFits(*impl_->prepared, std::move(values), symbol, limit, 0, std::numeric_limits<int64_t>::max() >> 1);
  if (most >= 0) return most;
  return absl::OutOfRangeError("'" + program.name + "': no value of dim '" + dim + "' fits into " + BytesText(limit));
}

std::string Function::plan_text() const { return impl_ == nullptr ? "" : PlanText(*impl_->taps->Shown(*impl_).prepared); }

const CompileInfo& Function::compile_info() const {
  static const CompileInfo* empty = new CompileInfo;
  return impl_ == nullptr ? *empty : impl_->taps->Shown(*impl_).info;
}

absl::StatusOr<std::string> Function::ExplainFusion() const {
  if (impl_ == nullptr) return EmptyFunction();
  return impl_->taps->ExplainFusion();
}

CompileReport Function::compile_report() const {
  if (impl_ == nullptr) return CompileReport();
  const Impl& shown = impl_->taps->Shown(*impl_);
  return BuildCompileReport(shown.program(), shown.info);
}

const NodeTable& Function::nodes() const {
  static const NodeTable* empty = new NodeTable;
  return impl_ == nullptr ? *empty : impl_->program().nodes;
}

absl::Status Function::Export(const std::string& path) const {
  if (impl_ == nullptr) return EmptyFunction();
  const LoadedImage& image = *impl_->prepared->image;
  if (image.bytes().empty()) return absl::FailedPreconditionError("'" + name() + "' runs entries of this process, not a program image, and cannot be exported");
  // The same code, the states' values of now as their initial values.
  ORIEL_ASSIGN_OR_RETURN(Program program, ReadProgram(image.program()));
  if (program.states.size() != impl_->cells.size()) return absl::InternalError("the image's program has other states than the function");
  for (size_t i = 0; i < program.states.size(); ++i) {
    const graph::StateCell& cell = *impl_->cells[i];
    Constant value;
    {
      const auto lock = graph::CallHolds::LockToRead(cell);
      const uint8_t* data = static_cast<const uint8_t*>(cell.storage.raw());
      if (cell.storage.bytes() > 0) value.data.assign(data, data + cell.storage.bytes());
    }
    program.states[i].initial = static_cast<int32_t>(program.constants.size());
    program.constants.push_back(std::move(value));
  }
  ORIEL_ASSIGN_OR_RETURN(const std::string bytes, ReplaceProgram(image.bytes(), WriteProgram(program)));
  return WriteFileAtomically(path, bytes);
}

absl::StatusOr<Function> Function::Load(const std::string& path, const CompileOptions& options) {
  // A program that is not made for it writes over what a check would look at.
  if (options.check.value_or(CheckMode::kOff) != CheckMode::kOff) {
    return absl::FailedPreconditionError(path + ": a program from a file cannot be checked (check=), compile its graph with it");
  }
  const uint64_t start = clock_internal::MonotonicNs();  // TickNs() may have to wait
  ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedImage> image, LoadedImage::FromPath(path));
  absl::StatusOr<Program> program = ReadProgram(image->program());
  if (!program.ok()) return Prefixed(program.status(), path);
  CompileInfo info;
  info.source = "file";
  info.kernels = static_cast<int>(image->header()->kernels);
  info.remarks = program->remarks;
  info.total_ns = static_cast<int64_t>(clock_internal::MonotonicNs() - start);
  info.phases.emplace_back("load", info.total_ns);
  return MakeFunction(*std::move(program), std::move(image), {}, std::move(info), options);
}

}  // namespace oriel
