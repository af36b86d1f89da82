"""Constant weights of a product are packed once, by the first call."""
import numpy as np
import pytest

import oriel
import oriel.tensor as T


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_with_constant_weights(dtype, transposed):
    rng = np.random.default_rng(1)
    w = rng.integers(-9, 9, (96, 64) if transposed else (64, 96)).astype(dtype)
    x = T.matrix("x", dtype=dtype)
    c = T.constant(w)
    wide = "int32" if dtype == "int8" else dtype
    a, b = T.cast(x, wide), T.cast(c.T if transposed else c, wide)
    f = oriel.function([x], T.dot(a, b))
    for rows in (1, 2, 9, 150, 9):
        v = rng.integers(-9, 9, (rows, 64)).astype(dtype)
        expected = v.astype(wide) @ (w.T if transposed else w).astype(wide)
        np.testing.assert_array_equal(f(v), expected)  # small integers: exact in every type
    assert "is packed once and kept: " in f.explain_fusion()


def test_why_they_are_not():
    x = T.matrix("x", dtype="float32")
    f = oriel.function([x], T.dot(x, T.constant(np.ones((64, 2), "float32"))))
    assert "more than 2 times the constant's 512" in f.explain_fusion()
    np.testing.assert_array_equal(f(np.ones((3, 64), "float32")), np.full((3, 2), 64, "float32"))
