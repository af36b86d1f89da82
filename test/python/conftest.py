"""What every Python test shares: a cache of its own, and the tally of cases."""
import os
import tempfile

# Before Oriel is imported: programs are compiled once a session, into a folder
# that starts empty.
_cache = tempfile.TemporaryDirectory(prefix="oriel-python-tests-")
_flags = os.environ.get("ORIEL_FLAGS", "")
if "cache_dir" not in _flags:
    os.environ["ORIEL_FLAGS"] = (_flags + "," if _flags else "") + f"cache_dir={_cache.name}"

import collections  # noqa: E402

import hypothesis  # noqa: E402
import pytest  # noqa: E402

hypothesis.settings.register_profile(
    "oriel",
    max_examples=int(os.environ.get("ORIEL_PYTHON_CASES", "30")),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("oriel")

# (op, dtype) -> cases compared with NumPy.
CASES = collections.Counter()


@pytest.fixture
def config():
    """oriel.config, with what a test changes put back."""
    import oriel

    before = {key: getattr(oriel.config, key) for key in dir(oriel.config)}
    yield oriel.config
    for key, value in before.items():
        setattr(oriel.config, key, value)


def pytest_terminal_summary(terminalreporter):
    if not CASES:
        return
    ops = sorted({op for op, _ in CASES})
    dtypes = sorted({dtype for _, dtype in CASES})
    terminalreporter.section("cases compared with NumPy, by op and dtype")
    terminalreporter.write_line(f"{'op':22}" + "".join(f"{d:>9}" for d in dtypes))
    for op in ops:
        row = "".join(f"{CASES[op, d] or '':>9}" for d in dtypes)
        terminalreporter.write_line(f"{op:22}{row}")
    terminalreporter.write_line(f"{sum(CASES.values())} cases of {len(ops)} ops")
