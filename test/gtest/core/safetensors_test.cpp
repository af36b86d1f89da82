// .safetensors: round trips, files of other writers, and files that are not.
#include "oriel/safetensors.h"

#include <unistd.h>

#include <cstring>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

std::map<std::string, Tensor> Examples() {
  std::map<std::string, Tensor> tensors;
  for (DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8, DType::u64,
                      DType::u32, DType::u16, DType::u8, DType::boolean}) {
    tensors[std::string("of ") + std::string(NumpyName(dtype))] = Tensor::Uniform({3, 5}, 7, DType::f32).Cast(dtype).value();
  }
  tensors["scalar"] = Tensor::Scalar(2.5);
  tensors["empty"] = Tensor::Zeros({0, 4});
  tensors["\xc3\xa9 \"quoted\"/deep"] = Tensor::Ones({2});
  return tensors;
}

// A file of a given header and data.
std::string File(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &size, 8);
  return out + header + data;
}

absl::Status ParseError(const std::string& bytes) {
  const auto parsed = ParseSafetensors(bytes, "w.safetensors");
  return parsed.ok() ? absl::OkStatus() : parsed.status();
}

TEST(Safetensors, RoundTripOfEveryDType) {
  const auto tensors = Examples();
  const std::string bytes = FormatSafetensors(tensors).value();
  const auto again = ParseSafetensors(bytes, "x");
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->size(), tensors.size());
  for (const auto& [name, tensor] : tensors) EXPECT_TRUE(BitEqual(again->at(name), tensor)) << name;
  EXPECT_EQ(FormatSafetensors(tensors).value(), bytes);  // equal tensors, equal files
  // Strided tensors are written as they read.
  const Tensor strided = Tensor::Uniform({4, 6}, 3).Transpose().value();
  EXPECT_TRUE(BitEqual(ParseSafetensors(FormatSafetensors({{"t", strided}}).value(), "x")->at("t"), strided));
  EXPECT_TRUE(ParseSafetensors(FormatSafetensors({}).value(), "x")->empty());
}

TEST(Safetensors, FilesOfOtherWriters) {
  // As the format's documentation shows it, and with metadata.
  const float values[] = {1, 2, 3};
  const std::string data(reinterpret_cast<const char*>(values), sizeof values);
  const auto read = ParseSafetensors(
      File(R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}   )", data), "x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->at("w").ElementAsDouble({2}), 3);
}

TEST(Safetensors, BadHeadersSayWhatIsWrong) {
  const std::string data(12, '\0');
  const auto message = [&](const std::string& header) { return std::string(ParseError(File(header, data)).message()); };
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}})"), HasSubstr("shape (4,) of float32 takes 16"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})"), HasSubstr("truncated"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F8_E4M3","shape":[12],"data_offsets":[0,12]}})"), HasSubstr("F8_E4M3"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"), HasSubstr("trailing data"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})"), HasSubstr("begins at byte 4, required 0"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"v":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})"),
              HasSubstr("required 12"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})"),
              HasSubstr("\"w\" occurs twice"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[-3],"data_offsets":[0,12]}})"), HasSubstr("bad extent"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[4611686018427387904,16],"data_offsets":[0,12]}})"), HasSubstr("too large"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[3.0],"data_offsets":[0,12]}})"), HasSubstr("bad extent"));
  EXPECT_THAT(message(R"({"w":3})"), HasSubstr("no object"));
  EXPECT_THAT(message("[]"), HasSubstr("no header"));
  EXPECT_THAT(message("{"), HasSubstr("no JSON object"));
  EXPECT_THAT(message("{" + std::string(5000, '[') + "}"), HasSubstr("nests too deeply"));
  EXPECT_THAT(std::string(ParseError(std::string(8, '\xff')).message()), HasSubstr("not a .safetensors file"));
  EXPECT_EQ(ParseError("").code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(FormatSafetensors({{"__metadata__", Tensor()}}).ok());
  EXPECT_FALSE(FormatSafetensors({{"\xff", Tensor()}}).ok());
}

TEST(Safetensors, ATornFileIsAnError) {
  const std::string bytes = FormatSafetensors(Examples()).value();
  // Wherever it is cut: in the size of the header, the header or the data.
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(ParseError(bytes.substr(0, n)).code(), absl::StatusCode::kDataLoss) << n;
  }
  EXPECT_EQ(ParseError(bytes + "x").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ParseError(std::string("no tensors in here, but text")).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Safetensors, AnAlteredFileIsAnErrorOrEqual) {
  const auto tensors = Examples();
  const std::string bytes = FormatSafetensors(tensors).value();
  std::mt19937 random(20261122);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string changed = bytes;
    const int edits = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < edits; ++i) {
      const size_t at = round % 2 == 0 ? random() % changed.size() : random() % std::min<size_t>(changed.size(), 1500);
      switch (random() % 4) {
        case 0: changed[at] = static_cast<char>(random()); break;
        case 1: changed[at] ^= static_cast<char>(1 << random() % 8); break;
        case 2: changed.erase(at, 1 + random() % 4); break;
        case 3: changed.insert(at, 1, static_cast<char>(random())); break;
      }
      if (changed.empty()) changed = "x";
    }
    const auto parsed = ParseSafetensors(changed, "x");
    if (!parsed.ok()) {
      ++refused;
      continue;
    }
    // What was read is what was written, unless the checksum itself went
    // (its key was altered): then the names and sizes still fit the data.
    if (changed.find("oriel.xxh3") == std::string::npos) continue;
    ASSERT_EQ(parsed->size(), tensors.size()) << round;
    for (const auto& [name, tensor] : tensors) ASSERT_TRUE(BitEqual(parsed->at(name), tensor)) << round << " " << name;
  }
  EXPECT_GT(refused, 15000);
}

TEST(Safetensors, OnDisk) {
  const std::string path = testing::TempDir() + "/states" + std::to_string(getpid()) + ".safetensors";
  ASSERT_TRUE(SaveSafetensors(path, Examples()).ok());
  EXPECT_TRUE(LoadSafetensors(path).ok());
  EXPECT_EQ(LoadSafetensors(path + ".none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(LoadSafetensors(path + ".none").status().message()), HasSubstr(path));
  unlink(path.c_str());
}

}  // namespace
}  // namespace oriel
