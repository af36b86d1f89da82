// File: dim.h
//
// Dim: the extent of one axis, an integer or an expression of named symbols.
//
//   Dim n = Dim::Symbol("batch");
//   Dim m = 2 * n + 1;
//   m.ToString();                       // "2*batch+1"
//   m.Evaluate({{"batch", 32}}).value() // 65
#ifndef ORIEL_DIM_H_
#define ORIEL_DIM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace oriel {

// The values of dim symbols, by name.
using DimBindings = std::map<std::string, int64_t>;

// Dim is an immutable value (copying shares the tree), safe to use from any
// thread. Expressions are kept in a normal form (a sum of products with
// integer coefficients, terms sorted), so that equal expressions built in
// different ways compare equal where the normal form can tell; two Dims that
// compare unequal may still be equal at run time.
class Dim {
 public:
  Dim() : Dim(0) {}
  Dim(int64_t value);  // NOLINT: an integer is a Dim
  Dim(int value) : Dim(static_cast<int64_t>(value)) {}

  // A named symbol. Names are [A-Za-z_$][A-Za-z0-9_.$]*.
  static Dim Symbol(std::string name);

  // Reads what ToString prints: + - * // ceildiv(a,b) floordiv(a,b) mod(a,b)
  // min(a,b,...) max(a,b,...) ceilsqrt(a), parentheses, integers, symbols.
  // InvalidArgument names the offending position. Nesting is bounded (64).
  static absl::StatusOr<Dim> Parse(std::string_view text);

  bool is_static() const;
  int64_t value() const;  // requires is_static()
  bool is_symbol() const; // a bare symbol
  std::string symbol() const;  // requires is_symbol()

  // FloorDiv rounds toward minus infinity and Mod has the divisor's sign, as in
  // Python. The divisor must not be zero at evaluation (InvalidArgument then),
  // unless the normal form divided already: n*m // n is m. Integer overflow at
  // evaluation is an error, never a wrap.
  static Dim FloorDiv(const Dim& a, const Dim& b);
  static Dim CeilDiv(const Dim& a, const Dim& b);
  static Dim Mod(const Dim& a, const Dim& b);
  static Dim Min(const Dim& a, const Dim& b);
  static Dim Max(const Dim& a, const Dim& b);
  // The least k >= 0 with k*k >= a: 0 where a is negative.
  static Dim CeilSqrt(const Dim& a);

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  Dim operator-() const;

  friend bool operator==(const Dim& a, const Dim& b);
  friend bool operator!=(const Dim& a, const Dim& b) { return !(a == b); }

  // InvalidArgument for an unbound symbol, a zero divisor or an overflow.
  absl::StatusOr<int64_t> Evaluate(const DimBindings& bindings) const;

  // Replaces symbols by expressions; symbols not in the map stay.
  Dim Substitute(const std::map<std::string, Dim>& by) const;

  // Appends the names of all symbols, each once, in order of first use.
  void CollectSymbols(std::vector<std::string>* names) const;

  std::string ToString() const;

  // A flat postfix form for fast repeated evaluation (see core/dim_program.h).
  struct Node;
  const Node& node() const { return *node_; }

 private:
  friend struct DimMaker;
  explicit Dim(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  std::shared_ptr<const Node> node_;
};

// A shape: one Dim an axis; a scalar has none.
using Dims = std::vector<Dim>;

// "(batch, 64)", "(10001,)", "()": as Python prints tuples.
std::string ToString(const Dims& dims);

// The product of the dims (1 for a scalar).
Dim NumElements(const Dims& dims);

// All dims static?
bool IsStatic(const Dims& dims);

}  // namespace oriel

#endif  // ORIEL_DIM_H_
