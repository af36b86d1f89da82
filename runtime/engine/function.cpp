// File: function.cpp
//
// Function's methods, and how one is made from a program and an image.
#include "oriel/function.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>

#include "oriel/config.h"
#include "runtime/core/status.h"
#include "runtime/device/thread_pool.h"
#include "runtime/engine/clock.h"
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

}  // namespace

absl::StatusOr<Function> MakeFunction(Program program, std::shared_ptr<const LoadedImage> image,
                                      std::vector<std::shared_ptr<graph::StateCell>> states, CompileInfo info,
                                      const CompileOptions& options) {
  ORIEL_RETURN_IF_ERROR(Config::flags_status());
  const Config& config = Config::Get();
  int workers = options.num_threads > 0 ? options.num_threads : config.num_threads;
  if (workers <= 0) workers = AvailableCores();
  workers = std::min(workers, 256);
  auto impl = std::make_shared<Function::Impl>();
  ORIEL_ASSIGN_OR_RETURN(impl->prepared, Prepare(std::move(program), std::move(image), workers));
  const PreparedProgram& p = *impl->prepared;
  impl->options = options;
  impl->info = std::move(info);
  impl->timed = options.profile;
  impl->limit = options.memory_limit != 0 ? options.memory_limit : config.memory_limit;
  if (impl->limit == 0) impl->limit = DefaultMemoryLimit();
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
  std::shared_ptr<const Function::Impl> done = std::move(impl);
  ReportAtExit(done);
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
  return impl_->Call(inputs);
}

absl::StatusOr<std::vector<Tensor>> Function::operator()(std::initializer_list<Tensor> inputs) const {
  return (*this)(absl::Span<const Tensor>(inputs.begin(), inputs.size()));
}

absl::StatusOr<std::vector<Tensor>> Function::Call(const std::map<std::string, Tensor>& inputs) const {
  if (impl_ == nullptr) return EmptyFunction();
  std::vector<Tensor> ordered;
  std::string names;
  for (const InputDecl& input : impl_->program().inputs) names += (names.empty() ? "" : ", ") + input.name;
  for (const InputDecl& input : impl_->program().inputs) {
    const auto it = inputs.find(input.name);
    if (it == inputs.end()) return absl::NotFoundError("'" + name() + "': input '" + input.name + "' is missing; it takes (" + names + ")");
    ordered.push_back(it->second);
  }
  if (ordered.size() != inputs.size()) {
    for (const auto& [given, tensor] : inputs) {
      const auto& decls = impl_->program().inputs;
      if (std::none_of(decls.begin(), decls.end(), [&](const InputDecl& d) { return d.name == given; })) {
        return absl::NotFoundError("'" + name() + "' has no input '" + given + "'; it takes (" + names + ")");
      }
    }
  }
  return impl_->Call(ordered);
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

std::vector<std::string> Function::output_names() const {
  std::vector<std::string> names;
  if (impl_ != nullptr) for (const OutputDecl& output : impl_->program().outputs) names.push_back(output.name);
  return names;
}

std::vector<State> Function::states() const {
  std::vector<State> states;
  if (impl_ != nullptr) for (const auto& cell : impl_->cells) states.emplace_back(cell);
  return states;
}

Profile Function::profile() const { return impl_ == nullptr ? Profile() : BuildProfile(*impl_); }

void Function::reset_profile() const {
  if (impl_ == nullptr) return;
  CounterTotals now = impl_->Totals();  // since the last reset
  std::lock_guard<std::mutex> lock(impl_->mutex);
  CounterTotals& base = impl_->baseline;
  base.ticks.resize(now.ticks.size());
  base.calls.resize(now.calls.size());
  for (size_t i = 0; i < now.ticks.size(); ++i) {
    base.ticks[i] += now.ticks[i];
    base.calls[i] += now.calls[i];
  }
  base.runtime += now.runtime;
  base.wall += now.wall;
  base.function_calls += now.function_calls;
}

MemoryReport Function::memory() const {
  if (impl_ == nullptr) return MemoryReport();
  std::shared_ptr<const ResolvedDims> dims;
  int64_t measured;
  uint64_t copies;
  {
    std::lock_guard<std::mutex> lock(impl_->mutex);
    dims = impl_->last;
    measured = impl_->last_measured;
    copies = impl_->last_copies;
  }
  if (dims == nullptr) {  // never called: nothing is known but the limit
    MemoryReport report;
    report.function = name();
    report.limit = static_cast<int64_t>(impl_->limit);
    return report;
  }
  return BuildMemoryReport(*impl_->prepared, *dims, impl_->limit, measured, copies);
}

absl::StatusOr<MemoryReport> Function::PlanMemory(const DimBindings& dims) const {
  if (impl_ == nullptr) return EmptyFunction();
  const std::vector<std::string>& symbols = impl_->program().symbols;
  std::vector<int64_t> values;
  for (const std::string& symbol : symbols) {
    const auto it = dims.find(symbol);
    if (it == dims.end()) return absl::InvalidArgumentError("'" + name() + "': dim '" + symbol + "' has no value");
    if (it->second < 0) return absl::InvalidArgumentError("'" + name() + "': dim '" + symbol + "' is " + std::to_string(it->second) + ", at least 0 expected");
    values.push_back(it->second);
  }
  for (const auto& [given, value] : dims) {
    if (std::find(symbols.begin(), symbols.end(), given) == symbols.end()) {
      std::string known;
      for (const std::string& symbol : symbols) known += (known.empty() ? "" : ", ") + symbol;
      return absl::InvalidArgumentError("'" + name() + "' has no dim '" + given + "'; its dims are (" + known + ")");
    }
  }
  ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<const ResolvedDims> resolved, Resolve(*impl_->prepared, values));
  return BuildMemoryReport(*impl_->prepared, *resolved, impl_->limit, -1, 0);
}

std::string Function::plan_text() const { return impl_ == nullptr ? "" : PlanText(*impl_->prepared); }

const CompileInfo& Function::compile_info() const {
  static const CompileInfo* empty = new CompileInfo;
  return impl_ == nullptr ? *empty : impl_->info;
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
      std::shared_lock<std::shared_mutex> lock(cell.mutex);
      const uint8_t* data = static_cast<const uint8_t*>(cell.storage.raw());
      if (cell.storage.bytes() > 0) value.data.assign(data, data + cell.storage.bytes());
    }
    program.states[i].initial = static_cast<int32_t>(program.constants.size());
    program.constants.push_back(std::move(value));
  }
  ORIEL_ASSIGN_OR_RETURN(std::string bytes, ReplaceProgram(image.bytes(), WriteProgram(program)));
  // Whole or not at all: a temporary file in the same folder, then a rename.
  static std::atomic<uint64_t> serial{0};
  const std::string temporary = path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(serial.fetch_add(1));
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) {
    const int error = errno;
    const std::string why = path + ": " + std::strerror(error);
    return error == ENOENT ? absl::NotFoundError(why) : absl::PermissionDeniedError(why);
  }
  absl::Status status;
  for (size_t done = 0; done < bytes.size() && status.ok();) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) status = absl::ResourceExhaustedError(path + ": " + std::strerror(errno));
    else done += static_cast<size_t>(n);
  }
  if (close(fd) != 0 && status.ok()) status = absl::ResourceExhaustedError(path + ": " + std::strerror(errno));
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = absl::PermissionDeniedError(path + ": " + std::strerror(errno));
  if (!status.ok()) (void)unlink(temporary.c_str());
  return status;
}

absl::StatusOr<Function> Function::Load(const std::string& path, const CompileOptions& options) {
  const uint64_t start = clock_internal::MonotonicNs();  // TickNs() may have to wait
  ORIEL_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedImage> image, LoadedImage::FromPath(path));
  absl::StatusOr<Program> program = ReadProgram(image->program());
  if (!program.ok()) return Prefixed(program.status(), path);
  CompileInfo info;
  info.source = "file";
  info.kernels = static_cast<int>(image->header()->kernels);
  info.phases.assign(program->compile_ns.begin(), program->compile_ns.end());
  info.remarks = program->remarks;
  info.total_ns = static_cast<int64_t>(clock_internal::MonotonicNs() - start);
  return MakeFunction(*std::move(program), std::move(image), {}, std::move(info), options);
}

}  // namespace oriel
