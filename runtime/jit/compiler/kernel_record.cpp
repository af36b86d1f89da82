#include "runtime/jit/compiler/kernel_record.h"

#include "runtime/core/bytes.h"

namespace oriel::jit {
namespace {

constexpr uint32_t kRecordVersion = 2;
constexpr int64_t kMostTime = int64_t{1} << 50;

}  // namespace

std::string WriteKernelRecord(const CompiledKernel& kernel) {
  ByteWriter out;
  out.U32(kRecordVersion);
  out.Str(kernel.attributes);
  out.I64(kernel.codegen_ns);
  out.I64(kernel.lowering_ns);
  out.I64(kernel.llvm_ns);
  out.Str(kernel.object.elf);
  out.Count(kernel.object.symbols.size());
  for (const ObjectSymbol& symbol : kernel.object.symbols) {
    out.Str(symbol.name);
    out.U64(symbol.offset);
    out.U64(symbol.size);
    out.Bool(symbol.isGlobal);
    out.Count(symbol.lines.size());
    for (const LineRow& row : symbol.lines) {
      out.U32(row.offset);
      out.U32(row.line);
    }
  }
  return out.Take();
}

absl::StatusOr<CompiledKernel> ReadKernelRecord(std::string_view bytes) {
  ByteReader in(bytes);
  CompiledKernel kernel;
  if (uint32_t version = in.U32(); version != kRecordVersion) {
    in.Fail("kernel record version " + std::to_string(version) + ", required " +
            std::to_string(kRecordVersion));
  }
  kernel.attributes = in.Str();
  for (int64_t* ns : {&kernel.codegen_ns, &kernel.lowering_ns, &kernel.llvm_ns}) {
    *ns = in.I64();
    if (*ns < 0 || *ns > kMostTime)
      in.Fail("a time of " + std::to_string(*ns) + " ns");
  }
  kernel.object.elf = in.Str();
  size_t symbols = in.Count(26);
  for (size_t i = 0; i < symbols && in.ok(); ++i) {
    ObjectSymbol symbol;
    symbol.name = in.Str();
    symbol.offset = in.U64();
    symbol.size = in.U64();
    symbol.isGlobal = in.Bool();
    size_t lines = in.Count(8);
    for (size_t k = 0; k < lines && in.ok(); ++k) {
      LineRow row;
      row.offset = in.U32();
      row.line = in.U32();
      symbol.lines.push_back(row);
    }
    kernel.object.symbols.push_back(std::move(symbol));
  }
  in.ExpectEnd();
  if (!in.ok()) return in.status();
  return kernel;
}

}  // namespace oriel::jit
