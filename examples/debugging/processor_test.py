"""Code around a network is tested with a dummy in its place."""
import io
import unittest

import numpy
import oriel as theano
from oriel import tensor as T


class NeuralNetwork:
    def __init__(self):
        self.input = T.scalar("x")
        w = theano.shared(numpy.random.standard_normal(16), name="w")
        self.output = T.tanh(self.input * w).sum()


class Processor:
    def __init__(self, network):
        self.compute_output = theano.function([network.input], network.output)

    def process_file(self, input_file, output_file):
        for line in input_file:
            output_file.write(str(self.compute_output(float(line))) + "\n")


class DummyNetwork:
    def __init__(self):
        self.input = T.scalar("x")
        self.output = self.input + 1


class ProcessorTest(unittest.TestCase):
    def test_each_line_is_the_inputs_plus_one(self):
        output = io.StringIO()
        Processor(DummyNetwork()).process_file(io.StringIO("1\n2.5\n-3\n"), output)
        self.assertEqual(output.getvalue(), "2.0\n3.5\n-2.0\n")

    def test_the_real_network_fits_too(self):
        output = io.StringIO()
        Processor(NeuralNetwork()).process_file(io.StringIO("0\n"), output)
        self.assertEqual(output.getvalue(), "0.0\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
