"""MRG_RandomStreams: Oriel's counter-based streams under Theano's name (other numbers than Theano's)."""
from oriel._core import RandomStreams as MRG_RandomStreams

__all__ = ["MRG_RandomStreams"]
