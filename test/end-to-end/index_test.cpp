// Gather and scatter by index tensors: values, and the error for an index out
// of range.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

Tensor Indices(Extents shape, int64_t bound, uint64_t seed) {
  Tensor t = Tensor::Zeros(shape, DType::i64);
  for (int64_t i = 0; i < t.size(); ++i) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    const int64_t v = static_cast<int64_t>((seed >> 33) % (2 * bound));
    t.data<int64_t>()[i] = v - bound;  // negative indices count from the end
  }
  return t;
}

TEST(Gather, RowsColumnsAndElements) {
  for (DType t : AllDTypes()) {
    SCOPED_TRACE(NumpyName(t));
    ExpectMatches([](const Values& in) {
      return Values{gather(in[0], {in[1]}, 0), gather(in[0], {in[2]}, 1), gather(in[0], {in[1], in[2]}, 0),
                    gather(in[0], {in[3]}, 0)};
    }, {Data({20, 35}, t, 1), Indices({50}, 20, 1), Indices({50}, 35, 2), Indices({4, 6}, 20, 3)},
       {{"n", "m"}, {"k"}, {"k"}, {}}, {.ulps = 0});
  }
}

TEST(Gather, IndexDTypes) {
  for (DType t : {DType::i8, DType::u8, DType::i32, DType::u16, DType::u64}) {
    Tensor index = *Indices({9}, 5, 1).Cast(DType::i64);
    for (int64_t i = 0; i < 9; ++i) index.data<int64_t>()[i] = (index.data<int64_t>()[i] + 5) % 5;
    ExpectMatches([](const Values& in) { return Values{gather(in[0], {in[1]}, 0)}; },
                  {Data({5, 3}, DType::f32, 1), *index.Cast(t)}, {{"n", "m"}, {"k"}}, {.ulps = 0});
  }
}

TEST(Gather, FusedConsumers) {
  ExpectMatches([](const Values& in) {
    Value p = softmax(in[0]);
    return Values{-mean(log(p[{arange(in[1].dim(0)), in[1]}])), tanh(gather(in[0], {in[1]}, 0)) * 2.0};
  }, {Data({30, 10}, DType::f32, 1), Indices({30}, 10, 5)}, {{"n", ""}, {"n"}}, {.ulps = 32, .absolute = 1e-5});
}

TEST(Scatter, AddAndSetWithDuplicates) {
  for (DType t : AllDTypes()) {
    SCOPED_TRACE(NumpyName(t));
    ExpectMatches([](const Values& in) {
      return Values{scatter_add(in[0], {in[1]}, in[2]), scatter_set(in[0], {in[1]}, in[2]),
                    scatter_add(in[3], {in[1]}, in[4]), scatter_set(in[3], {in[1]}, in[4])};
    }, {Data({12}, t, 1), Indices({40}, 12, 1), Data({40}, t, 2), Data({12, 21}, t, 3), Data({40, 21}, t, 4)},
       {{"n"}, {"k"}, {"k"}, {"n", "m"}, {"k", "m"}}, {.ulps = 0});
  }
}

TEST(Scatter, SeveralAxesAndInnerAxis) {
  ExpectMatches([](const Values& in) {
    return Values{scatter_add(in[0], {in[1], in[2]}, in[3]), scatter_set(in[0], {in[2]}, in[4], 1)};
  }, {Data({8, 9}, DType::f32, 1), Indices({25}, 8, 1), Indices({25}, 9, 2), Data({25}, DType::f32, 3), Data({8, 25}, DType::f32, 4)},
     {{"n", "m"}, {"k"}, {"k"}, {"k"}, {"n", "k"}}, {.ulps = 0});
}

TEST(Index, OutOfRangeNamesEverything) {
  Value x = input("table", DType::f32, {dyn("n"), 4});
  Value i = input("index", DType::i64, {dyn("k")});
  Value y = gather(x, {i}, 0).named("rows");
  const int line = __LINE__ - 1;
  absl::StatusOr<Function> f = CompileInMode({x, i}, {y * 2.0});
  ASSERT_TRUE(f.ok()) << f.status();
  Tensor index = Tensor::Zeros({100}, DType::i64);
  index.data<int64_t>()[42] = 7;
  index.data<int64_t>()[77] = -9;
  absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Ones({5, 4}), index});
  ASSERT_EQ(out.status().code(), absl::StatusCode::kOutOfRange) << out.status();
  const std::string message(out.status().message());
  for (const std::string& part : {std::string("7"), std::string("42"), std::string("axis 0"), std::string("5"), std::string("rows"),
                                  "index_test.cpp:" + std::to_string(line), std::string("Node that caused the error:"),
                                  std::string("Toposort index:"), std::string("Created at:"), std::string("Inputs types:"),
                                  std::string("Inputs shapes:"), std::string("Inputs strides:"), std::string("Inputs values:"),
                                  std::string("Outputs clients:"), std::string("Debugprint of the node:")}) {
    EXPECT_NE(message.find(part), std::string::npos) << "no \"" << part << "\" in:\n" << message;
  }
  // The function still works.
  index = Tensor::Zeros({100}, DType::i64);
  EXPECT_TRUE((*f)({Tensor::Ones({5, 4}), index}).ok());
}

// A scatter of known extents that has nothing to do at all.
TEST(Index, ScatterWithoutElements) {
  ExpectMatches([](const Values& in) { return Values{scatter_add(in[0], {in[1]}, in[2], 0)}; },
                {Data({2, 0, 5}, DType::f32, 1), Tensor::Zeros({0, 5}, DType::i64), Data({0, 5, 0, 5}, DType::f32, 2)}, {}, {.ulps = 0});
  ExpectMatches([](const Values& in) { return Values{scatter_add(in[0], {in[1]}, in[2])}; },
                {Data({2, 0}, DType::f32, 1), Indices({3}, 2, 1), Data({3, 0}, DType::f32, 2)}, {}, {.ulps = 0});
}

TEST(Index, ScatterOutOfRangeLeavesTheStateAlone) {
  State table = state("table", Tensor::Normal({10, 3}, 1));
  Value i = input("index", DType::i64, {dyn("k")});
  Value u = input("updates", DType::f32, {dyn("k"), 3});
  absl::StatusOr<Function> f = CompileInMode({i, u}, {sum(u)}, {{table, scatter_add(table, {i}, u)}});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor before = table.value();
  Tensor index = Tensor::Zeros({6}, DType::i64);
  index.data<int64_t>()[5] = -11;
  absl::StatusOr<std::vector<Tensor>> out = (*f)({index, Tensor::Ones({6, 3})});
  EXPECT_EQ(out.status().code(), absl::StatusCode::kOutOfRange) << out.status();
  EXPECT_TRUE(BitEqual(before, table.value()));
  index.data<int64_t>()[5] = -10;
  ASSERT_TRUE((*f)({index, Tensor::Ones({6, 3})}).ok());
  EXPECT_EQ(table.value().data<float>()[0], before.data<float>()[0] + 1 + 1 + 1 + 1 + 1 + 1);
}

// The gradient of table[index] kept in a state: added to zeros, it checks where
// it adds, so that it cannot work in the state's own buffer.
TEST(Index, AGradientOutOfRangeLeavesTheStateAlone) {
  for (int64_t width : {1, 3}) {
    SCOPED_TRACE(width);
    const Dims row = width == 1 ? Dims{} : Dims{width};
    Dims many = {dyn("n")}, shape = {5};
    many.insert(many.end(), row.begin(), row.end());
    shape.insert(shape.end(), row.begin(), row.end());
    const Extents extents = width == 1 ? Extents{5} : Extents{5, width};
    State kept = state("kept", Tensor::Full(extents, 7));
    Value i = input("i", DType::i64, {dyn("n")}), u = input("u", DType::f32, many);
    const Value gradient = scatter_add(zeros(shape, DType::f32), {i}, u);
    absl::StatusOr<Function> f = CompileInMode({i, u}, {sum(gradient)}, {{kept, gradient}});
    ASSERT_TRUE(f.ok()) << f.status();
    const Tensor updates = Tensor::Ones(width == 1 ? Extents{3} : Extents{3, width});
    const absl::Status bad = (*f)({*Tensor::From<int64_t>({1, 5, 9}, {3}), updates}).status();
    EXPECT_EQ(bad.code(), absl::StatusCode::kOutOfRange) << bad;
    EXPECT_EQ(kept.value().ElementAsDouble(width == 1 ? std::vector<int64_t>{1} : std::vector<int64_t>{1, 0}), 7);
    ASSERT_TRUE((*f)({*Tensor::From<int64_t>({1, -1, 1}, {3}), updates}).ok());
    for (int64_t r = 0; r < 5; ++r) {
      const double expected = r == 1 ? 2 : r == 4 ? 1 : 0;
      EXPECT_EQ(kept.value().ElementAsDouble(width == 1 ? std::vector<int64_t>{r} : std::vector<int64_t>{r, 0}), expected);
    }
  }
}

TEST(Index, DynamicSliceOutOfRange) {
  Value x = input("x", DType::f32, {dyn("n")});
  Value s = input("start", DType::i64, {});
  absl::StatusOr<Function> f = CompileInMode({x, s}, {dynamic_slice(x, {s}, {4})});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_TRUE((*f)({Tensor::Ones({9}), Tensor::Scalar<int64_t>(5)}).ok());
  for (int64_t start : {6, -1, 1000}) {
    EXPECT_EQ((*f)({Tensor::Ones({9}), Tensor::Scalar<int64_t>(start)}).status().code(), absl::StatusCode::kOutOfRange);
  }
}

}  // namespace
}  // namespace oriel::e2e
