// What fusion says of itself: every edge between two computing ops of a graph, seen
// through views, has exactly one line with a decision and figures.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "passes/Fusion/Access.h"
#include "passes/Fusion/KernelRules.h"
#include "passes/Fusion/Passes.h"
#include "passes/Pipelines/Pipelines.h"

namespace oriel {
namespace {

using Edges = std::set<std::pair<NodeId, NodeId>>; // reader, made

bool computes(mlir::Operation *op) {
  OpRole role = getRole(op);
  return role != OpRole::Outside && role != OpRole::View && role != OpRole::Leaf;
}

Edges edgesOf(mlir::ModuleOp module) {
  Edges edges;
  module.walk([&](mlir::Operation *op) {
    if (!computes(op))
      return;
    for (mlir::Value operand : op->getOperands()) {
      mlir::Value base = operand;
      while (mlir::Operation *def = base.getDefiningOp()) {
        if (def->getBlock() != op->getBlock() || getRole(def) != OpRole::View)
          break;
        base = def->getOperand(0);
      }
      mlir::Operation *made = base.getDefiningOp();
      if (made && made->getBlock() == op->getBlock() && computes(made))
        edges.insert({ir::getNodeId(op), ir::getNodeId(made)});
    }
  });
  return edges;
}

/// Every node is called by its id: no two lines look alike.
void nameNodes(mlir::ModuleOp module) {
  NodeTable table = ir::getNodeTable(module);
  for (NodeId id = 0; NodeInfo *node = const_cast<NodeInfo *>(table.Find(id)); ++id)
    node->name = "n" + std::to_string(id);
  ir::setNodeTable(module, table);
}

struct Told {
  std::map<std::pair<NodeId, NodeId>, int> lines;
  std::vector<std::string> bad;
  int fused = 0, apart = 0;
};

Told read(const std::string &text) {
  // reader and made: decision[, reason]: figures
  static const std::regex pair(R"(^  'n(\d+)' [a-z0-9_]+ \(.*\) and 'n(\d+)' [a-z0-9_]+ \(.*\): (fused|not fused)(.*)$)");
  static const std::regex figures(
      R"(: (apart [0-9.]+ k?M?G?B read, .* ns; fused .*|[0-9.]+ [mun]?s of ops, .* in a kernel of its own|apart .*; fused .*)$)");
  static const std::regex again(R"(^  .*: computed (again )?in the kernel of .*: costs .* of ops, saves .* of memory, .* without, .* with$)");
  Told told;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line); // the heading
  while (std::getline(lines, line)) {
    std::smatch match;
    if (std::regex_match(line, match, pair)) {
      ++told.lines[{std::stoll(match[1]), std::stoll(match[2])}];
      ++(match[3] == "fused" ? told.fused : told.apart);
      bool hasReason = match[3] == "fused" || match[4].str().starts_with(", ");
      if (!hasReason || !std::regex_search(line, figures))
        told.bad.push_back(line);
    } else if (!std::regex_match(line, again)) {
      told.bad.push_back(line);
    }
  }
  return told;
}

class ExplainedEdges : public testing::TestWithParam<std::filesystem::path> {};

std::string withoutComments(const std::string &text) {
  static const std::regex comment(R"((^|\n)\s*//[^\n]*)");
  return std::regex_replace(text, comment, "\n");
}

/// The graphs of a file of lit tests, or one of a program.
std::vector<std::string> graphsIn(const std::filesystem::path &path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> graphs;
  for (size_t at = 0; at != std::string::npos;) {
    size_t end = text.find("// -----", at);
    graphs.push_back(text.substr(at, end == std::string::npos ? end : end - at));
    at = end == std::string::npos ? end : end + 8;
  }
  return graphs;
}

TEST_P(ExplainedEdges, HaveOneLineEach) {
  mlir::DialectRegistry registry;
  registerPipelineDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  int graphs = 0;
  for (const std::string &all : graphsIn(GetParam())) {
    const std::string text = withoutComments(all);
    if (all.find("expected-error") != std::string::npos || text.find("oriel.kernel") != std::string::npos ||
        text.find("func.func") == std::string::npos)
      continue;
    SCOPED_TRACE(text);
    std::string remark;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark ? remark : remark) = diagnostic.str();
      return mlir::success();
    });
    mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      continue; // not of the graph's phase
    mlir::PassManager first(&context);
    PipelineOptions options;
    options.cpu = "x86-64-v3";
    options.verifyNodes = false;
    buildPipelineUpTo(first, Phase::Placed, options);
    if (mlir::failed(first.run(*module)))
      continue;
    nameNodes(*module);
    const Edges edges = edgesOf(*module);
    remark.clear();
    mlir::PassManager second(&context);
    FuseKernelsOptions fuse;
    fuse.explain = true;
    second.addPass(createFuseKernels(fuse));
    ASSERT_TRUE(mlir::succeeded(second.run(*module))) << remark;
    ++graphs;
    const Told told = read(remark);
    for (const std::string &line : told.bad)
      ADD_FAILURE() << "a line of another form:\n" << line << "\n" << remark;
    for (auto [reader, made] : edges) {
      auto it = told.lines.find({reader, made});
      EXPECT_EQ(it == told.lines.end() ? 0 : it->second, 1)
          << "lines of n" << reader << " reading n" << made << " in\n" << remark;
    }
    for (auto [edge, count] : told.lines)
      EXPECT_EQ(count, 1) << "lines of n" << edge.first << " and n" << edge.second << " in\n" << remark;
  }
  EXPECT_GT(graphs, 0);
}

std::vector<std::filesystem::path> files() {
  const std::filesystem::path root = ORIEL_SOURCE_DIR;
  std::vector<std::filesystem::path> found = {root / "examples/digits/step.mlir"};
  for (const char *folder : {"test/lit/Fusion", "test/gtest/passes/programs"})
    for (const auto &entry : std::filesystem::directory_iterator(root / folder)) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() == ".mlir" && name.find("error") == std::string::npos &&
          name.find("outline") == std::string::npos && name.find("share") == std::string::npos)
        found.push_back(entry.path());
    }
  std::sort(found.begin(), found.end());
  return found;
}

INSTANTIATE_TEST_SUITE_P(Graphs, ExplainedEdges, testing::ValuesIn(files()), [](const auto &info) {
  std::string name = info.param.stem().string();
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
});

} // namespace
} // namespace oriel
