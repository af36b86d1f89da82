// The profile finds a slow node, names user nodes with their lines, and its rows
// add up to the measured wall time.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using Values = std::vector<Value>;

bool Names(const ApplyRow& row, const std::string& name) {
  for (const NodeInfo& n : row.nodes) if (n.name == name) return true;
  return false;
}

TEST(Profile, FindsTheSlowNode) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("n")});
  Value fast = tanh(x).named("fast");
  Value slow = dot(fast, x).named("slow");  // n^3 among n^2
  const int line = __LINE__ - 1;
  absl::StatusOr<Function> f = CompileInMode({x}, {sum(slow).named("total")}, {}, {.name = "find_me"});
  ASSERT_TRUE(f.ok()) << f.status();
  Tensor data = Data({700, 700}, DType::f32, 1);
  ASSERT_TRUE((*f)({data}).ok());
  if (!CurrentMode().options.profile) {
    EXPECT_FALSE(f->profile().enabled);
    EXPECT_EQ(f->profile().wall_seconds, 0);
    return;
  }
  f->reset_profile();
  double wall = 0;
  for (int i = 0; i < 1000 && wall < 0.15; ++i) {
    ASSERT_TRUE((*f)({data}).ok());
    wall = f->profile().wall_seconds;
  }
  const Profile p = f->profile();
  ASSERT_GE(p.wall_seconds, 0.15);
  double total = 0;
  const ApplyRow* largest = nullptr;
  bool runtime_row = false;
  for (const ApplyRow& row : p.rows) {
    total += row.seconds;
    runtime_row |= row.id == -1;
    if (largest == nullptr || row.seconds > largest->seconds) largest = &row;
  }
  EXPECT_TRUE(runtime_row);
  EXPECT_NEAR(total, p.wall_seconds, 0.01 * p.wall_seconds) << p.text();
  ASSERT_NE(largest, nullptr);
  EXPECT_TRUE(Names(*largest, "slow")) << p.text();
  const std::string text = p.text();
  for (const std::string& part : {std::string("find_me"), std::string("Class"), std::string("Ops"), std::string("Apply"),
                                  std::string("<% time>"), std::string("slow"), "profile_test.cpp:" + std::to_string(line),
                                  std::string("dtype=float32, shape=(700, 700), strides=c")}) {
    EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in:\n" << text;
  }
  EXPECT_NE(p.json().find("\"slow\""), std::string::npos);
}

// A product and the passes over its rows are one step: it names every node of both,
// with lines, and constant weights have a step of their own that ran once.
TEST(Profile, NamesThePassesOverAProductsRows) {
  const Value x = input("x", DType::f32, {dyn("m"), 64}), w = constant(Data({64, 96}, DType::f32, 2)).named("w");
  const Value product = matmul(x, w).named("product"), shifted = (product + 0.5f).named("shifted");
  const Value top = reduce_max(shifted, {-1}, true).named("top"), powers = exp(shifted - top).named("powers");
  const Value rows = (powers / sum(powers, {-1}, true)).named("rows");
  absl::StatusOr<Function> f = CompileInMode({x}, {rows}, {}, {.name = "passes"});
  ASSERT_TRUE(f.ok()) << f.status();
  for (int call = 0; call < 3; ++call) ASSERT_TRUE((*f)({Data({200, 64}, DType::f32, 1)}).ok());
  const std::string mode = CurrentMode().name;
  if (!CurrentMode().options.profile || mode == "no-fusion") return;
  const Profile p = f->profile();
  const ApplyRow *made = nullptr, *packed = nullptr;
  for (const ApplyRow& row : p.rows) {
    if (row.op_class == "MatMul") made = &row;
    if (row.op_class == "Pack") packed = &row;
  }
  ASSERT_NE(made, nullptr) << p.text();
  for (const char* name : {"product", "shifted", "top", "powers", "rows"}) EXPECT_TRUE(Names(*made, name)) << name << "\n" << p.text();
  for (const NodeInfo& node : made->nodes) EXPECT_GT(node.line, 0) << node.op;
  EXPECT_EQ(made->calls, 3);
  ASSERT_NE(packed, nullptr) << p.text();
  EXPECT_TRUE(Names(*packed, "w packed")) << p.text();
  EXPECT_EQ(packed->calls, mode == "guard" ? 3 : 1);
}

TEST(Profile, EveryNodeIsAccountedFor) {
  Value x = input("x", DType::f32, {dyn("n")});
  Value a = (x * 2.0).named("a"), b = (x * 2.0).named("b"), dead = exp(x).named("dead");
  Value folded = (scalar(2, DType::f32) * scalar(3, DType::f32)).named("folded");
  Value y = (tanh(a) + tanh(b) * folded).named("y");
  absl::StatusOr<Function> f = CompileInMode({x}, {y});
  ASSERT_TRUE(f.ok()) << f.status();
  bool merged = false, was_folded = false, live = false;
  for (const NodeInfo& n : f->nodes().nodes()) {
    if (n.name == "b") merged = n.origin == Origin::kMerged;
    if (n.name == "folded") was_folded = n.origin == Origin::kFolded;
    if (n.name == "y") live = n.origin == Origin::kUser && n.line > 0;
  }
  EXPECT_TRUE(merged);
  EXPECT_TRUE(was_folded);
  EXPECT_TRUE(live);
}

}  // namespace
}  // namespace oriel::e2e
