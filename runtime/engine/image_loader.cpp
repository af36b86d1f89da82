// File: image_loader.cpp
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/core/hash.h"
#include "runtime/core/status.h"
#include "runtime/engine/cpu_features.h"
#include "runtime/engine/image.h"

// The unwinder's registry (libgcc or LLVM's libunwind).
extern "C" void __register_frame(void*);
extern "C" void __deregister_frame(void*);

namespace oriel {
namespace {

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

absl::Status Damaged(const std::string& name, const std::string& what) {
  return absl::DataLossError(name + ": damaged program image: " + what);
}

constexpr uint16_t HostMachine() {
#if defined(__x86_64__)
  return kImageMachineX86_64;
#elif defined(__aarch64__)
  return kImageMachineAarch64;
#else
  return 0;
#endif
}

// A private, anonymous mapping or file mapping that unmaps itself.
struct Mapping {
  char* data = nullptr;
  uint64_t bytes = 0;
  ~Mapping() {
    if (data != nullptr) munmap(data, bytes);
  }
  bool Map(int protection, int flags, int fd, uint64_t size) {
    void* p = mmap(nullptr, size, protection, flags, fd, 0);
    if (p == MAP_FAILED) return false;
    data = static_cast<char*>(p);
    bytes = size;
    return true;
  }
  char* Release() {
    char* p = data;
    data = nullptr;
    return p;
  }
};

std::string Errno(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// R+X pages straight from the file. False: not allowed here (a noexec mount).
bool MapText(int fd, const ImageHeader& h, char* base) {
  return mmap(base + h.text_offset, h.text_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd,
              static_cast<off_t>(h.text_offset)) != MAP_FAILED;
}

bool CopyAndProtect(std::string_view bytes, const ImageHeader& h, Mapping* out) {
  if (!out->Map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, bytes.size())) return false;
  std::memcpy(out->data, bytes.data(), bytes.size());
  if (mprotect(out->data, bytes.size(), PROT_READ) != 0) return false;
  return mprotect(out->data + h.text_offset, h.text_bytes, PROT_READ | PROT_EXEC) == 0;
}

absl::Status ThroughMemfd(std::string_view bytes, const ImageHeader& h, const std::string& name, Mapping* out) {
  int fd = memfd_create("oriel", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0) fd = memfd_create("oriel", MFD_CLOEXEC | MFD_ALLOW_SEALING);  // kernels before 6.3
  if (fd < 0) return absl::UnavailableError(name + ": " + Errno("memfd_create"));
  absl::Status status;
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      status = absl::ResourceExhaustedError(name + ": " + Errno("writing the memory file"));
      break;
    }
    done += static_cast<size_t>(n);
  }
  if (status.ok() && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    status = absl::UnavailableError(name + ": " + Errno("sealing the memory file"));
  }
  if (status.ok() && (!out->Map(PROT_READ, MAP_PRIVATE, fd, bytes.size()) || !MapText(fd, h, out->data))) {
    status = absl::UnavailableError(name + ": " + Errno("mapping the code"));
  }
  close(fd);
  return status;
}

}  // namespace

absl::Status CheckImage(std::string_view bytes, const std::string& name, bool check_checksum) {
  const uint64_t n = bytes.size();
  if (n < kImagePage) return Damaged(name, std::to_string(n) + " bytes, at least " + std::to_string(kImagePage) + " expected");
  ImageHeader h;
  std::memcpy(&h, bytes.data() + kImageHeaderOffset, sizeof h);
  if (std::memcmp(h.magic, kImageMagic, sizeof h.magic) != 0) return Damaged(name, "it is no program image");
  if (h.version != kImageVersion || h.abi != kKernelAbiVersion) {
    return absl::FailedPreconditionError(name + ": program image of format " + std::to_string(h.version) + ", kernel ABI " +
                                         std::to_string(h.abi) + "; this runtime needs format " + std::to_string(kImageVersion) +
                                         ", ABI " + std::to_string(kKernelAbiVersion));
  }
  if (h.file_bytes != n) return Damaged(name, std::to_string(n) + " bytes, its header says " + std::to_string(h.file_bytes));
  if (check_checksum) {
    // The checksum covers the header with its own field zero.
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    const uint64_t field = kImageHeaderOffset + offsetof(ImageHeader, checksum);
    const uint64_t zero = 0;
    XXH3_64bits_update(&state, bytes.data(), field);
    XXH3_64bits_update(&state, &zero, sizeof zero);
    XXH3_64bits_update(&state, bytes.data() + field + sizeof zero, n - field - sizeof zero);
    if (XXH3_64bits_digest(&state) != h.checksum) return Damaged(name, "its checksum does not match");
  }
  Elf64_Ehdr elf;
  std::memcpy(&elf, bytes.data(), sizeof elf);
  if (std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0) return Damaged(name, "its ELF header is missing");
  if (elf.e_machine != HostMachine()) {
    return absl::FailedPreconditionError(name + ": the program was compiled for another processor architecture (ELF machine " +
                                         std::to_string(elf.e_machine) + ", this one is " + std::to_string(HostMachine()) + ")");
  }
  const auto inside = [n](uint64_t offset, uint64_t size) { return offset <= n && size <= n - offset; };
  const auto records = [&](uint64_t offset, uint64_t count, uint64_t size) {
    return offset % 8 == 0 && offset <= n && count <= (n - offset) / size;
  };
  if (h.text_offset != kImagePage || h.text_bytes == 0 || h.text_bytes % kImagePage != 0 || !inside(h.text_offset, h.text_bytes)) return Damaged(name, "its text lies outside it");
  if (h.rodata_offset != h.text_offset + h.text_bytes || h.rodata_bytes % kImagePage != 0 || !inside(h.rodata_offset, h.rodata_bytes)) return Damaged(name, "its constants lie outside it");
  if (h.eh_frame_bytes != 0) {
    const uint64_t end = h.rodata_offset + h.rodata_bytes;
    if (h.eh_frame_offset % 8 != 0 || h.eh_frame_bytes < 4 || h.eh_frame_offset < h.rodata_offset || h.eh_frame_offset > end ||
        h.eh_frame_bytes > end - h.eh_frame_offset) {
      return Damaged(name, "its unwind tables lie outside its constants");
    }
    // The unwinder follows record lengths to the terminator: walk them here.
    const char* at = bytes.data() + h.eh_frame_offset;
    uint64_t left = h.eh_frame_bytes;
    while (true) {
      uint32_t length = 0;
      if (left < 4) return Damaged(name, "its unwind tables are not terminated");
      std::memcpy(&length, at, 4);
      if (length == 0) break;
      if (length > left - 4) return Damaged(name, "an unwind record leaves the tables");
      at += 4 + length;
      left -= 4 + length;
    }
  }
  if (!records(h.index_offset, h.kernels, sizeof(ImageKernel))) return Damaged(name, "its kernel index lies outside it");
  if (!inside(h.names_offset, h.names_bytes) || h.names_bytes == 0 || bytes[h.names_offset + h.names_bytes - 1] != '\0') return Damaged(name, "its names lie outside it");
  if (!records(h.lines_offset, h.lines, sizeof(ImageLine))) return Damaged(name, "its line table lies outside it");
  if (!inside(h.program_offset, h.program_bytes)) return Damaged(name, "its program lies outside it");
  const uint64_t text_end = h.text_offset + h.text_bytes;
  for (uint64_t i = 0; i < h.kernels; ++i) {
    ImageKernel k;
    std::memcpy(&k, bytes.data() + h.index_offset + i * sizeof k, sizeof k);
    if (k.entry < h.text_offset || k.entry >= text_end || k.bytes > text_end - k.entry || k.name >= h.names_bytes) {
      return Damaged(name, "kernel " + std::to_string(i) + " lies outside the text");
    }
  }
  uint32_t previous = 0;
  for (uint64_t i = 0; i < h.lines; ++i) {
    ImageLine line;
    std::memcpy(&line, bytes.data() + h.lines_offset + i * sizeof line, sizeof line);
    if (line.text_offset < previous || line.text_offset > h.text_bytes) return Damaged(name, "line row " + std::to_string(i) + " is out of order");
    previous = line.text_offset;
  }
  if (const uint64_t missing = h.cpu_features & ~HostCpuFeatures()) {
    return absl::FailedPreconditionError(name + ": the program needs CPU features this machine lacks: " + CpuFeatureNames(missing) +
                                         " (compiled for " + std::string(h.cpu_name, strnlen(h.cpu_name, sizeof h.cpu_name)) + ")");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const LoadedImage>> LoadedImage::FromFile(int fd, uint64_t bytes, const std::string& name, How how) {
  if (bytes < kImagePage || bytes > kImageMaxBytes) return Damaged(name, std::to_string(bytes) + " bytes");
  Mapping file;
  if (!file.Map(PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, bytes)) return absl::UnavailableError(name + ": " + Errno("mmap"));
  const std::string_view view(file.data, bytes);
  if (how != How::kMap) return FromBytes(view, name, how);
  ORIEL_RETURN_IF_ERROR(CheckImage(view, name));
  ImageHeader header;
  std::memcpy(&header, file.data + kImageHeaderOffset, sizeof header);
  if (!MapText(fd, header, file.data)) return FromBytes(view, name, How::kCopy);
  // The executable pages were mapped after the check: look at the text again
  // through them, so that a file changed in between is not run.
  ORIEL_RETURN_IF_ERROR(CheckImage(view, name));
  std::shared_ptr<LoadedImage> image(new LoadedImage);
  image->bytes_ = bytes;
  image->how_ = How::kMap;
  image->base_ = file.Release();
  return Finish(std::move(image));
}

absl::StatusOr<std::shared_ptr<const LoadedImage>> LoadedImage::FromBytes(std::string_view bytes, const std::string& name, How how) {
  // A private copy is checked, not the caller's bytes: those may be a mapped
  // file that changes between check and use.
  ORIEL_RETURN_IF_ERROR(CheckImage(bytes, name));
  ImageHeader header;
  std::memcpy(&header, bytes.data() + kImageHeaderOffset, sizeof header);
  Mapping copy;
  How used = How::kCopy;
  if (how == How::kMemfd || !CopyAndProtect(bytes, header, &copy)) {
    used = How::kMemfd;
    Mapping sealed;
    ORIEL_RETURN_IF_ERROR(ThroughMemfd(bytes, header, name, &sealed));
    std::swap(copy.data, sealed.data);
    std::swap(copy.bytes, sealed.bytes);
  }
  ORIEL_RETURN_IF_ERROR(CheckImage(std::string_view(copy.data, bytes.size()), name));
  std::shared_ptr<LoadedImage> image(new LoadedImage);
  image->bytes_ = bytes.size();
  image->how_ = used;
  image->base_ = copy.Release();
  return Finish(std::move(image));
}

absl::StatusOr<std::shared_ptr<const LoadedImage>> LoadedImage::FromPath(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    const int error = errno;
    const std::string why = path + ": " + std::strerror(error);
    return error == ENOENT ? absl::NotFoundError(why) : absl::PermissionDeniedError(why);
  }
  struct stat st;
  absl::Status status;
  std::string bytes;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    status = absl::InvalidArgumentError(path + ": not a regular file");
  } else if (static_cast<uint64_t>(st.st_size) > kImageMaxBytes || static_cast<uint64_t>(st.st_size) < kImagePage) {
    status = Damaged(path, std::to_string(st.st_size) + " bytes");
  } else {
    bytes.resize(static_cast<size_t>(st.st_size));
    for (size_t done = 0; done < bytes.size() && status.ok();) {
      const ssize_t n = read(fd, &bytes[done], bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) status = Damaged(path, "it ends at byte " + std::to_string(done));
      else done += static_cast<size_t>(n);
    }
  }
  close(fd);
  if (!status.ok()) return status;
  return FromBytes(bytes, path, How::kCopy);
}

std::shared_ptr<const LoadedImage> LoadedImage::FromSymbols(std::map<std::string, KernelEntry> symbols) {
  std::shared_ptr<LoadedImage> image(new LoadedImage);
  for (auto& [name, entry] : symbols) image->symbols_.emplace(name, entry);
  return image;
}

std::shared_ptr<const LoadedImage> LoadedImage::Finish(std::shared_ptr<LoadedImage> image) {
  const char* base = image->base_;
  image->header_ = reinterpret_cast<const ImageHeader*>(base + kImageHeaderOffset);
  const ImageHeader& h = *image->header_;
  image->program_ = std::string_view(base + h.program_offset, h.program_bytes);
  const ImageKernel* index = reinterpret_cast<const ImageKernel*>(base + h.index_offset);
  for (uint64_t i = 0; i < h.kernels; ++i) {
    image->symbols_.emplace(base + h.names_offset + index[i].name, reinterpret_cast<KernelEntry>(const_cast<char*>(base + index[i].entry)));
  }
  if (h.eh_frame_bytes > 4) {
    image->registered_frames_ = base + h.eh_frame_offset;
    __register_frame(const_cast<char*>(base + h.eh_frame_offset));
  }
  return image;
}

LoadedImage::~LoadedImage() {
  if (registered_frames_ != nullptr) __deregister_frame(const_cast<void*>(registered_frames_));
  if (base_ != nullptr) munmap(const_cast<char*>(base_), bytes_);
}

KernelEntry LoadedImage::Find(std::string_view symbol) const {
  const auto it = symbols_.find(symbol);
  return it == symbols_.end() ? nullptr : it->second;
}

int64_t LoadedImage::LineAt(const void* address) const {
  if (header_ == nullptr) return -1;
  const char* at = static_cast<const char*>(address);
  const char* text = base_ + header_->text_offset;
  if (at < text || at >= text + header_->text_bytes) return -1;
  const uint32_t offset = static_cast<uint32_t>(at - text);
  const ImageLine* begin = reinterpret_cast<const ImageLine*>(base_ + header_->lines_offset);
  const ImageLine* end = begin + header_->lines;
  const ImageLine* row = std::upper_bound(begin, end, offset, [](uint32_t o, const ImageLine& l) { return o < l.text_offset; });
  return row == begin ? -1 : static_cast<int64_t>((row - 1)->line);
}

}  // namespace oriel
