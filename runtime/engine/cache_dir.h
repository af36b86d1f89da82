// File: cache_dir.h
//
// CacheDir: a folder of compiled programs and kernels, shared by processes.
// What it returns is run as code, so trust is ownership: the folder and every
// entry must belong to this user and be writable by nobody else.
//
// Entries are files `<kind>-<key>`, the stored bytes followed by a footer with
// their length and XXH3-64, so that a cut or altered file is never used.
// Writers make a temporary file and rename it: two processes may store the same
// key at once, readers see one whole entry or the other. The modification time
// of an entry is that of its last use (to the minute), for Trim.
#ifndef ORIEL_ENGINE_CACHE_DIR_H_
#define ORIEL_ENGINE_CACHE_DIR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oriel {

// One entry, open and mapped read-only until destroyed.
class CacheEntry {
 public:
  CacheEntry() = default;
  CacheEntry(CacheEntry&& other) noexcept { *this = std::move(other); }
  CacheEntry& operator=(CacheEntry&& other) noexcept;
  ~CacheEntry();

  std::string_view bytes() const { return {data_, bytes_}; }
  int fd() const { return fd_; }  // starts at offset 0 with bytes()

 private:
  friend class CacheDir;
  const char* data_ = nullptr;
  uint64_t bytes_ = 0, mapped_ = 0;
  int fd_ = -1;
};

// Thread-safe; a handle, copies share the open folder.
class CacheDir {
 public:
  // Opens the folder, making it (mode 0700, parents too) when absent. Refuses,
  // with the reason: a symbolic link, another owner, group or world write.
  static absl::StatusOr<CacheDir> Open(const std::string& path);

  // The folder meant by a setting: "none" is "" (no cache); "" is
  // $XDG_CACHE_HOME/oriel or ~/.cache/oriel, and "" under AT_SECURE or without
  // a home.
  static std::string Resolve(const std::string& setting);

  // NotFound: no entry. PermissionDenied: an entry that is not a regular file,
  // of another owner or writable by others (left alone). DataLoss: damaged; the
  // entry has been removed. `kind` and `key` are [a-z0-9_]+.
  absl::StatusOr<CacheEntry> Lookup(std::string_view kind, std::string_view key) const;

  // Writes the entry, replacing any. Errors leave no file behind.
  absl::Status Store(std::string_view kind, std::string_view key, std::string_view bytes) const;

  // Removes the entry (one that loads but does not validate, say).
  absl::Status Remove(std::string_view kind, std::string_view key) const;

  // Removes the entries used longest ago until all take at most `limit` bytes
  // (nothing is done below it; then room for a tenth is made), and what writers
  // that died left behind. Safe beside other processes: an entry in use stays
  // mapped, one that is gone is made anew. Returns the bytes removed.
  absl::StatusOr<uint64_t> Trim(uint64_t limit) const;

  const std::string& path() const;

 private:
  struct Folder;
  std::shared_ptr<const Folder> folder_;
};

}  // namespace oriel

#endif  // ORIEL_ENGINE_CACHE_DIR_H_
