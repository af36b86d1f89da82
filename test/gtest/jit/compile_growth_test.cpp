// Compiling takes work in proportion to the graph: allocations are counted, which
// repeat where times do not. A step that copies or collects per node what is as
// large as the graph shows as a ratio near the square.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "gtest/gtest.h"
#include "oriel/oriel.h"

namespace {
std::atomic<int64_t> allocations{0}, bytes{0};

void* Allocate(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  bytes.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  return std::malloc(size != 0 ? size : 1);
}
}  // namespace

void* operator new(size_t size) {
  if (void* p = Allocate(size)) return p;
  std::abort();
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }

namespace oriel {
namespace {

struct Graph {
  std::vector<Value> inputs, outputs;
  std::vector<Update> updates;
};

Graph Chain(int n) {
  Value x = input("x", DType::f32, {dyn("n"), 16}), y = x;
  for (int i = 0; i < n; ++i) y = i % 2 == 0 ? y * x : y + x;
  return {{x}, {y}, {}};
}

Graph States(int n) {
  Value x = input("x", DType::f32, {dyn("n"), 16});
  Value s = sum(x, {0});
  Graph g{{x}, {s}, {}};
  for (int i = 0; i < n / 3; ++i) {
    State state = oriel::state("s" + std::to_string(i), Tensor::Zeros({16}));
    g.updates.emplace_back(state, state * 0.9 + s);
  }
  return g;
}

// Layers of one width: gradients and updates, few different kernels.
Graph Layers(int n) {
  Value x = input("x", DType::f32, {dyn("n"), 8}), h = x;
  std::vector<State> states;
  for (int i = 0; i < n / 22; ++i) {
    states.push_back(state("W" + std::to_string(i), Tensor::Normal({8, 8}, 1)));
    h = tanh(dot(h, states.back()));
  }
  const std::vector<Operand> wrt(states.begin(), states.end());
  std::vector<Value> gradients = grad(mean(h * h), wrt);
  Graph g{{x}, {mean(h)}, {}};
  for (size_t i = 0; i < states.size(); ++i) g.updates.emplace_back(states[i], states[i] - 0.1 * gradients[i]);
  return g;
}

// Tables of one name updated in place: each writes after all that may fail.
Graph Tables(int n) {
  Value i = input("i", DType::i64, {dyn("n")});
  Graph g{{i}, {sum(i)}, {}};
  for (int t = 0; t < n / 5; ++t) {
    State table = state("a table of some name", Tensor::Zeros({4, 8}));
    g.updates.emplace_back(table, inc_subtensor(Subtensor::Of(table, {i}), tanh(gather(table, {i}, 0))));
  }
  return g;
}

// Extents that are cut and joined again and again, of an unknown axis.
Graph Rotations(int n) {
  Value x = input("x", DType::f32, {dyn("n"), 8}), y = x;
  for (int i = 0; i < n / 4; ++i) y = concatenate({slice(y, {1, 0}, {y.dim(0), 8}), slice(y, {0, 0}, {1, 8}) * 1.01f}, 0);
  return {{x}, {y}, {}};
}

// One value of many parts, each made on its own.
Graph Parts(int n) {
  Value x = input("x", DType::f32, {dyn("n"), 8});
  std::vector<Value> parts;
  for (int i = 0; i < n; ++i) parts.push_back(x * static_cast<float>(i));
  return {{x}, {concatenate(parts, 0)}, {}};
}

// Chains of reductions over the same rows.
Graph Softmaxes(int n) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")}), y = x;
  for (int i = 0; i < n / 8; ++i) y = softmax(y) + x;
  return {{x}, {y}, {}};
}

struct Counts {
  double allocations, bytes;
};

// Of everything from stating the graph to destroying the function.
Counts Count(Graph (*make)(int), int n) {
  const int64_t allocations_before = allocations, bytes_before = bytes;
  {
    Graph g = make(n);
    absl::StatusOr<Function> f = compile(g.inputs, g.outputs, g.updates, {.num_threads = 1, .cache_dir = "none"});
    EXPECT_TRUE(f.ok()) << f.status();
    if (f.ok()) EXPECT_FALSE(f->profile().text().empty() || f->plan_text().empty() || f->compile_report().text().empty());
  }
  return {static_cast<double>(allocations - allocations_before), static_cast<double>(bytes - bytes_before)};
}

class Growth : public ::testing::TestWithParam<std::pair<const char*, Graph (*)(int)>> {};

TEST_P(Growth, IsLinear) {
  const auto& [name, make] = GetParam();
  (void)Count(make, 100);  // what is made once a process
  const Counts small = Count(make, 400), medium = Count(make, 800), large = Count(make, 1600);
  // What twice as many nodes add: linear work adds twice as much the second time,
  // quadratic work four times as much. The compiler's own operator new counts too.
  EXPECT_LT(large.allocations - medium.allocations, 2.6 * (medium.allocations - small.allocations))
      << name << ": " << small.allocations << ", " << medium.allocations << ", " << large.allocations;
  EXPECT_LT(large.bytes - medium.bytes, 2.6 * (medium.bytes - small.bytes))
      << name << ": " << small.bytes << ", " << medium.bytes << ", " << large.bytes;
  EXPECT_GT(large.allocations, 1600 * 20);  // the count sees the compiler
}

INSTANTIATE_TEST_SUITE_P(Shapes, Growth,
                         ::testing::Values(std::pair("chain", &Chain), std::pair("states", &States), std::pair("tables", &Tables),
                                           std::pair("layers", &Layers), std::pair("rotations", &Rotations),
                                           std::pair("parts", &Parts)),
                         [](const auto& info) { return std::string(info.param.first); });

// The largest kernel's machine code. One kernel that grows with a chain is compiled
// alone on its thread, and the passes over it are not all linear in it.
int64_t LargestKernel(Graph (*make)(int), int n) {
  Graph g = make(n);
  absl::StatusOr<Function> f = compile(g.inputs, g.outputs, g.updates, {.num_threads = 2, .cache_dir = "none"});
  EXPECT_TRUE(f.ok()) << f.status();
  if (!f.ok()) return 0;
  int64_t largest = 0;
  for (const auto& kernel : f->compile_report().made.kernels) largest = std::max(largest, kernel.code_bytes);
  return largest;
}

TEST(KernelSizes, DoNotGrowWithChainsOfReductions) {
  const int64_t few = LargestKernel(&Softmaxes, 4 * 8), many = LargestKernel(&Softmaxes, 24 * 8);
  EXPECT_GT(few, 0);
  EXPECT_LT(many, 2 * few);
}

}  // namespace
}  // namespace oriel
