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
                          "compute_test_value=maybe", "profile_memory=2", "exception_verbosity=loud", "device=abacus", "colour=red", "profile"}) {
    const absl::Status s = c.Parse(std::string("num_threads=7,") + bad);
    EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << bad;
    const std::string text(bad);
    EXPECT_THAT(std::string(s.message()), HasSubstr(text.substr(0, text.find('='))));
    EXPECT_EQ(c.num_threads, 0);
  }
}

TEST(Config, SetAtRunTime) {
  const std::string before = Config::Text("compute_test_value").value();
  ASSERT_TRUE(Config::Set("compute_test_value", "warn").ok());
  EXPECT_EQ(Config::Get().compute_test_value, TestValueMode::kWarn);
  EXPECT_EQ(Config::test_value_mode(), TestValueMode::kWarn);
  EXPECT_EQ(Config::Text("compute_test_value").value(), "warn");
  ASSERT_TRUE(Config::Set("memory_limit", "3kB").ok());
  EXPECT_EQ(Config::current_memory_limit(), 3000u);
  EXPECT_EQ(Config::Text("memory_limit").value(), "3000");
  EXPECT_FALSE(Config::Set("memory_limit", "much").ok());
  EXPECT_EQ(Config::current_memory_limit(), 3000u);
  EXPECT_THAT(std::string(Config::Set("colour", "red").message()), HasSubstr("colour"));
  EXPECT_FALSE(Config::Text("colour").ok());
  // What Text gives, Set takes.
  for (const std::string& key : Config::Keys()) {
    EXPECT_TRUE(Config::Set(key, Config::Text(key).value()).ok()) << key;
  }
  ASSERT_TRUE(Config::Set("memory_limit", "0").ok());
  EXPECT_EQ(Config::Text("cache_limit").value(), "1000000000");
  ASSERT_TRUE(Config::Set("cache_limit", "2MiB").ok());
  EXPECT_EQ(Config::Get().cache_limit, 2097152u);
  EXPECT_FALSE(Config::Set("cache_limit", "-1").ok());
  ASSERT_TRUE(Config::Set("cache_limit", "1GB").ok());
  ASSERT_TRUE(Config::Set("compute_test_value", before).ok());
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
