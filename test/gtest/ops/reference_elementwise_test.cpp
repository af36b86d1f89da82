// Reference kernels of elementwise ops against answers worked out by hand.
#include "ops_test_util.h"

namespace oriel {
namespace {

using testing::HasSubstr;

std::vector<double> Unary(OpKind op, DType dtype, const std::vector<double>& x) {
  return Values(Apply(op, {}, {Make(dtype, {static_cast<int64_t>(x.size())}, x)}));
}

std::vector<double> Binary(OpKind op, DType dtype, const std::vector<double>& a, const std::vector<double>& b) {
  const Extents shape = {static_cast<int64_t>(a.size())};
  return Values(Apply(op, {}, {Make(dtype, shape, a), Make(dtype, shape, b)}));
}

using D = std::vector<double>;

TEST(ReferenceUnary, Floats) {
  EXPECT_THAT(Unary(OpKind::kNeg, DType::f32, {1, 0, kInf}), SameNumbers(D{-1, -0.0, -kInf}));
  EXPECT_THAT(Unary(OpKind::kAbs, DType::f64, {-2, -0.0, kNaN}), SameNumbers(D{2, 0, kNaN}));
  EXPECT_THAT(Unary(OpKind::kSign, DType::f32, {-3, -0.0, 5, kNaN}), SameNumbers(D{-1, 0, 1, kNaN}));
  EXPECT_THAT(Unary(OpKind::kFloor, DType::f32, {-1.5, 1.5}), SameNumbers(D{-2, 1}));
  EXPECT_THAT(Unary(OpKind::kCeil, DType::f32, {-1.5, 1.5}), SameNumbers(D{-1, 2}));
  EXPECT_THAT(Unary(OpKind::kRound, DType::f64, {0.5, 1.5, 2.5, -0.5, -1.5}), SameNumbers(D{0, 2, 2, -0.0, -2}));
  EXPECT_THAT(Unary(OpKind::kSqrt, DType::f64, {4, -1}), SameNumbers(D{2, kNaN}));
  EXPECT_THAT(Unary(OpKind::kRsqrt, DType::f64, {4, 0}), SameNumbers(D{0.5, kInf}));
  EXPECT_THAT(Unary(OpKind::kLog, DType::f64, {1, 0, -1}), SameNumbers(D{0, -kInf, kNaN}));
  EXPECT_THAT(Unary(OpKind::kExp, DType::f64, {0, -kInf}), SameNumbers(D{1, 0}));
  EXPECT_THAT(Unary(OpKind::kSigmoid, DType::f32, {0, 1000, -1000, -100}), SameNumbers(D{0.5, 1, 0, 0x1.bp-145}));
  EXPECT_EQ(Unary(OpKind::kSigmoid, DType::f64, {-740})[0], 0x1.54p-1068);
  EXPECT_NEAR(Unary(OpKind::kExpm1, DType::f64, {1e-10})[0], 1e-10, 1e-20);
  EXPECT_NEAR(Unary(OpKind::kLog1p, DType::f64, {1e-10})[0], 1e-10, 1e-20);
  EXPECT_NEAR(Unary(OpKind::kTanh, DType::f64, {0.5})[0], 0.46211715726000975, 1e-15);
  EXPECT_NEAR(Unary(OpKind::kErf, DType::f64, {0.5})[0], 0.5204998778130465, 1e-15);
  EXPECT_NEAR(Unary(OpKind::kSin, DType::f64, {1})[0], 0.8414709848078965, 1e-15);
  EXPECT_NEAR(Unary(OpKind::kCos, DType::f64, {1})[0], 0.5403023058681398, 1e-15);
}

TEST(ReferenceUnary, SixteenBitFloatsRoundOnce) {
  // 1/3 in binary16 and bfloat16.
  EXPECT_THAT(Binary(OpKind::kDiv, DType::f16, {1}, {3}), SameNumbers(D{0.333251953125}));
  EXPECT_THAT(Binary(OpKind::kDiv, DType::bf16, {1}, {3}), SameNumbers(D{0.333984375}));
  EXPECT_THAT(Binary(OpKind::kAdd, DType::f16, {2048}, {1}), SameNumbers(D{2048}));
  EXPECT_THAT(Binary(OpKind::kMul, DType::f16, {300}, {300}), SameNumbers(D{kInf}));
}

TEST(ReferenceUnary, IntegersWrap) {
  EXPECT_THAT(Unary(OpKind::kNeg, DType::i8, {-128, 5}), SameNumbers(D{-128, -5}));
  EXPECT_THAT(Unary(OpKind::kAbs, DType::i8, {-128, -5}), SameNumbers(D{-128, 5}));
  EXPECT_THAT(Unary(OpKind::kNeg, DType::u8, {1, 0}), SameNumbers(D{255, 0}));
  EXPECT_THAT(Unary(OpKind::kSign, DType::i32, {-7, 0, 7}), SameNumbers(D{-1, 0, 1}));
  EXPECT_THAT(Unary(OpKind::kSign, DType::u16, {0, 7}), SameNumbers(D{0, 1}));
  EXPECT_THAT(Binary(OpKind::kAdd, DType::i8, {127}, {1}), SameNumbers(D{-128}));
  EXPECT_THAT(Binary(OpKind::kSub, DType::u8, {0}, {1}), SameNumbers(D{255}));
  EXPECT_THAT(Binary(OpKind::kMul, DType::u16, {65535}, {65535}), SameNumbers(D{1}));
}

TEST(ReferenceBinary, IntegerDivision) {
  // The signs of Python: the quotient rounds down, the remainder is the divisor's.
  const D a = {7, -7, 7, -7, 0, 5, -5}, b = {2, 2, -2, -2, 3, 0, 0};
  EXPECT_THAT(Binary(OpKind::kFloorDiv, DType::i32, a, b), SameNumbers(D{3, -4, -4, 3, 0, 0, 0}));
  EXPECT_THAT(Binary(OpKind::kMod, DType::i32, a, b), SameNumbers(D{1, 1, -1, -1, 0, 0, 0}));
  EXPECT_THAT(Binary(OpKind::kFloorDiv, DType::i8, {-128}, {-1}), SameNumbers(D{-128}));
  EXPECT_THAT(Binary(OpKind::kMod, DType::i8, {-128}, {-1}), SameNumbers(D{0}));
  EXPECT_THAT(Binary(OpKind::kFloorDiv, DType::u8, {200, 7}, {7, 0}), SameNumbers(D{28, 0}));
}

TEST(ReferenceBinary, FloatDivision) {
  const D a = {7, -7, 7, -7, 0, -0.0, 1, kInf, 1};
  const D b = {2, 2, -2, -2, -3, 3, 0, 2, kInf};
  EXPECT_THAT(Binary(OpKind::kFloorDiv, DType::f64, a, b), SameNumbers(D{3, -4, -4, 3, -0.0, -0.0, kInf, kNaN, 0}));
  EXPECT_THAT(Binary(OpKind::kMod, DType::f64, a, b), SameNumbers(D{1, 1, -1, -1, -0.0, 0, kNaN, kNaN, 1}));
  EXPECT_THAT(Binary(OpKind::kDiv, DType::f32, {1, -1, 0}, {0, 0, 0}), SameNumbers(D{kInf, -kInf, kNaN}));
}

TEST(ReferenceBinary, MaximumAndMinimumKeepNaN) {
  const D a = {1, kNaN, 2, kNaN}, b = {2, 1, kNaN, kNaN};
  EXPECT_THAT(Binary(OpKind::kMaximum, DType::f32, a, b), SameNumbers(D{2, kNaN, kNaN, kNaN}));
  EXPECT_THAT(Binary(OpKind::kMinimum, DType::f32, a, b), SameNumbers(D{1, kNaN, kNaN, kNaN}));
  EXPECT_THAT(Binary(OpKind::kMaximum, DType::u8, {200, 3}, {100, 4}), SameNumbers(D{200, 4}));
}

TEST(ReferenceBinary, Pow) {
  EXPECT_THAT(Binary(OpKind::kPow, DType::i32, {2, -3, 0, 10}, {10, 3, 0, 10}), SameNumbers(D{1024, -27, 1, 1410065408}));
  EXPECT_THAT(Binary(OpKind::kPow, DType::i8, {2, -1, -1, 1, 0}, {-1, -3, -2, -5, -1}), SameNumbers(D{0, -1, 1, 1, 0}));
  EXPECT_THAT(Binary(OpKind::kPow, DType::u8, {2}, {9}), SameNumbers(D{0}));
  EXPECT_THAT(Binary(OpKind::kPow, DType::f64, {2, -8, 0}, {0.5, 1.0 / 3, 0}),
              SameNumbers(D{1.4142135623730951, kNaN, 1}));
}

// The known answers of the authors' Random123 library for threefry2x32, 20 rounds.
TEST(ReferenceBinary, RandomBits) {
  auto words = [](uint64_t low, uint64_t high) { return high << 32 | low; };
  const std::vector<uint64_t> keys = {0, ~uint64_t{0}, words(0x13198a2e, 0x03707344)};
  const std::vector<uint64_t> counters = {0, ~uint64_t{0}, words(0x243f6a88, 0x85a308d3)};
  const Tensor bits = Apply(OpKind::kRandomBits, {}, {*Tensor::From<uint64_t>(keys, {3}), *Tensor::From<uint64_t>(counters, {3})});
  ASSERT_EQ(bits.dtype(), DType::u64);
  EXPECT_EQ(bits.data<uint64_t>()[0], words(0x6b200159, 0x99ba4efe));
  EXPECT_EQ(bits.data<uint64_t>()[1], words(0x1cb996fc, 0xbb002be7));
  EXPECT_EQ(bits.data<uint64_t>()[2], words(0xc4923a9c, 0x483df7a0));
  EXPECT_THAT(ErrorOf(OpKind::kRandomBits, {}, {Make(DType::u32, {1}, {1}), Make(DType::u32, {1}, {1})}),
              HasSubstr("random_bits does not take uint32"));
}

TEST(ReferenceBinary, Bools) {
  const D a = {0, 0, 1, 1}, b = {0, 1, 0, 1};
  for (OpKind op : {OpKind::kAdd, OpKind::kMaximum, OpKind::kLogicalOr}) {
    EXPECT_THAT(Binary(op, DType::boolean, a, b), SameNumbers(D{0, 1, 1, 1}));
  }
  for (OpKind op : {OpKind::kMul, OpKind::kMinimum, OpKind::kLogicalAnd}) {
    EXPECT_THAT(Binary(op, DType::boolean, a, b), SameNumbers(D{0, 0, 0, 1}));
  }
  EXPECT_THAT(Binary(OpKind::kLogicalXor, DType::boolean, a, b), SameNumbers(D{0, 1, 1, 0}));
  EXPECT_THAT(Unary(OpKind::kLogicalNot, DType::boolean, {0, 1}), SameNumbers(D{1, 0}));
  EXPECT_THAT(ErrorOf(OpKind::kSub, {}, {Make(DType::boolean, {1}, {1}), Make(DType::boolean, {1}, {1})}),
              HasSubstr("sub does not take bool"));
}

TEST(ReferenceCompare, AllPredicates) {
  const Tensor a = Make(DType::f32, {4}, {1, 2, 3, kNaN}), b = Make(DType::f32, {4}, {2, 2, 2, kNaN});
  auto compare = [&](const char* predicate) {
    return Values(Apply(OpKind::kCompare, {{"predicate", std::string(predicate)}}, {a, b}));
  };
  EXPECT_THAT(compare("eq"), SameNumbers(D{0, 1, 0, 0}));
  EXPECT_THAT(compare("ne"), SameNumbers(D{1, 0, 1, 1}));
  EXPECT_THAT(compare("lt"), SameNumbers(D{1, 0, 0, 0}));
  EXPECT_THAT(compare("le"), SameNumbers(D{1, 1, 0, 0}));
  EXPECT_THAT(compare("gt"), SameNumbers(D{0, 0, 1, 0}));
  EXPECT_THAT(compare("ge"), SameNumbers(D{0, 1, 1, 0}));
}

TEST(ReferenceSelect, Chooses) {
  const Tensor p = Make(DType::boolean, {3}, {1, 0, 1});
  EXPECT_THAT(Values(Apply(OpKind::kSelect, {}, {p, Make(DType::f16, {3}, {1, 2, 3}), Make(DType::f16, {3}, {4, 5, 6})})),
              SameNumbers(D{1, 5, 3}));
}

TEST(ReferenceCast, TruncatesAndTests) {
  auto cast = [](DType from, DType to, const D& x) {
    return Values(Apply(OpKind::kCast, {{"dtype", to}}, {Make(from, {static_cast<int64_t>(x.size())}, x)}));
  };
  EXPECT_THAT(cast(DType::f32, DType::i32, {1.9, -1.9}), SameNumbers(D{1, -1}));
  EXPECT_THAT(cast(DType::i32, DType::i8, {300, -129}), SameNumbers(D{44, 127}));
  EXPECT_THAT(cast(DType::f64, DType::boolean, {0, 0.1, kNaN}), SameNumbers(D{0, 1, 1}));
}

TEST(Reference, StridedAndEmptyOperands) {
  const Tensor x = Make(DType::f32, {2, 3}, {0, 1, 2, 3, 4, 5});
  absl::StatusOr<Tensor> turned = x.Transpose({1, 0});
  ASSERT_TRUE(turned.ok());
  EXPECT_THAT(Values(Apply(OpKind::kNeg, {}, {*turned})), SameNumbers(D{-0.0, -3, -1, -4, -2, -5}));
  const Tensor empty = Make(DType::f32, {0, 3}, {});
  EXPECT_EQ(Apply(OpKind::kAdd, {}, {empty, empty}).shape(), (Extents{0, 3}));
}

TEST(Reference, IotaConstantDimValue) {
  EXPECT_THAT(Values(Apply(OpKind::kIota, {{"axis", int64_t{1}}, {"shape", Dims{2, 3}}, {"dtype", DType::f16}}, {})),
              SameNumbers(D{0, 1, 2, 0, 1, 2}));
  EXPECT_THAT(Values(Apply(OpKind::kConstant, {{"value", Make(DType::i8, {2}, {3, 4})}}, {})), SameNumbers(D{3, 4}));
  absl::StatusOr<std::vector<Tensor>> size =
      EvaluateOp(OpKind::kDimValue, {{"dim", Dims{2 * Dim::Symbol("n") + 1}}}, {}, {{"n", 5}});
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->front().ElementAsInt({}), 11);
  EXPECT_FALSE(EvaluateOp(OpKind::kDimValue, {{"dim", Dims{Dim::Symbol("n")}}}, {}, {}).ok());
}

TEST(Reference, ControlFlowHasNoKernel) {
  EXPECT_EQ(EvaluateOp(OpKind::kLoop, {}, {}, {}).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace oriel
