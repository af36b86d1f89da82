// The training step of a perceptron 64-128-128-10: cross-entropy, momentum.
#ifndef ORIEL_BENCHMARKS_TRAINING_H_
#define ORIEL_BENCHMARKS_TRAINING_H_

#include "oriel/oriel.h"

namespace oriel::bench {

// Images (batch, 64) f32 and labels (batch) i64 to the cost; its states are its own.
Function PerceptronStep(CompileOptions options);

}  // namespace oriel::bench

#endif  // ORIEL_BENCHMARKS_TRAINING_H_
