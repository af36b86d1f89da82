// Loops, branches, compositions, contractions and the evaluator's inputs.
#include <cmath>

#include "graph_test_util.h"

namespace oriel {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

using Values_ = std::vector<Value>;

TEST(Loop, CarriesValues) {
  const Value x = input("x", DType::f64, {2});
  Values_ out = loop(4, {x, scalar(0, DType::i64)}, [&](Value i, Values_ c) { return Values_{c[0] * 2 + x, c[1] + i}; });
  ASSERT_EQ(out.size(), 2u);
  EXPECT_THAT(EvalValues(out[0], {x}, {Make(DType::f64, {2}, {1, 2})}), ElementsAre(31, 62));
  EXPECT_THAT(EvalValues(out[1], {x}, {Make(DType::f64, {2}, {1, 2})}), ElementsAre(6));
}

TEST(Loop, TripsMayBeComputed) {
  const Value n = input("n", DType::i32, {});
  const Value out = loop(n, {scalar(1, DType::f64)}, [](Value, Values_ c) { return Values_{c[0] * 3}; })[0];
  EXPECT_THAT(EvalValues(out, {n}, {Make(DType::i32, {}, {3})}), ElementsAre(27));
  EXPECT_THAT(EvalValues(out, {n}, {Make(DType::i32, {}, {0})}), ElementsAre(1));
  EXPECT_THAT(EvalValues(out, {n}, {Make(DType::i32, {}, {-5})}), ElementsAre(1));
}

TEST(Loop, NestsAndCaptures) {
  const Value x = input("x", DType::f64, {});
  const Value out = loop(3, {scalar(0, DType::f64)}, [&](Value i, Values_ outer) {
    return loop(2, {outer[0]}, [&](Value j, Values_ inner) {
      return Values_{inner[0] + x + cast(i * 10 + j, DType::f64)};
    });
  })[0];
  // Six times x, i = 0 0 1 1 2 2 times ten, j = 0 1 three times.
  EXPECT_THAT(EvalValues(out, {x}, {Tensor::Scalar<double>(100)}), ElementsAre(600 + 60 + 3));
}

TEST(Loop, TypesMustStay) {
  const Value x = input("x", DType::f32, {3});
  EXPECT_THAT(TypeText(loop(2, {x}, [](Value, Values_ c) { return Values_{cast(c[0], DType::f64)}; })[0]),
              HasSubstr("loop: carried value 0 starts as float32 (3,) and the body returns float64 (3,)"));
  EXPECT_THAT(TypeText(loop(2, {x}, [](Value, Values_) { return Values_{}; })[0]),
              HasSubstr("the body returns 0 values, required 1"));
  EXPECT_THAT(TypeText(loop(1.5, {x}, [](Value, Values_ c) { return c; })[0]),
              HasSubstr("the trip count must be an integer, got float64"));
}

TEST(Loop, ValuesDoNotLeak) {
  const Value x = input("x", DType::f32, {3});
  Value leaked;
  const Value out = loop(2, {x}, [&](Value, Values_ c) {
    leaked = exp(c[0]);
    return Values_{leaked};
  })[0];
  ASSERT_TRUE(out.ok());
  const Value bad = leaked + 1;
  EXPECT_THAT(TypeText(bad), HasSubstr("was made in the body of a loop or branch at control_test.cpp:"));
  EXPECT_THAT(Evaluate({x}, {leaked}, {}, {Tensor::Ones({3})}).status().ToString(), HasSubstr("cannot be an output"));
}

TEST(Loop, EqualShapesUnderOtherSymbols) {
  const Value x = input("x", DType::f32, {dyn("p")}), y = input("y", DType::f32, {3});
  const Value out = loop(2, {x}, [&](Value, Values_ c) { return Values_{c[0] + y}; })[0];
  EXPECT_EQ(TypeText(out), "float32 (p,)");
  EXPECT_THAT(EvalValues(out, {x, y}, {Tensor::Ones({3}), Tensor::Ones({3})}), ElementsAre(3, 3, 3));
  EXPECT_FALSE(Evaluate({x, y}, {out}, {}, {Tensor::Ones({4}), Tensor::Ones({3})}).ok());
  EXPECT_TRUE(ToMlirText({x, y}, {out}).ok());
}

TEST(Branch, RunsOneBody) {
  const Value p = input("p", DType::boolean, {}), x = input("x", DType::f32, {2}), i = input("i", DType::i64, {1});
  // The gather of the body that is not chosen must not fail the call.
  const Value out = branch(p, [&] { return Values_{gather(x, {i})[0]}; }, [&] { return Values_{sum(x)}; })[0];
  auto run = [&](bool chosen, double index) {
    return Evaluate({p, x, i}, {out}, {}, {Tensor::Scalar<bool>(chosen), Make(DType::f32, {2}, {3, 4}), Make(DType::i64, {1}, {index})});
  };
  EXPECT_THAT(Values(run(true, 1)->front()), ElementsAre(4));
  EXPECT_THAT(Values(run(false, 9)->front()), ElementsAre(7));
  EXPECT_EQ(run(true, 9).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Branch, BodiesMustAgree) {
  const Value p = input("p", DType::boolean, {});
  EXPECT_THAT(TypeText(branch(p, [] { return Values_{scalar(1, DType::f32)}; }, [] { return Values_{scalar(1, DType::f64)}; })[0]),
              HasSubstr("branch: result 0 is float32 () in one body and float64 () in the other"));
  EXPECT_THAT(TypeText(branch(input("v", DType::boolean, {3}), [] { return Values_{scalar(1, DType::f32)}; },
                              [] { return Values_{scalar(1, DType::f32)}; })[0]),
              HasSubstr("branch: the condition must be bool (), got bool (3,)"));
}

TEST(Contraction, DotAndMatMulShapes) {
  auto in = [](Dims shape) { return input("x" + ToString(shape), DType::f32, shape); };
  const Dim n = dyn("n");
  EXPECT_EQ(TypeText(dot(in({3}), in({3}))), "float32 ()");
  EXPECT_EQ(TypeText(dot(in({n, 3}), in({3, 2}))), "float32 (n, 2)");
  EXPECT_EQ(TypeText(dot(2.0, in({3}))), "float32 (3,)");
  EXPECT_EQ(TypeText(matmul(in({n, 5, 3}), in({3, 2}))), "float32 (n, 5, 2)");
  EXPECT_EQ(TypeText(matmul(in({5, 3}), in({n, 3, 2}))), "float32 (n, 5, 2)");
  EXPECT_EQ(TypeText(matmul(in({n, 1, 5, 3}), in({4, 3, 2}))), "float32 (n, 4, 5, 2)");
  EXPECT_THAT(TypeText(matmul(in({2, 5, 3}), in({4, 3, 2}))), HasSubstr("matmul: batch axes of (2, 5, 3) and (4, 3, 2)"));
  EXPECT_THAT(TypeText(matmul(in({5, 3}), 2.0)), HasSubstr("must have at least one axis"));
}

TEST(Contraction, Values) {
  const Value a = constant(Make(DType::f32, {2, 1, 2}, {1, 2, 3, 4})), b = constant(Make(DType::f32, {2, 2}, {1, 2, 3, 4}));
  EXPECT_THAT(EvalValues(matmul(a, b)), ElementsAre(7, 10, 15, 22));
  EXPECT_THAT(EvalValues(matmul(b, transpose(a, {0, 2, 1}))), ElementsAre(5, 11, 11, 25));
  const Value p = constant(Make(DType::boolean, {2, 2}, {1, 0, 0, 0}));
  EXPECT_THAT(EvalValues(matmul(p, p)), ElementsAre(1, 0, 0, 0));
}

TEST(Composition, SoftmaxIsStable) {
  const Value x = constant(Make(DType::f64, {2, 3}, {1000, 1001, 1002, -5, -5, -5}));
  const double e0 = std::exp(-2.0), e1 = std::exp(-1.0), total = e0 + e1 + 1;
  const double third = 1.0 / 3;
  EXPECT_THAT(EvalValues(softmax(x)),
              Pointwise(DoubleNear(1e-15), {e0 / total, e1 / total, 1 / total, third, third, third}));
  EXPECT_THAT(EvalValues(log_softmax(x)),
              Pointwise(DoubleNear(1e-12), {-2 - std::log(total), -1 - std::log(total), -std::log(total), -std::log(3.0),
                                            -std::log(3.0), -std::log(3.0)}));
  EXPECT_THAT(EvalValues(logsumexp(x, {1})), Pointwise(DoubleNear(1e-12), {1002 + std::log(total), -5 + std::log(3.0)}));
  EXPECT_EQ(TypeText(logsumexp(x)), "float64 ()");
  EXPECT_EQ(TypeText(logsumexp(x, {0}, true)), "float64 (1, 3)");
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_THAT(EvalValues(logsumexp(constant(Make(DType::f64, {2, 2}, {-inf, -inf, inf, 0})), {-1})), ElementsAre(-inf, inf));
}

TEST(Composition, Relu) {
  EXPECT_THAT(EvalValues(relu(constant(Make(DType::f32, {3}, {-1, 0, 2})))), ElementsAre(0, 0, 2));
  EXPECT_EQ(relu(constant(Tensor::Ones({2}, DType::f16))).dtype(), DType::f16);
}

TEST(Evaluator, Updates) {
  const State w = state("w", Make(DType::f32, {2}, {1, 2}));
  const Value x = input("x", DType::f32, {2});
  absl::StatusOr<std::vector<Tensor>> out = Evaluate({x}, {sum(w * x)}, {{w, w + x}}, {Make(DType::f32, {2}, {10, 20})});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_THAT(Values((*out)[0]), ElementsAre(50));
  EXPECT_THAT(Values((*out)[1]), ElementsAre(11, 22));
  EXPECT_THAT(Values(w.value()), ElementsAre(1, 2));  // Evaluate changes nothing
}

TEST(Evaluator, RefusesWrongInputs) {
  const Dim n = dyn("n");
  const Value x = input("x", DType::f32, {n, 4}), y = input("y", DType::f32, {2 * n});
  const Value out = sum(x) + sum(y);
  auto error = [&](const std::vector<Tensor>& arguments) { return std::string(Evaluate({x, y}, {out}, {}, arguments).status().message()); };
  EXPECT_EQ(error({Tensor::Ones({3, 4})}), "got 1 inputs, required 2");
  EXPECT_EQ(error({Tensor::Ones({3, 4}, DType::f64), Tensor::Ones({6})}), "input 'x' is float64 (3, 4), required float32 (n, 4)");
  EXPECT_EQ(error({Tensor::Ones({3}), Tensor::Ones({6})}), "input 'x' is float32 (3,), required float32 (n, 4)");
  EXPECT_EQ(error({Tensor::Ones({3, 5}), Tensor::Ones({6})}), "input 'x' has extent 5 on axis 1, required 4 = 4");
  EXPECT_EQ(error({Tensor::Ones({3, 4}), Tensor::Ones({7})}), "input 'y' has extent 7 on axis 0, required 2*n = 6");
  EXPECT_EQ(error({Tensor::Ones({3, 4}), Tensor::Ones({6})}), "");
}

}  // namespace
}  // namespace oriel
