// Elementwise ops that change places with gathers of single elements, transposes and
// unit reshapes: fewer kernels or smaller values, with the bits and errors as before.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::absl::StatusCode;
using ::testing::HasSubstr;
using Values = std::vector<Value>;
using Symbols = std::vector<std::vector<std::string>>;

// Of -bound to bound - 1.
Tensor Indices(Extents shape, int64_t bound, int64_t step = 7919) {
  Tensor t = Tensor::Zeros(shape, DType::i64);
  for (int64_t k = 0; k < t.size(); ++k) t.data<int64_t>()[k] = k * step % (2 * bound) - bound;
  return t;
}

Value Logs(const Value& x) {
  const Value shifted = x - reduce_max(x, {1}, true);
  return shifted - log(sum(exp(shifted), {1}, true));
}

Values CrossEntropy(const Values& in) {
  return {gather(Logs(in[0]), {arange(in[1].dim(0)), in[1]})};
}

// The bytes that a function of unknown extents needs for temporaries on `arguments`.
int64_t PlannedBytes(const Build& build, const std::vector<Tensor>& arguments, const Symbols& symbols, bool fusion) {
  const Values inputs = InputsFor(arguments, /*static_dims=*/false, symbols);
  const absl::StatusOr<Function> f = compile(inputs, build(inputs), {}, {.fusion = fusion, .cache_dir = "none"});
  if (!f.ok() || !(*f)(arguments).ok()) {
    ADD_FAILURE() << f.status();
    return -1;
  }
  return f->memory().arena_bytes;
}

TEST(GatheredElements, ClassesOfALogSoftmax) {
  const Symbols symbols = {{"n", "m"}, {"n"}};
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16})
    for (auto [n, m] : {std::array<int64_t, 2>{1, 1}, {7, 10}, {64, 10}, {33, 500}, {3, 5000}}) {
      SCOPED_TRACE(testing::Message() << NumpyName(dtype) << ' ' << n << " x " << m);
      const std::vector<Tensor> arguments = {Data({n, m}, dtype, 1), Indices({n}, m)};
      ExpectMatches(CrossEntropy, arguments, symbols, {.ulps = 64, .absolute = 1e-5});
    }
  // As many examples as labels, which need not be as many as rows.
  ExpectMatches(CrossEntropy, {Data({9, 40}, DType::f32, 1), Indices({5}, 40)}, {{"n", "m"}, {"k"}}, {.ulps = 64, .absolute = 1e-5});
  // Without labels, and without rows.
  ExpectMatches(CrossEntropy, {Data({4, 6}, DType::f32, 1), Indices({0}, 6)}, {{"n", "m"}, {"k"}}, {.absolute = 1e-5});
  ExpectMatches(CrossEntropy, {Data({0, 6}, DType::f32, 1), Indices({0}, 6)}, {{"n", "m"}, {"k"}}, {.absolute = 1e-5});
}

TEST(GatheredElements, TheWholeIsNeverWritten) {
  const std::vector<Tensor> arguments = {Data({200, 300}, DType::f32, 1), Indices({200}, 300)};
  const Symbols symbols = {{"n", "m"}, {"n"}};
  EXPECT_LT(PlannedBytes(CrossEntropy, arguments, symbols, true), 200 * 300 * 4);
  EXPECT_GE(PlannedBytes(CrossEntropy, arguments, symbols, false), 200 * 300 * 4);
}

TEST(GatheredElements, OfBroadcastsAndSeveralAxes) {
  const Build build = [](const Values& in) {
    const Value rows = sum(in[0], {1}), columns = sum(in[0], {0}), top = reduce_max(in[0]);
    const Value y = in[0] * expand_dims(rows, 1) + columns - top;
    return Values{gather(y, {in[1], in[2]}), gather(y * 2.f, {in[3], in[3]}), gather(tanh(in[0]) - top, {in[2] * 0, in[2]}),
                  gather(broadcast_to(expand_dims(rows, 1), in[0].shape()), {in[1], in[2]})};
  };
  ExpectMatches(build, {Data({30, 70}, DType::f32, 1), Indices({11}, 30, 13), Indices({11}, 70), Indices({3, 4}, 30)},
                {{"n", "m"}, {"k"}, {"k"}, {"a", "b"}}, {.ulps = 256, .absolute = 1e-3});
  const Build along = [](const Values& in) {
    return Values{take_along_axis(Logs(in[0]), in[1], 1), take_along_axis(tanh(in[0]) - sum(in[0], {0}, true), in[1], 1)};
  };
  ExpectMatches(along, {Data({30, 70}, DType::f32, 1), Indices({30, 3}, 70)}, {{"n", "m"}, {"n", "k"}}, {.ulps = 256, .absolute = 1e-4});
}

TEST(GatheredElements, OfAProduct) {
  const Build build = [](const Values& in) {
    const Value logits = matmul(in[0], in[1]);
    const Value loss = -mean(gather(Logs(logits), {arange(in[2].dim(0)), in[2]}));
    const Values gradients = grad(loss, {in[0], in[1]});
    return Values{loss, gradients[0], gradients[1]};
  };
  for (int64_t classes : {10, 300})
    ExpectMatches(build, {Data({20, 30}, DType::f64, 1), Data({30, classes}, DType::f64, 2), Indices({20}, classes)},
                  {{"n", "m"}, {"m", "k"}, {"n"}}, {.ulps = 4096, .absolute = 1e-9});
}

// The same index, at the same place, of the same node.
TEST(GatheredElements, Errors) {
  const std::vector<Tensor> arguments = {Data({9, 40}, DType::f32, 1), Indices({9}, 40)};
  const Values inputs = InputsFor(arguments, CurrentMode().static_dims, {{"n", "m"}, {"k"}});
  const Value logs = Logs(inputs[0]), picked = gather(logs, {arange(inputs[1].dim(0)), inputs[1]}).named("picked");
  const absl::StatusOr<Function> f = CompileInMode(inputs, {picked});
  ASSERT_TRUE(f.ok()) << f.status();
  for (int bad : {0, 4, 8}) {
    std::vector<Tensor> wrong = {arguments[0], Tensor::Zeros({9}, DType::i64)};
    wrong[1].data<int64_t>()[8] = -50;
    wrong[1].data<int64_t>()[bad] = 41;
    const absl::Status status = (*f)(wrong).status();
    EXPECT_EQ(status.code(), StatusCode::kOutOfRange) << status;
    EXPECT_THAT(status.message(), HasSubstr("index 41 is out of bounds for axis 1 with size "));
    EXPECT_THAT(status.message(), HasSubstr("(position " + std::to_string(bad)));
    EXPECT_THAT(status.message(), HasSubstr("'picked'"));
  }
  if (CurrentMode().static_dims) return;
  // More labels than rows: the ramp is the index that is wrong.
  const absl::Status status = (*f)({arguments[0], Tensor::Zeros({12}, DType::i64)}).status();
  EXPECT_EQ(status.code(), StatusCode::kOutOfRange) << status;
  EXPECT_THAT(status.message(), HasSubstr("index 9 is out of bounds for axis 0 with size "));
}

TEST(Transposed, ProducersAreComputedWhereTheyAreRead) {
  const Symbols symbols = {{"n", "m"}, {"m", "n"}, {"m"}};
  const Build build = [](const Values& in) { return Values{transpose(tanh(in[0] + in[2])) + in[1]}; };
  for (DType dtype : {DType::f32, DType::f64, DType::f16})
    for (auto [n, m] : {std::array<int64_t, 2>{1, 1}, {3, 200}, {64, 64}, {200, 131}, {130, 1}}) {
      const std::vector<Tensor> arguments = {Data({n, m}, dtype, 1, true), Data({m, n}, dtype, 2), Data({m}, dtype, 3)};
      EXPECT_EQ(Kernels(build, arguments, symbols), 1);
      ExpectMatches(build, arguments, symbols, {.absolute = 1e-6});
    }
  const Build several = [](const Values& in) {
    const Value a = in[0] * in[0] + transpose(in[1]), b = select(greater(in[0], 0), exp(in[0]), in[2] * 2);
    return Values{transpose(a), sum(transpose(b), {1}), sum(transpose(b * a), {0}), transpose(cast(b, DType::i32)) + 1};
  };
  ExpectMatches(several, {Data({70, 90}, DType::f32, 1), Data({90, 70}, DType::f32, 2), Data({90}, DType::f32, 3)}, symbols,
                {.ulps = 512, .absolute = 1e-3});
}

TEST(Transposed, ManyAxesAndUnitAxes) {
  const Build build = [](const Values& in) {
    return Values{transpose(exp(in[0]), {2, 0, 1}) * in[1], transpose(-in[0], {1, 0, 2}) - 1,
                  expand_dims(tanh(in[0]), 1) + expand_dims(in[0], 1), squeeze(expand_dims(in[0], 0) * 2, 0) + in[0],
                  matmul(transpose(tanh(in[0]), {0, 2, 1}), in[0])};
  };
  ExpectMatches(build, {Data({5, 66, 9}, DType::f32, 1), Data({9, 5, 66}, DType::f32, 2)}, {{"a", "b", "c"}, {"c", "a", "b"}},
                {.ulps = 64, .absolute = 1e-5});
  ExpectMatches(build, {Data({5, 66, 9}, DType::f32, 1), Data({9, 5, 66}, DType::f32, 2)}, {}, {.ulps = 64, .absolute = 1e-5});
}

}  // namespace
}  // namespace oriel::e2e
