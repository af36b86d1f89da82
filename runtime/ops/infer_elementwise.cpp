// Inference of elementwise ops: equal shapes, one element type.
#include "runtime/ops/infer_internal.h"

namespace oriel::infer {
namespace {

// The common shape of operands [first, end), axis by axis.
absl::StatusOr<Dims> EqualShape(const Context& c, size_t first) {
  Dims shape = c.operands[first].shape;
  for (size_t i = first + 1; i < c.operands.size(); ++i) {
    const Dims& other = c.operands[i].shape;
    const std::string both = "operands must have equal shapes, got " + ToString(c.operands[first].shape) + " and " +
                             ToString(other);
    if (other.size() != shape.size()) return c.Error(both);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      std::optional<Dim> dim = c.Unify(shape[axis], other[axis], "axis " + std::to_string(axis) + " of the operands");
      if (!dim) return c.Error(both);
      shape[axis] = *dim;
    }
  }
  return shape;
}

absl::Status EqualDType(const Context& c, size_t first) {
  for (size_t i = first + 1; i < c.operands.size(); ++i) {
    if (c.operands[i].dtype != c.operands[first].dtype) {
      return c.Error("operands must have one element type, got " + std::string(NumpyName(c.operands[first].dtype)) +
                     " and " + std::string(NumpyName(c.operands[i].dtype)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Types> Elementwise(const Context& c) {
  if (c.kind == OpKind::kCast) {
    ORIEL_ASSIGN_OR_RETURN(const DType dtype, c.Attr<DType>("dtype"));
    return Types{{dtype, c.operands[0].shape}};
  }
  if (c.kind == OpKind::kSelect) {
    if (c.operands[0].dtype != DType::boolean) {
      return c.Error("the condition must be bool, got " + std::string(NumpyName(c.operands[0].dtype)));
    }
    ORIEL_RETURN_IF_ERROR(EqualDType(c, 1));
    ORIEL_ASSIGN_OR_RETURN(Dims shape, EqualShape(c, 0));
    return Types{{c.operands[1].dtype, std::move(shape)}};
  }
  ORIEL_RETURN_IF_ERROR(EqualDType(c, 0));
  ORIEL_RETURN_IF_ERROR(CheckDType(c.kind, c.operands[0].dtype));
  ORIEL_ASSIGN_OR_RETURN(Dims shape, EqualShape(c, 0));
  if (c.kind == OpKind::kCompare) {
    ORIEL_ASSIGN_OR_RETURN(const std::string predicate, c.Attr<std::string>("predicate"));
    bool known = false;
    for (std::string_view spelling : EnumSpellings(AttrKind::kPredicate)) known |= spelling == predicate;
    if (!known) return c.Error("unknown predicate '" + predicate + "', expected eq, ne, lt, le, gt or ge");
    return Types{{DType::boolean, std::move(shape)}};
  }
  const bool is_bool = GetOpInfo(c.kind).result == ResultRule::kBool;
  return Types{{is_bool ? DType::boolean : c.operands[0].dtype, std::move(shape)}};
}

absl::StatusOr<Types> Leaf(const Context& c) {
  switch (c.kind) {
    case OpKind::kConstant: {
      ORIEL_ASSIGN_OR_RETURN(const Tensor value, c.Attr<Tensor>("value"));
      return Types{{value.dtype(), Dims(value.shape().begin(), value.shape().end())}};
    }
    case OpKind::kIota: {
      ORIEL_ASSIGN_OR_RETURN(Dims shape, c.Attr<Dims>("shape"));
      ORIEL_ASSIGN_OR_RETURN(const DType dtype, c.Attr<DType>("dtype"));
      ORIEL_RETURN_IF_ERROR(CheckDType(c.kind, dtype));
      ORIEL_RETURN_IF_ERROR(c.Axis("axis", static_cast<int>(shape.size())).status());
      for (const Dim& dim : shape) {
        if (dim.is_static() && dim.value() < 0) return c.Error("shape " + ToString(shape) + " has a negative extent");
      }
      return Types{{dtype, std::move(shape)}};
    }
    case OpKind::kDimValue: {
      ORIEL_ASSIGN_OR_RETURN(const Dims dim, c.Attr<Dims>("dim"));
      if (dim.size() != 1) return c.Error("takes one dim, got " + ToString(dim));
      return Types{{DType::i64, {}}};
    }
    default:
      break;
  }
  // state_read and state_update: the declared type of the state.
  ORIEL_ASSIGN_OR_RETURN(const DType dtype, c.Attr<DType>("dtype"));
  ORIEL_ASSIGN_OR_RETURN(Dims shape, c.Attr<Dims>("shape"));
  TensorType declared{dtype, std::move(shape)};
  if (c.kind == OpKind::kStateRead) return Types{std::move(declared)};
  const TensorType& given = c.operands[0];
  const std::string both = "the new value is " + ToString(given) + ", the state is " + ToString(declared);
  if (given.dtype != declared.dtype || given.rank() != declared.rank()) return c.Error(both);
  for (int axis = 0; axis < given.rank(); ++axis) {
    if (!c.Unify(given.shape[axis], declared.shape[axis], "axis " + std::to_string(axis) + " of the new value")) {
      return c.Error(both);
    }
  }
  return Types{};
}

}  // namespace oriel::infer
