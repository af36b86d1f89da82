// Indexing, slices and shape functions: the types, and the values by Evaluate.
#include <functional>

#include "graph_test_util.h"
#include "oriel/compose.h"
#include "runtime/graph/node.h"

namespace oriel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Dim n = dyn("n");

Tensor Range(Extents shape) {
  int64_t size = 1;
  for (int64_t extent : shape) size *= extent;
  std::vector<double> values;
  for (int64_t i = 0; i < size; ++i) values.push_back(static_cast<double>(i));
  return Make(DType::f32, std::move(shape), values);
}

const Value kCube = constant(Range({2, 3, 4}));
Value Index(std::vector<double> values) {
  const int64_t count = static_cast<int64_t>(values.size());
  return constant(Make(DType::i64, {count}, values));
}

TEST(Indexing, IntegersAndSlices) {
  EXPECT_THAT(EvalValues(kCube[1][2]), ElementsAre(20, 21, 22, 23));
  EXPECT_THAT(EvalValues(kCube[{1, -1, 0}]), ElementsAre(20));
  EXPECT_EQ(TypeText(kCube[{all(), 1}]), "float32 (2, 4)");
  EXPECT_THAT(EvalValues(kCube[{0, 0, slice(1, -1)}]), ElementsAre(1, 2));
  EXPECT_THAT(EvalValues(kCube[{0, 0, slice(std::nullopt, std::nullopt, -1)}]), ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(EvalValues(kCube[{0, 0, slice(-2, -5, -2)}]), ElementsAre(2, 0));
  EXPECT_THAT(EvalValues(kCube[{0, 0, slice(10, 20)}]), ElementsAre());
  EXPECT_THAT(EvalValues(kCube[{0, 0, slice(-100, 100, 3)}]), ElementsAre(0, 3));
  EXPECT_EQ(TypeText(kCube[{Value::Index::NewAxis(), 0, all(), Value::Index::NewAxis()}]), "float32 (1, 3, 1, 4)");
  EXPECT_THAT(TypeText(kCube[{0, 0, 0, 0}]), HasSubstr("too many indices: (2, 3, 4) has rank 3"));
  EXPECT_THAT(TypeText(kCube[{slice(0, 1, 0)}]), HasSubstr("the step of index 0 is 0"));
}

TEST(Indexing, SymbolicSlicesClampAsNumPy) {
  const Value x = input("x", DType::f32, {n});
  auto at = [&](const Value& y, int64_t size) { return EvalValues(y, {x}, {Range({size})}); };
  const Value tail = x[{slice(2, std::nullopt)}], head = x[{slice(std::nullopt, -1)}];
  const Value middle = x[{slice(1, -1)}], back = x[{slice(std::nullopt, std::nullopt, -1)}];
  EXPECT_THAT(at(tail, 4), ElementsAre(2, 3));
  EXPECT_THAT(at(tail, 1), ElementsAre());
  EXPECT_THAT(at(head, 3), ElementsAre(0, 1));
  EXPECT_THAT(at(head, 0), ElementsAre());
  EXPECT_THAT(at(middle, 4), ElementsAre(1, 2));
  EXPECT_THAT(at(middle, 1), ElementsAre());
  EXPECT_THAT(at(middle, 0), ElementsAre());
  EXPECT_THAT(at(back, 3), ElementsAre(2, 1, 0));
  EXPECT_THAT(at(back, 0), ElementsAre());
  EXPECT_THAT(at(x[{slice(-2, std::nullopt, 1)}], 3), ElementsAre(1, 2));
  EXPECT_THAT(at(x[{slice(-2, std::nullopt, 1)}], 1), ElementsAre(0));
  EXPECT_THAT(at(x[{slice(0, n)}], 3), ElementsAre(0, 1, 2));
  // The differences of neighbours: both slices have max(n-1, 0) elements.
  EXPECT_THAT(at(x[{slice(1, std::nullopt)}] - x[{slice(std::nullopt, -1)}], 4), ElementsAre(1, 1, 1));
  EXPECT_TRUE((x[{slice(1, std::nullopt)}] - x[{slice(std::nullopt, -1)}]).node()->requirements.empty());
  EXPECT_EQ(TypeText(tail), "float32 (max(0,n-2),)");
  EXPECT_EQ(TypeText(back), "float32 (n,)");
  EXPECT_THAT(at(x[-1], 4), ElementsAre(3));
  absl::StatusOr<std::vector<Tensor>> missing = Evaluate({x}, {x[3]}, {}, {Range({2})});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kOutOfRange);
}

// What a program does again and again to an axis of unknown extent: its extent is
// the one of the known axis, and said in as many words after many steps as after a
// few, so that they compile in time proportional to their number.
TEST(Indexing, ExtentsOfChainsStayShort) {
  const auto rows = [](const Value& x) { return x.dim(0); };
  const std::pair<const char*, std::function<Value(Value)>> kSteps[] = {
      {"rotate", [&](Value x) { return concatenate({slice(x, {1}, {rows(x)}), slice(x, {0}, {1}) * 1.01}, 0); }},
      {"rotate back", [&](Value x) { return concatenate({slice(x, {-1}, {rows(x)}), slice(x, {0}, {-1})}, 0); }},
      {"roll", [&](Value x) { return roll(x, -3, 0) + roll(x, 3, 0); }},
      {"inner", [&](Value x) { return slice(x, {1}, {-1}); }},
      {"neighbours", [&](Value x) { return slice(x, {1}, {-1}) + slice(x, {0}, {-2}) + slice(x, {2}, {rows(x)}); }},
      {"every second", [&](Value x) { return slice(x, {0}, {rows(x)}, {2}); }},
      {"every second but the first", [&](Value x) { return slice(x, {1}, {rows(x)}, {2}); }},
      {"halves", [&](Value x) {
         const Dim half = Dim::FloorDiv(rows(x), 2);
         return concatenate({slice(x, {half}, {rows(x)}), slice(x, {0}, {half})}, 0);
       }},
      {"window", [&](Value x) { return concatenate({slice(x, {1}, {rows(x)}), reshape(sum(x), {1})}, 0); }},
      {"differences", [&](Value x) { return concatenate({slice(x, {0}, {1}), slice(x, {1}, {rows(x)}) - slice(x, {0}, {-1})}, 0); }},
  };
  for (const auto& [name, step] : kSteps) {
    Value x = input("x", DType::f32, {n});
    for (int i = 0; i < 40; ++i) x = step(x);
    EXPECT_LT(rows(x).ToString().size(), 50u) << name << ": " << rows(x).ToString();
    for (int64_t extent = 0; extent < 10; ++extent) {
      Value any = input("x", DType::f32, {n}), known = input("x", DType::f32, {Dim(extent)});
      for (int i = 0; i < 6; ++i) {
        any = step(any);
        known = step(known);
        ASSERT_TRUE(any.ok() && known.ok()) << name << ": " << any.status() << known.status();
        const absl::StatusOr<int64_t> value = rows(any).Evaluate({{"n", extent}});
        ASSERT_TRUE(value.ok()) << value.status();
        ASSERT_EQ(*value, rows(known).value()) << name << ", " << extent << " rows, step " << i << ": " << rows(any).ToString();
      }
    }
  }
}

TEST(Indexing, IntegerArrays) {
  const Value i = Index({1, 0}), j = Index({2, -1});
  EXPECT_EQ(TypeText(kCube[i]), "float32 (2, 3, 4)");
  EXPECT_THAT(EvalValues(kCube[{i, 0, 0}]), ElementsAre(12, 0));
  EXPECT_THAT(EvalValues(kCube[{i, j, 0}]), ElementsAre(20, 8));
  EXPECT_EQ(TypeText(kCube[{all(), i}]), "float32 (2, 2, 4)");
  EXPECT_THAT(EvalValues(kCube[{all(), i, 0}]), ElementsAre(4, 0, 16, 12));
  EXPECT_THAT(EvalValues(kCube[{0, slice(0, 2), j}]), ElementsAre(2, 6, 3, 7));
  // Arrays apart from each other: their axes come first.
  EXPECT_EQ(TypeText(kCube[{i, all(), j}]), "float32 (2, 3)");
  EXPECT_THAT(EvalValues(kCube[{i, all(), j}]), ElementsAre(14, 18, 22, 3, 7, 11));
  EXPECT_THAT(TypeText(kCube[input("p", DType::boolean, {2})]), HasSubstr("an index array must be of integers, got bool"));
}

TEST(Indexing, ArraysBroadcastTogether) {
  const Value rows = constant(Make(DType::i32, {2, 1}, {0, 1})), columns = Index({3, 0});
  const Value x = constant(Range({2, 4}));
  EXPECT_THAT(EvalValues(x[{rows, columns}]), ElementsAre(3, 0, 7, 4));
}

TEST(Indexing, GatherErrorsNameTheNode) {
  const Value x = input("x", DType::f32, {3}), i = input("i", DType::i64, {2});
  const Value picked = gather(x, {i}).named("picked");
  const int line = __LINE__ - 1;
  const absl::Status status = Evaluate({x, i}, {picked}, {}, {Range({3}), Make(DType::i64, {2}, {0, -4})}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(std::string(status.message()),
            "indexing_test.cpp:" + std::to_string(line) +
                ": 'picked': gather: index -4 is out of range for axis 0 with extent 3 (position 1 of index operand 0)");
}

TEST(Indexing, ScatterBroadcastsUpdates) {
  const Value x = constant(Tensor::Zeros({3, 2}));
  EXPECT_THAT(EvalValues(scatter_add(x, {Index({0, 0, 2})}, constant(Make(DType::f32, {2}, {1, 10})))),
              ElementsAre(2, 20, 0, 0, 1, 10));
  EXPECT_THAT(EvalValues(scatter_set(x, {Index({1}), Index({1})}, constant(Make(DType::i32, {1}, {7})))),
              ElementsAre(0, 0, 0, 7, 0, 0));
  EXPECT_THAT(TypeText(scatter_add(x, {Index({0})}, constant(Tensor::Zeros({3})))), HasSubstr("scatter: updates are"));
}

TEST(Shape, Reshape) {
  const Value x = input("x", DType::f32, {n, 8, 8});
  EXPECT_EQ(TypeText(reshape(x, {n, -1})), "float32 (n, 64)");
  EXPECT_EQ(TypeText(reshape(x, {-1, 64})), "float32 (n, 64)");
  EXPECT_EQ(TypeText(reshape(x, {-1})), "float32 (64*n,)");
  EXPECT_THAT(TypeText(reshape(x, {-1, -1})), HasSubstr("only one entry of (-1, -1) may be -1"));
  EXPECT_THAT(TypeText(reshape(kCube, {5, -1})), HasSubstr("cannot reshape (2, 3, 4) with 24 elements into (5, -1)"));
  EXPECT_EQ(TypeText(squeeze(expand_dims(kCube, -1), 3)), "float32 (2, 3, 4)");
  EXPECT_THAT(TypeText(squeeze(kCube, 0)), HasSubstr("has extent 2, required 1"));
  EXPECT_EQ(TypeText(transpose(kCube)), "float32 (4, 3, 2)");
  EXPECT_EQ(TypeText(transpose(kCube, {1, 0, -1})), "float32 (3, 2, 4)");
}

TEST(Shape, BroadcastingOfOperands) {
  const Value x = input("x", DType::f32, {n, 4}), row = input("row", DType::f32, {4}), column = input("column", DType::f32, {n, 1});
  EXPECT_EQ(TypeText(x + row), "float32 (n, 4)");
  EXPECT_EQ(TypeText(row + column), "float32 (n, 4)");
  EXPECT_EQ(TypeText(broadcast_to(row, {3, n, 4})), "float32 (3, n, 4)");
  EXPECT_THAT(TypeText(broadcast_to(x, {4})), HasSubstr("which has fewer axes"));
  EXPECT_THAT(EvalValues(row + column, {row, column}, {Range({4}), Range({2, 1})}), ElementsAre(0, 1, 2, 3, 1, 2, 3, 4));
}

TEST(Shape, DifferentSymbolsAreCheckedWhenRun) {
  const Value a = input("a", DType::f32, {dyn("p")}), b = input("b", DType::f32, {dyn("q")});
  const Value total = a + b;
  const int line = __LINE__ - 1;
  EXPECT_THAT(EvalValues(total, {a, b}, {Range({3}), Range({3})}), ElementsAre(0, 2, 4));
  absl::Status status = Evaluate({a, b}, {total}, {}, {Range({3}), Range({2})}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("indexing_test.cpp:" + std::to_string(line)));
  EXPECT_THAT(std::string(status.message()), HasSubstr("add: axis 0 of the operands: p = 3 must equal q = 2"));
}

TEST(Shape, DynamicSliceAndDimValue) {
  const Value x = input("x", DType::f32, {n});
  const Value i = input("i", DType::i32, {});
  const Value block = dynamic_slice(x, {i}, {2});
  EXPECT_THAT(EvalValues(block, {x, i}, {Range({5}), Make(DType::i32, {}, {3})}), ElementsAre(3, 4));
  EXPECT_EQ(Evaluate({x, i}, {block}, {}, {Range({5}), Make(DType::i32, {}, {4})}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(EvalValues(dim_value(2 * x.dim(0)) + arange(x.dim(0)), {x}, {Range({3})}), ElementsAre(6, 7, 8));
}

}  // namespace
}  // namespace oriel
