"""What huge pages are worth: benchmarks of large arrays in processes that may have
them and in processes that may not (PR_SET_THP_DISABLE)."""
import ctypes
import os
import random
import statistics

import cpp

NAMES = ("elementwise/add_f32/threads:1", "elementwise/gate_16M/threads:1", "rows/softmax_4096/threads:1",
         "reduce/all_4096/threads:1", "move/transpose_4096/threads:1", "scatter/10M_into_1M/threads:1", "matmul/2048x2048x2048/threads:1")
PR_SET_THP_DISABLE = 41
WITHOUT = "/sys/kernel/mm/transparent_hugepage/enabled"


def measure(build, wanted, rounds):
    """{benchmark: {"with", "without": microseconds}}, or {} where the system has none."""
    names = [f"{n}/oriel" for n in NAMES if wanted(f"huge_pages/{n}")]
    if not names or not os.path.exists(WITHOUT) or "[never]" in open(WITHOUT).read():
        return {}
    libc = ctypes.CDLL(None, use_errno=True)
    pattern = "^(" + "|".join(names) + ")(/real_time)?$"
    times = {name: {"with": [], "without": []} for name in names}
    try:
        for _ in range(rounds):
            for kind in random.sample(("with", "without"), 2):
                # Inherited by the benchmarks' process.
                if libc.prctl(PR_SET_THP_DISABLE, kind == "without", 0, 0, 0):
                    raise SystemExit(f"prctl(PR_SET_THP_DISABLE): {os.strerror(ctypes.get_errno())}")
                for name, us in cpp.medians(cpp.run(build, pattern, 1)[0]).items():
                    times[name][kind].append(us)
    finally:
        libc.prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0)
    return {name.removesuffix("/oriel"): {kind: statistics.median(us) for kind, us in both.items()} for name, both in times.items()}
