#!/usr/bin/env python3
"""What `import oriel` takes beyond NumPy's own import.

    PYTHONPATH=build/release/python build/venv/bin/python benchmarks/import_time.py [--limit MS]

Each number is a process of its own, the two kinds in turn: the time inside the
process from before the import to after it, with NumPy imported before, and the
whole process with and without Oriel. With --limit it fails above that many
milliseconds (the median of the first).
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

WITH = """
import time, numpy
begin = time.perf_counter()
import oriel
print(time.perf_counter() - begin)
assert oriel.config.floatX == "float64"
"""
WITHOUT = "import time, numpy\nprint(0)"


def run(code):
    begin = time.perf_counter()
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ).stdout
    return (time.perf_counter() - begin) * 1e3, float(out) * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--limit", type=float, default=None, help="milliseconds")
    args = parser.parse_args()
    run(WITH), run(WITHOUT)  # files are read once before
    inside, whole, numpy = [], [], []
    for _ in range(args.repetitions):
        process, importing = run(WITH)
        inside.append(importing)
        whole.append(process)
        numpy.append(run(WITHOUT)[0])
    median = statistics.median(inside)
    print(f"import oriel after numpy: {median:.1f} ms (best {min(inside):.1f}) of {args.repetitions} processes")
    print(f"process with both: {statistics.median(whole):.1f} ms, with numpy alone: {statistics.median(numpy):.1f} ms")
    if args.limit is not None and median > args.limit:
        sys.exit(f"above the limit of {args.limit} ms")


if __name__ == "__main__":
    main()
