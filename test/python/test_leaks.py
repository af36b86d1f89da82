"""Nothing is kept: reference counts and memory after many calls."""
import gc
import sys

import numpy as np

import oriel
from oriel import tensor as T


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


def test_arguments_keep_their_reference_counts():
    x, y = T.dvector("x"), T.lvector("y")
    f = oriel.function([x, y], x[y])
    a, i = np.ones(10), np.array([1, 2])
    counts = sys.getrefcount(a), sys.getrefcount(i)
    for _ in range(100):
        f(a, i)
        f(x=a, y=i)
    for _ in range(20):
        try:
            f(a, [99])
        except IndexError:
            pass
        try:
            f(a, "wrong")
        except (TypeError, ValueError):
            pass
    gc.collect()
    assert (sys.getrefcount(a), sys.getrefcount(i)) == counts


def test_constants_keep_their_reference_counts():
    a = np.ones(10)
    count = sys.getrefcount(a)
    for _ in range(50):
        oriel.shared(a)
        T.constant(a) + a
    gc.collect()
    assert sys.getrefcount(a) == count


def test_outputs_own_their_memory():
    x = T.dvector("x")
    f = oriel.function([x], x * 2)
    first = f(np.arange(1000.0))
    for _ in range(100):
        f(np.zeros(1000))
    assert (first == np.arange(1000.0) * 2).all()


def test_calls_hold_no_memory():
    x = T.dmatrix("x")
    f = oriel.function([x], T.exp(x).sum(axis=0))
    a = np.ones((1000, 100))
    for _ in range(50):
        f(a)
    before = resident()
    for _ in range(2000):
        f(a)
    assert resident() - before < 8 << 20


def test_expressions_and_functions_go():
    def build(n):
        x = T.dvector("x")
        for _ in range(n):
            x = x * 2 + 1
        return x

    for _ in range(5):
        build(2000)
    gc.collect()
    before = resident()
    for _ in range(50):
        build(2000)
    gc.collect()
    assert resident() - before < 16 << 20


def test_variables_are_collected():
    import weakref

    x = T.dvector("x")
    y = x + 1
    alive = weakref.ref(y)
    y.tag.note = "kept with it"
    y.eval({x: [1.0]})
    del y
    gc.collect()
    assert alive() is None
