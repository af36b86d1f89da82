// The op table, and docs/dtypes.md which is made from it.
#include "runtime/ops/op_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace oriel {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(OpTable, MnemonicsAreUniqueAndParse) {
  std::set<std::string> seen;
  for (const OpInfo& info : AllOps()) {
    EXPECT_TRUE(seen.insert(info.mnemonic).second) << info.mnemonic;
    EXPECT_EQ(ParseOpKind(info.mnemonic), info.kind);
    EXPECT_EQ(GetOpInfo(info.kind).mnemonic, info.mnemonic);
    EXPECT_FALSE(info.summary.empty());
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kNumOps));
  EXPECT_EQ(ParseOpKind("no_such_op"), std::nullopt);
}

TEST(OpTable, KnowsAttributes) {
  const OpInfo& reduce = GetOpInfo(OpKind::kReduce);
  ASSERT_EQ(reduce.attributes.size(), 3u);
  EXPECT_EQ(reduce.attributes[0].name, "kind");
  EXPECT_EQ(reduce.attributes[0].kind, AttrKind::kReduceKind);
  EXPECT_EQ(reduce.attributes[1].kind, AttrKind::kI64s);
  EXPECT_EQ(EnumSpellings(AttrKind::kReduceKind).size(), 7u);
}

TEST(OpTable, ClassifiesElementwise) {
  EXPECT_TRUE(IsElementwiseUnary(OpKind::kNeg));
  EXPECT_TRUE(IsElementwiseUnary(OpKind::kLogicalNot));
  EXPECT_FALSE(IsElementwiseUnary(OpKind::kAdd));
  EXPECT_TRUE(IsElementwiseBinary(OpKind::kLogicalXor));
  EXPECT_FALSE(IsElementwiseBinary(OpKind::kCompare));
}

TEST(OpTable, EveryMissingCellHasAReason) {
  for (const OpInfo& info : AllOps()) {
    for (int t = 0; t < kNumDTypes; ++t) {
      const absl::Status status = CheckDType(info.kind, static_cast<DType>(t));
      if (status.ok()) continue;
      const std::string message(status.message());
      EXPECT_THAT(message, HasSubstr(" does not take " + std::string(NumpyName(static_cast<DType>(t))) + ": "));
      EXPECT_GT(message.size(), message.find(": ") + 8) << message;
    }
  }
}

TEST(OpTable, VariantsNarrowReductions) {
  EXPECT_TRUE(CheckDType(OpKind::kReduce, DType::boolean, "any").ok());
  EXPECT_FALSE(CheckDType(OpKind::kReduce, DType::f32, "any").ok());
  EXPECT_FALSE(CheckDType(OpKind::kReduce, DType::i32, "mean").ok());
  EXPECT_TRUE(CheckDType(OpKind::kReduce, DType::boolean, "max").ok());
  EXPECT_THAT(std::string(CheckDType(OpKind::kReduce, DType::boolean, "sum").message()),
              HasSubstr("reduce sum does not take bool: "));
}

// ORIEL_UPDATE=1 writes the page anew.
TEST(OpTable, DocumentIsCurrent) {
  const std::string path = "docs/dtypes.md";
  if (std::getenv("ORIEL_UPDATE") != nullptr) std::ofstream(path) << DTypeTableMarkdown();
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), DTypeTableMarkdown()) << "run this test with ORIEL_UPDATE=1";
}

}  // namespace
}  // namespace oriel
