// File: op_table.h
//
// The op table: what every room may know about an op without MLIR.
//
//   const OpInfo& info = GetOpInfo(OpKind::kAdd);
//   info.mnemonic          // "add", the dialect's name without "oriel."
//   CheckDType(OpKind::kExp, DType::i32, {})  // InvalidArgument with the reason
#ifndef ORIEL_OPS_OP_TABLE_H_
#define ORIEL_OPS_OP_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "oriel/dtype.h"

namespace oriel {

enum class OpKind : uint8_t {
#define ORIEL_OP(name, ...) k##name,
#include "runtime/ops/op_table.inc"
#undef ORIEL_OP
};

enum class AttrKind : uint8_t {
  kI64, kI64s, kBool, kString, kDim, kDims, kElements, kSymbol, kNodeLists,
  kPredicate, kReduceKind, kScatterKind, kTapKind, kTapInfo,
};

struct AttrInfo {
  std::string name;
  AttrKind kind;
};

// How the result's element type follows from the operands'.
enum class ResultRule : uint8_t {
  kSame,       // the (first) data operand's
  kBool,       // i1
  kIndex,      // i64
  kAttribute,  // stated by the op (cast, iota, constant, states)
  kNone,       // no result, or stated by a region
};

struct OpInfo {
  OpKind kind;
  std::string mnemonic;
  int operands;  // -1: any number
  std::vector<AttrInfo> attributes;
  std::string summary;
  std::string numpy;   // the NumPy counterpart, "" when there is none
  std::string dtypes;  // as in op_table.inc
  ResultRule result;
};

inline constexpr int kNumOps = 0
#define ORIEL_OP(...) +1
#include "runtime/ops/op_table.inc"
#undef ORIEL_OP
    ;

const OpInfo& GetOpInfo(OpKind kind);
absl::Span<const OpInfo> AllOps();
std::optional<OpKind> ParseOpKind(std::string_view mnemonic);

// Is the op one value an element, with operands and result of equal shape?
bool IsElementwiseUnary(OpKind kind);
bool IsElementwiseBinary(OpKind kind);  // without compare

// The spellings of an enum attribute, in order of their numeric value.
absl::Span<const std::string_view> EnumSpellings(AttrKind kind);

// Ok when the op computes on `dtype`; else InvalidArgument with the reason.
// `variant` narrows it: a reduce or scatter kind, "" for all else.
absl::Status CheckDType(OpKind kind, DType dtype, std::string_view variant = {});

// docs/dtypes.md: the table of op by dtype with its reasons.
std::string DTypeTableMarkdown();

}  // namespace oriel

#endif  // ORIEL_OPS_OP_TABLE_H_
