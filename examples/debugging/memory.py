"""A layer on 482112 rows, under a limit of 4 GB.

memory.py runs it and prints the report; memory.py plan asks beforehand.
"""
import sys

import numpy
import oriel as theano
from oriel import tensor as T

theano.config.num_threads = 1


def main(what):
    words = T.fmatrix("words", shape=("batch", 200))
    w = theano.shared(numpy.ones((200, 4000), "float32"), name="layer_1/W")
    hidden = T.dot(words, w)
    hidden.name = "hidden"
    cost = (T.tanh(hidden + 1) * hidden).mean()
    cost.name = "cost"
    step = theano.function([words], [hidden, cost], updates=[(w, w * 0.5)], name="layer")

    theano.config.memory_limit = "4GB"
    if what == "plan":
        print(step.plan_memory({"batch": 100000}).text(3), end="")
        print("largest batch in 4 GB:", step.largest_that_fits("batch"))
        return
    # Rows that share their memory: 482112 of them take no room before the call.
    many = numpy.broadcast_to(numpy.float32(1), (482112, 200))
    try:
        step(many)
    except theano.OutOfMemory as error:
        print(error)
        print("w is as it was:", (w.get_value() == 1).all())


if __name__ == "__main__":
    main("".join(sys.argv[1:]))
