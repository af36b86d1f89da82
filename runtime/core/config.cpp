// File: config.cpp
#include "oriel/config.h"

#include <charconv>
#include <cstdlib>
#include <limits>

#include "runtime/core/status.h"

namespace oriel {
namespace {

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

absl::Status Bad(std::string_view key, std::string_view value, std::string_view wanted) {
  return absl::InvalidArgumentError("ORIEL_FLAGS: " + std::string(key) + " is \"" + std::string(value) +
                                    "\", expected " + std::string(wanted));
}

absl::Status SetOne(Config* config, std::string_view key, std::string_view value) {
  if (key == "num_threads") {
    int threads = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), threads);
    if (error != std::errc() || end != value.data() + value.size() || threads < 0 || threads > 4096) {
      return Bad(key, value, "an integer from 0 (all cores) to 4096");
    }
    config->num_threads = threads;
  } else if (key == "memory_limit") {
    const absl::StatusOr<uint64_t> bytes = Config::ParseBytes(value);
    if (!bytes.ok()) return Bad(key, value, "bytes such as 2GB or 512MiB");
    config->memory_limit = *bytes;
  } else if (key == "cache_dir") {
    config->cache_dir = std::string(value);
  } else if (key == "profile") {
    if (value == "1" || value == "true" || value == "True" || value == "on") {
      config->profile = true;
    } else if (value == "0" || value == "false" || value == "False" || value == "off") {
      config->profile = false;
    } else {
      return Bad(key, value, "true or false");
    }
  } else if (key == "device") {
    if (value != "cpu") return Bad(key, value, "\"cpu\"");
    config->device = std::string(value);
  } else {
    return absl::InvalidArgumentError("ORIEL_FLAGS: unknown key \"" + std::string(key) +
                                      "\", expected num_threads, memory_limit, cache_dir, profile or device");
  }
  return absl::OkStatus();
}

// Settings from the environment, and what was wrong with them.
struct Environment {
  Config config;
  absl::Status status;
  Environment() {
    if (const char* flags = std::getenv("ORIEL_FLAGS")) {
      Config parsed;
      status = parsed.Parse(flags);
      if (status.ok()) config = parsed;
    }
  }
};
const Environment& TheEnvironment() {
  static const Environment* environment = new Environment;  // never destroyed: used at exit
  return *environment;
}

}  // namespace

absl::Status Config::Parse(std::string_view flags) {
  Config parsed = *this;  // nothing changes when any flag is wrong
  while (!flags.empty()) {
    const size_t comma = flags.find(',');
    const std::string_view item = Trim(flags.substr(0, comma));
    flags = comma == std::string_view::npos ? std::string_view() : flags.substr(comma + 1);
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      return absl::InvalidArgumentError("ORIEL_FLAGS: \"" + std::string(item) + "\", expected key=value");
    }
    ORIEL_RETURN_IF_ERROR(SetOne(&parsed, Trim(item.substr(0, equals)), Trim(item.substr(equals + 1))));
  }
  *this = std::move(parsed);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Config::ParseBytes(std::string_view text) {
  const std::string_view all = Trim(text);
  const auto bad = [&] {
    return absl::InvalidArgumentError("\"" + std::string(all) +
                                      "\" is no size in bytes: expected a number with an optional k, M, G, T "
                                      "(decimal) or Ki, Mi, Gi, Ti (binary) and an optional B");
  };
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), number);
  if (error != std::errc()) return bad();
  std::string_view unit = Trim(all.substr(static_cast<size_t>(end - all.data())));
  if (!unit.empty() && unit.back() == 'B') unit.remove_suffix(1);
  uint64_t scale = 1;
  if (!unit.empty()) {
    const size_t power = std::string_view("kMGT").find(unit[0] == 'K' ? 'k' : unit[0]);
    if (power == std::string_view::npos) return bad();
    const bool binary = unit.size() == 2 && unit[1] == 'i';
    if (unit.size() != 1 && !binary) return bad();
    for (size_t i = 0; i <= power; ++i) scale *= binary ? 1024 : 1000;
  }
  if (number > std::numeric_limits<uint64_t>::max() / scale) return bad();
  return number * scale;
}

const Config& Config::Get() { return TheEnvironment().config; }
const absl::Status& Config::flags_status() { return TheEnvironment().status; }

}  // namespace oriel
