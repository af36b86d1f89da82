#include "runtime/jit/loader/compiler_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/jit/compiler_abi.h"
#include "runtime/jit/loader/build_id.h"

#ifndef ORIEL_INSTALL_LIBDIR
#error \
    "ORIEL_INSTALL_LIBDIR must name the folder that liboriel_compiler.so is installed to"
#endif

namespace oriel::jit {
namespace {

// The folder of the shared object or executable this code was linked into.
std::string OwnFolder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&OwnFolder), &info) == 0 ||
      info.dli_fname == nullptr)
    return "";
  char* resolved = realpath(info.dli_fname, nullptr);
  // The main executable's name may be relative to a folder left since.
  if (resolved == nullptr) resolved = realpath("/proc/self/exe", nullptr);
  if (resolved == nullptr) return "";
  std::string path = resolved;
  free(resolved);
  return path.substr(0, path.rfind('/'));
}

// Where the dynamic linker would look on behalf of the program (its RUNPATH,
// which Oriel's CMake package sets to the installed folder, then the system's).
std::vector<std::string> SearchPath() {
  std::vector<std::string> folders;
  void* program = dlopen(nullptr, RTLD_NOW | RTLD_LOCAL);
  if (program == nullptr) return folders;
  Dl_serinfo size;
  if (dlinfo(program, RTLD_DI_SERINFOSIZE, &size) == 0) {
    std::vector<char> storage(size.dls_size);
    auto* info = reinterpret_cast<Dl_serinfo*>(storage.data());
    *info = size;
    if (dlinfo(program, RTLD_DI_SERINFO, info) == 0) {
      for (unsigned i = 0; i < info->dls_cnt; ++i)
        folders.push_back(info->dls_serpath[i].dls_name);
    }
  }
  dlclose(program);
  return folders;
}

absl::StatusOr<CompilerFile> Search() {
  std::vector<std::string> places;
  // secure_getenv: null when the process has privileges its caller lacks.
  if (const char* named = secure_getenv("ORIEL_COMPILER_LIBRARY");
      named != nullptr && *named != '\0') {
    places.push_back(named);
  } else {
    std::string own = OwnFolder();
    if (!own.empty()) {
      places.push_back(absl::StrCat(own, "/", kCompilerFileName));
      places.push_back(absl::StrCat(own, "/../lib/", kCompilerFileName));
    }
    places.push_back(
        absl::StrCat(ORIEL_INSTALL_LIBDIR, "/", kCompilerFileName));
    for (const std::string& folder : SearchPath())
      places.push_back(absl::StrCat(folder, "/", kCompilerFileName));
  }
  std::vector<std::string> reasons;
  for (const std::string& place : places) {
    absl::StatusOr<std::string> id = ReadBuildId(place);
    if (id.ok()) return CompilerFile{place, *id};
    reasons.push_back(std::string(id.status().message()));
  }
  return absl::NotFoundError(absl::StrCat(
      "the compiler library was not found: ", absl::StrJoin(reasons, "; "),
      " (set ORIEL_COMPILER_LIBRARY to its path)"));
}

absl::StatusOr<OrielCompilerEntry> LoadEntry() {
  static std::mutex mutex;
  static OrielCompilerEntry entry = nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  if (entry != nullptr) return entry;
  absl::StatusOr<CompilerFile> file = FindCompiler();
  if (!file.ok()) return file.status();
  // LOCAL keeps its one symbol to us; it is never closed (linked -z nodelete).
  void* library = dlopen(file->path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the compiler library does not load: ", dlerror()));
  }
  void* symbol = dlsym(library, kCompilerEntryName);
  if (symbol == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(file->path, " does not export ", kCompilerEntryName,
                     ": not Oriel's compiler"));
  }
  entry = reinterpret_cast<OrielCompilerEntry>(symbol);
  return entry;
}

OrielBytes BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

absl::StatusOr<CompilerFile> FindCompiler() {
  static std::mutex mutex;
  static CompilerFile* found = nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  if (found != nullptr) return *found;
  absl::StatusOr<CompilerFile> file = Search();
  if (file.ok()) found = new CompilerFile(*file);
  return file;
}

absl::Status LoadCompiler() { return LoadEntry().status(); }

absl::StatusOr<CompileResult> RunCompiler(const CompileRequest& request) {
  absl::StatusOr<OrielCompilerEntry> entry = LoadEntry();
  if (!entry.ok()) return entry.status();
  absl::StatusOr<CompilerFile> file = FindCompiler();
  if (!file.ok()) return file.status();

  OrielCompilerRequest in = {};
  in.text = BytesOf(request.text);
  in.name = BytesOf(request.name);
  in.source = BytesOf(request.source);
  in.build_id = BytesOf(file->build_id);
  in.cache_dir = BytesOf(request.cache_dir);
  in.observe_nodes = BytesOf(request.observe_nodes);
  in.leave_out_phase = BytesOf(request.leave_out_phase);
  in.fusion = request.fusion ? 1 : 0;
  in.observe = request.observe ? 1 : 0;
  in.check = request.check ? 1 : 0;
  in.num_threads = request.num_threads;
  in.explain_fusion = request.explain_fusion ? 1 : 0;
  OrielCompilerResult out = {};
  if (uint32_t abi = (*entry)(kCompilerAbi, &in, &out); abi != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(file->path, " has compiler ABI ", abi, ", required ",
                     kCompilerAbi, ": it belongs to another version of Oriel"));
  }
  absl::StatusOr<CompileResult> result = CompileResult{};
  if (out.status != 0) {
    result = absl::Status(
        static_cast<absl::StatusCode>(out.status),
        absl::string_view(reinterpret_cast<const char*>(out.message.data),
                          out.message.size));
  } else {
    result->image.assign(out.image.data, out.image.data + out.image.size);
    result->kernels = static_cast<int>(out.kernels);
    result->kernels_from_cache = static_cast<int>(out.kernels_from_cache);
  }
  if (out.free != nullptr) out.free(&out);
  return result;
}

}  // namespace oriel::jit
