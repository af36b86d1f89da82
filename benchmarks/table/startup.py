"""From exec to the first result, in processes of their own."""
import os
import shutil
import statistics
import subprocess
import tempfile
import time


def measure(build, rounds=15):
    """{row: microseconds}"""
    probe = os.path.join(build, "bin", "startup_probe")
    times = {"program cached, no LLVM": [], "must compile": [], "/bin/true": []}

    def timed(row, command, expected):
        begin = time.perf_counter()
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        times[row].append((time.perf_counter() - begin) * 1e6)
        if out != expected:
            raise SystemExit(f"{' '.join(command)}: expected \"{expected}\", got \"{out}\"")

    cached = tempfile.mkdtemp()
    subprocess.run([probe, cached], check=True, capture_output=True)
    for _ in range(rounds):
        fresh = tempfile.mkdtemp()
        timed("must compile", [probe, fresh], "compiled, compiler loaded")
        shutil.rmtree(fresh)
        timed("program cached, no LLVM", [probe, cached], "program cache, no compiler")
        timed("/bin/true", ["/bin/true"], "")
    shutil.rmtree(cached)
    return {row: statistics.median(values) for row, values in times.items()}
