#!/usr/bin/env python3
"""What a step of a scan built in Python costs beside its kernels.

    PYTHONPATH=build/release/python build/venv/bin/python benchmarks/python_scan.py [--limit MICROSECONDS]

The graph of loops.cpp: 1,000 steps of three small products, a row of a sequence
read and a row collected in each. Prints the time of a step and what its profile
says is not in the kernels; with --limit fails above it.
"""
import argparse
import sys
import time

import numpy as np

import oriel as theano
from oriel import tensor as T

STEPS, WIDTH = 1000, 8


def main(calls=300):
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=float, help="microseconds a step beyond the kernels")
    limit = parser.parse_args().limit
    x, h0 = T.fmatrix("x"), T.fvector("h")
    weights = [T.fmatrix(name) for name in "abc"]

    def step(row, h, a, b, c):
        return T.dot(T.maximum(T.dot(T.dot(h, a) + row, b), 0), c) * np.float32(0.5)

    h, _ = theano.scan(step, sequences=x, outputs_info=h0, non_sequences=weights, name="steps")
    f = theano.function([x, h0, *weights], h, name="scan")
    rng = np.random.default_rng(0)
    rows, first = rng.standard_normal((STEPS, WIDTH)).astype("f"), rng.standard_normal(WIDTH).astype("f")
    given = [(rng.standard_normal((WIDTH, WIDTH)) * 0.2).astype("f") for _ in weights]
    expected, last = [], first
    for row in rows:
        last = np.maximum((last @ given[0] + row) @ given[1], 0) @ given[2] * np.float32(0.5)
        expected.append(last)
    np.testing.assert_allclose(f(rows, first, *given), expected, rtol=1e-3, atol=1e-5)

    times = []
    for _ in range(calls):
        start = time.perf_counter()
        f(rows, first, *given)
        times.append(time.perf_counter() - start)
    profile = f.profile
    kernels = sum(row.seconds for row in profile.rows if row.op_class not in ("Loop", "Runtime"))
    a_step = float(np.median(times)) / STEPS * 1e6
    beyond = (profile.wall_seconds - kernels) / profile.calls / STEPS * 1e6
    print(f"a step: {a_step:.3f} us, beyond the kernels {beyond:.3f} us")
    if limit is not None and beyond > limit:
        sys.exit(f"more than {limit} us a step beyond the kernels")


if __name__ == "__main__":
    main()
