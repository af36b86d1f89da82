// File: taps_test.cpp
//
// Prints and asserts of a program without a compiler; the text of prints.
#include "gmock/gmock.h"
#include "oriel/taps.h"
#include "runtime/engine/guard_check.h"
#include "test/gtest/engine/program_builder.h"

namespace oriel::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Lines(std::vector<std::string> attrs, const Tensor& value) {
  absl::StatusOr<std::vector<std::string>> lines = PrintLines({"m", std::move(attrs)}, value);
  EXPECT_TRUE(lines.ok()) << lines.status();
  return lines.ok() ? *lines : std::vector<std::string>();
}

TEST(PrintLines, Statistics) {
  EXPECT_THAT(Lines({"min", "max", "mean", "nan_count", "ndim", "size"}, F32({1, 2, 6})),
              ElementsAre("m min = 1.0", "m max = 6.0", "m mean = 3.0", "m nan_count = 0", "m ndim = 1", "m size = 3"));
  EXPECT_THAT(Lines({"min", "max", "mean", "nan_count"}, F32({1, NAN, 6})),
              ElementsAre("m min = nan", "m max = nan", "m mean = nan", "m nan_count = 1"));
  EXPECT_THAT(Lines({"min", "max", "mean", "nan_count"}, F32({}, {0, 3})),
              ElementsAre("m min = none", "m max = none", "m mean = none", "m nan_count = 0"));
  const Tensor large = *Tensor::From<uint64_t>({~uint64_t{0}, 1}, {2});
  EXPECT_THAT(Lines({"min", "max"}, large), ElementsAre("m min = 1", "m max = 18446744073709551615"));
  const Tensor small = *Tensor::From<int64_t>({-3, 4}, {2});
  EXPECT_THAT(Lines({"min", "max", "mean", "dtype"}, small), ElementsAre("m min = -3", "m max = 4", "m mean = 0.5", "m dtype = int64"));
  const Tensor truth = *F32({0, 1}).Cast(DType::boolean);
  EXPECT_THAT(Lines({"min", "max", "mean", "value"}, truth), ElementsAre("m min = False", "m max = True", "m mean = 0.5", HasSubstr("m value = [False")));
}

TEST(PrintLines, WithoutAMessageAndUnknown) {
  absl::StatusOr<std::vector<std::string>> lines = PrintLines({"", {"shape"}}, F32({1, 2}));
  ASSERT_TRUE(lines.ok());
  EXPECT_THAT(*lines, ElementsAre("shape = (2,)"));
  EXPECT_EQ(PrintLines({"", {"size", "colour"}}, F32({1})).status().code(), absl::StatusCode::kInvalidArgument);
}

// y = a + b, printed; `ok` is asserted.
ProgramBuilder Observed() {
  ProgramBuilder b("observed");
  const Dim n = b.Symbol("n");
  const int32_t a = b.Input("a", DType::f32, {n}), c = b.Input("b", DType::f32, {n}), ok = b.Input("ok", DType::boolean, {});
  const int32_t y = b.Output("y", DType::f32, {n});
  b.Add(b.Elementwise("add", {a, c}, {y}), {y});
  ObserveStep print;
  print.kind = TapKind::kPrint;
  print.tap = 0;
  print.node = b.program().buffers[y].node;
  print.message = "y";
  print.attributes = "shape,max";
  print.values = {y};
  b.Add(print);
  ObserveStep check;
  check.kind = TapKind::kAssert;
  check.tap = 1;
  check.node = print.node;
  check.message = "not ok";
  check.file = "/some/where/net.py";
  check.line = 12;
  check.values = {ok, a};
  check.counts = {1};
  b.Add(check);
  return b;
}

TEST(Observe, PrintsAndAsserts) {
  std::vector<std::string> lines;
  const PrintSink before = SetPrintSink([&](std::string_view line) { lines.emplace_back(line); });
  const Function f = Expect(Observed().Make());
  ASSERT_EQ(f.taps().size(), 2u);
  Expect(f({F32({1, 2}), F32({3, 5}), Tensor::Scalar(true)}));
  EXPECT_THAT(lines, ElementsAre("y shape = (2,)", "y max = 7.0"));
  const absl::Status failed = f({F32({1, 2}), F32({3, 5}), Tensor::Scalar(false)}).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("not ok (assert at net.py:12)\nCondition: ok"));
  EXPECT_THAT(std::string(failed.message()), HasSubstr(" is False\n    a"));
  EXPECT_THAT(std::string(failed.message()), HasSubstr(" = [1. 2.]\nNode that caused the error: "));
  EXPECT_THAT(std::string(failed.message()), HasSubstr("Toposort index: 2"));
  // Off: nothing can compile a program without them, so this one runs unheard.
  for (const TapInfo& tap : f.taps()) ASSERT_TRUE(f.Remove(tap.handle).ok());
  lines.clear();
  Expect(f({F32({1, 2}), F32({3, 5}), Tensor::Scalar(false)}));
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(f.Watch("y", [](const TapRecord&) { return absl::OkStatus(); }).status().code(), absl::StatusCode::kFailedPrecondition);
  SetPrintSink(before);
}

// y = 2 (a + b) in two kernels, and the reference of the second is another.
TEST(Check, ReferenceNamesTheFirstElementThatDiffers) {
  ProgramBuilder b("checked");
  const Dim n = b.Symbol("n");
  const int32_t a = b.Input("a", DType::f32, {n}), c = b.Input("b", DType::f32, {n});
  const int32_t s = b.Temp("s", DType::f32, {n}), y = b.Output("y", DType::f32, {n});
  DispatchStep sum = b.Elementwise("add", {a, c}, {s}), twice = b.Elementwise("double", {s}, {y});
  sum.reference = "sum";
  twice.reference = "twice";
  b.Add(sum, {s});
  b.Add(twice, {y}, {s});
  SetReferenceFunction([](std::string_view call, absl::Span<const Tensor> inputs, const DimBindings& dims) -> absl::StatusOr<ReferenceValue> {
    EXPECT_EQ(dims.at("n"), inputs[0].size());
    ReferenceValue out{inputs[0].Clone(), Tensor::Full(inputs[0].shape(), 1e-3, DType::f64)};
    for (int64_t i = 0; i < out.value.size(); ++i) {
      float& x = out.value.data<float>()[i];
      x = call == "sum" ? x + inputs[1].data<float>()[i] : 2 * x + (i == 1 ? 1.0f : 1e-4f);
    }
    return out;
  });
  CompileOptions options;
  options.check = CheckMode::kReference;
  const Function f = Expect(b.Make(options));
  Expect(f({F32({1}), F32({3})}));
  const absl::Status failed = f({F32({1, 2, 3}), F32({3, 5, 7})}).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("14.0 is the result of op 'y' [id "));
  EXPECT_THAT(std::string(failed.message()), HasSubstr("the reference kernel makes 15.0 at (1,), 1 of 3 elements"));
  EXPECT_THAT(std::string(failed.message()), HasSubstr("operand 0: op 's'"));
  SetReferenceFunction(nullptr);
  EXPECT_EQ(f({F32({1}), F32({3})}).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace oriel::testing
