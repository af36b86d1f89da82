// Which pullback an op has, and what they are written with.
#include <array>

#include "runtime/graph/pullback.h"

namespace oriel::graph {
namespace {

constexpr char kIndexResult[] = "its result is an index";
constexpr char kBoolResult[] = "its result is a bool";
constexpr char kNoOperands[] = "it has no operands that a gradient could go to";
constexpr char kCompilerOnly[] = "only the compiler makes it";

PullbackRule RuleOf(OpKind op) {
  const auto pull = [](void (*f)(Pullback&)) { return PullbackRule{.pull = f}; };
  const auto none = [](const char* reason) { return PullbackRule{.reason = reason}; };
  const PullbackRule zero{.is_zero = true};
  // Every op is listed: the compiler warns of a new one.
  switch (op) {
    case OpKind::kConstant:
    case OpKind::kIota:
    case OpKind::kState:
    case OpKind::kStateRead:
    case OpKind::kDimValue:
      return none(kNoOperands);
    case OpKind::kStateUpdate:
    case OpKind::kYield:
      return none("it has no result");
    case OpKind::kNeg:
      return pull(pullback::Neg);
    case OpKind::kAbs:
      return pull(pullback::Abs);
    case OpKind::kExp:
      return pull(pullback::Exp);
    case OpKind::kExpm1:
      return pull(pullback::Expm1);
    case OpKind::kLog:
      return pull(pullback::Log);
    case OpKind::kLog1p:
      return pull(pullback::Log1p);
    case OpKind::kSqrt:
      return pull(pullback::Sqrt);
    case OpKind::kRsqrt:
      return pull(pullback::Rsqrt);
    case OpKind::kTanh:
      return pull(pullback::Tanh);
    case OpKind::kSigmoid:
      return pull(pullback::Sigmoid);
    case OpKind::kErf:
      return pull(pullback::Erf);
    case OpKind::kSin:
      return pull(pullback::Sin);
    case OpKind::kCos:
      return pull(pullback::Cos);
    case OpKind::kSign:
    case OpKind::kFloor:
    case OpKind::kCeil:
    case OpKind::kRound:
    case OpKind::kFloorDiv:
      return zero;
    case OpKind::kAdd:
      return pull(pullback::Add);
    case OpKind::kSub:
      return pull(pullback::Sub);
    case OpKind::kMul:
      return pull(pullback::Mul);
    case OpKind::kDiv:
      return pull(pullback::Div);
    case OpKind::kMod:
      return pull(pullback::Mod);
    case OpKind::kMaximum:
      return pull(pullback::Maximum);
    case OpKind::kMinimum:
      return pull(pullback::Minimum);
    case OpKind::kPow:
      return pull(pullback::Pow);
    case OpKind::kLogicalNot:
    case OpKind::kLogicalAnd:
    case OpKind::kLogicalOr:
    case OpKind::kLogicalXor:
    case OpKind::kCompare:
      return none(kBoolResult);
    case OpKind::kRandomBits:
      return none("its result is integers");
    case OpKind::kSelect:
      return pull(pullback::Select);
    case OpKind::kCast:
      return pull(pullback::Cast);
    case OpKind::kBroadcast:
      return pull(pullback::Broadcast);
    case OpKind::kReshape:
      return pull(pullback::Reshape);
    case OpKind::kTranspose:
      return pull(pullback::Transpose);
    case OpKind::kSlice:
      return pull(pullback::Slice);
    case OpKind::kDynamicSlice:
      return pull(pullback::DynamicSlice);
    case OpKind::kConcatenate:
      return pull(pullback::Concatenate);
    case OpKind::kReduce:
      return pull(pullback::Reduce);
    case OpKind::kArgMax:
    case OpKind::kArgMin:
    case OpKind::kArgSort:
      return none(kIndexResult);
    case OpKind::kSort:
      return pull(pullback::Sort);
    case OpKind::kMatMul:
      return pull(pullback::MatMul);
    case OpKind::kGather:
      return pull(pullback::Gather);
    case OpKind::kScatter:
      return pull(pullback::Scatter);
    case OpKind::kLoop:
      return pull(pullback::Loop);
    case OpKind::kRows:
      return pull(pullback::Rows);
    case OpKind::kBranch:
      return pull(pullback::Branch);
    case OpKind::kTap:
      return pull(pullback::Tap);
    case OpKind::kObserve:
    case OpKind::kKernel:
    case OpKind::kDispatch:
    case OpKind::kTransfer:
      return none(kCompilerOnly);
  }
  return none(kCompilerOnly);
}

}  // namespace

const PullbackRule& PullbackOf(OpKind op) {
  static const auto& rules = *[] {
    auto* table = new std::array<PullbackRule, kNumOps>();
    for (int i = 0; i < kNumOps; ++i) (*table)[static_cast<size_t>(i)] = RuleOf(static_cast<OpKind>(i));
    return table;
  }();
  return rules[static_cast<size_t>(op)];
}

void Pullback::Give(size_t operand, const Value& gradient) { Add(operand, node_->operands[operand], gradient); }
void Pullback::GiveCapture(size_t capture, const Value& gradient) {
  Add(node_->operands.size() + capture, node_->captures[capture], gradient);
}

void Pullback::Add(size_t slot, const Value& to, const Value& gradient) {
  if (!IsGiven(gradient)) return;
  const Value fitted = InShape(gradient, to.shape());
  given_[slot] = IsGiven(given_[slot]) ? given_[slot] + fitted : fitted;
}

Value WithoutGradient(const Value& fresh) {
  if (!fresh.ok()) return fresh;
  auto node = std::make_shared<Node>(*fresh.node());
  node->pullback = std::make_shared<const PullbackOverride>(
      PullbackOverride{.name = "shift", .inputs = {}, .pull = nullptr, .is_zero = false});
  return Value(std::move(node), fresh.result_index());
}

std::shared_ptr<const PullbackOverride> WithInputs(const PullbackOverride& stated, std::vector<Value> inputs) {
  auto copy = std::make_shared<PullbackOverride>(stated);
  copy->inputs = std::move(inputs);
  return copy;
}

// ---- helpers ----

Value Filled(double value, DType dtype, const Dims& shape) {
  const Value one = scalar(value, dtype);
  return shape.empty() ? one : broadcast_to(one, shape);
}
Value ZerosLike(const Value& value) { return Filled(0, value.dtype(), value.shape()); }
Value OnesLike(const Value& value) { return Filled(1, value.dtype(), value.shape()); }

std::optional<double> UniformValue(const Value& value) {
  const Node* node = value.node().get();
  while (node != nullptr && node->kind == NodeKind::kOp && node->pullback == nullptr &&
         (node->op == OpKind::kBroadcast || node->op == OpKind::kReshape || node->op == OpKind::kTranspose)) {
    node = node->operands[0].node().get();
  }
  if (node == nullptr || node->kind != NodeKind::kOp || node->op != OpKind::kConstant) return std::nullopt;
  const Tensor& tensor = *node->attrs.Get<Tensor>("value");
  if (tensor.size() != 1) return std::nullopt;
  absl::StatusOr<Tensor> wide = tensor.Contiguous().Cast(DType::f64);
  if (!wide.ok()) return std::nullopt;
  return wide->data<double>()[0];
}

Value Times(const Value& a, const Value& b) {
  if (!a.ok() || !b.ok() || a.dtype() != b.dtype() || a.shape() != b.shape()) return a * b;
  if (UniformValue(a) == 1.0) return b;
  if (UniformValue(b) == 1.0) return a;
  return a * b;
}

Value InShape(const Value& x, const Dims& shape) {
  if (!x.ok() || x.shape() == shape) return x;
  return MakeOp({.op = OpKind::kReshape, .attrs = {{"shape", shape}}, .operands = {x}, .derived = true},
                Location::current());
}

Value WithAxes(const Value& x, absl::Span<const int64_t> axes) {
  if (!x.ok()) return x;
  Dims shape = x.shape();
  for (int64_t axis : axes) shape.insert(shape.begin() + axis, Dim(1));
  return InShape(x, shape);
}

Value Spread(const Value& x, const Dims& shape) {
  if (!x.ok()) return x;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (x.shape()[axis] == Dim(1) && shape[axis] != Dim(1)) return broadcast_to(x, shape);
  }
  return x;  // equal, maybe only by requirement
}

Value SumOver(const Value& x, const std::vector<int64_t>& axes, bool keepdims) {
  if (axes.empty()) return x;
  return sum(x, Axes(axes.begin(), axes.end()), keepdims);
}

Value Guarded(const Value& gradient, const Value& singular, const Value& value, double otherwise) {
  return select(equal(gradient, 0.0) & singular, otherwise, value);
}

}  // namespace oriel::graph
