// Views and data movement: broadcast, reshape, transpose, slices, concatenate.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;
const Dim n = dyn("n"), m = dyn("m");

TEST(Shape, TransposeEveryPermutationAndDType) {
  for (std::vector<int> p : {std::vector<int>{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    for (DType t : {DType::f32, DType::f64, DType::u8, DType::f16, DType::boolean}) {
      ExpectMatches([p](const Values& in) { return Values{transpose(in[0], p)}; }, {Data({5, 17, 33}, t, 1)},
                    {{"a", "b", "c"}}, {.ulps = 0});
    }
  }
}

TEST(Shape, TransposeFusedWithArithmetic) {
  for (int64_t rows : {1, 7, 64, 130}) {
    ExpectMatches([](const Values& in) { return Values{transpose(in[0]) * in[1] + 1.0}; },
                  {Data({rows, 70}, DType::f32, 1), Data({70, rows}, DType::f32, 2)}, {{"n", "m"}, {"m", "n"}});
  }
}

TEST(Shape, ReshapeKeepsOrder) {
  ExpectMatches([](const Values& in) {
    return Values{reshape(in[0], {-1}), reshape(in[0], {4, 3, 10}), exp(reshape(in[0] * 2, {6, -1})),
                  expand_dims(in[0], 1), squeeze(expand_dims(in[0], 0), 0)};
  }, {Data({12, 10}, DType::f32, 1)});
}

TEST(Shape, ReshapeOfUnknownDims) {
  ExpectMatches([](const Values& in) { return Values{reshape(in[0], {Dim(-1)}), reshape(in[0] + 1, {in[0].dim(1), Dim(-1)})}; },
                {Data({8, 6}, DType::f32, 1)}, {{"n", "m"}});
}

TEST(Shape, SlicesOfEveryKind) {
  using std::nullopt;
  const auto check = [](std::function<Value(Value)> f) {
    ExpectMatches([f](const Values& in) { return Values{f(in[0]), f(in[0] * 2) + 1.0}; },
                  {Data({20, 37}, DType::f32, 1)}, {{"n", "m"}});
  };
  check([](Value x) { return x[slice(1, -1)]; });
  check([](Value x) { return x[{slice(2, 11, 3), slice(nullopt, nullopt, 2)}]; });
  check([](Value x) { return x[slice(nullopt, nullopt, -1)]; });
  check([](Value x) { return x[{all(), slice(nullopt, nullopt, -1)}]; });
  check([](Value x) { return x[{slice(-2, 3, -4), slice(30, 2, -3)}]; });
  check([](Value x) { return x[3]; });
  check([](Value x) { return x[-1]; });
  check([](Value x) { return x[{all(), 5}]; });
  check([](Value x) { return x[{2, -3}]; });
  check([](Value x) { return x[slice(15, 100)]; });
  check([](Value x) { return x[slice(9, 4)]; });
  check([](Value x) { return x[{Value::Index::NewAxis(), slice(0, 4)}]; });
  check([](Value x) { return x[slice(nullopt, Dim::FloorDiv(x.dim(0), 2))]; });
}

TEST(Shape, DynamicSlice) {
  for (DType t : {DType::f32, DType::i16, DType::boolean}) {
    ExpectMatches([](const Values& in) { return Values{dynamic_slice(in[0], {in[1], in[2]}, {3, 5})}; },
                  {Data({20, 30}, t, 1), Tensor::Scalar<int64_t>(17), Tensor::Scalar<int64_t>(4)}, {{"n", "m"}}, {.ulps = 0});
  }
}

TEST(Shape, ConcatenateAlongEachAxis) {
  for (int axis : {0, 1, 2}) {
    for (DType t : {DType::f32, DType::f64, DType::i8, DType::boolean}) {
      Extents a = {3, 4, 5}, b = {3, 4, 5}, c = {3, 4, 5};
      b[axis] = 7;
      c[axis] = 0;
      ExpectMatches([axis](const Values& in) { return Values{concatenate({in[0], in[1], in[2], in[0]}, axis)}; },
                    {Data(a, t, 1), Data(b, t, 2), Data(c, t, 3)}, {}, {.ulps = 0});
    }
  }
}

TEST(Shape, ConcatenateOfUnknownSizes) {
  ExpectMatches([](const Values& in) { return Values{concatenate({in[0], in[1] * 2}, 0) + 1.0}; },
                {Data({13, 21}, DType::f32, 1), Data({8, 21}, DType::f32, 2)}, {{"n", "m"}, {"k", "m"}});
}

TEST(Shape, BroadcastTo) {
  ExpectMatches([](const Values& in) { return Values{broadcast_to(in[0], {4, in[0].dim(0)}), broadcast_to(in[1], {2, 3})}; },
                {Data({9}, DType::f32, 1), Data({}, DType::i32, 2)}, {{"n"}});
}

TEST(Shape, EmptyDims) {
  ExpectMatches([](const Values& in) {
    return Values{in[0] + 1.0, transpose(in[0]), sum(in[0], {0}), sum(in[0], {1}), concatenate({in[0], in[0]}, 1)};
  }, {Data({0, 5}, DType::f32, 1)}, {{"n", "m"}});
}

}  // namespace
}  // namespace oriel::e2e
