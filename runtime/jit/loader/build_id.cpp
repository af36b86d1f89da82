#include "runtime/jit/loader/build_id.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace oriel::jit {
namespace {

// Walks a note segment; "" when it holds no build id. Sizes are checked against
// what is left, so a damaged file ends the walk.
std::string FindBuildId(const uint8_t* notes, size_t size) {
  size_t at = 0;
  auto padded = [](size_t n) { return (n + 3) / 4 * 4; };
  while (size - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes + at, sizeof note);
    at += sizeof note;
    if (padded(note.n_namesz) > size - at ||
        padded(note.n_descsz) > size - at - padded(note.n_namesz)) {
      break;
    }
    const uint8_t* name = notes + at;
    const uint8_t* desc = name + padded(note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(name, "GNU", 4) == 0) {
      return absl::BytesToHexString(absl::string_view(
          reinterpret_cast<const char*>(desc), note.n_descsz));
    }
    at += padded(note.n_namesz) + padded(note.n_descsz);
  }
  return "";
}

class File {
 public:
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return fd_ >= 0; }
  bool Read(uint64_t offset, void* to, size_t size) const {
    return pread(fd_, to, size, static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(size);
  }

 private:
  int fd_;
};

}  // namespace

absl::StatusOr<std::string> ReadBuildId(const std::string& path) {
  File file(path);
  if (!file.ok())
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  Elf64_Ehdr header;
  if (!file.Read(0, &header, sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return absl::DataLossError(absl::StrCat(path, " is not a 64-bit ELF file"));
  }
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!file.Read(header.e_phoff + static_cast<uint64_t>(i) * sizeof segment,
                   &segment, sizeof segment)) {
      return absl::DataLossError(
          absl::StrCat(path, ": its program headers end early"));
    }
    if (segment.p_type != PT_NOTE || segment.p_filesz > (1u << 20)) continue;
    std::vector<uint8_t> notes(segment.p_filesz);
    if (!file.Read(segment.p_offset, notes.data(), notes.size())) {
      return absl::DataLossError(absl::StrCat(path, ": its notes end early"));
    }
    std::string id = FindBuildId(notes.data(), notes.size());
    if (!id.empty()) return id;
  }
  return absl::NotFoundError(
      absl::StrCat(path, " has no build id (linked without --build-id)"));
}

std::string LoadedBuildId(const void* address) {
  struct Search {
    uint64_t address;
    std::string id;
  } search{reinterpret_cast<uint64_t>(address), ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* search = static_cast<Search*>(data);
        bool ours = false;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          uint64_t begin = info->dlpi_addr + segment.p_vaddr;
          ours |= segment.p_type == PT_LOAD && search->address >= begin &&
                  search->address - begin < segment.p_memsz;
        }
        if (!ours) return 0;
        for (int i = 0; i < info->dlpi_phnum && search->id.empty(); ++i) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_NOTE) continue;
          search->id = FindBuildId(reinterpret_cast<const uint8_t*>(
                                       info->dlpi_addr + segment.p_vaddr),
                                   segment.p_memsz);
        }
        return 1;
      },
      &search);
  return search.id;
}

}  // namespace oriel::jit
