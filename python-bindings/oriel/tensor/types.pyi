# The constructors of types.py, which makes them in a loop, as type checkers and
# editors see them. test_stubs.py keeps the two in step.
from typing import Any, Optional, Protocol, Sequence, Union

from oriel._core import TensorVariable

Extent = Union[int, str, None]

class TensorType:
    """An element type and a number of axes; calling it makes an input."""

    dtype: Any
    shape: tuple[Extent, ...]
    name: Optional[str]
    def __init__(
        self,
        dtype: Any = "floatX",
        broadcastable: Optional[Sequence[bool]] = None,
        name: Optional[str] = None,
        shape: Optional[Sequence[Extent]] = None,
    ) -> None: ...
    @property
    def ndim(self) -> int: ...
    @property
    def broadcastable(self) -> tuple[bool, ...]: ...
    def __call__(self, name: Optional[str] = None) -> TensorVariable: ...

class _One(Protocol):
    """An input of a kind and dtype. shape: per axis an integer, a symbol's name, or None for an extent of its own."""

    def __call__(
        self,
        name: Optional[str] = None,
        dtype: Any = None,
        shape: Optional[Sequence[Extent]] = None,
    ) -> TensorVariable: ...

class _Several(Protocol):
    """Several inputs: names in one string, as arguments, or a number."""

    def __call__(self, *names: Any, dtype: Any = None) -> list[TensorVariable]: ...

scalar: _One
bscalar: _One
wscalar: _One
iscalar: _One
lscalar: _One
fscalar: _One
dscalar: _One
scalars: _Several
bscalars: _Several
wscalars: _Several
iscalars: _Several
lscalars: _Several
fscalars: _Several
dscalars: _Several
vector: _One
bvector: _One
wvector: _One
ivector: _One
lvector: _One
fvector: _One
dvector: _One
vectors: _Several
bvectors: _Several
wvectors: _Several
ivectors: _Several
lvectors: _Several
fvectors: _Several
dvectors: _Several
row: _One
brow: _One
wrow: _One
irow: _One
lrow: _One
frow: _One
drow: _One
rows: _Several
brows: _Several
wrows: _Several
irows: _Several
lrows: _Several
frows: _Several
drows: _Several
col: _One
bcol: _One
wcol: _One
icol: _One
lcol: _One
fcol: _One
dcol: _One
cols: _Several
bcols: _Several
wcols: _Several
icols: _Several
lcols: _Several
fcols: _Several
dcols: _Several
matrix: _One
bmatrix: _One
wmatrix: _One
imatrix: _One
lmatrix: _One
fmatrix: _One
dmatrix: _One
matrices: _Several
bmatrices: _Several
wmatrices: _Several
imatrices: _Several
lmatrices: _Several
fmatrices: _Several
dmatrices: _Several
tensor3: _One
btensor3: _One
wtensor3: _One
itensor3: _One
ltensor3: _One
ftensor3: _One
dtensor3: _One
tensor3s: _Several
btensor3s: _Several
wtensor3s: _Several
itensor3s: _Several
ltensor3s: _Several
ftensor3s: _Several
dtensor3s: _Several
tensor4: _One
btensor4: _One
wtensor4: _One
itensor4: _One
ltensor4: _One
ftensor4: _One
dtensor4: _One
tensor4s: _Several
btensor4s: _Several
wtensor4s: _Several
itensor4s: _Several
ltensor4s: _Several
ftensor4s: _Several
dtensor4s: _Several
tensor5: _One
btensor5: _One
wtensor5: _One
itensor5: _One
ltensor5: _One
ftensor5: _One
dtensor5: _One
tensor5s: _Several
btensor5s: _Several
wtensor5s: _Several
itensor5s: _Several
ltensor5s: _Several
ftensor5s: _Several
dtensor5s: _Several
