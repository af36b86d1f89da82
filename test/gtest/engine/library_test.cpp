// Kernels of the engine's own library: the table, sorts against std::stable_sort,
// steps of a program that name them.
#include "runtime/engine/library/library.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "program_builder.h"
#include "runtime/core/float16.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

TEST(Library, NamesAreFoundOnce) {
  std::set<std::string_view> names;
  for (const LibraryKernel& kernel : SortKernels()) {
    EXPECT_TRUE(names.insert(kernel.name).second) << kernel.name;
    EXPECT_EQ(FindLibraryKernel(kernel.name), kernel.entry);
  }
  EXPECT_EQ(names.size(), 24u);
  EXPECT_EQ(FindLibraryKernel("sort"), nullptr);
  EXPECT_EQ(FindLibraryKernel(""), nullptr);
}

// ---- sorts ----

float AsFloat(uint16_t half) { return HalfToFloat(half); }
template <typename T> T Plain(T value) { return value; }

// rows x n elements, `stride` of each row apart, as the words of a call.
template <typename T, typename Ordered>
void CheckSort(const std::string& type, Ordered ordered, const std::vector<T>& values, int64_t n, int64_t outer, int64_t stride) {
  std::mt19937_64 rng(static_cast<uint64_t>(n * 31 + stride));
  const int64_t rows = outer * stride;
  std::vector<T> x(static_cast<size_t>(n * rows));
  for (T& each : x) each = values[rng() % values.size()];
  const auto less = [&](T a, T b) {
    const auto p = ordered(a), q = ordered(b);
    return p < q || (q != q && p == p);
  };
  std::vector<T> sorted = x;
  std::vector<int64_t> order(x.size());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t from = row / stride * n * stride + row % stride;
    std::vector<int64_t> positions(static_cast<size_t>(n));
    std::iota(positions.begin(), positions.end(), 0);
    std::stable_sort(positions.begin(), positions.end(), [&](int64_t a, int64_t b) { return less(x[from + a * stride], x[from + b * stride]); });
    for (int64_t i = 0; i < n; ++i) {
      order[from + i * stride] = positions[i];
      sorted[from + i * stride] = x[from + positions[i] * stride];
    }
  }
  const size_t bytes = static_cast<size_t>(n) * (sizeof(T) == 8 ? 32 : 16);
  for (const bool shared : {false, true}) {
    for (const bool indices : {false, true}) {
      for (const bool in_place : {false, true}) {
        if (in_place && indices) continue;
        std::vector<T> data = x;
        std::vector<int64_t> positions(x.size(), -1);
        std::vector<T> out(x.size());
        // Two workers' scratch with a guard behind each.
        const size_t room = (bytes + 63) / 64 * 64 + 64;
        std::vector<uint64_t> scratch(2 * room / 8, 0xabababababababab);
        ErrorRecord errors[2] = {};
        T* result = in_place ? data.data() : out.data();
        const int64_t args[] = {reinterpret_cast<int64_t>(errors), reinterpret_cast<int64_t>(scratch.data()), static_cast<int64_t>(room),
                                reinterpret_cast<int64_t>(scratch.data()), /*counts=*/0, reinterpret_cast<int64_t>(data.data()),
                                indices ? reinterpret_cast<int64_t>(positions.data()) : reinterpret_cast<int64_t>(result), n, stride,
                                shared ? 1 : 0};
        const KernelEntry entry = FindLibraryKernel((indices ? "argsort_" : "sort_") + type);
        ASSERT_NE(entry, nullptr) << type;
        // Tasks in two parts and in another order, by two workers.
        entry(args, rows / 2, rows, 1);
        entry(args, 0, rows / 2, 0);
        if (indices) {
          EXPECT_EQ(positions, order) << type << " of " << n;
        } else {
          EXPECT_TRUE(x.empty() || std::memcmp(result, sorted.data(), sizeof(T) * x.size()) == 0) << type << " of " << n;
        }
        for (size_t worker = 0; worker < 2; ++worker) {
          EXPECT_EQ(scratch[(worker + 1) * room / 8 - 1], 0xabababababababab) << "beyond the scratch";
        }
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

template <typename T, typename Ordered>
void CheckSizes(const std::string& type, Ordered ordered, const std::vector<T>& values) {
  for (const int64_t n : {0, 1, 2, 3, 17, 255, 256, 257, 1023, 1024, 5000}) CheckSort<T>(type, ordered, values, n, 2, 1);
  CheckSort<T>(type, ordered, values, 300, 2, 3);
  CheckSort<T>(type, ordered, values, 7, 1, 5);
}

template <typename T>
void CheckNumbers(const std::string& type) {
  std::vector<T> few = {T{0}, T{1}, T{2}, T{3}, std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest(), static_cast<T>(-1)};
  CheckSizes<T>(type, &Plain<T>, few);
  std::vector<T> many;
  std::mt19937_64 rng(7);
  for (int i = 0; i < 3000; ++i) many.push_back(static_cast<T>(std::bit_cast<int64_t>(rng())));
  if constexpr (std::is_floating_point_v<T>) {
    const T inf = std::numeric_limits<T>::infinity();
    for (T special : {-T{0}, inf, -inf, std::numeric_limits<T>::quiet_NaN(), -std::numeric_limits<T>::quiet_NaN(),
                      std::numeric_limits<T>::denorm_min(), -std::numeric_limits<T>::denorm_min()}) {
      for (int i = 0; i < 200; ++i) many.push_back(special);
    }
  }
  CheckSizes<T>(type, &Plain<T>, many);
}

TEST(LibrarySort, EqualsStableSort) {
  CheckNumbers<double>("f64");
  CheckNumbers<float>("f32");
  CheckNumbers<int8_t>("i8");
  CheckNumbers<int16_t>("i16");
  CheckNumbers<int32_t>("i32");
  CheckNumbers<int64_t>("i64");
  CheckNumbers<uint8_t>("u8");
  CheckNumbers<uint16_t>("u16");
  CheckNumbers<uint32_t>("u32");
  CheckNumbers<uint64_t>("u64");
}

TEST(LibrarySort, EveryHalf) {
  std::vector<uint16_t> all(65536);
  std::iota(all.begin(), all.end(), 0);
  CheckSizes<uint16_t>("f16", &AsFloat, all);
  CheckSizes<uint16_t>("bf16", &BfloatToFloat, all);
}

// ---- steps ----

TEST(Library, AProgramsStepNamesOne) {
  testing::ProgramBuilder b;
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n}), y = b.Output("y", DType::i64, {n});
  DispatchStep step;
  step.kernel = "k0_argsort";
  step.op_class = "Library";
  step.phases = {{"library:argsort_f32", Dim::Min(n, 1)}};
  step.args = {{x, Dim(0)}, {y, Dim(0)}, {-1, n}, {-1, Dim(1)}, {-1, Dim(1)}};
  step.shared_bytes = n * 16;
  step.cost = n * 10;
  step.reads = {x};
  step.writes = {y};
  step.in_place = {0};
  step.node = b.program().buffers[y].node;
  step.ordinals = {{{step.node}}};
  b.Add(step, {y});
  absl::StatusOr<Function> f = b.Make();
  ASSERT_TRUE(f.ok()) << f.status();
  const auto out = (*f)({*Tensor::From<float>({3, 1, 2}, {3})});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].data<int64_t>()[0], 1);
  EXPECT_EQ((*out)[0].data<int64_t>()[1], 2);
  EXPECT_EQ((*out)[0].data<int64_t>()[2], 0);

  step.phases[0].symbol = "library:argsort_f33";
  testing::ProgramBuilder c;
  const Dim m = c.Symbol("n");
  c.Input("x", DType::f32, {m});
  c.Output("y", DType::i64, {m});
  c.Add(step, {y});
  const absl::Status missing = c.Make().status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("'library:argsort_f33' is not in the engine's library"));
}

}  // namespace
}  // namespace oriel
