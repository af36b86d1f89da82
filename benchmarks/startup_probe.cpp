// One process from start to its first result: startup_probe CACHE_DIR. Prints
// how the program came to be and whether LLVM is in the process.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "oriel/oriel.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "Usage: startup_probe CACHE_DIR\n");
    return 2;
  }
  using namespace oriel;
  Value x = input("x", DType::f32, {dyn("n"), 64});
  Value w = input("w", DType::f32, {64, 10});
  auto f = compile({x, w}, {softmax(dot(x, w))}, {}, {.name = "startup", .num_threads = 1, .cache_dir = argv[1]});
  if (!f.ok()) {
    std::cerr << f.status() << "\n";
    return 1;
  }
  auto out = (*f)({Tensor::Ones({32, 64}), Tensor::Ones({64, 10})});
  if (!out.ok() || (*out)[0].data<float>()[0] != 0.1f) {
    std::cerr << "wrong result\n";
    return 1;
  }
  bool llvm = false;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) llvm = llvm || line.find("oriel_compiler") != std::string::npos;
  std::cout << f->compile_info().source << (llvm ? ", compiler loaded" : ", no compiler") << "\n";
  return 0;
}
