// File: tree_text.h
//
// Trees as debugprint shows them: shared subtrees once, any depth (no recursion).
#ifndef ORIEL_CORE_TREE_TEXT_H_
#define ORIEL_CORE_TREE_TEXT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oriel {

// "A", "B", ... "Z", "BA", "BB": as Theano counts.
std::string IdLetters(int64_t id);

// A line of a tree: `op [id X]after`, `notes` under it, then its children.
struct TreeEntry {
  std::string op;     // before the id
  std::string after;  // behind it, with its leading space
  // >= 0: this id; -1: the next free one at first print; -2: none is printed.
  int64_t id = -1;
  // Entries of one group are results of one thing: they share the id and the
  // subtree. -1: a group of its own.
  int64_t group = -1;
  std::vector<std::string> notes;
  std::vector<int> children;
};

class TreePrinter {
 public:
  // `depth` -1: all levels. The entries must outlive the printer.
  TreePrinter(const std::vector<TreeEntry>* entries, int depth) : entries_(*entries), depth_(depth) {}

  // Prints the tree of an entry; what was printed before keeps its line but not
  // its subtree. `mark` is what stands before the first line (" >").
  void Print(int entry, std::string_view mark = "");
  void Text(std::string_view text) { out_ += text; }
  // The id an entry was given: "" before it was printed.
  std::string IdOf(int entry) const;
  std::string Take() { return std::move(out_); }

  // Levels drawn with bars; deeper ones say their depth in numbers.
  static constexpr int kMaxBars = 40;

 private:
  int64_t Group(int entry) const {
    const int64_t group = entries_[static_cast<size_t>(entry)].group;
    return group >= 0 ? group : -1 - static_cast<int64_t>(entry);
  }
  // True when its subtree is to be printed.
  bool Line(int entry, const std::string& prefix, const std::string& below, int depth);

  const std::vector<TreeEntry>& entries_;
  int depth_;
  std::string out_;
  std::map<int64_t, int64_t> ids_;  // by group
  int64_t next_id_ = 0;
};

}  // namespace oriel

#endif  // ORIEL_CORE_TREE_TEXT_H_
