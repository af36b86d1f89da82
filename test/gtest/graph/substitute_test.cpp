// Graphs made again with something replaced.
#include "oriel/substitute.h"

#include "oriel/grad.h"
#include "oriel/scan.h"
#include "runtime/graph/node.h"
#include "test/gtest/graph/graph_test_util.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

std::string Message(const Value& value) { return std::string(value.status().message()); }

TEST(Substitute, AnInputByAnotherExpression) {
  Value x = input("x", DType::f64, {dyn("n"), 2}), y = input("y", DType::f64, {dyn("n"), 2});
  const int line = __LINE__ + 1;
  const Value scaled = (x * 3.0).named("scaled");
  const Value z = scaled + exp(y) * 0.0;
  const Value data = constant(Make(DType::f64, {2, 2}, {1, 2, 3, 4}));
  const std::vector<Value> made = Substitute({z, y}, {{x, data}});
  ASSERT_TRUE(made[0].ok()) << made[0].status();
  EXPECT_EQ(made[1].id(), y.id());  // untouched
  EXPECT_EQ(EvalValues(made[0], {y}, {Tensor::Zeros({2, 2}, DType::f64)}), (std::vector<double>{3, 6, 9, 12}));
  // Another batch: data has two rows, whatever y has.
  EXPECT_FALSE(Evaluate({y}, {made[0]}, {}, {Tensor::Zeros({3, 2}, DType::f64)}).ok());
  // Names and lines are those of the original.
  const graph::Node* add = made[0].node().get();
  const graph::Node* mul = add->operands[0].node().get();
  EXPECT_EQ(mul->name, "scaled");
  EXPECT_EQ(mul->line, line);
  EXPECT_NE(mul->id, scaled.id());
  // exp(y) has nothing of x.
  EXPECT_EQ(add->operands[1].node()->operands[0].id(), z.node()->operands[1].node()->operands[0].id());
}

TEST(Substitute, SymbolsBecomeTheReplacementsExtents) {
  Value x = input("x", DType::f64, {dyn("n")});
  const Value weighted = sum(x * cast(arange(x.dim(0)), DType::f64)) / cast(dim_value(x.dim(0)), DType::f64);
  const std::vector<Value> made = Substitute({weighted, exp(x)}, {{x, constant(Make(DType::f64, {4}, {1, 1, 1, 1}))}});
  ASSERT_TRUE(made[0].ok()) << made[0].status();
  EXPECT_EQ(made[1].shape(), Dims{4});
  EXPECT_EQ(EvalValues(made[0]), (std::vector<double>{1.5}));
}

TEST(Substitute, AnIntermediateValueAndAState) {
  Value x = input("x", DType::f64, {3});
  State w = state("w", Make(DType::f64, {3}, {1, 2, 3}));
  const Value hidden = x + w;
  const Value y = sum(hidden * w);
  EXPECT_EQ(EvalValues(Substitute({y}, {{hidden, constant(Make(DType::f64, {3}, {1, 1, 1}))}})[0]),
            (std::vector<double>{6}));
  EXPECT_EQ(EvalValues(Substitute({y}, {{w, constant(Make(DType::f64, {3}, {1, 0, 0}))}})[0], {x},
                       {Make(DType::f64, {3}, {5, 5, 5})}),
            (std::vector<double>{6}));
  // Both at once; what is put in is not looked at again.
  const Value twice = Substitute({x + w}, {{x, x * 2.0}, {w, constant(Tensor::Zeros({3}, DType::f64))}})[0];
  EXPECT_EQ(EvalValues(twice, {x}, {Make(DType::f64, {3}, {5, 5, 5})}), (std::vector<double>{10, 10, 10}));
}

TEST(Substitute, InsideLoopsAndBranches) {
  Value x = input("x", DType::f64, {dyn("n")}), step = input("step", DType::f64, {dyn("n")});
  const Value end = loop(3, {x}, [&](Value i, std::vector<Value> carried) {
    return std::vector<Value>{branch(
        i > 0, [&] { return std::vector<Value>{carried[0] + step}; },
        [&] { return std::vector<Value>{carried[0] * 10.0 + cast(arange(x.dim(0)), DType::f64)}; })[0]};
  })[0];
  ASSERT_TRUE(end.ok()) << end.status();
  const Value made = Substitute({end}, {{x, constant(Make(DType::f64, {2}, {1, 2}))},
                                        {step, constant(Make(DType::f64, {2}, {100, 200}))}})[0];
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made.shape(), Dims{2});
  EXPECT_EQ(EvalValues(made), (std::vector<double>{210, 421}));
  // The original is what it was.
  EXPECT_EQ(EvalValues(end, {x, step}, {Make(DType::f64, {1}, {1}), Make(DType::f64, {1}, {1})}),
            (std::vector<double>{12}));
}

TEST(Substitute, ThroughAScanAndItsGradient) {
  Value x = input("x", DType::f64, {dyn("time"), 2}), w = input("w", DType::f64, {2});
  const ScanResult r = scan([&](const ScanStep& s) { return ScanBody{{s.outputs[0] * w + s.sequences[0]}}; },
                            {.sequences = {x}, .outputs_info = {constant(Tensor::Zeros({2}, DType::f64))}});
  const Value cost = sum(r.outputs[0]);
  const Value g = grad(cost, {w})[0];
  ASSERT_TRUE(g.ok()) << g.status();
  const Tensor rows = Make(DType::f64, {3, 2}, {1, 2, 3, 4, 5, 6}), weights = Make(DType::f64, {2}, {0.5, 2});
  const std::vector<Value> made = Substitute({cost, g}, {{x, constant(rows)}, {w, constant(weights)}});
  for (int i : {0, 1}) {
    ASSERT_TRUE(made[i].ok()) << made[i].status();
    EXPECT_EQ(EvalValues(made[i]), EvalValues(i == 0 ? cost : g, {x, w}, {rows, weights})) << i;
  }
  EXPECT_EQ(EvalValues(Clone({g})[0], {x, w}, {rows, weights}), EvalValues(g, {x, w}, {rows, weights}));
}

TEST(Substitute, KeepsStatedGradients) {
  Value x = input("x", DType::f64, {2}), y = input("y", DType::f64, {2});
  const Value z = Substitute({sum(stop_gradient(x * x) * x)}, {{x, y * 1.0}})[0];
  const Value g = grad(z, {y})[0];
  ASSERT_TRUE(g.ok()) << g.status();
  EXPECT_EQ(EvalValues(g, {y}, {Make(DType::f64, {2}, {2, 3})}), (std::vector<double>{4, 9}));
}

TEST(Substitute, ErrorsNameTheLine) {
  Value x = input("x", DType::f64, {dyn("n"), 2});
  const Value y = x * 2.0;
  const int line = __LINE__ + 1;
  const Value wrong = Substitute({y}, {{x, constant(Tensor::Ones({2, 2}))}})[0];
  EXPECT_THAT(Message(wrong), HasSubstr("substitute_test.cpp:" + std::to_string(line)));
  EXPECT_THAT(Message(wrong), HasSubstr("'x' is float64 (n, 2), its replacement is float32 (2, 2)"));
  EXPECT_THAT(Message(Substitute({y}, {{x, constant(Tensor::Ones({2, 3}, DType::f64))}})[0]), HasSubstr("(2, 3)"));
  EXPECT_THAT(Message(Substitute({y}, {{x, constant(Tensor::Ones({2}, DType::f64))}})[0]), HasSubstr("(2,)"));
  EXPECT_EQ(Substitute({y}, {{x, x}, {x, x}})[0].status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(Substitute({y}, {{Value(), x}})[0].ok());
  EXPECT_FALSE(Substitute({y}, {{x, Value()}})[0].ok());
  // A weak scalar takes the dtype.
  Value s = input("s", DType::f32, {});
  EXPECT_EQ(EvalValues(Substitute({s * 2.0}, {{s, 4}})[0]), (std::vector<double>{8}));
}

TEST(Clone, MakesEverythingAgain) {
  Value x = input("x", DType::f64, {2});
  const Value y = tanh(x).named("y");
  const Value shared = Clone({y})[0];
  EXPECT_NE(shared.id(), y.id());
  EXPECT_EQ(shared.name(), "y");
  EXPECT_EQ(EvalValues(shared, {x}, {Tensor::Zeros({2}, DType::f64)}), (std::vector<double>{0, 0}));
  const std::vector<Value> own = Clone({y, x}, {}, /*share_inputs=*/false);
  EXPECT_NE(own[1].id(), x.id());
  EXPECT_EQ(own[1].name(), "x");
  EXPECT_EQ(EvalValues(own[0], {own[1]}, {Tensor::Zeros({2}, DType::f64)}), (std::vector<double>{0, 0}));
  EXPECT_FALSE(Evaluate({x}, {own[0]}, {}, {Tensor::Zeros({2}, DType::f64)}).ok());
}

TEST(Substitute, ALongChain) {
  Value x = input("x", DType::f64, {});
  Value y = x;
  for (int i = 0; i < 20000; ++i) y = y + 1.0;
  EXPECT_EQ(EvalValues(Substitute({y}, {{x, 5.0}})[0]), (std::vector<double>{20005}));
}

}  // namespace
}  // namespace oriel
