// File: program_builder.h
//
// Programs by hand for the engine's tests, with kernels that are plain functions
// of this binary: the engine is tested without a compiler.
#ifndef ORIEL_TEST_ENGINE_PROGRAM_BUILDER_H_
#define ORIEL_TEST_ENGINE_PROGRAM_BUILDER_H_

#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/engine/function_impl.h"
#include "runtime/engine/program.h"

namespace oriel::testing {

// The kernels, by symbol. Argument layouts are with each definition.
std::shared_ptr<const LoadedImage> TestKernels();

// Elements per task of the elementwise kernels.
inline constexpr int64_t kBlock = 256;

class ProgramBuilder {
 public:
  explicit ProgramBuilder(std::string name = "test") { p_.name = std::move(name); }

  Dim Symbol(const std::string& name) {
    p_.symbols.push_back(name);
    return Dim::Symbol(name);
  }
  NodeId Node(const std::string& op, const std::string& name, int line, std::vector<NodeId> operands = {}) {
    NodeInfo node;
    node.op = op;
    node.name = name;
    node.file = "dir/model.cpp";
    node.line = line;
    node.operands = std::move(operands);
    return p_.nodes.Add(std::move(node));
  }
  int32_t Input(const std::string& name, DType dtype, Dims shape) {
    const int32_t b = NewBuffer(name, BufferKind::kInput, dtype, std::move(shape));
    p_.inputs.push_back({name, b, p_.buffers[b].node});
    return b;
  }
  int32_t Output(const std::string& name, DType dtype, Dims shape) {
    const int32_t b = NewBuffer(name, BufferKind::kOutput, dtype, std::move(shape));
    p_.outputs.push_back({name, b});
    return b;
  }
  int32_t Temp(const std::string& name, DType dtype, Dims shape, int32_t alias_of = -1) {
    const int32_t b = NewBuffer(name, BufferKind::kTemporary, dtype, std::move(shape));
    p_.buffers[b].alias_of = alias_of;
    return b;
  }
  int32_t Constant(const std::string& name, DType dtype, Dims shape, std::vector<uint8_t> data) {
    const int32_t b = NewBuffer(name, BufferKind::kConstant, dtype, std::move(shape));
    p_.buffers[b].constant = static_cast<int32_t>(p_.constants.size());
    p_.constants.push_back({std::move(data)});
    return b;
  }
  int32_t State(const std::string& name, DType dtype, Dims shape) {
    const int32_t b = NewBuffer(name, BufferKind::kState, dtype, std::move(shape));
    p_.buffers[b].state = static_cast<int32_t>(p_.states.size());
    StateDecl state;
    state.name = name;
    state.buffer = b;
    p_.states.push_back(std::move(state));
    return b;
  }
  void Update(int32_t state_buffer, int32_t new_value, std::string remark = "") {
    StateDecl& state = p_.states[p_.buffers[state_buffer].state];
    state.updated = true;
    state.new_value = new_value;
    state.remark = std::move(remark);
  }

  // An elementwise step: args are the addresses of reads, of writes, then n.
  DispatchStep Elementwise(const std::string& symbol, std::vector<int32_t> reads, std::vector<int32_t> writes) {
    DispatchStep d;
    const Dim n = NumElements(p_.buffers[writes[0]].shape);
    d.kernel = symbol;
    d.phases.push_back({symbol, Dim::CeilDiv(n, Dim(kBlock))});
    for (int32_t b : reads) d.args.push_back({b, 0});
    for (int32_t b : writes) d.args.push_back({b, 0});
    d.args.push_back({-1, n});
    d.cost = n;
    d.op_class = "Elementwise";
    d.node = p_.buffers[writes[0]].node;
    d.ordinals.push_back({{d.node}});
    d.reads = std::move(reads);
    d.writes = std::move(writes);
    return d;
  }
  static Step Wrap(decltype(Step::op) op, std::vector<int32_t> alloc = {},
                   std::vector<int32_t> release = {}) {
    Step step;
    step.op = std::move(op);
    step.alloc = std::move(alloc);
    step.release = std::move(release);
    return step;
  }
  void Add(decltype(Step::op) op, std::vector<int32_t> alloc = {},
           std::vector<int32_t> release = {}) {
    p_.steps.push_back(Wrap(std::move(op), std::move(alloc), std::move(release)));
  }

  Program& program() { return p_; }
  absl::StatusOr<Function> Make(const CompileOptions& options = {}, std::vector<std::shared_ptr<graph::StateCell>> cells = {}) const {
    return MakeFunction(p_, TestKernels(), std::move(cells), CompileInfo(), options);
  }

 private:
  int32_t NewBuffer(const std::string& name, BufferKind kind, DType dtype, Dims shape) {
    Buffer b;
    b.name = name;
    b.kind = kind;
    b.dtype = dtype;
    b.shape = std::move(shape);
    b.node = Node(kind == BufferKind::kInput ? "input" : kind == BufferKind::kState ? "state" : "op", name, 10 + static_cast<int>(p_.buffers.size()));
    p_.buffers.push_back(std::move(b));
    return static_cast<int32_t>(p_.buffers.size()) - 1;
  }
  Program p_;
};

// Fails the test (and returns an empty Function) on an error.
inline Function Expect(absl::StatusOr<Function> f) {
  EXPECT_TRUE(f.ok()) << f.status();
  return f.ok() ? *f : Function();
}
inline std::vector<Tensor> Expect(absl::StatusOr<std::vector<Tensor>> outputs) {
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() ? *std::move(outputs) : std::vector<Tensor>();
}
inline Tensor F32(std::vector<float> values, Extents shape) { return *Tensor::From<float>(values, std::move(shape)); }
inline Tensor F32(std::vector<float> values) {
  const int64_t n = static_cast<int64_t>(values.size());
  return F32(std::move(values), {n});
}
inline std::vector<float> Floats(const Tensor& t) {
  const float* data = t.data<float>();
  return std::vector<float>(data, data + t.size());
}

// y = (a + b) * a, with a temporary; inputs a and b of shape (n,).
ProgramBuilder AddMul();

// A chain over x, 16 float32s, of values that live for some steps each: their best
// packing needs more than the largest live set. With `once` its end has twice
// (1, ..., 1) added, which is made once.
ProgramBuilder Fragmented(bool once = false);

// Adds output "out" of n float32s: `x`, to which a loop in a loop adds the inner
// one's index.
void AddNestedLoops(ProgramBuilder* b, const Dim& n, int32_t x, int32_t outer_trips, int32_t inner_trips);

}  // namespace oriel::testing

#endif  // ORIEL_TEST_ENGINE_PROGRAM_BUILDER_H_
