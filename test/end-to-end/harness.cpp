#include "test/end-to-end/harness.h"

#include <stdlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "runtime/engine/prepared.h"

namespace oriel::e2e {
namespace {

// One cache folder for the process, removed at exit.
struct CacheDir {
  std::string path;
  CacheDir() {
    path = (std::filesystem::temp_directory_path() / "oriel-e2e-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) path.clear();
  }
  ~CacheDir() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
};

const std::string& CachePath() {
  static const CacheDir dir;
  return dir.path;
}

Mode MakeMode() {
  Mode mode;
  if (const char* name = getenv("ORIEL_TEST_MODE")) mode.name = name;
  // A kernel cache shared by the cases of one run keeps the suite fast; what a
  // fresh compilation does is the same path.
  mode.options.cache_dir = CachePath();
  mode.options.num_threads = 1;
  if (mode.name == "no-fusion") mode.options.fusion = false;
  else if (mode.name == "threads") {
    mode.options.num_threads = 3;
    // What is tested is small: it is split and run side by side all the same.
    ScaleCostsForTesting(1e4);
  }
  else if (mode.name == "static") mode.static_dims = true;
  else if (mode.name == "cached") mode.cached = true;
  else if (mode.name == "guard") mode.options.guard_buffers = true;
  else if (mode.name == "no-profile") mode.options.profile = false;
  else if (mode.name.rfind("without-", 0) == 0) mode.options.leave_out_phase = mode.name.substr(8);
  else EXPECT_EQ(mode.name, "default") << "unknown ORIEL_TEST_MODE";
  return mode;
}

// The distance between neighbours of `x` in a binary format with `digits` bits
// of precision and minimum exponent `min_exponent`.
double UlpOf(double x, int digits, int min_exponent) {
  x = std::fabs(x);
  if (!std::isfinite(x)) return 0;
  int exponent = min_exponent;
  if (x > 0) exponent = std::max(std::ilogb(x), min_exponent);
  return std::ldexp(1.0, exponent - (digits - 1));
}

double UlpOf(double x, DType t) {
  switch (t) {
    case DType::f64: return UlpOf(x, 53, -1022);
    case DType::f32: return UlpOf(x, 24, -126);
    case DType::f16: return UlpOf(x, 11, -14);
    case DType::bf16: return UlpOf(x, 8, -126);
    default: return 0;
  }
}

// Advances a C-order index; false after the last.
bool Next(std::vector<int64_t>* index, const Extents& shape) {
  for (int k = static_cast<int>(shape.size()) - 1; k >= 0; --k) {
    if (++(*index)[k] < shape[k]) return true;
    (*index)[k] = 0;
  }
  return false;
}

uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

}  // namespace

const Mode& CurrentMode() {
  static const Mode mode = MakeMode();
  return mode;
}

std::vector<Value> InputsFor(const std::vector<Tensor>& arguments, bool static_dims,
                             const std::vector<std::vector<std::string>>& symbols) {
  std::vector<Value> inputs;
  for (size_t i = 0; i < arguments.size(); ++i) {
    Dims dims;
    for (int k = 0; k < arguments[i].rank(); ++k) {
      const bool named = i < symbols.size() && k < static_cast<int>(symbols[i].size()) && !symbols[i][k].empty();
      dims.push_back(named && !static_dims ? dyn(symbols[i][k]) : Dim(arguments[i].dim(k)));
    }
    inputs.push_back(input("x" + std::to_string(i), arguments[i].dtype(), dims));
  }
  return inputs;
}

absl::StatusOr<Function> CompileInMode(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                       const std::vector<Update>& updates, CompileOptions options) {
  const Mode& mode = CurrentMode();
  const CompileOptions& m = mode.options;
  if (options.cache_dir.empty()) options.cache_dir = m.cache_dir;
  if (options.num_threads == 0) options.num_threads = m.num_threads;
  options.fusion &= m.fusion;
  options.profile &= m.profile;
  options.guard_buffers |= m.guard_buffers;
  options.leave_out_phase = m.leave_out_phase;
  absl::StatusOr<Function> f = compile(inputs, outputs, updates, options);
  if (!f.ok() || !mode.cached) return f;
  absl::StatusOr<Function> again = compile(inputs, outputs, updates, options);
  if (again.ok()) EXPECT_EQ(again->compile_info().source, "program cache");
  return again;
}

void ExpectMatches(const Build& build, const std::vector<Tensor>& arguments,
                   const std::vector<std::vector<std::string>>& symbols, Tolerance tolerance) {
  const Mode& mode = CurrentMode();
  std::vector<Value> inputs = InputsFor(arguments, mode.static_dims, symbols);
  std::vector<Value> outputs = build(inputs);
  for (const Value& v : outputs) ASSERT_TRUE(v.ok()) << v.status();
  absl::StatusOr<Function> f = CompileInMode(inputs, outputs);
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> actual = (*f)(absl::MakeConstSpan(arguments));
  ASSERT_TRUE(actual.ok()) << actual.status();
  absl::StatusOr<std::vector<Tensor>> expected = Evaluate(inputs, outputs, {}, arguments);
  ASSERT_TRUE(expected.ok()) << expected.status();
  ASSERT_EQ(actual->size(), expected->size());
  for (size_t i = 0; i < actual->size(); ++i) {
    EXPECT_TRUE(Close((*actual)[i], (*expected)[i], tolerance)) << "output " << i << "\n" << f->plan_text();
  }
  // Temporaries lie in little more than the most of them that live at once.
  const MemoryReport memory = f->memory();
  EXPECT_LE(memory.arena_bytes, memory.arena_live + std::max<int64_t>(memory.arena_live / 20, 128)) << memory.text();
  if (mode.options.guard_buffers) {
    EXPECT_EQ(memory.measured_peak, memory.planned_peak) << memory.text();
  }
  if (mode.name == "default") return;

  std::vector<Value> base_inputs = InputsFor(arguments, false, symbols);
  std::vector<Value> base_outputs = build(base_inputs);
  absl::StatusOr<Function> base =
      compile(base_inputs, base_outputs, {}, {.num_threads = 1, .cache_dir = mode.options.cache_dir});
  ASSERT_TRUE(base.ok()) << base.status();
  absl::StatusOr<std::vector<Tensor>> reference = (*base)(absl::MakeConstSpan(arguments));
  ASSERT_TRUE(reference.ok()) << reference.status();
  for (size_t i = 0; i < actual->size(); ++i) {
    EXPECT_TRUE(SameBits((*actual)[i], (*reference)[i]))
        << "output " << i << " differs in bits between mode " << mode.name << " and default";
  }
}

Tensor ResultOf(const Value& value) {
  absl::StatusOr<Function> f = CompileInMode({}, {value});
  EXPECT_TRUE(f.ok()) << f.status();
  if (!f.ok()) return Tensor();
  absl::StatusOr<std::vector<Tensor>> out = (*f)({});
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? (*out)[0] : Tensor();
}

Tensor Data(Extents shape, DType dtype, uint64_t seed, bool special) {
  if (IsFloat(dtype)) {
    Tensor t = Tensor::Normal(shape, seed, DType::f64);
    double* p = t.data<double>();
    const double inf = std::numeric_limits<double>::infinity();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double values[] = {0.0, -0.0, inf, -inf, nan, 1.0, -1.0, 0.5, -2.5, 88.8, -104.0, 1e-40, 3e38, 700.0, 1e-5};
    for (int64_t i = 0; special && i < t.size(); ++i) {
      if (Mix(seed * 1000003 + i) % 3 == 0) p[i] = values[Mix(i + seed) % (sizeof values / sizeof *values)];
    }
    return *t.Cast(dtype);
  }
  Tensor t = Tensor::Zeros(shape, DType::i64);
  int64_t* p = t.data<int64_t>();
  for (int64_t i = 0; i < t.size(); ++i) {
    const uint64_t r = Mix(seed * 7919 + i);
    if (IsBool(dtype)) p[i] = r & 1;
    else if (special && r % 5 == 0) p[i] = static_cast<int64_t>(r >> 8);  // wraps into the dtype
    else p[i] = static_cast<int64_t>(r % 15) - (IsSigned(dtype) ? 7 : 0);
  }
  return *t.Cast(dtype);
}

testing::AssertionResult Close(const Tensor& actual, const Tensor& expected, Tolerance tolerance) {
  if (actual.dtype() != expected.dtype()) {
    return testing::AssertionFailure() << "dtype " << NumpyName(actual.dtype()) << ", expected "
                                       << NumpyName(expected.dtype());
  }
  if (actual.shape() != expected.shape()) {
    return testing::AssertionFailure() << "shape " << ToString(actual.shape()) << ", expected "
                                       << ToString(expected.shape());
  }
  if (actual.size() == 0) return testing::AssertionSuccess();
  std::vector<int64_t> index(actual.rank(), 0);
  do {
    bool good;
    double a = 0, e = 0;
    if (IsFloat(actual.dtype())) {
      a = actual.ElementAsDouble(index), e = expected.ElementAsDouble(index);
      if (std::isnan(a) || std::isnan(e)) good = std::isnan(a) && std::isnan(e);
      else if (std::isinf(a) || std::isinf(e)) good = a == e;
      else good = std::fabs(a - e) <= tolerance.ulps * UlpOf(e, actual.dtype()) + tolerance.absolute;
    } else {
      const int64_t x = actual.ElementAsInt(index), y = expected.ElementAsInt(index);
      a = x, e = y;
      good = x == y;
    }
    if (!good) {
      return testing::AssertionFailure() << "element " << ToString(Extents(index)) << " is " << a << ", expected " << e;
    }
  } while (Next(&index, actual.shape()));
  return testing::AssertionSuccess();
}

namespace {

bool IsNaNBits(uint64_t x, DType t) {
  switch (t) {
    case DType::f64: return (x & ~(uint64_t{1} << 63)) > 0x7FF0000000000000u;
    case DType::f32: return (x & 0x7FFFFFFFu) > 0x7F800000u;
    case DType::f16: return (x & 0x7FFFu) > 0x7C00u;
    case DType::bf16: return (x & 0x7FFFu) > 0x7F80u;
    default: return false;
  }
}

}  // namespace

testing::AssertionResult SameBits(const Tensor& actual, const Tensor& expected) {
  if (BitEqual(actual, expected)) return testing::AssertionSuccess();
  if (actual.shape() != expected.shape() || actual.dtype() != expected.dtype()) {
    return testing::AssertionFailure() << "another shape or dtype";
  }
  const Tensor a = actual.Contiguous(), e = expected.Contiguous();
  const size_t width = SizeOf(a.dtype());
  int64_t different = 0, first = -1;
  uint64_t x = 0, y = 0;  // of the first difference
  for (int64_t i = 0; i < a.size(); ++i) {
    uint64_t p = 0, q = 0;
    std::memcpy(&p, static_cast<const char*>(a.raw()) + i * width, width);
    std::memcpy(&q, static_cast<const char*>(e.raw()) + i * width, width);
    if (p == q || (IsNaNBits(p, a.dtype()) && IsNaNBits(q, a.dtype()))) continue;
    if (different++ == 0) first = i, x = p, y = q;
  }
  if (different == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << different << " of " << a.size() << " elements of " << ToString(a.shape()) << " "
                                     << NumpyName(a.dtype()) << " differ, first " << first << ": bits " << std::hex << x
                                     << ", expected " << y;
}

std::vector<DType> AllDTypes() {
  std::vector<DType> all;
  for (int i = 0; i < kNumDTypes; ++i) all.push_back(static_cast<DType>(i));
  return all;
}

std::vector<DType> FloatDTypes() { return {DType::f64, DType::f32, DType::f16, DType::bf16}; }

int Kernels(const Build& build, const std::vector<Tensor>& arguments, const std::vector<std::vector<std::string>>& symbols) {
  const std::vector<Value> inputs = InputsFor(arguments, /*static_dims=*/false, symbols);
  const absl::StatusOr<Function> f = compile(inputs, build(inputs), {}, {.cache_dir = "none"});
  if (!f.ok()) {
    ADD_FAILURE() << f.status();
    return -1;
  }
  return f->compile_info().kernels;
}

}  // namespace oriel::e2e
