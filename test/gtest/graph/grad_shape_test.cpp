// Gradients of ops that move elements, and of indexing.
#include "grad_test_util.h"

namespace oriel {
namespace {

using testing::ElementsAre;

TEST(GradShape, BroadcastReshapeTranspose) {
  CheckBoth("broadcast", [](const std::vector<Value>& x) { return broadcast_to(x[0], {4, 2, 3}); },
            {Distinct({2, 3}, 1)});
  CheckBoth("broadcast of ones", [](const std::vector<Value>& x) { return exp(broadcast_to(x[0], {4, 2, 3})); },
            {Distinct({2, 1}, 1)});
  CheckBoth("scalar", [](const std::vector<Value>& x) { return broadcast_to(x[0], {0, 3}); }, {Distinct({}, 1)});
  CheckBoth("reshape", [](const std::vector<Value>& x) { return exp(reshape(x[0], {-1})); }, {Distinct({2, 3}, 1)});
  CheckBoth("transpose", [](const std::vector<Value>& x) { return exp(transpose(x[0], {2, 0, 1})); },
            {Distinct({2, 3, 4}, 1)});
  CheckBoth("expand, squeeze", [](const std::vector<Value>& x) { return squeeze(exp(expand_dims(x[0], 1)), 1); },
            {Distinct({3}, 1)});
}

TEST(GradShape, Slices) {
  struct Case {
    std::optional<Dim> start, stop;
    int64_t step;
  };
  const std::vector<Case> cases = {{std::nullopt, std::nullopt, 1},
                                   {1, std::nullopt, 1},
                                   {std::nullopt, -1, 1},
                                   {1, 4, 1},
                                   {2, 2, 1},
                                   {std::nullopt, std::nullopt, -1},
                                   {3, 0, -1},
                                   {std::nullopt, 2, -1},
                                   {std::nullopt, std::nullopt, 2},
                                   {1, std::nullopt, 3},
                                   {std::nullopt, std::nullopt, -2},
                                   {-2, std::nullopt, -3}};
  for (const Case& first : cases) {
    CheckBoth("one axis",
              [&](const std::vector<Value>& x) { return exp(x[0][slice(first.start, first.stop, first.step)]); },
              {Distinct({5}, 1)});
    for (const Case& second : cases) {
      CheckGradient(
          "two axes",
          [&](const std::vector<Value>& x) {
            return exp(
                x[0][{slice(first.start, first.stop, first.step), slice(second.start, second.stop, second.step)}]);
          },
          {Distinct({5, 6}, 2)});
    }
  }
  CheckBoth("integers", [](const std::vector<Value>& x) { return exp(x[0][{1, all(), -1}]); },
            {Distinct({2, 3, 4}, 3)});
  CheckBoth("shifted differences",
            [](const std::vector<Value>& x) {
              return pow(x[0][slice(1, std::nullopt)] - x[0][slice(std::nullopt, -1)], 2.0);
            },
            {Distinct({6}, 3)});
}

TEST(GradShape, DynamicSlicesAndConcatenation) {
  const Tensor i = Make(DType::i64, {}, {1}), j = Make(DType::i64, {}, {2});
  CheckBoth("rows",
            [](const std::vector<Value>& x) {
              return exp(dynamic_slice(x[0], {x[1], constant(Make(DType::i64, {}, {0}))}, {2, 4}));
            },
            {Distinct({5, 4}, 1), i});
  CheckBoth("blocks", [](const std::vector<Value>& x) { return exp(dynamic_slice(x[0], {x[1], x[2]}, {2, 2})); },
            {Distinct({4, 5}, 1), i, j});
  CheckBoth("concatenate", [](const std::vector<Value>& x) { return exp(concatenate({x[0], x[1], x[0]}, 1)); },
            {Distinct({2, 3}, 1), Distinct({2, 4}, 2)});
  CheckBoth("empty parts", [](const std::vector<Value>& x) { return exp(concatenate({x[0], x[1]}, 0)); },
            {Distinct({0, 3}, 1), Distinct({2, 3}, 2)});
}

TEST(GradIndex, Gathers) {
  const Tensor index = Make(DType::i64, {4}, {2, 0, -1, 2}), other = Make(DType::i64, {4}, {0, 1, 1, 0});
  CheckBoth("rows", [](const std::vector<Value>& x) { return exp(gather(x[0], {x[1]})); },
            {Distinct({3, 2}, 1), index});
  CheckBoth("columns", [](const std::vector<Value>& x) { return exp(gather(x[0], {x[1]}, 1)); },
            {Distinct({2, 3}, 1), index});
  CheckBoth("elements", [](const std::vector<Value>& x) { return exp(gather(x[0], {x[1], x[2]})); },
            {Distinct({3, 2}, 1), index, other});
  CheckBoth("by two axes", [](const std::vector<Value>& x) { return exp(gather(x[0], {x[1]})); },
            {Distinct({3, 2}, 1), Make(DType::i64, {2, 2}, {1, 1, 0, 2})});
  CheckBoth("none", [](const std::vector<Value>& x) { return exp(gather(x[0], {x[1]})); },
            {Distinct({3, 2}, 1), Make(DType::i64, {0}, {})});
  CheckBoth("the picked log",
            [](const std::vector<Value>& x) { return log(softmax(x[0]))[{arange(x[0].dim(0)), x[1]}]; },
            {Distinct({4, 3}, 1), index});
}

TEST(GradIndex, Scatters) {
  const Tensor unique = Make(DType::i64, {2}, {2, 0}), twice = Make(DType::i64, {4}, {2, 0, -1, 2});
  for (const auto& [index, rows] : std::vector<std::pair<Tensor, int64_t>>{{unique, 2}, {twice, 4}}) {
    for (const auto& scatter : {scatter_add, scatter_set}) {
      CheckBoth("rows",
                [&](const std::vector<Value>& x) { return exp(scatter(x[0], {x[2]}, x[1], 0, Location::current())); },
                {Distinct({3, 2}, 1), Distinct({rows, 2}, 2), index});
      CheckBoth("columns",
                [&](const std::vector<Value>& x) { return exp(scatter(x[0], {x[2]}, x[1], 1, Location::current())); },
                {Distinct({2, 3}, 1), Distinct({2, rows}, 2), index});
    }
  }
  const Tensor other = Make(DType::i64, {4}, {0, 1, 1, 0});
  for (const auto& scatter : {scatter_add, scatter_set}) {
    CheckBoth(
        "elements",
        [&](const std::vector<Value>& x) { return exp(scatter(x[0], {x[2], x[3]}, x[1], 0, Location::current())); },
        {Distinct({3, 2}, 1), Distinct({4}, 2), twice, other});
    CheckBoth("one update for all",
              [&](const std::vector<Value>& x) { return exp(scatter(x[0], {x[2]}, x[1], 0, Location::current())); },
              {Distinct({3, 2}, 1), Distinct({2}, 2), twice});
  }
}

TEST(GradIndex, OfEqualIndicesTheLastWritesAndIsPaid) {
  const Value x = input("x", DType::f64, {3}), u = input("u", DType::f64, {3}), i = input("i", DType::i64, {3});
  const Value cost = sum(scatter_set(x, {i}, u) * Make(DType::f64, {3}, {10, 20, 30}));
  const std::vector<Value> g = grad(cost, {x, u});
  const std::vector<Tensor> arguments = {Make(DType::f64, {3}, {1, 2, 3}), Make(DType::f64, {3}, {4, 5, 6}),
                                         Make(DType::i64, {3}, {2, 2, -3})};
  EXPECT_THAT(EvalValues(g[0], {x, u, i}, arguments), ElementsAre(0, 20, 0));
  EXPECT_THAT(EvalValues(g[1], {x, u, i}, arguments), ElementsAre(0, 30, 10));
}

TEST(GradIndex, NothingPickedLeavesNoNaN) {
  // The log of a probability that is zero, where another is picked.
  const Value p = input("p", DType::f64, {2, 2}), i = input("i", DType::i64, {2});
  const Value g = grad(sum(log(p)[{arange(2), i}]), {p})[0];
  EXPECT_THAT(EvalValues(g, {p, i}, {Make(DType::f64, {2, 2}, {0, 1, 0.5, 0}), Make(DType::i64, {2}, {1, 0})}),
              ElementsAre(0, 1, 2, 0));
}

}  // namespace
}  // namespace oriel
