// File: pack_objects.h
//
// Lays kernel objects out as one position-independent piece of code and
// read-only data, ready to be mapped anywhere: no relocation is left for the
// loader to apply.
#ifndef ORIEL_JIT_COMPILER_PACK_OBJECTS_H_
#define ORIEL_JIT_COMPILER_PACK_OBJECTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace oriel::jit {

// A relocatable object; `name` is used in errors and for its local functions.
struct PackInput {
  std::string name;
  std::string_view elf;
};

struct PackedSymbol {
  int object = 0;       // index into the inputs
  std::string name;     // as in the object
  uint64_t offset = 0;  // from the start of the text
  uint64_t size = 0;
  bool is_global = false;
};

// The parts for engine/image.h, linked for the distances of LayOutImage.
struct PackedCode {
  std::string text;
  std::string rodata;
  std::string eh_frame;  // unwind tables, without the final terminator
  std::vector<PackedSymbol> symbols;
};

// Refuses, naming object and reason: undefined symbols, writable data, and
// relocations that depend on the address. The objects are linked three times:
// to learn the sizes, for the result, and at a far address, where the bytes
// must come out the same; that proves position independence.
absl::StatusOr<PackedCode> PackObjects(const std::vector<PackInput>& objects);

}  // namespace oriel::jit

#endif  // ORIEL_JIT_COMPILER_PACK_OBJECTS_H_
