// Softmax regression on the UCI handwritten digits through the C++ API: a
// graph in, an answer and a per-node profile out.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "oriel/oriel.h"

using oriel::dyn;
using oriel::DType;
using oriel::Extents;
using oriel::Function;
using oriel::State;
using oriel::Tensor;
using oriel::Value;

namespace {

constexpr int64_t kPixels = 64, kClasses = 10, kBatch = 32;
constexpr double kLearningRate = 0.5;

struct Options {
  int epochs = 20;
  int threads = 0;
  std::string data = ORIEL_DIGITS_DATA;
  std::string write_step;
};

// The training step and the classifier share the two states.
struct Model {
  State weights = oriel::state("W", Tensor::Zeros({kPixels, kClasses}));
  State bias = oriel::state("b", Tensor::Zeros({kClasses}));
  std::vector<Value> step_inputs, step_outputs, predict_inputs, predict_outputs;
  std::vector<oriel::Update> updates;

  Model() {
    Value images = oriel::input("images", DType::u8, {dyn("batch"), kPixels});
    Value labels = oriel::input("labels", DType::i64, {dyn("batch")});
    Value x = (oriel::cast(images, DType::f32) * (1.0 / 16)).named("pixels");
    Value logits = (oriel::dot(x, weights) + bias).named("logits");
    Value p = oriel::softmax(logits).named("probabilities");

    Value picked = p[{oriel::arange(labels.dim(0)), labels}];
    Value cost = (-oriel::mean(oriel::log(picked))).named("cost");

    // One statement a node: the order of the graph's text is that of the program.
    std::vector<Value> gradients = oriel::grad(cost, {weights, bias});
    Value weights_step = kLearningRate * gradients[0];
    Value bias_step = kLearningRate * gradients[1];

    step_inputs = {images, labels};
    step_outputs = {cost};
    updates = {{weights, weights - weights_step}, {bias, bias - bias_step}};
    predict_inputs = {images};
    predict_outputs = {oriel::argmax(logits, 1).named("digit")};
  }
};

bool Report(const absl::Status& status) {
  if (!status.ok()) std::fprintf(stderr, "digits_demo: %s\n", status.ToString().c_str());
  return status.ok();
}

// Rows `rows` of a 2-D or 1-D tensor, gathered into a new one.
template <typename T>
Tensor Rows(const Tensor& all, const std::vector<int64_t>& rows) {
  const int64_t width = all.rank() == 2 ? all.dim(1) : 1;
  Extents shape = all.shape();
  shape[0] = static_cast<int64_t>(rows.size());
  Tensor out = Tensor::Zeros(shape, all.dtype());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(out.data<T>() + i * width, all.data<T>() + rows[i] * width,
                width * sizeof(T));
  }
  return out;
}

struct Digits {
  Tensor images, labels;
  std::vector<int64_t> train, test;  // a fixed-seed split
};

bool LoadDigits(const Options& options, Digits* out) {
  auto images = Tensor::Load(options.data + "/images.npy");
  auto labels = Tensor::Load(options.data + "/labels.npy");
  if (!Report(images.status()) || !Report(labels.status())) return false;
  out->images = *images;
  out->labels = *labels;
  std::vector<int64_t> order(out->images.dim(0));
  std::iota(order.begin(), order.end(), 0);
  // Fisher-Yates with a plain generator: std::shuffle differs by library.
  std::mt19937_64 random(7);
  for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random() % (i + 1)]);
  const size_t train = order.size() * 4 / 5;
  out->train.assign(order.begin(), order.begin() + train);
  out->test.assign(order.begin() + train, order.end());
  return true;
}

std::vector<int64_t> BatchOf(const std::vector<int64_t>& order, size_t begin) {
  const size_t end = std::min(order.size(), begin + kBatch);
  return {order.begin() + begin, order.begin() + end};
}

int WriteStep(const Options& options) {
  Digits digits;
  if (!LoadDigits(options, &digits)) return 1;
  Model model;
  auto text = oriel::ToMlirText(model.step_inputs, model.step_outputs, model.updates, "step");
  if (!Report(text.status())) return 1;
  const std::string dir = options.write_step + "/";
  std::FILE* file = std::fopen((dir + "step.mlir").c_str(), "w");
  if (file == nullptr || std::fwrite(text->data(), 1, text->size(), file) != text->size()) {
    std::perror((dir + "step.mlir").c_str());
    return 1;
  }
  std::fclose(file);
  auto step = oriel::compile(model.step_inputs, model.step_outputs, model.updates,
                             {.name = "step", .num_threads = options.threads});
  if (!Report(step.status())) return 1;
  const std::vector<int64_t> rows = BatchOf(digits.train, 0);
  Tensor images = Rows<uint8_t>(digits.images, rows);
  Tensor labels = Rows<int64_t>(digits.labels, rows);
  auto out = (*step)({images, labels});
  if (!Report(out.status())) return 1;
  const std::pair<const char*, Tensor> files[] = {
      {"images.npy", images}, {"labels.npy", labels}, {"cost.npy", (*out)[0]},
      {"W.npy", model.weights.value()}, {"b.npy", model.bias.value()}};
  for (const auto& [name, tensor] : files) {
    if (!Report(tensor.Save(dir + name))) return 1;
  }
  return 0;
}

int Train(const Options& options) {
  Digits digits;
  if (!LoadDigits(options, &digits)) return 1;
  Model model;
  auto step = oriel::compile(model.step_inputs, model.step_outputs, model.updates,
                             {.name = "step", .num_threads = options.threads});
  auto predict = oriel::compile(model.predict_inputs, model.predict_outputs, {},
                                {.name = "predict", .num_threads = options.threads});
  if (!Report(step.status()) || !Report(predict.status())) return 1;

  std::vector<int64_t> order = digits.train;
  std::mt19937_64 random(11);
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random() % (i + 1)]);
    double total = 0;
    for (size_t begin = 0; begin < order.size(); begin += kBatch) {
      const std::vector<int64_t> rows = BatchOf(order, begin);
      auto out = (*step)({Rows<uint8_t>(digits.images, rows), Rows<int64_t>(digits.labels, rows)});
      if (!Report(out.status())) return 1;
      total += *(*out)[0].data<float>() * rows.size();
    }
    std::printf("epoch %2d  cost %.4f\n", epoch, total / order.size());
  }

  Tensor labels = Rows<int64_t>(digits.labels, digits.test);
  auto out = (*predict)({Rows<uint8_t>(digits.images, digits.test)});
  if (!Report(out.status())) return 1;
  int64_t right = 0;
  for (int64_t i = 0; i < labels.size(); ++i) {
    right += (*out)[0].data<int64_t>()[i] == labels.data<int64_t>()[i];
  }
  std::printf("test accuracy: %.4f\n\n", static_cast<double>(right) / labels.size());
  std::printf("%s\n%s", step->profile().text().c_str(), step->memory().text().c_str());
  return 0;
}

int Usage(std::FILE* to, int code) {
  std::fprintf(to,
               "Usage: digits_demo [--epochs N] [--threads N] [--data DIR]\n"
               "       digits_demo --write-step DIR\n"
               "Trains softmax regression on the UCI digits and shows where time and memory went;\n"
               "--write-step saves one step as step.mlir with its inputs and results as .npy.\n");
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help") return Usage(stdout, 0);
    if (i + 1 == argc) return Usage(stderr, 2);
    const char* value = argv[++i];
    if (flag == "--epochs") options.epochs = std::atoi(value);
    else if (flag == "--threads") options.threads = std::atoi(value);
    else if (flag == "--data") options.data = value;
    else if (flag == "--write-step") options.write_step = value;
    else return Usage(stderr, 2);
  }
  if (options.epochs < 1) return Usage(stderr, 2);
  return options.write_step.empty() ? Train(options) : WriteStep(options);
}
