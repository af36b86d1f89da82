// Functions of oriel.tensor.nnet.
#include "oriel/nnet.h"

#include "variable.h"

namespace oriel::python {

void BindNnet(nb::module_& m) {
  const auto unary = [&m](const char* name, Value (*fn)(const Operand&), const char* doc) {
    m.def(
        name, [fn](nb::handle x) { return Wrap(fn(ToOperand(x, Caller()))); }, nb::arg("x"), doc);
  };
  const auto binary = [&m](const char* name, Value (*fn)(const Operand&, const Operand&), const char* a, const char* b,
                           const char* doc) {
    m.def(
        name,
        [fn](nb::handle x, nb::handle y) {
          const Location at = Caller();
          return Wrap(fn(ToOperand(x, at), ToOperand(y, at)));
        },
        nb::arg(a), nb::arg(b), doc);
  };
  m.def(
      "softmax", [](nb::handle x, int axis) { return Wrap(softmax(ToOperand(x, Caller()), axis)); }, nb::arg("x"),
      nb::arg("axis") = -1, "exp(x) / sum(exp(x)) along an axis, without overflow.");
  for (const char* name : {"log_softmax", "logsoftmax"}) {  // NumPy's way of writing it, and Theano's
    m.def(
        name, [](nb::handle x, int axis) { return Wrap(log_softmax(ToOperand(x, Caller()), axis)); }, nb::arg("x"),
        nb::arg("axis") = -1, "log(softmax(x)), exact where softmax underflows.");
  }
  m.def(
      "relu",
      [](nb::handle x, nb::handle alpha) {
        const Location at = Caller();
        const Operand operand = ToOperand(x, at);
        if (PyLong_CheckExact(alpha.ptr()) && PyLong_AsLong(alpha.ptr()) == 0) return Wrap(relu(operand));
        return Wrap(leaky_relu(operand, ToOperand(alpha, at)));
      },
      nb::arg("x"), nb::arg("alpha") = 0, "x where positive, else alpha * x.");
  m.def(
      "elu",
      [](nb::handle x, nb::handle alpha) {
        const Location at = Caller();
        return Wrap(elu(ToOperand(x, at), ToOperand(alpha, at)));
      },
      nb::arg("x"), nb::arg("alpha") = 1, "x where positive, else alpha * (exp(x) - 1).");
  unary("sigmoid", &sigmoid, "1 / (1 + exp(-x)).");
  unary("hard_sigmoid", &hard_sigmoid, "clip(0.2 * x + 0.5, 0, 1).");
  unary("softplus", &softplus, "log(1 + exp(x)), without overflow.");
  unary("softsign", &softsign, "x / (1 + abs(x)).");
  binary("categorical_crossentropy", &categorical_crossentropy, "coding_dist", "true_dist",
         "Per row, -log of the probability of the true class: `true_dist` holds classes (integers, one axis less)\n"
         "or distributions (the shape of `coding_dist`).");
  binary("binary_crossentropy", &binary_crossentropy, "output", "target",
         "Elementwise -(target * log(output) + (1 - target) * log(1 - output)).");
  binary("sigmoid_binary_crossentropy", &sigmoid_binary_crossentropy, "output", "target",
         "binary_crossentropy(sigmoid(output), target), without overflow.");
}

}  // namespace oriel::python
