// Products with a vector in both orders of summation (architecture.md): the graph
// alone says which, so that all modes give the same bits; whatever lies between the
// matrix and the product, and however it comes to lie.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

const Tolerance kClose = {.ulps = 256, .absolute = 1e-3};

TEST(VectorOrder, EveryProductOfEveryLength) {
  const Build build = [](const Values& in) {
    const Value &w = in[0], &x = in[1], &y = in[2];  // [n, k], [k], [n]
    return Values{dot(w, x), dot(x, transpose(w)), dot(y, w), dot(transpose(w), y), dot(x, x), tanh(dot(w, x) + y) * 0.5f};
  };
  for (int64_t k : {0, 1, 31, 33, 300, 4097, 9000}) {
    for (int64_t n : {0, 1, 5, 16, 70}) {
      SCOPED_TRACE("k " + std::to_string(k) + ", n " + std::to_string(n));
      const std::vector<Tensor> in = {Data({n, k}, DType::f32, 1), Data({k}, DType::f32, 2), Data({n}, DType::f32, 3)};
      ExpectMatches(build, in, {{"n", "k"}, {"k"}, {"n"}}, kClose);
    }
  }
}

TEST(VectorOrder, KnownExtents) {
  const Build build = [](const Values& in) {
    return Values{dot(in[0], in[1]), dot(in[1], transpose(in[0])), dot(in[2], in[0])};
  };
  ExpectMatches(build, {Data({20, 5000}, DType::f32, 1), Data({5000}, DType::f32, 2), Data({20}, DType::f32, 3)}, {}, kClose);
}

TEST(VectorOrder, LongSumsOfFewColumns) {
  const Build build = [](const Values& in) { return Values{dot(in[0], in[1]), dot(in[1], in[1]) * 2.0f, exp(dot(in[0], in[1]) * 0.0f)}; };
  for (int64_t n : {1, 3, 200}) {
    const std::vector<Tensor> in = {Data({n, 70001}, DType::f32, 1), Data({70001}, DType::f32, 2)};
    ExpectMatches(build, in, {{"n", "k"}, {"k"}}, {.ulps = 256, .absolute = 1e-2});
  }
}

TEST(VectorOrder, EveryType) {
  const Build build = [](const Values& in) {
    return Values{dot(in[0], in[1]), dot(in[1], transpose(in[0])), dot(in[2], in[0]), dot(in[1], in[1])};
  };
  for (DType t : {DType::f64, DType::f16, DType::bf16, DType::i8, DType::u8, DType::i16, DType::i32, DType::u64, DType::boolean}) {
    SCOPED_TRACE(std::string(NumpyName(t)));
    const std::vector<Tensor> in = {Data({19, 333}, t, 1), Data({333}, t, 2), Data({19}, t, 3)};
    ExpectMatches(build, in, {{"n", "k"}, {"k"}, {"n"}}, {.ulps = 256, .absolute = 1e-9});
  }
}

TEST(VectorOrder, Batches) {
  const Build build = [](const Values& in) {
    const Value &m = in[0], &x = in[1];
    return Values{matmul(m, x), matmul(x, transpose(m, {0, 2, 1})), matmul(transpose(m, {1, 0, 2}), x), matmul(x, transpose(m, {1, 2, 0})),
                  matmul(x, transpose(m, {2, 0, 1}) * 1.0f)};
  };
  ExpectMatches(build, {Data({6, 6, 6}, DType::f32, 1), Data({6}, DType::f32, 2)}, {}, kClose);
  ExpectMatches(build, {Data({40, 40, 40}, DType::f32, 1), Data({40}, DType::f32, 2)}, {{"k", "k", "k"}, {"k"}}, kClose);
}

// What the builder leaves out where it knows extents does not change the order.
TEST(VectorOrder, ThroughWhatKnownExtentsLeaveOut) {
  const Build build = [](const Values& in) {
    const Value &w = in[0], &x = in[1], &other = in[2];  // [n, k], [k], [k, n] of other symbols
    const Value t = transpose(w);
    return Values{dot(x, reshape(t, other.shape())), dot(x, slice(t, {0, 0}, {x.dim(0), other.dim(1)})),
                  dot(reshape(t, other.shape()), other[0]), dot(x, broadcast_to(t, {x.dim(0), w.dim(0)}))};
  };
  const std::vector<Tensor> in = {Data({45, 300}, DType::f32, 1), Data({300}, DType::f32, 2), Data({300, 45}, DType::f32, 3)};
  ExpectMatches(build, in, {{"n", "k"}, {"k"}, {"k2", "n2"}}, kClose);
}

TEST(VectorOrder, ThroughCastsAndNumbers) {
  const Build build = [](const Values& in) {
    const Value &w = in[0], &x = in[1], &h = in[2];
    return Values{dot(x, transpose(w) * 0.3f), dot(maximum(w, 0.0f), x), dot(x * 2.0f, transpose(cast(h, DType::f32))),
                  dot(cast(transpose(h), DType::f32), in[3]), dot(x, exp(transpose(w))), dot(-w, 1.0f - x)};
  };
  const std::vector<Tensor> in = {Data({37, 290}, DType::f32, 1), Data({290}, DType::f32, 2), Data({37, 290}, DType::bf16, 3),
                                  Data({37}, DType::f32, 4)};
  ExpectMatches(build, in, {{"n", "k"}, {"k"}, {"n", "k"}, {"n"}}, kClose);
}

// A transpose of the block around, of a constant, of what an op makes.
TEST(VectorOrder, MatricesOfOtherBlocks) {
  const Build build = [](const Values& in) {
    const Value &w = in[0], &x = in[1];
    const Value t = transpose(w), c = constant(Data({50, 50}, DType::f32, 9));
    const Value steps = loop(3, {x}, [&](Value, Values s) {
      return Values{tanh(dot(s[0], t)) + tanh(dot(s[0], transpose(w))) + tanh(dot(w, s[0])) + tanh(dot(s[0], transpose(c)))};
    })[0];
    const Value chosen = branch(greater(sum(x), 0.0f), [&] { return Values{dot(x, t)}; }, [&] { return Values{dot(w, x)}; })[0];
    return Values{steps, chosen, dot(x, transpose(tanh(w))), dot(tanh(w), x)};
  };
  const std::vector<Tensor> in = {Data({50, 50}, DType::f32, 1), Data({50}, DType::f32, 2)};
  ExpectMatches(build, in, {}, kClose);
  const Build unknown = [](const Values& in) {
    const Value &w = in[0], &x = in[1], t = transpose(w);
    return Values{loop(3, {x}, [&](Value, Values s) { return Values{tanh(dot(s[0], t)) + tanh(dot(w, s[0]))}; })[0]};
  };
  ExpectMatches(unknown, in, {{"k", "k"}, {"k"}}, kClose);
}

TEST(VectorOrder, Gradients) {
  const Build build = [](const Values& in) {
    const Value &w = in[0], &x = in[1];
    const Value cost = sum(tanh(dot(w, x))) + sum(tanh(dot(x, transpose(w)))) + dot(x, x);
    Values result = grad(cost, {w, x});
    result.push_back(cost);
    return result;
  };
  ExpectMatches(build, {Data({30, 300}, DType::f64, 1), Data({300}, DType::f64, 2)}, {{"n", "k"}, {"k"}}, {.ulps = 4096, .absolute = 1e-9});
}

}  // namespace
}  // namespace oriel::e2e
