#include "oriel/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

TEST(Config, ParsesEveryKey) {
  Config c;
  ASSERT_TRUE(c.Parse("num_threads=3, memory_limit=2GB,cache_dir=/x/y,profile=on,device=cpu,").ok());
  EXPECT_EQ(c.num_threads, 3);
  EXPECT_EQ(c.memory_limit, 2000000000u);
  EXPECT_EQ(c.cache_dir, "/x/y");
  EXPECT_TRUE(c.profile);
  ASSERT_TRUE(c.Parse("profile=False").ok());
  EXPECT_FALSE(c.profile);
  EXPECT_EQ(c.num_threads, 3);
  EXPECT_TRUE(c.Parse("").ok());
}

TEST(Config, ErrorsNameTheKeyAndChangeNothing) {
  Config c;
  for (const char* bad : {"num_threads=many", "num_threads=-1", "num_threads=1x", "memory_limit=2XB", "profile=maybe",
                          "device=abacus", "colour=red", "profile"}) {
    const absl::Status s = c.Parse(std::string("num_threads=7,") + bad);
    EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << bad;
    const std::string text(bad);
    EXPECT_THAT(std::string(s.message()), HasSubstr(text.substr(0, text.find('='))));
    EXPECT_EQ(c.num_threads, 0);
  }
}

TEST(Config, Bytes) {
  EXPECT_EQ(Config::ParseBytes("1000").value(), 1000u);
  EXPECT_EQ(Config::ParseBytes("512MiB").value(), 536870912u);
  EXPECT_EQ(Config::ParseBytes("2k").value(), 2000u);
  EXPECT_EQ(Config::ParseBytes("3 GiB").value(), 3221225472u);
  EXPECT_EQ(Config::ParseBytes("7B").value(), 7u);
  for (const char* bad : {"", "GB", "-1", "1.5GB", "99999999999999999999", "20000000000G", "1Mi2", "1 MB x"}) {
    EXPECT_FALSE(Config::ParseBytes(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace oriel
