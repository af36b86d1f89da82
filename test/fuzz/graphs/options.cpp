#include "test/fuzz/graphs/options.h"

#include <functional>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace oriel::fuzz {

const char kHelp[] =
    R"(fuzz_graphs: random graphs, compiled in all ways that must give the same bits.

usage: fuzz_graphs [--seed S] [--count N] [--seconds T] [--ops MIN..MAX] [options]
       fuzz_graphs --graph FILE.mlir [--known FILE.mlir] [--data FILE.safetensors]

Each graph is compiled with fusion and without, for unknown and known extents,
for one thread and two, from the cache and not, with guard pages, with values
looked at, with each op beside its reference kernel, and from its text: all
outputs, and the states after each call, must be equal to the bit, and equal to
the reference evaluator's within a tolerance (test/fuzz/README.md).

Random graphs:
  --seed S            the first graph's; the next one's is S+1 (default: the
                      clock's, printed)
  --count N           so many graphs
  --seconds T         no new graph after T seconds (default 60 without --count)
  --ops MIN..MAX      ops of a graph before gradients, 1 to 1000 (default 5..200)
  --keep-going        after a finding too
  --all-ops           fail unless every op of the op table was made
  --out DIR           findings are written to DIR/finding-SEED (default .)
  --write             write the graphs as if they were findings and run none: for
                      a crash, which leaves its seed in fuzz_graphs_last_seed
  --export DIR        write each compiled program with inputs and answers to DIR,
                      as run_programs (test/sanitize) reads them

One graph from files, as a finding leaves them:
  --graph FILE        its text
  --known FILE        the same with extents known
  --data FILE         inputs and states; others are made from their names

Reducing:
  --only VARIANT      compare this variant alone with the first
  --expect TEXT       only a finding with TEXT in its line counts

Testing the fuzzer:
  --leave-out-phase PHASE   compile without it
  --plant FROM=TO           without fusion, FROM in the graph's text is read as TO
  --plant-error X           the evaluator is shown the first float32 or float64
                            output with each element X times its value off

Exit code: 0 clean, 1 a finding, 2 bad usage.

example:
  fuzz_graphs --seed 7 --count 100 --ops 5..40
)";

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& words) {
  Options o;
  const auto bad = [](const std::string& option, const std::string& value, const char* expected) {
    return absl::InvalidArgumentError(absl::StrCat(option, " '", value, "': expected ", expected));
  };
  const std::map<std::string, bool*> switches = {
      {"--help", &o.help}, {"-h", &o.help}, {"--keep-going", &o.keep_going}, {"--all-ops", &o.all_ops}, {"--write", &o.write}};
  const std::map<std::string, std::string*> texts = {
      {"--out", &o.out},   {"--export", &o.export_to}, {"--graph", &o.graph},   {"--known", &o.known},
      {"--data", &o.data}, {"--only", &o.only},        {"--expect", &o.expect}, {"--leave-out-phase", &o.leave_out_phase}};
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (const auto it = switches.find(word); it != switches.end()) {
      *it->second = true;
      continue;
    }
    const bool known = texts.count(word) > 0 || word == "--seed" || word == "--count" || word == "--seconds" || word == "--ops" || word == "--plant" || word == "--plant-error";
    if (!known) return absl::InvalidArgumentError(absl::StrCat("unknown option '", word, "' (see --help)"));
    if (i + 1 >= words.size()) return absl::InvalidArgumentError(absl::StrCat(word, " has no value, expected one"));
    const std::string& value = words[++i];
    if (const auto it = texts.find(word); it != texts.end()) {
      *it->second = value;
    } else if (word == "--seed") {
      uint64_t seed;
      if (!absl::SimpleAtoi(value, &seed)) return bad(word, value, "an integer of at least 0");
      o.seed = seed;
    } else if (word == "--count") {
      if (!absl::SimpleAtoi(value, &o.count) || o.count < 1) return bad(word, value, "an integer of at least 1");
    } else if (word == "--seconds") {
      if (!absl::SimpleAtod(value, &o.seconds) || !(o.seconds > 0)) return bad(word, value, "a number above 0");
    } else if (word == "--plant-error") {
      if (!absl::SimpleAtod(value, &o.planted_error)) return bad(word, value, "a number");
    } else if (word == "--ops") {
      const size_t dots = value.find("..");
      const bool both = dots != std::string::npos && absl::SimpleAtoi(value.substr(0, dots), &o.ops.least) &&
                        absl::SimpleAtoi(value.substr(dots + 2), &o.ops.most);
      if (!both || o.ops.least < 1 || o.ops.most < o.ops.least || o.ops.most > 1000) return bad(word, value, "MIN..MAX from 1 to 1000");
    } else {
      const size_t equals = value.find('=');
      if (equals == std::string::npos || equals == 0) return bad(word, value, "FROM=TO");
      o.planted = {value.substr(0, equals), value.substr(equals + 1)};
    }
  }
  if (o.graph.empty() && (!o.known.empty() || !o.data.empty())) return absl::InvalidArgumentError("--known and --data need --graph FILE");
  if (!o.graph.empty() && (o.seed || o.count > 0 || o.seconds > 0)) {
    return absl::InvalidArgumentError("--graph takes no --seed, --count or --seconds");
  }
  if (o.count == 0 && o.seconds == 0) o.seconds = 60;
  return o;
}

}  // namespace oriel::fuzz
