// File: data.h
//
// What inputs and states of random graphs hold.
#ifndef ORIEL_TEST_FUZZ_GRAPHS_DATA_H_
#define ORIEL_TEST_FUZZ_GRAPHS_DATA_H_

#include <string>

#include "oriel/tensor.h"
#include "test/fuzz/graphs/random.h"

namespace oriel::fuzz {

// Normal numbers rounded to sixteenths for floats (so that arithmetic on them
// has ties and stays exact for a while), with zeros of both signs, ones and
// subnormals among them when `special`; small integers around zero, now and then
// one of any size; coin flips.
Tensor Data(Extents shape, DType dtype, uint64_t seed, bool special);

// The same elements in another layout: transposed, reversed or with gaps.
Tensor AsView(const Tensor& tensor, Random* random);

// FNV-1a, to give each name data of its own.
uint64_t HashName(const std::string& name);

}  // namespace oriel::fuzz

#endif  // ORIEL_TEST_FUZZ_GRAPHS_DATA_H_
