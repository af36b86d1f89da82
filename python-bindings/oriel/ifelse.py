"""A choice of which only one side is computed."""
from oriel._core import ifelse

__all__ = ["ifelse"]
