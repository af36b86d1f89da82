// File: compose.h
//
// NumPy's functions that are compositions of the ops of value.h, under NumPy's
// (or Theano's) names. All follow NumPy 2: shapes, dtypes, weak scalars; errors
// poison the result, as in value.h.
//
//   Value n = shape_of(x)[0];                     // an int64 scalar
//   Value y = reshape(x, {*AsDim(n), Dim(-1)});   // and back to a Dim
//   Value c = clip(x, 0, 1);
#ifndef ORIEL_COMPOSE_H_
#define ORIEL_COMPOSE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "oriel/value.h"

namespace oriel {

// ---- shapes as values ----
// The shape as an int64 vector. Its elements are dim_value()s again.
Value shape_of(const Operand& x);
// The dim that an integer scalar stands for: a constant, dim_value() and what
// + - * // % maximum minimum make of them. nullopt for a number that is known
// only when it runs, such as an input's value.
std::optional<Dim> AsDim(const Value& scalar);
// The same for each element of an integer vector (a stack of such scalars).
std::optional<Dims> AsDims(const Value& vector);

// start:stop:step clipped to an axis of `extent`, as NumPy does: the elements
// start, start + step, ..., `count` of them. A negative integer counts from the
// end, a symbolic bound from the front.
struct SliceBounds {
  Dim start, count;
};
SliceBounds ClipSlice(const std::optional<Dim>& start, const std::optional<Dim>& stop, int64_t step,
                      const Dim& extent);

// ---- inputs ----
// input() with a symbol of its own for every axis given as -1 ("x_0", "x_1"; a
// second input of that name has "x.2_0"), and, for an empty name, a name of its
// own ("input_1").
Value fresh_input(std::string name, DType dtype, Dims shape, Location at = Location::current());
// Which of `inputs` none of the outputs and updates needs, as indices.
std::vector<size_t> UnusedInputs(absl::Span<const Value> inputs, absl::Span<const Value> outputs);

// ---- sizes that a run finds ----
// x[:count] where `count` is a scalar integer found at run time: its first extent
// is a dim that no input binds. It can be used like any other value; memory is
// planned when the count is known. A count below 0 or above the rows of x is an
// InvalidArgument error of the call, states unchanged. `name`: of the dim, in
// reports.
Value first_rows(const Operand& x, const Operand& count, const std::string& name = "");
// np.nonzero: for each axis the int64 positions of what is not 0, in C order, as
// many as a run finds. Together they index x: gather(x, nonzero(x)).
std::vector<Value> nonzero(const Operand& x);

// ---- making ----
Value zeros(Dims shape, DType dtype = DType::f64, Location at = Location::current());
Value ones(Dims shape, DType dtype = DType::f64, Location at = Location::current());
Value full(Dims shape, const Operand& fill, std::optional<DType> dtype = std::nullopt);
Value zeros_like(const Operand& x, std::optional<DType> dtype = std::nullopt);
Value ones_like(const Operand& x, std::optional<DType> dtype = std::nullopt);
Value full_like(const Operand& x, const Operand& fill, std::optional<DType> dtype = std::nullopt);
// rows x columns, ones where column - row == k.
Value eye(const Dim& rows, const Dim& columns, int64_t k = 0, DType dtype = DType::f64,
          Location at = Location::current());
Value identity_like(const Operand& matrix);
// start, start + step, ...: ceil((stop - start) / step) elements, none when
// negative. step is not 0.
Value arange(const Dim& start, const Dim& stop, int64_t step, DType dtype, Location at = Location::current());
// np.arange of floats; float64 unless `dtype` says else.
Value arange_floats(double start, double stop, double step, DType dtype = DType::f64, Location at = Location::current());

// ---- elementwise ----
Value clip(const Operand& x, const Operand& low, const Operand& high);
Value square(const Operand& x);
Value reciprocal(const Operand& x);
Value isnan(const Operand& x);
Value isinf(const Operand& x);
Value log2(const Operand& x);
Value log10(const Operand& x);
Value exp2(const Operand& x);
Value tan(const Operand& x);
Value sinh(const Operand& x);
Value cosh(const Operand& x);
// log(exp(a) + exp(b)), without overflow.
Value logaddexp(const Operand& a, const Operand& b);

// ---- axes ----
inline constexpr int kNewAxis = -1;  // of dimshuffle
// Axis i of the result is axis order[i] of x, or new with extent 1 (kNewAxis).
// Axes left out must have extent 1.
Value dimshuffle(const Operand& x, const std::vector<int>& order);
// To `rank` axes: the last ones in one, as Theano's flatten.
Value flatten(const Operand& x, int rank = 1);
Value swapaxes(const Operand& x, int a, int b);
Value moveaxis(const Operand& x, int source, int destination);
Value stack(const std::vector<Value>& parts, int axis = 0, Location at = Location::current());
std::vector<Value> split(const Operand& x, const std::vector<Dim>& sizes, int axis = 0);
Value tile(const Operand& x, std::vector<Dim> repeats);
Value repeat(const Operand& x, const Dim& repeats, std::optional<int> axis = std::nullopt);
Value roll(const Operand& x, int64_t shift, std::optional<int> axis = std::nullopt);
// np.take: along an axis, or of the flattened tensor.
Value take(const Operand& x, const Value& indices, std::optional<int> axis = std::nullopt);
Value diagonal(const Operand& matrix, int64_t offset = 0);
// A square matrix with the vector on diagonal k.
Value diag(const Operand& vector, int64_t k = 0);
Value tril(const Operand& x, int64_t k = 0);
Value triu(const Operand& x, int64_t k = 0);

// ---- reductions: empty axes = all ----
// Accumulating in `dtype`, as NumPy's dtype=.
Value sum(const Operand& x, Axes axes, bool keepdims, DType dtype);
Value prod(const Operand& x, Axes axes, bool keepdims, DType dtype);
Value mean(const Operand& x, Axes axes, bool keepdims, DType dtype);
Value variance(const Operand& x, Axes axes = {}, int64_t ddof = 0, bool keepdims = false);
Value standard_deviation(const Operand& x, Axes axes = {}, int64_t ddof = 0, bool keepdims = false);
Value ptp(const Operand& x, Axes axes = {}, bool keepdims = false);
// sum(abs(x) ** order) ** (1 / order); order 1, 2 or infinity (the largest).
Value norm(const Operand& x, double order = 2, Axes axes = {}, bool keepdims = false);
Value trace(const Operand& matrix, int64_t offset = 0);

// ---- contractions ----
Value outer(const Operand& a, const Operand& b);
Value tensordot(const Operand& a, const Operand& b, std::vector<int> axes_a, std::vector<int> axes_b);

}  // namespace oriel

#endif  // ORIEL_COMPOSE_H_
