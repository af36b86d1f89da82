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

LogicalResult RowsOp::verify() { return verifyInferred(*this); }

/// Must `rows`, whose result nothing uses, stay? It is where its symbol is bound
/// for what mentions it in an attribute, unless an op before it binds it.
static bool mustBind(RowsOp rows) {
  std::string symbol = rows.getDim().getDim(0).symbol();
  Operation *top = rows;
  while (top->getParentOp() && !isa<ModuleOp>(top->getParentOp()))
    top = top->getParentOp();
  bool mentioned = false, bound = false;
  top->walk([&](Operation *op) {
    if (auto other = dyn_cast<RowsOp>(op)) {
      bound |= other != rows && other->getBlock() == rows->getBlock() &&
               other.getDim() == rows.getDim() &&
               other->isBeforeInBlock(rows);
      return;
    }
    op->getAttrDictionary().walk([&](DimsAttr dims) {
      std::vector<std::string> symbols;
      for (const ::oriel::Dim &dim : dims.getDims())
        dim.CollectSymbols(&symbols);
      mentioned |= llvm::is_contained(symbols, symbol);
    });
  });
  return mentioned && !bound;
}

LogicalResult RowsOp::canonicalize(RowsOp op, PatternRewriter &rewriter) {
  if (!op->use_empty() || mustBind(op))
    return failure();
  rewriter.eraseOp(op);
  return success();
}

void oriel::ir::registerControlOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<YieldOp>(*dialect);
  RegisteredOperationName::insert<LoopOp>(*dialect);
  RegisteredOperationName::insert<RowsOp>(*dialect);
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

RankedTensorType LoopOp::getRowType(Type array) {
  auto type = cast<RankedTensorType>(array);
  return RankedTensorType::get(type.getShape().drop_front(),
                               type.getElementType(), type.getEncoding());
}

// The region with its block: the index, a row of each sequence, the carried
// values.
static void addBody(OpBuilder &builder, OperationState &state,
                    ValueRange sequences, ValueRange initial) {
  Region *body = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(body);
  block->addArgument(RankedTensorType::get({}, builder.getI64Type()),
                     state.location);
  for (Value array : sequences)
    block->addArgument(LoopOp::getRowType(array.getType()), state.location);
  for (Value value : initial)
    block->addArgument(value.getType(), state.location);
}

void LoopOp::build(OpBuilder &builder, OperationState &state, Value trips,
                   ValueRange initial) {
  state.addOperands(trips);
  state.addOperands(initial);
  state.addTypes(initial.getTypes());
  Properties &properties = state.getOrAddProperties<Properties>();
  properties.starts = properties.extent =
      DimsAttr::get(builder.getContext(), Dims());
  properties.steps = builder.getDenseI64ArrayAttr({});
  addBody(builder, state, {}, initial);
}

void LoopOp::build(OpBuilder &builder, OperationState &state, LoopOp like,
                   ValueRange sequences, const Dims &starts,
                   ArrayRef<int64_t> steps, ValueRange initial,
                   TypeRange stacks) {
  state.addOperands(like.getTrips());
  state.addOperands(sequences);
  state.addOperands(initial);
  state.addTypes(initial.getTypes());
  state.addTypes(stacks);
  if (like.getUntil())
    state.addTypes(like.getTrips().getType());
  Properties &properties = state.getOrAddProperties<Properties>();
  properties = like.getProperties();
  properties.starts = DimsAttr::get(builder.getContext(), starts);
  properties.steps = builder.getDenseI64ArrayAttr(steps);
  addBody(builder, state, sequences, initial);
}

ParseResult LoopOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments(1);
  SmallVector<OpAsmParser::UnresolvedOperand> sequences, initial;
  OpAsmParser::UnresolvedOperand trips;
  SmallVector<Type> arrays;
  SmallVector<StringAttr> starts;
  SmallVector<int64_t> steps;
  Builder &builder = parser.getBuilder();
  Type scalar = RankedTensorType::get({}, builder.getI64Type());
  arguments[0].type = scalar;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseArgument(arguments[0]) || parser.parseKeyword("to") ||
      parser.parseOperand(trips))
    return failure();
  auto parseDim = [&](DimsAttr &dims) -> ParseResult {
    SMLoc at = parser.getCurrentLocation();
    dims = dyn_cast_or_null<DimsAttr>(DimsAttr::parse(parser, Type()));
    if (!dims)
      return failure();
    if (dims.size() != 1)
      return parser.emitError(at) << "has " << dims.size()
                                  << " dims, required one";
    return success();
  };
  auto extent = DimsAttr::get(builder.getContext(), Dims());
  if (succeeded(parser.parseOptionalKeyword("extent")) && parseDim(extent))
    return failure();
  auto parseSequence = [&]() -> ParseResult {
    OpAsmParser::Argument &argument = arguments.emplace_back();
    DimsAttr start;
    if (parser.parseArgument(argument) || parser.parseEqual() ||
        parser.parseOperand(sequences.emplace_back()) ||
        parser.parseKeyword("from") || parseDim(start) ||
        parser.parseKeyword("by") ||
        parser.parseInteger(steps.emplace_back()) || parser.parseColon())
      return failure();
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseType(arrays.emplace_back()))
      return failure();
    auto array = dyn_cast<RankedTensorType>(arrays.back());
    if (!array || array.getRank() == 0)
      return parser.emitError(at)
             << "sequence is " << arrays.back()
             << ", required a tensor of rank at least 1";
    starts.push_back(start.getTexts().front());
    argument.type = LoopOp::getRowType(array);
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("over")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     parseSequence))
    return failure();
  size_t first = arguments.size();
  if (parser.parseKeyword("with") ||
      parseBindings(parser, arguments, initial) ||
      parser.resolveOperand(trips, scalar, result.operands))
    return failure();
  Properties &properties = result.getOrAddProperties<Properties>();
  for (auto [keyword, flag] :
       {std::pair<StringRef, UnitAttr *>{"reverse", &properties.reverse},
        {"until", &properties.until},
        {"checked", &properties.checked}})
    if (succeeded(parser.parseOptionalKeyword(keyword)))
      *flag = builder.getUnitAttr();
  properties.starts = DimsAttr::get(builder.getContext(), starts);
  properties.steps = builder.getDenseI64ArrayAttr(steps);
  properties.extent = extent;
  SmallVector<Type> types;
  for (const OpAsmParser::Argument &argument :
       ArrayRef(arguments).drop_front(first))
    types.push_back(argument.type);
  result.addTypes(types);
  if (succeeded(parser.parseOptionalKeyword("collects")) &&
      parser.parseCommaSeparatedList(
          OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
            return parser.parseType(result.types.emplace_back());
          }))
    return failure();
  if (properties.until)
    result.addTypes(scalar);
  Region *body = result.addRegion();
  if (parser.resolveOperands(sequences, arrays, loc, result.operands) ||
      parser.resolveOperands(initial, types, loc, result.operands) ||
      parser.parseRegion(*body, arguments) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  ensureTerminator(*body, builder, result.location);
  return success();
}

void LoopOp::print(OpAsmPrinter &printer) {
  auto printDim = [&](DimsAttr dims) { dims.print(printer); };
  printer << ' ' << getInduction() << " to " << getTrips();
  if (getExtent().size() > 0) {
    printer << " extent ";
    printDim(getExtent());
  }
  if (getNumSequences() > 0) {
    printer << " over (";
    for (unsigned s = 0; s < getNumSequences(); ++s) {
      printer << (s > 0 ? ", " : "") << getElements()[s] << " = "
              << getSequences()[s] << " from ";
      printDim(DimsAttr::get(getContext(), {getStarts().getTexts()[s]}));
      printer << " by " << getSteps()[s] << " : "
              << getSequences()[s].getType();
    }
    printer << ')';
  }
  printer << " with ";
  printBindings(printer, getCarried(), getInitial());
  if (getReverse())
    printer << " reverse";
  if (getUntil())
    printer << " until";
  if (getChecked())
    printer << " checked";
  if (!getStacks().empty())
    printer << " collects (" << getStacks().getTypes() << ')';
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/getNumResults() > 0);
  printer.printOptionalAttrDict(
      (*this)->getAttrs(), {"starts", "steps", "extent", "reverse", "until",
                            "checked"});
}

YieldOp LoopOp::getYield() {
  return cast<YieldOp>(getBody().front().getTerminator());
}
OperandRange LoopOp::getYielded() {
  return getYield().getValues().take_front(getNumCarried());
}
OperandRange LoopOp::getCollected() {
  return getYield().getValues().drop_front(getNumCarried()).drop_back(
      getUntil() ? 1 : 0);
}
Value LoopOp::getStop() {
  return getUntil() ? getYield().getValues().back() : Value();
}

Speculation::Speculatability LoopOp::getSpeculatability() {
  // What only a run can check: that the sequences have rows enough, and the
  // trip count.
  bool isStatic = llvm::all_of(getSequences().getTypes(), [](Type type) {
    return cast<RankedTensorType>(type).hasStaticShape();
  });
  return getChecked() || !isStatic ? Speculation::NotSpeculatable
                                   : Speculation::RecursivelySpeculatable;
}

void LoopOp::getAsmBlockArgumentNames(Region &region,
                                      OpAsmSetValueNameFn setName) {
  setName(region.getArgument(0), "i");
}

static std::vector<oriel::TensorType> typesOf(TypeRange types, StringRef prefix) {
  std::vector<oriel::TensorType> out;
  for (auto [index, type] : llvm::enumerate(types))
    out.push_back(getTensorType(cast<RankedTensorType>(type),
                                (prefix + Twine(index)).str()));
  return out;
}

static LogicalResult emitStatus(Operation *op, const absl::Status &status) {
  StringRef message(status.message().data(), status.message().size());
  message.consume_front((op->getName().stripDialect() + ": ").str());
  return op->emitOpError() << message;
}

LogicalResult LoopOp::verify() {
  if (getStarts().size() != getSteps().size())
    return emitOpError() << "has " << getStarts().size() << " starts and "
                         << getSteps().size()
                         << " steps, required one of each for a sequence";
  if (getInputs().size() < getNumSequences())
    return emitOpError() << "has " << getInputs().size()
                         << " operands after the trip count, required at least "
                         << getNumSequences() << " sequences";
  if (getNumResults() < getNumCarried() + getUntil())
    return emitOpError() << "has " << getNumResults()
                         << " results, required at least "
                         << getNumCarried() + getUntil();
  if (getInitial().getTypes() != getFinals().getTypes())
    return emitOpError() << "initial values are (" << getInitial().getTypes()
                         << "), required (" << getFinals().getTypes()
                         << ") as the results";
  std::vector<DimRequirement> needs;
  auto arguments = InferLoopArguments(
      getAttrs(*this), typesOf((*this)->getOperandTypes(), "$"), &needs);
  if (!arguments.ok())
    return emitStatus(*this, arguments.status());
  if (Value count = getCount())
    if (count.getType() != getTrips().getType())
      return emitOpError() << "count is " << count.getType() << ", required "
                           << getTrips().getType();
  return success();
}

LogicalResult LoopOp::verifyRegions() {
  Block &block = getBody().front();
  unsigned count = 1 + getInputs().size();
  if (block.getNumArguments() != count)
    return emitOpError() << "region has " << block.getNumArguments()
                         << " arguments, required " << count
                         << ": the index"
                         << (getNumSequences() > 0 ? ", rows of sequences" : "")
                         << " and the carried values";
  if (getInduction().getType() != getTrips().getType())
    return emitOpError() << "index is " << getInduction().getType()
                         << ", required " << getTrips().getType();
  for (auto [index, pair] :
       llvm::enumerate(llvm::zip(getElements(), getSequences()))) {
    auto [element, array] = pair;
    if (element.getType() != getRowType(array.getType()))
      return emitOpError() << "row of sequence " << index << " is "
                           << element.getType() << " in the region, required "
                           << getRowType(array.getType());
  }
  for (auto [argument, result] : llvm::zip(getCarried(), getFinals()))
    if (argument.getType() != result.getType())
      return emitOpError() << "carried value " << result.getResultNumber()
                           << " is " << argument.getType()
                           << " in the region, required " << result.getType();
  YieldOp yield = getYield();
  if (yield.getValues().size() != getNumResults())
    return emitOpError() << "region yields " << yield.getValues().size()
                         << " values, required " << getNumResults();
  SmallVector<Type> required(getFinals().getTypes());
  for (auto [index, stack] : llvm::enumerate(getStacks().getTypes())) {
    auto type = cast<RankedTensorType>(stack);
    if (type.getRank() == 0)
      return emitOpError() << "stack " << index << " is " << type
                           << ", required a rank of at least 1";
    if (getExtent().size() == 0)
      return emitOpError() << "collects values, so it needs an extent";
    // An extent only one of the two knows is the planner's to check.
    oriel::Dim extent = getExtent().getDim(0);
    if (!type.isDynamicDim(0) && extent.is_static() &&
        type.getDimSize(0) != extent.value())
      return emitOpError() << "stack " << index << " is " << type
                           << ", required " << extent.ToString()
                           << " rows";
    required.push_back(getRowType(type));
  }
  if (getUntil())
    required.push_back(
        RankedTensorType::get({}, IntegerType::get(getContext(), 1)));
  return verifyYield(*this, yield, required, "region");
}

namespace {
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
