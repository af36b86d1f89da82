"""Elementwise ops equal NumPy's on generated arrays."""
import numpy as np
import pytest
from hypothesis import given, strategies as st

from arrays import DTYPES, FLOATS, an_array, extents
from comparing import compare, compiled
from oriel import tensor as T


def inputs(dtype, *ranks):
    return [T.TensorType(dtype, (False,) * rank)("abc"[i]) for i, rank in enumerate(ranks)]


# name -> (Oriel, NumPy, exact)
ANY_UNARY = {
    "abs": (T.abs, np.abs, True),
    "floor": (T.floor, lambda x: np.floor(x).astype(x.dtype), True),
    "ceil": (T.ceil, lambda x: np.ceil(x).astype(x.dtype), True),
    "round": (T.round, lambda x: np.round(x) if x.dtype != bool else x, True),
    "logical_not": (T.logical_not, np.logical_not, True),
    "isnan": (T.isnan, np.isnan, True),
    "isinf": (T.isinf, np.isinf, True),
    "zeros_like": (T.zeros_like, np.zeros_like, True),
    "ones_like": (T.ones_like, np.ones_like, True),
    "cast_float64": (lambda x: T.cast(x, "float64"), lambda x: x.astype("float64"), True),
    "cast_bool": (lambda x: T.cast(x, "bool"), lambda x: x.astype("bool"), True),
    "sqr": (T.sqr, lambda x: x * x, True),
}
NUMBER_UNARY = {
    "neg": (T.neg, np.negative, True),
    "sign": (T.sgn, np.sign, True),
}
FLOAT_UNARY = {
    "exp": (T.exp, np.exp, False),
    "expm1": (T.expm1, np.expm1, False),
    "log": (T.log, np.log, False),
    "log1p": (T.log1p, np.log1p, False),
    "log2": (T.log2, np.log2, False),
    "log10": (T.log10, np.log10, False),
    "exp2": (T.exp2, np.exp2, False),
    "sqrt": (T.sqrt, np.sqrt, True),
    "sin": (T.sin, np.sin, False),
    "cos": (T.cos, np.cos, False),
    "tan": (T.tan, np.tan, False),
    "sinh": (T.sinh, np.sinh, False),
    "cosh": (T.cosh, np.cosh, False),
    "tanh": (T.tanh, np.tanh, False),
    "rsqrt": (T.rsqrt, lambda x: 1 / np.sqrt(x), False),
    "inv": (T.inv, np.reciprocal, True),
    "sigmoid": (T.nnet.sigmoid, lambda x: 1 / (1 + np.exp(-x.astype("float64"))), False),
    "softplus": (T.nnet.softplus, lambda x: np.logaddexp(0, x.astype("float64")), False),
    "relu": (T.nnet.relu, lambda x: np.maximum(x, 0), True),
}
ANY_BINARY = {
    "add": (T.add, np.add, True),
    "mul": (T.mul, np.multiply, True),
    "maximum": (T.maximum, np.maximum, True),
    "minimum": (T.minimum, np.minimum, True),
    "true_div": (T.true_div, np.true_divide, True),
    "eq": (T.eq, np.equal, True),
    "neq": (T.neq, np.not_equal, True),
    "lt": (T.lt, np.less, True),
    "le": (T.le, np.less_equal, True),
    "gt": (T.gt, np.greater, True),
    "ge": (T.ge, np.greater_equal, True),
    "logical_and": (T.and_, np.logical_and, True),
    "logical_or": (T.or_, np.logical_or, True),
    "logical_xor": (T.xor, np.logical_xor, True),
}
NUMBER_BINARY = {
    "sub": (T.sub, np.subtract, True),
    "floor_div": (T.floor_div, np.floor_divide, True),
    "mod": (T.mod, np.remainder, True),
}


def unary_table(dtype):
    table = dict(ANY_UNARY)
    if dtype != "bool":
        table |= NUMBER_UNARY
    if dtype in FLOATS:
        table |= FLOAT_UNARY
    return table


def binary_table(dtype):
    return ANY_BINARY | (NUMBER_BINARY if dtype != "bool" else {})


def narrowed(expected, dtype):
    """A reference computed in float64, in the type under test."""
    expected = np.asarray(expected)
    return expected.astype(dtype) if expected.dtype == np.float64 and dtype in FLOATS else expected


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_unary(dtype, data):
    rank = data.draw(st.integers(0, 3))
    table = unary_table(dtype)

    def make():
        (x,) = inputs(dtype, rank)
        return [x], {name: op(x) for name, (op, _, _) in table.items()}

    f = compiled(("unary", dtype, rank), make)
    a = data.draw(an_array(data.draw(extents(rank)), dtype))
    got = f(a)
    with np.errstate(all="ignore"):
        for name, (_, reference, exact) in table.items():
            expected = reference(a)
            if name not in ("cast_float64",):
                expected = narrowed(expected, dtype)
            compare(name, dtype, got[name], expected, exact)


PAIRS = {
    "equal shapes": lambda s: (s, s),
    "row": lambda s: (s, s[-1:]),
    "scalar": lambda s: ((), s),
}


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_binary(dtype, data):
    pair = data.draw(st.sampled_from(sorted(PAIRS)))
    shape = data.draw(extents(2))
    left, right = PAIRS[pair](shape)
    table = binary_table(dtype)

    def make():
        a, b = inputs(dtype, len(left), len(right))
        return [a, b], {name: op(a, b) for name, (op, _, _) in table.items()}

    f = compiled(("binary", dtype, len(left), len(right)), make)
    a, b = data.draw(an_array(left, dtype)), data.draw(an_array(right, dtype))
    got = f(a, b)
    with np.errstate(all="ignore"):
        for name, (_, reference, exact) in table.items():
            compare(name, dtype, got[name], reference(a, b), exact)


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", DTYPES)
def test_promotion(left, right):
    a, b = T.vector("a", dtype=left), T.vector("b", dtype=right)
    assert (a + b).dtype == np.promote_types(left, right).name
    assert T.maximum(a, b).dtype == np.promote_types(left, right).name
    assert T.switch(T.eq(a, a), a, b).dtype == np.promote_types(left, right).name


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_weak_scalars(dtype, data):
    def make():
        (x,) = inputs(dtype, 1)
        outputs = {"add one": x + 1, "times half": x * 0.5, "two over": 2 / x}
        if dtype != "bool":
            outputs["one less"] = 1 - x
        return [x], outputs

    f = compiled(("weak", dtype), make)
    a = data.draw(an_array(data.draw(extents(1)), dtype))
    got = f(a)
    with np.errstate(all="ignore"):
        compare("x + 1", dtype, got["add one"], a + 1)
        compare("x * 0.5", dtype, got["times half"], a * 0.5)
        compare("2 / x", dtype, got["two over"], 2 / a)
        if dtype != "bool":
            compare("1 - x", dtype, got["one less"], 1 - a)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_switch_and_clip(dtype, data):
    def make():
        c = T.TensorType("bool", (False,))("c")
        (x,) = inputs(dtype, 2)
        (low,) = [T.TensorType(dtype, (False,))("low")]
        return [c, x, low], {"switch": T.switch(c, x, low), "clip": T.clip(x, low, low + low)}

    f = compiled(("switch", dtype), make)
    shape = data.draw(extents(2))
    c = data.draw(an_array(shape[1:], "bool"))
    x, low = data.draw(an_array(shape, dtype)), data.draw(an_array(shape[1:], dtype))
    got = f(c, x, low)
    with np.errstate(all="ignore"):
        compare("switch", dtype, got["switch"], np.where(c, x, low))
        compare("clip", dtype, got["clip"], np.minimum(np.maximum(x, low), low + low))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(data=st.data())
def test_power(dtype, data):
    def make():
        a, b = inputs(dtype, 1, 1)
        return [a, b], {"pow": a**b, "square": a**2, "root": a**0.5, "logaddexp": T.logaddexp(a, b)}

    f = compiled(("power", dtype), make)
    shape = data.draw(extents(1))
    a, b = data.draw(an_array(shape, dtype)), data.draw(an_array(shape, dtype, ordinary=True))
    got = f(a, b)
    with np.errstate(all="ignore"):
        compare("pow", dtype, got["pow"], a**b, False, 1e-12 if dtype == "float64" else 1e-5)
        compare("pow 2", dtype, got["square"], a**2, False)
        compare("pow 0.5", dtype, got["root"], a**0.5, False)
        compare("logaddexp", dtype, got["logaddexp"], np.logaddexp(a, b), False, 1e-12 if dtype == "float64" else 1e-5)
