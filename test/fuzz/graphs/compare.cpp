#include "test/fuzz/graphs/compare.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace oriel::fuzz {

std::string PlaceName(const Run& run, size_t call, size_t result) {
  const std::string of = absl::StrCat(" of call ", call);
  return result < run.outputs ? absl::StrCat("output ", result, of) : absl::StrCat("state ", result - run.outputs, " after call ", call);
}

std::string ElementName(const Extents& shape, int64_t position) {
  Extents index(shape.size());
  for (size_t k = shape.size(); k-- > 0;) {
    index[k] = position % shape[k];
    position /= shape[k];
  }
  return ToString(index);
}

std::string DifferenceInBits(const Tensor& actual, const Tensor& expected) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
    return absl::StrCat("is ", std::string(NumpyName(actual.dtype())), " ", ToString(actual.shape()), ", expected ",
                        std::string(NumpyName(expected.dtype())), " ", ToString(expected.shape()));
  }
  const Tensor a = actual.Contiguous(), b = expected.Contiguous();
  const size_t size = SizeOf(a.dtype());
  if (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0) return "";
  const bool real = IsFloat(a.dtype());
  const Tensor wide_a = real ? *a.Cast(DType::f64) : a, wide_b = real ? *b.Cast(DType::f64) : b;
  int64_t count = 0, first = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    const char* p = static_cast<const char*>(a.raw()) + static_cast<size_t>(i) * size;
    const char* q = static_cast<const char*>(b.raw()) + static_cast<size_t>(i) * size;
    if (std::memcmp(p, q, size) == 0) continue;
    if (real && std::isnan(wide_a.data<double>()[i]) && std::isnan(wide_b.data<double>()[i])) continue;
    if (count++ == 0) first = i;
  }
  if (count == 0) return "";
  uint64_t x = 0, y = 0;
  std::memcpy(&x, static_cast<const char*>(a.raw()) + static_cast<size_t>(first) * size, size);
  std::memcpy(&y, static_cast<const char*>(b.raw()) + static_cast<size_t>(first) * size, size);
  std::string values;
  if (real) values = absl::StrCat(" (", wide_a.data<double>()[first], " and ", wide_b.data<double>()[first], ")");
  return absl::StrCat(std::string(NumpyName(a.dtype())), " ", ToString(a.shape()), " differs in ", count, " of ", a.size(),
                      " elements, first ", ElementName(a.shape(), first), ": bits 0x", absl::Hex(x), ", expected 0x", absl::Hex(y), values);
}

std::string DifferenceInBits(const Run& actual, const Run& expected) {
  if (actual.status.code() != expected.status.code()) {
    return absl::StrCat("the call ends with '", actual.status.ToString(), "', expected '", expected.status.ToString(), "'");
  }
  for (size_t call = 0; call < expected.calls.size(); ++call) {
    if (call >= actual.calls.size()) return absl::StrCat("fails in call ", actual.calls.size());
    if (actual.calls[call].size() != expected.calls[call].size()) return "another number of results";
    for (size_t k = 0; k < expected.calls[call].size(); ++k) {
      const std::string found = DifferenceInBits(actual.calls[call][k], expected.calls[call][k]);
      if (!found.empty()) return PlaceName(expected, call, k) + ": " + found;
    }
  }
  return actual.calls.size() == expected.calls.size() ? "" : absl::StrCat("fails in call ", expected.calls.size(), " no more");
}

}  // namespace oriel::fuzz
