// Indices into slices without elements are looked at, as NumPy does: np.zeros((5, 0))[7]
// is an IndexError although there is nothing to read.
#include <algorithm>

#include "gmock/gmock.h"
#include "oriel/scan.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::HasSubstr;
using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

Tensor Index(std::vector<int64_t> values) {
  Tensor t = Tensor::Zeros({static_cast<int64_t>(values.size())}, DType::i64);
  std::copy(values.begin(), values.end(), t.data<int64_t>());
  return t;
}

Tensor Scalar(int64_t value) { return *Index({value}).Reshape({}); }

// `build` of arguments whose last is an index (a scalar or a vector), into an axis of
// `bound`: good ones give the reference's result, others the error that names them.
void ExpectLooks(const Build& build, std::vector<Tensor> arguments, const Symbols& symbols, int64_t bound) {
  const bool is_scalar = arguments.back().shape().empty();
  for (bool is_static : {false, true}) {
    const Values inputs = InputsFor(arguments, is_static || CurrentMode().static_dims, symbols);
    const absl::StatusOr<Function> f = CompileInMode(inputs, build(inputs));
    ASSERT_TRUE(f.ok()) << f.status();
    const int64_t count = is_scalar ? 1 : arguments.back().shape()[0];
    for (int64_t bad : {bound, -bound - 1, int64_t{1} << 40}) {
      SCOPED_TRACE(testing::Message() << bad << (is_static ? " static" : ""));
      std::vector<int64_t> index(static_cast<size_t>(count), bound - 1);
      ASSERT_TRUE((*f)([&] {
        arguments.back() = is_scalar ? Scalar(-bound) : Index(index);
        return arguments;
      }()).ok());
      index[static_cast<size_t>(count / 2)] = bad;
      arguments.back() = is_scalar ? Scalar(bad) : Index(index);
      const absl::StatusOr<std::vector<Tensor>> out = (*f)(arguments);
      ASSERT_EQ(out.status().code(), absl::StatusCode::kOutOfRange) << out.status();
      EXPECT_THAT(std::string(out.status().message()), HasSubstr(std::to_string(bad)));
    }
  }
  arguments.back() = is_scalar ? Scalar(0) : Index(std::vector<int64_t>(static_cast<size_t>(arguments.back().shape()[0]), -1));
  ExpectMatches(build, arguments, symbols);
}

const Tensor kRows = Tensor::Zeros({5, 0}), kColumns = Tensor::Zeros({0, 5});

TEST(EmptyRows, OneRow) {
  ExpectLooks([](const Values& in) { return Values{gather(in[0], {in[1]})}; }, {kRows, Scalar(0)}, {{"n", "m"}}, 5);
  ExpectLooks([](const Values& in) { return Values{tanh(gather(in[0], {in[1]})) * 2.0f}; }, {kRows, Scalar(0)}, {{"n", "m"}}, 5);
  ExpectLooks([](const Values& in) { return Values{sum(gather(in[0], {in[1]}))}; }, {kRows, Scalar(0)}, {{"n", "m"}}, 5);
}

TEST(EmptyRows, Rows) {
  const Symbols symbols = {{"n", "m"}, {"k"}};
  ExpectLooks([](const Values& in) { return Values{gather(in[0], {in[1]})}; }, {kRows, Index({0, 0, 0})}, symbols, 5);
  ExpectLooks([](const Values& in) { return Values{exp(gather(in[0], {in[1]})) + 1.0f}; }, {kRows, Index({0, 0, 0})}, symbols, 5);
  ExpectLooks([](const Values& in) { return Values{sum(gather(in[0], {in[1]}) * 2.0f, {1})}; }, {kRows, Index({0, 0, 0})}, symbols, 5);
  ExpectLooks([](const Values& in) { return Values{sum(gather(in[0], {in[1]}) * 2.0f, {0})}; }, {kRows, Index({0, 0, 0})}, symbols, 5);
  ExpectLooks([](const Values& in) { return Values{concatenate({gather(in[0], {in[1]}) + 1.0f, gather(in[0], {in[1]})}, 1)}; }, {kRows, Index({0, 0, 0})}, symbols, 5);
}

TEST(EmptyRows, AnotherAxis) {
  ExpectLooks([](const Values& in) { return Values{gather(in[0], {in[1]}, 1)}; }, {kColumns, Index({0, 0, 0})}, {{"n", "m"}, {"k"}}, 5);
  ExpectLooks([](const Values& in) { return Values{gather(in[0], {in[1]}, 1) * in[0]}; }, {kColumns, Index({0, 0, 0, 0, 0})}, {{"n", "m"}, {"m"}}, 5);
  ExpectLooks([](const Values& in) { return Values{argmax(gather(in[0], {in[1]}) + 1.0f, 2)}; }, {Tensor::Zeros({5, 0, 3}), Index({0, 0})}, {{"n", "m", "l"}, {"k"}}, 5);
}

// The index is computed in the kernel, from one that is gathered.
TEST(EmptyRows, ComputedIndices) {
  ExpectLooks([](const Values& in) { return Values{gather(in[0], {in[1] * 1 + 0})}; }, {kRows, Index({0, 0, 0})}, {{"n", "m"}, {"k"}}, 5);
  ExpectLooks([](const Values& in) { return Values{gather(in[0], {gather(in[1], {in[2]})})}; }, {kRows, Index({4, 3, 2, 1, 0, 0, 0}), Index({0, 0, 0})}, {{"n", "m"}, {"l"}, {"k"}}, 7);
}

TEST(EmptyRows, Scatters) {
  const Symbols rows = {{"n", "m"}, {"k", "m"}, {"k"}}, columns = {{"n", "m"}, {"n", "k"}, {"k"}};
  for (bool adds : {true, false}) {
    const auto scatter = [adds](const Value& x, const Value& index, const Value& updates, int64_t axis) {
      return adds ? scatter_add(x, {index}, updates, axis) : scatter_set(x, {index}, updates, axis);
    };
    ExpectLooks([&](const Values& in) { return Values{scatter(in[0], in[2], in[1], 0)}; }, {kRows, Tensor::Zeros({3, 0}), Index({0, 0, 0})}, rows, 5);
    ExpectLooks([&](const Values& in) { return Values{scatter(in[0], in[2] + 0, in[1] * 2.0f, 0)}; }, {kRows, Tensor::Zeros({3, 0}), Index({0, 0, 0})}, rows, 5);
    ExpectLooks([&](const Values& in) { return Values{scatter(in[0], in[2], in[1], 1)}; }, {kColumns, Tensor::Zeros({0, 3}), Index({0, 0, 0})}, columns, 5);
  }
  // Updates that are gathered, by a good index and by others.
  ExpectLooks([](const Values& in) { return Values{scatter_add(in[0], {in[1]}, gather(in[0] + 1.0f, {in[2]}))}; }, {kRows, Index({0, 1, 2}), Index({0, 0, 0})}, {{"n", "m"}, {"k"}, {"k"}}, 5);
}

TEST(EmptyRows, AStateInPlace) {
  State table = state("table", Tensor::Zeros({5, 0}));
  Value i = input("i", DType::i64, {dyn("k")}), u = input("u", DType::f32, {dyn("k"), 0});
  const absl::StatusOr<Function> f = CompileInMode({i, u}, {}, {{table, scatter_add(table, {i}, u)}});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_TRUE((*f)({Index({4, -5}), Tensor::Zeros({2, 0})}).ok());
  EXPECT_EQ((*f)({Index({4, 5}), Tensor::Zeros({2, 0})}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE((*f)({Index(std::vector<int64_t>{}), Tensor::Zeros({0, 0})}).ok());
}

// Each iteration looks at its index; the third's is bad.
TEST(EmptyRows, InALoop) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")}), i = input("i", DType::i64, {dyn("k")});
  const ScanResult r = scan([&](const ScanStep& step) -> ScanBody { return {.outputs = {sum(gather(x, {step.sequences[0]}))}}; }, {.sequences = {i}});
  const absl::StatusOr<Function> f = CompileInMode({x, i}, {r.outputs[0]});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_TRUE((*f)({kRows, Index({4, 0, -5})}).ok());
  EXPECT_EQ((*f)({kRows, Index({4, 0, 5})}).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(EmptyRows, TheReferenceLooks) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")}), i = input("i", DType::i64, {dyn("k")});
  const Value y = gather(x, {i}), z = scatter_add(x, {i}, gather(x, {zeros_like(i)}));
  for (const Value& value : {y, z}) {
    EXPECT_TRUE(Evaluate({x, i}, {value}, {}, {kRows, Index({4, -5})}).ok());
    EXPECT_EQ(Evaluate({x, i}, {value}, {}, {kRows, Index({4, 5})}).status().code(), absl::StatusCode::kOutOfRange);
  }
}

}  // namespace
}  // namespace oriel::e2e
