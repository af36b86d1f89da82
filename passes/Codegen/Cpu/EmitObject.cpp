//===- EmitObject.cpp - LLVM dialect to relocatable objects ---------------===//

#include "passes/Codegen/Cpu/EmitObject.h"

#include <algorithm>
#include <mutex>

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/DebugInfo/DWARF/DWARFContext.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/RegisterTargetPassConfigCallback.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

#include "passes/Placement/Targets.h"

using namespace llvm;

namespace oriel {
namespace {

constexpr StringLiteral kTriple = "x86_64-unknown-linux-gnu";

Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

/// Loop strength reduction takes half of code generation's time on kernels and
/// gains nothing measurable there: x86 addresses base + index * size at once.
/// LLVM has no other switch for it than this option, which is ours alone as
/// LLVM is linked into this library and not shared.
void disableStrengthReduction() {
  auto &options = cl::getRegisteredOptions();
  if (auto found = options.find("disable-lsr"); found != options.end())
    found->second->addOccurrence(/*pos=*/0, found->first, "true");
}

/// Kernels have line tables but no variables: following where variables live
/// takes a fifteenth of code generation's time and finds none.
void skipDebugVariables(llvm::TargetMachine &, llvm::PassManagerBase &,
                        TargetPassConfig *config) {
  config->disablePass(&LiveDebugValuesID);
  config->disablePass(&RemoveRedundantDebugValuesID);
}

/// Fixed floating-point rules live here: FPOpFusion::Standard, since fusing a
/// multiply and an add that the graph did not fuse makes bits depend on fusion.
Expected<std::unique_ptr<TargetMachine>>
createMachine(const oriel::TargetOptions &target) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    disableStrengthReduction();
    // Lives as long as LLVM does: the library is never unloaded.
    new RegisterTargetPassConfigCallback(skipDebugVariables);
  });
  StringRef cpu = target.cpu.empty() ? StringRef("x86-64-v3") : StringRef(target.cpu);
  // Names of features are as they were given when the target was placed.
  const bool isEnough = oriel::hasTargetFeature(cpu, target.features, "sse4.2");
  if (std::string reason = oriel::whyNotTarget(cpu, isEnough ? "+sse4.2" : ""); !reason.empty())
    return makeError(reason);
  std::string error;
  Triple triple(kTriple);
  const Target *found = TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return makeError("no code generator for " + kTriple + ": " + error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Standard;
  std::unique_ptr<TargetMachine> machine(found->createTargetMachine(
      triple, target.cpu.empty() ? "x86-64-v3" : target.cpu, target.features,
      options, Reloc::PIC_, CodeModel::Small, CodeGenOptLevel::Aggressive));
  if (!machine)
    return makeError("no code generator for cpu '" + target.cpu + "'");
  return std::move(machine);
}

/// The thread's own machine for `target`: what a machine knows of a processor
/// takes longer to make than a small kernel's code.
Expected<TargetMachine *> machineFor(const oriel::TargetOptions &target) {
  struct Known {
    oriel::TargetOptions target;
    std::unique_ptr<TargetMachine> machine;
  };
  thread_local Known known;
  if (!known.machine || known.target.cpu != target.cpu ||
      known.target.features != target.features ||
      known.target.vectorBits != target.vectorBits) {
    Expected<std::unique_ptr<TargetMachine>> made = createMachine(target);
    if (!made)
      return made.takeError();
    known = {target, std::move(*made)};
  }
  return known.machine.get();
}

/// A byte loop `name(dst, src or byte, n)`, bound to calls the code generator
/// makes from intrinsics. Kernels with a hot copy emit vector code themselves,
/// so this only has to be right and small.
void defineByteLoop(Module &module, StringRef name) {
  if (Function *f = module.getFunction(name); f && !f->isDeclaration())
    return;
  LLVMContext &context = module.getContext();
  auto *ptr = PointerType::getUnqual(context);
  auto *i64 = Type::getInt64Ty(context), *i32 = Type::getInt32Ty(context);
  auto *i8 = Type::getInt8Ty(context);
  bool isSet = name == "memset", isMove = name == "memmove";
  auto *type = FunctionType::get(ptr, {ptr, isSet ? cast<Type>(i32) : ptr, i64},
                                 /*isVarArg=*/false);
  auto *f = cast<Function>(module.getOrInsertFunction(name, type).getCallee());
  f->setLinkage(GlobalValue::InternalLinkage);
  auto *entry = BasicBlock::Create(context, "", f);
  auto *loop = BasicBlock::Create(context, "", f);
  auto *done = BasicBlock::Create(context, "", f);
  IRBuilder<> b(entry);
  Value *dst = f->getArg(0), *src = f->getArg(1), *n = f->getArg(2);
  Value *zero = b.getInt64(0), *one = b.getInt64(1);
  // memmove copies downward from the end when dst lies above src.
  Value *backward = isMove ? b.CreateICmpUGT(dst, src) : b.getFalse();
  Value *byte = isSet ? b.CreateTrunc(src, i8) : nullptr;
  b.CreateCondBr(b.CreateICmpEQ(n, zero), done, loop);
  b.SetInsertPoint(loop);
  PHINode *i = b.CreatePHI(i64, 2);
  Value *next = b.CreateAdd(i, one);
  Value *at = b.CreateSelect(backward, b.CreateSub(n, next), i);
  Value *value = isSet ? byte : b.CreateLoad(i8, b.CreateGEP(i8, src, at));
  b.CreateStore(value, b.CreateGEP(i8, dst, at));
  i->addIncoming(zero, entry);
  i->addIncoming(next, loop);
  b.CreateCondBr(b.CreateICmpEQ(next, n), done, loop);
  b.SetInsertPoint(done);
  b.CreateRet(dst);
  // Unused so far: the calls appear during code generation.
  appendToCompilerUsed(module, {f});
}

/// memset and its kin are defined in the module only when an intrinsic may
/// become a call to them.
void defineMemoryFunctions(Module &module) {
  bool copy = false, move = false, set = false;
  for (Function &f : module) {
    if (!f.isIntrinsic())
      continue;
    copy |= f.getName().starts_with("llvm.memcpy");
    move |= f.getName().starts_with("llvm.memmove");
    set |= f.getName().starts_with("llvm.memset");
  }
  if (copy)
    defineByteLoop(module, "memcpy");
  if (move)
    defineByteLoop(module, "memmove");
  if (set)
    defineByteLoop(module, "memset");
}

void setAttributes(Module &module, const TargetMachine &machine,
                   const oriel::TargetOptions &target) {
  for (Function &f : module) {
    if (f.isDeclaration())
      continue;
    f.addFnAttr("target-cpu", machine.getTargetCPU());
    f.addFnAttr("target-features", machine.getTargetFeatureString());
    f.addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
    f.addFnAttr("no-builtins");
    f.addFnAttr(Attribute::NoUnwind);
    f.setUWTableKind(UWTableKind::Async);
  }
}

struct Lowered {
  // The module must go before its context.
  std::unique_ptr<LLVMContext> context = std::make_unique<LLVMContext>();
  std::unique_ptr<Module> module;
  TargetMachine *machine = nullptr; // the thread's
};

Expected<Lowered> translate(mlir::ModuleOp kernelModule,
                            const oriel::TargetOptions &target) {
  Lowered out;
  Expected<TargetMachine *> machine = machineFor(target);
  if (!machine)
    return machine.takeError();
  out.machine = *machine;
  StringRef name = kernelModule.getSymName().value_or("kernel");
  out.module = mlir::translateModuleToLLVMIR(kernelModule, *out.context, name);
  if (!out.module)
    return makeError("kernel '" + name + "' does not translate to LLVM IR");
  out.module->setDataLayout(out.machine->createDataLayout());
  out.module->setTargetTriple(out.machine->getTargetTriple());
  defineMemoryFunctions(*out.module);
  setAttributes(*out.module, *out.machine, target);
  return std::move(out);
}

Error runCodegen(Lowered &code, CodeGenFileType type, raw_pwrite_stream &os) {
  legacy::PassManager passes;
  if (code.machine->addPassesToEmitFile(passes, os, /*DwoOut=*/nullptr, type,
                                        /*DisableVerify=*/true))
    return makeError("the code generator cannot write this kind of file");
  passes.run(*code.module);
  return Error::success();
}

/// Functions and the undefined symbols, which are refused.
Error readSymbols(const object::ELFObjectFileBase &object, ObjectCode &code) {
  for (object::ELFSymbolRef symbol : object.symbols()) {
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (*flags & object::SymbolRef::SF_Undefined) {
      if (!name->empty())
        return makeError("the kernel's code calls '" + *name +
                         "', which nothing in it defines");
      continue;
    }
    if (symbol.getELFType() != ELF::STT_FUNC)
      continue;
    Expected<uint64_t> address = symbol.getAddress();
    if (!address)
      return address.takeError();
    ObjectSymbol out;
    out.name = name->str();
    out.offset = *address;
    out.size = symbol.getSize();
    out.isGlobal = *flags & object::SymbolRef::SF_Global;
    code.symbols.push_back(std::move(out));
  }
  llvm::sort(code.symbols, [](const ObjectSymbol &a, const ObjectSymbol &b) {
    return a.offset < b.offset;
  });
  return Error::success();
}

/// Rows of all units by symbol; a row with the line of the one before is dropped.
void readLines(const object::ObjectFile &object, ObjectCode &code) {
  // A table that cannot be read leaves instructions without a line.
  auto ignore = [](Error error) { consumeError(std::move(error)); };
  std::unique_ptr<DWARFContext> dwarf = DWARFContext::create(
      object, DWARFContext::ProcessDebugRelocations::Process, nullptr, "",
      ignore, ignore);
  struct Row {
    uint64_t address;
    size_t order;
    uint32_t line;
  };
  std::vector<Row> rows;
  for (const std::unique_ptr<DWARFUnit> &unit : dwarf->compile_units()) {
    const DWARFDebugLine::LineTable *table =
        dwarf->getLineTableForUnit(unit.get());
    if (!table)
      continue;
    for (const DWARFDebugLine::Row &row : table->Rows)
      if (!row.EndSequence)
        rows.push_back({row.Address.Address, rows.size(), row.Line});
  }
  llvm::sort(rows, [](const Row &a, const Row &b) {
    return std::tie(a.address, a.order) < std::tie(b.address, b.order);
  });
  for (ObjectSymbol &symbol : code.symbols) {
    for (const Row &row : rows) {
      if (row.address < symbol.offset ||
          row.address >= symbol.offset + symbol.size)
        continue;
      uint32_t offset = row.address - symbol.offset;
      if (!symbol.lines.empty() && symbol.lines.back().offset == offset)
        symbol.lines.back().line = row.line; // the later row at an address wins
      else
        symbol.lines.push_back({offset, row.line});
    }
    auto same = [](const LineRow &a, const LineRow &b) {
      return a.line == b.line;
    };
    symbol.lines.erase(
        std::unique(symbol.lines.begin(), symbol.lines.end(), same),
        symbol.lines.end());
  }
}

Expected<std::string> stripDebug(object::Binary &binary) {
  objcopy::ConfigManager config;
  config.Common.StripDebug = true;
  config.Common.InputFilename = config.Common.OutputFilename = "kernel.o";
  std::string out;
  raw_string_ostream os(out);
  if (Error error = objcopy::executeObjcopyOnBinary(config, binary, os))
    return std::move(error);
  return out;
}

} // namespace

oriel::TargetOptions getHostTarget() {
  oriel::TargetOptions target;
  target.cpu = sys::getHostCPUName().str();
  StringMap<bool> features = sys::getHostCPUFeatures();
  std::vector<std::string> all;
  for (const auto &feature : features)
    all.push_back((feature.second ? "+" : "-") + feature.first().str());
  llvm::sort(all); // a StringMap has no order of its own
  for (const std::string &feature : all)
    target.features += (target.features.empty() ? "" : ",") + feature;
  target.vectorBits = features.lookup("avx512f") && features.lookup("avx512vl") ? 512
                      : features.lookup("avx2")                                 ? 256
                                                                                : 128;
  return target;
}

void registerEmitObjectTranslations(mlir::DialectRegistry &registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
}

Expected<ObjectCode> emitObject(mlir::ModuleOp kernelModule,
                                const oriel::TargetOptions &target) {
  Expected<Lowered> lowered = translate(kernelModule, target);
  if (!lowered)
    return lowered.takeError();
  SmallString<0> bytes;
  raw_svector_ostream os(bytes);
  if (Error error = runCodegen(*lowered, CodeGenFileType::ObjectFile, os))
    return std::move(error);
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createELFObjectFile(
          MemoryBufferRef(StringRef(bytes.data(), bytes.size()), "kernel"));
  if (!object)
    return object.takeError();
  ObjectCode code;
  auto &elf = cast<object::ELFObjectFileBase>(**object);
  if (Error error = readSymbols(elf, code))
    return joinErrors(makeError("kernel '" +
                                kernelModule.getSymName().value_or("kernel") +
                                "'"),
                      std::move(error));
  readLines(elf, code);
  Expected<std::string> stripped = stripDebug(elf);
  if (!stripped)
    return stripped.takeError();
  code.elf = std::move(*stripped);
  return code;
}

Expected<std::string> emitAssembly(mlir::ModuleOp kernelModule,
                                   const oriel::TargetOptions &target) {
  Expected<Lowered> lowered = translate(kernelModule, target);
  if (!lowered)
    return lowered.takeError();
  SmallString<0> bytes;
  raw_svector_ostream os(bytes);
  if (Error error = runCodegen(*lowered, CodeGenFileType::AssemblyFile, os))
    return std::move(error);
  return bytes.str().str();
}

} // namespace oriel
