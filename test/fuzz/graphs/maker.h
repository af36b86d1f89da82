// File: maker.h
//
// Maker: a random graph in the making. It holds the values made so far that a
// step may use; steps (steps.h) pick operands from it and add what they make.
//
// Every choice depends on the seed, on dims and on their concrete extents alone,
// so that a seed gives one graph whatever is looked at.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_MAKER_H_
#define ORIEL_TEST_FUZZ_GRAPHS_MAKER_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "oriel/oriel.h"
#include "oriel/random.h"
#include "test/fuzz/graphs/random.h"

namespace oriel::fuzz {

struct Item {
  Value value;
  // Is it computed by ops that are correctly rounded everywhere? Only such values
  // decide what is computed: indices, trip counts, conditions of branches.
  bool exact = true;
  double size = 2;  // about log2 of the largest magnitude
  bool used = false;
};

// Looks at a value: gives it back under a tap.
using Look = std::function<Value(const Value& value, uint64_t random)>;

class Maker {
 public:
  Maker(uint64_t seed, DimBindings extents, int64_t most_elements, Look look);

  Random& random() { return random_; }
  RandomStreams& streams() { return streams_; }

  // ---- sizes ----
  int64_t Extent(const Dim& dim) const;  // in the first call
  // A dim that a run binds, and its most.
  void Know(const std::string& symbol, int64_t most) { extents_[symbol] = most, late_.insert(symbol); }
  // Does one of the dims, from `first` on, depend on such a dim?
  bool IsLate(const Dims& dims, size_t first = 0) const;
  int64_t Elements(const Dims& dims) const;
  // Is a value of this shape small enough, and every extent >= 0?
  bool Fits(const Dims& dims) const;

  // ---- operands ----
  using Wanted = std::function<bool(const Item&)>;
  // Any value of the pool that is wanted; nullptr when there is none.
  Item* Pick(const Wanted& wanted = {});
  Item* PickFloat();
  Item* PickInteger();  // signed or unsigned, no bool
  Item* PickExactInteger();
  // Something that broadcasts with `x` whatever the dims are.
  Item* PickBeside(const Value& x, const Wanted& wanted = {});
  // An int64 scalar or tensor with elements in [0, n) or [-n, n), n's extent
  // being at least one.
  std::optional<Value> Indices(const Dim& n);
  std::optional<Value> IndexScalar(const Dim& n);
  // A bool scalar that rounding does not decide.
  Value Condition();
  // `x` kept small: itself, or what squashes it when its size is above `size`.
  Value Tame(const Item& x, double size);
  // A value of the type of `like` that depends on it and on others of the pool.
  Value Renewed(const Item& like, bool* exact);

  // ---- results ----
  // Takes a value into the pool; looks at it now and then. False (and nothing
  // happens) when it is poisoned or too large.
  bool Add(const Value& value, bool exact, double size);
  bool AddLike(const Value& value, const Item& x) { return Add(value, x.exact, x.size); }
  // A value the function returns and nothing else may use.
  void Return(const Value& value) { returned.push_back(value); }

  // A body: what `fill` sees on top of the pool is gone afterwards.
  void Inside(const std::vector<Item>& items, const std::function<void()>& fill);
  // While it is not 0, and in bodies, values of late dims are not picked: there
  // they may be read at one row alone.
  int no_late = 0;
  // How deep in bodies, and how often the innermost one runs.
  int depth() const { return depth_; }
  int64_t runs = 1;

  std::vector<Item> pool;
  std::vector<Value> returned;
  std::vector<State> states;          // that the graph declares itself
  std::vector<Update> updates;
  // Values looked at outside of bodies, by number of their tap.
  std::map<int, Value> looked;
  int taps = 0;
  // What the graph has: "loop", "until", "branch", ... and how often.
  std::map<std::string, int> features;
  // Poisoned results, by message: a generator that only makes those tests nothing.
  std::map<std::string, int> refused;

 private:
  Random random_;
  RandomStreams streams_;
  DimBindings extents_;
  std::set<std::string> late_;
  int64_t most_elements_;
  Look look_;
  int depth_ = 0;
};

// Do the shapes broadcast together whatever the dims' values?
bool Broadcast(const Dims& a, const Dims& b);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_MAKER_H_
