// Mutated IR text through CompileText: a function or a status, never a crash.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "oriel/oriel.h"

namespace {

std::mt19937_64 g_random;

size_t Below(size_t n) { return n == 0 ? 0 : g_random() % n; }

// Words that mean something to the parser: more likely to get past it.
const char* const kWords[] = {"?", "0", "-1", "1", "9223372036854775807", "tensor<", "xf32>", "xi64>", "xi1>", "xf16>", "xui8>",
                              "f64", "oriel.add", "oriel.matmul", "oriel.reduce", "oriel.gather", "axis = ", "[", "]", "<", ">",
                              "(", ")", "{", "}", "dense<", "array<i64: ", "#oriel.dims<", "batch", "%0", "%arg0", "@W", "return"};

std::string Mutate(std::string s, const std::vector<std::string>& corpus) {
  for (size_t n = 1 + Below(4); n > 0; --n) {
    const size_t at = Below(s.size() + 1);
    switch (Below(7)) {
      case 0:  // flip a byte
        if (at < s.size()) s[at] ^= static_cast<char>(1 << Below(8));
        break;
      case 1:  // drop a run
        s.erase(at, Below(20));
        break;
      case 2:
        s.insert(at, kWords[Below(sizeof kWords / sizeof *kWords)]);
        break;
      case 3: {  // a digit becomes another number
        const size_t d = s.find_first_of("0123456789", at);
        if (d != std::string::npos) s.replace(d, 1, std::to_string(Below(2) ? Below(5) : g_random()));
        break;
      }
      case 4: {  // splice from another program
        const std::string& other = corpus[Below(corpus.size())];
        const size_t from = Below(other.size());
        s.insert(at, other, from, Below(60));
        break;
      }
      case 5: {  // swap two lines
        const size_t a = s.find('\n', at), b = s.find('\n', Below(s.size()));
        if (a != std::string::npos && b != std::string::npos && a + 1 < b) {
          const size_t c = s.find('\n', b + 1);
          if (c != std::string::npos) s = s.substr(0, a) + s.substr(b, c - b) + s.substr(a, b - a) + s.substr(c);
        }
        break;
      }
      case 6: {  // one word for another of the text
        const size_t from = Below(s.size()), length = 1 + Below(12);
        if (at < s.size()) s.replace(at, std::min(length, s.size() - at), s.substr(from, length));
        break;
      }
    }
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 20;
  uint64_t seed = 1;
  std::vector<std::string> corpus;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--seconds") && i + 1 < argc) seconds = std::atof(argv[++i]);
    else if (!std::strcmp(argv[i], "--seed") && i + 1 < argc) seed = std::strtoull(argv[++i], nullptr, 10);
    else {
      std::ifstream in(argv[i]);
      std::stringstream text;
      text << in.rdbuf();
      if (text.str().empty()) {
        std::fprintf(stderr, "fuzz_text: %s: empty or missing\n", argv[i]);
        return 2;
      }
      corpus.push_back(text.str());
    }
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "Usage: fuzz_text [--seconds N] [--seed S] FILE.mlir...\n");
    return 2;
  }
  oriel::CompileOptions options;
  options.cache_dir = "none";
  options.num_threads = 1;
  for (const std::string& text : corpus) {
    absl::StatusOr<oriel::Function> f = oriel::CompileText(text, options);
    if (!f.ok()) {
      std::fprintf(stderr, "fuzz_text: a seed does not compile: %s\n", f.status().ToString().c_str());
      return 1;
    }
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  int64_t runs = 0, compiled = 0;
  g_random.seed(seed);
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    const std::string text = Mutate(corpus[Below(corpus.size())], corpus);
    std::ofstream("fuzz_text_last.mlir") << text;
    compiled += oriel::CompileText(text, options).ok();
  }
  std::remove("fuzz_text_last.mlir");
  std::printf("seed %llu: %lld texts, %lld of them compiled\n", static_cast<unsigned long long>(seed),
              static_cast<long long>(runs), static_cast<long long>(compiled));
  return 0;
}
