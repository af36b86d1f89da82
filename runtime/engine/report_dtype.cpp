// File: report_dtype.cpp
//
// DTypeReport of a compiled function: which steps make wider floats of narrower
// ones, and the memory that wider buffers take.
#include "oriel/printing.h"
#include "runtime/core/tree_text.h"
#include "runtime/engine/reports.h"

namespace oriel {
namespace {

bool Wider(DType dtype, DType than) { return IsFloat(dtype) && SizeOf(dtype) > SizeOf(than); }

}  // namespace

std::string DTypeReport(const Function& function, DType expected) {
  if (function.impl() == nullptr) return "an empty Function\n";
  const PreparedProgram& p = *function.impl()->prepared;
  std::string text;
  int wide = 0, entries = 0;
  const auto describe = [&](int32_t b, const std::string& what) {
    const Buffer& buffer = p.buffer(b);
    const NodeInfo* node = p.program.nodes.Find(buffer.node);
    const std::string where = node == nullptr ? "" : node->Where();
    ++entries;
    text += "  " + (where.empty() ? "(unknown line)" : where) + ": " + what + " '" + buffer.name + "'" +
            (node == nullptr ? "" : " [id " + IdLetters(node->id) + "]") + " is " + std::string(NumpyName(buffer.dtype)) + " " + ToString(buffer.shape);
  };
  for (int32_t b = 0; b < static_cast<int32_t>(p.program.buffers.size()); ++b) {
    const Buffer& buffer = p.buffer(b);
    if (!Wider(buffer.dtype, expected)) continue;
    ++wide;
    if (buffer.kind != BufferKind::kInput && buffer.kind != BufferKind::kState && buffer.kind != BufferKind::kConstant) continue;
    describe(b, KindName(buffer.kind));
    text += ", stated so\n";
  }
  for (int32_t s = 0; s < static_cast<int32_t>(p.flat.size()); ++s) {
    const StepAccess access = AccessOf(*p.flat[s].step);
    bool was_wide = false;
    std::string from;
    for (int32_t b : access.reads) {
      was_wide = was_wide || Wider(p.buffer(b).dtype, expected);
      from += (from.empty() ? "" : ", ") + p.buffer(b).name + " " + std::string(NumpyName(p.buffer(b).dtype));
    }
    if (was_wide) continue;
    for (int32_t b : access.writes) {
      if (!Wider(p.buffer(b).dtype, expected)) continue;
      describe(b, "step " + std::to_string(s));
      text += from.empty() ? "\n" : ", from " + from + "\n";
    }
  }
  const std::string limit(NumpyName(expected));
  if (wide == 0) return "no buffer of '" + p.program.name + "' is wider than " + limit + "\n";
  return std::to_string(wide) + " of " + std::to_string(p.program.buffers.size()) + " buffers of '" + p.program.name + "' are wider than " + limit +
         "; it entered at " + std::to_string(entries) + (entries == 1 ? " place:\n" : " places:\n") + text;
}

}  // namespace oriel
