"""The rows' floors. A ratio is the peer's time divided by Oriel's, of medians of
one run: above 1 means Oriel is faster."""
import dataclasses
import re
import statistics


@dataclasses.dataclass
class Floor:
    pattern: str  # of the case's name, threads included
    peer: str  # a contender in C++, "numpy" (from Python), "us" (a time) or another case
    limit: float  # least ratio; most microseconds; most times the other case
    mean: float = None  # least geometric mean over the rows of `group`
    group: str = ""


CUBES = r"matmul/(\d+)x\1x\1/threads:[12]$"
THIN = r"matmul/(64x4000x200|4096x64x64|18000x10x64|1x1024x1024|128x64x64x64)(/[NT]+)?/threads:[12]$"
ROWS = r"rows/(softmax|layer_norm|logsumexp)_4096/threads:"

FLOORS = [
    Floor(r"elementwise/gate_16M/threads:1$", "triad", 0.55),
    Floor(r"elementwise/gate_16M/threads:2$", "triad", 0.85),
    Floor(ROWS + "1$", "numpy", 5.0),
    Floor(ROWS + "1$", "copy", 0.4),
    Floor(ROWS + "2$", "copy", 0.65),
    Floor(r"reduce/(all|axis0|axis1)_4096/", "read", 0.85),
    Floor(r"move/transpose_4096/", "copy", 0.7),
    Floor(r"move/concatenate_axis[01]/", "copy", 0.8),
    Floor(CUBES, "openblas", 0.92, mean=1.0, group="cubes"),
    Floor(THIN, "openblas", 0.95, mean=1.1, group="thin and batched, each transposition"),
    Floor(r"bias_gelu_matmul/", "bare", 1 / 1.05),
    Floor(r"scatter/(uniform|2_alternating|8_distinct|all_equal)$", "loop", 1.0),
    Floor(r"scatter/all_equal$", "case:scatter/uniform", 1.5),
    Floor(r"call/10_ops_100_elements$", "us", 1.0),
    Floor(r"compile/10_ops/cold$", "us", 60e3),
    Floor(r"compile/mlp_step/cold$", "us", 500e3),
    Floor(r"compile/(10_ops|mlp_step|digits_step)/program_cache$", "us", 5e3),
]
# The profile on against off: most instructions, most of the pairs' median time.
PROFILE_INSTRUCTIONS, PROFILE_TIME = 1.01, 1.02
NOT_SLOWER = ("jax", "torch_compile")
# Ratios of two medians repeat within this; what is closer to 1 is called equal.
NOISE = 0.03


@dataclasses.dataclass
class Verdict:
    floor: Floor
    value: float  # the ratio, or microseconds
    met: bool
    text: str


def judge(name, results):
    """The verdicts of a row; `results` is {case: {"cpp": {contender: us}, "python": {peer: us}}}."""
    row, verdicts = results[name], []
    ours = row.get("cpp", {}).get("oriel")
    for floor in FLOORS:
        if not re.match(floor.pattern, name):
            continue
        if floor.peer == "numpy":
            python = row.get("python", {})
            if python.get("oriel") and python.get("numpy"):
                value = python["numpy"] / python["oriel"]
                verdicts.append(Verdict(floor, value, value >= floor.limit, f"{value:.2f} of NumPy (floor {floor.limit:g})"))
        elif ours is None:
            continue
        elif floor.peer == "us":
            verdicts.append(Verdict(floor, ours, ours <= floor.limit, f"{ours / floor.limit:.2f} of the {floor.limit:g} us allowed"))
        elif floor.peer.startswith("case:"):
            other = results.get(floor.peer[5:], {}).get("cpp", {}).get("oriel")
            if other:
                value = ours / other
                verdicts.append(Verdict(floor, value, value <= floor.limit, f"{value:.2f} times {floor.peer[5:]} (at most {floor.limit:g})"))
        elif row["cpp"].get(floor.peer):
            value = row["cpp"][floor.peer] / ours
            verdicts.append(Verdict(floor, value, value >= floor.limit, f"{value:.2f} of {floor.peer} (floor {floor.limit:.2f})"))
    return verdicts


def means(results):
    """{group: (geometric mean, its floor, rows)} over the rows that were measured."""
    found = {}
    for name in results:
        for verdict in judge(name, results):
            if verdict.floor.group:
                found.setdefault(verdict.floor.group, (verdict.floor.mean, []))[1].append(verdict.value)
    return {g: (statistics.geometric_mean(v), floor, len(v)) for g, (floor, v) in found.items()}


def slower(name, results):
    """The peers of NOT_SLOWER that beat Oriel, from Python both: {peer: ratio}."""
    python = results[name].get("python", {})
    ours = python.get("oriel")
    return {p: python[p] / ours for p in NOT_SLOWER if ours and python.get(p) and python[p] / ours < 1 - NOISE}
