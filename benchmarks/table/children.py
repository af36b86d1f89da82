"""The peers' processes: started when first needed, stopped (SIGSTOP) whenever it
is not their turn, so that no peer's waiting threads take time from another."""
import ctypes
import json
import os
import select
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 300  # seconds for an answer
# Oriel and NumPy ask for huge pages for large arrays, and Oriel keeps freed ones.
# So that a peer's code is compared and not its allocator, the C library does both
# for the peers; Oriel, and the NumPy of the floors, run as they come.
GENEROUS = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=2000000000:glibc.malloc.trim_threshold=4000000000"
AS_THEY_COME = ("oriel", "numpy")


class Failed(Exception):
    pass


def die_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One peer, one number of threads. `why` is set when it could not start."""

    def __init__(self, peer, threads, build):
        self.peer, self.threads, self.why = peer, threads, None
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads),
            "GLIBC_TUNABLES": "" if peer in AS_THEY_COME else GENEROUS,
            "PYTHONPATH": os.path.join(build, "python"), "PYTHONDONTWRITEBYTECODE": "1",
            "ORIEL_FLAGS": "",
        }
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "server.py"), peer, str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment, preexec_fn=die_with_parent)
        os.set_blocking(self.process.stderr.fileno(), False)
        self.errors = b""
        try:
            self.version = self.read()["version"]
            self.pause()
        except Failed as why:
            self.why = str(why)

    def read(self):
        """One answer; standard error is drained beside it so that no pipe fills."""
        out, err = self.process.stdout, self.process.stderr
        while True:
            ready, _, _ = select.select([out, err], [], [], PATIENCE)
            if not ready:
                self.close()
                raise Failed(f"no answer in {PATIENCE} s")
            if err in ready:
                self.errors = (self.errors + (err.read() or b""))[-4000:]
            if out in ready:
                line = out.readline()
                if line:
                    return json.loads(line)
                self.process.wait()
                self.errors = (self.errors + (err.read() or b""))[-4000:]
                last = self.errors.decode(errors="replace").strip().splitlines()[-1:]
                raise Failed(f"ended with {self.process.returncode}: {' '.join(last)}")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def ask(self, command, **more):
        if self.why:
            raise Failed(self.why)
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write((json.dumps({"command": command, **more}) + "\n").encode())
            self.process.stdin.flush()
            answer = self.read()
        except (Failed, OSError) as why:
            self.why = str(why)
            raise Failed(self.why) from why
        self.pause()
        return answer

    def close(self):
        self.process.kill()
        self.process.wait()


class Children:
    def __init__(self, build):
        self.build, self.children = build, {}

    def get(self, peer, threads):
        if (peer, threads) not in self.children:
            self.children[peer, threads] = Child(peer, threads, self.build)
        return self.children[peer, threads]

    def close(self):
        for child in self.children.values():
            child.close()

    def versions(self):
        return sorted({c.version for c in self.children.values() if not c.why} - {"Oriel"})
