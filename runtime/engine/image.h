// File: image.h
//
// The program image: one file that holds a compiled program's code, constants
// of the code, unwind tables, kernel index, line table and plan. It is a valid
// ELF64 ET_DYN, so that perf, gdb, objdump and readelf see kernel names, but only
// our loader reads it, and that reads only our own header.
//
//   page 0      ELF header, program headers; ImageHeader at kImageHeaderOffset
//   page 1...   text (R+X, position independent, no relocation left)
//   pages       rodata, then .eh_frame with its 4-byte terminator (R)
//   tables      kernel index, names, line table, program section
//   tail        .symtab, .strtab, section headers
//
// One XXH3-64 checksum covers every byte. Loading is one mapping; no page is
// ever writable and executable. A program file is CODE: the checksum finds
// damage, not malice.
#ifndef ORIEL_ENGINE_IMAGE_H_
#define ORIEL_ENGINE_IMAGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/engine/kernel_abi.h"

namespace oriel {

inline constexpr char kImageMagic[8] = {'O', 'R', 'I', 'E', 'L', 'I', 'M', 'G'};
inline constexpr uint32_t kImageVersion = 1;
inline constexpr uint64_t kImagePage = 4096;
inline constexpr uint64_t kImageHeaderOffset = 0x200;
inline constexpr uint64_t kImageMaxBytes = uint64_t{1} << 32;
inline constexpr uint16_t kImageMachineX86_64 = 62;    // ELF's numbers
inline constexpr uint16_t kImageMachineAarch64 = 183;

// ---- the format (little endian) ----
struct ImageHeader {
  char magic[8];
  uint32_t version;       // kImageVersion
  uint32_t abi;           // kKernelAbiVersion
  uint64_t file_bytes;
  uint64_t checksum;      // XXH3-64 of the whole file with this field zero
  uint64_t cpu_features;  // mask of cpu_features.h
  char cpu_name[32];      // NUL-terminated, for messages
  char build_id[40];      // of the compiler, NUL-terminated, for messages
  uint64_t text_offset, text_bytes;          // page multiples; text_offset = 4096
  uint64_t rodata_offset, rodata_bytes;      // page multiples, after the text
  uint64_t eh_frame_offset, eh_frame_bytes;  // inside rodata; 0, 0 when none
  uint64_t index_offset, kernels;            // ImageKernel[kernels]
  uint64_t names_offset, names_bytes;        // NUL-terminated strings
  uint64_t lines_offset, lines;              // ImageLine[lines]
  uint64_t program_offset, program_bytes;    // see program_io.h
};
static_assert(sizeof(ImageHeader) == 224);

struct ImageKernel {
  uint64_t entry;    // file offset, inside the text
  uint64_t bytes;    // of code
  uint64_t name;     // offset into the names
};
static_assert(sizeof(ImageKernel) == 24);

// One row of the flattened line table: code from `text_offset` (relative to the
// text's start) to the next row is line `line` (ordinal * 8 + role).
struct ImageLine {
  uint32_t text_offset;
  uint32_t line;
};
static_assert(sizeof(ImageLine) == 8);

// ---- writing (no LLVM: takes packed bytes) ----
// Where the sections of an image with these sizes lie, as offsets from its base:
// code must be linked for exactly these distances.
struct ImageLayout {
  uint64_t text = 0, rodata = 0, eh_frame = 0;
};
ImageLayout LayOutImage(uint64_t text_bytes, uint64_t rodata_bytes);

struct ImageSymbol {
  std::string name;
  uint64_t text_offset = 0;  // relative to the text's start
  uint64_t bytes = 0;
  bool global = true;        // an entry (in the kernel index) or a local helper
};

struct ImageParts {
  std::string text, rodata;
  // Without the final terminator (WriteImage adds it); concatenated so that no
  // terminator lies inside.
  std::string eh_frame;
  std::vector<ImageSymbol> symbols;
  std::vector<ImageLine> lines;  // sorted by text_offset
  std::string program;           // WriteProgram's bytes
  uint64_t cpu_features = 0;
  std::string cpu_name, build_id;
  uint16_t machine = kImageMachineX86_64;
};
// InvalidArgument when a symbol or line lies outside the text, or names repeat.
absl::StatusOr<std::string> WriteImage(const ImageParts& parts);

// ---- loading ----
// A mapped image. Function handles share it; it is unmapped (and its unwind
// tables deregistered) when the last goes. Thread-safe.
class LoadedImage {
 public:
  enum class How {
    kMap,     // R+X straight from the file; falls back to kCopy (noexec mount)
    kCopy,    // copied, then made R+X; falls back to kMemfd (no W->X allowed)
    kMemfd,   // through a sealed memory file
    kNative,  // entries of this process (FromSymbols)
  };

  // Maps an open file's bytes [0, bytes); `fd` stays the caller's. Trust checks
  // (owner, mode) are the cache's, see cache_dir.h. DataLoss: damaged;
  // FailedPrecondition: another ABI version, or needs CPU features this machine
  // lacks; `name` is for messages.
  static absl::StatusOr<std::shared_ptr<const LoadedImage>> FromFile(
      int fd, uint64_t bytes, const std::string& name, How how = How::kMap);
  // Reads the file and loads a copy: later changes of the file cannot be seen.
  static absl::StatusOr<std::shared_ptr<const LoadedImage>> FromPath(const std::string& path);
  // A fresh image that is not on disk.
  static absl::StatusOr<std::shared_ptr<const LoadedImage>> FromBytes(
      std::string_view bytes, const std::string& name, How how = How::kCopy);
  // Entries of this process, for tests and for kernels linked statically.
  static std::shared_ptr<const LoadedImage> FromSymbols(
      std::map<std::string, KernelEntry> symbols);

  ~LoadedImage();
  LoadedImage(const LoadedImage&) = delete;
  LoadedImage& operator=(const LoadedImage&) = delete;

  KernelEntry Find(std::string_view symbol) const;  // nullptr when absent
  std::string_view program() const { return program_; }
  // The whole file, empty for kNative.
  std::string_view bytes() const { return {base_, bytes_}; }
  How how() const { return how_; }
  const ImageHeader* header() const { return header_; }  // null for kNative
  // The line (ordinal * 8 + role) of a code address, -1 when unknown.
  int64_t LineAt(const void* address) const;

 private:
  LoadedImage() = default;
  static std::shared_ptr<const LoadedImage> Finish(std::shared_ptr<LoadedImage> image);
  const char* base_ = nullptr;
  uint64_t bytes_ = 0;
  How how_ = How::kNative;
  const ImageHeader* header_ = nullptr;
  std::string_view program_;
  std::map<std::string, KernelEntry, std::less<>> symbols_;
  const void* registered_frames_ = nullptr;
};

// Checks every byte and offset of an image without mapping it: what FromBytes
// does first. `check_checksum` false is for fuzzing the rest.
absl::Status CheckImage(std::string_view bytes, const std::string& name,
                        bool check_checksum = true);

// The image with its program section replaced: same code, new plan.
absl::StatusOr<std::string> ReplaceProgram(std::string_view image, const std::string& program);

}  // namespace oriel

#endif  // ORIEL_ENGINE_IMAGE_H_
