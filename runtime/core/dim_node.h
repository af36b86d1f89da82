// File: dim_node.h
//
// The tree behind Dim, for code that walks it (evaluation, compilation to
// postfix). Always in normal form:
//
//   constant + sum of coefficient * product of atoms
//
// with terms sorted and distinct, no zero coefficients, atoms of a product
// sorted. An atom is a symbol or a function of Dims. Trees are bounded in depth
// and size; what would exceed the bounds becomes the symbol kTooLargeSymbol,
// which nothing binds, so that it is an error when evaluated.
#ifndef ORIEL_CORE_DIM_NODE_H_
#define ORIEL_CORE_DIM_NODE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "oriel/dim.h"

namespace oriel {

inline constexpr int kMaxDimDepth = 64;
inline constexpr int64_t kMaxDimSize = int64_t{1} << 18;  // nodes, counted as a tree
inline constexpr char kTooLargeSymbol[] = "$dim_too_large";

struct DimAtom {
  enum class Kind : uint8_t {
    kSymbol = 0,
    kFloorDiv,  // of args[0], args[1]
    kCeilDiv,
    kMod,
    kMin,  // of two or more args, sorted
    kMax,
    // A sum or product of two Dims that the normal form cannot hold: its
    // constants overflow, or it would expand to too many terms.
    kOpaqueAdd,
    kOpaqueMul,
    kCeilSqrt,  // of args[0]
  };
  Kind kind = Kind::kSymbol;
  std::string symbol;
  std::vector<Dim> args;
};

struct DimTerm {
  int64_t coefficient = 1;
  std::vector<std::shared_ptr<const DimAtom>> factors;  // at least one
};

struct Dim::Node {
  int64_t constant = 0;
  std::vector<DimTerm> terms;
  int depth = 0;     // nesting of functions
  int64_t size = 1;  // nodes of the tree
};

// See Dim::CeilSqrt.
int64_t CeilSqrtValue(int64_t a);

// Combines many Dims as a balanced tree, so that long lists cost n log n.
// `dims` must not be empty.
template <typename Combine>
Dim CombineDims(std::vector<Dim> dims, Combine combine) {
  while (dims.size() > 1) {
    size_t out = 0;
    for (size_t i = 0; i + 1 < dims.size(); i += 2) dims[out++] = combine(dims[i], dims[i + 1]);
    if (dims.size() % 2 == 1) dims[out++] = dims.back();
    dims.resize(out);
  }
  return dims[0];
}

}  // namespace oriel

#endif  // ORIEL_CORE_DIM_NODE_H_
