// .npz: round trips, members by name, hostile archives.
#include <unistd.h>
#include <zip.h>

#include <fstream>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "oriel/npy.h"
#include "runtime/core/file.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

std::string Path(const std::string& name) {
  return ::testing::TempDir() + "oriel_npz_" + std::to_string(getpid()) + "_" + name;
}

TEST(Npz, RoundTripStoredAndDeflated) {
  const std::string path = Path("r.npz");
  const std::map<std::string, Tensor> in = {
      {"w", Tensor::Normal({30, 40}, 1)}, {"b", Tensor::Zeros({1000}, DType::i64)}, {"s", Tensor::Scalar(2.5)}};
  uint64_t sizes[2];
  for (bool compress : {false, true}) {
    ASSERT_TRUE(SaveNpz(path, in, compress).ok());
    sizes[compress] = InputFile::Open(path).value().size();
    const auto out = LoadNpz(path);
    ASSERT_TRUE(out.ok()) << out.status();
    ASSERT_EQ(out->size(), in.size());
    for (const auto& [name, t] : in) {
      EXPECT_TRUE(BitEqual(out->at(name), t)) << name;
      EXPECT_TRUE(BitEqual(LoadNpz(path, name).value(), t)) << name;
    }
  }
  EXPECT_LT(sizes[1] + 4000, sizes[0]);
  const absl::Status missing = LoadNpz(path, "bias").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("no member \"bias\", it has: b, s, w"));
  ASSERT_TRUE(SaveNpz(path, {}).ok());
  EXPECT_TRUE(LoadNpz(path).value().empty());
  EXPECT_FALSE(SaveNpz(path, {{"x", Tensor::Ones({1}, DType::bf16)}}).ok());
  EXPECT_TRUE(LoadNpz(path).ok());
  unlink(path.c_str());
}

TEST(Npz, EqualTensorsGiveEqualFiles) {
  const std::string a = Path("a.npz"), b = Path("b.npz");
  ASSERT_TRUE(SaveNpz(a, {{"x", Tensor::Normal({9}, 2)}}).ok());
  ASSERT_TRUE(SaveNpz(b, {{"x", Tensor::Normal({9}, 2)}}).ok());
  EXPECT_EQ(ReadWholeFile(a).value(), ReadWholeFile(b).value());
  unlink(a.c_str());
  unlink(b.c_str());
}

TEST(Npz, HostileArchives) {
  const std::string path = Path("h.npz");
  EXPECT_EQ(LoadNpz(path).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(path) << "not a zip at all";
  EXPECT_EQ(LoadNpz(path).status().code(), absl::StatusCode::kInvalidArgument);

  ASSERT_TRUE(SaveNpz(path, {{"x", Tensor::Normal({100}, 2)}}).ok());
  const std::string good = ReadWholeFile(path).value();
  const auto load = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return LoadNpz(path);
  };
  EXPECT_TRUE(load(good).ok());
  for (size_t n : {good.size() - 1, good.size() / 2, size_t{30}, size_t{2}}) {
    const absl::Status s = load(good.substr(0, n)).status();
    EXPECT_EQ(s.code(), absl::StatusCode::kDataLoss) << n << ": " << s;
    EXPECT_THAT(std::string(s.message()), ::testing::StartsWith(path + ": "));
  }
  // A flipped bit of the data fails the checksum.
  std::string flipped = good;
  flipped[300] = static_cast<char>(flipped[300] ^ 4);
  EXPECT_EQ(load(flipped).status().code(), absl::StatusCode::kDataLoss);
  // Also of the header, whose text is what is read first.
  for (size_t at = good.find("NUMPY"); at < good.find("NUMPY") + 90; ++at) {
    std::string spoilt = good;
    spoilt[at] = static_cast<char>(spoilt[at] ^ 1);
    EXPECT_EQ(load(spoilt).status().code(), absl::StatusCode::kDataLoss) << at;
  }

  std::mt19937_64 rng(5);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good;
    for (size_t k = rng() % 3 + 1; k > 0; --k) {
      // Mostly the directory at the end, where sizes and methods are.
      const size_t at = i % 4 ? good.size() - 1 - rng() % 120 : rng() % good.size();
      bytes[at] = static_cast<char>(rng());
    }
    const auto t = load(bytes);
    if (t.ok() && t->count("x")) {
      EXPECT_EQ(t->at("x").bytes(), 400u);
    }
  }
  unlink(path.c_str());
}

TEST(Npz, AMemberThatIsNoArray) {
  const std::string path = Path("t.npz");
  int code = 0;
  zip_t* z = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  ASSERT_NE(z, nullptr);
  ASSERT_GE(zip_file_add(z, "readme.txt", zip_source_buffer(z, "hello world!", 12, 0), 0), 0);
  ASSERT_EQ(zip_close(z), 0);
  const absl::Status s = LoadNpz(path).status();
  EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(s.message()), HasSubstr("member \"readme.txt\": not an .npy file"));
  unlink(path.c_str());
}

}  // namespace
}  // namespace oriel
