// File: dim_program.h
//
// A Dim compiled to flat postfix code over numbered symbols, for evaluating it
// again and again:
//
//   ORIEL_ASSIGN_OR_RETURN(DimProgram p, DimProgram::Compile(dim, {"batch"}));
//   int64_t slots[] = {32}, bytes;
//   if (p.Run(slots, &bytes) != DimError::kNone) ...
//
// Immutable after Compile; Run may be called from any number of threads.
#ifndef ORIEL_CORE_DIM_PROGRAM_H_
#define ORIEL_CORE_DIM_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "oriel/dim.h"

namespace oriel {

enum class DimError : uint8_t { kNone = 0, kOverflow, kZeroDivisor };

class DimProgram {
 public:
  DimProgram() = default;  // the constant 0

  // Symbols are numbered by their place in `symbols`; InvalidArgument names a
  // symbol that is not among them.
  static absl::StatusOr<DimProgram> Compile(const Dim& dim, absl::Span<const std::string> symbols);

  // slots[i] is the value of symbols[i]. *out is written on success only.
  DimError Run(const int64_t* slots, int64_t* out) const {
    if (shape_ == Shape::kConstant) {
      *out = constant_;
      return DimError::kNone;
    }
    if (shape_ == Shape::kScaledSlot) {
      return __builtin_mul_overflow(slots[slot_], constant_, out) ? DimError::kOverflow : DimError::kNone;
    }
    return RunCode(slots, out);
  }

  // The same with a Status that names the expression.
  absl::StatusOr<int64_t> Evaluate(absl::Span<const int64_t> slots) const;

  bool is_constant() const { return shape_ == Shape::kConstant; }
  int64_t constant() const { return constant_; }  // requires is_constant()
  const std::string& text() const { return text_; }

 private:
  friend class DimCompiler;
  enum class Op : uint8_t { kConstant, kSlot, kSum, kProduct, kFloorDiv, kCeilDiv, kMod, kMin, kMax, kCeilSqrt };
  struct Instruction {
    Op op;
    int64_t operand;  // the constant, the slot, or how many values are combined
  };
  enum class Shape : uint8_t { kConstant, kScaledSlot, kCode };

  DimError RunCode(const int64_t* slots, int64_t* out) const;

  Shape shape_ = Shape::kConstant;
  int64_t constant_ = 0;
  int64_t slot_ = 0;
  std::vector<Instruction> code_;
  size_t stack_ = 0;  // the deepest the stack gets
  std::string text_;
};

}  // namespace oriel

#endif  // ORIEL_CORE_DIM_PROGRAM_H_
