"""Asserts in graphs."""
from __future__ import annotations

from typing import Any

from oriel._core import TensorVariable
from oriel._core.printing import tap_assert

__all__ = ["Assert"]


class Assert:
    """Assert(message)(x, *conditions) is x; a call fails where a condition is false.

    Conditions are tensors (tensor.eq and its like compare); every element must be
    true. The AssertionError has the message, the node, the line and the values;
    shared variables keep theirs.
    """

    def __init__(self, msg: str = "Oriel Assert failed!") -> None:
        self.msg = msg

    def __call__(self, value: Any, *conds: Any) -> TensorVariable:
        """The value, if all conditions are true."""
        return tap_assert(value, self.msg, *conds)
