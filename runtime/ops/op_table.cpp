#include "runtime/ops/op_table.h"

#include <map>

#include "oriel/errors.h"

namespace oriel {
namespace {

constexpr std::string_view kPredicates[] = {"eq", "ne", "lt", "le", "gt", "ge"};
constexpr std::string_view kReduceKinds[] = {"sum", "prod", "max", "min", "any", "all", "mean"};
constexpr std::string_view kScatterKinds[] = {"add", "set"};
constexpr std::string_view kTapKinds[] = {"print", "assert", "watch"};

AttrKind ParseAttrKind(std::string_view text) {
  static const std::map<std::string_view, AttrKind> kinds = {
      {"i64", AttrKind::kI64},
      {"i64s", AttrKind::kI64s},
      {"bool", AttrKind::kBool},
      {"string", AttrKind::kString},
      {"dim", AttrKind::kDim},
      {"dims", AttrKind::kDims},
      {"elements", AttrKind::kElements},
      {"symbol", AttrKind::kSymbol},
      {"node_lists", AttrKind::kNodeLists},
      {"predicate", AttrKind::kPredicate},
      {"reduce_kind", AttrKind::kReduceKind},
      {"scatter_kind", AttrKind::kScatterKind},
      {"tap_kind", AttrKind::kTapKind},
      {"tap_info", AttrKind::kTapInfo},
  };
  return kinds.at(text);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

std::vector<AttrInfo> ParseAttributes(std::string_view text) {
  std::vector<AttrInfo> attributes;
  for (std::string_view part : Split(text, ';')) {
    const size_t colon = part.find(':');
    attributes.push_back({std::string(part.substr(0, colon)), ParseAttrKind(part.substr(colon + 1))});
  }
  return attributes;
}

ResultRule RuleOf(OpKind kind) {
  switch (kind) {
    case OpKind::kCompare:
    case OpKind::kLogicalNot:
    case OpKind::kLogicalAnd:
    case OpKind::kLogicalOr:
    case OpKind::kLogicalXor:
      return ResultRule::kBool;
    case OpKind::kArgMax:
    case OpKind::kArgMin:
    case OpKind::kArgSort:
    case OpKind::kDimValue:
      return ResultRule::kIndex;
    case OpKind::kConstant:
    case OpKind::kIota:
    case OpKind::kCast:
    case OpKind::kStateRead:
      return ResultRule::kAttribute;
    case OpKind::kState:
    case OpKind::kStateUpdate:
    case OpKind::kLoop:
    case OpKind::kBranch:
    case OpKind::kYield:
    case OpKind::kObserve:
    case OpKind::kKernel:
    case OpKind::kDispatch:
      return ResultRule::kNone;
    default:
      return ResultRule::kSame;
  }
}

char GroupOf(DType dtype) {
  if (IsFloat(dtype)) return 'f';
  if (IsSigned(dtype)) return 'i';
  if (IsUnsigned(dtype)) return 'u';
  return 'b';
}

// The reduce kinds differ in what they accept, so that no lowering has to
// promote inside a reduction; the expression layer casts as NumPy does.
std::string_view VariantDTypes(OpKind kind, std::string_view variant) {
  if (kind != OpKind::kReduce) return {};
  if (variant == "sum" || variant == "prod") return "fiu; b: NumPy adds and multiplies bool as int64, cast first";
  if (variant == "any" || variant == "all") return "b; fiu: compare with zero first";
  if (variant == "mean") return "f; iub: a mean is computed in floating point, cast first";
  return {};
}

}  // namespace

absl::Span<const OpInfo> AllOps() {
  static const std::vector<OpInfo>& table = *new std::vector<OpInfo>{
#define ORIEL_OP(name, mnemonic, operands, attributes, summary, numpy, dtypes) \
  {OpKind::k##name, mnemonic, operands, ParseAttributes(attributes), summary, numpy, dtypes, RuleOf(OpKind::k##name)},
#include "runtime/ops/op_table.inc"
#undef ORIEL_OP
  };
  return table;
}

const OpInfo& GetOpInfo(OpKind kind) { return AllOps()[static_cast<size_t>(kind)]; }

std::optional<OpKind> ParseOpKind(std::string_view mnemonic) {
  for (const OpInfo& info : AllOps()) {
    if (info.mnemonic == mnemonic) return info.kind;
  }
  return std::nullopt;
}

bool IsElementwiseUnary(OpKind kind) { return kind >= OpKind::kNeg && kind <= OpKind::kLogicalNot; }
bool IsElementwiseBinary(OpKind kind) { return kind >= OpKind::kAdd && kind <= OpKind::kLogicalXor; }

absl::Span<const std::string_view> EnumSpellings(AttrKind kind) {
  switch (kind) {
    case AttrKind::kPredicate:
      return kPredicates;
    case AttrKind::kReduceKind:
      return kReduceKinds;
    case AttrKind::kScatterKind:
      return kScatterKinds;
    case AttrKind::kTapKind:
      return kTapKinds;
    default:
      return {};
  }
}

absl::Status CheckDType(OpKind kind, DType dtype, std::string_view variant) {
  const OpInfo& info = GetOpInfo(kind);
  std::string_view spec = VariantDTypes(kind, variant);
  if (spec.empty()) spec = info.dtypes;
  if (kind == OpKind::kRandomBits && dtype != DType::u64) spec = "; fiub: bits of a key and a counter are uint64";
  const std::vector<std::string_view> parts = Split(spec, ';');
  const char group = GroupOf(dtype);
  if (parts[0] == "-" || parts[0].find(group) != std::string_view::npos) return absl::OkStatus();
  std::string reason;
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t colon = parts[i].find(':');
    if (parts[i].substr(0, colon).find(group) != std::string_view::npos) reason = parts[i].substr(colon + 2);
  }
  std::string name = info.mnemonic;
  if (!variant.empty()) name += " " + std::string(variant);
  return DTypeError(name + " does not take " + std::string(NumpyName(dtype)) + ": " + reason);
}

std::string DTypeTableMarkdown() {
  std::string text =
      "# Which op takes which element type\n\n"
      "Generated from `runtime/ops/op_table.inc`; a test says when it is out of date.\n"
      "`x` means that the op computes on that element type; a number refers to the reason below the\n"
      "table. The functions of `oriel/value.h` take more: they promote and cast as NumPy 2 does before\n"
      "they make one of these ops.\n\n| op |";
  for (int t = 0; t < kNumDTypes; ++t) text += " " + std::string(ShortName(static_cast<DType>(t))) + " |";
  text += " result |\n|---|";
  for (int t = 0; t < kNumDTypes; ++t) text += "---|";
  text += "---|\n";
  std::vector<std::string> reasons;
  auto add_row = [&](const OpInfo& info, std::string_view variant) {
    text += "| " + info.mnemonic + (variant.empty() ? "" : " " + std::string(variant)) + " |";
    for (int t = 0; t < kNumDTypes; ++t) {
      const absl::Status status = CheckDType(info.kind, static_cast<DType>(t), variant);
      if (status.ok()) {
        text += info.dtypes == "-" ? "  |" : " x |";
        continue;
      }
      std::string reason(status.message());
      reason = reason.substr(reason.find(": ") + 2);
      size_t number = 0;
      while (number < reasons.size() && reasons[number] != reason) ++number;
      if (number == reasons.size()) reasons.push_back(reason);
      text += " " + std::to_string(number + 1) + " |";
    }
    static constexpr std::string_view kRules[] = {"same", "bool", "i64", "as stated", ""};
    text += " " + std::string(kRules[static_cast<int>(info.result)]) + " |\n";
  };
  for (const OpInfo& info : AllOps()) {
    const AttrKind variants = info.kind == OpKind::kReduce    ? AttrKind::kReduceKind
                              : info.kind == OpKind::kScatter ? AttrKind::kScatterKind
                                                              : AttrKind::kI64;
    if (EnumSpellings(variants).empty()) {
      add_row(info, {});
    } else {
      for (std::string_view variant : EnumSpellings(variants)) add_row(info, variant);
    }
  }
  text += "\n";
  for (size_t i = 0; i < reasons.size(); ++i) text += std::to_string(i + 1) + ". " + reasons[i] + "\n";
  return text;
}

}  // namespace oriel
