"""Which of 512 centres is nearest to each of 1000 points: slow, and how to see why.

slow.py [fixed] prints the profile; slow.py [fixed] tree, picture, expression: other looks.
"""
import sys

import numpy
import oriel as theano
from oriel import printing
from oriel import tensor as T

theano.config.num_threads = 1
rng = numpy.random.default_rng(1)


def distances(x, centers):
    return T.sqr(x[:, None, :] - centers).sum(axis=2)


def distances_by_product(x, centers):
    return T.sqr(x).sum(axis=1, keepdims=True) - 2 * T.dot(x, centers.T) + T.sqr(centers).sum(axis=1)


def main(what):
    x = T.fmatrix("x", shape=("n", 64))
    centers = theano.shared(rng.standard_normal((512, 64), dtype="float32"), name="centers")
    d = distances_by_product(x, centers) if "fixed" in what else distances(x, centers)
    d.name = "distances"
    if "expression" in what:
        printing.debugprint(d, print_type=True)
        return

    index = d.argmin(axis=1)
    index.name = "nearest"
    nearest = theano.function([x], index, name="nearest")
    points = rng.standard_normal((1000, 64), dtype="float32")
    for _ in range(20):
        nearest(points)

    if "tree" in what:
        printing.debugprint(nearest)
    elif "picture" in what:
        printing.pydotprint(nearest, outfile="nearest.svg")
        print("wrote nearest.svg")
    else:
        nearest.profile.summary(file=sys.stdout, n_apply=1)


if __name__ == "__main__":
    main(sys.argv[1:])
