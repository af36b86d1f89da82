// File: program.h
//
// Program: what the compiler makes and the executor runs: plain data, no MLIR,
// no LLVM. Sizes are Dim expressions over the program's dim symbols, so one
// program serves every shape. program_io.h writes and reads its binary form
// (bounded, versioned) and ValidateProgram checks every index in it.
#ifndef ORIEL_ENGINE_PROGRAM_H_
#define ORIEL_ENGINE_PROGRAM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "oriel/compile_report.h"
#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "oriel/node_table.h"
#include "oriel/tap_kind.h"

namespace oriel {

inline constexpr uint32_t kProgramVersion = 4;

enum class BufferKind : uint8_t {
  kInput = 0, kState = 1, kOutput = 2, kTemporary = 3, kWorkspace = 4, kConstant = 5,
  // One row of a loop's sequence or stack: an address that the engine moves from
  // iteration to iteration, no storage of its own.
  kRow = 6,
  // The result of a step that runs once: computed by the first call that gets
  // there, then kept as long as the function, like a constant.
  kKept = 7,
};

// Rules ValidateProgram holds the planner to:
//   - Steps are numbered in preorder (a loop, then its body); that number is
//     the Toposort index of every report.
//   - A temporary or output is allocated (Step::alloc) exactly once before its
//     first use and released at most once after its last, both in the same
//     body: what a body allocates it releases, or it lives to the body's end.
//     Outputs and shadows of states are never released. Inputs, states and
//     constants live for the whole call and are never in alloc or release.
//     Workspace (scratch, shared) needs no buffer: the step's sizes say it.
//   - A loop's `current`, `next`, `induction` and `results` are allocated at the
//     loop step or before, distinct, and own their storage (alias_of = -1),
//     but for two: a result may be its current, and next may be its current
//     where the body writes one over the other. Current is a temporary (a
//     state's shadow too); next is one, or the row of one of the loop's
//     stacks, which nothing else carries.
//   - A row belongs to one sequence or stack of one loop, is touched in that
//     loop's body only, and is never in alloc or release. The body writes every
//     row of a stack; nothing writes the row of a sequence.
//   - A step that runs once (DispatchStep::once) is of the program's own body,
//     reads constants and kept buffers, mentions no dim symbol, cannot fail and
//     writes kept buffers alone, each once. Nothing else writes these; like
//     constants they have storage of their own for good, are never in alloc or
//     release, and temporaries may be views of them.
//   - Nothing writes an input or a constant. A state's buffer is written (in
//     place) only when StateDecl::new_value is that buffer (or a member of its
//     group) and only after every fallible step: no fallible step comes after
//     the first such write, in plan order or by a loop's next iteration. A
//     fallible step may itself write one in place when it has several phases:
//     the last alone writes, and errors are looked at before it begins.
//   - Every symbol is a whole extent of some input, so that a call binds it, or
//     is bound by one BindStep. What mentions such a symbol comes after that step
//     in its body (or in a body inside): a buffer of such a shape is allocated
//     after it. Inputs, states and constants mention none.

// A buffer is a C-contiguous tensor the program reads or writes.
struct Buffer {
  std::string name;         // the user's name, or the node's label
  BufferKind kind = BufferKind::kTemporary;
  DType dtype = DType::f32;
  Dims shape;
  NodeId node = kNoNode;    // the node whose value it holds
  // Shares the storage of that (dead or view-compatible) buffer, -1: its own.
  // Chains are followed to the ROOT, which must be at least as large; the
  // storage lives from the first alloc of any member to the last release of
  // any. A group holds at most one output, input, state or constant, and then
  // that buffer is the root. An output that merely returns an input or state is
  // its own buffer filled by a copy step, and every OutputDecl has its own
  // buffer.
  int32_t alias_of = -1;
  int32_t constant = -1;    // kConstant: index into Program::constants
  int32_t state = -1;       // kState: index into Program::states
};

struct Constant {
  std::vector<uint8_t> data;  // C order, little endian
};

struct InputDecl {
  std::string name;
  int32_t buffer = -1;
  NodeId node = kNoNode;
};
struct OutputDecl {
  std::string name;
  int32_t buffer = -1;
  // The scalar i64 output that tells how many rows (of the first axis) the
  // caller gets: the buffer has room for the most there can be. -1: all.
  int32_t rows_from = -1;
  bool hidden = false;      // for rows_from of others alone, not returned
};
struct StateDecl {
  std::string name;
  int32_t buffer = -1;      // holds the old value
  bool updated = false;
  // The buffer with the new value: `buffer` itself when updated in place,
  // otherwise a shadow of kind kTemporary, swapped in at commit.
  int32_t new_value = -1;
  std::string remark;       // why a shadow was needed, "" when in place
  // Index into Program::constants of the value the state starts with when the
  // program is run without cells of its own (Load, CompileText); -1: zeros.
  int32_t initial = -1;
};

// One 64-bit argument word of a dispatch (see kernel_abi.h, from kArgFirst on).
struct ArgWord {
  int32_t buffer = -1;  // >= 0: the buffer's address (plus byte_offset)
  Dim value;            // buffer < 0: this integer; else a byte offset
};

// One user-visible ordinal of a kernel: the nodes it stands for.
struct OrdinalNodes {
  std::vector<NodeId> nodes;
};

// What a phase's symbol begins with when the engine itself has the kernel
// (runtime/engine/library).
inline constexpr std::string_view kLibraryPrefix = "library:";

// The class of steps that count what they meet (ScatterCounts), and whose pieces
// each look at all updates: they get no more of them than threads.
inline constexpr std::string_view kScatterClass = "Scatter";

struct KernelPhase {
  // The entry in the image, or kLibraryPrefix and the name of a library kernel.
  std::string symbol;
  Dim tasks;            // number of tasks, over the program's symbols
};

struct DispatchStep {
  std::string kernel;                  // display name
  std::vector<KernelPhase> phases;
  std::vector<ArgWord> args;
  Dim scratch_bytes;                   // per worker
  Dim shared_bytes;                    // the shared workspace
  Dim cost;                            // rough work in nanoseconds (one thread)
  bool fallible = false;               // may write an ErrorRecord
  std::vector<int32_t> reads, writes;  // buffers, inputs then outputs in order
  std::vector<OrdinalNodes> ordinals;  // index: kernel-local ordinal
  NodeId node = kNoNode;               // the row's main node (the root)
  std::string op_class;                // "Elementwise", "RowReduce", "MatMul"...
  std::vector<uint8_t> in_place;       // per write: 0 created, 1 in place, 2 view
  // With check=reference: the op it computes (runtime/ops/op_call.h), else "".
  std::string reference;
  bool once = false;                   // what it makes of constants is kept
};

// dst = src, same dtype and size.
struct CopyStep {
  int32_t src = -1, dst = -1;
  NodeId node = kNoNode;
};

// Fills a scalar i64 buffer with the value of a dim expression.
struct DimValueStep {
  int32_t buffer = -1;
  Dim value;
  NodeId node = kNoNode;
};

struct Body;

// Rows of an array that a loop reads: iteration i has row start + step*i of
// `source`, at `row` (a kRow buffer), in place.
struct LoopSequence {
  int32_t source = -1, row = -1;
  Dim start;
  int64_t step = 1;
};
// What a loop collects: iteration i writes row i of `stack`, at `row` (a kRow
// buffer), in place.
struct LoopStack {
  int32_t stack = -1, row = -1;
};

// n = clamp(trips, 0, extent); for k in [0, n): i = k (reverse: n-1-k), run
// body. `trips` is a scalar i64 buffer; without an extent (`bounded` false) only
// negative counts are clamped. `checked`: trips above the extent is an error,
// so that the step is fallible. Carried value k: current[k] begins as
// initial[k]; after each iteration next[k] becomes current[k] (the engine moves
// addresses, no copy); after the last, results[k] = current[k]. Rows of stacks
// that no iteration wrote are set to zero. `stop`: a scalar bool buffer that the
// body writes, true ends the loop after the iteration; `count`: a scalar i64
// buffer that is given the number of iterations run. Both -1 when unused.
// Buffers of the body are fixed for all iterations.
struct LoopStep {
  int32_t trips = -1;
  int32_t induction = -1;  // scalar i64 buffer holding i, -1 when unused
  std::vector<int32_t> initial, current, next, results;
  std::vector<LoopSequence> sequences;
  std::vector<LoopStack> stacks;
  bool bounded = false, reverse = false, checked = false;
  Dim extent;
  int32_t stop = -1, count = -1;
  std::vector<struct Step> body;
  NodeId node = kNoNode;
};

// Runs one of two bodies; each ends by writing the result buffers (copies).
struct BranchStep {
  int32_t condition = -1;  // scalar bool buffer
  std::vector<struct Step> then_body, else_body;
  NodeId node = kNoNode;
};

// Binds a dim symbol to the value of a scalar i64 buffer, at least 0 and at most
// `limit`. Storage of sizes that mention it is made here, so that the step is
// fallible. In a loop's body it binds anew in each iteration.
struct BindStep {
  int32_t symbol = -1;  // index into Program::symbols
  int32_t count = -1;
  Dim limit;
  NodeId node = kNoNode;
};

// Hands values to whoever looks at them (oriel/taps.h); an assert fails the call
// unless all elements of its conditions are true. Fallible.
struct ObserveStep {
  TapKind kind = TapKind::kWatch;
  int32_t tap = -1;     // number among the taps of the graph; -1: of a node
  int32_t result = 0;   // which result of the node
  NodeId node = kNoNode;
  std::string message;     // of a print or an assert, the name of a watch
  std::string attributes;  // what a print writes, separated by commas
  std::string file;        // the tap's own line, 0: unknown
  int32_t line = 0;
  // print, watch: the value. assert: its conditions (bool), then what its report
  // shows, counts[k] of them for condition k.
  std::vector<int32_t> values;
  std::vector<int32_t> counts;
};

struct Step {
  std::variant<DispatchStep, CopyStep, DimValueStep, LoopStep, BranchStep, ObserveStep, BindStep> op;
  // Buffers that must have storage from this step on / are dead after it
  // (temporaries and outputs; by plan order within this body).
  std::vector<int32_t> alloc, release;
};

// A requirement between dims, checked before a run: left == right.
struct DimConstraint {
  Dim left, right;
  NodeId node = kNoNode;   // the node that needs it
  std::string what;        // "add: operand shapes"
};

struct Program {
  std::string name;
  std::vector<std::string> symbols;        // dim symbols, bound by inputs and bind steps
  std::vector<Buffer> buffers;
  std::vector<Constant> constants;
  std::vector<InputDecl> inputs;
  std::vector<OutputDecl> outputs;
  std::vector<StateDecl> states;
  std::vector<DimConstraint> constraints;
  std::vector<Step> steps;
  NodeTable nodes;
  std::vector<std::string> remarks;        // fusion refusals and the like
  CompileCosts costs;                      // what compiling it took
};

}  // namespace oriel

#endif  // ORIEL_ENGINE_PROGRAM_H_
