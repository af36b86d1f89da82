// File: entry.cpp
//
// The one symbol liboriel_compiler.so exports.
#include <new>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/jit/compiler/compile_program.h"
#include "runtime/jit/compiler_abi.h"
#include "runtime/jit/loader/build_id.h"

namespace oriel::jit {
namespace {

struct Owned {
  std::string message, image;
};

OrielBytes BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string_view ViewOf(const OrielBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data),
          static_cast<size_t>(bytes.size)};
}

void Free(OrielCompilerResult* result) {
  delete static_cast<Owned*>(result->owner);
  *result = OrielCompilerResult{};
}

absl::StatusOr<ProgramImage> Run(const OrielCompilerRequest& request) {
  // The caller made its cache keys with the file it found: another file in
  // memory (replaced in between, say) must not fill the cache under them.
  static const std::string* own =
      new std::string(LoadedBuildId(reinterpret_cast<const void*>(&Run)));
  if (ViewOf(request.build_id) != *own) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the loaded compiler library has build id ", *own,
        ", the file found has ", std::string(ViewOf(request.build_id)),
        ": it was replaced while in use"));
  }
  ProgramRequest in;
  in.text = ViewOf(request.text);
  in.name = ViewOf(request.name);
  in.source = ViewOf(request.source);
  in.build_id = ViewOf(request.build_id);
  in.cache_dir = ViewOf(request.cache_dir);
  in.fusion = request.fusion != 0;
  in.observe = request.observe != 0;
  in.observe_nodes = ViewOf(request.observe_nodes);
  in.leave_out_phase = ViewOf(request.leave_out_phase);
  in.check = request.check != 0;
  in.num_threads = request.num_threads;
  in.explain_fusion = request.explain_fusion != 0;
  return CompileProgram(in);
}

}  // namespace
}  // namespace oriel::jit

extern "C" __attribute__((visibility("default"))) uint32_t
oriel_compiler_entry(uint32_t abi, const oriel::OrielCompilerRequest* request,
                     oriel::OrielCompilerResult* result) {
  using namespace oriel;
  if (abi != kCompilerAbi) return kCompilerAbi;
  auto* owned = new jit::Owned;
  *result = OrielCompilerResult{};
  result->owner = owned;
  result->free = jit::Free;
  absl::StatusOr<jit::ProgramImage> program = jit::Run(*request);
  if (!program.ok()) {
    result->status = static_cast<int32_t>(program.status().code());
    owned->message = std::string(program.status().message());
    result->message = jit::BytesOf(owned->message);
    return 0;
  }
  owned->image = std::move(program->image);
  result->kernels = static_cast<uint32_t>(program->kernels);
  result->kernels_from_cache =
      static_cast<uint32_t>(program->kernels_from_cache);
  result->image = jit::BytesOf(owned->image);
  return 0;
}
