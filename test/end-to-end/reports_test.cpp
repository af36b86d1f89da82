// What a compiled program says of itself: trees, pictures, memory before and
// after it ran out, dtypes, and states on disk.
#include <unistd.h>

#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Every part, in order, each from a line's start where it begins with \n.
void ExpectInOrder(const std::string& text, const std::vector<std::string>& parts) {
  size_t at = 0;
  for (const std::string& part : parts) {
    const size_t next = text.find(part, at);
    ASSERT_NE(next, std::string::npos) << "no \"" << part << "\" in\n" << text;
    at = next;
  }
}

struct Step {
  Value x = input("x", DType::f32, {dyn("batch"), 6});
  Value t = input("t", DType::i64, {dyn("batch")});
  State w = state("W", Tensor::Normal({6, 4}, 1));
  Value logits = dot(x, w).named("logits");
  Value p = softmax(logits, 1).named("p");
  Value cost = (-mean(log(p[{arange(t.dim(0)), t}]))).named("cost");
  absl::StatusOr<Function> f = CompileInMode({x, t}, {cost}, {{w, w - 0.1f * dot(transpose(x), p)}}, {.name = "step"});

  std::vector<Tensor> Arguments(int64_t batch) { return {Tensor::Normal({batch, 6}, 3), Tensor::Zeros({batch}, DType::i64)}; }
};

TEST(Reports, DebugPrintProfileAndErrorsAgreeOnIds) {
  Step s;
  ASSERT_TRUE(s.f.ok()) << s.f.status();
  ASSERT_TRUE((*s.f)(s.Arguments(5)).ok());
  const std::string tree = DebugPrint(*s.f);
  EXPECT_THAT(tree, HasSubstr("-> output cost"));
  EXPECT_THAT(tree, HasSubstr("-> state W"));
  EXPECT_THAT(tree, HasSubstr("<float32 (batch, 4)> 'p'"));
  // Every node of the profile has its id in the tree, every step its number.
  const Profile profile = s.f->profile();
  for (const ApplyRow& row : profile.rows) {
    if (row.id < 0) continue;
    EXPECT_THAT(tree, HasSubstr(row.op_class + "{")) << row.name;
    EXPECT_THAT(tree, HasSubstr("   " + std::to_string(row.id))) << tree;
  }
  const std::string text = profile.text(1000);
  for (const NodeInfo& node : s.f->nodes().nodes()) {
    const std::string mark = " [id " + [&] {
      // As the report prints it: base 26.
      std::string letters;
      int64_t id = node.id;
      do {
        letters.insert(letters.begin(), static_cast<char>('A' + id % 26));
        id /= 26;
      } while (id > 0);
      return letters;
    }() + "]";
    if (text.find("node " + std::to_string(node.id) + mark + ": " + node.op) == std::string::npos) continue;
    EXPECT_THAT(tree, HasSubstr(mark)) << node.op << "\n" << tree;
  }
  // An index error names its node by the same id.
  std::vector<Tensor> bad = s.Arguments(5);
  bad[1].data<int64_t>()[3] = 9;
  const std::string message((*s.f)(bad).status().message());
  const size_t at = message.find("Node that caused the error: gather");
  ASSERT_NE(at, std::string::npos) << message;
  const size_t id = message.find("[id ", at);
  EXPECT_THAT(tree, HasSubstr(message.substr(id, message.find(']', id) - id + 1))) << message;
}

TEST(Reports, DebugPrintOfLoopsAndDepth) {
  Value x = input("x", DType::f64, {dyn("n")});
  const Value y = loop(4, {x}, [](Value i, std::vector<Value> c) {
    return std::vector<Value>{dot(tanh(c[0]), c[0]) * c[0] + cast(i, DType::f64)};
  })[0];
  absl::StatusOr<Function> f = CompileInMode({x}, {y.named("y")});
  ASSERT_TRUE(f.ok()) << f.status();
  const std::string tree = DebugPrint(*f);
  EXPECT_THAT(tree, HasSubstr("Inner graphs:"));
  EXPECT_THAT(tree, HasSubstr("\n >"));
  EXPECT_THAT(DebugPrint(*f, {.depth = 0}), HasSubstr("|..."));
  EXPECT_EQ(DebugPrint(Function()), "an empty Function\n");
}

TEST(Reports, PicturesOfFunctions) {
  Step s;
  ASSERT_TRUE(s.f.ok()) << s.f.status();
  EXPECT_THAT(Dot(*s.f), HasSubstr("digraph \"step\""));
  ASSERT_TRUE((*s.f)(s.Arguments(5)).ok());
  const std::string dot = Dot(*s.f);
  EXPECT_THAT(dot, HasSubstr("input x"));
  EXPECT_THAT(dot, HasSubstr("output cost"));
  EXPECT_THAT(dot, HasSubstr("new value of W"));
  EXPECT_THAT(dot, HasSubstr("reports_test.cpp:"));
  if (s.f->profile().enabled) EXPECT_THAT(dot, HasSubstr("% of the time"));
  EXPECT_THAT(Dot(*s.f, {.max_boxes = 8}), HasSubstr("folded into"));
}

// ---- memory ----

TEST(OutOfMemory, TheSourcesCase) {
  // 482112 x 200 by 200 x 4000 in a training step: the report, and no state
  // touched.
  Value a = input("a", DType::f32, {dyn("n"), 200});
  State w = state("layer_1/W", Tensor::Normal({200, 4000}, 1));
  State steps = state("steps", Tensor::Scalar<int64_t>(0));
  const int line = __LINE__ + 1;
  const Value hidden = dot(a, w).named("hidden");
  absl::StatusOr<Function> f =
      CompileInMode({a}, {hidden}, {{w, w * 0.5f}, {steps, steps + 1}}, {.name = "train", .memory_limit = 4'000'000'000});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor before = w.value();
  static float cell[200] = {};
  absl::StatusOr<Tensor> big = Tensor::Borrow(cell, {482112, 200}, {0, 4}, DType::f32);
  ASSERT_TRUE(big.ok()) << big.status();
  const absl::Status status = (*f)({*big}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  const std::string text(status.message());
  ExpectInOrder(text, {"'train' does not fit into the memory limit: output 'hidden' (482112, 4000) float32 needs 7713792000 bytes (7714 MB)",
                       "\nNode that caused the error: matmul(a, layer_1/W) 'hidden' [id ", "\nToposort index: ",
                       "\nCreated at: reports_test.cpp:" + std::to_string(line), "\nInputs types: [", "\nInputs shapes: [(482112, 200), (200, 4000)]",
                       "\nInputs strides: [(800, 4), (16000, 4)]", "\nInputs values: [not shown, not shown]", "\nOutputs clients: [[",
                       "\nDebugprint of the node:\nmatmul [id ", "\nRequested: 7713792000 bytes (7714 MB)", "\nFree: ",
                       "\nLimit: 4000000000 bytes (4000 MB)", "\nStorage map:", "layer_1/W, state, (200, 4000) float32, 3200000 bytes (3 MB)", "\n    total: ",
                       "\nWhat would fit:\n", "n: at most "});
  EXPECT_TRUE(BitEqual(w.value(), before));
  EXPECT_EQ(steps.value().ElementAsInt({}), 0);
  // What it says would fit does, and one more does not.
  const absl::StatusOr<int64_t> most = f->LargestThatFits("n");
  ASSERT_TRUE(most.ok()) << most.status();
  EXPECT_THAT(text, HasSubstr("n: at most "));
  EXPECT_LE(f->PlanMemory({{"n", *most}})->planned_peak, 4'000'000'000);
  EXPECT_GT(f->PlanMemory({{"n", *most + 1}})->planned_peak, 4'000'000'000);
  ASSERT_TRUE((*f)({Tensor::Ones({2, 200})}).ok());
  EXPECT_EQ(steps.value().ElementAsInt({}), 1);
}

TEST(DryRun, LargestThatFits) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")}), y = input("y", DType::f32, {dyn("k"), dyn("m")});
  absl::StatusOr<Function> f = compile({x, y}, {exp(x + y)}, {}, CurrentMode().options);
  ASSERT_TRUE(f.ok()) << f.status();
  // n and k must be equal: they grow together. Three arrays of n x 16 floats.
  const absl::StatusOr<int64_t> n = f->LargestThatFits("n", {{"m", 16}, {"k", 1}}, 1'920'000);
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 10000);
  EXPECT_EQ(f->PlanMemory({{"n", 10000}, {"k", 10000}, {"m", 16}})->planned_peak, 1'920'000);
  EXPECT_THAT(f->PlanMemory({{"n", 7}, {"k", 7}, {"m", 16}})->peak_formula, HasSubstr("m*n"));
  EXPECT_THAT(std::string(f->LargestThatFits("batch", {{"m", 16}}).status().message()), HasSubstr("has no dim 'batch'; its dims are (n, m, k)"));
  EXPECT_EQ(f->LargestThatFits("n", {{"k", 1}}).status().code(), absl::StatusCode::kInvalidArgument);
  Value z = input("z", DType::f32, {dyn("n"), 4});
  State big = state("big", Tensor::Zeros({1000}));
  absl::StatusOr<Function> g = compile({z}, {z + sum(big)}, {}, CurrentMode().options);
  ASSERT_TRUE(g.ok()) << g.status();
  EXPECT_EQ(g->LargestThatFits("n", {}, 1000).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Memory, TheTableOfSteps) {
  Step s;
  ASSERT_TRUE(s.f.ok()) << s.f.status();
  ASSERT_TRUE((*s.f)(s.Arguments(50)).ok());
  const MemoryReport report = s.f->memory();
  ASSERT_FALSE(report.applies.empty());
  int64_t last = report.applies[0].bytes;
  bool in_place = false;
  for (const MemoryApplyRow& row : report.applies) {
    EXPECT_LE(row.bytes, last);
    last = row.bytes;
    int64_t sum = 0;
    for (const auto& output : row.outputs) {
      sum += output.bytes;
      in_place = in_place || (output.how == 'i' && output.name == "W");
    }
    EXPECT_EQ(sum, row.bytes);
  }
  EXPECT_TRUE(in_place) << report.apply_text();  // the state's update
  EXPECT_THAT(report.apply_text(), HasSubstr("<Sum apply outputs (bytes)> <Apply outputs shape> <created/inplace/view> <Apply node>\n"));
  EXPECT_THAT(report.apply_text(1), HasSubstr("... (remaining "));
  EXPECT_THAT(report.json(), HasSubstr("\"applies\":[{\"id\":"));
}

// ---- dtypes ----

TEST(Reports, DTypesOfAFunction) {
  Value x = input("x", DType::f32, {dyn("n")});
  Value count = input("count", DType::i64, {});
  absl::StatusOr<Function> f = CompileInMode({x, count}, {x * (sum(x) / count)}), g = CompileInMode({x}, {x * 2.0f});
  ASSERT_TRUE(f.ok() && g.ok());
  EXPECT_THAT(DTypeReport(*f), HasSubstr("reports_test.cpp:"));
  EXPECT_THAT(DTypeReport(*f), HasSubstr("is float64"));
  EXPECT_THAT(DTypeReport(*g), HasSubstr("no buffer of"));
}

// ---- states on disk ----

TEST(Checkpoint, ResumingGivesTheSameBits) {
  const auto make = [](State w, State m, State count) {
    Value x = input("x", DType::f32, {dyn("n"), 8});
    const Value y = tanh(dot(x, w));
    const Value g = dot(transpose(x), y) / 10.0f;
    return CompileInMode({x}, {sum(y)}, {{m, m * 0.9f + g}, {w, w - 0.01f * (m * 0.9f + g)}, {count, count + 1}});
  };
  const auto states = [] {
    return std::vector<State>{state("w", Tensor::Normal({8, 8}, 5)), state("momentum", Tensor::Zeros({8, 8})), state("steps", Tensor::Scalar<int64_t>(0))};
  };
  const auto run = [](const Function& f, int from, int to) {
    for (int i = from; i < to; ++i) ASSERT_TRUE(f({Tensor::Normal({4, 8}, 100 + i)}).ok());
  };
  for (const char* end : {".npz", ".safetensors"}) {
    const std::string path = testing::TempDir() + "/checkpoint" + std::to_string(getpid()) + end;
    const std::vector<State> whole = states(), first = states(), second = states();
    absl::StatusOr<Function> f = make(whole[0], whole[1], whole[2]), a = make(first[0], first[1], first[2]), b = make(second[0], second[1], second[2]);
    ASSERT_TRUE(f.ok() && a.ok() && b.ok()) << f.status();
    run(*f, 0, 20);
    run(*a, 0, 8);
    ASSERT_TRUE(SaveStates(path, StatesOf({*a, *a})).ok());
    const absl::Status loaded = LoadStates(path, StatesOf({*b}));
    ASSERT_TRUE(loaded.ok()) << loaded;
    EXPECT_EQ(second[2].value().ElementAsInt({}), 8);
    run(*b, 8, 20);
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(BitEqual(whole[i].value(), second[i].value())) << whole[i].name();
    unlink(path.c_str());
  }
}

}  // namespace
}  // namespace oriel::e2e
