// Products of vectors, longer than one block of sums, beside operands as large
// as the result; factors that are cast; operands with numbers.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

// What dies in the epilogue may give the result its storage: sums of a part of k
// must not be written there before it is read.
TEST(VectorProduct, AddsToAVectorThatDies) {
  for (int64_t k : {255, 257, 600}) {
    const Build build = [](const std::vector<Value>& in) {
      const Value other = dot(in[2], in[3]);
      return std::vector<Value>{tanh(dot(in[0], in[1]) + other), other * 2.0 - dot(transpose(in[1]), in[0])};
    };
    const std::vector<Tensor> arguments = {Tensor::Normal({k}, 1), Tensor::Normal({k, 50}, 2), Tensor::Normal({k}, 3),
                                           Tensor::Normal({k, 50}, 4)};
    ExpectMatches(build, arguments, {}, {.ulps = 64, .absolute = 1e-4});
    ExpectMatches(build, arguments, {{"k"}, {"k", "n"}, {"k"}, {"k", "n"}}, {.ulps = 64, .absolute = 1e-4});
  }
}

TEST(VectorProduct, OfABatchAddsToWhatDies) {
  const Build build = [](const std::vector<Value>& in) {
    return std::vector<Value>{matmul(in[0], in[1]) + sort(in[2])};
  };
  const std::vector<Tensor> arguments = {Tensor::Normal({300}, 1), Tensor::Normal({3, 300, 7}, 2), Tensor::Normal({3, 7}, 3)};
  ExpectMatches(build, arguments, {}, {.ulps = 64, .absolute = 1e-4});
  ExpectMatches(build, arguments, {{"k"}, {"b", "k", "n"}, {"b", "n"}}, {.ulps = 64, .absolute = 1e-4});
}

TEST(VectorProduct, OfOneElementAddsToWhatDies) {
  const Build build = [](const std::vector<Value>& in) {
    return std::vector<Value>{matmul(in[0], in[1]) + exp(in[2])};
  };
  const std::vector<Tensor> arguments = {Tensor::Normal({4, 1, 300}, 1), Tensor::Normal({4, 300, 1}, 2), Tensor::Normal({4, 1, 1}, 3)};
  ExpectMatches(build, arguments, {}, {.ulps = 64, .absolute = 1e-4});
  ExpectMatches(build, arguments, {{"b", "m", "k"}, {"b", "k", "n"}, {"b", "m", "n"}}, {.ulps = 64, .absolute = 1e-4});
}

// A factor that is cast is read as it is only where the cast is one of bits.
TEST(VectorProduct, FactorsOfEveryPairOfTypes) {
  for (DType from : {DType::f16, DType::bf16, DType::f32, DType::i8, DType::u8, DType::i16, DType::i32, DType::f64}) {
    for (DType to : {DType::f16, DType::f32, DType::f64, DType::i8, DType::i16, DType::i32, DType::i64, DType::u32, DType::u64}) {
      const Build build = [&](const std::vector<Value>& in) { return std::vector<Value>{dot(cast(in[0], to), in[1])}; };
      SCOPED_TRACE(std::string(NumpyName(from)) + " to " + std::string(NumpyName(to)));
      const Tensor x = *Tensor::Uniform({3, 5}, 1, DType::i8).Cast(from), y = *Tensor::Uniform({5, 4}, 2, DType::i8).Cast(to);
      ExpectMatches(build, {x, y}, {}, {.ulps = 16});
    }
  }
}

// A number is an operand's prologue and a matrix of its own at once, or is made a
// matrix outside of the body that multiplies.
TEST(MatMulOperands, ANumberInTwoRoles) {
  const Build build = [](const Values& in) {
    const Value &a = in[0], &b = in[1];
    const Value ones = broadcast_to(scalar(1.0, DType::f32), a.shape()), k = broadcast_to(scalar(0.13, DType::f32), a.shape());
    return Values{dot(a + ones, ones), dot(a * k, transpose(k)), b * k + dot(a, k), dot(maximum(a, k), k)};
  };
  const std::vector<Tensor> arguments = {Data({48, 48}, DType::f32, 1), Data({48, 48}, DType::f32, 2)};
  ExpectMatches(build, arguments, {}, {.ulps = 64, .absolute = 1e-4});
  ExpectMatches(build, arguments, {{"n", "n"}, {"n", "n"}}, {.ulps = 64, .absolute = 1e-4});
}

TEST(MatMulOperands, ANumberOfTheBlockAround) {
  const Build build = [](const Values& in) {
    const Value &a = in[0], &w = in[1];
    const Value k = broadcast_to(scalar(0.13, DType::f32), a.shape());
    const Value powers = loop(2, {w}, [&](Value, Values c) { return Values{dot(a * k, c[0])}; })[0];
    return Values{tanh(a + k), powers, branch(greater(sum(a), 0.0), [&] { return Values{dot(a * k, w)}; }, [&] { return Values{a}; })[0]};
  };
  const std::vector<Tensor> arguments = {Data({24, 24}, DType::f32, 1), Data({24, 24}, DType::f32, 2)};
  ExpectMatches(build, arguments, {}, {.ulps = 64, .absolute = 1e-4});
  ExpectMatches(build, arguments, {{"n", "n"}, {"n", "n"}}, {.ulps = 64, .absolute = 1e-4});
}

}  // namespace
}  // namespace oriel::e2e
