"""The entropy of probabilities, one of which is zero.

nan.py prints NaN; nan.py WORD looks for where it comes from, as docs/debugging.md tells.
"""
import sys

import numpy
import oriel as theano
from oriel import tensor as T


def main(what):
    p = T.fmatrix("p", shape=("n", 3))
    terms = p * T.log(p)
    terms.name = "terms"
    if what == "fixed":
        terms = T.where(p > 0, terms, 0)
    cost = -terms.sum(axis=1).mean()

    if what == "check":
        theano.config.check = "nan"
    mode = "NanGuardMode" if what == "guard" else None
    f = theano.function([p], cost, name="entropy", mode=mode)
    if what == "print":
        f.print("terms", attrs=["nan_count", "value"])
    rows = numpy.full((2, 3), 0.25, "float32")
    rows[1, 1] = 0
    print("cost", f(rows))


if __name__ == "__main__":
    try:
        main("".join(sys.argv[1:]))
    except AssertionError as error:
        print(error)
