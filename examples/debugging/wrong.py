"""A cost that is right by luck: errors of all with all instead of each with its own.

wrong.py prints the cost; wrong.py WORD looks at it in one of the ways of docs/debugging.md.
"""
import sys

import numpy
import oriel as theano
from oriel import printing
from oriel import tensor as T


def main(what):
    if what == "test-values":
        theano.config.compute_test_value = "raise"
    x = T.fmatrix("x", shape=("n", 3))
    target = T.col("target", dtype="float32", shape=("n", 1))
    w = theano.shared(numpy.ones(3, "float32"), name="w")
    if what == "test-values":
        x.tag.test_value = numpy.ones((5, 3), "float32")
        target.tag.test_value = numpy.zeros((5, 1), "float32")

    guess = T.dot(x, w)
    guess.name = "guess"
    error = guess - target
    error.name = "error"
    cost = T.sqr(error).mean()
    cost.name = "cost"

    mode = None
    if what == "test-values":
        print("guess:", guess.tag.test_value.shape, guess.tag.test_value.dtype)
        print("error:", error.tag.test_value.shape, error.tag.test_value.dtype)
        print("the largest error:", error.max().tag.test_value)
        return
    if what == "tree":
        printing.debugprint(cost, print_type=True, lines=False)
        return
    if what == "print":
        shown = printing.Print("error", attrs=["shape", "min", "max"])(error)
        cost = T.sqr(shown).mean()
    if what == "assert":
        one_to_one = T.opt.Assert("guess and target are one to one")
        cost = one_to_one(cost, T.eq(error.size, x.shape[0]))
    if what == "dtypes":
        printing.dtype_report(T.sqr(error).sum() / x.shape[0])
        return
    if what == "reference":
        mode = "DebugMode"

    f = theano.function([x, target], cost, name="cost", mode=mode)
    if what == "watch":
        f.watch("error", lambda seen: print(seen.name, seen.shape, f"{seen.file.split('/')[-1]}:{seen.line}"))
    print("cost", f(numpy.ones((5, 3), "float32"), numpy.zeros((5, 1), "float32")))


if __name__ == "__main__":
    try:
        main("".join(sys.argv[1:]))
    except AssertionError as error:
        print(error)
