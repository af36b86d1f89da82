"""Importing is cheap; a cached function runs without LLVM in the process."""
import json
import os
import subprocess
import sys

PROGRAM = """
import numpy as np
import oriel
from oriel import tensor as T
x = T.dmatrix("x")
f = oriel.function([x], T.nnet.softmax(T.dot(x, x.T)))
f(np.ones((3, 4)))
maps = open("/proc/self/maps").read()
print(f.compile_info.source, "liboriel_compiler" in maps, "LLVM" in maps)
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_cached_function_runs_without_llvm(tmp_path):
    flags = f"cache_dir={tmp_path}"
    assert run(PROGRAM, ORIEL_FLAGS=flags).split() == ["compiled", "True", "False"]
    assert run(PROGRAM, ORIEL_FLAGS=flags).strip() == "program cache False False"


def test_importing_loads_neither_the_compiler_nor_much_else():
    code = """
import sys, numpy, json
before = set(sys.modules)
import oriel
print(json.dumps(sorted(m for m in set(sys.modules) - before if not m.startswith("oriel"))))
assert "liboriel_compiler" not in open("/proc/self/maps").read()
"""
    others = json.loads(run(code))
    # Standard modules only, and few: this is what keeps importing fast.
    assert len(others) < 12, others


def test_import_time_is_printed():
    """Measured, not asserted: machines differ. The best of several in one line."""
    code = """
import time, numpy
t = time.perf_counter()
import oriel
print(time.perf_counter() - t)
"""
    best = min(float(run(code)) for _ in range(5))
    print(f"\\nimport oriel beyond NumPy: {best * 1e3:.1f} ms")
    assert best > 0
