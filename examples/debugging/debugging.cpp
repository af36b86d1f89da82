// The programs of docs/debugging.md: a slow graph, a wrong one, one with NaNs and
// one that does not fit. `debugging slow`, `debugging slow fixed`, ...
#include <cmath>
#include <iostream>
#include <string>

#include "oriel/oriel.h"

using namespace oriel;

namespace {

int Fail(const absl::Status& status) {
  std::cout << status.message() << "\n";
  return 1;
}

// ---- slow ----

Value Distances(const Value& x, const State& centers) {
  return sum(pow(expand_dims(x, 1) - centers, 2.0f), {2}).named("distances");
}

Value DistancesByProduct(const Value& x, const State& centers) {
  Value c = centers * 1.0f;
  return (sum(x * x, {1}, /*keepdims=*/true) - 2.0f * dot(x, transpose(c)) + sum(c * c, {1})).named("distances");
}

int Slow(const std::string& what) {
  Value x = input("x", DType::f32, {dyn("n"), 64});
  State centers = state("centers", Tensor::Normal({512, 64}, 1));
  Value distances = what == "fixed" ? DistancesByProduct(x, centers) : Distances(x, centers);
  Value nearest = argmin(distances, 1).named("nearest");
  absl::StatusOr<Function> f = compile({x}, {nearest}, {}, {.name = "nearest", .num_threads = 1});
  if (!f.ok()) return Fail(f.status());
  for (int i = 0; i < 20; ++i) {
    if (absl::Status s = (*f)({Tensor::Normal({1000, 64}, 2)}).status(); !s.ok()) return Fail(s);
  }
  if (what == "tree") {
    std::cout << DebugPrint(*f, {.types = false});
  } else if (what == "picture") {
    if (absl::Status s = WritePicture(Dot(*f), "nearest.svg"); !s.ok()) return Fail(s);
    std::cout << "wrote nearest.svg\n";
  } else {
    std::cout << f->profile().text(1);
  }
  return 0;
}

// ---- wrong ----

int Wrong(const std::string& what) {
  Value x = input("x", DType::f32, {dyn("n"), 3});
  Value target = input("target", DType::f32, {dyn("n"), 1});
  State w = state("w", Tensor::Ones({3}));
  if (what == "test-values") {
    (void)Config::Set("compute_test_value", "raise");
    (void)x.set_test_value(Tensor::Ones({5, 3}));
    (void)target.set_test_value(Tensor::Zeros({5, 1}));
  }
  Value guess = dot(x, w).named("guess");
  Value error = (guess - target).named("error");
  Value cost = mean(error * error).named("cost");
  if (what == "test-values") {
    std::cout << "guess: " << ToString(guess.test_value()->shape()) << "\n";
    std::cout << "error: " << ToString(error.test_value()->shape()) << "\n";
    return 0;
  }
  if (what == "dtypes") {
    Value count = dim_value(x.dim(0));
    std::cout << DTypeReport({sum(error * error) / count});
    return 0;
  }
  if (what == "assert") {
    cost = assert_that(cost, "guess and target are one to one", {equal(dim_value(error.dim(0) * error.dim(1)), dim_value(x.dim(0)))});
  }
  if (what == "tree") {
    std::cout << DebugPrint({cost}, {.lines = false});
    return 0;
  }
  absl::StatusOr<Function> f = compile({x, target}, {cost}, {}, {.name = "cost"});
  if (!f.ok()) return Fail(f.status());
  absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Ones({5, 3}), Tensor::Zeros({5, 1})});
  if (!out.ok()) return Fail(out.status());
  std::cout << "cost " << (*out)[0].ToString() << "\n";
  return 0;
}

// ---- nan ----

int Nan(const std::string& what) {
  Value p = input("p", DType::f32, {dyn("n"), 3});
  Value entropy = -sum(p * log(p), {1});
  Value cost = mean(entropy).named("cost");
  CompileOptions options = {.name = "entropy"};
  if (what == "check") options.check = CheckMode::kNan;
  absl::StatusOr<Function> f = compile({p}, {cost}, {}, options);
  if (!f.ok()) return Fail(f.status());
  Tensor rows = Tensor::Full({2, 3}, 0.25);
  rows.data<float>()[4] = 0;
  absl::StatusOr<std::vector<Tensor>> out = (*f)({rows});
  if (!out.ok()) return Fail(out.status());
  std::cout << "cost " << (*out)[0].ToString() << "\n";
  return 0;
}

// ---- memory ----

int Memory(const std::string& what) {
  Value words = input("words", DType::f32, {dyn("batch"), 200});
  State w = state("layer_1/W", Tensor::Normal({200, 4000}, 1));
  Value hidden = dot(words, w).named("hidden");
  Value cost = mean(tanh(hidden + 1.0f) * hidden).named("cost");
  absl::StatusOr<Function> f = compile({words}, {hidden, cost}, {}, {.name = "layer", .num_threads = 1});
  if (!f.ok()) return Fail(f.status());
  if (absl::Status s = Config::Set("memory_limit", "4GB"); !s.ok()) return Fail(s);
  if (what == "plan") {
    absl::StatusOr<MemoryReport> plan = f->PlanMemory({{"batch", 100000}});
    if (!plan.ok()) return Fail(plan.status());
    std::cout << plan->text(3);
    std::cout << "largest batch in 4 GB: " << f->LargestThatFits("batch").value() << "\n";
    return 0;
  }
  // Rows that share their memory: 482112 of them take no room before the call.
  static float row[200] = {};
  absl::StatusOr<Tensor> many = Tensor::Borrow(row, {482112, 200}, {0, 4}, DType::f32);
  if (!many.ok()) return Fail(many.status());
  absl::StatusOr<std::vector<Tensor>> out = (*f)({*many});
  return out.ok() ? 0 : Fail(out.status());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string program = argc > 1 ? argv[1] : "", what = argc > 2 ? argv[2] : "";
  if (program == "slow") return Slow(what);
  if (program == "wrong") return Wrong(what);
  if (program == "nan") return Nan(what);
  if (program == "memory") return Memory(what);
  std::cout << "usage: debugging slow|wrong|nan|memory [variant]\n";
  return 2;
}
