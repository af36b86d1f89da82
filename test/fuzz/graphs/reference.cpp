#include "test/fuzz/graphs/reference.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/graph/evaluator.h"
#include "runtime/ops/reference.h"
#include "test/fuzz/graphs/random.h"

namespace oriel::fuzz {
namespace {

// One unit in the last place of x.
double UnitOf(double x, DType t) {
  struct Format { int digits, least; };
  const Format f = t == DType::f64 ? Format{53, -1022} : t == DType::f32 ? Format{24, -126} : t == DType::f16 ? Format{11, -14} : Format{8, -126};
  const int exponent = x == 0 || !std::isfinite(x) ? f.least : std::max(std::ilogb(x), f.least);
  return std::ldexp(1.0, exponent - (f.digits - 1));
}

// The result depends on how it is rounded on the way.
bool Rounds(OpKind op) {
  switch (op) {
    case OpKind::kExp: case OpKind::kExpm1: case OpKind::kLog: case OpKind::kLog1p: case OpKind::kRsqrt:
    case OpKind::kTanh: case OpKind::kSigmoid: case OpKind::kErf: case OpKind::kSin: case OpKind::kCos:
    case OpKind::kPow: case OpKind::kReduce: case OpKind::kMatMul: case OpKind::kScatter:
      return true;
    default:
      return false;
  }
}

bool Sums(OpKind op) { return op == OpKind::kReduce || op == OpKind::kMatMul || op == OpKind::kScatter; }

// Its result is one of its operands' elements.
bool Chooses(const graph::Node& node) {
  const std::string* kind = node.attrs.Get<std::string>("kind");
  return kind != nullptr && *kind != "sum" && *kind != "prod" && *kind != "mean" && *kind != "add";
}

// The tensor with each element off by half to all of `roundings` roundings of the
// size in `sizes`, up or down.
Tensor Disturbed(const Tensor& tensor, const Tensor& sizes, double roundings, bool sum, Random* random, double sign) {
  const DType t = tensor.dtype();
  if (!IsFloat(t) || tensor.size() == 0) return tensor;
  Tensor wide = tensor.Contiguous().Cast(DType::f64)->Clone();
  const Tensor size = *sizes.Contiguous().Cast(DType::f64);
  double* p = wide.data<double>();
  for (int64_t i = 0; i < wide.size(); ++i) {
    const double amount = (random->Percent(50) ? sign : -sign) * roundings * (0.5 + 0.5 * random->Unit());
    const double s = size.data<double>()[i];
    if (!std::isfinite(p[i]) || !std::isfinite(s) || s == 0) continue;
    // Sums of 16-bit numbers are made in float32 and rounded once.
    const bool narrow = sum && SizeOf(t) == 2;
    if (narrow) p[i] += amount / roundings * UnitOf(p[i], t);
    p[i] += amount * UnitOf(s, narrow ? DType::f32 : t);
  }
  return *wide.Cast(t);
}

// A sum of the operands' magnitudes: what roundings of a sum are measured by.
std::optional<Tensor> SizeOfSum(const graph::Node& node, const std::vector<Tensor>& operands) {
  std::vector<Tensor> magnitudes;
  for (const Tensor& operand : operands) {
    absl::StatusOr<std::vector<Tensor>> magnitude = std::vector<Tensor>{operand};
    if (IsFloat(operand.dtype())) magnitude = EvaluateOp(OpKind::kAbs, {}, {operand}, {});
    if (!magnitude.ok()) return std::nullopt;
    magnitudes.push_back((*magnitude)[0]);
  }
  absl::StatusOr<std::vector<Tensor>> sum = EvaluateOp(node.op, node.attrs, magnitudes, {});
  return sum.ok() ? std::optional<Tensor>((*sum)[0]) : std::nullopt;
}

// A table plus (a multiple of) a scatter into zeros is made row by row
// (oriel-fold-scatter-updates): each row that is added rounds the table's element
// once, by up to half a unit, and equal rows all one way. Tells the sums that may
// be made so, and how many roundings that is at most.
class SpreadUpdates {
 public:
  void Before(const graph::Node& node, const std::vector<Tensor>& operands) {
    if (node.op == OpKind::kScatter && !Chooses(node)) rows_[node.id] = static_cast<double>(operands[2].size());
  }
  // Roundings of the result; 0: none beyond its own.
  double After(const graph::Node& node, const Tensor& result) {
    if (node.op == OpKind::kScatter || !IsFloat(result.dtype())) return 0;
    double rows = 0;
    for (const Value& operand : node.operands) {
      if (const auto it = rows_.find(operand.id()); it != rows_.end()) rows = std::max(rows, it->second);
    }
    if (rows == 0) return 0;
    switch (node.op) {
      case OpKind::kAdd: case OpKind::kSub:
        return rows / 2;
      case OpKind::kMul: case OpKind::kDiv: case OpKind::kNeg: case OpKind::kCast: case OpKind::kReshape: case OpKind::kTranspose:
        rows_[node.id] = rows;
        return 0;
      default:
        return 0;
    }
  }

 private:
  std::map<NodeId, double> rows_;
};

}  // namespace

Run Evaluate(const Graph& g, uint64_t noise) {
  Run run;
  run.outputs = g.outputs.size();
  std::vector<Tensor> states = g.initial;
  // Runs 2k and 2k+1 have the same noise with the other sign, so that what jumps
  // near a value jumps in one of them.
  Random random(noise / 2 * 2 + 2);
  const double sign = noise % 2 == 0 ? 1 : -1;
  graph::EvaluationHooks hooks;
  std::optional<Tensor> size;  // of the sum that is being computed
  SpreadUpdates spread;
  if (noise != 0) {
    hooks.before = [&](const graph::Node& node, std::vector<Tensor>* operands) {
      spread.Before(node, *operands);
      size = Sums(node.op) && !Chooses(node) ? SizeOfSum(node, *operands) : std::nullopt;
    };
    hooks.after = [&](const graph::Node& node, std::vector<Tensor>* results) {
      if (const double roundings = spread.After(node, (*results)[0]); roundings > 0) {
        (*results)[0] = Disturbed((*results)[0], (*results)[0], roundings, false, &random, sign);
      }
      if (!Rounds(node.op) || Chooses(node)) return;
      Tensor& result = (*results)[0];
      result = size ? Disturbed(result, *size, kSumRoundings, true, &random, sign) : Disturbed(result, result, kRoundings, false, &random, sign);
    };
  }
  for (const std::vector<Tensor>& arguments : g.calls) {
    for (size_t s = 0; s < states.size(); ++s) {
      State state = g.states[s];
      if (absl::Status status = state.set_value(states[s]); !status.ok()) return run.status = status, run;
    }
    absl::StatusOr<std::vector<Tensor>> results = graph::EvaluateWith(hooks, g.inputs, g.outputs, g.updates, arguments);
    if (!results.ok()) {
      run.status = results.status();
      break;
    }
    for (size_t k = 0; k < g.updates.size(); ++k) {
      for (size_t s = 0; s < states.size(); ++s) {
        if (g.states[s].id() == g.updates[k].first.id()) states[s] = (*results)[g.outputs.size() + k];
      }
    }
    results->resize(g.outputs.size());
    for (const Tensor& state : states) results->push_back(state.Clone());
    run.calls.push_back(*std::move(results));
  }
  return run;
}

namespace {

// What the runs say of one tensor.
std::string CompareTensor(const Tensor& actual, const Tensor& plain, const std::vector<Tensor>& disturbed, ReferenceResult* result) {
  if (actual.dtype() != plain.dtype() || actual.shape() != plain.shape()) {
    return absl::StrCat("is ", std::string(NumpyName(actual.dtype())), " ", ToString(actual.shape()), ", the reference ",
                        std::string(NumpyName(plain.dtype())), " ", ToString(plain.shape()));
  }
  // Data-dependent shapes may differ between disturbed runs: nothing to tell.
  for (const Tensor& d : disturbed) {
    if (d.shape() != plain.shape()) return "";
  }
  const DType t = plain.dtype();
  if (!IsFloat(t)) {
    const Tensor a = actual.Contiguous(), b = plain.Contiguous();
    std::vector<Tensor> others;
    for (const Tensor& d : disturbed) others.push_back(d.Contiguous());
    const size_t size = SizeOf(t);
    const auto at = [&](const Tensor& x, int64_t i) { return static_cast<const char*>(x.raw()) + static_cast<size_t>(i) * size; };
    for (int64_t i = 0; i < a.size(); ++i) {
      ++result->elements;
      if (std::equal(at(a, i), at(a, i) + size, at(b, i))) continue;
      // An integer that noise moves at all may be anything near.
      bool moves = false;
      for (const Tensor& d : others) moves |= !std::equal(at(d, i), at(d, i) + size, at(b, i));
      if (moves) {
        ++result->loose;
        continue;
      }
      std::vector<int64_t> index;
      return absl::StrCat(std::string(NumpyName(t)), " ", ToString(a.shape()), " element ", ElementName(a.shape(), i), " differs from the reference");
    }
    return "";
  }
  const Tensor a = *actual.Contiguous().Cast(DType::f64), b = *plain.Contiguous().Cast(DType::f64);
  std::vector<Tensor> others;
  for (const Tensor& d : disturbed) others.push_back(*d.Contiguous().Cast(DType::f64));
  for (int64_t i = 0; i < a.size(); ++i) {
    ++result->elements;
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    double spread = 0;
    bool unsure = false;
    for (const Tensor& d : others) {
      const double z = d.data<double>()[i];
      if (std::isfinite(z) != std::isfinite(y)) unsure = true;
      else if (std::isfinite(z)) spread = std::max(spread, std::fabs(z - y));
    }
    const double tolerance = kFactor * spread + kRoundings * UnitOf(y, t);
    if (unsure || (spread > 0 && tolerance > 1e-3 * std::fabs(y))) ++result->loose;
    const bool equal = std::isnan(y) ? std::isnan(x) : std::isinf(y) ? x == y : std::fabs(x - y) <= tolerance;
    if (equal || unsure) continue;
    return absl::StrFormat("%s %s element %s is %.17g, the reference %.17g with a tolerance of %g", NumpyName(t),
                           ToString(a.shape()), ElementName(a.shape(), i), x, y, tolerance);
  }
  return "";
}

ReferenceResult Compare(const Run& actual, const Run& plain, const std::vector<Run>& disturbed) {
  ReferenceResult result;
  for (size_t call = 0; call < plain.calls.size(); ++call) {
    for (size_t k = 0; k < plain.calls[call].size(); ++k) {
      std::vector<Tensor> others;
      for (const Run& run : disturbed) {
        if (call < run.calls.size()) others.push_back(run.calls[call][k]);
      }
      const std::string found = CompareTensor(actual.calls[call][k], plain.calls[call][k], others, &result);
      if (found.empty()) continue;
      result.difference = PlaceName(plain, call, k) + ": " + found;
      return result;
    }
  }
  return result;
}

}  // namespace

ReferenceResult CompareWithReference(const Graph& g, const Run& actual) {
  ReferenceResult result;
  const Run plain = Evaluate(g, 0);
  if (plain.status.code() != actual.status.code() || plain.calls.size() != actual.calls.size()) {
    result.difference = absl::StrCat("a call ends with '", actual.status.ToString(), "', the evaluator's with '", plain.status.ToString(), "'");
    return result;
  }
  // Few disturbed runs suffice where nothing is wrong; before a difference is
  // believed there are many.
  std::vector<Run> disturbed;
  for (size_t runs : {4, 40}) {
    while (disturbed.size() < runs) disturbed.push_back(Evaluate(g, 2 + disturbed.size()));
    result = Compare(actual, plain, disturbed);
    if (result.difference.empty()) break;
  }
  return result;
}

}  // namespace oriel::fuzz
