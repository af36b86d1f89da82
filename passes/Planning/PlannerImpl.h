//===- PlannerImpl.h - The planner, in parts --------------------*- C++ -*-===//
//
// What Planner.cpp (buffers, order), KernelFacts.cpp, PlanStates.cpp,
// PlanDispatch.cpp and PlanControl.cpp (loops and branches) share. Internal to passes/Planning.
//
//===----------------------------------------------------------------------===//
#ifndef ORIEL_PASSES_PLANNING_PLANNERIMPL_H
#define ORIEL_PASSES_PLANNING_PLANNERIMPL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Planning/Planner.h"
#include "passes/Planning/Schedule.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

#include <optional>

namespace oriel::planning {

using namespace mlir;

/// In a kernel's dims: 0 when its result takes the storage of an operand, 1 when
/// it is a buffer of its own.
inline constexpr char kCopiedSymbol[] = "copied";

/// What the attributes of a kernel module say.
struct KernelFacts {
  std::vector<std::string> symbols;
  Dims tasks;
  Dim scratch, shared, cost;
  bool fallible = false;
  std::string opClass;
  llvm::SmallVector<int64_t> inPlaceOperands;
  /// A library kernel's: its words are addresses, then these.
  std::optional<Dims> parameters;
  /// Set when the first phase makes all checks: the operand only others read.
  std::optional<int64_t> checkedBase;
  bool once = false; // asks that what it makes of constants be kept
};

/// The node whose value this is: a dispatch has one per result.
NodeId valueNode(Value value);

class Planner {
public:
  Planner(ModuleOp module, func::FuncOp main, DimAnalysis dims, bool check)
      : module(module), main(main), dims(std::move(dims)), check(check) {}

  FailureOr<PlannedProgram> run();

private:
  // ---- buffers ----
  int32_t addBuffer(Value value, BufferKind kind, NodeId node,
                    std::string name = "");
  int32_t bufferFor(Value value);
  int32_t constantBuffer(ir::ConstantOp op);
  std::string labelOf(NodeId node) const;
  int32_t rootOf(int32_t buffer) const;

  // ---- parts ----
  LogicalResult declareStates();
  LogicalResult declareInputs();
  LogicalResult declareBound();
  void addMentions(WorkItem &item) const;
  LogicalResult readKernels();
  LogicalResult bindUpdates();
  void bindOutputs();
  std::string whyNotInPlace(ir::StateUpdateOp update);
  std::string whyNotWriter(ir::DispatchOp dispatch, ir::StateUpdateOp update);
  llvm::SmallVector<Operation *> writersOf(ir::StateUpdateOp update);
  bool bind(Value value, int32_t buffer, Block *block, bool ownStorage);
  LogicalResult planItems(ArrayRef<WorkItem> items, std::vector<Step> &steps);
  FailureOr<Step> planOp(const WorkItem &item,
                         const llvm::DenseMap<Value, size_t> &lastUse,
                         size_t position);
  FailureOr<Step> planDispatch(ir::DispatchOp op, WorkItem::Part part,
                               const llvm::DenseMap<Value, size_t> &lastUse,
                               size_t position);
  bool canKeep(ir::DispatchOp op, const KernelFacts &facts,
               WorkItem::Part part);
  int64_t roughBytes(Value value) const;
  void explainNotInPlace(ir::DispatchOp op, Value result, int32_t root,
                         const llvm::DenseMap<Value, size_t> &lastUse,
                         size_t position);
  int32_t resultBuffer(Value value, const llvm::Twine &name);
  llvm::SmallVector<Value> workedOn(Value value, BlockArgument carried);
  llvm::SmallVector<Value> chainInPlace(BlockArgument carried, Value yielded,
                                        Block *body, unsigned length = 1);
  bool canWorkInPlace(BlockArgument carried, Value yielded, Block *body);
  void beginInPlace(ir::LoopOp loop, Value initial, int32_t current);
  bool ownsResult(Value result) const;
  bool isShadow(int32_t buffer) const;
  void shapeRow(int32_t array, int32_t row);
  FailureOr<Step> planLoop(ir::LoopOp op);
  FailureOr<Step> planBranch(ir::BranchOp op);
  LogicalResult planBody(Block *block, ArrayRef<int32_t> targets,
                         NodeId node, std::vector<Step> &steps);
  llvm::SmallVector<WorkItem> itemsOf(Block *block);

  ModuleOp module;
  func::FuncOp main;
  DimAnalysis dims;
  bool check; // values are looked at: nothing is written over
  PlannedProgram out;
  NodeTable nodes;
  llvm::DenseMap<Value, int32_t> buffers;
  llvm::DenseMap<Attribute, int32_t> constantBuffers;
  llvm::StringMap<int32_t> states; // symbol -> index into Program::states
  /// Dim symbols that steps bind, and the ops that become these steps.
  llvm::StringMap<ir::RowsOp> binders;
  llvm::DenseMap<Operation *, KernelFacts> kernels;
  /// Results of steps that run once, the constants that these read, the bytes
  /// of both.
  llvm::DenseSet<Value> kept;
  llvm::DenseSet<Attribute> readOnce;
  uint64_t keptBytes = 0, constantBytes = 0;
  /// Values computed straight into a buffer that was there before.
  llvm::DenseSet<Value> bound;
  /// Results of loops that are carried in the storage of what they begin with.
  llvm::DenseSet<Value> carriedOver;
  /// Buffers whose storage nothing else may take: carried by a loop, states.
  llvm::DenseSet<int32_t> pinned;
  /// Values that overwrite a state, with the state they overwrite.
  llvm::DenseMap<Operation *, llvm::SmallVector<int32_t>> writers;
  /// For each state written in place, those that write it, in order.
  llvm::SmallVector<std::pair<std::string, llvm::SmallVector<Operation *>>>
      inPlace;
  /// Dispatches planned as two steps: their checks, then the rest.
  llvm::DenseSet<Operation *> split;
  llvm::DenseMap<Operation *, Value> made; // by those of writersOf
  llvm::SmallVector<WorkItem> copies; // of the top level
  ArrayRef<WorkItem> planned;         // of the body that is planned
};

} // namespace oriel::planning

#endif // ORIEL_PASSES_PLANNING_PLANNERIMPL_H
