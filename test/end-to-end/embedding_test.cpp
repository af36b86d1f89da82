// Tables updated row by row: a scatter works in the state's own buffer, whatever
// the size of the table; a failed call leaves every bit of it.
#include "gmock/gmock.h"
#include "test/end-to-end/harness.h"

namespace oriel::e2e {
namespace {

using ::testing::HasSubstr;
using Values = std::vector<Value>;

// The state's value before the call.
Value Read(const State& s) { return Operand(s).value; }

Tensor Indices(std::vector<int64_t> values) {
  Tensor t = Tensor::Zeros({static_cast<int64_t>(values.size())}, DType::i64);
  std::copy(values.begin(), values.end(), t.data<int64_t>());
  return t;
}

// Runs `updates` compiled and by the reference; states and outputs must agree
// (sums in another order, hence the tolerance).
void ExpectStatesMatch(const Values& inputs, const Values& outputs, const std::vector<Update>& updates, const std::vector<Tensor>& arguments,
                       const std::string& plan_has) {
  absl::StatusOr<std::vector<Tensor>> expected = Evaluate(inputs, outputs, updates, arguments);
  ASSERT_TRUE(expected.ok()) << expected.status();
  absl::StatusOr<Function> f = CompileInMode(inputs, outputs, updates);
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_THAT(f->plan_text(), HasSubstr(plan_has));
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(arguments));
  ASSERT_TRUE(out.ok()) << out.status();
  for (size_t i = 0; i < outputs.size(); ++i) EXPECT_TRUE(Close((*out)[i], (*expected)[i], {8, 1e-6})) << "output " << i;
  for (size_t i = 0; i < updates.size(); ++i) {
    EXPECT_TRUE(Close(updates[i].first.value(), (*expected)[outputs.size() + i], {8, 1e-6})) << updates[i].first.name() << "\n" << f->plan_text();
  }
  if (CurrentMode().options.guard_buffers) {
    const MemoryReport memory = f->memory();
    EXPECT_EQ(memory.measured_peak, memory.planned_peak) << memory.text();
  }
}

TEST(Embedding, RowsAreUpdatedInPlace) {
  for (bool add : {true, false}) {
    State w = state("W", Data({50, 7}, DType::f32, 1));
    Values in{input("idx", DType::i64, {dyn("n")}), input("rows", DType::f32, {dyn("n"), 7})};
    ExpectStatesMatch(in, {}, {{w, add ? scatter_add(w, {in[0]}, in[1]) : scatter_set(w, {in[0]}, in[1])}},
                      {Indices({3, -1, 3, 0, 49, 3}), Data({6, 7}, DType::f32, 2)}, "state  W f32(50, 7), updated in place");
  }
}

// The table: no second one, however short the call.
TEST(Embedding, AMillionRowsNeedNoSecondTable) {
  const int64_t rows = 1'000'000, width = 64, batch = 256;
  State w = state("W", Tensor::Zeros({rows, width}));
  Values in{input("idx", DType::i64, {dyn("n")}), input("rows", DType::f32, {dyn("n"), width})};
  absl::StatusOr<Function> f = CompileInMode(in, {}, {{w, scatter_add(w, {in[0]}, in[1])}});
  ASSERT_TRUE(f.ok()) << f.status();
  Tensor index = Tensor::Zeros({batch}, DType::i64), update = Data({batch, width}, DType::f32, 3);
  for (int64_t i = 0; i < batch; ++i) index.data<int64_t>()[i] = (i * 7919 + 13) * 104729 % rows;
  index.data<int64_t>()[5] = index.data<int64_t>()[4];
  for (int call = 0; call < 2; ++call) ASSERT_TRUE((*f)({index, update}).ok());
  const Tensor table = w.value();
  const float* rows_now = table.data<float>();
  for (int64_t i : {0, 3, 4, 255}) {
    for (int64_t k = 0; k < width; ++k) {
      float expected = 0;
      for (int call = 0; call < 2; ++call) {
        expected += update.data<float>()[i * width + k];
        if (i == 4) expected += update.data<float>()[(i + 1) * width + k];
      }
      ASSERT_EQ(rows_now[index.data<int64_t>()[i] * width + k], expected) << i << " " << k;
    }
  }
  const MemoryReport memory = f->memory();
  EXPECT_LE(memory.planned_peak, rows * width * 4 + (1 << 20)) << memory.text();
  if (CurrentMode().options.guard_buffers) {
    EXPECT_EQ(memory.measured_peak, memory.planned_peak) << memory.text();
  } else {
    EXPECT_LE(memory.arena_bytes, 1 << 20) << memory.text();
  }
  // What runs is what touches the batch: no phase over the table is left.
  const std::string plan = f->plan_text();
  EXPECT_THAT(plan, Not(HasSubstr(std::to_string(rows * width / 16384)))) << plan;
}

TEST(Embedding, ChainsWorkInOneBuffer) {
  State w = state("W", Data({20, 5}, DType::f64, 1));
  Values in{input("i", DType::i64, {dyn("n")}), input("a", DType::f64, {dyn("n"), 5}), input("j", DType::i64, {dyn("m")}),
            input("b", DType::f64, {dyn("m"), 5})};
  const std::vector<Tensor> arguments{Indices({1, 2, 2}), Data({3, 5}, DType::f64, 2), Indices({2, 19}), Data({2, 5}, DType::f64, 3)};
  const std::string in_place = "state  W f64(20, 5), updated in place";
  // A scatter of a scatter; a scatter into a decayed table; with readers of the
  // old value, returned too.
  ExpectStatesMatch(in, {}, {{w, scatter_add(scatter_set(w, {in[0]}, in[1]), {in[2]}, in[3])}}, arguments, in_place);
  ExpectStatesMatch(in, {}, {{w, scatter_add(scatter_add(w * 0.9, {in[0]}, in[1]), {in[2]}, in[3])}}, arguments, in_place);
  Value w_old = Read(w);
  ExpectStatesMatch(in, {w_old, sum(w_old, {0})}, {{w, scatter_add(w * 0.9, {in[0]}, in[1] + Read(w)[in[0]])}}, arguments, in_place);
}

TEST(Embedding, ATableReadAfterItsUpdateGetsASecondBuffer) {
  State w = state("W", Data({20, 5}, DType::f32, 1));
  Values in{input("i", DType::i64, {dyn("n")}), input("a", DType::f32, {dyn("n"), 5})};
  Value updated = scatter_add(w, {in[0]}, in[1]);
  // Rows of the new value may fail to be found, and the old one is read last.
  ExpectStatesMatch(in, {updated[in[0]]}, {{w, updated}}, {Indices({1, 2, 2}), Data({3, 5}, DType::f32, 2)}, "updated through a shadow: a step that may fail needs its new value");
  State v = state("v", Data({20, 5}, DType::f32, 1));
  Value other = scatter_set(v, {in[0]}, in[1]);
  ExpectStatesMatch(in, {sum(other * Read(v))}, {{v, other}}, {Indices({1, 2, 2}), Data({3, 5}, DType::f32, 2)}, "updated through a shadow: its old value is read after the new one is computed");
}

TEST(Embedding, UpdatesThatAreTheTableItself) {
  State w = state("W", Data({6, 5}, DType::f32, 1));
  Values in{input("i", DType::i64, {6})};
  ExpectStatesMatch(in, {}, {{w, scatter_add(w, {in[0]}, Read(w))}}, {Indices({1, 2, 2, 0, 5, 1})}, "updated through a shadow");
}

TEST(Embedding, ATemporaryIsScatteredIntoWhereItLies) {
  Values in{input("x", DType::f32, {dyn("n"), 5}), input("i", DType::i64, {dyn("m")}), input("a", DType::f32, {dyn("m"), 5})};
  const std::vector<Tensor> arguments{Data({1000, 5}, DType::f32, 1), Indices({1, 999, 1}), Data({3, 5}, DType::f32, 2)};
  Value y = sum(scatter_add(tanh(in[0]), {in[1]}, in[2]), {0});
  absl::StatusOr<Function> f = CompileInMode(in, {y});
  ASSERT_TRUE(f.ok()) << f.status();
  absl::StatusOr<std::vector<Tensor>> out = (*f)(absl::MakeConstSpan(arguments));
  absl::StatusOr<std::vector<Tensor>> expected = Evaluate(in, {y}, {}, arguments);
  ASSERT_TRUE(out.ok() && expected.ok()) << out.status() << expected.status();
  EXPECT_TRUE(Close((*out)[0], (*expected)[0], {64, 1e-4}));
  // The input, one temporary of its size, and little more.
  EXPECT_LT(f->memory().planned_peak, 2 * 20'032 + 4096) << f->memory().text();
}

// Two tables; the second's index is wrong.
struct TwoTables {
  State a = state("a", Data({30, 8}, DType::f32, 1)), b = state("b", Data({40, 8}, DType::f32, 2));
  Values in{input("i", DType::i64, {dyn("n")}), input("j", DType::i64, {dyn("n")}), input("x", DType::f32, {dyn("n"), 8})};
  std::vector<Update> updates{{a, scatter_add(a * 0.5, {in[0]}, in[2] * Read(b)[in[1]])}, {b, scatter_set(b, {in[1]}, in[2] * 2.0)}};
};

TEST(Embedding, TwoTablesInPlaceAndAWrongIndexChangesNeither) {
  TwoTables t;
  absl::StatusOr<Function> f = CompileInMode(t.in, {}, t.updates);
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_THAT(f->plan_text(), HasSubstr("state  a f32(30, 8), updated in place"));
  EXPECT_THAT(f->plan_text(), HasSubstr("state  b f32(40, 8), updated in place"));
  const Tensor x = Data({3, 8}, DType::f32, 3);
  const Tensor a = t.a.value().Clone(), b = t.b.value().Clone();
  absl::StatusOr<std::vector<Tensor>> wrong = (*f)({Indices({1, 2, 30}), Indices({1, 2, 3}), x});
  ASSERT_EQ(wrong.status().code(), absl::StatusCode::kOutOfRange) << wrong.status();
  EXPECT_THAT(wrong.status().message(), HasSubstr("index 30 is out of bounds for axis 0 with size 30 (position 2"));
  EXPECT_TRUE(BitEqual(t.a.value(), a) && BitEqual(t.b.value(), b));
  wrong = (*f)({Indices({1, 2, 3}), Indices({1, -41, 3}), x});
  ASSERT_EQ(wrong.status().code(), absl::StatusCode::kOutOfRange) << wrong.status();
  EXPECT_TRUE(BitEqual(t.a.value(), a) && BitEqual(t.b.value(), b));
  TwoTables same;
  ExpectStatesMatch(same.in, {}, same.updates, {Indices({1, 2, 3}), Indices({1, -40, 3}), x}, "updated in place");
}

TEST(Embedding, AFailureAtAnyStepChangesNoTable) {
  int failed = 0;
  for (int step = 0; step < 50; ++step) {
    TwoTables t;
    absl::StatusOr<Function> f = CompileInMode(t.in, {}, t.updates, {.fail_at_step = step});
    ASSERT_TRUE(f.ok()) << f.status();
    const Tensor a = t.a.value().Clone(), b = t.b.value().Clone();
    if ((*f)({Indices({1, 2, 3}), Indices({1, 2, 3}), Data({3, 8}, DType::f32, 3)}).ok()) break;
    ++failed;
    EXPECT_TRUE(BitEqual(t.a.value(), a) && BitEqual(t.b.value(), b)) << "after a failure at step " << step;
  }
  EXPECT_GE(failed, 4);
  EXPECT_LT(failed, 50);
}

// A table trained in a loop: the loop works in the state's second buffer alone.
TEST(Embedding, ALoopUpdatesItsTableInPlace) {
  const int64_t rows = 4000, width = 8;
  for (int64_t trips : {0, 1, 2, 5}) {
    SCOPED_TRACE(trips);
    State w = state("W", Data({rows, width}, DType::f32, 1));
    Values in{input("idx", DType::i64, {dyn("n")}), input("rows", DType::f32, {dyn("n"), width}), input("trips", DType::i64, {})};
    // Rows of the old value are read before it is written over.
    Value trained = loop(in[2], {Read(w)}, [&](Value i, Values c) {
      return Values{scatter_add(c[0], {in[0] + i}, in[1] * c[0][in[0]])};
    })[0];
    const std::vector<Tensor> arguments{Indices({3, 100, 3, 3990}), Data({4, width}, DType::f32, 2), Tensor::Scalar(trips)};
    absl::StatusOr<std::vector<Tensor>> expected = Evaluate(in, {}, {{w, trained}}, arguments);
    ASSERT_TRUE(expected.ok()) << expected.status();
    absl::StatusOr<Function> f = CompileInMode(in, {}, {{w, trained}});
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_THAT(f->plan_text(), HasSubstr("its new value is a loop's result"));
    ASSERT_TRUE((*f)(absl::MakeConstSpan(arguments)).ok());
    EXPECT_TRUE(Close(w.value(), (*expected)[0], {8, 1e-6})) << f->plan_text();
    EXPECT_LE(f->memory().planned_peak, 2 * rows * width * 4 + 4096) << f->memory().text();

    const Tensor before = w.value().Clone();
    absl::StatusOr<std::vector<Tensor>> wrong = (*f)({Indices({3, 100, 3, 3999}), arguments[1], Tensor::Scalar(int64_t{3})});
    ASSERT_EQ(wrong.status().code(), absl::StatusCode::kOutOfRange) << wrong.status();
    EXPECT_TRUE(BitEqual(w.value(), before));
  }
}

// What an iteration reads after the update is the old value: no shortcut.
TEST(Embedding, ALoopThatReadsTheOldTableLaterKeepsIt) {
  State w = state("W", Data({30, 4}, DType::f32, 1));
  Values in{input("idx", DType::i64, {dyn("n")}), input("rows", DType::f32, {dyn("n"), 4})};
  Values results = loop(3, {Read(w), sum(w)}, [&](Value, Values c) {
    Value next = scatter_add(c[0], {in[0]}, in[1]);
    return Values{next, sum(next * c[0]) + c[1] * 0.1};
  });
  ExpectStatesMatch(in, {results[1]}, {{w, results[0]}}, {Indices({1, 2, 1}), Data({3, 4}, DType::f32, 2)}, "its new value is a loop's result");
  State v = state("v", Data({30, 4}, DType::f32, 1));
  Values elementwise = loop(5, {Read(v)}, [&](Value i, Values c) { return Values{tanh(c[0]) + cast(i, DType::f32)}; });
  ExpectStatesMatch(in, {elementwise[0]}, {{v, elementwise[0]}}, {Indices({1, 2, 1}), Data({3, 4}, DType::f32, 2)}, "its new value is a loop's result");
}

}  // namespace
}  // namespace oriel::e2e
