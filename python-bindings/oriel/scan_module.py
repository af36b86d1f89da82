"""Loops: scan, and those of its forms that have names."""
from __future__ import annotations

from typing import Any, Callable, Optional

from oriel._core import scan, until

__all__ = ["foldl", "foldr", "map", "reduce", "scan", "until"]


def map(  # noqa: A001
    fn: Callable[..., Any],
    sequences: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    name: Optional[str] = None,
) -> tuple[Any, Any]:
    """fn of each row of the sequences: (outputs, updates)."""
    return scan(fn, sequences=sequences, non_sequences=non_sequences, go_backwards=go_backwards, name=name)


def reduce(
    fn: Callable[..., Any],
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    name: Optional[str] = None,
) -> tuple[Any, Any]:
    """The last outputs of scan: (outputs, updates)."""
    outputs, updates = scan(
        fn,
        sequences=sequences,
        outputs_info=outputs_info,
        non_sequences=non_sequences,
        go_backwards=go_backwards,
        name=name,
    )
    if isinstance(outputs, list):
        return [output[-1] for output in outputs], updates
    return outputs[-1], updates


def foldl(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, name: Optional[str] = None
) -> tuple[Any, Any]:
    """reduce from the first row to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences, False, name)


def foldr(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None, name: Optional[str] = None
) -> tuple[Any, Any]:
    """reduce from the last row to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences, True, name)
