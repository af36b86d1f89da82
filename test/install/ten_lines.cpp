// The ten-line program: softmax regression, one step, from an installed Oriel.
#include <oriel/oriel.h>

#include <iostream>
using namespace oriel;

int main(int argc, char** argv) {
  Value x = input("x", DType::f32, {dyn("batch"), 64});
  Value t = input("t", DType::i64, {dyn("batch")});
  State W = state("W", Tensor::Normal({64, 10}, /*seed=*/1)), b = state("b", Tensor::Zeros({10}));
  Value p = softmax(dot(x, W) + b, /*axis=*/-1);
  Value cost = -mean(log(p[{arange(t.dim(0)), t}]));
  Value d = (p - cast(equal(expand_dims(t, 1), iota({1, 10}, 1, DType::i64)), DType::f32)) * 0.1;
  absl::StatusOr<Function> step = compile({x, t}, {cost}, {{W, W - 0.1 * dot(transpose(x), d)}, {b, b - 0.1 * sum(d, {0})}}, {.name = "step"});
  if (!step.ok()) return std::cerr << step.status() << "\n", 1;
  double first = 0, last = 0;
  for (int i = 0; i < 20; ++i) {
    auto out = (*step)({Tensor::Uniform({8, 64}, 2), Tensor::Zeros({8}, DType::i64)});
    if (!out.ok()) return std::cerr << out.status() << "\n", 1;
    last = *(*out)[0].data<float>();
    if (i == 0) first = last;
  }
  std::cout << step->profile().text() << step->memory().text() << "cost " << first << " -> " << last << "\n";
  if (argc > 1 && !step->Export(argv[1]).ok()) return 1;
  return last < first ? 0 : 1;
}
