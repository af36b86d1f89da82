//===- MatMulMade.cpp - operands that are made as they are packed ---------===//
//
// An operand may be what elementwise ops make of several tensors: rows less their
// means times a vector of factors, two matrices added. Each tensor has strides of
// its own along the panel (p) and along k; 0 where it does not vary. The ops run on
// vectors along p, which are what a panel holds.
//
//===----------------------------------------------------------------------===//

#include "passes/Codegen/Cpu/MatMul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace oriel {
namespace {

/// A tensor that is read.
struct Leaf {
  const MatMulAccess *access;
  Type element;
  Dim p, k; // strides as far as they are known
  Value pointer, pStride, kStride;

  /// Lies along k: brought across in squares.
  bool isAcross() const { return k == Dim(1) && p != Dim(0) && p != Dim(1); }
};

class MadePacker {
public:
  MadePacker(Code &code, const MatMulSpec &spec, const MatMulAccess &operand, int64_t width,
             int64_t lanes)
      : code(code), spec(spec), operand(operand), width(width),
        chunk(std::min<int64_t>(width, lanes)), side(std::min(chunk, matmulSquareSide(spec))) {}

  std::vector<Leaf> leaves;
  Value count, kc, target;

  void pack();

private:
  void packAlong();
  void packAcross();
  /// The vectors at (q, k): `width` elements, those of `mask` (null: all).
  SmallVector<Value> load(Value q, Value k, int64_t width, Value mask);
  Value loadOne(const Leaf &leaf, Value q, Value k, int64_t width, Value mask);
  /// The operand's element of each leaf's.
  Value make(ArrayRef<Value> loaded, int64_t width);
  void store(Value x, Value q, Value k) {
    code.store(x, code.gep(spec.accumulator, to, code.add(code.mul(k, code.i64(width)), q)));
  }
  Value place(const Leaf &leaf, Value q, Value k) {
    return code.gep(leaf.element, leaf.pointer,
                    code.add(code.mul(code.add(from, q), leaf.pStride), code.mul(k, leaf.kStride)));
  }
  void overK(Value first, llvm::function_ref<void(Value)> body) {
    code.loop(first, kc, code.i64(1), body);
  }

  Code &code;
  const MatMulSpec &spec;
  const MatMulAccess &operand;
  int64_t width, chunk, side;
  Value from, to, valid; // of a panel
};

Value MadePacker::loadOne(const Leaf &leaf, Value q, Value k, int64_t width, Value mask) {
  Code::LocScope scope(code, getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoad));
  Value at = place(leaf, q, k);
  if (leaf.p == Dim(0))
    return code.splat(code.load(leaf.element, at), width);
  Type vector = code.vectorOf(leaf.element, width);
  if (leaf.p == Dim(1))
    return mask ? code.maskedLoad(vector, at, mask) : code.load(vector, at);
  return code.loadStrided(vector, at, leaf.pStride, mask);
}

SmallVector<Value> MadePacker::load(Value q, Value k, int64_t width, Value mask) {
  SmallVector<Value> loaded;
  for (const Leaf &leaf : leaves)
    loaded.push_back(loadOne(leaf, q, k, width, mask));
  return loaded;
}

Value MadePacker::make(ArrayRef<Value> loaded, int64_t width) {
  IRMapping mapping;
  for (auto [leaf, value] : llvm::zip(leaves, loaded))
    mapping.map(leaf.access->element, value);
  auto known = [&](Value value) {
    Attribute number;
    if (!mapping.contains(value) && matchPattern(value, m_Constant(&number))) {
      Value scalar = arith::ConstantOp::create(code, code.loc, cast<TypedAttr>(number));
      mapping.map(value, code.splat(scalar, width));
    }
  };
  for (Operation *op : operand.casts) {
    Code::LocScope scope(code, getLineLoc(code.getContext(), getOrdinal(op->getLoc()),
                                          LineRole::kCompute));
    llvm::for_each(op->getOperands(), known);
    Operation *clone = code.clone(*op, mapping);
    clone->setLoc(code.loc);
    clone->getResult(0).setType(code.vectorOf(op->getResult(0).getType(), width));
  }
  Value made = mapping.lookup(operand.element);
  if (getElementTypeOrSelf(made.getType()) == spec.accumulator)
    return made;
  Type to = code.vectorOf(spec.accumulator, width);
  if (isa<FloatType>(spec.accumulator))
    return arith::ExtFOp::create(code, code.loc, to, made);
  return arith::ExtUIOp::create(code, code.loc, to, made);
}

void MadePacker::pack() {
  bool across = side > 1 && llvm::any_of(leaves, [](const Leaf &leaf) { return leaf.isAcross(); });
  code.loop(code.i64(0), count, code.i64(width), [&](Value p) {
    valid = code.minimum(code.i64(width), code.sub(count, p));
    from = p;
    to = code.gep(spec.accumulator, target, code.mul(p, kc));
    across ? packAcross() : packAlong();
  });
}

/// Vectors along the panel, as they lie or gathered.
void MadePacker::packAlong() {
  Value zero = code.i64(0), whole = code.roundDown(valid, chunk);
  overK(zero, [&](Value k) {
    code.loop(zero, whole, code.i64(chunk),
              [&](Value q) { store(make(load(q, k, chunk, nullptr), chunk), q, k); });
  });
  code.ifThen(code.less(whole, valid), [&] {
    Value mask = code.maskBelow(code.sub(valid, whole), chunk);
    overK(zero, [&](Value k) { store(make(load(whole, k, chunk, mask), chunk), whole, k); });
  });
}

/// Squares: what lies along k is transposed in registers, the rest lies along the
/// panel or is one value.
void MadePacker::packAcross() {
  Value zero = code.i64(0), step = code.i64(side);
  Value most = code.roundDown(kc, side), groups = code.roundDown(valid, side);
  int64_t piece = std::min<int64_t>(side, 4);
  code.loop(zero, groups, step, [&](Value q) {
    SmallVector<Value> fixed; // what is one vector for all k
    for (const Leaf &leaf : leaves)
      fixed.push_back(leaf.k == Dim(0) ? loadOne(leaf, q, zero, side, nullptr) : Value());
    code.loop(zero, most, step, [&](Value k) {
      SmallVector<SmallVector<Value>> columns(leaves.size());
      for (auto [n, leaf] : llvm::enumerate(leaves)) {
        if (!leaf.isAcross() || fixed[n])
          continue;
        // Halves are moved as integers.
        bool isHalf = isa<FloatType>(leaf.element) && leaf.element.getIntOrFloatBitWidth() == 16;
        Type moved = isHalf ? Type(code.getI16Type()) : leaf.element;
        columns[n] = matmulTransposed(code, side, [&](int64_t r, int64_t h) {
          Code::LocScope scope(code, getLineLoc(code.getContext(), spec.ordinal, LineRole::kLoad));
          return code.load(code.vectorOf(moved, piece),
                           place(leaf, code.add(q, code.i64(r)), code.add(k, code.i64(h))));
        });
        if (isHalf)
          for (Value &column : columns[n])
            column = arith::BitcastOp::create(code, code.loc, code.vectorOf(leaf.element, side), column);
      }
      for (int64_t u = 0; u < side; ++u) {
        Value at = code.add(k, code.i64(u));
        SmallVector<Value> loaded;
        for (auto [n, leaf] : llvm::enumerate(leaves))
          loaded.push_back(fixed[n]              ? fixed[n]
                           : !columns[n].empty() ? columns[n][u]
                                                 : loadOne(leaf, q, at, side, nullptr));
        store(make(loaded, side), q, at);
      }
    });
    overK(most, [&](Value k) { store(make(load(q, k, side, nullptr), side), q, k); });
  });
  // A group with fewer rows, and up to whole chunks, which tiles read.
  Value padded = code.mul(code.ceilDiv(valid, code.i64(chunk)), code.i64(chunk));
  code.loop(groups, padded, step, [&](Value q) {
    Value mask = code.maskBelow(code.maximum(code.sub(valid, q), zero), side);
    Value first = code.minimum(q, code.sub(valid, code.i64(1))); // of which no element is read
    overK(zero, [&](Value k) { store(make(load(first, k, side, mask), side), q, k); });
  });
}

} // namespace

func::FuncOp emitMadePackFunction(ModuleOp module, StringRef symbol, const MatMulSpec &spec,
                                  const MatMulBlocks &blocks, const MatMulAccess &operand,
                                  bool isB, int64_t width) {
  MLIRContext *context = module.getContext();
  Code code(context, getNarrowestMask(module));
  code.loc = getLineLoc(context, spec.ordinal, LineRole::kLoad);
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = code.getI64Type();
  SmallVector<Type> types{i64, i64, pointer};
  for (size_t n = 0; n < operand.leaves.size(); ++n)
    types.append({pointer, i64, i64});
  func::FuncOp function = beginMatMulFunction(module, code, symbol, types);
  MadePacker packer(code, spec, operand, width, blocks.lanes);
  packer.count = function.getArgument(0);
  packer.kc = function.getArgument(1);
  packer.target = function.getArgument(2);
  for (auto [n, leaf] : llvm::enumerate(operand.leaves)) {
    auto stride = [&](const Dim &dim, unsigned argument) -> Value {
      return dim.is_static() ? code.i64(dim.value()) : Value(function.getArgument(argument));
    };
    unsigned at = 3 + 3 * n;
    const Dim &p = isB ? leaf.j : leaf.i;
    packer.leaves.push_back({&leaf, leaf.arg->elementType, p, leaf.k, function.getArgument(at),
                             stride(p, at + 1), stride(leaf.k, at + 2)});
  }
  packer.pack();
  func::ReturnOp::create(code, code.loc);
  return function;
}

} // namespace oriel
