// Any bytes as a program file with the checksum ignored, and as a bare plan:
// what is accepted must be writable and readable to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/engine/image.h"
#include "runtime/engine/program_io.h"

namespace {

void TryPlan(std::string_view bytes) {
  absl::StatusOr<oriel::Program> program = oriel::ReadProgram(bytes);
  if (!program.ok() || !oriel::ValidateProgram(*program).ok()) return;
  const std::string written = oriel::WriteProgram(*program);
  absl::StatusOr<oriel::Program> again = oriel::ReadProgram(written);
  if (!again.ok() || oriel::WriteProgram(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  TryPlan(bytes);
  if (oriel::CheckImage(bytes, "fuzz", /*check_checksum=*/false).ok()) {
    const auto* header = reinterpret_cast<const oriel::ImageHeader*>(data + oriel::kImageHeaderOffset);
    TryPlan(bytes.substr(header->program_offset, header->program_bytes));
  }
  return 0;
}
