"""What the profile costs, on against off: paired times and instructions of
benchmarks/profile_cost.cpp."""
import os
import re
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "compare"))

import instructions  # noqa: E402

CASES = {"scalar": "a scalar function", "small": "10 ops on 100 elements", "digits": "the training step of examples/digits, a batch of 32",
         "loop": "a loop of 1,000 iterations over 8 floats"}


def pairs(build, case, count):
    """{"on", "off": nanoseconds a call; "ratio": the quartiles of the pairs' ratios}"""
    program = os.path.join(build, "bin", "profile_cost")
    run = subprocess.run([program, "pairs", case, str(count)], capture_output=True, text=True)
    found = re.fullmatch(r"on (\S+) off (\S+) ratio (\S+) (\S+) (\S+)\n", run.stdout)
    if run.returncode or not found:
        raise SystemExit(f"{program} pairs {case} {count}: {run.stderr}")
    on, off, *ratio = map(float, found.groups())
    return {"on": on, "off": off, "ratio": ratio}


def measure(build, wanted, count):
    """{case: pairs() and "instructions": those of a call, on and off}"""
    rows = {case: pairs(build, case, count) for case in CASES if wanted(f"profile/{case}")}
    if rows:
        counter = instructions.Counter(build)
        try:
            for case, row in rows.items():
                row["instructions"] = [counter.per_call(case, profile) for profile in ("on", "off")]
        finally:
            counter.close()
    return rows
