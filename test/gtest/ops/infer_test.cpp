// Inference: results, requirements and the texts of errors.
#include "runtime/ops/infer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oriel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Dim n = Dim::Symbol("n"), m = Dim::Symbol("m");

TensorType F32(Dims shape) { return {DType::f32, std::move(shape)}; }
TensorType I64(Dims shape) { return {DType::i64, std::move(shape)}; }

struct Outcome {
  absl::Status status;
  std::vector<TensorType> types;
  std::vector<std::string> needs;
  std::string text() const { return types.empty() ? std::string(status.message()) : ToString(types[0]); }
};

Outcome Infer(OpKind op, const Attrs& attrs, const std::vector<TensorType>& operands) {
  Outcome outcome;
  std::vector<DimRequirement> requirements;
  absl::StatusOr<std::vector<TensorType>> types = InferTypes(op, attrs, operands, &requirements);
  outcome.status = types.status();
  if (types.ok()) outcome.types = *types;
  for (const DimRequirement& need : requirements) {
    outcome.needs.push_back(need.left.ToString() + " == " + need.right.ToString() + " " + need.what);
  }
  return outcome;
}

using Ints = std::vector<int64_t>;

TEST(Infer, ElementwiseUnifiesDims) {
  Outcome same = Infer(OpKind::kAdd, {}, {F32({n, 4}), F32({n, 4})});
  EXPECT_EQ(same.text(), "float32 (n, 4)");
  EXPECT_THAT(same.needs, IsEmpty());
  Outcome maybe = Infer(OpKind::kAdd, {}, {F32({n, 4}), F32({m, 4})});
  EXPECT_EQ(maybe.text(), "float32 (n, 4)");
  EXPECT_THAT(maybe.needs, ElementsAre("n == m add: axis 0 of the operands"));
  Outcome known = Infer(OpKind::kAdd, {}, {F32({n}), F32({7})});
  EXPECT_EQ(known.text(), "float32 (7,)");
  EXPECT_THAT(known.needs, ElementsAre("n == 7 add: axis 0 of the operands"));
}

TEST(Infer, ElementwiseErrors) {
  EXPECT_EQ(Infer(OpKind::kAdd, {}, {F32({3, 4}), F32({5, 4})}).text(),
            "add: operands must have equal shapes, got (3, 4) and (5, 4)");
  EXPECT_EQ(Infer(OpKind::kAdd, {}, {F32({n}), F32({n + 1})}).text(),
            "add: operands must have equal shapes, got (n,) and (n+1,)");
  EXPECT_EQ(Infer(OpKind::kMul, {}, {F32({3}), I64({3})}).text(),
            "mul: operands must have one element type, got float32 and int64");
  EXPECT_THAT(Infer(OpKind::kExp, {}, {I64({3})}).text(), HasSubstr("exp does not take int64: "));
  EXPECT_EQ(Infer(OpKind::kAdd, {}, {F32({})}).text(), "add: takes 2 operands, got 1");
  EXPECT_EQ(Infer(OpKind::kSelect, {}, {F32({}), F32({}), F32({})}).text(),
            "select: the condition must be bool, got float32");
  EXPECT_THAT(Infer(OpKind::kCompare, {{"predicate", std::string("<")}}, {F32({}), F32({})}).text(),
              HasSubstr("unknown predicate '<'"));
  EXPECT_EQ(Infer(OpKind::kCompare, {}, {F32({}), F32({})}).text(), "compare: attribute 'predicate' is missing");
}

TEST(Infer, CompareGivesBool) {
  EXPECT_EQ(Infer(OpKind::kCompare, {{"predicate", std::string("lt")}}, {F32({n}), F32({n})}).text(), "bool (n,)");
}

TEST(Infer, Broadcast) {
  auto broadcast = [](Dims from, Dims to, Ints axes) {
    return Infer(OpKind::kBroadcast, {{"shape", std::move(to)}, {"axes", std::move(axes)}}, {F32(std::move(from))});
  };
  EXPECT_EQ(broadcast({64}, {n, 64}, {1}).text(), "float32 (n, 64)");
  EXPECT_EQ(broadcast({1, 64}, {n, 64}, {0, 1}).text(), "float32 (n, 64)");
  EXPECT_THAT(broadcast({m, 64}, {n, 64}, {0, 1}).needs, ElementsAre("m == n broadcast: axis 0 of the operand"));
  EXPECT_EQ(broadcast({3}, {n, 64}, {1}).text(),
            "broadcast: cannot broadcast (3,) to (n, 64): axis 0 is 3, required 1 or 64");
  EXPECT_EQ(broadcast({64, 64}, {n, 64}, {1, 0}).text(), "broadcast: axes (1, 0) must be increasing");
  EXPECT_EQ(broadcast({64}, {n, 64}, {2}).text(), "broadcast: axes (2,) must lie in [0, 2)");
}

TEST(Infer, Reshape) {
  auto reshape = [](Dims from, Dims to) { return Infer(OpKind::kReshape, {{"shape", std::move(to)}}, {F32(from)}); };
  EXPECT_EQ(reshape({n, 8, 8}, {n, 64}).text(), "float32 (n, 64)");
  EXPECT_THAT(reshape({n, 8, 8}, {n, 64}).needs, IsEmpty());
  EXPECT_THAT(reshape({n, 4}, {2, m}).needs, ElementsAre("4*n == 2*m reshape: number of elements"));
  EXPECT_EQ(reshape({2, 3}, {7}).text(), "reshape: cannot reshape (2, 3) with 6 elements into (7,) with 7");
}

TEST(Infer, Transpose) {
  EXPECT_EQ(Infer(OpKind::kTranspose, {{"permutation", Ints{2, 0, 1}}}, {F32({n, 3, 4})}).text(), "float32 (4, n, 3)");
  EXPECT_EQ(Infer(OpKind::kTranspose, {{"permutation", Ints{0, 0}}}, {F32({n, 3})}).text(),
            "transpose: permutation (0, 0) must name each axis of (n, 3) once");
}

TEST(Infer, Slice) {
  auto slice = [](Dims from, Dims starts, Dims limits, Ints steps) {
    return Infer(OpKind::kSlice, {{"starts", starts}, {"limits", limits}, {"steps", steps}}, {F32(from)});
  };
  EXPECT_EQ(slice({10}, {1}, {8}, {3}).text(), "float32 (3,)");
  EXPECT_EQ(slice({10}, {9}, {-1}, {-1}).text(), "float32 (10,)");
  EXPECT_EQ(slice({n}, {n - 1}, {-1}, {-1}).text(), "float32 (n,)");
  EXPECT_THAT(slice({n}, {n - 1}, {-1}, {-1}).needs, IsEmpty());
  EXPECT_THAT(slice({n}, {2}, {m}, {1}).needs,
              ElementsAre("min(2,m) == 2 slice: axis 0: start <= limit", "min(m,n) == m slice: axis 0: limit <= extent"));
  EXPECT_THAT(slice({n}, {Dim::Min(1, n)}, {n}, {1}).needs, IsEmpty());
  // One position reads as the index it is.
  EXPECT_THAT(slice({n}, {2}, {3}, {1}).needs,
              ElementsAre("min(3,n) == 3 slice: index 2 is out of bounds for axis 0 with size n"));
  EXPECT_THAT(slice({4, n}, {3, n - 1}, {4, n}, {1, 1}).needs,
              ElementsAre("min(0,n-1) == 0 slice: index -1 is out of bounds for axis 1 with size n"));
  EXPECT_EQ(slice({10}, {4}, {11}, {1}).text(),
            "slice: axis 0 of extent 10: start 4, limit 11, step 1, required 0 <= start <= limit <= extent");
  EXPECT_THAT(slice({10}, {4}, {8}, {0}).text(), HasSubstr("required a step other than 0"));
  EXPECT_EQ(slice({10}, {4}, {8}, {}).text(),
            "slice: needs a start, a limit and a step for each axis of (10,), got 1 start, 1 limit and 0 steps");
}

TEST(Infer, Concatenate) {
  EXPECT_EQ(Infer(OpKind::kConcatenate, {{"axis", int64_t{0}}}, {F32({n, 3}), F32({m, 3})}).text(), "float32 (m+n, 3)");
  EXPECT_EQ(Infer(OpKind::kConcatenate, {{"axis", int64_t{0}}}, {F32({2, 3}), F32({2, 4})}).text(),
            "concatenate: operand 1 is float32 (2, 4), which must match float32 (2, 3) but for axis 0");
  EXPECT_EQ(Infer(OpKind::kConcatenate, {{"axis", int64_t{2}}}, {F32({2, 3})}).text(),
            "concatenate: axis 2 is out of range for a tensor of rank 2");
}

TEST(Infer, Reduce) {
  auto reduce = [](std::string kind, Dims from, Ints axes, bool keepdims) {
    return Infer(OpKind::kReduce, {{"kind", kind}, {"axes", axes}, {"keepdims", keepdims}}, {F32(from)});
  };
  EXPECT_EQ(reduce("sum", {n, 3, 4}, {0, 2}, false).text(), "float32 (3,)");
  EXPECT_EQ(reduce("mean", {n, 3, 4}, {1}, true).text(), "float32 (n, 1, 4)");
  EXPECT_THAT(reduce("max", {n, 3}, {0}, false).needs,
              ElementsAre("min(1,n) == 1 reduce: max needs an element on axis 0"));
  EXPECT_EQ(reduce("max", {0, 3}, {0}, false).text(), "reduce: max of axis 0 of (0, 3) has no elements to choose from");
  EXPECT_EQ(reduce("max", {0, 3}, {1}, false).text(), "float32 (0,)");
  EXPECT_EQ(reduce("sum", {2, 3}, {1, 0}, false).text(), "reduce: axes (1, 0) must be increasing");
  EXPECT_THAT(reduce("median", {2}, {0}, false).text(), HasSubstr("unknown kind 'median'"));
  EXPECT_EQ(Infer(OpKind::kArgMax, {{"axis", int64_t{1}}, {"keepdims", false}}, {F32({n, 3})}).text(), "int64 (n,)");
}

TEST(Infer, Sort) {
  auto axis = [](OpKind op, int64_t axis, Dims shape) { return Infer(op, {{"axis", axis}}, {F32(shape)}).text(); };
  EXPECT_EQ(axis(OpKind::kSort, 1, {n, 3}), "float32 (n, 3)");
  EXPECT_EQ(axis(OpKind::kArgSort, 0, {n, 0}), "int64 (n, 0)");
  EXPECT_EQ(axis(OpKind::kSort, 2, {n, 3}), "sort: axis 2 is out of range for a tensor of rank 2");
  EXPECT_THAT(axis(OpKind::kArgSort, 0, {}), HasSubstr("argsort: axis 0 is out of range"));
}

TEST(Infer, MatMul) {
  auto matmul = [](Dims a, Dims b) { return Infer(OpKind::kMatMul, {}, {F32(a), F32(b)}); };
  EXPECT_EQ(matmul({n, 64}, {64, 10}).text(), "float32 (n, 10)");
  EXPECT_EQ(matmul({64}, {64}).text(), "float32 ()");
  EXPECT_EQ(matmul({64}, {n, 64, 2}).text(), "float32 (n, 2)");
  EXPECT_EQ(matmul({n, 5, 64}, {64}).text(), "float32 (n, 5)");
  EXPECT_EQ(matmul({n, 5, 64}, {n, 64, 2}).text(), "float32 (n, 5, 2)");
  EXPECT_EQ(matmul({3, 4}, {5, 6}).text(),
            "matmul: the last axis of (3, 4) is 4, the second last axis of (5, 6) is 5: they must be equal");
  EXPECT_THAT(matmul({3, m}, {n, 6}).needs, ElementsAre("m == n matmul: the contracted axes"));
  EXPECT_EQ(matmul({}, {3}).text(), "matmul: operands must have at least one axis, got shapes () and (3,)");
}

TEST(Infer, GatherAndScatter) {
  EXPECT_EQ(Infer(OpKind::kGather, {{"axis", int64_t{1}}}, {F32({2, 9, 4}), I64({n, 3})}).text(), "float32 (2, n, 3, 4)");
  EXPECT_EQ(Infer(OpKind::kGather, {{"axis", int64_t{0}}}, {F32({2, 9, 4}), I64({n}), I64({n})}).text(), "float32 (n, 4)");
  EXPECT_EQ(Infer(OpKind::kGather, {{"axis", int64_t{0}}}, {F32({2}), F32({n})}).text(),
            "gather: index operand 0 must be int64, got float32");
  EXPECT_EQ(Infer(OpKind::kGather, {{"axis", int64_t{1}}}, {F32({2, 9}), I64({n}), I64({n})}).text(),
            "gather: 2 index operands from axis 1 on do not fit a tensor of rank 2");
  const Attrs add = {{"axis", int64_t{0}}, {"kind", std::string("add")}};
  EXPECT_EQ(Infer(OpKind::kScatter, add, {F32({10, 4}), F32({n, 4}), I64({n})}).text(), "float32 (10, 4)");
  EXPECT_EQ(Infer(OpKind::kScatter, add, {F32({10, 4}), F32({n, 5}), I64({n})}).text(),
            "scatter: updates are float32 (n, 5), required float32 (n, 4)");
}

TEST(Infer, DynamicSlice) {
  EXPECT_EQ(Infer(OpKind::kDynamicSlice, {{"sizes", Dims{2, n}}}, {F32({5, n}), I64({}), I64({})}).text(), "float32 (2, n)");
  EXPECT_EQ(Infer(OpKind::kDynamicSlice, {{"sizes", Dims{6}}}, {F32({5}), I64({})}).text(),
            "dynamic_slice: axis 0 of extent 5 has no block of size 6");
}

TEST(Infer, ControlFlow) {
  EXPECT_EQ(Infer(OpKind::kLoop, {}, {F32({})}).text(), "loop: the trip count must be int64 (), got float32 ()");
  const auto loop = [](const Attrs& attrs, std::vector<TensorType> operands, std::vector<TensorType> yielded) {
    absl::StatusOr<std::vector<TensorType>> types = InferLoop(attrs, operands, yielded, nullptr);
    return types.ok() ? ToString(types->back()) : std::string(types.status().message());
  };
  EXPECT_EQ(loop({}, {I64({}), F32({3})}, {F32({4})}),
            "loop: carried value 0 starts as float32 (3,) and the body returns float32 (4,): they must be equal");
  EXPECT_EQ(loop({}, {I64({}), F32({3})}, {}),
            "loop: the body returns 0 values, required 1, one for each carried value");
  EXPECT_EQ(std::string(InferBranch({F32({3})}, {I64({3})}, nullptr).status().message()),
            "branch: result 0 is float32 (3,) in one body and int64 (3,) in the other: they must be equal");
}

TEST(Infer, LoopsOverSequences) {
  const auto arguments = [](const Attrs& attrs, std::vector<TensorType> operands,
                            std::vector<DimRequirement>* needs = nullptr) {
    absl::StatusOr<std::vector<TensorType>> types = InferLoopArguments(attrs, operands, needs);
    if (!types.ok()) return std::string(types.status().message());
    std::string text;
    for (const TensorType& type : *types) text += (text.empty() ? "" : ", ") + ToString(type);
    return text;
  };
  const auto over = [](Dims starts, std::vector<int64_t> steps, Dims extent) {
    return Attrs{{"starts", std::move(starts)}, {"steps", std::move(steps)}, {"extent", std::move(extent)}};
  };
  std::vector<DimRequirement> needs;
  EXPECT_EQ(arguments(over({0}, {1}, {n}), {I64({}), F32({n, 4}), I64({})}, &needs), "int64 (), float32 (4,), int64 ()");
  EXPECT_EQ(arguments(over({n - Dim(1)}, {-1}, {n}), {I64({}), F32({n, 4})}, &needs), "int64 (), float32 (4,)");
  EXPECT_EQ(arguments(over({2}, {1}, {Dim::Max(n - Dim(2), 0)}), {I64({}), F32({n})}, &needs), "int64 (), float32 ()");
  EXPECT_TRUE(needs.empty());
  EXPECT_EQ(arguments(over({0}, {1}, {m}), {I64({}), F32({n})}, &needs), "int64 (), float32 ()");
  EXPECT_EQ(needs.size(), 1u);
  EXPECT_EQ(arguments(over({1}, {2}, {3}), {I64({}), F32({5})}),
            "loop: sequence 0 (1 by 2) of 5 rows cannot give a row to each of 3 iterations");
  EXPECT_EQ(arguments(over({5}, {-1}, {1}), {I64({}), F32({5})}),
            "loop: sequence 0 (5 by -1) of 5 rows cannot give a row to each of 1 iterations");
  EXPECT_EQ(arguments(over({0}, {0}, {1}), {I64({}), F32({5})}), "loop: sequence 0 has step 0");
  EXPECT_EQ(arguments(over({0}, {1}, {1}), {I64({}), F32({})}),
            "loop: sequence 0 is float32 (), required a rank of at least 1");
  EXPECT_EQ(arguments(over({0}, {1}, {}), {I64({}), F32({5})}), "loop: has sequences, so it needs an extent");
  EXPECT_EQ(arguments({{"reverse", true}, {"until", true}}, {I64({})}), "loop: a reversed loop cannot stop early");
  EXPECT_EQ(arguments({{"checked", true}}, {I64({})}), "loop: a trip count is checked against an extent, got none");
}

TEST(Infer, LoopsThatCollect) {
  const Attrs attrs = {{"extent", Dims{n}}, {"until", true}};
  const TensorType stop{DType::boolean, {}};
  const auto types = InferLoop(attrs, {I64({}), F32({3})}, {F32({3}), F32({2, 2}), stop}, nullptr);
  ASSERT_TRUE(types.ok()) << types.status();
  ASSERT_EQ(types->size(), 3u);
  EXPECT_EQ(ToString((*types)[1]), "float32 (n, 2, 2)");
  EXPECT_EQ(ToString((*types)[2]), "int64 ()");
  const auto error = [&](const Attrs& with, std::vector<TensorType> yielded) {
    return std::string(InferLoop(with, {I64({}), F32({3})}, yielded, nullptr).status().message());
  };
  EXPECT_EQ(error(attrs, {F32({3}), F32({})}), "loop: whether to stop must be bool (), got float32 ()");
  EXPECT_EQ(error(attrs, {F32({3})}),
            "loop: the body returns 1 value, required at least 2, one for each carried value and whether to stop");
  EXPECT_EQ(error({}, {F32({3}), F32({})}),
            "loop: the body returns 2 values, required 1: values to collect need an extent");
}

TEST(Infer, ProvableBounds) {
  EXPECT_TRUE(ProvablyAtMost(0, n));
  EXPECT_TRUE(ProvablyAtMost(Dim::Min(5, n), n));
  EXPECT_TRUE(ProvablyAtMost(n, Dim::Max(n, m)));
  EXPECT_TRUE(ProvablyAtMost(0, Dim::Max(n - 3, 0)));
  EXPECT_FALSE(ProvablyAtMost(n, m));
  EXPECT_FALSE(ProvablyAtMost(0, n - 1));
  EXPECT_EQ(CompareDims(n, n + 2), DimOrder::kLess);
  EXPECT_EQ(CompareDims(n, m), DimOrder::kUnknown);
}

}  // namespace
}  // namespace oriel
