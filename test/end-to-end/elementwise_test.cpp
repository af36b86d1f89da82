// Every elementwise op on every dtype it has, special values included.
#include <limits>
#include <map>
#include <random>

#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Unary = Value (*)(const Operand&);
using Binary = Value (*)(const Operand&, const Operand&);

const std::map<std::string, Unary>& Unaries() {
  static const std::map<std::string, Unary> all = {
      {"neg", neg}, {"abs", abs}, {"sign", sign}, {"exp", exp}, {"expm1", expm1}, {"log", log},
      {"log1p", log1p}, {"sqrt", sqrt}, {"rsqrt", rsqrt}, {"tanh", tanh}, {"sigmoid", sigmoid},
      {"erf", erf}, {"sin", sin}, {"cos", cos}, {"floor", floor}, {"ceil", ceil}, {"round", round},
      {"logical_not", logical_not}};
  return all;
}

const std::map<std::string, Binary>& Binaries() {
  static const std::map<std::string, Binary> all = {
      {"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}, {"floor_div", floor_div}, {"mod", mod},
      {"maximum", maximum}, {"minimum", minimum}, {"pow", pow}, {"equal", equal}, {"not_equal", not_equal},
      {"less", less}, {"less_equal", less_equal}, {"greater", greater}, {"greater_equal", greater_equal},
      {"logical_and", logical_and}, {"logical_or", logical_or}, {"logical_xor", logical_xor}};
  return all;
}

// Does the op have the dtype? NumPy 2 lacks just these cells; an error must name
// the op. Any other missing cell is a failure, so none can vanish unseen.
bool Exists(const Value& v, const std::string& op, DType t) {
  const bool expected = !(IsBool(t) && (op == "neg" || op == "sign" || op == "sub"));
  EXPECT_EQ(v.ok(), expected) << op << " on " << NumpyName(t) << ": " << v.status();
  if (!v.ok()) {
    EXPECT_NE(v.status().message().find(op), std::string::npos) << v.status();
  }
  return v.ok();
}

TEST(Elementwise, UnaryOnEveryDType) {
  for (const auto& [name, f] : Unaries()) {
    for (DType t : AllDTypes()) {
      SCOPED_TRACE(name + " " + std::string(NumpyName(t)));
      Unary op = f;
      Tensor x = Data({117}, t, 3, /*special=*/true);
      if (!Exists(op(input("x", t, {3})), name, t)) continue;
      ExpectMatches([op](const std::vector<Value>& in) { return std::vector<Value>{op(in[0])}; }, {x}, {{"n"}});
    }
  }
}

// Next to multiples of the divisor a quotient is most easily wrong by one.
template <typename T>
void DividesNextToMultiples() {
  using L = std::numeric_limits<T>;
  std::vector<T> xs, ys;
  const auto pair = [&](T x, T y) { xs.push_back(x), ys.push_back(y); };
  if (sizeof(T) == 1) {
    for (int k = 0; k < 1 << 16; ++k) pair(static_cast<T>(k), static_cast<T>(k >> 8));
  }
  std::mt19937_64 rng(7);
  for (int k = 0; k < 4000; ++k) {
    // Divisors and quotients of all sizes.
    const T y = static_cast<T>(rng() >> (64 - sizeof(T) * 8 + rng() % (sizeof(T) * 8)));
    const T most = y == 0 ? L::max() : static_cast<T>(L::max() / (y < 0 ? 1 : y));
    const T q = most <= 0 ? T(0) : static_cast<T>(rng() % static_cast<uint64_t>(most));
    const T x = static_cast<T>(static_cast<uint64_t>(q) * static_cast<uint64_t>(y));
    for (int d = -1; d <= 1; ++d) {
      const T divisor = static_cast<T>(static_cast<uint64_t>(y) + static_cast<uint64_t>(d));
      pair(static_cast<T>(static_cast<uint64_t>(x) + static_cast<uint64_t>(d)), y);
      pair(static_cast<T>(L::max() - (k % 3)), divisor);
      pair(static_cast<T>(L::min() + (k % 3)), divisor);
    }
  }
  const int64_t n = static_cast<int64_t>(xs.size());
  ExpectMatches([](const std::vector<Value>& in) {
    return std::vector<Value>{floor_div(in[0], in[1]), mod(in[0], in[1])};
  }, {*Tensor::From<T>(xs, {n}), *Tensor::From<T>(ys, {n})}, {{"n"}, {"n"}});
}

TEST(Elementwise, IntegerDivisionNextToMultiples) {
  DividesNextToMultiples<int8_t>();
  DividesNextToMultiples<int16_t>();
  DividesNextToMultiples<int32_t>();
  DividesNextToMultiples<int64_t>();
  DividesNextToMultiples<uint8_t>();
  DividesNextToMultiples<uint16_t>();
  DividesNextToMultiples<uint32_t>();
  DividesNextToMultiples<uint64_t>();
}

TEST(Elementwise, BinaryOnEveryDType) {
  for (const auto& [name, f] : Binaries()) {
    for (DType t : AllDTypes()) {
      SCOPED_TRACE(name + " " + std::string(NumpyName(t)));
      Binary op = f;
      Tensor x = Data({11, 13}, t, 5, true), y = Data({11, 13}, t, 6, true);
      if (name == "pow" && IsSigned(t)) y = Data({11, 13}, DType::u8, 6).Cast(t).value();
      if (!Exists(op(input("x", t, {3}), input("y", t, {3})), name, t)) continue;
      ExpectMatches([op](const std::vector<Value>& in) { return std::vector<Value>{op(in[0], in[1])}; }, {x, y},
                    {{"n", "m"}, {"n", "m"}});
    }
  }
}

TEST(Elementwise, MixedDTypesPromote) {
  for (DType a : AllDTypes()) {
    for (DType b : {DType::f32, DType::i32, DType::u8, DType::boolean}) {
      SCOPED_TRACE(std::string(NumpyName(a)) + " " + std::string(NumpyName(b)));
      ExpectMatches([](const std::vector<Value>& in) { return std::vector<Value>{in[0] * in[1] + 1}; },
                    {Data({37}, a, 1), Data({37}, b, 2)}, {{"n"}, {"n"}});
    }
  }
}

// An exponent of a narrow type needs that type's bits only, negative ones too.
TEST(Elementwise, IntegerPowersOfNarrowExponents) {
  for (DType a : {DType::i64, DType::i32, DType::u16, DType::u64}) {
    for (DType b : {DType::i8, DType::u8, DType::i16, DType::boolean}) {
      if (IsSigned(b) && !IsSigned(a)) continue;
      SCOPED_TRACE(std::string(NumpyName(a)) + " " + std::string(NumpyName(b)));
      ExpectMatches([](const std::vector<Value>& in) { return std::vector<Value>{pow(in[0], in[1])}; },
                    {Data({37}, a, 1), Data({37}, b, 2)}, {{"n"}, {"n"}}, {.ulps = 0});
    }
  }
}

TEST(Elementwise, CastBetweenAllDTypes) {
  for (DType a : AllDTypes()) {
    for (DType b : AllDTypes()) {
      SCOPED_TRACE(std::string(NumpyName(a)) + " to " + std::string(NumpyName(b)));
      ExpectMatches([b](const std::vector<Value>& in) { return std::vector<Value>{cast(in[0], b)}; },
                    {Data({71}, a, 9)}, {{"n"}}, {.ulps = 0});
    }
  }
}

TEST(Elementwise, SelectAndWeakScalars) {
  for (DType t : AllDTypes()) {
    ExpectMatches([](const std::vector<Value>& in) {
      return std::vector<Value>{select(in[0], in[1], in[2]), select(in[0], in[1], 0), in[1] + 2, in[1] * 0.5};
    }, {Data({45}, DType::boolean, 1), Data({45}, t, 2), Data({45}, t, 3)}, {{"n"}, {"n"}, {"n"}});
  }
}

TEST(Elementwise, SizesAroundTheVectorLength) {
  for (int64_t n : {0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 4095, 4096, 4097, 40000}) {
    for (DType t : {DType::f32, DType::f64, DType::i8, DType::i64, DType::f16, DType::boolean}) {
      SCOPED_TRACE(std::to_string(n) + " " + std::string(NumpyName(t)));
      ExpectMatches([](const std::vector<Value>& in) {
        return std::vector<Value>{maximum(in[0] * in[1], in[1]), less(in[0], in[1])};
      }, {Data({n}, t, 1, true), Data({n}, t, 2, true)}, {{"n"}, {"n"}});
    }
  }
}

TEST(Elementwise, BroadcastEveryWay) {
  Tensor x = Data({5, 7, 9}, DType::f32, 1);
  for (const Extents& shape : {Extents{}, Extents{1}, Extents{9}, Extents{7, 1}, Extents{7, 9}, Extents{5, 1, 1},
                               Extents{5, 1, 9}, Extents{1, 7, 1}, Extents{1, 1, 9}}) {
    SCOPED_TRACE(ToString(shape));
    std::vector<std::string> names = {"a", "b", "c"};
    std::vector<std::string> other;
    for (size_t k = 0; k < shape.size(); ++k) other.push_back(shape[k] == 1 ? "" : names[3 - shape.size() + k]);
    ExpectMatches([](const std::vector<Value>& in) {
      return std::vector<Value>{in[0] * in[1] + in[1], in[1] - in[0]};
    }, {x, Data(shape, DType::f32, 2)}, {names, other});
  }
}

TEST(Elementwise, OneBodySeveralOutputs) {
  ExpectMatches([](const std::vector<Value>& in) {
    Value h = tanh(in[0] * in[2] + in[3]);
    Value g = sigmoid(h - in[1]);
    return std::vector<Value>{h, g, h * g + (1 - g) * in[1]};
  }, {Data({33, 50}, DType::f32, 1), Data({33, 50}, DType::f32, 2), Data({50}, DType::f32, 3), Data({50}, DType::f32, 4)},
     {{"n", "m"}, {"n", "m"}, {"m"}, {"m"}}, {.ulps = 32, .absolute = 1e-6});
}

TEST(Elementwise, StridedInputsAreReadRight) {
  Tensor base = Data({40, 60}, DType::f32, 8);
  Tensor t = *base.Transpose({1, 0});
  Tensor s = *(*base.Slice(1, 3, 60, 4)).Slice(0, 39, 0, -1);
  ExpectMatches([](const std::vector<Value>& in) { return std::vector<Value>{in[0] * 2 + 1}; }, {t}, {{"n", "m"}});
  ExpectMatches([](const std::vector<Value>& in) { return std::vector<Value>{in[0] * 2 + 1}; }, {s}, {{"n", "m"}});
}

TEST(Elementwise, ScalarsAndConstants) {
  ExpectMatches([](const std::vector<Value>& in) {
    return std::vector<Value>{in[0] + 1, constant(Data({3, 4}, DType::f32, 4)) * in[0], iota({4, 5}, 1, DType::i32),
                              scalar(2.5, DType::f64) + in[0]};
  }, {Data({}, DType::f32, 1)});
  // A constant too large to be worth folding.
  Tensor big = Data({300, 400}, DType::f32, 5);
  ExpectMatches([big](const std::vector<Value>& in) { return std::vector<Value>{constant(big) + in[0]}; },
                {Data({400}, DType::f32, 1)}, {{}});
}

// e^-x overflows from x = -88.8 (-709.8) on, where the sigmoid is subnormal.
TEST(Elementwise, SigmoidDownToTheSmallestNumber) {
  const auto f = [](const std::vector<Value>& in) { return std::vector<Value>{sigmoid(in[0])}; };
  std::vector<float> small;
  for (int i = 0; i < 300; ++i) small.push_back(-80.0f - 0.1f * static_cast<float>(i));
  std::vector<double> tiny;
  for (int i = 0; i < 300; ++i) tiny.push_back(-700.0 - 0.2 * i);
  ExpectMatches(f, {*Tensor::From<float>(small, {300})}, {{"n"}}, {.ulps = 4});
  ExpectMatches(f, {*Tensor::From<double>(tiny, {300})}, {{"n"}}, {.ulps = 4});
}

// A dim known at compile time must not be computed by another library than one
// known at the call.
TEST(Elementwise, FunctionsOfDims) {
  for (int64_t n : {3, 7, 64, 101}) {
    ExpectMatches([](const std::vector<Value>& in) {
      Value d = cast(dim_value(in[0].dim(0)), DType::f32);
      return std::vector<Value>{in[0] * log(d), in[0] + exp(1.0 / d), tanh(d * 0.01) * in[0], pow(d, 0.3) * in[0]};
    }, {Data({n}, DType::f32, 1)}, {{"n"}});
  }
}

// By value, though no dtype holds both (float64 would round).
TEST(Elementwise, UnsignedAgainstSignedComparesExactly) {
  Tensor u = Tensor::Zeros({70}, DType::u64), s = Tensor::Zeros({70}, DType::i64);
  const uint64_t values[] = {0, 1, uint64_t{1} << 53, (uint64_t{1} << 53) + 1, uint64_t{1} << 63, (uint64_t{1} << 63) + 1, ~uint64_t{0}};
  for (int i = 0; i < 70; ++i) {
    u.data<uint64_t>()[i] = values[i % 7];
    s.data<int64_t>()[i] = static_cast<int64_t>(values[i / 10]);
  }
  ExpectMatches([](const std::vector<Value>& in) {
    const Value &a = in[0], &b = in[1];
    return std::vector<Value>{less(a, b), less_equal(a, b), equal(a, b), not_equal(b, a), greater(b, a), greater_equal(b, a)};
  }, {u, s}, {{"n"}, {"n"}});
}

}  // namespace
}  // namespace oriel::e2e
