// Scatters whose kernels compute their updates and indices: one kernel each, with
// the bits, errors and states of several.
#include <algorithm>
#include <cstring>

#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

// Indices of -bound to bound - 1, most of them repeated.
Tensor Indices(Extents shape, int64_t bound, int64_t step = 7919) {
  Tensor t = Tensor::Zeros(shape, DType::i64);
  for (int64_t k = 0; k < t.size(); ++k) t.data<int64_t>()[k] = k * step % (2 * bound) - bound;
  return t;
}

// Compiled fused, for unknown extents, it is one kernel; in the current mode it has
// the reference's values and the bits of other modes.
void ExpectOneKernel(const Build& build, const std::vector<Tensor>& arguments, const Symbols& symbols) {
  const Values inputs = InputsFor(arguments, /*static_dims=*/false, symbols);
  const absl::StatusOr<Function> f = compile(inputs, build(inputs), {}, {.cache_dir = "none"});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(f->compile_info().kernels, 1) << f->plan_text();
  ExpectMatches(build, arguments, symbols);
}

TEST(FusedScatter, RowsThatAreGathered) {
  const Build build = [](const Values& in) { return Values{scatter_add(in[0], {in[1]}, gather(in[2], {in[3]}) * 0.5f)}; };
  for (int64_t width : {1, 3, 64, 1500}) {
    for (int64_t n : {0, 1, 40}) {
      SCOPED_TRACE(testing::Message() << n << " rows of " << width);
      // Rows of one element are gathered by themselves.
      const std::vector<Tensor> in = {Data({20, width}, DType::f32, 1), Indices({n}, 20), Data({9, width}, DType::f32, 2), Indices({n}, 9, 5)};
      const Symbols symbols = {{"m", ""}, {"n"}, {"k", ""}, {"n"}};
      if (width == 1)
        ExpectMatches(build, in, symbols);
      else
        ExpectOneKernel(build, in, symbols);
    }
  }
}

TEST(FusedScatter, ElementsThatAreGathered) {
  const Build build = [](const Values& in) { return Values{scatter_add(in[0], {in[1]}, gather(in[2], {in[3]}) + 1)}; };
  for (DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::f16}) {
    SCOPED_TRACE(NumpyName(dtype));
    for (int64_t n : {1, 17, 3000})
      ExpectOneKernel(build, {Data({50}, dtype, 1), Indices({n}, 50), Data({31}, dtype, 2), Indices({n}, 31, 11)},
                      {{}, {"n"}, {"k"}, {"n"}});
  }
}

TEST(FusedScatter, IndicesThatAreComputed) {
  const Build build = [](const Values& in) {
    const Value wrapped = select(equal(in[1] % 3, 0), in[1] - 1, clip(in[1] * 2 + arange(in[1].shape()[0]), 0, 49));
    return Values{scatter_add(in[0], {wrapped}, in[2])};
  };
  for (int64_t n : {0, 5, 16, 1024, 2500})
    ExpectOneKernel(build, {Data({50}, DType::f32, 1), Indices({n}, 30), Data({n}, DType::f32, 2)}, {{}, {"n"}, {"n"}});
  // Both, of one operand; and indices of another integer.
  const Build both = [](const Values& in) {
    return Values{scatter_add(in[0], {in[1] % 50}, cast(in[1], DType::f32) * 0.25f), scatter_set(in[2], {cast(in[3], DType::i64)}, in[1])};
  };
  ExpectMatches(both, {Data({50}, DType::f32, 1), Indices({2100}, 999), Data({10}, DType::i64, 1), Data({2100}, DType::i8, 3)},
                {{}, {"n"}, {}, {"n"}});
}

// The profile tells of computed indices what it tells of given ones.
TEST(FusedScatter, TheProfileOfComputedIndices) {
  const int64_t n = 400'000, size = 300'000;
  const Value x = input("x", DType::f32, {dyn("m")}), i = input("i", DType::i64, {dyn("n")}), u = input("u", DType::f32, {dyn("n")});
  // A quarter of the updates go to one element.
  const Value y = scatter_add(x, {select(equal(i % 4, 0), full_like(i, 7), i * 3 % size)}, u).named("histogram");
  Tensor index = Tensor::Zeros({n}, DType::i64);
  for (int64_t k = 0; k < n; ++k) index.data<int64_t>()[k] = k;
  Tensor expected;
  for (int threads : {1, 2, 3}) {
    CompileOptions options = CurrentMode().options;
    options.num_threads = threads;
    options.profile = true;
    const absl::StatusOr<Function> f = compile({x, i, u}, {y}, {}, options);
    ASSERT_TRUE(f.ok()) << f.status();
    const absl::StatusOr<std::vector<Tensor>> out = (*f)({Data({size}, DType::f32, 1), index, Data({n}, DType::f32, 2)});
    ASSERT_TRUE(out.ok()) << out.status();
    if (threads == 1) expected = (*out)[0];
    EXPECT_TRUE(SameBits((*out)[0], expected)) << threads;
    const Profile profile = f->profile();
    const auto row = std::find_if(profile.rows.begin(), profile.rows.end(), [](const ApplyRow& r) { return r.scatter.has_value(); });
    ASSERT_NE(row, profile.rows.end()) << profile.text();
    const ScatterUse& use = *row->scatter;
    EXPECT_EQ(use.updates, n);
    EXPECT_NEAR(use.contention(), 0.25, 0.02) << profile.text();
    EXPECT_EQ(use.combined, 0);
    EXPECT_EQ(use.strategy, threads == 1 ? "serial" : "by destination range") << profile.text();
    EXPECT_THAT(use.reason, threads == 1 ? HasSubstr("one thread") : HasSubstr(std::to_string(threads) + " threads, each owns a range"));
    EXPECT_EQ(use.serial, threads == 1 ? 1 : 0);
    EXPECT_GE(use.ranges, threads == 1 ? 0 : 2);
    EXPECT_THAT(profile.text(), HasSubstr("scatter: " + use.strategy));
    EXPECT_THAT(profile.json(), HasSubstr("\"strategy\""));
  }
}

// One index that is computed, and one update.
TEST(FusedScatter, Scalars) {
  const Build build = [](const Values& in) {
    return Values{scatter_add(in[0], {in[1] % 8}, tanh(in[2])), scatter_set(in[0], {in[1] - 72}, gather(in[0], {in[3]}) * 2.f)};
  };
  for (int64_t width : {1, 5})
    ExpectMatches(build,
                  {Data({8, width}, DType::f32, 1), Tensor::Scalar(int64_t{77}), Data({width}, DType::f32, 2), Tensor::Scalar(int64_t{3})},
                  {{"m", ""}, {}, {}, {}});
  const Build element = [](const Values& in) { return Values{scatter_add(in[0], {in[1] % 8}, in[2] * in[2])}; };
  ExpectMatches(element, {Data({8}, DType::f32, 1), Tensor::Scalar(int64_t{77}), Data({}, DType::f32, 2)}, {{"m"}, {}, {}});
}

TEST(FusedScatter, Ramps) {
  const Build build = [](const Values& in) {
    return Values{scatter_add(in[0], {arange(in[1].shape()[0]), arange(in[1].shape()[0])}, in[1] * 2.f)};
  };
  ExpectOneKernel(build, {Data({40, 50}, DType::f32, 1), Data({37}, DType::f32, 2)}, {{}, {"n"}});
}

TEST(FusedScatter, AxesAndRanks) {
  // One after another: axis 1 with rows, axis 1 of elements, axis 2.
  for (auto [axis, x, updates] : std::vector<std::tuple<int, Extents, Extents>>{
           {1, {3, 20, 5}, {3, 30, 5}}, {1, {4, 20}, {4, 30}}, {2, {2, 3, 20}, {2, 3, 30}}, {0, {20, 3, 2}, {30, 3, 2}}}) {
    SCOPED_TRACE(testing::Message() << "axis " << axis << " of " << x.size());
    const int at = axis;
    const Build build = [at](const Values& in) { return Values{scatter_add(in[0], {in[1] + 1}, in[2] * 0.5f - 1.f, at)}; };
    ExpectOneKernel(build, {Data(x, DType::f32, 1), Indices({30}, 9), Data(updates, DType::f32, 2)}, {});
  }
  // Indices of two axes, and a row of all that is read through a view.
  const Build matrix = [](const Values& in) {
    return Values{scatter_add(in[0], {in[1] % 20}, exp(in[2]) * reshape(in[3], {1, 70, 1}))};
  };
  ExpectOneKernel(matrix, {Data({20, 3}, DType::f32, 1), Indices({40, 70}, 99), Data({40, 70, 3}, DType::f32, 2), Data({70}, DType::f32, 3)},
                  {{}, {"n", ""}, {"n", "", ""}, {}});
  const Build elements = [](const Values& in) {
    return Values{scatter_add(in[0], {in[1] - 1}, in[2] * reshape(in[3], {1, 70}))};
  };
  ExpectOneKernel(elements, {Data({20}, DType::f32, 1), Indices({40, 70}, 19), Data({40, 70}, DType::f32, 2), Data({70}, DType::f32, 3)},
                  {{}, {"n", ""}, {"n", ""}, {}});
}

// A bad index names itself, whether it is the scatter's or that of a gather within,
// and leaves a state as it was.
TEST(FusedScatter, BadIndicesLeaveTheState) {
  for (int64_t width : {0, 4}) {  // 0: elements
    const auto shape = [&](int64_t n) { return width == 0 ? Extents{n} : Extents{n, width}; };
    State w = state("w", Data(shape(50), DType::f32, 1));
    Value i = input("i", DType::i64, {dyn("n")}), j = input("j", DType::i64, {dyn("n")});
    Dims rows = {dyn("k")};
    if (width > 0) rows.push_back(width);
    Value table = input("table", DType::f32, rows);
    absl::StatusOr<Function> f = CompileInMode({i, j, table}, {}, {{w, scatter_add(w, {i * 2 + 1}, gather(table, {j}) * 0.5f)}});
    ASSERT_TRUE(f.ok()) << f.status();
    const Tensor before = Data(shape(50), DType::f32, 1), rows_of = Data(shape(9), DType::f32, 2);
    const int64_t n = 6000;
    Tensor good = Tensor::Zeros({n}, DType::i64), from = Indices({n}, 9, 5);
    for (int64_t k = 0; k < n; ++k) good.data<int64_t>()[k] = k % 25;
    for (int64_t bad : {int64_t{0}, n / 2, n - 1}) {
      Tensor wrong = good.Clone();
      wrong.data<int64_t>()[bad] = 25;
      absl::StatusOr<std::vector<Tensor>> out = (*f)({wrong, from, rows_of});
      ASSERT_FALSE(out.ok());
      EXPECT_THAT(std::string(out.status().message()),
                  HasSubstr("index 51 is out of bounds for axis 0 with size 50 (position " + std::to_string(bad)));
      EXPECT_THAT(std::string(out.status().message()), HasSubstr("fused_scatter_test.cpp"));
      EXPECT_TRUE(SameBits(w.value(), before)) << bad;
      Tensor none = from.Clone();
      none.data<int64_t>()[bad] = -10;
      out = (*f)({good, none, rows_of});
      ASSERT_FALSE(out.ok());
      EXPECT_THAT(std::string(out.status().message()),
                  HasSubstr("index -10 is out of bounds for axis 0 with size 9 (position " + std::to_string(bad)));
      EXPECT_TRUE(SameBits(w.value(), before)) << bad;
    }
    ASSERT_TRUE((*f)({good, from, rows_of}).ok());
    Tensor expected = before.Clone();
    const int64_t columns = width == 0 ? 1 : width;
    for (int64_t k = 0; k < n; ++k)
      for (int64_t c = 0; c < columns; ++c)
        expected.data<float>()[(good.data<int64_t>()[k] * 2 + 1) * columns + c] +=
            rows_of.data<float>()[(from.data<int64_t>()[k] + 9) % 9 * columns + c] * 0.5f;
    EXPECT_TRUE(SameBits(w.value(), expected));
  }
}

// Threads that share a destination by ranges make what they add, each for itself.
TEST(FusedScatter, ThreadsMakeTheirOwn) {
  const int64_t size = 300'000, n = 300'000;
  for (int64_t width : {1, 3}) {
    const Build build = [&](const Values& in) {
      const Value index = select(equal(in[1] % 2, 0), in[1], in[1] - 1);
      return Values{width == 1 ? scatter_add(reshape(in[0], {-1}), {index}, in[2] * 0.5f)
                               : scatter_add(in[0], {index}, exp(in[2] * 0.01f) * reshape(in[3], {1, 3}))};
    };
    std::vector<Tensor> arguments = {Data({size, width}, DType::f32, 1), Indices({n}, size), Data(width == 1 ? Extents{n} : Extents{n, width}, DType::f32, 2),
                                     Data({3}, DType::f32, 3)};
    const Values inputs = InputsFor(arguments, /*static_dims=*/false, {{"m", ""}, {"n"}, width == 1 ? std::vector<std::string>{"n"} : std::vector<std::string>{"n", ""}, {}});
    Tensor expected;
    for (int threads : {1, 2, 3}) {
      CompileOptions options = CurrentMode().options;
      options.num_threads = threads;
      const absl::StatusOr<Function> f = compile(inputs, build(inputs), {}, options);
      ASSERT_TRUE(f.ok()) << f.status();
      const absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(arguments));
      ASSERT_TRUE(out.ok()) << out.status();
      if (threads == 1) expected = (*out)[0];
      EXPECT_TRUE(SameBits((*out)[0], expected)) << threads;
    }
  }
}

TEST(FusedScatter, SaysWhyNot) {
  const auto explained = [](int64_t size, const std::function<Value(const Value&)>& index) {
    Value i = input("i", DType::i64, {dyn("n")}), u = input("u", DType::f32, {dyn("n")}), x = input("x", DType::f32, {size});
    const absl::StatusOr<Function> f = compile({x, i, u}, {scatter_add(x, {index(i)}, exp(u))}, {}, {.cache_dir = "none"});
    if (!f.ok()) return std::vector<std::string>{f.status().ToString()};
    return f->compile_info().remarks;
  };
  const auto plain = [](const Value& i) { return i; };
  const char* each = "threads that share the destination would each compute it";
  EXPECT_THAT(explained(1'000'000, plain), Contains(HasSubstr(each)));
  EXPECT_THAT(explained(1000, plain), testing::Not(Contains(HasSubstr(each))));
  const auto quotient = [](const Value& i) { return floor_div(i, 3); };
  EXPECT_THAT(explained(1000, quotient), testing::Not(Contains(HasSubstr(each))));
}

}  // namespace
}  // namespace oriel::e2e
