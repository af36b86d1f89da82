// File: image_writer.cpp
//
// Puts the parts of a program image together. The ELF structures are for perf,
// gdb, objdump and readelf; the loader reads ImageHeader only.
#include <elf.h>

#include <cstring>
#include <set>

#include "runtime/core/hash.h"
#include "runtime/core/status.h"
#include "runtime/engine/image.h"

namespace oriel {
namespace {

uint64_t UpTo(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

void PadTo(std::string* out, uint64_t size, char with = '\0') {
  if (out->size() < size) out->resize(size, with);
}

template <typename T>
void Append(std::string* out, const std::vector<T>& records) {
  if (!records.empty()) out->append(reinterpret_cast<const char*>(records.data()), records.size() * sizeof(T));
}

void CopyName(char* to, size_t size, const std::string& from) {
  std::memcpy(to, from.data(), std::min(size - 1, from.size()));
}

// Sections of the ELF view, in the order of their headers.
enum SectionIndex { kNull, kText, kRodata, kEhFrame, kSymtab, kStrtab, kShstrtab, kSections };
constexpr char kSectionNames[] = "\0.text\0.rodata\0.eh_frame\0.symtab\0.strtab\0.shstrtab";
constexpr uint32_t kSectionName[] = {0, 1, 7, 15, 25, 33, 41};

}  // namespace

ImageLayout LayOutImage(uint64_t text_bytes, uint64_t rodata_bytes) {
  ImageLayout layout;
  layout.text = kImagePage;
  // At least a page of text, so that the rodata never shares the header's page.
  layout.rodata = kImagePage + UpTo(std::max<uint64_t>(text_bytes, 1), kImagePage);
  layout.eh_frame = UpTo(layout.rodata + rodata_bytes, 64);
  return layout;
}

absl::StatusOr<std::string> WriteImage(const ImageParts& parts) {
  const ImageLayout layout = LayOutImage(parts.text.size(), parts.rodata.size());
  std::set<std::string> names_seen;
  for (const ImageSymbol& symbol : parts.symbols) {
    if (symbol.text_offset >= parts.text.size() || symbol.bytes > parts.text.size() - symbol.text_offset) {
      return absl::InvalidArgumentError("image symbol '" + symbol.name + "' lies at " + std::to_string(symbol.text_offset) +
                                        " + " + std::to_string(symbol.bytes) + ", the text has " +
                                        std::to_string(parts.text.size()) + " bytes");
    }
    if (symbol.name.empty() || symbol.name.find('\0') != std::string::npos) return absl::InvalidArgumentError("an image symbol has no usable name");
    if (symbol.global && !names_seen.insert(symbol.name).second) return absl::InvalidArgumentError("image symbol '" + symbol.name + "' appears twice");
  }
  for (size_t i = 0; i < parts.lines.size(); ++i) {
    if (parts.lines[i].text_offset > parts.text.size() || (i > 0 && parts.lines[i].text_offset < parts.lines[i - 1].text_offset)) {
      return absl::InvalidArgumentError("image line row " + std::to_string(i) + " is out of order or outside the text");
    }
  }

  ImageHeader header{};
  std::memcpy(header.magic, kImageMagic, sizeof header.magic);
  header.version = kImageVersion;
  header.abi = kKernelAbiVersion;
  header.cpu_features = parts.cpu_features;
  CopyName(header.cpu_name, sizeof header.cpu_name, parts.cpu_name);
  CopyName(header.build_id, sizeof header.build_id, parts.build_id);

  std::string out(kImagePage, '\0');
  out += parts.text;
  header.text_offset = layout.text;
  header.text_bytes = layout.rodata - layout.text;
  PadTo(&out, layout.rodata, '\xcc');  // int3: a stray jump stops at once
  out += parts.rodata;
  if (!parts.eh_frame.empty()) {
    PadTo(&out, layout.eh_frame);
    out += parts.eh_frame;
    out.append(4, '\0');  // the terminator
    header.eh_frame_offset = layout.eh_frame;
    header.eh_frame_bytes = parts.eh_frame.size() + 4;
  }
  const uint64_t rodata_end = out.size();
  PadTo(&out, UpTo(out.size(), kImagePage));
  header.rodata_offset = layout.rodata;
  header.rodata_bytes = out.size() - layout.rodata;

  std::vector<ImageKernel> index;
  std::string names(1, '\0');
  for (const ImageSymbol& symbol : parts.symbols) {
    if (!symbol.global) continue;
    index.push_back({layout.text + symbol.text_offset, symbol.bytes, names.size()});
    names.append(symbol.name).push_back('\0');
  }
  header.index_offset = out.size();
  header.kernels = index.size();
  Append(&out, index);
  header.names_offset = out.size();
  header.names_bytes = names.size();
  out += names;
  PadTo(&out, UpTo(out.size(), 8));
  header.lines_offset = out.size();
  header.lines = parts.lines.size();
  Append(&out, parts.lines);
  PadTo(&out, UpTo(out.size(), 64));
  header.program_offset = out.size();
  header.program_bytes = parts.program.size();
  out += parts.program;
  PadTo(&out, UpTo(out.size(), 8));

  // The ELF view. Local symbols come before global ones.
  std::vector<Elf64_Sym> symtab(1);
  std::memset(symtab.data(), 0, sizeof(Elf64_Sym));
  std::string strtab(1, '\0');
  uint32_t locals = 1;
  for (bool global : {false, true}) {
    for (const ImageSymbol& symbol : parts.symbols) {
      if (symbol.global != global) continue;
      Elf64_Sym entry{};
      entry.st_name = static_cast<uint32_t>(strtab.size());
      entry.st_info = ELF64_ST_INFO(global ? STB_GLOBAL : STB_LOCAL, STT_FUNC);
      entry.st_shndx = kText;
      entry.st_value = layout.text + symbol.text_offset;
      entry.st_size = symbol.bytes;
      symtab.push_back(entry);
      strtab.append(symbol.name).push_back('\0');
      if (!global) ++locals;
    }
  }
  const uint64_t symtab_offset = out.size();
  Append(&out, symtab);
  const uint64_t strtab_offset = out.size();
  out += strtab;
  const uint64_t shstrtab_offset = out.size();
  out.append(kSectionNames, sizeof kSectionNames);
  PadTo(&out, UpTo(out.size(), 8));

  std::vector<Elf64_Shdr> sections(kSections);
  std::memset(sections.data(), 0, sizeof(Elf64_Shdr) * kSections);
  const auto section = [&](SectionIndex i, uint32_t type, uint64_t flags, uint64_t address, uint64_t offset, uint64_t size,
                           uint64_t align) {
    sections[i].sh_name = kSectionName[i];
    sections[i].sh_type = type;
    sections[i].sh_flags = flags;
    sections[i].sh_addr = address;
    sections[i].sh_offset = offset;
    sections[i].sh_size = size;
    sections[i].sh_addralign = align;
  };
  section(kText, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, layout.text, layout.text, parts.text.size(), 64);
  section(kRodata, SHT_PROGBITS, SHF_ALLOC, layout.rodata, layout.rodata, parts.rodata.size(), 64);
  section(kEhFrame, SHT_PROGBITS, SHF_ALLOC, layout.eh_frame, std::min<uint64_t>(layout.eh_frame, rodata_end), header.eh_frame_bytes, 8);
  section(kSymtab, SHT_SYMTAB, 0, 0, symtab_offset, symtab.size() * sizeof(Elf64_Sym), 8);
  sections[kSymtab].sh_link = kStrtab;
  sections[kSymtab].sh_info = locals;
  sections[kSymtab].sh_entsize = sizeof(Elf64_Sym);
  section(kStrtab, SHT_STRTAB, 0, 0, strtab_offset, strtab.size(), 1);
  section(kShstrtab, SHT_STRTAB, 0, 0, shstrtab_offset, sizeof kSectionNames, 1);
  const uint64_t sections_offset = out.size();
  Append(&out, sections);

  Elf64_Ehdr elf{};
  std::memcpy(elf.e_ident, ELFMAG, SELFMAG);
  elf.e_ident[EI_CLASS] = ELFCLASS64;
  elf.e_ident[EI_DATA] = ELFDATA2LSB;
  elf.e_ident[EI_VERSION] = EV_CURRENT;
  elf.e_type = ET_DYN;
  elf.e_machine = parts.machine;
  elf.e_version = EV_CURRENT;
  elf.e_phoff = sizeof elf;
  elf.e_shoff = sections_offset;
  elf.e_ehsize = sizeof elf;
  elf.e_phentsize = sizeof(Elf64_Phdr);
  elf.e_phnum = 2;
  elf.e_shentsize = sizeof(Elf64_Shdr);
  elf.e_shnum = kSections;
  elf.e_shstrndx = kShstrtab;
  Elf64_Phdr segments[2] = {};
  segments[0] = {PT_LOAD, PF_R | PF_X, layout.text, layout.text, layout.text, header.text_bytes, header.text_bytes, kImagePage};
  segments[1] = {PT_LOAD, PF_R, layout.rodata, layout.rodata, layout.rodata, header.rodata_bytes, header.rodata_bytes, kImagePage};
  std::memcpy(&out[0], &elf, sizeof elf);
  std::memcpy(&out[sizeof elf], segments, sizeof segments);

  header.file_bytes = out.size();
  if (out.size() > kImageMaxBytes) return absl::ResourceExhaustedError("the program image has " + std::to_string(out.size()) + " bytes, at most " + std::to_string(kImageMaxBytes));
  std::memcpy(&out[kImageHeaderOffset], &header, sizeof header);
  header.checksum = HashBytes64(out.data(), out.size());
  std::memcpy(&out[kImageHeaderOffset], &header, sizeof header);
  return out;
}

absl::StatusOr<std::string> ReplaceProgram(std::string_view image, const std::string& program) {
  ORIEL_RETURN_IF_ERROR(CheckImage(image, "image"));
  ImageHeader header;
  std::memcpy(&header, image.data() + kImageHeaderOffset, sizeof header);
  Elf64_Ehdr elf;
  std::memcpy(&elf, image.data(), sizeof elf);
  // Everything before the program section stays where it is; what follows (the
  // ELF tables) moves, so its offsets are shifted.
  const uint64_t old_tail = UpTo(header.program_offset + header.program_bytes, 8);
  std::string out(image.substr(0, header.program_offset));
  out += program;
  PadTo(&out, UpTo(out.size(), 8));
  const int64_t shift = static_cast<int64_t>(out.size()) - static_cast<int64_t>(old_tail);
  if (old_tail > image.size()) return absl::DataLossError("the image ends inside its program");
  out += image.substr(old_tail);
  const uint64_t table = elf.e_shoff;
  if (table < old_tail || table > image.size() || elf.e_shnum > 64 || (image.size() - table) / sizeof(Elf64_Shdr) < elf.e_shnum) {
    return absl::DataLossError("the image's section headers lie outside it");
  }
  elf.e_shoff = table + shift;
  for (uint64_t i = 0; i < elf.e_shnum; ++i) {
    Elf64_Shdr section;
    char* at = &out[elf.e_shoff + i * sizeof section];
    std::memcpy(&section, at, sizeof section);
    if (section.sh_offset >= old_tail) section.sh_offset += shift;
    std::memcpy(at, &section, sizeof section);
  }
  std::memcpy(&out[0], &elf, sizeof elf);
  header.program_bytes = program.size();
  header.file_bytes = out.size();
  header.checksum = 0;
  std::memcpy(&out[kImageHeaderOffset], &header, sizeof header);
  header.checksum = HashBytes64(out.data(), out.size());
  std::memcpy(&out[kImageHeaderOffset], &header, sizeof header);
  return out;
}

}  // namespace oriel
