//===- Index.cpp - Reading and writing at computed indices ----------------===//

#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Index.cpp.inc"

void oriel::ir::registerIndexOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<GatherOp>(*dialect);
  RegisteredOperationName::insert<ScatterOp>(*dialect);
  RegisteredOperationName::insert<CheckIndexOp>(*dialect);
}

namespace {
// The kernel's error record: distinct from memory, so that a check orders only
// with other checks.
struct ErrorRecord : SideEffects::Resource::Base<ErrorRecord> {
  StringRef getName() final { return "oriel.error_record"; }
};
} // namespace

void CheckIndexOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  effects.emplace_back(MemoryEffects::Write::get(), ErrorRecord::get());
}
