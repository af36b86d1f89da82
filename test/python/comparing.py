"""Functions of Oriel compared with NumPy's, compiled once a type."""
import numpy as np

import oriel
from conftest import CASES

# Largest relative error of functions computed by polynomials, per result type.
RELATIVE = {"float64": 1e-13, "float32": 2e-6, "float16": 4e-3}
_functions = {}


def compiled(key, make):
    """The function that `make` states, compiled once; it must have been."""
    if key not in _functions:
        inputs, outputs = make()
        f = oriel.function(inputs, outputs, on_unused_input="ignore", name=str(key[0]))
        assert f.compile_info.source in ("compiled", "program cache"), f.compile_info.source
        assert f.compile_info.kernels >= 1, "no kernel was compiled"
        _functions[key] = f
    return _functions[key]


def compare(op, dtype, got, expected, exact=True, tolerance=None):
    """Equal shape, dtype and values; floats to the bit but for NaNs and zeros' signs."""
    expected = np.asarray(expected)
    where = f"{op} of {dtype}"
    assert got.shape == expected.shape, f"{where}: shape {got.shape}, NumPy has {expected.shape}"
    assert got.dtype == expected.dtype, f"{where}: {got.dtype}, NumPy has {expected.dtype}"
    if exact or got.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected, err_msg=where)
    else:
        limit = tolerance or RELATIVE[got.dtype.name]
        tiny = float(np.finfo(got.dtype).tiny)
        np.testing.assert_allclose(
            got.astype(np.float64), expected.astype(np.float64), rtol=limit, atol=tiny, err_msg=where
        )
    CASES[op, dtype] += 1


def close(op, dtype, got, expected, limit):
    """Sums, whose terms may cancel: within `limit` of the magnitudes that test data has."""
    where = f"{op} of {dtype}"
    assert got.shape == expected.shape and got.dtype == expected.dtype, where
    np.testing.assert_allclose(
        got.astype(np.float64), expected.astype(np.float64), rtol=limit, atol=limit * 100, err_msg=where
    )
    CASES[op, dtype] += 1
