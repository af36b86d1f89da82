"""scripts/compare-speed as a whole, on two programs that only say times."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Answers as a Google Benchmark program does, with times out of a table and 2 percent noise.
FAKE = """#!{python}
import json, random, re, sys
times = {times!r}
options = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
if "--benchmark_list_tests" in sys.argv:
    print("\\n".join(n + "/real_time" for n in times))
    sys.exit(0)
rows = [dict(name=n, run_name=n + "/real_time", run_type="iteration", time_unit="us",
             real_time=t * random.lognormvariate(0, 0.02))
        for n, t in times.items() if re.search(options["--benchmark_filter"], n + "/real_time")]
json.dump(dict(benchmarks=rows), open(options["--benchmark_out"], "w"))
"""


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def program(self, name, times):
        os.makedirs(self.path(name, "bin"))
        with open(self.path(name, "bin", "oriel_benchmarks"), "w") as f:
            f.write(FAKE.format(python=sys.executable, times=times))
        os.chmod(f.name, 0o755)
        return self.path(name)

    def run_it(self, old, new, guarded, *more):
        with open(self.path("guarded.txt"), "w") as f:
            f.write(guarded)
        return subprocess.run([os.path.join(ROOT, "scripts", "compare-speed"), self.program("old", old), self.program("new", new),
                               "--guarded", self.path("guarded.txt"), "--no-instructions", *more],
                              capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    def test_a_loss_of_a_guarded_benchmark_ends_with_1(self):
        done = self.run_it({"a/oriel": 100, "a/peer": 50, "b/oriel": 10}, {"a/oriel": 115, "a/peer": 50, "b/oriel": 10}, "*/oriel 5%\n")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("lost: a/oriel", done.stderr)
        self.assertNotIn("lost: b/oriel", done.stderr)
        self.assertNotIn("a/peer", done.stdout)

    def test_no_change_ends_with_0(self):
        done = self.run_it({"a/oriel": 100, "b/oriel": 10}, {"a/oriel": 100, "b/oriel": 10}, "*/oriel 5%\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| a/oriel |", done.stdout)

    def test_a_loss_that_is_not_guarded_is_said(self):
        done = self.run_it({"a/oriel": 100, "b/oriel": 10}, {"a/oriel": 100, "b/oriel": 13}, "a/oriel 5%\n", "--all")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"b/oriel .*slower \|")

    def test_a_renamed_guarded_benchmark_is_an_error(self):
        done = self.run_it({"a/oriel": 100}, {"b/oriel": 100}, "a/oriel 5%\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing matches `a/oriel`", done.stderr)

    def test_what_is_no_build_and_no_revision(self):
        done = subprocess.run([os.path.join(ROOT, "scripts", "compare-speed"), self.path("nowhere"), self.path("nowhere")],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("neither a build folder with bin/oriel_benchmarks nor a revision", done.stderr)


if __name__ == "__main__":
    unittest.main()
