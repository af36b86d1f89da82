// check=nan, inf and reference: the first node that made a bad value.
#include <cmath>
#include <limits>

#include "gmock/gmock.h"

#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;
using testing::HasSubstr;

CompileOptions Checked(CheckMode mode) {
  CompileOptions options;
  options.check = mode;
  return options;
}

Tensor F64(std::vector<double> values, Extents shape) {
  return Tensor::From<double>(absl::Span<const double>(values), std::move(shape)).value();
}

std::string Message(const absl::StatusOr<Function>& f, std::vector<Tensor> inputs,
                    absl::StatusCode code = absl::StatusCode::kFailedPrecondition) {
  EXPECT_TRUE(f.ok()) << f.status();
  if (!f.ok()) return "";
  const absl::Status status = (*f)(absl::MakeConstSpan(inputs)).status();
  EXPECT_EQ(status.code(), code) << status;
  return std::string(status.message());
}

TEST(Check, NanNamesTheFirstNodeElementAndOperands) {
  const Value x = input("x", DType::f64, {dyn("n"), Dim(3)});
  const Value h = log(x).named("h"); const int line = __LINE__;
  const Value y = sum(h * 2.0 + 1.0);
  absl::StatusOr<Function> f = CompileInMode({x}, {y}, {}, Checked(CheckMode::kNan));
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE((*f)({F64({1, 2, 3, 4, 5, 6}, {2, 3})}).ok());
  // Not the infinity of log(0) in the first row.
  const std::string message = Message(f, {F64({1, 0, 3, 4, -5, 6}, {2, 3})});
  EXPECT_THAT(message, HasSubstr("nan is the result of log 'h' [id "));
  EXPECT_THAT(message, HasSubstr("(check_test.cpp:" + std::to_string(line) + ") at (1, 1), 1 of 6 elements"));
  EXPECT_THAT(message, HasSubstr("operand 0: input 'x'"));
  EXPECT_THAT(message, HasSubstr(" = -5.0 at (1, 1) of float64 (2, 3)"));
  EXPECT_THAT(message, HasSubstr("\nNode that caused the error: log("));
}

TEST(Check, InfFindsOverflowOfEveryFloat) {
  for (DType dtype : FloatDTypes()) {
    const Value x = input("x", dtype, {Dim(2)});
    absl::StatusOr<Function> f = CompileInMode({x}, {tanh((x * x).named("square") * 0.0)}, {}, Checked(CheckMode::kInf));
    ASSERT_TRUE(f.ok()) << f.status();
    const Tensor large = Tensor::Full({2}, 1e200, DType::f64).Cast(DType::f64).value();
    Tensor given = Tensor::Full({2}, dtype == DType::f64 ? 1e200 : dtype == DType::f16 ? 6e4 : 1e30, DType::f64).Cast(dtype).value();
    EXPECT_THAT(Message(f, {given}), HasSubstr("inf is the result of mul 'square'")) << NumpyName(dtype);
    EXPECT_TRUE((*f)({Tensor::Ones({2}, DType::f64).Cast(dtype).value()}).ok());
  }
}

TEST(Check, InputsAndStatesThatHoldOneAlready) {
  State w = state("w", F64({1, 2}, {2}));
  const Value x = input("x", DType::f64, {Dim(2)});
  absl::StatusOr<Function> f = CompileInMode({x}, {sum(x + w)}, {}, Checked(CheckMode::kNan));
  EXPECT_THAT(Message(f, {F64({1, NAN}, {2})}), HasSubstr("input 'x' already holds nan before the call at (1,), 1 of 2 elements"));
  ASSERT_TRUE(w.set_value(F64({NAN, 2}, {2})).ok());
  EXPECT_THAT(Message(f, {F64({1, 1}, {2})}), HasSubstr("state 'w' already holds nan before the call at (0,)"));
}

TEST(Check, StatesStayAndBitsAreTheSame) {
  const auto step = [](const State& w, const Value& x) { return w - 0.1 * log(x) * tanh(w); };
  State w = state("w", Tensor::Full({16}, 1)), v = state("v", Tensor::Full({16}, 1));
  const Value x = input("x", DType::f32, {Dim(16)});
  absl::StatusOr<Function> checked = CompileInMode({x}, {}, {{w, step(w, x)}}, Checked(CheckMode::kNan));
  absl::StatusOr<Function> plain = CompileInMode({x}, {}, {{v, step(v, x)}});
  ASSERT_TRUE(checked.ok() && plain.ok()) << checked.status() << plain.status();
  const Tensor given = Tensor::Uniform({16}, 3);
  ASSERT_TRUE((*checked)({given}).ok());
  ASSERT_TRUE((*plain)({given}).ok());
  const Tensor after = w.value();
  EXPECT_TRUE(SameBits(after, v.value()));
  Message(checked, {Tensor::Full({16}, -1)});
  EXPECT_TRUE(SameBits(w.value(), after));
}

TEST(Check, LoopsSayTheIteration) {
  const Value x = input("x", DType::f64, {});
  const Value y = loop(6, {x}, [](Value i, Values c) { return Values{sqrt(c[0]) * 0.0 + c[0] - 1.0}; })[0];
  absl::StatusOr<Function> f = CompileInMode({x}, {y}, {}, Checked(CheckMode::kNan));
  EXPECT_THAT(Message(f, {F64({2.5}, {})}), HasSubstr("in iteration (3,) of the loops around"));
}

// Not the loop or the update whose buffer the node writes.
TEST(Check, NamesTheNodeBehindALoopAndAnUpdate) {
  const Value x = input("x", DType::f64, {Dim(2)});
  const Value y = loop(3, {x}, [](Value i, Values c) { return Values{log(c[0] - 1.0).named("inner")}; })[0];
  absl::StatusOr<Function> f = CompileInMode({x}, {y}, {}, Checked(CheckMode::kNan));
  EXPECT_THAT(Message(f, {F64({0.5, 9}, {2})}), HasSubstr("nan is the result of log 'inner' [id "));
  State w = state("w", F64({0, 1}, {2}));
  absl::StatusOr<Function> g = CompileInMode({}, {}, {{w, w / w}}, Checked(CheckMode::kNan));
  const std::string message = Message(g, {});
  EXPECT_THAT(message, HasSubstr("nan is the result of div [id "));
  EXPECT_THAT(message, HasSubstr("at (0,), 1 of 2 elements"));
}

TEST(Check, TheFlagIsTheDefault) {
  ASSERT_TRUE(Config::Set("check", "nan").ok());
  const Value x = input("x", DType::f64, {Dim(1)});
  absl::StatusOr<Function> f = CompileInMode({x}, {sqrt(x)});
  ASSERT_TRUE(Config::Set("check", "off").ok());
  Message(f, {F64({-1}, {1})});
  EXPECT_FALSE(Config::Set("check", "perhaps").ok());
}

}  // namespace
}  // namespace oriel::e2e
