// File: cache_dir.cpp
#include "runtime/engine/cache_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/core/hash.h"
#include "runtime/core/status.h"

namespace oriel {
namespace {

// At the end of every entry, so that the stored bytes start at offset 0 and an
// image can be mapped.
struct Footer {
  char magic[8];
  uint64_t bytes;
  uint64_t checksum;  // XXH3-64 of the stored bytes
  uint64_t key_hash;  // of the file name: an entry renamed by hand is no entry
};
constexpr char kFooterMagic[8] = {'O', 'R', 'I', 'E', 'L', 'E', 'N', 'T'};
constexpr uint64_t kMaxEntryBytes = (uint64_t{1} << 32) + sizeof(Footer);

constexpr std::string_view kTemporary = ".tmp-";
// A use is noted when the last is longer ago than this.
constexpr time_t kUseSeconds = 60;
// A temporary file this old has lost its writer.
constexpr time_t kAbandonedSeconds = 3600;

std::string ErrnoText() { return std::strerror(errno); }

absl::Status CheckName(std::string_view kind, std::string_view key) {
  for (std::string_view part : {kind, key}) {
    if (part.empty() || part.size() > 100) return absl::InvalidArgumentError("cache kinds and keys have 1 to 100 characters");
    for (char c : part) {
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
        return absl::InvalidArgumentError("cache kinds and keys are [a-z0-9_]+, not \"" + std::string(part) + "\"");
      }
    }
  }
  return absl::OkStatus();
}

std::string EntryName(std::string_view kind, std::string_view key) { return std::string(kind) + "-" + std::string(key); }

bool IsEntryName(std::string_view name) {
  const size_t dash = name.find('-');
  return dash != std::string_view::npos && CheckName(name.substr(0, dash), name.substr(dash + 1)).ok();
}

// Whether what `st` describes may be run as this user's code.
absl::Status CheckTrust(const struct stat& st, const std::string& path, bool folder) {
  if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
    return absl::PermissionDeniedError(path + ": not a " + (folder ? "folder" : "regular file"));
  }
  if (st.st_uid != geteuid()) {
    return absl::PermissionDeniedError(path + ": belongs to user " + std::to_string(st.st_uid) + ", not to this one (" +
                                       std::to_string(geteuid()) + "); what it holds would be run as code");
  }
  if ((st.st_mode & 022) != 0) {
    char mode[8];
    snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(st.st_mode & 07777));
    return absl::PermissionDeniedError(path + ": mode " + mode + " lets other users write it; what it holds would be run as code");
  }
  return absl::OkStatus();
}

absl::Status MakeFolders(const std::string& path) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    const std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      const int error = errno;
      struct stat st;
      if (stat(part.c_str(), &st) != 0) return absl::PermissionDeniedError(part + ": " + std::strerror(error));
    }
    if (at != std::string::npos) ++at;
  }
  return absl::OkStatus();
}

}  // namespace

struct CacheDir::Folder {
  std::string path;
  int fd = -1;
  ~Folder() {
    if (fd >= 0) close(fd);
  }
};

CacheEntry& CacheEntry::operator=(CacheEntry&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  std::swap(fd_, other.fd_);
  return *this;
}

CacheEntry::~CacheEntry() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), mapped_);
  if (fd_ >= 0) close(fd_);
}

std::string CacheDir::Resolve(const std::string& setting) {
  if (setting == "none") return "";
  if (!setting.empty()) return setting;
  // secure_getenv: a set-user-id program must not be told where its code lies.
  if (const char* xdg = secure_getenv("XDG_CACHE_HOME"); xdg != nullptr && xdg[0] == '/') return std::string(xdg) + "/oriel";
  if (const char* home = secure_getenv("HOME"); home != nullptr && home[0] == '/') return std::string(home) + "/.cache/oriel";
  return "";
}

absl::StatusOr<CacheDir> CacheDir::Open(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the cache folder has no path");
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  auto folder = std::make_shared<Folder>();
  folder->path = path;
  while (folder->path.size() > 1 && folder->path.back() == '/') folder->path.pop_back();
  folder->fd = open(folder->path.c_str(), flags);
  if (folder->fd < 0 && errno == ENOENT) {
    ORIEL_RETURN_IF_ERROR(MakeFolders(folder->path));
    folder->fd = open(folder->path.c_str(), flags);
  }
  if (folder->fd < 0) {
    const bool link = errno == ELOOP || errno == ENOTDIR;
    return absl::PermissionDeniedError(folder->path + ": " + (link ? std::string("a symbolic link or not a folder") : ErrnoText()));
  }
  struct stat st;
  if (fstat(folder->fd, &st) != 0) return absl::PermissionDeniedError(folder->path + ": " + ErrnoText());
  ORIEL_RETURN_IF_ERROR(CheckTrust(st, folder->path, /*folder=*/true));
  CacheDir dir;
  dir.folder_ = std::move(folder);
  return dir;
}

const std::string& CacheDir::path() const { return folder_->path; }

absl::StatusOr<CacheEntry> CacheDir::Lookup(std::string_view kind, std::string_view key) const {
  ORIEL_RETURN_IF_ERROR(CheckName(kind, key));
  const std::string name = EntryName(kind, key);
  const std::string path = folder_->path + "/" + name;
  CacheEntry entry;
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  entry.fd_ = openat(folder_->fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (entry.fd_ < 0) {
    if (errno == ENOENT) return absl::NotFoundError(path + ": no such entry");
    return absl::PermissionDeniedError(path + ": " + (errno == ELOOP ? std::string("a symbolic link") : ErrnoText()));
  }
  struct stat st;
  if (fstat(entry.fd_, &st) != 0) return absl::PermissionDeniedError(path + ": " + ErrnoText());
  ORIEL_RETURN_IF_ERROR(CheckTrust(st, path, /*folder=*/false));
  const auto damaged = [&](const std::string& what) {
    (void)unlinkat(folder_->fd, name.c_str(), 0);
    return absl::DataLossError(path + ": damaged cache entry, removed: " + what);
  };
  const uint64_t size = static_cast<uint64_t>(st.st_size);
  if (size < sizeof(Footer) || size > kMaxEntryBytes) return damaged(std::to_string(size) + " bytes");
  void* p = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, entry.fd_, 0);
  if (p == MAP_FAILED) return absl::UnavailableError(path + ": " + ErrnoText());
  entry.data_ = static_cast<const char*>(p);
  entry.mapped_ = size;
  entry.bytes_ = size - sizeof(Footer);
  Footer footer;
  std::memcpy(&footer, entry.data_ + entry.bytes_, sizeof footer);
  if (std::memcmp(footer.magic, kFooterMagic, sizeof footer.magic) != 0) return damaged("its footer is missing");
  if (footer.bytes != entry.bytes_) return damaged("it has " + std::to_string(entry.bytes_) + " bytes, its footer says " + std::to_string(footer.bytes));
  if (footer.key_hash != HashBytes64(name)) return damaged("it was stored under another key");
  if (footer.checksum != HashBytes64(entry.data_, entry.bytes_)) return damaged("its checksum does not match");
  if (time(nullptr) - st.st_mtim.tv_sec > kUseSeconds) (void)futimens(entry.fd_, nullptr);
  return entry;
}

absl::Status CacheDir::Store(std::string_view kind, std::string_view key, std::string_view bytes) const {
  ORIEL_RETURN_IF_ERROR(CheckName(kind, key));
  const std::string name = EntryName(kind, key);
  static std::atomic<uint64_t> serial{0};
  const std::string temporary = std::string(kTemporary) + std::to_string(getpid()) + "-" + std::to_string(serial.fetch_add(1)) + "-" + name;
  const int fd = openat(folder_->fd, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return absl::PermissionDeniedError(folder_->path + "/" + temporary + ": " + ErrnoText());
  Footer footer;
  std::memcpy(footer.magic, kFooterMagic, sizeof footer.magic);
  footer.bytes = bytes.size();
  footer.checksum = HashBytes64(bytes);
  footer.key_hash = HashBytes64(name);
  absl::Status status;
  const auto write_all = [&](std::string_view part) {
    while (status.ok() && !part.empty()) {
      const ssize_t n = write(fd, part.data(), part.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) status = absl::ResourceExhaustedError(folder_->path + "/" + name + ": " + ErrnoText());
      else part.remove_prefix(static_cast<size_t>(n));
    }
  };
  write_all(bytes);
  write_all({reinterpret_cast<const char*>(&footer), sizeof footer});
  if (close(fd) != 0 && status.ok()) status = absl::ResourceExhaustedError(folder_->path + "/" + name + ": " + ErrnoText());
  if (status.ok() && renameat(folder_->fd, temporary.c_str(), folder_->fd, name.c_str()) != 0) {
    status = absl::PermissionDeniedError(folder_->path + "/" + name + ": " + ErrnoText());
  }
  if (!status.ok()) (void)unlinkat(folder_->fd, temporary.c_str(), 0);
  return status;
}

absl::StatusOr<uint64_t> CacheDir::Trim(uint64_t limit) const {
  struct File {
    struct timespec used;
    uint64_t bytes;
    std::string name;
  };
  // A folder stream of its own: it moves the position of what it reads.
  const int fd = openat(folder_->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = fd < 0 ? nullptr : fdopendir(fd);
  if (stream == nullptr) {
    const std::string reason = ErrnoText();
    if (fd >= 0) close(fd);
    return absl::PermissionDeniedError(folder_->path + ": " + reason);
  }
  std::vector<File> files;
  uint64_t total = 0, removed = 0;
  const auto remove = [&](const File& file) {
    // Another process may have been quicker.
    if (unlinkat(folder_->fd, file.name.c_str(), 0) == 0) removed += file.bytes;
  };
  while (const struct dirent* item = readdir(stream)) {
    const std::string_view name = item->d_name;
    const bool temporary = name.substr(0, kTemporary.size()) == kTemporary;
    if (!temporary && !IsEntryName(name)) continue;  // not ours
    struct stat st;
    if (fstatat(folder_->fd, item->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
    File file{st.st_mtim, static_cast<uint64_t>(st.st_blocks) * 512, std::string(name)};
    if (temporary) {
      if (time(nullptr) - st.st_mtim.tv_sec > kAbandonedSeconds) remove(file);
      continue;
    }
    total += file.bytes;
    files.push_back(std::move(file));
  }
  closedir(stream);
  if (total <= limit) return removed;
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return std::tie(a.used.tv_sec, a.used.tv_nsec, a.name) < std::tie(b.used.tv_sec, b.used.tv_nsec, b.name);
  });
  for (const File& file : files) {
    if (total <= limit - limit / 10) break;
    remove(file);
    total -= file.bytes;
  }
  return removed;
}

absl::Status CacheDir::Remove(std::string_view kind, std::string_view key) const {
  ORIEL_RETURN_IF_ERROR(CheckName(kind, key));
  const std::string name = EntryName(kind, key);
  if (unlinkat(folder_->fd, name.c_str(), 0) != 0 && errno != ENOENT) {
    return absl::PermissionDeniedError(folder_->path + "/" + name + ": " + ErrnoText());
  }
  return absl::OkStatus();
}

}  // namespace oriel
