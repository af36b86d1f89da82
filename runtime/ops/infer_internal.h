// File: infer_internal.h
//
// What the files of inference share.
#ifndef ORIEL_OPS_INFER_INTERNAL_H_
#define ORIEL_OPS_INFER_INTERNAL_H_

#include <string>
#include <vector>

#include "runtime/core/status.h"
#include "runtime/ops/infer.h"

namespace oriel::infer {

using Types = std::vector<TensorType>;

struct Context {
  OpKind kind;
  const Attrs& attrs;
  absl::Span<const TensorType> operands;
  std::vector<DimRequirement>* requirements;

  const std::string& op() const { return GetOpInfo(kind).mnemonic; }
  // InvalidArgument "add: <message>".
  absl::Status Error(const std::string& message) const;
  // An attribute, or an error that names op and attribute.
  template <typename T>
  absl::StatusOr<T> Attr(std::string_view name) const {
    absl::StatusOr<T> value = attrs.Require<T>(name);
    if (!value.ok()) return Error(std::string(value.status().message()));
    return value;
  }
  // The dim that both are: the static one if one is, else `a`. Unknown equality
  // becomes a requirement called `what`; provably different is nullopt.
  std::optional<Dim> Unify(const Dim& a, const Dim& b, const std::string& what) const;
  // left <= right, as a requirement when it is unknown; false: provably not.
  bool RequireAtMost(const Dim& left, const Dim& right, const std::string& what) const;
  // An axis attribute that must already lie in [0, rank).
  absl::StatusOr<int64_t> Axis(std::string_view name, int rank) const;
  // Sorted, distinct axes in [0, rank).
  absl::Status CheckAxes(const std::vector<int64_t>& axes, int rank, std::string_view name) const;
  absl::Status CheckIndexOperands(size_t first) const;
};

std::string TupleOf(const std::vector<int64_t>& values);
// "an operand", "2 operands".
std::string Count(size_t n, std::string_view noun);

absl::StatusOr<Types> Elementwise(const Context& c);
absl::StatusOr<Types> Leaf(const Context& c);
absl::StatusOr<Types> Shape(const Context& c);
absl::StatusOr<Types> Reduce(const Context& c);
absl::StatusOr<Types> Sort(const Context& c);
absl::StatusOr<Types> Contract(const Context& c);
absl::StatusOr<Types> Index(const Context& c);
absl::StatusOr<Types> Control(const Context& c);

}  // namespace oriel::infer

#endif  // ORIEL_OPS_INFER_INTERNAL_H_
