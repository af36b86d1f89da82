// File: dim_text.cpp
//
// Dim as text, both ways.
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "runtime/core/dim_node.h"
#include "runtime/core/status.h"

namespace oriel {
namespace {

using Kind = DimAtom::Kind;

// ---- printing ----

void Print(const Dim& d, std::string* out);

void PrintAtom(const DimAtom& atom, std::string* out) {
  switch (atom.kind) {
    case Kind::kSymbol: *out += atom.symbol; return;
    case Kind::kOpaqueAdd:
    case Kind::kOpaqueMul:
      *out += "((";
      Print(atom.args[0], out);
      *out += atom.kind == Kind::kOpaqueAdd ? ")+(" : ")*(";
      Print(atom.args[1], out);
      *out += "))";
      return;
    case Kind::kFloorDiv: *out += "floordiv("; break;
    case Kind::kCeilDiv: *out += "ceildiv("; break;
    case Kind::kMod: *out += "mod("; break;
    case Kind::kCeilSqrt: *out += "ceilsqrt("; break;
    case Kind::kMin: *out += "min("; break;
    case Kind::kMax: *out += "max("; break;
  }
  for (size_t i = 0; i < atom.args.size(); ++i) {
    if (i != 0) *out += ",";
    Print(atom.args[i], out);
  }
  *out += ")";
}

void Print(const Dim& d, std::string* out) {
  const Dim::Node& node = d.node();
  bool first = true;
  for (const DimTerm& term : node.terms) {
    if (term.coefficient == -1) {
      *out += "-";
    } else {
      if (!first && term.coefficient > 0) *out += "+";
      if (term.coefficient != 1) *out += std::to_string(term.coefficient) + "*";
    }
    for (size_t i = 0; i < term.factors.size(); ++i) {
      if (i != 0) *out += "*";
      PrintAtom(*term.factors[i], out);
    }
    first = false;
  }
  if (node.constant != 0 || first) {
    if (!first && node.constant > 0) *out += "+";
    *out += std::to_string(node.constant);
  }
}

// ---- parsing ----

constexpr size_t kMaxText = size_t{1} << 20;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Dim> Run() {
    if (text_.size() > kMaxText) {
      return absl::InvalidArgumentError("dim expression of " + std::to_string(text_.size()) +
                                        " characters, at most " + std::to_string(kMaxText) + " are read");
    }
    ORIEL_ASSIGN_OR_RETURN(Dim d, Sum());
    SkipSpace();
    if (at_ != text_.size()) return Error("expected an operator or the end");
    return d;
  }

 private:
  absl::Status Error(std::string_view why) const {
    // Long texts are cut: the position says where to look.
    const std::string shown(text_.substr(0, 80));
    return absl::InvalidArgumentError("dim expression \"" + shown + (text_.size() > 80 ? "..." : "") +
                                      "\": " + std::string(why) + " at position " + std::to_string(at_));
  }
  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool Take(std::string_view token) {
    SkipSpace();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  static bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  // sum := [-] product { (+|-) product }
  absl::StatusOr<Dim> Sum() {
    ORIEL_ASSIGN_OR_RETURN(Dim first, Product(Take("-")));
    std::vector<Dim> parts = {std::move(first)};
    for (;;) {
      bool negative = false;
      if (Take("-")) {
        negative = true;
      } else if (!Take("+")) {
        break;
      }
      if (Take("-")) negative = !negative;
      ORIEL_ASSIGN_OR_RETURN(Dim d, Product(negative));
      parts.push_back(std::move(d));
    }
    return CombineDims(std::move(parts), [](const Dim& a, const Dim& b) { return a + b; });
  }

  // product := primary { (*|//) primary }, negated when asked: the sign goes
  // to the first factor, so that the most negative integer can be read.
  absl::StatusOr<Dim> Product(bool negative) {
    ORIEL_ASSIGN_OR_RETURN(Dim product, Primary(negative));
    for (;;) {
      if (Take("//")) {
        const bool minus = Take("-");
        ORIEL_ASSIGN_OR_RETURN(Dim d, Primary(minus));
        product = Dim::FloorDiv(product, d);
      } else if (Take("*")) {
        const bool minus = Take("-");
        ORIEL_ASSIGN_OR_RETURN(Dim d, Primary(minus));
        product = product * d;
      } else {
        return product;
      }
    }
  }

  absl::StatusOr<Dim> Primary(bool negative) {
    SkipSpace();
    if (at_ == text_.size()) return Error("expected an operand");
    const char c = text_[at_];
    if (IsDigit(c)) return Number(negative);
    if (depth_ >= kMaxNesting) return Error("nested more than 64 deep");
    ++depth_;
    absl::StatusOr<Dim> d = c == '(' ? Parenthesised() : NameOrCall();
    --depth_;
    if (!d.ok() || !negative) return d;
    return -*d;
  }

  absl::StatusOr<Dim> Number(bool negative) {
    size_t end = at_;
    while (end < text_.size() && IsDigit(text_[end])) ++end;
    std::string digits = (negative ? "-" : "") + std::string(text_.substr(at_, end - at_));
    int64_t value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc()) return Error("an integer does not fit 64 bits");
    at_ = end;
    return Dim(value);
  }

  absl::StatusOr<Dim> Parenthesised() {
    Take("(");
    ORIEL_ASSIGN_OR_RETURN(Dim d, Sum());
    if (!Take(")")) return Error("expected \")\"");
    return d;
  }

  absl::StatusOr<Dim> NameOrCall() {
    if (!IsNameStart(text_[at_])) return Error("expected a name, an integer or \"(\"");
    const size_t start = at_;
    while (at_ < text_.size() && (IsNameStart(text_[at_]) || IsDigit(text_[at_]) || text_[at_] == '.')) ++at_;
    const std::string name(text_.substr(start, at_ - start));
    if (!Take("(")) return Dim::Symbol(name);
    const bool extremum = name == "min" || name == "max", root = name == "ceilsqrt";
    if (!extremum && !root && name != "floordiv" && name != "ceildiv" && name != "mod") {
      at_ = start;
      return Error("unknown function \"" + name + "\", expected floordiv, ceildiv, mod, min, max or ceilsqrt");
    }
    std::vector<Dim> args;
    do {
      ORIEL_ASSIGN_OR_RETURN(Dim d, Sum());
      args.push_back(std::move(d));
    } while (Take(","));
    if (!Take(")")) return Error("expected \",\" or \")\"");
    if (root ? args.size() != 1 : args.size() < 2 || (args.size() > 2 && !extremum)) {
      return Error(name + " takes " + (root ? "one argument" : extremum ? "two or more arguments" : "two arguments") +
                   ", got " + std::to_string(args.size()));
    }
    if (root) return Dim::CeilSqrt(args[0]);
    if (name == "floordiv") return Dim::FloorDiv(args[0], args[1]);
    if (name == "ceildiv") return Dim::CeilDiv(args[0], args[1]);
    if (name == "mod") return Dim::Mod(args[0], args[1]);
    return CombineDims(std::move(args), name == "min" ? Dim::Min : Dim::Max);
  }

  // Opaque sums nest two parentheses a level, so printed trees of the largest
  // depth still read back.
  static constexpr int kMaxNesting = 3 * kMaxDimDepth;

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::string Dim::ToString() const {
  std::string out;
  Print(*this, &out);
  return out;
}

absl::StatusOr<Dim> Dim::Parse(std::string_view text) { return Parser(text).Run(); }

std::string ToString(const Dims& dims) {
  std::string out = "(";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i != 0) out += ", ";
    out += dims[i].ToString();
  }
  return out + (dims.size() == 1 ? ",)" : ")");
}

}  // namespace oriel
