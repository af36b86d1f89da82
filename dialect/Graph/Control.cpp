//===- Control.cpp - Loops and branches -----------------------------------===//

#include "dialect/Graph/Match.h"
#include "dialect/Graph/OrielOps.h"
#include "dialect/Graph/Regions.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace oriel::ir;

#define GET_OP_CLASSES
#include "dialect/Graph/Control.cpp.inc"

void oriel::ir::registerControlOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<YieldOp>(*dialect);
  RegisteredOperationName::insert<LoopOp>(*dialect);
  RegisteredOperationName::insert<BranchOp>(*dialect);
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

ParseResult oriel::ir::parseBindings(
    OpAsmParser &parser, SmallVectorImpl<OpAsmParser::Argument> &arguments,
    SmallVectorImpl<OpAsmParser::UnresolvedOperand> &values) {
  return parser.parseCommaSeparatedList(
      OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
        OpAsmParser::Argument &argument = arguments.emplace_back();
        return failure(parser.parseArgument(argument) || parser.parseEqual() ||
                       parser.parseOperand(values.emplace_back()) ||
                       parser.parseColonType(argument.type));
      });
}

void oriel::ir::printBindings(OpAsmPrinter &printer,
                              Block::BlockArgListType arguments,
                              OperandRange values) {
  printer << '(';
  llvm::interleaveComma(llvm::zip(arguments, values), printer, [&](auto pair) {
    auto [argument, value] = pair;
    printer << argument << " = " << value << " : " << value.getType();
  });
  printer << ')';
}

LogicalResult oriel::ir::verifyYield(Operation *op, YieldOp yield,
                                     TypeRange required, StringRef what) {
  TypeRange actual = yield.getOperandTypes();
  if (actual.size() != required.size())
    return op->emitOpError() << what << " yields " << actual.size()
                             << " values, required " << required.size();
  for (auto [index, pair] : llvm::enumerate(llvm::zip(actual, required))) {
    auto [from, to] = pair;
    if (getElementTypeOrSelf(from) != getElementTypeOrSelf(to) ||
        failed(verifyCompatibleShape(from, to)))
      return op->emitOpError() << what << " yields " << from << " as value "
                               << index << ", required " << to;
  }
  return success();
}

void YieldOp::build(OpBuilder &, OperationState &) {}

//===----------------------------------------------------------------------===//
// loop
//===----------------------------------------------------------------------===//

void LoopOp::build(OpBuilder &builder, OperationState &state, Value trips,
                   ValueRange initial) {
  state.addOperands(trips);
  state.addOperands(initial);
  state.addTypes(initial.getTypes());
  Region *body = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(body);
  block->addArgument(RankedTensorType::get({}, builder.getI64Type()),
                     state.location);
  for (Value value : initial)
    block->addArgument(value.getType(), state.location);
}

ParseResult LoopOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments(1);
  SmallVector<OpAsmParser::UnresolvedOperand> initial;
  OpAsmParser::UnresolvedOperand trips;
  Type scalar = RankedTensorType::get({}, parser.getBuilder().getI64Type());
  arguments[0].type = scalar;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseArgument(arguments[0]) || parser.parseKeyword("to") ||
      parser.parseOperand(trips) || parser.parseKeyword("with") ||
      parseBindings(parser, arguments, initial) ||
      parser.resolveOperand(trips, scalar, result.operands))
    return failure();
  SmallVector<Type> types;
  for (const OpAsmParser::Argument &argument : ArrayRef(arguments).drop_front())
    types.push_back(argument.type);
  result.addTypes(types);
  Region *body = result.addRegion();
  if (parser.resolveOperands(initial, types, loc, result.operands) ||
      parser.parseRegion(*body, arguments) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void LoopOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getInduction() << " to " << getTrips() << " with ";
  printBindings(printer, getCarried(), getInitial());
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/getNumResults() > 0);
  printer.printOptionalAttrDict((*this)->getAttrs());
}

YieldOp LoopOp::getYield() {
  return cast<YieldOp>(getBody().front().getTerminator());
}

void LoopOp::getAsmBlockArgumentNames(Region &region,
                                      OpAsmSetValueNameFn setName) {
  setName(region.getArgument(0), "i");
}

LogicalResult LoopOp::verify() {
  if (getInitial().getTypes() != getResultTypes())
    return emitOpError() << "initial values are (" << getInitial().getTypes()
                         << "), required (" << getResultTypes()
                         << ") as the results";
  return success();
}

LogicalResult LoopOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getNumArguments() != 1 + getNumResults())
    return emitOpError() << "region has " << block.getNumArguments()
                         << " arguments, required " << 1 + getNumResults()
                         << ": the index and the carried values";
  if (getInduction().getType() != getTrips().getType())
    return emitOpError() << "index is " << getInduction().getType()
                         << ", required " << getTrips().getType();
  for (auto [argument, result] : llvm::zip(getCarried(), getResults()))
    if (argument.getType() != result.getType())
      return emitOpError() << "carried value " << result.getResultNumber()
                           << " is " << argument.getType()
                           << " in the region, required " << result.getType();
  return verifyYield(*this, getYield(), getResultTypes(), "region");
}

namespace {
// A loop that never runs gives its initial values.
struct FoldIdleLoop : OpRewritePattern<LoopOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LoopOp op,
                                PatternRewriter &rewriter) const override {
    auto trips = dyn_cast_or_null<IntegerAttr>(getSplat(op.getTrips()));
    if (!trips || trips.getInt() > 0)
      return rewriter.notifyMatchFailure(op, "trips are not known to be zero");
    rewriter.replaceOp(op, op.getInitial());
    return success();
  }
};

// A carried value that each iteration passes on as it is, is its initial value.
struct ForwardInvariant : OpRewritePattern<LoopOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LoopOp op,
                                PatternRewriter &rewriter) const override {
    YieldOp yield = op.getYield();
    SmallVector<unsigned> kept;
    SmallVector<Value> initial, yielded, results(op.getNumResults());
    for (unsigned k = 0; k < op.getNumResults(); ++k) {
      if (yield.getValues()[k] == op.getCarried()[k]) {
        results[k] = op.getInitial()[k];
        continue;
      }
      kept.push_back(k);
      initial.push_back(op.getInitial()[k]);
      yielded.push_back(yield.getValues()[k]);
    }
    if (kept.size() == op.getNumResults())
      return rewriter.notifyMatchFailure(op, "every carried value changes");
    auto loop = LoopOp::create(rewriter, op.getLoc(), op.getTrips(), initial);
    loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    SmallVector<Value> arguments{loop.getInduction()};
    for (unsigned k = 0, next = 0; k < op.getNumResults(); ++k) {
      bool isKept = next < kept.size() && kept[next] == k;
      arguments.push_back(isKept ? Value(loop.getCarried()[next])
                                 : op.getInitial()[k]);
      if (isKept)
        results[k] = loop.getResult(next++);
    }
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
    rewriter.mergeBlocks(&op.getBody().front(), &loop.getBody().front(),
                         arguments);
    rewriter.replaceOp(op, results);
    return success();
  }
};

// A branch whose way is known is that region.
struct FoldKnownBranch : OpRewritePattern<BranchOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BranchOp op,
                                PatternRewriter &rewriter) const override {
    auto condition = dyn_cast_or_null<IntegerAttr>(getSplat(op.getCondition()));
    if (!condition)
      return rewriter.notifyMatchFailure(op, "condition is not known");
    Region &taken =
        condition.getValue().isZero() ? op.getElseBody() : op.getThenBody();
    auto yield = cast<YieldOp>(taken.front().getTerminator());
    if (yield.getOperandTypes() != op.getResultTypes())
      return rewriter.notifyMatchFailure(
          op, "region knows an extent its result does not");
    SmallVector<Value> results(yield.getValues());
    rewriter.eraseOp(yield);
    rewriter.inlineBlockBefore(&taken.front(), op);
    rewriter.replaceOp(op, results);
    return success();
  }
};
} // namespace

void LoopOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<FoldIdleLoop, ForwardInvariant>(context);
}

//===----------------------------------------------------------------------===//
// branch
//===----------------------------------------------------------------------===//

void BranchOp::build(OpBuilder &builder, OperationState &state,
                     TypeRange results, Value condition) {
  state.addOperands(condition);
  state.addTypes(results);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(state.addRegion());
  builder.createBlock(state.addRegion());
}

YieldOp BranchOp::getThenYield() {
  return cast<YieldOp>(getThenBody().front().getTerminator());
}
YieldOp BranchOp::getElseYield() {
  return cast<YieldOp>(getElseBody().front().getTerminator());
}

LogicalResult BranchOp::verifyRegions() {
  if (failed(
          verifyYield(*this, getThenYield(), getResultTypes(), "first region")))
    return failure();
  return verifyYield(*this, getElseYield(), getResultTypes(), "second region");
}

void BranchOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<FoldKnownBranch>(context);
}
