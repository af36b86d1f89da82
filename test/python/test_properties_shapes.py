"""Reductions, shapes, indexing, products: equal NumPy's on generated arrays."""
import numpy as np
import pytest
from hypothesis import given, strategies as st

from arrays import DTYPES, FLOATS, INTEGERS, LAYOUTS, an_array, extents, laid_out, values
from conftest import CASES
from comparing import close, compare, compiled
from oriel import tensor as T

SUM = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-2}


def numpy_sum(name, a, axis, keepdims):
    """Sums of float16 accumulate wider here than in NumPy: compare with float64."""
    if a.dtype == np.float16:
        return getattr(np, name)(a.astype(np.float64), axis=axis, keepdims=keepdims).astype(np.float16)
    return getattr(np, name)(a, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_reductions(dtype, data):
    rank = data.draw(st.integers(1, 3))
    axis = data.draw(st.sampled_from([None, 0, -1, tuple(range(rank))]))
    keepdims = data.draw(st.booleans())
    names = ["sum", "any", "all", "max", "min", "argmax", "argmin", "ptp"]
    if dtype == "bool":
        names.remove("ptp")
    if dtype in FLOATS:
        names += ["mean", "var", "std"]
    elif dtype in INTEGERS:
        names += ["prod", "mean"]

    def make():
        x = T.TensorType(dtype, (False,) * rank)("x")
        outputs = {}
        for name in names:
            if name.startswith("arg") and isinstance(axis, tuple):
                continue
            outputs[name] = getattr(x, name)(axis=axis, keepdims=keepdims)
        return [x], outputs

    f = compiled(("reduce", dtype, rank, axis, keepdims), make)
    shape = tuple(max(1, n) for n in data.draw(extents(rank)))
    a = data.draw(an_array(shape, dtype, ordinary=dtype in FLOATS))
    got = f(a)
    with np.errstate(all="ignore"):
        for name in got:
            if name in ("sum", "mean", "var", "std") and dtype in FLOATS:
                close(name, dtype, got[name], numpy_sum(name, a, axis, keepdims), SUM[dtype])
            elif name == "ptp":
                compare(name, dtype, got[name], np.ptp(a, axis=axis, keepdims=keepdims))
            else:
                compare(name, dtype, got[name], getattr(np, name)(a, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@given(data=st.data())
def test_empty_sums(dtype, data):
    def make():
        x = T.matrix("x", dtype=dtype)
        return [x], {"sum": x.sum(axis=0), "prod": x.prod(axis=1), "total": x.sum(), "any": x.any(), "all": x.all()}

    f = compiled(("empty", dtype), make)
    shape = data.draw(st.sampled_from([(0, 3), (3, 0), (0, 0)]))
    a = np.zeros(shape, dtype)
    got = f(a)
    compare("sum", dtype, got["sum"], a.sum(axis=0))
    compare("prod", dtype, got["prod"], a.prod(axis=1))
    compare("sum", dtype, got["total"], a.sum())
    compare("any", dtype, got["any"], a.any())
    compare("all", dtype, got["all"], a.all())


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_moving(dtype, data):
    def make():
        x = T.tensor3("x", dtype=dtype)
        n = x.shape
        return [x], {
            "transpose": x.T,
            "dimshuffle": x.dimshuffle(2, "x", 0, 1),
            "swapaxes": x.swapaxes(0, 1),
            "reshape": x.reshape((n[2] * n[0], n[1])),
            "flatten": x.flatten(),
            "reverse": x[::-1, :, ::-1],
            "slice": x[1:, :-1, ::2],
            "newaxis": x[:, None],
            "tile": T.tile(x, (2, 1, 3)),
            "repeat": T.repeat(x, 2, axis=1),
            "roll": T.roll(x, 1, axis=2),
            "stack": T.stack([x, x], axis=1),
            "concatenate": T.concatenate([x, x[:, :1]], axis=1),
            "moveaxis": T.moveaxis(x, 0, 2),
            "tril": T.tril(x),
            "triu": T.triu(x, 1),
        }

    f = compiled(("moving", dtype), make)
    a = data.draw(an_array(data.draw(extents(3)), dtype))
    got = f(a)
    n = a.shape
    for name, expected in {
        "transpose": a.T,
        "dimshuffle": a.transpose(2, 0, 1)[:, None],
        "swapaxes": a.swapaxes(0, 1),
        "reshape": a.reshape(n[2] * n[0], n[1]),
        "flatten": a.ravel(),
        "reverse": a[::-1, :, ::-1],
        "slice": a[1:, :-1, ::2],
        "newaxis": a[:, None],
        "tile": np.tile(a, (2, 1, 3)),
        "repeat": np.repeat(a, 2, axis=1),
        "roll": np.roll(a, 1, axis=2),
        "stack": np.stack([a, a], axis=1),
        "concatenate": np.concatenate([a, a[:, :1]], axis=1),
        "moveaxis": np.moveaxis(a, 0, 2),
        "tril": np.tril(a),
        "triu": np.triu(a, 1),
    }.items():
        compare(name, dtype, got[name], expected)


# Index expressions, with i an integer vector and k an integer scalar.
READS = {
    "x[i]": lambda x, i, k: x[i],
    "x[i, i]": lambda x, i, k: x[i, i],
    "x[:, i]": lambda x, i, k: x[:, i],
    "x[i, 1:]": lambda x, i, k: x[i, 1:],
    "x[k]": lambda x, i, k: x[k],
    "x[:, k]": lambda x, i, k: x[:, k],
    "x[1]": lambda x, i, k: x[1],
    "x[-1, k]": lambda x, i, k: x[-1, k],
    "x[i, :, 0]": lambda x, i, k: x[i, :, 0],
    "x[0, :, i]": lambda x, i, k: x[0, :, i],
    "x[i[:, None], i]": lambda x, i, k: x[i[:, None], i],
    "x[..., i]": lambda x, i, k: x[..., i],
    "x[::2, None, i]": lambda x, i, k: x[::2, None, i],
    "x[1:3, ::-1, 1]": lambda x, i, k: x[1:3, ::-1, 1],
}


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_indexing(dtype, data):
    def make():
        x, i, k = T.tensor3("x", dtype=dtype), T.lvector("i"), T.lscalar("k")
        return [x, i, k], {name: read(x, i, k) for name, read in READS.items()}

    f = compiled(("index", dtype), make)
    shape = tuple(data.draw(st.integers(2, 4)) for _ in range(3))
    a = data.draw(an_array(shape, dtype))
    i = np.array(data.draw(st.lists(st.integers(-2, 1), max_size=4)), np.int64)
    k = np.int64(data.draw(st.integers(-2, 1)))
    got = f(a, i, k)
    for name, read in READS.items():
        compare(name, dtype, got[name], read(a, i, k))


WRITES = {
    "[i]": lambda i, k: np.s_[i],
    "[:, i]": lambda i, k: np.s_[:, i],
    "[i, 1:]": lambda i, k: np.s_[i, 1:],
    "[k]": lambda i, k: np.s_[k],
    "[:, k]": lambda i, k: np.s_[:, k],
    "[1:, k]": lambda i, k: np.s_[1:, k],
    "[::2]": lambda i, k: np.s_[::2],
    "[::-1, 1:]": lambda i, k: np.s_[::-1, 1:],
    "[:, :, -1]": lambda i, k: np.s_[:, :, -1],
    "[i, :, 0]": lambda i, k: np.s_[i, :, 0],
    "[0, :, i]": lambda i, k: np.s_[0, :, i],
    "[i, i]": lambda i, k: np.s_[i, i],
    "[1:, None, i]": lambda i, k: np.s_[1:, None, i],
    "[...]": lambda i, k: np.s_[...],
    "[1, 0:1, i]": lambda i, k: np.s_[1, 0:1, i],
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8"])
@pytest.mark.parametrize("name", sorted(WRITES))
@given(data=st.data())
def test_set_and_inc(dtype, name, data):
    write = WRITES[name]

    def make():
        x, i, k, v = T.tensor3("x", dtype=dtype), T.lvector("i"), T.lscalar("k"), T.scalar("v", dtype=dtype)
        part = x[write(i, k)]
        return [x, i, k, v], {
            "set": T.set_subtensor(part, v),
            "inc": T.inc_subtensor(part, v),
            "row": T.inc_subtensor(part, part * 2),
        }

    f = compiled(("write", dtype, name), make)
    shape = tuple(data.draw(st.integers(2, 4)) for _ in range(3))
    a = np.array(data.draw(an_array(shape, dtype, ordinary=True)))
    i = np.array(data.draw(st.lists(st.integers(-2, 1), max_size=4)), np.int64)
    k, v = np.int64(data.draw(st.integers(-2, 1))), np.dtype(dtype).type(3)
    got = f(a, i, k, v)
    index = write(i, k)
    expected = a.copy()
    expected[index] = v
    compare(f"set x{name}", dtype, got["set"], expected)
    expected = a.copy()
    np.add.at(expected, index, v)
    compare(f"inc x{name}", dtype, got["inc"], expected, False, 1e-5)
    expected = a.copy()
    np.add.at(expected, index, (a[index] * 2).astype(dtype))
    compare(f"inc x{name}", dtype, got["row"], expected, False, 1e-5)


@pytest.mark.parametrize("mask_type", ["bool", "int8"])
@given(data=st.data())
def test_masks(mask_type, data):
    def make():
        x, m = T.dmatrix("x"), T.matrix("m", dtype=mask_type)
        r = T.TensorType(mask_type, (False,))("r")
        return [x, m, r], {
            "set": T.set_subtensor(x[m.nonzero()], 7),
            "inc": T.inc_subtensor(x[m.nonzero()], 1.5),
            "rows": T.set_subtensor(x[r.nonzero()], x[0] * 2),
            "mask": T.set_subtensor(x[m if mask_type == "bool" else T.neq(m, 0)], -1),
        }

    f = compiled(("mask", mask_type), make)
    shape = (data.draw(st.integers(1, 4)), data.draw(st.integers(0, 4)))
    a = np.array(data.draw(an_array(shape, "float64", ordinary=True)))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    m, r = values(rng, shape, mask_type), values(rng, shape[:1], mask_type)
    got = f(a, m, r)
    for name, where, value in (("set", m, 7), ("rows", r, a[0] * 2), ("mask", m, -1)):
        expected = a.copy()
        expected[where.nonzero()] = value
        compare(f"{name} by mask", mask_type, got[name], expected)
    expected = a.copy()
    expected[m.nonzero()] += 1.5
    compare("inc by mask", mask_type, got["inc"], expected)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_products(dtype, data):
    def make():
        a, b = T.matrix("a", dtype=dtype), T.matrix("b", dtype=dtype)
        v, w = T.vector("v", dtype=dtype), T.vector("w", dtype=dtype)
        t, u = T.tensor3("t", dtype=dtype), T.tensor3("u", dtype=dtype)
        return [a, b, v, w, t, u], {
            "dot": T.dot(a, b),
            "dot mv": T.dot(a, v),
            "dot vv": T.dot(v, w),
            "matmul": t @ u,
            "outer": T.outer(v, w),
            "tensordot": T.tensordot(t, b, 1),
        }

    f = compiled(("products", dtype), make)
    m, k, n, batch = data.draw(extents(4))
    shapes = [(m, k), (k, n), (k,), (k,), (batch, m, k), (batch, k, n)]
    a, b, v, w, t, u = (data.draw(an_array(shape, dtype, ordinary=True)) for shape in shapes)
    got = f(a, b, v, w, t, u)

    def wide(x):
        return x.astype(np.float64) if dtype in FLOATS else x

    for name, expected in {
        "dot": np.dot(wide(a), wide(b)),
        "dot mv": np.dot(wide(a), wide(v)),
        "dot vv": np.dot(wide(v), wide(w)),
        "matmul": np.matmul(wide(t), wide(u)),
        "outer": np.outer(v, w),
        "tensordot": np.tensordot(wide(t), wide(b), 1),
    }.items():
        expected = np.asarray(expected).astype(dtype)
        if dtype in FLOATS:
            close(name, dtype, got[name], expected, SUM[dtype])
        else:
            compare(name, dtype, got[name], expected)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_products_with_a_vector(dtype, data):
    def make():
        a, v, w = T.matrix("a", dtype=dtype), T.vector("v", dtype=dtype), T.vector("w", dtype=dtype)
        t = T.tensor3("t", dtype=dtype)
        return [a, v, w, t], {
            "mv": T.dot(a, v),
            "vT": T.dot(v, a.T),
            "vm": T.dot(w, a),
            "Tv": T.dot(a.T, w),
            "vv": T.dot(v, v),
            "batch": t @ v,
        }

    f = compiled(("products with a vector", dtype), make)
    m, n, batch = data.draw(extents(3, most=20))
    k = data.draw(st.sampled_from([0, 1, 7, 31, 32, 33, 64, 100, 257, 1000, 4096, 4100, 9001]))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    layouts = st.sampled_from(LAYOUTS)
    unit = np.dtype(dtype).type(0.25 if dtype in FLOATS else 1)  # long sums of float16 must not overflow
    a, v, w, t = (
        laid_out(values(rng, shape, dtype, ordinary=True) * unit, data.draw(layouts))
        for shape in [(m, k), (k,), (m,), (batch, n, k)]
    )
    got = f(a, v, w, t)

    def wide(x):
        return x.astype(np.float64) if dtype in FLOATS else x

    for name, left, right in [("mv", a, v), ("vT", v, a.T), ("vm", w, a), ("Tv", a.T, w), ("vv", v, v), ("batch", t, v)]:
        expected = np.asarray(np.matmul(wide(left), wide(right)))
        if dtype in FLOATS:
            # Roundings of the sum, of the terms' magnitudes; of the result in float16.
            eps = np.finfo("float32" if dtype == "float16" else dtype).eps
            terms = np.asarray(np.matmul(np.abs(wide(left)), np.abs(wide(right))))
            limit = 64 * eps * terms + 2 * np.finfo(dtype).eps * np.abs(expected) + np.finfo(dtype).tiny
            assert got[name].shape == expected.shape and got[name].dtype == dtype
            assert np.all(np.abs(got[name].astype(np.float64) - expected) <= limit), (name, m, n, k)
            CASES[f"product {name}", dtype] += 1
        else:
            compare(f"product {name}", dtype, got[name], expected.astype(dtype))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(data=st.data())
def test_softmax(dtype, data):
    def make():
        x = T.matrix("x", dtype=dtype)
        return [x], {"softmax": T.nnet.softmax(x), "log_softmax": T.nnet.log_softmax(x, axis=0),
                     "logsumexp": T.logsumexp(x, axis=1)}

    f = compiled(("softmax", dtype), make)
    shape = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6)))
    a = data.draw(an_array(shape, dtype, ordinary=True)) * np.dtype(dtype).type(100)
    got = f(a)
    wide = a.astype(np.float64)
    shifted = np.exp(wide - wide.max(axis=1, keepdims=True))
    limit = 1e-11 if dtype == "float64" else 1e-4
    compare("softmax", dtype, got["softmax"], (shifted / shifted.sum(axis=1, keepdims=True)).astype(dtype), False, limit)
    top = wide.max(axis=0)
    expected = wide - top - np.log(np.exp(wide - top).sum(axis=0))
    close("log_softmax", dtype, got["log_softmax"], expected.astype(dtype), limit)
    top = wide.max(axis=1)
    compare("logsumexp", dtype, got["logsumexp"],
            (top + np.log(np.exp(wide - top[:, None]).sum(axis=1))).astype(dtype), False, limit)


def test_making():
    n = T.dvector("n")
    f = compiled(("making",), lambda: ([n], {
        "eye": T.eye(3, 4, 1), "identity": T.identity_like(T.outer(n, n)), "arange": T.arange(2, 11, 3),
        "arange float": T.arange(0.0, 1.0, 0.1), "down": T.arange(5, 0, -2), "none": T.arange(3, 1),
        "zeros": T.zeros((2, n.shape[0]), "int8"), "full": T.full((2, 2), 3.5), "diag": T.diag(n),
        "lower": T.diag(n, -1), "diagonal": T.diagonal(T.outer(n, n), 1), "trace": T.trace(T.outer(n, n)),
    }))
    a = np.array([1.0, 2.0, 3.0])
    got = f(a)
    for name, expected in {
        "eye": np.eye(3, 4, 1), "identity": np.eye(3), "arange": np.arange(2, 11, 3),
        "arange float": np.arange(0.0, 1.0, 0.1), "down": np.arange(5, 0, -2), "none": np.arange(3, 1),
        "zeros": np.zeros((2, 3), "int8"), "full": np.full((2, 2), 3.5), "diag": np.diag(a),
        "lower": np.diag(a, -1), "diagonal": np.diagonal(np.outer(a, a), 1), "trace": np.trace(np.outer(a, a)),
    }.items():
        compare(name, "float64", got[name], expected)
