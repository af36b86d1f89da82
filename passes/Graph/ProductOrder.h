//===- ProductOrder.h - how a product with a vector is summed ---*- C++ -*-===//
#ifndef PASSES_GRAPH_PRODUCTORDER_H
#define PASSES_GRAPH_PRODUCTORDER_H

#include "llvm/ADT/StringRef.h"

namespace oriel {

/// On a matmul with a vector whose other operand lies along the contracted axis, as
/// oriel-order-products found: it is summed in lanes, not as chains over blocks of k
/// (docs/architecture.md). Part of what the op computes: it goes along with it to
/// the lowered contraction.
inline constexpr llvm::StringLiteral kLanesAttr = "oriel.lanes";

} // namespace oriel

#endif // PASSES_GRAPH_PRODUCTORDER_H
