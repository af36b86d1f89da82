// RandomStreams: draws as expressions.
#include <nanobind/stl/string.h>

#include "arrays.h"
#include "function.h"
#include "oriel/config.h"
#include "oriel/random.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

// The size of a draw: None is the shape of the parameter it is drawn for.
Dims ToSize(nb::handle size, const Location& at) { return size.is_none() ? Dims() : ToDims(size, at); }

// What there is to choose from, or to put in order: a number of elements, or an
// array with rows.
std::optional<Value> ToRows(nb::handle object, const Location& at) {
  if (PyUnicode_Check(object.ptr())) return std::nullopt;
  const Value value = ToValue(object, at);
  if (value.ok() && value.rank() == 0) return std::nullopt;
  return value;
}

// Theano's ndim repeats how long size is.
void CheckNdim(const char* what, nb::handle ndim, const Dims& size) {
  if (ndim.is_none() || nb::cast<int64_t>(ndim) == static_cast<int64_t>(size.size())) return;
  Check(absl::InvalidArgumentError(std::string(what) + ": ndim is " + nb::cast<std::string>(nb::str(ndim)) + ", but size has " +
                                   std::to_string(size.size()) + " entries"));
}

DType Or(nb::handle dtype, DType otherwise) { return dtype.is_none() ? otherwise : ToDType(dtype); }

}  // namespace

void BindRandom(nb::module_& m) {
  nb::class_<RandomStreams>(
      m, "RandomStreams",
      "Random draws as expressions: new numbers at every call of a function, in every iteration of a scan.\n\n"
      "Counter-based: the same seed gives the same numbers for any number of threads. Draws are floats of\n"
      "config.floatX unless dtype says else.")
      .def(
          "__init__", [](RandomStreams* self, uint64_t seed) { new (self) RandomStreams(seed); },
          nb::arg("seed") = 0, "Streams that start from a seed.")
      .def(
          "uniform",
          [](RandomStreams& r, nb::handle size, nb::handle low, nb::handle high, nb::handle dtype) {
            const Location at = Caller();
            return Wrap(r.uniform(ToSize(size, at), ToOperand(low, at), ToOperand(high, at),
                                  Or(dtype, Config::Get().floatX), at));
          },
          nb::arg("size") = nb::tuple(), nb::arg("low") = 0.0, nb::arg("high") = 1.0, nb::arg("dtype") = nb::none(),
          "In [low, high), never high itself.")
      .def(
          "normal",
          [](RandomStreams& r, nb::handle size, nb::handle avg, nb::handle std, nb::handle dtype) {
            const Location at = Caller();
            return Wrap(r.normal(ToSize(size, at), ToOperand(avg, at), ToOperand(std, at),
                                 Or(dtype, Config::Get().floatX), at));
          },
          nb::arg("size") = nb::tuple(), nb::arg("avg") = 0.0, nb::arg("std") = 1.0, nb::arg("dtype") = nb::none(),
          "Normally distributed.")
      .def(
          "binomial",
          [](RandomStreams& r, nb::handle size, int64_t n, nb::handle p, nb::handle dtype) {
            const Location at = Caller();
            return Wrap(r.binomial(ToSize(size, at), n, ToOperand(p, at), Or(dtype, DType::i64), at));
          },
          nb::arg("size") = nb::tuple(), nb::arg("n") = 1, nb::arg("p") = 0.5, nb::arg("dtype") = nb::none(),
          "Successes in n trials of probability p; int64 unless dtype says else.")
      .def(
          "random_integers",
          [](RandomStreams& r, nb::handle size, int64_t low, int64_t high, nb::handle dtype) {
            const Location at = Caller();
            return Wrap(r.integers(ToSize(size, at), low, high, Or(dtype, DType::i64), at));
          },
          nb::arg("size") = nb::tuple(), nb::arg("low") = 0, nb::arg("high") = 1, nb::arg("dtype") = nb::none(),
          "Integers in [low, high], both included.")
      .def(
          "categorical",
          [](RandomStreams& r, nb::handle pvals, nb::handle dtype) {
            const Location at = Caller();
            return Wrap(r.categorical(ToOperand(pvals, at), Or(dtype, DType::i64), at));
          },
          nb::arg("pvals"), nb::arg("dtype") = nb::none(),
          "An index for each row of probabilities (of any scale); positions of probability 0 are never drawn.")
      .def(
          "multinomial",
          [](RandomStreams& r, nb::handle size, int64_t n, nb::handle pvals, nb::handle dtype) {
            const Location at = Caller();
            if (pvals.is_none()) throw nb::type_error("pvals is missing: the probabilities of each row");
            if (!size.is_none()) {
              Check(absl::UnimplementedError("multinomial: size is that of pvals without its last axis: leave it out"));
            }
            return Wrap(r.multinomial(ToOperand(pvals, at), n, Or(dtype, DType::i64), at));
          },
          nb::arg("size") = nb::none(), nb::arg("n") = 1, nb::arg("pvals") = nb::none(), nb::arg("dtype") = nb::none(),
          "How often each position of a row came up in n draws; for n = 1 one-hot rows.")
      .def(
          "permutation",
          [](RandomStreams& r, nb::handle size, nb::handle n, nb::handle ndim, nb::handle dtype) {
            const Location at = Caller();
            const Dims sizes = ToSize(size, at);
            CheckNdim("permutation", ndim, sizes);
            std::optional<Value> rows = ToRows(n, at);
            if (!rows) return Wrap(r.permutation(ToDim(n, at), sizes, Or(dtype, DType::i64), at));
            if (!size.is_none() || !dtype.is_none()) {
              Check(absl::InvalidArgumentError("permutation: of an array's rows there is one, of the array's dtype: leave size and dtype out"));
            }
            return Wrap(r.permutation(*rows, at));
          },
          nb::arg("size") = nb::none(), nb::arg("n") = 1, nb::arg("ndim") = nb::none(), nb::arg("dtype") = nb::none(),
          "Permutations of 0 to n-1, of shape size + (n,); or, for an array n, its rows in a random order.")
      .def(
          "shuffle_row_elements",
          [](RandomStreams& r, nb::handle input) {
            const Location at = Caller();
            return Wrap(r.shuffle_row_elements(ToValue(input, at), at));
          },
          nb::arg("input"), "The input with the elements of each row (its last axis) in a random order of its own.")
      .def(
          "choice",
          [](RandomStreams& r, nb::handle size, nb::handle a, bool replace, nb::handle p, nb::handle ndim, nb::handle dtype) {
            const Location at = Caller();
            const Dims sizes = ToSize(size, at);
            CheckNdim("choice", ndim, sizes);
            ChoiceOptions options{.replace = replace, .dtype = Or(dtype, DType::i64)};
            if (!p.is_none()) options.weights = ToValue(p, at);
            if (a.is_none()) {
              const bool by_weight = options.weights && options.weights->ok() && options.weights->rank() > 0;
              return Wrap(r.choice(sizes, by_weight ? options.weights->dim(-1) : Dim(2), options, at));
            }
            std::optional<Value> rows = ToRows(a, at);
            if (!rows) return Wrap(r.choice(sizes, ToDim(a, at), options, at));
            if (!dtype.is_none()) {
              Check(absl::InvalidArgumentError("choice: what is chosen from an array has the array's dtype: leave dtype out"));
            }
            return Wrap(r.choice(sizes, *rows, options, at));
          },
          nb::arg("size") = nb::none(), nb::arg("a") = nb::none(), nb::arg("replace") = true, nb::arg("p") = nb::none(),
          nb::arg("ndim") = nb::none(), nb::arg("dtype") = nb::none(),
          "Elements of 0 to a-1, or slices of an array a along its first axis, size of them. p: their weights, of any\n"
          "scale, all equal without it; each row of a matrix p draws for itself. Without replacement no element comes\n"
          "twice. a may be left out: it is as many as there are weights, or 2.")
      .def(
          "multinomial_wo_replacement",
          [](RandomStreams& r, nb::handle size, nb::handle n, nb::handle pvals, nb::handle ndim, nb::handle dtype) {
            const Location at = Caller();
            if (pvals.is_none()) throw nb::type_error("pvals is missing: the probabilities of each row");
            if (!size.is_none()) {
              Check(absl::UnimplementedError("multinomial_wo_replacement: size is that of pvals without its last axis: leave it out"));
            }
            const Dim count = ToDim(n, at);
            CheckNdim("multinomial_wo_replacement", ndim, {count});
            return Wrap(r.multinomial_wo_replacement(ToOperand(pvals, at), count, Or(dtype, DType::i64), at));
          },
          nb::arg("size") = nb::none(), nb::arg("n") = 1, nb::arg("pvals") = nb::none(), nb::arg("ndim") = nb::none(),
          nb::arg("dtype") = nb::none(), "n different positions of each row, drawn by weight.")
      .def(
          "seed", [](RandomStreams& r, uint64_t seed) { Check(r.seed(seed)); }, nb::arg("seed"),
          "Starts all draws anew, as if made from this seed.")
      .def(
          "split", [](RandomStreams& r) { return r.split(); },
          "Streams that are independent of these and of other splits of them.")
      .def(
          "states",
          [](const RandomStreams& r) {
            nb::list list;
            for (const State& state : r.states()) {
              SharedVariable made;
              made.state = state;
              list.append(nb::cast(std::move(made)));
            }
            return list;
          },
          "The shared variables of all draws so far: to save and load.");
}

}  // namespace oriel::python
