//===- Kernel.cpp - What fusion, outlining and placement make -------------===//

#include "dialect/Graph/OrielOps.h"
#include "dialect/Graph/Regions.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace oriel::ir;

// "[[3], [4, 5]]".
static ParseResult parseNodeLists(OpAsmParser &parser, ArrayAttr &nodes) {
  SmallVector<Attribute> lists;
  if (parser.parseCommaSeparatedList(
          OpAsmParser::Delimiter::Square, [&]() -> ParseResult {
            FailureOr<SmallVector<int64_t>> ids = parseIdList(parser);
            if (failed(ids))
              return failure();
            lists.push_back(DenseI64ArrayAttr::get(parser.getContext(), *ids));
            return success();
          }))
    return failure();
  nodes = parser.getBuilder().getArrayAttr(lists);
  return success();
}

static void printNodeLists(OpAsmPrinter &printer, Operation *,
                           ArrayAttr nodes) {
  printer << '[';
  llvm::interleaveComma(nodes, printer, [&](Attribute list) {
    printIdList(printer, cast<DenseI64ArrayAttr>(list));
  });
  printer << ']';
}

#define GET_OP_CLASSES
#include "dialect/Graph/Kernel.cpp.inc"

void oriel::ir::registerKernelOps(OrielDialect *dialect) {
  RegisteredOperationName::insert<KernelOp>(*dialect);
  RegisteredOperationName::insert<DispatchOp>(*dialect);
  RegisteredOperationName::insert<TransferOp>(*dialect);
}

//===----------------------------------------------------------------------===//
// kernel
//===----------------------------------------------------------------------===//

void KernelOp::build(OpBuilder &builder, OperationState &state,
                     TypeRange results, ValueRange inputs,
                     StringRef kernelClass) {
  state.addOperands(inputs);
  state.addTypes(results);
  state.getOrAddProperties<Properties>().kernel_class =
      builder.getStringAttr(kernelClass);
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(state.addRegion());
  for (Value input : inputs)
    block->addArgument(input.getType(), state.location);
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> inputs;
  StringAttr kernelClass;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseAttribute(kernelClass) ||
      parseBindings(parser, arguments, inputs) ||
      parser.parseOptionalArrowTypeList(result.types))
    return failure();
  result.getOrAddProperties<Properties>().kernel_class = kernelClass;
  SmallVector<Type> types;
  for (const OpAsmParser::Argument &argument : arguments)
    types.push_back(argument.type);
  Region *body = result.addRegion();
  if (parser.resolveOperands(inputs, types, loc, result.operands) ||
      parser.parseRegion(*body, arguments) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getKernelClassAttr() << ' ';
  printBindings(printer, getBody().getArguments(), getInputs());
  printer.printOptionalArrowTypeList(getResultTypes());
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/getNumResults() > 0);
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getKernelClassAttrName()});
}

YieldOp KernelOp::getYield() {
  return cast<YieldOp>(getBody().front().getTerminator());
}

LogicalResult KernelOp::verify() {
  static constexpr StringLiteral classes[] = {
      "Elementwise", "RowReduce",   "ColumnReduce", "MatMul", "Gather",
      "Scatter",     "Concatenate", "ArgReduce",    "Copy",
      "Library"};
  if (!llvm::is_contained(classes, getKernelClass()))
    return emitOpError() << "class is " << getKernelClassAttr()
                         << ", required one of "
                         << llvm::join(ArrayRef(classes), ", ");
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  if (getBody().getArgumentTypes() != getInputs().getTypes())
    return emitOpError() << "region's arguments are ("
                         << getBody().getArgumentTypes() << "), required ("
                         << getInputs().getTypes() << ") as the operands";
  return verifyYield(*this, getYield(), getResultTypes(), "region");
}

//===----------------------------------------------------------------------===//
// dispatch
//===----------------------------------------------------------------------===//

SmallVector<SmallVector<int64_t>> DispatchOp::getNodeLists() {
  SmallVector<SmallVector<int64_t>> lists;
  for (Attribute list : getNodes())
    lists.emplace_back(cast<DenseI64ArrayAttr>(list).asArrayRef());
  return lists;
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // The module keeps its name when code generation replaces the function by
  // what it compiles to; the signature changes then.
  StringAttr module = getKernel().getRootReference();
  if (!symbolTable.lookupNearestSymbolFrom<ModuleOp>(*this, module))
    return emitOpError() << "calls " << getKernel()
                         << ", but there is no module @" << module.getValue();
  if (getKernel().getNestedReferences().size() != 1)
    return emitOpError() << "calls " << getKernel()
                         << ", required @module::@function";
  return success();
}

//===----------------------------------------------------------------------===//
// transfer
//===----------------------------------------------------------------------===//

LogicalResult TransferOp::verify() {
  auto strip = [](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return RankedTensorType::get(tensor.getShape(), tensor.getElementType());
  };
  if (strip(getX().getType()) != strip(getType()))
    return emitOpError() << "result is " << getType() << ", required "
                         << strip(getX().getType()) << " on any device";
  return success();
}

OpFoldResult TransferOp::fold(FoldAdaptor) {
  return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult();
}
