// States on disk: all or nothing.
#include "oriel/states_io.h"

#include <unistd.h>

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "oriel/npy.h"
#include "oriel/safetensors.h"
#include "runtime/core/file.h"
#include "runtime/core/state_cell.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

State Make(const std::string& name, Tensor value) { return State(graph::MakeStateCell(name, std::move(value))); }

Tensor ValueOf(const State& state) {
  std::shared_lock lock(state.cell()->mutex);
  return state.cell()->storage.Clone();
}

class StatesIo : public testing::TestWithParam<const char*> {
 protected:
  std::string path_ = testing::TempDir() + "/states_io" + std::to_string(getpid()) + GetParam();
  void TearDown() override { unlink(path_.c_str()); }
};

TEST_P(StatesIo, RoundTrip) {
  const std::vector<State> states = {Make("W", Tensor::Normal({3, 4}, 1)), Make("steps", Tensor::Scalar<int64_t>(900)),
                                     Make("mask", Tensor::Ones({2}, DType::boolean)), Make("empty", Tensor::Zeros({0, 3}))};
  ASSERT_TRUE(SaveStates(path_, states).ok());
  const std::vector<State> fresh = {Make("W", Tensor::Zeros({3, 4})), Make("steps", Tensor::Scalar<int64_t>(0)),
                                    Make("mask", Tensor::Zeros({2}, DType::boolean)), Make("empty", Tensor::Zeros({0, 3}))};
  const absl::Status loaded = LoadStates(path_, fresh);
  ASSERT_TRUE(loaded.ok()) << loaded;
  for (size_t i = 0; i < states.size(); ++i) EXPECT_TRUE(BitEqual(ValueOf(fresh[i]), ValueOf(states[i]))) << states[i].cell()->name.str();
  // A second save replaces the first.
  fresh[1].cell()->storage = Tensor::Scalar<int64_t>(901);
  ASSERT_TRUE(SaveStates(path_, fresh).ok());
  ASSERT_TRUE(LoadStates(path_, states).ok());
  EXPECT_EQ(ValueOf(states[1]).ElementAsInt({}), 901);
}

TEST_P(StatesIo, NothingIsHalfLoaded) {
  ASSERT_TRUE(SaveStates(path_, {Make("a", Tensor::Ones({2})), Make("b", Tensor::Ones({3})), Make("c", Tensor::Ones({4}))}).ok());
  const State a = Make("a", Tensor::Zeros({2})), b = Make("b", Tensor::Zeros({3})), c = Make("c", Tensor::Zeros({4}));
  const auto refused = [&](const std::vector<State>& states, absl::StatusCode code, const std::string& part) {
    const absl::Status status = LoadStates(path_, states);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    for (const State& state : states) EXPECT_EQ(ValueOf(state).ElementAsDouble({0}), 0) << state.cell()->name.str();
  };
  refused({a, b, Make("c", Tensor::Zeros({5}))}, absl::StatusCode::kInvalidArgument, "\"c\" is float32 (4,), the state is float32 (5,)");
  refused({a, b, Make("c", Tensor::Zeros({4}, DType::f64))}, absl::StatusCode::kInvalidArgument, "float64");
  refused({a, b, c, Make("d", Tensor::Zeros({1}))}, absl::StatusCode::kNotFound, "\"d\"");
  refused({a, b}, absl::StatusCode::kNotFound, "\"c\" is the value of no state");
  refused({a, b, c, Make("a", Tensor::Zeros({2}))}, absl::StatusCode::kAlreadyExists, "two states are named 'a'");
  EXPECT_TRUE(LoadStates(path_, {a, b}, {.allow_extra = true}).ok());
  EXPECT_EQ(ValueOf(a).ElementAsDouble({0}), 1);
  EXPECT_TRUE(LoadStates(path_, {c, Make("d", Tensor::Zeros({1}))}, {.allow_extra = true, .allow_missing = true}).ok());
  EXPECT_EQ(ValueOf(c).ElementAsDouble({3}), 1);
}

TEST_P(StatesIo, ADamagedFileChangesNothing) {
  ASSERT_TRUE(SaveStates(path_, {Make("a", Tensor::Normal({50}, 1)), Make("b", Tensor::Normal({50}, 2))}).ok());
  const std::string bytes = ReadWholeFile(path_).value();
  const State a = Make("a", Tensor::Zeros({50})), b = Make("b", Tensor::Zeros({50}));
  const auto write = [&](const std::string& contents) { std::ofstream(path_, std::ios::binary | std::ios::trunc) << contents; };
  for (size_t cut : {bytes.size() - 1, bytes.size() / 2, size_t{20}, size_t{0}}) {
    write(bytes.substr(0, cut));
    EXPECT_FALSE(LoadStates(path_, {a, b}).ok()) << cut;
  }
  // A byte of the data: both formats carry checksums. In the middle of the
  // second array's numbers.
  const Tensor second = Tensor::Normal({50}, 2);
  const size_t at = bytes.find(std::string(static_cast<const char*>(second.raw()), second.bytes()));
  ASSERT_NE(at, std::string::npos);
  std::string changed = bytes;
  changed[at + 77] ^= 4;
  write(changed);
  EXPECT_EQ(LoadStates(path_, {a, b}).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ValueOf(a).ElementAsDouble({0}), 0);
  EXPECT_EQ(ValueOf(b).ElementAsDouble({0}), 0);
  write(bytes);
  EXPECT_TRUE(LoadStates(path_, {a, b}).ok());
}

TEST_P(StatesIo, NamesAndEndings) {
  EXPECT_THAT(std::string(SaveStates(path_ + ".pkl", {}).message()), HasSubstr(".npz or .safetensors"));
  EXPECT_FALSE(SaveStates(path_, {Make("", Tensor())}).ok());
  EXPECT_FALSE(SaveStates(path_, {State()}).ok());
  EXPECT_EQ(LoadStates(path_, {}).code(), absl::StatusCode::kNotFound);
  const State s = Make("s", Tensor::Ones({2}));
  ASSERT_TRUE(SaveStates(path_, {s, s}).ok());  // the same state twice is one
  EXPECT_FALSE(SaveStates("/nowhere/at/all" + std::string(GetParam()), {s}).ok());
  // A failed save leaves the old file.
  const State bf16 = Make("h", Tensor::Ones({2}, DType::bf16));
  const absl::Status status = SaveStates(path_, {bf16});
  EXPECT_EQ(status.ok(), std::string(GetParam()) == ".safetensors") << status;
  if (!status.ok()) EXPECT_TRUE(LoadStates(path_, {s}).ok());
}

INSTANTIATE_TEST_SUITE_P(Formats, StatesIo, testing::Values(".npz", ".safetensors"));

}  // namespace
}  // namespace oriel
