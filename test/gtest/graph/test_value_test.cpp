// Test values: what an expression computes while it is built.
#include "oriel/test_value.h"

#include "oriel/compose.h"
#include "oriel/grad.h"
#include "oriel/scan.h"
#include "test/gtest/graph/graph_test_util.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

// Sets the mode for one test.
class TestValues : public testing::Test {
 protected:
  void Mode(const char* mode) { ASSERT_TRUE(Config::Set("compute_test_value", mode).ok()); }
  void SetUp() override {
    SetTestValueWarningHandler([this](const TestValueWarning& w) { warnings_.push_back(w); });
  }
  void TearDown() override {
    Mode("off");
    SetTestValueWarningHandler({});
  }
  static Value Given(const std::string& name, DType dtype, Dims shape, const Tensor& test) {
    Value x = input(name, dtype, std::move(shape));
    const absl::Status status = x.set_test_value(test);
    EXPECT_TRUE(status.ok()) << status;
    return x;
  }
  static std::string Message(const Value& value) { return std::string(value.status().message()); }
  static std::string TestMessage(const Value& value) { return std::string(value.test_value().status().message()); }
  std::vector<TestValueWarning> warnings_;
};

TEST_F(TestValues, TheSourcesExample) {
  Mode("warn");
  Tensor data = Tensor::Uniform({100, 100}, 1, DType::i64);
  int64_t largest = 0;
  for (int64_t i = 0; i < 100; ++i) {
    for (int64_t k = 0; k < 100; ++k) largest = std::max(largest, data.ElementAsInt({i, k}));
  }
  Value x = Given("data", DType::i64, {dyn("rows"), dyn("columns")}, data);
  const Value maximum = reduce_max(x);
  ASSERT_TRUE(maximum.test_value().ok()) << maximum.test_value().status();
  EXPECT_EQ(maximum.test_value()->ElementAsInt({}), largest);
  EXPECT_EQ(maximum.test_value()->dtype(), DType::i64);
  EXPECT_EQ(x.test_value()->shape(), (Extents{100, 100}));
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(TestValues, EveryModeOnAShapeThatOnlyTheDataTells) {
  for (const char* mode : {"off", "ignore", "warn", "raise"}) {
    SCOPED_TRACE(mode);
    Mode(mode);
    warnings_.clear();
    Value x = Given("x", DType::f32, {dyn("n"), 3}, Tensor::Ones({4, 3}));
    Value y = Given("y", DType::f32, {dyn("m"), 3}, Tensor::Ones({5, 3}));
    const int line = __LINE__ + 1;
    const Value bad = x + y;
    const std::string where = "test_value_test.cpp:" + std::to_string(line);
    EXPECT_TRUE(warnings_.empty()) << warnings_[0].message;
    if (std::string(mode) != "off") {
      EXPECT_FALSE(bad.ok());
      EXPECT_THAT(Message(bad), HasSubstr(where + ": add: with test values"));
      EXPECT_THAT(Message(bad), HasSubstr("(4, 3) 'x', float32 (5, 3) 'y'"));
      EXPECT_THAT(Message(bad), HasSubstr("n = 4 must equal m = 5"));
      continue;
    }
    // Not computed, but it can be asked for.
    EXPECT_TRUE(bad.ok()) << bad.status();
    EXPECT_FALSE(bad.test_value().ok());
    EXPECT_THAT(TestMessage(bad), HasSubstr("n = 4 must equal m = 5"));
    const Value later = tanh(bad);
    EXPECT_FALSE(later.test_value().ok());
  }
}

TEST_F(TestValues, EveryModeOnAMissingOne) {
  for (const char* mode : {"off", "ignore", "warn", "raise"}) {
    SCOPED_TRACE(mode);
    Mode(mode);
    warnings_.clear();
    Value x = input("x", DType::f32, {3});
    const int line = __LINE__ + 1;
    const Value y = exp(x);
    if (std::string(mode) == "raise") {
      EXPECT_THAT(Message(y), HasSubstr("input 'x' (test_value_test.cpp:"));
      EXPECT_THAT(Message(y), HasSubstr("has no test value"));
      continue;
    }
    ASSERT_TRUE(y.ok()) << y.status();
    const Value z = y * 2.0;
    EXPECT_EQ(z.test_value().status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(TestMessage(z), HasSubstr("input 'x'"));
    ASSERT_EQ(warnings_.size(), std::string(mode) == "warn" ? 1u : 0u);
    if (warnings_.empty()) continue;
    EXPECT_THAT(warnings_[0].message, HasSubstr("test_value_test.cpp:" + std::to_string(line) + ": exp"));
    EXPECT_EQ(warnings_[0].line, line);
  }
}

TEST_F(TestValues, AnIndexOutsideItsAxisFailsWhereItIsWritten) {
  for (const char* mode : {"ignore", "warn", "raise"}) {
    SCOPED_TRACE(mode);
    Mode(mode);
    Value table = Given("table", DType::f32, {dyn("rows"), 2}, Tensor::Ones({10, 2}));
    Value ids = Given("ids", DType::i64, {dyn("n")}, Make(DType::i64, {3}, {1, 12, 3}));
    const int line = __LINE__ + 1;
    const Value rows = gather(table, {ids});
    EXPECT_EQ(rows.status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(Message(rows), HasSubstr("test_value_test.cpp:" + std::to_string(line)));
    EXPECT_THAT(Message(rows), HasSubstr("12"));
  }
}

TEST_F(TestValues, InputsThatShareASymbolMustAgree) {
  Mode("raise");
  Value x = Given("x", DType::f32, {dyn("batch")}, Tensor::Ones({4}));
  Value y = Given("y", DType::f32, {dyn("batch")}, Tensor::Ones({5}));
  const Value z = x + y;
  EXPECT_THAT(Message(z), HasSubstr("dim 'batch' is 4 by input 'x' (test_value_test.cpp:"));
  EXPECT_THAT(Message(z), HasSubstr("but 5 by input 'y'"));
  // The same names in another graph are no concern of this one.
  EXPECT_TRUE((y + 1.0).ok());
}

TEST_F(TestValues, SetIsChecked) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("n"), 3});
  EXPECT_THAT(std::string(x.set_test_value(Tensor::Ones({2, 2, 3}, DType::f64)).message()),
              HasSubstr("wrong dtype; expected float32 (n, n, 3), got float64 (2, 2, 3)"));
  EXPECT_THAT(std::string(x.set_test_value(Tensor::Ones({2, 2})).message()), HasSubstr("wrong rank"));
  EXPECT_THAT(std::string(x.set_test_value(Tensor::Ones({2, 2, 4})).message()), HasSubstr("axis 2"));
  EXPECT_THAT(std::string(x.set_test_value(Tensor::Ones({2, 4, 3})).message()), HasSubstr("axis 1, where 'n' is 2"));
  EXPECT_THAT(std::string((x + 1.0).set_test_value(Tensor::Ones({2, 2, 3})).message()), HasSubstr("only an input()"));
  EXPECT_FALSE(Value().set_test_value(Tensor()).ok());
  EXPECT_TRUE(x.set_test_value(Tensor::Ones({2, 2, 3})).ok());
  EXPECT_TRUE(x.set_test_value(Tensor::Ones({5, 5, 3})).ok());
  EXPECT_EQ(x.test_value()->dim(0), 5);
}

TEST_F(TestValues, StatesConstantsAndDimsAreTheirOwn) {
  Mode("raise");
  State w = state("w", Tensor::Full({2}, 3));
  const Value y = w * 2.0 + constant(Tensor::Ones({2}));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(Values(*y.test_value()), (std::vector<double>{7, 7}));
  ASSERT_TRUE(w.set_value(Tensor::Full({2}, 5)).ok());
  EXPECT_EQ(Values(*(w + 0.0).test_value()), (std::vector<double>{5, 5}));
  // A node made of dims alone is computed when something gives them extents.
  Value t = Given("t", DType::f32, {dyn("rows"), 2}, Make(DType::f32, {2, 2}, {1, 2, 3, 4}));
  Value labels = Given("labels", DType::i64, {dyn("rows")}, Make(DType::i64, {2}, {1, 0}));
  const Value picked = t[{arange(t.dim(0)), labels}];
  ASSERT_TRUE(picked.ok()) << picked.status();
  EXPECT_EQ(Values(*picked.test_value()), (std::vector<double>{2, 3}));
  EXPECT_EQ(Values(*(arange(t.dim(0)) * 2).test_value()), (std::vector<double>{0, 2}));
  EXPECT_EQ(dim_value(t.dim(0)).test_value()->ElementAsInt({}), 2);
}

TEST_F(TestValues, OnDemandWhenOff) {
  Value x = input("x", DType::f64, {dyn("n")});
  const Value y = sum(x * x);
  EXPECT_FALSE(y.test_value().ok());
  ASSERT_TRUE(x.set_test_value(Make(DType::f64, {3}, {1, 2, 3})).ok());
  EXPECT_EQ(y.test_value()->ElementAsDouble({}), 14);
  // What was built while off is computed for what is built later.
  Mode("raise");
  const Value z = y + 1.0;
  ASSERT_TRUE(z.ok()) << z.status();
  EXPECT_EQ(z.test_value()->ElementAsDouble({}), 15);
}

TEST_F(TestValues, InTheBodyOfALoop) {
  Mode("raise");
  Value x = Given("x", DType::f64, {dyn("n")}, Make(DType::f64, {2}, {1, 2}));
  std::vector<double> seen;
  int line = 0;
  std::vector<Value> ends = loop(3, {x}, [&](Value i, std::vector<Value> carried) {
    const Value next = carried[0] * 2.0 + cast(i, DType::f64);
    EXPECT_TRUE(next.test_value().ok()) << next.test_value().status();
    if (next.test_value().ok()) seen = Values(*next.test_value());  // of the first iteration
    return std::vector<Value>{next};
  });
  EXPECT_EQ(seen, (std::vector<double>{2, 4}));
  ASSERT_TRUE(ends[0].ok()) << ends[0].status();
  EXPECT_EQ(Values(*ends[0].test_value()), (std::vector<double>{12, 20}));
  Value y = Given("y", DType::f64, {dyn("m")}, Make(DType::f64, {3}, {1, 2, 3}));
  ends = loop(3, {x}, [&](Value, std::vector<Value> carried) {
    line = __LINE__ + 1;
    return std::vector<Value>{carried[0] + y};
  });
  EXPECT_THAT(Message(ends[0]), HasSubstr("test_value_test.cpp:" + std::to_string(line)));
}

TEST_F(TestValues, InTheBodyOfAScanAndInItsGradient) {
  Mode("raise");
  Value x = Given("x", DType::f64, {dyn("time"), 2}, Make(DType::f64, {3, 2}, {1, 2, 3, 4, 5, 6}));
  for (bool backwards : {false, true}) {
    std::vector<double> row, carried;
    const ScanResult r = scan(
        [&](const ScanStep& s) {
          const Value next = s.outputs[0] + s.sequences[0] * 2.0;
          row = Values(*s.sequences[0].test_value());
          carried = Values(*s.outputs[0].test_value());
          EXPECT_TRUE(next.test_value().ok()) << next.test_value().status();
          return ScanBody{{next}};
        },
        {.sequences = {x}, .outputs_info = {constant(Tensor::Zeros({2}, DType::f64))}, .go_backwards = backwards});
    ASSERT_TRUE(r.outputs[0].ok()) << r.outputs[0].status();
    // The first step's row.
    EXPECT_EQ(row, backwards ? (std::vector<double>{5, 6}) : (std::vector<double>{1, 2}));
    EXPECT_EQ(carried, (std::vector<double>{0, 0}));
    EXPECT_EQ(Values(*r.outputs[0].test_value()),
              backwards ? (std::vector<double>{10, 12, 16, 20, 18, 24}) : (std::vector<double>{2, 4, 8, 12, 18, 24}));
    const Value cost = sum(r.outputs[0] * r.outputs[0]);
    const Value g = grad(cost, {x})[0];
    ASSERT_TRUE(g.ok()) << g.status();
    ASSERT_TRUE(g.test_value().ok()) << g.test_value().status();
    EXPECT_EQ(g.test_value()->shape(), (Extents{3, 2}));
  }
  // A wrong op in a body fails at its line, although the dims are unknown.
  Value y = Given("y", DType::f64, {dyn("k")}, Make(DType::f64, {3}, {1, 2, 3}));
  int line = 0;
  const ScanResult r = scan(
      [&](const ScanStep& s) {
        line = __LINE__ + 1;
        return ScanBody{{reshape(s.sequences[0], {y.dim(0)}) + y}};
      },
      {.sequences = {x}});
  EXPECT_THAT(Message(r.outputs[0]), HasSubstr("test_value_test.cpp:" + std::to_string(line)));
}

// zeros and an arange of dims alone wait for the extents of what they meet.
TEST_F(TestValues, InTheBodyOfAScanOfWhatIsMadeOfDims) {
  Mode("raise");
  Value x = Given("x", DType::f64, {dyn("time"), dyn("width")}, Make(DType::f64, {3, 2}, {1, 2, 3, 4, 5, 6}));
  std::vector<double> seen;
  const ScanResult r = scan(
      [&](const ScanStep& s) {
        const Value next = s.sequences[0] + s.outputs[0] + cast(s.sequences[1], DType::f64);
        EXPECT_TRUE(next.test_value().ok()) << next.test_value().status();
        if (next.test_value().ok()) seen = Values(*next.test_value());
        return ScanBody{{next}};
      },
      {.sequences = {x, arange(x.dim(0)) + 7}, .outputs_info = {full({x.dim(1)}, 10.0, DType::f64)}});
  ASSERT_TRUE(r.outputs[0].ok()) << r.outputs[0].status();
  EXPECT_EQ(seen, (std::vector<double>{18, 19}));
  ASSERT_TRUE(r.outputs[0].test_value().ok()) << r.outputs[0].test_value().status();
  EXPECT_EQ(Values(*r.outputs[0].test_value()), (std::vector<double>{18, 19, 29, 31, 43, 46}));
}

TEST_F(TestValues, InTheBodiesOfABranch) {
  Mode("raise");
  Value x = Given("x", DType::f64, {}, Tensor::Scalar(4.0));
  std::vector<Value> chosen = branch(
      x > 3.0, [&] { return std::vector<Value>{x * 10.0}; }, [&] { return std::vector<Value>{x - 1.0}; });
  ASSERT_TRUE(chosen[0].ok()) << chosen[0].status();
  EXPECT_EQ(chosen[0].test_value()->ElementAsDouble({}), 40);
}

TEST_F(TestValues, LiveAsLongAsTheirNodes) {
  Mode("ignore");
  Value x = input("x", DType::f32, {dyn("n")});
  ASSERT_TRUE(x.set_test_value(Tensor::Ones({3})).ok());
  std::weak_ptr<const graph::Node> node;
  {
    const Value y = exp(x).named("y");
    EXPECT_TRUE(y.test_value().ok());
    node = y.node();
  }
  EXPECT_TRUE(node.expired());
  // A chain of ten thousand nodes is computed without recursion.
  Mode("off");
  Value chain = x;
  for (int i = 0; i < 10000; ++i) chain = chain + 1.0;
  ASSERT_TRUE(chain.test_value().ok());
  EXPECT_EQ(chain.test_value()->ElementAsDouble({0}), 10001);
}

}  // namespace
}  // namespace oriel
