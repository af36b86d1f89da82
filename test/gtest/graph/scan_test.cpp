// The loop op below scan(), and scan() by the reference evaluator.
#include "graph_test_util.h"
#include "oriel/scan.h"
#include "runtime/graph/scan_internal.h"

namespace oriel {
namespace {

using graph::LoopSpec;
using graph::LoopView;
using graph::LoopYield;
using testing::ElementsAre;
using testing::HasSubstr;
using Values_ = std::vector<Value>;

// Running sums of the rows of x, from `initial`.
graph::LoopResults Sums(const Value& x, const Value& initial, LoopSpec spec = {}) {
  spec.extent = x.dim(0);
  spec.sequences = {{.array = x}};
  spec.initial = {initial};
  spec.name = "sums";
  return graph::MakeLoop(
      spec,
      [](const Value&, const Values_& rows, const Values_& carried) {
        const Value next = carried[0] + rows[0];
        return LoopYield{.carried = {next}, .collected = {next}, .stop = {}};
      },
      Location::current());
}

TEST(MakeLoop, CollectsRows) {
  const Value x = input("x", DType::f64, {dyn("n")});
  const graph::LoopResults loop = Sums(x, scalar(10, DType::f64));
  ASSERT_FALSE(loop.failed) << loop.error.status();
  EXPECT_EQ(TypeText(loop.stacks[0]), "float64 (n,)");
  const std::vector<Tensor> rows = {Make(DType::f64, {3}, {1, 2, 3})};
  EXPECT_THAT(EvalValues(loop.stacks[0], {x}, rows), ElementsAre(11, 13, 16));
  EXPECT_THAT(EvalValues(loop.finals[0], {x}, rows), ElementsAre(16));
  EXPECT_THAT(EvalValues(loop.finals[0], {x}, {Make(DType::f64, {0}, {})}), ElementsAre(10));
  const absl::StatusOr<std::string> text = ToMlirText({x}, {loop.stacks[0]});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("extent <n> over (%e"));
  EXPECT_THAT(*text, HasSubstr("collects (tensor<?xf64>) {"));
}

TEST(MakeLoop, GoesTheOtherWay) {
  const Value x = input("x", DType::f64, {dyn("n")});
  const graph::LoopResults loop = Sums(x, scalar(0, DType::f64), {.reverse = true});
  EXPECT_THAT(EvalValues(loop.stacks[0], {x}, {Make(DType::f64, {3}, {1, 2, 3})}), ElementsAre(6, 5, 3));
}

TEST(MakeLoop, ClampsOrChecksItsTripCount) {
  const Value x = input("x", DType::f64, {dyn("n")}), trips = input("trips", DType::i64, {});
  const std::vector<Tensor> two = {Make(DType::f64, {2}, {1, 2}), Make(DType::i64, {}, {5})};
  const graph::LoopResults clamped = Sums(x, scalar(0, DType::f64), {.trips = trips});
  EXPECT_THAT(EvalValues(clamped.finals[0], {x, trips}, two), ElementsAre(3));
  const graph::LoopResults checked = Sums(x, scalar(0, DType::f64), {.trips = trips, .checked = true});
  EXPECT_THAT(Evaluate({x, trips}, {checked.finals[0]}, {}, two).status().ToString(),
              HasSubstr("'sums' would run 5 iterations, at most 2 (n)"));
  // Rows that no iteration wrote are zero.
  EXPECT_THAT(EvalValues(clamped.stacks[0], {x, trips}, {two[0], Make(DType::i64, {}, {1})}), ElementsAre(1, 0));
}

TEST(MakeLoop, SavesItsCarriedValues) {
  const Value x = input("x", DType::f64, {dyn("n")});
  const graph::LoopResults sums = Sums(x, scalar(10, DType::f64));
  const graph::SavedLoop saved = graph::SaveCarries(LoopView(*sums.finals[0].node()), Location::current());
  ASSERT_FALSE(saved.results.failed) << saved.results.error.status();
  const std::vector<Tensor> rows = {Make(DType::f64, {3}, {1, 2, 3})};
  EXPECT_THAT(EvalValues(saved.saved[0], {x}, rows), ElementsAre(10, 11, 13));
  EXPECT_THAT(EvalValues(saved.results.stacks[0], {x}, rows), ElementsAre(11, 13, 16));
  const Value n = input("trips", DType::i64, {});
  const Value unbounded = loop(n, {scalar(0, DType::f64)}, [](Value, Values_ c) { return Values_{c[0] + 1}; })[0];
  EXPECT_THAT(graph::SaveCarries(LoopView(*unbounded.node()), Location::current()).results.error.status().ToString(),
              HasSubstr("nothing bounds what must be kept for its gradient"));
}

TEST(MakeLoop, AsALoopOfLoops) {
  const Value x = input("x", DType::f64, {dyn("n")});
  const graph::LoopResults loop = Sums(x, scalar(10, DType::f64));
  for (int64_t every : {1, 2, 3, 4, 9}) {
    const graph::LoopResults again = graph::CheckpointLoop(LoopView(*loop.finals[0].node()), every, Location::current());
    ASSERT_FALSE(again.failed) << again.error.status();
    EXPECT_THAT(EvalValues(again.stacks[0], {x}, {Make(DType::f64, {4}, {1, 2, 3, 4})}), ElementsAre(11, 13, 16, 20));
    EXPECT_THAT(EvalValues(again.finals[0], {x}, {Make(DType::f64, {4}, {1, 2, 3, 4})}), ElementsAre(20));
  }
}

TEST(Scan, NamesWhatStepsAreGiven) {
  const Value x = input("x", DType::f32, {5}), h = input("h", DType::f32, {});
  std::vector<std::string> names;
  scan(
      [&](const ScanStep& s) {
        for (const Values_* values : {&s.sequences, &s.outputs}) {
          for (const Value& value : *values) names.push_back(value.name());
        }
        return ScanBody{{s.outputs[0]}};
      },
      {.sequences = {{x, {-1, 0, 2}}}, .outputs_info = {h}});
  EXPECT_THAT(names, ElementsAre("x[t-1]", "x[t]", "x[t+2]", "h[t-1]"));
}

TEST(Scan, StopsEarly) {
  const Value x = input("x", DType::f64, {dyn("n")});
  const ScanResult r = scan(
      [](const ScanStep& s) {
        const Value total = s.outputs[0] + s.sequences[0];
        return ScanBody{.outputs = {total}, .until = total > 2.5};
      },
      {.sequences = {x}, .outputs_info = {scalar(0, DType::f64)}});
  const std::vector<Tensor> rows = {Make(DType::f64, {4}, {1, 1, 1, 1})};
  EXPECT_THAT(EvalValues(r.outputs[0], {x}, rows), ElementsAre(1, 2, 3));
  EXPECT_THAT(EvalValues(r.outputs[0][-1], {x}, rows), ElementsAre(3));
  EXPECT_THAT(EvalValues(r.steps, {x}, rows), ElementsAre(3));
  EXPECT_THAT(EvalValues(r.outputs[0] * 2 + cast(dim_value(r.outputs[0].dim(0)), DType::f64), {x}, rows), ElementsAre(5, 7, 9));
  // One dim for all outputs, another for another loop; the text shows no number.
  EXPECT_THAT(r.outputs[0].dim(0).ToString(), HasSubstr("steps_of_loop$"));
  EXPECT_THAT(*ToMlirText({x}, {exp(r.outputs[0])}), HasSubstr("dim <steps_of_loop> :"));
}

TEST(Scan, BodiesMayFail) {
  const Value x = input("x", DType::f32, {4, 3});
  const ScanResult r = scan([](const ScanStep& s) { return ScanBody{{reshape(s.sequences[0], {7})}}; }, {.sequences = {x}});
  EXPECT_THAT(r.outputs[0].status().ToString(), HasSubstr("scan_test.cpp:"));
  EXPECT_FALSE(r.steps.ok());
}

}  // namespace
}  // namespace oriel
