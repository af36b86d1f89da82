#include "runtime/jit/compiler/pack_objects.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "llvm/ExecutionEngine/JITLink/JITLink.h"
#include "llvm/ExecutionEngine/JITLink/x86_64.h"
#include "llvm/ExecutionEngine/Orc/SymbolStringPool.h"
#include "llvm/Support/MemoryBuffer.h"
#include "runtime/engine/image.h"

namespace oriel::jit {
namespace {

namespace jl = llvm::jitlink;
namespace orc = llvm::orc;

llvm::Error Refuse(const llvm::Twine& why) {
  return llvm::make_error<llvm::StringError>(why,
                                             llvm::inconvertibleErrorCode());
}

uint64_t RoundUp(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

// One of the three areas the objects' segments go to, at `base`.
struct Area {
  explicit Area(char filler) : filler(filler) {}
  void Place(uint64_t address, const char* data, size_t size) {
    if (bytes.size() < address - base + size)
      bytes.resize(address - base + size, filler);
    std::memcpy(bytes.data() + (address - base), data, size);
  }
  char filler;
  uint64_t base = 0;
  uint64_t cursor = 0;
  std::string bytes;
};

struct Layout {
  Area text{'\xcc'};  // int3 between kernels
  Area rodata{'\0'};
  Area eh_frame{'\0'};
  std::vector<PackedSymbol> symbols;

  void Start(uint64_t text_base, uint64_t rodata_base, uint64_t eh_frame_base) {
    text.base = text.cursor = text_base;
    rodata.base = rodata.cursor = rodata_base;
    eh_frame.base = eh_frame.cursor = eh_frame_base;
  }
};

// JITLink ends every graph's unwind table with a terminator of 4 zero bytes,
// where an unwinder would stop: the next graph's table overwrites it.
constexpr uint64_t kTerminator = 4;

// Gives segments their addresses in the layout and plain memory to work in.
class Memory : public jl::JITLinkMemoryManager {
 public:
  explicit Memory(Layout* layout) : layout_(layout) {}

  void allocate(const jl::JITLinkDylib*, jl::LinkGraph& graph,
                OnAllocatedFunction done) override {
    jl::BasicLayout segments(graph);
    for (auto& entry : segments.segments()) {
      auto group = entry.first;
      auto& segment = entry.second;
      auto allows = [&](orc::MemProt what) {
        return (static_cast<int>(group.getMemProt()) &
                static_cast<int>(what)) != 0;
      };
      if (allows(orc::MemProt::Write)) {
        return done(Refuse("it has writable data, required none"));
      }
      const bool code = allows(orc::MemProt::Exec);
      const bool unwind = group.getMemLifetime() == orc::MemLifetime::Finalize;
      Area& area = code     ? layout_->text
                   : unwind ? layout_->eh_frame
                            : layout_->rodata;
      const uint64_t alignment =
          unwind ? 8 : std::max<uint64_t>(segment.Alignment.value(), 64);
      if (alignment > kImagePage) {
        return done(Refuse(llvm::Twine("its alignment is ") +
                           llvm::Twine(alignment) + ", at most a page of " +
                           llvm::Twine(kImagePage) + " can be had"));
      }
      const size_t size = segment.ContentSize + segment.ZeroFillSize;
      if (unwind && (area.cursor % 8 != 0 || size < kTerminator)) {
        return done(
            Refuse("its unwind table has " + llvm::Twine(size) +
                   " bytes, required a multiple of 8 and a terminator of 4"));
      }
      area.cursor = RoundUp(area.cursor, alignment);
      buffers_.emplace_back(new char[size + 1]());
      segment.WorkingMem = buffers_.back().get();
      segment.Addr = orc::ExecutorAddr(area.cursor);
      placed_.push_back({&area, area.cursor, buffers_.back().get(), size});
      area.cursor += unwind ? size - kTerminator : size;
    }
    if (llvm::Error error = segments.apply()) return done(std::move(error));
    done(std::make_unique<Allocation>());
  }

  void deallocate(std::vector<FinalizedAlloc> allocations,
                  OnDeallocatedFunction done) override {
    for (FinalizedAlloc& allocation : allocations) allocation.release();
    done(llvm::Error::success());
  }

  // Copies the linked segments into their areas.
  void Commit() {
    for (const Placed& p : placed_) p.area->Place(p.address, p.data, p.size);
  }

 private:
  struct Allocation : InFlightAlloc {
    void abandon(OnAbandonedFunction done) override {
      done(llvm::Error::success());
    }
    void finalize(OnFinalizedFunction done) override {
      done(FinalizedAlloc(orc::ExecutorAddr(1)));
    }
  };
  struct Placed {
    Area* area;
    uint64_t address;
    const char* data;
    size_t size;
  };
  Layout* layout_;
  std::vector<std::unique_ptr<char[]>> buffers_;
  std::vector<Placed> placed_;
};

// Unwind tables have no symbol that keeps them; everything else is kept too,
// since what an object holds was put there by us.
llvm::Error KeepEverything(jl::LinkGraph& graph) {
  if (jl::Section* section = graph.findSectionByName(".eh_frame")) {
    section->setMemLifetime(orc::MemLifetime::Finalize);
    for (jl::Block* block : section->blocks())
      graph.addAnonymousSymbol(*block, 0, 0, false, true);
  }
  return jl::markAllSymbolsLive(graph);
}

llvm::Error RequireRelativeRelocations(jl::LinkGraph& graph) {
  for (jl::Block* block : graph.blocks()) {
    for (const jl::Edge& edge : block->edges()) {
      if (!edge.isRelocation()) continue;
      switch (edge.getKind()) {
        case jl::x86_64::Delta8:
        case jl::x86_64::Delta32:
        case jl::x86_64::Delta64:
        case jl::x86_64::NegDelta32:
        case jl::x86_64::PCRel32:
        case jl::x86_64::BranchPCRel32:
          continue;
        default:
          return Refuse(llvm::Twine("it has a relocation ") +
                        graph.getEdgeKindName(edge.getKind()) + " in " +
                        block->getSection().getName() +
                        ", required relative ones only");
      }
    }
  }
  return llvm::Error::success();
}

class Context : public jl::JITLinkContext {
 public:
  Context(Memory* memory, Layout* layout, int object, std::string* error)
      : JITLinkContext(nullptr),
        memory_(memory),
        layout_(layout),
        object_(object),
        error_(error) {}

  jl::JITLinkMemoryManager& getMemoryManager() override { return *memory_; }
  void notifyFailed(llvm::Error error) override {
    *error_ = llvm::toString(std::move(error));
  }

  void lookup(
      const LookupMap& symbols,
      std::unique_ptr<jl::JITLinkAsyncLookupContinuation> done) override {
    std::string names;
    for (const auto& symbol : symbols) names += " " + (*symbol.first).str();
    done->run(Refuse("it needs symbols from elsewhere:" + names));
  }

  llvm::Error notifyResolved(jl::LinkGraph& graph) override {
    for (jl::Symbol* symbol : graph.defined_symbols()) {
      if (!symbol->hasName() || !symbol->isCallable()) continue;
      PackedSymbol out;
      out.object = object_;
      out.name = (*symbol->getName()).str();
      out.offset = symbol->getAddress().getValue() - layout_->text.base;
      out.size = symbol->getSize() != 0 ? symbol->getSize()
                                        : symbol->getBlock().getSize();
      out.is_global = symbol->getScope() != jl::Scope::Local;
      layout_->symbols.push_back(std::move(out));
    }
    return llvm::Error::success();
  }

  void notifyFinalized(
      jl::JITLinkMemoryManager::FinalizedAlloc allocation) override {
    allocation.release();
  }

  llvm::Error modifyPassConfig(jl::LinkGraph&,
                               jl::PassConfiguration& passes) override {
    passes.PrePrunePasses.push_back(KeepEverything);
    passes.PreFixupPasses.push_back(RequireRelativeRelocations);
    return llvm::Error::success();
  }

 private:
  Memory* memory_;
  Layout* layout_;
  int object_;
  std::string* error_;
};

absl::Status LinkAll(const std::vector<PackInput>& objects, Layout* layout) {
  auto names = std::make_shared<orc::SymbolStringPool>();
  for (size_t i = 0; i < objects.size(); ++i) {
    llvm::StringRef bytes(objects[i].elf.data(), objects[i].elf.size());
    auto graph = jl::createLinkGraphFromObject(
        llvm::MemoryBufferRef(bytes, objects[i].name), names);
    if (!graph) {
      return absl::InternalError(absl::StrCat(
          "kernel ", objects[i].name, ": ", llvm::toString(graph.takeError())));
    }
    std::string error;
    Memory memory(layout);
    jl::link(std::move(*graph),
             std::make_unique<Context>(&memory, layout, static_cast<int>(i),
                                       &error));
    if (!error.empty()) {
      return absl::InternalError(absl::StrCat("kernel ", objects[i].name,
                                              " cannot be packed: ", error));
    }
    memory.Commit();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PackedCode> PackObjects(const std::vector<PackInput>& objects) {
  // Far enough apart for any size, near enough for 32-bit distances.
  Layout measure;
  measure.Start(kImagePage, 0x30000000, 0x60000000);
  if (absl::Status status = LinkAll(objects, &measure); !status.ok())
    return status;

  const ImageLayout place =
      LayOutImage(measure.text.bytes.size(), measure.rodata.bytes.size());
  Layout layout, far;
  layout.Start(place.text, place.rodata, place.eh_frame);
  if (absl::Status status = LinkAll(objects, &layout); !status.ok())
    return status;
  constexpr uint64_t kFar = 0x7f1234560000;
  far.Start(kFar + place.text, kFar + place.rodata, kFar + place.eh_frame);
  if (absl::Status status = LinkAll(objects, &far); !status.ok()) return status;
  if (layout.text.bytes != far.text.bytes ||
      layout.rodata.bytes != far.rodata.bytes ||
      layout.eh_frame.bytes != far.eh_frame.bytes) {
    return absl::InternalError(
        "the kernels' code depends on its address, required position "
        "independence");
  }

  PackedCode code;
  code.text = std::move(layout.text.bytes);
  code.rodata = std::move(layout.rodata.bytes);
  code.eh_frame = std::move(layout.eh_frame.bytes);
  // WriteImage ends the table.
  if (!code.eh_frame.empty())
    code.eh_frame.resize(code.eh_frame.size() - kTerminator);
  code.symbols = std::move(layout.symbols);
  return code;
}

}  // namespace oriel::jit
