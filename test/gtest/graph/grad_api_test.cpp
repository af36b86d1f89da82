// grad(), vjp(), jvp() and their options: what they accept and what they say.
#include "grad_test_util.h"
#include "oriel/taps.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/node.h"
#include "runtime/graph/pullback.h"

namespace oriel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Value X() { return input("x", DType::f64, {3}); }
const std::vector<double> kThree = {1, 2, 3};
Tensor Three() { return Make(DType::f64, {3}, kThree); }
std::string Error(const std::vector<Value>& gradients) { return std::string(gradients[0].status().message()); }

TEST(Grad, EveryOpHasAPullbackOrAReason) {
  for (const OpInfo& op : AllOps()) {
    const graph::PullbackRule& rule = graph::PullbackOf(op.kind);
    const int said = (rule.pull != nullptr) + rule.is_zero + (rule.reason != nullptr);
    EXPECT_EQ(said, 1) << op.mnemonic;
    // What computes floats from floats has a gradient.
    const bool of_floats =
        op.result == ResultRule::kSame && op.operands > 0 && op.dtypes.find('f') < op.dtypes.find(';');
    if (of_floats && op.kind != OpKind::kTransfer && op.kind != OpKind::kStateUpdate) {
      EXPECT_EQ(rule.reason, nullptr) << op.mnemonic << ": " << rule.reason;
    }
  }
}

TEST(Grad, OfStatesSumsAllReads) {
  const State w = state("W", Tensor::Ones({2}, DType::f64));
  const Value cost = (sum(w * 2.0) + sum(exp(w))).named("cost");
  const std::vector<Value> g = grad(cost, {w});
  ASSERT_TRUE(g[0].ok()) << g[0].status();
  EXPECT_EQ(g[0].name(), "(dcost/dW)");
  const double expected = 2 + std::exp(1.0);
  EXPECT_THAT(EvalValues(g[0]),
              ElementsAre(testing::DoubleNear(expected, 1e-12), testing::DoubleNear(expected, 1e-12)));
}

TEST(Grad, OfIntermediatesAndOfWhatTheyComeFrom) {
  const Value x = X(), h = exp(x), cost = sum(h * h);
  const std::vector<Value> g = grad(cost, {h, x, cost});
  EXPECT_NEAR(EvalValues(g[0], {x}, {Three()})[0], 2 * std::exp(1.0), 1e-12);
  EXPECT_NEAR(EvalValues(g[1], {x}, {Three()})[0], 2 * std::exp(2.0), 1e-9);
  EXPECT_THAT(EvalValues(g[2]), ElementsAre(1));
}

TEST(Grad, ResultsAreOfTheTypesOfWrt) {
  const Value n = input("n", DType::f32, {dyn("n")}), five = input("five", DType::f32, {5});
  const Value cost = sum(cast(n * five, DType::f64));
  const std::vector<Value> g = grad(cost, {n, five});
  EXPECT_EQ(TypeText(g[0]), "float32 (n,)");
  EXPECT_EQ(TypeText(g[1]), "float32 (5,)");
}

TEST(Grad, CostMustBeAFloatScalar) {
  const Value x = X(), i = input("i", DType::i64, {});
  EXPECT_THAT(Error(grad(x * 2.0, {x})), HasSubstr("grad_api_test.cpp:"));
  EXPECT_THAT(Error(grad(exp(x).named("h"), {x})), HasSubstr("grad: the cost 'h' (grad_api_test.cpp:"));
  EXPECT_THAT(Error(grad(exp(x), {x})), HasSubstr("is float64 (3,), required a float scalar (take its "
                                                  "sum or its mean, or use vjp)"));
  EXPECT_THAT(Error(grad(i, {x})), HasSubstr("the cost 'i' ("));
  EXPECT_THAT(Error(grad(i, {x})), HasSubstr("is int64 (), required a float scalar"));
  EXPECT_THAT(Error(grad(Value(), {x})), HasSubstr("the cost is an empty Value and there are no known_grads"));
  EXPECT_THAT(Error(grad(sum(x), {i})), HasSubstr("is int64 (), required floats: integers and bools "
                                                  "carry no gradient"));
  EXPECT_THAT(Error(grad(sum(x), {2.0})), HasSubstr("wrt[0] is a number, required a Value or a State"));
  EXPECT_THAT(Error(grad(sum(x), {Value()})), HasSubstr("wrt[0] is an empty Value"));
  const Value bad = x + input("y", DType::f64, {4});
  EXPECT_EQ(Error(grad(sum(bad), {x})), bad.status().message());
}

TEST(Grad, DisconnectedSaysWhatCuts) {
  const Value x = X(), y = input("y", DType::f64, {3}), other = sum(y);
  const std::string unused = Error(grad(other.named("cost"), {x}));
  EXPECT_THAT(unused, HasSubstr("grad: wrt[0] 'x' (grad_api_test.cpp:"));
  EXPECT_THAT(unused, HasSubstr("is disconnected from 'cost' (grad_api_test.cpp:"));
  EXPECT_THAT(unused, HasSubstr(": it is not used there"));
  const Value index = argmax(x, 0).named("best");
  EXPECT_THAT(Error(grad(sum(y[index]), {x})), HasSubstr("'best' (grad_api_test.cpp:"));
  EXPECT_THAT(Error(grad(sum(y[index]), {x})), HasSubstr("passes no gradient on: its result is an index"));
  EXPECT_THAT(Error(grad(sum(cast(cast(x, DType::i32), DType::f64)), {x})), HasSubstr("its result is not of floats"));
  EXPECT_THAT(Error(grad(sum(select(x > 0.0, y, 1.0)), {x})), HasSubstr("its result is a bool"));
  EXPECT_THAT(Error(grad(sum(stop_gradient(x) * y), {x})), HasSubstr("its gradient is stopped"));
  const Value h = x * 2.0;
  EXPECT_THAT(Error(grad(sum(h * y), {x}, {.consider_constant = {h}})), HasSubstr("it is held constant"));
}

TEST(Grad, DisconnectedOptions) {
  const Value x = X(), cost = sum(input("y", DType::f64, {3}));
  GradOptions options;
  options.disconnected_inputs = Disconnected::kIgnore;
  EXPECT_THAT(EvalValues(grad(cost, {x}, options)[0]), ElementsAre(0, 0, 0));
  options.return_disconnected = ReturnDisconnected::kNone;
  EXPECT_EQ(grad(cost, {x}, options)[0].node(), nullptr);
  options.return_disconnected = ReturnDisconnected::kDisconnected;
  EXPECT_THAT(Error(grad(cost, {x}, options)), HasSubstr("is disconnected from"));
  options.disconnected_inputs = Disconnected::kWarn;
  EXPECT_THAT(Error(grad(cost, {x}, options)), HasSubstr("GradOptions::warnings is null"));
  std::vector<std::string> warnings;
  options.warnings = &warnings;
  options.return_disconnected = ReturnDisconnected::kZero;
  EXPECT_THAT(EvalValues(grad(cost, {x}, options)[0]), ElementsAre(0, 0, 0));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("is disconnected from")));
}

TEST(Grad, ZeroSlopesAreConnected) {
  const Value x = X();
  for (const Value& cost : {sum(floor(x)), sum(sign(x)), sum(zero_grad(x)), sum(floor_div(x, 2.0))}) {
    EXPECT_THAT(EvalValues(grad(cost, {x})[0], {x}, {Three()}), ElementsAre(0, 0, 0));
  }
}

TEST(Grad, ConsiderConstant) {
  const Value x = X(), h = exp(x);
  const Value g = grad(sum(h * x), {x}, {.consider_constant = {h}})[0];
  EXPECT_NEAR(EvalValues(g, {x}, {Three()})[1], std::exp(2.0), 1e-12);
  // The gradient of what is held constant is still there to be had.
  EXPECT_THAT(EvalValues(grad(sum(h * x), {h}, {.consider_constant = {h}})[0], {x}, {Three()}), ElementsAre(1, 2, 3));
}

TEST(Grad, KnownGrads) {
  const Value x = X(), h = x * x;
  GradOptions options;
  options.known_grads = {{h, constant(Make(DType::f64, {3}, {1, 10, 100}))}};
  EXPECT_THAT(EvalValues(grad(Value(), {x}, options)[0], {x}, {Three()}), ElementsAre(2, 40, 600));
  // With a cost: what it would give h is not looked at, what it gives x is.
  EXPECT_THAT(EvalValues(grad(sum(exp(h)) + sum(x * 5.0), {x}, options)[0], {x}, {Three()}), ElementsAre(7, 45, 605));
  options.known_grads = {{h, constant(Make(DType::f64, {2}, {1, 10}))}};
  EXPECT_THAT(Error(grad(Value(), {x}, options)), HasSubstr("grad: the known gradient of 'mul#"));
  EXPECT_THAT(Error(grad(Value(), {x}, options)), HasSubstr("is float64 (2,), required float64 (3,)"));
  options.known_grads = {{argmax(x, 0), scalar(1, DType::f64)}};
  EXPECT_THAT(Error(grad(Value(), {x}, options)), HasSubstr("is int64 (), required floats"));
}

TEST(Grad, StatedGradients) {
  const Value x = X();
  EXPECT_THAT(EvalValues(grad(sum(stop_gradient(x) * x), {x})[0], {x}, {Three()}), ElementsAre(1, 2, 3));
  EXPECT_THAT(EvalValues(grad(sum(grad_clip(x, -1, 2) * Three()), {x})[0]), ElementsAre(1, 2, 2));
  EXPECT_THAT(EvalValues(grad(sum(grad_scale(x, -0.5)), {x})[0]), ElementsAre(-0.5, -0.5, -0.5));
  EXPECT_THAT(EvalValues(grad_clip(x, 0, 1), {x}, {Three()}), ElementsAre(1, 2, 3));
  EXPECT_THAT(TypeText(grad_clip(x, 1, 0)), HasSubstr("the lower bound 1.000000 is above the upper bound 0.000000"));
  const Value y = with_gradient(log(1.0 + exp(x)), {x}, [](const std::vector<Value>& in, const Value& g) {
    return std::vector<Value>{g * sigmoid(in[0]) * 3.0};
  });
  EXPECT_NEAR(EvalValues(grad(sum(y), {x})[0], {x}, {Three()})[0], 3 / (1 + std::exp(-1.0)), 1e-12);
  // In a body too, where it is made again for the way back.
  const Value looped =
      loop(2, {x}, [](Value, std::vector<Value> c) { return std::vector<Value>{grad_scale(c[0], 2.0)}; })[0];
  EXPECT_THAT(EvalValues(grad(sum(looped), {x})[0], {x}, {Three()}), ElementsAre(4, 4, 4));
}

TEST(Grad, GoesThroughTaps) {
  const Value x = X(), seen = watch(exp(x), "exp", [](const TapRecord&) { return absl::OkStatus(); });
  const Value g = grad(sum(print(seen) * x), {x})[0];
  ASSERT_TRUE(g.ok()) << g.status();
  EXPECT_NEAR(EvalValues(g, {x}, {Three()})[1], 3 * std::exp(2.0), 1e-12);
}

TEST(Grad, VectorJacobianProducts) {
  const Value x = X(), v = input("v", DType::f64, {3});
  const std::vector<Value> g = vjp({x * x, sum(x)}, {x}, {v, scalar(10, DType::f64)});
  EXPECT_THAT(EvalValues(g[0], {x, v}, {Three(), Make(DType::f64, {3}, {1, 0, -1})}), ElementsAre(12, 10, 4));
  EXPECT_THAT(Error(vjp({x}, {x}, {})), HasSubstr("vjp: got 0 cotangents, required 1"));
  EXPECT_THAT(Error(vjp({x}, {x}, {sum(x)})), HasSubstr("vjp: the cotangent of 'x'"));
}

TEST(Grad, JacobianVectorProducts) {
  const Value x = X(), v = input("v", DType::f64, {3}), w = input("w", DType::f64, {3, 3});
  const Tensor direction = Make(DType::f64, {3}, {1, 0, -2});
  const std::vector<Value> r = jvp({x * x, sum(exp(x)), tanh(x)}, {x}, {v});
  EXPECT_THAT(EvalValues(r[0], {x, v}, {Three(), direction}), ElementsAre(2, 0, -12));
  EXPECT_NEAR(EvalValues(r[1], {x, v}, {Three(), direction})[0], std::exp(1.0) - 2 * std::exp(3.0), 1e-12);
  // Outputs that do not move.
  EXPECT_THAT(EvalValues(jvp({w * 2.0}, {x}, {v})[0], {}, {}).size(), 9u);
  // Through a loop, and masked.
  const Value looped = loop(3, {x}, [](Value, std::vector<Value> c) { return std::vector<Value>{c[0] * 2.0}; })[0];
  EXPECT_THAT(EvalValues(jvp({looped}, {x}, {v})[0], {x, v}, {Three(), direction}), ElementsAre(8, 0, -16));
  const Value masked = select(x > 1.5, log(x), 0.0);
  EXPECT_THAT(EvalValues(jvp({masked}, {x}, {v})[0], {x, v}, {Three(), Make(DType::f64, {3}, {1, 1, 3})}),
              ElementsAre(0, 0.5, 1));
  // Hessian times v of sum(x**3): 6 x v.
  EXPECT_THAT(EvalValues(jvp(grad(sum(x * x * x), {x}), {x}, {v})[0], {x, v}, {Three(), direction}),
              ElementsAre(6, 0, -36));
  EXPECT_THAT(Error(jvp({x}, {x}, {})), HasSubstr("jvp: got 0 tangents, required 1"));
}

TEST(Grad, JacobianAndHessian) {
  const Value x = X(), w = input("w", DType::f64, {2, 3});
  const Tensor weights = Make(DType::f64, {2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(EvalValues(jacobian(matmul(w, x), x), {w, x}, {weights, Three()}), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(TypeText(jacobian(matmul(w, x), w)), "float64 (2, 2, 3)");
  EXPECT_THAT(EvalValues(hessian(sum(x * x * x), x), {x}, {Three()}), ElementsAre(6, 0, 0, 0, 12, 0, 0, 0, 18));
  EXPECT_THAT(EvalValues(hessian(sum(x), x), {x}, {Three()}), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(TypeText(jacobian(w, x)), HasSubstr("jacobian: the expression 'w'"));
  EXPECT_THAT(TypeText(hessian(sum(w * w), w)), HasSubstr("is float64 (2, 3), required a vector"));
}

TEST(Grad, NodesLeadBackToWhatTheyAreTheGradientOf) {
  const Value x = X();
  const Value h = tanh(x).named("h");
  const int line = __LINE__ - 1;
  const Value g = grad(sum(h * h), {x})[0];
  const graph::Node& node = *g.node();
  ASSERT_NE(node.derivation, nullptr);
  EXPECT_EQ(node.derivation->rule, "grad");
  ASSERT_EQ(node.derivation->from.size(), 1u);
  EXPECT_EQ(node.derivation->from[0].info.name, "h");
  EXPECT_EQ(node.line, line);
  absl::StatusOr<graph::ExportedGraph> exported = graph::ExportGraph({x}, {g}, {}, "f");
  ASSERT_TRUE(exported.ok()) << exported.status();
  NodeTable table;
  for (const NodeInfo& info : exported->nodes) table.Add(info);
  const NodeInfo* last = nullptr;
  for (const NodeInfo& info : exported->nodes) {
    if (info.op == "mul" && info.rule == "grad") last = &info;
  }
  ASSERT_NE(last, nullptr);
  EXPECT_THAT(table.Chain(last->id),
              testing::Contains(HasSubstr("grad of n1 'h' at grad_api_test.cpp:" + std::to_string(line))));
}

TEST(Grad, LongChains) {
  // Nothing recurses along operands.
  Value y = input("x", DType::f64, {});
  const Value x = y;
  for (int i = 0; i < 20000; ++i) y = y * 1.0001;
  const Value g = grad(y, {x})[0];
  ASSERT_TRUE(g.ok());
  EXPECT_NEAR(EvalValues(g, {x}, {Make(DType::f64, {}, {1})})[0], std::exp(20000 * std::log(1.0001)), 1e-9);
}

}  // namespace
}  // namespace oriel
