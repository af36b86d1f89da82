#!/usr/bin/env python3
"""What a call from Python costs: small functions against NumPy doing the same.

    PYTHONPATH=build/release/python build/venv/bin/python benchmarks/python_calls.py

Answers are compared first. Medians of rounds in which the cases take turns.
"""
import statistics
import time

import numpy
import oriel as theano
from oriel import tensor as T

theano.config.num_threads = 1


def cases():
    """name: (Oriel's call, NumPy's call), of equal answers."""
    x, y, s = T.fvector("x"), T.fvector("y"), T.dscalar("s")
    a = numpy.random.default_rng(1).standard_normal(100, dtype="float32")
    b = numpy.random.default_rng(2).standard_normal(100, dtype="float32")
    number = numpy.float64(3)
    add_one = theano.function([s], s + 1)
    ten = theano.function([x, y], abs((x + y) * x - y) + T.sqrt(abs(x)) * y + T.maximum(x, y) - x)
    w = theano.shared(numpy.zeros(100, "float32"), name="w")
    step = theano.function([x], updates=[(w, w * numpy.float32(0.5) + x)])
    state = numpy.zeros(100, "float32")

    def numpy_step():
        state[...] = state * numpy.float32(0.5) + a

    def numpy_ten():
        return abs((a + b) * a - b) + numpy.sqrt(abs(a)) * b + numpy.maximum(a, b) - a

    all_cases = {
        "a scalar plus one, an array given": (lambda: add_one(number), lambda: numpy.asarray(number + 1)),
        "the same, a Python float given": (lambda: add_one(3.0), lambda: numpy.asarray(3.0 + 1)),
        "the same by name": (lambda: add_one(s=3.0), lambda: numpy.asarray(3.0 + 1)),
        "10 ops on 100 elements": (lambda: ten(a, b), numpy_ten),
        "an update of 100 elements": (lambda: step(a), numpy_step),
    }
    for name, (ours, theirs) in all_cases.items():
        mine, expected = ours(), theirs()
        if expected is None:
            mine, expected = w.get_value(), state
        numpy.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-6, err_msg=name)
    return all_cases


def timed(call, count):
    begin = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begin) / count * 1e6


def main(rounds=25, count=4000):
    compared = cases()
    results = {}
    for _ in range(rounds):
        for name, calls in compared.items():
            for which, call in enumerate(calls):
                results.setdefault((name, which), []).append(timed(call, count))
    print(f"| {'case':36} | Oriel | NumPy |\n|---|---|---|")
    for name in compared:
        ours, theirs = (statistics.median(results[name, which]) for which in (0, 1))
        print(f"| {name:36} | {ours:.2f} us | {theirs:.2f} us |")


if __name__ == "__main__":
    main()
