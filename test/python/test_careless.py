"""What a careless or a hostile caller gets: an error that says what is wrong, or what NumPy gives."""
import os
import re
import resource
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import oriel
from oriel import printing
from oriel import tensor as T
from oriel.ifelse import ifelse


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: oriel.function([x], x, name=3),
        lambda x: oriel.function([x], x, mode=3),
        lambda x: oriel.function([x], x, profile="yes"),
        lambda x: oriel.shared(1.0, name=3),
        lambda x: oriel.function([x], x).watch(1.5, print),
    ],
)
def test_arguments_of_the_wrong_type(wrong):
    with pytest.raises(TypeError):
        wrong(T.dvector("x"))


def test_indices_outside_their_axis():
    x = T.dmatrix("x")
    data = np.zeros((3, 4))
    for index in (3, -4, (0, 4), (slice(None), -5)):
        f = oriel.function([x], x[index])
        with pytest.raises(IndexError, match=r"index -?\d is out of bounds for axis \d with size x.*_\d"):
            f(data)
    for index in (2**70, -(2**70)):
        with pytest.raises((IndexError, OverflowError, TypeError)):
            x[index]


def test_lists_as_indices():
    x = T.dmatrix("x")
    data = np.arange(12.0).reshape(3, 4)
    for index in (
        [True, False, True],
        [],
        [[0, 1], [2, 0]],
        (slice(None), [True, False, False, True]),
        ([0, 2], [1, 1]),
        (np.array([[0, 1]]), ..., 1),
        (..., np.array([[0, 1]])),
    ):
        expected = data[index]
        got = oriel.function([x], x[index])(data)
        assert got.shape == expected.shape and (got == expected).all()


def test_masks_of_another_length():
    data = np.arange(12.0).reshape(3, 4)
    for x in (T.dmatrix("x"), T.dmatrix("x", shape=(3, 4))):
        for mask in (np.array([True, False]), np.array([True] + [False] * 4), data[:2] > 4):
            with pytest.raises((IndexError, AssertionError), match="boolean index"):
                oriel.function([x], x[mask])(data)
            with pytest.raises((IndexError, AssertionError), match="boolean index"):
                oriel.function([x], T.set_subtensor(x[mask], 0))(data)
        assert (oriel.function([x], T.set_subtensor(x[data > 4], 0))(data) == np.where(data > 4, 0, data)).all()


def test_empty_lists_have_no_dtype():
    i, m = T.lvector("i"), T.fvector("m")
    assert oriel.function([i], i + 1)([]).dtype == np.int64
    assert oriel.function([m], m + 1)(()).dtype == np.float32


def test_lists_that_fit_their_input():
    for dtype, fits, not_ in (("int32", [0, -5], 2**31), ("uint8", [0, 255], -1), ("uint64", [0, 3], -1), ("int8", [[-128], [127]], 128)):
        f = oriel.function([x := T.TensorType(dtype, (False,) * np.ndim(fits))("x")], x)
        assert f(fits).dtype == dtype and f(fits).tolist() == fits
        with pytest.raises(TypeError, match=dtype):
            f(np.full(np.shape(fits), not_).tolist())
        with pytest.raises(TypeError, match=dtype):
            f(np.array([1.5]).reshape((-1,) + (1,) * (np.ndim(fits) - 1)).tolist())
    f = oriel.function([x := T.fvector("x")], x)
    assert f([0.5, float("inf"), -0.0]).tolist() == [0.5, float("inf"), -0.0]
    with pytest.raises(TypeError, match="float32"):
        f(np.zeros(2))


def test_masked_arrays_are_refused():
    x = T.dvector("x")
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    with pytest.raises(NotImplementedError, match="masked"):
        oriel.function([x], x + 1)(masked)
    with pytest.raises(NotImplementedError, match="masked"):
        oriel.shared(masked)
    with pytest.raises(NotImplementedError, match="masked"):
        x + masked


def test_asarray_without_a_copy():
    t = oriel.from_dlpack(np.ones(3))
    assert np.asarray(t, dtype="float64", copy=False).sum() == 3
    assert np.asarray(t, dtype="float32").dtype == np.float32
    with pytest.raises(ValueError):
        np.asarray(t, dtype="float32", copy=False)


def test_a_full_disk(tmp_path):
    w = oriel.shared(np.arange(10000.0), "w")
    x = T.dvector("x")
    f = oriel.function([x], x + w)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for name in ("w.npz", "w.safetensors"):
        path = str(tmp_path / name)
        oriel.save_states(path, [w])
        w.set_value(np.zeros(10000))
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
        try:
            with pytest.raises(OSError):
                oriel.save_states(path, [w])
            with pytest.raises(OSError):
                f.export(str(tmp_path / "f.oriel"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        oriel.load_states(path, [w])
        assert (w.get_value() == np.arange(10000.0)).all(), "the old file is whole"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.npz", "w.safetensors"]
    with pytest.raises((OSError, KeyError)):
        oriel.save_states(str(tmp_path / "none" / "w.npz"), [w])


def test_the_end_of_a_program_is_silent():
    program = """
import numpy, oriel
from oriel import tensor as T
x = T.dvector("x")
f = oriel.function([x], T.exp(x).sum())
f.watch("x", lambda record: f)
f(numpy.ones(3))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_values_in_a_scan_over_what_is_made_of_sizes(config):
    config.compute_test_value = "raise"
    x = T.dmatrix("x")
    x.tag.test_value = np.arange(6.0).reshape(3, 2)
    seen = []

    def step(row, number, total):
        value = row + number + total
        seen.append(value.tag.test_value.tolist())
        return value

    result, _ = oriel.scan(step, sequences=[x, T.arange(x.shape[0])], outputs_info=T.zeros_like(x[0]))
    assert seen == [[0, 1]]
    assert result.tag.test_value.tolist() == [[0, 1], [3, 5], [9, 12]]


def test_shape_errors_of_a_call_have_the_whole_report():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = oriel.function([x, y], T.dot(x, y))
    with pytest.raises(ValueError) as error:
        f(np.ones((2, 3)), np.ones((2, 3)))
    text = str(error.value)
    sections = (
        "Node that caused the error: matmul(x, y)",
        "Toposort index:",
        "Created at: test_careless.py:",
        "Inputs types:",
        "Inputs shapes: [(2, 3), (2, 3)]",
        "Inputs strides:",
        "Inputs values:",
        "Outputs clients:",
        "Debugprint of the node:",
    )
    places = [text.index("\n" + section) for section in sections]
    assert places == sorted(places)


def test_an_assert_looks_into_all_and_and():
    x = T.dvector("x")
    y = T.opt.Assert("out of range")(x, T.and_(T.ge(x, 0), T.lt(x, 10)).all())
    f = oriel.function([x], y)
    f(np.arange(10.0))
    data = np.arange(10.0)
    data[7] = 77
    with pytest.raises(AssertionError, match=r"False at \(7,\), 1 of 10 elements") as error:
        f(data)
    assert "= 77.0 at (7,)" in str(error.value) and "= 10.0" in str(error.value)


def test_a_nan_in_a_scan_names_the_op():
    x = T.dvector("x")
    result, _ = oriel.scan(lambda e, total: T.log(total - e), sequences=x, outputs_info=T.constant(3.0))
    f = oriel.function([x], result, mode="NanGuardMode")
    with pytest.raises(AssertionError, match="nan is the result of log"):
        f([1.0, 1.0, 1.0])


def test_a_state_in_a_watch_of_its_call(tmp_path):
    x, w = T.dvector("x"), oriel.shared(np.zeros(3), "w")
    path = str(tmp_path / "w.npz")
    oriel.save_states(path, [w])
    todo = []
    reading = oriel.function([x], x + w)
    writing = oriel.function([x], x, updates=[(w, w + 1)])

    def callback(record):
        todo[0]()

    for updates in (None, [(w, w + 1)]):
        f = oriel.function([x], printing.watch(T.exp(x) + w, callback).sum(), updates=updates)
        waits = [lambda: w.set_value(np.ones(3)), lambda: writing(np.zeros(3)), lambda: oriel.load_states(path, [w])]
        if updates:
            waits += [lambda: reading(np.zeros(3)), lambda: f(np.zeros(3))]
        for each in waits:
            todo[:] = [each]
            before = w.get_value()
            with pytest.raises(ValueError, match="'w' is in use by the call"):
                f(np.zeros(3))
            assert (w.get_value() == before).all()
        seen = []
        todo[:] = [lambda: seen.append(w.get_value())]
        before = w.get_value()
        f(np.zeros(3))
        assert (seen[0] == before).all()
        todo[:] = [lambda: oriel.save_states(path, [w])]
        f(np.zeros(3))
    # Another thread waits, and goes on when the call is over.
    other = threading.Thread(target=lambda: w.set_value(np.full(3, 7.0)))
    todo[:] = [other.start]
    f(np.zeros(3))
    other.join()
    assert (w.get_value() == 7).all()


def test_what_is_watched_must_be_callable():
    x = T.dvector("x")
    f = oriel.function([x], x + 1)
    for wrong in (3, None, "print"):
        with pytest.raises(TypeError):
            f.watch("x", wrong)
        with pytest.raises(TypeError):
            printing.watch(x, wrong)
    with pytest.raises(TypeError, match="attrs"):
        printing.Print("x", attrs="shape")
    with pytest.raises(TypeError, match="attrs"):
        f.print("x", attrs="shape")


def test_other_shapes_of_as_many_elements():
    x, y, c = T.dmatrix("x"), T.dmatrix("y"), T.bscalar("c")
    tall, wide = np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(2, 3)
    w = oriel.shared(np.zeros((2, 3)), "w")
    for f, wrong, right in (
        (oriel.function([x], updates=[(w, x)]), (tall,), (wide,)),
        (oriel.function([c, x, y], ifelse(c, x, y)), (1, tall, wide), (0, wide, wide)),
        (oriel.function([x], oriel.scan(lambda s: x + s.sum(), outputs_info=T.zeros((2, 3)), n_steps=2)[0]), (tall,), (wide,)),
        (oriel.function([x, y], oriel.scan(lambda s: x + s, outputs_info=y, n_steps=2)[0]), (tall, wide), (wide, wide)),
        (oriel.function([x], w * 1.0, givens={w: x}), (tall,), (wide,)),
        (oriel.function([x, y], T.grad(None, x, known_grads={x * 2: y})), (tall, wide), (wide, wide)),
    ):
        with pytest.raises(ValueError, match="must equal"):
            f(*wrong)
        f(*right)
    assert (w.get_value() == wide).all()


def test_pictures_without_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    x = T.dvector("x")
    with pytest.raises(KeyError, match="`dot` is not installed: it comes with the package graphviz"):
        printing.pydotprint(x + 1, outfile=str(tmp_path / "x.svg"))
    printing.pydotprint(x + 1, outfile=str(tmp_path / "x.dot"))
    assert [p.name for p in tmp_path.iterdir()] == ["x.dot"]


def test_ids_agree():
    """The [id A] and the number of a node are the same in the tree, the profile and an error."""
    table, i = T.dmatrix("table"), T.lvector("i")
    picked = table[i]
    f = oriel.function([table, i], T.exp(picked * 2).sum(axis=0))
    f(np.ones((3, 2)), [0])
    with pytest.raises(IndexError) as error:
        f(np.ones((3, 2)), [5])
    in_error = re.search(r"Node that caused the error: gather\(table, i\) \[id (\w+)\]\nToposort index: (\d+)", str(error.value))
    tree = re.search(r"gather \[id (\w+)\]", printing.debugprint(f, file="str"))
    profile = re.search(r"node \d+ \[id (\w+)\]: gather", f.profile.text())
    assert in_error[1] == tree[1] == profile[1]
    row = next(row for row in f.profile.rows if any(node.op == "gather" for node in row.nodes))
    assert row.id == int(in_error[2])


def test_profiles_at_exit():
    program = """
import numpy, oriel
from oriel import tensor as T
x = T.dmatrix("x")
f = oriel.function([x], T.exp(x).sum(axis=0), name="rows")
f(numpy.ones((3, 2)))
"""
    environment = {**os.environ, "ORIEL_FLAGS": os.environ.get("ORIEL_FLAGS", "") + ",profile=True,profile_memory=true"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "")
    for part in ("Function\n", "Class\n", "Ops\n", "Apply\n", "compile phase", "rows", "Memory of 'rows'", "<created/inplace/view>"):
        assert part in done.stderr, part


def test_ravel_and_copy():
    x = T.dmatrix("x")
    flat, again, same = oriel.function([x], [x.ravel(), T.ravel(x.T), x.copy()])(np.arange(6.0).reshape(2, 3))
    assert flat.tolist() == [0, 1, 2, 3, 4, 5] and again.tolist() == [0, 3, 1, 4, 2, 5] and same.shape == (2, 3)
