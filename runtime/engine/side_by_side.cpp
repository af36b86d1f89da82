// File: side_by_side.cpp
#include "runtime/engine/side_by_side.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/device/thread_pool.h"
#include "runtime/engine/prepared.h"

namespace oriel {
namespace {

// What the order of steps is about: storage, and the one line of what may fail
// and what writes states.
class OrderFinder {
 public:
  explicit OrderFinder(const PreparedProgram& p) : p_(p), array_(p.program.buffers.size(), -1) {
    for (const PreparedStep& step : p.steps) {
      for (const PreparedRow& row : step.rows) array_[row.row] = row.array;
    }
  }

  StepOrder Run() {
    StepOrder order;
    order.first.push_back(0);
    for (const FlatStep& flat : p_.flat) order.bodies.resize(std::max(order.bodies.size(), static_cast<size_t>(flat.body) + 1));
    for (int32_t s = 0; s < static_cast<int32_t>(p_.steps.size()); ++s) order.bodies[p_.flat[s].body].push_back(s);
    std::vector<std::vector<int32_t>> before(p_.steps.size());
    order.line.assign(p_.steps.size(), -1);
    for (const std::vector<int32_t>& body : order.bodies) Body(body, &before, &order.line);
    for (std::vector<int32_t>& list : before) {
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      order.before.insert(order.before.end(), list.begin(), list.end());
      order.first.push_back(static_cast<int32_t>(order.before.size()));
    }
    return order;
  }

 private:
  struct Access {
    std::vector<int32_t> reads, writes;  // storage
    bool ordered = false;                // may fail, or others look at it
  };
  struct Last {
    int32_t writer = -1;
    std::vector<int32_t> readers;  // since
  };

  // A row is part of its array.
  int32_t StorageOf(int32_t root) const {
    while (array_[root] >= 0) root = array_[root];
    return root;
  }

  void Add(int32_t s, Access* access) const {
    const PreparedStep& step = p_.steps[s];
    const StepAccess own = AccessOf(*p_.flat[s].step);
    for (int32_t b : own.reads) access->reads.push_back(StorageOf(p_.root(b)));
    for (int32_t b : own.writes) {
      access->writes.push_back(StorageOf(p_.root(b)));
      access->ordered = access->ordered || p_.buffer(access->writes.back()).kind == BufferKind::kState;
    }
    for (const auto* roots : {&step.current, &step.next}) {
      for (int32_t root : *roots) access->writes.push_back(StorageOf(root));
    }
    if (step.kind == StepKind::kLoop && step.dst >= 0) access->writes.push_back(StorageOf(step.dst));
    if (step.stop >= 0) access->reads.push_back(StorageOf(step.stop));
    access->ordered = access->ordered || step.fallible || step.once;
  }

  void Body(const std::vector<int32_t>& body, std::vector<std::vector<int32_t>>* before, std::vector<int32_t>* line) {
    std::unordered_map<int32_t, Last> last;
    int32_t last_ordered = -1;
    for (int32_t s : body) {
      Access access;
      for (int32_t inner = s; inner < p_.steps[s].end; ++inner) Add(inner, &access);
      std::vector<int32_t>& mine = (*before)[s];
      const auto add = [&](int32_t other) {
        if (other >= 0 && other != s) mine.push_back(other);
      };
      for (int32_t root : access.reads) {
        Last& at = last[root];
        add(at.writer);
        at.readers.push_back(s);
      }
      for (int32_t root : access.writes) {
        Last& at = last[root];
        add(at.writer);
        for (int32_t reader : at.readers) add(reader);
        at.readers.clear();
        at.writer = s;
      }
      if (!access.ordered) continue;
      (*line)[s] = last_ordered;
      last_ordered = s;
    }
  }

  const PreparedProgram& p_;
  std::vector<int32_t> array_;  // of a row's root
};

class GroupFinder {
 public:
  GroupFinder(const PreparedProgram& p, absl::Span<const int64_t> cost, absl::Span<const Launch> launches, int32_t most_members)
      : p_(p), cost_(cost), launches_(launches), most_(static_cast<size_t>(most_members)), done_(p.steps.size(), false) {}

  std::unique_ptr<const SideBySide> Run() {
    for (const std::vector<int32_t>& body : p_.order.bodies) {
      int64_t narrow = 0, total = 0;
      for (int32_t s : body) {
        if (!IsNarrow(s)) continue;
        ++narrow;
        total += cost_[s];
      }
      if (narrow >= 2 && total >= kWorthWaking) Body(body);
    }
    return std::move(found_);
  }

 private:
  static constexpr int64_t kLeast = 2'000;        // shorter steps gain nothing
  static constexpr size_t kAhead = 64;            // steps looked at for one group

  // Could others run beside it?
  bool IsNarrow(int32_t s) const {
    const PreparedStep& step = p_.steps[s];
    if (step.kind != StepKind::kDispatch || step.once || cost_[s] < kLeast) return false;
    for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) {
      if (launches_[i].threads >= p_.workers) return false;
    }
    for (int32_t b : AccessOf(*p_.flat[s].step).writes) {
      if (p_.buffer(p_.root(b)).kind == BufferKind::kState) return false;
    }
    return true;
  }

  // Is everything that it needs done? Beside `members`, those that may fail have
  // their order all the same.
  bool IsReady(int32_t s, const std::vector<int32_t>& members) const {
    const int32_t before = p_.order.line[s];
    if (before >= 0 && !done_[before] && std::find(members.begin(), members.end(), before) == members.end()) return false;
    for (int32_t k = p_.order.first[s]; k < p_.order.first[s + 1]; ++k) {
      if (!done_[p_.order.before[k]]) return false;
    }
    return true;
  }

  // The shortest that the step can be on many threads.
  int64_t Longest(int32_t s) const {
    const PreparedStep& step = p_.steps[s];
    int64_t longest = 0;
    for (int32_t i = step.first_phase; i < step.first_phase + step.phases; ++i) {
      longest += cost_[s] / step.phases / std::clamp<int64_t>(launches_[i].tasks, 1, p_.workers);
    }
    return longest;
  }

  void Body(const std::vector<int32_t>& body) {
    for (size_t i = 0; i < body.size(); ++i) {
      const int32_t s = body[i];
      if (done_[s]) continue;
      std::vector<int32_t> members = {s};
      int64_t sum = cost_[s], longest = Longest(s);
      if (IsNarrow(s)) {
        for (size_t k = i + 1; k < std::min(body.size(), i + 1 + kAhead) && members.size() < most_; ++k) {
          const int32_t other = body[k];
          if (done_[other] || !IsNarrow(other) || !IsReady(other, members)) continue;
          members.push_back(other);
          sum += cost_[other];
          longest = std::max(longest, Longest(other));
        }
      }
      for (int32_t member : members) done_[member] = true;
      if (members.size() < 2) continue;
      const int64_t together = std::max(longest, sum / p_.workers);
      if (sum >= kWorthWaking && sum - together >= kWorthWaking / 2) {
        Add(members, sum);
        continue;
      }
      for (size_t k = 1; k < members.size(); ++k) done_[members[k]] = false;
    }
  }

  void Add(const std::vector<int32_t>& members, int64_t sum) {
    if (found_ == nullptr) {
      found_ = std::make_unique<SideBySide>();
      found_->of_step.assign(p_.steps.size(), SideBySide::kAlone);
      for (int32_t s = 0; s < static_cast<int32_t>(p_.steps.size()); ++s) found_->runs_at.push_back(s);
      found_->errors.assign(p_.steps.size(), 0);
    }
    SideBySide::Group group;
    group.steps = members;
    int32_t rounds = 0, error_sets = 0;
    for (int32_t member : members) {
      if (p_.steps[member].fallible) found_->errors[member] = error_sets++;
    }
    group.fallible = error_sets > 0;
    found_->error_sets = std::max(found_->error_sets, error_sets);
    for (size_t m = 0; m < members.size(); ++m) {
      found_->of_step[members[m]] = m == 0 ? static_cast<int32_t>(found_->groups.size()) : SideBySide::kMovedUp;
      found_->runs_at[members[m]] = members[0];
      rounds = std::max(rounds, p_.steps[members[m]].phases);
    }
    for (int32_t r = 0; r < rounds; ++r) group.rounds.push_back(OneRound(members, r, sum / rounds));
    found_->most_members = std::max(found_->most_members, static_cast<int32_t>(members.size()));
    found_->groups.push_back(std::move(group));
  }

  SideBySide::Round OneRound(const std::vector<int32_t>& members, int32_t r, int64_t sum) {
    struct Costly {
      SideBySide::Piece piece;
      int64_t cost;
    };
    std::vector<Costly> pieces;
    for (size_t m = 0; m < members.size(); ++m) {
      const PreparedStep& step = p_.steps[members[m]];
      if (r >= step.phases) continue;
      const Launch& launch = launches_[step.first_phase + r];
      if (launch.tasks <= 0) continue;
      const int64_t cost = cost_[members[m]] / step.phases;
      // Some more pieces than threads, so that all end at about the same time.
      const int64_t share = std::max<int64_t>(kPiece, sum / (4 * p_.workers));
      int64_t count = std::clamp<int64_t>((cost + share - 1) / share, 1, launch.tasks);
      // Each piece of a scatter looks at all updates: no more than alone.
      if (step.scatter >= 0) count = std::clamp<int64_t>(launch.threads, 1, count);
      for (int64_t k = 0; k < count; ++k) {
        const int64_t begin = launch.tasks * k / count, end = launch.tasks * (k + 1) / count;
        pieces.push_back({{step.first_phase + r, static_cast<int32_t>(m), begin, end}, cost / count});
      }
    }
    std::stable_sort(pieces.begin(), pieces.end(), [](const Costly& a, const Costly& b) { return a.cost > b.cost; });
    SideBySide::Round round;
    round.first = static_cast<int32_t>(found_->pieces.size());
    round.pieces = static_cast<int32_t>(pieces.size());
    round.threads = static_cast<int>(std::clamp<int64_t>(round.pieces, 1, p_.workers));
    for (const Costly& piece : pieces) found_->pieces.push_back(piece.piece);
    return round;
  }

  const PreparedProgram& p_;
  absl::Span<const int64_t> cost_;
  absl::Span<const Launch> launches_;
  const size_t most_;       // members of a group
  std::vector<bool> done_;  // where the walk is
  std::unique_ptr<SideBySide> found_;
};

}  // namespace

StepOrder FindOrder(const PreparedProgram& p) { return OrderFinder(p).Run(); }

std::unique_ptr<const SideBySide> FindGroups(const PreparedProgram& p, absl::Span<const int64_t> cost, absl::Span<const Launch> launches,
                                             int32_t most_members) {
  // What a bind step settles changes launches in the middle of a call.
  if (p.workers < 2 || !p.binds.empty()) return nullptr;
  return GroupFinder(p, cost, launches, most_members).Run();
}

}  // namespace oriel
