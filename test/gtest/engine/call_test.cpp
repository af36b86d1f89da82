// File: call_test.cpp
//
// Running programs: shapes, errors, loops, branches, states, limits, guards.
#include <cstring>
#include <random>
#include <thread>

#include "gmock/gmock.h"
#include "oriel/config.h"
#include "test/gtest/engine/program_builder.h"

namespace oriel::testing {
namespace {

using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(Call, RunsAndReusesContexts) {
  const Function f = Expect(AddMul().Make());
  for (int round = 0; round < 3; ++round) {
    for (int64_t n : {3, 0, 1000, 3}) {
      const Tensor a = Tensor::Uniform({n}, 1), b = Tensor::Uniform({n}, 2);
      const std::vector<Tensor> out = Expect(f({a, b}));
      ASSERT_EQ(out.size(), 1u);
      ASSERT_EQ(out[0].shape(), Extents{n});
      for (int64_t i = 0; i < n; ++i) {
        const float x = a.data<float>()[i], y = b.data<float>()[i];
        ASSERT_EQ(out[0].data<float>()[i], (x + y) * x);
      }
    }
  }
  EXPECT_EQ(f.name(), "add_mul");
  EXPECT_EQ(f.input_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(f.input_dtypes(), (std::vector<DType>{DType::f32, DType::f32}));
  EXPECT_TRUE(Function().input_dtypes().empty());
  EXPECT_EQ(f.output_names(), (std::vector<std::string>{"y"}));
  EXPECT_EQ(f.profile().calls, 12);
}

TEST(Call, OutputsAreNew) {
  const Function f = Expect(AddMul().Make());
  const std::vector<Tensor> first = Expect(f({F32({1, 2}), F32({3, 4})}));
  Expect(f({F32({5, 6}), F32({7, 8})}));
  EXPECT_EQ(Floats(first[0]), (std::vector<float>{4, 12}));
}

TEST(Call, LargeOutputsReuseDroppedMemoryOnly) {
  Function f = Expect(AddMul().Make());
  const Tensor a = Tensor::Ones({1'000'000}), b = Tensor::Ones({1'000'000});
  Tensor first = Expect(f({a, b}))[0];
  const void* address = first.raw();
  const Tensor second = Expect(f({b, first}))[0];  // 3: not in the first's memory
  EXPECT_NE(second.raw(), address);
  EXPECT_EQ(first.data<float>()[999'999], 2.0f);
  EXPECT_EQ(second.data<float>()[999'999], 3.0f);
  first = Tensor();
  Tensor third = Expect(f({a, b}))[0];
  EXPECT_EQ(third.raw(), address);
  EXPECT_EQ(third.data<float>()[0], 2.0f);
  EXPECT_EQ(second.data<float>()[0], 3.0f);
  f = Function();  // outputs outlive their function
  EXPECT_EQ(third.data<float>()[999'999], 2.0f);
}

TEST(Call, StridedInputsAreCopiedAndReported) {
  const Function f = Expect(AddMul().Make());
  const Tensor wide = F32({1, 10, 2, 20, 3, 30}, {3, 2});
  const Tensor strided = *Tensor::Borrow(const_cast<void*>(wide.raw()), {3}, {8}, DType::f32);
  ASSERT_FALSE(strided.contiguous());
  const std::vector<Tensor> out = Expect(f({strided, F32({1, 1, 1})}));
  EXPECT_EQ(Floats(out[0]), (std::vector<float>{2, 6, 12}));
  const Profile profile = f.profile();
  bool found = false;
  for (const ApplyRow& row : profile.rows) found = found || (row.op_class == "InputCopy" && row.calls == 1);
  EXPECT_TRUE(found) << profile.text();
  EXPECT_THAT(f.memory().text(), HasSubstr("contiguous copies of strided inputs"));
  const Tensor reversed = *Tensor::Borrow(const_cast<float*>(wide.data<float>()) + 4, {3}, {-8}, DType::f32);
  EXPECT_EQ(Floats(Expect(f({reversed, F32({1, 1, 1})}))[0]), (std::vector<float>{12, 6, 2}));
}

TEST(Call, LargeStridedInputsAreCopiedByAllThreads) {
  CompileOptions options;
  options.num_threads = 3;
  const Function f = Expect(AddMul().Make(options));
  constexpr int64_t n = 1'000'003;
  std::vector<float> every_third(3 * n), ones(n, 1.0f);
  for (int64_t i = 0; i < n; ++i) every_third[3 * i] = static_cast<float>(i % 1000);
  const Tensor strided = *Tensor::Borrow(every_third.data() + 3 * (n - 1), {n}, {-12}, DType::f32);
  const Tensor out = Expect(f({strided, *Tensor::Borrow(ones.data(), {n}, {4}, DType::f32)}))[0];
  for (int64_t i = 0; i < n; ++i) {
    const float x = every_third[3 * (n - 1 - i)];
    ASSERT_EQ(out.data<float>()[i], (x + 1) * x) << i;
  }
}

TEST(Call, WrongInputs) {
  const Function f = Expect(AddMul().Make());
  const auto error = [&](std::vector<Tensor> inputs) {
    const absl::StatusOr<std::vector<Tensor>> out = f(inputs);
    EXPECT_EQ(out.status().code(), absl::StatusCode::kInvalidArgument);
    return Message(out.status());
  };
  EXPECT_THAT(error({F32({1})}), HasSubstr("takes 2 inputs (a, b), 1 given"));
  EXPECT_THAT(error({F32({1}), F32({1}), F32({1})}), HasSubstr("3 given"));
  EXPECT_THAT(error({F32({1}), Tensor::Zeros({1}, DType::f64)}), HasSubstr("input 'b' (b at model.cpp:11): wrong dtype; expected float32 (n,), got float64 (1,)"));
  EXPECT_THAT(error({F32({1}), Tensor::Zeros({1, 1})}), HasSubstr("wrong rank 2, expected 1"));
  EXPECT_THAT(error({F32({1, 2}), F32({1, 2, 3})}), HasSubstr("axis 0 has 3 elements, but 'n' is 2 by axis 0 of input 'a'"));
  EXPECT_EQ(f.Call({{"a", F32({1})}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(f.Call({{"a", F32({1})}, {"b", F32({1})}, {"c", F32({1})}}).status()), HasSubstr("no input 'c'; it takes (a, b)"));
  EXPECT_EQ(Floats(Expect(f.Call({{"a", F32({2})}, {"b", F32({3})}}))[0]), (std::vector<float>{10}));
  EXPECT_EQ(Function()({F32({1})}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Call, DimExpressionsAndConstraints) {
  ProgramBuilder b;
  const Dim n = b.Symbol("n"), m = b.Symbol("m");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t y = b.Input("y", DType::f32, {2 * n + 1});
  b.Input("z", DType::f32, {m, 4});
  const int32_t out = b.Output("out", DType::f32, {n});
  b.program().constraints.push_back({m, n + 1, b.program().buffers[out].node, "concatenate: rows"});
  b.Add(b.Elementwise("add", {x, y}, {out}), {out});
  const Function f = Expect(b.Make());
  EXPECT_EQ(Floats(Expect(f({F32({1, 2}), Tensor::Ones({5}), Tensor::Zeros({3, 4})}))[0]), (std::vector<float>{2, 3}));
  EXPECT_THAT(Message(f({F32({1, 2}), Tensor::Ones({4}), Tensor::Zeros({3, 4})}).status()), HasSubstr("expected 2*n+1 = 5"));
  EXPECT_THAT(Message(f({F32({1, 2}), Tensor::Ones({5}), Tensor::Zeros({3, 3})}).status()), HasSubstr("axis 1 has 3 elements, expected 4"));
  const absl::Status broken = f({F32({1, 2}), Tensor::Ones({5}), Tensor::Zeros({2, 4})}).status();
  EXPECT_EQ(broken.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(broken), HasSubstr("concatenate: rows"));
  EXPECT_THAT(Message(broken), HasSubstr("m is 2 but must equal"));
}

// x summed through two phases with scratch and shared workspace.
ProgramBuilder SumProgram() {
  ProgramBuilder b("sum");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t out = b.Output("total", DType::f32, {});
  DispatchStep d = b.Elementwise("sum_partial", {x}, {out});
  d.phases = {{"sum_partial", Dim::CeilDiv(n, Dim(kBlock))}, {"sum_total", 1}};
  d.args.back().value = n;
  d.scratch_bytes = 64;
  d.shared_bytes = 4 * Dim::CeilDiv(n, Dim(kBlock));
  d.cost = 2 * n;
  d.op_class = "RowReduce";
  b.Add(d, {out});
  return b;
}

TEST(Call, PhasesWorkspacesAndThreadsGiveTheSameBits) {
  const Tensor x = Tensor::Normal({100'003}, 5);
  CompileOptions one;
  one.num_threads = 1;
  const Tensor reference = Expect(Expect(SumProgram().Make(one))({x}))[0];
  for (int threads : {2, 3, 8}) {
    CompileOptions options;
    options.num_threads = threads;
    const Function f = Expect(SumProgram().Make(options));
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(BitEqual(Expect(f({x}))[0], reference)) << threads;
  }
}

// result = x; for i in range(trips): result = 2 * result + i
ProgramBuilder LoopProgram(bool carried_in_place) {
  ProgramBuilder b("loop");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t trips = b.Input("trips", DType::i64, {});
  const int32_t current = b.Temp("current", DType::f32, {n});
  const int32_t doubled = b.Temp("doubled", DType::f32, {n});
  const int32_t next = b.Temp("next", DType::f32, {n}, carried_in_place ? current : -1);
  const int32_t i = b.Temp("i", DType::i64, {});
  const int32_t out = b.Output("out", DType::f32, {n});
  LoopStep loop;
  loop.trips = trips;
  loop.induction = i;
  loop.initial = {x};
  loop.current = {current};
  loop.next = {next};
  loop.results = {out};
  loop.node = b.Node("loop", "iterate", 40);
  loop.body.push_back(b.Wrap(b.Elementwise("double", {current}, {doubled}), {doubled}));
  loop.body.push_back(b.Wrap(b.Elementwise("add_index", {i, doubled}, {next}), {}, {doubled}));
  b.Add(loop, {current, next, i, out}, {current, next, i});
  return b;
}

TEST(Call, Loops) {
  for (bool in_place : {false, true}) {
    for (bool guard : {false, true}) {
      CompileOptions options;
      options.guard_buffers = guard;
      const Function f = Expect(LoopProgram(in_place).Make(options));
      for (int64_t trips : {-3, 0, 1, 2, 3, 7, 1, 20}) {
        std::vector<float> expected = {1, 2, 3};
        for (int64_t i = 0; i < trips; ++i) {
          for (float& v : expected) v = 2 * v + static_cast<float>(i);
        }
        EXPECT_EQ(Floats(Expect(f({F32({1, 2, 3}), Tensor::Scalar(trips)}))[0]), expected) << trips << in_place << guard;
      }
    }
  }
}

// stack[i] = h + x[2 i + 1], h = stack[i]: what is collected is carried in its
// row. The caller gets as many rows as iterations were made.
ProgramBuilder RowsProgram(bool reverse) {
  ProgramBuilder b("rows");
  const Dim n = b.Symbol("n"), extent = Dim::FloorDiv(n, 2);
  const int32_t x = b.Input("x", DType::f32, {n, 2}), h = b.Input("h", DType::f32, {2});
  const int32_t trips = b.Input("trips", DType::i64, {}), stop = b.Input("stop", DType::boolean, {});
  const int32_t element = b.Temp("x[t]", DType::f32, {2}), row = b.Temp("rows[t]", DType::f32, {2});
  b.program().buffers[element].kind = b.program().buffers[row].kind = BufferKind::kRow;
  const int32_t current = b.Temp("current", DType::f32, {2});
  const int32_t stack = b.Output("stack", DType::f32, {extent, 2}), last = b.Output("last", DType::f32, {2});
  const int32_t count = b.Output("count", DType::i64, {});
  LoopStep loop;
  loop.trips = trips;
  loop.sequences.push_back({x, element, 1, 2});
  loop.stacks.push_back({stack, row});
  loop.bounded = loop.checked = true;
  loop.reverse = reverse;
  loop.extent = extent;
  loop.initial = {h};
  loop.current = {current};
  loop.next = {row};
  loop.results = {last};
  if (!reverse) loop.stop = stop;
  loop.count = count;
  loop.node = b.Node("loop", "rows", 60);
  loop.body.push_back(b.Wrap(b.Elementwise("add", {element, current}, {row})));
  b.Add(loop, {current, stack, last, count}, {current});
  b.program().outputs[0].rows_from = 2;
  b.program().outputs[2].hidden = true;
  return b;
}

TEST(Call, LoopsOverRows) {
  const Tensor h = F32({10, 20}), no = Tensor::Scalar(false), yes = Tensor::Scalar(true);
  const Tensor x = *Tensor::From<float>({0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6}, {6, 2});
  for (bool guard : {false, true}) {
    CompileOptions options;
    options.guard_buffers = guard;
    const Function f = Expect(RowsProgram(false).Make(options)), back = Expect(RowsProgram(true).Make(options));
    std::vector<Tensor> out = Expect(f({x, h, Tensor::Scalar<int64_t>(3), no}));
    ASSERT_EQ(out.size(), 2u);  // the count is not returned
    EXPECT_EQ(Floats(out[0]), (std::vector<float>{11, 22, 14, 26, 19, 32}));
    EXPECT_EQ(Floats(out[1]), (std::vector<float>{19, 32}));
    // Stopped after the first, none at all, from the last to the first.
    out = Expect(f({x, h, Tensor::Scalar<int64_t>(3), yes}));
    EXPECT_EQ(out[0].shape(), (Extents{1, 2}));
    EXPECT_EQ(Floats(out[1]), (std::vector<float>{11, 22}));
    out = Expect(f({x, h, Tensor::Scalar<int64_t>(-1), no}));
    EXPECT_EQ(out[0].shape(), (Extents{0, 2}));
    EXPECT_EQ(Floats(out[1]), (std::vector<float>{10, 20}));
    out = Expect(back({x, h, Tensor::Scalar<int64_t>(2), no}));
    EXPECT_EQ(Floats(out[0]), (std::vector<float>{14, 26, 13, 24}));
    const absl::Status status = f({x, h, Tensor::Scalar<int64_t>(4), no}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("the loop would run 4 iterations, at most 3"));
  }
}

// Nested: outer carries y; the body runs an inner loop over it.
ProgramBuilder NestedLoops() {
  ProgramBuilder b("nested");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t outer_trips = b.Input("outer", DType::i64, {});
  const int32_t inner_trips = b.Input("inner", DType::i64, {});
  testing::AddNestedLoops(&b, n, x, outer_trips, inner_trips);
  return b;
}

TEST(Call, NestedLoops) {
  const Function f = Expect(NestedLoops().Make());
  for (int64_t outer : {0, 1, 2, 5}) {
    for (int64_t inner : {0, 1, 3, 4}) {
      const float expected = 1 + static_cast<float>(outer * (inner * (inner - 1) / 2));
      EXPECT_EQ(Floats(Expect(f({F32({1, 1}), Tensor::Scalar(outer), Tensor::Scalar(inner)}))[0]), (std::vector<float>{expected, expected}));
    }
  }
}

ProgramBuilder BranchProgram() {
  ProgramBuilder b("branch");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t condition = b.Input("condition", DType::boolean, {});
  const int32_t out = b.Output("out", DType::f32, {n});
  const int32_t t = b.Temp("t", DType::f32, {n});
  BranchStep branch;
  branch.condition = condition;
  branch.then_body.push_back(b.Wrap(b.Elementwise("double", {x}, {t}), {t}));
  branch.then_body.push_back(b.Wrap(b.Elementwise("add", {t, x}, {out}), {}, {t}));
  branch.else_body.push_back(b.Wrap(CopyStep{x, out, kNoNode}));
  b.Add(branch, {out});
  return b;
}

TEST(Call, Branches) {
  for (bool guard : {false, true}) {
    CompileOptions options;
    options.guard_buffers = guard;
    const Function f = Expect(BranchProgram().Make(options));
    EXPECT_EQ(Floats(Expect(f({F32({1, 2}), Tensor::Scalar(true)}))[0]), (std::vector<float>{3, 6}));
    EXPECT_EQ(Floats(Expect(f({F32({1, 2}), Tensor::Scalar(false)}))[0]), (std::vector<float>{1, 2}));
  }
}

TEST(Call, DimValueAndConstants) {
  ProgramBuilder b;
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t size = b.Temp("size", DType::i64, {});
  const float three[2] = {3, 4};
  std::vector<uint8_t> bytes(sizeof three);
  std::memcpy(bytes.data(), three, sizeof three);
  const int32_t c = b.Constant("c", DType::f32, {2}, bytes);
  const int32_t t = b.Temp("t", DType::f32, {2});
  const int32_t out = b.Output("out", DType::f32, {2});
  b.Add(DimValueStep{size, 3 * n, kNoNode}, {size});
  b.Add(b.Elementwise("add_index", {size, c}, {t}), {t}, {size});
  b.Add(b.Elementwise("double", {t}, {out}), {out}, {t});
  (void)x;
  for (bool guard : {false, true}) {
    CompileOptions options;
    options.guard_buffers = guard;
    const Function f = Expect(b.Make(options));
    EXPECT_EQ(Floats(Expect(f({Tensor::Zeros({5})}))[0]), (std::vector<float>{36, 38}));
  }
}

// out = x[indices]; 600 positions, so several tasks.
ProgramBuilder GatherProgram() {
  ProgramBuilder b("gather");
  const Dim n = b.Symbol("n"), m = b.Symbol("m");
  const int32_t x = b.Input("W", DType::f32, {m});
  const int32_t indices = b.Input("t", DType::i64, {n});
  const int32_t picked = b.Temp("picked", DType::f32, {n});
  const int32_t out = b.Output("out", DType::f32, {n});
  DispatchStep d = b.Elementwise("gather", {x, indices}, {picked});
  d.args.push_back({-1, m});
  d.fallible = true;
  d.cost = 1'000'000;  // really on several threads
  NodeInfo* node = b.program().nodes.Find(b.program().buffers[picked].node);
  node->op = "gather";
  node->origin = Origin::kDerived;
  node->rule = "grad";
  node->from = {b.program().buffers[x].node};
  node->operands = {b.program().buffers[x].node, b.program().buffers[indices].node};
  b.Add(d, {picked});
  b.Add(b.Elementwise("double", {picked}, {out}), {out}, {picked});
  return b;
}

TEST(Call, IndexErrorsNameTheLowestPosition) {
  CompileOptions options;
  options.num_threads = 4;
  const Function f = Expect(GatherProgram().Make(options));
  Tensor indices = Tensor::Zeros({5000}, DType::i64);
  indices.data<int64_t>()[4999] = 77;
  indices.data<int64_t>()[1300] = -4;
  indices.data<int64_t>()[1301] = 9;
  for (int round = 0; round < 20; ++round) {
    const absl::Status status = f({F32({1, 2, 3}), indices}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    const std::string text = Message(status);
    EXPECT_THAT(text, HasSubstr("index -4 is out of bounds for axis 0 with size 3 (position 1300"));
    // The sections, in order, each at a line's start.
    size_t at = 0;
    for (const char* section : {"\nNode that caused the error: gather(W, t) 'picked' [id ", "\nToposort index: 0", "\nCreated at: model.cpp:12\n    grad of ",
                                "\nInputs types: [float32 (m,), int64 (n,)]", "\nInputs shapes: [(3,), (5000,)]", "\nInputs strides: [(4,), (8,)]",
                                "\nInputs values: [", "not shown]", "\nOutputs clients: [[out@1]]", "\nDebugprint of the node:\ngather [id "}) {
      const size_t next = text.find(section, at);
      ASSERT_NE(next, std::string::npos) << section << "\nin\n" << text;
      at = next;
    }
  }
  EXPECT_TRUE(f({F32({1, 2, 3}), Tensor::Zeros({5000}, DType::i64)}).ok());
}

// ---- states ----
std::vector<std::shared_ptr<graph::StateCell>> Cells(std::vector<Tensor> values) {
  std::vector<std::shared_ptr<graph::StateCell>> cells;
  for (size_t i = 0; i < values.size(); ++i) cells.push_back(graph::MakeStateCell("s" + std::to_string(i), values[i].Clone()));
  return cells;
}

// u, v: states. u <- 2u in place; v <- gather(v, t) through a shadow; w read only.
// Returns u + w (old values).
ProgramBuilder StateProgram() {
  ProgramBuilder b("states");
  const int32_t t = b.Input("t", DType::i64, {4});
  const int32_t u = b.State("u", DType::f32, {4});
  const int32_t v = b.State("v", DType::f32, {4});
  const int32_t w = b.State("w", DType::f32, {4});
  const int32_t shadow = b.Temp("v_new", DType::f32, {4});
  const int32_t h = b.Temp("h", DType::f32, {4});
  const int32_t out = b.Output("out", DType::f32, {4});
  b.Add(b.Elementwise("add", {u, w}, {out}), {out});
  DispatchStep gather = b.Elementwise("gather", {v, t}, {shadow});
  gather.args.push_back({-1, 4});
  gather.fallible = true;
  b.Add(gather, {shadow});
  b.Add(b.Elementwise("double", {out}, {h}), {h});
  b.Add(b.Elementwise("double", {u}, {u}), {}, {h});
  b.Add(b.Elementwise("add", {u, w}, {u}));
  b.Update(u, u);
  b.Update(v, shadow, "its gather may fail");
  return b;
}

TEST(Call, StatesUpdateInPlaceAndThroughShadows) {
  for (bool guard : {false, true}) {
    CompileOptions options;
    options.guard_buffers = guard;
    auto cells = Cells({F32({1, 2, 3, 4}), F32({5, 6, 7, 8}), F32({1, 1, 1, 1})});
    const Function f = Expect(StateProgram().Make(options, cells));
    const void* u_storage = cells[0]->storage.raw();
    const Tensor t = *Tensor::From<int64_t>(std::vector<int64_t>{3, 2, -3, 0}, {4});
    EXPECT_EQ(Floats(Expect(f({t}))[0]), (std::vector<float>{2, 3, 4, 5}));
    EXPECT_EQ(Floats(cells[0]->storage), (std::vector<float>{3, 5, 7, 9}));
    EXPECT_EQ(Floats(cells[1]->storage), (std::vector<float>{8, 7, 6, 5}));
    EXPECT_EQ(Floats(Expect(f({t}))[0]), (std::vector<float>{4, 6, 8, 10}));
    EXPECT_EQ(Floats(cells[0]->storage), (std::vector<float>{7, 11, 15, 19}));
    EXPECT_EQ(Floats(cells[1]->storage), (std::vector<float>{5, 6, 7, 8}));
    EXPECT_EQ(Floats(cells[2]->storage), (std::vector<float>{1, 1, 1, 1}));
    if (!guard) EXPECT_EQ(cells[0]->storage.raw(), u_storage);
    EXPECT_EQ(f.states().size(), 3u);
  }
}

TEST(Call, AFailedCallChangesNoState) {
  const std::vector<Tensor> initial = {Tensor::Normal({4}, 1), Tensor::Normal({4}, 2), Tensor::Normal({4}, 3)};
  const Tensor good = *Tensor::From<int64_t>(std::vector<int64_t>{3, 2, 1, 0}, {4});
  const Tensor bad = *Tensor::From<int64_t>(std::vector<int64_t>{3, 2, 1, 4}, {4});
  const size_t steps = StateProgram().program().steps.size();
  for (bool guard : {false, true}) {
    for (int64_t fail = -1; fail < static_cast<int64_t>(steps); ++fail) {
      CompileOptions options;
      options.guard_buffers = guard;
      options.fail_at_step = fail;
      auto cells = Cells(initial);
      const Function f = Expect(StateProgram().Make(options, cells));
      for (int round = 0; round < 2; ++round) {
        EXPECT_FALSE(f({fail < 0 ? bad : good}).ok()) << fail;
        for (size_t i = 0; i < initial.size(); ++i) EXPECT_TRUE(BitEqual(cells[i]->storage, initial[i])) << "step " << fail << " state " << i;
      }
    }
  }
}

// The report of a failure does not look into storage whose life has ended.
TEST(Call, FailuresAfterAReleaseAreReported) {
  CompileOptions options;
  options.guard_buffers = true;
  options.fail_at_step = 1;  // which ends the life of its operand, three elements
  const absl::Status status = Expect(AddMul().Make(options))({F32({1, 2, 3}), F32({1, 2, 3})}).status();
  EXPECT_THAT(Message(status), HasSubstr("failure injected at step 1"));
  EXPECT_THAT(Message(status), HasSubstr("Inputs values: [not shown, "));
}

// A failure asked for in a body that does not run still happens.
TEST(Call, InjectedFailuresAlwaysFail) {
  ProgramBuilder b = BranchProgram();
  const int32_t s = b.State("s", DType::f32, {2});
  b.Add(b.Elementwise("double", {s}, {s}));
  b.Update(s, s);
  const int64_t steps = 5;  // the branch, two and one in its bodies, the update
  for (bool condition : {true, false}) {
    for (int64_t fail = 0; fail <= steps; ++fail) {
      CompileOptions options;
      options.fail_at_step = fail;
      auto cells = Cells({F32({1, 2})});
      const Function f = Expect(b.Make(options, cells));
      EXPECT_EQ(f({F32({1, 2}), Tensor::Scalar(condition)}).ok(), fail == steps) << fail << condition;
      EXPECT_EQ(Floats(cells[0]->storage), fail == steps ? (std::vector<float>{2, 4}) : (std::vector<float>{1, 2}));
    }
  }
  for (int64_t fail = 0; fail < 3; ++fail) {  // also when the last steps do not run
    CompileOptions options;
    options.fail_at_step = fail;
    EXPECT_FALSE(Expect(LoopProgram(false).Make(options))({F32({1}), Tensor::Scalar(int64_t{0})}).ok());
  }
}

TEST(Call, StateCellsMustFit) {
  EXPECT_THAT(Message(StateProgram().Make({}, Cells({F32({1}), F32({1}), F32({1})})).status()),
              HasSubstr("state 'u' is float32 (1,), the program needs float32 (4,)"));
  auto cells = Cells({Tensor::Zeros({4}), Tensor::Zeros({4}), Tensor::Zeros({4})});
  EXPECT_THAT(Message(StateProgram().Make({}, {cells[0], cells[1]}).status()), HasSubstr("3 states, 2 cells given"));
  EXPECT_THAT(Message(StateProgram().Make({}, {cells[0], cells[1], cells[0]}).status()), HasSubstr("updated and given twice"));
}

TEST(Call, NewCellsStartFromDeclaredValues) {
  ProgramBuilder b = StateProgram();
  const float v[4] = {1, 2, 3, 4};
  Constant initial;
  initial.data.resize(sizeof v);
  std::memcpy(initial.data.data(), v, sizeof v);
  b.program().constants.push_back(initial);
  b.program().states[1].initial = 0;
  const Function f = Expect(b.Make());
  const auto cell = f.states()[1].cell();
  EXPECT_EQ(Floats(cell->storage), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(Floats(f.states()[0].cell()->storage), (std::vector<float>{0, 0, 0, 0}));
}

TEST(Call, ConcurrentCallsOfOneFunction) {
  CompileOptions options;
  options.num_threads = 2;
  const Function f = Expect(AddMul().Make(options));
  auto cells = Cells({Tensor::Zeros({4}), Tensor::Zeros({4}), Tensor::Ones({4})});
  const Function counting = Expect(StateProgram().Make(options, cells));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  const Tensor t = *Tensor::From<int64_t>(std::vector<int64_t>{0, 1, 2, 3}, {4});
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      for (int i = 0; i < 50; ++i) {
        const int64_t n = 100 + 40'000 * (i % 2) + k;
        const Tensor a = Tensor::Full({n}, k + 1), b = Tensor::Full({n}, i);
        const absl::StatusOr<std::vector<Tensor>> out = f({a, b});
        const float expected = static_cast<float>((k + 1 + i) * (k + 1));
        if (!out.ok() || (*out)[0].data<float>()[n - 1] != expected || (*out)[0].data<float>()[0] != expected) ++wrong;
        if (i < 5 && !counting({t}).ok()) ++wrong;
        if (i % 10 == 0) (void)f.profile();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  // u <- 2u + 1, twenty times, one after the other: 2^20 - 1.
  EXPECT_EQ(cells[0]->storage.data<float>()[0], 1048575.0f);
  EXPECT_EQ(f.profile().calls, 200);
}

// ---- memory ----
TEST(Memory, PlanEqualsIndependentCounter) {
  CompileOptions options;
  options.guard_buffers = true;
  options.num_threads = 3;
  for (ProgramBuilder b : {AddMul(), SumProgram()}) {
    const Function f = Expect(b.Make(options));
    for (int64_t n : {0, 1, 15, 16, 17, 1000, 100'000}) {
      std::vector<Tensor> inputs(b.program().inputs.size(), Tensor::Ones({n}));
      Expect(f(inputs));
      const MemoryReport report = f.memory();
      EXPECT_EQ(report.measured_peak, report.planned_peak) << n;
      const absl::StatusOr<MemoryReport> planned = f.PlanMemory({{"n", n}});
      ASSERT_TRUE(planned.ok()) << planned.status();
      EXPECT_EQ(planned->planned_peak, report.measured_peak);
      const Dim formula = *Dim::Parse(planned->peak_formula);
      EXPECT_EQ(*formula.Evaluate({{"n", n}}), planned->planned_peak) << planned->peak_formula;
    }
  }
}

TEST(Memory, PlanOfAddMul) {
  const Function f = Expect(AddMul().Make());
  const absl::StatusOr<MemoryReport> report = f.PlanMemory({{"n", 1000}});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->planned_peak, 4 * 4032);  // a, b, sum and y, each 4000 rounded up
  EXPECT_EQ(report->buffers.size(), 4u);
  EXPECT_EQ(report->buffers[0].bytes, 4032);
  EXPECT_EQ(report->buffers[0].where, "model.cpp:10");
  EXPECT_FALSE(f.PlanMemory({}).ok());
  EXPECT_FALSE(f.PlanMemory({{"n", 1}, {"m", 1}}).ok());
  EXPECT_FALSE(f.PlanMemory({{"n", -1}}).ok());
  EXPECT_THAT(report->json(), HasSubstr("\"planned_peak\":16128"));
  EXPECT_FALSE(f.PlanMemory({{"n", int64_t{1} << 62}}).ok());
}

TEST(Memory, LimitsAreKeptAndExplained) {
  ProgramBuilder b = AddMul();
  CompileOptions options;
  options.memory_limit = 16128;
  const Function f = Expect(b.Make(options));
  EXPECT_TRUE(f({Tensor::Ones({1000}), Tensor::Ones({1000})}).ok());
  options.memory_limit = 16127;
  const Function tight = Expect(b.Make(options));
  const absl::Status status = tight({Tensor::Ones({1000}), Tensor::Ones({1000})}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  const std::string text = Message(status);
  for (const char* part : {"output 'y' (1000,) float32 needs 4032 bytes", "\nNode that caused the error: op(sum, a) 'y'", "\nToposort index: 1", "\nRequested: 4032 bytes (4 kB)",
                           "\nFree: 4031 bytes (4 kB)", "\nLimit: 16127 bytes (16 kB)", "\nStorage map:", "    a, input, (1000,) float32, 4032 bytes",
                           "\n    total: 12096 bytes (12 kB)", "\nWhat would fit:", "n: at most 992 (now 1000)"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_TRUE(tight({Tensor::Ones({992}), Tensor::Ones({992})}).ok());
  // A copy of a strided input counts too.
  const Tensor wide = Tensor::Ones({2000});
  const Tensor view = *Tensor::Borrow(const_cast<void*>(wide.raw()), {992}, {8}, DType::f32);
  EXPECT_EQ(tight({view, Tensor::Ones({992})}).status().code(), absl::StatusCode::kResourceExhausted);
}

// Lifetimes whose best packing needs more than the live peak.
TEST(Memory, ATightLimitIsMetWithoutAnArena) {
  const ProgramBuilder b = Fragmented();
  const Function f = Expect(b.Make());
  const Tensor input = Tensor::Ones({16});
  const Tensor expected = Expect(f({input}))[0];
  const MemoryReport report = f.memory();
  // x, out and the arena together are more than the peak: it is fragmented.
  ASSERT_GT(64 + 64 + report.arena_bytes, report.planned_peak);
  CompileOptions options;
  options.memory_limit = static_cast<uint64_t>(report.planned_peak);
  EXPECT_TRUE(BitEqual(Expect(Expect(b.Make(options))({input}))[0], expected));
  --options.memory_limit;
  EXPECT_EQ(Expect(b.Make(options))({input}).status().code(), absl::StatusCode::kResourceExhausted);
  options.memory_limit = 0;
  options.guard_buffers = true;
  const Function guarded = Expect(b.Make(options));
  EXPECT_TRUE(BitEqual(Expect(guarded({input}))[0], expected));
  EXPECT_EQ(guarded.memory().measured_peak, report.planned_peak);
}

// Below a limit temporaries are made one by one; above it they are in an arena
// again, and the profile has forgotten nothing.
TEST(Memory, ALiftedLimitGivesTheArenaBack) {
  const Function f = Expect(Fragmented().Make());
  const Tensor input = Tensor::Ones({16});
  const Tensor expected = Expect(f({input}))[0];
  const MemoryReport report = f.memory();
  ASSERT_GE(report.kept_bytes, report.arena_bytes);
  ASSERT_TRUE(Config::Set("memory_limit", std::to_string(report.planned_peak)).ok());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(BitEqual(Expect(f({input}))[0], expected));
  EXPECT_LT(f.memory().kept_bytes, report.arena_bytes);
  ASSERT_TRUE(Config::Set("memory_limit", "0").ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(BitEqual(Expect(f({input}))[0], expected));
    EXPECT_EQ(f.memory().kept_bytes, report.kept_bytes);
  }
  EXPECT_EQ(f.profile().calls, 5);
  for (const ApplyRow& row : f.profile().rows) EXPECT_EQ(row.calls, 5);
}

ProgramBuilder OneKernel(const std::string& kernel) {
  ProgramBuilder b(kernel);
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n});
  const int32_t out = b.Output("out", DType::f32, {n});
  b.Add(b.Elementwise(kernel, {x}, {out}), {out});
  return b;
}

using GuardDeathTest = ::testing::Test;
TEST(GuardDeathTest, BadKernelsAreCaught) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  CompileOptions options;
  options.guard_buffers = true;
  options.num_threads = 1;
  const Function overrun = Expect(OneKernel("overrun").Make(options));
  EXPECT_DEATH((void)overrun({Tensor::Ones({100})}), "");
  const Function scribble = Expect(OneKernel("scribble").Make(options));
  EXPECT_DEATH((void)scribble({Tensor::Ones({100})}), "");
  // Before the buffer lies a canary, not a guard page.
  const absl::Status status = Expect(OneKernel("underrun").Make(options))({Tensor::Ones({100})}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(Message(status), HasSubstr("buffer 'out' of 400 bytes: byte -4, outside it, was overwritten"));
}

}  // namespace
}  // namespace oriel::testing
