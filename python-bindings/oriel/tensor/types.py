"""Types of tensors and the constructors of inputs."""
from __future__ import annotations

from typing import Any, Optional, Sequence, Union

from oriel._core import TensorVariable
from oriel._core import tensor as _tensor

Extent = Union[int, str, None]

# Theano's prefixes.
_PREFIXES = {
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
}
_KINDS = {
    "scalar": (),
    "vector": (False,),
    "row": (True, False),
    "col": (False, True),
    "matrix": (False, False),
    "tensor3": (False,) * 3,
    "tensor4": (False,) * 4,
    "tensor5": (False,) * 5,
}


class TensorType:
    """An element type and a number of axes; calling it makes an input.

    broadcastable: per axis, whether its extent is 1. shape: per axis an integer,
    the name of a symbol (equal names are equal extents), or None.
    """

    def __init__(
        self,
        dtype: Any = "floatX",
        broadcastable: Optional[Sequence[bool]] = None,
        name: Optional[str] = None,
        shape: Optional[Sequence[Extent]] = None,
    ) -> None:
        if (broadcastable is None) == (shape is None):
            raise TypeError("TensorType takes one of broadcastable and shape")
        if shape is None:
            shape = [1 if one else None for one in broadcastable or ()]
        self.dtype = dtype
        self.shape = tuple(shape)
        self.name = name

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Per axis, whether its extent is known to be 1."""
        return tuple(extent == 1 for extent in self.shape)

    def __call__(self, name: Optional[str] = None) -> TensorVariable:
        """An input of this type."""
        return _tensor._input(name or "", self.dtype, self.shape)

    def __repr__(self) -> str:
        return f"TensorType({self.dtype}, {self.shape})"


def _constructor(kind: str, prefix: str):
    pattern = _KINDS[kind]
    fixed = _PREFIXES.get(prefix)

    def make(
        name: Optional[str] = None,
        dtype: Any = None,
        shape: Optional[Sequence[Extent]] = None,
    ) -> TensorVariable:
        if fixed is not None and dtype is not None and dtype != fixed:
            raise TypeError(f"{prefix}{kind} is {fixed}: use {kind}(dtype=...)")
        if shape is None:
            shape = [1 if one else None for one in pattern]
        elif len(shape) != len(pattern):
            raise ValueError(f"a {kind} has {len(pattern)} axes, got shape {tuple(shape)}")
        return _tensor._input(name or "", fixed or dtype or "floatX", shape)

    make.__name__ = make.__qualname__ = prefix + kind
    make.__doc__ = (
        f"An input: a {kind} of {fixed or 'dtype (config.floatX unless given)'}.\n\n"
        "shape: per axis an integer, a symbol's name, or None for an extent of its own."
    )
    return make


def _constructors(kind: str, prefix: str):
    """Several inputs at once: matrices('x y'), matrices('x', 'y'), matrices(2)."""
    one = _constructor(kind, prefix)

    def make(*names: Any, dtype: Any = None):
        if len(names) == 1 and isinstance(names[0], int):
            return [one(None, dtype) for _ in range(names[0])]
        if len(names) == 1 and isinstance(names[0], str):
            names = tuple(names[0].split())
        return [one(name, dtype) for name in names]

    return make


_PLURALS = {
    "scalar": "scalars",
    "vector": "vectors",
    "row": "rows",
    "col": "cols",
    "matrix": "matrices",
    "tensor3": "tensor3s",
    "tensor4": "tensor4s",
    "tensor5": "tensor5s",
}
for _kind in _KINDS:
    for _prefix in ("", *_PREFIXES):
        globals()[_prefix + _kind] = _constructor(_kind, _prefix)
        _many = _constructors(_kind, _prefix)
        _many.__name__ = _many.__qualname__ = _prefix + _PLURALS[_kind]
        _many.__doc__ = f"Several inputs made by {_prefix}{_kind}: names in one string, as arguments, or a number."
        globals()[_prefix + _PLURALS[_kind]] = _many

__all__ = ["TensorType"] + [p + k for k in _KINDS for p in ("", *_PREFIXES)]
__all__ += [p + _PLURALS[k] for k in _KINDS for p in ("", *_PREFIXES)]
