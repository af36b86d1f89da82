"""Random draws as expressions."""
from oriel._core import RandomStreams

__all__ = ["RandomStreams"]
