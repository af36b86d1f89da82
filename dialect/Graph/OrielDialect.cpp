//===- OrielDialect.cpp - The graph dialect and its attributes ------------===//

#include "dialect/Graph/OrielDialect.h"
#include "dialect/Graph/OrielOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace oriel::ir;

#include "dialect/Graph/OrielDialect.cpp.inc"
#include "dialect/Graph/OrielEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Graph/OrielAttrs.cpp.inc"

//===----------------------------------------------------------------------===//
// The dialect
//===----------------------------------------------------------------------===//

void OrielDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Graph/OrielAttrs.cpp.inc"
      >();
  registerConstantOps(this);
  registerElementwiseOps(this);
  registerShapeOps(this);
  registerReduceOps(this);
  registerSortOps(this);
  registerContractOps(this);
  registerIndexOps(this);
  registerControlOps(this);
  registerStateOps(this);
  registerTapOps(this);
  registerKernelOps(this);
}

Operation *OrielDialect::materializeConstant(OpBuilder &builder,
                                             Attribute value, Type type,
                                             Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, elements);
}

LogicalResult OrielDialect::verifyOperationAttribute(Operation *op,
                                                     NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kNodesAttr || name == kOriginsAttr) {
    auto table = dyn_cast<ArrayAttr>(attribute.getValue());
    if (!isa<ModuleOp>(op) || !table ||
        !llvm::all_of(table, llvm::IsaPred<NodeAttr>))
      return op->emitError()
             << "'" << name
             << "' must be an array of #oriel.node on a module, got "
             << attribute.getValue();
  }
  if (name == kTargetAttr &&
      (!isa<ModuleOp>(op) || !isa<TargetAttr>(attribute.getValue())))
    return op->emitError() << "'" << kTargetAttr
                           << "' must be an #oriel.target on a module, got "
                           << attribute.getValue();
  return success();
}

LogicalResult OrielDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                     unsigned argIndex,
                                                     NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function || attribute.getName() != kDimsAttr)
    return success();
  Type type = function.getArgumentTypes()[argIndex];
  auto dims = dyn_cast<DimsAttr>(attribute.getValue());
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!dims || !tensor)
    return op->emitError() << "'" << kDimsAttr << "' of argument " << argIndex
                           << " must be #oriel.dims on a tensor, got "
                           << attribute.getValue() << " on " << type;
  if (dims.getTensorType(tensor.getElementType(), tensor.getEncoding()) !=
      tensor)
    return op->emitError() << "'" << kDimsAttr << "' of argument " << argIndex
                           << " is " << dims << ", which does not describe "
                           << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Lists of ids
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<int64_t>> oriel::ir::parseIdList(AsmParser &parser) {
  SmallVector<int64_t> ids;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseInteger(ids.emplace_back());
      }))
    return failure();
  return ids;
}

void oriel::ir::printIdList(AsmPrinter &printer, ArrayRef<int64_t> ids) {
  printer << '[';
  llvm::interleaveComma(ids, printer.getStream());
  printer << ']';
}

//===----------------------------------------------------------------------===//
// DimsAttr
//===----------------------------------------------------------------------===//

static oriel::Dim parseDim(StringRef text) {
  // The verifier has parsed it before.
  return oriel::Dim::Parse({text.data(), text.size()}).value();
}

DimsAttr DimsAttr::get(MLIRContext *context, const oriel::Dims &dims) {
  SmallVector<StringAttr> texts;
  for (const oriel::Dim &dim : dims)
    texts.push_back(StringAttr::get(context, dim.ToString()));
  return get(context, texts);
}

DimsAttr DimsAttr::get(MLIRContext *context, ArrayRef<int64_t> extents) {
  SmallVector<StringAttr> texts;
  for (int64_t extent : extents)
    texts.push_back(StringAttr::get(context, std::to_string(extent)));
  return get(context, texts);
}

LogicalResult DimsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<StringAttr> texts) {
  for (StringAttr text : texts) {
    auto dim = oriel::Dim::Parse({text.data(), text.size()});
    if (!dim.ok())
      return emitError() << "dim " << text << ": "
                         << std::string(dim.status().message());
    // Equal dims must be equal attributes.
    if (dim->ToString() != text.getValue())
      return emitError() << "dim " << text << " must be in normal form, \""
                         << dim->ToString() << "\"";
  }
  return success();
}

oriel::Dim DimsAttr::getDim(unsigned index) const {
  return parseDim(getTexts()[index]);
}

oriel::Dims DimsAttr::getDims() const {
  oriel::Dims dims;
  for (StringAttr text : getTexts())
    dims.push_back(parseDim(text));
  return dims;
}

bool DimsAttr::isStatic() const {
  return llvm::all_of(
      getTexts(), [](StringAttr text) { return parseDim(text).is_static(); });
}

RankedTensorType DimsAttr::getTensorType(Type elementType,
                                         Attribute encoding) const {
  SmallVector<int64_t> shape;
  for (const oriel::Dim &dim : getDims())
    shape.push_back(dim.is_static() && dim.value() >= 0 ? dim.value()
                                                        : ShapedType::kDynamic);
  return RankedTensorType::get(shape, elementType, encoding);
}

// Can MLIR's lexer read the text as the tokens parseDimText knows?
static bool isLexable(StringRef text) {
  for (size_t i = 0; i < text.size();) {
    char c = text[i];
    if (llvm::isAlpha(c) || c == '_') {
      while (i < text.size() &&
             (llvm::isAlnum(text[i]) || StringRef("_.$").contains(text[i])))
        ++i;
    } else if (llvm::isDigit(c)) {
      // `0x1f` and `1.5` are one token to MLIR.
      while (i < text.size() && llvm::isDigit(text[i]))
        ++i;
      if (i < text.size() && (llvm::isAlpha(text[i]) || text[i] == '.'))
        return false;
    } else if (StringRef("+-*(), ").contains(c)) {
      // `->` cannot be, but a symbol may begin with `$`.
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

// The tokens of one expression, up to a comma or `>` outside parentheses.
static ParseResult parseDimText(AsmParser &parser, std::string &text) {
  int depth = 0;
  while (true) {
    StringRef keyword;
    int64_t integer;
    if (succeeded(parser.parseOptionalMinus())) {
      text += '-';
    } else if (succeeded(parser.parseOptionalPlus())) {
      text += '+';
    } else if (succeeded(parser.parseOptionalStar())) {
      text += '*';
    } else if (succeeded(parser.parseOptionalLParen())) {
      text += '(';
      ++depth;
    } else if (depth > 0 && succeeded(parser.parseOptionalRParen())) {
      text += ')';
      --depth;
    } else if (depth > 0 && succeeded(parser.parseOptionalComma())) {
      text += ',';
    } else if (succeeded(parser.parseOptionalKeyword(&keyword))) {
      text += keyword;
    } else {
      OptionalParseResult result = parser.parseOptionalInteger(integer);
      if (!result.has_value())
        break;
      if (failed(*result))
        return failure();
      text += std::to_string(integer);
    }
  }
  return success();
}

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> texts;
  auto parseOne = [&]() -> ParseResult {
    SMLoc loc = parser.getCurrentLocation();
    std::string text;
    if (failed(parser.parseOptionalString(&text)) && parseDimText(parser, text))
      return failure();
    auto dim = oriel::Dim::Parse(text);
    if (!dim.ok())
      return parser.emitError(loc) << "expected a dim expression: "
                                   << std::string(dim.status().message());
    texts.push_back(StringAttr::get(parser.getContext(), dim->ToString()));
    return success();
  };
  if (parser.parseLess())
    return {};
  if (failed(parser.parseOptionalGreater()) &&
      (parser.parseCommaSeparatedList(parseOne) || parser.parseGreater()))
    return {};
  return get(parser.getContext(), texts);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << '<';
  llvm::interleaveComma(getTexts(), printer.getStream(), [&](StringAttr text) {
    if (isLexable(text))
      printer << text.getValue();
    else
      printer.printString(text);
  });
  printer << '>';
}

//===----------------------------------------------------------------------===//
// TargetAttr
//===----------------------------------------------------------------------===//

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef cpu, StringRef features,
                                 int64_t vectorBits, int64_t l2Bytes) {
  if (l2Bytes <= 0)
    return emitError() << "l2_bytes must be positive, got " << l2Bytes;
  if (vectorBits != 128 && vectorBits != 256 && vectorBits != 512)
    return emitError() << "vector_bits must be 128, 256 or 512, got "
                       << vectorBits;
  return success();
}

bool TargetAttr::hasFeature(StringRef feature) const {
  SmallVector<StringRef> list;
  getFeatures().split(list, ',');
  return llvm::any_of(list, [&](StringRef item) {
    return item.consume_front("+") && item == feature;
  });
}
