// The gradient of a loop: one loop the other way.
#include "runtime/core/status.h"
#include "runtime/graph/scan_internal.h"

namespace oriel::graph {
namespace {

Value Zeros(DType dtype, const Dims& shape, const Location& at) {
  const Value zero = scalar(0, dtype, at);
  return shape.empty() ? zero : BroadcastTo(zero, shape, at);
}
Value ZerosLike(const Value& value, const Location& at) { return Zeros(value.dtype(), value.shape(), at); }

// Puts the rows of `stack` where they were read: row start + step*i of an array
// of `rows` rows, zero elsewhere.
Value SpreadRows(const Value& stack, const Dim& start, int64_t step, const Dim& rows, const Location& at) {
  if (!stack.ok()) return stack;
  const Dim count = stack.shape()[0];
  const auto zeros = [&](const Dim& n) {
    Dims shape = stack.shape();
    shape[0] = n;
    return Zeros(stack.dtype(), shape, at);
  };
  const Dim first = step > 0 ? start : start - count + Dim(1);
  const Dim after = rows - first - count;
  const bool dense = (step == 1 || step == -1) && ProvablyAtMost(Dim(0), first) && ProvablyAtMost(Dim(0), after);
  if (!dense) {
    Value index = iota({count}, 0, DType::i64, at);
    if (step != 1) index = mul(Operand(index, at), Operand(step, at));
    if (start != Dim(0)) index = add(Operand(index, at), Operand(dim_value(start, at), at));
    return scatter_add(Operand(zeros(rows), at), {index}, stack, 0, at);
  }
  std::vector<Value> parts;
  if (first != Dim(0)) parts.push_back(zeros(first));
  parts.push_back(step > 0 ? stack : Operand(stack, at).value[oriel::slice(std::nullopt, std::nullopt, -1, at)]);
  if (after != Dim(0)) parts.push_back(zeros(after));
  return parts.size() == 1 ? parts[0] : concatenate(parts, 0, at);
}

bool RunsExtent(const LoopView& loop, const Dim& extent) {
  const Node& trips = *loop.trips().node();
  return !loop.until() && trips.kind == NodeKind::kOp &&
         (trips.op == OpKind::kDimValue || trips.op == OpKind::kConstant) && ExtentOf(loop) == extent;
}

class Pullback {
 public:
  Pullback(const Node& node, const std::vector<Value>& gradients, const std::vector<bool>& wanted,
           const std::vector<Value>& sums, const PullFn& pull, const Location& at)
      : loop_(node), gradients_(gradients), wanted_(wanted), sums_(sums), pull_(pull), at_(at) {}

  LoopGradients Run() {
    LoopGradients out;
    out.operands.resize(loop_.node().operands.size());
    out.captures.resize(loop_.node().captures.size());
    const SavedLoop saved = SaveCarries(loop_, at_);
    if (saved.results.failed) return Fail(saved.results.error);
    extent_ = *ExtentOf(loop_);
    iterations_ = extent_;
    Value trips = saved.trips;
    if (loop_.truncate_gradient() >= 0) {
      iterations_ = Dim::Min(Dim(loop_.truncate_gradient()), extent_);
      // The last iterations are the highest indices, or the lowest.
      if (RunsExtent(loop_, extent_)) {
        if (!loop_.reverse()) offset_ = ints_.Of(extent_ - iterations_), known_ = extent_ - iterations_;
        all_ = equal(Operand(ints_.Of(iterations_), at_), Operand(ints_.Of(extent_), at_));
        trips = Value();
      } else {
        // The window lies where the run finds it.
        const Value made = ints_.Min(ints_.AtLeastZero(trips), ints_.Of(extent_)), rows = ints_.Of(iterations_);
        trips = ints_.Min(made, rows);
        all_ = less_equal(Operand(made, at_), Operand(rows, at_));
        if (!loop_.reverse()) offset_ = ints_.Sub(made, trips), known_ = std::nullopt;
      }
    }
    LoopSpec spec;
    spec.trips = trips;
    spec.extent = iterations_;
    spec.reverse = !loop_.reverse();
    if (!loop_.node().name.empty()) spec.name = "gradient of " + loop_.node().name;
    for (size_t s = 0; s < loop_.sequences(); ++s) {
      spec.sequences.push_back(InWindow(Sequence(s)));
    }
    for (size_t k = 0; k < loop_.carried(); ++k) {
      spec.sequences.push_back(InWindow({.array = saved.saved[k], .name = loop_.argument(k).name()}));
    }
    for (size_t j = 0; j < loop_.stacks(); ++j) {
      const Value& gradient = gradients_[static_cast<size_t>(loop_.stack_index(j))];
      if (gradient.node() == nullptr) continue;
      stacks_.push_back(j);
      spec.sequences.push_back(InWindow({.array = gradient}));
    }
    for (size_t k = 0; k < loop_.carried(); ++k) {
      if (!IsFloat(loop_.argument(k).dtype())) continue;
      carried_.push_back(k);
      const Value& gradient = gradients_[static_cast<size_t>(loop_.final_index(k))];
      spec.initial.push_back(gradient.node() != nullptr ? gradient : ZerosLike(loop_.argument(k), at_));
    }
    for (size_t c = 0; c < loop_.node().captures.size(); ++c) {
      const Value& capture = loop_.node().captures[c];
      if (!IsFloat(capture.dtype()) || !wanted_[loop_.node().operands.size() + c]) continue;
      captures_.push_back(c);
      spec.initial.push_back(sums_[c].node() != nullptr ? sums_[c] : ZerosLike(capture, at_));
    }
    const LoopResults results = MakeLoop(
        spec,
        [this](const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
          return Body(i, elements, carried);
        },
        at_);
    if (results.failed) return Fail(results.error);

    for (size_t j = 0; j < collected_.size(); ++j) {
      const size_t s = collected_[j];
      const Dim rows = loop_.array(s).shape()[0];
      out.operands[1 + s] = known_ ? SpreadRows(results.stacks[j], loop_.start(s) + Dim(loop_.step(s)) * *known_, loop_.step(s), rows, at_)
                                   : PlaceRows(results.stacks[j], Sequence(s), offset_, ZeroRows(results.stacks[j], rows), at_);
    }
    for (size_t c = 0; c < carried_.size(); ++c) {
      Value gradient = results.finals[c];
      // What lies before the window is taken as constant.
      if (iterations_ != extent_) {
        gradient = select(Operand(all_, at_), Operand(gradient, at_), Operand(ZerosLike(gradient, at_), at_));
      }
      out.operands[1 + loop_.sequences() + carried_[c]] = gradient;
    }
    for (size_t c = 0; c < captures_.size(); ++c) {
      if (reached_[c]) out.captures[captures_[c]] = results.finals[carried_.size() + c];
    }
    return out;
  }

 private:
  LoopSequence Sequence(size_t s) const {
    return {.array = loop_.array(s), .start = loop_.start(s), .step = loop_.step(s), .name = loop_.element(s).name()};
  }
  // The rows that the iterations of the gradient read.
  LoopSequence InWindow(LoopSequence sequence) const {
    if (!known_) return WindowOf(sequence, offset_, iterations_, at_);
    sequence.start = sequence.start + Dim(sequence.step) * *known_;
    return sequence;
  }
  Value ZeroRows(const Value& like, const Dim& rows) const {
    if (!like.ok()) return like;
    Dims shape = like.shape();
    shape[0] = rows;
    return Zeros(like.dtype(), shape, at_);
  }

  LoopGradients Fail(const Value& error) {
    LoopGradients out;
    out.operands.assign(loop_.node().operands.size(), error);
    out.captures.assign(loop_.node().captures.size(), error);
    out.error = error;
    out.failed = true;
    return out;
  }

  // One iteration: the body again from its saved start, and back through it.
  LoopYield Body(const Value& i, const std::vector<Value>& elements, const std::vector<Value>& carried) {
    const size_t sequences = loop_.sequences(), carries = loop_.carried();
    ValueMap map;
    map[KeyOf(loop_.index())] = offset_.node() == nullptr ? i : ints_.Add(i, offset_);
    std::vector<Value> wrt;
    std::vector<size_t> wrt_elements;
    for (size_t s = 0; s < sequences; ++s) {
      map[KeyOf(loop_.element(s))] = elements[s];
      if (!IsFloat(elements[s].dtype()) || !wanted_[1 + s]) continue;
      wrt_elements.push_back(s);
      wrt.push_back(elements[s]);
    }
    for (size_t k = 0; k < carries; ++k) map[KeyOf(loop_.argument(k))] = elements[sequences + k];
    for (size_t k : carried_) wrt.push_back(elements[sequences + k]);
    for (size_t c : captures_) wrt.push_back(loop_.node().captures[c]);

    const std::vector<Value> again = CloneInto(loop_.region(), loop_.region().results, &map, {.rule = "recompute"});
    std::vector<Value> outputs, gradients;
    for (size_t c = 0; c < carried_.size(); ++c) {
      outputs.push_back(again[carried_[c]]);
      gradients.push_back(carried[c]);
    }
    for (size_t j = 0; j < stacks_.size(); ++j) {
      outputs.push_back(again[carries + stacks_[j]]);
      gradients.push_back(elements[sequences + carries + j]);
    }
    std::vector<Value> sums(wrt.size() - captures_.size());
    sums.insert(sums.end(), carried.begin() + static_cast<ptrdiff_t>(carried_.size()), carried.end());
    const std::vector<Value> pulled = pull_(outputs, gradients, wrt, sums);

    LoopYield yield;
    size_t next = 0;
    for (size_t s : wrt_elements) {
      const Value& gradient = pulled[next++];
      if (gradient.node() == nullptr) continue;
      collected_.push_back(s);
      yield.collected.push_back(gradient);
    }
    for (size_t c = 0; c < carried_.size(); ++c) {
      const Value& gradient = pulled[next++];
      yield.carried.push_back(gradient.node() != nullptr ? gradient : ZerosLike(carried[c], at_));
    }
    for (size_t c = 0; c < captures_.size(); ++c) {
      const Value& sum = pulled[next++];
      reached_.push_back(KeyOf(sum) != KeyOf(carried[carried_.size() + c]));
      yield.carried.push_back(sum);
    }
    return yield;
  }

  const LoopView loop_;
  const std::vector<Value>& gradients_;
  const std::vector<bool>& wanted_;
  const std::vector<Value>& sums_;
  const PullFn& pull_;
  const Location& at_;
  const Integers ints_{at_};
  Dim extent_ = 0, iterations_ = 0;
  // Where the window of truncate_gradient begins, as a value (empty: at 0) and
  // as a dim (none: a run finds it); whether it is all iterations.
  Value offset_, all_;
  std::optional<Dim> known_ = Dim(0);
  std::vector<size_t> stacks_, carried_, captures_;  // that have gradients
  std::vector<size_t> collected_;                    // sequences with one
  std::vector<bool> reached_;                        // captures with one
};

}  // namespace

LoopGradients LoopPullback(const Node& node, const std::vector<Value>& gradients, const std::vector<bool>& wanted,
                           const std::vector<Value>& sums, const PullFn& pull, const Location& at) {
  return Pullback(node, gradients, wanted, sums, pull, at).Run();
}

}  // namespace oriel::graph
