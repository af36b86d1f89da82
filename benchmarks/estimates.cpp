// How good the compiler's estimates of kernels are: what a step is said to take
// on one thread against what it takes. Threads are woken, and steps put side by
// side, by these.
//
//   build/release/bin/estimates
//
// A row a kernel: class, graph, nanoseconds estimated and measured, their ratio.
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "oriel/oriel.h"
#include "runtime/engine/function_state.h"

namespace oriel {
namespace {

struct Case {
  std::string name;
  std::vector<Tensor> arguments;
  std::function<std::vector<Value>(const std::vector<Value>&)> build;
};

Tensor Normal(Extents shape, DType dtype = DType::f32) { return Tensor::Normal(std::move(shape), 1, dtype); }

Tensor Indices(int64_t n, int64_t most) {
  Tensor t = Tensor::Zeros({n}, DType::i64);
  for (int64_t i = 0; i < n; ++i) t.data<int64_t>()[i] = static_cast<int64_t>((static_cast<uint64_t>(i) * 2654435761u) % static_cast<uint64_t>(most));
  return t;
}

std::vector<Case> Cases() {
  using V = std::vector<Value>;
  std::vector<Case> all;
  for (const int64_t n : {1'000, 30'000, 1'000'000}) {
    const std::string size = " " + std::to_string(n);
    all.push_back({"x * y + x" + size, {Normal({n}), Normal({n})}, [](const V& in) { return V{in[0] * in[1] + in[0]}; }});
    all.push_back({"exp(x)" + size, {Normal({n})}, [](const V& in) { return V{exp(in[0])}; }});
    all.push_back({"tanh(x) f64" + size, {Normal({n}, DType::f64)}, [](const V& in) { return V{tanh(in[0])}; }});
    all.push_back({"pow(x, y)" + size, {Normal({n}), Normal({n})}, [](const V& in) { return V{pow(abs(in[0]), in[1])}; }});
    all.push_back({"sum(x)" + size, {Normal({n})}, [](const V& in) { return V{sum(in[0])}; }});
    all.push_back({"sort(x)" + size, {Normal({n})}, [](const V& in) { return V{sort(in[0])}; }});
    all.push_back({"gather" + size, {Normal({10'000}), Indices(n, 10'000)}, [](const V& in) { return V{take(in[0], in[1], 0)}; }});
  }
  for (const int64_t n : {32, 200, 1000}) {
    const std::string size = " " + std::to_string(n) + "x" + std::to_string(n);
    all.push_back({"softmax" + size, {Normal({n, n})}, [](const V& in) { return V{softmax(in[0])}; }});
    all.push_back({"sum(x, axis=0)" + size, {Normal({n, n})}, [](const V& in) { return V{sum(in[0], {0})}; }});
    all.push_back({"sum(x, axis=1)" + size, {Normal({n, n})}, [](const V& in) { return V{sum(in[0], {1})}; }});
    all.push_back({"x.T" + size, {Normal({n, n})}, [](const V& in) { return V{transpose(in[0]) + 1.0f}; }});
    all.push_back({"dot" + size, {Normal({n, n}), Normal({n, n})}, [](const V& in) { return V{dot(in[0], in[1])}; }});
    all.push_back({"dot f64" + size, {Normal({n, n}, DType::f64), Normal({n, n}, DType::f64)}, [](const V& in) { return V{dot(in[0], in[1])}; }});
    all.push_back({"vector dot" + size, {Normal({n}), Normal({n, n})}, [](const V& in) { return V{dot(in[0], in[1])}; }});
    all.push_back({"concatenate" + size, {Normal({n, n}), Normal({n, n})}, [](const V& in) { return V{concatenate({in[0], in[1]}, 0)}; }});
    all.push_back({"argmax" + size, {Normal({n, n})}, [](const V& in) { return V{argmax(in[0], 1)}; }});
  }
  return all;
}

int Run() {
  std::printf("%-14s %-28s %12s %12s %7s\n", "class", "graph", "estimated ns", "measured ns", "ratio");
  for (const Case& c : Cases()) {
    std::vector<Value> in;
    for (size_t i = 0; i < c.arguments.size(); ++i) {
      Dims dims;
      for (size_t k = 0; k < c.arguments[i].shape().size(); ++k) dims.push_back(Dim::Symbol("d" + std::to_string(c.arguments[i].shape()[k])));
      in.push_back(input("x" + std::to_string(i), c.arguments[i].dtype(), dims));
    }
    CompileOptions options;
    options.num_threads = 1;
    absl::StatusOr<Function> f = compile(in, c.build(in), {}, options);
    if (!f.ok()) {
      std::fprintf(stderr, "%s: %s\n", c.name.c_str(), f.status().ToString().c_str());
      return 1;
    }
    // Until some 20 ms have passed, the first calls left out.
    for (int i = 0; i < 3; ++i) (void)(*f)(c.arguments);
    f->reset_profile();
    do {
      if (const auto out = (*f)(c.arguments); !out.ok()) {
        std::fprintf(stderr, "%s: %s\n", c.name.c_str(), out.status().ToString().c_str());
        return 1;
      }
    } while (f->profile().wall_seconds < 0.02);
    const Function::Impl& impl = *f->impl();
    const std::vector<int64_t>& symbols = impl.Last()->symbols;
    for (const ApplyRow& row : f->profile().rows) {
      if (row.id < 0 || row.calls == 0) continue;
      const auto* dispatch = std::get_if<DispatchStep>(&impl.prepared->flat[static_cast<size_t>(row.id)].step->op);
      if (dispatch == nullptr) continue;
      DimBindings bindings;
      for (size_t k = 0; k < symbols.size(); ++k) bindings[impl.program().symbols[k]] = symbols[k];
      const double estimated = static_cast<double>(dispatch->cost.Evaluate(bindings).value_or(-1));
      const double measured = 1e9 * row.seconds / static_cast<double>(row.calls);
      std::printf("%-14s %-28s %12.0f %12.0f %7.2f\n", row.op_class.c_str(), c.name.c_str(), estimated, measured, estimated / measured);
    }
  }
  return 0;
}

}  // namespace
}  // namespace oriel

int main() { return oriel::Run(); }
