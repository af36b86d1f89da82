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
            if (!size.is_none()) {
              Check(absl::UnimplementedError("multinomial: size is that of pvals without its last axis: leave it out"));
            }
            return Wrap(r.multinomial(ToOperand(pvals, at), n, Or(dtype, DType::i64), at));
          },
          nb::arg("size") = nb::none(), nb::arg("n") = 1, nb::arg("pvals"), nb::arg("dtype") = nb::none(),
          "How often each position of a row came up in n draws; for n = 1 one-hot rows.")
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
