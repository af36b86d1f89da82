"""Arrays for property tests: shapes with zero and one extents, strides of every
kind, special values, every dtype."""
import numpy as np
from hypothesis import strategies as st

FLOATS = ["float64", "float32", "float16"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGERS = SIGNED + UNSIGNED
DTYPES = FLOATS + INTEGERS + ["bool"]

LAYOUTS = ["c", "fortran", "reversed", "every other", "repeated"]

SPECIAL = {
    "f": [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 2.0, -3.0, 1e-3, 100.0],
    "i": [0, 1, -1, 2, -2, 7, "min", "max"],
    "u": [0, 1, 2, 3, 7, "max"],
    "b": [False, True],
}


def values(rng, shape, dtype, ordinary=False):
    """Random numbers with special values among them; `ordinary`: none of those."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape))
    if dtype.kind == "b":
        flat = rng.integers(0, 2, size).astype(bool)
    elif dtype.kind == "f":
        flat = (rng.standard_normal(size) * 3).astype(dtype)
    else:
        low = 0 if dtype.kind == "u" else -20
        flat = rng.integers(low, 21, size).astype(dtype)
    if not ordinary and size:
        for i in np.flatnonzero(rng.random(size) < 0.3):
            value = SPECIAL[dtype.kind][rng.integers(len(SPECIAL[dtype.kind]))]
            if isinstance(value, str):
                value = getattr(np.iinfo(dtype), value)
            flat[i] = value
    return flat.reshape(shape)


def laid_out(array, layout):
    """The same elements (repeated: those of the first row) in other strides."""
    if array.ndim == 0:
        return array
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        flipped = np.ascontiguousarray(array[tuple([slice(None, None, -1)] * array.ndim)])
        return flipped[tuple([slice(None, None, -1)] * array.ndim)]
    if layout == "every other":
        wide = np.repeat(array, 2, axis=-1)
        return wide[..., ::2]
    if layout == "repeated" and array.shape[0]:
        return np.broadcast_to(array[:1], array.shape)
    return array


@st.composite
def extents(draw, rank, most=4):
    """A shape: zero and one come up often."""
    return tuple(draw(st.integers(0, most)) for _ in range(rank))


@st.composite
def an_array(draw, shape, dtype, ordinary=False):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return laid_out(values(rng, shape, dtype, ordinary), draw(st.sampled_from(LAYOUTS)))
