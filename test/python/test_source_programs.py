"""The source's programs, word for word, print what the source prints."""
import os
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parent / "source_programs"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))


def run(program, *before):
    code = "\n".join([*before, "import runpy", f"runpy.run_path({str(FOLDER / program)!r}, run_name='__main__')"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_prints_what_the_source_prints(program):
    expected = (FOLDER / f"{program}.out").read_text()
    # The account was written for the NumPy of its time, whose spaces differ; it
    # says "probably 9" of the largest of 10,000 random digits: seeded, it is.
    before = ["import numpy", "numpy.set_printoptions(legacy='1.13')", "numpy.random.seed(0)"]
    assert run(f"{program}.py", *before) == expected


def test_numpy_2_spaces():
    assert run("set_subtensor.py") == "[[0. 1. 2.]\n [3. 0. 5.]\n [6. 7. 0.]]\n"


def test_there_are_four_programs():
    assert PROGRAMS == ["assert_op", "print_op", "set_subtensor", "test_value"]


def test_processor_and_dummy_network(tmp_path):
    """The unit test around a replaceable network, with the method's name and parentheses put right."""
    import unittest

    from oriel import function, tensor

    class Processor:
        def __init__(self, network):
            self.compute_output = function([network.input], network.output)

        def process_file(self, input_file, output_file):
            for line in input_file:
                output_file.write(str(self.compute_output(float(line))) + "\n")

    class DummyNetwork:
        def __init__(self):
            self.input = tensor.scalar()
            self.output = self.input + 1

    (tmp_path / "input.txt").write_text("1\n2.5\n-3\n")

    class ProcessorTest(unittest.TestCase):
        def test_process(self):
            network = DummyNetwork()
            processor = Processor(network)
            with open(tmp_path / "input.txt") as input_file, open(tmp_path / "output.txt", "w") as output_file:
                processor.process_file(input_file, output_file)

    assert ProcessorTest("test_process").run().wasSuccessful()
    assert (tmp_path / "output.txt").read_text() == "2.0\n3.5\n-2.0\n"


def test_the_bias_of_the_account():
    """bias[targets] and its two-dimensional form, as the account writes them."""
    import numpy
    import oriel as theano
    from oriel import tensor

    size, minibatch_size = 10, 3
    value = numpy.zeros(size).astype(theano.config.floatX)
    value += numpy.arange(size)
    bias = theano.shared(value, name="bias")
    targets = tensor.lvector("targets")
    kept = bias

    bias = bias[targets]
    bias = bias.reshape([minibatch_size, -1])
    first = theano.function([targets], bias)
    bias = kept
    bias = bias[:, None]
    bias = bias[targets, 0]
    second = theano.function([targets], bias)
    drawn = numpy.array([1, 5, 5, 9, 0, 2])
    assert (first(drawn) == drawn.reshape(3, -1)).all()
    assert (second(drawn) == drawn).all()
