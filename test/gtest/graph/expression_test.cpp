// Expressions: types as they are made, the caller's lines in errors, names,
// poison, depth.
#include <thread>

#include "graph_test_util.h"
#include "runtime/graph/node.h"

namespace oriel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string Here(int line) { return "expression_test.cpp:" + std::to_string(line) + ": "; }

TEST(Expression, InfersTypesAsItIsMade) {
  const Value x = input("x", DType::f32, {dyn("batch"), 64});
  const State w = state("w", Tensor::Zeros({64, 10}));
  EXPECT_EQ(TypeText(dot(x, w)), "float32 (batch, 10)");
  EXPECT_EQ(TypeText(tanh(dot(x, w) + 1.0)), "float32 (batch, 10)");
  EXPECT_EQ(TypeText(softmax(dot(x, w))), "float32 (batch, 10)");
  EXPECT_EQ(TypeText(mean(x, {0})), "float32 (64,)");
  EXPECT_EQ(x.dim(-1), Dim(64));
  EXPECT_EQ(x.dim(0).ToString(), "batch");
}

TEST(Expression, ErrorsOfFunctionsCarryTheCallersLine) {
  const Value a = input("a", DType::f32, {3}), b = input("b", DType::f32, {4});
  const Value bad = add(a, b);
  const int line = __LINE__ - 1;
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TypeText(bad), Here(line) + "add: operands could not be broadcast together with shapes (3,) and (4,)");
  const Value product = matmul(a, b);
  EXPECT_THAT(TypeText(product), StartsWith(Here(__LINE__ - 1) + "matmul: "));
  const Value total = sum(a, {1});
  EXPECT_EQ(TypeText(total), Here(__LINE__ - 1) + "sum: axis 1 is out of range for a tensor of rank 1");
  const Value parts = concatenate({a, expand_dims(a, 0)}, 0);
  EXPECT_THAT(TypeText(parts), StartsWith(Here(__LINE__ - 1) + "concatenate: "));
}

TEST(Expression, ErrorsOfOperatorsCarryTheCallersLine) {
  const Value a = input("a", DType::f32, {3}), b = input("b", DType::f32, {4});
  const Value bad = a + b;
  EXPECT_THAT(TypeText(bad), StartsWith(Here(__LINE__ - 1) + "add: "));
  const Value also = (a + 1.0f) *
                     b;
  EXPECT_THAT(TypeText(also), testing::AnyOf(StartsWith(Here(__LINE__ - 2)), StartsWith(Here(__LINE__ - 3))));
  const Value index = a[5];
  EXPECT_EQ(TypeText(index), Here(__LINE__ - 1) + "index 5 is out of range for axis 0 with extent 3");
  EXPECT_EQ(index.status().code(), absl::StatusCode::kOutOfRange);
  const Value flag = -(a < 1);
  EXPECT_THAT(TypeText(flag), StartsWith(Here(__LINE__ - 1) + "neg does not take bool"));
}

TEST(Expression, PoisonPropagatesWithItsFirstStatus) {
  const Value a = input("a", DType::f32, {3}), b = input("b", DType::f32, {4});
  const Value bad = a * b;
  const std::string first = TypeText(bad);
  const Value later = softmax(exp(bad)[{slice(0, 1)}] + 1) - sum(bad);
  EXPECT_EQ(TypeText(later), first);
  EXPECT_EQ(TypeText(select(bad, a, a)), first);
  EXPECT_EQ(TypeText(concatenate({a, bad}, 0)), first);
  EXPECT_EQ(TypeText(loop(3, {bad}, [](Value, std::vector<Value> c) { return c; })[0]), first);
  EXPECT_EQ(std::string(Evaluate({a, b}, {later}, {}, {}).status().message()), first);
  EXPECT_EQ(std::string(ToMlirText({a, b}, {later}).status().message()), first);
}

TEST(Expression, EmptyValues) {
  const Value none;
  EXPECT_EQ(TypeText(none), "empty Value");
  EXPECT_THAT(TypeText(none + 1), HasSubstr("empty Value"));
  EXPECT_THAT(TypeText(sum(none)), HasSubstr("empty Value"));
  EXPECT_FALSE(Evaluate({}, {none}, {}, {}).ok());
  EXPECT_THAT(TypeText(State() + 1), HasSubstr("empty State"));
}

TEST(Expression, NamesAreLabels) {
  const Value x = input("x", DType::f32, {2});
  const Value y = exp(x);
  const Value named = y.named("y");
  EXPECT_EQ(named.name(), "y");
  EXPECT_EQ(y.name(), "");
  EXPECT_EQ(named.id(), y.id());
  EXPECT_EQ(named.node()->Label(), "y");
  EXPECT_THAT(y.node()->Label(), StartsWith("exp#"));
}

TEST(Expression, NameScopesNest) {
  NameScope outer("net");
  Value inside;
  {
    NameScope inner("layer1");
    inside = constant(Tensor::Ones({2})) + 1;
  }
  const Value outside = inside * 2;
  EXPECT_EQ(inside.node()->scope, "net/layer1");
  EXPECT_EQ(outside.node()->scope, "net");
}

TEST(Expression, IdsAreUniqueAcrossThreads) {
  std::vector<std::vector<NodeId>> ids(4);
  std::vector<std::thread> threads;
  for (auto& mine : ids) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 100; ++i) mine.push_back(scalar(i, DType::f32).id());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<NodeId> all;
  for (const auto& mine : ids) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(Expression, DeepChains) {
  constexpr int kDepth = 100000;
  const Value x = input("x", DType::f64, {});
  Value sum = x;
  for (int i = 0; i < kDepth; ++i) sum = sum + x;
  EXPECT_EQ(Eval(sum, {x}, {Tensor::Scalar<double>(1)}).ElementAsDouble({}), kDepth + 1);
  absl::StatusOr<std::string> text = ToMlirText({x}, {sum});
  ASSERT_TRUE(text.ok());
  EXPECT_GT(text->size(), 1000000u);
  sum = x;  // frees the chain
}

TEST(Expression, DeepChainsOfLoopsFree) {
  Value x = scalar(1, DType::f64);
  for (int i = 0; i < 10000; ++i) {
    x = loop(1, {x}, [](Value, std::vector<Value> c) { return std::vector<Value>{c[0] + 1}; })[0];
  }
  EXPECT_EQ(EvalValues(x)[0], 10001);
}

TEST(Expression, ChainsSharedByThreadsFree) {
  for (int round = 0; round < 20; ++round) {
    Value chain = scalar(1, DType::f64);
    for (int i = 0; i < 1000; ++i) chain = chain + 1;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([mine = chain]() mutable {
        for (int i = 0; i < 100; ++i) mine = mine * 2;
        mine = Value();
      });
    }
    chain = Value();
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(Expression, SharedSubgraphsAreEvaluatedOnce) {
  // 2^60 additions if it were not so.
  Value x = scalar(1, DType::f64);
  for (int i = 0; i < 60; ++i) x = x + x;
  EXPECT_EQ(EvalValues(x)[0], 0x1p60);
}

TEST(Expression, States) {
  const State s = state("s", Tensor::Ones({2}));
  State copy = s;
  EXPECT_EQ(s.name(), "s");
  EXPECT_EQ(s.id(), copy.id());
  EXPECT_NE(s.id(), state("s", Tensor::Ones({2})).id());
  ASSERT_TRUE(copy.set_value(Make(DType::f32, {2}, {3, 4})).ok());
  EXPECT_THAT(Values(s.value()), ElementsAre(3, 4));
  EXPECT_THAT(EvalValues(s * 2), ElementsAre(6, 8));
  const absl::Status wrong = copy.set_value(Tensor::Ones({3}));
  EXPECT_EQ(std::string(wrong.message()), "state 's': set_value got float32 (3,), required float32 (2,)");
  // What was read is a copy.
  Tensor taken = s.value();
  taken.data<float>()[0] = 99;
  EXPECT_THAT(Values(s.value()), ElementsAre(3, 4));
}

TEST(Expression, ConstantsAreCopies) {
  Tensor t = Tensor::Ones({2});
  const Value c = constant(t);
  t.data<float>()[0] = 5;
  EXPECT_THAT(EvalValues(c), ElementsAre(1, 1));
}

}  // namespace
}  // namespace oriel
