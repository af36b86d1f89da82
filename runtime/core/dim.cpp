// File: dim.cpp
//
// Construction and normal form of Dim. Printing and parsing are in
// dim_text.cpp, evaluation in dim_program.cpp.
#include "oriel/dim.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "runtime/core/dim_node.h"

namespace oriel {
namespace {

using Atom = DimAtom;
using AtomPtr = std::shared_ptr<const DimAtom>;
using Terms = std::vector<DimTerm>;

constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
// Products are expanded up to this many terms and factors a term.
constexpr size_t kMaxExpandedTerms = 64, kMaxFactors = 32;

// ---- the one order of everything ----

int Compare(const Dim& a, const Dim& b);

int Compare(const AtomPtr& a, const AtomPtr& b) {
  if (a == b) return 0;
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  if (const int c = a->symbol.compare(b->symbol)) return c;
  if (a->args.size() != b->args.size()) return a->args.size() < b->args.size() ? -1 : 1;
  for (size_t i = 0; i < a->args.size(); ++i) {
    if (const int c = Compare(a->args[i], b->args[i])) return c;
  }
  return 0;
}

int CompareFactors(const DimTerm& a, const DimTerm& b) {
  const size_t n = std::min(a.factors.size(), b.factors.size());
  for (size_t i = 0; i < n; ++i) {
    if (const int c = Compare(a.factors[i], b.factors[i])) return c;
  }
  // Longer first: "n*n+n".
  if (a.factors.size() != b.factors.size()) return a.factors.size() > b.factors.size() ? -1 : 1;
  return 0;
}

int CompareTerms(const Terms& a, const Terms& b) {
  const size_t n = std::min(a.size(), b.size());
  for (size_t i = 0; i < n; ++i) {
    if (const int c = CompareFactors(a[i], b[i])) return c;
    if (a[i].coefficient != b[i].coefficient) return a[i].coefficient < b[i].coefficient ? -1 : 1;
  }
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return 0;
}

int Compare(const Dim& a, const Dim& b) {
  if (&a.node() == &b.node()) return 0;
  if (const int c = CompareTerms(a.node().terms, b.node().terms)) return c;
  const int64_t x = a.node().constant, y = b.node().constant;
  return x == y ? 0 : x < y ? -1 : 1;
}

int64_t FloorDivValue(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
int64_t FloorModValue(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

// ---- polynomials: sums of terms under construction ----

struct Poly {
  int64_t constant = 0;
  Terms terms;
};

Poly PolyOf(const Dim& d) { return {d.node().constant, d.node().terms}; }

// Adds up equal terms; false when a coefficient overflows.
bool Normalise(Terms* terms) {
  std::sort(terms->begin(), terms->end(),
            [](const DimTerm& a, const DimTerm& b) { return CompareFactors(a, b) < 0; });
  size_t out = 0;
  for (size_t i = 0; i < terms->size();) {
    DimTerm term = std::move((*terms)[i]);
    size_t j = i + 1;
    for (; j < terms->size() && CompareFactors(term, (*terms)[j]) == 0; ++j) {
      if (__builtin_add_overflow(term.coefficient, (*terms)[j].coefficient, &term.coefficient)) return false;
    }
    if (term.coefficient != 0) (*terms)[out++] = std::move(term);
    i = j;
  }
  terms->resize(out);
  return true;
}

// a + sign * b; nullopt on overflow. Merges two sorted lists.
std::optional<Poly> AddPoly(const Dim& a, const Dim& b, bool subtract) {
  const Dim::Node &x = a.node(), &y = b.node();
  Poly out;
  const auto add = [subtract](int64_t u, int64_t v, int64_t* r) {
    return subtract ? __builtin_sub_overflow(u, v, r) : __builtin_add_overflow(u, v, r);
  };
  if (add(x.constant, y.constant, &out.constant)) return std::nullopt;
  out.terms.reserve(x.terms.size() + y.terms.size());
  size_t i = 0, j = 0;
  while (i < x.terms.size() || j < y.terms.size()) {
    const int c = i == x.terms.size()   ? 1
                  : j == y.terms.size() ? -1
                                        : CompareFactors(x.terms[i], y.terms[j]);
    if (c < 0) {
      out.terms.push_back(x.terms[i++]);
      continue;
    }
    DimTerm term = y.terms[j];
    if (add(c == 0 ? x.terms[i].coefficient : 0, y.terms[j].coefficient, &term.coefficient)) return std::nullopt;
    if (term.coefficient != 0) out.terms.push_back(std::move(term));
    ++j;
    if (c == 0) ++i;
  }
  return out;
}

std::optional<DimTerm> MulTerms(const DimTerm& a, const DimTerm& b) {
  DimTerm out;
  if (__builtin_mul_overflow(a.coefficient, b.coefficient, &out.coefficient)) return std::nullopt;
  if (a.factors.size() + b.factors.size() > kMaxFactors) return std::nullopt;
  out.factors.reserve(a.factors.size() + b.factors.size());
  std::merge(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(),
             std::back_inserter(out.factors),
             [](const AtomPtr& x, const AtomPtr& y) { return Compare(x, y) < 0; });
  return out;
}

std::optional<Poly> MulPoly(const Dim& a, const Dim& b) {
  const Dim::Node &x = a.node(), &y = b.node();
  const bool constant_factor = x.terms.empty() || y.terms.empty();
  if (!constant_factor && (x.terms.size() + 1) * (y.terms.size() + 1) > kMaxExpandedTerms) return std::nullopt;
  Poly out;
  if (__builtin_mul_overflow(x.constant, y.constant, &out.constant)) return std::nullopt;
  const auto scaled = [&out](const Terms& terms, int64_t by) {
    if (by == 0) return true;
    for (DimTerm term : terms) {
      if (__builtin_mul_overflow(term.coefficient, by, &term.coefficient)) return false;
      out.terms.push_back(std::move(term));
    }
    return true;
  };
  if (!scaled(x.terms, y.constant) || !scaled(y.terms, x.constant)) return std::nullopt;
  for (const DimTerm& s : x.terms) {
    for (const DimTerm& t : y.terms) {
      std::optional<DimTerm> product = MulTerms(s, t);
      if (!product) return std::nullopt;
      out.terms.push_back(*std::move(product));
    }
  }
  if (!Normalise(&out.terms)) return std::nullopt;
  return out;
}

// The quotient when `term` is a multiple of the single term `by`.
std::optional<DimTerm> DivideTerm(const DimTerm& term, const DimTerm& by) {
  if (term.coefficient == kMin64 && by.coefficient == -1) return std::nullopt;
  if (term.coefficient % by.coefficient != 0) return std::nullopt;
  DimTerm out;
  out.coefficient = term.coefficient / by.coefficient;
  size_t j = 0;
  for (const AtomPtr& factor : term.factors) {
    if (j < by.factors.size() && Compare(factor, by.factors[j]) == 0) {
      ++j;
    } else {
      out.factors.push_back(factor);
    }
  }
  if (j != by.factors.size()) return std::nullopt;
  return out;
}

}  // namespace

// ---- from polynomials and atoms to Dims ----

namespace {
Dim MakeDim(Poly poly);
}  // namespace

// Dim's friend: the only one who turns a node into a Dim.
struct DimMaker {
  static Dim Make(Poly poly);
};

namespace {

Dim AtomDim(AtomPtr atom) {
  Poly poly;
  DimTerm term;
  term.factors.push_back(std::move(atom));
  poly.terms.push_back(std::move(term));
  return MakeDim(std::move(poly));
}

Dim FunctionDim(Atom::Kind kind, std::vector<Dim> args) {
  auto atom = std::make_shared<Atom>();
  atom->kind = kind;
  atom->args = std::move(args);
  return AtomDim(std::move(atom));
}

// Whatever is made of what grew past the bounds did so too: a difference of two
// such, say, is not 0.
bool IsTooLarge(const Dim& d) {
  const Terms& terms = d.node().terms;
  return terms.size() == 1 && terms[0].factors.size() == 1 && terms[0].factors[0]->symbol == kTooLargeSymbol;
}
const Dim* TooLarge(const Dim& a, const Dim& b) { return IsTooLarge(a) ? &a : IsTooLarge(b) ? &b : nullptr; }

// Commutative, so the arguments are sorted.
Dim OpaqueDim(Atom::Kind kind, const Dim& a, const Dim& b) {
  return Compare(a, b) <= 0 ? FunctionDim(kind, {a, b}) : FunctionDim(kind, {b, a});
}

// ---- min(a,b) + max(a,b) = a + b ----

// Of a term that is a multiple of a min or max of two: that, else null.
const Atom* ExtremumOfTwo(const DimTerm& term, Atom::Kind kind) {
  if (term.factors.size() != 1) return nullptr;
  const Atom* atom = term.factors[0].get();
  return atom->kind == kind && atom->args.size() == 2 ? atom : nullptr;
}

// Orders mins and maxes of two by their arguments but for a constant that is
// added to both.
int CompareButForShift(const Atom& a, const Atom& b) {
  for (int i = 0; i < 2; ++i) {
    if (const int c = CompareTerms(a.args[i].node().terms, b.args[i].node().terms)) return c;
  }
  const auto apart = [](const Atom& x) {
    return static_cast<__int128>(x.args[1].node().constant) - x.args[0].node().constant;
  };
  return apart(a) == apart(b) ? 0 : apart(a) < apart(b) ? -1 : 1;
}

// What a sum that holds multiples of the min and the max of the same two Dims
// is without one of them. Blocks cut from an axis by clipped bounds are joined
// to the axis by this: min(1,n) + max(n-1,0) is n. Without it the extents of a
// chain of such steps double with each.
std::optional<Dim> JoinExtrema(const Poly& poly) {
  using Found = std::pair<const Atom*, size_t>;  // and the term's place
  std::vector<Found> mins, maxes;
  for (size_t i = 0; i < poly.terms.size(); ++i) {
    if (const Atom* min = ExtremumOfTwo(poly.terms[i], Atom::Kind::kMin)) mins.emplace_back(min, i);
    if (const Atom* max = ExtremumOfTwo(poly.terms[i], Atom::Kind::kMax)) maxes.emplace_back(max, i);
  }
  if (mins.empty() || maxes.empty()) return std::nullopt;
  const auto less = [](const Found& a, const Found& b) { return CompareButForShift(*a.first, *b.first) < 0; };
  // Of equal ones the first: what is joined must not depend on the sort.
  std::sort(maxes.begin(), maxes.end(), [&less](const Found& a, const Found& b) {
    return less(a, b) || (!less(b, a) && a.second < b.second);
  });
  for (const Found& min : mins) {
    for (auto max = std::lower_bound(maxes.begin(), maxes.end(), min, less);
         max != maxes.end() && !less(min, *max); ++max) {
      const int64_t x = poly.terms[min.second].coefficient, y = poly.terms[max->second].coefficient;
      const std::vector<Dim>&low = min.first->args, &high = max->first->args;
      int64_t shift;
      if ((x < 0) != (y < 0)) continue;
      if (__builtin_sub_overflow(high[0].node().constant, low[0].node().constant, &shift)) continue;
      const int64_t both = x < 0 ? std::max(x, y) : std::min(x, y);
      Poly rest = poly;
      rest.terms[min.second].coefficient -= both;
      rest.terms[max->second].coefficient -= both;
      rest.terms.erase(std::remove_if(rest.terms.begin(), rest.terms.end(),
                                      [](const DimTerm& term) { return term.coefficient == 0; }),
                       rest.terms.end());
      return MakeDim(std::move(rest)) + Dim(both) * (low[0] + low[1] + Dim(shift));
    }
  }
  return std::nullopt;
}

Dim MakeDim(Poly poly) {
  if (poly.terms.size() > 1) {
    if (std::optional<Dim> joined = JoinExtrema(poly)) return *std::move(joined);
  }
  return DimMaker::Make(std::move(poly));
}

// a as a multiple q*b + r of a single term or constant b: every part of a that
// b divides goes to q. For a constant divisor the constant of r is reduced to
// [0, |b|).
struct Split {
  Dim quotient, rest;
};
Split SplitMultiples(const Dim& a, const Dim& b) {
  Poly q, r;
  const Dim::Node& divisor = b.node();
  if (divisor.terms.empty()) {
    const int64_t c = divisor.constant;
    const DimTerm by{c, {}};
    for (const DimTerm& term : a.node().terms) {
      std::optional<DimTerm> part = DivideTerm(term, by);
      (part ? q : r).terms.push_back(part ? *std::move(part) : term);
    }
    // c is positive here, so neither overflows.
    q.constant = FloorDivValue(a.node().constant, c);
    r.constant = FloorModValue(a.node().constant, c);
  } else {
    for (const DimTerm& term : a.node().terms) {
      std::optional<DimTerm> part = DivideTerm(term, divisor.terms[0]);
      if (part && part->factors.empty()) {
        if (__builtin_add_overflow(q.constant, part->coefficient, &q.constant)) return {Dim(0), a};
        continue;
      }
      (part ? q : r).terms.push_back(part ? *std::move(part) : term);
    }
    r.constant = a.node().constant;
    Normalise(&q.terms);
  }
  return {MakeDim(std::move(q)), MakeDim(std::move(r))};
}

bool IsMonomial(const Dim& d) {
  const Dim::Node& n = d.node();
  return n.terms.empty() || (n.terms.size() == 1 && n.constant == 0);
}

// k when a == k * b for an integer k and a polynomial b of several terms.
std::optional<int64_t> Multiple(const Dim& a, const Dim& b) {
  const Terms &x = a.node().terms, &y = b.node().terms;
  if (x.size() != y.size() || x.empty()) return std::nullopt;
  if (x[0].coefficient == kMin64 || x[0].coefficient % y[0].coefficient != 0) return std::nullopt;
  const int64_t k = x[0].coefficient / y[0].coefficient;
  return a == Dim(k) * b ? std::optional<int64_t>(k) : std::nullopt;
}

// The greatest common divisor of b and all of a's coefficients and constant.
int64_t CommonDivisor(const Dim& a, int64_t b) {
  uint64_t g = static_cast<uint64_t>(b);
  const auto magnitude = [](int64_t v) { return v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v); };
  g = std::gcd(g, magnitude(a.node().constant));
  for (const DimTerm& term : a.node().terms) g = std::gcd(g, magnitude(term.coefficient));
  return static_cast<int64_t>(g);
}

Dim DivideAll(const Dim& a, int64_t g) {
  Poly poly = PolyOf(a);
  poly.constant /= g;
  for (DimTerm& term : poly.terms) term.coefficient /= g;
  return MakeDim(std::move(poly));
}

// The atom when d is one atom of that kind and perhaps a constant.
const Atom* AtomBefore(const Dim& d, Atom::Kind kind) {
  const Dim::Node& n = d.node();
  if (n.terms.size() != 1 || n.terms[0].coefficient != 1 || n.terms[0].factors.size() != 1) return nullptr;
  const Atom* atom = n.terms[0].factors[0].get();
  return atom->kind == kind ? atom : nullptr;
}

// The atom when d is exactly one atom of that kind.
const Atom* OnlyAtom(const Dim& d, Atom::Kind kind) {
  return d.node().constant == 0 ? AtomBefore(d, kind) : nullptr;
}

// Whether the constants of all `args` can be added to.
bool AllFit(const std::vector<Dim>& args, int64_t added) {
  return std::all_of(args.begin(), args.end(), [added](const Dim& arg) {
    int64_t sum;
    return !__builtin_add_overflow(arg.node().constant, added, &sum);
  });
}

// A quotient by a positive constant of a min or max of which one argument at most
// is no constant is the min or max of the quotients: max(n-1,0) over 2 and again
// over 2 nests no further. Null where it is nothing of that kind.
const Atom* DividedByArgument(const Dim& d) {
  const Atom* atom = AtomBefore(d, Atom::Kind::kMax);
  if (atom == nullptr) atom = AtomBefore(d, Atom::Kind::kMin);
  if (atom == nullptr || !AllFit(atom->args, d.node().constant)) return nullptr;
  const auto dynamic = std::count_if(atom->args.begin(), atom->args.end(),
                                     [](const Dim& arg) { return !arg.is_static(); });
  return dynamic <= 1 ? atom : nullptr;
}

Dim Extremum(const Dim& a, const Dim& b, bool max);

Dim Divide(const Dim& a, const Dim& b, bool ceil) {
  if (const Dim* large = TooLarge(a, b)) return *large;
  const Atom::Kind kind = ceil ? Atom::Kind::kCeilDiv : Atom::Kind::kFloorDiv;
  if (b.is_static()) {
    const int64_t c = b.value();
    if (c == 0) return FunctionDim(kind, {a, b});  // an error when evaluated
    if (c < 0) {
      const Dim na = -a, nb = -b;
      if (nb.is_static() && nb.value() > 0) return Divide(na, nb, ceil);
      return FunctionDim(kind, {a, b});
    }
    if (c == 1) return a;
    const Split s = SplitMultiples(a, b);
    if (s.rest.is_static()) {
      // The rest is in [0, c): it rounds to 0 or, upwards, to 1.
      return ceil && s.rest.value() > 0 ? s.quotient + Dim(1) : s.quotient;
    }
    const int64_t g = CommonDivisor(s.rest, c);
    const Dim rest = DivideAll(s.rest, g);
    const int64_t divisor = c / g;
    if (divisor == 1) return s.quotient + rest;
    // floordiv(floordiv(x, p), q) = floordiv(x, p*q) for positive p, q; ceil too.
    if (const Atom* inner = OnlyAtom(rest, kind)) {
      int64_t product;
      if (inner->args[1].is_static() && inner->args[1].value() > 0 &&
          !__builtin_mul_overflow(inner->args[1].value(), divisor, &product)) {
        return s.quotient + Divide(inner->args[0], Dim(product), ceil);
      }
    }
    if (const Atom* extremum = DividedByArgument(rest)) {
      std::vector<Dim> quotients;
      for (const Dim& arg : extremum->args) {
        quotients.push_back(Divide(arg + Dim(rest.node().constant), Dim(divisor), ceil));
      }
      const bool max = extremum->kind == Atom::Kind::kMax;
      return s.quotient + CombineDims(std::move(quotients), [max](const Dim& x, const Dim& y) { return Extremum(x, y, max); });
    }
    return s.quotient + FunctionDim(kind, {rest, Dim(divisor)});
  }
  if (IsMonomial(b)) {
    const Split s = SplitMultiples(a, b);
    if (s.rest == Dim(0)) return s.quotient;
    return s.quotient + FunctionDim(kind, {s.rest, b});
  }
  if (const std::optional<int64_t> k = Multiple(a, b)) return Dim(*k);
  return FunctionDim(kind, {a, b});
}

// As an argument of a max p - min(x,y) is p-x and p-y, of a min p - max(x,y) is.
// Nullopt where that is not shorter: of n-1-min(n,1) the n goes away.
std::optional<std::vector<Dim>> Choices(const Dim& d, bool max) {
  const Terms& terms = d.node().terms;
  for (size_t i = 0; i < terms.size(); ++i) {
    const Atom* atom = ExtremumOfTwo(terms[i], max ? Atom::Kind::kMin : Atom::Kind::kMax);
    if (atom == nullptr || terms[i].coefficient != -1) continue;
    Poly rest = PolyOf(d);
    rest.terms.erase(rest.terms.begin() + static_cast<ptrdiff_t>(i));
    const Dim before = MakeDim(std::move(rest));
    std::vector<Dim> choices = {before - atom->args[0], before - atom->args[1]};
    if (choices[0].node().size + choices[1].node().size < d.node().size) return choices;
  }
  return std::nullopt;
}

// Adds an argument of a min or max to its list. Nested ones of the same kind
// flatten into it, also where a constant was added to them: max(max(n-1,0)-1,0)
// is max(n-2,-1,0).
void AddChoices(const Dim& d, bool max, std::vector<Dim>* args) {
  const int64_t added = d.node().constant;
  const Atom* atom = AtomBefore(d, max ? Atom::Kind::kMax : Atom::Kind::kMin);
  if (atom != nullptr && AllFit(atom->args, added)) {
    for (const Dim& arg : atom->args) args->push_back(added == 0 ? arg : arg + Dim(added));
  } else if (const std::optional<std::vector<Dim>> choices = Choices(d, max)) {
    for (const Dim& choice : *choices) AddChoices(choice, max, args);  // each is shorter
  } else {
    args->push_back(d);
  }
}

// Whether an argument of a max can never be above `least` (of a min, below):
// n-3-max(n-2,0) is at most -1.
bool NeverDecides(const Dim& arg, int64_t least, bool max) {
  for (const DimTerm& term : arg.node().terms) {
    if (term.factors.size() != 1) continue;
    const Atom& atom = *term.factors[0];
    // What bounds the argument on the side in question.
    if (atom.kind != ((term.coefficient > 0) == max ? Atom::Kind::kMin : Atom::Kind::kMax)) continue;
    Poly others = PolyOf(arg);
    others.terms.erase(others.terms.begin() + (&term - arg.node().terms.data()));
    const Dim rest = MakeDim(std::move(others));
    for (const Dim& choice : atom.args) {
      const Dim bound = rest + Dim(term.coefficient) * choice;
      if (bound.is_static() && (max ? bound.value() <= least : bound.value() >= least)) return true;
    }
  }
  return false;
}

Dim Extremum(const Dim& a, const Dim& b, bool max) {
  if (const Dim* large = TooLarge(a, b)) return *large;
  const Atom::Kind kind = max ? Atom::Kind::kMax : Atom::Kind::kMin;
  std::vector<Dim> args;
  AddChoices(a, max, &args);
  AddChoices(b, max, &args);
  // Sorted by terms, then constant: of candidates that differ by a constant
  // only (which are neighbours now) one wins whatever the symbols are.
  std::sort(args.begin(), args.end(), [](const Dim& x, const Dim& y) { return Compare(x, y) < 0; });
  std::vector<Dim> kept;
  for (Dim& d : args) {
    if (!kept.empty() && CompareTerms(kept.back().node().terms, d.node().terms) == 0) {
      if (max) kept.back() = std::move(d);
    } else {
      kept.push_back(std::move(d));
    }
  }
  const auto constant = std::find_if(kept.begin(), kept.end(), [](const Dim& d) { return d.is_static(); });
  if (constant != kept.end()) {
    const int64_t least = constant->value();
    kept.erase(std::remove_if(kept.begin(), kept.end(), [&](const Dim& d) { return NeverDecides(d, least, max); }),
               kept.end());
  }
  if (kept.size() == 1) return kept[0];
  return FunctionDim(kind, std::move(kept));
}

}  // namespace

// ---- Dim ----

Dim DimMaker::Make(Poly poly) {
  auto node = std::make_shared<Dim::Node>();
  node->constant = poly.constant;
  node->terms = std::move(poly.terms);
  for (const DimTerm& term : node->terms) {
    node->size += 1;
    for (const AtomPtr& atom : term.factors) {
      node->size += 1;
      for (const Dim& arg : atom->args) {
        node->depth = std::max(node->depth, arg.node().depth + 1);
        node->size += arg.node().size;
      }
    }
  }
  if (node->depth > kMaxDimDepth || node->size > kMaxDimSize) return Dim::Symbol(kTooLargeSymbol);
  return Dim(std::shared_ptr<const Dim::Node>(std::move(node)));
}

Dim::Dim(int64_t value) {
  auto node = std::make_shared<Node>();
  node->constant = value;
  node_ = std::move(node);
}

Dim Dim::Symbol(std::string name) {
  auto atom = std::make_shared<Atom>();
  atom->symbol = std::move(name);
  return AtomDim(std::move(atom));
}

bool Dim::is_static() const { return node_->terms.empty(); }
int64_t Dim::value() const { return node_->constant; }
bool Dim::is_symbol() const { return OnlyAtom(*this, Atom::Kind::kSymbol) != nullptr; }
std::string Dim::symbol() const {
  const Atom* atom = OnlyAtom(*this, Atom::Kind::kSymbol);
  return atom == nullptr ? std::string() : atom->symbol;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (const Dim* large = TooLarge(a, b)) return *large;
  std::optional<Poly> sum = AddPoly(a, b, /*subtract=*/false);
  return sum ? MakeDim(*std::move(sum)) : OpaqueDim(Atom::Kind::kOpaqueAdd, a, b);
}
Dim operator-(const Dim& a, const Dim& b) {
  if (const Dim* large = TooLarge(a, b)) return *large;
  std::optional<Poly> sum = AddPoly(a, b, /*subtract=*/true);
  return sum ? MakeDim(*std::move(sum)) : OpaqueDim(Atom::Kind::kOpaqueAdd, a, -b);
}
Dim operator*(const Dim& a, const Dim& b) {
  if (const Dim* large = TooLarge(a, b)) return *large;
  std::optional<Poly> product = MulPoly(a, b);
  return product ? MakeDim(*std::move(product)) : OpaqueDim(Atom::Kind::kOpaqueMul, a, b);
}
Dim Dim::operator-() const { return Dim(-1) * *this; }

bool operator==(const Dim& a, const Dim& b) { return Compare(a, b) == 0; }

Dim Dim::FloorDiv(const Dim& a, const Dim& b) { return Divide(a, b, /*ceil=*/false); }
Dim Dim::CeilDiv(const Dim& a, const Dim& b) { return Divide(a, b, /*ceil=*/true); }

Dim Dim::Mod(const Dim& a, const Dim& b) {
  if (const Dim* large = TooLarge(a, b)) return *large;
  const auto atom = [](const Dim& x, const Dim& y) { return FunctionDim(Atom::Kind::kMod, {x, y}); };
  if (b.is_static() && b.value() <= 0) {
    // -1 divides everything; other negative divisors are rare: fold constants.
    if (b.value() == -1) return Dim(0);
    if (b.value() != 0 && a.is_static()) return Dim(FloorModValue(a.value(), b.value()));
    return atom(a, b);
  }
  if (b.is_static()) {
    const int64_t c = b.value();
    Poly rest;
    rest.constant = FloorModValue(a.node().constant, c);
    for (DimTerm term : a.node().terms) {
      term.coefficient = FloorModValue(term.coefficient, c);
      if (term.coefficient != 0) rest.terms.push_back(std::move(term));
    }
    const Dim r = MakeDim(std::move(rest));
    const auto is_reduced = [c](const DimTerm& term) { return term.coefficient > 0 && term.coefficient < c; };
    if (!std::all_of(r.node().terms.begin(), r.node().terms.end(), is_reduced) || r.node().constant < 0 ||
        r.node().constant >= c) {
      return Mod(r, b);  // terms were joined
    }
    if (r.is_static()) return r;
    if (const Atom* inner = OnlyAtom(r, Atom::Kind::kMod)) {
      if (inner->args[1] == b) return r;
    }
    return atom(r, b);
  }
  if (IsMonomial(b)) {
    const Dim rest = SplitMultiples(a, b).rest;
    return rest == Dim(0) ? rest : atom(rest, b);
  }
  return Multiple(a, b) ? Dim(0) : atom(a, b);
}

Dim Dim::Min(const Dim& a, const Dim& b) { return Extremum(a, b, /*max=*/false); }
Dim Dim::Max(const Dim& a, const Dim& b) { return Extremum(a, b, /*max=*/true); }
Dim Dim::CeilSqrt(const Dim& a) {
  return a.is_static() ? Dim(CeilSqrtValue(a.value())) : FunctionDim(Atom::Kind::kCeilSqrt, {a});
}

int64_t CeilSqrtValue(int64_t a) {
  if (a <= 0) return 0;
  // The double is at most one off: of 2^63 - 1 it is the root of 2^63.
  __int128 root = static_cast<int64_t>(std::sqrt(static_cast<double>(a)));
  while (root > 0 && (root - 1) * (root - 1) >= a) --root;
  while (root * root < a) ++root;
  return static_cast<int64_t>(root);
}

namespace {

Dim SubstituteAtom(const AtomPtr& atom, const std::map<std::string, Dim>& by) {
  if (atom->kind == Atom::Kind::kSymbol) {
    const auto it = by.find(atom->symbol);
    return it != by.end() ? it->second : AtomDim(atom);
  }
  std::vector<Dim> args;
  args.reserve(atom->args.size());
  for (const Dim& arg : atom->args) args.push_back(arg.Substitute(by));
  switch (atom->kind) {
    case Atom::Kind::kFloorDiv: return Dim::FloorDiv(args[0], args[1]);
    case Atom::Kind::kCeilDiv: return Dim::CeilDiv(args[0], args[1]);
    case Atom::Kind::kMod: return Dim::Mod(args[0], args[1]);
    case Atom::Kind::kCeilSqrt: return Dim::CeilSqrt(args[0]);
    case Atom::Kind::kOpaqueAdd: return args[0] + args[1];
    case Atom::Kind::kOpaqueMul: return args[0] * args[1];
    case Atom::Kind::kMin: return CombineDims(std::move(args), Dim::Min);
    case Atom::Kind::kMax: return CombineDims(std::move(args), Dim::Max);
    case Atom::Kind::kSymbol: break;
  }
  return AtomDim(atom);
}

void CollectAtoms(const Dim& d, std::vector<std::string>* names) {
  for (const DimTerm& term : d.node().terms) {
    for (const AtomPtr& atom : term.factors) {
      if (atom->kind == Atom::Kind::kSymbol) {
        if (std::find(names->begin(), names->end(), atom->symbol) == names->end()) names->push_back(atom->symbol);
      }
      for (const Dim& arg : atom->args) CollectAtoms(arg, names);
    }
  }
}

}  // namespace

Dim Dim::Substitute(const std::map<std::string, Dim>& by) const {
  if (is_static() || by.empty()) return *this;
  std::vector<Dim> parts = {Dim(node_->constant)};
  for (const DimTerm& term : node_->terms) {
    Dim product(term.coefficient);
    for (const AtomPtr& atom : term.factors) product = product * SubstituteAtom(atom, by);
    parts.push_back(std::move(product));
  }
  return CombineDims(std::move(parts), [](const Dim& a, const Dim& b) { return a + b; });
}

void Dim::CollectSymbols(std::vector<std::string>* names) const { CollectAtoms(*this, names); }

Dim NumElements(const Dims& dims) {
  Dim product(1);
  for (const Dim& d : dims) product = product * d;
  return product;
}

bool IsStatic(const Dims& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& d) { return d.is_static(); });
}

}  // namespace oriel
