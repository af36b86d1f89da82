"""What scripts/benchmark says of made-up times: floors, means, peers that are faster."""
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "benchmarks", "table"))

import render  # noqa: E402
import rows  # noqa: E402

DATA = {"date": "2026-01-01", "machine": "a machine", "revision": "r", "rounds": 9, "versions": ["JAX 1"],
        "limits": {"limit/copy/threads:1": 20e9, "limit/fma/threads:2": 150e9}, "startup": {}}


class Table(unittest.TestCase):
    def judged(self, name, cpp, python=None, others=None):
        results = {name: {"cpp": cpp, "python": python or {}}, **(others or {})}
        return [(v.floor.peer, v.met) for v in rows.judge(name, results)]

    def test_a_ratio_on_both_sides_of_its_floor(self):
        name = "elementwise/gate_16M/threads:1"
        self.assertEqual(self.judged(name, {"oriel": 100, "triad": 55}), [("triad", True)])
        self.assertEqual(self.judged(name, {"oriel": 100, "triad": 54}), [("triad", False)])

    def test_numpy_is_compared_from_python(self):
        found = self.judged("rows/softmax_4096/threads:1", {"oriel": 1, "copy": 0.5}, {"oriel": 10, "numpy": 49})
        self.assertEqual(found, [("numpy", False), ("copy", True)])

    def test_a_time(self):
        self.assertEqual(self.judged("call/10_ops_100_elements", {"oriel": 0.9}), [("us", True)])
        self.assertEqual(self.judged("compile/10_ops/cold", {"oriel": 61e3}), [("us", False)])

    def test_another_case(self):
        others = {"scatter/uniform": {"cpp": {"oriel": 10}}}
        self.assertEqual(self.judged("scatter/all_equal", {"oriel": 16, "loop": 20}, None, others),
                         [("loop", True), ("case:scatter/uniform", False)])

    def test_squares_are_not_thin(self):
        self.assertEqual([v.floor.group for v in rows.judge("matmul/64x64x64/threads:1", {
            "matmul/64x64x64/threads:1": {"cpp": {"oriel": 1, "openblas": 1}}})], ["cubes"])
        self.assertEqual(len(self.judged("matmul/128x64x64x64/NT/threads:2", {"oriel": 1, "openblas": 1})), 1)

    def test_geometric_mean(self):
        results = {f"matmul/{n}x{n}x{n}/threads:1": {"cpp": {"oriel": 1, "openblas": r}} for n, r in ((256, 2), (512, 0.5))}
        mean, floor, count = rows.means(results)["cubes"]
        self.assertAlmostEqual(mean, 1.0)
        self.assertEqual((floor, count), (1.0, 2))

    def test_slower_than_a_peer(self):
        results = {"a": {"python": {"oriel": 100, "jax": 90, "torch_compile": 99, "torch": 10}}}
        self.assertEqual(list(rows.slower("a", results)), ["jax"])  # 99 is within the noise, eager is no floor

    def test_what_the_profile_costs(self):
        row = {"on": 300.0, "off": 298.0, "ratio": [0.99, 1.019, 1.03], "instructions": [2326, 2322]}
        self.assertIn("1.019 (0.990 to 1.030) | 2,326 and 2,322 | 1.0017 | met", render.profile_table({"scalar": row})[-1])
        self.assertIn("**short**", render.profile_table({"scalar": {**row, "ratio": [1, 1.021, 1.1]}})[-1])
        self.assertIn("**short**", render.profile_table({"scalar": {**row, "instructions": [1020, 1000]}})[-1])

    def test_huge_pages(self):
        text = render.page({**DATA, "cases": {}, "huge_pages": {"elementwise/add_f32/threads:1": {"with": 5e3, "without": 6e3}}})
        self.assertIn("| elementwise/add_f32/threads:1 | 5.00 ms | 6.00 ms | 1.20 |", text)

    def test_page(self):
        text = render.page({**DATA, "cases": {
            "elementwise/gate_16M/threads:1": {"cpp": {"oriel": 15e3, "triad": 6e3},
                                               "python": {"oriel": 16e3, "jax": 12e3, "numpy": 80e3},
                                               "not_measured": {"torch": "it is not installed"}}}})
        self.assertIn("**short**: 0.40 of triad (floor 0.55)", text)
        self.assertIn("| 12.00 ms (**0.75**) |", text)
        self.assertIn("80.00 ms (5.00)", text)
        self.assertIn("- torch, elementwise/gate_16M: it is not installed.", text)
        self.assertIn("| fma | 2 | 150.0 GFLOP/s |", text)
        self.assertIn("1 of 1 comparisons", text)

    def test_only_the_marked_section_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "page.md")
            with open(path, "w") as f:
                f.write(f"before\n{render.BEGIN}\nold\n{render.END}\nafter\n")
            render.write(path, "new\n")
            with open(path) as f:
                self.assertEqual(f.read(), f"before\n{render.BEGIN}\nnew\n{render.END}\nafter\n")
            with open(path, "w") as f:
                f.write("no marks")
            with self.assertRaises(SystemExit):
                render.write(path, "new\n")


if __name__ == "__main__":
    unittest.main()
