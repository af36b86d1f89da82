// How compiling grows with the graph: graphs of N nodes of several shapes, each
// stage of their lives timed, from stating them to destroying them.
//   compile_scaling [--shapes=chain,mlp] [--nodes=10,100] [--threads=2] [--report] [--stack=KIB]
// One line a graph: seconds by stage, then the compiler's phases. --report prints
// the compile report of each. --stack runs in a thread with a stack that small:
// no step may need one that grows with the graph.
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "oriel/oriel.h"

namespace oriel {
namespace {

struct Graph {
  std::vector<Value> inputs, outputs;
  std::vector<Update> updates;
  std::vector<Tensor> arguments;
  double grad_seconds = 0;
};

class Stopwatch {
 public:
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const double s = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return s;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

Value Input(Graph* g, const std::string& name, int64_t columns) {
  g->inputs.push_back(input(name, DType::f32, {dyn("n"), columns}));
  g->arguments.push_back(Tensor::Uniform({8, columns}, 1));
  return g->inputs.back();
}

// x = x * c + x0, tanh now and then: one expression, N deep.
Graph Chain(int n) {
  Graph g;
  Value x = Input(&g, "x", 16), y = x;
  for (int i = 0; i < n; ++i) y = i % 8 == 7 ? tanh(y) : i % 2 == 0 ? y * x : y + x;
  g.outputs = {y};
  return g;
}

// N / 2 outputs that have nothing in common but the input.
Graph Wide(int n) {
  Graph g;
  Value x = Input(&g, "x", 16);
  for (int i = 0; i < std::max(1, n / 2); ++i) g.outputs.push_back(x * (1.0 + i) + 0.5);
  return g;
}

// A perceptron's training step with gradients and updates: layers of tanh of
// different widths, a softmax, the cross entropy. About 22 nodes a layer.
Graph Mlp(int n) {
  Graph g;
  Value x = Input(&g, "x", 64), t = input("t", DType::i64, {dyn("n")});
  g.inputs.push_back(t);
  g.arguments.push_back(Tensor::Zeros({8}, DType::i64));
  std::vector<State> states;
  Value h = x;
  int64_t width = 64;
  for (int i = 0; i < std::max(0, n / 22 - 1); ++i) {
    const int64_t next = 8 + (i * 7) % 57;
    states.push_back(state("W" + std::to_string(i), Tensor::Normal({width, next}, static_cast<uint64_t>(i))));
    states.push_back(state("b" + std::to_string(i), Tensor::Zeros({next})));
    h = tanh(dot(h, states[states.size() - 2]) + states.back());
    width = next;
  }
  states.push_back(state("W", Tensor::Normal({width, 10}, 1)));
  states.push_back(state("b", Tensor::Zeros({10})));
  Value p = softmax(dot(h, states[states.size() - 2]) + states.back());
  Value cost = -mean(log(p[{arange(t.dim(0)), t}]));
  std::vector<Operand> wrt(states.begin(), states.end());
  Stopwatch watch;
  std::vector<Value> grads = grad(cost, wrt);
  g.grad_seconds = watch.Lap();
  for (size_t i = 0; i < states.size(); ++i) g.updates.emplace_back(states[i], states[i] - 0.1 * grads[i]);
  g.outputs = {cost};
  return g;
}

// Reductions, products, gathers, transposes and concatenations one after another.
Graph Mixed(int n) {
  Graph g;
  Value x = Input(&g, "x", 16);
  Value i = input("i", DType::i64, {dyn("n")});
  g.inputs.push_back(i);
  g.arguments.push_back(Tensor::Zeros({8}, DType::i64));
  State w = state("W", Tensor::Normal({16, 16}, 1));
  Value y = x;
  for (int k = 0; 14 * k < n; ++k) {
    y = y - reduce_max(y, {1}, true);
    y = dot(y, w) * (1.0 + k);
    y = gather(y, {i}, 0);
    y = y + sum(y, {0}, true);
    y = transpose(transpose(y) * 0.5);
    y = concatenate({slice(y, {0, 0}, {y.dim(0), 8}), slice(y, {0, 8}, {y.dim(0), 16})}, 1);
  }
  g.outputs = {y};
  return g;
}

// N / 3 states, each updated.
Graph States(int n) {
  Graph g;
  Value x = Input(&g, "x", 16);
  Value s = sum(x, {0});
  for (int i = 0; i < std::max(1, n / 3); ++i) {
    State state = oriel::state("s" + std::to_string(i), Tensor::Zeros({16}));
    g.updates.emplace_back(state, state * 0.9 + s);
  }
  g.outputs = {s};
  return g;
}

// A scan whose body has N nodes.
Graph Scan(int n) {
  Graph g;
  Value x = Input(&g, "x", 16), h = input("h", DType::f32, {16});
  g.inputs.push_back(h);
  g.arguments.push_back(Tensor::Zeros({16}));
  ScanResult r = scan(
      [&](const ScanStep& s) {
        Value y = s.outputs[0];
        for (int i = 0; i < n; ++i) y = i % 8 == 7 ? tanh(y) : i % 2 == 0 ? y * s.sequences[0] : y + s.sequences[0];
        return ScanBody{{y}};
      },
      {.sequences = {x}, .outputs_info = {h}});
  g.outputs = r.outputs;
  return g;
}

// Each value is an output, and read again by later ones.
Graph Outputs(int n) {
  Graph g;
  std::vector<Value> values = {Input(&g, "x", 16)};
  for (int i = 0; i < n; ++i) {
    const Value &last = values.back(), &other = values[values.size() > 7 ? values.size() - 7 : 0];
    values.push_back(i % 8 == 7 ? tanh(last) : i % 2 == 0 ? last * other : last + other);
  }
  g.outputs.assign(values.begin() + 1, values.end());
  return g;
}

// As many parts as there is room for are made of one value and joined.
Graph Joined(int n) {
  Graph g;
  const Value x = Input(&g, "x", 16);
  std::vector<Value> parts;
  for (int i = 0; i < (n + 1) / 2; ++i) parts.push_back(tanh(x * static_cast<float>(i)));
  g.outputs = {sum(concatenate(parts, 0), {1})};
  return g;
}

// Rows go round by one, again and again: the extents are cut and joined.
Graph Rotated(int n) {
  Graph g;
  Value y = Input(&g, "x", 16);
  for (int i = 0; 4 * i < n; ++i) y = concatenate({slice(y, {1, 0}, {y.dim(0), 16}), slice(y, {0, 0}, {1, 16}) * 1.01f}, 0);
  g.outputs = {y};
  return g;
}

// One value with N / 2 users.
Graph Shared(int n) {
  Graph g;
  Value x = Input(&g, "x", 16);
  Value s = tanh(x), y = x;
  for (int i = 0; i < n; ++i) y = i % 2 == 0 ? y * s : y + s;
  g.outputs = {y, s};
  return g;
}

// Chains of reductions over rows and elementwise steps, as in a deep network
// without products: softmax of softmax.
Graph Rows(int n) {
  Graph g;
  Value x = Input(&g, "x", 16), y = x;
  for (int i = 0; i * 9 < n; ++i) y = softmax(y) + x;
  g.outputs = {y};
  return g;
}

const std::vector<std::pair<std::string, std::function<Graph(int)>>>& Shapes() {
  static const auto* shapes = new std::vector<std::pair<std::string, std::function<Graph(int)>>>{
      {"chain", Chain}, {"wide", Wide}, {"mlp", Mlp}, {"mixed", Mixed}, {"states", States}, {"scan", Scan}, {"shared", Shared}, {"rows", Rows}, {"outputs", Outputs}, {"joined", Joined}, {"rotated", Rotated}};
  return *shapes;
}

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

struct Flags {
  std::set<std::string> shapes;
  std::vector<int> nodes = {10, 100, 1000, 10000};
  int threads = 0, stack_kib = 0;
  bool report = false, build_only = false;
};

bool Fail(const char* what, const absl::Status& status) {
  std::printf("  %s: %s\n", what, status.ToString().c_str());
  return false;
}

bool Measure(const std::string& name, const std::function<Graph(int)>& make, int n, const Flags& flags) {
  std::vector<std::pair<std::string, double>> stages;
  Stopwatch watch;
  {
    Graph g = make(n);
    stages.emplace_back("build", watch.Lap() - g.grad_seconds);
    stages.emplace_back("grad", g.grad_seconds);
    absl::StatusOr<std::string> text = ToMlirText(g.inputs, g.outputs, g.updates);
    if (!text.ok()) return Fail("text", text.status());
    stages.emplace_back("text", watch.Lap());
    const size_t tree = DebugPrint(g.outputs).size() + Dot(g.outputs).size();
    stages.emplace_back("print", watch.Lap());
    if (tree == 0) return false;
    if (!flags.build_only) {
      watch.Lap();
      const double cpu = CpuSeconds();
      absl::StatusOr<Function> f = compile(g.inputs, g.outputs, g.updates, {.name = name, .num_threads = flags.threads, .cache_dir = "none"});
      if (!f.ok()) return Fail("compile", f.status());
      const double compiling = watch.Lap(), compiling_cpu = CpuSeconds() - cpu;
      stages.emplace_back("compile", compiling);
      auto out = (*f)(absl::MakeConstSpan(g.arguments));
      if (!out.ok()) return Fail("call", out.status());
      stages.emplace_back("call", watch.Lap());
      const size_t texts = f->profile().text().size() + f->profile().json().size() + f->memory().text().size() + f->plan_text().size();
      stages.emplace_back("reports", watch.Lap());
      const size_t trees = DebugPrint(*f).size() + Dot(*f).size();
      stages.emplace_back("prints", watch.Lap());
      if (texts == 0 || trees == 0) return false;
      const CompileReport report = f->compile_report();
      std::printf("%-7s %6d nodes %6zu in the table %5d kernels %8.3f s compile, %8.3f s of CPU, %6.1f us a node\n", name.c_str(), n, f->nodes().size(),
                  f->compile_info().kernels, compiling, compiling_cpu, compiling * 1e6 / static_cast<double>(std::max<size_t>(1, f->nodes().size())));
      std::printf("    phases:");
      for (const auto& [phase, ns] : report.phases) std::printf(" %s %.3f", phase.c_str(), static_cast<double>(ns) * 1e-9);
      std::printf("\n");
      if (flags.report) std::printf("%s\n", report.text(12).c_str());
      watch.Lap();
    }
  }
  stages.emplace_back("destroy", watch.Lap());
  if (flags.build_only) std::printf("%-7s %6d nodes\n", name.c_str(), n);
  std::printf("    stages:");
  for (const auto& [stage, seconds] : stages) std::printf(" %s %.3f", stage.c_str(), seconds);
  std::printf("\n");
  std::fflush(stdout);
  return true;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

bool Run(const Flags& flags) {
  bool ok = true;
  for (const auto& [name, make] : Shapes()) {
    if (!flags.shapes.empty() && flags.shapes.count(name) == 0) continue;
    for (int n : flags.nodes) ok = Measure(name, make, n, flags) && ok;
  }
  return ok;
}

}  // namespace
}  // namespace oriel

int main(int argc, char** argv) {
  using namespace oriel;
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const std::string value = arg.substr(std::min(arg.find('=') + 1, arg.size()));
    if (arg.rfind("--shapes=", 0) == 0) {
      for (const std::string& shape : Split(value)) flags.shapes.insert(shape);
    } else if (arg.rfind("--nodes=", 0) == 0) {
      flags.nodes.clear();
      for (const std::string& nodes : Split(value)) flags.nodes.push_back(std::atoi(nodes.c_str()));
    } else if (arg.rfind("--threads=", 0) == 0) {
      flags.threads = std::atoi(value.c_str());
    } else if (arg.rfind("--stack=", 0) == 0) {
      flags.stack_kib = std::atoi(value.c_str());
    } else if (arg == "--report") {
      flags.report = true;
    } else if (arg == "--build-only") {
      flags.build_only = true;
    } else {
      std::fprintf(stderr, "Usage: compile_scaling [--shapes=chain,mlp] [--nodes=10,100] [--threads=N] [--report] [--build-only] [--stack=KIB]\n");
      return 2;
    }
  }
  if (flags.stack_kib == 0) return Run(flags) ? 0 : 1;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, static_cast<size_t>(flags.stack_kib) * 1024);
  pthread_t thread;
  static bool ok = false;
  if (pthread_create(&thread, &attributes, [](void* f) -> void* { ok = Run(*static_cast<const Flags*>(f)); return nullptr; }, &flags) != 0) return 1;
  pthread_join(thread, nullptr);
  return ok ? 0 : 1;
}
