// File: steps.h
//
// Steps: each tries to make one thing from the pool and adds it; a step that
// finds no operands does nothing.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_STEPS_H_
#define ORIEL_TEST_FUZZ_GRAPHS_STEPS_H_

#include "test/fuzz/graphs/maker.h"

namespace oriel::fuzz {

void UnaryStep(Maker& m);
void BinaryStep(Maker& m);
void IntegerStep(Maker& m);
void LogicStep(Maker& m);
void CastStep(Maker& m);
void LeafStep(Maker& m);
void ShapeStep(Maker& m);
void SliceStep(Maker& m);
void JoinStep(Maker& m);
void ReduceStep(Maker& m);
void ContractStep(Maker& m);
void IndexStep(Maker& m);
void SortStep(Maker& m);
// Values with an extent that a run finds.
void LateStep(Maker& m);
void RandomStep(Maker& m);
void LoopStep(Maker& m);
void BranchStep(Maker& m);
// A state is read, or an update of one is stated.
void StateStep(Maker& m);

// One of the above, simple ones more often.
void AnyStep(Maker& m);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_STEPS_H_
