// File: dim_program.cpp
#include "runtime/core/dim_program.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_join.h"
#include "runtime/core/dim_node.h"
#include "runtime/core/status.h"

namespace oriel {

// Walks a Dim and writes its code.
class DimCompiler {
 public:
  DimCompiler(DimProgram* program, absl::Span<const std::string> symbols) : program_(program), symbols_(symbols) {}

  absl::Status Emit(const Dim& d) {
    const Dim::Node& node = d.node();
    int64_t parts = 0;
    for (const DimTerm& term : node.terms) {
      ORIEL_RETURN_IF_ERROR(EmitTerm(term));
      ++parts;
    }
    if (node.constant != 0 || parts == 0) {
      Push(DimProgram::Op::kConstant, node.constant);
      ++parts;
    }
    if (parts > 1) Combine(DimProgram::Op::kSum, parts);
    return absl::OkStatus();
  }

 private:
  absl::Status EmitTerm(const DimTerm& term) {
    int64_t parts = 0;
    if (term.coefficient != 1) {
      Push(DimProgram::Op::kConstant, term.coefficient);
      ++parts;
    }
    for (const auto& atom : term.factors) {
      ORIEL_RETURN_IF_ERROR(EmitAtom(*atom));
      ++parts;
    }
    if (parts > 1) Combine(DimProgram::Op::kProduct, parts);
    return absl::OkStatus();
  }

  absl::Status EmitAtom(const DimAtom& atom) {
    using Kind = DimAtom::Kind;
    using Op = DimProgram::Op;
    if (atom.kind == Kind::kSymbol) {
      const auto it = std::find(symbols_.begin(), symbols_.end(), atom.symbol);
      if (it == symbols_.end()) {
        if (atom.symbol == kTooLargeSymbol) {
          return absl::InvalidArgumentError("a dim expression grew past the bounds of " +
                                            std::to_string(kMaxDimDepth) + " levels and " +
                                            std::to_string(kMaxDimSize) + " nodes");
        }
        return absl::InvalidArgumentError("dim symbol \"" + atom.symbol + "\" has no value, expected one of (" +
                                          absl::StrJoin(symbols_, ", ") + ")");
      }
      Push(Op::kSlot, it - symbols_.begin());
      return absl::OkStatus();
    }
    for (const Dim& arg : atom.args) ORIEL_RETURN_IF_ERROR(Emit(arg));
    Op op = Op::kSum;
    switch (atom.kind) {
      case Kind::kFloorDiv: op = Op::kFloorDiv; break;
      case Kind::kCeilDiv: op = Op::kCeilDiv; break;
      case Kind::kMod: op = Op::kMod; break;
      case Kind::kMin: op = Op::kMin; break;
      case Kind::kMax: op = Op::kMax; break;
      case Kind::kCeilSqrt: op = Op::kCeilSqrt; break;
      case Kind::kOpaqueMul: op = Op::kProduct; break;
      case Kind::kOpaqueAdd:
      case Kind::kSymbol: break;
    }
    Combine(op, static_cast<int64_t>(atom.args.size()));
    return absl::OkStatus();
  }

  void Push(DimProgram::Op op, int64_t operand) {
    program_->code_.push_back({op, operand});
    program_->stack_ = std::max(program_->stack_, ++depth_);
  }
  void Combine(DimProgram::Op op, int64_t count) {
    program_->code_.push_back({op, count});
    depth_ -= static_cast<size_t>(count) - 1;
  }

  DimProgram* program_;
  absl::Span<const std::string> symbols_;
  size_t depth_ = 0;
};

namespace {

using Wide = __int128;

bool Fits(Wide v) { return v >= std::numeric_limits<int64_t>::min() && v <= std::numeric_limits<int64_t>::max(); }

// A sum overflows only if its exact value does, whatever the order.
DimError Sum(const int64_t* v, int64_t n, int64_t* out) {
  Wide sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += v[i];
  if (!Fits(sum)) return DimError::kOverflow;
  *out = static_cast<int64_t>(sum);
  return DimError::kNone;
}

// A product with a zero factor is zero, however large the others are: arrays
// with an empty axis are common.
DimError Product(const int64_t* v, int64_t n, int64_t* out) {
  int64_t product = 1;
  bool overflow = false;
  for (int64_t i = 0; i < n; ++i) {
    if (v[i] == 0) {
      *out = 0;
      return DimError::kNone;
    }
    overflow = overflow || __builtin_mul_overflow(product, v[i], &product);
  }
  if (overflow) return DimError::kOverflow;
  *out = product;
  return DimError::kNone;
}

}  // namespace

absl::StatusOr<DimProgram> DimProgram::Compile(const Dim& dim, absl::Span<const std::string> symbols) {
  DimProgram p;
  DimCompiler compiler(&p, symbols);
  ORIEL_RETURN_IF_ERROR(compiler.Emit(dim));
  if (p.code_.size() == 1) {
    const bool slot = p.code_[0].op == Op::kSlot;
    p.shape_ = slot ? Shape::kScaledSlot : Shape::kConstant;
    p.constant_ = slot ? 1 : p.code_[0].operand;
    p.slot_ = slot ? p.code_[0].operand : 0;
  } else if (p.code_.size() == 3 && p.code_[0].op == Op::kConstant && p.code_[1].op == Op::kSlot &&
             p.code_[2].op == Op::kProduct) {
    p.shape_ = Shape::kScaledSlot;
    p.constant_ = p.code_[0].operand;
    p.slot_ = p.code_[1].operand;
  } else {
    p.shape_ = Shape::kCode;
  }
  p.text_ = dim.ToString();
  return p;
}

DimError DimProgram::RunCode(const int64_t* slots, int64_t* out) const {
  constexpr size_t kInline = 64;
  int64_t inline_stack[kInline];
  std::vector<int64_t> heap_stack(stack_ > kInline ? stack_ : 0);
  int64_t* const stack = stack_ > kInline ? heap_stack.data() : inline_stack;
  int64_t* top = stack;  // one past the last value
  for (const Instruction& in : code_) {
    if (in.op == Op::kConstant) {
      *top++ = in.operand;
      continue;
    }
    if (in.op == Op::kSlot) {
      *top++ = slots[in.operand];
      continue;
    }
    int64_t* const v = top - in.operand;
    int64_t result = 0;
    DimError error = DimError::kNone;
    switch (in.op) {
      case Op::kSum: error = Sum(v, in.operand, &result); break;
      case Op::kProduct: error = Product(v, in.operand, &result); break;
      case Op::kMin: result = *std::min_element(v, top); break;
      case Op::kMax: result = *std::max_element(v, top); break;
      case Op::kCeilSqrt: result = CeilSqrtValue(v[0]); break;
      case Op::kFloorDiv:
      case Op::kCeilDiv:
      case Op::kMod: {
        const int64_t a = v[0], b = v[1];
        if (b == 0) {
          error = DimError::kZeroDivisor;
        } else if (b == -1) {
          // The one quotient that can overflow.
          if (in.op != Op::kMod && __builtin_sub_overflow(int64_t{0}, a, &result)) error = DimError::kOverflow;
        } else {
          const int64_t q = a / b, r = a % b;
          const bool opposite = r != 0 && (r < 0) != (b < 0);
          if (in.op == Op::kFloorDiv) result = q - opposite;
          if (in.op == Op::kCeilDiv) result = q + (r != 0 && !opposite);
          if (in.op == Op::kMod) result = opposite ? r + b : r;
        }
        break;
      }
      case Op::kConstant:
      case Op::kSlot: break;
    }
    if (error != DimError::kNone) return error;
    *v = result;
    top = v + 1;
  }
  *out = *stack;
  return DimError::kNone;
}

absl::StatusOr<int64_t> DimProgram::Evaluate(absl::Span<const int64_t> slots) const {
  int64_t value = 0;
  switch (Run(slots.data(), &value)) {
    case DimError::kNone: return value;
    case DimError::kOverflow:
      return absl::InvalidArgumentError("dim expression \"" + text_ + "\" exceeds 64 bits");
    case DimError::kZeroDivisor:
      return absl::InvalidArgumentError("dim expression \"" + text_ + "\" divides by zero");
  }
  return value;
}

absl::StatusOr<int64_t> Dim::Evaluate(const DimBindings& bindings) const {
  if (is_static()) return value();
  std::vector<std::string> names, bound;
  CollectSymbols(&names);
  std::vector<int64_t> slots;
  for (const std::string& name : names) {
    const auto it = bindings.find(name);
    if (it != bindings.end()) {
      bound.push_back(name);
      slots.push_back(it->second);
    }
  }
  // Compile names a symbol that is missing.
  ORIEL_ASSIGN_OR_RETURN(const DimProgram program, DimProgram::Compile(*this, bound));
  return program.Evaluate(slots);
}

}  // namespace oriel
