// File: config.h
//
// Config: process-wide settings, read once from ORIEL_FLAGS="key=value,..." at
// first use (unknown keys and bad values are an error at that point), and
// changed by a running program:
//
//   absl::Status s = Config::Set("compute_test_value", "warn");
//
// What is compiled or called after a change sees it; what runs does not.
// Thread-safety: Get, Set and Text may be called from any thread.
#ifndef ORIEL_CONFIG_H_
#define ORIEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "oriel/dtype.h"

namespace oriel {

// What building an expression does with test values (oriel/test_value.h).
enum class TestValueMode : uint8_t { kOff, kIgnore, kWarn, kRaise };

// What a function compiled to look at every value does (docs/taps.md).
enum class CheckMode : uint8_t { kOff, kNan, kInf, kReference };

// How much an error of a call says: kLow ends with the node and its line; kHigh
// goes on with operands, clients, the node's tree and the storage map.
enum class ExceptionVerbosity : uint8_t { kLow, kHigh };

struct Config {
  int num_threads = 0;          // 0: the cores available to the process
  uint64_t memory_limit = 0;    // bytes; 0: from the control group or machine
  std::string cache_dir;        // "": the user's cache folder; "none": off
  uint64_t cache_limit = 1'000'000'000;  // bytes its entries may take; 0: any number
  bool profile = false;         // summary of all functions at exit, to stderr
  bool profile_memory = false;  // their memory reports with it
  TestValueMode compute_test_value = TestValueMode::kOff;  // off, ignore, warn, raise
  CheckMode check = CheckMode::kOff;  // off, nan, inf, reference: of what is compiled
  ExceptionVerbosity exception_verbosity = ExceptionVerbosity::kHigh;  // low, high
  DType floatX = DType::f64;    // the dtype of inputs made without one (Python)
  // Operands of two dtypes are refused (at the line, a dtype error) instead of
  // promoted; scalars that would change a tensor's dtype too.
  bool strict_dtypes = false;
  bool cast_inputs = true;      // calls cast arguments where nothing is lost (Python)
  std::string device = "cpu";   // only "cpu" exists so far

  // Parses ORIEL_FLAGS syntax over *this; InvalidArgument names the key.
  absl::Status Parse(std::string_view flags);
  // "2GB", "512MiB", "1000": decimal k M G, binary KiB MiB GiB, optional B.
  static absl::StatusOr<uint64_t> ParseBytes(std::string_view text);
  // The process's settings as they are now; a malformed ORIEL_FLAGS is kept in
  // flags_status().
  static Config Get();
  static const absl::Status& flags_status();
  // Changes one setting of the process. InvalidArgument names the key and what
  // it accepts; nothing is changed then.
  static absl::Status Set(std::string_view key, std::string_view value);
  // A setting of the process as Set() takes it. InvalidArgument: no such key.
  static absl::StatusOr<std::string> Text(std::string_view key);
  static std::vector<std::string> Keys();
  // These without a lock or a copy, for code that asks often.
  static TestValueMode test_value_mode();
  static uint64_t current_memory_limit();  // 0: not set
  static bool dtypes_are_strict();
  static bool errors_are_short();  // exception_verbosity is low
};

}  // namespace oriel

#endif  // ORIEL_CONFIG_H_
