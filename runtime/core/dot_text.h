// File: dot_text.h
//
// A graph as Graphviz text, folded when it is large.
#ifndef ORIEL_CORE_DOT_TEXT_H_
#define ORIEL_CORE_DOT_TEXT_H_

#include <string>
#include <utility>
#include <vector>

namespace oriel {

struct DotBox {
  std::string label;  // lines separated by \n
  std::string kind;   // "add", "MatMul": what folded boxes count
  std::string name;   // the user's, "" without
  std::string place;  // "net.cpp:12"
  bool leaf = false;  // an input, state or constant
  bool result = false;  // an output: not folded into what it comes from
  double heat = -1;   // share of the time, 0 to 1; -1: not known
  std::vector<int> from;    // boxes it uses, each before it
  // Boxes of one cluster are drawn in a frame; -1: in none.
  int cluster = -1;
};
struct DotCluster {
  std::string label;
  double heat = -1;
  int parent = -1;
};
struct DotGraph {
  std::string title;
  std::vector<DotBox> boxes;  // operands before users
  std::vector<DotCluster> clusters;
  // Edges against the order (what a loop carries to its next iteration).
  std::vector<std::pair<int, int>> back;
};

// At most `max_boxes` boxes (at least 8): first constants and the like go into
// the box that uses them and chains into one box, then neighbours in order.
std::string DotText(const DotGraph& graph, int max_boxes);

}  // namespace oriel

#endif  // ORIEL_CORE_DOT_TEXT_H_
