#!/usr/bin/env python3
"""Has a change lost speed? Runs the benchmarks of two builds in turns and says what
got slower or faster beyond the noise of this machine.

    scripts/compare-speed OLD NEW [--all] [--filter REGEX] [--rounds N] [--no-instructions]

OLD and NEW are build folders or revisions of git; a revision is built in a worktree
of its own under build/compare and kept. Looked at are the benchmarks of
benchmarks/guarded.txt, with --all every one. Ends with 1 when a guarded one has
lost more than its row allows, confirmed by runs of its own.
"""
import argparse
import math
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BENCHMARKS = os.path.dirname(HERE)
ROOT = os.path.dirname(BENCHMARKS)
sys.path[:0] = [HERE, os.path.join(BENCHMARKS, "table")]

import cpp  # noqa: E402
import guard  # noqa: E402
import instructions  # noqa: E402
import noise  # noqa: E402


def git(*arguments, folder=ROOT):
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def build_of(what, jobs):
    """A build folder: `what` itself, or that of the revision `what`."""
    if os.path.exists(cpp.program(what)):
        return os.path.abspath(what)
    try:
        sha = git("rev-parse", "--verify", "--quiet", what + "^{commit}")
    except subprocess.CalledProcessError:
        raise SystemExit(f"{what}: neither a build folder with bin/oriel_benchmarks nor a revision")
    folder = os.path.join(ROOT, "build", "compare", sha[:12])
    source, build = os.path.join(folder, "source"), os.path.join(folder, "build")
    git("worktree", "prune")
    if not os.path.exists(source):
        git("worktree", "add", "--detach", source, sha)
    print(f"building {what} ({sha[:12]}) in {os.path.relpath(build, ROOT)}", file=sys.stderr)
    subprocess.run(["cmake", "-S", source, "--preset", "release", "-B", build, "-DORIEL_TESTS=OFF", "-DORIEL_PYTHON=OFF"],
                   check=True, stdout=subprocess.DEVNULL, cwd=source)
    subprocess.run(["cmake", "--build", build, "--target", "oriel_benchmarks", "profile_cost", "--parallel", str(jobs)],
                   check=True, stdout=subprocess.DEVNULL)
    return build


def ours(build):
    """Names without peers and limits: Oriel's own."""
    return [n for n in cpp.names(build) if n.endswith("/oriel") or n.startswith("compile/")]


def sampler(builds, min_time):
    """One run of one build in a process of its own, so that the luck of a process
    (where its pages and code lie) is part of the noise."""
    def sample(which, names):
        pattern = "^(" + "|".join(re.escape(n) for n in names) + ")(/real_time)?$"
        times, _ = cpp.run(builds[which], pattern, 1, min_time)
        missing = set(names) - set(times)
        if missing:
            raise SystemExit(f"{builds[which]}: did not run {', '.join(sorted(missing))}")
        return cpp.medians(times)
    return sample


def show(result, allowed):
    percent = (math.exp(result.change) - 1) * 100
    band = (math.exp(result.band) - 1) * 100
    limit = f"{allowed[result.name]:.0%}" if result.name in allowed else ""
    return f"| {result.name} | {result.old:.2f} | {result.new:.2f} | {percent:+.1f} % | {band:.1f} % | {result.rounds} | {limit} | {result.verdict} |"


def count_instructions(builds, rows):
    """Results of the rows `instructions/CASE`: no noise, no confirmation."""
    names = [f"instructions/{case}" for case in instructions.CASES]
    results = []
    counters = {which: instructions.Counter(build) for which, build in builds.items()}
    for case, name in zip(instructions.CASES, names):
        try:
            old, new = (counters[w].per_call(case) for w in ("old", "new"))
        except SystemExit as why:
            # An older revision may not know the case; the new one must.
            if "usage" in str(why).lower() or "unknown case" in str(why):
                print(f"{name}: not in both builds", file=sys.stderr)
                continue
            raise
        d = math.log(new / old)
        band = math.log1p(0.003)
        results.append(noise.Result(name, old, new, band, d, "same" if abs(d) <= band else "slower" if d > 0 else "faster", 1))
    for counter in counters.values():
        counter.close()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--all", action="store_true", help="every benchmark, not only the guarded ones")
    parser.add_argument("--filter", default=".", help="a regular expression searched in the names")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--min-time", type=float, default=0.05, help="seconds for one sample of a benchmark")
    parser.add_argument("--guarded", default=os.path.join(BENCHMARKS, "guarded.txt"))
    parser.add_argument("--no-instructions", action="store_true", help="leave the counts by cachegrind out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()

    builds = {"old": build_of(args.old, args.jobs), "new": build_of(args.new, args.jobs)}
    with open(args.guarded) as f:
        rows = guard.parse(f.read(), args.guarded)
    counted = [f"instructions/{case}" for case in instructions.CASES]
    there = {which: ours(build) for which, build in builds.items()}
    try:
        allowed = guard.select(rows, there["new"] + counted)
    except guard.Wrong as why:
        raise SystemExit(str(why))
    names = [n for n in there["new"] if (args.all or n in allowed) and re.search(args.filter, n)]
    only_new = [n for n in names if n not in there["old"]]
    gone = [n for n in there["old"] if n not in there["new"] and re.search(args.filter, n)]
    names = [n for n in names if n in there["old"]]
    for n in only_new:
        print(f"{n}: not in {args.old}: nothing to compare with", file=sys.stderr)
    if args.all:
        for n in gone:
            print(f"{n}: not in {args.new} any more", file=sys.stderr)
    results = noise.compare(names, sampler(builds, args.min_time), args.rounds,
                            say=lambda text: print(text, file=sys.stderr)) if names else []
    if not args.no_instructions:
        results += [r for r in count_instructions(builds, rows) if re.search(args.filter, r.name)]
    if not results:
        raise SystemExit(f"--filter {args.filter}: nothing to compare")
    print("| benchmark | old, us (or instructions) | new | change | noise band | rounds | allowed | verdict |\n|---|---|---|---|---|---|---|---|")
    for result in results:
        print(show(result, allowed))
    lost = guard.losses(results, allowed)
    for result in lost:
        print(f"lost: {result.name}: {math.exp(result.change):.3f} times as long, allowed {1 + allowed[result.name]:.3f}", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
