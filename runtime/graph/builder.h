// File: builder.h
//
// What the builder functions of value.h are made of. Internal.
#ifndef ORIEL_GRAPH_BUILDER_H_
#define ORIEL_GRAPH_BUILDER_H_

#include <optional>
#include <string>
#include <vector>

#include "runtime/graph/node.h"

namespace oriel::graph {

// The status with the caller's "file.cpp:42: " before its message.
Value Poison(const absl::Status& status, const Location& at);
Value PoisonInvalid(const std::string& message, const Location& at);

// A new node of `kind`; infers its types. Poisoned when an operand is, when
// inference refuses, or when an operand was made in a body that has ended.
struct NodeSpec {
  OpKind op;
  Attrs attrs = {};
  std::vector<Value> operands = {};
  std::vector<Region> regions = {};
  std::shared_ptr<StateCell> state = nullptr;
  std::shared_ptr<const WatchCallback> tap = nullptr;
  bool derived = false;
  std::shared_ptr<const PullbackOverride> pullback = nullptr;
  std::vector<ImpliedUpdate> implied = {};
};
Value MakeOp(NodeSpec spec, const Location& at);
// The same with types (and requirements) already known: ops with regions.
Value MakeTyped(NodeSpec spec, std::vector<TensorType> types, std::vector<DimRequirement> requirements,
                const Location& at);
// An input or a region's argument.
Value MakeLeaf(NodeKind kind, std::string name, TensorType type, const Location& at);

// The first poisoned value, if any.
std::optional<Value> FirstPoisoned(absl::Span<const Value> values);

// Marks values made in its lifetime as belonging to a body.
class RegionScope {
 public:
  RegionScope();
  explicit RegionScope(uint64_t id);  // opens a body again
  ~RegionScope();
  RegionScope(const RegionScope&) = delete;
  RegionScope& operator=(const RegionScope&) = delete;
  uint64_t id() const { return id_; }

 private:
  uint64_t id_;
};
// The induction variables of the loops whose bodies are being made, outermost
// first.
std::vector<Value> OpenInductions();
// The innermost body that is open in this thread, 0: none.
uint64_t CurrentRegion();
// The values from outside the region that its results depend on.
std::vector<Value> CapturesOf(const Region& region);

// Values of the same dims under other names ("n" for 5, as a requirement says)
// take the stated ones, so that types agree at a region's border.
void FitShapes(absl::Span<const TensorType> types, std::vector<Value>* values, const Location& at);

// ---- fitting operands ----
Value CastTo(const Value& x, DType dtype, const Location& at, bool derived = true);
Value BroadcastTo(const Value& x, const Dims& shape, const Location& at, bool derived = true);
// A scalar constant of that dtype; `operand` is weak. InvalidArgument for an
// integer that the dtype cannot hold.
Value WeakConstant(const Operand& operand, DType dtype, const Location& at);
// The operand as a Value: a weak scalar becomes int64, float64 or bool.
Value Strong(const Operand& operand);
// NumPy's result type of the operands, weak scalars included.
DType PromotedDType(absl::Span<const Operand* const> operands);
// Under strict_dtypes: a dtype error when the operands are not of one dtype, or a
// weak scalar would make another of it. Nodes that the library makes on behalf of
// others are not the user's to cast: they pass.
absl::Status CheckStrict(absl::Span<const Operand* const> operands, std::string_view op);
// A dim symbol that only a run binds, another for each call: "NAME$17". Texts
// show it without the number where that is unique.
Dim LateDim(const std::string& name);
bool IsLate(std::string_view symbol);
// Gives the node the binders of the late dims in its types and attributes; for a
// rows op notes that it binds its own. InvalidArgument: what binds one is gone.
absl::Status BindLateDims(Node* node);

// The operand cast to `dtype`; weak scalars become constants.
Value Fit(const Operand& operand, DType dtype, const Location& at);
// NumPy's broadcast of two shapes; symbols that differ are taken to be equal
// (a requirement of the op). InvalidArgument when it cannot be.
absl::StatusOr<Dims> BroadcastShapes(const Dims& a, const Dims& b);
// All values broadcast to their common shape.
absl::Status BroadcastTogether(std::vector<Value>* values, const Location& at);
// NumPy's dtype for a float function of an integer or bool.
DType FloatFor(DType dtype);
// Index tensors (int64, of index's shape) of all axes: `index` on `axis`, an
// element's own position on the others.
std::vector<Value> PositionsAlong(const Value& index, size_t axis, const Location& at);
// An axis in [-rank, rank) made non-negative.
absl::StatusOr<int64_t> NormalizeAxis(int64_t axis, int rank, std::string_view op);

}  // namespace oriel::graph

#endif  // ORIEL_GRAPH_BUILDER_H_
