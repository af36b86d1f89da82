// MLIR text of graphs: its shape, determinism, names and lines, and what is
// refused. Whether it parses is tested with the compiler (test/gtest/jit).
#include <fstream>
#include <sstream>

#include "graph_test_util.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/mlir_syntax.h"
#include "runtime/graph/node.h"

namespace oriel {
namespace {

using graph::ExportedGraph;
using graph::ExportGraph;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Step {
  Value x, t, cost;
  State w;
  std::vector<Update> updates;
};

Step MakeStep() {
  Step s;
  s.x = input("x", DType::f32, {dyn("batch"), 4});
  s.t = input("t", DType::i64, {dyn("batch")});
  s.w = state("W", Tensor::Zeros({4, 3}));
  const Value p = softmax(dot(s.x, s.w)).named("p");
  s.cost = (-mean(log(p[{arange(s.t.dim(0)), s.t}]))).named("cost");
  // One node a statement: C++ leaves the order within one open.
  const Value step = 0.1 * dot(transpose(s.x), p);
  s.updates = {{s.w, s.w - step}};
  return s;
}

ExportedGraph Export(const Step& s) {
  absl::StatusOr<ExportedGraph> exported = ExportGraph({s.x, s.t}, {s.cost}, s.updates, "step");
  EXPECT_TRUE(exported.ok()) << exported.status();
  return exported.ok() ? *exported : ExportedGraph();
}

TEST(Export, Golden) {
  const ExportedGraph exported = Export(MakeStep());
  EXPECT_EQ(exported.key_bytes, R"(module {
  oriel.state @W : tensor<4x3xf32>
  func.func @step(%x: tensor<?x4xf32> {oriel.dims = #oriel.dims<batch, 4>, oriel.name = "x"},
      %t: tensor<?xi64> {oriel.dims = #oriel.dims<batch>, oriel.name = "t"})
      -> (tensor<f32> {oriel.name = "cost"}) {
    %0 = oriel.state_read @W : tensor<4x3xf32>
    %1 = oriel.matmul %x, %0 : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
    %2 = oriel.reduce max %1 axes [1] keepdims : tensor<?x3xf32> -> tensor<?x1xf32>
    %3 = oriel.broadcast %2 shape <batch, 3> axes [0, 1] : tensor<?x1xf32> -> tensor<?x3xf32>
    %4 = oriel.sub %1, %3 : tensor<?x3xf32>
    %5 = oriel.exp %4 : tensor<?x3xf32>
    %6 = oriel.reduce sum %5 axes [1] keepdims : tensor<?x3xf32> -> tensor<?x1xf32>
    %7 = oriel.broadcast %6 shape <batch, 3> axes [0, 1] : tensor<?x1xf32> -> tensor<?x3xf32>
    %8 = oriel.div %5, %7 : tensor<?x3xf32>
    %9 = oriel.iota axis 0 shape <batch> : tensor<?xi64>
    %10 = oriel.gather %8[%9, %t] axis 0 : (tensor<?x3xf32>, tensor<?xi64>, tensor<?xi64>) -> tensor<?xf32>
    %11 = oriel.log %10 : tensor<?xf32>
    %12 = oriel.reduce mean %11 axes [0] : tensor<?xf32> -> tensor<f32>
    %13 = oriel.neg %12 : tensor<f32>
    %14 = oriel.transpose %x permutation [1, 0] : tensor<?x4xf32> -> tensor<4x?xf32>
    %15 = oriel.matmul %14, %8 : (tensor<4x?xf32>, tensor<?x3xf32>) -> tensor<4x3xf32>
    %16 = oriel.constant dense<1.0e-01> : tensor<f32>
    %17 = oriel.broadcast %16 shape <4, 3> axes [] : tensor<f32> -> tensor<4x3xf32>
    %18 = oriel.mul %17, %15 : tensor<4x3xf32>
    %19 = oriel.state_read @W : tensor<4x3xf32>
    %20 = oriel.sub %19, %18 : tensor<4x3xf32>
    oriel.state_update @W, %20 : tensor<4x3xf32>
    return %13 : tensor<f32>
  }
}
)");
}

TEST(Export, DocumentShowsIt) {
  std::ifstream file("docs/graph-text.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_THAT(page.str(), HasSubstr(Export(MakeStep()).key_bytes));
}

TEST(Export, EqualGraphsHaveEqualKeys) {
  const ExportedGraph a = Export(MakeStep()), b = Export(MakeStep());
  EXPECT_EQ(a.key_bytes, b.key_bytes);
  // Another name inside is not another program.
  Step named = MakeStep();
  named.updates[0].second = named.updates[0].second.named("new_w");
  EXPECT_EQ(Export(named).key_bytes, a.key_bytes);
  EXPECT_NE(Export(named).text, a.text);
  Step other = MakeStep();
  other.cost = (other.cost * 2).named("cost");
  EXPECT_NE(Export(other).key_bytes, a.key_bytes);
}

TEST(Export, NamesAndLinesSurvive) {
  const Value x = input("x", DType::f32, {2});
  Value y;
  {
    NameScope scope("layer1");
    y = exp(x).named("h");
  }
  const int line = __LINE__ - 2;
  const Value z = y + 1;
  absl::StatusOr<ExportedGraph> exported = ExportGraph({x}, {z}, {}, "f");
  ASSERT_TRUE(exported.ok());
  EXPECT_THAT(exported->text, HasSubstr("oriel.exp %x : tensor<2xf32> loc(\"layer1/h\"(\""));
  EXPECT_THAT(exported->text, HasSubstr("export_test.cpp\":" + std::to_string(line) + ":1))"));
  // What the builder inserts carries the caller's line too.
  EXPECT_THAT(exported->text, HasSubstr("oriel.constant dense<1.0e+00> : tensor<f32> loc(fused<{from = [], rule = \"scalar operand\"}>[\""));
  EXPECT_THAT(exported->output_names, ElementsAre("output0"));
  ASSERT_EQ(exported->nodes.size(), 5u);  // x, exp, constant, broadcast, add
  EXPECT_EQ(exported->nodes[1].op, "exp");
  EXPECT_EQ(exported->nodes[1].name, "h");
  EXPECT_EQ(exported->nodes[1].scope, "layer1");
  EXPECT_EQ(exported->nodes[1].line, line);
  EXPECT_EQ(exported->nodes[4].line, line + 3);
}

TEST(Export, NamedCopiesAreOneNode) {
  const Value x = input("x", DType::f32, {2});
  const Value y = exp(x), named = y.named("h");
  absl::StatusOr<ExportedGraph> exported = ExportGraph({x}, {y + 1, named}, {}, "f");
  ASSERT_TRUE(exported.ok());
  EXPECT_EQ(exported->nodes.size(), 5u);
  EXPECT_THAT(exported->text, HasSubstr("loc(\"h\"("));
  EXPECT_THAT(exported->output_names, ElementsAre("output0", "h"));
}

TEST(Export, DeadNodesArePruned) {
  const Value x = input("x", DType::f32, {2});
  const Value unused = tanh(x);
  absl::StatusOr<std::string> text = ToMlirText({x}, {exp(x)});
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, Not(HasSubstr("tanh")));
  EXPECT_TRUE(unused.ok());
}

TEST(Export, ControlFlow) {
  const Value x = input("x", DType::f32, {2}), p = input("p", DType::boolean, {});
  const std::vector<Value> both = loop(3, {x, x}, [&](Value, std::vector<Value> c) {
    return std::vector<Value>{c[0] + x, branch(p, [&] { return std::vector<Value>{exp(c[1])}; },
                                               [&] { return std::vector<Value>{c[1]}; })[0]};
  });
  absl::StatusOr<ExportedGraph> exported = ExportGraph({x, p}, both, {}, "f");
  ASSERT_TRUE(exported.ok());
  EXPECT_EQ(exported->key_bytes, R"(module {
  func.func @f(%x: tensor<2xf32> {oriel.dims = #oriel.dims<2>, oriel.name = "x"},
      %p: tensor<i1> {oriel.dims = #oriel.dims<>, oriel.name = "p"})
      -> (tensor<2xf32> {oriel.name = "output0"},
      tensor<2xf32> {oriel.name = "output1"}) {
    %0 = oriel.constant dense<3> : tensor<i64>
    %1:2 = oriel.loop %i2 to %0 with (%c3 = %x : tensor<2xf32>, %c4 = %x : tensor<2xf32>) {
      %5 = oriel.add %c3, %x : tensor<2xf32>
      %6 = oriel.branch %p -> tensor<2xf32> {
        %7 = oriel.exp %c4 : tensor<2xf32>
        oriel.yield %7 : tensor<2xf32>
      } else {
        oriel.yield %c4 : tensor<2xf32>
      }
      oriel.yield %5, %6 : tensor<2xf32>, tensor<2xf32>
    }
    return %1#0, %1#1 : tensor<2xf32>, tensor<2xf32>
  }
}
)");
}

TEST(Export, NodesAreInTheOrderOfTheirIds) {
  const State s = state("s", Tensor::Zeros({}));
  const int state_line = __LINE__ - 1;
  const Value n = input("n", DType::i64, {});
  const Value out = loop(n, {scalar(1, DType::f32)}, [&](Value, std::vector<Value> c) {
    return std::vector<Value>{exp(c[0]) + s};
  })[0];
  absl::StatusOr<ExportedGraph> exported = ExportGraph({n}, {}, {{s, out}}, "f");
  ASSERT_TRUE(exported.ok()) << exported.status();
  std::vector<std::string> ops;
  for (const NodeInfo& node : exported->nodes) ops.push_back(node.op);
  // As oriel-assign-nodes numbers them: a loop before its body. States are read
  // outside of loops.
  EXPECT_THAT(ops, ElementsAre("state", "input", "constant", "state_read", "loop", "exp", "add", "state_update"));
  EXPECT_EQ(exported->nodes[0].name, "s");
  EXPECT_EQ(exported->nodes[0].line, state_line);
  EXPECT_THAT(exported->text, HasSubstr("oriel.state @s : tensor<f32> loc(\""));
}

TEST(Export, DerivedNodesSayWhatTheyStandFor) {
  const Value x = input("x", DType::f32, {2});
  Value h;
  {
    NameScope scope("net");
    h = exp(x).named("h");
  }
  const int line = __LINE__ - 2;
  Value g;
  {
    graph::OriginScope origin({h}, "grad");
    const NameScope ignored("other");
    g = h * x;
  }
  Value outer;
  {
    graph::OriginScope origin({g, tanh(h)}, "grad");  // tanh is not in the graph
    outer = neg(g);
    graph::OriginPause pause;
    outer = abs(outer);
  }
  absl::StatusOr<ExportedGraph> exported = ExportGraph({x}, {outer}, {}, "f");
  ASSERT_TRUE(exported.ok()) << exported.status();
  const std::vector<NodeInfo>& nodes = exported->nodes;
  ASSERT_EQ(nodes.size(), 6u);  // x, exp, mul, neg, abs; tanh
  EXPECT_EQ(nodes[2].origin, Origin::kDerived);
  EXPECT_EQ(nodes[2].rule, "grad");
  EXPECT_THAT(nodes[2].from, ElementsAre(1));
  EXPECT_EQ(nodes[2].line, line);
  EXPECT_EQ(nodes[2].scope, "net");
  EXPECT_THAT(nodes[3].from, ElementsAre(2, 5));
  EXPECT_EQ(nodes[3].line, line);
  EXPECT_EQ(nodes[4].origin, Origin::kUser);
  EXPECT_EQ(nodes[5].op, "tanh");
  EXPECT_EQ(nodes[5].origin, Origin::kDead);
  const std::string place = "export_test.cpp\":" + std::to_string(line) + ":1";
  EXPECT_THAT(exported->text, HasSubstr("module attributes {oriel.origins = [#oriel.node<op = \"tanh\", file = "));
  EXPECT_THAT(exported->text, HasSubstr(" loc(fused<{from = [1], rule = \"grad\"}>[\"net/\"(\""));
  EXPECT_THAT(exported->text, HasSubstr(" loc(fused<{from = [2, -1], rule = \"grad\"}>[\"net/\"(\""));
  EXPECT_THAT(exported->text, HasSubstr(place));
  EXPECT_THAT(exported->key_bytes, Not(HasSubstr("grad")));
}

TEST(Export, WhatFitsOperandsIsDerived) {
  const Value x = input("x", DType::f32, {2, 3}), i = input("i", DType::i32, {3});
  absl::StatusOr<ExportedGraph> exported = ExportGraph({x, i}, {x + i * 2}, {}, "f");
  ASSERT_TRUE(exported.ok()) << exported.status();
  std::vector<std::string> rules;
  for (const NodeInfo& node : exported->nodes) rules.push_back(node.op + ": " + node.rule);
  EXPECT_THAT(rules, ElementsAre("input: ", "input: ", "constant: scalar operand", "broadcast: broadcast to fit",
                                 "mul: ", "cast: cast to fit", "cast: cast to fit", "broadcast: broadcast to fit", "add: "));
}

TEST(Export, LargeConstantsAreResources) {
  const Value x = constant(Tensor::Normal({100}, 1));
  absl::StatusOr<std::string> text = ToMlirText({}, {x + 1});
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("dense_resource<constant_0> : tensor<100xf32>"));
  EXPECT_THAT(*text, HasSubstr("constant_0: \"0x40000000"));
  EXPECT_THAT(*text, HasSubstr("{-#\n  dialect_resources: {\n    builtin: {\n"));
  // 8 digits of alignment, 8 an element.
  const size_t start = text->find("\"0x40000000") + 3, end = text->find('"', start);
  EXPECT_EQ(end - start, 8u + 800u);
}

TEST(Export, Elements) {
  std::vector<graph::MlirResource> resources;
  auto text = [&](DType dtype, Extents shape, std::vector<double> values) {
    return graph::MlirElements(Make(dtype, std::move(shape), values), &resources);
  };
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(text(DType::f32, {2}, {1, 0.1}), "dense<[1.0e+00, 1.0e-01]>");
  EXPECT_EQ(text(DType::f64, {2}, {1, 0.1}), "dense<[1.0e+00, 1.0e-01]>");
  EXPECT_EQ(text(DType::f32, {}, {-inf}), "dense<0xFF800000>");
  EXPECT_EQ(text(DType::f16, {}, {inf}), "dense<0x7C00>");
  EXPECT_EQ(text(DType::f16, {}, {0.1}), "dense<1.0e-01>");
  EXPECT_EQ(text(DType::f64, {}, {1.0 / 3}), "dense<3.333333333333333e-01>");
  EXPECT_EQ(text(DType::f32, {2}, {0, -0.0}), "dense<[0.0e+00, -0.0e+00]>");
  EXPECT_EQ(text(DType::i8, {2, 2}, {1, -2, 3, 4}), "dense<[[1, -2], [3, 4]]>");
  EXPECT_EQ(text(DType::boolean, {2}, {1, 0}), "dense<[true, false]>");
  EXPECT_EQ(text(DType::u8, {3}, {7, 7, 7}), "dense<7>");
  EXPECT_EQ(text(DType::f32, {0, 3}, {}), "dense<>");
  EXPECT_TRUE(resources.empty());
}

TEST(Export, OddNamesAreQuoted) {
  const State s = state("my state", Tensor::Ones({2})), twin = state("my state", Tensor::Ones({2}));
  const Value x = input("in/put \"x\"", DType::f32, {2 * dyn("n")}), y = input("y", DType::f32, {dyn("n")});
  absl::StatusOr<ExportedGraph> exported = ExportGraph({x, y}, {sum(x) + sum(s + twin)}, {}, "a b");
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_THAT(exported->state_symbols, ElementsAre("my state", "my state_1"));
  EXPECT_THAT(exported->text, HasSubstr("oriel.state @\"my state\" : tensor<2xf32>"));
  EXPECT_THAT(exported->text, HasSubstr("oriel.name = \"in/put \\22x\\22\""));
  EXPECT_THAT(exported->text, HasSubstr("#oriel.dims<\"2*n\">"));
  EXPECT_THAT(exported->text, HasSubstr("func.func @\"a b\"("));
}

TEST(Export, Refusals) {
  const Value x = input("x", DType::f32, {dyn("n")}), y = input("y", DType::f32, {3}), twin = input("x", DType::f32, {});
  const State s = state("s", Tensor::Ones({2}));
  auto error = [](std::vector<Value> in, std::vector<Value> out, std::vector<Update> updates = {}) {
    return ExportGraph(in, out, updates, "f").status().ToString();
  };
  EXPECT_THAT(error({x}, {sum(x) + sum(y)}), HasSubstr("INVALID_ARGUMENT: input 'y' (export_test.cpp:"));
  EXPECT_THAT(error({x}, {sum(x) + sum(y)}), HasSubstr("is needed but not among the inputs: x"));
  EXPECT_THAT(error({x, twin}, {sum(x)}), HasSubstr("ALREADY_EXISTS: two inputs are named 'x'"));
  EXPECT_THAT(error({x, exp(x)}, {sum(x)}), HasSubstr("inputs[1] is 'exp#"));
  EXPECT_THAT(error({y}, {arange(dyn("m"))}), HasSubstr("dim symbol 'm' of 'iota#"));
  EXPECT_THAT(error({input("z", DType::f32, {2 * dyn("k")})}, {}), HasSubstr("dim symbol 'k' of 'z'"));
  EXPECT_THAT(error({y}, {}, {{s, y}}), HasSubstr("state_update: the new value is float32 (3,), the state is float32 (2,)"));
  EXPECT_THAT(error({}, {}, {{s, cast(s, DType::f64)}}), HasSubstr("the new value is float64 (2,)"));
  EXPECT_THAT(error({}, {}, {{s, s + 1}, {s, s + 2}}), HasSubstr("ALREADY_EXISTS: state 's' is updated twice"));
  EXPECT_THAT(error({}, {}, {{State(), y}}), HasSubstr("empty State"));
}

TEST(Export, BadAndMissingNames) {
  EXPECT_THAT(TypeText(input("x", DType::f32, {dyn("two words")})), HasSubstr("dim 'two words' has a symbol that is not of the form"));
  EXPECT_THAT(TypeText(input("", DType::f32, {})), HasSubstr("input: the name is empty"));
  EXPECT_THAT(TypeText(input("x", DType::f32, {-1})), HasSubstr("input 'x': shape (-1,) has a negative extent"));
  absl::StatusOr<ExportedGraph> exported = ExportGraph({}, {state("", Tensor::Ones({2})) + state("function", Tensor::Ones({2}))}, {}, "");
  ASSERT_TRUE(exported.ok());
  EXPECT_THAT(exported->state_symbols, testing::UnorderedElementsAre("state", "function_1"));
}

TEST(Export, UpdatesOfSymbolicShapeAreFitted) {
  const State s = state("s", Tensor::Ones({2}));
  const Value x = input("x", DType::f32, {dyn("n")});
  absl::StatusOr<ExportedGraph> exported = ExportGraph({x}, {}, {{s, exp(x)}}, "f");
  ASSERT_TRUE(exported.ok());
  EXPECT_THAT(exported->text, HasSubstr("oriel.reshape %0 shape <2> : tensor<?xf32> -> tensor<2xf32>"));
}

}  // namespace
}  // namespace oriel
