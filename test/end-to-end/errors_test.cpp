// What a careless or hostile caller gets: a clear error, the right status,
// nothing lost.
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using absl::StatusCode;

struct Sum {
  Value x = input("x", DType::f32, {dyn("n"), 4}), y = input("y", DType::f32, {dyn("n"), 4});
  absl::StatusOr<Function> f = CompileInMode({x, y}, {(x + y).named("total")}, {}, {.name = "adder"});
};

void ExpectError(const absl::Status& status, StatusCode code, const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), code) << status;
  for (const std::string& part : parts) {
    EXPECT_NE(std::string(status.message()).find(part), std::string::npos) << "no \"" << part << "\" in: " << status;
  }
}

TEST(Errors, WrongArguments) {
  Sum s;
  ASSERT_TRUE(s.f.ok()) << s.f.status();
  const Tensor good = Tensor::Ones({3, 4});
  ExpectError((*s.f)({good}).status(), StatusCode::kInvalidArgument, {"1", "2"});
  ExpectError((*s.f)({good, good, good}).status(), StatusCode::kInvalidArgument, {"3", "2"});
  ExpectError((*s.f)({good, Tensor::Ones({3, 4}, DType::f64)}).status(), StatusCode::kInvalidArgument, {"y", "float64", "float32"});
  ExpectError((*s.f)({good, Tensor::Ones({3})}).status(), StatusCode::kInvalidArgument, {"y", "(3,)"});
  ExpectError((*s.f)({good, Tensor::Ones({3, 5})}).status(), StatusCode::kInvalidArgument, {"y", "(3, 5)"});
  ExpectError((*s.f)({good, Tensor::Ones({2, 4})}).status(), StatusCode::kInvalidArgument, {"y", "n"});
  EXPECT_TRUE((*s.f)({good, good}).ok());
}

// The sections of an error stay whole or are left out whole, from the first that
// takes more than a line.
TEST(Errors, AreShortWhereAsked) {
  const Value x = input("x", DType::f32, {dyn("n")}), i = input("i", DType::i64, {});
  absl::StatusOr<Function> f = CompileInMode({x, i}, {x[i].named("picked")});
  absl::StatusOr<Function> large = CompileInMode({x}, {dot(reshape(x, {-1, 1}), reshape(x, {1, -1})).named("outer")});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE(large.ok()) << large.status();
  const auto messages = [&] {
    const absl::Status index = (*f)({Tensor::Ones({3}), Tensor::Scalar(int64_t{7})}).status();
    EXPECT_EQ(index.code(), StatusCode::kOutOfRange) << index;
    EXPECT_TRUE(Config::Set("memory_limit", "100MB").ok());
    const absl::Status memory = (*large)({Tensor::Ones({20000})}).status();
    EXPECT_TRUE(Config::Set("memory_limit", "0").ok());
    EXPECT_EQ(memory.code(), StatusCode::kResourceExhausted) << memory;
    return std::pair(std::string(index.message()), std::string(memory.message()));
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_EQ(Config::Text("exception_verbosity").value(), "high");
  const auto [long_index, long_memory] = messages();
  ASSERT_TRUE(Config::Set("exception_verbosity", "low").ok());
  const auto [index, memory] = messages();
  ASSERT_TRUE(Config::Set("exception_verbosity", "high").ok());
  for (const char* part : {"Inputs types:", "Outputs clients:", "Debugprint of the node:"}) {
    EXPECT_TRUE(has(long_index, part)) << long_index;
    EXPECT_TRUE(has(long_memory, part)) << long_memory;
    EXPECT_FALSE(has(index, part)) << index;
    EXPECT_FALSE(has(memory, part)) << memory;
  }
  EXPECT_TRUE(has(long_memory, "Storage map:"));
  EXPECT_FALSE(has(memory, "Storage map:"));
  EXPECT_TRUE(has(memory, "Requested: ") && has(memory, "Limit: ")) << memory;
  for (const std::string& text : {index, memory}) {
    EXPECT_TRUE(has(text, "Node that caused the error: ") && has(text, "Created at: errors_test.cpp:")) << text;
  }
  EXPECT_EQ(long_index.rfind(index, 0), 0u) << "the same as far as it goes";
}

TEST(Errors, NamedArguments) {
  Sum s;
  ASSERT_TRUE(s.f.ok()) << s.f.status();
  const Tensor good = Tensor::Ones({3, 4});
  ExpectError(s.f->Call({{"x", good}}).status(), StatusCode::kNotFound, {"y"});
  ExpectError(s.f->Call({{"x", good}, {"y", good}, {"z", good}}).status(), StatusCode::kNotFound, {"z"});
  EXPECT_TRUE(s.f->Call({{"x", good}, {"y", good}}).ok());
}

TEST(Errors, AtConstruction) {
  Value x = input("x", DType::f32, {3, 4}), y = input("y", DType::f32, {5});
  Value bad = x + y;
  const int line = __LINE__ - 1;
  ExpectError(bad.status(), StatusCode::kInvalidArgument, {"add", "(3, 4)", "(5,)", "errors_test.cpp:" + std::to_string(line)});
  Value later = tanh(bad) * 2.0;
  EXPECT_EQ(later.status(), bad.status());
  EXPECT_EQ(compile({x, y}, {later}).status(), bad.status());
  ExpectError(dot(x, x).status(), StatusCode::kInvalidArgument, {"matmul", "(3, 4)"});
  ExpectError(reshape(x, {5, -1}).status(), StatusCode::kInvalidArgument, {"reshape", "(3, 4)"});
  ExpectError(sum(x, {2}).status(), StatusCode::kInvalidArgument, {"axis 2"});
  ExpectError(concatenate({x, y}, 0).status(), StatusCode::kInvalidArgument, {"concatenate"});
  ExpectError(gather(x, {y}, 0).status(), StatusCode::kInvalidArgument, {"gather", "float32"});
}

TEST(Errors, AtCompile) {
  Value x = input("x", DType::f32, {3}), y = input("y", DType::f32, {3}), x2 = input("x", DType::f32, {3});
  ExpectError(compile({x}, {x + y}).status(), StatusCode::kInvalidArgument, {"y"});
  ExpectError(compile({x, x2}, {x + x2}).status(), StatusCode::kAlreadyExists, {"x"});
  State s = state("s", Tensor::Zeros({3}));
  ExpectError(compile({}, {}, {{s, cast(s, DType::f64)}}).status(), StatusCode::kInvalidArgument, {"s", "float64"});
  ExpectError(compile({}, {}, {{s, s + 1.0}, {s, s + 2.0}}).status(), StatusCode::kAlreadyExists, {"s"});
  EXPECT_FALSE(compile({x}, {Value()}).ok());
}

TEST(Errors, BodiesNestedTooDeep) {
  Value x = input("x", DType::f32, {3}), c = input("c", DType::f32, {});
  const std::function<Value(int)> nested = [&](int depth) -> Value {
    if (depth == 0) return tanh(x);
    return branch(
        c > static_cast<double>(depth), [&] { return std::vector<Value>{nested(depth - 1)}; },
        [&] { return std::vector<Value>{x * static_cast<double>(depth)}; })[0];
  };
  absl::StatusOr<Function> deep = CompileInMode({x, c}, {nested(32)});
  ASSERT_TRUE(deep.ok()) << deep.status();
  absl::StatusOr<std::vector<Tensor>> out = (*deep)({Tensor::Ones({3}), Tensor::Scalar(30.5f)});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ((*out)[0].data<float>()[0], 32);
  ExpectError(compile({x, c}, {nested(33)}).status(), StatusCode::kUnimplemented, {"errors_test.cpp:", "32 loops and branches"});
}

TEST(Errors, TextThatDoesNotParseOrVerify) {
  ExpectError(CompileText("module { garbage").status(), StatusCode::kInvalidArgument, {});
  ExpectError(CompileText("module { func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> { return %x : tensor<4xf32> } }").status(),
              StatusCode::kInvalidArgument, {});
  ExpectError(CompileText("module {}").status(), StatusCode::kInvalidArgument, {});
  ExpectError(CompileText("").status(), StatusCode::kInvalidArgument, {});
}

// Reports name a node's operands as the user wrote them: conversions and
// broadcasts that make them fit are nodes of their own, but no operands.
TEST(Errors, NodesKnowTheirOperands) {
  Value x = input("x", DType::f32, {dyn("n"), 4}), b = input("b", DType::i32, {4});
  Value h = (x + b).named("h");
  absl::StatusOr<Function> f = CompileInMode({x, b}, {tanh(h) * h});
  ASSERT_TRUE(f.ok()) << f.status();
  const auto names = [&](const std::string& op) {
    std::vector<std::string> names;
    for (const NodeInfo& node : f->nodes().nodes()) {
      if (node.op != op) continue;
      for (NodeId id : node.operands) names.push_back(f->nodes().Find(id)->name);
    }
    return names;
  };
  EXPECT_EQ(names("add"), (std::vector<std::string>{"x", "b"}));
  EXPECT_EQ(names("tanh"), std::vector<std::string>{"h"});
  EXPECT_EQ(names("mul"), (std::vector<std::string>{"", "h"}));
}

// What the shapes of a call rule out is told as an error of the run is.
TEST(Errors, ShapesThatDisagreeAtACall) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")}), y = input("y", DType::f32, {dyn("k"), dyn("l")});
  const int line = __LINE__ + 1;
  Value h = dot(x, y).named("h");
  absl::StatusOr<Function> f = CompileInMode({x, y}, {tanh(h)});
  ASSERT_TRUE(f.ok()) << f.status();
  ExpectError((*f)({Tensor::Ones({2, 3}), Tensor::Ones({4, 5})}).status(), StatusCode::kInvalidArgument,
              {"m is 3 but must equal k, which is 4", "\nNode that caused the error: matmul(x, y) 'h' [id ", "\nToposort index: 0",
               "\nCreated at: errors_test.cpp:" + std::to_string(line), "\nInputs types: [float32 (n, m), float32 (k, l)]",
               "\nInputs shapes: [(2, 3), (4, 5)]", "\nInputs strides: [(12, 4), (20, 4)]", "\nOutputs clients: ",
               "\nDebugprint of the node:\nmatmul [id "});
  EXPECT_TRUE((*f)({Tensor::Ones({2, 3}), Tensor::Ones({3, 5})}).ok());
  // Of a view, which no step computes, the operand all the same.
  absl::StatusOr<Function> view = CompileInMode({x}, {reshape(x, {2, -1})});
  ASSERT_TRUE(view.ok()) << view.status();
  ExpectError((*view)({Tensor::Ones({3, 5})}).status(), StatusCode::kInvalidArgument,
              {"\nNode that caused the error: reshape(x) [id ", "\nInputs types: [float32 (n, m)]", "\nInputs shapes: [(3, 5)]"});
}

// As many elements in another shape are not the value that is wanted.
TEST(Errors, OtherShapesOfAsManyElements) {
  Value x = input("x", DType::f32, {dyn("n"), dyn("m")}), y = input("y", DType::f32, {dyn("k"), dyn("l")});
  const Tensor tall = Tensor::Ones({3, 2}), wide = Tensor::Ones({2, 3});
  const auto refused = [&](const absl::StatusOr<Function>& f, std::vector<Tensor> wrong, std::vector<Tensor> right) {
    ASSERT_TRUE(f.ok()) << f.status();
    ExpectError((*f)(absl::MakeConstSpan(wrong)).status(), StatusCode::kInvalidArgument, {"must equal", "errors_test.cpp:"});
    EXPECT_TRUE((*f)(absl::MakeConstSpan(right)).ok());
  };
  State w = state("w", Tensor::Zeros({2, 3}));
  refused(CompileInMode({x}, {}, {{w, x}}), {tall}, {wide});
  refused(CompileInMode({x}, {}, {{w, tanh(x) * 2.0}}), {tall}, {wide});
  EXPECT_FLOAT_EQ(w.value().data<float>()[5], std::tanh(1.0f) * 2);
  Value c = input("c", DType::boolean, {});
  const Tensor yes = Tensor::Scalar<bool>(true);
  const std::vector<Value> chosen = branch(
      c, [&] { return std::vector<Value>{x + 1.0}; }, [&] { return std::vector<Value>{y * 2.0}; });
  refused(CompileInMode({c, x, y}, {chosen[0]}), {yes, tall, wide}, {yes, wide, wide});
  const std::vector<Value> ends = loop(2, {x}, [&](Value, std::vector<Value> carried) {
    return std::vector<Value>{y + sum(carried[0])};
  });
  refused(CompileInMode({x, y}, {ends[0]}), {tall, wide}, {wide, wide});
  CompileOptions given;
  given.givens = {{w, x}};
  refused(CompileInMode({x}, {w * 1.0}, {}, given), {tall}, {wide});
  refused(CompileInMode({x, y}, grad(Value(), {x}, {.known_grads = {{x * 2.0, y}}})), {tall, wide}, {wide, wide});
  refused(CompileInMode({x, y}, {set_subtensor(Subtensor::Of(x, {all()}), y)}), {tall, wide}, {wide, wide});
}

TEST(Errors, AnIndexOutsideItsAxis) {
  Value x = input("x", DType::f32, {dyn("n")});
  for (int64_t i : {3, -4}) {
    absl::StatusOr<Function> f = CompileInMode({x}, {x[{i}]});
    ASSERT_TRUE(f.ok()) << f.status();
    ExpectError((*f)({Tensor::Ones({3})}).status(), StatusCode::kOutOfRange,
                {"index " + std::to_string(i) + " is out of bounds for axis 0 with size n", "n = 3", "Node that caused the error:"});
    EXPECT_TRUE((*f)({Tensor::Ones({4})}).ok());
  }
}

TEST(Errors, MemoryLimitBelowTheInputs) {
  Value x = input("x", DType::f32, {dyn("n")});
  absl::StatusOr<Function> f = CompileInMode({x}, {x + 1.0}, {}, {.memory_limit = 1000});
  ASSERT_TRUE(f.ok()) << f.status();
  ExpectError((*f)({Tensor::Ones({1000})}).status(), StatusCode::kResourceExhausted,
              {"none: the inputs, states and constants alone", "Limit: 1000 bytes", "Storage map:", "What would fit:"});
  EXPECT_TRUE((*f)({Tensor::Ones({10})}).ok());
}

TEST(Errors, MemoryLimit) {
  Value a = input("a", DType::f32, {dyn("n"), 200}), b = input("b", DType::f32, {200, 4000});
  absl::StatusOr<Function> f = CompileInMode({a, b}, {dot(a, b).named("hidden")}, {}, {.memory_limit = 4'000'000'000});
  ASSERT_TRUE(f.ok()) << f.status();
  // 482112 x 200 by 200 x 4000: the result would need 7714 MB. The borrowed
  // input costs one page here; nothing reads it.
  absl::StatusOr<Tensor> zero = Tensor::Borrow(Tensor::Zeros({1}).raw(), {0, 200}, {}, DType::f32);
  ASSERT_TRUE(zero.ok());
  static float cell[200] = {};
  absl::StatusOr<Tensor> big = Tensor::Borrow(cell, {482112, 200}, {0, 4}, DType::f32);
  ASSERT_TRUE(big.ok()) << big.status();
  ExpectError((*f)({*big, Tensor::Ones({200, 4000})}).status(), StatusCode::kResourceExhausted,
              {"hidden", "7713792000 bytes (7714 MB)", "Requested:", "Free:", "Limit:", "Storage map:", "What would fit:", "errors_test.cpp:"});
  EXPECT_TRUE((*f)({Tensor::Ones({2, 200}), Tensor::Ones({200, 4000})}).ok());
  absl::StatusOr<MemoryReport> plan = f->PlanMemory({{"n", 482112}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  int64_t workspace = 0;  // packed panels: small, and a row of the report
  for (const BufferRow& row : plan->buffers) workspace += row.kind == "workspace" ? row.bytes : 0;
  EXPECT_LT(workspace, 10'000'000);
  EXPECT_EQ(plan->planned_peak, 482112 * 200 * 4 + 200 * 4000 * 4 + 7713792000 + workspace) << plan->text();
}

}  // namespace
}  // namespace oriel::e2e
