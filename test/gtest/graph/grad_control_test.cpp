// Gradients of loops and branches.
#include "grad_test_util.h"
#include "runtime/graph/loop.h"
#include "runtime/graph/pullback.h"

namespace oriel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Values1 = std::vector<Value>;

TEST(GradControl, Branches) {
  for (double at : {0.4, -0.4}) {
    const Tensor x0 = Make(DType::f64, {2}, {at, 0.3}), x1 = Make(DType::f64, {2}, {0.7, -0.2});
    CheckBoth("both sides",
              [](const Values1& x) {
                return branch(
                           sum(x[0]) > 0.2, [&] { return Values1{exp(x[0]) * x[1]}; },
                           [&] { return Values1{sin(x[1])}; })[0] +
                       x[0];
              },
              {x0, x1});
    CheckBoth("several results",
              [](const Values1& x) {
                const Values1 r = branch(
                    sum(x[0]) > 0.2, [&] { return Values1{x[0] * 2.0, x[1]}; },
                    [&] { return Values1{x[1] * x[1], x[0] * x[1]}; });
                return r[0] * exp(r[1]) + x[0];
              },
              {x0, x1});
    CheckBoth("nested",
              [](const Values1& x) {
                return branch(
                    sum(x[0]) > 0.2,
                    [&] {
                      const Value y = tanh(x[0]);
                      return branch(sum(x[1]) > 10.0, [&] { return Values1{x[1]}; }, [&] { return Values1{y * x[1]}; });
                    },
                    [&] { return Values1{x[1] * x[0]}; })[0];
              },
              {x0, x1});
  }
}

TEST(GradControl, BranchesOfIntermediates) {
  // The second capture is computed from the first outside of the branch: each
  // path counts once.
  CheckBoth("captures of captures",
            [](const Values1& x) {
              const Value h = tanh(x[0]);
              return branch(sum(x[0]) > 0.0, [&] { return Values1{h * x[0]}; }, [&] { return Values1{h}; })[0];
            },
            {Make(DType::f64, {2}, {0.5, 0.3})});
}

TEST(GradControl, Loops) {
  for (int64_t trips : {0, 1, 2, 5}) {
    const Tensor n = Make(DType::i64, {}, {static_cast<double>(trips)});
    CheckBoth("powers",
              [&](const Values1& x) {
                return loop(trips, {x[0]}, [&](Value, Values1 c) { return Values1{tanh(c[0] * x[1])}; })[0] + x[1];
              },
              {Distinct({2}, 1), Distinct({2}, 2)});
    CheckBoth("recurrent",
              [&](const Values1& x) {
                return loop(trips, {x[0]}, [&](Value, Values1 c) { return Values1{tanh(matmul(c[0], x[1]))}; })[0] +
                       sum(x[1]);
              },
              {Distinct({2, 3}, 1), Distinct({3, 3}, 2)});
    CheckGradient("index and two carries",
                  [&](const Values1& x) {
                    const Values1 r = loop(trips, {x[0], x[1]}, [&](Value i, Values1 c) {
                      return Values1{c[1] * cast(i + 1, DType::f64), c[0] + c[1]};
                    });
                    return r[0] * r[1] + x[0] + x[1];
                  },
                  {Distinct({2}, 1), Distinct({2}, 2)});
  }
}

TEST(GradControl, NestedLoopsAndBranchesInLoops) {
  CheckBoth("nested",
            [](const Values1& x) {
              return loop(3, {x[0]}, [&](Value, Values1 c) {
                return loop(2, {c[0]}, [&](Value, Values1 d) { return Values1{sin(d[0]) * x[1] + c[0]}; });
              })[0];
            },
            {Distinct({2}, 1), Distinct({2}, 2)});
  CheckBoth("branch inside",
            [](const Values1& x) {
              return loop(4, {x[0]}, [&](Value i, Values1 c) {
                return branch(i % 2 < 1, [&] { return Values1{c[0] * x[1]}; }, [&] { return Values1{exp(-c[0])}; });
              })[0];
            },
            {Distinct({2}, 1), Distinct({2}, 2)});
}

TEST(GradControl, SequencesAndStacks) {
  CheckBoth("recurrence over rows",
            [](const Values1& x) {
              graph::LoopSpec spec;
              spec.extent = x[0].dim(0);
              spec.sequences.push_back({.array = x[0], .start = 0, .step = 1, .name = ""});
              spec.initial = {x[1]};
              const graph::LoopResults r = graph::MakeLoop(
                  spec,
                  [&](const Value&, const Values1& e, const Values1& c) {
                    const Value h = tanh(c[0] * x[2] + e[0]);
                    return graph::LoopYield{.carried = {h}, .collected = {h * e[0]}, .stop = {}};
                  },
                  Location::current());
              return r.failed ? r.error : sum(r.stacks[0]) + sum(r.finals[0]);
            },
            {Distinct({4, 2}, 1), Distinct({2}, 2), Distinct({2}, 3)});
}

TEST(GradControl, GradInsideABody) {
  // Two steps of gradient descent on sum((x - t)**2), and back through them.
  CheckBoth("descent",
            [](const Values1& x) {
              return loop(2, {x[0]}, [&](Value, Values1 c) {
                const Value cost = sum(pow(c[0] - x[1], 2.0) * exp(x[1]));
                return Values1{c[0] - 0.1 * grad(cost, {c[0]})[0]};
              })[0];
            },
            {Distinct({2}, 1), Distinct({2}, 2)});
}

TEST(GradControl, OneForwardLoopIsSaid) {
  // The nodes of a loop's gradient lead back to the loop.
  const Value x = input("x", DType::f64, {2});
  const Value y = loop(3, {x}, [&](Value, Values1 c) { return Values1{sin(c[0])}; })[0];
  const Value g = grad(sum(y), {x})[0];
  ASSERT_TRUE(g.ok()) << g.status();
  absl::StatusOr<std::string> text = ToMlirText({x}, {g});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("rule = \"grad\""));
  EXPECT_THAT(*text, HasSubstr("rule = \"recompute\""));
}

}  // namespace
}  // namespace oriel
