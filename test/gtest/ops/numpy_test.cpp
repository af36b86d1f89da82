// Replays the cases of test/numpy_reference.py against the reference kernels.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "oriel/npy.h"
#include "ops_test_util.h"

namespace oriel {
namespace {

std::vector<int64_t> ParseInts(const std::string& text) {
  std::vector<int64_t> values;
  std::stringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) values.push_back(std::stoll(word));
  return values;
}

// "name=kind:value".
std::pair<std::string, AttrValue> ParseAttribute(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals), value = text.substr(equals + 3);
  switch (text[equals + 1]) {
    case 'i':
      return {name, static_cast<int64_t>(std::stoll(value))};
    case 'b':
      return {name, value == "1"};
    case 'l':
      return {name, ParseInts(value)};
    case 't':
      return {name, ParseDType(value).value()};
    case 'd': {
      const std::vector<int64_t> extents = ParseInts(value);
      return {name, Dims(extents.begin(), extents.end())};
    }
    default:
      return {name, value};
  }
}

// The first element that differs by more than the tolerance, or "".
std::string Difference(const Tensor& actual, const Tensor& expected, double tolerance) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
    return std::string(NumpyName(actual.dtype())) + " " + ToString(actual.shape()) + ", expected " +
           std::string(NumpyName(expected.dtype())) + " " + ToString(expected.shape());
  }
  // float64 holds neither all int64 nor all uint64: those compare as bytes.
  if (!IsFloat(actual.dtype())) return BitEqual(actual, expected) ? "" : actual.ToString() + "\nexpected\n" + expected.ToString();
  const std::vector<double> a = Values(actual), b = Values(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = (a[i] == b[i] && (a[i] != 0 || tolerance > 0 || std::signbit(a[i]) == std::signbit(b[i]))) ||
                      (std::isnan(a[i]) && std::isnan(b[i]));
    // A subnormal of float16 is a step of 2^-24.
    if (same || (tolerance > 0 && std::abs(a[i] - b[i]) <= tolerance * std::abs(b[i]) + (SizeOf(actual.dtype()) == 2 ? 0x1p-23 : 0))) continue;
    std::ostringstream text;
    text.precision(17);
    text << "element " << i << " is " << a[i] << ", expected " << b[i];
    return text.str();
  }
  return "";
}

TEST(Numpy, ReferenceKernelsAgree) {
  if (std::string(ORIEL_NUMPY_PYTHON).empty()) GTEST_SKIP() << "no Python with NumPy was found";
  const std::string folder = ORIEL_NUMPY_CASES;
  const std::string command = std::string(ORIEL_NUMPY_PYTHON) + " test/numpy_reference.py '" + folder + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  absl::StatusOr<std::map<std::string, Tensor>> arrays = LoadNpz(folder + "/cases.npz");
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  std::ifstream file(folder + "/cases.txt");
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    std::stringstream words(line);
    std::string name, op;
    int operands = 0;
    double tolerance = 0;
    words >> name >> op >> operands >> tolerance;
    Attrs attrs;
    for (std::string word; words >> word;) {
      auto [key, value] = ParseAttribute(word);
      attrs.Set(key, std::move(value));
    }
    std::vector<Tensor> inputs;
    for (int k = 0; k < operands; ++k) inputs.push_back(arrays->at(name + "_" + std::to_string(k)));
    absl::StatusOr<std::vector<Tensor>> results = EvaluateOp(ParseOpKind(op).value(), attrs, inputs, {});
    ASSERT_TRUE(results.ok()) << line << "\n" << results.status();
    EXPECT_EQ(Difference(results->front(), arrays->at(name + "_out"), tolerance), "")
        << line << "\n" << (operands > 0 ? std::string(NumpyName(inputs[0].dtype())) : "");
    ++cases;
  }
  EXPECT_GT(cases, 1000);
}

}  // namespace
}  // namespace oriel
