// File: file.cpp
#include "runtime/core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "runtime/core/status.h"

namespace oriel {

absl::Status ErrnoStatus(std::string_view path, std::string_view action, int error) {
  const std::string message =
      std::string(path) + ": " + std::string(action) + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOENT: return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS: return absl::PermissionDeniedError(message);
    case ENOSPC:  // a full disk is no want of memory
    case EDQUOT: return absl::UnavailableError(message);
    case ENOMEM: return absl::ResourceExhaustedError(message);
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG: return absl::InvalidArgumentError(message);
    default: return absl::UnknownError(message);
  }
}

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  // Not blocking: a named pipe must not hang the caller before it is refused.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoStatus(path, "cannot open", errno);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    const int error = errno;
    close(fd);
    return ErrnoStatus(path, "cannot stat", error);
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(path + ": not a regular file");
  }
  return InputFile(path, fd, static_cast<uint64_t>(info.st_size));
}

InputFile::InputFile(InputFile&& other) noexcept : path_(std::move(other.path_)), fd_(other.fd_), size_(other.size_) {
  other.fd_ = -1;
}

InputFile::~InputFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status InputFile::ReadAt(uint64_t offset, void* to, size_t size) const {
  char* out = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = pread(fd_, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(path_, "cannot read", errno);
    if (got == 0) {
      return absl::DataLossError(path_ + ": truncated: " + std::to_string(size) + " bytes are missing at byte " +
                                 std::to_string(offset));
    }
    out += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  ORIEL_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  std::string contents(file.size(), '\0');
  ORIEL_RETURN_IF_ERROR(file.ReadAt(0, contents.data(), contents.size()));
  return contents;
}

namespace {

// Waits until a file (or a folder's list of names) is on the disk. `path`: what
// messages call it.
absl::Status Sync(const std::string& of, const std::string& path) {
  const int fd = open(of.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(path, "cannot write", errno);
  int error = 0;
  while (fsync(fd) != 0) {
    if (errno == EINTR) continue;
    // Some file systems have no fsync of what they hold.
    if (errno != EINVAL && errno != ENOSYS && errno != EROFS) error = errno;
    break;
  }
  close(fd);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(path, "cannot write", error);
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path,
                                 const std::function<absl::Status(const std::string&)>& write) {
  static std::atomic<uint64_t> counter{0};
  const std::string temporary = path + ".tmp" + std::to_string(getpid()) + "." + std::to_string(counter++);
  absl::Status status = write(temporary);
  // The bytes before the name: after a crash there is the old file or the new.
  if (status.ok()) status = Sync(temporary, path);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = ErrnoStatus(path, "cannot write", errno);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  // The name itself; where a folder cannot be synced the file is there all the
  // same, only later.
  const size_t slash = path.rfind('/');
  (void)Sync(slash == std::string::npos ? "." : path.substr(0, slash + 1), path);
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view contents) {
  return WriteFileAtomically(path, [&](const std::string& temporary) -> absl::Status {
    const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return ErrnoStatus(path, "cannot write", errno);
    int error = 0;
    while (!contents.empty() && error == 0) {
      const ssize_t wrote = ::write(fd, contents.data(), contents.size());
      if (wrote > 0) contents.remove_prefix(static_cast<size_t>(wrote));
      else if (errno != EINTR) error = errno == 0 ? EIO : errno;
    }
    // Some file systems report a full disk only here.
    if (close(fd) != 0 && error == 0) error = errno;
    return error == 0 ? absl::OkStatus() : ErrnoStatus(path, "cannot write", error);
  });
}

}  // namespace oriel
