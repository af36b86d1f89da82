"""Threads: calls side by side, the GIL free while a function runs."""
import contextlib
import sys
import threading
import time

import numpy as np

import oriel
from oriel import tensor as T


def test_threads_share_a_function():
    x = T.dmatrix("x")
    f = oriel.function([x], [x.sum(axis=0), T.exp(x)])
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            a = rng.standard_normal((rng.integers(1, 20), 5))
            total, e = f(a)
            if not (np.allclose(total, a.sum(axis=0)) and np.allclose(e, np.exp(a))):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_updates_exclude_each_other():
    w = oriel.shared(np.zeros(100), "w")
    step = oriel.function([], updates=[(w, w + 1)])
    threads = [threading.Thread(target=lambda: [step() for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = [w.get_value() for _ in range(50)]
    for thread in threads:
        thread.join()
    assert (w.get_value() == 2000).all()
    assert all((value == value[0]).all() for value in seen), "no call is seen half done"


def test_the_gil_is_free_while_a_function_runs():
    """A callback from inside a call runs Python in another thread to its end."""
    x = T.dvector("x")
    entered, finished = threading.Event(), threading.Event()

    def other():
        entered.wait(10)
        finished.set()

    thread = threading.Thread(target=other)
    thread.start()

    def look(record):
        entered.set()
        # Waiting lets go of the GIL; that the call holds no lock of ours either
        # is what the next test shows.
        assert finished.wait(10)

    f = oriel.function([x], oriel.printing.watch(x * 2, look))
    assert f([1.0])[0] == 2
    thread.join()


def test_a_long_call_lets_others_run():
    x = T.dmatrix("x")
    y = x
    for _ in range(20):
        y = T.tanh(T.dot(y, x))
    f = oriel.function([x], y.sum())
    a = np.ones((400, 400)) * 1e-3
    f(a)
    counts = []
    running = threading.Event()
    stop = threading.Event()

    def spin():
        n = 0
        running.set()
        while not stop.is_set():
            n += 1
        counts.append(n)

    thread = threading.Thread(target=spin)
    thread.start()
    running.wait()
    for _ in range(20):
        f(a)
    stop.set()
    thread.join()
    assert counts[0] > 0


def test_compiling_in_threads():
    results = {}

    def work(i):
        x = T.dvector(f"x{i}")
        f = oriel.function([x], x * i + 1)
        results[i] = f([2.0])[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: 2.0 * i + 1 for i in range(6)}


@contextlib.contextmanager
def waiting_for_the_gil():
    """Another thread that runs as soon as this one lets go of the GIL, which it is
    not asked for: yields the list it writes to."""
    before = sys.getswitchinterval()
    ready, go, ran = threading.Event(), threading.Event(), []

    def other():
        ready.set()
        go.wait()
        ran.append(True)

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait()
    sys.setswitchinterval(1e6)
    try:
        go.set()
        yield ran
    finally:
        sys.setswitchinterval(before)
        go.set()
        thread.join()


def lets_others_run(work):
    """Does it, within a minute of repetitions? Nothing else here waits."""
    end = time.monotonic() + 60
    with waiting_for_the_gil() as ran:
        while not ran and time.monotonic() < end:
            work()
        return bool(ran)


def test_python_alone_lets_nobody_run():
    """What the next tests say would be nothing otherwise."""
    with waiting_for_the_gil() as ran:
        sum(range(3_000_000))
        assert not ran


def test_a_call_lets_others_run():
    x = T.dmatrix("x")
    f = oriel.function([x], T.tanh(T.dot(x, x)).sum())
    a = np.ones((300, 300)) * 1e-3
    f(a)
    assert lets_others_run(lambda: f(a))


def test_compiling_lets_others_run():
    x = T.dmatrix("x")
    made = []

    def compile_another():
        # Never the same program, so that none comes from a cache.
        made.append(oriel.function([x], T.tanh(x * (len(made) + 0.123)).sum(axis=1)))

    assert lets_others_run(compile_another)
    assert made[0](np.zeros((2, 3))).tolist() == [0, 0]


def test_looking_at_a_state_lets_others_run():
    """A call may hold it for long."""
    w = oriel.shared(np.zeros((2000, 500)), "w")
    assert lets_others_run(w.get_value)
