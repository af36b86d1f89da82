// Inference of what orders elements.
#include "runtime/ops/infer_internal.h"

namespace oriel::infer {

absl::StatusOr<Types> Sort(const Context& c) {
  const TensorType& x = c.operands[0];
  ORIEL_RETURN_IF_ERROR(CheckDType(c.kind, x.dtype));
  ORIEL_RETURN_IF_ERROR(c.Axis("axis", x.rank()).status());
  return Types{{c.kind == OpKind::kArgSort ? DType::i64 : x.dtype, x.shape}};
}

}  // namespace oriel::infer
