// File: report_text.h
//
// Numbers and JSON as the reports print them.
#ifndef ORIEL_ENGINE_REPORT_TEXT_H_
#define ORIEL_ENGINE_REPORT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oriel {

// printf into a string.
std::string Format(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Writes JSON with correct escapes; commas and colons come by themselves.
class JsonWriter {
 public:
  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view key);
  JsonWriter& String(std::string_view value);
  JsonWriter& Int(int64_t value);
  JsonWriter& Number(double value);  // null when it is not finite
  JsonWriter& Bool(bool value);
  JsonWriter& Ints(const std::vector<int64_t>& values);
  std::string Take() { return std::move(out_); }

 private:
  void Separate();
  void Quote(std::string_view text);
  std::string out_;
  std::vector<bool> has_items_;
  bool after_key_ = false;
};

}  // namespace oriel

#endif  // ORIEL_ENGINE_REPORT_TEXT_H_
