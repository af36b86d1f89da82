// Names that are given after a value was used: seen in what is printed, written
// or compiled from then on.
#include <thread>

#include "graph_test_util.h"
#include "oriel/printing.h"
#include "oriel/substitute.h"

namespace oriel {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Text(const std::vector<Value>& inputs, const std::vector<Value>& outputs) {
  return ToMlirText(inputs, outputs).value_or("none");
}

TEST(LateNames, OfAnOpThatIsUsed) {
  Value x = input("x", DType::f32, {3});
  Value h = tanh(x);
  const Value y = sum(h * 2.0);
  EXPECT_THAT(DebugPrint({y}), Not(HasSubstr("'hidden'")));
  ASSERT_TRUE(h.set_name("hidden").ok());
  EXPECT_EQ(h.name(), "hidden");
  EXPECT_THAT(DebugPrint({y}), HasSubstr("'hidden'"));
  EXPECT_THAT(Text({x}, {y}), HasSubstr("\"hidden\""));
  ASSERT_TRUE(h.set_name("other").ok());
  EXPECT_THAT(DebugPrint({y}), HasSubstr("'other'"));
  EXPECT_THAT(DebugPrint({y}), Not(HasSubstr("'hidden'")));
}

TEST(LateNames, NamedGivesAHandleOfItsOwn) {
  const Value x = input("x", DType::f32, {3});
  Value h = tanh(x);
  const Value other = h.named("other");
  ASSERT_TRUE(h.set_name("h").ok());
  EXPECT_EQ(other.name(), "other");
  EXPECT_EQ(h.name(), "h");
}

TEST(LateNames, OfAnInput) {
  Value x = input("x", DType::f32, {3});
  const Value y = exp(x);
  EXPECT_THAT(std::string(x.set_name("").message()), HasSubstr("input 'x': the name is empty"));
  ASSERT_TRUE(x.set_name("words").ok());
  EXPECT_THAT(Text({x}, {y}), HasSubstr("oriel.name = \"words\""));
  EXPECT_THAT(DebugPrint({y}), HasSubstr("|words"));
}

TEST(LateNames, OfAState) {
  const State w = state("", Tensor::Zeros({3}));
  const Value y = exp(w);
  ASSERT_TRUE(w.set_name("weights").ok());
  EXPECT_EQ(w.name(), "weights");
  EXPECT_THAT(DebugPrint({y}), HasSubstr("|weights"));
  EXPECT_THAT(Text({}, {y}), HasSubstr("oriel.state @weights"));
  EXPECT_THAT(Text({}, {y}), HasSubstr("loc(\"weights\""));
  EXPECT_FALSE(State().set_name("w").ok());
}

TEST(LateNames, ReadingAStateKeepsTheStatesName) {
  const State w = state("w", Tensor::Zeros({3}));
  Value read = Operand(w).value;
  ASSERT_TRUE(read.set_name("before").ok());
  EXPECT_EQ(read.name(), "before");
  EXPECT_EQ(w.name(), "w");
}

TEST(LateNames, ResultsOfOneLoopAreNamedApart) {
  const Value n = input("n", DType::i64, {});
  std::vector<Value> results = loop(n, {constant(Tensor::Zeros({})), constant(Tensor::Ones({}))},
                                    [](Value, std::vector<Value> c) { return std::vector<Value>{c[1], c[0] + c[1]}; });
  const Value used = results[0] + results[1];
  ASSERT_TRUE(results[0].set_name("a").ok());
  ASSERT_TRUE(results[1].set_name("b").ok());
  EXPECT_EQ(results[0].name(), "a");
  EXPECT_EQ(results[1].name(), "b");
  EXPECT_THAT(Text({n}, {used}), HasSubstr("loc(\"a\"")) << "the loop takes the first";
  EXPECT_THAT(Text({n}, results), HasSubstr("oriel.name = \"b\""));
}

TEST(LateNames, OfWhatAGraphIsMadeOfAgain) {
  const Value x = input("x", DType::f32, {3}), z = input("z", DType::f32, {3});
  Value h = tanh(x);
  const Value y = Clone({h * 2.0}, {{x, z}})[0];
  ASSERT_TRUE(h.set_name("h").ok());
  EXPECT_THAT(DebugPrint({y}), HasSubstr("'h'")) << "a node that is made again is the same to its user";
}

TEST(LateNames, AnEmptyValueHasNone) {
  Value nothing;
  EXPECT_FALSE(nothing.set_name("x").ok());
}

TEST(LateNames, NamedWhileOthersRead) {
  const Value x = input("x", DType::f32, {3});
  Value h = tanh(x);
  const Value y = sum(h);
  std::thread reader([&] {
    for (int i = 0; i < 200; ++i) EXPECT_THAT(DebugPrint({y}), HasSubstr("tanh"));
  });
  const std::string& first = h.name();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(h.set_name("h" + std::to_string(i)).ok());
  reader.join();
  EXPECT_EQ(first, "") << "what was read stays";
  EXPECT_EQ(h.name(), "h199");
}

}  // namespace
}  // namespace oriel
