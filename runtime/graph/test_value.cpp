// Test values: computed as nodes are made, or when they are asked for.
#include "runtime/graph/test_value.h"

#include <algorithm>
#include <limits>

#include "oriel/config.h"
#include "oriel/test_value.h"
#include "runtime/core/status.h"
#include "runtime/graph/evaluator.h"

namespace oriel {
namespace graph {
namespace {

using TestPtr = std::shared_ptr<const TestValue>;
using ExtentsPtr = std::shared_ptr<const TestExtents>;
using Lookup = std::map<NodeId, TestPtr>;

const ExtentsPtr& NoExtents() {
  static const ExtentsPtr& none = *new ExtentsPtr(std::make_shared<TestExtents>());
  return none;
}

TestPtr Without(TestValue::State state, absl::Status status, ExtentsPtr extents) {
  auto test = std::make_shared<TestValue>();
  test->state = state;
  test->status = std::move(status);
  test->extents = std::move(extents);
  return test;
}

// What the slot holds now; null when nothing was computed or set.
TestPtr InSlot(const Node& node) {
  if (node.test == nullptr) return nullptr;
  std::lock_guard<std::mutex> lock(node.test->mutex);
  return node.test->value;
}

std::string Place(const Node& node) {
  const std::string where = node.Where();
  return "'" + node.Label() + "'" + (where.empty() ? "" : " (" + where + ")");
}

TestPtr MissingLeaf(const Node& node) {
  const bool input = node.kind == NodeKind::kInput;
  return Without(TestValue::State::kMissing,
                 absl::NotFoundError((input ? "input " : "argument ") + Place(node) + " has no test value"),
                 NoExtents());
}

// Adds `from` to `to`; an extent that differs is an error.
absl::Status Merge(const ExtentsPtr& from, ExtentsPtr* to) {
  if (from == *to || from->empty()) return absl::OkStatus();
  if ((*to)->empty()) {
    *to = from;
    return absl::OkStatus();
  }
  std::shared_ptr<TestExtents> merged;
  for (const auto& [symbol, extent] : *from) {
    const auto known = (*to)->find(symbol);
    if (known == (*to)->end()) {
      if (merged == nullptr) merged = std::make_shared<TestExtents>(**to);
      merged->emplace(symbol, extent);
    } else if (known->second.extent != extent.extent) {
      return absl::InvalidArgumentError("dim '" + symbol + "' is " + std::to_string(known->second.extent) + " by " +
                                        known->second.by + " but " + std::to_string(extent.extent) + " by " + extent.by);
    }
  }
  if (merged != nullptr) *to = std::move(merged);
  return absl::OkStatus();
}

DimBindings Bindings(const TestExtents& extents) {
  DimBindings bindings;
  for (const auto& [symbol, extent] : extents) bindings.emplace(symbol, extent.extent);
  return bindings;
}

// Does the node need extents that nothing gives?
bool NeedsMore(const Node& node, const TestExtents& extents) {
  std::vector<std::string> symbols;
  const auto collect = [&](const Dims& dims) {
    for (const Dim& dim : dims) dim.CollectSymbols(&symbols);
  };
  // A rows op finds its dim itself.
  const bool binds = node.kind == NodeKind::kOp && node.op == OpKind::kRows;
  if (binds) return false;
  for (const TensorType& type : node.types) collect(type.shape);
  for (const DimRequirement& need : node.requirements) collect({need.left, need.right});
  for (const auto& [name, value] : node.attrs.entries()) {
    if (const Dims* dims = std::get_if<Dims>(&value)) collect(*dims);
  }
  for (const std::string& symbol : symbols) {
    if (extents.count(symbol) == 0) return true;
  }
  return false;
}

TestPtr OnDemand(const Value& value, const ExtentsPtr& given);

TestPtr TestOf(const Value& value, const Lookup& known) {
  if (const auto it = known.find(value.id()); it != known.end()) return it->second;
  const Node& node = *value.node();
  if (TestPtr test = InSlot(node)) return test;
  return node.kind == NodeKind::kOp ? OnDemand(value, NoExtents()) : MissingLeaf(node);
}

std::string OperandsText(const Node& node, const std::vector<Tensor>& operands) {
  std::string text;
  for (size_t i = 0; i < operands.size(); ++i) {
    text += (i == 0 ? "; operands " : ", ") + std::string(NumpyName(operands[i].dtype())) + " " +
            ToString(operands[i].shape());
    if (const std::string& name = node.operands[i].name(); !name.empty()) text += " '" + name + "'";
  }
  return text;
}

// The test value of an op from those of what it uses.
TestPtr Compute(const Node& node, const ExtentsPtr& given, const Lookup& known) {
  ExtentsPtr extents = given;
  std::vector<TestPtr> tests;
  std::vector<const Value*> values;
  for (const Value& value : node.operands) values.push_back(&value);
  for (const Value& value : node.captures) values.push_back(&value);
  for (const Value* value : values) {
    tests.push_back(TestOf(*value, known));
    const TestValue& test = *tests.back();
    if (test.state == TestValue::State::kMissing || test.state == TestValue::State::kError) {
      return Without(test.state, test.status, NoExtents());
    }
    if (absl::Status status = Merge(test.extents, &extents); !status.ok()) {
      return Without(TestValue::State::kError, status, NoExtents());
    }
  }
  // What was waiting for extents may have them now.
  for (size_t i = 0; i < tests.size(); ++i) {
    if (tests[i]->state == TestValue::State::kDeferred && tests[i]->extents != extents) {
      tests[i] = OnDemand(*values[i], extents);
    }
    if (tests[i]->state == TestValue::State::kError || tests[i]->state == TestValue::State::kMissing) return tests[i];
    if (tests[i]->state == TestValue::State::kDeferred) return Without(TestValue::State::kDeferred, {}, extents);
  }
  for (const auto& binder : node.binders) {
    if (node.op == OpKind::kRows) break;
    const TestPtr rows = TestOf(binder->rows, known);
    if (absl::Status status = Merge(rows->extents, &extents); !status.ok()) {
      return Without(TestValue::State::kError, status, NoExtents());
    }
  }
  if (NeedsMore(node, *extents)) return Without(TestValue::State::kDeferred, {}, extents);
  std::vector<Tensor> operands, captures;
  for (size_t i = 0; i < tests.size(); ++i) {
    (i < node.operands.size() ? operands : captures).push_back(tests[i]->values[values[i]->result_index()]);
  }
  absl::StatusOr<std::vector<Tensor>> results = EvaluateNode(node, operands, captures, Bindings(*extents));
  if (!results.ok()) {
    return Without(TestValue::State::kError,
                   absl::Status(results.status().code(),
                                std::string(results.status().message()) + OperandsText(node, operands)),
                   extents);
  }
  if (node.op == OpKind::kRows) {
    const auto found = std::make_shared<TestExtents>();
    found->emplace(node.attrs.Get<Dims>("dim")->front().symbol(), TestExtent{results->front().dim(0), Place(node)});
    if (absl::Status status = Merge(found, &extents); !status.ok()) {
      return Without(TestValue::State::kError, status, NoExtents());
    }
  }
  auto test = std::make_shared<TestValue>();
  test->state = TestValue::State::kReady;
  test->values = *std::move(results);
  test->extents = std::move(extents);
  return test;
}

// The test value of something that has none of its own, or that waits for
// extents which `given` may have.
TestPtr OnDemand(const Value& value, const ExtentsPtr& given) {
  Lookup known;
  for (const Node* node : Reachable({value}, value.node()->region)) {
    TestPtr test = InSlot(*node);
    if (test == nullptr || test->state == TestValue::State::kDeferred) {
      test = node->kind == NodeKind::kOp ? Compute(*node, given, known) : MissingLeaf(*node);
    }
    known[node->id] = std::move(test);
  }
  return known.at(value.id());
}

// The extents given last, by symbol: for what is made only of dims.
struct LastExtents {
  std::mutex mutex;
  TestExtents extents;
};
LastExtents& TheLastExtents() {
  static LastExtents* last = new LastExtents;
  return *last;
}

std::mutex& HandlerMutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}
std::shared_ptr<const TestValueWarningHandler>& TheHandler() {
  static auto* handler = new std::shared_ptr<const TestValueWarningHandler>;
  return *handler;
}

void Warn(const Node& node, const absl::Status& status) {
  std::shared_ptr<const TestValueWarningHandler> handler;
  {
    std::lock_guard<std::mutex> lock(HandlerMutex());
    handler = TheHandler();
  }
  if (handler == nullptr) return;
  const std::string where = node.Where();
  (*handler)({(where.empty() ? "" : where + ": ") + std::string(status.message()), node.file, node.line});
}

void SetSlot(const Value& value, TestPtr test) {
  TestSlot& slot = *value.node()->test;
  std::lock_guard<std::mutex> lock(slot.mutex);
  slot.value = std::move(test);
}

TestPtr Ready(Tensor value, ExtentsPtr extents) {
  auto test = std::make_shared<TestValue>();
  test->state = TestValue::State::kReady;
  test->values.push_back(std::move(value));
  test->extents = std::move(extents);
  return test;
}

bool WantsArgument(const Value& argument) {
  return Config::test_value_mode() != TestValueMode::kOff && argument.ok() && argument.node()->test != nullptr;
}

// The test value of `from`, made of `given` when it waits for extents.
void CopyTest(const Value& from, const ExtentsPtr& given, const Value& to) {
  TestPtr test = TestOf(from, {});
  if (test->state == TestValue::State::kDeferred) test = OnDemand(from, given);
  SetSlot(to, test->state == TestValue::State::kReady ? Ready(test->values[from.result_index()], test->extents) : test);
}

// Row `row` of a sequence, when it has one.
void SetRowTest(const Value& argument, const Value& sequence, const ExtentsPtr& given, int64_t row) {
  TestPtr test = TestOf(sequence, {});
  if (test->state == TestValue::State::kDeferred) test = OnDemand(sequence, given);
  if (test->state != TestValue::State::kReady) return SetSlot(argument, test);
  const Tensor& all = test->values[sequence.result_index()];
  const int64_t rows = all.rank() > 0 ? all.dim(0) : 0;
  absl::StatusOr<Tensor> element = absl::OutOfRangeError("");
  if (row >= 0 && row < rows) {
    element = all.Slice(0, row, row + 1);
    if (element.ok()) element = element->Reshape(Extents(all.shape().begin() + 1, all.shape().end()));
  }
  if (element.ok()) return SetSlot(argument, Ready(element->Clone(), test->extents));
  SetSlot(argument, Without(TestValue::State::kMissing,
                            absl::NotFoundError("sequence " + Place(*sequence.node()) + " has " + std::to_string(rows) +
                                                " rows of test values, so that the first iteration has none"),
                            test->extents));
}

// What the user stated was told there. A part of a loop may have no iteration
// with the test values, so that what is made of its body has none.
bool IsMadeAgain(const Node& node) {
  if (node.derivation == nullptr) return false;
  const std::string& rule = node.derivation->rule;
  return rule == "checkpoint" || rule == "recompute" || rule == "grad";
}

}  // namespace

absl::Status GiveTestValue(Node* node) {
  const TestValueMode mode = Config::test_value_mode();
  if (mode == TestValueMode::kOff) return absl::OkStatus();
  TestPtr test = Compute(*node, NoExtents(), {});
  const std::string op = GetOpInfo(node->op).mnemonic;
  if (test->state == TestValue::State::kError) {
    // An error of an operand was told at the operand.
    bool passed_on = false;
    for (const Value& operand : node->operands) {
      const TestPtr of = InSlot(*operand.node());
      passed_on = passed_on || (of != nullptr && of->state == TestValue::State::kError);
    }
    if (!passed_on) {
      return Prefixed(test->status, op + ": with test values");
    }
  } else if (test->state == TestValue::State::kMissing && !IsMadeAgain(*node)) {
    if (mode == TestValueMode::kRaise) {
      return absl::InvalidArgumentError(op + ": " + std::string(test->status.message()) +
                                        " (compute_test_value is raise)");
    }
    bool first = false;  // told once, where the input is used
    for (const Value& operand : node->operands) {
      first = first || (operand.node()->kind != NodeKind::kOp && InSlot(*operand.node()) == nullptr);
    }
    if (first && mode == TestValueMode::kWarn) Warn(*node, Prefixed(test->status, op));
  }
  node->test = std::make_shared<TestSlot>();
  node->test->value = std::move(test);
  return absl::OkStatus();
}

void CopyArgumentTest(const Value& from, const Value& to) {
  if (WantsArgument(to) && from.ok()) CopyTest(from, NoExtents(), to);
}

void CopyInputTest(const Node& from, const Value& to) {
  if (TestPtr test = InSlot(from); test != nullptr && to.ok()) SetSlot(to, std::move(test));
}

void SetLoopTests(const LoopSpec& spec, const Value& trips, const std::vector<Value>& arguments) {
  if (arguments.empty() || !WantsArgument(arguments[0])) return;
  // The number of the first iteration: 0, or the last when it runs backwards.
  // Dims get their extents from what the loop takes.
  ExtentsPtr extents = NoExtents();
  std::vector<Value> operands = {trips};
  for (const LoopSequence& sequence : spec.sequences) operands.push_back(sequence.array);
  operands.insert(operands.end(), spec.initial.begin(), spec.initial.end());
  for (const Value& operand : operands) {
    // Those that disagree are an error of the loop itself.
    if (!Merge(TestOf(operand, {})->extents, &extents).ok()) break;
  }
  const DimBindings bindings = Bindings(*extents);
  int64_t first = 0;
  if (spec.reverse) {
    TestPtr test = TestOf(trips, {});
    if (test->state == TestValue::State::kDeferred) test = OnDemand(trips, extents);
    const absl::StatusOr<int64_t> extent = spec.extent ? spec.extent->Evaluate(bindings) : std::numeric_limits<int64_t>::max();
    if (test->state != TestValue::State::kReady || !extent.ok()) return;
    first = std::max<int64_t>(std::min(test->values[trips.result_index()].ElementAsInt({}), *extent), 1) - 1;
  }
  SetSlot(arguments[0], Ready(Tensor::Scalar<int64_t>(first), NoExtents()));
  for (size_t s = 0; s < spec.sequences.size(); ++s) {
    const LoopSequence& sequence = spec.sequences[s];
    const absl::StatusOr<int64_t> start = sequence.start.Evaluate(bindings);
    if (start.ok()) SetRowTest(arguments[1 + s], sequence.array, extents, *start + sequence.step * first);
  }
  const size_t carried = 1 + spec.sequences.size();
  for (size_t k = 0; k < spec.initial.size(); ++k) {
    if (spec.initial[k].ok()) CopyTest(spec.initial[k], extents, arguments[carried + k]);
  }
}

}  // namespace graph

void SetTestValueWarningHandler(TestValueWarningHandler handler) {
  auto shared = handler ? std::make_shared<const TestValueWarningHandler>(std::move(handler)) : nullptr;
  std::lock_guard<std::mutex> lock(graph::HandlerMutex());
  graph::TheHandler() = std::move(shared);
}

absl::Status Value::set_test_value(const Tensor& value) const {
  ORIEL_RETURN_IF_ERROR(status());
  const graph::Node& node = *node_;
  const std::string what = "test value of " + graph::Place(node) + ": ";
  if (node.kind != graph::NodeKind::kInput) {
    return absl::InvalidArgumentError(what + "only an input() can be given one; constants and states are their own, "
                                             "the rest is computed");
  }
  const TensorType& type = node.types[0];
  const auto wrong = [&](const std::string& why) {
    return absl::InvalidArgumentError(what + why + "; expected " + ToString(type) + ", got " +
                                      std::string(NumpyName(value.dtype())) + " " + ToString(value.shape()));
  };
  if (value.dtype() != type.dtype) return wrong("wrong dtype");
  if (value.rank() != type.rank()) return wrong("wrong rank");
  auto extents = std::make_shared<graph::TestExtents>();
  const std::string by = "input " + graph::Place(node);
  for (int axis = 0; axis < type.rank(); ++axis) {
    const Dim& dim = type.shape[axis];
    if (!dim.is_symbol()) continue;
    const auto [known, is_new] = extents->emplace(dim.symbol(), graph::TestExtent{value.dim(axis), by});
    if (!is_new && known->second.extent != value.dim(axis)) {
      return wrong("axis " + std::to_string(axis) + ", where '" + dim.symbol() + "' is " +
                   std::to_string(known->second.extent));
    }
  }
  const DimBindings bindings = graph::Bindings(*extents);
  for (int axis = 0; axis < type.rank(); ++axis) {
    // What other inputs' symbols decide is looked at where they meet.
    const absl::StatusOr<int64_t> expected = type.shape[axis].Evaluate(bindings);
    if (expected.ok() && *expected != value.dim(axis)) return wrong("axis " + std::to_string(axis));
  }
  Tensor copy = value.Clone();
  if (copy.bytes() != value.bytes()) return absl::ResourceExhaustedError(what + "no memory for a copy");
  {
    graph::LastExtents& last = graph::TheLastExtents();
    std::lock_guard<std::mutex> lock(last.mutex);
    for (const auto& [symbol, extent] : *extents) last.extents[symbol] = extent;
  }
  graph::SetSlot(*this, graph::Ready(std::move(copy), std::move(extents)));
  return absl::OkStatus();
}

absl::StatusOr<Tensor> Value::test_value() const {
  ORIEL_RETURN_IF_ERROR(status());
  graph::TestPtr test = graph::TestOf(*this, {});
  if (test->state == graph::TestValue::State::kDeferred) {
    graph::LastExtents& last = graph::TheLastExtents();
    std::shared_ptr<graph::TestExtents> extents;
    {
      std::lock_guard<std::mutex> lock(last.mutex);
      extents = std::make_shared<graph::TestExtents>(last.extents);
    }
    for (const auto& [symbol, extent] : *test->extents) (*extents)[symbol] = extent;
    test = graph::OnDemand(*this, std::move(extents));
  }
  switch (test->state) {
    case graph::TestValue::State::kReady:
      return test->values[result_];
    case graph::TestValue::State::kDeferred:
      return absl::NotFoundError(graph::Place(*node_) + " depends on dims that no test value gives an extent");
    default:
      return test->status;
  }
}

}  // namespace oriel
