// What compile() takes beside outputs and updates: givens, defaults, names;
// functions that share states; limits that change.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::HasSubstr;

double At(const absl::StatusOr<std::vector<Tensor>>& out, std::vector<int64_t> index = {}) {
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? (*out)[0].ElementAsDouble(index) : 0;
}

TEST(Givens, AnInputByABatchOfAState) {
  Value x = input("x", DType::f64, {dyn("batch"), 2});
  State data = state("data", *Tensor::From<double>({1, 2, 3, 4, 5, 6, 7, 8}, {4, 2}));
  State total = state("total", Tensor::Zeros({}, DType::f64));
  Value i = input("i", DType::i64, {});
  const Value batch = dynamic_slice(data, {i * 2, constant(Tensor::Scalar<int64_t>(0))}, {2, 2});
  const Value cost = sum(x);
  absl::StatusOr<Function> f = CompileInMode({i}, {cost}, {{total, total + cost}}, {.givens = {{x, batch}}});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(At((*f)({Tensor::Scalar<int64_t>(0)})), 10);
  EXPECT_EQ(At((*f)({Tensor::Scalar<int64_t>(1)})), 26);
  EXPECT_EQ(total.value().ElementAsDouble({}), 36);
  // The expression itself is as it was.
  absl::StatusOr<Function> g = CompileInMode({x}, {cost});
  ASSERT_TRUE(g.ok()) << g.status();
  EXPECT_EQ(At((*g)({Tensor::Ones({5, 2}, DType::f64)})), 10);
  EXPECT_EQ(CompileText(ToMlirText({x}, {cost}).value(), {.givens = {{x, batch}}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CompileInMode({i}, {cost}, {}, {.givens = {{x, i}}}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Defaults, ByPositionAndByName) {
  Value x = input("x", DType::f64, {dyn("n")}), rate = input("rate", DType::f64, {}), bias = input("bias", DType::f64, {});
  State offset = state("offset", Tensor::Scalar(100.0));
  absl::StatusOr<Function> f = CompileInMode({x, rate, bias}, {sum(x) * rate + bias}, {{offset, offset + 1.0}},
                                             {.inputs = {In(rate, Tensor::Scalar(2.0)), In(bias, offset, "shift")}});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor ones = Tensor::Ones({3}, DType::f64);
  EXPECT_EQ(At((*f)({ones})), 106);
  EXPECT_EQ(At((*f)({ones})), 107);  // the state's value of now
  EXPECT_EQ(At((*f)({ones, Tensor::Scalar(3.0)})), 111);
  EXPECT_EQ(At((*f)({ones, Tensor::Scalar(3.0), Tensor::Scalar(0.0)})), 9);
  EXPECT_EQ(At(f->Call({{"x", ones}, {"shift", Tensor::Scalar(0.0)}})), 6);
  EXPECT_EQ(f->input_names(), (std::vector<std::string>{"x", "rate", "shift"}));
  EXPECT_EQ((*f)(absl::Span<const Tensor>()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(f->Call({{"x", ones}, {"bias", ones}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(f->Call({{"shift", ones}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(CompileInMode({x}, {sum(x)}, {}, {.inputs = {In(x, Tensor::Scalar(1.0))}}).status().message()),
              HasSubstr("the default of input 'x' is float64 (), required float64 ("));
  EXPECT_FALSE(CompileInMode({x}, {sum(x)}, {}, {.inputs = {In(rate, Tensor::Scalar(1.0))}}).ok());
}

TEST(Defaults, OfATextByName) {
  Value x = input("x", DType::f64, {dyn("n")}), rate = input("rate", DType::f64, {});
  CompileOptions options = CurrentMode().options;
  options.inputs = {In(Value(), Tensor::Scalar(2.0), "rate")};
  absl::StatusOr<Function> f = CompileText(ToMlirText({x, rate}, {sum(x) * rate}).value(), options);
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(At((*f)({Tensor::Ones({3}, DType::f64)})), 6);
  options.inputs = {In(Value(), Tensor::Scalar(2.0), "speed")};
  EXPECT_EQ(CompileText(ToMlirText({x, rate}, {sum(x) * rate}).value(), options).status().code(), absl::StatusCode::kNotFound);
}

TEST(Functions, ShareStates) {
  State w = state("w", Tensor::Zeros({2}, DType::f64));
  Value x = input("x", DType::f64, {2});
  absl::StatusOr<Function> train = CompileInMode({x}, {}, {{w, w + x}}), read = CompileInMode({}, {w * 1.0});
  ASSERT_TRUE(train.ok() && read.ok());
  ASSERT_TRUE((*train)({Tensor::Ones({2}, DType::f64)}).ok());
  ASSERT_TRUE((*train)({Tensor::Ones({2}, DType::f64)}).ok());
  EXPECT_EQ(At((*read)(absl::Span<const Tensor>()), {1}), 2);
  // A function of the same expression on a state of its own.
  State other = state("w2", Tensor::Full({2}, 7, DType::f64));
  absl::StatusOr<Function> copy = CompileInMode({}, {w * 1.0}, {}, {.givens = {{w, other}}});
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(At((*copy)(absl::Span<const Tensor>()), {0}), 7);
}

TEST(MemoryLimit, MayChangeWhileAFunctionLives) {
  Value x = input("x", DType::f64, {dyn("n")});
  absl::StatusOr<Function> f = CompileInMode({x}, {x + 1.0});
  ASSERT_TRUE(f.ok()) << f.status();
  const Tensor big = Tensor::Ones({100000}, DType::f64);
  ASSERT_TRUE((*f)({big}).ok());
  ASSERT_TRUE(Config::Set("memory_limit", "1MB").ok());
  const absl::Status status = (*f)({big}).status();
  const Tensor small = Tensor::Ones({1000}, DType::f64);
  const bool fits = (*f)({small}).ok();
  ASSERT_TRUE(Config::Set("memory_limit", "0").ok());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Limit: 1000000 bytes"));
  EXPECT_TRUE(fits);
  EXPECT_TRUE((*f)({big}).ok());
}

// What is compiled has the names of its compilation, also where the program
// comes from the cache: names are no part of its key.
TEST(Names, GivenLateShowInWhatIsCompiledAfter) {
  Value x = input("x", DType::f64, {dyn("n")});
  State w = state("w", Tensor::Scalar(2.0));
  Value hidden = tanh(x * w);
  const Value total = sum(hidden);
  absl::StatusOr<Function> before = CompileInMode({x}, {total});
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(hidden.set_name("hidden").ok());
  ASSERT_TRUE(x.set_name("words").ok());
  ASSERT_TRUE(w.set_name("scale").ok());
  absl::StatusOr<Function> after = CompileInMode({x}, {total});
  ASSERT_TRUE(after.ok()) << after.status();
  const auto has = [](const Function& f, const std::string& name) {
    for (const NodeInfo& node : f.nodes().nodes()) {
      if (node.name == name) return true;
    }
    return false;
  };
  EXPECT_FALSE(has(*before, "hidden"));
  EXPECT_TRUE(has(*after, "hidden"));
  EXPECT_EQ(before->input_names(), std::vector<std::string>{"x"});
  EXPECT_EQ(after->input_names(), std::vector<std::string>{"words"});
  const Tensor ones = Tensor::Ones({3}, DType::f64);
  EXPECT_EQ(At(before->Call({{"x", ones}})), At(after->Call({{"words", ones}})));
  EXPECT_THAT(after->memory().text(), HasSubstr("scale"));
  EXPECT_FALSE(after->Watch("none", [](const TapRecord&) { return absl::OkStatus(); }).ok());
  int seen = 0;
  ASSERT_TRUE(after->Watch("hidden", [&](const TapRecord&) { ++seen; return absl::OkStatus(); }).ok());
  ASSERT_TRUE((*after)({ones}).ok());
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace oriel::e2e
