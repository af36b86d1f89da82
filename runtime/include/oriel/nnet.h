// File: nnet.h
//
// Functions of neural networks, as compositions (Theano's tensor.nnet). softmax,
// log_softmax and relu are in value.h.
#ifndef ORIEL_NNET_H_
#define ORIEL_NNET_H_

#include "oriel/value.h"

namespace oriel {

// log(1 + exp(x)), without overflow.
Value softplus(const Operand& x);
// x / (1 + abs(x)).
Value softsign(const Operand& x);
// clip(0.2 * x + 0.5, 0, 1).
Value hard_sigmoid(const Operand& x);
// x where positive, else slope * x.
Value leaky_relu(const Operand& x, const Operand& slope);
// x where positive, else alpha * (exp(x) - 1).
Value elu(const Operand& x, const Operand& alpha);

// Per row of `predicted` (probabilities along the last axis): with integer
// `target` of one axis less, -log of the target's probability; with `target` of
// the same rank, -sum(target * log(predicted)).
Value categorical_crossentropy(const Operand& predicted, const Operand& target);
// Elementwise -(target * log(predicted) + (1 - target) * log(1 - predicted)).
Value binary_crossentropy(const Operand& predicted, const Operand& target);
// The same of predicted = sigmoid(x), without overflow.
Value sigmoid_binary_crossentropy(const Operand& x, const Operand& target);

}  // namespace oriel

#endif  // ORIEL_NNET_H_
