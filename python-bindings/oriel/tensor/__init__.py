"""Symbolic tensors with NumPy's functions under NumPy's and Theano's names."""
from __future__ import annotations

from oriel._core import TensorVariable
from oriel._core.gradient import grad as grad
from oriel._core.gradient import jacobian as jacobian
from oriel._core.tensor import *  # noqa: F401,F403
from oriel.tensor import nnet, opt, shared_randomstreams
from oriel.tensor.types import *  # noqa: F401,F403

as_tensor = as_tensor_variable  # noqa: F405

__all__ = [name for name in dir() if not name.startswith("_") and name != "annotations"]
