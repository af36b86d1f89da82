// compose.h, nnet.h and subtensor.h against NumPy's answers, by the evaluator.
#include <cmath>

#include "oriel/compose.h"
#include "oriel/errors.h"
#include "oriel/input_cast.h"
#include "oriel/nnet.h"
#include "oriel/subtensor.h"
#include "test/gtest/graph/graph_test_util.h"

namespace oriel {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

Value Matrix() { return constant(Make(DType::f64, {2, 3}, {0, 1, 2, 3, 4, 5})); }
Value Ints(std::vector<double> values) {
  const int64_t n = static_cast<int64_t>(values.size());
  return constant(Make(DType::i64, {n}, values));
}

TEST(Shapes, AreValuesAndDims) {
  const Value x = input("x", DType::f32, {dyn("n"), 4});
  const Value shape = shape_of(x);
  EXPECT_EQ(AsDims(shape), (Dims{dyn("n"), 4}));
  EXPECT_EQ(AsDim(shape[0] * 2 + 1), 2 * dyn("n") + 1);
  EXPECT_EQ(AsDim(floor_div(shape[-1], 3)), Dim(1));
  EXPECT_EQ(AsDim(prod(shape)), 4 * dyn("n"));
  EXPECT_EQ(AsDims(shape[{slice(1, std::nullopt)}]), Dims{4});
  EXPECT_EQ(AsDim(input("k", DType::i64, {})), std::nullopt);
  EXPECT_EQ(AsDim(shape[0] / 2), std::nullopt) << "a float";
}

TEST(Inputs, HaveSymbolsOfTheirOwn) {
  const Value a = fresh_input("fresh", DType::f32, {-1, 3, -1});
  const Value b = fresh_input("fresh", DType::f32, {-1});
  EXPECT_EQ(ToString(a.shape()), "(fresh_0, 3, fresh_2)");
  EXPECT_EQ(ToString(b.shape()), "(fresh.2_0,)");
  EXPECT_EQ(ToString(fresh_input("a b/1", DType::f32, {-1}).shape()), "(a_b_1_0,)");
  EXPECT_NE(fresh_input("", DType::f32, {}).name(), fresh_input("", DType::f32, {}).name());
}

TEST(Inputs, UnusedOnes) {
  const Value a = fresh_input("ua", DType::f32, {-1}), b = fresh_input("ub", DType::f32, {-1});
  const Value c = fresh_input("uc", DType::f32, {-1});
  EXPECT_THAT(UnusedInputs({a, b, c}, {a + 1}), ElementsAre(1, 2));
  EXPECT_THAT(UnusedInputs({a, b, c}, {a + zeros_like(b)}), ElementsAre(2)) << "its extent is needed";
}

TEST(Making, Eyes) {
  EXPECT_THAT(EvalValues(eye(2, 3, 1)), ElementsAre(0, 1, 0, 0, 0, 1));
  EXPECT_THAT(EvalValues(eye(2, 2, -1, DType::i32)), ElementsAre(0, 0, 1, 0));
  EXPECT_EQ(TypeText(identity_like(constant(Make(DType::i64, {2, 2}, {5, 5, 5, 5})))), "int64 (2, 2)");
  EXPECT_THAT(TypeText(identity_like(scalar(1, DType::f32))), HasSubstr("takes a matrix"));
}

TEST(Making, Ranges) {
  EXPECT_THAT(EvalValues(arange(2, 11, 3, DType::i64)), ElementsAre(2, 5, 8));
  EXPECT_THAT(EvalValues(arange(5, 0, -2, DType::i64)), ElementsAre(5, 3, 1));
  EXPECT_THAT(EvalValues(arange(3, 1, 1, DType::i64)), ElementsAre());
  EXPECT_THAT(EvalValues(arange_floats(0.0, 1.0, 0.25)), ElementsAre(0, 0.25, 0.5, 0.75));
  EXPECT_THAT(TypeText(arange(0, 1, 0, DType::i64)), HasSubstr("the step is 0"));
  EXPECT_THAT(TypeText(arange_floats(0.0, HUGE_VAL, 1.0)), HasSubstr("is no number of elements"));
}

TEST(Axes, Shuffled) {
  EXPECT_EQ(TypeText(dimshuffle(Matrix(), {1, kNewAxis, 0})), "float64 (3, 1, 2)");
  EXPECT_THAT(EvalValues(dimshuffle(Matrix(), {1, 0})), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_EQ(TypeText(dimshuffle(constant(Make(DType::f32, {1, 2}, {1, 2})), {1})), "float32 (2,)");
  EXPECT_THAT(TypeText(dimshuffle(Matrix(), {1})), HasSubstr("required 1"));
  EXPECT_THAT(TypeText(dimshuffle(Matrix(), {0, 0, 1})), HasSubstr("each at most once"));
  EXPECT_EQ(TypeText(flatten(input("t", DType::f32, {dyn("a"), 3, 4}), 2)), "float32 (a, 12)");
  EXPECT_EQ(TypeText(moveaxis(input("t", DType::f32, {1, 2, 3}), 0, -1)), "float32 (2, 3, 1)");
}

TEST(Axes, Repeated) {
  EXPECT_THAT(EvalValues(tile(Ints({1, 2}), {2, 2})), ElementsAre(1, 2, 1, 2, 1, 2, 1, 2));
  EXPECT_THAT(EvalValues(repeat(Ints({1, 2}), 2)), ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(EvalValues(roll(Matrix(), 1, 1)), ElementsAre(2, 0, 1, 5, 3, 4));
  EXPECT_THAT(EvalValues(roll(Matrix(), -1)), ElementsAre(1, 2, 3, 4, 5, 0));
  const std::vector<Value> parts = split(Matrix(), {1, 2}, 1);
  EXPECT_THAT(EvalValues(parts[1]), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(TypeText(split(Matrix(), {1, 1}, 1)[0]), HasSubstr("sum to 2"));
}

TEST(Axes, Diagonals) {
  EXPECT_THAT(EvalValues(diagonal(Matrix(), 1)), ElementsAre(1, 5));
  EXPECT_THAT(EvalValues(diagonal(Matrix(), -1)), ElementsAre(3));
  EXPECT_THAT(EvalValues(diag(Ints({1, 2}), -1)), ElementsAre(0, 0, 0, 1, 0, 0, 0, 2, 0));
  EXPECT_THAT(EvalValues(diag(Ints({1, 2}), 1)), ElementsAre(0, 1, 0, 0, 0, 2, 0, 0, 0));
  EXPECT_THAT(EvalValues(tril(Matrix())), ElementsAre(0, 0, 0, 3, 4, 0));
  EXPECT_THAT(EvalValues(triu(Matrix(), 1)), ElementsAre(0, 1, 2, 0, 0, 5));
}

TEST(Elementwise, SpecialValues) {
  const double inf = HUGE_VAL, nan = NAN;
  const Value x = constant(Make(DType::f64, {4}, {1, inf, -inf, nan}));
  EXPECT_THAT(EvalValues(isnan(x)), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(EvalValues(isinf(x)), ElementsAre(0, 1, 1, 0));
  const Value large = constant(Make(DType::f64, {3}, {1000, -1000, 0}));
  EXPECT_THAT(EvalValues(softplus(large)), ElementsAre(1000, 0, std::log(2.0)));
  EXPECT_THAT(EvalValues(logaddexp(constant(Make(DType::f64, {2}, {inf, -inf})), -inf)), ElementsAre(inf, -inf));
  EXPECT_THAT(EvalValues(clip(Ints({-5, 1, 9}), 0, 3)), ElementsAre(0, 1, 3));
  EXPECT_DOUBLE_EQ(EvalValues(sinh(scalar(1e-10, DType::f64)))[0], 1e-10);
  EXPECT_DOUBLE_EQ(EvalValues(cosh(scalar(710, DType::f64)))[0], std::cosh(710.0));
}

TEST(Reductions, Moments) {
  EXPECT_THAT(EvalValues(variance(Matrix(), {0})), ElementsAre(2.25, 2.25, 2.25));
  EXPECT_THAT(EvalValues(variance(Matrix(), {0}, 1)), ElementsAre(4.5, 4.5, 4.5));
  EXPECT_THAT(EvalValues(ptp(Matrix(), {1})), ElementsAre(2, 2));
  EXPECT_DOUBLE_EQ(EvalValues(norm(Matrix()))[0], std::sqrt(55.0));
  EXPECT_EQ(TypeText(sum(constant(Make(DType::i8, {2}, {100, 100})), {}, false, DType::f32)), "float32 ()");
}

TEST(Contractions, Tensordot) {
  const Value a = constant(Make(DType::f64, {2, 2, 1}, {1, 2, 3, 4}));
  EXPECT_THAT(EvalValues(tensordot(a, Matrix(), {0}, {0})), ElementsAreArray(EvalValues(
      tensordot(transpose(a, {1, 2, 0}), Matrix(), {2}, {0}))));
  EXPECT_THAT(TypeText(tensordot(a, Matrix(), {1}, {1})), HasSubstr("differ"));
}

TEST(Nnet, Crossentropy) {
  const Value p = constant(Make(DType::f64, {2, 2}, {0.25, 0.75, 0.5, 0.5}));
  EXPECT_THAT(EvalValues(categorical_crossentropy(p, Ints({1, 0}))), ElementsAre(-std::log(0.75), -std::log(0.5)));
  const Value one_hot = constant(Make(DType::f64, {2, 2}, {0, 1, 1, 0}));
  EXPECT_THAT(EvalValues(categorical_crossentropy(p, one_hot)), ElementsAre(-std::log(0.75), -std::log(0.5)));
  EXPECT_THAT(TypeText(categorical_crossentropy(p, scalar(1, DType::i64))), HasSubstr("takes probabilities"));
}

TEST(Subtensor, Slices) {
  EXPECT_THAT(EvalValues(set_subtensor(Subtensor::Of(Matrix(), {all(), slice(0, 2)}), 9)), ElementsAre(9, 9, 2, 9, 9, 5));
  EXPECT_THAT(EvalValues(set_subtensor(Subtensor::Of(Matrix(), {1}), Ints({7, 8, 9}))), ElementsAre(0, 1, 2, 7, 8, 9));
  EXPECT_THAT(EvalValues(inc_subtensor(Subtensor::Of(Matrix(), {slice(std::nullopt, std::nullopt, -1), -1}), Ints({10, 20}))),
              ElementsAre(0, 1, 22, 3, 4, 15));
  EXPECT_THAT(EvalValues(set_subtensor(Subtensor::Of(Matrix(), {all()}), 1)), ElementsAre(1, 1, 1, 1, 1, 1));
}

TEST(Subtensor, RepeatedIndicesAccumulate) {
  EXPECT_THAT(EvalValues(inc_subtensor(Subtensor::Of(Ints({0, 0, 0}), {Ints({0, 0, 1})}), 1)), ElementsAre(2, 1, 0));
  EXPECT_THAT(EvalValues(set_subtensor(Subtensor::Of(Ints({0, 0, 0}), {Ints({0, 0})}), Ints({1, 2}))),
              ElementsAre(2, 0, 0));
}

TEST(Subtensor, ArraysAmongSlices) {
  const Value x = reshape(arange(12), {2, 3, 2});
  // x[0, :, i] = v: the arrays' axes come first in v.
  const Value v = constant(Make(DType::i64, {2, 3}, {-1, -2, -3, -4, -5, -6}));
  EXPECT_THAT(EvalValues(set_subtensor(Subtensor::Of(x, {0, all(), Ints({1, 0})}), v)),
              ElementsAre(-4, -1, -5, -2, -6, -3, 6, 7, 8, 9, 10, 11));
}

TEST(Subtensor, Masks) {
  const Value mask = constant(Make(DType::i8, {2, 3}, {1, 0, 0, 0, 2, 0}));
  const Subtensor part = Subtensor::Masked(Matrix(), mask);
  EXPECT_THAT(EvalValues(set_subtensor(part, -1)), ElementsAre(-1, 1, 2, 3, -1, 5));
  EXPECT_THAT(EvalValues(inc_subtensor(part, 10)), ElementsAre(10, 1, 2, 3, 14, 5));
  EXPECT_THAT(EvalValues(part.read()), ElementsAre(0, 4));
  EXPECT_THAT(EvalValues(part.read() * 2 + part.read()), ElementsAre(0, 12));
  EXPECT_THAT(EvalValues(set_subtensor(part, Ints({7, 8}))), ElementsAre(7, 1, 2, 3, 8, 5));
  EXPECT_EQ(Evaluate({}, {set_subtensor(part, Ints({7, 8, 9}))}, {}, {}).status().code(), absl::StatusCode::kInvalidArgument);
  const Value rows = constant(Make(DType::boolean, {2}, {0, 1}));
  EXPECT_THAT(EvalValues(set_subtensor(Subtensor::Masked(Matrix(), rows), Ints({7, 8, 9}))),
              ElementsAre(0, 1, 2, 7, 8, 9));
  EXPECT_THAT(TypeText(Subtensor::Masked(rows, mask).read()), HasSubstr("must be the first of the tensor's"));
}

TEST(Subtensor, Errors) {
  EXPECT_THAT(TypeText(set_subtensor(Subtensor::Of(Matrix(), {1}), Ints({1, 2}))), HasSubstr("could not broadcast"));
  EXPECT_EQ(Subtensor::Of(Matrix(), {7}).read().status().code(), absl::StatusCode::kOutOfRange);
  const Value wrong = Subtensor::Of(Matrix(), {constant(Make(DType::f32, {1}, {0}))}).read();
  EXPECT_TRUE(IsDTypeError(wrong.status())) << wrong.status();
}

TEST(InputCast, WhatIsLost) {
  EXPECT_TRUE(IsLossless(DType::i32, DType::f64));
  EXPECT_FALSE(IsLossless(DType::i64, DType::f64));
  EXPECT_FALSE(IsLossless(DType::f16, DType::bf16));
  EXPECT_FALSE(IsLossless(DType::bf16, DType::f16));
  EXPECT_TRUE(IsLossless(DType::u8, DType::i16));
  EXPECT_FALSE(IsLossless(DType::i8, DType::u64));
  EXPECT_TRUE(CanCastInput(DType::i64, DType::f16, CastRule::kSafe));
  EXPECT_FALSE(CanCastInput(DType::f64, DType::f32, CastRule::kSafe));
  EXPECT_TRUE(CanCastInput(DType::f64, DType::f32, CastRule::kDowncast));
  EXPECT_FALSE(CanCastInput(DType::f64, DType::i64, CastRule::kDowncast));
  const absl::Status status = CastInput(Tensor::Ones({2}, DType::f64), DType::f32, CastRule::kSafe, "x").status();
  EXPECT_TRUE(IsDTypeError(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("input 'x' is float32, got float64"));
}

}  // namespace
}  // namespace oriel
