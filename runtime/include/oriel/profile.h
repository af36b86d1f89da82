// File: profile.h
//
// What a Function's calls cost: time per step, class, op and user node, and
// memory per buffer. Snapshots: plain data, safe to keep and to copy.
#ifndef ORIEL_PROFILE_H_
#define ORIEL_PROFILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "oriel/node_table.h"

namespace oriel {

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};

// How a scatter shared its work, why, and what its indices were like. Counts are
// over all calls; an update is one slice (an element or a row) that was written.
struct ScatterUse {
  std::string strategy;      // of the last call: "serial", "by destination range", "by column",
                             // or, of integers alone, "private copies"
  std::string reason;
  int64_t updates = 0;
  int64_t combined = 0;      // added in a register: one index or two in turns, many times in a row
  int64_t longest_run = 0;   // the most updates in a row that were
  int64_t sampled = 0;       // updates that were compared with those around them
  int64_t repeated = 0;      // of them: with an index that another close by has
  int64_t serial = 0, ranges = 0, columns = 0, copies = 0;  // sweeps over updates, by strategy

  // The part of updates whose index comes again close by: 0 (all distinct) to 1.
  double contention() const { return sampled > 0 ? static_cast<double>(repeated) / static_cast<double>(sampled) : 0; }
};

// One plan step (or the runtime itself: id -1).
struct ApplyRow {
  int64_t id = -1;            // toposort index: the step's number in plan order
  std::string name;           // "softmax_3: max, sub, exp, sum, div"
  std::string op;             // the root op
  std::string op_class;       // "Elementwise", "MatMul", "Runtime"...
  double seconds = 0;         // total over all calls
  int64_t calls = 0;          // times the step ran
  bool sampled = false;       // shared out as samples show (short calls, short loop bodies)
  // What threads spent in it while it ran side by side with other steps; these
  // share the wall time that they took together in `seconds` accordingly.
  double thread_seconds = 0;
  NodeId node = kNoNode;
  std::vector<NodeInfo> nodes;        // the user nodes in it, with lines
  std::vector<TensorInfo> inputs, outputs;  // of the last call
  std::optional<ScatterUse> scatter;        // of a step of class "Scatter" that ran
};

struct Profile {
  std::string function;
  int64_t calls = 0;
  double wall_seconds = 0;    // measured around each call
  double kernel_seconds = 0;  // rows other than the runtime's
  double compile_seconds = 0;
  std::vector<std::pair<std::string, double>> compile_phases;
  std::vector<ApplyRow> rows; // one of them the runtime's own, measured
  bool enabled = true;

  // Function, Class, Ops and Apply tables (the format of docs/profile.md).
  std::string text(int max_rows = 20) const;
  std::string json() const;
};

struct BufferRow {
  std::string name;
  std::string kind;           // "input", "state", "output", "temporary", ...
  std::vector<int64_t> shape;
  DType dtype = DType::f32;
  int64_t bytes = 0;
  NodeId node = kNoNode;
  std::string where;          // file:line
  bool live_at_peak = false;
};

// What one plan step writes.
struct MemoryApplyRow {
  int64_t id = -1;    // toposort index
  std::string name;
  std::string where;  // file:line
  struct Output {
    std::string name;
    std::vector<int64_t> shape;
    DType dtype = DType::f32;
    int64_t bytes = 0;
    char how = 'c';   // c created, i in place (of an operand), v a view
  };
  std::vector<Output> outputs;
  int64_t bytes = 0;  // of all outputs, also of those that take no new memory
};

// A size that a run finds (oriel/scan.h: until, n_steps found at run time).
struct FoundSize {
  std::string dim;
  int64_t value = 0;     // of the last call; of a plan: taken to be the most
  int64_t most = 0;
  bool is_bound = false; // of a plan
};

struct MemoryReport {
  std::string function;
  int64_t planned_peak = 0;   // bytes: largest sum of live buffers
  int64_t measured_peak = -1; // by the independent counter (guard mode), else -1
  int64_t arena_bytes = 0;    // allocated for temporaries, fragmentation included
  int64_t arena_live = 0;     // the largest sum of these live at once: no arena is smaller
  // Of the arena: what it holds more because steps run side by side.
  int64_t side_by_side_bytes = 0;
  // What the function holds now for calls to come: arenas, second buffers of
  // states, outputs that the user dropped. Trim() gives it back.
  int64_t kept_bytes = 0;
  int64_t limit = 0;
  std::string peak_formula;   // over the dim symbols
  std::vector<FoundSize> found;  // where one is_bound, the planned peak is a bound
  std::vector<BufferRow> buffers;  // by size, largest first
  std::vector<MemoryApplyRow> applies;  // by bytes, largest first

  // Peak, formula and buffers.
  std::string text(int max_rows = 20) const;
  // The table of steps: <Sum apply outputs (bytes)> <Apply outputs shape>
  // <created/inplace/view> <Apply node>; printed with the flag profile_memory.
  std::string apply_text(int max_rows = 20) const;
  std::string json() const;
};

}  // namespace oriel

#endif  // ORIEL_PROFILE_H_
