#include "runtime/graph/mlir_syntax.h"

#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "runtime/core/float16.h"

namespace oriel::graph {
namespace {

// More elements than this are a resource: MLIR uniques and hashes dense ones.
constexpr int64_t kMaxDenseElements = 64;

void AppendHexByte(uint8_t byte, std::string* out) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  out->push_back(kDigits[byte >> 4]);
  out->push_back(kDigits[byte & 15]);
}

// A float as MLIR reads it back to the bit: the shortest decimal (which MLIR
// reads as a double and then narrows by `narrow`), or its bits.
template <typename Bits, typename Narrow>
std::string FloatText(double value, Bits bits, int digits, Narrow&& narrow) {
  char buffer[64];
  if (!std::isfinite(value)) {
    std::string text = "0x";
    for (size_t i = sizeof(Bits); i-- > 0;) AppendHexByte(static_cast<uint8_t>(bits >> (8 * i)), &text);
    return text;
  }
  std::snprintf(buffer, sizeof buffer, "%.*e", digits - 1, value);
  // Shorten what reads back the same in fewer digits.
  for (int shorter = 1; shorter < digits; ++shorter) {
    char candidate[64];
    std::snprintf(candidate, sizeof candidate, "%.*e", shorter - 1, value);
    if (narrow(std::strtod(candidate, nullptr)) == value) {
      std::memcpy(buffer, candidate, sizeof buffer);
      break;
    }
  }
  std::string text = buffer;
  // "5e-01" lacks the point that MLIR's floats need.
  if (text.find('.') == std::string::npos) text.insert(text.find('e'), ".0");
  return text;
}

std::string ElementText(DType dtype, const char* at) {
  auto read = [&]<typename T>(T value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  switch (dtype) {
    case DType::f64:
      return FloatText(read(double{}), read(uint64_t{}), 17, [](double d) { return d; });
    case DType::f32:
      return FloatText(read(float{}), read(uint32_t{}), 9, [](double d) { return static_cast<float>(d); });
    case DType::f16:
      return FloatText(HalfToFloat(read(uint16_t{})), read(uint16_t{}), 9,
                       [](double d) { return HalfToFloat(DoubleToHalf(d)); });
    case DType::bf16:
      return FloatText(BfloatToFloat(read(uint16_t{})), read(uint16_t{}), 9,
                       [](double d) { return BfloatToFloat(DoubleToBfloat(d)); });
    case DType::i8:
      return std::to_string(read(int8_t{}));
    case DType::i16:
      return std::to_string(read(int16_t{}));
    case DType::i32:
      return std::to_string(read(int32_t{}));
    case DType::i64:
      return std::to_string(read(int64_t{}));
    case DType::u8:
      return std::to_string(read(uint8_t{}));
    case DType::u16:
      return std::to_string(read(uint16_t{}));
    case DType::u32:
      return std::to_string(read(uint32_t{}));
    case DType::u64:
      return std::to_string(read(uint64_t{}));
    case DType::boolean:
      break;
  }
  return *at != 0 ? "true" : "false";
}

// Nested brackets by axis; `at` moves over the elements.
std::string Nested(const Tensor& value, size_t axis, const char** at) {
  if (axis == value.shape().size()) {
    std::string text = ElementText(value.dtype(), *at);
    *at += SizeOf(value.dtype());
    return text;
  }
  std::string text = "[";
  for (int64_t i = 0; i < value.shape()[axis]; ++i) {
    if (i > 0) text += ", ";
    text += Nested(value, axis + 1, at);
  }
  return text + "]";
}

}  // namespace

std::string MlirType(const TensorType& type) {
  std::string text = "tensor<";
  for (const Dim& dim : type.shape) text += (dim.is_static() ? std::to_string(dim.value()) : "?") + "x";
  return text + std::string(MlirName(type.dtype)) + ">";
}

std::string MlirDims(const Dims& dims) {
  std::string text = "<";
  for (size_t i = 0; i < dims.size(); ++i) {
    const std::string dim = dims[i].ToString();
    const bool plain = dims[i].is_static() || IsMlirIdentifier(dim);
    text += (i > 0 ? ", " : "") + (plain ? dim : MlirString(dim));
  }
  return text + ">";
}

std::string MlirInts(const std::vector<int64_t>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

std::string MlirString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || !std::isprint(static_cast<unsigned char>(c))) {
      quoted.push_back('\\');
      AppendHexByte(static_cast<uint8_t>(c), &quoted);
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

bool IsMlirIdentifier(std::string_view name) {
  if (name.empty() || !(std::isalpha(static_cast<unsigned char>(name[0])) || name[0] == '_')) return false;
  for (const char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

std::string MlirSymbol(std::string_view name) {
  return "@" + (IsMlirIdentifier(name) ? std::string(name) : MlirString(name));
}

std::string MlirElements(const Tensor& value, std::vector<MlirResource>* resources) {
  const Tensor tensor = value.Contiguous();
  const size_t size = SizeOf(tensor.dtype());
  const char* data = static_cast<const char*>(tensor.raw());
  if (tensor.size() == 0) return "dense<>";
  bool splat = true;
  for (size_t i = size; splat && i < tensor.bytes(); i += size) splat = std::memcmp(data, data + i, size) == 0;
  if (splat) return "dense<" + ElementText(tensor.dtype(), data) + ">";
  if (tensor.size() <= kMaxDenseElements) return "dense<" + Nested(tensor, 0, &data) + ">";
  // The blob starts with its alignment as four little-endian bytes.
  std::string blob = "0x40000000";
  blob.reserve(blob.size() + 2 * tensor.bytes());
  for (size_t i = 0; i < tensor.bytes(); ++i) AppendHexByte(static_cast<uint8_t>(data[i]), &blob);
  std::string name = "constant_" + std::to_string(resources->size());
  resources->push_back({name, std::move(blob)});
  return "dense_resource<" + name + ">";
}

std::string MlirResourceSection(const std::vector<MlirResource>& resources) {
  if (resources.empty()) return "";
  std::string text = "\n{-#\n  dialect_resources: {\n    builtin: {\n";
  for (size_t i = 0; i < resources.size(); ++i) {
    text += "      " + resources[i].name + ": \"" + resources[i].blob + "\"" +
            (i + 1 < resources.size() ? ",\n" : "\n");
  }
  return text + "    }\n  }\n#-}\n";
}

}  // namespace oriel::graph
