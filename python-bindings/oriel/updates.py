"""OrderedUpdates: a dictionary from shared variables to their new values."""
from __future__ import annotations

from typing import Any

from oriel._core import SharedVariable


class OrderedUpdates(dict):
    """Updates for function(updates=...), in the order they were added.

    Only shared variables can be keys. `a + b` joins two, and refuses a variable
    that both update.
    """

    def __init__(self, *items: Any, **_: Any) -> None:
        super().__init__()
        self.update(*items)

    def __setitem__(self, key: SharedVariable, value: Any) -> None:
        if not isinstance(key, SharedVariable):
            raise TypeError("only shared variables can be updated")
        super().__setitem__(key, value)

    def update(self, *items: Any) -> None:  # type: ignore[override]
        for group in items:
            pairs = group.items() if hasattr(group, "items") else group
            for key, value in pairs or ():
                self[key] = value

    def __add__(self, other: Any) -> "OrderedUpdates":
        joined = OrderedUpdates(self)
        pairs = other.items() if hasattr(other, "items") else other
        for key, value in pairs:
            if key in joined:
                raise KeyError(f"both update the shared variable {key}")
            joined[key] = value
        return joined

    def __radd__(self, other: Any) -> "OrderedUpdates":
        return OrderedUpdates(other) + self
