// Sorts, argsorts and gathers along an axis as expressions, and their gradients.
#include "grad_test_util.h"

namespace oriel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Sort, AxesOfExpressions) {
  const Value x = constant(Make(DType::f64, {2, 3}, {3, 1, 2, 0, 5, 4}));
  EXPECT_THAT(EvalValues(sort(x)), ElementsAre(1, 2, 3, 0, 4, 5));
  EXPECT_THAT(EvalValues(sort(x, 0)), ElementsAre(0, 1, 2, 3, 5, 4));
  EXPECT_THAT(EvalValues(argsort(x, -2)), ElementsAre(1, 0, 0, 0, 1, 1));
  EXPECT_THAT(EvalValues(sort(x, std::nullopt)), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(argsort(x, std::nullopt).shape(), (Dims{6}));
  EXPECT_EQ(argsort(cast(x, DType::u8)).dtype(), DType::i64);
  EXPECT_THAT(std::string(sort(x, 2).status().message()), HasSubstr("sort: axis 2 is out of range"));
  EXPECT_THAT(std::string(argsort(1.5).status().message()), HasSubstr("sort_test.cpp"));
}

TEST(Sort, TakeAlongAxis) {
  const Value x = constant(Make(DType::f64, {2, 3}, {3, 1, 2, 0, 5, 4}));
  EXPECT_THAT(EvalValues(take_along_axis(x, argsort(x))), ElementsAre(1, 2, 3, 0, 4, 5));
  // The other axes broadcast, and negative indices count from the end.
  EXPECT_THAT(EvalValues(take_along_axis(x, constant(Make(DType::i64, {1, 2}, {0, -1})))), ElementsAre(3, 2, 0, 4));
  EXPECT_THAT(EvalValues(take_along_axis(x, constant(Make(DType::i32, {1, 1}, {1})), 0)), ElementsAre(0, 5, 4));
  EXPECT_THAT(std::string(take_along_axis(x, constant(Make(DType::i64, {2}, {0, 1}))).status().message()),
              HasSubstr("the indices have 1 axes, the operand 2"));
  EXPECT_FALSE(take_along_axis(x, x).ok());
}

TEST(Sort, Gradients) {
  for (const auto& [shape, axis] :
       std::vector<std::pair<Extents, int>>{{{5}, 0}, {{3, 4}, 0}, {{3, 4}, 1}, {{2, 3, 4}, 1}, {{1, 1}, 1}, {{2, 0}, 1}}) {
    const Builder build = [axis = axis](const std::vector<Value>& x) { return sort(x[0] * 2.0, axis); };
    CheckBoth("sort " + ToString(shape), build, {Distinct(shape, 3)});
    const Builder largest = [axis = axis](const std::vector<Value>& x) { return sort(sin(x[0]), axis) * sort(x[0], axis); };
    CheckBoth("sorts " + ToString(shape), largest, {Distinct(shape, 5)});
  }
  const Value x = input("x", DType::f64, {3});
  const Value none = grad(sum(cast(argsort(x), DType::f64)), {x})[0];
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("its result is an index"));
}

}  // namespace
}  // namespace oriel
