// File: value.h
//
// Value: an immutable, reference-counted node of an expression graph.
//
//   Value x = input("x", DType::f32, {dyn("batch"), 64});
//   State w = state("w", Tensor::Zeros({64, 10}));
//   Value y = tanh(dot(x, w) + 1.0).named("y");
//
// Inference runs as a node is made. A wrong shape or dtype makes a POISONED
// value: status() says why, with the caller's file:line; everything computed
// from it is poisoned with the same status; compile() returns it. Nothing
// throws. Semantics, broadcasting and promotion are NumPy 2's; C++ arithmetic
// scalars are weak (NEP 50).
//
// Thread-safety: Values are immutable and may be shared between threads.
#ifndef ORIEL_VALUE_H_
#define ORIEL_VALUE_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "oriel/location.h"
#include "oriel/node_table.h"
#include "oriel/tensor.h"

namespace oriel {

// A symbolic dim for input shapes: dyn("batch") is the same symbol wherever it
// is named; sizes of equal name must agree at call.
inline Dim dyn(std::string name) { return Dim::Symbol(std::move(name)); }

namespace graph { struct Node; struct StateCell; }
class State;
struct Operand;

class Value {
 public:
  Value();  // poisoned: "empty Value"

  const absl::Status& status() const;
  bool ok() const { return status().ok(); }

  DType dtype() const;          // f32 when poisoned
  const Dims& shape() const;    // empty when poisoned
  int rank() const { return static_cast<int>(shape().size()); }
  Dim dim(int axis) const;      // negative axes count from the end
  NodeId id() const;            // unique in the process
  const std::string& name() const;
  bool is_input() const;        // made by input()

  // The same node under a (possibly shared) name, seen in every report.
  Value named(std::string name) const;

  // Names the node itself, also where it has been used already: what is printed
  // or compiled from now on shows it, what is compiled keeps what it had. An
  // input is called by it from then on.
  //   Value h = tanh(x), y = sum(h);
  //   h.set_name("h");  // the h in y
  // Of an op with several results (a loop) this result gets it, the op when it
  // has none. May run beside readers of the name. InvalidArgument: an input
  // cannot be without a name; a poisoned value's own status.
  absl::Status set_name(std::string name);

  // The value it has with the test values of its inputs (oriel/test_value.h);
  // it may be asked for in any mode. NotFound: one has none.
  absl::StatusOr<Tensor> test_value() const;
  // Gives an input its test value (a copy). InvalidArgument: not an input, or
  // another dtype, rank or extent. May be set again: what was computed from
  // the old one keeps it.
  absl::Status set_test_value(const Tensor& value) const;

  // x[i], x[slice(1, -1)], x[{all(), i}], x[{arange(n), t}]: NumPy basic and
  // integer-array indexing. Integers and slices first make a view; the integer
  // arrays (consecutive axes) then gather.
  class Index;
  Value operator[](const Index& index) const;
  Value operator[](std::initializer_list<Index> indices) const;
  Value Get(absl::Span<const Index> indices) const;  // the same

  const std::shared_ptr<const graph::Node>& node() const { return node_; }
  int result_index() const { return result_; }
  explicit Value(std::shared_ptr<const graph::Node> node, int result = 0);

 private:
  std::shared_ptr<const graph::Node> node_;
  int result_ = 0;
};

// A named value that outlives calls: a handle, copies share the storage. Reads
// of a State in an expression see the value from before the call.
class State {
 public:
  State() = default;
  const std::string& name() const;
  DType dtype() const;
  Extents shape() const;
  Tensor value() const;                  // a copy; safe beside running calls
  absl::Status set_value(const Tensor& value);  // same dtype and shape
  // Another name, in what is printed, compiled, saved or loaded from now on.
  // InvalidArgument: an empty State.
  absl::Status set_name(std::string name) const;
  uint64_t id() const;
  const std::shared_ptr<graph::StateCell>& cell() const { return cell_; }
  explicit State(std::shared_ptr<graph::StateCell> cell) : cell_(std::move(cell)) {}

 private:
  std::shared_ptr<graph::StateCell> cell_;
};

// What functions take: a Value, a State or a C++ scalar, with the caller's line
// captured where the conversion happens (so operators have it too).
struct Operand {
  Operand(const Value& v, Location at = Location::current());   // NOLINT
  Operand(const State& s, Location at = Location::current());   // NOLINT
  Operand(const Tensor& t, Location at = Location::current());  // NOLINT: a constant
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  Operand(T scalar, Location at = Location::current())          // NOLINT: weak
      : scalar(static_cast<double>(scalar)),
        integer(std::is_integral_v<T> ? static_cast<int64_t>(scalar) : 0),
        weak(std::is_same_v<T, bool> ? WeakKind::kBool
             : std::is_integral_v<T> ? WeakKind::kInt : WeakKind::kFloat),
        location(at) {}

  Value value;              // when not weak
  double scalar = 0;
  int64_t integer = 0;  // of an integral scalar
  std::optional<WeakKind> weak;
  Location location;
};

// One entry of an index: an integer, a slice, "all", a new axis or an integer
// array (Value).
class Value::Index {
 public:
  enum class Kind { kInt, kDim, kSlice, kNewAxis, kArray };
  Index(int i, Location at = Location::current());            // NOLINT
  Index(int64_t i, Location at = Location::current());        // NOLINT
  Index(const Value& array, Location at = Location::current());  // NOLINT
  static Index Slice(std::optional<Dim> start, std::optional<Dim> stop,
                     int64_t step = 1, Location at = Location::current());
  static Index NewAxis(Location at = Location::current());

  Kind kind;
  int64_t integer = 0;
  std::optional<Dim> start, stop;
  int64_t step = 1;
  Value array;
  Location location;
};
inline Value::Index all(Location at = Location::current()) {
  return Value::Index::Slice(std::nullopt, std::nullopt, 1, at);
}
inline Value::Index slice(std::optional<Dim> start, std::optional<Dim> stop,
                          int64_t step = 1, Location at = Location::current()) {
  return Value::Index::Slice(std::move(start), std::move(stop), step, at);
}

// ---- leaves ----
Value input(std::string name, DType dtype, Dims shape, Location at = Location::current());
State state(std::string name, const Tensor& initial, Location at = Location::current());
Value constant(const Tensor& value, Location at = Location::current());
Value scalar(double value, DType dtype, Location at = Location::current());
Value iota(Dims shape, int axis, DType dtype, Location at = Location::current());
Value arange(const Dim& n, DType dtype = DType::i64, Location at = Location::current());
// The size of a dim expression as a scalar int64.
Value dim_value(const Dim& dim, Location at = Location::current());

// ---- elementwise ----
#define ORIEL_UNARY(f) Value f(const Operand& x)
ORIEL_UNARY(neg); ORIEL_UNARY(abs); ORIEL_UNARY(sign); ORIEL_UNARY(exp);
ORIEL_UNARY(expm1); ORIEL_UNARY(log); ORIEL_UNARY(log1p); ORIEL_UNARY(sqrt);
ORIEL_UNARY(rsqrt); ORIEL_UNARY(tanh); ORIEL_UNARY(sigmoid); ORIEL_UNARY(erf);
ORIEL_UNARY(sin); ORIEL_UNARY(cos); ORIEL_UNARY(floor); ORIEL_UNARY(ceil);
ORIEL_UNARY(round);  // half to even
ORIEL_UNARY(logical_not);
#undef ORIEL_UNARY
#define ORIEL_BINARY(f) Value f(const Operand& a, const Operand& b)
ORIEL_BINARY(add); ORIEL_BINARY(sub); ORIEL_BINARY(mul); ORIEL_BINARY(div);
ORIEL_BINARY(floor_div); ORIEL_BINARY(mod); ORIEL_BINARY(maximum);
ORIEL_BINARY(minimum); ORIEL_BINARY(pow);
ORIEL_BINARY(equal); ORIEL_BINARY(not_equal); ORIEL_BINARY(less);
ORIEL_BINARY(less_equal); ORIEL_BINARY(greater); ORIEL_BINARY(greater_equal);
ORIEL_BINARY(logical_and); ORIEL_BINARY(logical_or); ORIEL_BINARY(logical_xor);
#undef ORIEL_BINARY
Value select(const Operand& condition, const Operand& on_true, const Operand& on_false);
Value cast(const Operand& x, DType dtype);

inline Value operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Value operator-(const Operand& a, const Operand& b) { return sub(a, b); }
inline Value operator*(const Operand& a, const Operand& b) { return mul(a, b); }
inline Value operator/(const Operand& a, const Operand& b) { return div(a, b); }
inline Value operator%(const Operand& a, const Operand& b) { return mod(a, b); }
inline Value operator-(const Operand& a) { return neg(a); }
inline Value operator<(const Operand& a, const Operand& b) { return less(a, b); }
inline Value operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }
inline Value operator>(const Operand& a, const Operand& b) { return greater(a, b); }
inline Value operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }
inline Value operator&(const Operand& a, const Operand& b) { return logical_and(a, b); }
inline Value operator|(const Operand& a, const Operand& b) { return logical_or(a, b); }
inline Value operator!(const Operand& a) { return logical_not(a); }

// ---- shape ----
Value broadcast_to(const Operand& x, Dims shape);
Value reshape(const Operand& x, Dims shape);  // one entry may be -1
Value transpose(const Operand& x, std::vector<int> permutation = {});
Value slice(const Operand& x, std::vector<Dim> starts, std::vector<Dim> stops,
            std::vector<int64_t> steps = {});
// sizes[k] elements of axis k from starts[k] (integer scalars) on; a start
// outside [0, dim - size] is an OutOfRange error at run time, never clamped.
Value dynamic_slice(const Operand& x, std::vector<Value> starts, Dims sizes,
                    Location at = Location::current());
Value concatenate(std::vector<Value> parts, int axis, Location at = Location::current());
Value expand_dims(const Operand& x, int axis);
Value squeeze(const Operand& x, int axis);

// ---- reductions: empty axes = all ----
using Axes = std::vector<int>;
Value sum(const Operand& x, Axes axes = {}, bool keepdims = false);
Value prod(const Operand& x, Axes axes = {}, bool keepdims = false);
Value reduce_max(const Operand& x, Axes axes = {}, bool keepdims = false);
Value reduce_min(const Operand& x, Axes axes = {}, bool keepdims = false);
Value mean(const Operand& x, Axes axes = {}, bool keepdims = false);
Value any(const Operand& x, Axes axes = {}, bool keepdims = false);
Value all_of(const Operand& x, Axes axes = {}, bool keepdims = false);
Value argmax(const Operand& x, std::optional<int> axis = std::nullopt, bool keepdims = false);
Value argmin(const Operand& x, std::optional<int> axis = std::nullopt, bool keepdims = false);

// ---- ordering ----
// np.sort and np.argsort with stable=True: equal elements keep their order, NaN
// is last, -0.0 equals 0.0. Indices are int64; no axis: the flattened tensor's.
// The gradient of a sort goes back to where each element came from.
Value sort(const Operand& x, std::optional<int> axis = -1);
Value argsort(const Operand& x, std::optional<int> axis = -1);
// np.take_along_axis: indices (integers, of x's shape but for that axis) into
// one axis of x.
Value take_along_axis(const Operand& x, const Operand& indices, int axis = -1);

// ---- contractions, indexing ----
Value dot(const Operand& a, const Operand& b);     // np.dot for up to 2-D, else matmul
Value matmul(const Operand& a, const Operand& b);
// np.take for one index array; several arrays index consecutive axes from
// `axis` on. Negative indices count from the end; an index outside its axis is
// an OutOfRange error at run time.
Value gather(const Operand& x, std::vector<Value> indices, int axis = 0,
             Location at = Location::current());
// x with x[..., indices, ...] += / = updates (np.add.at; for set the last of
// equal indices wins).
Value scatter_add(const Operand& x, std::vector<Value> indices, const Value& updates,
                  int axis = 0, Location at = Location::current());
Value scatter_set(const Operand& x, std::vector<Value> indices, const Value& updates,
                  int axis = 0, Location at = Location::current());

// ---- control ----
// carried = initial; for i in [0, trips): carried = body(i, carried).
std::vector<Value> loop(const Operand& trips, std::vector<Value> initial,
                        const std::function<std::vector<Value>(Value i, std::vector<Value> carried)>& body,
                        Location at = Location::current());
std::vector<Value> branch(const Operand& condition,
                          const std::function<std::vector<Value>()>& then_body,
                          const std::function<std::vector<Value>()>& else_body,
                          Location at = Location::current());

// ---- compositions ----
Value softmax(const Operand& x, int axis = -1);
Value log_softmax(const Operand& x, int axis = -1);
Value logsumexp(const Operand& x, Axes axes = {}, bool keepdims = false);
Value relu(const Operand& x);

// Values made while a NameScope lives have its name in their scope ("a/b").
class NameScope {
 public:
  explicit NameScope(std::string name);
  ~NameScope();
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;
};

}  // namespace oriel

#endif  // ORIEL_VALUE_H_
