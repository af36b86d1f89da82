// File: dot_text.cpp
#include "runtime/core/dot_text.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

namespace oriel {
namespace {

// A string of Graphviz's language; lines are centred, long ones cut.
std::string Quote(const std::string& text) {
  constexpr size_t kMaxLine = 60;
  std::string out = "\"";
  size_t column = 0;
  bool cut = false;
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
      column = 0;
      cut = false;
      continue;
    }
    // A byte that continues a UTF-8 character goes with its first.
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (cut || (column >= kMaxLine && !continues)) {
      if (!cut) out += "...";
      cut = true;
      continue;
    }
    if (!continues) ++column;
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out + "\"";
}

// White to red.
std::string Colour(double heat) {
  char text[40];
  std::snprintf(text, sizeof text, "\"0.030 %.3f 1.000\"", std::min(1.0, std::max(0.0, heat)) * 0.85);
  return text;
}

// Boxes in groups that are drawn as one; a group's number is that of its first
// box in order, so that edges go from lower numbers to higher ones.
class Folding {
 public:
  Folding(const DotGraph& graph, int max_boxes) : graph_(graph) {
    const int n = static_cast<int>(graph.boxes.size());
    group_.resize(static_cast<size_t>(n));
    for (int i = 0; i < n; ++i) group_[i] = i;
    if (n <= max_boxes) return;
    Chains();
    const int left = Count();
    if (left > max_boxes) Blocks(left, std::min(max_boxes, 36));
  }
  int group(int box) const { return group_[static_cast<size_t>(box)]; }

 private:
  int Count() const { return static_cast<int>(std::set<int>(group_.begin(), group_.end()).size()); }

  // What has one user goes with it: leaves, and chains of operations. The group
  // is that of the last box, so that all it uses comes before.
  void Chains() {
    const int n = static_cast<int>(group_.size());
    std::vector<std::set<int>> users(group_.size());
    for (int i = 0; i < n; ++i) {
      for (int from : graph_.boxes[i].from) users[from].insert(i);
    }
    for (const auto& [from, to] : graph_.back) users[from].insert(to);
    // Leaves of one user, and what is made of nothing else.
    std::vector<bool> minor(group_.size());
    for (int i = 0; i < n; ++i) {
      const DotBox& box = graph_.boxes[i];
      minor[i] = users[i].size() == 1 && *users[i].begin() > i && !box.result && (box.leaf || !box.from.empty()) &&
                 std::all_of(box.from.begin(), box.from.end(), [&](int from) { return minor[from]; });
    }
    for (int i = n - 1; i >= 0; --i) {
      if (users[i].size() != 1 || graph_.boxes[i].result) continue;
      const int user = *users[i].begin();
      if (user <= i) continue;
      std::set<int> major;  // operands of the user that are more
      for (int from : graph_.boxes[user].from) {
        if (!minor[from]) major.insert(from);
      }
      if (minor[i] || major.size() == 1) group_[i] = group_[user];
    }
  }

  // Groups in order, cut into about equal parts.
  void Blocks(int groups, int blocks) {
    std::map<int, int> number;
    for (int g : group_) number.emplace(g, 0);
    int next = 0;
    for (auto& [g, at] : number) at = next++;
    for (int& g : group_) g = static_cast<int>(static_cast<int64_t>(number[g]) * blocks / groups);
  }

  const DotGraph& graph_;
  std::vector<int> group_;
};

// "40 add, 12 mul, 3 exp, ..."
std::string Counted(const std::vector<const DotBox*>& members) {
  std::map<std::string, int> counts;
  for (const DotBox* box : members) ++counts[box->kind];
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [kind, count] : counts) order.emplace_back(-count, kind);
  std::sort(order.begin(), order.end());
  std::string text;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 5) return text + "\n...";
    text += (i == 0 ? "" : i == 3 ? ",\n" : ", ") + std::to_string(-order[i].first) + " " + order[i].second;
  }
  return text;
}

// "'h0' ... 'h20'", the first and the last that have names.
std::string Names(const std::vector<const DotBox*>& members) {
  std::string first, last;
  for (const DotBox* box : members) {
    if (box->name.empty() || box->leaf) continue;
    if (first.empty()) first = box->name;
    last = box->name;
  }
  if (first.empty()) return "";
  return "'" + first + "'" + (first == last ? "" : " ... '" + last + "'") + "\n";
}

std::string Places(const std::vector<const DotBox*>& members) {
  std::vector<std::string> places;
  for (const DotBox* box : members) {
    if (!box->place.empty() && std::find(places.begin(), places.end(), box->place) == places.end()) places.push_back(box->place);
  }
  if (places.empty()) return "";
  if (places.size() == 1) return "\n" + places[0];
  return "\n" + places.front() + " ... " + places.back();
}

}  // namespace

std::string DotText(const DotGraph& graph, int max_boxes) {
  const Folding folding(graph, std::max(max_boxes, 8));
  std::map<int, std::vector<int>> members;
  for (int i = 0; i < static_cast<int>(graph.boxes.size()); ++i) members[folding.group(i)].push_back(i);
  const bool folded = members.size() != graph.boxes.size();

  std::string text = "digraph " + Quote(graph.title) + " {\n";
  text += "  rankdir=TB; nodesep=0.25; ranksep=0.35; compound=true;\n";
  text += "  label=" + Quote(graph.title + (folded ? ": " + std::to_string(graph.boxes.size()) + " nodes folded into " + std::to_string(members.size()) : "")) +
          "; labelloc=t; fontname=\"sans-serif\"; fontsize=14;\n";
  text += "  node [shape=box, style=\"filled,rounded\", fillcolor=white, fontname=\"sans-serif\", fontsize=10, margin=\"0.08,0.04\", height=0.3];\n";
  text += "  edge [arrowsize=0.6, color=\"#606060\"];\n";

  std::map<int, std::string> of_cluster;  // box statements; -1: no frame
  for (const auto& [group, boxes] : members) {
    std::vector<const DotBox*> all;
    double heat = -1;
    bool leaves = true;
    for (int i : boxes) {
      const DotBox& box = graph.boxes[static_cast<size_t>(i)];
      all.push_back(&box);
      if (box.heat >= 0) heat = std::max(heat, 0.0) + box.heat;
      leaves = leaves && box.leaf;
    }
    const DotBox& last = *all.back();
    std::string label = last.label;
    if (all.size() > 1) label = Names(all) + std::to_string(all.size()) + " nodes: " + Counted(all) + Places(all);
    std::string attributes = "label=" + Quote(label);
    if (all.size() > 1) attributes += ", style=\"filled,rounded,dashed\"";
    if (leaves) attributes += ", shape=ellipse, fillcolor=\"#e8f0fe\"";
    else if (heat >= 0) attributes += ", fillcolor=" + Colour(heat);
    if (last.result) attributes += ", penwidth=2";
    of_cluster[folded ? -1 : last.cluster] += "n" + std::to_string(group) + " [" + attributes + "];\n";
  }
  // Frames, inner ones within outer ones.
  std::vector<std::vector<int>> inside(graph.clusters.size() + 1);
  for (int c = 0; c < static_cast<int>(graph.clusters.size()); ++c) inside[static_cast<size_t>(graph.clusters[c].parent + 1)].push_back(c);
  const auto put = [&](auto&& self, int cluster, int depth) -> void {
    const std::string pad(static_cast<size_t>(depth) * 2, ' ');
    const std::string& statements = of_cluster[cluster];
    for (size_t at = 0; at < statements.size();) {
      const size_t end = statements.find('\n', at);
      text += pad + statements.substr(at, end - at + 1);
      at = end + 1;
    }
    if (folded || depth > 40) return;
    for (int c : inside[static_cast<size_t>(cluster + 1)]) {
      text += pad + "subgraph cluster_" + std::to_string(c) + " {\n" + pad + "  label=" + Quote(graph.clusters[c].label) +
              "; fontsize=10; style=\"rounded,filled\"; color=\"#909090\"; fillcolor=" +
              (graph.clusters[c].heat >= 0 ? Colour(graph.clusters[c].heat) : "\"#f7f7f7\"") + ";\n";
      self(self, c, depth + 1);
      text += pad + "}\n";
    }
  };
  put(put, -1, 1);
  std::set<std::pair<int, int>> edges;
  for (int i = 0; i < static_cast<int>(graph.boxes.size()); ++i) {
    for (int from : graph.boxes[i].from) {
      const std::pair<int, int> edge(folding.group(from), folding.group(i));
      if (edge.first != edge.second) edges.insert(edge);
    }
  }
  for (const auto& [from, to] : edges) text += "  n" + std::to_string(from) + " -> n" + std::to_string(to) + ";\n";
  std::set<std::pair<int, int>> back;
  for (const auto& [from, to] : graph.back) {
    const std::pair<int, int> edge(folding.group(from), folding.group(to));
    if (edge.first != edge.second && back.insert(edge).second) {
      text += "  n" + std::to_string(edge.first) + " -> n" + std::to_string(edge.second) + " [style=dashed, constraint=false];\n";
    }
  }
  return text + "}\n";
}

}  // namespace oriel
