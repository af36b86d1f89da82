"""Test values, prints, watches, guards, trees and pictures from Python."""
import inspect
import io
import subprocess
import warnings

import numpy as np
import pytest

import oriel
from oriel import printing, tensor as T


def test_values_and_errors_at_the_line(config):
    config.compute_test_value = "raise"
    x, y = T.dmatrix("x"), T.dmatrix("y")
    x.tag.test_value = np.ones((4, 3))
    y.tag.test_value = np.ones((5, 3))
    z = x * 2
    assert z.tag.test_value.shape == (4, 3) and z.tag.test_value.dtype == np.float64
    assert (z.sum().tag.test_value == 24).all()
    with pytest.raises(ValueError, match=r"test_seeing\.py:\d+"):
        x + y
    with pytest.raises(TypeError):
        T.lmatrix("i").tag.test_value = np.ones((1, 1)) / 3


def test_missing_test_values(config):
    config.compute_test_value = "off"
    x = T.dvector("x")
    with pytest.raises(AttributeError):
        x.tag.test_value
    config.compute_test_value = "warn"
    line = inspect.currentframe().f_lineno + 2
    with pytest.warns(UserWarning, match=rf"test_seeing\.py:{line}: add: input 'x'") as told:
        x + 1
    assert told[0].filename == __file__ and told[0].lineno == line, "the line of the program"
    config.compute_test_value = "ignore"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x + 1
    config.compute_test_value = "warn"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            x + 1
    config.compute_test_value = "raise"
    with pytest.raises(ValueError):
        x + 1


def test_warnings_are_told_once_a_line(config):
    config.compute_test_value = "warn"
    x = T.dvector("x")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(5):
            x * 2
    assert len(told) == 1


@pytest.mark.parametrize("mode", ["ignore", "warn", "raise"])
def test_a_wrong_operation_raises_in_each_mode(config, mode):
    """The mode is about missing test values; as in Theano, an error of computing is one anyway."""
    config.compute_test_value = mode
    x, i = T.dmatrix("x"), T.lvector("i")
    x.tag.test_value = np.ones((4, 3))
    i.tag.test_value = [1, 7]
    with pytest.raises(IndexError, match=r"test_seeing\.py:\d+: .*7"):
        x[i]
    with pytest.raises(ValueError, match=r"test_seeing\.py:\d+"):
        x + T.constant(np.ones((4, 2)))
    config.compute_test_value = "off"
    assert x[i].ndim == 2


def test_print(capsys):
    x = T.dvector("x")
    y = T.log(1 + printing.Print("e", attrs=["shape", "max"])(T.exp(x)))
    plain = T.log(1 + T.exp(x))
    f, g = oriel.function([x], y), oriel.function([x], plain)
    data = np.array([1.0, 800.0])
    assert (f(data) == g(data)).all() and f(data)[1] == 800
    assert capsys.readouterr().out.splitlines()[:2] == ["e shape = (2,)", "e max = inf"]
    with pytest.raises(ValueError, match="no_such"):
        printing.Print("e", attrs=["no_such"])(x)


def test_watch():
    seen = []
    x = T.dvector("x")
    y = printing.watch(x * 2, seen.append, "doubled")
    f = oriel.function([x], y.sum())
    assert f([1.0, 2.0]) == 6
    assert seen[0].name == "doubled" and seen[0].value.tolist() == [2, 4] and seen[0].shape == (2,)
    assert seen[0].file.endswith("test_seeing.py") and seen[0].call == 0


def test_watch_on_a_compiled_function():
    x = T.dvector("x")
    h = T.exp(x)
    h.name = "h"
    f = oriel.function([x], (h + 1).sum())
    expected = f([0.0, 1.0])
    seen = []
    handle = f.watch("h", lambda record: seen.append(record.value.tolist()))
    assert f([0.0, 1.0]) == expected and np.allclose(seen, [[1.0, np.e]], rtol=1e-14)
    assert [tap[1] for tap in f.taps] == ["watch"]
    f.remove_tap(handle)
    f([0.0, 1.0])
    assert len(seen) == 1
    with pytest.raises(KeyError):
        f.watch("nothing", seen.append)


def test_an_exception_in_a_watch_ends_the_call():
    x = T.dvector("x")
    w = oriel.shared(0.0, "w")

    def refuse(record):
        raise LookupError("seen enough")

    f = oriel.function([x], printing.watch(x + 1, refuse), updates=[(w, w + 1)])
    with pytest.raises(LookupError, match="seen enough"):
        f([1.0])
    assert w.get_value() == 0


def test_nan_guard():
    x = T.dvector("x")
    f = oriel.function([x], T.log(x).sum(), mode="NanGuardMode")
    assert f([1.0]) == 0
    with pytest.raises(AssertionError, match="test_seeing.py"):
        f([-1.0])


def test_debugprint(capsys):
    x = T.dmatrix("x")
    y = T.exp(x).sum()
    y.name = "total"
    text = printing.debugprint(y, file="str")
    assert "[id A]" in text and "exp" in text and "'total'" in text
    printing.debugprint(y)
    assert capsys.readouterr().out.strip() == text.strip()
    stream = io.StringIO()
    f = oriel.function([x], y)
    printing.debugprint(f, file=stream)
    assert "exp" in stream.getvalue()


def test_pictures(tmp_path):
    x = T.dmatrix("x")
    y = T.exp(x).sum()
    printing.pydotprint(y, outfile=str(tmp_path / "graph.dot"))
    assert "digraph" in (tmp_path / "graph.dot").read_text()
    with pytest.raises(ValueError):
        printing.pydotprint(y, outfile=str(tmp_path / "graph.txt"))
    drawn = subprocess.run(["sh", "-c", "command -v dot"], capture_output=True).returncode == 0
    if drawn:
        oriel.pydotprint(oriel.function([x], y), outfile=str(tmp_path / "f.png"))
        assert (tmp_path / "f.png").read_bytes()[:4] == b"\x89PNG"
    else:
        with pytest.raises(KeyError, match="graphviz"):
            oriel.pydotprint(y, outfile=str(tmp_path / "f.png"))


def test_dtype_report():
    x = T.fvector("x")
    text = printing.dtype_report(x * np.float64(2), file="str")
    assert "test_seeing.py:" in text


def test_fusion_explains_itself(tmp_path):
    x = T.fmatrix("x")
    p = T.exp(x * 2)
    p.name = "p"
    f = oriel.function([x], T.dot(p, x))
    text = f.explain_fusion()
    assert "'p' exp (test_seeing.py:" in text and ": fused: apart " in text and "not fused, " in text
    # A cheap op of an operand is the product's own; an exp for each thread is not.
    assert "not fused, together they would take longer: apart " in text
    assert "fused, computed as the operand is read: apart " in oriel.function([x], T.dot(x * 2, x)).explain_fusion()
    f.export(tmp_path / "f")
    with pytest.raises(Exception, match="loaded from a file"):
        oriel.Function.load(tmp_path / "f").explain_fusion()
