// Compiles one program of each kind and exports it with inputs and answers.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "oriel/oriel.h"

namespace {

using namespace oriel;
using Values = std::vector<Value>;

std::string g_dir;

void Die(const std::string& name, const absl::Status& status) {
  std::fprintf(stderr, "make_programs: %s: %s\n", name.c_str(), status.ToString().c_str());
  std::exit(1);
}

void SaveAll(const std::string& name, const char* what, const std::vector<Tensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    absl::Status s = tensors[i].Save(g_dir + "/" + name + "." + what + std::to_string(i) + ".npy");
    if (!s.ok()) Die(name, s);
  }
}

// Exports before the first call, so that states start as they were made.
void Make(const std::string& name, const Values& inputs, const Values& outputs, const std::vector<Update>& updates,
          const std::vector<Tensor>& arguments) {
  absl::StatusOr<Function> f = compile(inputs, outputs, updates, {.name = name, .num_threads = 2, .cache_dir = "none"});
  if (!f.ok()) Die(name, f.status());
  if (absl::Status s = f->Export(g_dir + "/" + name + ".oriel"); !s.ok()) Die(name, s);
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(arguments));
  if (!out.ok()) Die(name, out.status());
  SaveAll(name, "in", arguments);
  SaveAll(name, "out", *out);
  std::vector<Tensor> states;
  for (const State& s : f->states()) states.push_back(s.value());
  SaveAll(name, "state", states);
}

Value In(const std::string& name, DType t, Dims dims) { return input(name, t, std::move(dims)); }

void MakeAll() {
  const Dim n = dyn("n"), m = dyn("m"), k = dyn("k");
  Value x = In("x", DType::f32, {n, m}), y = In("y", DType::f32, {n, m}), w = In("w", DType::f32, {m});
  for (int64_t columns : {1, 31, 33, 500}) {
    const std::string suffix = "_" + std::to_string(columns);
    std::vector<Tensor> in = {Tensor::Normal({7, columns}, 1), Tensor::Normal({7, columns}, 2), Tensor::Normal({columns}, 3)};
    Make("gate" + suffix, {x, y, w}, {sigmoid(x * w + 1.0) * tanh(y), less(x, y)}, {}, in);
    Make("softmax" + suffix, {x}, {softmax(x), argmax(x, 1), sum(x, {0})}, {}, {in[0]});
    Make("views" + suffix, {x, y}, {transpose(x) + 1.0, concatenate({x, y}, 1), x[{all(), slice(std::nullopt, std::nullopt, -1)}]}, {}, {in[0], in[1]});
    Make("sum" + suffix, {x}, {sum(x), reduce_max(x, {0}), mean(x * x, {1})}, {}, {in[0]});
  }
  Value long_row = In("x", DType::f64, {n});
  Make("long_row", {long_row}, {sum(long_row), sum(exp(long_row))}, {}, {Tensor::Normal({20011}, 4, DType::f64)});
  Value bytes = In("x", DType::u8, {n}), bits = In("b", DType::boolean, {n});
  Make("bytes", {bytes, bits}, {select(bits, floor_div(bytes, 3), bytes % 7), any(bits), sum(bytes)}, {},
       {Tensor::Uniform({77}, 5, DType::u8), *Tensor::Zeros({77}, DType::u8).Cast(DType::boolean)});
  Value half = In("x", DType::f16, {n});
  Make("half", {half}, {exp(half) * 0.5, sum(half)}, {}, {*Tensor::Normal({101}, 6).Cast(DType::f16)});

  Value a = In("a", DType::f32, {n, k}), b = In("b", DType::f32, {k, m});
  for (auto [p, q, r] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1}, {7, 17, 33}, {130, 70, 300}}) {
    Make("matmul_" + std::to_string(p), {a, b, w}, {relu(dot(a, b) + w)}, {},
         {Tensor::Normal({p, r}, 7), Tensor::Normal({r, q}, 8), Tensor::Normal({q}, 9)});
  }
  Value table = In("table", DType::f32, {n, m}), index = In("index", DType::i64, {k}), rows = In("rows", DType::f32, {k, m});
  Tensor indices = *Tensor::From<int64_t>({3, -1, 0, 3, 9, -10, 3}, {7});
  Make("index", {table, index, rows}, {gather(table, {index}), scatter_add(table, {index}, rows), scatter_set(table, {index}, rows)}, {},
       {Tensor::Normal({10, 13}, 10), indices, Tensor::Normal({7, 13}, 11)});

  // The engine's own kernels, and draws that use them.
  Value row = In("row", DType::f64, {k});
  for (int64_t columns : {3, 700, 2000}) {
    Make("sort_" + std::to_string(columns), {x, row}, {sort(x, 0), argsort(x, 1), sort(row * 2.0), argsort(row)}, {},
         {Tensor::Normal({9, columns}, 17), Tensor::Normal({columns}, 18, DType::f64)});
  }
  RandomStreams random(19);
  Make("choice", {x}, {random.permutation(300), random.permutation(x), random.shuffle_row_elements(x),
                       random.choice({50}, m, {.weights = exp(x)}), random.choice({3}, m, {.replace = false, .weights = exp(x)})},
       {}, {Tensor::Normal({9, 70}, 20)});

  Value trips = In("trips", DType::i64, {});
  Make("loop", {trips, x}, loop(trips, {x, x * 0.0}, [](Value i, Values c) { return Values{c[1] + cast(i, DType::f32), tanh(c[0])}; }), {},
       {Tensor::Scalar<int64_t>(25), Tensor::Normal({3, 5}, 12)});
  Make("branch", {x}, branch(less(sum(x), 0.0), [&] { return Values{x * 2.0}; }, [&] { return Values{x - 1.0}; }), {}, {Tensor::Normal({3, 5}, 13)});

  // Sizes that the run finds: of loops that end early, of masks.
  const Value limit = In("limit", DType::f64, {});
  const auto until = [&](const Value& sequence, const Value& stop, const std::string& name) {
    return scan(
        [&](const ScanStep& s) {
          const Value total = s.outputs[0] + sum(s.sequences[0]);
          return ScanBody{.outputs = {total, tanh(s.sequences[0])}, .until = total > stop};
        },
        {.sequences = {sequence}, .outputs_info = {scalar(0, DType::f64), ScanOutput()}, .name = name});
  };
  const Value steps = In("steps", DType::f64, {n, m});
  const ScanResult first = until(steps, limit, "first"), second = until(first.outputs[1] * 3.0, limit * 0.5, "second");
  Make("found", {steps, limit},
       {first.outputs[1], exp(first.outputs[1]), matmul(second.outputs[1], transpose(first.outputs[1])), sum(second.outputs[0]),
        grad(sum(second.outputs[1] * second.outputs[1]) + sum(first.outputs[0]), {steps})[0]},
       {}, {Tensor::Ones({40, 33}, DType::f64), Tensor::Scalar<double>(700)});
  const Value masked = Subtensor::Masked(x, x > 0.0).read(), other = Subtensor::Masked(x, x < -0.5).read();
  Make("mask", {x}, {masked, concatenate({masked, other}, 0), sum(exp(masked)) - sum(other), grad(sum(masked * masked), {x})[0]}, {},
       {Tensor::Normal({9, 70}, 21)});

  State weights = state("weights", Tensor::Normal({13, 4}, 14)), count = state("count", Tensor::Zeros({}, DType::i64)),
        memory = state("memory", Tensor::Normal({10, 13}, 15));
  Value h = tanh(dot(rows, weights));
  Make("states", {index, rows}, {mean(h)},
       {{weights, weights - 0.1 * dot(transpose(rows), h)}, {count, count + 1}, {memory, scatter_add(memory, {index}, rows)}},
       {indices, *Tensor::Normal({7, 13}, 16).Reshape({7, 13})});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "Usage: make_programs DIR\n");
    return 2;
  }
  g_dir = argv[1];
  MakeAll();
  return 0;
}
