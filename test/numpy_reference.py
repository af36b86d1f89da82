#!/usr/bin/env python3
"""Writes cases for the reference kernels, answered by NumPy.

Usage: numpy_reference.py FOLDER

FOLDER/cases.npz holds the operands "<case>_<k>" and the answer "<case>_out";
FOLDER/cases.txt has a line for each case:

    <case> <op> <operands> <tolerance> [attribute=kind:value ...]

where kind is i (integer), b (bool), s (string), l (list of integers), d (dims)
or t (dtype), and tolerance is relative, 0 for equality to the bit (any NaN
equals any NaN). The gtest ops_numpy_test runs this and replays the cases.
"""

import itertools
import os
import sys

import numpy as np

FLOATS = ["float64", "float32", "float16"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
# Libraries differ by a unit or two in the last place of their math functions.
MATH = {"float64": 1e-14, "float32": 6e-7, "float16": 1e-3}
SUMS = {"float64": 1e-12, "float32": 3e-6, "float16": 2e-3}

rng = np.random.default_rng(20240229)
arrays = {}
lines = []


def attribute(name, value):
    if isinstance(value, bool):
        return f"{name}=b:{int(value)}"
    if isinstance(value, int):
        return f"{name}=i:{value}"
    if isinstance(value, np.dtype):
        return f"{name}=t:{value.name}"
    if isinstance(value, str):
        return f"{name}=s:{value}"
    kind = "d" if isinstance(value, tuple) else "l"
    return f"{name}={kind}:{','.join(str(v) for v in value)}"


def case(op, operands, out, tolerance=0.0, **attributes):
    name = f"c{len(lines)}"
    for k, operand in enumerate(operands):
        arrays[f"{name}_{k}"] = np.ascontiguousarray(operand) if operand.ndim else operand
    out = np.asarray(out)
    arrays[f"{name}_out"] = np.ascontiguousarray(out) if out.ndim else out
    words = [name, op, str(len(operands)), repr(tolerance)]
    lines.append(" ".join(words + [attribute(k, v) for k, v in attributes.items()]))


def numbers(dtype, shape):
    """Random numbers, small enough that sums and products stay in range."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        return rng.normal(0, 2, shape).astype(dtype)
    if kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(0 if kind == "u" else -9, 10, shape).astype(dtype)


def edges(dtype):
    """The values where kernels go wrong."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        values = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 7, -7, np.inf, -np.inf, np.nan]
        return np.array(values, dtype)
    if kind == "b":
        return np.array([False, True])
    info = np.iinfo(dtype)
    values = {info.min, info.min + 1, 0, 1, 2, 3, 7, 100, info.max - 1, info.max}
    if kind == "i":
        values |= {-1, -2, -3, -7, -100}
    return np.array(sorted(values), dtype)


def pairs(dtype):
    x = edges(dtype)
    a, b = np.meshgrid(x, x, indexing="ij")
    return a.ravel(), b.ravel()


def unary():
    exact = {"neg": np.negative, "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
             "round": np.round, "sqrt": np.sqrt}
    math = {"exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh,
            "sin": np.sin, "cos": np.cos, "rsqrt": lambda x: 1 / np.sqrt(x),
            "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
    for dtype in FLOATS:
        x = np.concatenate([edges(dtype), numbers(dtype, 50)])
        for op, function in exact.items():
            case(op, [x], function(x))
        for op, function in math.items():
            wide = x.astype("float64")
            case(op, [x], function(wide).astype(dtype), MATH[dtype])
    for dtype in INTS:
        for op in ["neg", "abs", "sign"]:
            case(op, [edges(dtype)], exact[op](edges(dtype)))
    case("abs", [edges(bool)], np.abs(edges(bool)))
    case("logical_not", [edges(bool)], np.logical_not(edges(bool)))


def binary():
    functions = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "floor_div": np.floor_divide,
                 "mod": np.remainder, "maximum": np.maximum, "minimum": np.minimum}
    for dtype in FLOATS + INTS:
        a, b = pairs(dtype)
        a = np.concatenate([a, numbers(dtype, 40)])
        b = np.concatenate([b, numbers(dtype, 40)])
        for op, function in functions.items():
            x, y = a, b
            if op in ("maximum", "minimum") and dtype in FLOATS:
                # Which of two zeros of different sign wins is not NumPy's promise.
                keep = ~((x == 0) & (y == 0))
                x, y = x[keep], y[keep]
            case(op, [x, y], function(x, y))
        if dtype in FLOATS:
            case("div", [a, b], np.divide(a, b))
            case("pow", [a, b], np.power(a.astype("float64"), b.astype("float64")).astype(dtype), MATH[dtype] * 4)
        else:
            keep = b >= 0
            case("pow", [a[keep], b[keep]], np.power(a[keep], b[keep]))
    a, b = pairs(bool)
    for op, function in {"add": np.add, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
                         "logical_and": np.logical_and, "logical_or": np.logical_or,
                         "logical_xor": np.logical_xor}.items():
        case(op, [a, b], function(a, b))
    predicates = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
                  "ge": np.greater_equal}
    for dtype in FLOATS + INTS + ["bool"]:
        a, b = pairs(dtype)
        for predicate, function in predicates.items():
            case("compare", [a, b], function(a, b), predicate=predicate)
        condition = numbers(bool, a.shape)
        case("select", [condition, a, b], np.where(condition, a, b))


def casts():
    for source, target in itertools.product(FLOATS + INTS + ["bool"], repeat=2):
        x = numbers(source, 40)
        if np.dtype(source).kind == "f" and np.dtype(target).kind == "u":
            x = np.abs(x)  # C leaves negative floats to unsigned open
        if np.dtype(source).kind != "f":
            x = np.concatenate([edges(source), x])
        case("cast", [x], x.astype(target), dtype=np.dtype(target))


def shapes():
    x = numbers("float32", (3, 4, 5))
    case("transpose", [x], x.transpose(2, 0, 1), permutation=[2, 0, 1])
    case("reshape", [x], x.reshape(6, 10), shape=(6, 10))
    case("broadcast", [x[:, :1]], np.broadcast_to(x[:, :1], (2, 3, 4, 5)), shape=(2, 3, 4, 5), axes=[1, 2, 3])
    case("concatenate", [x, x[:, :2], x[:, :0]], np.concatenate([x, x[:, :2], x[:, :0]], 1), axis=1)
    for axis in range(3):
        index = np.indices((3, 0 if axis == 1 else 4, 5))[axis]
        case("iota", [], index.astype("int32"), axis=axis, shape=index.shape, dtype=np.dtype("int32"))
    for dtype in FLOATS:
        case("iota", [], np.arange(3000).astype(dtype), axis=0, shape=(3000,), dtype=np.dtype(dtype))
    bounds = [-7, -5, -3, -1, 0, 1, 3, 5, 7, None]
    row = numbers("int16", 5)
    for start, stop, step in itertools.product(bounds, bounds, [1, 2, 3, -1, -2]):
        first, limit, _ = slice(start, stop, step).indices(5)
        limit = max(first, limit) if step > 0 else min(first, limit)
        case("slice", [row], row[start:stop:step], starts=(first,), limits=(limit,), steps=[step])
    i, j = np.array(1), np.array(2)
    case("dynamic_slice", [x[0], i, j], x[0][1:3, 2:5], sizes=(2, 3))


def reductions():
    functions = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "mean": np.mean}
    for dtype in FLOATS + INTS:
        x = numbers(dtype, (4, 5, 6))
        for axes in [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]:
            for kind, function in functions.items():
                if kind == "mean" and dtype not in FLOATS:
                    continue
                keepdims = len(axes) % 2 == 0
                operand = x
                if kind == "prod" and dtype in FLOATS:
                    operand = np.where(np.abs(x) < 0.5, 1, np.sign(x) * 1.03).astype(dtype)
                wide = operand.astype("float64") if dtype in FLOATS else operand
                result = function(wide, axis=tuple(axes), keepdims=keepdims).astype(dtype)
                exact = kind in ("max", "min") or dtype not in FLOATS
                # Near zero a sum's error is relative to its terms.
                if dtype in FLOATS and kind in ("sum", "mean"):
                    operand = np.abs(operand)
                    result = function(np.abs(wide), axis=tuple(axes), keepdims=keepdims).astype(dtype)
                case("reduce", [operand], result, 0.0 if exact else SUMS[dtype], kind=kind, axes=axes,
                     keepdims=keepdims)
        y = np.concatenate([x, x], 1)
        for axis in range(3):
            case("argmax", [y], np.argmax(y, axis), axis=axis, keepdims=False)
            case("argmin", [y], np.argmin(y, axis), axis=axis, keepdims=False)
        if dtype in FLOATS:
            z = x.copy()
            z[1, 2, 3] = z[2, 2, 3] = np.nan
            for axis in range(3):
                case("argmax", [z], np.argmax(z, axis), axis=axis, keepdims=False)
                case("argmin", [z], np.argmin(z, axis), axis=axis, keepdims=False)
                case("reduce", [z], np.max(z, axis), kind="max", axes=[axis], keepdims=False)
                case("reduce", [z], np.min(z, axis), kind="min", axes=[axis], keepdims=False)
    p = rng.integers(0, 5, (4, 5)) > 0
    for axis in range(2):
        case("reduce", [p], np.any(p, axis), kind="any", axes=[axis], keepdims=False)
        case("reduce", [p], np.all(p, axis), kind="all", axes=[axis], keepdims=False)
    empty = np.zeros((3, 0), "float32")
    case("reduce", [empty], empty.sum(1), kind="sum", axes=[1], keepdims=False)
    case("reduce", [empty], empty.prod(1), kind="prod", axes=[1], keepdims=False)
    case("reduce", [empty], empty.max(0), kind="max", axes=[0], keepdims=False)



def sorts():
    for dtype in FLOATS + INTS + ["bool"]:
        many = np.concatenate([edges(dtype), edges(dtype), numbers(dtype, 30)])
        for x in [rng.permutation(many), rng.permutation(many)[:24].reshape(2, 3, 4), np.zeros((2, 0, 3), dtype)]:
            for axis in range(x.ndim):
                case("sort", [x], np.sort(x, axis, kind="stable"), axis=axis)
                case("argsort", [x], np.argsort(x, axis, kind="stable"), axis=axis)


def contractions():
    ranks = [((5,), (5,)), ((5,), (5, 3)), ((4, 5), (5,)), ((4, 5), (5, 3)), ((2, 4, 5), (2, 5, 3)), ((2, 4, 5), (5,)),
             ((5,), (2, 5, 3)), ((0, 5), (5, 3)), ((4, 0), (0, 3)), ((2, 3, 4, 5), (2, 3, 5, 2))]
    for dtype in FLOATS + INTS:
        for left, right in ranks:
            a, b = numbers(dtype, left), numbers(dtype, right)
            if dtype in FLOATS:
                a, b = np.abs(a), np.abs(b)
                out = np.matmul(a.astype("float64"), b.astype("float64")).astype(dtype)
            else:
                out = np.matmul(a, b)
            case("matmul", [a, b], out, SUMS[dtype] if dtype in FLOATS else 0.0)


def indexing():
    for dtype in ["float32", "int8", "bool", "float16"]:
        x = numbers(dtype, (4, 5, 6))
        i, j = rng.integers(-4, 4, (7,)), rng.integers(-5, 5, (7,))
        k = rng.integers(-5, 5, (2, 3))
        case("gather", [x, i], x[i], axis=0)
        case("gather", [x, i, j], x[i, j], axis=0)
        case("gather", [x, k], x[:, k], axis=1)
        case("gather", [x, i[:0]], x[i[:0]], axis=0)
        for name, index, axis in [("i", (i,), 0), ("ij", (i, j), 0), ("k", (slice(None), k), 1)]:
            operands = [o for o in index if not isinstance(o, slice)]
            updates = numbers(dtype, x[index].shape)
            if dtype == "float32":
                updates = np.round(updates)  # exact sums in any order
            start = np.round(x) if dtype == "float32" else x
            if dtype != "float16":
                added = start.copy()
                np.add.at(added, index, updates)
                case("scatter", [start, updates] + operands, added, axis=axis, kind="add")
            once = x.copy()
            once[index] = updates
            case("scatter", [x, updates] + operands, once, axis=axis, kind="set")


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    with np.errstate(all="ignore"):
        for group in [unary, binary, casts, shapes, reductions, sorts, contractions, indexing]:
            group()
    np.savez(os.path.join(folder, "cases.npz"), **arrays)
    with open(os.path.join(folder, "cases.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{len(lines)} cases by NumPy {np.__version__}")


if __name__ == "__main__":
    main()
