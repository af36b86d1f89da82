// Scatter-add of 18,000 float32 into 10,001 (the gradient of bias[targets])
// against the plain C++ loop, zero fill included in both; and rows of a large
// table updated in place.
#include <cstring>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kUpdates = 18000, kSize = 10001;

Pair ScatterAdd(const std::function<int64_t(int64_t)>& index_of) {
  Value zero = input("zero", DType::f32, {dyn("size")});
  Value index = input("index", DType::i64, {dyn("n")});
  Value updates = input("updates", DType::f32, {dyn("n")});
  Function f = Compile({zero, index, updates}, {scatter_add(zero, {index}, updates)}, {},
                       {.name = "scatter", .num_threads = 1});
  Tensor indices = Tensor::Zeros({kUpdates}, DType::i64);
  for (int64_t i = 0; i < kUpdates; ++i) indices.data<int64_t>()[i] = index_of(i);
  std::vector<Tensor> in = {Tensor::Zeros({kSize}), indices, Tensor::Uniform({kUpdates}, 9)};
  Tensor out = Call(f, in)[0];
  auto loop = [in] {
    // A new result every call, as ours: allocation, copy of the base, adds.
    auto result = Tensor::Empty({kSize});
    float* o = result->data<float>();
    std::memcpy(o, in[0].raw(), kSize * sizeof(float));
    const int64_t* p = in[1].data<int64_t>();
    const float* u = in[2].data<float>();
    for (int64_t i = 0; i < kUpdates; ++i) o[p[i]] += u[i];
    return *result;
  };
  Tensor expected = loop();
  Check("scatter", out, [&](int64_t i) { return expected.data<float>()[i]; }, 0);
  return {[f, in] { Call(f, in); }, [loop] { loop(); }};
}

// 256 rows of a table of 1,000,000 x 64, a state that the call updates in place.
Pair TableUpdate() {
  constexpr int64_t kRows = 1'000'000, kWidth = 64, kBatch = 256;
  State table = state("table", Tensor::Zeros({kRows, kWidth}));
  Value index = input("index", DType::i64, {dyn("n")});
  Value updates = input("updates", DType::f32, {dyn("n"), kWidth});
  Function f = Compile({index, updates}, {}, {{table, scatter_add(table, {index}, updates)}},
                       {.name = "table_update", .num_threads = 1});
  Tensor indices = Tensor::Zeros({kBatch}, DType::i64);
  for (int64_t i = 0; i < kBatch; ++i) {
    indices.data<int64_t>()[i] = static_cast<int64_t>(static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ull % kRows);
  }
  std::vector<Tensor> in = {indices, Tensor::Uniform({kBatch, kWidth}, 9)};
  Tensor own = Tensor::Zeros({kRows, kWidth});
  auto loop = [in, own]() mutable {
    float* w = own.data<float>();
    const int64_t* p = in[0].data<int64_t>();
    const float* u = in[1].data<float>();
    for (int64_t i = 0; i < kBatch; ++i) {
      for (int64_t k = 0; k < kWidth; ++k) w[p[i] * kWidth + k] += u[i * kWidth + k];
    }
  };
  Call(f, in);
  loop();
  Check("table update", table.value(), [&](int64_t i) { return own.data<float>()[i]; }, 0);
  return {[f, in] { Call(f, in); }, loop};
}

// A state of `size` rows of `width`, `count` of them updated in place; the loop is
// on one thread.
Pair Large(int64_t count, int64_t size, int64_t width, int threads) {
  const Extents row = width == 1 ? Extents{} : Extents{width};
  const auto shape = [&](int64_t n) {
    Extents all = {n};
    all.insert(all.end(), row.begin(), row.end());
    return all;
  };
  State table = state("table", Tensor::Zeros(shape(size)));
  Value index = input("index", DType::i64, {dyn("n")});
  Value updates = width == 1 ? input("updates", DType::f32, {dyn("n")}) : input("updates", DType::f32, {dyn("n"), width});
  Function f = Compile({index, updates}, {}, {{table, scatter_add(table, {index}, updates)}}, {.name = "large", .num_threads = threads});
  Tensor indices = Tensor::Zeros({count}, DType::i64);
  for (int64_t i = 0; i < count; ++i) {
    indices.data<int64_t>()[i] = static_cast<int64_t>((static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ull >> 20) % static_cast<uint64_t>(size));
  }
  std::vector<Tensor> in = {indices, Tensor::Uniform(shape(count), 9)};
  Tensor own = Tensor::Zeros(shape(size));
  auto loop = [in, own, count, width]() mutable {
    float* w = own.data<float>();
    const int64_t* p = in[0].data<int64_t>();
    const float* u = in[1].data<float>();
    if (width == 1) {
      for (int64_t i = 0; i < count; ++i) w[p[i]] += u[i];
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t k = 0; k < width; ++k) w[p[i] * width + k] += u[i * width + k];
    }
  };
  Call(f, in);
  loop();
  Check("large scatter", table.value(), [&](int64_t i) { return own.data<float>()[i]; }, 0);
  return {[f, in] { Call(f, in); }, loop};
}

const bool registered = [] {
  auto uniform = [](int64_t i) {
    return static_cast<int64_t>((static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ull >> 20) % kSize);
  };
  RegisterPair("scatter/uniform", "loop", [=] { return ScatterAdd(uniform); });
  RegisterPair("scatter/2_alternating", "loop", [] {
    return ScatterAdd([](int64_t i) { return i % 2 == 0 ? int64_t{5} : int64_t{777}; });
  });
  RegisterPair("scatter/8_distinct", "loop", [=] {
    return ScatterAdd([=](int64_t i) { return uniform(i) % 8; });
  });
  RegisterPair("scatter/all_equal", "loop", [=] { return ScatterAdd([](int64_t) { return 77; }); });
  RegisterPair("scatter/table_update", "loop", TableUpdate);
  for (int threads : {1, 2}) {
    const std::string of = "/threads:" + std::to_string(threads);
    RegisterPair("scatter/10M_into_1M" + of, "loop", [=] { return Large(10'000'000, 1'000'000, 1, threads); });
    RegisterPair("scatter/100k_rows_of_64" + of, "loop", [=] { return Large(100'000, 1'000'000, 64, threads); });
  }
  return true;
}();

}  // namespace
}  // namespace oriel::bench
