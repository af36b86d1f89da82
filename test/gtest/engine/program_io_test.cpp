// File: program_io_test.cpp
//
// The binary form of programs: round trips, refusals, and a seeded mutator.
#include <cstdlib>
#include <functional>
#include <random>

#include "gmock/gmock.h"
#include "runtime/engine/program_io.h"
#include "test/gtest/engine/program_builder.h"

namespace oriel::testing {
namespace {

using ::testing::HasSubstr;

// One of everything: loop, branch, states, constants, aliases, constraints.
ProgramBuilder Everything() {
  ProgramBuilder b("everything");
  const Dim n = b.Symbol("n"), m = b.Symbol("m");
  const int32_t x = b.Input("x", DType::f32, {n});
  b.Input("y", DType::f32, {m, 2 * n});
  const int32_t trips = b.Input("trips", DType::i64, {});
  const int32_t condition = b.Input("condition", DType::boolean, {});
  const int32_t c = b.Constant("c", DType::f32, {2}, std::vector<uint8_t>(8, 1));
  const int32_t s = b.State("s", DType::f32, {2});
  const int32_t s_new = b.Temp("s_new", DType::f32, {2});
  const int32_t current = b.Temp("current", DType::f32, {n}), next = b.Temp("next", DType::f32, {n}), i = b.Temp("i", DType::i64, {});
  const int32_t body = b.Temp("body", DType::f32, {n}), in_place = b.Temp("in_place", DType::f32, {n}, body);
  const int32_t out = b.Output("out", DType::f32, {n});
  const int32_t out2 = b.Output("out2", DType::f32, {n});
  const int32_t size = b.Temp("size", DType::i64, {});
  LoopStep loop;
  loop.trips = trips;
  loop.induction = i;
  loop.initial = {x};
  loop.current = {current};
  loop.next = {next};
  loop.results = {out};
  loop.node = b.Node("loop", "l", 1);
  loop.body.push_back(b.Wrap(b.Elementwise("double", {current}, {body}), {body}));
  loop.body.push_back(b.Wrap(b.Elementwise("double", {body}, {in_place}), {in_place}, {body}));
  loop.body.push_back(b.Wrap(b.Elementwise("add_index", {i, in_place}, {next})));
  b.Add(loop, {current, next, i, out}, {current, next, i});
  BranchStep branch;
  branch.condition = condition;
  branch.then_body.push_back(b.Wrap(CopyStep{x, out2, kNoNode}));
  branch.else_body.push_back(b.Wrap(CopyStep{out, out2, kNoNode}));
  b.Add(branch, {out2});
  b.Add(DimValueStep{size, n + m, kNoNode}, {size}, {size});
  b.Add(b.Elementwise("add", {s, c}, {s_new}), {s_new});
  b.Update(s, s_new, "a remark");
  ObserveStep observe;
  observe.kind = TapKind::kAssert;
  observe.tap = 0;
  observe.message = "a message";
  observe.file = "a.py";
  observe.line = 3;
  observe.values = {condition, s_new};
  observe.counts = {1};
  b.Add(observe);
  Program& p = b.program();
  p.states[0].initial = 0;
  p.constraints.push_back({m, Dim::Max(n, 1), 0, "what"});
  p.remarks = {"one", "two"};
  p.costs.phases = {{"graph", 5}};
  p.costs.passes = {{"graph", "oriel-assign-nodes", 3}, {"graph", "rest", 2}};
  p.costs.kernels = {{"k0_add", 2, true, 100, 1, 2, 3, 4, {0, 1}, {60, 40}}};
  p.costs.kernels_ns = 1;
  p.costs.threads = 2;
  p.nodes.Find(0)->from = {1};
  p.nodes.Find(0)->origin = Origin::kDerived;
  p.nodes.Find(0)->rule = "grad";
  return b;
}

// Adds each row of a sequence, the last first, to what it carries, into a stack.
Program OverRows() {
  ProgramBuilder b("rows");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("x", DType::f32, {n, 2}), h = b.Input("h", DType::f32, {2});
  const int32_t trips = b.Input("trips", DType::i64, {}), go = b.Input("go", DType::boolean, {});
  const int32_t element = b.Temp("x[t]", DType::f32, {2}), row = b.Temp("rows[t]", DType::f32, {2});
  b.program().buffers[element].kind = b.program().buffers[row].kind = BufferKind::kRow;
  const int32_t current = b.Temp("current", DType::f32, {2});
  const int32_t stack = b.Output("stack", DType::f32, {n, 2}), last = b.Output("last", DType::f32, {2});
  const int32_t count = b.Output("count", DType::i64, {});
  LoopStep loop;
  loop.trips = trips;
  loop.sequences.push_back({x, element, n - Dim(1), -1});
  loop.stacks.push_back({stack, row});
  loop.bounded = loop.checked = true;
  loop.extent = n;
  loop.initial = {h};
  loop.current = {current};
  loop.next = {row};
  loop.results = {last};
  loop.stop = go;
  loop.count = count;
  loop.body.push_back(b.Wrap(b.Elementwise("add", {element, current}, {row})));
  b.Add(loop, {current, stack, last, count}, {current});
  b.program().outputs[0].rows_from = 2;
  b.program().outputs[2].hidden = true;
  return b.program();
}

TEST(ProgramIo, RoundTrip) {
  const Program p = Everything().program();
  ASSERT_TRUE(ValidateProgram(p).ok()) << ValidateProgram(p);
  const std::string bytes = WriteProgram(p);
  const absl::StatusOr<Program> read = ReadProgram(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  // Equal bytes: every field came back.
  EXPECT_EQ(WriteProgram(*read), bytes);
  EXPECT_EQ(read->name, "everything");
  EXPECT_EQ(read->states[0].remark, "a remark");
  EXPECT_EQ(read->nodes.Find(0)->rule, "grad");
  EXPECT_EQ(std::get<LoopStep>(read->steps[0].op).body.size(), 3u);
  EXPECT_EQ(read->buffers[1].shape[1].ToString(), "2*n");
}

TEST(ProgramIo, RefusesOtherFiles) {
  const std::string good = WriteProgram(Everything().program());
  EXPECT_EQ(ReadProgram("").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadProgram("not a program at all").status().code(), absl::StatusCode::kDataLoss);
  std::string newer = good;
  newer[8] = 9;
  EXPECT_EQ(ReadProgram(newer).status().code(), absl::StatusCode::kFailedPrecondition);
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(ReadProgram(good.substr(0, n)).ok()) << n;
  EXPECT_FALSE(ReadProgram(good + "x").ok());
}

// Nothing may crash, whatever the bytes; what is accepted must prepare and plan.
// The number of mutants can be raised: ORIEL_FUZZ_SECONDS.
TEST(ProgramIo, MutantsAreRefusedOrValid) {
  const std::string programs[] = {WriteProgram(Everything().program()), WriteProgram(OverRows())};
  std::mt19937_64 random(20240229);
  const char* seconds = std::getenv("ORIEL_FUZZ_SECONDS");
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(seconds != nullptr ? 1000 * std::atoi(seconds) : 1500);
  int tried = 0, accepted = 0;
  while (std::chrono::steady_clock::now() < until) {
    const std::string& good = programs[tried % 2];
    std::string bytes = good;
    const int edits = 1 + static_cast<int>(random() % 4);
    for (int e = 0; e < edits && !bytes.empty(); ++e) {
      const size_t at = random() % bytes.size();
      switch (random() % 6) {
        case 0: bytes[at] = static_cast<char>(random()); break;
        case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
        case 2: bytes[at] = static_cast<char>(random() % 3 == 0 ? 0xff : random() % 20); break;
        case 3: bytes.erase(at, 1 + random() % 16); break;
        case 4: bytes.insert(at, good.substr(random() % good.size(), random() % 40)); break;
        case 5: {  // a whole word: counts and indices
          const uint64_t values[] = {0, 1, ~uint64_t{0}, uint64_t{1} << 31, uint64_t{1} << 63, 7};
          const uint64_t value = values[random() % 6];
          if (at + 8 <= bytes.size()) std::memcpy(&bytes[at], &value, 8);
          break;
        }
      }
    }
    ++tried;
    absl::StatusOr<Program> program = ReadProgram(bytes);
    if (!program.ok()) continue;
    ++accepted;
    absl::StatusOr<Function> f = MakeFunction(*std::move(program), TestKernels(), {}, CompileInfo(), CompileOptions());
    if (!f.ok()) continue;
    DimBindings dims;
    for (const std::string& symbol : {"n", "m"}) dims[symbol] = static_cast<int64_t>(random() % 100);
    if (absl::StatusOr<MemoryReport> plan = f->PlanMemory(dims); plan.ok()) (void)plan->text();
    (void)f->plan_text();
  }
  std::printf("%d mutants, %d accepted\n", tried, accepted);
  EXPECT_GT(tried, 100);
  EXPECT_GT(accepted, 0);  // names and numbers may change without harm
}

TEST(ProgramIo, LoopsOverRows) {
  using Break = std::function<void(Program&)>;
  const Program good = OverRows();
  ASSERT_TRUE(ValidateProgram(good).ok()) << ValidateProgram(good);
  const std::string bytes = WriteProgram(good);
  const absl::StatusOr<Program> read = ReadProgram(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(WriteProgram(*read), bytes);
  const auto loop = [](Program& p) -> LoopStep& { return std::get<LoopStep>(p.steps[0].op); };
  const std::vector<std::pair<Break, const char*>> cases = {
      {[&](Program& p) { loop(p).sequences[0].step = 0; }, "a sequence with step 0"},
      {[&](Program& p) { loop(p).bounded = false; }, "needs an extent"},
      {[&](Program& p) { loop(p).reverse = true; }, "a reversed loop cannot stop early"},
      {[&](Program& p) { loop(p).sequences[0].row = loop(p).stacks[0].row; }, "is the row of two arrays"},
      {[&](Program& p) { loop(p).sequences[0].row = 0; }, "buffer 0 is no row"},
      {[&](Program& p) { p.buffers[loop(p).sequences[0].row].shape = {3}; }, "'x[t]' is float32 (3,), a row of float32 (n, 2)"},
      {[&](Program& p) { loop(p).stop = 0; }, "whether to stop buffer 0 'x' is float32 (n, 2), required bool ()"},
      {[&](Program& p) { loop(p).body.clear(); }, "reads buffer 5 'rows[t]', which nothing has written"},
      {[&](Program& p) { std::get<DispatchStep>(loop(p).body[0].op).writes[0] = loop(p).sequences[0].row; },
       "writes buffer 4 'x[t]', which is (or aliases) the row of a sequence"},
      {[&](Program& p) { p.steps.push_back({CopyStep{loop(p).stacks[0].row, loop(p).results[0], kNoNode}, {}, {}}); },
       "reads buffer 5 'rows[t]', a row, outside of its loop"},
      {[&](Program& p) { loop(p).sequences[0].source = loop(p).stacks[0].stack; }, "reads buffer 7 'stack', which nothing has written"},
      {[](Program& p) { p.outputs[0].rows_from = 1; }, "its rows are told by 'last', required an int64 ()"},
      {[](Program& p) { p.outputs[1].rows_from = 9; }, "its rows are told by output 9 of 3"},
  };
  for (const auto& [broken, message] : cases) {
    Program p = good;
    broken(p);
    EXPECT_THAT(std::string(ValidateProgram(p).message()), testing::HasSubstr(message));
  }
}

// y[made] = first rows of x, squared; the count is an input.
Program Bound() {
  ProgramBuilder b("bound");
  const Dim n = b.Symbol("n"), made = b.Symbol("made");
  const int32_t x = b.Input("x", DType::f32, {n}), count = b.Input("count", DType::i64, {});
  const int32_t rows = b.Temp("rows", DType::f32, {made}, x), y = b.Output("y", DType::f32, {made});
  b.Add(BindStep{1, count, n, kNoNode});
  b.Add(CopyStep{rows, y, kNoNode}, {rows, y}, {rows});
  return b.program();
}

TEST(ProgramIo, BindSteps) {
  const Program good = Bound();
  ASSERT_TRUE(ValidateProgram(good).ok()) << ValidateProgram(good);
  const absl::StatusOr<Program> again = ReadProgram(WriteProgram(good));
  ASSERT_TRUE(again.ok()) << again.status();
  const BindStep& bind = std::get<BindStep>(again->steps[0].op);
  EXPECT_EQ(bind.symbol, 1);
  EXPECT_EQ(bind.count, 1);
  EXPECT_EQ(bind.limit.ToString(), "n");
  using Break = std::function<void(Program&)>;
  const std::vector<std::pair<Break, const char*>> cases = {
      {[](Program& p) { std::swap(p.steps[0], p.steps[1]); }, "dim symbol 'made' in made is not bound here"},
      {[](Program& p) { p.steps.erase(p.steps.begin()); }, "dim symbol 'made' is not a whole extent of any input"},
      {[](Program& p) { p.steps.insert(p.steps.begin(), p.steps[0]); }, "dim symbol 'made' is bound by two steps"},
      {[](Program& p) { std::get<BindStep>(p.steps[0].op).symbol = 0; }, "dim symbol 'n' is bound by an input and by a step"},
      {[](Program& p) { std::get<BindStep>(p.steps[0].op).symbol = 7; }, "binds dim symbol 7 of 2"},
      {[](Program& p) { std::get<BindStep>(p.steps[0].op).count = 0; }, "the count buffer 0 'x' is float32 (n,), required int64 ()"},
      {[](Program& p) { std::get<BindStep>(p.steps[0].op).limit = Dim::Symbol("made"); }, "is not bound here"},
      {[](Program& p) { p.buffers[0].shape = {Dim::Symbol("n"), Dim::Symbol("made") + 1}; }, "is not bound here"},
      {[](Program& p) { p.buffers[0].shape = {Dim::Symbol("n"), Dim::Symbol("made")}; }, "bound by an input and by a step"},
  };
  for (const auto& [broken, message] : cases) {
    Program p = good;
    broken(p);
    EXPECT_THAT(std::string(ValidateProgram(p).message()), testing::HasSubstr(message));
  }
}

// Every rule of program.h, broken once.
TEST(ProgramIo, ValidationNamesWhatIsWrong) {
  using Break = std::function<void(Program&)>;
  ASSERT_TRUE(ValidateProgram(Everything().program()).ok());
  const auto loop = [](Program& p) -> LoopStep& { return std::get<LoopStep>(p.steps[0].op); };
  const std::vector<std::pair<Break, const char*>> cases = {
      {[](Program& p) { p.symbols.push_back("z"); }, "dim symbol 'z' is not a whole extent of any input"},
      {[](Program& p) { p.symbols.push_back("n"); }, "listed twice"},
      {[](Program& p) { p.buffers[0].shape = {Dim::Symbol("q")}; }, "unknown dim symbol 'q'"},
      {[](Program& p) { p.buffers[0].shape = {-3}; }, "negative extent"},
      {[](Program& p) { p.buffers[10].alias_of = 11; }, "alias chain is a cycle"},
      {[](Program& p) { p.buffers[11].alias_of = 99; }, "alias chain is a cycle or leaves the table"},
      {[](Program& p) { p.buffers[0].alias_of = 1; }, "only temporaries may alias"},
      {[](Program& p) { p.buffers[4].constant = 7; }, "constant 7 of 1"},
      {[](Program& p) { p.constants[0].data.pop_back(); }, "needs 8 bytes, the constant has 7"},
      {[](Program& p) { p.buffers[5].state = 3; }, "state 3 of 1"},
      {[](Program& p) { p.buffers[3].node = 1000; }, "unknown node 1000"},
      {[](Program& p) { p.inputs[1].name = "x"; }, "its name is used twice"},
      {[](Program& p) { p.inputs[1].buffer = 0; }, "belongs to another input"},
      {[](Program& p) { p.inputs.pop_back(); }, "no input, output or state declares it"},
      {[](Program& p) { p.outputs[1].buffer = p.outputs[0].buffer; }, "belongs to another output"},
      {[](Program& p) { p.outputs[0].buffer = 0; }, "is no output buffer"},
      {[](Program& p) { p.states[0].new_value = 7; }, "its new value is float32 (n,), required float32 (2,)"},
      {[](Program& p) { p.states[0].initial = 5; }, "initial value 5 of 1"},
      {[](Program& p) { p.buffers[5].shape = {Dim::Symbol("n")}; }, "is not static"},
      {[](Program& p) { p.costs.kernels[0].nodes[0] = 99; }, "the cost of kernel 'k0_add' names node 99 of"},
      {[](Program& p) { p.costs.kernels[0].node_bytes.pop_back(); }, "2 nodes with code of 1"},
      {[](Program& p) { p.costs.kernels[0].llvm_ns = -1; }, "the cost of kernel 'k0_add' is out of range"},
      {[](Program& p) { p.costs.phases[0].second = -1; }, "the phase 'graph' took -1 ns"},
      {[](Program& p) { p.costs.passes[0].ns = int64_t{1} << 60; }, "the pass 'oriel-assign-nodes' took"},
      {[](Program& p) { p.costs.threads = 0; }, "compiled by 0 threads"},
      {[](Program& p) { p.costs.phases.resize(1025, {"graph", int64_t{1} << 50}); }, "the phases took more than 1152921504606846976 ns together"},
      {[](Program& p) { p.costs.passes.resize(1026, {"graph", "much", int64_t{1} << 50}); }, "the passes took more than"},
      {[](Program& p) { p.costs.kernels.resize(300, {"k", 1, false, 1, int64_t{1} << 50, int64_t{1} << 50, int64_t{1} << 50, int64_t{1} << 50, {}, {}}); },
       "the kernels took more than"},
      {[](Program& p) { p.costs.kernels.resize(1026, {"k", 1, false, int64_t{1} << 50, 1, 1, 1, 1, {}, {}}); }, "the kernels' code has more than 1152921504606846976 bytes together"},
      {[](Program& p) { p.costs.kernels.resize(1026, {"k", 1, false, 1, 1, 1, 1, 1, {0}, {int64_t{1} << 50}}); }, "the kernels' nodes have more than"},
      {[](Program& p) { p.constraints[0].node = 99; }, "constraint 'what': unknown node"},
      {[](Program& p) { p.steps[0].alloc.pop_back(); }, "carries buffer 12 'out' before it is allocated"},
      {[](Program& p) { p.steps[1].alloc.push_back(7); }, "allocates buffer 7 'current' a second time"},
      {[](Program& p) { p.steps[1].release.push_back(7); }, "releases buffer 7 'current' a second time"},
      {[](Program& p) { p.steps[1].release.push_back(12); }, "an output or a state's new value"},
      {[](Program& p) { p.steps[1].release.push_back(0); }, "lives for the whole call"},
      {[&](Program& p) { loop(p).body[0].release.push_back(7); }, "which this body did not allocate"},
      {[&](Program& p) { std::get<DispatchStep>(loop(p).body[1].op).reads[0] = 99; }, "reads buffer 99 of"},
      {[&](Program& p) { std::get<DispatchStep>(loop(p).body[0].op).args[0].buffer = 2; }, "neither in reads nor in writes"},
      {[&](Program& p) { std::get<DispatchStep>(loop(p).body[0].op).phases.clear(); }, "without phases"},
      {[&](Program& p) { std::get<DispatchStep>(loop(p).body[0].op).in_place = {1, 1}; }, "in_place has 2 entries for 1 writes"},
      {[&](Program& p) { std::get<DispatchStep>(loop(p).body[0].op).ordinals[0].nodes[0] = 500; }, "an ordinal names node 500"},
      {[&](Program& p) { std::get<DispatchStep>(loop(p).body[0].op).writes[0] = 0; std::get<DispatchStep>(loop(p).body[0].op).args[1].buffer = 0; }, "an input or a constant"},
      {[&](Program& p) { std::swap(loop(p).body[1], loop(p).body[2]); }, "before it is allocated"},
      {[&](Program& p) { loop(p).trips = 0; }, "the trip count buffer 0 'x' is float32 (n,), required int64 ()"},
      {[&](Program& p) { loop(p).next.clear(); }, "a loop with 1 initial, 1 current, 0 next"},
      {[&](Program& p) { loop(p).next = {12}; loop(p).results = {7}; }, "must be a temporary"},
      {[&](Program& p) { loop(p).body.clear(); }, "reads buffer 8 'next', which nothing has written"},
      {[](Program& p) { std::get<BranchStep>(p.steps[1].op).condition = 2; }, "the condition buffer 2 'trips' is int64 (), required bool ()"},
      {[](Program& p) { std::get<BranchStep>(p.steps[1].op).else_body.clear(); }, "output buffer 13 'out2' is never written"},
      {[](Program& p) { std::get<CopyStep>(std::get<BranchStep>(p.steps[1].op).then_body[0].op).src = 2; }, "is int64 but"},
      {[](Program& p) { std::get<DimValueStep>(p.steps[2].op).buffer = 12; }, "required int64 ()"},
      {[](Program& p) { std::get<DispatchStep>(p.steps[3].op).writes[0] = 5; std::get<DispatchStep>(p.steps[3].op).args[2].buffer = 5; }, "a state that is not updated in place"},
      {[](Program& p) { p.steps.resize(3); }, "never"},
      {[](Program& p) { std::get<ObserveStep>(p.steps[4].op).values[0] = 99; }, "reads buffer 99 of"},
      {[](Program& p) { std::get<ObserveStep>(p.steps[4].op).values[0] = 4; }, "asserts on buffer 4 'c', which is not bool"},
      {[](Program& p) { std::get<ObserveStep>(p.steps[4].op).counts = {7}; }, "asserts with a count of 7"},
      {[](Program& p) { std::get<ObserveStep>(p.steps[4].op).counts = {}; }, "asserts on 2 values, required 0"},
      {[](Program& p) { std::get<ObserveStep>(p.steps[4].op).kind = TapKind::kPrint; }, "observes 2 values, required 1"},
      {[](Program& p) { std::get<ObserveStep>(p.steps[4].op).tap = -2; }, "observes as tap -2"},
      {[](Program& p) {
         // In place, then somebody looks.
         p.states[0].new_value = 5;
         auto& d = std::get<DispatchStep>(p.steps[3].op);
         d.writes[0] = 5;
         d.args[2].buffer = 5;
         p.steps[3].alloc.clear();
         std::get<ObserveStep>(p.steps[4].op).values[1] = 5;
       },
       "has already written a state in place"},
      {[](Program& p) {
         // In place, then something fallible.
         p.states[0].new_value = 5;
         auto& d = std::get<DispatchStep>(p.steps[3].op);
         d.writes[0] = 5;
         d.args[2].buffer = 5;
         p.steps[3].alloc.clear();
         p.steps.resize(4);
         Step again = p.steps[3];
         std::get<DispatchStep>(again.op).fallible = true;
         p.steps.push_back(again);
       },
       "has already written a state in place"},
      {[](Program& p) {
         p.states[0].new_value = 5;
         auto& d = std::get<DispatchStep>(p.steps[3].op);
         d.writes[0] = 5;
         d.args[2].buffer = 5;
         d.fallible = true;
       },
       "may fail after it began to write state"},
      {[](Program& p) {
         Step step = p.steps[2];
         for (int i = 0; i < 40; ++i) {
           BranchStep branch;
           branch.condition = 3;
           branch.then_body.push_back(step);
           step = Step();
           step.op = branch;
         }
         p.steps.push_back(step);
       },
       "nested more than 32 deep"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    Program p = Everything().program();
    cases[i].first(p);
    const absl::Status status = ValidateProgram(p);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << i << ": " << cases[i].second;
    EXPECT_THAT(std::string(status.message()), HasSubstr(cases[i].second)) << i;
  }
}

TEST(ProgramIo, MissingKernels) {
  ProgramBuilder b = AddMul();
  std::get<DispatchStep>(b.program().steps[0].op).phases[0].symbol = "k_missing";
  const absl::Status status = b.Make().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("kernel 'k_missing' is not in the program image"));
}

}  // namespace
}  // namespace oriel::testing
