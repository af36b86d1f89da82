#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "passes/Fusion/CostModel.h"

namespace oriel {
namespace {

using ::testing::DoubleEq;
using ::testing::HasSubstr;

Dims Shape(std::initializer_list<Dim> dims) { return Dims(dims); }

TEST(CostModel, KnownExtentsAreExactUnknownOnesAssumed) {
  CostModel model;
  EXPECT_THAT(model.bytes(Shape({3, 5}), 4), DoubleEq(60));
  EXPECT_THAT(model.bytes({}, 8), DoubleEq(8));
  double assumed = static_cast<double>(model.getMachine().assumedExtent);
  EXPECT_THAT(model.elements(Shape({Dim::Symbol("n"), 10})),
              DoubleEq(10 * assumed));
  EXPECT_THAT(model.extent(Dim::Symbol("n") + 1), DoubleEq(assumed + 1));
  // A quotient by zero under the assumption is still an extent.
  Dim n = Dim::Symbol("n");
  EXPECT_GT(
      model.extent(Dim::FloorDiv(n, n - Dim(model.getMachine().assumedExtent))),
      0);
}

TEST(CostModel, FunctionsAreDearerThanSums) {
  CostModel model(MachineModel::forVectors(512));
  EXPECT_GT(model.opNs(OpKind::kExp, 4), 5 * model.opNs(OpKind::kAdd, 4));
  EXPECT_GT(model.opNs(OpKind::kPow, 4), model.opNs(OpKind::kExp, 4));
  EXPECT_GT(model.opNs(OpKind::kExp, 8), model.opNs(OpKind::kExp, 4));
  CostModel narrow(MachineModel::forVectors(128));
  EXPECT_GT(narrow.opNs(OpKind::kAdd, 4), model.opNs(OpKind::kAdd, 4));
  EXPECT_EQ(narrow.getMachine().vectorRegisters, 16u);
  EXPECT_EQ(model.getMachine().vectorRegisters, 32u);
}

// An intermediate that is neither written nor read again saves its time.
TEST(CostModel, FusingAChainIsWorthIt) {
  CostModel model;
  for (int64_t n : {10, 1000, 100000, 10000000}) {
    Dims shape = {n};
    KernelWork one = model.elementwise(OpKind::kExp, shape, 4), two = one,
               both = one;
    one.readBytes = one.writtenBytes = model.bytes(shape, 4);
    two.readBytes = two.writtenBytes = model.bytes(shape, 4);
    both.computeNs += two.computeNs;
    both.readBytes = both.writtenBytes = model.bytes(shape, 4);
    FusionFigures figures = model.compare(one, two, both);
    EXPECT_TRUE(figures.isWorthIt()) << n << ": " << figures.toString();
    EXPECT_THAT(figures.apart.readBytes, DoubleEq(8.0 * n));
  }
}

// Vectors that registers cannot hold cost a store and a load each.
TEST(CostModel, SpillsCost) {
  CostModel model;
  KernelWork work = model.elementwise(OpKind::kAdd, {100000}, 4);
  double few = model.getNs(work);
  work.live = model.getMachine().vectorRegisters + 20;
  EXPECT_GT(model.getNs(work), 2 * few);
}

// One long row is one task; as separate kernels its passes share the threads.
TEST(CostModel, OneLongRowIsBetterApart) {
  CostModel model;
  double bytes = 4.0 * (16 << 20);
  KernelWork sum, divide, both;
  sum.points = divide.points = both.points = 16 << 20;
  sum.readBytes = divide.readBytes = divide.writtenBytes = bytes;
  sum.computeNs = divide.computeNs = 1e6;
  both.rows = 1;
  both.wholeRows = true;
  both.passes = 2;
  both.readBytes = both.writtenBytes = both.againBytes = both.rowBytes = bytes;
  both.computeNs = 2e6;
  FusionFigures figures = model.compare(sum, divide, both);
  EXPECT_FALSE(figures.isWorthIt()) << figures.toString();
  // Many rows that fit a cache are better together.
  both.rows = 4096;
  both.rowBytes = bytes / 4096;
  figures = model.compare(sum, divide, both);
  EXPECT_TRUE(figures.isWorthIt()) << figures.toString();
}

TEST(CostModel, CachesAreFasterThanMemory) {
  CostModel model;
  double previous = 0;
  for (double footprint : {1e4, 5e5, 1e7, 1e9}) {
    double ns = model.moveNs(1e6, footprint);
    EXPECT_GT(ns, previous);
    previous = ns;
  }
}

TEST(CostModel, Text) {
  EXPECT_EQ(bytesText(640), "640 B");
  EXPECT_EQ(bytesText(1300), "1.3 kB");
  EXPECT_EQ(bytesText(12e6), "12.0 MB");
  EXPECT_EQ(bytesText(0), "0 B");
  EXPECT_EQ(nsText(85), "85 ns");
  EXPECT_EQ(nsText(2.5e6), "2.5 ms");
  CostModel model;
  FusionFigures figures = model.compare({}, {}, {});
  EXPECT_THAT(figures.toString(), HasSubstr("0 vectors live"));
}

}  // namespace
}  // namespace oriel
