#include "tools/oriel-run/arguments.h"

#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "oriel/config.h"

namespace oriel::run {

const char kHelp[] =
    R"(oriel-run: compiles a graph and runs it.

usage: oriel-run FILE [options]

FILE is MLIR text in the oriel dialect ("-" reads standard input) or a program
file written by --export. A program file is code: run only what you trust.

Values:
  --input NAME=FILE.npy        the input NAME from a NumPy file
  --input NAME=random:DTYPE:SHAPE[:seed=N][:below=N]
                               generated: normal numbers, or integers in
                               [0, below) (100); SHAPE is 128x64 or scalar
  --state NAME=FILE.npy        what the state NAME holds before the first run
  --output NAME=FILE.npy       writes the output NAME, or the state's last value
  --print                      prints every output

Running:
  --repeat N                   runs N times; states carry over (default 1)
  --threads N                  uses N threads (default: all cores)
  --memory-limit SIZE          2GB, 512MiB: what a call and its states may hold
  --guard-buffers              every buffer apart between guard pages, and the
                               bytes in use counted against the plan (slow)
  --watch NAME                 prints the value of the node NAME each time it is
                               computed; may be given several times
  --check nan|inf|reference    fails at the first node that makes a NaN (also an
                               infinity), or not what the reference kernels do
  --compile-only               compiles and stops

Compiling:
  --name NAME                  the program's name in reports
  --no-fusion                  one kernel per node: the same bits, slower
  --cache-dir DIR              where compiled code is kept; none: nowhere
  --export FILE                writes the compiled program

Reports, to standard output:
  --profile[=FILE.json]        time per function, class, op and node
  --memory                     planned peak and buffers
  --compile-report[=FILE.json] what compiling cost: by phase, pass, kernel, node
  --plan                       the steps, their kernels and nodes

Exit code: 0 done, 1 the run failed, 2 bad usage.

example:
  oriel-run step.mlir --input x=random:f32:128x64:seed=7 --input t=t.npy \
      --repeat 10 --output cost=cost.npy --output W=W.npy --profile
)";

namespace {

absl::Status Bad(const std::string& why) {
  return absl::InvalidArgumentError(why);
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

absl::Status ParseNamed(const std::string& option, const std::string& text,
                        const char* what, std::vector<NamedText>* list) {
  size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
    return Bad(absl::StrCat(option, " '", text, "': expected NAME=", what));
  }
  std::string name = text.substr(0, equals);
  for (const NamedText& given : *list) {
    if (given.first == name)
      return Bad(
          absl::StrCat(option, " '", name, "' is given twice, expected once"));
  }
  list->emplace_back(std::move(name), text.substr(equals + 1));
  return absl::OkStatus();
}

absl::Status ParseInt(const std::string& option, const std::string& text,
                      int least, int* to) {
  std::optional<int> value = ParseNumber<int>(text);
  if (!value || *value < least) {
    return Bad(absl::StrCat(option, " '", text,
                            "': expected an integer of at least ", least));
  }
  *to = *value;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Arguments> ParseArguments(
    const std::vector<std::string>& words) {
  Arguments out;
  // Options without a value, with one, and with one that may be left out.
  const std::map<std::string, std::function<void()>> switches = {
      {"--help", [&] { out.help = true; }},
      {"-h", [&] { out.help = true; }},
      {"--print", [&] { out.print = true; }},
      {"--memory", [&] { out.memory = true; }},
      {"--plan", [&] { out.plan = true; }},
      {"--compile-only", [&] { out.compile_only = true; }},
      {"--no-fusion", [&] { out.options.fusion = false; }},
      {"--guard-buffers", [&] { out.options.guard_buffers = true; }},
      {"--profile", [&] { out.profile = true; }},
      {"--compile-report", [&] { out.compile_report = true; }},
  };
  using Setter = std::function<absl::Status(const std::string& option,
                                            const std::string& value)>;
  auto text = [](std::string* to) {
    return [to](const std::string&, const std::string& value) {
      *to = value;
      return absl::OkStatus();
    };
  };
  const std::map<std::string, Setter> values = {
      {"--input",
       [&](auto& o, auto& v) {
         return ParseNamed(o, v, "FILE.npy or NAME=random:DTYPE:SHAPE",
                           &out.inputs);
       }},
      {"--state",
       [&](auto& o, auto& v) {
         return ParseNamed(o, v, "FILE.npy", &out.states);
       }},
      {"--output",
       [&](auto& o, auto& v) {
         return ParseNamed(o, v, "FILE.npy", &out.outputs);
       }},
      {"--repeat",
       [&](auto& o, auto& v) { return ParseInt(o, v, 1, &out.repeat); }},
      {"--threads",
       [&](auto& o, auto& v) {
         return ParseInt(o, v, 1, &out.options.num_threads);
       }},
      {"--name", text(&out.options.name)},
      {"--cache-dir", text(&out.options.cache_dir)},
      {"--export", text(&out.export_to)},
      {"--watch",
       [&](auto&, auto& v) {
         out.watch.push_back(v);
         return absl::OkStatus();
       }},
      {"--check",
       [&](auto& o, auto& v) {
         Config config;
         if (absl::Status status = config.Parse("check=" + v); !status.ok())
           return Bad(absl::StrCat(o, " '", v,
                                   "': expected off, nan, inf or reference"));
         out.options.check = config.check;
         return absl::OkStatus();
       }},
      {"--memory-limit",
       [&](auto& o, auto& v) {
         absl::StatusOr<uint64_t> bytes = Config::ParseBytes(v);
         if (!bytes.ok())
           return Bad(
               absl::StrCat(o, " '", v, "': ", bytes.status().message()));
         out.options.memory_limit = *bytes;
         return absl::OkStatus();
       }},
  };

  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.empty() || word[0] != '-' || word == "-") {
      if (!out.program.empty()) {
        return Bad(absl::StrCat("a second file '", word, "' after '",
                                out.program, "', expected one"));
      }
      out.program = word;
      continue;
    }
    size_t equals = word.find('=');
    std::string option = word.substr(0, equals);
    if (auto it = values.find(option); it != values.end()) {
      std::string value;
      if (equals != std::string::npos) {
        value = word.substr(equals + 1);
      } else if (i + 1 < words.size()) {
        value = words[++i];
      } else {
        return Bad(absl::StrCat(option, " has no value, expected one"));
      }
      if (value.empty())
        return Bad(absl::StrCat(option, " has an empty value, expected one"));
      absl::Status status = it->second(option, value);
      if (!status.ok()) return status;
      continue;
    }
    auto it = switches.find(option);
    if (it == switches.end())
      return Bad(absl::StrCat("unknown option '", option, "' (see --help)"));
    it->second();
    if (equals == std::string::npos) continue;
    std::string* file = option == "--profile"          ? &out.profile_json
                        : option == "--compile-report" ? &out.compile_report_json
                                                       : nullptr;
    if (file == nullptr)
      return Bad(absl::StrCat(option, " takes no value, given '",
                              word.substr(equals + 1), "'"));
    *file = word.substr(equals + 1);
    if (file->empty())
      return Bad(absl::StrCat(option, "= has an empty file name, expected one"));
  }
  if (!out.help && out.program.empty())
    return Bad("no program given, expected FILE (see --help)");
  return out;
}

absl::StatusOr<Tensor> RandomTensor(std::string_view spec) {
  auto fail = [&](const std::string& why) {
    return Bad(
        absl::StrCat("'", std::string(spec), "': ", why,
                     ", expected random:DTYPE:SHAPE[:seed=N][:below=N]"));
  };
  std::vector<std::string_view> parts;
  for (std::string_view rest = spec;;) {
    size_t colon = rest.find(':');
    parts.push_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest = rest.substr(colon + 1);
  }
  if (parts.size() < 3 || parts[0] != "random") return fail("too few parts");
  std::optional<DType> dtype = ParseDType(parts[1]);
  if (!dtype)
    return fail(absl::StrCat("unknown dtype '", std::string(parts[1]), "'"));
  Extents shape;
  if (parts[2] != "scalar") {
    for (std::string_view rest = parts[2];;) {
      size_t x = rest.find('x');
      std::optional<int64_t> extent = ParseNumber<int64_t>(rest.substr(0, x));
      if (!extent || *extent < 0)
        return fail(absl::StrCat("bad shape '", std::string(parts[2]), "'"));
      shape.push_back(*extent);
      if (x == std::string_view::npos) break;
      rest = rest.substr(x + 1);
    }
  }
  uint64_t seed = 0;
  int64_t below = 100;
  for (size_t i = 3; i < parts.size(); ++i) {
    if (parts[i].substr(0, 5) == "seed=") {
      std::optional<uint64_t> value = ParseNumber<uint64_t>(parts[i].substr(5));
      if (!value)
        return fail(absl::StrCat("bad seed '", std::string(parts[i]), "'"));
      seed = *value;
    } else if (parts[i].substr(0, 6) == "below=") {
      std::optional<int64_t> value = ParseNumber<int64_t>(parts[i].substr(6));
      if (!value || *value < 1)
        return fail(absl::StrCat("bad bound '", std::string(parts[i]), "'"));
      below = *value;
    } else {
      return fail(absl::StrCat("unknown part '", std::string(parts[i]), "'"));
    }
  }
  // Asked for first, since the factories below cannot say why they failed.
  absl::StatusOr<Tensor> room = Tensor::Empty(shape, *dtype);
  if (!room.ok()) return room.status();
  if (IsFloat(*dtype)) return Tensor::Normal(shape, seed, *dtype);
  if (IsBool(*dtype)) {
    Tensor bits = Tensor::Uniform(shape, seed, DType::u8);
    for (int64_t i = 0; i < bits.size(); ++i) bits.data<uint8_t>()[i] &= 1;
    return bits.Cast(DType::boolean);
  }
  Tensor uniform = Tensor::Uniform(shape, seed, DType::f64);
  for (int64_t i = 0; i < uniform.size(); ++i) {
    uniform.data<double>()[i] = static_cast<double>(static_cast<int64_t>(
        uniform.data<double>()[i] * static_cast<double>(below)));
  }
  return uniform.Cast(*dtype);
}

}  // namespace oriel::run
