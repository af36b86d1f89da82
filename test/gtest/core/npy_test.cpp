// .npy: what NumPy writes, what we write, and hostile files.
#include "oriel/npy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

// A file as NumPy lays it out, around any header text.
std::string Npy(std::string dict, const std::string& data, int major = 1) {
  const size_t fixed = major == 1 ? 10 : 12;
  dict.append(63 - (fixed + dict.size()) % 64, ' ');
  dict += '\n';
  std::string out("\x93NUMPY", 6);
  out += static_cast<char>(major);
  out += '\0';
  for (size_t i = 0; i < (major == 1 ? 2u : 4u); ++i) out += static_cast<char>(dict.size() >> (8 * i) & 255);
  return out + dict + data;
}
std::string Dict(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}
std::string Raw(std::initializer_list<int> bytes) {
  std::string s;
  for (int b : bytes) s += static_cast<char>(b);
  return s;
}
std::string Path(const std::string& name) {
  return ::testing::TempDir() + "oriel_npy_" + std::to_string(getpid()) + "_" + name;
}

TEST(Npy, ReadsWhatNumPyWrites) {
  const Tensor a = ParseNpy(Npy(Dict("<i2", "(2, 2)"), Raw({1, 0, 2, 0, 255, 255, 4, 1})), "m").value();
  EXPECT_EQ(a.dtype(), DType::i16);
  EXPECT_EQ(a.shape(), (Extents{2, 2}));
  EXPECT_EQ(a.ElementAsInt({1, 0}), -1);
  EXPECT_EQ(a.ElementAsInt({1, 1}), 260);
  for (int version : {1, 2, 3}) {
    const Tensor f = ParseNpy(Npy(Dict("|u1", "(2, 3)", "True"), Raw({0, 1, 2, 3, 4, 5}), version), "m").value();
    EXPECT_EQ(f.shape(), (Extents{2, 3}));
    EXPECT_EQ(f.ElementAsInt({0, 1}), 2);
    EXPECT_EQ(f.ElementAsInt({1, 2}), 5);
  }
  EXPECT_EQ(ParseNpy(Npy(Dict(">f4", "()"), Raw({0x3f, 0x80, 0, 0})), "m").value().ElementAsDouble({}), 1.0);
  EXPECT_EQ(ParseNpy(Npy(Dict("|b1", "(3,)"), Raw({0, 1, 200})), "m").value().ElementAsInt({2}), 1);
  EXPECT_EQ(ParseNpy(Npy("{\"shape\": (1L,), \"descr\": \"=u1\", \"fortran_order\": False}", "\5"), "m")
                .value().ElementAsInt({0}), 5);
  EXPECT_EQ(ParseNpy(Npy(Dict("<f8", "(0, 3)"), ""), "m").value().shape(), (Extents{0, 3}));
}

TEST(Npy, RoundTripsEveryDtypeAndRank) {
  const std::string path = Path("round.npy");
  for (int i = 0; i < kNumDTypes; ++i) {
    const DType dtype = static_cast<DType>(i);
    for (const Extents& shape : {Extents{}, {0}, {5}, {3, 0, 2}, {2, 3, 4}, Extents(30, 1)}) {
      const Tensor t = Tensor::Uniform(shape, 7, dtype);
      const absl::Status saved = t.Save(path);
      if (dtype == DType::bf16) {
        EXPECT_EQ(saved.code(), absl::StatusCode::kInvalidArgument);
        EXPECT_THAT(std::string(saved.message()), HasSubstr("bfloat16 has no .npy data type"));
        continue;
      }
      ASSERT_TRUE(saved.ok()) << saved;
      const absl::StatusOr<Tensor> back = Tensor::Load(path);
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_TRUE(BitEqual(*back, t)) << NumpyName(dtype) << " " << ToString(shape);
    }
  }
  const Tensor view = Tensor::Normal({6, 4}, 1).Transpose().value().Slice(0, -1, -5, -1).value();
  ASSERT_TRUE(view.Save(path).ok());
  EXPECT_TRUE(BitEqual(Tensor::Load(path).value(), view));
  // The data starts at a multiple of 64, as NumPy's own.
  EXPECT_EQ(FormatNpy(Tensor::Zeros({3})).value().size() % 64, 12u);
  unlink(path.c_str());
}

TEST(Npy, HostileFiles) {
  using absl::StatusCode;
  const std::string four = Raw({1, 2, 3, 4});
  const struct {
    std::string bytes;
    StatusCode code;
    const char* why;
  } kCases[] = {
      {"", StatusCode::kDataLoss, "empty"},
      {"hello world, no array", StatusCode::kInvalidArgument, "not an .npy file"},
      {"\x93NUM", StatusCode::kDataLoss, "truncated"},
      {Npy(Dict("<f4", "(1,)"), four).substr(0, 40), StatusCode::kDataLoss, "cut off"},
      {Npy(Dict("<f4", "(2,)"), four), StatusCode::kDataLoss, "truncated: 4 bytes of data, but shape (2,) of float32 takes 8"},
      {Npy(Dict("<f4", "(1,)"), four + "x"), StatusCode::kDataLoss, "trailing data: 5 bytes"},
      {Npy(Dict("|O", "(1,)"), four), StatusCode::kInvalidArgument, "pickled"},
      {Npy(Dict("<c8", "(1,)"), four + four), StatusCode::kInvalidArgument, "'<c8' is not supported"},
      {Npy(Dict("<U1", "(1,)"), four), StatusCode::kInvalidArgument, "not supported"},
      {Npy(Dict("|f4", "(1,)"), four), StatusCode::kInvalidArgument, "not supported"},
      {Npy(Dict("f4", "(1,)"), four), StatusCode::kInvalidArgument, "not supported"},
      {Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", four), StatusCode::kInvalidArgument, "structured"},
      {Npy(Dict("<f4", "(1)"), four), StatusCode::kDataLoss, "tuple"},
      {Npy(Dict("<f4", "(-1,)"), four), StatusCode::kDataLoss, "negative extent"},
      {Npy(Dict("<f4", "(99999999999999999999,)"), four), StatusCode::kDataLoss, "64 bits"},
      {Npy(Dict("<f4", "(4611686018427387904, 4)"), four), StatusCode::kDataLoss, "2^63"},
      {Npy(Dict("<f4", "(0, 4611686018427387904, 4)"), ""), StatusCode::kDataLoss, "2^63"},
      {Npy(Dict("<f8", "(1000000000000,)"), four), StatusCode::kDataLoss, "takes 8000000000000"},
      {Npy(Dict("<f4", "(1,)", "Maybe"), four), StatusCode::kDataLoss, "neither True nor False"},
      {Npy("{'descr': '<f4', 'shape': (1,)}", four), StatusCode::kDataLoss, "'fortran_order' is missing"},
      {Npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", four), StatusCode::kDataLoss, "twice"},
      {Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", four), StatusCode::kDataLoss, "unknown key 'x'"},
      {Npy("{'descr': '<f4", four), StatusCode::kDataLoss, "does not end"},
      {Npy("__import__('os')", four), StatusCode::kDataLoss, "expected '{'"},
      {Npy(Dict("<f4", "(1,)") + " + 1", four), StatusCode::kDataLoss, "after the dictionary"},
      {Npy(Dict("<f4", "(" + std::string(200, '1') + ",)"), four), StatusCode::kDataLoss, "64 bits"},
      {Npy(Dict("<f4", "(1" + [] { std::string s; for (int i = 0; i < 70; ++i) s += ", 1"; return s; }() + ")"), four), StatusCode::kInvalidArgument, "64 axes"},
      {[] { std::string s = Npy(Dict("<f4", "(1,)"), "1234"); s[6] = 9; return s; }(), StatusCode::kInvalidArgument, "version 9.0"},
      {[] { std::string s = Npy(Dict("<f4", "(1,)"), "1234", 2); s[11] = 0x7f; return s; }(), StatusCode::kDataLoss, "length is"},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<Tensor> t = ParseNpy(c.bytes, "bad.npy");
    ASSERT_FALSE(t.ok()) << c.why;
    EXPECT_EQ(t.status().code(), c.code) << t.status();
    EXPECT_THAT(std::string(t.status().message()), HasSubstr(c.why));
    EXPECT_THAT(std::string(t.status().message()), ::testing::StartsWith("bad.npy: "));
    // From a file: the same, with its path.
    const std::string path = Path("bad.npy");
    std::ofstream(path, std::ios::binary) << c.bytes;
    const absl::StatusOr<Tensor> f = LoadNpy(path);
    EXPECT_EQ(f.status().code(), c.code) << f.status();
    EXPECT_THAT(std::string(f.status().message()), ::testing::StartsWith(path + ": "));
    unlink(path.c_str());
  }
}

TEST(Npy, MutatedFilesNeverCrash) {
  const std::string good = FormatNpy(Tensor::Normal({3, 5}, 1)).value();
  std::mt19937_64 rng(11);
  int refused = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string bytes = good;
    for (size_t k = rng() % 4 + 1; k > 0; --k) {
      const size_t at = rng() % (i % 2 ? 80 : bytes.size());
      if (rng() % 3 == 0) bytes.erase(at, rng() % 3);
      else if (rng() % 2) bytes[at] = static_cast<char>(rng());
      else bytes.insert(at, 1, "0123456789(),'{}:<>TFL"[rng() % 22]);
      if (bytes.empty()) break;
    }
    refused += !ParseNpy(bytes, "m").ok();
  }
  EXPECT_GT(refused, 10000);
}

TEST(Npy, FilesThatAreNot) {
  EXPECT_EQ(LoadNpy(Path("missing.npy")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadNpy(::testing::TempDir()).status().code(), absl::StatusCode::kInvalidArgument);
  const std::string pipe = Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(std::string(LoadNpy(pipe).status().message()), HasSubstr("not a regular file"));
  unlink(pipe.c_str());
}

TEST(Npy, AFailedSaveLeavesTheOldFile) {
  const std::string path = Path("keep.npy");
  ASSERT_TRUE(Tensor::Ones({2}).Save(path).ok());
  EXPECT_FALSE(Tensor::Ones({2}, DType::bf16).Save(path).ok());
  EXPECT_EQ(Tensor::Load(path).value().ElementAsDouble({1}), 1.0);
  unlink(path.c_str());
  const absl::Status s = Tensor::Ones({2}).Save(Path("no_such_folder/x.npy"));
  EXPECT_EQ(s.code(), absl::StatusCode::kNotFound) << s;
}

}  // namespace
}  // namespace oriel
