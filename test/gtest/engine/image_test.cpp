// File: image_test.cpp
//
// Program images, with a few instructions of machine code written by hand.
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>

#include "gmock/gmock.h"
#include "runtime/engine/cache_dir.h"
#include "runtime/engine/cpu_features.h"
#include "runtime/engine/image.h"
#include "runtime/engine/program_io.h"
#include "test/gtest/engine/program_builder.h"

// Finds the unwind entry of an address (libgcc's, what __register_frame feeds).
struct dwarf_eh_bases {
  void *tbase, *dbase, *func;
};
extern "C" const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);

namespace oriel::testing {
namespace {

using ::testing::HasSubstr;

#if defined(__x86_64__)

void Append32(std::string* s, uint32_t v) { s->append(reinterpret_cast<const char*>(&v), 4); }

// "answer": *args[kArgFirst] = the constant in rodata (42); "other": *args[kArgFirst] = 7.
// `program` becomes the image's program.
ImageParts Parts(std::string program) {
  ImageParts parts;
  parts.text = std::string("\x48\x8B\x47\x28", 4);           // mov rax, [rdi + 40]
  parts.text += std::string("\x48\x8B\x0D", 3);              // mov rcx, [rip + d]
  const ImageLayout layout = LayOutImage(64, 8);
  Append32(&parts.text, static_cast<uint32_t>(layout.rodata - (layout.text + 11)));
  parts.text += std::string("\x48\x89\x08\xC3", 4);          // mov [rax], rcx; ret
  parts.text.resize(32, '\xcc');
  parts.text += std::string("\x48\x8B\x47\x28\x48\xC7\x00\x07\x00\x00\x00\xC3", 12);  // mov rax,[rdi+40]; mov qword [rax],7; ret
  parts.text.resize(64, '\xcc');
  parts.rodata = std::string("\x2A\0\0\0\0\0\0\0", 8);
  parts.symbols = {{"answer", 0, 15, true}, {"other", 32, 12, true}, {"helper", 0, 4, false}};
  parts.lines = {{0, 8}, {11, 10}, {32, 16}, {44, 0}};
  parts.program = std::move(program);
  parts.cpu_features = *CpuFeatureBit("sse2");
  parts.cpu_name = "x86-64";
  parts.build_id = "test";
  // One CIE and one FDE over all text: CFA = rsp + 8, return address at CFA - 8.
  std::string cie;
  Append32(&cie, 0);  // id
  cie += std::string("\x01zR\0\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01", 14);
  while ((cie.size() + 4) % 8 != 0) cie += '\0';
  Append32(&parts.eh_frame, static_cast<uint32_t>(cie.size()));
  parts.eh_frame += cie;
  std::string fde;
  Append32(&fde, static_cast<uint32_t>(parts.eh_frame.size() + 4));  // back to the CIE
  const uint64_t pc_field = layout.eh_frame + parts.eh_frame.size() + 8;
  Append32(&fde, static_cast<uint32_t>(static_cast<int64_t>(layout.text) - static_cast<int64_t>(pc_field)));
  Append32(&fde, 64);
  fde += '\0';
  while ((fde.size() + 4) % 8 != 0) fde += '\0';
  Append32(&parts.eh_frame, static_cast<uint32_t>(fde.size()));
  parts.eh_frame += fde;
  return parts;
}

std::string Image(std::string program = "the plan") {
  absl::StatusOr<std::string> image = WriteImage(Parts(std::move(program)));
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? *image : "";
}

int64_t CallKernel(const LoadedImage& image, const char* symbol) {
  const KernelEntry entry = image.Find(symbol);
  if (entry == nullptr) return -1;
  int64_t result = 0;
  const int64_t args[kArgFirst + 1] = {0, 0, 0, 0, 0, reinterpret_cast<int64_t>(&result)};
  entry(args, 0, 1, 0);
  return result;
}

// The access of the page that holds `address`, as /proc/self/maps prints it.
std::string AccessOf(const void* address) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin, end;
    char access[5];
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, access) != 3) continue;
    const unsigned long at = reinterpret_cast<unsigned long>(address);
    if (at >= begin && at < end) return access;
  }
  return "";
}

class TempFile {
 public:
  explicit TempFile(const std::string& bytes) {
    std::string name = ::testing::TempDir() + "oriel_image_XXXXXX";
    fd_ = mkstemp(name.data());
    path_ = name;
    EXPECT_EQ(write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  ~TempFile() {
    close(fd_);
    unlink(path_.c_str());
  }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

TEST(Image, LoadsEveryWay) {
  const std::string bytes = Image();
  const TempFile file(bytes);
  using How = LoadedImage::How;
  for (How how : {How::kMap, How::kCopy, How::kMemfd}) {
    const auto image = LoadedImage::FromFile(file.fd(), bytes.size(), "file", how);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ((*image)->how(), how);
    EXPECT_EQ(CallKernel(**image, "answer"), 42);
    EXPECT_EQ(CallKernel(**image, "other"), 7);
    EXPECT_EQ((*image)->Find("helper"), nullptr);
    EXPECT_EQ((*image)->program(), "the plan");
    // No page is both writable and executable, and none is writable at all.
    const char* text = (*image)->bytes().data() + (*image)->header()->text_offset;
    EXPECT_EQ(AccessOf(text), "r-xp");
    EXPECT_EQ(AccessOf(text - 4096), "r--p");
    EXPECT_EQ(AccessOf((*image)->bytes().data() + (*image)->header()->rodata_offset), "r--p");
    // Lines and unwind tables.
    EXPECT_EQ((*image)->LineAt(text), 8);
    EXPECT_EQ((*image)->LineAt(text + 12), 10);
    EXPECT_EQ((*image)->LineAt(text + 33), 16);
    EXPECT_EQ((*image)->LineAt(&bytes), -1);
    dwarf_eh_bases bases;
    EXPECT_NE(_Unwind_Find_FDE(const_cast<char*>(text) + 1, &bases), nullptr);
    EXPECT_EQ(bases.func, text);
  }
  for (How how : {How::kCopy, How::kMemfd}) {
    const auto image = LoadedImage::FromBytes(bytes, "bytes", how);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(CallKernel(**image, "answer"), 42);
  }
  const auto path = LoadedImage::FromPath(file.path());
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ((*path)->how(), How::kCopy);
  EXPECT_EQ(LoadedImage::FromPath("/nonexistent/x").status().code(), absl::StatusCode::kNotFound);
}

// Where the system refuses memory that was writable to become executable
// (systemd's MemoryDenyWriteExecute), a copy goes through a memory file.
TEST(Image, LoadsUnderMemoryDenyWriteExecute) {
  const std::string bytes = Image();
  const TempFile file(bytes);
  const pid_t child = fork();
  if (child == 0) {
    constexpr int kSetMdwe = 65;
    if (prctl(kSetMdwe, 1, 0, 0, 0) != 0) _exit(77);
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0) _exit(78);  // not enforced
    const auto mapped = LoadedImage::FromFile(file.fd(), bytes.size(), "file");
    const auto copied = LoadedImage::FromBytes(bytes, "bytes");
    if (!mapped.ok() || (*mapped)->how() != LoadedImage::How::kMap || CallKernel(**mapped, "answer") != 42) _exit(1);
    if (!copied.ok() || (*copied)->how() != LoadedImage::How::kMemfd || CallKernel(**copied, "answer") != 42) _exit(2);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) >= 77) GTEST_SKIP() << "this kernel does not enforce it";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Image, LoadsFromACacheEntry) {
  const std::string bytes = Image();
  std::string folder = ::testing::TempDir() + "oriel_image_cache_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const absl::StatusOr<CacheDir> dir = CacheDir::Open(folder);
  ASSERT_TRUE(dir.ok()) << dir.status();
  ASSERT_TRUE(dir->Store("program", "k", bytes).ok());
  std::shared_ptr<const LoadedImage> image;
  {
    const absl::StatusOr<CacheEntry> entry = dir->Lookup("program", "k");
    ASSERT_TRUE(entry.ok()) << entry.status();
    image = *LoadedImage::FromFile(entry->fd(), entry->bytes().size(), "entry");
  }
  EXPECT_EQ(image->how(), LoadedImage::How::kMap);
  EXPECT_EQ(CallKernel(*image, "other"), 7);  // the entry is closed, the code stays
  ASSERT_TRUE(dir->Remove("program", "k").ok());
  EXPECT_EQ(CallKernel(*image, "answer"), 42);
  rmdir(folder.c_str());
}

TEST(Image, IsAnElfFile) {
  const std::string bytes = Image();
  Elf64_Ehdr elf;
  std::memcpy(&elf, bytes.data(), sizeof elf);
  ASSERT_EQ(std::memcmp(elf.e_ident, ELFMAG, SELFMAG), 0);
  EXPECT_EQ(elf.e_type, ET_DYN);
  ASSERT_EQ(elf.e_shoff + elf.e_shnum * sizeof(Elf64_Shdr), bytes.size());
  bool found = false;
  for (int i = 0; i < elf.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, bytes.data() + elf.e_shoff + static_cast<uint64_t>(i) * sizeof section, sizeof section);
    if (section.sh_type != SHT_SYMTAB) continue;
    EXPECT_EQ(section.sh_size / section.sh_entsize, 4u);
    EXPECT_EQ(section.sh_info, 2u);  // the null symbol and one local
    Elf64_Sym symbol;
    std::memcpy(&symbol, bytes.data() + section.sh_offset + 2 * sizeof symbol, sizeof symbol);
    EXPECT_EQ(symbol.st_value, 4096u);
    EXPECT_EQ(symbol.st_size, 15u);
    found = true;
  }
  EXPECT_TRUE(found);
}

TEST(Image, ReplaceProgram) {
  const std::string bytes = Image();
  for (const std::string& program : {std::string(), std::string("p"), std::string(10'001, 'q')}) {
    const absl::StatusOr<std::string> other = ReplaceProgram(bytes, program);
    ASSERT_TRUE(other.ok()) << other.status();
    const auto image = LoadedImage::FromBytes(*other, "bytes");
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ((*image)->program(), program);
    EXPECT_EQ(CallKernel(**image, "answer"), 42);
    // Same program, same file.
    EXPECT_EQ(*ReplaceProgram(*other, "the plan"), bytes);
  }
}

TEST(Image, DamageIsFound) {
  const std::string bytes = Image();
  std::mt19937_64 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string bad = bytes;
    bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    EXPECT_FALSE(CheckImage(bad, "x").ok());
  }
  for (size_t n : {size_t{0}, size_t{100}, size_t{4096}, bytes.size() - 1}) {
    EXPECT_EQ(LoadedImage::FromBytes(bytes.substr(0, n), "x").status().code(), absl::StatusCode::kDataLoss) << n;
  }
  EXPECT_FALSE(CheckImage(bytes + "x", "x").ok());
  EXPECT_THAT(std::string(CheckImage(std::string(5000, 'x'), "x").message()), HasSubstr("no program image"));
}

// With the checksum ignored: whatever passes must be safe to use.
TEST(Image, MutantsNeverLeaveTheFile) {
  const std::string bytes = Image();
  std::mt19937_64 random(11);
  int accepted = 0;
  for (int i = 0; i < 40'000; ++i) {
    std::string bad = bytes;
    const int edits = 1 + static_cast<int>(random() % 3);
    for (int e = 0; e < edits; ++e) {
      ImageHeader h;
      std::memcpy(&h, bytes.data() + kImageHeaderOffset, sizeof h);
      const uint64_t areas[4][2] = {{kImageHeaderOffset, sizeof h}, {h.index_offset, h.kernels * sizeof(ImageKernel)},
                                    {h.lines_offset, h.lines * sizeof(ImageLine)}, {h.eh_frame_offset, h.eh_frame_bytes}};
      const auto& area = areas[random() % 4];
      const uint64_t at = area[0] + random() % area[1];
      const uint64_t words[] = {0, 1, 4096, bytes.size(), bytes.size() - 8, ~uint64_t{0}, uint64_t{1} << 63, random()};
      if (random() % 2 == 0) {
        bad[at] = static_cast<char>(random());
      } else if (at + 8 <= bad.size()) {
        std::memcpy(&bad[at / 8 * 8], &words[random() % 8], 8);
      }
    }
    if (!CheckImage(bad, "x", /*check_checksum=*/false).ok()) continue;
    ++accepted;
    ImageHeader h;
    std::memcpy(&h, bad.data() + kImageHeaderOffset, sizeof h);
    for (uint64_t k = 0; k < h.kernels; ++k) {
      ImageKernel kernel;
      std::memcpy(&kernel, bad.data() + h.index_offset + k * sizeof kernel, sizeof kernel);
      ASSERT_LE(kernel.entry + kernel.bytes, h.rodata_offset);
      ASSERT_LT(std::strlen(bad.data() + h.names_offset + kernel.name), h.names_bytes);
    }
    ASSERT_LE(h.program_offset + h.program_bytes, bad.size());
    (void)ReplaceProgram(bad, "p");  // refuses it by its checksum
  }
  EXPECT_GT(accepted, 0);
}

TEST(Image, NeedsItsCpuAndAbi) {
  ImageParts parts = Parts("p");
  uint64_t missing = ~HostCpuFeatures();
  for (int bit = 0; bit < 64 && missing != 0; ++bit) {
    if (!(missing >> bit & 1) || CpuFeatureNames(uint64_t{1} << bit).rfind("bit", 0) == 0) continue;
    parts.cpu_features |= uint64_t{1} << bit;
    parts.cpu_name = "futuristic";
    const absl::Status status = CheckImage(*WriteImage(parts), "x");
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(CpuFeatureNames(uint64_t{1} << bit)));
    EXPECT_THAT(std::string(status.message()), HasSubstr("futuristic"));
    break;
  }
  parts = Parts("p");
  parts.machine = kImageMachineAarch64;
  EXPECT_EQ(CheckImage(*WriteImage(parts), "x").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Image, WriterRefusesNonsense) {
  ImageParts parts = Parts("p");
  parts.symbols.push_back({"answer", 0, 1, true});
  EXPECT_THAT(std::string(WriteImage(parts).status().message()), HasSubstr("appears twice"));
  parts = Parts("p");
  parts.symbols[0].bytes = 65;
  EXPECT_THAT(std::string(WriteImage(parts).status().message()), HasSubstr("the text has 64 bytes"));
  parts = Parts("p");
  std::swap(parts.lines[0], parts.lines[1]);
  EXPECT_FALSE(WriteImage(parts).ok());
}

TEST(CpuFeatures, Names) {
  std::vector<std::string> unknown;
  const uint64_t mask = CpuFeatureMask({"+avx2", "fma", "-avx512f", "nonsense"}, &unknown);
  EXPECT_EQ(mask, *CpuFeatureBit("avx2") | *CpuFeatureBit("fma"));
  EXPECT_EQ(unknown, std::vector<std::string>{"nonsense"});
  EXPECT_EQ(CpuFeatureNames(mask), "fma avx2");
  EXPECT_EQ(HostCpuFeatures() & *CpuFeatureBit("sse2"), *CpuFeatureBit("sse2"));
  EXPECT_EQ((HostCpuFeatures() & *CpuFeatureBit("avx2")) != 0, __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ((HostCpuFeatures() & *CpuFeatureBit("avx512f")) != 0, __builtin_cpu_supports("avx512f") != 0);
}

// A whole function from an image: load, call, export, load again.
TEST(Image, FunctionsAreExportedWithTheirStates) {
  ProgramBuilder b("answer");
  const int32_t s = b.State("s", DType::i64, {});
  const int32_t out = b.Output("out", DType::i64, {});
  DispatchStep d = b.Elementwise("answer", {}, {out});
  d.phases = {{"answer", 1}};
  b.Add(d, {out});
  d = b.Elementwise("other", {}, {s});
  d.phases = {{"other", 1}};
  b.Add(d);
  b.Update(s, s);
  const TempFile file(Image(WriteProgram(b.program())));
  const absl::StatusOr<Function> f = Function::Load(file.path());
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(f->compile_info().source, "file");
  EXPECT_EQ(f->states()[0].cell()->storage.data<int64_t>()[0], 0);
  EXPECT_EQ(*(*(*f)({}))[0].data<int64_t>(), 42);
  EXPECT_EQ(f->states()[0].cell()->storage.data<int64_t>()[0], 7);
  const std::string exported = file.path() + ".exported";
  ASSERT_TRUE(f->Export(exported).ok());
  const absl::StatusOr<Function> again = Function::Load(exported);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->states()[0].cell()->storage.data<int64_t>()[0], 7);
  EXPECT_EQ(*(*(*again)({}))[0].data<int64_t>(), 42);
  unlink(exported.c_str());
  EXPECT_EQ(f->Export("/nonexistent/folder/x").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Expect(AddMul().Make()).Export(exported).code(), absl::StatusCode::kFailedPrecondition);
  // The image outlives the handle it came with as long as a Function needs it.
  Function last;
  { last = *Function::Load(file.path()); }
  EXPECT_TRUE(last({}).ok());
  // A program that is no program.
  const TempFile broken(Image("nonsense"));
  EXPECT_EQ(Function::Load(broken.path()).status().code(), absl::StatusCode::kDataLoss);
}

#endif  // x86-64

}  // namespace
}  // namespace oriel::testing
