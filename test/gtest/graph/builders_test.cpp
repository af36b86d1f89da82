// The builders of oriel/value.h agree with the op table: each op a program can
// state has one, and it makes the op of that name with the table's attributes.
#include <map>
#include <set>

#include "oriel/random.h"
#include "oriel/scan.h"
#include "oriel/taps.h"
#include "graph_test_util.h"
#include "runtime/graph/node.h"

namespace oriel {
namespace {

std::map<std::string, Value> AllBuilders() {
  const Value x = input("x", DType::f32, {2, 3}), y = input("y", DType::f32, {2, 3});
  const Value p = input("p", DType::boolean, {2, 3}), i = input("i", DType::i64, {4}), n = input("n", DType::i64, {});
  const State s = state("s", Tensor::Zeros({2}));
  return {
      {"constant", constant(Tensor::Ones({2}))},
      {"iota", iota({2, 3}, 1, DType::i32)},
      {"state_read", Operand(s).value},
      {"dim_value", dim_value(3)},
      {"neg", neg(x)},
      {"abs", abs(x)},
      {"sign", sign(x)},
      {"exp", exp(x)},
      {"expm1", expm1(x)},
      {"log", log(x)},
      {"log1p", log1p(x)},
      {"sqrt", sqrt(x)},
      {"rsqrt", rsqrt(x)},
      {"tanh", tanh(x)},
      {"sigmoid", sigmoid(x)},
      {"erf", erf(x)},
      {"sin", sin(x)},
      {"cos", cos(x)},
      {"floor", floor(x)},
      {"ceil", ceil(x)},
      {"round", round(x)},
      {"logical_not", logical_not(p)},
      {"add", add(x, y)},
      {"sub", sub(x, y)},
      {"mul", mul(x, y)},
      {"div", div(x, y)},
      {"floor_div", floor_div(x, y)},
      {"mod", mod(x, y)},
      {"maximum", maximum(x, y)},
      {"minimum", minimum(x, y)},
      {"pow", pow(x, y)},
      {"logical_and", logical_and(p, p)},
      {"logical_or", logical_or(p, p)},
      {"logical_xor", logical_xor(p, p)},
      {"compare", less(x, y)},
      {"select", select(p, x, y)},
      {"cast", cast(x, DType::i8)},
      {"broadcast", broadcast_to(x, {4, 2, 3})},
      {"reshape", reshape(x, {6})},
      {"transpose", transpose(x)},
      {"slice", slice(x, {0, 0}, {1, 3})},
      {"dynamic_slice", dynamic_slice(x, {n, n}, {1, 1})},
      {"concatenate", concatenate({x, y}, 0)},
      {"reduce", sum(x)},
      {"argmax", argmax(x, 0)},
      {"argmin", argmin(x, 0)},
      {"sort", sort(x)},
      {"argsort", argsort(x, 0)},
      {"matmul", matmul(x, transpose(y))},
      {"gather", gather(x, {i})},
      {"scatter", scatter_add(x, {i}, input("u", DType::f32, {4, 3}))},
      {"loop", loop(3, {x}, [](Value, std::vector<Value> c) { return std::vector<Value>{c[0] + 1}; })[0]},
      {"branch", branch(input("c", DType::boolean, {}), [&] { return std::vector<Value>{x}; },
                        [&] { return std::vector<Value>{y}; })[0]},
      {"rows", scan([](const ScanStep& step) { return ScanBody{.outputs = {step.sequences[0]}, .until = equal(step.i, 1)}; },
                    {.sequences = {x}}).outputs[0]},
      {"random_bits", random_bits(input("key", DType::u64, {}), input("counter", DType::u64, {4}))},
      {"tap", assert_that(x, "equal", {equal(x, y)})},
  };
}

bool HoldsKind(AttrKind kind, const AttrValue& value) {
  switch (kind) {
    case AttrKind::kI64:
      return std::holds_alternative<int64_t>(value);
    case AttrKind::kI64s:
      return std::holds_alternative<std::vector<int64_t>>(value);
    case AttrKind::kBool:
      return std::holds_alternative<bool>(value);
    case AttrKind::kDim:
    case AttrKind::kDims:
      return std::holds_alternative<Dims>(value);
    case AttrKind::kElements:
      return std::holds_alternative<Tensor>(value);
    default:
      return std::holds_alternative<std::string>(value);
  }
}

TEST(Builders, EveryOpHasOne) {
  const std::map<std::string, Value> builders = AllBuilders();
  // Stated otherwise: declarations, region ends, updates; and the compiler's own.
  const std::set<std::string> others = {"state", "state_update", "yield", "observe", "kernel", "dispatch", "transfer", "check_index"};
  for (const OpInfo& info : AllOps()) {
    if (others.count(info.mnemonic) != 0) continue;
    ASSERT_EQ(builders.count(info.mnemonic), 1u) << info.mnemonic;
    const Value& value = builders.at(info.mnemonic);
    ASSERT_TRUE(value.ok()) << value.status();
    const graph::Node& node = *value.node();
    EXPECT_EQ(GetOpInfo(node.op).mnemonic, info.mnemonic);
    if (info.operands >= 0) {
      EXPECT_EQ(node.operands.size(), static_cast<size_t>(info.operands)) << info.mnemonic;
    }
    for (const AttrInfo& attribute : info.attributes) {
      if (attribute.kind == AttrKind::kSymbol) continue;  // Node::state
      const AttrValue* given = node.attrs.Find(attribute.name);
      ASSERT_NE(given, nullptr) << info.mnemonic << " " << attribute.name;
      EXPECT_TRUE(HoldsKind(attribute.kind, *given)) << info.mnemonic << " " << attribute.name;
    }
  }
}

TEST(Builders, OperatorsAreTheFunctions) {
  const Value x = input("x", DType::f32, {2}), y = input("y", DType::f32, {2});
  const auto op = [](const Value& value) { return GetOpInfo(value.node()->op).mnemonic; };
  EXPECT_EQ(op(x + y), "add");
  EXPECT_EQ(op(x - y), "sub");
  EXPECT_EQ(op(x * y), "mul");
  EXPECT_EQ(op(x / y), "div");
  EXPECT_EQ(op(x % y), "mod");
  EXPECT_EQ(op(-x), "neg");
  EXPECT_EQ(op(!(x < y)), "logical_not");
  EXPECT_EQ(op((x < y) & (x > y)), "logical_and");
  EXPECT_EQ(op((x <= y) | (x >= y)), "logical_or");
  EXPECT_EQ(*(x >= y).node()->attrs.Get<std::string>("predicate"), "ge");
  EXPECT_EQ(*reduce_max(x).node()->attrs.Get<std::string>("kind"), "max");
}

}  // namespace
}  // namespace oriel
