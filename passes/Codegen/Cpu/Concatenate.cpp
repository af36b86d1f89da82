//===- Concatenate.cpp - the concatenate emitter --------------------------===//
//
// The result is rows of one segment per part (rows run over the axes before the
// concatenated one). Of parts that lie in memory a task copies a range of the
// result's elements. Parts that the kernel computes, or reads through views, are
// written straight to their place: their tasks are those of an elementwise kernel,
// the parts' after each other.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/EmptyGathers.h"
#include "passes/Codegen/Cpu/GenericKernel.h"
#include "passes/Codegen/Cpu/LoweredValues.h"

#include "dialect/Graph/OrielOps.h"

#include <memory>

using namespace mlir;

namespace oriel {

namespace {

constexpr int64_t kElementsPerTask = 16384;
// Parts that each have code of their own. Of more, those alike are loops; where there
// are more such runs too, one loop goes over a table of all parts: code for thousands
// would take the time of their square.
constexpr size_t kMostUnrolled = 16;
constexpr size_t kFewestInLoop = 4; // parts of a run

class ConcatenateEmitter {
public:
  ConcatenateEmitter(ModuleOp module, KernelSignature &signature, const CpuEmitOptions &options,
                     KernelInfo &info)
      : module(module), signature(signature), options(options), info(info) {}

  LogicalResult run();

private:
  /// A part that lies in memory.
  struct Part {
    const KernelArg *arg = nullptr; // null: a generic makes it
    Dim length;                     // elements a row
    Dim made = 0;                   // of those, what generics make of parts before it
    Dim factor;                     // length: this, times the size in word `own`
    unsigned own = 0;               // after the address; 0: nothing but the factor
  };
  /// Parts that lie in memory, after each other, whose addresses are at equal distances
  /// among the kernel's argument words, and whose lengths are found alike.
  struct Run {
    ArrayRef<Part> parts;
    unsigned stride = 0; // words
  };
  /// A generic that makes parts.
  struct Maker {
    KernelModel model;
    std::optional<GenericKernel> kernel;
    Dim tasks;
  };
  LogicalResult match();
  static SmallVector<Run> findRuns(ArrayRef<Part> copied);
  Value makeTable(EntryBuilder &entry);
  void emitCopies(EntryBuilder &entry, ArrayRef<Part> copied, const Dim &width, const Dim &total);

  ModuleOp module;
  KernelSignature &signature;
  const CpuEmitOptions &options;
  KernelInfo &info;
  ir::ConcatenateOp op;
  const KernelArg *out = nullptr;
  SmallVector<Part> parts;
  Dim rows = 1, rowLength = 0, made = 0; // elements of a row; of those, of made parts
  SmallVector<std::unique_ptr<Maker>> makers;
  Value words; // the kernel's arguments
};

LogicalResult ConcatenateEmitter::match() {
  func::FuncOp function = signature.getFunction();
  for (auto each : function.getOps<ir::ConcatenateOp>()) {
    if (op)
      return each.emitError("is the second concatenate of a kernel, required one");
    op = each;
  }
  if (!op)
    return function.emitError("expected oriel.concatenate in a concatenate kernel");
  Operation *ret = function.getBody().front().getTerminator();
  unsigned position = 0;
  for (const KernelArg &arg : signature.getArgs())
    if (arg.isOutput && position < ret->getNumOperands() &&
        ret->getOperand(position++) == op.getResult())
      out = &arg;
  if (!out)
    return op.emitError("expected a concatenate kernel to return its result");
  size_t axis = op.getAxis();
  made = 0;
  for (Value value : op->getOperands()) {
    const KernelArg *arg = rootOf(signature, value);
    FailureOr<Dims> shape = shapeOf(signature, value);
    if (failed(shape))
      return op.emitError("the shape of a part is no expression of the kernel's dims");
    for (size_t d = 0; d < shape->size(); ++d)
      if (d != axis)
        signature.unify((*shape)[d], out->shape[d]);
    Part part;
    part.arg = arg;
    part.length = signature.canonical(productOf(*shape, axis, shape->size()));
    part.made = made;
    part.factor = part.length;
    Dim size = arg && arg->shape.size() == shape->size() ? arg->shape[axis] : Dim(0);
    if (size.is_symbol() && signature.canonical(size) == size) {
      Dim others = signature.canonical(productOf(*shape, axis + 1, shape->size()));
      if (size * others == part.length) {
        part.factor = others;
        part.own = 1 + llvm::count_if(ArrayRef<Dim>(arg->shape).take_front(axis),
                                      [](const Dim &before) { return !before.is_static(); });
      }
    }
    if (!arg)
      made = signature.canonical(made + part.length);
    if (parts.empty())
      rows = signature.canonical(productOf(*shape, 0, axis));
    parts.push_back(std::move(part));
  }
  // The sum of many would be as long as the kernel has parts.
  if (parts.size() > kMostUnrolled)
    rowLength = signature.canonical(productOf(out->shape, axis, out->shape.size()));
  else
    for (const Part &part : parts)
      rowLength = signature.canonical(rowLength + part.length);
  for (auto generic : function.getOps<linalg::GenericOp>()) {
    FailureOr<KernelModel> model = KernelModel::get(signature, generic);
    if (failed(model) || failed(PassEmitter::check(*model)))
      return failure();
    if (model->passes.size() != 1 || model->passes.front().isReduction)
      return generic.emitError("the parts of a concatenate must be computed without reductions");
    makers.push_back(std::make_unique<Maker>());
    Maker &maker = *makers.back();
    maker.model = std::move(*model);
    maker.kernel.emplace(module, signature, maker.model, options, info);
  }
  return success();
}

SmallVector<ConcatenateEmitter::Run> ConcatenateEmitter::findRuns(ArrayRef<Part> copied) {
  SmallVector<Run> runs;
  for (const Part &part : copied) {
    if (!runs.empty()) {
      Run &run = runs.back();
      const Part &last = run.parts.back();
      unsigned stride = part.arg->word - last.arg->word;
      if (part.factor == last.factor && part.own == last.own && part.made == last.made &&
          part.arg->word >= last.arg->word && (run.parts.size() == 1 || stride == run.stride)) {
        run = {ArrayRef<Part>(run.parts.begin(), run.parts.size() + 1), stride};
        continue;
      }
    }
    runs.push_back({ArrayRef<Part>(&part, 1)});
  }
  // Code for each of a few parts is shorter and faster than a loop over them.
  bool areFew = copied.size() <= kMostUnrolled;
  SmallVector<Run> split;
  for (const Run &run : runs)
    if (!areFew && run.parts.size() >= kFewestInLoop)
      split.push_back(run);
    else
      for (const Part &part : run.parts)
        split.push_back({ArrayRef<Part>(&part, 1)});
  return split;
}

/// Pointer, length and place of each part that lies in memory.
Value ConcatenateEmitter::makeTable(EntryBuilder &entry) {
  Code &code = entry.code;
  Type i64 = code.getI64Type();
  Value table = entry.stack(i64, 3 * parts.size());
  int64_t word = 0;
  Value start = code.i64(0);
  for (const Part &part : parts) {
    // Made and stored one after another: few values live at a time.
    start = entry.prologue([&] {
      Value length = entry.dim(part.length);
      if (part.arg)
        for (Value value : {entry.pointer(*part.arg), length, start})
          code.store(value, code.gep(i64, table, code.i64(word++)), 8);
      return code.add(start, length);
    });
  }
  return table;
}

/// Tasks of ranges of the elements of rows that hold the `copied` parts alone.
void ConcatenateEmitter::emitCopies(EntryBuilder &entry, ArrayRef<Part> copied, const Dim &width,
                                    const Dim &total) {
  Code &code = entry.code;
  Code::LocScope scope(code, getLineLoc(module.getContext(), getOrdinal(op.getLoc()), LineRole::kStore));
  Type element = out->elementType;
  Value read = entry.dim(width), written = entry.dim(rowLength), all = entry.dim(total);
  Value streams = entry.isLarge(*out, kStreamedBytes);
  Value zero = code.i64(0), one = code.i64(1), chunk = code.i64(kElementsPerTask);
  SmallVector<Run> runs = findRuns(copied);
  Value table = runs.size() > kMostUnrolled ? makeTable(entry) : Value();
  code.loop(entry.begin, entry.end, one, [&](Value task) {
    Value first = code.mul(task, chunk);
    Value last = code.minimum(all, code.add(first, chunk));
    Value row0 = code.divUnsigned(first, read);
    Value row1 = code.add(code.divUnsigned(code.sub(last, one), read), one);
    code.loop(row0, row1, one, [&](Value row) {
      Value start = code.mul(row, read);
      Value low = code.sub(code.maximum(first, start), start);
      Value high = code.sub(code.minimum(last, code.add(start, read)), start);
      Value to = code.gep(element, entry.pointer(*out), code.mul(row, written));
      // The part's elements, `length` a row, of which `segment` on are read.
      auto copy = [&](Value pointer, Value length, Value start, Value segment) {
        Value end = code.add(segment, length);
        Value from = code.maximum(low, segment);
        // Negative when the task's range misses the segment.
        Value count = code.maximum(code.sub(code.minimum(high, end), from), zero);
        Value within = code.sub(from, segment);
        Value source = code.gep(element, pointer, code.add(code.mul(row, length), within));
        Value target = code.gep(element, to, code.add(start, within));
        emitCopy(code, element, target, source, count, options.vectorBits, streams);
        return end;
      };
      if (table) {
        code.loop(zero, code.i64(copied.size()), one, ValueRange{zero},
                  [&](Value k, ValueRange carried) -> SmallVector<Value> {
                    auto word = [&](int64_t at, Type type) {
                      Value index = code.add(code.mul(k, code.i64(3)), code.i64(at));
                      return code.load(type, code.gep(code.getI64Type(), table, index), 8);
                    };
                    return {copy(word(0, table.getType()), word(1, code.getI64Type()),
                                 word(2, code.getI64Type()), carried[0])};
                  });
        return;
      }
      Value segment = zero;
      for (const Run &run : runs) {
        const Part &part = run.parts.front();
        Value before = entry.dim(part.made);
        if (run.parts.size() == 1) {
          segment = copy(entry.pointer(*part.arg), entry.dim(part.length), code.add(before, segment), segment);
          continue;
        }
        Value factor = entry.dim(part.factor), many = code.i64(run.parts.size());
        auto load = [&](Value k, unsigned after, Type type) {
          Value at = code.add(code.i64(part.arg->word + after), code.mul(k, code.i64(run.stride)));
          return code.load(type, code.gep(code.getI64Type(), words, at), 8);
        };
        if (part.own) {
          segment = code.loop(zero, many, one, ValueRange{segment},
                              [&](Value k, ValueRange carried) -> SmallVector<Value> {
                                Value length = code.mul(factor, load(k, part.own, code.getI64Type()));
                                return {copy(load(k, 0, words.getType()), length,
                                             code.add(before, carried[0]), carried[0])};
                              })[0];
          continue;
        }
        // Those that the range meets.
        Value divisor = code.maximum(factor, one);
        Value skipped = code.maximum(code.sub(low, segment), zero);
        Value reached = code.maximum(code.sub(high, segment), zero);
        Value k0 = code.minimum(code.divUnsigned(skipped, divisor), many);
        Value k1 = code.minimum(code.ceilDiv(reached, divisor), many);
        code.loop(k0, k1, one, [&](Value k) {
          Value at = code.add(segment, code.mul(k, factor));
          copy(load(k, 0, words.getType()), factor, code.add(before, at), at);
        });
        segment = code.add(segment, code.mul(many, factor));
      }
    });
  });
}

LogicalResult ConcatenateEmitter::run() {
  info.scratch = 0;
  info.shared = 0;
  if (failed(match()))
    return failure();
  SmallVector<Part> copied;
  for (const Part &part : parts)
    if (part.arg)
      copied.push_back(part);
  Dim width = signature.canonical(rowLength - made);
  Dim total = rows * width;
  info.cost = Dim::FloorDiv(total, 6) + rows * static_cast<int64_t>(copied.size()) + 50;
  Dim tasks = 0;
  for (std::unique_ptr<Maker> &maker : makers) {
    maker->tasks = maker->kernel->planElementwise();
    tasks = tasks + maker->tasks;
    info.cost = info.cost + maker->kernel->cost();
    info.fallible |= maker->model.isFallible();
  }
  std::string symbol = (signature.getFunction().getSymName() + "_0").str();
  EntryBuilder entry(module, signature, symbol);
  Code &code = entry.code;
  words = entry.begin.getParentBlock()->getArgument(0);
  Value begin = entry.begin, end = entry.end, zero = code.i64(0);
  Value before = zero;
  // The tasks of one part among those of the call.
  auto part = [&](const Dim &count, llvm::function_ref<void()> emit) {
    Value many = entry.dim(count);
    entry.begin = code.maximum(code.sub(begin, before), zero);
    entry.end = code.minimum(code.sub(end, before), many);
    code.ifThen(code.less(entry.begin, entry.end), emit);
    before = code.add(before, many);
  };
  for (std::unique_ptr<Maker> &maker : makers)
    part(maker->tasks, [&] { maker->kernel->emitElementwise(entry); });
  if (makers.empty())
    emitCopies(entry, copied, width, total);
  else if (!copied.empty())
    part(Dim::CeilDiv(total, kElementsPerTask), [&] { emitCopies(entry, copied, width, total); });
  entry.finish();
  info.entries = {symbol};
  if (!copied.empty())
    tasks = tasks + Dim::CeilDiv(total, kElementsPerTask);
  info.tasks = {tasks};
  SmallVector<const KernelModel *> models;
  for (const std::unique_ptr<Maker> &maker : makers)
    models.push_back(&maker->model);
  addEmptyGathers(module, signature, models, options.vectorBits, info);
  return success();
}

} // namespace

LogicalResult emitConcatenateKernel(ModuleOp module, KernelSignature &signature,
                                    const CpuEmitOptions &options, KernelInfo &info) {
  return ConcatenateEmitter(module, signature, options, info).run();
}

} // namespace oriel
