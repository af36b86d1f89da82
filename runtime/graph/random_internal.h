// File: random_internal.h
//
// What the files of random draws share. Internal.
#ifndef ORIEL_GRAPH_RANDOM_INTERNAL_H_
#define ORIEL_GRAPH_RANDOM_INTERNAL_H_

#include <string>
#include <utility>
#include <vector>

#include "oriel/random.h"
#include "runtime/graph/builder.h"

namespace oriel {

struct RandomStreams::Impl {
  std::string name;
  uint64_t key = 0;
  uint64_t splits = 0;
  std::vector<State> states;
};

namespace graph {

// What draw number `index` of a stream starts with: {its key, 0}.
Tensor DrawState(uint64_t key, uint64_t index);

Value MakeBits(Value key, Value counter, std::vector<ImpliedUpdate> implied, const Location& at);

// What draws compute in: 16-bit floats are rounded at the end.
inline DType Wide(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

// One draw: a state of its own, and the key of this call and iteration. A draw
// takes its place in the stream when it is made: check arguments before.
class Draw {
 public:
  Draw(RandomStreams::Impl* stream, Location at);

  // Fresh bits of that shape; each call of Bits gives others.
  Value Bits(const Dims& shape);
  // The top `bits` bits of each element, as uint64.
  Value Top(const Value& value, int bits) const;
  // In [0, 1), a multiple of 2^-24 or 2^-53.
  Value Unit(const Dims& shape, DType dtype);
  // In (0, 1), symmetric about a half: neither logarithm of it is infinite.
  Value OpenUnit(const Dims& shape, DType dtype);
  // Exponentially distributed, positive and finite; small values, which decide
  // which of many clocks rings first, have all bits of the dtype.
  Value Exponential(const Dims& shape, DType dtype);

 private:
  Value Item(const Value& pair, int64_t i) const;

  Location at_;
  std::pair<State, Value> update_;
  Value key_;
  uint64_t used_ = 0;
};

// The rows, looked at when it runs: each must have `positive` positive entries
// and none that is negative, infinite or NaN.
Value CheckedWeights(const Value& weights, const Dim& positive, const Location& at);

}  // namespace graph
}  // namespace oriel

#endif  // ORIEL_GRAPH_RANDOM_INTERNAL_H_
