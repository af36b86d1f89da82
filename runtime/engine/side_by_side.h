// File: side_by_side.h
//
// Steps that run at the same time. Steps of one body that need nothing of each
// other, and of which each alone leaves threads idle (short ones, ones of few
// tasks), form a group: one job of the thread pool in place of one after another.
//
// A group runs where the first of its steps stands; the others move up to it, so
// that nothing that one of them needs may stand between. What hands values out or
// writes a state keeps its place. A step that may fail moves up when all before it
// that may fail has run or is of the group; of those that fail the first of the
// plan is the one that counts, and nothing after the group runs. Results and
// errors are those of one step after another.
#ifndef ORIEL_ENGINE_SIDE_BY_SIDE_H_
#define ORIEL_ENGINE_SIDE_BY_SIDE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "runtime/device/device.h"

namespace oriel {

struct PreparedProgram;

// Which steps of a body must come before which: made once per program.
struct StepOrder {
  std::vector<std::vector<int32_t>> bodies;  // the steps of each, in plan order
  std::vector<int32_t> first, before;        // of step s: before[first[s]...first[s + 1])
  // Of a step that may fail, hands values out or writes a state: the one of its body
  // before it, or -1.
  std::vector<int32_t> line;
};
StepOrder FindOrder(const PreparedProgram& p);

// The groups of a program for given dims.
struct SideBySide {
  static constexpr int32_t kAlone = -1, kMovedUp = -2;
  static constexpr int32_t kMostMembers = 16;

  // Part of a phase: one task of the group's job.
  struct Piece {
    int32_t launch = 0, member = 0;
    int64_t begin = 0, end = 0;
  };
  // The phases of the same number, a barrier after each.
  struct Round {
    int32_t first = 0, pieces = 0;  // in `pieces`, the most work first
    int threads = 1;
  };
  struct Group {
    std::vector<int32_t> steps;  // in plan order
    std::vector<Round> rounds;
    bool fallible = false;
  };

  std::vector<int32_t> of_step;  // kAlone, kMovedUp, or the group that it leads
  std::vector<Group> groups;
  std::vector<Piece> pieces;
  std::vector<int32_t> runs_at;  // per step: the step in whose place it runs
  int32_t most_members = 0;
  // Per step: the error records that it has, of those of a group; 0 where it runs
  // alone.
  std::vector<int32_t> errors;
  int32_t error_sets = 1;
};

// `cost`: of each step in nanoseconds on one thread; `launches`: of all phases,
// split as if each step ran alone; `most_members`: of a group. Null: there is too
// little to gain.
std::unique_ptr<const SideBySide> FindGroups(const PreparedProgram& p, absl::Span<const int64_t> cost, absl::Span<const Launch> launches,
                                             int32_t most_members = SideBySide::kMostMembers);

}  // namespace oriel

#endif  // ORIEL_ENGINE_SIDE_BY_SIDE_H_
