// File: location.h
//
// Location: the source line of a caller, as reports show it. A function takes
// `Location at = Location::current()` as its last parameter and gets the line
// of the call; other languages' bindings pass their own caller's.
#ifndef ORIEL_LOCATION_H_
#define ORIEL_LOCATION_H_

#include <cstdint>

namespace oriel {

class Location {
 public:
  // `file` must outlive the call it is passed to; nodes copy it.
  constexpr Location(const char* file, uint32_t line) : file_(file), line_(line) {}

  // Of the caller, also as a default argument. The built-ins and not
  // std::source_location, which no other language can make.
  static constexpr Location current(const char* file = __builtin_FILE(), uint32_t line = __builtin_LINE()) {
    return Location(file, line);
  }

  constexpr const char* file_name() const { return file_; }
  constexpr uint32_t line() const { return line_; }  // 1-based, 0: unknown

 private:
  const char* file_;
  uint32_t line_;
};

}  // namespace oriel

#endif  // ORIEL_LOCATION_H_
