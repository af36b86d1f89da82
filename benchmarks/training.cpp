#include "benchmarks/training.h"

#include <cmath>
#include <cstring>

#include "benchmarks/common.h"

namespace oriel::bench {
namespace {

constexpr int64_t kWidths[] = {64, 128, 128, 10};
constexpr int kLayers = 3;
constexpr int64_t kBatch = 32;
constexpr double kRate = 0.1, kMomentum = 0.9;

Tensor Weights(int layer) {
  const int64_t in = kWidths[layer], out = kWidths[layer + 1];
  Tensor w = Tensor::Uniform({in, out}, static_cast<uint64_t>(layer) + 20);
  const float bound = static_cast<float>(std::sqrt(6.0 / static_cast<double>(in + out)));
  for (int64_t i = 0; i < w.size(); ++i) w.data<float>()[i] = (2 * w.data<float>()[i] - 1) * bound;
  return w;
}

// The same step as plain loops, in float or double.
template <typename T>
struct Plain {
  std::vector<T> p[2 * kLayers], v[2 * kLayers], g[2 * kLayers], h[kLayers + 1], d[kLayers + 1];

  Plain() {
    for (int l = 0; l < kLayers; ++l) {
      Tensor w = Weights(l);
      p[2 * l].assign(w.data<float>(), w.data<float>() + w.size());
      p[2 * l + 1].assign(kWidths[l + 1], 0);
    }
    for (int i = 0; i < 2 * kLayers; ++i) v[i].assign(p[i].size(), 0), g[i].assign(p[i].size(), 0);
    for (int l = 0; l <= kLayers; ++l) h[l].assign(kBatch * kWidths[l], 0), d[l].assign(kBatch * kWidths[l], 0);
  }

  T Step(const float* x, const int64_t* t) {
    for (int64_t i = 0; i < kBatch * kWidths[0]; ++i) h[0][i] = x[i];
    for (int l = 0; l < kLayers; ++l) {
      const int64_t in = kWidths[l], out = kWidths[l + 1];
      for (int64_t i = 0; i < kBatch; ++i) {
        T* row = &h[l + 1][i * out];
        for (int64_t j = 0; j < out; ++j) row[j] = p[2 * l + 1][j];
        for (int64_t k = 0; k < in; ++k) {
          const T a = h[l][i * in + k];
          for (int64_t j = 0; j < out; ++j) row[j] += a * p[2 * l][k * out + j];
        }
        if (l + 1 < kLayers) {
          for (int64_t j = 0; j < out; ++j) row[j] = std::tanh(row[j]);
        }
      }
    }
    T cost = 0;
    const int64_t classes = kWidths[kLayers];
    for (int64_t i = 0; i < kBatch; ++i) {
      const T* z = &h[kLayers][i * classes];
      T* e = &d[kLayers][i * classes];
      T most = z[0], sum = 0;
      for (int64_t j = 1; j < classes; ++j) most = std::max(most, z[j]);
      for (int64_t j = 0; j < classes; ++j) sum += e[j] = std::exp(z[j] - most);
      for (int64_t j = 0; j < classes; ++j) e[j] = (e[j] / sum - (j == t[i] ? 1 : 0)) / kBatch;
      cost += (most + std::log(sum) - z[t[i]]) / kBatch;
    }
    for (int l = kLayers - 1; l >= 0; --l) {
      const int64_t in = kWidths[l], out = kWidths[l + 1];
      std::fill(g[2 * l].begin(), g[2 * l].end(), T(0));
      std::fill(g[2 * l + 1].begin(), g[2 * l + 1].end(), T(0));
      for (int64_t i = 0; i < kBatch; ++i) {
        const T* e = &d[l + 1][i * out];
        for (int64_t j = 0; j < out; ++j) g[2 * l + 1][j] += e[j];
        for (int64_t k = 0; k < in; ++k) {
          const T a = h[l][i * in + k];
          T back = 0;
          for (int64_t j = 0; j < out; ++j) {
            g[2 * l][k * out + j] += a * e[j];
            back += e[j] * p[2 * l][k * out + j];
          }
          d[l][i * in + k] = back * (1 - a * a);
        }
      }
    }
    for (int i = 0; i < 2 * kLayers; ++i) {
      for (size_t j = 0; j < p[i].size(); ++j) {
        v[i][j] = static_cast<T>(kMomentum) * v[i][j] - static_cast<T>(kRate) * g[i][j];
        p[i][j] += v[i][j];
      }
    }
    return cost;
  }
};

Pair Train(int threads) {
  Function f = PerceptronStep({.name = "train", .num_threads = threads});
  Tensor labels = Tensor::Zeros({kBatch}, DType::i64);
  for (int64_t i = 0; i < kBatch; ++i) labels.data<int64_t>()[i] = i * 7 % 10;
  std::vector<Tensor> in = {Tensor::Uniform({kBatch, kWidths[0]}, 30), labels};
  Plain<double> exact;
  for (int step = 0; step < 4; ++step) {
    const double expected = exact.Step(in[0].data<float>(), labels.data<int64_t>());
    Check("train", Call(f, in)[0], [&](int64_t) { return expected; }, 1e-4);
  }
  auto plain = std::make_shared<Plain<float>>();
  return {[f, in] { Call(f, in); },
          [plain, in] { plain->Step(in[0].data<float>(), in[1].data<int64_t>()); }};
}

const bool registered = [] {
  for (int threads : {1, 2}) {
    RegisterPair("train/mlp_step/threads:" + std::to_string(threads), "loop", [threads] { return Train(threads); });
  }
  return true;
}();

}  // namespace

Function PerceptronStep(CompileOptions options) {
  Value x = input("x", DType::f32, {dyn("batch"), kWidths[0]}), t = input("t", DType::i64, {dyn("batch")});
  std::vector<State> p, v;
  std::vector<Operand> wrt;
  Value h = x;
  for (int l = 0; l < kLayers; ++l) {
    const std::string name = std::to_string(l + 1);
    p.push_back(state("W" + name, Weights(l)));
    p.push_back(state("b" + name, Tensor::Zeros({kWidths[l + 1]})));
    v.push_back(state("vW" + name, Tensor::Zeros({kWidths[l], kWidths[l + 1]})));
    v.push_back(state("vb" + name, Tensor::Zeros({kWidths[l + 1]})));
    h = dot(h, p[2 * l]) + p[2 * l + 1];
    if (l + 1 < kLayers) h = tanh(h);
  }
  for (const State& s : p) wrt.push_back(s);
  Value cost = mean(categorical_crossentropy(softmax(h), t));
  std::vector<Value> g = grad(cost, wrt);
  std::vector<Update> updates;
  for (size_t i = 0; i < p.size(); ++i) {
    Value moved = kMomentum * v[i] - kRate * g[i];
    updates.push_back({v[i], moved});
    updates.push_back({p[i], p[i] + moved});
  }
  return Compile({x, t}, {cost}, updates, std::move(options));
}

}  // namespace oriel::bench
