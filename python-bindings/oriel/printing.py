"""Looking at graphs and at values: trees, pictures, prints and watches."""
from __future__ import annotations

from typing import Any, Sequence

from oriel._core import TensorVariable
from oriel._core.printing import debugprint, dtype_report, pydotprint, tap_print, watch

__all__ = ["Print", "debugprint", "dtype_report", "pydotprint", "watch"]


class Print:
    """Print(message, attrs)(x) is x; when it is computed, a line an attribute is printed.

    attrs: of shape, dtype, ndim, size, min, max, mean, nan_count, value; the
    default, __str__, is the value. Lines are "MESSAGE ATTRIBUTE = VALUE", on
    sys.stdout, in the order of the program. Results stay the same to the bit.
    """

    def __init__(self, message: str = "", attrs: Sequence[str] = ("__str__",)) -> None:
        if isinstance(attrs, str):
            raise TypeError("Print: attrs is a list of names, as ['shape']")
        self.message = message
        self.attrs = tuple(attrs)

    def __call__(self, x: Any) -> TensorVariable:
        """x, printed whenever it is computed."""
        return tap_print(x, self.message, self.attrs)
