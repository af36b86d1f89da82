// Pullbacks of elementwise ops. Conventions (docs/gradients.md): sign(0) is the
// slope of abs at 0, ties of maximum and minimum share equally, floor and its
// like have slope 0.
#include <cmath>

#include "runtime/graph/pullback.h"

namespace oriel::graph::pullback {
namespace {

// The divisor, out of the way of 0 / 0 where the gradient is masked.
Value SafeDivisor(const Pullback& p, const Value& divisor) {
  if (!p.masked() || UniformValue(divisor)) return divisor;
  return Guarded(p.g(), equal(divisor, 0.0), divisor, 1.0);
}

// To operand 0 where `wins`, to operand 1 where `loses`, to each the half where
// neither: both are equal then.
void Choose(Pullback& p, const Value& wins, const Value& loses) {
  const Value half = 0.5 * p.g();
  if (p.Wants(0)) p.Give(0, select(wins, p.g(), select(loses, 0.0, half)));
  if (p.Wants(1)) p.Give(1, select(loses, p.g(), select(wins, 0.0, half)));
  p.Mask();
}

const Node* OpOf(const Value& value, OpKind op) {
  const Node* node = value.node().get();
  return node->kind == NodeKind::kOp && node->op == op && node->pullback == nullptr ? node : nullptr;
}

// log(e**z / s), or of some of its elements, as the logarithm of a softmax is:
// through z - log(s). The quotient may be 0, and its logarithm's slope infinite,
// where both of z's are moderate. (The compiler computes the logarithm so too.)
bool LogOfQuotient(Pullback& p) {
  Value quotient = p.x();
  std::vector<const Node*> moves;  // outermost first
  while (p.GoesPast(quotient)) {
    const Node* node = nullptr;
    for (OpKind op : {OpKind::kGather, OpKind::kReshape, OpKind::kTranspose, OpKind::kSlice}) {
      if (node == nullptr) node = OpOf(quotient, op);
    }
    if (node == nullptr) break;
    moves.push_back(node);
    quotient = node->operands[0];
  }
  const Node* div = OpOf(quotient, OpKind::kDiv);
  if (div == nullptr || !p.GoesPast(quotient)) return false;
  const Value &power = div->operands[0], &divisor = div->operands[1];
  const Node* exp = OpOf(power, OpKind::kExp);
  if (exp == nullptr || !p.GoesPast(power)) return false;
  // Back through what moves z's elements, as if the logarithm had no other part.
  const Value& z = exp->operands[0];
  Value moved = z;
  while (!moves.empty()) {
    std::vector<Value> operands = moves.back()->operands;
    operands[0] = moved;
    moved = MakeOp({.op = moves.back()->op, .attrs = moves.back()->attrs, .operands = std::move(operands)}, p.at());
    moves.pop_back();
  }
  const Value gradient = moved.id() == z.id() ? p.g() : p.pull()({moved}, {p.g()}, {z}, {})[0];
  p.GivePast(z, gradient);
  // Of a row's sum, not of each of its copies.
  const Node* copies = OpOf(divisor, OpKind::kBroadcast);
  const bool once = copies != nullptr && p.GoesPast(divisor);
  const Value& sums = once ? copies->operands[0] : divisor;
  const Value total = once ? SumOfCopies(*copies, gradient) : gradient;
  Value safe = sums;
  if (p.masked() || !once) safe = Guarded(total, equal(sums, 0.0), sums, 1.0);
  p.GivePast(sums, -(total / safe));
  p.Mask();
  return true;
}

// The slope of log(sigmoid(x)) is sigmoid(-x), also where sigmoid(x) is 0.
bool LogOfSigmoid(Pullback& p) {
  const Node* sigmoid_node = OpOf(p.x(), OpKind::kSigmoid);
  if (sigmoid_node == nullptr || !p.GoesPast(p.x())) return false;
  const Value& x = sigmoid_node->operands[0];
  p.GivePast(x, Times(p.g(), sigmoid(-x)));
  return true;
}

}  // namespace

void Neg(Pullback& p) { p.Give(0, -p.g()); }
void Abs(Pullback& p) { p.Give(0, Times(p.g(), sign(p.x()))); }
void Exp(Pullback& p) { p.Give(0, Times(p.g(), p.y())); }
// Not y + 1, which has lost what exp(x) is for x far below 0.
void Expm1(Pullback& p) { p.Give(0, Times(p.g(), exp(p.x()))); }
void Log(Pullback& p) {
  if (!LogOfQuotient(p) && !LogOfSigmoid(p)) p.Give(0, p.g() / SafeDivisor(p, p.x()));
}
void Log1p(Pullback& p) { p.Give(0, p.g() / SafeDivisor(p, 1.0 + p.x())); }

void Sqrt(Pullback& p) {
  Value root = p.y();
  if (p.masked()) root = Guarded(p.g(), !(root > 0.0), root, 1.0);
  p.Give(0, 0.5 * p.g() / root);
}

void Rsqrt(Pullback& p) {
  Value y = p.y();
  if (p.masked()) y = Guarded(p.g(), !(p.x() > 0.0), y, 0.0);
  p.Give(0, -0.5 * p.g() * (y * y * y));
}

void Tanh(Pullback& p) { p.Give(0, Times(p.g(), 1.0 - p.y() * p.y())); }
void Sigmoid(Pullback& p) { p.Give(0, Times(p.g(), p.y() * (1.0 - p.y()))); }
void Erf(Pullback& p) {
  const double scale = 2 / std::sqrt(M_PI);
  p.Give(0, Times(p.g(), scale * exp(-(p.x() * p.x()))));
}
void Sin(Pullback& p) { p.Give(0, Times(p.g(), cos(p.x()))); }
void Cos(Pullback& p) { p.Give(0, -Times(p.g(), sin(p.x()))); }

void Add(Pullback& p) {
  p.Give(0, p.g());
  p.Give(1, p.g());
}

void Sub(Pullback& p) {
  p.Give(0, p.g());
  if (p.Wants(1)) p.Give(1, -p.g());
}

void Mul(Pullback& p) {
  if (p.Wants(0)) p.Give(0, Times(p.g(), p.x(1)));
  if (p.Wants(1)) p.Give(1, Times(p.g(), p.x(0)));
}

// d(a/b) = (g/b) da - (g/b) y db.
void Div(Pullback& p) {
  const Value divisor = SafeDivisor(p, p.x(1));
  const Value quotient = p.g() / divisor;
  p.Give(0, quotient);
  if (!p.Wants(1)) return;
  const Value y = divisor.id() == p.x(1).id() ? p.y() : p.x(0) / divisor;
  p.Give(1, -(quotient * y));
}

// a mod b = a - b * floor(a / b).
void Mod(Pullback& p) {
  p.Give(0, p.g());
  if (p.Wants(1)) p.Give(1, -(p.g() * floor_div(p.x(0), p.x(1))));
}

void Maximum(Pullback& p) { Choose(p, greater(p.x(0), p.x(1)), less(p.x(0), p.x(1))); }
void Minimum(Pullback& p) { Choose(p, less(p.x(0), p.x(1)), greater(p.x(0), p.x(1))); }

void Pow(Pullback& p) {
  Value x = p.x(0), b = p.x(1), y = p.y();
  const std::optional<double> power = UniformValue(b);
  if (p.Wants(0) && power && !p.masked()) {
    // Known powers: no 0 * inf can arise from the power's own zero.
    if (*power == 1) {
      p.Give(0, p.g());
    } else if (*power == 2) {
      p.Give(0, Times(p.g(), 2.0 * x));
    } else if (*power != 0) {
      p.Give(0, Times(p.g(), *power * pow(x, *power - 1)));
    } else {
      p.Give(0, ZerosLike(x));
    }
  } else if (p.Wants(0)) {
    // b * x**(b-1); at b = 0 and x = 0 that would be 0 * inf.
    Value base = x;
    if (p.masked()) base = Guarded(p.g(), !(x > 0.0), x, 1.0);
    const Value exponent = select(equal(b, 0.0) & equal(x, 0.0), 1.0, b - 1.0);
    p.Give(0, p.g() * (b * pow(base, exponent)));
  }
  if (p.Wants(1)) {
    // y * log(x), which is 0 at x = 0 (the limit for every b > 0).
    Value origin = equal(x, 0.0);
    if (p.masked()) {
      const Value unused = equal(p.g(), 0.0) & !(x > 0.0);
      origin = origin | unused;
      y = select(unused, 0.0, y);
    }
    p.Give(1, p.g() * (y * log(select(origin, 1.0, x))));
  }
}

void Select(Pullback& p) {
  if (p.Wants(1)) p.Give(1, select(p.x(0), p.g(), 0.0));
  if (p.Wants(2)) p.Give(2, select(p.x(0), 0.0, p.g()));
  p.Mask();
}

void Cast(Pullback& p) { p.Give(0, cast(p.g(), p.x().dtype())); }

void Tap(Pullback& p) { p.Give(0, p.g()); }

}  // namespace oriel::graph::pullback
