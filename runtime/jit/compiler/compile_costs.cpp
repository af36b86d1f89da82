#include "runtime/jit/compiler/compile_costs.h"

#include <unordered_map>
#include <utility>

#include "dialect/Graph/OrielOps.h"
#include "mlir/Pass/Pass.h"
#include "runtime/engine/kernel_abi.h"

namespace oriel::jit {
namespace {

class PassLaps : public mlir::PassInstrumentation {
 public:
  explicit PassLaps(CostTimer* timer) : timer_(timer) {}
  void runAfterPass(mlir::Pass* pass, mlir::Operation* op) override {
    // Passes on what is nested may run on other threads: they are part of the
    // pass on the module.
    if (op->getParentOp() == nullptr) timer_->Pass(pass->getArgument().str());
  }

 private:
  CostTimer* timer_;
};

// Bytes of code by ordinal, all entries of a kernel together.
std::vector<int64_t> BytesByOrdinal(const ObjectCode& object) {
  std::vector<int64_t> bytes;
  for (const ObjectSymbol& symbol : object.symbols) {
    for (size_t i = 0; i < symbol.lines.size(); ++i) {
      const LineRow& row = symbol.lines[i];
      const uint64_t end = i + 1 < symbol.lines.size()
                               ? symbol.lines[i + 1].offset
                               : symbol.size;
      if (end <= row.offset) continue;
      const size_t ordinal = row.line / LineOf(1, LineRole::kCompute);
      if (bytes.size() <= ordinal) bytes.resize(ordinal + 1);
      bytes[ordinal] += static_cast<int64_t>(end - row.offset);
    }
  }
  return bytes;
}

}  // namespace

int64_t CostTimer::Lap() {
  const Clock::time_point now = Clock::now();
  const int64_t ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
  last_ = now;
  return ns;
}

void CostTimer::Pass(const std::string& name) {
  costs_.passes.push_back({"", name, Lap()});
}

void CostTimer::Phase(const std::string& name) {
  if (first_pass_ < costs_.passes.size()) {
    Pass("rest");
  } else {
    costs_.passes.push_back({"", name, Lap()});
  }
  int64_t sum = 0;
  for (; first_pass_ < costs_.passes.size(); ++first_pass_) {
    costs_.passes[first_pass_].phase = name;
    sum += costs_.passes[first_pass_].ns;
  }
  costs_.phases.emplace_back(name, sum);
}

std::unique_ptr<mlir::PassInstrumentation> CostTimer::Instrument() {
  return std::make_unique<PassLaps>(this);
}

std::vector<CompileCosts::Kernel> KernelCosts(mlir::ModuleOp module,
                                              const KernelSet& set) {
  const size_t n = set.kernels.size();
  std::vector<CompileCosts::Kernel> costs(n);
  std::vector<std::vector<int64_t>> bytes(n);
  for (size_t i = 0; i < n; ++i) {
    const CompiledKernel& kernel = set.kernels[i];
    costs[i].from_cache = kernel.from_cache;
    costs[i].cache_ns = kernel.cache_ns;
    costs[i].codegen_ns = kernel.codegen_ns;
    costs[i].lowering_ns = kernel.lowering_ns;
    costs[i].llvm_ns = kernel.llvm_ns;
    costs[i].uses = 0;
    for (const ObjectSymbol& symbol : kernel.object.symbols)
      costs[i].code_bytes += static_cast<int64_t>(symbol.size);
    bytes[i] = BytesByOrdinal(kernel.object);
  }
  for (const auto& [name, index] : set.of_module) {
    if (costs[index].uses++ == 0) costs[index].name = name;
  }

  std::vector<std::vector<ir::DispatchOp>> dispatches(n);
  module.walk([&](ir::DispatchOp dispatch) {
    auto known =
        set.of_module.find(dispatch.getKernel().getRootReference().str());
    if (known != set.of_module.end())
      dispatches[known->second].push_back(dispatch);
  });
  for (size_t i = 0; i < n; ++i) {
    std::unordered_map<NodeId, size_t> index;
    for (size_t d = 0; d < dispatches[i].size(); ++d) {
      const auto lists = dispatches[i][d].getNodeLists();
      for (size_t k = 0; k < lists.size(); ++k) {
        // Shared out evenly, to the byte: share j ends at all * (j + 1) / shares.
        const int64_t all = k < bytes[i].size() ? bytes[i][k] : 0;
        const int64_t nodes = static_cast<int64_t>(lists[k].size());
        const int64_t shares = nodes * static_cast<int64_t>(dispatches[i].size());
        int64_t share = nodes * static_cast<int64_t>(d);
        for (NodeId node : lists[k]) {
          auto [it, is_new] = index.try_emplace(node, costs[i].nodes.size());
          if (is_new) {
            costs[i].nodes.push_back(node);
            costs[i].node_bytes.push_back(0);
          }
          costs[i].node_bytes[it->second] += all * (share + 1) / shares - all * share / shares;
          ++share;
        }
      }
    }
  }
  return costs;
}

}  // namespace oriel::jit
