"""The statistics of scripts/compare-speed on made-up times, and its list of guarded
benchmarks: a planted loss is found, noise alone is not."""
import math
import os
import random
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "benchmarks", "compare"))

import guard  # noqa: E402
import noise  # noqa: E402


class Machine:
    """Times of `true` microseconds with noise; `factor` is what new takes of old."""

    def __init__(self, true, factor, spread, seed, drift=0.0, spikes=0.0):
        self.true, self.factor, self.spread, self.drift, self.spikes = true, factor, spread, drift, spikes
        self.rng, self.runs = random.Random(seed), 0

    def sample(self, which, names):
        self.runs += 1
        slow = 1 + self.drift * self.runs / 100  # the whole machine, both programs alike
        got = {}
        for name in names:
            t = self.true[name] * slow * math.exp(self.rng.gauss(0, self.spread))
            if self.rng.random() < self.spikes:
                t *= 3
            got[name] = t * (self.factor.get(name, 1) if which == "new" else 1)
        return got


def verdicts(machine, names, seed):
    return {r.name: r.verdict for r in noise.compare(names, machine.sample, rounds=8, seed=seed)}


class Noise(unittest.TestCase):
    names = [f"case{i}" for i in range(30)]
    true = {n: 10.0 * (i + 1) for i, n in enumerate(names)}

    def test_planted_loss_of_ten_percent_is_found(self):
        for seed in range(6):
            found = verdicts(Machine(self.true, {"case7": 1.10}, 0.02, seed), self.names, seed)
            self.assertEqual(found["case7"], "slower", seed)

    def test_planted_gain_is_found(self):
        for seed in range(5):
            found = verdicts(Machine(self.true, {"case3": 0.85}, 0.02, seed), self.names, seed)
            self.assertEqual(found["case3"], "faster", seed)

    def test_noise_alone_is_never_confirmed(self):
        for seed in range(6):
            found = verdicts(Machine(self.true, {}, 0.05, seed), self.names, seed)
            self.assertEqual({n for n, v in found.items() if v != "same"}, set(), seed)

    def test_drift_and_spikes_are_no_loss(self):
        for seed in range(6):
            found = verdicts(Machine(self.true, {}, 0.02, seed, drift=0.3, spikes=0.1), self.names, seed)
            self.assertEqual({n for n, v in found.items() if v != "same"}, set(), seed)

    def test_loss_is_found_through_spikes(self):
        found = verdicts(Machine(self.true, {"case7": 1.25}, 0.02, 3, spikes=0.1), self.names, 3)
        self.assertEqual(found["case7"], "slower")

    def test_band_grows_with_the_noise(self):
        rng = random.Random(1)
        quiet = [100 * math.exp(rng.gauss(0, 0.005)) for _ in range(16)]
        loud = [100 * math.exp(rng.gauss(0, 0.10)) for _ in range(16)]
        self.assertLess(noise.band(quiet, 8), 0.02)
        self.assertGreater(noise.band(loud, 8), 0.06)

    def test_equal_times_have_the_least_band(self):
        self.assertAlmostEqual(noise.band([5.0] * 16, 8), math.log1p(noise.LEAST))

    def test_only_suspects_are_run_again(self):
        asked = []
        machine = Machine(self.true, {"case7": 1.5}, 0.001, 1)

        def sample(which, names):
            asked.append(list(names))
            return machine.sample(which, names)
        noise.compare(self.names, sample, rounds=4, seed=1)
        self.assertEqual(asked[0], self.names)
        self.assertEqual(asked[-1], ["case7"])

    def test_turns_are_interleaved(self):
        turns = []

        def sample(which, names):
            turns.append(which)
            return {n: 1.0 for n in names}
        noise.collect(["a"], sample, 6, random.Random(1))
        self.assertEqual(turns.count("old"), 12)
        for i in range(0, 18, 3):
            self.assertEqual(sorted(turns[i:i + 3]), ["new", "old", "old"])
        self.assertGreater(len({tuple(turns[i:i + 3]) for i in range(0, 18, 3)}), 1)


class Guard(unittest.TestCase):
    def result(self, name, percent, verdict="slower"):
        return noise.Result(name, 1.0, 1 + percent / 100, 0.01, math.log1p(percent / 100), verdict, 8)

    def test_rows(self):
        rows = guard.parse("# a list\nrows/*   5%  # and why\n\ncall/x 1.5%\n")
        self.assertEqual(rows, [("rows/*", 0.05), ("call/x", 0.015)])

    def test_a_row_that_cannot_be_read_names_its_line(self):
        with self.assertRaisesRegex(guard.Wrong, r"list:2: .*`rows/a`"):
            guard.parse("a 5%\nrows/a\n", "list")

    def test_a_row_that_guards_nothing_is_an_error(self):
        with self.assertRaisesRegex(guard.Wrong, "matches `rows/b`"):
            guard.select([("rows/b", 0.05)], ["rows/a"])

    def test_the_first_row_counts(self):
        self.assertEqual(guard.select([("rows/a", 0.2), ("rows/*", 0.05)], ["rows/a", "rows/b", "call/c"]),
                         {"rows/a": 0.2, "rows/b": 0.05})

    def test_losses(self):
        allowed = {"a": 0.05, "b": 0.05, "c": 0.05}
        results = [self.result("a", 10), self.result("b", 4), self.result("c", 20, "same"), self.result("d", 50)]
        self.assertEqual([r.name for r in guard.losses(results, allowed)], ["a"])

    def test_the_list_of_the_repository_can_be_read(self):
        with open(os.path.join(ROOT, "benchmarks", "guarded.txt")) as f:
            self.assertGreater(len(guard.parse(f.read())), 3)


if __name__ == "__main__":
    unittest.main()
