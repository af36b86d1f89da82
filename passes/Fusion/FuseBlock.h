//===- FuseBlock.h - the kernels of one block -------------------*- C++ -*-===//
#ifndef ORIEL_PASSES_FUSION_FUSEBLOCK_H
#define ORIEL_PASSES_FUSION_FUSEBLOCK_H

#include "passes/Fusion/Access.h"
#include "passes/Fusion/CostModel.h"
#include "passes/Fusion/DimAnalysis.h"
#include "passes/Fusion/GroupGraph.h"
#include "passes/Fusion/MoveFirst.h"
#include "llvm/ADT/MapVector.h"

#include <map>

namespace oriel {

/// Refusals that several rules give.
inline constexpr const char *kNoChecks = "a column reduction checks no indices";
inline constexpr const char *kDearer = "together they would take longer";
inline constexpr const char *kNotInPlace =
    "a state could no longer be updated in place";
inline constexpr const char *kNoSlices = "a matmul's epilogue reads no slices";
inline constexpr const char *kNoGathers = "a matmul's epilogue checks no indices";
inline constexpr const char *kInBetween =
    "another kernel in between needs one and feeds the other";
std::string tooManyInputs();

/// How an operand of an op in a kernel is read.
enum class Reading {
  Buffer,     // as it lies in memory
  Fill,       // as memory, or made in place when it is one value
  Transposed, // through transposes of memory, one matrix for all of a batch
  Spread,     // through broadcasts of memory, at any element
  Viewed,     // through any views of memory, or made again where it is cheap
};

/// Decides which ops of a block form one kernel, and rewrites the block.
class BlockFuser {
public:
  /// `label` names an op for remarks: "add (net.cpp:42)"; `moveReasons` say why
  /// neighbours did not change places. `explanation` gets a line for each decision,
  /// unless it is null.
  BlockFuser(mlir::Block &block, const DimAnalysis &dims, const CostModel &model,
             bool fusion, llvm::function_ref<std::string(mlir::Operation *)> label,
             const MoveReasons &moveReasons, std::vector<std::string> &remarks,
             std::vector<std::string> *explanation)
      : block(block), dims(dims), model(model), fusion(fusion), label(label),
        moveReasons(moveReasons), remarks(remarks), explanation(explanation) {}

  void run();

private:
  static constexpr int kNone = -1;
  enum class Level : char { Full, Row };

  /// An operand of an op as fusion sees it.
  struct Source {
    mlir::Value value;      // the operand
    mlir::Value base;       // what the views start from
    int op = kNone;         // index of the computing op that makes it
    int group = kNone;      // the group it depends on, of any kind
    Access access;
    bool isDirect = false;
    bool isSliced = false;
  };

  // Roles, views that need a buffer.
  void classify();
  bool isScalarLeaf(unsigned index, std::vector<double> &costs) const;
  void findBuffers();
  Reading readingOf(mlir::Operation *op, unsigned operand) const;
  bool isFill(mlir::Value value) const;
  bool isSpread(mlir::Value value) const;
  bool endsViews(mlir::Operation *view) const;
  static bool isMatrixView(mlir::Operation *view, bool isFirst);
  bool isLeaf(mlir::Operation *op) const;
  Source getSource(mlir::Operation *op, unsigned operand) const;
  llvm::SmallVector<Source> getSources(mlir::Operation *op) const;
  /// The indices of the `oriel.rows` that bind dims `op` needs.
  llvm::SmallVector<unsigned> getBinders(mlir::Operation *op) const;
  int indexOf(mlir::Operation *op) const;

  // Groups.
  void formGroups();
  void addOutside(unsigned index);
  void addElementwise(unsigned index);
  void addReduce(unsigned index);
  void addScatter(unsigned index);
  void takeOperands(unsigned index);
  /// Does one of these ops read memory across its rows?
  bool readsAcross(llvm::ArrayRef<unsigned> members) const;
  /// Takes the group `producer` into that of `index`, which reads its values.
  bool tryTakeIn(unsigned index, unsigned producer, llvm::ArrayRef<Source> sources,
                 std::string *reason);
  std::string whyNotMade(unsigned index, unsigned producer, llvm::ArrayRef<Source> sources) const;
  bool hasExtremeOf(unsigned index, const Group &producer) const;
  void takeExtreme(unsigned index, llvm::ArrayRef<Source> sources);
  unsigned addAlone(unsigned index, llvm::ArrayRef<Source> sources);
  /// The level `op` has in the group of `sources`' ops; nullopt with a reason
  /// when it cannot be in that group.
  std::optional<Level> levelIn(unsigned group, mlir::Operation *op,
                               llvm::ArrayRef<Source> sources,
                               std::string *reason);
  bool isRead(const Source &source) const;
  bool isShapeOfRows(const Dims &shape, const Dims &space, int axis) const;
  bool tryJoin(unsigned index, unsigned group, KernelClass joined, Level level,
               llvm::ArrayRef<Source> sources, std::string *reason);
  bool tryMerge(unsigned a, unsigned b, std::string *reason);
  /// May `rows` become row values of the reductions of `reduction`?
  bool canBeRowsOf(const Group &rows, const Group &reduction) const;
  /// What one part of a merged group reads of the other is no memory any more.
  void forgetOwnReads(unsigned group);
  /// Groups that read the same memory, without an edge between them.
  void mergeSiblings();

  // FuseMatMulRows.cpp: row reductions of a matmul's result.
  ir::MatMulOp matmulOf(const Group &group) const;
  std::string whyNotRows(const Group &group) const;
  double rowBlocksNs(const Group &group) const;

  // FuseMatMulOperands.cpp: what a matmul computes as it reads its operands.
  struct Prologue {
    llvm::SmallVector<unsigned> ops; // in program order
    llvm::SmallVector<unsigned> kept; // of other kernels, to be written for it
    unsigned matrices = 0;           // tensors as large as the operand
    bool isChain = true;             // of one tensor and numbers
    bool isConstant = true;          // of constants alone
    std::string reason;              // why not
  };
  struct PrologueDecision {
    bool isTaken = false;
    std::string reason;
    FusionFigures figures;
  };
  Prologue prologueOf(unsigned index) const;
  void lookAt(Prologue &made, unsigned index) const;
  std::string whyNotPrologue(const Group &reader, const Prologue &made, unsigned index) const;
  KernelWork workPrologue(const Group &reader, unsigned value, const Prologue &made,
                          llvm::DenseMap<const void *, Group::Read> &reads) const;
  double operandNs(const Group &reader, unsigned operand, const Prologue &made) const;
  KernelWork workWithout(const Group &home, unsigned value, const Prologue &made) const;
  void takePrologues();
  void explainOperands(unsigned index);

  // GroupCosts.cpp: what the model says.
  void countEdges();
  double bytesOf(mlir::Value value) const;
  double bytesRead(mlir::Operation *op, const Source &source) const;
  double computeNs(unsigned index) const;
  void addCompute(KernelWork &work, unsigned index, Level level, const Dims &space) const;
  KernelWork workAlone(unsigned index, llvm::ArrayRef<Source> sources) const;
  KernelWork workJoined(unsigned index, const Group &group, Level level,
                        llvm::ArrayRef<Source> sources) const;
  KernelWork workMerged(const Group &a, const Group &b) const;
  FusionFigures weighJoin(unsigned index, const Group &group, Level level,
                          llvm::ArrayRef<Source> sources) const;
  FusionFigures weighMerge(const Group &a, const Group &b) const;
  /// Most vectors live at once when the ops run in their order.
  unsigned liveVectors(llvm::ArrayRef<unsigned> first,
                       llvm::ArrayRef<unsigned> second) const;
  unsigned passIn(llvm::ArrayRef<Source> sources, const Group &group,
                  bool isFull) const;
  /// Books `index`, which is in its group now, among what the group reads.
  void account(unsigned index, llvm::ArrayRef<Source> sources);

  // ExplainGroups.cpp: why neighbours are one kernel or are not.
  struct Decision {
    unsigned index, source;
    bool isFused, isRemark, isLine;
    std::string why;
    FusionFigures figures;
  };
  void explainPair(unsigned index, unsigned source, bool isFused, const std::string &why,
                   const FusionFigures &figures, bool isRemark = false);
  void explainAcross(unsigned index, const Source &source);
  void noteMerge(unsigned a, unsigned b, const FusionFigures &figures);
  const FusionFigures *whatUnited(unsigned a, unsigned b) const;
  void explainScalars();
  void tellDecisions();
  void remark(unsigned index, llvm::ArrayRef<Source> sources,
              const llvm::DenseMap<int, std::string> &reasons);
  const Dims &shapeOf(mlir::Value value) const { return dims.getDims(value); }

  // ComputeAgain.cpp: what several kernels compute.
  void computeAgain();
  llvm::SmallVector<unsigned> opsOf(unsigned index) const;
  KernelWork workAgain(const Group &reader, unsigned value, llvm::ArrayRef<unsigned> made,
                       llvm::DenseMap<const void *, Group::Read> &reads) const;
  /// Does `group` compute what `op`, of another kernel, computes too?
  bool isAgain(mlir::Operation *op, unsigned group) const;

  // Rewriting.
  void build();
  std::vector<unsigned> orderNodes();
  void buildKernel(unsigned group);
  /// A kernel in the making: its inputs, and what stands for values inside.
  struct Kernel {
    llvm::SmallVector<mlir::Value> inputs;
    mlir::Block *body = nullptr;
    llvm::DenseMap<mlir::Value, mlir::Value> arguments; // memory
    llvm::DenseMap<mlir::Value, mlir::Value> values;    // made inside
    llvm::DenseMap<mlir::Value, mlir::Value> matrices;  // views a matmul reads
  };
  mlir::Value getArgument(Kernel &kernel, mlir::Value value);
  mlir::Value getMade(Kernel &kernel, mlir::OpBuilder &b, unsigned group, mlir::Value value);
  mlir::Value getInside(Kernel &kernel, mlir::OpBuilder &b, unsigned group,
                        mlir::Value value, Reading reading);
  mlir::Value currentValue(mlir::Value value) const;
  void findOutputs();

  mlir::Block &block;
  const DimAnalysis &dims;
  const CostModel &model;
  bool fusion;
  llvm::function_ref<std::string(mlir::Operation *)> label;
  const MoveReasons &moveReasons;
  std::vector<std::string> &remarks;
  std::vector<std::string> *explanation;

  std::vector<mlir::Operation *> ops;
  std::map<std::string, unsigned> binders; // symbol -> index of its first rows
  llvm::DenseMap<mlir::Operation *, unsigned> indices;
  std::vector<OpRole> roles;
  std::vector<char> needsBuffer; // views and leaves that are made in memory
  std::vector<int> nodes;        // group of each op, kNone when it has none
  std::vector<Level> levels;
  std::vector<unsigned> passes;   // of full values: which sweep over the rows
  std::vector<char> isStateValue; // a state_update's operand
  std::vector<unsigned> consumers; // operands in other groups that read each value
  std::vector<llvm::SmallVector<int, 3>> operandOps; // computing ops it reads
  std::vector<char> isOutput;
  llvm::DenseMap<unsigned, llvm::SmallDenseSet<unsigned, 2>> again; // op -> groups
  int lastObserver = kNone;      // the group of the last that looks at values
  llvm::DenseMap<int, FusionFigures> weighed; // by source, of the op at hand
  llvm::DenseSet<std::pair<int64_t, int64_t>> pairsTold; // nodes
  std::vector<Decision> decisions;
  /// Which merge took a group into another, of those that were taken into none
  /// before: a forest whose merges are later towards the roots.
  struct Merged {
    unsigned into = 0, merge = 0, size = 1;
    bool isRoot = true;
  };
  llvm::DenseMap<unsigned, Merged> mergedInto;
  std::vector<FusionFigures> merges;
  llvm::DenseMap<std::pair<unsigned, unsigned>, PrologueDecision> prologues; // group, value
  GroupGraph graph;
  llvm::MapVector<mlir::Value, mlir::Value> results; // old value -> kernel's
};

} // namespace oriel

#endif // ORIEL_PASSES_FUSION_FUSEBLOCK_H
