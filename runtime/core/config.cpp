// File: config.cpp
#include "oriel/config.h"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <optional>

#include "runtime/core/status.h"
#include "runtime/core/thread_setting.h"

namespace oriel {
namespace {

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

absl::Status Bad(std::string_view key, std::string_view value, std::string_view wanted) {
  return absl::InvalidArgumentError(std::string(key) + " is \"" + std::string(value) + "\", expected " +
                                    std::string(wanted));
}

absl::Status SetBool(bool* to, std::string_view key, std::string_view value) {
  if (value == "1" || value == "true" || value == "True" || value == "on") {
    *to = true;
  } else if (value == "0" || value == "false" || value == "False" || value == "off") {
    *to = false;
  } else {
    return Bad(key, value, "true or false");
  }
  return absl::OkStatus();
}

// The enumerator whose name is in its place.
template <typename Enum, size_t kCount>
absl::Status SetChoice(Enum* to, const std::string_view (&names)[kCount], std::string_view key, std::string_view value) {
  std::string accepted;
  for (size_t i = 0; i < kCount; ++i) {
    if (names[i] == value) {
      *to = static_cast<Enum>(i);
      return absl::OkStatus();
    }
    accepted += std::string(i == 0 ? "" : i + 1 == kCount ? " or " : ", ") + std::string(names[i]);
  }
  return Bad(key, value, accepted);
}

std::string BoolText(bool value) { return value ? "true" : "false"; }

constexpr std::string_view kCheckModes[] = {"off", "nan", "inf", "reference"};
constexpr std::string_view kVerbosities[] = {"low", "high"};
constexpr std::string_view kTestValueModes[] = {"off", "ignore", "warn", "raise"};

// One setting: how it is read from text and printed as such.
struct Setting {
  const char* key;
  absl::Status (*set)(Config* config, std::string_view key, std::string_view value);
  std::string (*text)(const Config& config);
};

constexpr Setting kSettings[] = {
    {"num_threads",
     [](Config* config, std::string_view key, std::string_view value) {
       int threads = 0;
       const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), threads);
       if (error != std::errc() || end != value.data() + value.size() || threads < 0 || threads > 4096) {
         return Bad(key, value, "an integer from 0 (all cores) to 4096");
       }
       config->num_threads = threads;
       return absl::OkStatus();
     },
     [](const Config& config) { return std::to_string(config.num_threads); }},
    {"memory_limit",
     [](Config* config, std::string_view key, std::string_view value) {
       const absl::StatusOr<uint64_t> bytes = Config::ParseBytes(value);
       if (!bytes.ok()) return Bad(key, value, "bytes such as 2GB or 512MiB");
       config->memory_limit = *bytes;
       return absl::OkStatus();
     },
     [](const Config& config) { return std::to_string(config.memory_limit); }},
    {"cache_dir",
     [](Config* config, std::string_view, std::string_view value) {
       config->cache_dir = std::string(value);
       return absl::OkStatus();
     },
     [](const Config& config) { return config.cache_dir; }},
    {"cache_limit",
     [](Config* config, std::string_view key, std::string_view value) {
       const absl::StatusOr<uint64_t> bytes = Config::ParseBytes(value);
       if (!bytes.ok()) return Bad(key, value, "bytes such as 1GB or 512MiB, 0 for no limit");
       config->cache_limit = *bytes;
       return absl::OkStatus();
     },
     [](const Config& config) { return std::to_string(config.cache_limit); }},
    {"profile",
     [](Config* config, std::string_view key, std::string_view value) { return SetBool(&config->profile, key, value); },
     [](const Config& config) { return BoolText(config.profile); }},
    {"profile_memory",
     [](Config* config, std::string_view key, std::string_view value) {
       return SetBool(&config->profile_memory, key, value);
     },
     [](const Config& config) { return BoolText(config.profile_memory); }},
    {"compute_test_value",
     [](Config* config, std::string_view key, std::string_view value) {
       return SetChoice(&config->compute_test_value, kTestValueModes, key, value);
     },
     [](const Config& config) { return std::string(kTestValueModes[static_cast<size_t>(config.compute_test_value)]); }},
    {"check",
     [](Config* config, std::string_view key, std::string_view value) {
       return SetChoice(&config->check, kCheckModes, key, value);
     },
     [](const Config& config) { return std::string(kCheckModes[static_cast<size_t>(config.check)]); }},
    {"exception_verbosity",
     [](Config* config, std::string_view key, std::string_view value) {
       return SetChoice(&config->exception_verbosity, kVerbosities, key, value);
     },
     [](const Config& config) { return std::string(kVerbosities[static_cast<size_t>(config.exception_verbosity)]); }},
    {"floatX",
     [](Config* config, std::string_view key, std::string_view value) {
       const std::optional<DType> dtype = ParseDType(value);
       if (!dtype || !IsFloat(*dtype)) return Bad(key, value, "float64, float32, float16 or bfloat16");
       config->floatX = *dtype;
       return absl::OkStatus();
     },
     [](const Config& config) { return std::string(NumpyName(config.floatX)); }},
    {"strict_dtypes",
     [](Config* config, std::string_view key, std::string_view value) {
       return SetBool(&config->strict_dtypes, key, value);
     },
     [](const Config& config) { return BoolText(config.strict_dtypes); }},
    {"cast_inputs",
     [](Config* config, std::string_view key, std::string_view value) {
       return SetBool(&config->cast_inputs, key, value);
     },
     [](const Config& config) { return BoolText(config.cast_inputs); }},
    {"device",
     [](Config* config, std::string_view key, std::string_view value) {
       if (value != "cpu") return Bad(key, value, "\"cpu\"");
       config->device = std::string(value);
       return absl::OkStatus();
     },
     [](const Config& config) { return config.device; }},
};

absl::StatusOr<const Setting*> FindSetting(std::string_view key) {
  std::string known;
  for (const Setting& setting : kSettings) {
    if (key == setting.key) return &setting;
    known += (known.empty() ? "" : ", ") + std::string(setting.key);
  }
  return absl::InvalidArgumentError("unknown key \"" + std::string(key) + "\", expected one of " + known);
}

absl::Status SetOne(Config* config, std::string_view key, std::string_view value) {
  ORIEL_ASSIGN_OR_RETURN(const Setting* setting, FindSetting(key));
  return setting->set(config, key, value);
}

// The process's settings: those of the environment, then what Set() changed.
struct Settings {
  mutable std::mutex mutex;
  Config config;
  absl::Status status;  // what was wrong with the environment's
  std::atomic<TestValueMode> test_value_mode{TestValueMode::kOff};
  std::atomic<uint64_t> memory_limit{0};
  std::atomic<int> num_threads{0};
  std::atomic<bool> strict_dtypes{false}, short_errors{false};
  Settings() {
    if (const char* flags = std::getenv("ORIEL_FLAGS")) {
      Config parsed;
      status = parsed.Parse(flags);
      if (status.ok()) Take(parsed);
    }
  }
  void Take(const Config& changed) {
    config = changed;
    test_value_mode.store(config.compute_test_value, std::memory_order_relaxed);
    memory_limit.store(config.memory_limit, std::memory_order_relaxed);
    num_threads.store(config.num_threads, std::memory_order_relaxed);
    strict_dtypes.store(config.strict_dtypes, std::memory_order_relaxed);
    short_errors.store(config.exception_verbosity == ExceptionVerbosity::kLow, std::memory_order_relaxed);
  }
};
Settings& TheSettings() {
  static Settings* settings = new Settings;  // never destroyed: used at exit
  return *settings;
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
    absl::Status status = SetOne(&parsed, Trim(item.substr(0, equals)), Trim(item.substr(equals + 1)));
    if (!status.ok()) return Prefixed(status, "ORIEL_FLAGS");
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

Config Config::Get() {
  const Settings& settings = TheSettings();
  std::lock_guard<std::mutex> lock(settings.mutex);
  return settings.config;
}

const absl::Status& Config::flags_status() { return TheSettings().status; }

absl::Status Config::Set(std::string_view key, std::string_view value) {
  Settings& settings = TheSettings();
  std::lock_guard<std::mutex> lock(settings.mutex);
  Config changed = settings.config;
  ORIEL_RETURN_IF_ERROR(SetOne(&changed, Trim(key), Trim(value)));
  settings.Take(changed);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Config::Text(std::string_view key) {
  ORIEL_ASSIGN_OR_RETURN(const Setting* setting, FindSetting(key));
  return setting->text(Get());
}

std::vector<std::string> Config::Keys() {
  std::vector<std::string> keys;
  for (const Setting& setting : kSettings) keys.push_back(setting.key);
  return keys;
}

TestValueMode Config::test_value_mode() { return TheSettings().test_value_mode.load(std::memory_order_relaxed); }
uint64_t Config::current_memory_limit() { return TheSettings().memory_limit.load(std::memory_order_relaxed); }
int CurrentNumThreads() { return TheSettings().num_threads.load(std::memory_order_relaxed); }
bool Config::dtypes_are_strict() { return TheSettings().strict_dtypes.load(std::memory_order_relaxed); }
bool Config::errors_are_short() { return TheSettings().short_errors.load(std::memory_order_relaxed); }

}  // namespace oriel
