"""Runs the C++ benchmarks: medians in microseconds by name. A wrong answer ends
the benchmarks' process with its message, and with it the run."""
import json
import os
import re
import statistics
import subprocess
import tempfile

TO_US = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}


def program(build):
    return os.path.join(build, "bin", "oriel_benchmarks")


def names(build):
    out = subprocess.run([program(build), "--benchmark_list_tests"], check=True, capture_output=True, text=True).stdout
    return [re.sub(r"/real_time$", "", line) for line in out.split()]


def run(build, pattern, repetitions, min_time=0.05):
    """({name: [us, ...]}, {name: amount}) of the benchmarks that match."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [program(build), f"--benchmark_filter={pattern}", f"--benchmark_repetitions={repetitions}",
                   "--benchmark_enable_random_interleaving=true", f"--benchmark_min_time={min_time}",
                   f"--benchmark_out={out.name}", "--benchmark_out_format=json"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{program(build)} --benchmark_filter='{pattern}' ended with {done.returncode}:\n{done.stderr}")
        with open(out.name) as f:
            data = json.load(f)
    times, amounts = {}, {}
    for row in data["benchmarks"]:
        if row.get("error_occurred"):
            raise SystemExit(f"{row['name']}: {row['error_message']}")
        if row["run_type"] != "iteration":
            continue
        name = re.sub(r"/real_time$", "", row["run_name"])
        times.setdefault(name, []).append(row["real_time"] * TO_US[row["time_unit"]])
        if "amount" in row:
            amounts[name] = row["amount"]
    return times, amounts


def medians(times):
    return {name: statistics.median(values) for name, values in times.items()}
