// Dim: the normal form against direct evaluation, text, substitution, limits.
#include "oriel/dim.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/core/dim_program.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;

Dim S(const char* name) { return Dim::Symbol(name); }
std::string Text(const Dim& d) { return d.ToString(); }
Dim P(std::string_view text) {
  absl::StatusOr<Dim> d = Dim::Parse(text);
  EXPECT_TRUE(d.ok()) << d.status();
  return d.ok() ? *d : Dim(-1);
}

TEST(Dim, NormalForm) {
  const Dim n = S("n"), m = S("m");
  EXPECT_EQ(Text(2 * n + 1), "2*n+1");
  EXPECT_EQ(n + n, 2 * n);
  EXPECT_EQ((n + 1) * (n - 1), n * n - 1);
  EXPECT_EQ(n * m - m * n, Dim(0));
  EXPECT_TRUE((n - n).is_static());
  EXPECT_EQ(Dim::CeilDiv(n, 1), n);
  EXPECT_EQ(Dim::FloorDiv(2 * n, 2), n);
  EXPECT_EQ(Dim::FloorDiv(4 * n + 6, 4), n + 1);
  EXPECT_EQ(Dim::CeilDiv(4 * n + 6, 4), n + 2);
  EXPECT_EQ(Dim::FloorDiv(n * m, n), m);
  EXPECT_EQ(Dim::Mod(6 * n + 7, 3), Dim(1));
  EXPECT_EQ(Dim::Mod(n * m, m), Dim(0));
  EXPECT_EQ(Dim::FloorDiv(Dim::FloorDiv(n, 3), 5), Dim::FloorDiv(n, 15));
  EXPECT_EQ(Dim::Max(n, n), n);
  EXPECT_EQ(Dim::Max(n + 1, n + 4), n + 4);
  EXPECT_EQ(Dim::Min(Dim::Min(n, m), n), Dim::Min(m, n));
  EXPECT_EQ(Dim::Max(Dim::Max(n, 3), Dim::Max(m, 5)), Dim::Max(m, Dim::Max(5, n)));
  EXPECT_NE(n, m);
  EXPECT_TRUE(n.is_symbol());
  EXPECT_EQ(n.symbol(), "n");
  EXPECT_FALSE((2 * n).is_symbol());
  EXPECT_EQ(Dim(7).value(), 7);
  EXPECT_EQ(ToString(Dims{n, 64}), "(n, 64)");
  EXPECT_EQ(ToString(Dims{10001}), "(10001,)");
  EXPECT_EQ(ToString(Dims{}), "()");
  EXPECT_EQ(NumElements({n, 3, m}), 3 * m * n);
  EXPECT_EQ(NumElements({}), Dim(1));
}

TEST(Dim, WhatIsCutFromAnAxisAndJoinedIsTheAxis) {
  const Dim n = S("n"), m = S("m");
  EXPECT_EQ(Dim::Min(1, n) + Dim::Max(0, n - 1), n);
  EXPECT_EQ(Dim::Max(0, n - 1) + n - Dim::Max(0, n - 1), n);
  EXPECT_EQ(3 * Dim::Min(n, m) + 2 * Dim::Max(n + 4, m + 4), 2 * n + 2 * m + 8 + Dim::Min(n, m));
  EXPECT_EQ(-Dim::Min(n, m) - Dim::Max(n, m) + 1, 1 - n - m);
  EXPECT_NE(Dim::Min(n, m) - Dim::Max(n, m), n + m);
  EXPECT_NE(Dim::Min(1, n) + Dim::Max(0, n - 2), n);
  EXPECT_EQ((Dim::Min(n, m) + 1) * (Dim::Max(n, m) + 1), Dim::Min(n, m) * Dim::Max(n, m) + n + m + 1);
  EXPECT_EQ(Dim::Mod(Dim::Max(n, m) - Dim::Min(n, m), 3).Evaluate({{"n", 9}, {"m", 2}}).value(), 1);
  // Constants added in between do not stop nested ones from being one.
  EXPECT_EQ(Dim::Max(Dim::Max(n - 1, 0) - 1, 0), Dim::Max(n - 2, 0));
  EXPECT_EQ(Dim::Min(Dim::Min(n, 5) + 2, 6), Dim::Min(n + 2, 6));
  EXPECT_EQ(Dim::Max(n - 1 - Dim::Min(n, 1), 0), Dim::Max(n - 2, 0));
  EXPECT_EQ(Dim::Min(n + 1 - Dim::Max(n, 1), 5), Dim::Min(n, 1));
  EXPECT_EQ(Dim::Max(n - 3 - Dim::Max(n - 2, 0), 0), Dim(0));
  EXPECT_EQ(Dim::Max(Dim::Max(n - 3 - Dim::Max(n - 2, 0), m), 0), Dim::Max(m, 0));
  EXPECT_EQ(Dim::CeilDiv(Dim::Max(Dim::CeilDiv(Dim::Max(n, 0), 2), 0), 2), Dim::Max(Dim::CeilDiv(n, 4), 0));
  EXPECT_EQ(Dim::FloorDiv(Dim::Min(n, 9) + 1, 4), Dim::Min(Dim::FloorDiv(n + 1, 4), 2));
  Dim whole = n, shorter = n;
  for (int i = 0; i < 1000; ++i) {
    whole = Dim::Max(whole - 1, 0) + Dim::Min(1, whole);
    shorter = Dim::Max(shorter - 1, 0);
  }
  EXPECT_EQ(whole, n);
  EXPECT_EQ(shorter, Dim::Max(n - 1000, 0));
}

// An expression tree evaluated directly, without any normal form.
struct Tree {
  char op;  // n: number, s: symbol, + - * / (floor) c (ceil) % < (min) > (max) r (ceilsqrt)
  int64_t value = 0;
  std::unique_ptr<Tree> a, b;
};

std::unique_ptr<Tree> RandomTree(std::mt19937_64& rng, int depth) {
  auto t = std::make_unique<Tree>();
  if (depth == 0 || rng() % 5 == 0) {
    t->op = rng() % 2 ? 'n' : 's';
    t->value = t->op == 's' ? static_cast<int64_t>(rng() % 4) : static_cast<int64_t>(rng() % 13) - 4;
    return t;
  }
  t->op = "+-*/c%<>+*r"[rng() % 11];
  t->a = RandomTree(rng, depth - 1);
  t->b = RandomTree(rng, depth - 1);
  return t;
}

Dim Build(const Tree& t) {
  static const char* const kNames[] = {"a", "b", "c", "d"};
  if (t.op == 'n') return Dim(t.value);
  if (t.op == 's') return S(kNames[t.value]);
  const Dim a = Build(*t.a), b = Build(*t.b);
  switch (t.op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return Dim::FloorDiv(a, b);
    case 'c': return Dim::CeilDiv(a, b);
    case '%': return Dim::Mod(a, b);
    case '<': return Dim::Min(a, b);
    case 'r': return Dim::CeilSqrt(a);
    default: return Dim::Max(a, b);
  }
}

// nullopt: a zero divisor, or a value so large that the comparison is moot.
std::optional<int64_t> Direct(const Tree& t, const int64_t* values) {
  if (t.op == 'n') return t.value;
  if (t.op == 's') return values[t.value];
  const std::optional<int64_t> a = Direct(*t.a, values), b = Direct(*t.b, values);
  if (!a || !b) return std::nullopt;
  const auto floor_div = [](__int128 x, __int128 y) { return x / y - (x % y != 0 && (x < 0) != (y < 0)); };
  __int128 r = 0;
  switch (t.op) {
    case '+': r = static_cast<__int128>(*a) + *b; break;
    case '-': r = static_cast<__int128>(*a) - *b; break;
    case '*': r = static_cast<__int128>(*a) * *b; break;
    case '<': r = std::min(*a, *b); break;
    case '>': r = std::max(*a, *b); break;
    case 'r': while (r * r < *a) ++r; break;
    default:
      if (*b == 0) return std::nullopt;
      if (t.op == '/') r = floor_div(*a, *b);
      if (t.op == 'c') r = -floor_div(-static_cast<__int128>(*a), *b);
      if (t.op == '%') r = *a - floor_div(*a, *b) * *b;
  }
  const __int128 limit = __int128{1} << 40;
  if (r > limit || r < -limit) return std::nullopt;
  return static_cast<int64_t>(r);
}

TEST(Dim, NormalFormHasTheValueOfTheTree) {
  int compared = 0;
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    std::mt19937_64 rng(seed);
    const auto tree = RandomTree(rng, 1 + static_cast<int>(seed % 5));
    const Dim d = Build(*tree);
    const Dim again = P(d.ToString());
    ASSERT_EQ(again, d) << "seed " << seed << ": " << d.ToString() << " reads back as " << again.ToString();
    const absl::StatusOr<DimProgram> program = DimProgram::Compile(d, {"a", "b", "c", "d"});
    ASSERT_TRUE(program.ok()) << program.status();
    for (int k = 0; k < 8; ++k) {
      int64_t values[4];
      for (int64_t& v : values) v = static_cast<int64_t>(rng() % 21) - (k % 2 ? 6 : 0);
      const std::optional<int64_t> expected = Direct(*tree, values);
      if (!expected) continue;
      const absl::StatusOr<int64_t> got =
          d.Evaluate({{"a", values[0]}, {"b", values[1]}, {"c", values[2]}, {"d", values[3]}});
      ASSERT_TRUE(got.ok()) << "seed " << seed << ": " << got.status();
      ASSERT_EQ(*got, *expected) << "seed " << seed << ": " << d.ToString();
      int64_t fast = 0;
      ASSERT_EQ(program->Run(values, &fast), DimError::kNone);
      ASSERT_EQ(fast, *expected);
      ++compared;
    }
  }
  EXPECT_GT(compared, 30000);
}

TEST(Dim, CeilSqrt) {
  const Dim n = S("n"), root = Dim::CeilSqrt(n + 1);
  EXPECT_EQ(root.ToString(), "ceilsqrt(n+1)");
  EXPECT_EQ(P("2*ceilsqrt(n+1)*n"), 2 * n * root);
  EXPECT_EQ(root.Substitute({{"n", Dim(99)}}), Dim(10));
  int64_t k = 0;
  for (int64_t a = -5; a < 70000; ++a) {
    while (k * k < a) ++k;
    ASSERT_EQ(Dim::CeilSqrt(a), Dim(k)) << a;
  }
  constexpr int64_t kRoot = 3037000499;  // the largest whose square fits
  EXPECT_EQ(Dim::CeilSqrt(kRoot * kRoot), Dim(kRoot));
  EXPECT_EQ(Dim::CeilSqrt(kRoot * kRoot + 1), Dim(kRoot + 1));
  EXPECT_EQ(Dim::CeilSqrt(kRoot * kRoot - 1), Dim(kRoot));
  EXPECT_EQ(Dim::CeilSqrt(INT64_MAX), Dim(kRoot + 1));
  EXPECT_EQ(Dim::CeilSqrt(INT64_MIN), Dim(0));
  EXPECT_EQ(Dim::CeilSqrt(n).Evaluate({{"n", INT64_MAX}}).value(), kRoot + 1);
}

TEST(Dim, OrderOfConstructionDoesNotMatter) {
  std::mt19937_64 rng(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<Dim> parts;
    for (int i = 0; i < 8; ++i) {
      const Dim x = S(std::string(1, static_cast<char>('a' + rng() % 3)).c_str());
      parts.push_back(rng() % 3 == 0 ? Dim::Max(x, 4) * x : static_cast<int>(rng() % 5) * x + static_cast<int>(rng() % 3));
    }
    Dim sum(0), highest(1);
    for (const Dim& p : parts) sum = sum + p, highest = Dim::Max(highest, p);
    std::shuffle(parts.begin(), parts.end(), rng);
    Dim sum2(0), highest2(1);
    for (const Dim& p : parts) sum2 = p + sum2, highest2 = Dim::Max(p, highest2);
    ASSERT_EQ(sum, sum2);
    ASSERT_EQ(sum.ToString(), sum2.ToString());
    ASSERT_EQ(highest, highest2);
  }
}

TEST(Dim, SubstituteThenEvaluateIsEvaluateThenEvaluate) {
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    std::mt19937_64 rng(seed);
    const auto outer = RandomTree(rng, 3), inner = RandomTree(rng, 2);
    const int64_t values[] = {3, 11, 2, 5};
    const std::optional<int64_t> a = Direct(*inner, values);
    if (!a) continue;
    const int64_t replaced[] = {*a, 11, 2, 5};
    const std::optional<int64_t> expected = Direct(*outer, replaced);
    if (!expected) continue;
    const absl::StatusOr<int64_t> got = Build(*outer).Substitute({{"a", Build(*inner)}}).Evaluate(
        {{"a", 3}, {"b", 11}, {"c", 2}, {"d", 5}});
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(*got, *expected) << "seed " << seed;
  }
}

TEST(Dim, Symbols) {
  std::vector<std::string> names;
  (P("max(b,2*a)*c") + S("a")).CollectSymbols(&names);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("a", "b", "c"));
  const absl::StatusOr<int64_t> unbound = (S("rows") * 2).Evaluate({{"columns", 3}});
  EXPECT_EQ(unbound.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unbound.status().message()), HasSubstr("\"rows\" has no value"));
}

TEST(Dim, OverflowIsAnErrorNeverAWrap) {
  const int64_t big = int64_t{1} << 62;
  const Dim n = S("n");
  for (const Dim& d : {Dim(big) * 2, Dim(big) + big, Dim(big) * 4 * n, n * n * n, Dim(INT64_MIN) - 1,
                       -Dim(INT64_MIN), Dim::FloorDiv(INT64_MIN, -1), n + INT64_MAX}) {
    const absl::StatusOr<int64_t> v = d.Evaluate({{"n", big}});
    EXPECT_FALSE(v.ok()) << d.ToString() << " = " << *v;
    EXPECT_EQ(P(d.ToString()), d);
  }
  EXPECT_FALSE((Dim(big) * 2).is_static());
  // A zero factor decides a product; a sum overflows only by its exact value.
  EXPECT_EQ((n * n * n * S("z")).Evaluate({{"n", big}, {"z", 0}}).value(), 0);
  EXPECT_EQ((n + S("m") + S("k")).Evaluate({{"n", INT64_MAX}, {"m", 5}, {"k", -6}}).value(), INT64_MAX - 1);
  EXPECT_EQ(P("-9223372036854775808"), Dim(INT64_MIN));
  EXPECT_EQ(P("n-9223372036854775808*m"), n + Dim(INT64_MIN) * S("m"));
}

TEST(Dim, ZeroDivisors) {
  const Dim n = S("n");
  for (const Dim& d : {Dim::FloorDiv(n, 0), Dim::CeilDiv(5, n), Dim::Mod(7, n), Dim::Mod(n, 0)}) {
    const absl::StatusOr<int64_t> v = d.Evaluate({{"n", 0}});
    EXPECT_EQ(v.status().code(), absl::StatusCode::kInvalidArgument) << d.ToString();
    EXPECT_THAT(std::string(v.status().message()), HasSubstr("divides by zero"));
  }
}

TEST(Dim, BadTextNamesThePosition) {
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {
      {"", "operand at position 0"}, {"1+", "operand at position 2"}, {"a b", "at position 2"},
      {"(a", "expected \")\""}, {"foo(1,2)", "unknown function \"foo\""}, {"min(1)", "two or more"},
      {"mod(1,2,3)", "takes two arguments, got 3"}, {"9223372036854775808", "64 bits"}, {"a*/2", "position 2"},
      {"5n", "position 1"}, {"a\x80", "position 1"},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<Dim> d = Dim::Parse(c.text);
    ASSERT_FALSE(d.ok()) << c.text;
    EXPECT_EQ(d.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(d.status().message()), HasSubstr(c.why)) << c.text;
  }
}

TEST(Dim, HostileTextIsBounded) {
  EXPECT_FALSE(Dim::Parse(std::string(100000, '(') + "1" + std::string(100000, ')')).ok());
  std::string nested = "a";
  for (int i = 0; i < 1000; ++i) nested = "min(" + nested + ",b)*2";
  EXPECT_FALSE(Dim::Parse(nested).ok());
  EXPECT_FALSE(Dim::Parse(std::string(2 << 20, ' ')).ok());
  std::string sum = "x", product = "x", extremum = "max(x";
  for (int i = 0; i < 20000; ++i) {
    sum += "+y" + std::to_string(i);
    product += "*x";
    extremum += ",z" + std::to_string(i);
  }
  EXPECT_EQ(P(sum).Substitute({}), P(sum));
  EXPECT_FALSE(P(product).Evaluate({{"x", 2}}).ok());
  EXPECT_TRUE(Dim::Parse(extremum + ")").ok());
  // Seeded noise over the grammar's characters: any answer, no crash.
  std::mt19937_64 rng(3);
  for (int i = 0; i < 20000; ++i) {
    std::string s;
    for (size_t k = rng() % 24; k > 0; --k) s += "ab19+-*/(),minaxd "[rng() % 18];
    const absl::StatusOr<Dim> d = Dim::Parse(s);
    if (d.ok()) {
      EXPECT_EQ(P(d->ToString()), *d) << s;
    }
  }
}

TEST(Dim, DeepExpressionsBecomeAnErrorWhenEvaluated) {
  Dim d = S("n");
  for (int i = 0; i < 500; ++i) d = Dim::FloorDiv(d * d + 1, S("n"));
  const absl::StatusOr<int64_t> v = d.Evaluate({{"n", 1}});
  ASSERT_FALSE(v.ok());
  EXPECT_THAT(std::string(v.status().message()), HasSubstr("bounds"));
  // Nothing that is computed from it has a value.
  for (const Dim& made : {d - d, d * 0, Dim::FloorDiv(d, d), Dim::Mod(d, d), Dim::Max(0, d), d + 1 - d, -d + d}) {
    EXPECT_FALSE(made.Evaluate({{"n", 1}}).ok()) << made.ToString();
  }
}

TEST(DimProgram, UnknownSymbolsAreNamed) {
  const absl::StatusOr<DimProgram> p = DimProgram::Compile(S("rows") + 1, {"n", "m"});
  ASSERT_FALSE(p.ok());
  EXPECT_THAT(std::string(p.status().message()), HasSubstr("\"rows\" has no value, expected one of (n, m)"));
}

TEST(DimProgram, WideExpressionsUseTheHeap) {
  Dim sum(0);
  std::vector<std::string> names;
  std::vector<int64_t> values;
  int64_t expected = 0;
  for (int i = 0; i < 300; ++i) {
    names.push_back("s" + std::to_string(i));
    values.push_back(i);
    sum = sum + Dim::Max(S(names.back().c_str()), 7) * 2;
    expected += 2 * std::max(i, 7);
  }
  EXPECT_EQ(DimProgram::Compile(sum, names).value().Evaluate(values).value(), expected);
}

}  // namespace
}  // namespace oriel
