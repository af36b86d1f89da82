// File: prepared.h
//
// A validated program made ready to run, in two stages:
//   PreparedProgram  once: kernels found, every dim expression compiled;
//   ResolvedDims     once per set of dim values: sizes, the memory plan, argument
//                    words, launches. Immutable, shared by concurrent calls.
#ifndef ORIEL_ENGINE_PREPARED_H_
#define ORIEL_ENGINE_PREPARED_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/tensor.h"
#include "runtime/core/dim_program.h"
#include "runtime/device/device.h"
#include "runtime/engine/image.h"
#include "runtime/engine/lifetimes.h"
#include "runtime/engine/program.h"
#include "runtime/engine/side_by_side.h"
#include "runtime/memory/guarded.h"

namespace oriel {

enum class StepKind : uint8_t { kDispatch, kCopy, kDimValue, kLoop, kBranch, kObserve, kBind };

// A sequence or stack of a loop: the roots of the array and of its row; the dim
// of the row of iteration 0, -1: row 0; rows from iteration to iteration.
struct PreparedRow {
  int32_t array = -1, row = -1, start = -1;
  int64_t step = 1;
};

// One step in the flat preorder the executor walks.
struct PreparedStep {
  StepKind kind = StepKind::kDispatch;
  bool fallible = false;
  bool once = false;
  int32_t end = 0, else_begin = 0;
  // kDispatch: its phases in PreparedProgram::entries, its words in the call's
  // argument words.
  int32_t first_phase = 0, phases = 0;
  int32_t first_word = 0, words = 0;
  // Roots: kCopy src, dst; kDimValue dst; kLoop trips and induction (dst);
  // kBranch condition (src).
  int32_t src = -1, dst = -1;
  std::vector<int32_t> initial, current, next, results;  // kLoop, roots
  std::vector<PreparedRow> rows;         // kLoop: sequences, then stacks
  int32_t sequences = 0;                 // kLoop: how many of them are sequences
  int32_t stop = -1, count = -1;         // kLoop, roots
  int32_t extent = -1;                   // kLoop: dim, -1: unbounded
  bool reverse = false, checked = false; // kLoop
  int32_t scatter = -1;                  // kDispatch: number among the scatters
  int32_t loop = -1;                     // kLoop: number among the loops
  int32_t bind = -1;                     // kBind: number among the binds; src: its count, extent: its limit
  int32_t stage = 0;                     // of the newest symbol that its sizes mention
  // Indices of dims: kDispatch scratch, shared, cost; kDimValue value.
  int32_t scratch = -1, shared = -1, cost = -1, value = -1;
  // Storage that begins, ends its life with this step (roots of temporaries).
  std::vector<int32_t> begins, ends;
};

// What steps that run once have made, for all calls of the program. A step's
// results are complete when `done` of it is; whoever runs it holds the mutex.
struct KeptResults {
  Block block;
  std::vector<uint64_t> offset;              // per buffer
  std::unique_ptr<std::atomic<bool>[]> done; // per step
  std::mutex mutex;
};

// What is settled when a step binds a dim symbol: everything whose newest symbol
// it is. The stages of a program are numbered from 1 in plan order, 0 is what the
// inputs bind.
struct BindStage {
  int32_t symbol = -1;              // index into Program::symbols
  int32_t limit = -1;               // dim
  std::vector<int32_t> roots;       // storage of such a size, outputs included
  std::vector<int32_t> words;       // argument words that are such integers
  std::vector<int32_t> moved;       // roots with addresses at such offsets
  std::vector<int32_t> dispatches;  // steps with such workspaces or launches
};

struct PreparedProgram {
  Program program;                 // constants' bytes moved out, see `constants`
  std::shared_ptr<const LoadedImage> image;
  std::vector<FlatStep> flat;
  std::vector<PreparedStep> steps;
  Lifetimes life;
  std::vector<KernelEntry> entries;      // all phases of all dispatches
  std::vector<int32_t> phase_tasks;      // dim index, parallel to entries
  int32_t words = 0;                     // argument words of all dispatches
  // Per argument word: its dim (value or byte offset) and the root whose address
  // it holds; -1 in the words the engine fills itself, root -1 for integers.
  std::vector<int32_t> word_dim, word_root;
  std::vector<DimProgram> dims;          // every distinct expression
  std::vector<std::vector<int32_t>> shapes;  // per buffer: dim indices
  Block constants;                       // all constants, each 64-byte aligned
  std::vector<uint64_t> constant_offset, constant_bytes;
  std::unique_ptr<KeptResults> kept;     // null: no step runs once
  int32_t workers = 1;                   // threads a dispatch may use
  // The first step that writes a state in place (the outermost loop around it),
  // or the number of steps: nothing after it can fail.
  int32_t point_of_no_return = 0;
  bool straight = true;                  // no loop and no branch
  int32_t loops = 0, scatters = 0;
  bool truncates = false;                // some output has rows_from or is hidden
  std::vector<BindStage> binds;          // stage 1, 2, ...
  std::vector<int32_t> dim_stage, buffer_stage, constraint_stage;  // empty without binds
  StepOrder order;                       // empty where no two steps may run at once

  const Buffer& buffer(int32_t b) const { return program.buffers[b]; }
  int32_t root(int32_t b) const { return life.root[b]; }
  // Of what no step binds: 0.
  int32_t DimStage(int32_t dim) const { return binds.empty() ? 0 : dim_stage[dim]; }
  int32_t BufferStage(int32_t b) const { return binds.empty() ? 0 : buffer_stage[b]; }
};

// InvalidArgument: malformed program; NotFound: a kernel the image lacks.
absl::StatusOr<std::shared_ptr<const PreparedProgram>> Prepare(
    Program program, std::shared_ptr<const LoadedImage> image, int workers);

struct ResolvedStep {
  uint64_t bytes = 0;           // kCopy
  int64_t value = 0;            // kDimValue
  uint64_t scratch = 0;         // bytes per worker, a multiple of 64
  // In the arena: from worker to worker. Steps side by side have one block for
  // all, since a worker runs one piece at a time.
  uint64_t scratch_stride = 0;
  uint64_t shared = 0;
  uint64_t scratch_offset = 0, shared_offset = 0;  // in the arena
  std::vector<uint64_t> carried;  // kLoop: bytes of each carried value
  int64_t extent = 0;             // kLoop
  // kLoop: where row 0 lies in its array, and how far the next is from it.
  std::vector<int64_t> row_offset, row_stride;
};

// A place in the argument words that holds the address of `root` + offset.
struct Patch {
  int32_t word = 0;
  int64_t offset = 0;
};

struct ResolvedDims {
  // Values, as Program::symbols; -1: not bound yet. Then what is of a later stage
  // is empty.
  std::vector<int64_t> symbols;
  std::vector<Extents> input_shapes;        // what a call's inputs must be
  std::vector<Extents> shapes;              // per buffer
  std::vector<uint64_t> bytes;              // per buffer
  std::vector<ResolvedStep> steps;
  std::vector<Launch> launches;             // per phase; args set per call
  std::vector<int64_t> words;               // constants filled in, addresses 0
  std::vector<int32_t> patch_begin;         // per buffer (roots), into patches
  std::vector<Patch> patches;

  // Memory. Bytes are rounded to 64.
  uint64_t fixed_bytes = 0;    // inputs, states, constants
  uint64_t planned_peak = 0;   // fixed + the largest sum of live others
  int32_t peak_time = 0;
  // Each stage has an arena of its own. Offsets are per buffer (roots of plain
  // temporaries), in the arena of their stage.
  std::vector<uint64_t> arena_offset;
  uint64_t arena_bytes = 0;                  // of all stages
  uint64_t arena_live = 0;                   // the sum of their largest live sets
  // Null: one step after another, since that was asked for or is as good. Then
  // what the arena holds more than it would.
  std::unique_ptr<const SideBySide> side;
  bool one_by_one = false;                   // asked for
  uint64_t side_bytes = 0;
  std::vector<uint64_t> stage_arena;         // per stage
  // What a call really holds when temporaries share an arena: fixed, outputs,
  // shadows and the arena. Above the limit (but the peak below it) each
  // temporary gets storage of its own, for its life only.
  uint64_t held_bytes = 0;
  uint64_t large_output_bytes = 0;  // of outputs that come from the BlockPool
};

// All dim values in program order; -1 for those that steps will bind. `one_by_one`:
// no steps side by side, for limits that the arena with them would pass.
absl::StatusOr<std::shared_ptr<const ResolvedDims>> Resolve(const PreparedProgram& p, absl::Span<const int64_t> symbols,
                                                            bool one_by_one = false);
// For tests of small programs: costs count so many times, in what is resolved from
// now on, so that steps are split among threads and run side by side.
void ScaleCostsForTesting(double factor);
// Only the planned peak, for searches; UINT64_MAX when it overflows or a dim
// cannot be.
uint64_t PlannedPeak(const PreparedProgram& p, absl::Span<const int64_t> symbols);

// The dim values that input tensors imply. InvalidArgument names the input, what
// was expected and what was given.
absl::StatusOr<std::vector<int64_t>> BindSymbols(const PreparedProgram& p, absl::Span<const Tensor> inputs);

// The same values with what steps bind as large as it can be; as it was when the
// largest is not known.
std::vector<int64_t> WithLimits(const PreparedProgram& p, absl::Span<const int64_t> symbols);

// The storage that lives beside the arena: roots of outputs and shadows.
bool IsShadow(const Program& program, int32_t buffer);

}  // namespace oriel

#endif  // ORIEL_ENGINE_PREPARED_H_
