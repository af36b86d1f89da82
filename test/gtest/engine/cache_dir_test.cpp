// File: cache_dir_test.cpp
//
// A cache holds code: every way an entry or folder may be damaged or not ours.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "gmock/gmock.h"
#include "runtime/engine/cache_dir.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

class CacheDirTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "oriel_cache_XXXXXX";
    root_ = mkdtemp(name.data());
    path_ = root_ + "/a/b/cache";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  CacheDir Open() {
    absl::StatusOr<CacheDir> dir = CacheDir::Open(path_);
    EXPECT_TRUE(dir.ok()) << dir.status();
    return *dir;
  }
  std::string Entry(const std::string& key) const { return path_ + "/program-" + key; }
  std::string ReadFile(const std::string& path) const {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void WriteFile(const std::string& path, const std::string& bytes) const { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }
  absl::Status Refused(const CacheDir& dir, const std::string& key) {
    const absl::StatusOr<CacheEntry> entry = dir.Lookup("program", key);
    EXPECT_FALSE(entry.ok());
    return entry.status();
  }
  std::string root_, path_;
};

// Sets when a file was last used.
void SetUsed(const std::string& path, time_t seconds) {
  const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

TEST_F(CacheDirTest, TrimRemovesWhatWasUsedLongestAgo) {
  const CacheDir dir = Open();
  const time_t now = time(nullptr);
  const std::string bytes(100'000, 'x');
  for (int i = 0; i < 10; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(dir.Store("program", key, bytes).ok());
    SetUsed(Entry(key), now - 10'000 + i);
  }
  // Used now: the oldest becomes the newest.
  ASSERT_TRUE(dir.Lookup("program", "k0").ok());
  // Not ours, in the way, abandoned, and being written.
  WriteFile(path_ + "/README", "mine");
  std::filesystem::create_directory(path_ + "/program-folder");
  WriteFile(path_ + "/.tmp-1-0-program-old", bytes);
  SetUsed(path_ + "/.tmp-1-0-program-old", now - 100'000);
  WriteFile(path_ + "/.tmp-1-1-program-new", bytes);
  EXPECT_GE(dir.Trim(100'000'000).value(), 100'000u);
  EXPECT_FALSE(std::filesystem::exists(path_ + "/.tmp-1-0-program-old"));
  EXPECT_TRUE(std::filesystem::exists(path_ + "/.tmp-1-1-program-new"));
  EXPECT_EQ(dir.Trim(100'000'000).value(), 0u);

  absl::StatusOr<CacheEntry> in_use = dir.Lookup("program", "k1");
  ASSERT_TRUE(in_use.ok());
  SetUsed(Entry("k1"), now - 20'000);
  // An entry takes whole blocks: five fit into 600 kB less a tenth.
  EXPECT_GE(dir.Trim(600'000).value(), 400'000u);
  std::vector<int> left;
  for (int i = 0; i < 10; ++i) {
    if (std::filesystem::exists(Entry("k" + std::to_string(i)))) left.push_back(i);
  }
  EXPECT_THAT(left, ::testing::ElementsAre(0, 6, 7, 8, 9));
  EXPECT_EQ(in_use->bytes(), bytes);  // still mapped
  EXPECT_TRUE(std::filesystem::exists(path_ + "/README"));
  EXPECT_TRUE(std::filesystem::is_directory(path_ + "/program-folder"));
}

TEST_F(CacheDirTest, TrimBesideWritersAndReaders) {
  const CacheDir dir = Open();
  const std::string bytes(50'000, 'x');
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string key = "k" + std::to_string((t * 7 + i) % 20);
        EXPECT_TRUE(dir.Store("program", key, bytes).ok());
        EXPECT_TRUE(dir.Trim(300'000).ok());
        const absl::StatusOr<CacheEntry> entry = dir.Lookup("program", key);
        if (entry.ok()) EXPECT_EQ(entry->bytes(), bytes);
        else EXPECT_EQ(entry.status().code(), absl::StatusCode::kNotFound) << entry.status();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(dir.Trim(300'000).ok());
  uint64_t total = 0;
  for (const auto& file : std::filesystem::directory_iterator(path_)) total += file.file_size();
  EXPECT_LE(total, 300'000u);
}

TEST_F(CacheDirTest, StoresAndFinds) {
  const CacheDir dir = Open();
  struct stat st;
  ASSERT_EQ(stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
  EXPECT_EQ(Refused(dir, "k1").code(), absl::StatusCode::kNotFound);
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(100'000, 'y')}) {
    ASSERT_TRUE(dir.Store("program", "k1", bytes).ok());
    const absl::StatusOr<CacheEntry> entry = dir.Lookup("program", "k1");
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(entry->bytes(), bytes);
  }
  EXPECT_EQ(dir.Lookup("kernel", "k1").status().code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(stat(Entry("k1").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_TRUE(dir.Remove("program", "k1").ok());
  EXPECT_EQ(Refused(dir, "k1").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(dir.Store("program", "../evil", "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(dir.Store("program", "", "x").code(), absl::StatusCode::kInvalidArgument);
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(path_)) files += file.exists();
  EXPECT_EQ(files, 0u);
}

TEST_F(CacheDirTest, DamagedEntriesAreRemoved) {
  const CacheDir dir = Open();
  const std::string good(5000, 'z');
  const auto damage = [&](const std::string& bytes, const char* why) {
    WriteFile(Entry("k"), bytes);
    const absl::Status status = Refused(dir, "k");
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    EXPECT_EQ(Refused(dir, "k").code(), absl::StatusCode::kNotFound);
    ASSERT_TRUE(dir.Store("program", "k", good).ok());
    EXPECT_TRUE(dir.Lookup("program", "k").ok());
  };
  ASSERT_TRUE(dir.Store("program", "k", good).ok());
  const std::string file = ReadFile(Entry("k"));
  damage("", "0 bytes");
  damage(file.substr(0, 100), "footer");
  damage(file.substr(0, file.size() - 1), "footer");
  damage(file + "x", "footer");
  damage(file.substr(1), "its footer says 5000");
  for (size_t at : {size_t{0}, size_t{4999}}) {
    std::string flipped = file;
    flipped[at] ^= 1;
    damage(flipped, "checksum");
  }
  ASSERT_TRUE(dir.Store("program", "other", good).ok());
  damage(ReadFile(Entry("other")), "another key");
}

TEST_F(CacheDirTest, EntriesThatAreNotOurs) {
  const CacheDir dir = Open();
  ASSERT_TRUE(dir.Store("program", "k", "code").ok());
  ASSERT_EQ(chmod(Entry("k").c_str(), 0666), 0);
  absl::Status status = Refused(dir, "k");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("mode 0666 lets other users write it"));
  ASSERT_EQ(chmod(Entry("k").c_str(), 0600), 0);
  EXPECT_TRUE(dir.Lookup("program", "k").ok());
  ASSERT_EQ(symlink(Entry("k").c_str(), Entry("link").c_str()), 0);
  EXPECT_EQ(Refused(dir, "link").code(), absl::StatusCode::kPermissionDenied);
  ASSERT_EQ(mkfifo(Entry("fifo").c_str(), 0600), 0);
  status = Refused(dir, "fifo");  // and does not hang
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not a regular file"));
  ASSERT_EQ(mkdir(Entry("dir").c_str(), 0700), 0);
  EXPECT_EQ(Refused(dir, "dir").code(), absl::StatusCode::kPermissionDenied);
  if (geteuid() == 0) {  // only root can give a file away
    ASSERT_EQ(chown(Entry("k").c_str(), 12345, 12345), 0);
    status = Refused(dir, "k");
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(status.message()), HasSubstr("belongs to user 12345"));
  }
  // A store replaces what cannot be used.
  EXPECT_TRUE(dir.Store("program", "k", "code").ok());
  EXPECT_TRUE(dir.Lookup("program", "k").ok());
}

TEST_F(CacheDirTest, FoldersThatAreNotOurs) {
  (void)Open();
  const auto refused = [&](const std::string& path) {
    const absl::Status status = CacheDir::Open(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    return std::string(status.message());
  };
  ASSERT_EQ(chmod(path_.c_str(), 0777), 0);
  EXPECT_THAT(refused(path_), HasSubstr("mode 0777 lets other users write it"));
  ASSERT_EQ(chmod(path_.c_str(), 0720), 0);
  EXPECT_THAT(refused(path_), HasSubstr("mode 0720"));
  ASSERT_EQ(chmod(path_.c_str(), 0700), 0);
  ASSERT_EQ(symlink(path_.c_str(), (root_ + "/link").c_str()), 0);
  EXPECT_THAT(refused(root_ + "/link"), HasSubstr("symbolic link"));
  EXPECT_THAT(refused(root_ + "/link/"), HasSubstr("symbolic link"));
  WriteFile(root_ + "/file", "x");
  EXPECT_THAT(refused(root_ + "/file"), HasSubstr("not a folder"));
  EXPECT_FALSE(CacheDir::Open(root_ + "/file/below").ok());
  if (geteuid() == 0) {
    ASSERT_EQ(chown(path_.c_str(), 12345, 12345), 0);
    EXPECT_THAT(refused(path_), HasSubstr("belongs to user 12345"));
    ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
  }
}

TEST_F(CacheDirTest, AnUnwritableFolderFailsCleanly) {
  const CacheDir dir = Open();
  ASSERT_TRUE(dir.Store("program", "k", "code").ok());
  ASSERT_EQ(chmod(path_.c_str(), 0500), 0);
  const pid_t child = fork();
  if (child == 0) {
    // As root permissions do not bind: become nobody, whose folder it then is not.
    bool refused;
    if (geteuid() == 0) {
      if (setuid(65534) != 0) _exit(3);
      refused = !CacheDir::Open(path_).ok();
    } else {
      refused = !dir.Store("program", "new", "code").ok() && dir.Lookup("program", "k").ok();
    }
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(chmod(path_.c_str(), 0700), 0);
}

TEST_F(CacheDirTest, TwoProcessesWriteAtOnce) {
  (void)Open();
  const auto content = [](int who, int i) { return std::string(20'000 + 1000 * who, static_cast<char>('a' + (who + i) % 20)); };
  pid_t children[2];
  for (int who = 0; who < 2; ++who) {
    children[who] = fork();
    if (children[who] != 0) continue;
    const absl::StatusOr<CacheDir> mine = CacheDir::Open(path_);
    int bad = mine.ok() ? 0 : 1;
    for (int i = 0; i < 200 && bad == 0; ++i) {
      const std::string key = "k" + std::to_string(i % 5);
      if (!mine->Store("program", key, content(who, i)).ok()) bad = 2;
      const absl::StatusOr<CacheEntry> entry = mine->Lookup("program", key);
      if (!entry.ok()) bad = 3;
      else if (entry->bytes().find_first_not_of(entry->bytes()[0]) != std::string_view::npos) bad = 4;
    }
    _exit(bad);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << WEXITSTATUS(status);
  }
  for (const auto& file : std::filesystem::directory_iterator(path_)) EXPECT_EQ(file.path().filename().string().rfind("program-", 0), 0u) << file;
}

TEST(CacheDir, Resolve) {
  EXPECT_EQ(CacheDir::Resolve("none"), "");
  EXPECT_EQ(CacheDir::Resolve("/x/y"), "/x/y");
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(CacheDir::Resolve(""), "/xdg/oriel");
  setenv("XDG_CACHE_HOME", "relative", 1);
  setenv("HOME", "/users/someone", 1);
  EXPECT_EQ(CacheDir::Resolve(""), "/users/someone/.cache/oriel");
}

}  // namespace
}  // namespace oriel
