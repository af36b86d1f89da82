//===- Tap.cpp - Looking at values while a program runs -------------------===//

#include "dialect/Graph/OrielOps.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Tap.cpp.inc"

void oriel::ir::registerTapOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<TapOp>(*dialect);
  RegisteredOperationName::insert<ObserveOp>(*dialect);
}

static constexpr StringLiteral kPrintLines =
    "shape dtype value min max mean nan_count ndim size __str__";

LogicalResult TapOp::verify() {
  bool isAssert = getKind() == TapKind::assertion;
  if (isAssert != !getConditions().empty())
    return emitOpError() << "has " << getConditions().size()
                         << " conditions, required "
                         << (isAssert ? "at least 1" : "none but for assert");
  ArrayRef<int64_t> counts = getCounts().value_or(ArrayRef<int64_t>());
  if (!counts.empty() && counts.size() != getConditions().size())
    return emitOpError() << "has " << counts.size() << " counts, required "
                         << getConditions().size() << ", one a condition";
  int64_t total = 0;
  for (int64_t count : counts) {
    if (count < 0)
      return emitOpError() << "has the count " << count
                           << ", required at least 0";
    total += count;
  }
  if (total != static_cast<int64_t>(getValues().size()))
    return emitOpError() << "shows " << getValues().size()
                         << " values, required " << total
                         << ", the sum of its counts";
  SmallVector<StringRef> known, given;
  kPrintLines.split(known, ' ');
  getLines().split(given, ',', -1, /*KeepEmpty=*/false);
  for (StringRef name : given)
    if (!llvm::is_contained(known, name))
      return emitOpError() << "prints '" << name << "', required one of "
                           << kPrintLines;
  return success();
}

LogicalResult ObserveOp::verify() {
  TapInfoAttr info = getInfo();
  int64_t required = 1;
  if (info.getKind() == TapKind::assertion)
    required = static_cast<int64_t>(info.getCounts().size()) +
               llvm::sum_of(info.getCounts());
  if (static_cast<int64_t>(getValues().size()) != required)
    return emitOpError() << "observes " << getValues().size()
                         << " values, required " << required;
  return success();
}
