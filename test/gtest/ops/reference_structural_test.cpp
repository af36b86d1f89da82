// Reference kernels of shape ops, reductions, contractions and indexing.
#include "ops_test_util.h"

namespace oriel {
namespace {

using testing::HasSubstr;
using D = std::vector<double>;
using I = std::vector<int64_t>;

const Tensor kGrid = Make(DType::f32, {2, 3}, {0, 1, 2, 3, 4, 5});

TEST(ReferenceShape, BroadcastTransposeReshape) {
  EXPECT_THAT(Values(Apply(OpKind::kBroadcast, {{"shape", Dims{2, 3}}, {"axes", I{1}}}, {Make(DType::f32, {3}, {7, 8, 9})})),
              SameNumbers(D{7, 8, 9, 7, 8, 9}));
  EXPECT_THAT(Values(Apply(OpKind::kBroadcast, {{"shape", Dims{2, 3}}, {"axes", I{0, 1}}}, {Make(DType::f32, {2, 1}, {7, 8})})),
              SameNumbers(D{7, 7, 7, 8, 8, 8}));
  EXPECT_THAT(Values(Apply(OpKind::kTranspose, {{"permutation", I{1, 0}}}, {kGrid})), SameNumbers(D{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(Apply(OpKind::kReshape, {{"shape", Dims{3, 2}}}, {kGrid}).shape(), (Extents{3, 2}));
  EXPECT_EQ(Apply(OpKind::kBroadcast, {{"shape", Dims{0, 3}}, {"axes", I{0, 1}}}, {Make(DType::f32, {1, 3}, {1, 2, 3})}).shape(),
            (Extents{0, 3}));
}

TEST(ReferenceShape, Slice) {
  auto slice = [](const Tensor& x, Dims starts, Dims limits, I steps) {
    return Apply(OpKind::kSlice, {{"starts", starts}, {"limits", limits}, {"steps", steps}}, {x});
  };
  EXPECT_THAT(Values(slice(kGrid, {0, 2}, {2, -1}, {1, -2})), SameNumbers(D{2, 0, 5, 3}));
  EXPECT_EQ(slice(kGrid, {1, 0}, {1, 3}, {1, 2}).shape(), (Extents{0, 2}));
  // Nothing may be read for an empty result, not even its first address.
  EXPECT_EQ(slice(Make(DType::f32, {0}, {}), {-1}, {-1}, {-1}).shape(), (Extents{0}));
}

TEST(ReferenceShape, DynamicSlice) {
  auto at = [](int64_t i, int64_t j) {
    return EvaluateOp(OpKind::kDynamicSlice, {{"sizes", Dims{1, 2}}}, {kGrid, Tensor::Scalar<int64_t>(i), Tensor::Scalar<int64_t>(j)}, {});
  };
  absl::StatusOr<std::vector<Tensor>> block = at(1, 1);
  ASSERT_TRUE(block.ok());
  EXPECT_THAT(Values(block->front()), SameNumbers(D{4, 5}));
  EXPECT_EQ(at(0, 2).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(at(-1, 0).status().ToString(), HasSubstr("start -1 of axis 0 is out of range"));
}

TEST(ReferenceShape, Concatenate) {
  EXPECT_THAT(Values(Apply(OpKind::kConcatenate, {{"axis", int64_t{1}}}, {kGrid, Make(DType::f32, {2, 0}, {}), Make(DType::f32, {2, 1}, {8, 9})})),
              SameNumbers(D{0, 1, 2, 8, 3, 4, 5, 9}));
}

Tensor Reduce(const char* kind, const Tensor& x, I axes, bool keepdims = false) {
  return Apply(OpKind::kReduce, {{"kind", std::string(kind)}, {"axes", std::move(axes)}, {"keepdims", keepdims}}, {x});
}

TEST(ReferenceReduce, Kinds) {
  EXPECT_THAT(Values(Reduce("sum", kGrid, {0})), SameNumbers(D{3, 5, 7}));
  EXPECT_THAT(Values(Reduce("sum", kGrid, {0, 1})), SameNumbers(D{15}));
  EXPECT_THAT(Values(Reduce("mean", kGrid, {1})), SameNumbers(D{1, 4}));
  EXPECT_THAT(Values(Reduce("max", kGrid, {1})), SameNumbers(D{2, 5}));
  EXPECT_THAT(Values(Reduce("min", kGrid, {1})), SameNumbers(D{0, 3}));
  EXPECT_THAT(Values(Reduce("prod", kGrid, {1})), SameNumbers(D{0, 60}));
  EXPECT_EQ(Reduce("sum", kGrid, {1}, true).shape(), (Extents{2, 1}));
  const Tensor bools = Make(DType::boolean, {2, 2}, {0, 1, 0, 0});
  EXPECT_THAT(Values(Reduce("any", bools, {1})), SameNumbers(D{1, 0}));
  EXPECT_THAT(Values(Reduce("all", bools, {0})), SameNumbers(D{0, 0}));
  EXPECT_THAT(Values(Reduce("max", bools, {1})), SameNumbers(D{1, 0}));
}

// Roundings of equal numbers all go one way: added one after another this would
// be 13 million units of the last place off.
TEST(ReferenceReduce, LongSumsAreExact) {
  const int64_t n = 1000000;
  for (const char* kind : {"sum", "mean"}) {
    const double expected = kind == std::string("sum") ? 100000.0 : 0.1;
    const Tensor total = Apply(OpKind::kReduce, {{"kind", std::string(kind)}, {"axes", I{0}}, {"keepdims", false}}, {Tensor::Full({n}, 0.1, DType::f64)});
    EXPECT_NEAR(total.data<double>()[0], expected, 1e-15 * expected) << kind;
  }
  const Tensor product = Apply(OpKind::kMatMul, {}, {Tensor::Full({n}, 0.1, DType::f64), Tensor::Ones({n}, DType::f64)});
  EXPECT_NEAR(product.data<double>()[0], 100000.0, 1e-10);
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_THAT(Values(Apply(OpKind::kReduce, {{"kind", std::string("sum")}, {"axes", I{1}}, {"keepdims", false}},
                           {Make(DType::f64, {3, 2}, {inf, 1, inf, -inf, 1e308, 1e308})})),
              SameNumbers(D{inf, std::nan(""), inf}));
}

TEST(ReferenceReduce, EdgeCases) {
  const Tensor empty = Make(DType::f32, {2, 0}, {});
  EXPECT_THAT(Values(Reduce("sum", empty, {1})), SameNumbers(D{0, 0}));
  EXPECT_THAT(Values(Reduce("prod", empty, {1})), SameNumbers(D{1, 1}));
  EXPECT_THAT(Values(Reduce("mean", empty, {1})), SameNumbers(D{kNaN, kNaN}));
  EXPECT_EQ(Reduce("max", empty, {0}).shape(), (Extents{0}));
  const Tensor nan = Make(DType::f64, {3}, {1, kNaN, 2});
  EXPECT_THAT(Values(Reduce("max", nan, {0})), SameNumbers(D{kNaN}));
  EXPECT_THAT(Values(Reduce("min", nan, {0})), SameNumbers(D{kNaN}));
  EXPECT_THAT(Values(Reduce("sum", Make(DType::i8, {2}, {100, 100}), {0})), SameNumbers(D{-56}));
  EXPECT_THAT(Values(Reduce("min", Make(DType::u64, {2}, {9, 4}), {0})), SameNumbers(D{4}));
  EXPECT_THAT(Values(Reduce("max", Make(DType::i64, {2}, {-9, -4}), {0})), SameNumbers(D{-4}));
  // 4096 ones do not fit float16's integers above 2048 when added one by one.
  EXPECT_THAT(Values(Reduce("sum", Tensor::Ones({4096}, DType::f16), {0})), SameNumbers(D{4096}));
}

TEST(ReferenceSort, OrderTiesAndNaN) {
  auto apply = [](OpKind op, const Tensor& x, int64_t axis) { return Values(Apply(op, {{"axis", axis}}, {x})); };
  const Tensor x = Make(DType::f32, {6}, {2, kNaN, -0.0, 0, -1, 2});
  EXPECT_THAT(apply(OpKind::kSort, x, 0), SameNumbers(D{-1, -0.0, 0, 2, 2, kNaN}));
  EXPECT_THAT(apply(OpKind::kArgSort, x, 0), SameNumbers(D{4, 2, 3, 0, 5, 1}));
  const Tensor grid = Make(DType::i8, {2, 3}, {3, -1, 2, 1, 5, 2});
  EXPECT_THAT(apply(OpKind::kSort, grid, 0), SameNumbers(D{1, -1, 2, 3, 5, 2}));
  EXPECT_THAT(apply(OpKind::kArgSort, grid, 1), SameNumbers(D{1, 2, 0, 0, 2, 1}));
}

TEST(ReferenceReduce, ArgMaxAndArgMin) {
  auto arg = [](OpKind op, const Tensor& x, int64_t axis) {
    return Values(Apply(op, {{"axis", axis}, {"keepdims", false}}, {x}));
  };
  EXPECT_THAT(arg(OpKind::kArgMax, Make(DType::f32, {5}, {1, 3, 3, 0, 2}), 0), SameNumbers(D{1}));
  EXPECT_THAT(arg(OpKind::kArgMin, Make(DType::f32, {5}, {1, 0, 3, 0, 2}), 0), SameNumbers(D{1}));
  EXPECT_THAT(arg(OpKind::kArgMax, Make(DType::f32, {4}, {9, kNaN, 20, kNaN}), 0), SameNumbers(D{1}));
  EXPECT_THAT(arg(OpKind::kArgMin, Make(DType::f32, {3}, {kNaN, -kInf, 0}), 0), SameNumbers(D{0}));
  EXPECT_THAT(arg(OpKind::kArgMax, Make(DType::i32, {2, 3}, {1, 5, 2, 7, 0, 7}), 0), SameNumbers(D{1, 0, 1}));
  EXPECT_THAT(arg(OpKind::kArgMax, Make(DType::boolean, {3}, {0, 1, 1}), 0), SameNumbers(D{1}));
}

TEST(ReferenceMatMul, Ranks) {
  const Tensor a = Make(DType::f32, {2, 3}, {0, 1, 2, 3, 4, 5}), b = Make(DType::f32, {3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {a, b})), SameNumbers(D{13, 16, 40, 52}));
  const Tensor v = Make(DType::f32, {3}, {1, 2, 3});
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {v, v})), SameNumbers(D{14}));
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {a, v})), SameNumbers(D{8, 26}));
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {v, b})), SameNumbers(D{22, 28}));
  const Tensor batch = Make(DType::i32, {2, 1, 2}, {1, 2, 3, 4}), right = Make(DType::i32, {2, 2, 1}, {5, 6, 7, 8});
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {batch, right})), SameNumbers(D{17, 53}));
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {batch, Make(DType::i32, {2}, {1, 1})})), SameNumbers(D{3, 7}));
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {Make(DType::f32, {2, 0}, {}), Make(DType::f32, {0, 2}, {})})),
              SameNumbers(D{0, 0, 0, 0}));
  EXPECT_THAT(Values(Apply(OpKind::kMatMul, {}, {Make(DType::u8, {1, 1}, {200}), Make(DType::u8, {1, 1}, {2})})),
              SameNumbers(D{144}));
}

TEST(ReferenceIndex, Gather) {
  const Attrs axis0 = {{"axis", int64_t{0}}}, axis1 = {{"axis", int64_t{1}}};
  EXPECT_THAT(Values(Apply(OpKind::kGather, axis0, {kGrid, Ints({3}, {1, 0, -1})})), SameNumbers(D{3, 4, 5, 0, 1, 2, 3, 4, 5}));
  EXPECT_THAT(Values(Apply(OpKind::kGather, axis1, {kGrid, Ints({2}, {2, -3})})), SameNumbers(D{2, 0, 5, 3}));
  EXPECT_THAT(Values(Apply(OpKind::kGather, axis0, {kGrid, Ints({2}, {0, 1}), Ints({2}, {2, 1})})), SameNumbers(D{2, 4}));
  EXPECT_EQ(Apply(OpKind::kGather, axis1, {kGrid, Ints({0}, {})}).shape(), (Extents{2, 0}));
}

TEST(ReferenceIndex, GatherOutOfRange) {
  absl::Status status = EvaluateOp(OpKind::kGather, {{"axis", int64_t{0}}}, {kGrid, Ints({3}, {0, 1, 2}), Ints({3}, {0, 7, 0})}, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  // The lowest position wins, whichever operand it is in.
  EXPECT_EQ(std::string(status.message()),
            "gather: index 7 is out of range for axis 1 with extent 3 (position 1 of index operand 1)");
}

TEST(ReferenceIndex, Scatter) {
  const Attrs add = {{"axis", int64_t{0}}, {"kind", std::string("add")}}, set = {{"axis", int64_t{0}}, {"kind", std::string("set")}};
  const Tensor updates = Make(DType::f32, {3, 3}, {1, 1, 1, 2, 2, 2, 4, 4, 4});
  EXPECT_THAT(Values(Apply(OpKind::kScatter, add, {kGrid, updates, Ints({3}, {0, -2, 1})})), SameNumbers(D{3, 4, 5, 7, 8, 9}));
  EXPECT_THAT(Values(Apply(OpKind::kScatter, set, {kGrid, updates, Ints({3}, {0, -2, 1})})), SameNumbers(D{2, 2, 2, 4, 4, 4}));
  EXPECT_THAT(Values(Apply(OpKind::kScatter, add, {Make(DType::boolean, {2}, {0, 1}), Make(DType::boolean, {2}, {1, 1}), Ints({2}, {0, 1})})),
              SameNumbers(D{1, 1}));
  EXPECT_THAT(ErrorOf(OpKind::kScatter, add, {kGrid, updates, Ints({3}, {0, 2, 1})}),
              HasSubstr("scatter: index 2 is out of range for axis 0 with extent 2 (position 1 of index operand 0)"));
  // Along the second axis with two columns picked.
  const Attrs axis1 = {{"axis", int64_t{1}}, {"kind", std::string("add")}};
  EXPECT_THAT(Values(Apply(OpKind::kScatter, axis1, {kGrid, Make(DType::f32, {2, 2}, {10, 20, 30, 40}), Ints({2}, {2, 0})})),
              SameNumbers(D{20, 1, 12, 43, 4, 35}));
}

}  // namespace
}  // namespace oriel
