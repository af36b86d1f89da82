// File: npy.cpp
#include "oriel/npy.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/core/file.h"
#include "runtime/core/npy_header.h"
#include "runtime/core/status.h"
#include "runtime/core/walk.h"

namespace oriel {
namespace {

// Where the bytes of an array come from: a file, memory or a zip member.
class Source {
 public:
  virtual ~Source() = default;
  // All bytes of the array's file, as far as known beforehand.
  virtual uint64_t size() const = 0;
  // The next `n` bytes; DataLoss when there are fewer.
  virtual absl::Status Read(void* to, size_t n) = 0;
};

class FileSource : public Source {
 public:
  explicit FileSource(const InputFile& file) : file_(file) {}
  uint64_t size() const override { return file_.size(); }
  absl::Status Read(void* to, size_t n) override {
    ORIEL_RETURN_IF_ERROR(file_.ReadAt(at_, to, n));
    at_ += n;
    return absl::OkStatus();
  }

 private:
  const InputFile& file_;
  uint64_t at_ = 0;
};

class MemorySource : public Source {
 public:
  explicit MemorySource(std::string_view bytes) : size_(bytes.size()), left_(bytes) {}
  uint64_t size() const override { return size_; }
  absl::Status Read(void* to, size_t n) override {
    if (n > left_.size()) return absl::DataLossError("truncated");
    if (n != 0) std::memcpy(to, left_.data(), n);
    left_.remove_prefix(n);
    return absl::OkStatus();
  }

 private:
  uint64_t size_;
  std::string_view left_;
};

// Booleans other than 0 and 1 would be undefined in our code.
void NormaliseBooleans(Tensor* t) {
  uint8_t* bytes = static_cast<uint8_t*>(t->raw());
  for (size_t i = 0; i < t->bytes(); ++i) bytes[i] = bytes[i] != 0;
}

void SwapBytes(Tensor* t) {
  char* at = static_cast<char*>(t->raw());
  const size_t element = SizeOf(t->dtype());
  for (int64_t i = 0; i < t->size(); ++i, at += element) std::reverse(at, at + element);
}

absl::StatusOr<Tensor> ReadArray(Source* source) {
  std::string header(static_cast<size_t>(std::min<uint64_t>(kNpyPrefixBytes, source->size())), '\0');
  ORIEL_RETURN_IF_ERROR(source->Read(header.data(), header.size()));
  ORIEL_ASSIGN_OR_RETURN(const size_t header_bytes, NpyHeaderSize(header));
  if (header_bytes > source->size() || header_bytes < header.size()) {
    return absl::DataLossError("truncated: the header of " + std::to_string(header_bytes) + " bytes is cut off at " +
                               std::to_string(source->size()));
  }
  const size_t had = header.size();
  header.resize(header_bytes);
  ORIEL_RETURN_IF_ERROR(source->Read(&header[had], header_bytes - had));
  ORIEL_ASSIGN_OR_RETURN(const NpyHeader h, ParseNpyHeader(header));
  // Before anything is allocated: the bytes must be there, and no more.
  const uint64_t present = source->size() - header_bytes;
  if (present != h.data_bytes) {
    return absl::DataLossError((present < h.data_bytes ? "truncated: " : "trailing data: ") + std::to_string(present) +
                               " bytes of data, but shape " + ToString(h.shape) + " of " +
                               std::string(NumpyName(h.dtype)) + " takes " + std::to_string(h.data_bytes));
  }
  Extents stored = h.shape;
  if (h.fortran_order) std::reverse(stored.begin(), stored.end());
  ORIEL_ASSIGN_OR_RETURN(Tensor t, Tensor::Empty(std::move(stored), h.dtype));
  ORIEL_RETURN_IF_ERROR(source->Read(t.raw(), t.bytes()));
  if (IsBool(h.dtype)) NormaliseBooleans(&t);
  if (h.big_endian) SwapBytes(&t);
  return h.fortran_order ? t.Transpose() : t;
}

// ---- zip ----

struct CloseZip {
  void operator()(zip_t* z) const { zip_discard(z); }
};
struct CloseMember {
  void operator()(zip_file_t* f) const { zip_fclose(f); }
};
using Zip = std::unique_ptr<zip_t, CloseZip>;

std::string ZipMessage(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string message = zip_error_strerror(&error);
  zip_error_fini(&error);
  return message;
}

class MemberSource : public Source {
 public:
  MemberSource(zip_file_t* file, uint64_t size) : file_(file), size_(size) {}
  uint64_t size() const override { return size_; }
  absl::Status Read(void* to, size_t n) override {
    char* out = static_cast<char*>(to);
    while (n > 0) {
      const zip_int64_t got = zip_fread(file_, out, n);
      if (got < 0) return absl::DataLossError("damaged: " + std::string(zip_error_strerror(zip_file_get_error(file_))));
      if (got == 0) return absl::DataLossError("truncated: " + std::to_string(n) + " bytes are missing");
      out += got;
      n -= static_cast<size_t>(got);
    }
    return absl::OkStatus();
  }
  // Reading up to the end is what checks the checksum.
  absl::Status ExpectEnd() {
    char extra;
    const zip_int64_t got = zip_fread(file_, &extra, 1);
    if (got < 0) return absl::DataLossError("damaged: " + std::string(zip_error_strerror(zip_file_get_error(file_))));
    if (got > 0) return absl::DataLossError("trailing data: longer than the " + std::to_string(size_) +
                                            " bytes the archive states");
    return absl::OkStatus();
  }

 private:
  zip_file_t* file_;
  uint64_t size_;
};

absl::StatusOr<Zip> OpenZip(const std::string& path) {
  // libzip's own messages do not tell a missing file from a bad one.
  ORIEL_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  if (file.size() >= 2) {
    char magic[2];
    ORIEL_RETURN_IF_ERROR(file.ReadAt(0, magic, 2));
    if (magic[0] != 'P' || magic[1] != 'K') {
      return absl::InvalidArgumentError(path + ": not an .npz file: it does not start with PK");
    }
  }
  int code = 0;
  zip_t* z = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (z == nullptr) return absl::DataLossError(path + ": " + ZipMessage(code));
  return Zip(z);
}

// A stored array cannot shrink below this share of its size: deflate's limit is
// 1032 to 1. A larger stated size is a lie, found before memory is allocated.
constexpr uint64_t kMaxDeflateRatio = 1040;

// The rest of a member, to whose end the checksum belongs.
bool ChecksumHolds(zip_file_t* file) {
  std::vector<char> rest(size_t{1} << 16);
  zip_int64_t got = 1;
  while (got > 0) got = zip_fread(file, rest.data(), rest.size());
  return got == 0;
}

absl::StatusOr<Tensor> ReadMember(zip_t* z, zip_uint64_t index) {
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat_index(z, index, 0, &info) != 0) return absl::DataLossError("damaged directory");
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if ((info.valid & kNeeded) != kNeeded) return absl::DataLossError("damaged directory");
  if ((info.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && info.encryption_method != ZIP_EM_NONE) {
    return absl::InvalidArgumentError("is encrypted");
  }
  if (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE) {
    return absl::InvalidArgumentError("compression method " + std::to_string(info.comp_method) +
                                      ", expected stored (0) or deflated (8)");
  }
  const bool stored = info.comp_method == ZIP_CM_STORE;
  if (stored ? info.size != info.comp_size : info.size / kMaxDeflateRatio > info.comp_size) {
    return absl::DataLossError("damaged: " + std::to_string(info.comp_size) + " bytes cannot hold the stated " +
                               std::to_string(info.size));
  }
  std::unique_ptr<zip_file_t, CloseMember> file(zip_fopen_index(z, index, 0));
  if (file == nullptr) return absl::DataLossError("damaged: " + std::string(zip_strerror(z)));
  MemberSource source(file.get(), info.size);
  absl::StatusOr<Tensor> t = ReadArray(&source);
  // Bytes that make no array may be those of one, damaged.
  if (!t.ok() && t.status().code() == absl::StatusCode::kInvalidArgument && !ChecksumHolds(file.get())) {
    return absl::DataLossError("damaged: its checksum does not hold: " + std::string(t.status().message()));
  }
  ORIEL_RETURN_IF_ERROR(t.status());
  ORIEL_RETURN_IF_ERROR(source.ExpectEnd());
  return t;
}

std::string MemberName(const char* name) {
  std::string s = name;
  if (s.size() > 4 && s.compare(s.size() - 4, 4, ".npy") == 0) s.resize(s.size() - 4);
  return s;
}

}  // namespace

absl::StatusOr<Tensor> LoadNpy(const std::string& path) {
  ORIEL_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  FileSource source(file);
  absl::StatusOr<Tensor> t = ReadArray(&source);
  // A failed read of the file has the path already.
  if (!t.ok() && t.status().message().find(path) != 0) return Prefixed(t.status(), path);
  return t;
}

absl::StatusOr<Tensor> ParseNpy(std::string_view bytes, std::string_view name) {
  MemorySource source(bytes);
  absl::StatusOr<Tensor> t = ReadArray(&source);
  if (!t.ok()) return Prefixed(t.status(), name);
  return t;
}

absl::StatusOr<std::string> FormatNpy(const Tensor& tensor) {
  ORIEL_ASSIGN_OR_RETURN(std::string out, FormatNpyHeader(tensor.dtype(), tensor.shape()));
  const Tensor t = tensor.Contiguous();
  if (t.size() != tensor.size()) return absl::ResourceExhaustedError("no memory for a contiguous copy");
  out.append(static_cast<const char*>(t.raw()), t.bytes());
  return out;
}

absl::Status SaveNpy(const std::string& path, const Tensor& tensor) {
  const absl::StatusOr<std::string> bytes = FormatNpy(tensor);
  if (!bytes.ok()) return Prefixed(bytes.status(), path);
  return WriteFileAtomically(path, *bytes);
}

absl::StatusOr<std::map<std::string, Tensor>> LoadNpz(const std::string& path) {
  ORIEL_ASSIGN_OR_RETURN(const Zip z, OpenZip(path));
  std::map<std::string, Tensor> out;
  const zip_int64_t n = zip_get_num_entries(z.get(), 0);
  for (zip_int64_t i = 0; i < n; ++i) {
    const char* raw = zip_get_name(z.get(), static_cast<zip_uint64_t>(i), 0);
    const std::string name = raw == nullptr ? std::to_string(i) : MemberName(raw);
    absl::StatusOr<Tensor> t = ReadMember(z.get(), static_cast<zip_uint64_t>(i));
    if (!t.ok()) return Prefixed(t.status(), path + ": member \"" + name + "\"");
    if (!out.emplace(name, *std::move(t)).second) {
      return absl::DataLossError(path + ": member \"" + name + "\" occurs twice");
    }
  }
  return out;
}

absl::StatusOr<Tensor> LoadNpz(const std::string& path, const std::string& name) {
  ORIEL_ASSIGN_OR_RETURN(const Zip z, OpenZip(path));
  zip_int64_t index = zip_name_locate(z.get(), (name + ".npy").c_str(), 0);
  if (index < 0) index = zip_name_locate(z.get(), name.c_str(), 0);
  if (index < 0) {
    std::string have;
    const zip_int64_t n = zip_get_num_entries(z.get(), 0);
    for (zip_int64_t i = 0; i < n && i < 20; ++i) {
      const char* raw = zip_get_name(z.get(), static_cast<zip_uint64_t>(i), 0);
      if (raw != nullptr) have += (have.empty() ? "" : ", ") + MemberName(raw);
    }
    return absl::NotFoundError(path + ": no member \"" + name + "\", it has: " + have + (n > 20 ? ", ..." : ""));
  }
  absl::StatusOr<Tensor> t = ReadMember(z.get(), static_cast<zip_uint64_t>(index));
  if (!t.ok()) return Prefixed(t.status(), path + ": member \"" + name + "\"");
  return t;
}

absl::Status SaveNpz(const std::string& path, const std::map<std::string, Tensor>& tensors, bool compress) {
  // The buffers must live until the archive is closed.
  std::map<std::string, std::string> members;
  for (const auto& [name, tensor] : tensors) {
    absl::StatusOr<std::string> bytes = FormatNpy(tensor);
    if (!bytes.ok()) return Prefixed(bytes.status(), path + ": member \"" + name + "\"");
    members.emplace(name + ".npy", *std::move(bytes));
  }
  return WriteFileAtomically(path, [&](const std::string& temporary) -> absl::Status {
    int code = 0;
    Zip z(zip_open(temporary.c_str(), ZIP_CREATE | ZIP_EXCL, &code));
    if (z == nullptr) return absl::UnknownError(path + ": cannot write: " + ZipMessage(code));
    const auto failed = [&] { return absl::UnknownError(path + ": cannot write: " + zip_strerror(z.get())); };
    for (const auto& [name, bytes] : members) {
      zip_source_t* source = zip_source_buffer(z.get(), bytes.data(), bytes.size(), 0);
      if (source == nullptr) return failed();
      const zip_int64_t index = zip_file_add(z.get(), name.c_str(), source, ZIP_FL_ENC_UTF_8);
      if (index < 0) {
        zip_source_free(source);
        return failed();
      }
      // A fixed time, so that equal tensors give equal files (1980 is zip's zero).
      const zip_uint64_t at = static_cast<zip_uint64_t>(index);
      if (zip_set_file_compression(z.get(), at, compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) != 0 ||
          zip_file_set_dostime(z.get(), at, 0, 33, 0) != 0) {
        return failed();
      }
    }
    if (members.empty()) {
      // libzip writes no file for an empty archive; the end record alone is one.
      std::string end("PK\5\6", 4);
      end.append(18, '\0');
      return WriteFileAtomically(temporary, end);
    }
    if (zip_close(z.get()) != 0) return failed();
    z.release();  // closed
    return absl::OkStatus();
  });
}

absl::StatusOr<Tensor> Tensor::Load(const std::string& path) { return LoadNpy(path); }
absl::Status Tensor::Save(const std::string& path) const { return SaveNpy(path, *this); }

}  // namespace oriel
