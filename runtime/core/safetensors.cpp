// File: safetensors.cpp
#include "oriel/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/core/file.h"
#include "runtime/core/hash.h"
#include "runtime/core/status.h"

namespace oriel {
namespace {

using Json = nlohmann::json;

// As the format's own reader bounds it.
constexpr uint64_t kMaxHeader = 100'000'000;
constexpr int kMaxRank = 64;
constexpr char kChecksum[] = "oriel.xxh3";

struct TypeName {
  DType dtype;
  const char* name;
};
constexpr TypeName kTypes[] = {{DType::f64, "F64"},  {DType::f32, "F32"}, {DType::f16, "F16"}, {DType::bf16, "BF16"},
                               {DType::i64, "I64"},  {DType::i32, "I32"}, {DType::i16, "I16"}, {DType::i8, "I8"},
                               {DType::u64, "U64"},  {DType::u32, "U32"}, {DType::u16, "U16"}, {DType::u8, "U8"},
                               {DType::boolean, "BOOL"}};

const char* NameOf(DType dtype) {
  for (const TypeName& type : kTypes) {
    if (type.dtype == dtype) return type.name;
  }
  return "?";
}
std::optional<DType> TypeOf(std::string_view name) {
  for (const TypeName& type : kTypes) {
    if (name == type.name) return type.dtype;
  }
  return std::nullopt;
}

// One tensor as the header states it.
struct Member {
  std::string name;
  DType dtype = DType::f32;
  Extents shape;
  uint64_t begin = 0, end = 0;  // in the data
};

// As their data lies in the file.
bool InOrder(const Member& a, const Member& b) {
  if (a.begin != b.begin) return a.begin < b.begin;
  return a.end != b.end ? a.end < b.end : a.name < b.name;
}

// What the checksum is over: the members in the order of their data, then it.
std::string Checksum(const std::vector<Member>& members, std::string_view data) {
  std::string described;
  for (const Member& m : members) {
    described += m.name + "\n" + NameOf(m.dtype) + "\n" + ToString(m.shape) + "\n" + std::to_string(m.begin) + "\n";
  }
  return HashBytes128(described + std::to_string(HashBytes64(data))).Hex();
}

// JSON has no other text: what is not comes out as U+FFFD.
bool IsUtf8(const std::string& name) {
  const std::string text = Json(name).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::ignore);
  return Json::parse(text, nullptr, /*allow_exceptions=*/false) == Json(name);
}

absl::Status Damaged(const std::string& what) { return absl::DataLossError(what); }

std::optional<uint64_t> AsSize(const Json& json) {
  if (json.is_number_unsigned()) return json.get<uint64_t>();
  return std::nullopt;
}

// A tensor's entry: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}.
absl::StatusOr<Member> ParseMember(const std::string& name, const Json& json, uint64_t data_bytes) {
  const auto damaged = [&](const std::string& what) { return Damaged("tensor \"" + name + "\": " + what); };
  if (!json.is_object()) return damaged("no object describes it");
  Member m;
  m.name = name;
  const auto dtype = json.find("dtype"), shape = json.find("shape"), offsets = json.find("data_offsets");
  if (dtype == json.end() || !dtype->is_string()) return damaged("no dtype");
  const std::string type = dtype->get<std::string>();
  const std::optional<DType> known = TypeOf(type);
  if (!known) return absl::InvalidArgumentError("tensor \"" + name + "\": dtype " + type.substr(0, 32) + " is not one of Oriel's");
  m.dtype = *known;
  if (shape == json.end() || !shape->is_array() || shape->size() > kMaxRank) return damaged("no shape");
  uint64_t bytes = SizeOf(m.dtype);
  bool empty = false;
  for (const Json& extent : *shape) {
    const std::optional<uint64_t> n = AsSize(extent);
    if (!n || *n > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return damaged("a bad extent");
    m.shape.push_back(static_cast<int64_t>(*n));
    empty = empty || *n == 0;
    if (*n != 0 && __builtin_mul_overflow(bytes, *n, &bytes)) return damaged("its shape is too large");
  }
  if (empty) bytes = 0;
  if (offsets == json.end() || !offsets->is_array() || offsets->size() != 2) return damaged("no data_offsets");
  const std::optional<uint64_t> begin = AsSize((*offsets)[0]), end = AsSize((*offsets)[1]);
  if (!begin || !end || *begin > *end) return damaged("bad data_offsets");
  if (*end > data_bytes) {
    return damaged("truncated: its data ends at byte " + std::to_string(*end) + " of " + std::to_string(data_bytes) + " present");
  }
  if (*end - *begin != bytes) {
    return damaged(std::to_string(*end - *begin) + " bytes of data, but shape " + ToString(m.shape) + " of " +
                   std::string(NumpyName(m.dtype)) + " takes " + std::to_string(bytes));
  }
  m.begin = *begin;
  m.end = *end;
  return m;
}

// Refuses names that occur twice: the parser would keep the last and say nothing.
class UniqueKeys {
 public:
  bool operator()(int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      if (++depth_ > 8) deep_ = true;
      levels_.emplace_back();
    } else if (event == Json::parse_event_t::object_end || event == Json::parse_event_t::array_end) {
      if (depth_ > 0) --depth_;
      if (!levels_.empty()) levels_.pop_back();
    } else if (event == Json::parse_event_t::key && !levels_.empty()) {
      const std::string key = parsed.get<std::string>();
      if (!levels_.back().insert(key).second && twice_.empty()) twice_ = key;
    }
    return true;
  }
  const std::string& twice() const { return twice_; }
  bool deep() const { return deep_; }

 private:
  std::vector<std::set<std::string>> levels_;
  std::string twice_;
  int depth_ = 0;
  bool deep_ = false;
};

absl::StatusOr<std::map<std::string, Tensor>> Parse(std::string_view bytes) {
  if (bytes.size() < 8) return Damaged("truncated: " + std::to_string(bytes.size()) + " bytes are no .safetensors file");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes == 0 || (bytes.size() > 8 && bytes[8] != '{')) {
    return absl::InvalidArgumentError("not a .safetensors file: no header");
  }
  if (header_bytes > kMaxHeader) {
    return absl::InvalidArgumentError("not a .safetensors file: a header of " + std::to_string(header_bytes) +
                                      " bytes in a file of " + std::to_string(bytes.size()));
  }
  if (header_bytes > bytes.size() - 8) {
    return Damaged("truncated in its header of " + std::to_string(header_bytes) + " bytes: the file has " +
                   std::to_string(bytes.size()));
  }
  const std::string_view header = bytes.substr(8, header_bytes), data = bytes.substr(8 + header_bytes);
  // The bound on nesting comes before the parser, which would recurse.
  int depth = 0, deepest = 0;
  for (char c : header) {
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if (c == '}' || c == ']') --depth;
  }
  if (deepest > 1000) return Damaged("the header nests too deeply");
  UniqueKeys unique;
  const auto callback = [&](int level, Json::parse_event_t event, Json& parsed) { return unique(level, event, parsed); };
  const Json json = Json::parse(header.begin(), header.end(), callback, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return Damaged("the header is no JSON object");
  if (!unique.twice().empty()) return Damaged("\"" + unique.twice().substr(0, 64) + "\" occurs twice");
  std::string checksum;
  std::vector<Member> members;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) return Damaged("__metadata__ is no object");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) return Damaged("__metadata__ holds what is no string");
        if (key == kChecksum) checksum = value.get<std::string>();
      }
      continue;
    }
    ORIEL_ASSIGN_OR_RETURN(Member member, ParseMember(name, entry, data.size()));
    members.push_back(std::move(member));
  }
  std::sort(members.begin(), members.end(), InOrder);
  uint64_t at = 0;
  for (const Member& m : members) {
    if (m.begin != at) return Damaged("tensor \"" + m.name + "\": its data begins at byte " + std::to_string(m.begin) + ", required " + std::to_string(at));
    at = m.end;
  }
  if (at != data.size()) return Damaged("trailing data: " + std::to_string(data.size()) + " bytes, the tensors take " + std::to_string(at));
  if (!checksum.empty() && checksum != Checksum(members, data)) {
    return Damaged("altered: the checksum of names, types and data is not the file's");
  }
  std::map<std::string, Tensor> tensors;
  for (const Member& m : members) {
    ORIEL_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Empty(m.shape, m.dtype));
    if (tensor.bytes() > 0) std::memcpy(tensor.raw(), data.data() + m.begin, tensor.bytes());
    if (IsBool(m.dtype)) {  // other values than 0 and 1 are undefined in kernels
      uint8_t* flags = static_cast<uint8_t*>(tensor.raw());
      for (size_t i = 0; i < tensor.bytes(); ++i) flags[i] = flags[i] != 0;
    }
    tensors.emplace(m.name, std::move(tensor));
  }
  return tensors;
}

}  // namespace

absl::StatusOr<std::map<std::string, Tensor>> ParseSafetensors(std::string_view bytes, std::string_view name) {
  absl::StatusOr<std::map<std::string, Tensor>> tensors = Parse(bytes);
  if (!tensors.ok()) return Prefixed(tensors.status(), name);
  return tensors;
}

absl::StatusOr<std::map<std::string, Tensor>> LoadSafetensors(const std::string& path) {
  ORIEL_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path));
  return ParseSafetensors(bytes, path);
}

absl::StatusOr<std::string> FormatSafetensors(const std::map<std::string, Tensor>& tensors) {
  std::vector<Member> members;
  std::string data;
  // Wider elements first: every tensor begins at a multiple of its element.
  std::vector<const std::pair<const std::string, Tensor>*> order;
  for (const auto& entry : tensors) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) {
    const size_t left = SizeOf(a->second.dtype()), right = SizeOf(b->second.dtype());
    return left != right ? left > right : a->first < b->first;
  });
  for (const auto* entry : order) {
    const auto& [name, tensor] = *entry;
    if (name == "__metadata__") return absl::InvalidArgumentError("a tensor cannot be named __metadata__");
    if (!IsUtf8(name)) return absl::InvalidArgumentError("the name of a tensor is not UTF-8");
    const Tensor t = tensor.Contiguous();
    if (t.size() != tensor.size()) return absl::ResourceExhaustedError("no memory for a contiguous copy of \"" + name + "\"");
    Member m{name, t.dtype(), t.shape(), data.size(), data.size() + t.bytes()};
    data.append(static_cast<const char*>(t.raw()), t.bytes());
    members.push_back(std::move(m));
  }
  std::sort(members.begin(), members.end(), InOrder);
  Json json = Json::object();
  json["__metadata__"] = {{kChecksum, Checksum(members, data)}};
  for (const Member& m : members) {
    json[m.name] = {{"dtype", NameOf(m.dtype)}, {"shape", m.shape}, {"data_offsets", {m.begin, m.end}}};
  }
  std::string header = json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t size = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &size, 8);
  return out + header + data;
}

absl::Status SaveSafetensors(const std::string& path, const std::map<std::string, Tensor>& tensors) {
  const absl::StatusOr<std::string> bytes = FormatSafetensors(tensors);
  if (!bytes.ok()) return Prefixed(bytes.status(), path);
  return WriteFileAtomically(path, *bytes);
}

}  // namespace oriel
