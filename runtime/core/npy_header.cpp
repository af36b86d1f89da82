// File: npy_header.cpp
#include "runtime/core/npy_header.h"

#include <charconv>
#include <optional>

#include "runtime/core/status.h"
#include "runtime/core/walk.h"

namespace oriel {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);

absl::Status Damaged(std::string_view why) { return absl::DataLossError("malformed .npy header: " + std::string(why)); }

// Bytes of a file, safe to show in a message.
std::string Quoted(std::string_view s) {
  std::string out = "'";
  for (char c : s.substr(0, 40)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (s.size() > 40 ? "...'" : "'");
}

// '<f4' and its like.
absl::Status SetDtype(std::string_view descr, NpyHeader* header) {
  const absl::Status unsupported = absl::InvalidArgumentError(
      "data type " + Quoted(descr) + " is not supported, expected bool, a signed or unsigned integer of 8 to 64 "
      "bits or a float of 16 to 64 bits");
  if (descr.size() < 2) return unsupported;
  const char order = descr[0];
  if (order != '<' && order != '>' && order != '|' && order != '=') return unsupported;
  if (descr[1] == 'O') {
    return absl::InvalidArgumentError("holds pickled Python objects, which are never loaded");
  }
  const std::string_view code = descr.substr(1);
  static constexpr struct {
    std::string_view code;
    DType dtype;
  } kCodes[] = {{"f8", DType::f64}, {"f4", DType::f32}, {"f2", DType::f16}, {"i1", DType::i8},
                {"i2", DType::i16}, {"i4", DType::i32}, {"i8", DType::i64}, {"u1", DType::u8},
                {"u2", DType::u16}, {"u4", DType::u32}, {"u8", DType::u64}, {"b1", DType::boolean}};
  for (const auto& entry : kCodes) {
    if (entry.code != code) continue;
    // '|' (no byte order) is for single bytes.
    if (order == '|' && SizeOf(entry.dtype) != 1) return unsupported;
    header->dtype = entry.dtype;
    header->big_endian = order == '>' && SizeOf(entry.dtype) > 1;
    return absl::OkStatus();
  }
  return unsupported;
}

// The dictionary literal, no more of Python than NumPy writes.
class DictParser {
 public:
  DictParser(std::string_view text, NpyHeader* header) : text_(text), header_(header) {}

  absl::Status Run() {
    bool has_descr = false, has_order = false, has_shape = false;
    if (!Take('{')) return Damaged("expected '{'");
    while (!Take('}')) {
      ORIEL_ASSIGN_OR_RETURN(const std::string_view key, String());
      if (!Take(':')) return Damaged("expected ':' after key " + Quoted(key));
      bool* seen = key == "descr" ? &has_descr : key == "fortran_order" ? &has_order : key == "shape" ? &has_shape : nullptr;
      if (seen == nullptr) return Damaged("unknown key " + Quoted(key));
      if (*seen) return Damaged("key " + Quoted(key) + " twice");
      *seen = true;
      if (seen == &has_descr) ORIEL_RETURN_IF_ERROR(Descr());
      if (seen == &has_order) ORIEL_RETURN_IF_ERROR(Bool());
      if (seen == &has_shape) ORIEL_RETURN_IF_ERROR(Shape());
      if (!Take(',') && Peek() != '}') return Damaged("expected ',' or '}' after key " + Quoted(key));
    }
    SkipSpace();
    if (at_ != text_.size()) return Damaged("text after the dictionary");
    if (!has_descr || !has_order || !has_shape) {
      return Damaged(std::string("key '") + (!has_descr ? "descr" : !has_order ? "fortran_order" : "shape") +
                     "' is missing");
    }
    return absl::OkStatus();
  }

 private:
  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  char Peek() {
    SkipSpace();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    SkipSpace();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  absl::StatusOr<std::string_view> String() {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return Damaged("expected a quoted string");
    const size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) return Damaged("a string does not end");
    const std::string_view s = text_.substr(at_, end - at_);
    if (s.find('\\') != std::string_view::npos) return Damaged("a string has an escape");
    at_ = end + 1;
    return s;
  }
  absl::Status Descr() {
    if (Peek() == '[') {
      return absl::InvalidArgumentError("holds a structured data type, expected numbers or booleans");
    }
    ORIEL_ASSIGN_OR_RETURN(const std::string_view descr, String());
    return SetDtype(descr, header_);
  }
  absl::Status Bool() {
    if (TakeWord("True")) {
      header_->fortran_order = true;
    } else if (!TakeWord("False")) {
      return Damaged("fortran_order is neither True nor False");
    }
    return absl::OkStatus();
  }
  absl::Status Shape() {
    if (!Take('(')) return Damaged("shape is not a tuple");
    bool comma = true;
    while (!Take(')')) {
      if (!comma) return Damaged("expected ',' or ')' in shape");
      int64_t extent = 0;
      SkipSpace();
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (error == std::errc::result_out_of_range) return Damaged("an extent exceeds 64 bits");
      if (error != std::errc()) return Damaged("expected an integer in shape");
      if (extent < 0) return Damaged("shape has the negative extent " + std::to_string(extent));
      at_ += static_cast<size_t>(end - begin);
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so
      header_->shape.push_back(extent);
      if (header_->shape.size() > static_cast<size_t>(kMaxRank)) {
        return absl::InvalidArgumentError("has more than " + std::to_string(kMaxRank) + " axes");
      }
      comma = Take(',');
    }
    if (header_->shape.size() == 1 && !comma) return Damaged("shape is not a tuple");
    return absl::OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
  NpyHeader* header_;
};

}  // namespace

absl::StatusOr<size_t> NpyHeaderSize(std::string_view prefix) {
  const std::string_view magic = prefix.substr(0, kMagic.size());
  if (magic != kMagic.substr(0, magic.size()) || magic.empty()) {
    if (prefix.empty()) return absl::DataLossError("the file is empty");
    return absl::InvalidArgumentError("not an .npy file: it does not start with \\x93NUMPY");
  }
  if (prefix.size() < 10) return absl::DataLossError("truncated: the header is cut off");
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(prefix[i])); };
  const size_t major = byte(6), minor = byte(7);
  if (major < 1 || major > 3 || minor != 0) {
    return absl::InvalidArgumentError(".npy format version " + std::to_string(major) + "." + std::to_string(minor) +
                                      ", expected 1.0, 2.0 or 3.0");
  }
  if (major > 1 && prefix.size() < 12) return absl::DataLossError("truncated: the header is cut off");
  const size_t fixed = major == 1 ? 10 : 12;
  size_t length = byte(8) | byte(9) << 8;
  if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > kMaxNpyHeaderBytes) {
    return absl::DataLossError("malformed .npy header: its length is " + std::to_string(length) + ", at most " +
                               std::to_string(kMaxNpyHeaderBytes) + " is read");
  }
  return fixed + length;
}

absl::StatusOr<NpyHeader> ParseNpyHeader(std::string_view header) {
  NpyHeader out;
  out.header_bytes = header.size();
  const size_t fixed = header[6] == 1 ? 10 : 12;
  ORIEL_RETURN_IF_ERROR(DictParser(header.substr(fixed), &out).Run());
  const absl::Status fits = CheckExtents(out.shape, out.dtype);
  if (!fits.ok()) return Damaged(ToStd(fits.message()));
  uint64_t bytes = SizeOf(out.dtype);
  for (int64_t extent : out.shape) bytes *= static_cast<uint64_t>(extent);
  out.data_bytes = bytes;
  return out;
}

absl::StatusOr<std::string> FormatNpyHeader(DType dtype, const Extents& shape) {
  if (dtype == DType::bf16) {
    return absl::InvalidArgumentError("bfloat16 has no .npy data type; cast to float32 first");
  }
  const char kind = IsFloat(dtype) ? 'f' : IsSigned(dtype) ? 'i' : IsUnsigned(dtype) ? 'u' : 'b';
  std::string text = std::string("{'descr': '") + (SizeOf(dtype) == 1 ? '|' : '<') + kind +
                     std::to_string(SizeOf(dtype)) + "', 'fortran_order': False, 'shape': " + ToString(shape) + ", }";
  // The data starts at a multiple of 64; the header ends in a newline.
  const bool wide = text.size() + 64 > 65535;
  const size_t fixed = wide ? 12 : 10;
  const size_t total = (fixed + text.size() + 1 + 63) / 64 * 64;
  text.append(total - fixed - text.size() - 1, ' ');
  text += '\n';
  std::string out(kMagic);
  out += wide ? '\2' : '\1';
  out += '\0';
  for (size_t i = 0; i < (wide ? 4u : 2u); ++i) out += static_cast<char>(text.size() >> (8 * i) & 255);
  return out + text;
}

}  // namespace oriel
