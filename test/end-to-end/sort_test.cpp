// Sorts: library kernels inside compiled programs.
#include <algorithm>

#include "gmock/gmock.h"
#include "oriel/grad.h"
#include "oriel/scan.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using testing::HasSubstr;
using Values = std::vector<Value>;

TEST(Sort, EveryDtypeAndAxis) {
  for (DType dtype : AllDTypes()) {
    for (const Extents& shape : std::vector<Extents>{{1}, {19}, {700}, {5, 33}, {3, 4, 5}}) {
      std::vector<std::string> symbols;
      for (size_t k = 0; k < shape.size(); ++k) symbols.push_back("d" + std::to_string(k));
      ExpectMatches(
          [&](const Values& in) {
            Values out;
            for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) {
              out.push_back(sort(in[0], axis));
              out.push_back(argsort(in[0], axis));
            }
            return out;
          },
          {Data(shape, dtype, 11, /*special=*/true)}, {symbols}, {0, 0});
    }
  }
}

TEST(Sort, ZeroSizes) {
  for (const Extents& shape : std::vector<Extents>{{0}, {0, 3}, {3, 0}, {2, 0, 2}}) {
    std::vector<std::string> symbols;
    for (size_t k = 0; k < shape.size(); ++k) symbols.push_back("d" + std::to_string(k));
    ExpectMatches([](const Values& in) { return Values{sort(in[0], 0), argsort(in[0], -1)}; }, {Data(shape, DType::f32, 1)},
                  {symbols});
  }
}

TEST(Sort, AmongOtherKernels) {
  // Producers and consumers fuse as they can; a sort of what dies is in place.
  ExpectMatches(
      [](const Values& in) {
        const Value s = sort(in[0] * 2.0f + 1.0f, 1);
        const Value order = argsort(transpose(in[0]), 0);
        return Values{sum(s, {1}), s[{all(), 0}], cast(order, DType::f32) * 0.5f, take_along_axis(in[0], argsort(in[0], 0), 0)};
      },
      {Data({7, 300}, DType::f32, 4)}, {{"r", "n"}});
  // A broadcast, a view and a constant are sorted too.
  ExpectMatches(
      [](const Values& in) {
        return Values{sort(broadcast_to(in[0], {4, in[0].dim(0)}), 0), sort(in[0][slice(std::nullopt, std::nullopt, -1)]),
                      argsort(constant(Data({2000}, DType::i32, 3))), sort(constant(Tensor::Zeros({3})))};
      },
      {Data({40}, DType::f64, 4)}, {{"n"}});
}

TEST(Sort, InLoopsAndBranches) {
  ExpectMatches(
      [](const Values& in) {
        const Value looped = loop(3, {in[0]}, [](Value i, Values carried) {
          return Values{sort(carried[0] * cast(i, DType::f32) - sin(carried[0]), -1)};
        })[0];
        const Value rows = scan([](const ScanStep& step) { return ScanBody{.outputs = {argsort(step.sequences[0])}}; },
                                {.sequences = {in[0]}})
                               .outputs[0];
        const Value either = branch(sum(in[0]) > -1e9f, [&] { return Values{sort(in[0], 0)}; }, [&] { return Values{in[0]}; })[0];
        return Values{looped, rows, either};
      },
      {Data({6, 50}, DType::f32, 8)}, {{"r", "n"}}, {64, 1e-6});
}

TEST(Sort, Gradient) {
  ExpectMatches(
      [](const Values& in) {
        const Value weights = cast(arange(in[0].dim(1)), DType::f64);
        return grad(sum(sort(in[0], 1) * weights) + sum(sort(sort(in[0], 0), 1) * weights), {in[0]});
      },
      {Data({9, 31}, DType::f64, 2)}, {{"r", "n"}});
}

TEST(Sort, AStateIsSortedInItsOwnBuffer) {
  const State numbers = state("numbers", Data({3, 1000}, DType::f32, 1));
  const Tensor before = numbers.value();
  std::vector<float> expected(before.data<float>(), before.data<float>() + 3000);
  for (int row = 0; row < 3; ++row) std::sort(expected.begin() + row * 1000, expected.begin() + (row + 1) * 1000);
  absl::StatusOr<Function> f = CompileInMode({}, {}, {{numbers, sort(numbers, 1)}});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE((*f)({}).ok());
  EXPECT_TRUE(SameBits(numbers.value(), *Tensor::From<float>(expected, {3, 1000})));
}

TEST(Sort, EqualsItsReferenceUnderCheck) {
  const Value x = input("x", DType::f32, {dyn("r"), dyn("n")});
  CompileOptions options;
  options.check = CheckMode::kReference;
  absl::StatusOr<Function> f = CompileInMode({x}, {sort(x, 0), argsort(x, 1)}, {}, options);
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_TRUE((*f)({Data({40, 300}, DType::f32, 1, /*special=*/true)}).ok());
}

TEST(Sort, ScratchIsInTheReports) {
  const Value x = input("x", DType::f32, {dyn("n")});
  absl::StatusOr<Function> f = CompileInMode({x}, {sort(x)});
  ASSERT_TRUE(f.ok()) << f.status();
  const int64_t n = 100'000;
  ASSERT_TRUE((*f)({Data({n}, DType::f32, 1)}).ok());
  // Input, output and the items: 4 + 4 + 16 bytes an element.
  EXPECT_GE(f->memory().planned_peak, n * 24);
  EXPECT_LE(f->memory().planned_peak, n * 24 + 4096);
  EXPECT_THAT(DebugPrint(*f), HasSubstr("Library{"));
  if (CurrentMode().name != "no-profile") EXPECT_THAT(f->profile().text(), HasSubstr("Library"));
}

}  // namespace
}  // namespace oriel::e2e
