// File: infer.h
//
// InferTypes: the result types of an op, and everything that is wrong with its
// operands. Expressions call it as nodes are made, the dialect's verifiers call
// it on IR, the evaluator on concrete shapes: one function, the same messages.
//
//   std::vector<DimRequirement> needs;
//   InferTypes(OpKind::kAdd, {}, {{DType::f32, {n, 4}}, {DType::f32, {m, 4}}}, &needs)
//     // float32 (n, 4); needs: n == m, "add: axis 0 of the operands"
#ifndef ORIEL_OPS_INFER_H_
#define ORIEL_OPS_INFER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/dim.h"
#include "oriel/dtype.h"
#include "runtime/ops/attrs.h"
#include "runtime/ops/op_table.h"

namespace oriel {

struct TensorType {
  DType dtype = DType::f32;
  Dims shape;

  int rank() const { return static_cast<int>(shape.size()); }
  friend bool operator==(const TensorType& a, const TensorType& b) {
    return a.dtype == b.dtype && a.shape == b.shape;
  }
};

// "float32 (batch, 64)".
std::string ToString(const TensorType& type);

// Two dims that must be equal and could not be proved so; checked at run time.
struct DimRequirement {
  Dim left, right;
  std::string what;  // "add: axis 0 of the operands"
};

// InvalidArgument with the op's name, what was given and what is required.
// Dims that are provably different are an error; dims that cannot be told apart
// are appended to `requirements` (which may be null: then they pass).
//
// Attributes beyond those of op_table.inc, where MLIR keeps them in a type or in
// the symbol table: "dtype" (DType) of cast and iota, "dtype" and "shape" (Dims)
// of state_read and state_update.
absl::StatusOr<std::vector<TensorType>> InferTypes(OpKind kind, const Attrs& attrs,
                                                   absl::Span<const TensorType> operands,
                                                   std::vector<DimRequirement>* requirements);

// What a loop's body is given: the index, a row of each sequence, the carried
// values. `operands`: trips, sequences, initial values; the number of sequences
// is that of the attribute `steps`. Requires that every row lies in its array.
absl::StatusOr<std::vector<TensorType>> InferLoopArguments(const Attrs& attrs, absl::Span<const TensorType> operands,
                                                           std::vector<DimRequirement>* requirements);
// The results of a loop whose body yields these: finals, stacks [extent, ...],
// the count. A body must yield the types of the initial values first, and a
// bool scalar last with the attribute `until`.
absl::StatusOr<std::vector<TensorType>> InferLoop(const Attrs& attrs, absl::Span<const TensorType> operands,
                                                  absl::Span<const TensorType> yielded,
                                                  std::vector<DimRequirement>* requirements);

// The results of a branch whose bodies yield these.
absl::StatusOr<std::vector<TensorType>> InferBranch(absl::Span<const TensorType> then_types,
                                                    absl::Span<const TensorType> else_types,
                                                    std::vector<DimRequirement>* requirements);

// What can be told about a - b without knowing the symbols.
enum class DimOrder { kLess, kEqual, kGreater, kUnknown };
DimOrder CompareDims(const Dim& a, const Dim& b);

// Is a <= b whatever the symbols (extents, so never negative) are? False means
// that it could not be proved.
bool ProvablyAtMost(const Dim& a, const Dim& b);

// The extent of a normalised slice, ceil((limit - start) / step), in a form that
// makes equal slices equal: what clipping leaves of x[1:] and of x[:-1] is
// max(n-1, 0) for both.
Dim SliceExtent(const Dim& start, const Dim& limit, int64_t step);

}  // namespace oriel

#endif  // ORIEL_OPS_INFER_H_
