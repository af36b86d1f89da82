// A graph as MLIR text: docs/architecture.md, phase `graph`.
#include <algorithm>
#include <map>
#include <set>

#include "runtime/core/status.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/graph_export.h"
#include "runtime/graph/implied_updates.h"
#include "runtime/graph/loop.h"
#include "runtime/graph/mlir_syntax.h"
#include "runtime/graph/node_numbers.h"

namespace oriel {
namespace graph {
namespace {

TensorType TypeOf(const Value& value) { return {value.dtype(), value.shape()}; }

// Writes one module. With locations it is the text users see; without them and
// without names of nodes it is what programs are cached by.
class TextWriter {
 public:
  TextWriter(const NodeNumbers* numbers, const ExportedGraph* exported,
             const std::map<const WatchCallback*, NodeId>* first_taps)
      : locations_(numbers != nullptr), numbers_(numbers), exported_(exported), first_taps_(first_taps) {}

  std::string Write(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                    const std::vector<Value>& new_values, const std::vector<std::string>& new_value_symbols,
                    const std::map<uint64_t, std::string>& state_symbols, const std::string& name);

  // Of the taps written, in their order.
  std::vector<std::shared_ptr<const WatchCallback>> TakeTaps() { return std::move(taps_); }

 private:
  void Line(const std::string& text) { body_.append(static_cast<size_t>(indent_) * 2, ' ').append(text).append("\n"); }
  std::string Loc(const std::string& name, const std::string& scope, const std::string& file, int line,
                  const std::string& derivation = "") const;
  std::string Loc(const Node& node) const {
    return Loc(node.name, node.scope, node.file, node.line, DerivationText(node));
  }
  // "<{from = [3], rule = "grad"}>" of a derived node, else "".
  std::string DerivationText(const Node& node) const;

  const std::string& Name(const Value& value) const { return names_.at({value.id(), value.result_index()}); }
  std::string NamesOf(absl::Span<const Value> values) const;
  static std::string TypesOf(absl::Span<const Value> values);
  std::string Functional(const Node& node) const {
    return "(" + TypesOf(node.operands) + ") -> " + MlirType(node.types[0]);
  }
  // With late symbols as the text shows them.
  std::string DimsText(const Dims& dims);
  // The part between the op's name and its location.
  std::string Assembly(const Node& node);
  std::string ElementwiseAssembly(const Node& node);
  std::string TapAssembly(const Node& node);
  void WriteNode(const Node& node);
  void WriteLoop(const Node& node, const std::string& results);
  void WriteBranch(const Node& node, const std::string& results);
  void WriteRegion(const Region& region);

  bool locations_;
  const NodeNumbers* numbers_;  // with locations
  const ExportedGraph* exported_;
  const std::map<uint64_t, std::string>* symbols_ = nullptr;
  std::map<std::pair<NodeId, int>, std::string> names_;
  std::vector<MlirResource> resources_;
  std::string body_;
  std::map<std::string, Dim> late_;   // of symbols that rows ops bind
  std::set<std::string> dim_names_;   // that are taken
  std::map<std::string, int> dim_suffixes_;  // by stem, the last tried
  int indent_ = 0;
  int next_ = 0;
  // The first node of each tap, and the taps written.
  const std::map<const WatchCallback*, NodeId>* first_taps_;
  std::vector<std::shared_ptr<const WatchCallback>> taps_;
};

std::string TextWriter::Loc(const std::string& name, const std::string& scope, const std::string& file, int line,
                            const std::string& derivation) const {
  if (!locations_) return "";
  const std::string full = scope.empty() ? name : scope + "/" + name;
  std::string place = MlirString(file) + ":" + std::to_string(line) + ":1";
  if (!full.empty()) place = MlirString(full) + "(" + place + ")";
  return " loc(" + (derivation.empty() ? place : "fused" + derivation + "[" + place + "]") + ")";
}

std::string TextWriter::DerivationText(const Node& node) const {
  if (!locations_ || node.derivation == nullptr) return "";
  std::string text;
  for (NodeId id : numbers_->FromOf(*node.derivation)) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return "<{from = [" + text + "], rule = " + MlirString(node.derivation->rule) + "}>";
}

std::string TextWriter::DimsText(const Dims& dims) {
  Dims shown;
  for (const Dim& dim : dims) {
    std::vector<std::string> symbols;
    if (!dim.is_static()) dim.CollectSymbols(&symbols);
    for (const std::string& symbol : symbols) {
      if (!IsLate(symbol) || late_.count(symbol) != 0) continue;
      const std::string stem = symbol.substr(0, symbol.find('$'));
      std::string name = stem;
      for (int& suffix = dim_suffixes_[stem]; !dim_names_.insert(name).second;) name = stem + "_" + std::to_string(++suffix);
      late_.emplace(symbol, Dim::Symbol(name));
    }
    shown.push_back(late_.empty() ? dim : dim.Substitute(late_));
  }
  return MlirDims(shown);
}

std::string TextWriter::NamesOf(absl::Span<const Value> values) const {
  std::string text;
  for (const Value& value : values) text += (text.empty() ? "" : ", ") + Name(value);
  return text;
}

std::string TextWriter::TypesOf(absl::Span<const Value> values) {
  std::string text;
  for (const Value& value : values) text += (text.empty() ? "" : ", ") + MlirType(TypeOf(value));
  return text;
}

// Operands and result of one shape print one type; where a known extent meets
// an unknown one, all types.
std::string TextWriter::ElementwiseAssembly(const Node& node) {
  std::string text;
  if (node.op == OpKind::kCompare) text = *node.attrs.Get<std::string>("predicate") + " ";
  text += NamesOf(node.operands) + " : ";
  const Value& last = node.operands.back();
  const std::string shape = MlirType({DType::boolean, node.types[0].shape});
  bool same = true;
  for (const Value& operand : node.operands) same = same && MlirType({DType::boolean, operand.shape()}) == shape;
  return text + (same ? MlirType(TypeOf(last)) : Functional(node));
}

std::string TextWriter::TapAssembly(const Node& node) {
  std::string text = *node.attrs.Get<std::string>("kind") + " " + Name(node.operands[0]);
  const auto list = [&](size_t first, size_t count) {
    const absl::Span<const Value> values = absl::MakeSpan(node.operands).subspan(first, count);
    return "(" + NamesOf(values) + " : " + TypesOf(values) + ")";
  };
  if (const auto* counts = node.attrs.Get<std::vector<int64_t>>("counts"); !counts->empty()) {
    const size_t shown = 1 + counts->size();
    text += " when" + list(1, counts->size());
    if (shown < node.operands.size()) text += " of" + list(shown, node.operands.size() - shown);
    text += " counts " + MlirInts(*counts);
  }
  for (const char* name : {"message", "lines"}) {
    const std::string* value = node.attrs.Get<std::string>(name);
    if (value != nullptr && !value->empty()) text += std::string(" ") + name + " " + MlirString(*value);
  }
  return text + " : " + MlirType(TypeOf(node.operands[0]));
}

std::string TextWriter::Assembly(const Node& node) {
  if (IsElementwiseUnary(node.op) || IsElementwiseBinary(node.op)) return ElementwiseAssembly(node);
  const auto dims = [&](std::string_view name) { return DimsText(*node.attrs.Get<Dims>(name)); };
  const auto ints = [&](std::string_view name) { return MlirInts(*node.attrs.Get<std::vector<int64_t>>(name)); };
  const auto axis = [&] { return " axis " + std::to_string(*node.attrs.Get<int64_t>("axis")); };
  const auto keepdims = [&] { return std::string(*node.attrs.Get<bool>("keepdims") ? " keepdims" : ""); };
  const auto kind = [&] { return *node.attrs.Get<std::string>("kind") + " "; };
  const std::string result = MlirType(node.types[0]);
  const std::string x = node.operands.empty() ? "" : Name(node.operands[0]);
  const std::string arrow = node.operands.empty() ? "" : " : " + MlirType(TypeOf(node.operands[0])) + " -> " + result;
  const auto from = [&](size_t first) { return NamesOf(absl::MakeSpan(node.operands).subspan(first)); };
  switch (node.op) {
    case OpKind::kConstant:
      return MlirElements(*node.attrs.Get<Tensor>("value"), &resources_) + " : " + result;
    case OpKind::kIota:
      return axis().substr(1) + " shape " + dims("shape") + " : " + result;
    case OpKind::kStateRead:
      return MlirSymbol(symbols_->at(node.state->id)) + " : " + result;
    case OpKind::kRows:
      return from(0) + " dim " + dims("dim") + " : " + Functional(node);
    case OpKind::kDimValue:
      return dims("dim") + " : " + result;
    case OpKind::kCompare:
    case OpKind::kSelect:
      return ElementwiseAssembly(node);
    case OpKind::kBroadcast:
      return x + " shape " + dims("shape") + " axes " + ints("axes") + arrow;
    case OpKind::kReshape:
      return x + " shape " + dims("shape") + arrow;
    case OpKind::kTranspose:
      return x + " permutation " + ints("permutation") + arrow;
    case OpKind::kSlice:
      return x + " starts " + dims("starts") + " limits " + dims("limits") + " steps " + ints("steps") + arrow;
    case OpKind::kDynamicSlice:
      return x + "[" + from(1) + "] sizes " + dims("sizes") + arrow;
    case OpKind::kConcatenate:
      return from(0) + axis() + " : " + Functional(node);
    case OpKind::kReduce:
      return kind() + x + " axes " + ints("axes") + keepdims() + arrow;
    case OpKind::kArgMax:
    case OpKind::kArgMin:
      return x + axis() + keepdims() + arrow;
    case OpKind::kSort:
      return x + axis() + " : " + result;
    case OpKind::kArgSort:
      return x + axis() + arrow;
    case OpKind::kMatMul:
      return from(0) + " : " + Functional(node);
    case OpKind::kGather:
      return x + "[" + from(1) + "]" + axis() + " : " + Functional(node);
    case OpKind::kScatter:
      return kind() + x + "[" + from(2) + "], " + Name(node.operands[1]) + axis() + " : " + Functional(node);
    case OpKind::kTap:
      return TapAssembly(node);
    default:  // cast
      return x + arrow;
  }
}

void TextWriter::WriteRegion(const Region& region) {
  ++indent_;
  for (const Node* node : Reachable(region.results, region.id)) {
    if (node->kind == NodeKind::kOp) WriteNode(*node);
  }
  if (!region.results.empty()) Line("oriel.yield " + NamesOf(region.results) + " : " + TypesOf(region.results));
  --indent_;
}

void TextWriter::WriteLoop(const Node& node, const std::string& results) {
  const LoopView loop(node);
  const auto bind = [&](const Value& argument, const std::string& prefix) {
    return names_[{argument.id(), 0}] = prefix + std::to_string(next_++);
  };
  const auto list = [](std::string* text, const std::string& item) { *text += (text->empty() ? "" : ", ") + item; };
  std::string text = results + "oriel.loop " + bind(loop.index(), "%i") + " to " + Name(loop.trips());
  if (loop.extent()) text += " extent " + DimsText({*loop.extent()});
  std::string rows, carried, stacks;
  for (size_t s = 0; s < loop.sequences(); ++s) {
    const std::string array = Name(loop.array(s));
    list(&rows, bind(loop.element(s), "%e") + " = " + array + " from " + DimsText({loop.start(s)}) + " by " +
                    std::to_string(loop.step(s)) + " : " + MlirType(TypeOf(loop.array(s))));
  }
  for (size_t k = 0; k < loop.carried(); ++k) {
    const std::string initial = Name(loop.initial(k));
    list(&carried, bind(loop.argument(k), "%c") + " = " + initial + " : " + MlirType(TypeOf(loop.argument(k))));
  }
  for (size_t j = 0; j < loop.stacks(); ++j) list(&stacks, MlirType(node.types[static_cast<size_t>(loop.stack_index(j))]));
  if (!rows.empty()) text += " over (" + rows + ")";
  text += " with (" + carried + ")";
  if (loop.reverse()) text += " reverse";
  if (loop.until()) text += " until";
  if (loop.checked()) text += " checked";
  if (!stacks.empty()) text += " collects (" + stacks + ")";
  Line(text + " {");
  WriteRegion(loop.region());
  Line("}" + Loc(node));
}

void TextWriter::WriteBranch(const Node& node, const std::string& results) {
  std::string types;
  for (const TensorType& type : node.types) types += (types.empty() ? " -> " : ", ") + MlirType(type);
  Line(results + "oriel.branch " + Name(node.operands[0]) + types + " {");
  WriteRegion(node.regions[0]);
  Line("} else {");
  WriteRegion(node.regions[1]);
  Line("}" + Loc(node));
}

void TextWriter::WriteNode(const Node& node) {
  const std::string& mnemonic = GetOpInfo(node.op).mnemonic;
  if (node.op == OpKind::kTap) {
    if (first_taps_->at(node.tap.get()) != node.id) {
      names_[{node.id, 0}] = Name(node.operands[0]);
      return;
    }
    taps_.push_back(node.tap);
  }
  const bool region = node.op == OpKind::kLoop || node.op == OpKind::kBranch;
  const std::string name = "%" + std::to_string(next_++);
  std::string results = name;
  if (node.types.size() == 1) {
    names_[{node.id, 0}] = name;
  } else {
    results += ":" + std::to_string(node.types.size());
    for (size_t i = 0; i < node.types.size(); ++i) {
      names_[{node.id, static_cast<int>(i)}] = name + "#" + std::to_string(i);
    }
  }
  results = node.types.empty() ? "" : results + " = ";
  if (!region) {
    Line(results + "oriel." + mnemonic + " " + Assembly(node) + Loc(node));
  } else if (node.op == OpKind::kLoop) {
    WriteLoop(node, results);
  } else {
    WriteBranch(node, results);
  }
}

std::string TextWriter::Write(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                              const std::vector<Value>& new_values,
                              const std::vector<std::string>& new_value_symbols,
                              const std::map<uint64_t, std::string>& state_symbols, const std::string& name) {
  symbols_ = &state_symbols;
  Line("module " + (locations_ ? numbers_->OriginsText() : "") + "{");
  ++indent_;
  for (size_t i = 0; i < exported_->states.size(); ++i) {
    const State& state = exported_->states[i];
    const Extents shape = state.shape();
    const std::string& symbol = exported_->state_symbols[i];
    const StateCell& cell = *state.cell();
    Line("oriel.state " + MlirSymbol(symbol) + " : " + MlirType({cell.dtype, Dims(shape.begin(), shape.end())}) +
         Loc("", "", cell.file, cell.line));
  }
  std::set<std::string> taken;
  std::string arguments;
  for (const Value& input : inputs) {
    const Node& node = *input.node();
    std::string ssa = "%" + (IsMlirIdentifier(node.name.str()) ? node.name.str() : "arg" + std::to_string(next_++));
    while (!taken.insert(ssa).second) ssa += "_";
    std::vector<std::string> dims;
    for (const Dim& dim : node.types[0].shape) dim.CollectSymbols(&dims);
    dim_names_.insert(dims.begin(), dims.end());
    names_[{node.id, 0}] = ssa;
    arguments += (arguments.empty() ? "" : ",\n" + std::string(6, ' ')) + ssa + ": " + MlirType(node.types[0]) +
                 " {oriel.dims = #oriel.dims" + MlirDims(node.types[0].shape) +
                 ", oriel.name = " + MlirString(node.name.str()) + "}" + Loc("", node.scope, node.file, node.line);
  }
  std::string results;
  for (size_t i = 0; i < outputs.size(); ++i) {
    results += (i > 0 ? ",\n" + std::string(6, ' ') : "") + MlirType(TypeOf(outputs[i])) + " {oriel.name = " +
               MlirString(exported_->output_names[i]) + "}";
  }
  Line("func.func " + MlirSymbol(name) + "(" + arguments + ")");
  Line("    -> (" + results + ") {");
  ++indent_;
  std::vector<Value> roots = outputs;
  roots.insert(roots.end(), new_values.begin(), new_values.end());
  for (const Node* node : Reachable(roots, 0)) {
    if (node->kind == NodeKind::kOp) WriteNode(*node);
  }
  for (size_t i = 0; i < new_values.size(); ++i) {
    const Node& node = *new_values[i].node();
    Line("oriel.state_update " + MlirSymbol(new_value_symbols[i]) + ", " + Name(new_values[i]) + " : " +
         MlirType(TypeOf(new_values[i])) + Loc(new_value_symbols[i], node.scope, node.file, node.line));
  }
  Line(outputs.empty() ? "return" : "return " + NamesOf(outputs) + " : " + TypesOf(outputs));
  --indent_;
  Line("}");
  --indent_;
  Line("}");
  return body_ + MlirResourceSection(resources_);
}

}  // namespace

absl::StatusOr<ExportedGraph> ExportGraph(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                          const std::vector<Update>& updates, const std::string& name) {
  ORIEL_RETURN_IF_ERROR(CheckGraph(inputs, outputs, updates));
  ExportedGraph exported;
  for (const Value& input : inputs) {
    exported.input_names.push_back(input.name());
    exported.input_types.push_back(TypeOf(input));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& output = outputs[i].name();
    exported.output_names.push_back(output.empty() ? "output" + std::to_string(i) : output);
    exported.output_types.push_back(TypeOf(outputs[i]));
  }
  // A state's shape is static: what equals it only at run time says so first.
  std::vector<Value> new_values;
  for (const auto& [state, value] : updates) {
    const Extents extents = state.shape();
    const Dims shape(extents.begin(), extents.end());
    std::vector<Value> fitted = {value};
    const Node& node = *value.node();
    FitShapes({{state.dtype(), shape}}, &fitted, Location(node.file.c_str(), static_cast<uint32_t>(node.line)));
    if (!fitted[0].ok()) return fitted[0].status();
    new_values.push_back(std::move(fitted[0]));
  }
  // States in the order of their first use, under unique symbols.
  std::map<uint64_t, std::string> symbols;
  const std::string function = name.empty() ? "function" : name;
  std::set<std::string> taken = {function};
  std::map<std::string, int> suffixes;  // the last tried: many states may share a name
  auto declare = [&](const std::shared_ptr<StateCell>& cell) {
    if (symbols.count(cell->id) != 0) return;
    const std::string stem = cell->name.empty() ? "state" : cell->name.str();
    std::string symbol = stem;
    for (int& suffix = suffixes[stem]; !taken.insert(symbol).second;) symbol = stem + "_" + std::to_string(++suffix);
    symbols[cell->id] = symbol;
    exported.states.push_back(State(cell));
    exported.state_symbols.push_back(symbol);
  };
  std::vector<Value> roots = outputs;
  roots.insert(roots.end(), new_values.begin(), new_values.end());
  std::map<const WatchCallback*, NodeId> first_taps;
  std::vector<std::pair<std::vector<Value>, uint64_t>> bodies = {{roots, 0}};
  for (size_t i = 0; i < bodies.size(); ++i) {
    const auto [results, region] = bodies[i];
    for (const Node* node : Reachable(results, region)) {
      if (node->state != nullptr) declare(node->state);
      if (node->tap != nullptr) {
        const auto [first, is_new] = first_taps.try_emplace(node->tap.get(), node->id);
        if (!is_new) first->second = std::min(first->second, node->id);
      }
      for (const Region& inner : node->regions) bodies.emplace_back(inner.results, inner.id);
    }
  }
  std::vector<std::string> new_value_symbols;
  for (const auto& [state, value] : updates) {
    declare(state.cell());
    new_value_symbols.push_back(symbols.at(state.id()));
  }
  const NodeNumbers numbers(inputs, roots, new_values, new_value_symbols, &exported);
  TextWriter writer(&numbers, &exported, &first_taps);
  exported.text = writer.Write(inputs, outputs, new_values, new_value_symbols, symbols, function);
  exported.taps = writer.TakeTaps();
  exported.key_bytes =
      TextWriter(nullptr, &exported, &first_taps).Write(inputs, outputs, new_values, new_value_symbols, symbols, function);
  return exported;
}

}  // namespace graph

absl::StatusOr<std::string> ToMlirText(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                                       const std::vector<Update>& updates, const std::string& name) {
  ORIEL_ASSIGN_OR_RETURN(graph::ExportedGraph exported, graph::ExportGraph(inputs, outputs, graph::WithImpliedUpdates(outputs, updates), name));
  return std::move(exported.text);
}

}  // namespace oriel
