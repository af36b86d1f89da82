"""Instructions a call, counted by cachegrind over benchmarks/profile_cost.cpp: the
same to a few in a thousand on any machine, where the time of a short call is not."""
import os
import re
import shutil
import subprocess
import tempfile

CASES = {"scalar": 6400, "small": 6400, "loop": 200, "digits": 500}  # and calls enough to divide by


class Counter:
    """Of one build. Its compiler library is stripped into a temporary folder first:
    valgrind's reader of debug information gives up on its symbol table."""

    def __init__(self, build):
        self.program = os.path.join(build, "bin", "profile_cost")
        self.work = tempfile.mkdtemp()
        library = os.path.join(self.work, "liboriel_compiler.so")
        strip = shutil.which("llvm-strip-22") or shutil.which("strip")
        if strip is None or shutil.which("valgrind") is None:
            raise SystemExit("instructions are counted by valgrind, and strip is needed: neither may be missing")
        subprocess.run([strip, "-o", library, os.path.join(build, "lib", "liboriel_compiler.so")], check=True)
        os.mkdir(os.path.join(self.work, "cache"), 0o700)
        self.env = {**os.environ, "ORIEL_COMPILER_LIBRARY": library, "ORIEL_FLAGS": f"cache_dir={self.work}/cache"}
        self.native = {}

    def close(self):
        shutil.rmtree(self.work)

    def ticks(self, case):
        """What a call takes natively, in ticks: under the emulator the profile samples as it does there."""
        run = subprocess.run([self.program, "on", case, "1"], env=self.env, capture_output=True, text=True)
        if run.returncode != 0:
            raise SystemExit(run.stderr)
        return re.search(r"ticks (\d+)", run.stdout).group(1)

    def total(self, profile, case, calls):
        if case not in self.native:
            self.native[case] = self.ticks(case)
        run = subprocess.run(["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={self.work}/out",
                              self.program, profile, case, str(calls), self.native[case]],
                             env=self.env, capture_output=True, text=True)
        found = re.search(r"I +refs: +([\d,]+)", run.stderr)
        if run.returncode != 0 or not found:
            raise SystemExit(run.stderr)
        return int(found.group(1).replace(",", ""))

    def per_call(self, case, profile="on"):
        calls = CASES[case]
        self.total(profile, case, 1)  # compiles into the cache
        few, many = self.total(profile, case, calls), self.total(profile, case, 3 * calls)
        return (many - few) / (2 * calls)
