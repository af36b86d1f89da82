// Code around a network is tested with a dummy in its place (docs/debugging.md,
// "Testing the code around a graph").
#include <cmath>
#include <sstream>

#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

// What the code around a network needs of it, whatever it computes.
struct Network {
  Value input, output;
};

// Reads numbers, a line each, and writes what the network makes of them.
class Processor {
 public:
  static absl::StatusOr<Processor> Create(const Network& network) {
    absl::StatusOr<Function> function = compile({network.input}, {network.output}, {}, CurrentMode().options);
    if (!function.ok()) return function.status();
    return Processor(*std::move(function));
  }

  absl::Status ProcessFile(std::istream& in, std::ostream& out) const {
    for (std::string line; std::getline(in, line);) {
      absl::StatusOr<std::vector<Tensor>> result = compute_({Tensor::Scalar(std::stod(line))});
      if (!result.ok()) return result.status();
      out << (*result)[0].ElementAsDouble({}) << "\n";
    }
    return absl::OkStatus();
  }

 private:
  explicit Processor(Function compute) : compute_(std::move(compute)) {}
  Function compute_;
};

// The real one: a layer with weights that are anything.
Network NeuralNetwork() {
  Value x = input("x", DType::f64, {});
  State w = state("w", Tensor::Normal({16}, 1, DType::f64)), v = state("v", Tensor::Normal({16}, 2, DType::f64));
  return {x, sum(tanh(x * w) * v)};
}

// Simple and known: what it does to a number can be told without running it.
Network DummyNetwork() {
  Value x = input("x", DType::f64, {});
  return {x, x + 1.0};
}

std::vector<double> Numbers(const std::string& text) {
  std::istringstream lines(text);
  std::vector<double> numbers;
  for (double number; lines >> number;) numbers.push_back(number);
  return numbers;
}

TEST(ProcessorTest, EachLineIsTheInputsPlusOne) {
  absl::StatusOr<Processor> processor = Processor::Create(DummyNetwork());
  ASSERT_TRUE(processor.ok()) << processor.status();
  std::istringstream in("1\n2.5\n-3\n");
  std::ostringstream out;
  ASSERT_TRUE(processor->ProcessFile(in, out).ok());
  EXPECT_EQ(out.str(), "2\n3.5\n-2\n");
}

// The same code with the real network in its place.
TEST(ProcessorTest, TakesTheRealNetwork) {
  absl::StatusOr<Processor> processor = Processor::Create(NeuralNetwork());
  ASSERT_TRUE(processor.ok()) << processor.status();
  std::istringstream in("0\n1\n-1\n");
  std::ostringstream out;
  ASSERT_TRUE(processor->ProcessFile(in, out).ok());
  const std::vector<double> numbers = Numbers(out.str());
  ASSERT_EQ(numbers.size(), 3u);
  EXPECT_EQ(numbers[0], 0);
  EXPECT_NE(numbers[1], 0);
  EXPECT_DOUBLE_EQ(numbers[1], -numbers[2]) << "an odd function";
}

// Errors of a network reach the one who uses the processor, with its line.
TEST(ProcessorTest, ANetworkThatIsWrongIsAnErrorWithItsLine) {
  Value x = input("x", DType::f64, {3});
  const int line = __LINE__ + 1;
  const Network wrong = {x, x + constant(Tensor::Ones({4}, DType::f64))};
  const absl::Status status = Processor::Create(wrong).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("processor_test.cpp:" + std::to_string(line)));
}

}  // namespace
}  // namespace oriel::e2e
