// Expressions as trees, pictures and dtype reports.
#include "oriel/printing.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "runtime/core/tree_text.h"
#include "test/gtest/graph/graph_test_util.h"

namespace oriel {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(DebugPrint, AnExpression) {
  Value x = input("x", DType::f32, {dyn("n"), 4});
  State w = state("w", Tensor::Ones({4}));
  const Value h = (x * w).named("h");
  const Value y = sum(exp(h) + h, {0});
  EXPECT_EQ(DebugPrint({y}, {.lines = false}),
            "reduce{sum, axes=(0,)} [id A] <float32 (4,)>\n"
            " |add [id B] <float32 (n, 4)>\n"
            "   |exp [id C] <float32 (n, 4)>\n"
            "   | |mul [id D] <float32 (n, 4)> 'h'\n"
            "   |   |x [id E] <float32 (n, 4)>\n"
            "   |   |broadcast{axes=(1,)} [id F] <float32 (n, 4)>, broadcast to fit\n"
            "   |     |w [id G] <float32 (4,)>\n"
            "   |mul [id D] <float32 (n, 4)> 'h'\n");
  EXPECT_EQ(DebugPrint({y}, {.depth = 1, .types = false, .lines = false}),
            "reduce{sum, axes=(0,)} [id A]\n"
            " |add [id B]\n"
            "   |...\n");
  EXPECT_THAT(DebugPrint({h}), HasSubstr("'h'  printing_test.cpp:"));
  // Two roots share ids; constants show their values, errors what they are.
  EXPECT_THAT(DebugPrint({h, h * 2.0}), HasSubstr(" |mul [id A]"));
  EXPECT_THAT(DebugPrint({h * 2.0}), HasSubstr("constant{2"));
  EXPECT_THAT(DebugPrint({x + constant(Tensor::Ones({7}))}), HasSubstr("error{"));
  EXPECT_EQ(DebugPrint({Value()}), "error{empty Value}\n");
}

TEST(DebugPrint, BodiesFollow) {
  Value x = input("x", DType::f64, {});
  const Value y = loop(3, {x}, [](Value i, std::vector<Value> carried) {
    return std::vector<Value>{branch(
        i > 1, [&] { return std::vector<Value>{carried[0] * 2.0}; }, [&] { return std::vector<Value>{carried[0] - 1.0}; })[0]};
  })[0];
  const std::string text = DebugPrint({y}, {.lines = false});
  EXPECT_THAT(text, HasSubstr("\nInner graphs:\n\nloop"));
  EXPECT_THAT(text, HasSubstr(" >branch [id "));
  EXPECT_THAT(text, HasSubstr(" then\n >mul [id "));
  EXPECT_THAT(text, HasSubstr(" else\n >sub [id "));
}

TEST(DebugPrint, TenThousandNodesDeep) {
  Value x = input("x", DType::f32, {2});
  Value y = x;
  for (int i = 0; i < 10000; ++i) y = tanh(y);
  const std::string text = DebugPrint({y}, {.types = false, .lines = false});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10001);
  EXPECT_THAT(text, HasSubstr(" |(10000) x [id OUQ]"));
  EXPECT_LT(text.size(), 2'000'000u);
}

TEST(DebugPrint, LettersCountAsTheanosDo) {
  EXPECT_EQ(IdLetters(0), "A");
  EXPECT_EQ(IdLetters(25), "Z");
  EXPECT_EQ(IdLetters(26), "BA");
  EXPECT_EQ(IdLetters(27), "BB");
  EXPECT_EQ(IdLetters(26 * 26), "BAA");
  EXPECT_EQ(IdLetters(-1), "?");
}

// ---- pictures ----

// A network of `layers` layers with a skip at each.
Value Network(int layers) {
  Value x = input("x", DType::f32, {dyn("batch"), 8});
  Value h = x;
  for (int i = 0; i < layers; ++i) {
    State w = state("w" + std::to_string(i), Tensor::Ones({8, 8}));
    h = (tanh(dot(h, w)) + h).named("h" + std::to_string(i));
  }
  return sum(h);
}

size_t Boxes(const std::string& dot) {
  size_t count = 0;
  for (size_t at = dot.find("[label="); at != std::string::npos; at = dot.find("[label=", at + 1)) ++count;
  return count;
}

TEST(Dot, SmallLargeAndHuge) {
  const std::string small = Dot({Network(2)});
  EXPECT_THAT(small, HasSubstr("digraph \"expression\" {"));
  EXPECT_THAT(small, HasSubstr("'h1'\\nfloat32 (batch, 8)\\nprinting_test.cpp:"));
  EXPECT_THAT(small, Not(HasSubstr("folded")));
  for (int layers : {75, 2500}) {
    const std::string dot = Dot({Network(layers)});
    EXPECT_THAT(dot, HasSubstr("nodes folded into "));
    EXPECT_LE(Boxes(dot), 150u);
    EXPECT_GE(Boxes(dot), 20u);
  }
  EXPECT_THAT(Dot({Network(75)}, {.max_boxes = 100000}), Not(HasSubstr("folded")));
  EXPECT_THAT(Dot({input("a", DType::f32, {3}) + input("b", DType::f32, {4})}), HasSubstr("error"));
}

TEST(Dot, QuotesWhatIsNotPlain) {
  const std::string dot = Dot({(input("a\"b\\", DType::f32, {3}) + 1.0).named("x\"]; evil [label=\"")});
  EXPECT_THAT(dot, HasSubstr("a\\\"b\\\\"));
  EXPECT_THAT(dot, HasSubstr("x\\\"]; evil [label=\\\""));
}

bool HaveGraphviz() { return std::system("command -v dot >/dev/null 2>&1") == 0; }

TEST(Picture, SvgAndPngByGraphviz) {
  const std::string base = testing::TempDir() + "/picture" + std::to_string(getpid());
  const std::string dot = Dot({Network(2)});
  ASSERT_TRUE(WritePicture(dot, base + ".dot").ok());
  EXPECT_EQ(WritePicture(dot, base + ".jpeg2").code(), absl::StatusCode::kInvalidArgument);
  const absl::Status svg = WritePicture(dot, base + ".svg");
  if (HaveGraphviz()) {
    ASSERT_TRUE(svg.ok()) << svg;
    std::ifstream in(base + ".svg");
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    EXPECT_THAT(text, HasSubstr("</svg>"));
    EXPECT_TRUE(WritePicture(dot, base + ".png").ok());
    EXPECT_EQ(WritePicture("no graph at all {", base + "2.svg").code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(std::ifstream(base + "2.svg").good());
  } else {
    EXPECT_EQ(svg.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(svg.message()), HasSubstr("package graphviz"));
  }
  // Without the program in the path: a message that names the package.
  const char* path = std::getenv("PATH");
  const std::string before = path == nullptr ? "" : path;
  setenv("PATH", "/nowhere", 1);
  const absl::Status missing = WritePicture(dot, base + "3.svg");
  setenv("PATH", before.c_str(), 1);
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("package graphviz"));
  EXPECT_FALSE(std::ifstream(base + "3.svg").good());
  for (const char* end : {".dot", ".svg", ".png"}) unlink((base + end).c_str());
}

TEST(Progress, ALine) {
  EXPECT_EQ(ProgressText(320, 1797, 1.2, "cost 0.52", 10), "  320/1797 [=>........]  17%  1.2s, 5.5s left  cost 0.52");
  EXPECT_EQ(ProgressText(4, 4, 200, "", 4), " 4/4 [====] 100%  3m20s");
  EXPECT_EQ(ProgressText(0, 0, 0, "", 4), " 0/1 [>...]   0%  0.0s");
}

// ---- dtypes ----

TEST(DTypeReport, SaysWhereFloat64Entered) {
  Value x = input("x", DType::f32, {dyn("n")});
  Value count = input("count", DType::i64, {});
  EXPECT_EQ(DTypeReport({sum(x * 2.0)}), "no float type is wider than float32\n");
  const int line = __LINE__ + 1;
  const Value mean = sum(x) / count;  // NumPy: float32 by int64 is float64
  const Value y = x * mean;
  const std::string text = DTypeReport({y});
  EXPECT_THAT(text, HasSubstr("it entered at"));
  EXPECT_THAT(text, HasSubstr("printing_test.cpp:" + std::to_string(line) + ": cast{float64} is float64 (), from"));
  EXPECT_THAT(text, HasSubstr("'count' int64 ()"));
  EXPECT_THAT(text, Not(HasSubstr(": div")));  // it was wide before
  const std::string wide = DTypeReport({x * constant(Tensor::Ones({}, DType::f64))});
  EXPECT_THAT(wide, HasSubstr("a constant of that dtype"));
  EXPECT_EQ(DTypeReport({y}, DType::f64), "no float type is wider than float64\n");
}

}  // namespace
}  // namespace oriel
