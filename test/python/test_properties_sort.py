"""Sorts: equal NumPy's on generated arrays."""
import numpy as np
import pytest
from hypothesis import given, strategies as st

import oriel
from arrays import DTYPES, an_array, extents
from comparing import compare, compiled
from oriel import tensor as T


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_sorts(dtype, data):
    rank = data.draw(st.integers(1, 3))
    axis = data.draw(st.sampled_from([None, *range(-rank, rank)]))

    def make():
        x = T.TensorType(dtype, (False,) * rank)("x")
        order = T.argsort(x, axis=axis)
        return [x], {
            "sort": x.sort(axis=axis),
            "argsort": order,
            "take_along_axis": T.take_along_axis(x.flatten() if axis is None else x, order, 0 if axis is None else axis),
        }

    f = compiled(("sort", dtype, rank, axis), make)
    # Rows on both sides of where the kernel changes its way.
    shape = data.draw(st.one_of(extents(rank), st.just((1,) * (rank - 1) + (700,)), st.just((300,) + (2,) * (rank - 1))))
    a = data.draw(an_array(shape, dtype))
    got = f(a)
    sorted_ = np.sort(a, axis=axis, kind="stable")
    compare("sort", dtype, got["sort"], sorted_)
    compare("argsort", dtype, got["argsort"], np.argsort(a, axis=axis, kind="stable"))
    compare("take_along_axis", dtype, got["take_along_axis"], sorted_)
    if sorted_.dtype.kind == "f":
        # Zeros keep their signs, in the order they had.
        np.testing.assert_array_equal(np.signbit(got["sort"][sorted_ == 0]), np.signbit(sorted_[sorted_ == 0]))


def test_arguments_as_numpys():
    x = T.dvector("x")
    data = np.array([3.0, 1.0, 2.0])
    for kind in ["quicksort", "mergesort", "heapsort", "stable", None]:
        f = oriel.function([x], [T.sort(x, -1, kind), x.argsort(kind=kind)])
        assert f(data)[0].tolist() == [1, 2, 3] and f(data)[1].tolist() == [1, 2, 0]
    assert oriel.function([x], T.sort(x, stable=True))(data).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="kind 'bogosort' is unknown"):
        T.sort(x, kind="bogosort")
    with pytest.raises(ValueError, match="arrays with fields"):
        T.argsort(x, order="f")
    with pytest.raises(ValueError, match="cannot both"):
        T.sort(x, kind="stable", stable=True)
    with pytest.raises(ValueError, match="axis 1 is out of range"):
        T.sort(x, axis=1)


def test_gradient_goes_back_to_where_an_element_came_from():
    x = T.dmatrix("x")
    weights = np.arange(6.0).reshape(2, 3)
    g = oriel.function([x], oriel.grad((T.sort(x, axis=1) * weights).sum(), x))
    data = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    expected = np.zeros((2, 3))
    np.put_along_axis(expected, np.argsort(data, axis=1), weights, axis=1)
    np.testing.assert_array_equal(g(data), expected)
