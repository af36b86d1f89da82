// Reductions and contractions of oriel.tensor.
#include <nanobind/stl/optional.h>

#include "arrays.h"
#include "oriel/compose.h"
#include "status.h"
#include "variable.h"

namespace oriel::python {
namespace {

using ReduceFn = Value (*)(const Operand&, Axes, bool);
using TypedReduceFn = Value (*)(const Operand&, Axes, bool, DType);
using ArgFn = Value (*)(const Operand&, std::optional<int>, bool);

Operand Of(nb::handle x) { return ToOperand(x, Caller()); }
int RankOf(const Operand& x) { return x.weak ? 0 : x.value.rank(); }

void Reduce(nb::module_& m, VariableClass& c, const char* name, ReduceFn fn, const char* doc) {
  DefBoth(
      m, c, name,
      [fn](nb::handle x, nb::handle axis, bool keepdims) {
        const Operand operand = Of(x);
        return Wrap(fn(operand, ToAxes(axis, RankOf(operand)), keepdims));
      },
      nb::arg("x"), nb::arg("axis") = nb::none(), nb::arg("keepdims") = false, doc);
}

void TypedReduce(nb::module_& m, VariableClass& c, const char* name, ReduceFn fn, TypedReduceFn typed, const char* doc) {
  DefBoth(
      m, c, name,
      [fn, typed](nb::handle x, nb::handle axis, nb::handle dtype, bool keepdims) {
        const Operand operand = Of(x);
        const Axes axes = ToAxes(axis, RankOf(operand));
        if (dtype.is_none()) return Wrap(fn(operand, axes, keepdims));
        return Wrap(typed(operand, axes, keepdims, ToDType(dtype)));
      },
      nb::arg("x"), nb::arg("axis") = nb::none(), nb::arg("dtype") = nb::none(), nb::arg("keepdims") = false, doc);
}

void ArgReduce(nb::module_& m, VariableClass& c, const char* name, ArgFn fn, const char* doc) {
  DefBoth(
      m, c, name,
      [fn](nb::handle x, nb::handle axis, bool keepdims) { return Wrap(fn(Of(x), ToAxis(axis), keepdims)); },
      nb::arg("x"), nb::arg("axis") = nb::none(), nb::arg("keepdims") = false, doc);
}

using SortFn = Value (*)(const Operand&, std::optional<int>);

// Every kind is the stable one, which has what each of them promises.
void Sort(nb::module_& m, VariableClass& c, const char* name, SortFn fn, const char* doc) {
  DefBoth(
      m, c, name,
      [fn, name](nb::handle x, nb::handle axis, nb::handle kind, nb::handle order, nb::handle stable) {
        const std::string of(name);
        if (!kind.is_none()) {
          const std::string text = nb::cast<std::string>(nb::str(kind));
          if (text != "quicksort" && text != "mergesort" && text != "heapsort" && text != "stable") {
            Check(absl::InvalidArgumentError(of + ": kind '" + text + "' is unknown, required quicksort, mergesort, heapsort or stable"));
          }
          if (!stable.is_none()) Check(absl::InvalidArgumentError(of + ": kind and stable cannot both be given"));
        }
        if (!order.is_none()) Check(absl::InvalidArgumentError(of + ": order is of arrays with fields, which there are not"));
        return Wrap(fn(Of(x), ToAxis(axis)));
      },
      nb::arg("x"), nb::arg("axis").none() = -1, nb::arg("kind") = nb::none(), nb::arg("order") = nb::none(),
      nb::arg("stable") = nb::none(), doc);
}

void Contract(nb::module_& m, const char* name, Value (*fn)(const Operand&, const Operand&), const char* doc) {
  m.def(
      name,
      [fn](nb::handle a, nb::handle b) {
        const Location at = Caller();
        return Wrap(fn(ToOperand(a, at), ToOperand(b, at)));
      },
      nb::arg("a"), nb::arg("b"), doc);
}

}  // namespace

void BindReductions(nb::module_& m, VariableClass& c) {
  TypedReduce(m, c, "sum", &sum, &sum, "numpy.sum. dtype: what to accumulate in (integers: int64 or uint64).");
  TypedReduce(m, c, "prod", &prod, &prod, "numpy.prod. dtype: what to accumulate in (integers: int64 or uint64).");
  TypedReduce(m, c, "mean", &mean, &mean, "numpy.mean. dtype: what to accumulate in (integers: float64).");
  Reduce(m, c, "max", &reduce_max, "numpy.max.");
  Reduce(m, c, "min", &reduce_min, "numpy.min.");
  Reduce(m, c, "any", &any, "numpy.any.");
  Reduce(m, c, "all", &all_of, "numpy.all.");
  Reduce(m, c, "ptp", &ptp, "numpy.ptp: the largest less the smallest.");
  Reduce(m, c, "logsumexp", &logsumexp, "log(sum(exp(x))), without overflow.");
  ArgReduce(m, c, "argmax", &argmax, "numpy.argmax.");
  ArgReduce(m, c, "argmin", &argmin, "numpy.argmin.");
  Sort(m, c, "sort", &sort,
       "numpy.sort: from the smallest up, NaN last; equal elements keep their order, whatever the kind. axis=None: of\n"
       "the flattened tensor.");
  Sort(m, c, "argsort", &argsort, "numpy.argsort: where the elements of sort come from, as int64.");
  DefBoth(
      m, c, "max_and_argmax",
      [](nb::handle x, nb::handle axis, bool keepdims) {
        const Operand operand = Of(x);
        return nb::make_tuple(Wrap(reduce_max(operand, ToAxes(axis, RankOf(operand)), keepdims)),
                              Wrap(argmax(operand, ToAxis(axis), keepdims)));
      },
      nb::arg("x"), nb::arg("axis") = nb::none(), nb::arg("keepdims") = false, "The pair (max, argmax).");
  DefBoth(
      m, c, "var",
      [](nb::handle x, nb::handle axis, int64_t ddof, bool keepdims) {
        const Operand operand = Of(x);
        return Wrap(variance(operand, ToAxes(axis, RankOf(operand)), ddof, keepdims));
      },
      nb::arg("x"), nb::arg("axis") = nb::none(), nb::arg("ddof") = 0, nb::arg("keepdims") = false, "numpy.var.");
  DefBoth(
      m, c, "std",
      [](nb::handle x, nb::handle axis, int64_t ddof, bool keepdims) {
        const Operand operand = Of(x);
        return Wrap(standard_deviation(operand, ToAxes(axis, RankOf(operand)), ddof, keepdims));
      },
      nb::arg("x"), nb::arg("axis") = nb::none(), nb::arg("ddof") = 0, nb::arg("keepdims") = false, "numpy.std.");
  DefBoth(
      m, c, "norm",
      [](nb::handle x, double ord, nb::handle axis, bool keepdims) {
        const Operand operand = Of(x);
        return Wrap(norm(operand, ord, ToAxes(axis, RankOf(operand)), keepdims));
      },
      nb::arg("x"), nb::arg("ord") = 2.0, nb::arg("axis") = nb::none(), nb::arg("keepdims") = false,
      "The norm of the elements along the axes: order 1, 2 or infinity.");
  DefBoth(
      m, c, "trace", [](nb::handle x, int64_t offset) { return Wrap(trace(Of(x), offset)); }, nb::arg("x"),
      nb::arg("offset") = 0, "numpy.trace of a matrix.");
  Contract(m, "dot", &dot, "numpy.dot; tensors of more than two axes as numpy.matmul.");
  c.def(
      "dot",
      [](nb::handle a, nb::handle b) {
        const Location at = Caller();
        return Wrap(dot(ToOperand(a, at), ToOperand(b, at)));
      },
      nb::arg("b"), "numpy.dot; tensors of more than two axes as numpy.matmul.");
  Contract(m, "matmul", &matmul, "numpy.matmul.");
  Contract(m, "batched_dot", &matmul, "Matrix products over equal first axes, as numpy.matmul.");
  Contract(m, "outer", &outer, "numpy.outer.");
  m.def(
      "tensordot",
      [](nb::handle a, nb::handle b, nb::handle axes) {
        const Location at = Caller();
        const Operand x = ToOperand(a, at), y = ToOperand(b, at);
        std::vector<int> of_a, of_b;
        if (PyLong_Check(axes.ptr())) {
          const int n = ToInts(axes)[0];
          for (int i = 0; i < n; ++i) {
            of_a.push_back(RankOf(x) - n + i);
            of_b.push_back(i);
          }
        } else {
          if (nb::len(axes) != 2) throw nb::value_error("tensordot: axes is an integer or a pair of sequences");
          of_a = ToInts(axes[0]);
          of_b = ToInts(axes[1]);
        }
        return Wrap(tensordot(x, y, of_a, of_b));
      },
      nb::arg("a"), nb::arg("b"), nb::arg("axes") = 2, "numpy.tensordot.");
}

}  // namespace oriel::python
