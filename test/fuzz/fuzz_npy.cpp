// Any bytes as an .npy file: a tensor or a status, never a crash or a leak. What
// loads must save and load again to the same bits.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "oriel/tensor.h"

namespace {

// The loader takes a path; an anonymous file gives the bytes one.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MemoryFile file(data, size);
  absl::StatusOr<oriel::Tensor> t = oriel::Tensor::Load(file.path());
  if (!t.ok()) return 0;
  const std::string copy = "/tmp/oriel-fuzz-npy-" + std::to_string(getpid()) + ".npy";
  if (!t->Save(copy).ok()) std::abort();
  absl::StatusOr<oriel::Tensor> again = oriel::Tensor::Load(copy);
  unlink(copy.c_str());
  if (!again.ok() || !oriel::BitEqual(*t, *again)) std::abort();
  return 0;
}
