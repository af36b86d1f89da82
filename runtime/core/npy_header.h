// File: npy_header.h
//
// The header of an .npy file, apart from where its bytes come from.
#ifndef ORIEL_CORE_NPY_HEADER_H_
#define ORIEL_CORE_NPY_HEADER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "oriel/tensor.h"

namespace oriel {

struct NpyHeader {
  DType dtype = DType::f32;
  bool big_endian = false;
  bool fortran_order = false;
  Extents shape;
  size_t header_bytes = 0;   // where the data starts
  uint64_t data_bytes = 0;
};

// Bytes enough to learn a header's length.
inline constexpr size_t kNpyPrefixBytes = 12;
// NumPy itself refuses to evaluate headers over 10,000 characters.
inline constexpr size_t kMaxNpyHeaderBytes = 65536;

// The length of the whole header given at least kNpyPrefixBytes of the file
// (or all of it when it is shorter).
absl::StatusOr<size_t> NpyHeaderSize(std::string_view prefix);
// `header` holds exactly that many bytes.
absl::StatusOr<NpyHeader> ParseNpyHeader(std::string_view header);
// Magic, version, dictionary and padding for a C-ordered array.
absl::StatusOr<std::string> FormatNpyHeader(DType dtype, const Extents& shape);

}  // namespace oriel

#endif  // ORIEL_CORE_NPY_HEADER_H_
