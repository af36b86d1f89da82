// File: tree_text.cpp
#include "runtime/core/tree_text.h"

#include <algorithm>

namespace oriel {

std::string IdLetters(int64_t id) {
  if (id < 0) return "?";
  std::string text;
  do {
    text += static_cast<char>('A' + id % 26);
    id /= 26;
  } while (id > 0);
  std::reverse(text.begin(), text.end());
  return text;
}

std::string TreePrinter::IdOf(int entry) const {
  const auto it = ids_.find(Group(entry));
  return it == ids_.end() ? "" : IdLetters(it->second);
}

bool TreePrinter::Line(int entry, const std::string& prefix, const std::string& below, int depth) {
  const TreeEntry& e = entries_[static_cast<size_t>(entry)];
  out_ += prefix + e.op;
  bool first = true;
  if (e.id != -2) {
    const auto [at, is_new] = ids_.emplace(Group(entry), e.id >= 0 ? e.id : next_id_);
    first = is_new;
    if (is_new && e.id < 0) ++next_id_;
    // Results of one thing may have ids of their own.
    out_ += " [id " + IdLetters(e.id >= 0 ? e.id : at->second) + "]";
  }
  out_ += e.after + "\n";
  if (!first) return false;
  for (const std::string& note : e.notes) out_ += below + note + "\n";
  if (depth_ >= 0 && depth >= depth_ && !e.children.empty()) {
    out_ += below + " |...\n";
    return false;
  }
  return true;
}

void TreePrinter::Print(int root, std::string_view mark) {
  struct Frame {
    int entry;
    size_t next;         // child
    std::string below;   // what stands before its children's bars
    int depth;
  };
  std::vector<Frame> stack;
  const auto descend = [&](int entry, const std::string& prefix, std::string below, int depth) {
    if (Line(entry, prefix, below, depth)) stack.push_back({entry, 0, std::move(below), depth});
  };
  descend(root, std::string(mark), std::string(mark), 0);
  while (!stack.empty()) {
    Frame& top = stack.back();
    const std::vector<int>& children = entries_[static_cast<size_t>(top.entry)].children;
    if (top.next == children.size()) {
      stack.pop_back();
      continue;
    }
    const int child = children[top.next++];
    const bool last = top.next == children.size();
    const int depth = top.depth + 1;
    if (depth > kMaxBars) {
      const std::string prefix = " |(" + std::to_string(depth) + ") ";
      descend(child, prefix, " ", depth);
    } else {
      const std::string prefix = top.below + " |", below = top.below + (last ? "  " : " |");
      descend(child, prefix, below, depth);
    }
  }
}

}  // namespace oriel
