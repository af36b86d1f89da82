"""Functions of neural networks."""
from oriel._core.nnet import *  # noqa: F401,F403
