// Gradients of scans equal those of the unrolled graph.
#include "gmock/gmock.h"
#include "oriel/grad.h"
#include "oriel/random.h"
#include "oriel/scan.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

// What a test differentiates: inputs to a scalar cost.
using Cost = std::function<Value(const Values&)>;

Build Gradients(const Cost& cost) {
  return [cost](const Values& in) {
    const Value c = cost(in);
    Values out = grad(c, {in.begin(), in.end()});
    out.push_back(c);
    return out;
  };
}

void ExpectSameGradients(const Cost& scanned, const Cost& unrolled, const std::vector<Tensor>& arguments,
                         const std::vector<std::vector<std::string>>& symbols = {}) {
  const Tolerance tolerance{.ulps = 64, .absolute = 1e-9};
  ExpectMatches(Gradients(scanned), arguments, symbols, tolerance);
  const Values inputs = InputsFor(arguments, /*static_dims=*/true);
  std::vector<std::vector<Tensor>> results;
  for (const Cost* cost : {&scanned, &unrolled}) {
    absl::StatusOr<Function> f = CompileInMode(inputs, Gradients(*cost)(inputs));
    ASSERT_TRUE(f.ok()) << f.status();
    absl::StatusOr<std::vector<Tensor>> out = (*f)(arguments);
    ASSERT_TRUE(out.ok()) << out.status();
    results.push_back(*out);
  }
  ASSERT_EQ(results[0].size(), results[1].size());
  for (size_t i = 0; i < results[0].size(); ++i) EXPECT_TRUE(Close(results[0][i], results[1][i], tolerance)) << "gradient " << i;
}

Value Step(const Value& x, const Value& h, const Value& w) { return tanh(x + dot(h, w)); }

std::vector<Tensor> NetworkData() {
  return {Data({6, 4}, DType::f64, 1), Data({4}, DType::f64, 2), Data({4, 4}, DType::f64, 3)};
}

Value Unrolled(const Values& in, int steps, int first_with_gradient = 0) {
  Value h = in[1], total;
  for (int t = 0; t < steps; ++t) {
    h = Step(in[0][t], h, in[2]);
    if (t >= first_with_gradient) total = total.node() == nullptr ? sum(h * h) : total + sum(h * h);
  }
  return total;
}

Cost Network(ScanOptions options) {
  return [options](const Values& in) {
    ScanOptions o = options;
    o.sequences = {in[0]};
    o.outputs_info = {in[1]};
    const Value h = scan([&](const ScanStep& s) { return ScanBody{{Step(s.sequences[0], s.outputs[0], in[2])}}; }, o).outputs[0];
    return sum(h * h);
  };
}

TEST(ScanGradient, RecurrentNetwork) {
  ExpectSameGradients(Network({}), [](const Values& in) { return Unrolled(in, 6); }, NetworkData(), {{"n"}});
}

TEST(ScanGradient, FinalValueAlone) {
  ExpectSameGradients(
      [](const Values& in) {
        return sum(scan([&](const ScanStep& s) { return ScanBody{{Step(s.sequences[0], s.outputs[0], in[2])}}; },
                        {.sequences = {in[0]}, .outputs_info = {in[1]}}).finals[0]);
      },
      [](const Values& in) {
        Value h = in[1];
        for (int t = 0; t < 6; ++t) h = Step(in[0][t], h, in[2]);
        return sum(h);
      },
      NetworkData(), {{"n"}});
}

TEST(ScanGradient, Checkpointed) {
  for (int64_t every : {1, 2, 4, 6}) {
    SCOPED_TRACE(every);
    ScanOptions options;
    options.checkpoint = every;
    ExpectSameGradients(Network(options), [](const Values& in) { return Unrolled(in, 6); }, NetworkData(), {{"n"}});
  }
}

TEST(ScanGradient, TapsAndBackwards) {
  for (bool backwards : {false, true}) {
    ExpectSameGradients(
        [backwards](const Values& in) {
          const Value y = scan(
              [](const ScanStep& s) {
                return ScanBody{{sin(s.sequences[0] * s.outputs[0]) + s.sequences[1] * s.outputs[1]}};
              },
              {.sequences = {{in[0], {-1, 1}}}, .outputs_info = {{in[1], {-2, -1}}}, .go_backwards = backwards}).outputs[0];
          return sum(y * y);
        },
        [backwards](const Values& in) {
          Values y = {in[1][0], in[1][1]};
          Value total;
          for (int k = 0; k < 5; ++k) {
            const int t = backwards ? 5 - k : k + 1;
            y.push_back(sin(in[0][t - 1] * y[y.size() - 2]) + in[0][t + 1] * y.back());
            total = k == 0 ? sum(y.back() * y.back()) : total + sum(y.back() * y.back());
          }
          return total;
        },
        {Data({7, 3}, DType::f64, 4), Data({2, 3}, DType::f64, 5)}, {{"n"}});
  }
}

TEST(ScanGradient, Nested) {
  ExpectSameGradients(
      [](const Values& in) {
        return sum(scan(
            [&](const ScanStep& s) {
              const Value row = s.sequences[0];
              return ScanBody{{scan([&](const ScanStep& t) { return ScanBody{{tanh(t.outputs[0] * in[1] + t.sequences[0])}}; },
                                    {.sequences = {row}, .outputs_info = {s.outputs[0]}}).finals[0]}};
            },
            {.sequences = {in[0]}, .outputs_info = {in[1]}}).outputs[0]);
      },
      [](const Values& in) {
        Value c = in[1], total;
        for (int i = 0; i < 3; ++i) {
          for (int j = 0; j < 4; ++j) c = tanh(c * in[1] + in[0][i][j]);
          total = i == 0 ? sum(c) : total + sum(c);
        }
        return total;
      },
      {Data({3, 4, 2}, DType::f64, 6), Data({2}, DType::f64, 7)}, {{"a", "b"}});
}

TEST(ScanGradient, Second) {
  const auto second = [](const Cost& cost) -> Cost {
    return [cost](const Values& in) {
      const Values first = grad(cost(in), {in[1], in[2]});
      return sum(first[0] * first[0]) + sum(first[1] * first[1]);
    };
  };
  ExpectSameGradients(second(Network({})), second([](const Values& in) { return Unrolled(in, 6); }), NetworkData(), {{"n"}});
}

TEST(ScanGradient, Until) {
  ExpectSameGradients(
      [](const Values& in) {
        const ScanResult r = scan(
            [&](const ScanStep& s) {
              return ScanBody{.outputs = {Step(s.sequences[0], s.outputs[0], in[2])}, .until = equal(s.i, 3)};
            },
            {.sequences = {in[0]}, .outputs_info = {in[1]}});
        return sum(r.finals[0]) + sum(r.outputs[0][-1] * r.outputs[0][1]);
      },
      [](const Values& in) {
        Values h = {in[1]};
        for (int t = 0; t < 4; ++t) h.push_back(Step(in[0][t], h.back(), in[2]));
        return sum(h[4]) + sum(h[4] * h[2]);
      },
      NetworkData(), {{"n"}});
}

TEST(ScanGradient, Truncated) {
  for (int64_t steps : {1, 3, 6, 9}) {
    SCOPED_TRACE(steps);
    ScanOptions options;
    options.truncate_gradient = steps;
    const int first = std::max<int>(0, 6 - static_cast<int>(steps));
    // Gradients alone: the cost has all steps.
    const auto scanned = [&](const Values& in) { return grad(Network(options)(in), {in.begin(), in.end()}); };
    const auto unrolled = [&](const Values& in) {
      Value h = in[1];
      for (int t = 0; t < first; ++t) h = Step(in[0][t], h, in[2]);
      if (first > 0) h = stop_gradient(h);
      Value total;
      for (int t = first; t < 6; ++t) {
        h = Step(in[0][t], h, in[2]);
        total = t == first ? sum(h * h) : total + sum(h * h);
      }
      return grad(total, {in.begin(), in.end()}, {.disconnected_inputs = Disconnected::kIgnore});
    };
    const Values inputs = InputsFor(NetworkData(), /*static_dims=*/true);
    absl::StatusOr<Function> a = CompileInMode(inputs, scanned(inputs)), b = CompileInMode(inputs, unrolled(inputs));
    ASSERT_TRUE(a.ok()) << a.status();
    ASSERT_TRUE(b.ok()) << b.status();
    const std::vector<Tensor> x = *(*a)(NetworkData()), y = *(*b)(NetworkData());
    for (size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(Close(x[i], y[i], {.ulps = 64, .absolute = 1e-9})) << i;
  }
}

// The loop that the cost needs and the one that the gradient keeps values of
// are one.
TEST(ScanGradient, RunsTheForwardLoopOnce) {
  const Values in = InputsFor(NetworkData(), false, {{"n"}});
  absl::StatusOr<Function> f = CompileInMode(in, Gradients(Network({}))(in));
  ASSERT_TRUE(f.ok()) << f.status();
  int loops = 0;
  for (const ApplyRow& row : f->profile().rows) loops += row.op == "loop";
  EXPECT_EQ(loops, 2) << f->plan_text();
}

// Carried values of every 32nd step and of 32 steps, not of all.
TEST(ScanGradient, CheckpointsNeedLessMemory) {
  const auto peak = [](int64_t every) {
    const Values in = InputsFor({Data({4, 8}, DType::f32, 1), Data({64, 64}, DType::f32, 2)}, false, {{"n"}});
    const Value h = scan(
        [&](const ScanStep& s) { return ScanBody{{tanh(dot(s.outputs[0], in[1]) + sum(s.sequences[0]))}}; },
        {.sequences = {in[0]}, .outputs_info = {constant(Tensor::Zeros({64, 64}))}, .checkpoint = every, .name = "net"})
                        .finals[0];
    absl::StatusOr<Function> f = CompileInMode(in, grad(sum(h), {in[1]}));
    EXPECT_TRUE(f.ok()) << f.status();
    const absl::StatusOr<MemoryReport> report = f->PlanMemory({{"n", 1024}});
    EXPECT_TRUE(report.ok()) << report.status();
    // What is kept is listed under the loop's name.
    if (every == 0) EXPECT_THAT(report->text(), testing::HasSubstr("net rows"));
    return report->planned_peak;
  };
  constexpr int64_t kRow = 64 * 64 * 4;
  EXPECT_GT(peak(0), 1024 * kRow);
  EXPECT_LT(peak(32), 100 * kRow);
}

TEST(ScanGradient, ThroughStatesAndDraws) {
  RandomStreams random(5);
  const Value w = input("w", DType::f64, {3});
  const ScanResult r = scan([&](const ScanStep& s) { return ScanBody{{s.outputs[0] + w * random.uniform({3})}}; },
                            {.outputs_info = {constant(Tensor::Zeros({3}, DType::f64))}, .n_steps = 4});
  // The reversed loop computes the very draws of the forward one again.
  absl::StatusOr<Function> f = CompileInMode({w}, {r.finals[0], grad(sum(r.finals[0]), {w})[0]}, r.updates);
  ASSERT_TRUE(f.ok()) << f.status();
  Tensor before;
  for (int call = 0; call < 2; ++call) {
    absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Ones({3}, DType::f64)});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_TRUE(Close((*out)[0], (*out)[1], {.ulps = 4}));
    if (call > 0) EXPECT_FALSE(SameBits((*out)[0], before));
    before = (*out)[0];
  }
}

TEST(ScanGradient, IfElse) {
  ExpectSameGradients(
      [](const Values& in) { return sum(ifelse(sum(in[1]) > 1e9, exp(in[1]), in[1] * in[1])) + sum(in[0]); },
      [](const Values& in) { return sum(in[1] * in[1]) + sum(in[0]); },
      {Data({2}, DType::f64, 8), Data({3}, DType::f64, 9)});
}

}  // namespace
}  // namespace oriel::e2e
