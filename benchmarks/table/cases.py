"""The cases that peers in Python run: arrays, one expression in terms of a peer's
operations (peers.py), the answer in float64 and the tolerance.

Names are those of the C++ benchmarks, without `/threads:N` and the contender.
"""
import dataclasses
import math
from collections.abc import Callable

import numpy

N = 4096


@dataclasses.dataclass
class Case:
    name: str
    arrays: Callable  # () -> list of arrays
    build: Callable  # (ops, *values) -> value, in a peer's operations
    reference: Callable  # (*float64 arrays) -> float64 array
    tolerance: float  # of the larger magnitude, absolute below 1
    kind: str = "call"  # or "compile", "train": training.py

    def inputs(self):
        return self.arrays()

    def answer(self):
        return self.reference(*(a.astype("float64") if a.dtype == numpy.float32 else a for a in self.arrays()))


def normal(*shape, seed=1):
    return numpy.random.default_rng(seed).standard_normal(shape, dtype="float32")


def uniform(*shape, seed=1):
    return numpy.random.default_rng(seed).random(shape, dtype="float32")


def erf(x):
    return numpy.vectorize(math.erf, otypes=["d"])(x)


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def softmax(x):
    e = numpy.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def logsumexp(x):
    return numpy.log(numpy.exp(x - x.max(-1, keepdims=True)).sum(-1)) + x.max(-1)


def layer_norm(x, g, b):
    d = x - x.mean(-1, keepdims=True)
    return d / numpy.sqrt((d * d).mean(-1, keepdims=True) + 1e-5) * g + b


def ten_ops(ops, x, y):
    v = (x + y) * x - y
    return ops.abs(v) + ops.sqrt(ops.abs(x)) * y + ops.maximum(x, y) - x


class Numpy64:
    abs, sqrt, maximum = numpy.abs, numpy.sqrt, numpy.maximum


def rows():
    x = lambda: [normal(N, N)]
    return [
        Case("elementwise/gate_16M", lambda: [normal(N, N), normal(N, N, seed=2), normal(N, seed=3), normal(N, seed=4)],
             lambda ops, x, y, w, b: ops.sigmoid(x * w + b) * ops.tanh(y),
             lambda x, y, w, b: 1 / (1 + numpy.exp(-(x * w + b))) * numpy.tanh(y), 2e-6),
        Case("rows/softmax_4096", x, lambda ops, x: ops.softmax(x), softmax, 2e-6),
        Case("rows/log_softmax_4096", x, lambda ops, x: ops.log_softmax(x), lambda x: x - logsumexp(x)[:, None], 2e-6),
        Case("rows/layer_norm_4096", lambda: [normal(N, N), normal(N, seed=2), normal(N, seed=3)],
             lambda ops, x, g, b: ops.layer_norm(x, g, b), layer_norm, 1e-5),
        Case("rows/logsumexp_4096", x, lambda ops, x: ops.logsumexp(x), logsumexp, 2e-6),
    ]


def moves():
    positive = lambda: [uniform(N, N)]  # sums far from zero: errors are relative
    cases = [Case("reduce/all_4096", positive, lambda ops, x: ops.sum(x, None), lambda x: x.sum(), 1e-4)]
    for axis in (0, 1):
        cases.append(Case(f"reduce/axis{axis}_4096", positive, lambda ops, x, axis=axis: ops.sum(x, axis),
                          lambda x, axis=axis: x.sum(axis), 1e-5))
    cases.append(Case("move/transpose_4096", lambda: [normal(N, N)], lambda ops, x: ops.transposed(x), lambda x: x.T, 0))
    for axis in (0, 1):
        halves = lambda axis=axis: [normal(*((N // 2, N) if axis == 0 else (N, N // 2)), seed=s) for s in (1, 2)]
        cases.append(Case(f"move/concatenate_axis{axis}", halves,
                          lambda ops, a, b, axis=axis: ops.concatenate([a, b], axis),
                          lambda a, b, axis=axis: numpy.concatenate([a, b], axis), 0))
    return cases


def product(name, m, n, k, batch=0, ta=False, tb=False, vector=False):
    lead = (batch,) if batch else ()

    def arrays():
        a = normal(k) if vector else normal(*lead, *((k, m) if ta else (m, k)), seed=7)
        return [a, normal(*lead, *((n, k) if tb else (k, n)), seed=8)]

    def build(ops, a, b):
        return ops.matmul(ops.swapped(a) if ta else a, ops.swapped(b) if tb else b)

    def reference(a, b):
        return (numpy.swapaxes(a, -1, -2) if ta else a) @ (numpy.swapaxes(b, -1, -2) if tb else b)

    return Case(name, arrays, build, reference, 2e-5 * math.sqrt(k))


def matmuls():
    cases = [product(f"matmul/{n}x{n}x{n}", n, n, n) for n in (64, 256, 512, 1000, 1024, 2048)]
    for ta in (False, True):
        for tb in (False, True):
            kind = "/" + "NT"[ta] + "NT"[tb] if ta or tb else ""
            for m, n, k in ((64, 4000, 200), (4096, 64, 64), (18000, 10, 64)):
                cases.append(product(f"matmul/{m}x{n}x{k}{kind}", m, n, k, ta=ta, tb=tb))
            cases.append(product(f"matmul/128x64x64x64{kind}", 64, 64, 64, batch=128, ta=ta, tb=tb))
            if not ta:
                cases.append(product(f"matmul/1x1024x1024/{'NT'[tb]}", 1, 1024, 1024, tb=tb, vector=True))
    for n in (512, 1024, 2048):
        cases.append(Case(f"bias_gelu_matmul/{n}x{n}x{n}",
                          lambda n=n: [normal(n, n, seed=7), normal(n, n, seed=8), normal(n, seed=9)],
                          lambda ops, a, b, c: ops.gelu(ops.matmul(a, b) + c),
                          lambda a, b, c: gelu(a @ b + c), 1e-4 * math.sqrt(n)))
    return cases


def scatters():
    size, count = 10001, 18000
    spread = (numpy.arange(count, dtype="uint64") * numpy.uint64(0x9E3779B97F4A7C15) >> numpy.uint64(20)) % numpy.uint64(size)
    patterns = {
        "uniform": spread.astype("int64"),
        "2_alternating": numpy.arange(count) % 2,
        "8_distinct": spread.astype("int64") % 8,
        "all_equal": numpy.full(count, 77),
    }

    def reference(index, updates):
        return numpy.bincount(index, weights=updates, minlength=size)

    return [Case(f"scatter/{name}", lambda index=index: [index.astype("int64"), uniform(count, seed=9)],
                 lambda ops, index, updates: ops.scatter_add(size, index, updates), reference, 1e-4)
            for name, index in patterns.items()]


def small():
    arrays = lambda: [normal(100, seed=12), normal(100, seed=13)]
    reference = lambda x, y: ten_ops(Numpy64, x, y)
    return [Case("call/10_ops_100_elements", arrays, ten_ops, reference, 1e-5),
            Case("compile/10_ops/cold", arrays, ten_ops, reference, 1e-5, kind="compile"),
            Case("compile/mlp_step/cold", None, None, None, 1e-4, kind="compile_train"),
            Case("train/mlp_step", None, None, None, 1e-4, kind="train")]


ALL = {case.name: case for case in rows() + moves() + matmuls() + scatters() + small()}
ONE_THREAD = ("scatter/", "call/", "compile/")  # whose C++ names have no `/threads:N`
