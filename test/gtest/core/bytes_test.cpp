// ByteWriter, ByteReader and the content hashes.
#include "runtime/core/bytes.h"

#include <random>
#include <set>

#include "gtest/gtest.h"
#include "runtime/core/hash.h"

namespace oriel {
namespace {

std::string Sample() {
  ByteWriter w;
  w.U8(200);
  w.U16(40000);
  w.U32(4000000000u);
  w.U64(~uint64_t{0});
  w.I32(-5);
  w.I64(INT64_MIN);
  w.F64(-0.0);
  w.Bool(true);
  w.Str("name");
  w.Count(3);
  for (int i = 0; i < 3; ++i) w.I64(i);
  w.Align(16);
  return w.Take();
}

bool ReadSample(ByteReader* r) {
  bool same = r->U8() == 200;
  same = r->U16() == 40000 && same;
  same = r->U32() == 4000000000u && same;
  same = r->U64() == ~uint64_t{0} && same;
  same = r->I32() == -5 && same;
  same = r->I64() == INT64_MIN && same;
  same = std::bit_cast<uint64_t>(r->F64()) == uint64_t{1} << 63 && same;
  same = r->Bool() && same;
  same = r->Str() == "name" && same;
  const size_t n = r->Count(8);
  std::vector<int64_t> values(n);
  for (int64_t& v : values) v = r->I64();
  r->Align(16);
  r->ExpectEnd();
  return same && r->ok() && values == std::vector<int64_t>{0, 1, 2};
}

TEST(Bytes, RoundTrip) {
  const std::string bytes = Sample();
  ByteReader r(bytes);
  EXPECT_TRUE(ReadSample(&r)) << r.status();
}

TEST(Bytes, EveryTruncationIsAnError) {
  const std::string bytes = Sample();
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::string cut = bytes.substr(0, n);  // its own allocation, for sanitizers
    ByteReader r(cut);
    EXPECT_FALSE(ReadSample(&r));
    EXPECT_EQ(r.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(r.U64(), 0u);
    EXPECT_EQ(r.left(), 0u);
  }
  const std::string padded = bytes + "x";
  ByteReader longer(padded);
  EXPECT_FALSE(ReadSample(&longer));
}

TEST(Bytes, CountsAreBoundedByTheBytesLeft) {
  ByteWriter w;
  w.Count(uint64_t{1} << 60);
  w.U64(0);
  ByteReader r(w.data());
  EXPECT_EQ(r.Count(8), 0u);
  EXPECT_EQ(r.status().message(), "a count of 1152921504606846976 exceeds the 8 bytes left at byte 8");
}

TEST(Bytes, BadBooleansEnumsAndPadding) {
  ByteReader boolean(std::string_view("\2", 1));
  boolean.Bool();
  EXPECT_FALSE(boolean.ok());
  enum class E : uint8_t { kA, kB };
  ByteReader e(std::string_view("\1\7", 2));
  EXPECT_EQ(e.Enum(E::kB, "kind"), E::kB);
  EXPECT_EQ(e.Enum(E::kB, "kind"), E::kA);
  EXPECT_EQ(e.status().message(), "kind is 7, at most 1 is known at byte 2");
  ByteReader padding(std::string_view("a\1\0\0", 4));
  padding.U8();
  padding.Align(4);
  EXPECT_FALSE(padding.ok());
}

void Descend(ByteReader* r, int* depth) {
  ByteReader::Nest nest(r);
  if (!nest) return;
  ++*depth;
  Descend(r, depth);
}

TEST(Bytes, DepthIsBounded) {
  ByteReader r(std::string_view("abc"));
  int depth = 0;
  Descend(&r, &depth);
  EXPECT_EQ(depth, ByteReader::kMaxDepth);
  EXPECT_FALSE(r.ok());
}

TEST(Hash, KnownValuesAndSpread) {
  EXPECT_EQ(HashBytes64(""), 0x2d06800538d394c2ull);  // XXH3's published value
  EXPECT_EQ(HashBytes128("").Hex(), "99aa06d3014798d86001c324468d497f");
  std::mt19937_64 rng(1);
  std::set<Hash128> seen;
  std::string s(300, 'x');
  for (int i = 0; i < 1000; ++i) {
    s[rng() % s.size()] ^= static_cast<char>(1 << rng() % 7);
    seen.insert(HashBytes128(s));
  }
  EXPECT_GT(seen.size(), 990u);
}

}  // namespace
}  // namespace oriel
