// Sizes that only a run knows: the rows of a scan that ends early, or whose
// number of steps is found at run time, used like any other value.
#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

Dim dyn(const std::string& name) { return Dim::Symbol(name); }

// Rows of x, carried and doubled, until the carried sum passes `limit`.
ScanResult UntilSum(const Value& x, const Value& limit, const std::string& name = "walk") {
  return scan(
      [&](const ScanStep& s) {
        const Value total = s.outputs[0] + sum(s.sequences[0]);
        return ScanBody{.outputs = {total, s.sequences[0] * 2}, .until = total > limit};
      },
      {.sequences = {x}, .outputs_info = {scalar(0, x.dtype()), ScanOutput()}, .name = name});
}

const std::vector<std::vector<std::string>> kSymbols = {{"n", "d"}, {}};

void ForEachCount(const Build& build, Tolerance tolerance = {}) {
  const Tensor x = Data({7, 3}, DType::f64, 5);
  for (double limit : {-1e9, 0.5, 1e9}) ExpectMatches(build, {x, Tensor::Scalar<double>(limit)}, kSymbols, tolerance);
  // A body that never runs holds less than the plan says.
  if (CurrentMode().name == "guard") return;
  ExpectMatches(build, {Data({0, 3}, DType::f64, 1), Tensor::Scalar<double>(0)}, kSymbols, tolerance);
}

TEST(Rows, Elementwise) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value h = tanh(r.outputs[1]);
    return std::vector<Value>{h + 1, h * r.outputs[1] - exp(h), r.outputs[1], r.outputs[0], r.outputs[0] * 3};
  }, {.ulps = 4, .absolute = 4e-16});  // h + 1 cancels
}

TEST(Rows, ReductionsAndTheirNumber) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value& h = r.outputs[1];
    return std::vector<Value>{sum(h), sum(h, {0}), reduce_max(exp(h), {1}), sum(h, {0}) / cast(dim_value(h.dim(0)), DType::f64),
                              dim_value(h.dim(0)) * 2, arange(h.dim(0) + 1)};
  }, {.ulps = 64, .absolute = 1e-12});
}

TEST(Rows, TheDimAlone) {
  // Nothing but the dim is used: the value that binds it is there all the same.
  ForEachCount([](const std::vector<Value>& in) {
    const Value h = UntilSum(in[0], in[1]).outputs[1];
    return std::vector<Value>{dim_value(h.dim(0)), zeros({h.dim(0), 2}, DType::f32) + 1};
  });
  // It must be there when the dim is used.
  const Dim gone = UntilSum(input("x", DType::f64, {4, 3}), input("limit", DType::f64, {})).outputs[1].dim(0);
  EXPECT_THAT(std::string(dim_value(gone).status().message()), testing::HasSubstr("no longer there"));
}

TEST(Rows, MatMulSliceConcatenate) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value& h = r.outputs[1];
    const Value gram = matmul(h, transpose(h)), square = matmul(transpose(h), h);
    return std::vector<Value>{gram,
                              square,
                              sum(gram),
                              h[{slice(std::nullopt, -1)}],
                              h[{slice(std::nullopt, std::nullopt, -1)}] + h,
                              concatenate({h, in[0], h + 1}, 0),
                              concatenate({h, h}, 1),
                              reshape(h, {h.dim(0) * h.dim(1)}),
                              transpose(h)};
  }, {.ulps = 64, .absolute = 1e-10});
}

TEST(Rows, SequenceOfAnotherLoop) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const ScanResult again = scan(
        [](const ScanStep& s) { return ScanBody{{s.outputs[0] * 0.5 + s.sequences[0]}}; },
        {.sequences = {r.outputs[1]}, .outputs_info = {zeros({in[0].dim(1)}, DType::f64)}, .name = "again"});
    // And one more whose end is found from that.
    const ScanResult third = UntilSum(again.outputs[0], in[1] * 0.5, "third");
    return std::vector<Value>{again.outputs[0], again.finals[0], sum(again.outputs[0] * r.outputs[1]), third.outputs[1] + 1,
                              sum(third.outputs[1], {1}), matmul(third.outputs[1], transpose(r.outputs[1]))};
  }, {.ulps = 64, .absolute = 1e-10});
}

TEST(Rows, GatherFromAndWithThem) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value& h = r.outputs[1];
    const Value order = dim_value(h.dim(0)) - 1 - arange(h.dim(0));
    return std::vector<Value>{gather(h, {order}, 0), gather(in[0], {order}, 0),
                              inc_subtensor(Subtensor::Of(in[0], {slice(0, h.dim(0))}), h)};
  });
}

TEST(Rows, BeforeAndAfterABranch) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value& h = r.outputs[1];
    const std::vector<Value> chosen = branch(
        sum(h) > 0, [&] { return std::vector<Value>{h + 1, sum(h)}; }, [&] { return std::vector<Value>{h * 2, scalar(7, DType::f64)}; });
    return std::vector<Value>{chosen[0], chosen[1], sum(chosen[0])};
  }, {.ulps = 64, .absolute = 1e-12});
}

TEST(Rows, ChosenByIfelse) {
  ForEachCount([](const std::vector<Value>& in) {
    const Value h = UntilSum(in[0], in[1]).outputs[1];
    const Value one = ifelse(sum(in[0]) > 0.0, sum(exp(h)), sum(in[0])), rows = ifelse(sum(in[0]) > 0.0, exp(h), h * 2);
    return std::vector<Value>{one, rows, grad(one + sum(rows), {in[0]})[0]};
  }, {.ulps = 64, .absolute = 1e-12});
}

TEST(Rows, StepsFoundAtRunTime) {
  const Build build = [](const std::vector<Value>& in) {
    const ScanResult r = scan([](const ScanStep& s) { return ScanBody{{s.outputs[0] + s.sequences[0]}}; },
                              {.sequences = {in[0]}, .outputs_info = {scalar(0, DType::f32)}, .n_steps = in[1]});
    return std::vector<Value>{r.outputs[0], r.outputs[0] * 2, sum(r.outputs[0])};
  };
  for (int64_t steps : {-1, 0, 1, 4}) ExpectMatches(build, {Data({4}, DType::f32, 2), Tensor::Scalar<int64_t>(steps)}, {{"n"}, {}}, {.ulps = 16, .absolute = 1e-5});
}

TEST(Rows, ManyCallsOfManySizesAtOnce) {
  const Value x = input("x", DType::f64, {dyn("n"), 3}), limit = input("limit", DType::f64, {});
  const ScanResult r = UntilSum(x, limit), again = UntilSum(r.outputs[1], limit * 0.5, "again");
  const std::vector<Value> outputs = {r.outputs[1] * 2, sum(exp(again.outputs[1]), {1}), matmul(r.outputs[1], transpose(again.outputs[1]))};
  absl::StatusOr<Function> f = CompileInMode({x, limit}, outputs);
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({60, 3}, DType::f64);
  std::vector<std::vector<Tensor>> expected;
  for (int64_t rows = 1; rows <= 60; ++rows) {
    absl::StatusOr<std::vector<Tensor>> out = Evaluate({x, limit}, outputs, {}, {ones, Tensor::Scalar<double>(3.0 * static_cast<double>(rows) - 1)});
    ASSERT_TRUE(out.ok()) << out.status();
    ASSERT_EQ((*out)[0].dim(0), rows);
    expected.push_back(*std::move(out));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      uint64_t seed = static_cast<uint64_t>(t) + 1;
      for (int call = 0; call < 100; ++call) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const int64_t rows = 1 + static_cast<int64_t>((seed >> 33) % 60);
        absl::StatusOr<std::vector<Tensor>> out = (*f)({ones, Tensor::Scalar<double>(3.0 * static_cast<double>(rows) - 1)});
        bool good = out.ok();
        for (size_t i = 0; good && i < out->size(); ++i) {
          good = Close((*out)[i], expected[static_cast<size_t>(rows - 1)][i], {.ulps = 64, .absolute = 1e-12});
        }
        wrong += good ? 0 : 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Rows, EqualDimsAreChecked) {
  const Value x = input("x", DType::f64, {dyn("n"), dyn("d")}), limit = input("limit", DType::f64, {}), y = input("y", DType::f64, {dyn("m"), dyn("d")});
  const ScanResult r = UntilSum(x, limit);
  absl::StatusOr<Function> f = CompileInMode({x, limit, y}, {r.outputs[1] + y});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({6, 2}, DType::f64);
  for (int round = 0; round < 2; ++round) {
    absl::StatusOr<std::vector<Tensor>> good = (*f)({ones, Tensor::Scalar<double>(3.5), Tensor::Ones({2, 2}, DType::f64)});
    ASSERT_TRUE(good.ok()) << good.status();
    EXPECT_TRUE(SameBits((*good)[0], Tensor::Full({2, 2}, 3.0, DType::f64)));
    const absl::Status status = (*f)({ones, Tensor::Scalar<double>(3.5), Tensor::Ones({3, 2}, DType::f64)}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("steps_of_walk"));
  }
}

TEST(Rows, GradientEqualsTheUnrolledGraphs) {
  const Tensor xs = Data({6, 3}, DType::f64, 11), w0 = Data({3}, DType::f64, 12);
  const auto cost = [](const Value& rows) { return sum(tanh(rows) * rows) + sum(exp(sum(rows, {1}) * 0.1)); };
  for (double limit : {-1e9, 0.25, 1e9}) {
    const Value x = input("x", DType::f64, {dyn("n"), 3}), l = input("limit", DType::f64, {}), w = input("w", DType::f64, {3});
    const ScanResult r = scan(
        [&](const ScanStep& s) {
          const Value h = tanh(s.outputs[0] * w + s.sequences[0]);
          return ScanBody{.outputs = {h}, .until = sum(h) > l};
        },
        {.sequences = {x}, .outputs_info = {zeros({3}, DType::f64)}, .name = "rnn"});
    const std::vector<Value> g = grad(cost(r.outputs[0]), {x, w});
    absl::StatusOr<Function> f = CompileInMode({x, l, w}, {r.outputs[0], g[0], g[1], cost(r.outputs[0])});
    ASSERT_TRUE(f.ok()) << f.status();
    absl::StatusOr<std::vector<Tensor>> out = (*f)({xs, Tensor::Scalar<double>(limit), w0});
    ASSERT_TRUE(out.ok()) << out.status();
    const int64_t made = (*out)[0].dim(0);

    // As many steps, one by one.
    const Value u = input("x", DType::f64, {6, 3}), v = input("w", DType::f64, {3});
    Value h = zeros({3}, DType::f64);
    std::vector<Value> rows;
    for (int64_t t = 0; t < made; ++t) {
      h = tanh(h * v + u[{t}]);
      rows.push_back(reshape(h, {1, 3}));
    }
    const Value c = cost(concatenate(rows, 0));
    const std::vector<Value> expected = grad(c, {u, v});
    absl::StatusOr<std::vector<Tensor>> unrolled = Evaluate({u, v}, {expected[0], expected[1], c}, {}, {xs, w0});
    ASSERT_TRUE(unrolled.ok()) << unrolled.status();
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(Close((*out)[i + 1], (*unrolled)[i], {.ulps = 256, .absolute = 1e-12})) << i << " of " << made;
  }
}

TEST(Rows, GradientOfASumMentionsTheDimAlone) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value g = grad(sum(r.outputs[1]) + sum(r.outputs[0] * 2), {in[0]})[0];
    return std::vector<Value>{g, grad(sum(g * g), {in[0]})[0]};
  }, {.ulps = 64, .absolute = 1e-12});
}

TEST(Rows, GradientThroughLoopsThatMentionTheDim) {
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value& h = r.outputs[1];
    // The body makes rows of that number without an operand that has them.
    const ScanResult again = scan(
        [&](const ScanStep& s) {
          const Value wide = zeros({h.dim(0)}, DType::f64) + sum(s.sequences[0]);
          return ScanBody{{s.outputs[0] * 0.5 + sum(wide * wide)}};
        },
        {.sequences = {in[0]}, .outputs_info = {scalar(1, DType::f64)}, .name = "again"});
    const ScanResult over = scan([](const ScanStep& s) { return ScanBody{{tanh(s.outputs[0] + s.sequences[0])}}; },
                                 {.sequences = {h}, .outputs_info = {zeros({in[0].dim(1)}, DType::f64)}, .name = "over"});
    return std::vector<Value>{grad(again.finals[0] + sum(over.outputs[0]), {in[0]})[0], sum(over.outputs[0] * h)};
  }, {.ulps = 256, .absolute = 1e-10});
}

TEST(Rows, HaveTestValues) {
  ASSERT_TRUE(Config::Set("compute_test_value", "raise").ok());
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  EXPECT_TRUE(x.set_test_value(Tensor::Ones({6, 2}, DType::f64)).ok());
  EXPECT_TRUE(limit.set_test_value(Tensor::Scalar<double>(3.5)).ok());
  const ScanResult r = UntilSum(x, limit);
  const Value shown = r.outputs[1] * 2 + cast(dim_value(r.outputs[1].dim(0)), DType::f64);
  const absl::StatusOr<Tensor> value = shown.test_value();
  ASSERT_TRUE(Config::Set("compute_test_value", "off").ok());
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_TRUE(SameBits(*value, Tensor::Full({2, 2}, 6.0, DType::f64)));
}

TEST(Rows, StatesThatFit) {
  State table = state("table", Tensor::Zeros({2, 2}, DType::f64)), total = state("total", Tensor::Zeros({}, DType::f64));
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  const ScanResult r = UntilSum(x, limit);
  absl::StatusOr<Function> f = CompileInMode({x, limit}, {sum(r.outputs[1] * 2)},
                                             {{table, r.outputs[1]}, {total, total + sum(r.outputs[1])}});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({6, 2}, DType::f64);
  ASSERT_TRUE((*f)({ones, Tensor::Scalar<double>(3.5)}).ok());
  EXPECT_TRUE(SameBits(table.value(), Tensor::Full({2, 2}, 2.0, DType::f64)));
  EXPECT_EQ(total.value().ElementAsDouble({}), 8.0);
  // Another number of rows does not fit: nothing has changed.
  EXPECT_EQ((*f)({ones, Tensor::Scalar<double>(100)}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(SameBits(table.value(), Tensor::Full({2, 2}, 2.0, DType::f64)));
  EXPECT_EQ(total.value().ElementAsDouble({}), 8.0);
}

TEST(Rows, OutOfMemoryTellsAllAndLeavesStates) {
  State count = state("count", Tensor::Zeros({4}, DType::f64));
  const Value x = input("x", DType::f64, {dyn("n"), 8}), limit = input("limit", DType::f64, {});
  const ScanResult r = UntilSum(x, limit);
  const Value h = r.outputs[1].named("h");
  const Value big = matmul(h, transpose(h)).named("gram");
  // What is sorted is in memory whole.
  absl::StatusOr<Function> f = CompileInMode({x, limit}, {sum(sort(exp(big) + big))}, {{count, count + 1}}, {.memory_limit = 4 << 20});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({2000, 8}, DType::f64);
  for (int round = 0; round < 2; ++round) {
    const absl::Status status = (*f)({ones, Tensor::Scalar<double>(1e9)}).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    for (const char* section : {"steps_of_walk = 2000", "Storage map:", "What would fit:", "Limit:", "Debugprint of the node:"}) {
      EXPECT_THAT(std::string(status.message()), testing::HasSubstr(section));
    }
    EXPECT_EQ(count.value().ElementAsDouble({0}), 1.0 * round);
    // Few rows fit, though the most would not.
    absl::StatusOr<std::vector<Tensor>> out = (*f)({ones, Tensor::Scalar<double>(20)});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ(count.value().ElementAsDouble({0}), 1.0 * (round + 1));
  }
}

TEST(Rows, FailuresAtEachStepLeaveStates) {
  for (int64_t step = 0; step < 12; ++step) {
    State total = state("total", Tensor::Zeros({3}, DType::f64));
    const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
    const ScanResult r = UntilSum(x, limit);
    absl::StatusOr<Function> f = CompileInMode({x, limit}, {r.outputs[1] + 1}, {{total, total + sum(exp(r.outputs[1]))}}, {.fail_at_step = step});
    ASSERT_TRUE(f.ok()) << f.status();
    if ((*f)({Tensor::Ones({6, 2}, DType::f64), Tensor::Scalar<double>(3.5)}).ok()) continue;
    EXPECT_TRUE(SameBits(total.value(), Tensor::Zeros({3}, DType::f64))) << step;
  }
}

TEST(Rows, MemoryReportsSayWhatWasFound) {
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  const ScanResult r = UntilSum(x, limit);
  absl::StatusOr<Function> f = CompileInMode({x, limit}, {exp(r.outputs[1])});
  ASSERT_TRUE(f.ok()) << f.status();
  if (CurrentMode().static_dims) return;
  const absl::StatusOr<MemoryReport> plan = f->PlanMemory({{"n", 1000}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->found.size(), 1u);
  EXPECT_EQ(plan->found[0].dim, "steps_of_walk");
  EXPECT_EQ(plan->found[0].most, 1000);
  EXPECT_TRUE(plan->found[0].is_bound);
  EXPECT_THAT(plan->text(), testing::HasSubstr("at most"));
  ASSERT_TRUE((*f)({Tensor::Ones({1000, 2}, DType::f64), Tensor::Scalar<double>(3.5)}).ok());
  const MemoryReport after = f->memory();
  ASSERT_EQ(after.found.size(), 1u);
  EXPECT_EQ(after.found[0].value, 2);
  EXPECT_FALSE(after.found[0].is_bound);
  EXPECT_LT(after.planned_peak, plan->planned_peak);
  EXPECT_TRUE(f->LargestThatFits("n", {}, 1 << 20).ok());
}

TEST(Rows, TapsAndChecksSeeThem) {
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  std::vector<Extents> seen;
  const ScanResult r = UntilSum(x, limit);
  const Value watched = watch(r.outputs[1], "rows", [&](const TapRecord& record) {
    seen.push_back(record.shape);
    return absl::OkStatus();
  });
  absl::StatusOr<Function> f = CompileInMode({x, limit}, {exp(watched)});
  ASSERT_TRUE(f.ok()) << f.status();
  for (double stop : {3.5, 100.0}) ASSERT_TRUE((*f)({Tensor::Ones({6, 2}, DType::f64), Tensor::Scalar<double>(stop)}).ok());
  EXPECT_EQ(seen, (std::vector<Extents>{{2, 2}, {6, 2}}));

  absl::StatusOr<Function> checked = compile({x, limit}, {log(r.outputs[1] - 3)}, {}, {.check = CheckMode::kNan});
  ASSERT_TRUE(checked.ok()) << checked.status();
  const absl::Status status = (*checked)({Tensor::Ones({6, 2}, DType::f64), Tensor::Scalar<double>(3.5)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("nan is the result of log"));
}

TEST(Rows, AreComparedWithTheReference) {
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  const Value h = UntilSum(x, limit).outputs[1], picked = Subtensor::Masked(h, h > 1.5).read();
  absl::StatusOr<Function> f = compile({x, limit}, {exp(h) + zeros({h.dim(0), 1}, DType::f64), sum(picked), arange(picked.dim(0))}, {}, {.check = CheckMode::kReference});
  ASSERT_TRUE(f.ok()) << f.status();
  for (double stop : {3.5, 100.0}) {
    absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Ones({6, 2}, DType::f64), Tensor::Scalar<double>(stop)});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ((*out)[2].dim(0), stop < 10 ? 4 : 12);
  }
}

TEST(Rows, ReportsAndDescriptions) {
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  const ScanResult r = UntilSum(x, limit);
  absl::StatusOr<Function> f = CompileInMode({x, limit}, {sum(exp(r.outputs[1])) + 1});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE((*f)({Tensor::Ones({6, 2}, DType::f64), Tensor::Scalar<double>(3.5)}).ok());
  EXPECT_THAT(f->plan_text(), testing::HasSubstr("bind steps_of_walk to"));
  EXPECT_THAT(DebugPrint(*f), testing::AllOf(testing::HasSubstr("Scalar{bind steps_of_walk to"), testing::HasSubstr(" first rows of "),
                                             testing::HasSubstr("Loop{loop}")));
}

TEST(Rows, GivensGiveOtherDims) {
  // The same loop over two arrays, the second by substitution: two dims.
  ForEachCount([](const std::vector<Value>& in) {
    const ScanResult r = UntilSum(in[0], in[1]);
    const Value cost = sum(exp(r.outputs[1]), {1});
    const std::vector<Value> other = Substitute({cost}, {{in[0], in[0] * 0.25}});
    return std::vector<Value>{cost * 2, other[0] * 2, concatenate({cost, other[0]}, 0)};
  }, {.ulps = 64, .absolute = 1e-12});
}

TEST(Rows, InABodyAreRefusedByName) {
  const Value x = input("x", DType::f64, {dyn("n"), 2}), limit = input("limit", DType::f64, {});
  const ScanResult outer = scan(
      [&](const ScanStep& s) {
        const ScanResult inner = scan([&](const ScanStep& t) { return ScanBody{.outputs = {t.sequences[0] * 2}, .until = t.sequences[0] > limit}; },
                                      {.sequences = {s.sequences[0]}, .name = "inner"});
        return ScanBody{{sum(inner.outputs[0])}};
      },
      {.sequences = {x}});
  const absl::Status status = compile({x, limit}, {outer.outputs[0]}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("rows"));
}

}  // namespace
}  // namespace oriel::e2e
