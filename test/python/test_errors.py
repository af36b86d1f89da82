"""Statuses become the exceptions of docs/python.md, with the whole report."""
import numpy as np
import pytest

import oriel
from oriel import tensor as T


def test_index_error_names_everything():
    table, i = T.dmatrix("table"), T.lvector("i")
    f = oriel.function([table, i], table[i].sum(), name="lookup")
    with pytest.raises(IndexError) as error:
        f(np.zeros((5, 2)), [0, 7])
    text = str(error.value)
    for section in ("7", "Node that caused the error:", "Created at:", "test_errors.py:", "Inputs shapes:"):
        assert section in text, text
    assert f(np.zeros((5, 2)), [0, 4]) == 0, "the function lives"


@pytest.mark.parametrize("make, shape", [
    (lambda x, i: x[i], (5, 0)),
    (lambda x, i: T.tanh(x[i]).sum(axis=1), (5, 0)),
    (lambda x, i: x[:, i] * 2, (0, 5)),
    (lambda x, i: T.inc_subtensor(x[i], 1.0), (5, 0)),
    (lambda x, i: T.set_subtensor(x[:, i + 0], 1.0), (0, 5)),
    (lambda x, i: T.concatenate([x[i] + 1, x[i]], axis=1), (5, 0)),
])
def test_slices_without_elements_are_indexed(make, shape):
    """As in NumPy: np.zeros((5, 0))[7] is an IndexError."""
    x, i, k = T.dmatrix("x"), T.lvector("i"), T.lscalar("k")
    for index, good, bad in ((i, [0, 4, -5], [0, 5]), (k, -5, -6)):
        f = oriel.function([x, index], make(x, index) if index is i else x[index] if shape[1] == 0 else x[:, index])
        f(np.zeros(shape), good)
        with pytest.raises(IndexError, match="out of bounds"):
            f(np.zeros(shape), bad)


def test_out_of_memory(config):
    config.memory_limit = "2GB"
    x, w = T.fmatrix("x"), oriel.shared(np.zeros((200, 4000), np.float32), "layer_1/W")
    f = oriel.function([x], T.dot(x, w) * 2, updates=[(w, w + 1)])
    big = np.broadcast_to(np.float32(0), (482112, 200))
    with pytest.raises(oriel.OutOfMemory) as error:
        f(big)
    assert isinstance(error.value, MemoryError)
    text = str(error.value)
    for part in ("7713792000", "7714 MB", "482112", "Storage map:", "What would fit:", "layer_1/W", "test_errors.py:"):
        assert part in text, text
    assert (w.get_value() == 0).all(), "states are intact"
    assert f(np.zeros((3, 200), np.float32)).shape == (3, 4000)


def test_errors_are_short_where_asked(config):
    x, i = T.fvector("x"), T.lscalar("i")
    f = oriel.function([x, i], x[i])
    for verbosity in ("low", "high"):
        config.exception_verbosity = verbosity
        with pytest.raises(IndexError) as error:
            f([1, 2, 3], 7)
        assert "Node that caused the error:" in str(error.value)
        assert ("Debugprint of the node:" in str(error.value)) == (verbosity == "high")
    with pytest.raises(ValueError, match="low or high"):
        config.exception_verbosity = "loud"


def test_assert_is_an_assertion_error():
    x = T.dvector("x")
    w = oriel.shared(0.0, "w")
    y = T.opt.Assert("too large")(x, T.lt(x, 10).all())
    f = oriel.function([x], y, updates=[(w, w + 1)])
    assert f([1.0, 2.0]).sum() == 3
    with pytest.raises(AssertionError, match="too large") as error:
        f([1.0, 12.0])
    assert "12" in str(error.value) and "test_errors.py:" in str(error.value)
    assert w.get_value() == 1


def test_build_errors():
    x = T.dmatrix("x", shape=(2, 3))
    for wrong, error in (
        (lambda: x + np.ones((2, 4)), ValueError),
        (lambda: T.dot(x, x), ValueError),
        (lambda: x.reshape((4, 2)), ValueError),
        (lambda: x.sum(axis=2), ValueError),
        (lambda: x[3], IndexError),
        (lambda: x[0, 0, 0], ValueError),
        (lambda: x[np.zeros(2)], TypeError),
        (lambda: T.concatenate([x, x.T]), ValueError),
        (lambda: T.cast(x, "complex64"), TypeError),
        (lambda: T.cast(x, "no such type"), TypeError),
        (lambda: T.arange(T.lscalar("n")), NotImplementedError),
        (lambda: T.set_subtensor(x, 1), TypeError),
        (lambda: oriel.grad(x, x), ValueError),
    ):
        with pytest.raises(error):
            wrong()


def test_update_of_another_type():
    w = oriel.shared(np.zeros(3, np.float32), "w")
    with pytest.raises(TypeError, match="update of state 'w': .*float64.*float32"):
        oriel.function([], updates=[(w, w.astype("float64"))])
    with pytest.raises(ValueError, match="update of state 'w'"):
        oriel.function([], updates=[(w, w[:2])])
    with pytest.raises(TypeError):
        oriel.function([], updates=[(T.dvector(), 1)])


def test_bad_flags():
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", "import oriel"], capture_output=True, text=True, env={**__import__("os").environ, "ORIEL_FLAGS": "nonsense=1"}
    )
    assert done.returncode != 0 and "nonsense" in done.stderr


def test_function_of_a_missing_input():
    x, y = T.dvectors("x y")
    with pytest.raises(ValueError, match="'y'"):
        oriel.function([x], x + y)
    with pytest.raises(ValueError, match="two inputs"):
        oriel.function([x, T.dvector("x")], x, on_unused_input="ignore")
    with pytest.raises(ValueError, match="not made by"):
        oriel.function([x + 1], x)
