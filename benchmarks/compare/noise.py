"""Is new slower than old, or is it the machine? Statistics over samples that were
taken in turns, old twice as often as new.

Times are compared by their lower quartile: what disturbs a run makes it longer.
The band: how far those of two samples of the old program alone come apart, by
drawing such samples from the old times again and again. A change counts when it
lies outside the band and confirmation runs, fresh samples alone, say so too.
"""
import dataclasses
import math
import random

LEVEL = 0.995  # of the drawn differences lie in the band
LEAST = 0.01  # closer than this no one looks, however quiet the machine


def typical(times):
    """The lower quartile, between neighbours where it falls between two."""
    ordered = sorted(times)
    at = (len(ordered) - 1) / 4
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def change(old, new):
    """log of the ratio of typical times: above 0 new takes longer."""
    return math.log(typical(new) / typical(old))


def band(old, size, draws=1000, seed=1):
    """Half the width, a log ratio, for a new sample of `size` against all of `old`."""
    rng = random.Random(seed)
    found = sorted(abs(change(rng.choices(old, k=len(old)), rng.choices(old, k=size))) for _ in range(draws))
    return max(found[min(draws - 1, math.ceil(LEVEL * draws))], math.log1p(LEAST))


@dataclasses.dataclass
class Result:
    name: str
    old: float  # typical times, of the confirmation where there was one
    new: float
    band: float  # log ratio
    change: float
    verdict: str  # "same", "slower", "faster"; the last two are confirmed
    rounds: int  # of samples that were taken


def look(name, old, new):
    d, b = change(old, new), band(old, len(new))
    verdict = "same" if abs(d) <= b else "slower" if d > 0 else "faster"
    return Result(name, typical(old), typical(new), b, d, verdict, len(new))


def collect(names, sample, rounds, rng):
    """Rounds of old, old and new in random order. `sample(which, names)` runs one of
    "old" and "new" once and returns {name: time}."""
    times = {name: {"old": [], "new": []} for name in names}
    for _ in range(rounds):
        turns = ["old", "old", "new"]
        rng.shuffle(turns)
        for which in turns:
            got = sample(which, names)
            for name in names:
                times[name][which].append(got[name])
    return times


def compare(names, sample, rounds=8, confirmations=2, seed=None, say=lambda text: None):
    """[Result] of all names. What looks changed is run again, `confirmations` times
    with twice the rounds, and is a change only when each finds it anew."""
    rng = random.Random(seed)
    first = collect(names, sample, rounds, rng)
    results = {name: look(name, t["old"], t["new"]) for name, t in first.items()}
    for attempt in range(confirmations):
        suspects = [n for n in names if results[n].verdict != "same"]
        if not suspects:
            break
        say(f"confirmation {attempt + 1} of {confirmations}: {', '.join(suspects)}")
        again = collect(suspects, sample, 2 * rounds, rng)
        for name in suspects:
            before, after = results[name], look(name, again[name]["old"], again[name]["new"])
            if after.verdict != before.verdict:
                after.verdict = "same"
            after.rounds += before.rounds
            results[name] = after
    return [results[n] for n in names]
