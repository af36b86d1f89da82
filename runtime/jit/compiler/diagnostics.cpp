#include "runtime/jit/compiler/diagnostics.h"

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielDialect.h"
#include "runtime/core/status.h"

namespace oriel::jit {
namespace {

thread_local Diagnostics::KernelScope* kernel_scope = nullptr;

std::string Base(llvm::StringRef path) {
  return path.substr(path.rfind('/') + 1).str();
}

}  // namespace

Diagnostics::Diagnostics(mlir::MLIRContext* context)
    : handler_(context, [this](mlir::Diagnostic& diagnostic) {
        Handle(diagnostic);
        return mlir::success();
      }) {}

void Diagnostics::SetModule(mlir::ModuleOp module) {
  std::lock_guard<std::mutex> lock(mutex_);
  module_ = module;
}

// Read when it is needed: most compilations say nothing, and a table is large.
const NodeTable& Diagnostics::Nodes() {
  if (!module_) return nodes_;
  mlir::Attribute table = module_->getAttr(ir::kNodesAttr);
  if (table != read_from_) {
    nodes_ = ir::getNodeTable(module_);
    read_from_ = table;
  }
  return nodes_;
}

Diagnostics::KernelScope::KernelScope(std::vector<std::vector<NodeId>> nodes)
    : nodes_(std::move(nodes)), outer_(kernel_scope) {
  kernel_scope = this;
}

Diagnostics::KernelScope::~KernelScope() { kernel_scope = outer_; }

absl::Status Diagnostics::KernelScope::Error(
    absl::StatusCode code, const std::string& otherwise) const {
  return absl::Status(code, error_.empty() ? otherwise : error_);
}

// "net.cpp:42: 'h' (add): " for a node, "file:line: " for a place in a file.
std::string Diagnostics::Describe(mlir::Location location) {
  NodeId id = ir::getNodeId(location);
  if (id == kNoNode && kernel_scope != nullptr) {
    const std::vector<std::vector<NodeId>>& nodes = kernel_scope->nodes_;
    std::optional<unsigned> line = ir::getKernelLine(location);
    if (line && *line / 8 < nodes.size() && !nodes[*line / 8].empty())
      id = nodes[*line / 8].front();
  }
  if (const NodeInfo* node = Nodes().Find(id); node != nullptr) {
    std::string where = node->Where();
    if (!where.empty()) where += ": ";
    return where + "node " + node->Label() + " (" + node->op + "): ";
  }
  if (auto name = llvm::dyn_cast<mlir::NameLoc>(location)) {
    return Describe(name.getChildLoc()) + "node " + name.getName().str() + ": ";
  }
  if (auto place = location->findInstanceOf<mlir::FileLineColLoc>()) {
    if (place.getFilename() == ir::kNodeFile ||
        place.getFilename() == ir::kKernelFile)
      return "";
    return Base(place.getFilename()) + ":" + std::to_string(place.getLine()) +
           ": ";
  }
  return "";
}

void Diagnostics::Handle(mlir::Diagnostic& diagnostic) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string text = Describe(diagnostic.getLocation()) + diagnostic.str();
  for (mlir::Diagnostic& note : diagnostic.getNotes())
    text += "\n  " + Describe(note.getLocation()) + note.str();
  switch (diagnostic.getSeverity()) {
    case mlir::DiagnosticSeverity::Error:
      if (kernel_scope != nullptr && kernel_scope->error_.empty())
        kernel_scope->error_ = text;
      errors_.push_back(std::move(text));
      break;
    case mlir::DiagnosticSeverity::Remark:
    case mlir::DiagnosticSeverity::Warning:
      remarks_.push_back(std::move(text));
      break;
    case mlir::DiagnosticSeverity::Note:
      break;
  }
}

absl::Status Diagnostics::Error(absl::StatusCode code,
                                const std::string& otherwise) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return absl::Status(code, errors_.empty() ? otherwise : errors_.front());
}

std::vector<std::string> Diagnostics::TakeRemarks() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::move(remarks_);
}

}  // namespace oriel::jit
