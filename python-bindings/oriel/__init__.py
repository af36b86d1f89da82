"""Oriel: a tensor runtime that compiles, and that can be seen through.

Laid out and named as Theano, so that a program needs only its import changed:

    import oriel as theano
    from oriel import tensor as T

    x = T.matrix("x")
    f = theano.function([x], T.exp(x).sum(axis=1))
    f([[1.0, 2.0]])
"""
import os as _os

from oriel import _core

_core._package_folder(_os.path.dirname(_os.path.abspath(__file__)) + _os.sep)
_core._check_flags()

from oriel._core import (  # noqa: E402
    Function,
    In,
    OutOfMemory,
    SharedVariable,
    Tensor,
    TensorVariable,
    clone,
    config,
    from_dlpack,
    function,
    load_states,
    save_states,
    scan,
    shared,
    trim_memory,
    until,
)
from oriel import gradient, ifelse, printing, sandbox, scan_module, tensor  # noqa: E402
from oriel.gradient import Lop, Rop, grad  # noqa: E402
from oriel.printing import dtype_report, pydotprint  # noqa: E402
from oriel.scan_module import foldl, foldr, map, reduce  # noqa: E402,A004
from oriel.updates import OrderedUpdates  # noqa: E402

Variable = TensorVariable
Param = In
__version__ = "0.1.0"

__all__ = [
    "Function",
    "In",
    "Lop",
    "OrderedUpdates",
    "OutOfMemory",
    "Param",
    "Rop",
    "SharedVariable",
    "Tensor",
    "TensorVariable",
    "Variable",
    "clone",
    "config",
    "dtype_report",
    "from_dlpack",
    "function",
    "grad",
    "gradient",
    "printing",
    "pydotprint",
    "ifelse",
    "load_states",
    "map",
    "foldl",
    "foldr",
    "reduce",
    "sandbox",
    "save_states",
    "scan",
    "scan_module",
    "shared",
    "tensor",
    "trim_memory",
    "until",
]
