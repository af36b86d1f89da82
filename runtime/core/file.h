// File: file.h
//
// Whole files: read with a size known beforehand, written atomically.
#ifndef ORIEL_CORE_FILE_H_
#define ORIEL_CORE_FILE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace oriel {

// "path: No such file or directory" with NotFound, PermissionDenied,
// ResourceExhausted (no space) or Unknown as errno says.
absl::Status ErrnoStatus(std::string_view path, std::string_view action, int error);

// An open regular file. Errors start with the path.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // when it was opened
  // Exactly `size` bytes from `offset`; DataLoss when the file ends before.
  absl::Status ReadAt(uint64_t offset, void* to, size_t size) const;

 private:
  InputFile(std::string path, int fd, uint64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}
  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

// Writes a temporary file beside `path`, waits for it to be on the disk, then
// renames it over `path`. On any
// failure the temporary is removed and what was at `path` stays.
absl::Status WriteFileAtomically(const std::string& path, std::string_view contents);
// The same with the contents made by `write`, which gets the temporary's path
// and must create that file.
absl::Status WriteFileAtomically(const std::string& path,
                                 const std::function<absl::Status(const std::string& temporary)>& write);

}  // namespace oriel

#endif  // ORIEL_CORE_FILE_H_
