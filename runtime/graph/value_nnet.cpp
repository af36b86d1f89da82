// nnet.h.
#include "oriel/nnet.h"

#include "oriel/compose.h"
#include "runtime/core/status.h"
#include "runtime/graph/builder.h"

namespace oriel {
namespace {

using graph::PoisonInvalid;
using graph::Strong;

}  // namespace

Value softplus(const Operand& x) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  // max(x, 0) + log1p(exp(-abs(x))).
  const Value tail = log1p(in(exp(in(neg(in(abs(x)))))));
  return add(in(maximum(x, Operand(0, x.location))), in(tail));
}

Value softsign(const Operand& x) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  return div(x, in(add(Operand(1, x.location), in(abs(x)))));
}

Value hard_sigmoid(const Operand& x) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  const Value line = add(in(mul(x, Operand(0.2, x.location))), Operand(0.5, x.location));
  return clip(in(line), Operand(0, x.location), Operand(1, x.location));
}

Value leaky_relu(const Operand& x, const Operand& slope) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  return select(in(greater(x, Operand(0, x.location))), x, in(mul(x, slope)));
}

Value elu(const Operand& x, const Operand& alpha) {
  const auto in = [&](const Value& v) { return Operand(v, x.location); };
  // expm1 of what is negative only: no overflow where it is not chosen.
  const Value negative = mul(in(expm1(in(minimum(x, Operand(0, x.location))))), alpha);
  return select(in(greater(x, Operand(0, x.location))), x, in(negative));
}

Value categorical_crossentropy(const Operand& predicted, const Operand& target) {
  const Location& at = predicted.location;
  const auto in = [&](const Value& v) { return Operand(v, at); };
  const Value p = Strong(predicted), t = Strong(target);
  if (!p.ok()) return p;
  if (!t.ok()) return t;
  if (t.rank() == p.rank() && p.rank() > 0) {
    return neg(in(sum(in(mul(in(t), in(log(in(p))))), {-1})));
  }
  if (p.rank() != 2 || t.rank() != 1 || !IsInteger(t.dtype())) {
    return PoisonInvalid("categorical_crossentropy: takes probabilities [n, classes] with integer targets [n], or "
                         "targets of the probabilities' shape; got " + ToString(p.shape()) + " and " +
                             std::string(NumpyName(t.dtype())) + " " + ToString(t.shape()),
                         at);
  }
  const Value row = arange(t.dim(0), DType::i64, at);
  return neg(in(log(in(gather(in(p), {row, t}, 0, at)))));
}

Value binary_crossentropy(const Operand& predicted, const Operand& target) {
  const Location& at = predicted.location;
  const auto in = [&](const Value& v) { return Operand(v, at); };
  const Operand one(1, at);
  const Value hit = mul(target, in(log(predicted)));
  const Value miss = mul(in(sub(one, target)), in(log1p(in(neg(predicted)))));
  return neg(in(add(in(hit), in(miss))));
}

Value sigmoid_binary_crossentropy(const Operand& x, const Operand& target) {
  const Location& at = x.location;
  const auto in = [&](const Value& v) { return Operand(v, at); };
  // -t*log(s(x)) - (1-t)*log(1-s(x)) = softplus(x) - t*x.
  return sub(in(softplus(x)), in(mul(target, x)));
}

}  // namespace oriel
