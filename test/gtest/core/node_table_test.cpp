#include "oriel/node_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace oriel {
namespace {

NodeInfo Node(std::string op, std::string name, int line, Origin origin = Origin::kUser, std::vector<NodeId> from = {},
              std::string rule = "") {
  NodeInfo n;
  n.op = std::move(op);
  n.name = std::move(name);
  n.file = line > 0 ? "/src/model.cpp" : "";
  n.line = line;
  n.origin = origin;
  n.from = std::move(from);
  n.rule = std::move(rule);
  return n;
}

TEST(NodeTable, FindsLabelsAndResolves) {
  NodeTable t;
  const NodeId a = t.Add(Node("add", "h", 42)), b = t.Add(Node("add", "", 43, Origin::kMerged, {a})),
               c = t.Add(Node("mul", "", 0, Origin::kMerged, {b}));
  EXPECT_EQ(t.Resolve(c), a);
  EXPECT_EQ(t.Find(a)->Where(), "model.cpp:42");
  EXPECT_EQ(t.Find(c)->Where(), "");
  EXPECT_EQ(t.Find(a)->Label(), "h");
  EXPECT_EQ(t.Find(b)->Label(), "add#1");
  EXPECT_EQ(t.Find(3), nullptr);
  EXPECT_EQ(t.Find(kNoNode), nullptr);
  EXPECT_EQ(t.Resolve(99), 99);
}

TEST(NodeTable, CyclesEnd) {
  NodeTable t;
  t.Add(Node("add", "", 0, Origin::kMerged, {1}));
  t.Add(Node("add", "", 0, Origin::kMerged, {0}));
  t.Resolve(0);
  EXPECT_EQ(t.Chain(0).size(), 2u);
}

TEST(NodeTable, ChainTellsWhereANodeComesFrom) {
  NodeTable t;
  const NodeId h = t.Add(Node("dot", "h", 42));
  const NodeId x = t.Add(Node("input", "x", 7));
  const NodeId g = t.Add(Node("mul", "", 0, Origin::kDerived, {h, x}, "grad"));
  const NodeId s = t.Add(Node("reduce", "", 0, Origin::kDerived, {g}, "decompose"));
  t.Find(h)->scope = "layer";
  EXPECT_THAT(t.Chain(s), ::testing::ElementsAre("n3 reduce", "decompose of n2 mul",
                                                 "grad of n0 'layer/h' at model.cpp:42",
                                                 "grad of n1 'x' at model.cpp:7"));
}

}  // namespace
}  // namespace oriel
