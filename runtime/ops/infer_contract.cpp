// Inference of contractions.
#include "runtime/ops/infer_internal.h"

namespace oriel::infer {

// np.matmul: a 1-D operand is a row (left) or a column (right) whose axis the
// result lacks. Leading axes are equal already, or one operand is 1-D.
absl::StatusOr<Types> Contract(const Context& c) {
  const TensorType &a = c.operands[0], &b = c.operands[1];
  if (a.dtype != b.dtype) {
    return c.Error("operands must have one element type, got " + std::string(NumpyName(a.dtype)) + " and " +
                   std::string(NumpyName(b.dtype)));
  }
  ORIEL_RETURN_IF_ERROR(CheckDType(c.kind, a.dtype));
  const std::string both = ToString(a.shape) + " and " + ToString(b.shape);
  if (a.rank() == 0 || b.rank() == 0) return c.Error("operands must have at least one axis, got shapes " + both);
  if (a.rank() > 1 && b.rank() > 1 && a.rank() != b.rank()) {
    return c.Error("operands must have equal rank or be vectors, got shapes " + both);
  }
  const Dim& k_left = a.shape.back();
  const Dim& k_right = b.rank() == 1 ? b.shape[0] : b.shape[b.rank() - 2];
  if (!c.Unify(k_left, k_right, "the contracted axes")) {
    return c.Error("the last axis of " + ToString(a.shape) + " is " + k_left.ToString() + ", the " +
                   (b.rank() == 1 ? "only" : "second last") + " axis of " + ToString(b.shape) + " is " +
                   k_right.ToString() + ": they must be equal");
  }
  Dims shape;
  const TensorType& batched = a.rank() >= b.rank() ? a : b;
  for (int axis = 0; axis + 2 < batched.rank(); ++axis) {
    Dim dim = batched.shape[axis];
    if (a.rank() == b.rank()) {
      std::optional<Dim> common = c.Unify(a.shape[axis], b.shape[axis], "batch axis " + std::to_string(axis));
      if (!common) return c.Error("batch axes must be equal, got shapes " + both);
      dim = *common;
    }
    shape.push_back(dim);
  }
  if (a.rank() > 1) shape.push_back(a.shape[a.rank() - 2]);
  if (b.rank() > 1) shape.push_back(b.shape.back());
  return Types{{a.dtype, std::move(shape)}};
}

}  // namespace oriel::infer
