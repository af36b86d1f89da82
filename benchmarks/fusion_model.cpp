// Is fusion's cost model right? A dozen graphs of two kernels that fusion makes
// one of: what the model expects of either way (Function::ExplainFusion) beside
// what they take (compiled with and without fusion, calls interleaved, the best
// of each, one thread). A decision is right when the side it chose was not more
// than 3 percent slower.
//
//   build/release/bin/fusion_model [ROUNDS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "oriel/oriel.h"

namespace {

using namespace oriel;

using Build = std::function<std::vector<Value>(const Value& x, const Value& y,
                                               const Value& index)>;

struct Case {
  std::string name;
  int64_t rows, columns;
  Build build;
};

double NanosecondsOf(const Function& f, const std::vector<Tensor>& arguments,
                     int calls) {
  const auto start = std::chrono::steady_clock::now();
  for (int k = 0; k < calls; ++k) {
    if (const auto out = f(arguments); !out.ok()) {
      std::fprintf(stderr, "%s\n", std::string(out.status().message()).c_str());
      std::exit(1);
    }
  }
  const auto end = std::chrono::steady_clock::now();
  return std::chrono::duration<double, std::nano>(end - start).count() / calls;
}

// The number before the unit at the end of `text`, in nanoseconds.
double Parse(const std::string& text) {
  const size_t unit = text.find_last_of(' ');
  const size_t from = text.find_last_of(' ', unit - 1) + 1;
  const double value = std::atof(text.substr(from, unit - from).c_str());
  const std::string name = text.substr(unit + 1);
  return value * (name == "us"   ? 1e3
                  : name == "ms" ? 1e6
                  : name == "s"  ? 1e9
                                 : 1);
}

std::vector<Case> Cases() {
  const Build chain = [](const Value& x, const Value& y, const Value&) {
    return std::vector<Value>{exp(x * y)};
  };
  const Build sum_of = [](const Value& x, const Value& y, const Value&) {
    return std::vector<Value>{sum(x * y, {1})};
  };
  const Build siblings = [](const Value& x, const Value&, const Value&) {
    return std::vector<Value>{x * 2.0f, x + 1.0f};
  };
  const Build reductions = [](const Value& x, const Value&, const Value&) {
    return std::vector<Value>{sum(x, {1}), reduce_max(x, {1})};
  };
  const Build normalise = [](const Value& x, const Value&, const Value&) {
    return std::vector<Value>{x / sum(x, {1}, /*keepdims=*/true)};
  };
  const Build columns = [](const Value& x, const Value& y, const Value&) {
    return std::vector<Value>{sum(x * y, {0})};
  };
  const Build both_columns = [](const Value& x, const Value&, const Value&) {
    return std::vector<Value>{sum(x, {0}), reduce_max(x, {0})};
  };
  const Build stored_column = [](const Value& x, const Value& y, const Value&) {
    const Value p = x * y;
    return std::vector<Value>{p, sum(p, {0})};
  };
  const Build gathered = [](const Value& x, const Value&, const Value& index) {
    return std::vector<Value>{sum(x[{index}], {1})};
  };
  const Build row_tail = [](const Value& x, const Value&, const Value&) {
    return std::vector<Value>{log(sum(x, {1}))};
  };
  const Build picked_scatter = [](const Value& x, const Value& y, const Value& index) {
    return std::vector<Value>{scatter_add(y, {index}, x[{index}])};
  };
  const Build computed_scatter = [](const Value& x, const Value& y, const Value& index) {
    return std::vector<Value>{scatter_add(y, {maximum(index - 1, 0)}, x)};
  };
  const Build exp_scatter = [](const Value& x, const Value& y, const Value& index) {
    return std::vector<Value>{scatter_add(y, {index}, exp(x))};
  };
  // Operands of a product: of as many columns as rows, packed more or less often.
  const Build scaled_product = [](const Value& x, const Value& y, const Value&) {
    return std::vector<Value>{matmul(x * 0.5f, transpose(y))};
  };
  const Build sum_product = [](const Value& x, const Value& y, const Value&) {
    return std::vector<Value>{matmul(x + y, transpose(y))};
  };
  const Build tanh_product = [](const Value& x, const Value& y, const Value&) {
    return std::vector<Value>{matmul(tanh(x), transpose(y))};
  };
  const Build tanh_right = [](const Value& x, const Value& y, const Value&) {
    return std::vector<Value>{matmul(transpose(x), tanh(y))};
  };
  return {
      {"mul, exp", 100, 1, chain},
      {"mul, exp", 1000, 1000, chain},
      {"mul, exp", 4000, 2000, chain},
      {"mul, row sum", 64, 64, sum_of},
      {"mul, row sum", 4000, 1000, sum_of},
      {"mul, row sum", 100000, 10, sum_of},
      {"mul | add", 64, 64, siblings},
      {"mul | add", 4000, 2000, siblings},
      {"row sum | row max", 1000, 1000, reductions},
      {"row sum | row max", 100000, 16, reductions},
      {"row sum, div", 32, 64, normalise},
      {"row sum, div", 2000, 2000, normalise},
      {"row sum, div", 100000, 8, normalise},
      {"mul, column sum", 1000, 64, columns},
      {"mul, column sum", 2000, 2000, columns},
      {"column sum | max", 2000, 1000, both_columns},
      {"mul stored, column sum", 2000, 1000, stored_column},
      {"mul stored, column sum", 256, 256, stored_column},
      {"mul stored, column sum", 4000, 1500, stored_column},
      {"gather, row sum", 2000, 256, gathered},
      {"gather, row sum", 20000, 32, gathered},
      {"gather, scatter", 2000, 256, picked_scatter},
      {"gather, scatter", 100000, 16, picked_scatter},
      {"gather, scatter", 100000, 1, picked_scatter},
      {"index, scatter", 2000, 256, computed_scatter},
      {"index, scatter", 100000, 1, computed_scatter},
      {"exp, scatter", 2000, 256, exp_scatter},
      {"exp, scatter", 100000, 1, exp_scatter},
      {"row sum, log", 256, 256, row_tail},
      {"row sum, log", 100000, 16, row_tail},
      {"scale, product", 64, 2000, scaled_product},
      {"scale, product", 256, 256, scaled_product},
      {"scale, product", 2000, 64, scaled_product},
      {"add, product", 64, 2000, sum_product},
      {"add, product", 256, 256, sum_product},
      {"add, product", 2000, 64, sum_product},
      {"tanh, product", 64, 2000, tanh_product},
      {"tanh, product", 256, 256, tanh_product},
      {"tanh, product", 3000, 64, tanh_product},
      {"product, tanh", 20000, 64, tanh_right},
      {"product, tanh", 1000, 256, tanh_right},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  std::printf("%-24s %-14s %10s %10s %7s %10s %10s %7s %s\n", "graph", "shape",
              "apart", "fused", "ratio", "apart", "fused", "ratio", "right");
  std::printf("%-24s %-14s %29s %30s\n", "", "", "estimated ns", "measured ns");
  int right = 0, count = 0;
  for (const Case& c : Cases()) {
    const Value x = input("x", DType::f32, {c.rows, c.columns}),
                y = input("y", DType::f32, {c.rows, c.columns});
    const Value index = input("index", DType::i64, {c.rows});
    const std::vector<Value> outputs = c.build(x, y, index);
    CompileOptions options{
        .num_threads = 1, .cache_dir = "none", .profile = false};
    const absl::StatusOr<Function> fused =
        compile({x, y, index}, outputs, {}, options);
    options.fusion = false;
    const absl::StatusOr<Function> apart =
        compile({x, y, index}, outputs, {}, options);
    const absl::StatusOr<std::string> text =
        fused.ok() ? fused->ExplainFusion() : fused.status();
    if (!text.ok() || !apart.ok()) {
      std::fprintf(stderr, "%s: %s %s\n", c.name.c_str(),
                   std::string(text.status().message()).c_str(),
                   std::string(apart.status().message()).c_str());
      return 1;
    }
    // The last decision is the one of the two kernels.
    std::string line = text->substr(0, text->find_last_not_of('\n') + 1);
    line = line.substr(line.find_last_of('\n') + 1);
    const size_t middle = line.rfind("; fused ");
    const double estimated_apart = Parse(line.substr(0, middle)),
                 estimated_fused = Parse(line);
    const bool chosen = line.find(": fused") != std::string::npos;

    std::vector<int64_t> picks(c.rows);
    for (int64_t k = 0; k < c.rows; ++k) picks[k] = (k * 7919) % c.rows;
    const std::vector<Tensor> arguments = {
        Tensor::Uniform({c.rows, c.columns}, 1),
        Tensor::Uniform({c.rows, c.columns}, 2),
        Tensor::From<int64_t>(picks, {c.rows}).value()};
    const int calls =
        std::max(1, static_cast<int>(2e6 / (50.0 + estimated_apart)));
    double best_fused = 1e300, best_apart = 1e300;
    for (int round = 0; round < rounds; ++round) {
      best_fused =
          std::min(best_fused, NanosecondsOf(*fused, arguments, calls));
      best_apart =
          std::min(best_apart, NanosecondsOf(*apart, arguments, calls));
    }
    // Where it chose not to fuse both programs are the same.
    const bool is_right = !chosen || best_fused <= 1.03 * best_apart;
    right += is_right;
    ++count;
    const std::string shape =
        std::to_string(c.rows) + "x" + std::to_string(c.columns);
    std::printf("%-24s %-14s %10.0f %10.0f %7.2f %10.0f %10.0f %7.2f %s\n",
                c.name.c_str(), shape.c_str(), estimated_apart, estimated_fused,
                estimated_apart / estimated_fused, best_apart, best_fused,
                best_apart / best_fused,
                !chosen    ? "apart"
                : is_right ? "yes"
                           : "NO");
  }
  std::printf("%d of %d decisions right\n", right, count);
  return 0;
}
