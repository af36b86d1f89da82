#!/usr/bin/env python3
"""Measures the table of docs/performance.md in one run: answers checked first, then
Oriel against the machine's limits and libraries in C++, and against the peers of
scripts/peer-env from Python, everything interleaved at random.

    scripts/benchmark [--filter REGEX] [--quick] [--write FILE] [--json FILE [--merge]]
"""
import argparse
import datetime
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import cpp  # noqa: E402
import huge_pages  # noqa: E402
import profile_cost  # noqa: E402
import render  # noqa: E402
import startup  # noqa: E402

PYTHON_PEERS = ("oriel", "numpy", "numpy_kept", "jax", "torch", "torch_compile", "onnxruntime")


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores"


def revision():
    out = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return out.stdout.strip() or "unknown revision"


def in_peers_environment():
    """Goes on in build/peers, where the peers are; where it is missing the tests' environment does for NumPy."""
    for venv in ("peers", "venv"):
        python = os.path.join(ROOT, "build", venv, "bin", "python")
        if os.path.exists(python):
            if os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(python))):
                os.execv(python, [python, *sys.argv])
            return
    raise SystemExit("neither build/peers (scripts/peer-env) nor build/venv (scripts/python-env) is there")


def split(name):
    """case/threads:N/contender -> (case with threads, contender)."""
    return name.rsplit("/", 1)


def threads_of(name):
    found = re.search(r"/threads:(\d+)", name)
    return int(found.group(1)) if found else 1


def bare(name):
    return re.sub(r"/threads:\d+", "", name)


def measure_cpp(args, case_names, results):
    """Benchmarks of the cases named; a family at a time, so that not all arrays live at once."""
    limits, families = {}, {}
    for name in case_names:
        families.setdefault(name.split("/")[0], []).append(name)
    for family, members in families.items():
        pattern = "^(" + "|".join(re.escape(m) for m in members) + ")(/[a-z_0-9]+)?(/real_time)?$"
        # Compilations are long: they need no least time.
        times, amounts = cpp.run(args.build, pattern, args.rounds, 0.02 if args.quick else 0.05)
        for full, us in cpp.medians(times).items():
            if full in amounts:
                limits[full] = amounts[full] / us * 1e6
            elif full.startswith("compile/"):
                results.setdefault(full, {}).setdefault("cpp", {})["oriel"] = us
            else:
                case, contender = split(full)
                results.setdefault(case, {}).setdefault("cpp", {})[contender] = us
        print(f"{family}: {len(times)} benchmarks in C++", file=sys.stderr)
    return limits


def prepare_python(args, name, children, row):
    """{peer: (child, calls a round, None to compile)}: made ready and its answer checked."""
    import numpy
    import cases
    import training
    from children import Failed
    case, threads = cases.ALL[bare(name)], threads_of(name)
    compiles = case.kind.startswith("compile")
    ready, missing = {}, {}
    folder = tempfile.mkdtemp()
    answer = os.path.join(folder, "answer.npy")
    try:
        if not compiles:
            numpy.save(answer, training.reference() if case.kind == "train" else case.answer())
        for peer in args.peers:
            try:
                # Compilers may use the whole machine, as ours does.
                child = children.get(peer, os.cpu_count() if compiles else threads)
                reply = child.ask("compile", case=case.name) if compiles else child.ask("prepare", case=case.name, answer=answer)
                if "error" in reply:
                    raise SystemExit(f"{name}: {peer}: {reply['error']}")
                if "not_measured" in reply:
                    missing[peer] = reply["not_measured"]
                    continue
                count = None if compiles else max(1, min(100000, round(args.batch / child.ask("run", times=1)["seconds"])))
                ready[peer] = (child, count)
            except Failed as why:
                if peer == "oriel":
                    raise SystemExit(f"{name}: oriel: {why}")
                missing[peer] = str(why)
    finally:
        shutil.rmtree(folder)
    row.pop("not_measured", None)
    if missing:
        row["not_measured"] = missing
        for peer, why in missing.items():
            print(f"{name}: {peer} not measured: {why}", file=sys.stderr)
    return ready


def time_python(args, name, ready):
    """{peer: median in microseconds} of rounds in which the peers take turns at random."""
    times = {peer: [] for peer in ready}
    compiles = any(count is None for _, count in ready.values())
    # A compilation by torch.compile takes seconds.
    for _ in range(min(args.rounds, 3) if compiles else args.rounds):
        for peer in random.sample(sorted(ready), len(ready)):
            child, count = ready[peer]
            reply = child.ask("compile", case=bare(name)) if compiles else child.ask("run", times=count)
            if "error" in reply:
                raise SystemExit(f"{name}: {peer}: {reply['error']}")
            times[peer].append(reply["seconds"] * 1e6)
    return {peer: statistics.median(us) for peer, us in times.items()}


def measure_python(args, name, children, results):
    """One case, all peers."""
    row = results.setdefault(name, {})
    ready = prepare_python(args, name, children, row)
    row["python"] = time_python(args, name, ready)
    for child, _ in ready.values():
        child.ask("drop")
    print(f"{name}: " + ", ".join(f"{p} {us:.1f} us" for p, us in row["python"].items()), file=sys.stderr)


def main():
    in_peers_environment()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default=".", help="cases to measure, a regular expression searched in `family/case/threads:N`")
    parser.add_argument("--quick", action="store_true", help="three rounds instead of nine: for a look, not for the table")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", choices=("cpp", "python"), help="one of the two halves")
    parser.add_argument("--peers", default=",".join(PYTHON_PEERS), help="the peers from Python, by commas")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--json", help="where the results go (default: benchmark.json of the build)")
    parser.add_argument("--merge", action="store_true", help="keep the other cases of that file: a table measured in parts")
    parser.add_argument("--write", metavar="FILE", help="put the tables into the marked section of this page")
    parser.add_argument("--render", action="store_true", help="measure nothing: tables of the file as it is")
    parser.add_argument("--startup", action="store_true", help="only the rows of start-up")
    args = parser.parse_args()
    args.rounds = args.rounds or (3 if args.quick else 9)
    args.batch = 0.02 if args.quick else 0.05
    args.peers = args.peers.split(",")
    unknown = set(args.peers) - set(PYTHON_PEERS)
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    path = args.json or os.path.join(args.build, "benchmark.json")

    data = {"cases": {}, "limits": {}, "startup": {}}
    if (args.merge or args.render) and os.path.exists(path):
        with open(path) as f:
            data = json.load(f)
    if not args.render:
        data.update(date=str(datetime.date.today()), machine=machine(), revision=revision(), rounds=args.rounds)
        def save():
            with open(path, "w") as f:
                json.dump(data, f, indent=1, sort_keys=True)
        measure(args, data, save)
    text = render.page(data)
    print(text)
    if args.write:
        render.write(args.write, text)
    return 0


def measure(args, data, save):
    """Fills `data`, saved after each part: what an interrupted run has measured is kept."""
    import cases
    from children import Children
    results = data["cases"]
    if args.startup or args.filter == ".":
        data["startup"] = startup.measure(args.build)
        save()
    if args.startup:
        return
    wanted = []
    for full in cpp.names(args.build):
        alone = full.startswith(("limit/", "compile/"))
        name = full if alone else split(full)[0]
        if name not in wanted and re.search(args.filter, name):
            wanted.append(name)
    in_python = []
    for name in cases.ALL:
        numbered = [name] if name.startswith(cases.ONE_THREAD) else [f"{name}/threads:{t}" for t in (1, 2)]
        in_python += [n for n in numbered if re.search(args.filter, n)]
    alone = [f"profile/{case}" for case in profile_cost.CASES] + [f"huge_pages/{name}" for name in huge_pages.NAMES]
    if not wanted and not in_python and not any(re.search(args.filter, name) for name in alone):
        raise SystemExit(f"--filter {args.filter}: no case has such a name")
    if args.only != "python":
        data["limits"].update(measure_cpp(args, wanted, results))
        save()
        named = lambda name: re.search(args.filter, name)
        data.setdefault("profile", {}).update(profile_cost.measure(args.build, named, 300 if args.quick else 2000))
        save()
        data.setdefault("huge_pages", {}).update(huge_pages.measure(args.build, named, args.rounds))
        save()
    if args.only != "cpp":
        children = Children(args.build)
        try:
            for name in in_python:
                measure_python(args, name, children, results)
                data["versions"] = sorted(set(data.get("versions", [])) | set(children.versions()))
                save()
        finally:
            children.close()


if __name__ == "__main__":
    sys.exit(main())
