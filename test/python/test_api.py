"""function, shared, In, config: names and behaviour of docs/python.md."""
import collections
import gc
import weakref

import numpy as np
import pytest

import oriel
import oriel as theano
from oriel import tensor as T
from oriel.updates import OrderedUpdates


def test_call_by_position_and_name():
    x, y = T.dscalars("x y")
    f = theano.function([x, y], x - y)
    assert f(5, 3) == 2 and f(5, y=3) == 2 and f(y=3, x=5) == 2
    result = f(5, 3)
    assert isinstance(result, np.ndarray) and result.shape == () and result.dtype == np.float64


def test_forms_of_outputs():
    x = T.dvector("x")
    assert isinstance(theano.function([x], x + 1)([1.0]), np.ndarray)
    assert isinstance(theano.function([x], [x + 1])([1.0]), list)
    named = theano.function([x], {"a": x + 1, "b": x * 2})([1.0])
    assert list(named) == ["a", "b"] and named["b"][0] == 2
    w = theano.shared(0.0, "w")
    assert theano.function([x], updates=[(w, x.sum())])([1.0, 2.0]) is None
    assert w.get_value() == 3


def test_wrong_calls():
    x, y = T.dvectors("x y")
    f = theano.function([x, y], x + y, name="adder")
    with pytest.raises(KeyError, match="y"):
        f([1.0])
    with pytest.raises(KeyError, match="z"):
        f([1.0], z=[1.0])
    with pytest.raises(TypeError, match="takes 2 inputs, got 3"):
        f([1.0], [2.0], [3.0])
    with pytest.raises(TypeError, match="given twice"):
        f([1.0], [2.0], x=[3.0])
    with pytest.raises(ValueError):
        f([[1.0]], [2.0])
    with pytest.raises(ValueError):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError):
        f(["a"], [1.0])
    with pytest.raises(TypeError, match="complex"):
        f(np.zeros(2, complex), [1.0])


def test_inputs_are_cast_when_nothing_is_lost(config):
    x = T.fmatrix("x")
    f = theano.function([x], x * 2)
    assert f(np.ones((2, 2), np.int64)).dtype == np.float32
    assert f(np.ones((2, 2), bool))[0, 0] == 2
    with pytest.raises(TypeError, match="float32, got float64"):
        f(np.ones((2, 2)))
    down = theano.function([x], x * 2, allow_input_downcast=True)
    assert down(np.ones((2, 2)))[0, 0] == 2
    i = T.ivector("i")
    g = theano.function([i], i + 1)
    assert g(np.array([1], np.int16)).dtype == np.int32
    for wrong in (np.array([1.5]), np.array([1], np.int64)):
        with pytest.raises(TypeError):
            g(wrong)
    s = T.iscalar("s")
    h = theano.function([s], s)
    assert h(7) == 7
    with pytest.raises(TypeError):
        h(1.5)
    with pytest.raises(TypeError):
        h(2**40)
    config.cast_inputs = False
    strict = theano.function([x], x * 2)
    with pytest.raises(TypeError, match="casting of inputs is off"):
        strict(np.ones((2, 2), np.int64))


def test_defaults():
    x, y, w = T.dscalars("x", "y", "w")
    f = theano.function([x, theano.In(y, value=1), theano.In(w, value=2, name="weight")], (x + y) * w)
    assert f(33) == 68 and f(33, 2) == 70 and f(33, 0, 1) == 33
    assert f(33, weight=1) == 34 and f(33, weight=1, y=0) == 33
    state = theano.shared(10.0, "state")
    g = theano.function([x, theano.In(y, value=state)], x + y)
    assert g(1) == 11
    state.set_value(20.0)
    assert g(1) == 21 and g(1, 2) == 3


def test_updates_see_the_values_from_before():
    a, b = theano.shared(1.0, "a"), theano.shared(2.0, "b")
    step = theano.function([], [a + b], updates={a: b, b: a + b})
    assert step()[0] == 3
    assert (a.get_value(), b.get_value()) == (2, 3)
    assert step()[0] == 5
    assert (a.get_value(), b.get_value()) == (3, 5)


def test_ordered_updates():
    a, b = theano.shared(1.0, "a"), theano.shared(2.0, "b")
    updates = OrderedUpdates({a: a + 1})
    more = OrderedUpdates([(b, b * 2)])
    joined = updates + more
    assert list(joined) == [a, b]
    theano.function([], updates=joined)()
    assert (a.get_value(), b.get_value()) == (2, 4)
    with pytest.raises(KeyError):
        updates + updates
    with pytest.raises(TypeError):
        updates["x"] = 1


def test_givens():
    x, y = T.dvectors("x y")
    data = theano.shared(np.arange(6.0), "data")
    f = theano.function([y], (x * y).sum(), givens={x: data})
    assert f(np.ones(6)) == 15
    h = theano.function([x], x + data, givens={data: np.full(6, 2.0)})
    assert (h(np.ones(6)) == 3).all()


def test_unused_inputs():
    x, y = T.dscalars("x y")
    with pytest.raises(ValueError, match="'y'"):
        theano.function([x, y], x)
    with pytest.warns(UserWarning, match="'y'"):
        theano.function([x, y], x, on_unused_input="warn")
    assert theano.function([x, y], x, on_unused_input="ignore")(1, 2) == 1
    with pytest.raises(ValueError):
        theano.function([x, y], x, on_unused_input="maybe")


def test_shared():
    w = theano.shared(np.zeros((2, 3), np.float32), name="w")
    assert w.name == "w" and w.dtype == "float32" and w.ndim == 2 and w.dims == (2, 3)
    value = w.get_value()
    value += 1
    assert w.get_value().sum() == 0, "a copy"
    w.set_value(value)
    value += 1
    assert w.get_value().sum() == 6, "copied"
    with pytest.raises(ValueError):
        w.set_value(np.zeros((3, 2), np.float32))
    with pytest.raises(TypeError):
        w.set_value(np.zeros((2, 3)))
    with pytest.raises(NotImplementedError):
        theano.shared(1.0, target="dev0")
    assert theano.shared(np.zeros(3), borrow=True).get_value(borrow=True).shape == (3,)


def test_states_change_together_or_not():
    w = theano.shared(np.arange(4.0), "w")
    i = T.lvector("i")
    f = theano.function([i], w[i], updates=[(w, w + 1)])
    with pytest.raises(IndexError):
        f([4])
    assert (w.get_value() == np.arange(4.0)).all()
    f([3])
    assert (w.get_value() == np.arange(4.0) + 1).all()


def test_eval():
    x = T.dvector("x")
    y = (x * 2).sum()
    assert y.eval({x: [1.0, 2.0]}) == 6
    assert y.eval({x: [1.0, 2.0, 3.0]}) == 12
    assert theano.shared(3.0).eval() == 3
    assert T.arange(3).sum().eval() == 3


def test_config(config):
    assert config.floatX == "float64"
    config.floatX = "float32"
    assert T.matrix().dtype == "float32" and T.zeros((2,)).dtype == "float32"
    assert T.matrix(dtype="int8").dtype == "int8"
    with pytest.raises(AttributeError, match="no_such_key"):
        config.no_such_key
    with pytest.raises(AttributeError):
        config.no_such_key = 1
    with pytest.raises(ValueError, match="float64"):
        config.floatX = "int8"
    assert config.floatX == "float32"
    config.profile_memory = True
    assert config.profile_memory is True
    assert "floatX" in dir(config)


def test_constructors():
    assert T.bscalar("s").dtype == "int8" and T.wvector().dtype == "int16"
    assert T.imatrix("m").ndim == 2 and T.ltensor3().ndim == 3 and T.ftensor4().dtype == "float32"
    assert T.row().dims[0] == 1 and T.col().broadcastable == (False, True)
    assert T.scalar().name is None and T.scalar("s").name == "s"
    assert [v.name for v in T.matrices("a b c")] == ["a", "b", "c"]
    kind = T.TensorType("int32", (False, True, False))
    assert kind("t").broadcastable == (False, True, False) and kind.ndim == 3
    fixed = T.matrix("fixed", shape=("batch", 64))
    assert fixed.dims == ("batch", 64)
    with pytest.raises(ValueError):
        T.vector(shape=(1, 2))
    with pytest.raises(TypeError):
        T.fvector(dtype="float64")


def test_equal_symbols_are_equal_extents():
    a, b = T.dmatrix("a", shape=("n", 2)), T.dvector("b", shape=("n",))
    f = theano.function([a, b], [a.sum(), b.sum()])
    f(np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError):
        f(np.ones((3, 2)), np.ones(4))


def test_rows_and_columns_broadcast():
    r, c = T.row("r"), T.col("c")
    f = theano.function([r, c], r + c)
    assert f(np.ones((1, 3)), np.ones((2, 1))).shape == (2, 3)


def test_symbolic_shapes():
    x = T.dtensor3("x")
    n = x.shape[0]
    f = theano.function([x], [x.reshape((n, -1)), x.shape, x.flatten(2), T.zeros((n, 2)), x.size, T.prod(x.shape)])
    flat, shape, again, zeros, size, product = f(np.ones((2, 3, 4)))
    assert flat.shape == again.shape == (2, 12) and zeros.shape == (2, 2)
    assert (shape == [2, 3, 4]).all() and shape.dtype == np.int64 and size == product == 24
    g = theano.function([x], x[: n // 2].sum() + T.arange(n)[-1] + T.tile(x, (2, 1, 1)).shape[0])
    assert g(np.ones((4, 1, 1))) == 2 + 3 + 8


def test_names_and_identity():
    x = T.dmatrix("x")
    y = x + 1
    assert y.name is None
    y.name = "y"
    assert y.name == "y" and repr(y) == "y"
    assert (x == x) is True and (x == y) is False and len({x, y, x}) == 2
    with pytest.raises(TypeError):
        bool(x)
    with pytest.raises(TypeError):
        len(x)
    x.tag.anything = 5
    assert x.tag.anything == 5
    with pytest.raises(AttributeError):
        x.tag.nothing


def test_names_given_late():
    x, w = T.dvector(), theano.shared(np.ones(3))
    h = T.tanh(x * w)
    y = h.sum()
    assert x.name is None and w.name is None
    x.name, w.name, h.name = "words", "weights", "hidden"
    assert (x.name, w.name, h.name) == ("words", "weights", "hidden")
    text = theano.printing.debugprint(y, file="str")
    assert "|words" in text and "|weights" in text and "'hidden'" in text
    f = theano.function([x], y, updates=[(w, w + 1)])
    assert f.input_names == ["words"] and f(words=np.zeros(3)) == 0
    assert "'hidden'" in theano.printing.debugprint(f, file="str")
    seen = []
    f.watch("hidden", seen.append)
    f(np.zeros(3))
    assert seen[0].value.tolist() == [0, 0, 0]
    h.name = "other"
    assert "'hidden'" in theano.printing.debugprint(f, file="str"), "what is compiled keeps its names"
    x.name = None
    assert x.name is None
    assert theano.function([x], y)(np.zeros(3)) == 0
    h.name = None
    assert h.name is None and "'other'" not in theano.printing.debugprint(y, file="str")
    # Outputs of one scan are one node, and named apart.
    (a, b), _ = theano.scan(lambda e: (e + 1, e * 2), sequences=x)
    a.name, b.name = "a", "b"
    assert (a.name, b.name) == ("a", "b")


def test_export_and_load(tmp_path):
    x, rate = T.dvector("x"), T.dscalar("rate")
    w = theano.shared(np.arange(3.0), "w")
    step = theano.function([x, rate], (w * x).sum() * rate, updates=[(w, w + 1)], name="step")
    assert step([1.0, 1.0, 1.0], 2) == 6
    path = tmp_path / "step.oriel"
    step.export(path)
    loaded = theano.Function.load(path, defaults={"rate": 10.0})
    assert loaded.name == "step" and loaded.input_names == ["x", "rate"]
    assert loaded.compile_info.source == "file"
    assert loaded([1.0, 1.0, 1.0]) == 60 and loaded([1, 1, 1], rate=1) == 9
    assert w.get_value().tolist() == [1, 2, 3], "its states are its own"
    (own,) = loaded.get_shared()
    assert own.name == "w" and own.get_value().tolist() == [3, 4, 5]
    own.set_value(np.zeros(3))
    assert loaded([1.0, 1.0, 1.0]) == 0
    with pytest.raises(TypeError):
        loaded(["a"])
    with pytest.raises(KeyError):
        theano.Function.load(tmp_path / "none.oriel")
    (tmp_path / "damaged.oriel").write_bytes(path.read_bytes()[:1000])
    with pytest.raises((OSError, ValueError), match="damaged.oriel"):
        theano.Function.load(tmp_path / "damaged.oriel")
    with pytest.raises(TypeError):
        theano.Function.load(path, defaults={"rate": 1j})
    with pytest.raises(KeyError, match="speed"):
        theano.Function.load(path, defaults={"speed": 1})
    assert theano.Function.load(path, defaults={"rate": np.float32(2)})([1, 1, 1]) == 12
    pair = theano.function([x], [x + 1, x.sum()])
    pair.export(tmp_path / "pair.oriel")
    assert isinstance(theano.Function.load(tmp_path / "pair.oriel")([1.0]), list)


def test_logsoftmax():
    x = T.dmatrix("x")
    f = theano.function([x], [T.nnet.logsoftmax(x), T.nnet.log_softmax(x)])
    a, b = f([[1.0, 2.0], [0.0, -1000.0]])
    assert (a == b).all() and np.allclose(np.exp(a).sum(axis=1), 1)


def test_strict_dtypes(config):
    x, y, i = T.fvector("x"), T.dvector("y"), T.ivector("i")
    assert (x + y).dtype == "float64"
    config.strict_dtypes = True
    for wrong in (lambda: x + y, lambda: x * i, lambda: i * 1.5, lambda: x * np.float64(2), lambda: T.concatenate([x, y])):
        with pytest.raises(TypeError, match=r"test_api\.py:\d+: .*strict_dtypes"):
            wrong()
    assert (x * 2.5 + 1).dtype == "float32" and (i + 1).dtype == "int32"
    assert (x + T.cast(y, "float32")).dtype == "float32"
    config.strict_dtypes = False
    assert (x * i).dtype == "float64"


def test_numpy_gives_way():
    x = T.dvector("x")
    for expression in (np.ones(3) + x, np.float64(2) * x, np.arange(3) < x, np.ones((2, 3)) @ x):
        assert isinstance(expression, oriel.TensorVariable)
    assert theano.function([x], np.ones(3) - x)([1.0, 1.0, 1.0]).sum() == 0


def test_weak_scalars_and_strong_arrays():
    x, i = T.fvector("x"), T.bvector("i")
    assert (x * 2.5).dtype == "float32" and (x + 1).dtype == "float32"
    assert (x * np.float64(2.5)).dtype == "float64"
    assert (i + 1).dtype == "int8" and (i * 1.0).dtype == "float64" and (i + np.int64(1)).dtype == "int64"
    with pytest.raises(ValueError, match="out of bounds"):
        i + 1000


def test_errors_name_the_line():
    x = T.dmatrix("x", shape=(2, 3))
    with pytest.raises(ValueError, match=r"test_api\.py:\d+: .*\(2, 3\)"):
        x + np.ones(4)
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError):
        x[1.5]
    with pytest.raises(NotImplementedError):
        T.ivector() & 3


def test_profile_and_memory():
    x = T.dmatrix("x")
    f = theano.function([x], T.exp(x).sum(axis=1), name="rows")
    f(np.ones((10, 10)))
    assert f.profile.calls == 1 and "rows" in f.profile.text()
    assert any(n.where().startswith("test_api.py:") for row in f.profile.rows for n in row.nodes)
    assert f.memory.planned_peak > 0 and f.memory.buffers
    assert f.compile_info.source in ("compiled", "program cache") and f.compile_info.kernels >= 1
    import io

    stream = io.StringIO()
    f.profile.summary(file=stream)
    assert "Apply" in stream.getvalue()
    f.reset_profile()
    assert f.profile.calls == 0


def test_compile_report():
    import json

    x = T.dmatrix("x")
    y = T.exp(x)
    y.name = "y"
    f = theano.function([x], [y, y.sum(axis=1)], name="rows")
    r = f.compile_report
    assert r.source in ("compiled", "program cache")
    assert sum(ns for _, ns in r.phases) == r.total_ns > 0
    assert {"parse", "fused", "codegen"} <= {phase for phase, _ in r.made_phases}
    all_of_it = json.loads(r.json())
    assert abs(sum(node["ns"] for node in all_of_it["nodes"]) - r.made_ns) <= len(all_of_it["nodes"])
    (row,) = [node for node in all_of_it["nodes"] if node["name"] == "y"]
    assert row["code_bytes"] > 0 and row["file"].endswith("test_api.py")
    assert "exp 'y' at test_api.py:" in r.text()


def test_profile_of_a_scatter():
    x, i, u = T.vector("x", dtype="float32"), T.lvector("i"), T.vector("u", dtype="float32")
    f = theano.function([x, i, u], T.inc_subtensor(x[i], u))
    f(np.zeros(10, "float32"), np.full(4096, 3), np.ones(4096, "float32"))
    (use,) = [row.scatter for row in f.profile.rows if row.scatter is not None]
    assert use.strategy == "serial" and use.reason
    assert use.updates == use.combined == use.longest_run == 4096 and use.contention == 1
    assert '"scatter"' in f.profile.json()


def test_dry_run():
    x = T.fmatrix("x", shape=("batch", 100))
    w = theano.shared(np.zeros((100, 100), np.float32), "w")
    f = theano.function([x], T.dot(x, w))
    assert f.plan_memory({"batch": 1000}).planned_peak >= 1000 * 100 * 4 * 2
    fits = f.largest_that_fits("batch", limit=1_000_000)
    assert 0 < fits < 1_000_000 / 400


def test_trim():
    x = T.fvector("x")
    f = theano.function([x], T.sort(T.exp(x)))
    data = np.linspace(0, 1, 1_000_000, dtype=np.float32)
    first = f(data)
    assert f.memory.kept_bytes > 0
    assert f.memory.arena_live <= f.memory.arena_bytes
    assert f.trim() > 0
    assert f.memory.kept_bytes == 0
    np.testing.assert_array_equal(f(data), first)
    assert theano.trim_memory() > 0
    assert f.memory.kept_bytes == 0


def test_zero_copy_in():
    x = T.dvector("x")
    f = theano.function([x], x.sum())
    data = np.arange(10.0)
    for array in (data, data[::2], data[::-1], np.broadcast_to(data[3], (7,)), data[:0]):
        assert f(array) == array.sum()
    data.flags.writeable = False
    assert f(data) == 45
    swapped = np.arange(3.0).astype(">f8")
    assert f(swapped) == 3
    unaligned = np.zeros(25, np.uint8)[1:].view(np.float64)
    assert f(unaligned) == 0


def test_arrays_are_not_held():
    x = T.dvector("x")
    f = theano.function([x], x * 2)
    class Array(np.ndarray):
        pass
    data = np.ones(1000).view(Array)
    alive = weakref.ref(data)
    out = f(data)
    del data
    gc.collect()
    assert alive() is None and out.sum() == 2000


def test_dlpack():
    a = np.arange(6.0).reshape(2, 3)
    t = oriel.from_dlpack(a)
    assert t.shape == (2, 3) and t.dtype == "float64"
    b = np.from_dlpack(t)
    a[0, 0] = 42
    assert b[0, 0] == 42 and np.shares_memory(a, b), "one memory"
    assert np.asarray(t).sum() == b.sum()
    x = T.dmatrix("x")
    assert theano.function([x], x.sum())(t) == a.sum()
    capsule = t.__dlpack__()
    again = oriel.from_dlpack(capsule)
    with pytest.raises(Exception):
        oriel.from_dlpack(capsule)
    assert np.shares_memory(np.asarray(again), a)


def test_clone():
    x, y = T.dscalars("x y")
    z = x * 2 + 1
    w = theano.clone(z, replace={x: y + 1})
    assert theano.function([y], w)(1) == 5


def test_as_tensor_variable():
    x = T.dscalar("x")
    v = T.as_tensor_variable([x, x * 2, 3.0])
    assert theano.function([x], v)(1).tolist() == [1, 2, 3]
    assert T.as_tensor_variable(x) is x
    assert T.constant([1, 2], dtype="int8").dtype == "int8"
    assert collections.Counter(T.stack([x, x]).dims)[2] == 1
