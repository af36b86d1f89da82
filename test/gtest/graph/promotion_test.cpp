// Promotion by NumPy 2's rules, weak scalars included, as expressions apply it.
#include <limits>

#include "graph_test_util.h"
#include "oriel/compose.h"
#include "oriel/config.h"
#include "oriel/errors.h"
#include "oriel/grad.h"
#include "oriel/nnet.h"
#include "oriel/scan.h"
#include "oriel/subtensor.h"

namespace oriel {
namespace {

using testing::HasSubstr;

Value Of(DType dtype) { return input(std::string(ShortName(dtype)), dtype, {2}); }

TEST(Promotion, BinaryOfArrays) {
  struct Case {
    DType a, b, result;
  };
  const Case cases[] = {
      {DType::i32, DType::f32, DType::f64}, {DType::i8, DType::f16, DType::f16},   {DType::i16, DType::f16, DType::f32},
      {DType::u8, DType::i8, DType::i16},   {DType::u64, DType::i64, DType::f64},  {DType::boolean, DType::u8, DType::u8},
      {DType::f16, DType::f32, DType::f32}, {DType::bf16, DType::f16, DType::f32}, {DType::i64, DType::f16, DType::f64},
      {DType::u32, DType::i32, DType::i64}, {DType::bf16, DType::i8, DType::bf16},
  };
  for (const Case& c : cases) {
    EXPECT_EQ((Of(c.a) + Of(c.b)).dtype(), c.result) << NumpyName(c.a) << " + " << NumpyName(c.b);
    EXPECT_EQ((Of(c.b) * Of(c.a)).dtype(), c.result) << NumpyName(c.b) << " * " << NumpyName(c.a);
  }
}

TEST(Promotion, WeakScalarsKeepTheArraysType) {
  EXPECT_EQ((Of(DType::f32) + 1).dtype(), DType::f32);
  EXPECT_EQ((Of(DType::f32) + 1.5).dtype(), DType::f32);
  EXPECT_EQ((1.5 - Of(DType::f16)).dtype(), DType::f16);
  EXPECT_EQ((Of(DType::i8) + 1).dtype(), DType::i8);
  EXPECT_EQ((Of(DType::u64) + 1).dtype(), DType::u64);
  EXPECT_EQ((Of(DType::i8) + 1.5).dtype(), DType::f64);
  EXPECT_EQ((Of(DType::boolean) + 1).dtype(), DType::i64);
  EXPECT_EQ((Of(DType::boolean) + true).dtype(), DType::boolean);
  EXPECT_EQ((Of(DType::i32) + true).dtype(), DType::i32);
  EXPECT_EQ(add(1, 2).dtype(), DType::i64);
  EXPECT_EQ(add(1, 2.0).dtype(), DType::f64);
}

TEST(Promotion, WeakIntegersMustFit) {
  EXPECT_THAT(TypeText(Of(DType::u8) + 300), HasSubstr("the integer 300 is out of bounds for uint8"));
  EXPECT_THAT(TypeText(Of(DType::u8) + -1), HasSubstr("the integer -1 is out of bounds for uint8"));
  EXPECT_EQ(TypeText(Of(DType::i8) + -128), "int8 (2,)");
  EXPECT_THAT(TypeText(Of(DType::i8) + 128), HasSubstr("out of bounds"));
  // Comparisons take any number.
  EXPECT_THAT(EvalValues(constant(Make(DType::u8, {2}, {1, 255})) < 300), testing::ElementsAre(1, 1));
  EXPECT_THAT(EvalValues(constant(Make(DType::u8, {2}, {1, 255})) > -1), testing::ElementsAre(1, 1));
  EXPECT_THAT(EvalValues(constant(Make(DType::u64, {1}, {1})) > -1), testing::ElementsAre(1));
}

TEST(Promotion, TrueDivisionIsFloat) {
  for (DType t : {DType::i8, DType::u8, DType::i16, DType::i32, DType::u64, DType::boolean}) {
    EXPECT_EQ((Of(t) / Of(t)).dtype(), DType::f64) << NumpyName(t);
    EXPECT_EQ((Of(t) / 2).dtype(), DType::f64) << NumpyName(t);
  }
  EXPECT_EQ((Of(DType::f16) / 2).dtype(), DType::f16);
  EXPECT_EQ((Of(DType::f32) / Of(DType::i16)).dtype(), DType::f32);
}

TEST(Promotion, MathOfIntegers) {
  EXPECT_EQ(exp(Of(DType::i8)).dtype(), DType::f16);
  EXPECT_EQ(exp(Of(DType::boolean)).dtype(), DType::f16);
  EXPECT_EQ(sqrt(Of(DType::u16)).dtype(), DType::f32);
  EXPECT_EQ(tanh(Of(DType::i32)).dtype(), DType::f64);
  EXPECT_EQ(log(Of(DType::bf16)).dtype(), DType::bf16);
  EXPECT_EQ(floor(Of(DType::i32)).dtype(), DType::i32);
  EXPECT_EQ(exp(2).dtype(), DType::f64);
}

TEST(Promotion, BoolArithmetic) {
  const Value p = Of(DType::boolean);
  EXPECT_EQ((p + p).dtype(), DType::boolean);
  EXPECT_EQ((p * p).dtype(), DType::boolean);
  EXPECT_EQ(floor_div(p, p).dtype(), DType::i8);
  EXPECT_EQ(mod(p, p).dtype(), DType::i8);
  EXPECT_EQ(pow(p, p).dtype(), DType::i8);
  EXPECT_THAT(TypeText(p - p), HasSubstr("sub does not take bool: NumPy subtracts no bool"));
  EXPECT_THAT(TypeText(-p), HasSubstr("neg does not take bool"));
}

TEST(Promotion, Reductions) {
  EXPECT_EQ(sum(Of(DType::i8)).dtype(), DType::i64);
  EXPECT_EQ(sum(Of(DType::u8)).dtype(), DType::u64);
  EXPECT_EQ(sum(Of(DType::boolean)).dtype(), DType::i64);
  EXPECT_EQ(prod(Of(DType::i32)).dtype(), DType::i64);
  EXPECT_EQ(sum(Of(DType::f16)).dtype(), DType::f16);
  EXPECT_EQ(mean(Of(DType::i8)).dtype(), DType::f64);
  EXPECT_EQ(mean(Of(DType::f16)).dtype(), DType::f16);
  EXPECT_EQ(reduce_max(Of(DType::u8)).dtype(), DType::u8);
  EXPECT_EQ(any(Of(DType::f32)).dtype(), DType::boolean);
  EXPECT_EQ(argmax(Of(DType::f32)).dtype(), DType::i64);
}

TEST(Promotion, LogicAndSelect) {
  EXPECT_EQ(logical_and(Of(DType::f32), 1).dtype(), DType::boolean);
  EXPECT_EQ(logical_not(Of(DType::i32)).dtype(), DType::boolean);
  EXPECT_THAT(EvalValues(logical_or(constant(Make(DType::f32, {3}, {0, 0.5, 0})), 0)), testing::ElementsAre(0, 1, 0));
  EXPECT_EQ(select(Of(DType::boolean), Of(DType::f32), 0).dtype(), DType::f32);
  EXPECT_EQ(select(Of(DType::boolean), Of(DType::i32), Of(DType::f32)).dtype(), DType::f64);
  EXPECT_EQ((Of(DType::f32) < Of(DType::i32)).dtype(), DType::boolean);
}

TEST(Promotion, MatMul) {
  const Value a = input("a", DType::i8, {2, 2}), b = input("b", DType::f32, {2, 2}), p = input("p", DType::boolean, {2, 2});
  EXPECT_EQ(dot(a, b).dtype(), DType::f32);
  EXPECT_EQ(dot(p, p).dtype(), DType::boolean);
}

TEST(Promotion, NegativeIntegerPowersAreRefused) {
  EXPECT_THAT(TypeText(pow(Of(DType::i32), -1)), HasSubstr("integers to negative integer powers are not allowed"));
  EXPECT_EQ(TypeText(pow(Of(DType::f32), -1)), "float32 (2,)");
}

}  // namespace
// As NumPy 2: by value, though no dtype holds both and float64 would round.
TEST(Promotion, UnsignedAgainstSignedComparesExactly) {
  const uint64_t big = uint64_t{1} << 63;
  const int64_t wide = int64_t{1} << 53, most = std::numeric_limits<int64_t>::max(), least = std::numeric_limits<int64_t>::min();
  const std::vector<uint64_t> u = {0, 0, big + 1, big, big, uint64_t(most), uint64_t(wide) + 1, uint64_t(wide), ~uint64_t{0}};
  const std::vector<int64_t> s = {0, -1, most, least, most, most, wide, wide + 1, -1};
  const int64_t n = static_cast<int64_t>(u.size());
  const Value a = constant(*Tensor::From<uint64_t>(u, {n})), b = constant(*Tensor::From<int64_t>(s, {n}));
  const auto expect = [&](const Value& value, const std::vector<double>& expected) {
    EXPECT_EQ(TypeText(value), "bool (9,)");
    EXPECT_EQ(Values(Eval(value)), expected);
  };
  expect(equal(a, b), {1, 0, 0, 0, 0, 1, 0, 0, 0});
  expect(not_equal(a, b), {0, 1, 1, 1, 1, 0, 1, 1, 1});
  expect(less(a, b), {0, 0, 0, 0, 0, 0, 0, 1, 0});
  expect(less_equal(a, b), {1, 0, 0, 0, 0, 1, 0, 1, 0});
  expect(greater(a, b), {0, 1, 1, 1, 1, 0, 1, 0, 1});
  expect(greater_equal(a, b), {1, 1, 1, 1, 1, 1, 1, 0, 1});
  expect(equal(b, a), {1, 0, 0, 0, 0, 1, 0, 0, 0});
  expect(less(b, a), {0, 1, 1, 1, 1, 0, 1, 0, 1});
  expect(less_equal(b, a), {1, 1, 1, 1, 1, 1, 1, 0, 1});
  expect(greater(b, a), {0, 0, 0, 0, 0, 0, 0, 1, 0});
  expect(greater_equal(b, a), {1, 0, 0, 0, 0, 1, 0, 1, 0});
  // Smaller signed types too, and broadcast.
  expect(less(constant(Make(DType::i8, {1}, {-1})), a), {1, 1, 1, 1, 1, 1, 1, 1, 1});
}

namespace {

// strict_dtypes for the life of a test.
struct StrictDTypes {
  StrictDTypes() { EXPECT_TRUE(Config::Set("strict_dtypes", "true").ok()); }
  ~StrictDTypes() { EXPECT_TRUE(Config::Set("strict_dtypes", "false").ok()); }
};

TEST(StrictDTypesSetting, RefusesWhatWouldBePromoted) {
  const Value f32 = Of(DType::f32), f64 = Of(DType::f64), i32 = Of(DType::i32), i64 = Of(DType::i64);
  const Value condition = Of(DType::boolean);
  EXPECT_EQ(TypeText(f32 + f64), "float64 (2,)") << "off";
  const StrictDTypes strict;
  const int line = __LINE__ + 1;
  const Value sum = f32 + f64;
  const Value refused[] = {sum, i32 * i64, div(f32, i32), pow(f64, f32), floor_div(i32, i64), maximum(f32, f64),
                           equal(i32, i64), select(condition, f32, f64), dot(f32, f64), concatenate({f32, f64}, 0),
                           ifelse(reduce_max(condition), f32, f64), set_subtensor(Subtensor::Of(f32, {slice(0, 2)}), f64),
                           i32 * 1.5, i32 + 0.5, condition + 1, select(condition, i32, 0.5)};
  for (const Value& value : refused) {
    EXPECT_TRUE(IsDTypeError(value.status())) << TypeText(value);
    EXPECT_THAT(TypeText(value), HasSubstr("promotion_test.cpp:"));
    EXPECT_THAT(TypeText(value), HasSubstr("strict_dtypes"));
  }
  EXPECT_THAT(TypeText(sum), HasSubstr(":" + std::to_string(line) + ": add: operands of float32 and float64"));
  EXPECT_THAT(TypeText(i32 * 1.5), HasSubstr("int32 into float64"));
}

TEST(StrictDTypesSetting, TakesOneDTypeAndScalarsThatKeepIt) {
  const StrictDTypes strict;
  const Value f32 = Of(DType::f32), i32 = Of(DType::i32), condition = Of(DType::boolean);
  EXPECT_EQ(TypeText(f32 * 1.5 + 2), "float32 (2,)");
  EXPECT_EQ(TypeText(i32 + 1), "int32 (2,)");
  EXPECT_EQ(TypeText(i32 / 2), "float64 (2,)");
  EXPECT_EQ(TypeText(f32 + cast(i32, DType::f32)), "float32 (2,)");
  EXPECT_EQ(TypeText(select(condition, f32, 0)), "float32 (2,)");
  EXPECT_EQ(TypeText(f32 < 1), "bool (2,)");
  EXPECT_EQ(TypeText(logical_and(f32, condition)), "bool (2,)") << "truth is asked of each by itself";
}

// What the library composes of several ops asks its users for nothing.
TEST(StrictDTypesSetting, CompositionsAndGradientsStillWork) {
  const StrictDTypes strict;
  for (DType dtype : {DType::f32, DType::f16, DType::i32, DType::boolean}) {
    SCOPED_TRACE(NumpyName(dtype));
    const Value x = input("x", dtype, {dyn("n"), 3});
    for (const Value& value : {mean(x), variance(x), softmax(x), logsumexp(x), sigmoid(x), sum(x, {0}), prod(x), tile(x, {2, 1}),
                               sqrt(x)}) {
      EXPECT_TRUE(value.ok()) << value.status();
    }
  }
  const Value x = input("x", DType::f32, {dyn("n"), 3});
  const Value t = input("t", DType::i64, {dyn("n")});
  const Value cost = -mean(log(softmax(x)[{arange(t.dim(0)), t}])) + mean(relu(x)) + sum(pow(abs(x), 2.5)) / 3;
  EXPECT_TRUE(cost.ok()) << cost.status();
  EXPECT_TRUE(grad(cost, {x})[0].ok()) << grad(cost, {x})[0].status();
}

}  // namespace
}  // namespace oriel
