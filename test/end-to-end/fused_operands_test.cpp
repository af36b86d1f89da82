// A concatenation that computes its parts in place, and an argmax that computes
// its operand: one kernel each, with the bits and errors of several.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::HasSubstr;
using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

void ExpectOneKernel(const Build& build, const std::vector<Tensor>& arguments,
                     const Symbols& symbols, Tolerance tolerance = {}) {
  EXPECT_EQ(Kernels(build, arguments, symbols), 1);
  ExpectMatches(build, arguments, symbols, tolerance);
}

TEST(FusedConcatenate, PartsOfAnyAxisAndDType) {
  for (DType dtype : AllDTypes()) {
    if (dtype == DType::boolean) continue;
    for (int axis : {0, 1, 2}) {
      for (int64_t last : {1, 5, 70}) {
        SCOPED_TRACE(testing::Message() << NumpyName(dtype) << " axis " << axis
                                        << " of rows of " << last);
        const Build build = [&](const Values& in) {
          return Values{concatenate({in[0] + in[0], in[1] * in[0] - in[1], in[2]}, axis)};
        };
        Symbols symbols = {{"n", "m", "k"}, {"n", "m", "k"}, {"n", "m", "k"}};
        std::vector<int64_t> shape = {3, 4, last}, other = shape;
        other[axis] = 7;
        symbols[2][axis] = "other";
        ExpectOneKernel(build, {Data(shape, dtype, 1), Data(shape, dtype, 2), Data(other, dtype, 3)},
                        symbols);
      }
    }
  }
}

TEST(FusedConcatenate, PartsWithoutElementsAndLargeOnes) {
  const Build build = [](const Values& in) {
    return Values{concatenate({exp(in[0]), in[1] * 2.f, tanh(in[2])}, 1),
                  concatenate({in[0] + 1.f, in[0] * 3.f}, 0)};
  };
  for (auto [n, a, b, c] : {std::array<int64_t, 4>{3, 0, 2, 1}, {0, 3, 1, 2}, {700, 33, 1, 64}, {2, 40000, 7, 20000}})
    ExpectMatches(build,
                  {Data({n, a}, DType::f32, 1), Data({n, b}, DType::f32, 2), Data({n, c}, DType::f32, 3)},
                  {{"n", "a"}, {"n", "b"}, {"n", "c"}}, {.ulps = 4});
}

// Parts alike are a loop over the kernel's arguments: of one length or of any, with
// axes of extent 1 added, all the same tensor.
TEST(FusedConcatenate, ManyParts) {
  for (int axis : {0, 1}) {
    std::vector<Tensor> equal, different;
    Symbols alike, any;
    for (int64_t k = 0; k < 40; ++k) {
      equal.push_back(Data({3, 5}, DType::f32, k));
      alike.push_back({"n", "m"});
      different.push_back(axis == 0 ? Data({k % 5, 3}, DType::f32, k) : Data({3, k % 5}, DType::f32, k));
      any.push_back(axis == 0 ? std::vector<std::string>{"l" + std::to_string(k), "m"}
                              : std::vector<std::string>{"m", "l" + std::to_string(k)});
    }
    const Build join = [axis](const Values& in) {
      return Values{concatenate(in, axis), concatenate(Values(30, in[0]), axis)};
    };
    ExpectMatches(join, equal, alike);
    ExpectMatches(join, different, any);
    const Build stacked = [axis](const Values& in) {
      Values highest;
      for (const Value& each : in) highest.push_back(reduce_max(each, {0, 1}));
      return Values{stack(in, axis), stack(highest, 0)};
    };
    ExpectMatches(stacked, equal, alike);
  }
}

TEST(FusedConcatenate, ViewsNeedNoMemory) {
  const Build build = [](const Values& in) {
    return Values{concatenate({transpose(in[0]), in[0][{all(), slice(1, std::nullopt)}], broadcast_to(in[1], {in[0].dim(0), in[1].dim(0)}),
                               in[0] * in[0], cast(zeros_like(in[0]), DType::f32)},
                              1)};
  };
  ExpectMatches(build, {Data({65, 65}, DType::f32, 1), Data({7}, DType::f32, 2)}, {{"n", "n"}, {"m"}});
}

TEST(FusedConcatenate, SomeOfAComputedValueIsReadFromMemory) {
  const Build build = [](const Values& in) {
    const Value y = floor(in[0]);
    return Values{concatenate({in[0], y[{slice(0, 8)}]}, 0), y};
  };
  ExpectMatches(build, {Data({9}, DType::f16, 1)}, {{"n"}});
  ExpectMatches(build, {Data({9}, DType::f16, 1)});
}

TEST(FusedConcatenate, ComputedValuesAreStacked) {
  for (int axis : {0, 1, 2}) {
    const Build build = [&](const Values& in) {
      return Values{stack({sin(in[0]), cos(in[0]), in[1] + in[0]}, axis)};
    };
    ExpectOneKernel(build, {Data({9, 21}, DType::f64, 1), Data({9, 21}, DType::f64, 2)},
                    {{"n", "m"}, {"n", "m"}});
  }
  const Build numbers = [](const Values& in) {
    return Values{stack({in[0] * in[1], in[0] + in[1], exp(in[0])})};
  };
  ExpectMatches(numbers, {Data({}, DType::f32, 1), Data({}, DType::f32, 2)});
}

// The product knows the extent that the stacked values leave open, and the other way round.
TEST(FusedConcatenate, AnExtentKnownFromElsewhere) {
  const Build stacked = [](const Values& in) {
    const Value whole = stack({in[0], in[0] + 1.0f});
    return Values{matmul(whole, in[1]), matmul(whole, in[2])};
  };
  const std::vector<Tensor> data = {Data({20, 300}, DType::f32, 1), Data({300}, DType::f32, 2), Data({300, 7}, DType::f32, 3)};
  const Tolerance tolerance = {.ulps = 64, .absolute = 1e-3};
  for (const Symbols& symbols : {Symbols{{"", "k"}, {""}, {"", ""}}, Symbols{{"", ""}, {"k"}, {"k", "n"}}, Symbols{{"m", "k"}, {""}, {"k", "n"}}})
    ExpectMatches(stacked, data, symbols, tolerance);
  const Build added = [](const Values& in) {
    return Values{stack({in[0] * 2.0f, in[0] + 1.0f, in[1]}), concatenate({expand_dims(in[0] + 1.0f, 0), expand_dims(in[1], 0)}, 0)};
  };
  for (const Symbols& symbols : {Symbols{{"m", "k"}, {"m", ""}}, Symbols{{"", "k"}, {"m", ""}}, Symbols{{"m", ""}, {"m", "k"}}})
    ExpectMatches(added, {data[0], Data({20, 300}, DType::f32, 4)}, symbols);
}

TEST(FusedConcatenate, OnePartTwiceAndPartsThatAreResultsToo) {
  const Build build = [](const Values& in) {
    const Value a = exp(in[0]), b = a * in[1];
    return Values{concatenate({b, a, b}, 1), b, a};
  };
  ExpectOneKernel(build, {Data({6, 11}, DType::f32, 1), Data({6, 11}, DType::f32, 2)},
                  {{"n", "m"}, {"n", "m"}});
}

TEST(FusedConcatenate, GatheredPartsNameTheirIndex) {
  const Build build = [](const Values& in) {
    return Values{concatenate({(in[0][{in[1]}]).named("rows") * 2.f, -in[0][{in[2]}]}, 1)};
  };
  const Symbols symbols = {{"n", "m"}, {"k"}, {"k"}};
  std::vector<Tensor> arguments = {Data({5, 8}, DType::f32, 1),
                                   Tensor::From<int64_t>({0, -1, 4}, {3}).value(),
                                   Tensor::From<int64_t>({2, 2, 3}, {3}).value()};
  ExpectOneKernel(build, arguments, symbols);
  const Values inputs = InputsFor(arguments, false, symbols);
  const absl::StatusOr<Function> f = CompileInMode(inputs, build(inputs));
  ASSERT_TRUE(f.ok()) << f.status();
  arguments[1] = Tensor::From<int64_t>({0, 9, 4}, {3}).value();
  const std::string message((*f)(arguments).status().message());
  EXPECT_THAT(message, HasSubstr("rows"));
  EXPECT_THAT(message, HasSubstr("9"));
}

TEST(FusedConcatenate, Gradients) {
  const Build build = [](const Values& in) {
    const Value joined = concatenate({tanh(in[0]), in[0] * in[1], in[1]}, 1);
    const Values gradients = grad(sum(joined * joined), {in[0], in[1]});
    return Values{joined, gradients[0], gradients[1]};
  };
  ExpectMatches(build, {Data({9, 5}, DType::f64, 1), Data({9, 5}, DType::f64, 2)},
                {{"n", "m"}, {"n", "m"}}, {.ulps = 64, .absolute = 1e-12});
}

TEST(FusedConcatenate, AStateOfWhichAPartIsMadeIsUpdatedInPlace) {
  const Value x = input("x", DType::f32, {4});
  State w = state("w", Tensor::From<float>({1, 2, 3, 4}, {4}).value());
  const Value next = add(w, x);
  const absl::StatusOr<Function> f =
      CompileInMode({x}, {concatenate({next, x * 2.f}, 0)}, {{w, next}});
  ASSERT_TRUE(f.ok()) << f.status();
  const std::vector<Tensor> arguments = {Tensor::From<float>({1, 1, 1, 1}, {4}).value()};
  ASSERT_TRUE((*f)(arguments).ok());
  const auto second = (*f)(arguments);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(SameBits((*second)[0],
                       Tensor::From<float>({3, 4, 5, 6, 2, 2, 2, 2}, {8}).value()));
}

TEST(FusedArgReduce, AnyAxisAndDType) {
  for (DType dtype : AllDTypes()) {
    if (dtype == DType::boolean) continue;
    for (int axis : {0, 1, 2}) {
      SCOPED_TRACE(testing::Message() << NumpyName(dtype) << " axis " << axis);
      const Build build = [&](const Values& in) {
        return Values{argmax(in[0] * in[1] + in[0], axis)};
      };
      const Symbols symbols = {{"n", "m", "k"}, {"k"}};
      for (auto [n, m, k] : {std::array<int64_t, 3>{3, 4, 5}, {1, 1, 1}, {20, 9, 130}}) {
        ExpectOneKernel(build, {Data({n, m, k}, dtype, 1, /*special=*/true), Data({k}, dtype, 2)}, symbols);
        ExpectMatches([&](const Values& in) { return Values{argmin(in[0] - in[1], axis, true)}; },
                      {Data({n, m, k}, dtype, 3, /*special=*/true), Data({k}, dtype, 4)}, symbols);
      }
    }
  }
}

TEST(FusedArgReduce, LongRowsAndManyColumns) {
  const Build build = [](const Values& in) {
    const Value y = tanh(in[0]) * in[1];
    return Values{argmax(y, 1), y};
  };
  ExpectOneKernel(build, {Data({3, 10000}, DType::f32, 1), Data({3, 10000}, DType::f32, 2)},
                  {{"n", "m"}, {"n", "m"}});
  const Build columns = [](const Values& in) {
    return Values{argmin(exp(in[0]) - in[1], 0)};
  };
  ExpectOneKernel(columns, {Data({37, 3000}, DType::f32, 1), Data({37, 3000}, DType::f32, 2)},
                  {{"n", "m"}, {"n", "m"}});
}

TEST(FusedArgReduce, GatheredRowsNameTheirIndex) {
  const Build build = [](const Values& in) {
    return Values{argmax(in[0][{in[1]}] * 2.f, 1)};
  };
  const Symbols symbols = {{"n", "m"}, {"k"}};
  std::vector<Tensor> arguments = {Data({5, 80}, DType::f32, 1),
                                   Tensor::From<int64_t>({0, -1, 4}, {3}).value()};
  ExpectOneKernel(build, arguments, symbols);
  const Values inputs = InputsFor(arguments, false, symbols);
  const absl::StatusOr<Function> f = CompileInMode(inputs, build(inputs));
  ASSERT_TRUE(f.ok()) << f.status();
  arguments[1] = Tensor::From<int64_t>({0, 9, 4}, {3}).value();
  EXPECT_THAT(std::string((*f)(arguments).status().message()), HasSubstr("9"));
}

TEST(ChangedPlaces, OnlyWhatIsGatheredIsComputed) {
  const Build build = [](const Values& in) {
    const Value y = (in[0] * in[1] + 2.f) * in[0];
    return Values{y[{in[2]}].named("picked"), exp(in[0])[{all(), in[3]}]};
  };
  const Symbols symbols = {{"n", "m"}, {"m"}, {"k"}, {"k"}};
  std::vector<Tensor> arguments = {Data({50, 70}, DType::f32, 1), Data({70}, DType::f32, 2),
                                   Tensor::From<int64_t>({0, -1, 49, 3, 3}, {5}).value(),
                                   Tensor::From<int64_t>({69, -70, 49, 3, 3}, {5}).value()};
  ExpectMatches(build, arguments, symbols);
  const Values inputs = InputsFor(arguments, false, symbols);
  const absl::StatusOr<Function> f = CompileInMode(inputs, build(inputs));
  ASSERT_TRUE(f.ok()) << f.status();
  arguments[2] = Tensor::From<int64_t>({0, -1, 50, 3, 3}, {5}).value();
  const std::string message((*f)(arguments).status().message());
  EXPECT_THAT(message, HasSubstr("picked"));
  EXPECT_THAT(message, HasSubstr("50"));
}

// What a body's gather looks into may be a broadcast or a number of the block
// around it.
TEST(ChangedPlaces, WhatABodyPicksFromOutside) {
  const Build build = [](const Values& in) {
    const Value across = broadcast_to(expand_dims(in[1], 1), in[0].shape());  // over the gathered axis
    const Value along = broadcast_to(in[2], in[0].shape());
    const auto step = [&](Value, Values c) { return Values{tanh((c[0] + across) * along)[{in[3]}]}; };
    return Values{loop(3, {in[0]}, step)[0], in[0] * across, in[0] * along,
                  branch(greater(sum(in[0]), 0.0), [&] { return Values{(in[0] + across)[{in[3]}]}; }, [&] { return Values{in[0]}; })[0]};
  };
  const std::vector<Tensor> arguments = {Data({6, 40}, DType::f32, 1), Data({6}, DType::f32, 2), Data({40}, DType::f32, 3),
                                         Tensor::From<int64_t>({5, -6, 1, 1, 0, 3}, {6}).value()};
  ExpectMatches(build, arguments, {}, {.ulps = 16, .absolute = 1e-6});
  ExpectMatches(build, arguments, {{"n", "m"}, {"n"}, {"m"}, {"n"}}, {.ulps = 16, .absolute = 1e-6});
}

TEST(ChangedPlaces, AnIndexIntoWhatIsTheSameEverywhereIsChecked) {
  const Value x = input("x", DType::f32, {64}), i = input("i", DType::i64, {16});
  const Value k = constant(Tensor::Full({1000, 64}, 0.3));
  const Values out = loop(2, {x}, [&](Value, Values c) { return Values{reduce_max(tanh(broadcast_to(c[0], {1000, 64}) * k)[{i}], {0})}; });
  const absl::StatusOr<Function> f = CompileInMode({x, i}, {out[0], sum(k * 2.f)});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_TRUE((*f)({Data({64}, DType::f32, 1), Tensor::Full({16}, 999, DType::i64)}).ok());
  const absl::Status bad = (*f)({Data({64}, DType::f32, 1), Tensor::Full({16}, 5000, DType::i64)}).status();
  EXPECT_EQ(bad.code(), absl::StatusCode::kOutOfRange) << bad;
}

TEST(ChangedPlaces, OnlyWhatIsSlicedIsComputed) {
  for (DType dtype : {DType::f32, DType::f16, DType::i32}) {
    const Build build = [](const Values& in) {
      const Value y = (in[0] + in[1]) * in[0];
      return Values{y[{slice(2, -1), slice(0, std::nullopt, 3)}], (-in[0])[{slice(std::nullopt, std::nullopt, -2)}] + 1};
    };
    for (int64_t n : {3, 4, 40})
      ExpectMatches(build, {Data({n, 9}, dtype, 1), Data({9}, dtype, 2)}, {{"n", "m"}, {"m"}});
  }
}

TEST(ChangedPlaces, ChainsOfAConcatenationRunByPart) {
  const Build build = [](const Values& in) {
    const Value joined = concatenate({in[0], exp(in[1])}, 1);
    return Values{tanh(joined) * in[2] + joined};
  };
  const Symbols symbols = {{"n", "a"}, {"n", "b"}, {"n", "c"}};
  const std::vector<Tensor> arguments = {Data({6, 11}, DType::f32, 1), Data({6, 30}, DType::f32, 2),
                                         Data({6, 41}, DType::f32, 3)};
  ExpectOneKernel(build, arguments, symbols, {.ulps = 16, .absolute = 1e-6});
  ExpectMatches([](const Values& in) { return Values{grad(sum(tanh(concatenate({in[0], in[1]}, 0)) * 3.f), {in[0]})[0]}; },
                {Data({6, 11}, DType::f64, 1), Data({2, 11}, DType::f64, 2)}, {{"n", "a"}, {"m", "a"}}, {.ulps = 16});
  // Extents that do not fit are told as ever.
  const Values inputs = InputsFor(arguments, false, symbols);
  const absl::StatusOr<Function> f = CompileInMode(inputs, build(inputs));
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_FALSE((*f)({Data({6, 11}, DType::f32, 1), Data({6, 30}, DType::f32, 2),
                     Data({6, 40}, DType::f32, 3)}).ok());
}

TEST(ComputedAgain, TheLargestAndItsPlace) {
  const Build build = [](const Values& in) {
    const Value y = in[0] * in[1] + in[1];
    return Values{argmax(y, 1), reduce_max(y, {1}), argmin(y, 0)};
  };
  for (auto [n, m] : {std::array<int64_t, 2>{1, 1}, {30, 2500}, {700, 70}})
    ExpectMatches(build, {Data({n, m}, DType::f32, 1), Data({m}, DType::f32, 2)}, {{"n", "m"}, {"m"}});
}

TEST(ComputedAgain, WhatTwoKernelsNeedHasTheSameBitsInEach) {
  const Build build = [](const Values& in) {
    const Value outer = expand_dims(in[0], 1) + in[1], wide = cast(in[3], DType::f32);
    return Values{sum(outer * in[2], {1}), reduce_max(outer - in[2], {0}), sum(wide, {1}),
                  sum(wide * wide, {0}), grad(sum(tanh(outer) * wide), {in[0]})[0]};
  };
  for (auto [n, m] : {std::array<int64_t, 2>{300, 200}, {1, 1}, {3, 5000}})
    ExpectMatches(build,
                  {Data({n}, DType::f32, 1), Data({m}, DType::f32, 2), Data({n, m}, DType::f32, 3),
                   Data({n, m}, DType::i8, 4)},
                  {{"n"}, {"m"}, {"n", "m"}, {"n", "m"}}, {.ulps = 512, .absolute = 1e-3});
}

}  // namespace
}  // namespace oriel::e2e
