// File: profile_text.cpp
//
// Profile::text() and json(): the Function, Class, Ops and Apply tables.
#include <algorithm>
#include <map>

#include "oriel/profile.h"
#include "oriel/tensor.h"
#include "runtime/core/tree_text.h"
#include "runtime/engine/report_text.h"

namespace oriel {
namespace {

double Percent(double part, double whole) { return whole > 0 ? 100.0 * part / whole : 0; }
double PerCall(double seconds, int64_t calls) { return calls > 0 ? seconds / static_cast<double>(calls) : 0; }

struct Group {
  std::string name;
  double seconds = 0;
  int64_t calls = 0, applies = 0;
};

// Rows that share a key, the slowest first.
std::vector<Group> GroupBy(const std::vector<ApplyRow>& rows, const std::string ApplyRow::*key) {
  std::map<std::string, Group> groups;
  for (const ApplyRow& row : rows) {
    Group& group = groups[row.*key];
    group.name = row.*key;
    group.seconds += row.seconds;
    group.calls += row.calls;
    ++group.applies;
  }
  std::vector<Group> out;
  for (auto& [name, group] : groups) out.push_back(std::move(group));
  std::sort(out.begin(), out.end(), [](const Group& a, const Group& b) { return a.seconds != b.seconds ? a.seconds > b.seconds : a.name < b.name; });
  return out;
}

std::string Remaining(size_t shown, size_t all, const char* what, double left, double total) {
  if (shown >= all) return "";
  return Format("   ... (remaining %zu %s account for %.2f%%(%.2es) of the runtime)\n", all - shown, what, Percent(left, total), left);
}

std::string GroupTable(const char* heading, const char* column, const std::vector<Group>& groups, double total, int max_rows) {
  std::string text = std::string(heading) + "\n---\n";
  text += std::string("<% time> <sum %> <apply time> <time per call> <#call> <#apply> <") + column + ">\n";
  double sum = 0;
  size_t shown = 0;
  for (const Group& g : groups) {
    if (static_cast<int>(shown) >= max_rows) break;
    sum += g.seconds;
    text += Format("%6.1f%%  %6.1f%%  %10.3es  %10.2es  %7lld  %6lld   %s\n", Percent(g.seconds, total), Percent(sum, total), g.seconds,
                   PerCall(g.seconds, g.calls), static_cast<long long>(g.calls), static_cast<long long>(g.applies), g.name.c_str());
    ++shown;
  }
  return text + Remaining(shown, groups.size(), heading, total - sum, total) + "\n";
}

std::string TensorText(const char* what, size_t i, const TensorInfo& t) {
  return Format("    %s %zu: dtype=%s, shape=%s, strides=c", what, i, std::string(NumpyName(t.dtype)).c_str(), ToString(t.shape).c_str()) +
         (t.name.empty() ? "" : ", name=" + t.name) + "\n";
}

// "node 3 [id D]: div 'p' at file.cpp:12", and where a derived node came from.
std::string NodeLine(const NodeInfo& node) {
  std::string text = "    node " + std::to_string(node.id) + " [id " + IdLetters(node.id) + "]: " + node.op;
  if (!node.name.empty()) text += " '" + (node.scope.empty() ? "" : node.scope + "/") + node.name + "'";
  if (const std::string where = node.Where(); !where.empty()) text += " at " + where;
  if (node.origin == Origin::kDerived) {
    text += ", " + (node.rule.empty() ? std::string("derived") : node.rule) + (node.from.empty() ? "" : " of");
    for (NodeId from : node.from) text += " " + std::to_string(from);
  }
  return text + "\n";
}

std::string ScatterLines(const ScatterUse& use) {
  std::string text = "    scatter: " + use.strategy + " (" + use.reason + ")\n";
  text += Format("    indices: %lld updates, %.1f%% with an index that comes again close by, %.1f%% combined in registers (longest run %lld)\n",
                 static_cast<long long>(use.updates), 100 * use.contention(),
                 Percent(static_cast<double>(use.combined), static_cast<double>(use.updates)), static_cast<long long>(use.longest_run));
  return text;
}

}  // namespace

std::string Profile::text(int max_rows) const {
  double total = 0;
  for (const ApplyRow& row : rows) total += row.seconds;
  const double runtime = total - kernel_seconds;
  std::string text = "Function\n---\n";
  text += "<#call> <wall time> <time per call> <kernel time> <% kernel> <runtime time> <% runtime> <compile time> <Function name>\n";
  text += Format("%7lld  %10.3es  %10.2es  %10.3es  %6.1f%%  %10.3es  %6.1f%%  %10.3es   %s\n", static_cast<long long>(calls), wall_seconds,
                 PerCall(wall_seconds, calls), kernel_seconds, Percent(kernel_seconds, wall_seconds), runtime, Percent(runtime, wall_seconds),
                 compile_seconds, function.c_str());
  for (const auto& [phase, seconds] : compile_phases) text += Format("    compile phase %s: %.3es\n", phase.c_str(), seconds);
  if (!enabled) text += "    times were not measured (CompileOptions::profile is off)\n";
  text += "\n";
  if (calls == 0) return text + "No call yet.\n";
  text += GroupTable("Class", "Class name", GroupBy(rows, &ApplyRow::op_class), total, max_rows);
  text += GroupTable("Ops", "Op name", GroupBy(rows, &ApplyRow::op), total, max_rows);

  text += "Apply\n---\n<% time> <sum %> <apply time> <time per call> <#call> <id> <Apply name>\n";
  std::vector<const ApplyRow*> order;
  for (const ApplyRow& row : rows) order.push_back(&row);
  std::sort(order.begin(), order.end(), [](const ApplyRow* a, const ApplyRow* b) {
    return a->seconds != b->seconds ? a->seconds > b->seconds : a < b;  // else in plan order
  });
  double sum = 0;
  size_t shown = 0;
  for (const ApplyRow* row : order) {
    if (static_cast<int>(shown) >= max_rows) break;
    sum += row->seconds;
    text += Format("%6.1f%%  %6.1f%%  %10.3es  %10.2es  %7lld  %4lld   %s%s\n", Percent(row->seconds, total), Percent(sum, total), row->seconds,
                   PerCall(row->seconds, row->calls), static_cast<long long>(row->calls), static_cast<long long>(row->id), row->name.c_str(),
                   row->sampled ? " (sampled)" : "");
    if (row->thread_seconds > 0) text += Format("    side by side with other steps: %.3es of threads\n", row->thread_seconds);
    for (const NodeInfo& node : row->nodes) text += NodeLine(node);
    if (row->scatter.has_value()) text += ScatterLines(*row->scatter);
    for (size_t i = 0; i < row->inputs.size(); ++i) text += TensorText("input", i, row->inputs[i]);
    for (size_t i = 0; i < row->outputs.size(); ++i) text += TensorText("output", i, row->outputs[i]);
    ++shown;
  }
  return text + Remaining(shown, order.size(), "Apply", total - sum, total);
}

std::string Profile::json() const {
  JsonWriter w;
  const auto tensors = [&w](const char* key, const std::vector<TensorInfo>& list) {
    w.Key(key).BeginArray();
    for (const TensorInfo& t : list) {
      w.BeginObject().Key("name").String(t.name).Key("dtype").String(NumpyName(t.dtype)).Key("shape").Ints(t.shape).EndObject();
    }
    w.EndArray();
  };
  w.BeginObject().Key("function").String(function).Key("calls").Int(calls).Key("enabled").Bool(enabled);
  w.Key("wall_seconds").Number(wall_seconds).Key("kernel_seconds").Number(kernel_seconds).Key("compile_seconds").Number(compile_seconds);
  w.Key("compile_phases").BeginArray();
  for (const auto& [phase, seconds] : compile_phases) w.BeginObject().Key("phase").String(phase).Key("seconds").Number(seconds).EndObject();
  w.EndArray().Key("rows").BeginArray();
  for (const ApplyRow& row : rows) {
    w.BeginObject().Key("id").Int(row.id).Key("name").String(row.name).Key("op").String(row.op).Key("class").String(row.op_class);
    w.Key("seconds").Number(row.seconds).Key("calls").Int(row.calls).Key("sampled").Bool(row.sampled);
    w.Key("thread_seconds").Number(row.thread_seconds).Key("node").Int(row.node);
    w.Key("nodes").BeginArray();
    for (const NodeInfo& node : row.nodes) {
      w.BeginObject().Key("id").Int(node.id).Key("op").String(node.op).Key("name").String(node.name).Key("scope").String(node.scope);
      w.Key("file").String(node.file).Key("line").Int(node.line).Key("from").Ints(node.from).Key("rule").String(node.rule).EndObject();
    }
    w.EndArray();
    tensors("inputs", row.inputs);
    tensors("outputs", row.outputs);
    if (row.scatter.has_value()) {
      const ScatterUse& use = *row.scatter;
      w.Key("scatter").BeginObject().Key("strategy").String(use.strategy).Key("reason").String(use.reason);
      w.Key("updates").Int(use.updates).Key("combined").Int(use.combined).Key("longest_run").Int(use.longest_run);
      w.Key("sampled").Int(use.sampled).Key("repeated").Int(use.repeated).Key("contention").Number(use.contention());
      w.Key("serial").Int(use.serial).Key("ranges").Int(use.ranges).Key("columns").Int(use.columns).Key("copies").Int(use.copies).EndObject();
    }
    w.EndObject();
  }
  w.EndArray().EndObject();
  return w.Take();
}

}  // namespace oriel
