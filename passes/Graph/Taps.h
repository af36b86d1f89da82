//===- Taps.h - What the two fates of a tap share ---------------*- C++ -*-===//
#ifndef PASSES_GRAPH_TAPS_H
#define PASSES_GRAPH_TAPS_H

#include "dialect/Graph/NodeId.h"
#include "dialect/Graph/OrielOps.h"

namespace oriel {

/// The node whose value this is. Arguments of a body have that of the op that
/// runs it.
NodeId nodeOfValue(mlir::Value value);

/// Replaces a tap by its operand. The name a user gave the tap is the operand's
/// when that has none.
void dropTap(ir::TapOp tap, NodeTable &table);

} // namespace oriel

#endif // PASSES_GRAPH_TAPS_H
