// File: lifetimes.h
//
// The steps of a program in plan order, and when each buffer's storage is live.
#ifndef ORIEL_ENGINE_LIFETIMES_H_
#define ORIEL_ENGINE_LIFETIMES_H_

#include <cstdint>
#include <vector>

#include "runtime/engine/program.h"

namespace oriel {

// One step of the preorder; its position in the vector is its Toposort index.
struct FlatStep {
  const Step* step = nullptr;
  int32_t parent = -1;    // the loop or branch whose body holds it
  int32_t body = 0;       // bodies are numbered; 0 is the program's own
  int32_t end = 0;        // the first step after its subtree
  int32_t else_begin = 0; // branches: the first step of the else body
  int32_t depth = 0;
  // Times: a plain step has enter == exit, a loop's enclose its body's.
  int32_t enter = 0, exit = 0;
};

// At most this deep: validation refuses more.
inline constexpr int kMaxStepDepth = 32;

// Stops descending past kMaxStepDepth (validation then refuses the program).
std::vector<FlatStep> FlattenSteps(const Program& program);

// The buffers a step itself reads and writes (a loop: its own operands and
// results, not its body's).
struct StepAccess {
  std::vector<int32_t> reads, writes;
};
StepAccess AccessOf(const Step& step);
NodeId NodeOf(const Step& step);

// When the storage of one alias group is live.
struct Lifetime {
  int32_t root = -1;       // the group's root buffer
  int32_t begin = -1;      // first step (preorder index) of its life
  int32_t end = -1;        // last step of its life; for a loop: after its body
  bool whole_call = false; // inputs, states, constants, kept results
};

struct Lifetimes {
  std::vector<int32_t> root;        // per buffer
  std::vector<Lifetime> of_root;    // per buffer; meaningful at roots in use
};

// Requires valid indices and alias chains (see ValidateProgram). A group that
// crosses bodies lives from the start to the end of the steps that enclose both
// ends, so that the plan is right for any number of iterations and any branch.
Lifetimes ComputeLifetimes(const Program& program, const std::vector<FlatStep>& steps);

// The root of every buffer's alias chain; a cycle or bad index gives -1.
std::vector<int32_t> AliasRoots(const std::vector<Buffer>& buffers);

}  // namespace oriel

#endif  // ORIEL_ENGINE_LIFETIMES_H_
