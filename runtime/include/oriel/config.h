// File: config.h
//
// Config: process-wide settings, read once from ORIEL_FLAGS="key=value,..." at
// first use (unknown keys and bad values are an error at that point).
#ifndef ORIEL_CONFIG_H_
#define ORIEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oriel {

struct Config {
  int num_threads = 0;          // 0: the cores available to the process
  uint64_t memory_limit = 0;    // bytes; 0: from the control group or machine
  std::string cache_dir;        // "": the user's cache folder; "none": off
  bool profile = false;         // summary of all functions at exit, to stderr
  std::string device = "cpu";   // only "cpu" exists so far

  // Parses ORIEL_FLAGS syntax over *this; InvalidArgument names the key.
  absl::Status Parse(std::string_view flags);
  // "2GB", "512MiB", "1000": decimal k M G, binary KiB MiB GiB, optional B.
  static absl::StatusOr<uint64_t> ParseBytes(std::string_view text);
  // The process's settings; a malformed ORIEL_FLAGS is kept in flags_status().
  static const Config& Get();
  static const absl::Status& flags_status();
};

}  // namespace oriel

#endif  // ORIEL_CONFIG_H_
