// States, loops and branches; failed calls change nothing.
#include <thread>

#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

TEST(State, UpdatesUseOldValuesAndApplyTogether) {
  State a = state("a", Tensor::Full({3}, 1)), b = state("b", Tensor::Full({3}, 10));
  absl::StatusOr<Function> f = CompileInMode({}, {Value(add(a, b))}, {{a, add(b, 1.0)}, {b, add(a, b)}});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE((*f)(absl::Span<const Tensor>()).ok());
  EXPECT_EQ(a.value().data<float>()[0], 11);
  EXPECT_EQ(b.value().data<float>()[0], 11);
}

TEST(State, SwapTwoStates) {
  State a = state("a", Tensor::Full({2}, 1)), b = state("b", Tensor::Full({2}, 2));
  absl::StatusOr<Function> f = CompileInMode({}, {}, {{a, reshape(b, {2})}, {b, reshape(a, {2})}});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE((*f)(absl::Span<const Tensor>()).ok());
  EXPECT_EQ(a.value().data<float>()[0], 2);
  EXPECT_EQ(b.value().data<float>()[0], 1);
}

TEST(State, SharedBetweenFunctions) {
  State n = state("n", Tensor::Zeros({}, DType::i64));
  absl::StatusOr<Function> up = CompileInMode({}, {}, {{n, n + 1}});
  absl::StatusOr<Function> read = CompileInMode({}, {n * 10});
  ASSERT_TRUE(up.ok() && read.ok()) << up.status() << read.status();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*up)(absl::Span<const Tensor>()).ok());
  EXPECT_EQ(*(*(*read)(absl::Span<const Tensor>()))[0].data<int64_t>(), 50);
}

TEST(State, ConcurrentCallsLoseNoUpdate) {
  State n = state("n", Tensor::Zeros({100}, DType::i64));
  absl::StatusOr<Function> up = CompileInMode({}, {}, {{n, n + 1}});
  ASSERT_TRUE(up.ok()) << up.status();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&] { for (int i = 0; i < 500; ++i) EXPECT_TRUE((*up)(absl::Span<const Tensor>()).ok()); });
  for (auto& t : threads) t.join();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(n.value().data<int64_t>()[i], 2000);
}

// A model step with loop, branch, scatter, shadowed and in-place states.
struct Model {
  State w = state("w", Tensor::Normal({8, 4}, 1)), count = state("count", Tensor::Zeros({}, DType::i64)),
        table = state("table", Tensor::Normal({10, 4}, 2)), copy = state("copy", Tensor::Normal({4, 8}, 3));
  Values inputs{input("x", DType::f32, {dyn("n"), 8}), input("i", DType::i64, {dyn("n")})};
  Values outputs;
  std::vector<Update> updates;
  Model() {
    Value h = tanh(dot(inputs[0], w));
    Value l = loop(3, {h}, [&](Value k, Values c) { return Values{tanh(c[0] * 0.5 + cast(k, DType::f32))}; })[0];
    Value g = branch(less(sum(h), 0.0), [&] { return Values{l * 2.0}; }, [&] { return Values{l - 1.0}; })[0];
    outputs = {mean(g), sum(h, {0})};
    updates = {{w, w - 0.1 * dot(transpose(inputs[0]), g)}, {count, count + 1},
               {table, scatter_add(table, {inputs[1]}, g)}, {copy, transpose(w)}};
  }
  std::vector<State> states() const { return {w, count, table, copy}; }
  std::vector<Tensor> arguments() const { return {Data({6, 8}, DType::f32, 4), Tensor::Full({6}, 3, DType::i64)}; }
};

TEST(State, EverythingAtOnceMatchesTheReference) {
  Model model;
  absl::StatusOr<std::vector<Tensor>> expected = Evaluate(model.inputs, model.outputs, model.updates, model.arguments());
  ASSERT_TRUE(expected.ok()) << expected.status();
  absl::StatusOr<Function> f = CompileInMode(model.inputs, model.outputs, model.updates);
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(model.arguments()));
  ASSERT_TRUE(out.ok()) << out.status();
  const Tolerance tolerance{64, 1e-5};
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Close((*out)[i], (*expected)[i], tolerance)) << i;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Close(model.states()[i].value(), (*expected)[2 + i], tolerance)) << model.states()[i].name();
}

TEST(State, AFailureAtAnyStepChangesNoState) {
  int failed = 0;
  for (int step = 0; step < 200; ++step) {
    Model model;
    absl::StatusOr<Function> f = CompileInMode(model.inputs, model.outputs, model.updates, {.fail_at_step = step});
    ASSERT_TRUE(f.ok()) << f.status();
    std::vector<Tensor> before;
    for (const State& s : model.states()) before.push_back(s.value());
    absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(model.arguments()));
    if (out.ok()) break;  // past the last step
    ++failed;
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_TRUE(BitEqual(before[i], model.states()[i].value())) << model.states()[i].name() << " after a failure at step " << step;
    }
  }
  EXPECT_GE(failed, 5);
  EXPECT_LT(failed, 200);
}

TEST(Loop, CarriesZeroTripsAndNegativeTrips) {
  for (int64_t trips : {0, 1, 2, 7, -3}) {
    SCOPED_TRACE(trips);
    ExpectMatches([](const Values& in) {
      return loop(in[1], {in[0], in[0] * 0.0}, [](Value i, Values c) {
        return Values{c[1] + cast(i, DType::f32), c[0] * 0.5};
      });
    }, {Data({5, 6}, DType::f32, 1), Tensor::Scalar(trips)}, {{"n", "m"}, {}});
  }
}

TEST(Loop, NestedWithMatMulAndCapture) {
  ExpectMatches([](const Values& in) {
    return loop(3, {in[0]}, [&](Value, Values c) {
      Value inner = loop(2, {c[0]}, [&](Value j, Values d) { return Values{tanh(dot(d[0], in[1])) + cast(j, DType::f32)}; })[0];
      return Values{inner * 0.5 + in[0]};
    });
  }, {Data({9, 7}, DType::f32, 1), Data({7, 7}, DType::f32, 2)}, {{"n", ""}, {}}, {.ulps = 256, .absolute = 1e-4});
}

TEST(Branch, BothSides) {
  for (float x : {1.0f, -1.0f}) {
    ExpectMatches([](const Values& in) {
      return branch(greater(in[0], 0.0), [&] { return Values{in[1] + 1.0, in[1]}; }, [&] { return Values{in[1] * 2.0, -in[1]}; });
    }, {Tensor::Scalar(x), Data({12}, DType::f32, 1)}, {{}, {"n"}});
  }
}

}  // namespace
}  // namespace oriel::e2e
