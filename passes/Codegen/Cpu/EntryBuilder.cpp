//===- EntryBuilder.cpp - entry functions and what kernels report ----------===//

#include "passes/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringExtras.h"

#include "dialect/Graph/OrielDialect.h"

using namespace mlir;

namespace oriel {

//===----------------------------------------------------------------------===//
// Dims to values
//===----------------------------------------------------------------------===//

namespace {
/// Emits the value of a Dim from its printed form (dim.h gives the grammar):
/// a dim's structure has no other public face.
class DimEmitter {
public:
  DimEmitter(Code &code, StringRef text,
             llvm::function_ref<Value(StringRef)> symbol)
      : code(code), text(text), symbol(symbol) {}

  Value sum() {
    Value value = term();
    while (true) {
      if (eat("+"))
        value = code.add(value, term());
      else if (eat("-"))
        value = code.sub(value, term());
      else
        return value;
    }
  }

private:
  bool eat(StringRef token) {
    text = text.ltrim();
    return text.consume_front(token);
  }

  Value term() {
    Value value = factor();
    while (true) {
      if (eat("//"))
        value = code.floorDiv(value, factor());
      else if (eat("*"))
        value = code.mul(value, factor());
      else
        return value;
    }
  }

  Value factor() {
    if (eat("-"))
      return code.sub(code.i64(0), factor());
    if (eat("(")) {
      Value value = sum();
      eat(")");
      return value;
    }
    text = text.ltrim();
    StringRef digits = text.take_while([](char c) { return llvm::isDigit(c); });
    if (!digits.empty()) {
      text = text.drop_front(digits.size());
      int64_t value = 0;
      digits.getAsInteger(10, value);
      return code.i64(value);
    }
    StringRef name = text.take_while(
        [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.' || c == '$'; });
    text = text.drop_front(name.size());
    if (!eat("("))
      return symbol(name);
    Value a = sum();
    eat(",");
    Value b = sum();
    // min and max are of two or more.
    while (eat(",")) {
      a = name == "min" ? code.minimum(a, b) : code.maximum(a, b);
      b = sum();
    }
    eat(")");
    if (name == "ceildiv")
      return code.ceilDiv(a, b);
    if (name == "floordiv")
      return code.floorDiv(a, b);
    if (name == "mod")
      return code.sub(a, code.mul(code.floorDiv(a, b), b));
    return name == "min" ? code.minimum(a, b) : code.maximum(a, b);
  }

  Code &code;
  StringRef text;
  llvm::function_ref<Value(StringRef)> symbol;
};
} // namespace

//===----------------------------------------------------------------------===//
// EntryBuilder
//===----------------------------------------------------------------------===//

EntryBuilder::EntryBuilder(ModuleOp module, const KernelSignature &signature,
                         StringRef symbol)
    : code(module.getContext(), getNarrowestMask(module)), signature(signature) {
  MLIRContext *context = module.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  code.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(
      code, code.loc, symbol,
      FunctionType::get(context, {pointer, i64, i64, i64}, {}));
  Block *body = function.addEntryBlock();
  args = body->getArgument(0);
  begin = body->getArgument(1);
  end = body->getArgument(2);
  worker = body->getArgument(3);
  code.setInsertionPointToEnd(body);
  marker = func::ReturnOp::create(code, code.loc).getOperation();
  // The body follows the marker; finish() moves the return to its end.
}

Value EntryBuilder::prologue(llvm::function_ref<Value()> build) {
  OpBuilder::InsertionGuard guard(code);
  Code::LocScope scope(code, getLineLoc(code.getContext(), 0, LineRole::kLoop));
  code.setInsertionPoint(marker);
  return build();
}

Value EntryBuilder::isLarge(const KernelArg &output, int64_t bytes) {
  assert(output.isOutput);
  Dim size = NumElements(output.shape) * Dim(getStorageBytes(output.elementType));
  if (size.is_static() && size.value() < bytes)
    return nullptr;
  Value &value = streamed["large " + std::to_string(output.number) + " " + std::to_string(bytes)];
  if (!value) {
    Value all = dim(size);
    value = prologue([&] { return code.less(code.i64(bytes - 1), all); });
  }
  return value;
}

Value EntryBuilder::streams(const KernelArg &output, ArrayRef<Dim> pitches, int64_t bytes) {
  int64_t element = getStorageBytes(output.elementType);
  std::string key = std::to_string(output.number) + " " + std::to_string(bytes);
  Dims open;
  for (const Dim &pitch : pitches) {
    if (pitch.is_static() && pitch.value() * element % kLineBytes != 0)
      return nullptr;
    if (pitch.is_static())
      continue;
    open.push_back(pitch * Dim(element));
    key += " " + open.back().ToString();
  }
  Value large = isLarge(output, bytes);
  if (!large)
    return nullptr;
  if (auto known = streamed.find(key); known != streamed.end())
    return known->second;
  SmallVector<Value> sizes;
  for (const Dim &pitch : open)
    sizes.push_back(dim(pitch));
  Value base = pointer(output);
  Value result = prologue([&]() -> Value {
    Value bits = LLVM::PtrToIntOp::create(code, code.loc, code.getI64Type(), base);
    for (Value size : sizes)
      bits = arith::OrIOp::create(code, code.loc, bits, size);
    Value offset = arith::AndIOp::create(code, code.loc, bits, code.i64(kLineBytes - 1));
    return arith::AndIOp::create(code, code.loc, large, code.equal(offset, code.i64(0)));
  });
  streamed[key] = result;
  return result;
}

func::FuncOp EntryBuilder::finish() {
  // What was written past the caches must be seen before the engine says that
  // the tasks are done: its atomics do not order such stores.
  if (!streamed.empty()) {
    Value any;
    for (auto &[key, value] : streamed)
      if (StringRef(key).starts_with("large "))
        any = any ? Value(arith::OrIOp::create(code, code.loc, any, value)) : value;
    code.ifThen(any, [&] {
      LLVM::CallIntrinsicOp::create(code, code.loc, code.getStringAttr("llvm.x86.sse.sfence"),
                                    ValueRange{});
    });
  }
  marker->moveBefore(&function.getBody().front(), function.getBody().front().end());
  return function;
}

Value EntryBuilder::word(unsigned index) {
  Value &value = words[index];
  if (!value)
    value = prologue([&] {
      return code.load(code.getI64Type(),
                       code.gep(code.getI64Type(), args, code.i64(index)), 8);
    });
  return value;
}

Value EntryBuilder::pointer(const KernelArg &arg) {
  // Keyed apart from the same word as an integer.
  Value &value = words[1u << 20 | arg.word];
  if (!value)
    value = prologue([&] {
      return code.load(args.getType(),
                       code.gep(code.getI64Type(), args, code.i64(arg.word)), 8);
    });
  return value;
}

Value EntryBuilder::dim(const Dim &dim) {
  std::string text = dim.ToString();
  if (auto known = dims.find(text); known != dims.end())
    return known->second;
  Value value = prologue([&] {
    auto symbol = [&](StringRef name) -> Value {
      // a<i> or a<i>_<j>: see KernelSignature.
      auto [number, axis] = name.drop_front().split('_');
      unsigned i = 0, j = 0;
      number.getAsInteger(10, i);
      const KernelArg &arg = signature.getArgs()[i];
      if (axis.empty())
        return word(arg.word);
      axis.getAsInteger(10, j);
      unsigned index = arg.word + 1;
      for (unsigned k = 0; k < j; ++k)
        index += !arg.shape[k].is_static();
      return word(index);
    };
    return DimEmitter(code, text, symbol).sum();
  });
  dims[text] = value;
  return value;
}

Value EntryBuilder::scratch() {
  if (!scratchBase)
    scratchBase = prologue([&] {
      Value base = code.load(args.getType(),
                             code.gep(code.getI64Type(), args, code.i64(kArgScratch)), 8);
      return code.gep(code.getI8Type(), base,
                      code.mul(worker, word(kArgScratchBytes)));
    });
  return scratchBase;
}

Value EntryBuilder::shared() {
  if (!sharedBase)
    sharedBase = prologue([&] {
      return code.load(args.getType(),
                       code.gep(code.getI64Type(), args, code.i64(kArgShared)), 8);
    });
  return sharedBase;
}

Value EntryBuilder::errorRecord() {
  if (!record)
    record = prologue([&] {
      Value base = code.load(args.getType(),
                             code.gep(code.getI64Type(), args, code.i64(kArgErrors)), 8);
      return code.gep(code.getI8Type(), base,
                      code.mul(worker, code.i64(sizeof(ErrorRecord))));
    });
  return record;
}

Value EntryBuilder::stack(Type element, int64_t count, unsigned align) {
  return prologue([&] {
    return LLVM::AllocaOp::create(code, code.loc, args.getType(), element,
                                  code.i64(count), align)
        .getResult();
  });
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

SmallVector<Value> EntryBuilder::decompose(Value task, ArrayRef<Value> sizes) {
  SmallVector<Value> indices(sizes.size());
  for (size_t d = sizes.size(); d-- > 0;) {
    if (d == 0) {
      indices[d] = task;
      break;
    }
    // A size of 0 means that there are no tasks, but this runs all the same.
    Value size = code.maximum(sizes[d], code.i64(1));
    indices[d] = code.remUnsigned(task, size);
    task = code.divUnsigned(task, size);
  }
  return indices;
}

SmallVector<Value> EntryBuilder::advance(ArrayRef<Value> indices,
                                        ArrayRef<Value> sizes) {
  SmallVector<Value> next(indices.begin(), indices.end());
  Value carry = code.i64(1);
  for (size_t d = sizes.size(); d-- > 0;) {
    Value bumped = code.add(indices[d], carry);
    if (d == 0) {
      next[d] = bumped;
      break;
    }
    Value wraps = code.equal(bumped, sizes[d]);
    next[d] = code.select(wraps, code.i64(0), bumped);
    carry = arith::ExtUIOp::create(code, code.loc, code.getI64Type(), wraps);
  }
  return next;
}

void EntryBuilder::forEachTask(ArrayRef<Value> sizes,
                              llvm::function_ref<void(ArrayRef<Value>)> body) {
  if (sizes.size() <= 1) {
    code.loop(begin, end, code.i64(1), [&](Value task) {
      body(sizes.empty() ? ArrayRef<Value>() : ArrayRef<Value>(task));
    });
    return;
  }
  SmallVector<Value> first = decompose(begin, sizes);
  code.loop(begin, end, code.i64(1), first, [&](Value, ValueRange carried) {
    SmallVector<Value> indices(carried);
    body(indices);
    return advance(indices, sizes);
  });
}

//===----------------------------------------------------------------------===//
// Index checks
//===----------------------------------------------------------------------===//

Value EntryBuilder::checkIndex(Value index, Value position, Value mask,
                              const IndexCheck &check) {
  auto vector = dyn_cast<VectorType>(index.getType());
  unsigned lanes = vector ? vector.getNumElements() : 0;
  // Clamped: the comparison below is unsigned.
  Value bound = code.splat(code.maximum(check.bound, code.i64(0)), lanes);
  Value zero = code.zero(index.getType());
  Value wrapped = index;
  if (check.wrap)
    wrapped = code.select(code.less(index, zero), code.add(index, bound), index);
  Value bad = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::uge,
                                    wrapped, bound);
  Value checked = mask ? Value(arith::AndIOp::create(code, code.loc, bad, mask)) : bad;
  Value any = checked;
  if (lanes)
    any = vector::ReductionOp::create(code, code.loc, vector::CombiningKind::OR,
                                      checked);
  code.ifThen(any, [&] {
    if (!lanes)
      return recordFailure(index, position, check);
    code.loop(code.i64(0), code.i64(lanes), code.i64(1), [&](Value k) {
      Value at = arith::IndexCastOp::create(code, code.loc, code.getIndexType(), k);
      auto pick = [&](Value v) -> Value {
        return vector::ExtractOp::create(code, code.loc, v, ArrayRef<OpFoldResult>{at});
      };
      code.ifThen(pick(checked),
                  [&] { recordFailure(pick(index), pick(position), check); });
    });
  });
  Value unsafe = bad;
  if (mask) {
    Value on = code.zero(mask.getType());
    Value off = arith::CmpIOp::create(code, code.loc, arith::CmpIPredicate::eq, mask, on);
    unsafe = arith::OrIOp::create(code, code.loc, bad, off);
  }
  return code.select(unsafe, zero, wrapped);
}

void EntryBuilder::recordFailure(Value index, Value position,
                                const IndexCheck &check) {
  Value base = errorRecord();
  auto field = [&](size_t offset) {
    return code.gep(code.getI8Type(), base, code.i64(offset));
  };
  Type i32 = code.getI32Type(), i64 = code.getI64Type();
  Value old = code.load(i32, field(offsetof(ErrorRecord, code)));
  Value none = code.equal(old, arith::ConstantIntOp::create(code, code.loc, 0, 32));
  Value lower = code.less(position,
                          code.load(i64, field(offsetof(ErrorRecord, position))));
  code.ifThen(arith::OrIOp::create(code, code.loc, none, lower), [&] {
    auto set32 = [&](size_t offset, int64_t value) {
      code.store(arith::ConstantIntOp::create(code, code.loc, value, 32), field(offset));
    };
    set32(offsetof(ErrorRecord, code), static_cast<int64_t>(KernelError::kIndexOutOfRange));
    set32(offsetof(ErrorRecord, ordinal), check.ordinal);
    code.store(position, field(offsetof(ErrorRecord, position)));
    code.store(code.i64(check.axis), field(offsetof(ErrorRecord, axis)));
    code.store(index, field(offsetof(ErrorRecord, value)));
    code.store(check.bound, field(offsetof(ErrorRecord, bound)));
    code.store(code.i64(check.operand), field(offsetof(ErrorRecord, operand)));
  });
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

void setKernelInfo(ModuleOp module, const KernelInfo &info) {
  OpBuilder b(module.getContext());
  auto roundUp = [](const Dim &bytes) {
    return bytes.is_static() ? Dim((bytes.value() + 63) / 64 * 64)
                             : Dim::CeilDiv(bytes, 64) * 64;
  };
  SmallVector<Attribute> entries;
  for (const std::string &entry : info.entries)
    entries.push_back(info.library ? Attribute(b.getStringAttr(entry))
                                   : FlatSymbolRefAttr::get(b.getContext(), entry));
  auto dims = [&](const Dims &value) { return ir::DimsAttr::get(b.getContext(), value); };
  module->setAttr("oriel.entries", b.getArrayAttr(entries));
  module->setAttr("oriel.tasks", dims(info.tasks));
  module->setAttr("oriel.scratch", dims({roundUp(info.scratch)}));
  module->setAttr("oriel.shared", dims({roundUp(info.shared)}));
  module->setAttr("oriel.cost", dims({info.cost}));
  if (info.fallible)
    module->setAttr("oriel.fallible", b.getUnitAttr());
  if (info.library)
    module->setAttr("oriel.parameters", dims(info.parameters));
}

} // namespace oriel
