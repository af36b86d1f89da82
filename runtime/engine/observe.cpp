#include "runtime/engine/observe.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

#include "runtime/core/status.h"
#include "runtime/engine/tap_hub.h"

namespace oriel {
namespace {

// Somewhere valid for empty tensors to point to.
alignas(64) char empty_storage[64];

// Where lines go. Replacing it waits for no line that is being written.
struct Printer {
  std::mutex lines;  // one line at a time
  std::mutex mutex;  // sink
  std::shared_ptr<const PrintSink> sink;
};
Printer& ThePrinter() {
  static Printer& printer = *new Printer;
  return printer;
}

void WriteLines(const std::vector<std::string>& lines) {
  Printer& printer = ThePrinter();
  std::shared_ptr<const PrintSink> sink;
  {
    std::lock_guard<std::mutex> lock(printer.mutex);
    sink = printer.sink;
  }
  if (sink == nullptr || *sink == nullptr) return;
  std::lock_guard<std::mutex> lock(printer.lines);
  for (const std::string& line : lines) (*sink)(line);
}

std::string OneLine(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

// Whole where it is small, else the element beside a condition's.
std::string ValueText(const Tensor& value, const Extents& condition, int64_t position) {
  constexpr int64_t kSmall = 5;
  if (value.size() <= kSmall) return OneLine(value.ToString());
  const std::string type = std::string(NumpyName(value.dtype())) + " " + ToString(value.shape());
  if (value.shape() != condition) return type;
  absl::StatusOr<Tensor> flat = value.Contiguous().Reshape({value.size()});
  if (!flat.ok()) return type;
  absl::StatusOr<Tensor> one = flat->Slice(0, position, position + 1);
  if (one.ok()) one = one->Reshape({});
  return one.ok() ? OneLine(one->ToString()) + " at " + ToString(PositionOf(condition, position)) + " of " + type : type;
}

std::string BufferText(const PreparedProgram& p, int32_t b) {
  const NodeInfo* node = p.program.nodes.Find(p.buffer(b).node);
  if (node == nullptr) return p.buffer(b).name;
  const std::string where = node->Where();
  return node->Label() + (where.empty() ? "" : " (" + where + ")");
}

absl::Status CheckAssert(const CallContext& c, const ObserveStep& step) {
  const PreparedProgram& p = *c.program;
  size_t shown = step.counts.size();
  for (size_t k = 0; k < step.counts.size(); ++k) {
    const size_t first = shown;
    shown += static_cast<size_t>(step.counts[k]);
    ORIEL_ASSIGN_OR_RETURN(const Tensor condition, ViewOf(c, step.values[k]));
    const char* data = static_cast<const char*>(condition.raw());
    const void* first_false = condition.size() == 0 ? nullptr : std::memchr(data, 0, static_cast<size_t>(condition.size()));
    if (first_false == nullptr) continue;
    const int64_t position = static_cast<const char*>(first_false) - data;
    const int64_t failed = std::count(data + position, data + condition.size(), char{0});
    std::string text = step.message.empty() ? "assertion failed" : step.message;
    if (step.line > 0) {
      const size_t slash = step.file.rfind('/');
      text += " (assert at " + step.file.substr(slash == std::string::npos ? 0 : slash + 1) + ":" + std::to_string(step.line) + ")";
    }
    text += "\nCondition: " + BufferText(p, step.values[k]) + " is False";
    if (condition.rank() > 0) {
      text += " at " + ToString(PositionOf(condition.shape(), position)) + ", " + std::to_string(failed) + " of " +
              std::to_string(condition.size()) + " elements";
    }
    text += IterationText(c);
    for (size_t v = first; v < shown; ++v) {
      ORIEL_ASSIGN_OR_RETURN(const Tensor value, ViewOf(c, step.values[v]));
      text += "\n    " + BufferText(p, step.values[v]) + " = " + ValueText(value, condition.shape(), position);
    }
    return absl::FailedPreconditionError(text);
  }
  return absl::OkStatus();
}

}  // namespace

PrintSink SetPrintSink(PrintSink sink) {
  auto next = std::make_shared<const PrintSink>(std::move(sink));
  Printer& printer = ThePrinter();
  std::lock_guard<std::mutex> lock(printer.mutex);
  std::swap(next, printer.sink);
  return next == nullptr ? PrintSink() : *next;
}

Extents PositionOf(const Extents& shape, int64_t flat) {
  Extents position(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    position[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return position;
}

std::string IterationText(const CallContext& c) {
  if (c.iterations.empty()) return "";
  return " in iteration " + ToString(Extents(c.iterations)) + " of the loops around";
}

absl::StatusOr<Tensor> ViewOf(const CallContext& c, int32_t b) {
  char* data = c.address[c.program->root(b)];
  return Tensor::Borrow(data == nullptr ? empty_storage : data, c.dims->shapes[b], {}, c.program->buffer(b).dtype, {},
                        /*read_only=*/true);
}

absl::Status Observe(const CallContext& c, int32_t s) {
  if (c.taps == nullptr) return absl::OkStatus();
  const std::vector<TapHandler>& handlers = c.taps->of_step[s];
  if (handlers.empty()) return absl::OkStatus();
  const PreparedProgram& p = *c.program;
  const auto& step = std::get<ObserveStep>(p.flat[s].step->op);
  if (step.kind == TapKind::kAssert) return CheckAssert(c, step);
  TapRecord record;
  ORIEL_ASSIGN_OR_RETURN(record.value, ViewOf(c, step.values[0]));
  record.function = p.program.name;
  record.node = step.node;
  record.result = step.result;
  const NodeInfo* node = p.program.nodes.Find(step.node);
  if (node != nullptr) {
    record.file = node->file;
    record.line = node->line;
  }
  record.dtype = record.value.dtype();
  record.shape = record.value.shape();
  record.iterations = c.iterations;
  record.call = c.call_number;
  for (const TapHandler& handler : handlers) {
    if (handler.kind == TapKind::kPrint) {
      ORIEL_ASSIGN_OR_RETURN(const std::vector<std::string> lines, PrintLines(handler.print, record.value));
      WriteLines(lines);
    } else {
      record.name = handler.name;
      if (record.name.empty() && node != nullptr) record.name = node->name;
      ORIEL_RETURN_IF_ERROR((*handler.callback)(record));
    }
  }
  return absl::OkStatus();
}

}  // namespace oriel
