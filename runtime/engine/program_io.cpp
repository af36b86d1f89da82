// File: program_io.cpp
#include "runtime/engine/program_io.h"

#include <cstring>
#include <map>
#include <type_traits>
#include <utility>

#include "runtime/core/bytes.h"
#include "runtime/core/status.h"

namespace oriel {
namespace {

constexpr char kMagic[8] = {'O', 'R', 'I', 'E', 'L', 'P', 'R', 'G'};

// Sections, in this order. A reader skips sections it does not know, so that a
// later writer may add some without a new version.
enum Section : uint32_t {
  kDims = 1, kHead = 2, kBuffers = 3, kConstants = 4, kDeclarations = 5, kSteps = 6, kNodes = 7, kCosts = 8,
};

// Non-static dims are written once each, as text; records hold their index.
struct DimTable {
  std::vector<Dim> dims;
  std::map<std::string, uint32_t> index;
  uint32_t Add(const Dim& dim) {
    auto [it, added] = index.emplace(dim.ToString(), static_cast<uint32_t>(dims.size()));
    if (added) dims.push_back(dim);
    return it->second;
  }
};

// The two archives. io(archive, record) lists a record's fields once.
struct Out {
  static constexpr bool kReading = false;
  ByteWriter bytes;
  DimTable* dims;
};
struct In {
  static constexpr bool kReading = true;
  ByteReader bytes;
  DimTable* dims;
};

void io(Out& a, bool& v) { a.bytes.Bool(v); }
void io(In& a, bool& v) { v = a.bytes.Bool(); }
void io(Out& a, int32_t& v) { a.bytes.I32(v); }
void io(In& a, int32_t& v) { v = a.bytes.I32(); }
void io(Out& a, int64_t& v) { a.bytes.I64(v); }
void io(In& a, int64_t& v) { v = a.bytes.I64(); }
void io(Out& a, std::string& v) { a.bytes.Str(v); }
void io(In& a, std::string& v) { v = a.bytes.Str(); }

template <typename E>
void IoEnum(Out& a, E& v, E, const char*) { a.bytes.U8(static_cast<uint8_t>(v)); }
template <typename E>
void IoEnum(In& a, E& v, E last, const char* what) { v = a.bytes.Enum(last, what); }

void io(Out& a, Dim& v) {
  a.bytes.Bool(v.is_static());
  if (v.is_static()) {
    a.bytes.I64(v.value());
  } else {
    a.bytes.U32(a.dims->Add(v));
  }
}
void io(In& a, Dim& v) {
  if (a.bytes.Bool()) {
    v = Dim(a.bytes.I64());
    return;
  }
  const uint32_t index = a.bytes.U32();
  if (!a.bytes.ok()) return;
  if (index >= a.dims->dims.size()) {
    a.bytes.Fail("dim " + std::to_string(index) + " of " + std::to_string(a.dims->dims.size()));
    return;
  }
  v = a.dims->dims[index];
}

void io(Out& a, std::vector<uint8_t>& v) { a.bytes.Bytes(v.data(), v.size()); }
void io(In& a, std::vector<uint8_t>& v) {
  const std::string_view view = a.bytes.View();
  v.assign(view.begin(), view.end());
}

template <typename A, typename T>
void io(A& a, std::vector<T>& v) {
  if constexpr (A::kReading) {
    // Every record takes at least one byte, so the count is bounded by what is
    // left; growing as records arrive keeps memory near the bytes read even
    // where a record's struct is much larger than its shortest form.
    const size_t n = a.bytes.Count();
    v.clear();
    for (size_t i = 0; i < n && a.bytes.ok(); ++i) {
      v.emplace_back();
      io(a, v.back());
    }
  } else {
    a.bytes.Count(v.size());
    for (T& x : v) io(a, x);
  }
}
template <typename A>
void io(A& a, std::pair<std::string, int64_t>& v) { io(a, v.first); io(a, v.second); }

template <typename A>
void io(A& a, NodeInfo& v) {
  io(a, v.op); io(a, v.name); io(a, v.scope); io(a, v.file); io(a, v.line);
  IoEnum(a, v.origin, Origin::kDead, "node origin");
  io(a, v.from); io(a, v.rule); io(a, v.operands);
}
template <typename A>
void io(A& a, Buffer& v) {
  io(a, v.name);
  IoEnum(a, v.kind, BufferKind::kKept, "buffer kind");
  IoEnum(a, v.dtype, DType::boolean, "dtype");
  io(a, v.shape); io(a, v.node); io(a, v.alias_of); io(a, v.constant); io(a, v.state);
}
template <typename A>
void io(A& a, Constant& v) { io(a, v.data); }
template <typename A>
void io(A& a, InputDecl& v) { io(a, v.name); io(a, v.buffer); io(a, v.node); }
template <typename A>
void io(A& a, OutputDecl& v) { io(a, v.name); io(a, v.buffer); io(a, v.rows_from); io(a, v.hidden); }
template <typename A>
void io(A& a, StateDecl& v) {
  io(a, v.name); io(a, v.buffer); io(a, v.updated); io(a, v.new_value); io(a, v.remark); io(a, v.initial);
}
template <typename A>
void io(A& a, DimConstraint& v) { io(a, v.left); io(a, v.right); io(a, v.node); io(a, v.what); }
template <typename A>
void io(A& a, ArgWord& v) { io(a, v.buffer); io(a, v.value); }
template <typename A>
void io(A& a, OrdinalNodes& v) { io(a, v.nodes); }
template <typename A>
void io(A& a, KernelPhase& v) { io(a, v.symbol); io(a, v.tasks); }

template <typename A>
void io(A& a, Step& v);

template <typename A>
void io(A& a, DispatchStep& v) {
  io(a, v.kernel); io(a, v.phases); io(a, v.args); io(a, v.scratch_bytes); io(a, v.shared_bytes);
  io(a, v.cost); io(a, v.fallible); io(a, v.reads); io(a, v.writes); io(a, v.ordinals); io(a, v.node);
  io(a, v.op_class); io(a, v.in_place); io(a, v.reference); io(a, v.once);
}
template <typename A>
void io(A& a, CopyStep& v) { io(a, v.src); io(a, v.dst); io(a, v.node); }
template <typename A>
void io(A& a, DimValueStep& v) { io(a, v.buffer); io(a, v.value); io(a, v.node); }
template <typename A>
void io(A& a, LoopSequence& v) { io(a, v.source); io(a, v.row); io(a, v.start); io(a, v.step); }
template <typename A>
void io(A& a, LoopStack& v) { io(a, v.stack); io(a, v.row); }
template <typename A>
void io(A& a, LoopStep& v) {
  io(a, v.trips); io(a, v.induction); io(a, v.initial); io(a, v.current); io(a, v.next); io(a, v.results);
  io(a, v.sequences); io(a, v.stacks); io(a, v.bounded); io(a, v.reverse); io(a, v.checked); io(a, v.extent);
  io(a, v.stop); io(a, v.count);
  io(a, v.body); io(a, v.node);
}
template <typename A>
void io(A& a, BranchStep& v) { io(a, v.condition); io(a, v.then_body); io(a, v.else_body); io(a, v.node); }

template <typename A>
void io(A& a, BindStep& v) { io(a, v.symbol); io(a, v.count); io(a, v.limit); io(a, v.node); }

template <typename A>
void io(A& a, ObserveStep& v) {
  IoEnum(a, v.kind, TapKind::kWatch, "kind of tap");
  io(a, v.tap); io(a, v.result); io(a, v.node); io(a, v.message); io(a, v.attributes); io(a, v.file); io(a, v.line);
  io(a, v.values); io(a, v.counts);
}

template <size_t I = 0>
void ReadAlternative(In& a, Step& v, uint8_t kind) {
  if constexpr (I < std::variant_size_v<decltype(v.op)>) {
    if (kind == I) {
      io(a, v.op.template emplace<I>());
    } else {
      ReadAlternative<I + 1>(a, v, kind);
    }
  } else {
    a.bytes.Fail("unknown kind of step " + std::to_string(kind));
  }
}

template <typename A>
void io(A& a, Step& v) {
  if constexpr (A::kReading) {
    ByteReader::Nest nest(&a.bytes);
    if (!nest) return;
    const uint8_t kind = a.bytes.U8();
    if (a.bytes.ok()) ReadAlternative(a, v, kind);
  } else {
    a.bytes.U8(static_cast<uint8_t>(v.op.index()));
    std::visit([&](auto& op) { io(a, op); }, v.op);
  }
  io(a, v.alloc); io(a, v.release);
}

template <typename A>
void IoHead(A& a, Program& p) { io(a, p.name); io(a, p.symbols); io(a, p.remarks); }
template <typename A>
void io(A& a, CompileCosts::Pass& v) { io(a, v.phase); io(a, v.name); io(a, v.ns); }
template <typename A>
void io(A& a, CompileCosts::Kernel& v) {
  io(a, v.name); io(a, v.uses); io(a, v.from_cache); io(a, v.code_bytes); io(a, v.cache_ns); io(a, v.codegen_ns);
  io(a, v.lowering_ns); io(a, v.llvm_ns); io(a, v.nodes); io(a, v.node_bytes);
}
template <typename A>
void io(A& a, CompileCosts& v) {
  io(a, v.phases); io(a, v.passes); io(a, v.kernels); io(a, v.kernels_ns); io(a, v.threads);
}
template <typename A>
void IoDeclarations(A& a, Program& p) { io(a, p.inputs); io(a, p.outputs); io(a, p.states); io(a, p.constraints); }

template <typename A>
void IoNodes(A& a, NodeTable& table) {
  if constexpr (A::kReading) {
    std::vector<NodeInfo> nodes;
    io(a, nodes);
    for (NodeInfo& node : nodes) table.Add(std::move(node));
  } else {
    std::vector<NodeInfo> nodes = table.nodes();
    io(a, nodes);
  }
}

template <typename A>
void IoSection(A& a, Section section, Program& p) {
  switch (section) {
    case kDims: break;  // handled by the caller
    case kHead: IoHead(a, p); break;
    case kBuffers: io(a, p.buffers); break;
    case kConstants: io(a, p.constants); break;
    case kDeclarations: IoDeclarations(a, p); break;
    case kSteps: io(a, p.steps); break;
    case kNodes: IoNodes(a, p.nodes); break;
    case kCosts: io(a, p.costs); break;
  }
}
constexpr Section kAllSections[] = {kHead, kBuffers, kConstants, kDeclarations, kSteps, kNodes, kCosts};

}  // namespace

std::string WriteProgram(const Program& program) {
  Program& p = const_cast<Program&>(program);  // io() of Out only reads
  DimTable dims;
  std::vector<std::pair<Section, std::string>> sections;
  for (Section section : kAllSections) {
    Out a{{}, &dims};
    IoSection(a, section, p);
    sections.emplace_back(section, a.bytes.Take());
  }
  ByteWriter table;
  table.Count(dims.dims.size());
  for (const Dim& dim : dims.dims) table.Str(dim.ToString());
  sections.emplace(sections.begin(), kDims, table.Take());

  ByteWriter out;
  out.Raw(kMagic, sizeof kMagic);
  out.U32(kProgramVersion);
  out.U32(static_cast<uint32_t>(sections.size()));
  for (const auto& [section, bytes] : sections) {
    out.U32(section);
    out.Str(bytes);
  }
  return out.Take();
}

absl::StatusOr<Program> ReadProgram(std::string_view bytes) {
  ByteReader file(bytes);
  const std::string_view magic = file.Raw(sizeof kMagic);
  if (magic.size() != sizeof kMagic || std::memcmp(magic.data(), kMagic, sizeof kMagic) != 0) {
    return absl::DataLossError("not a program: it does not begin with ORIELPRG");
  }
  const uint32_t version = file.U32();
  if (file.ok() && version != kProgramVersion) {
    return absl::FailedPreconditionError("the program has format version " + std::to_string(version) +
                                         ", this runtime reads version " + std::to_string(kProgramVersion));
  }
  const uint32_t count = file.U32();
  DimTable dims;
  Program program;
  uint32_t seen = 0;
  for (uint32_t i = 0; i < count && file.ok(); ++i) {
    const uint32_t tag = file.U32();
    const std::string_view payload = file.View();
    if (!file.ok() || tag == 0 || tag > kCosts) continue;  // sections of a later writer
    if (seen & (1u << tag)) return absl::DataLossError("program section " + std::to_string(tag) + " appears twice");
    seen |= 1u << tag;
    In a{ByteReader(payload), &dims};
    if (tag == kDims) {
      const size_t n = a.bytes.Count(8);
      for (size_t k = 0; k < n && a.bytes.ok(); ++k) {
        const std::string_view text = a.bytes.View();
        if (!a.bytes.ok()) break;
        absl::StatusOr<Dim> dim = Dim::Parse(text);
        if (!dim.ok()) return absl::DataLossError("program dim " + std::to_string(k) + ": " + std::string(dim.status().message()));
        dims.dims.push_back(*std::move(dim));
      }
    } else {
      IoSection(a, static_cast<Section>(tag), program);
    }
    a.bytes.ExpectEnd();
    if (!a.bytes.ok()) {
      return Prefixed(a.bytes.status(), "program section " + std::to_string(tag));
    }
  }
  file.ExpectEnd();
  if (!file.ok()) return Prefixed(file.status(), "program");
  for (uint32_t tag = kDims; tag <= kCosts; ++tag) {
    if (!(seen & (1u << tag))) return absl::DataLossError("program section " + std::to_string(tag) + " is missing");
  }
  absl::Status valid = ValidateProgram(program);
  if (!valid.ok()) return absl::DataLossError("malformed program: " + std::string(valid.message()));
  return program;
}

}  // namespace oriel
