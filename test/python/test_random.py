"""Random streams from Python."""
import numpy as np

import oriel
from oriel import tensor as T
from oriel.sandbox.rng_mrg import MRG_RandomStreams
from oriel.tensor.shared_randomstreams import RandomStreams


def test_new_numbers_at_every_call_and_the_same_from_a_seed():
    x = T.dmatrix("x")
    random = RandomStreams(seed=7)
    f = oriel.function([x], random.uniform(x.shape))
    data = np.zeros((50, 40))
    first, second = f(data), f(data)
    assert first.shape == (50, 40) and (first != second).any()
    assert 0 <= first.min() and first.max() < 1 and abs(first.mean() - 0.5) < 0.05
    random.seed(7)
    assert (f(data) == first).all()


def test_distributions():
    random = MRG_RandomStreams(1)
    p = np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]])
    f = oriel.function(
        [],
        [
            random.normal((10000,), 2.0, 3.0),
            random.binomial((1000,), n=4, p=0.25),
            random.random_integers((1000,), 3, 5),
            random.categorical(p),
            random.multinomial(n=10, pvals=p),
            random.normal((3,), dtype="float32"),
        ],
    )
    normal, binomial, integers, category, counts, narrow = f()
    assert abs(normal.mean() - 2) < 0.2 and abs(normal.std() - 3) < 0.2
    assert abs(binomial.mean() - 1) < 0.2 and binomial.max() <= 4 and binomial.dtype == np.int64
    assert set(integers) == {3, 4, 5}
    assert category[1] == 0 and category[0] in (1, 2)
    assert counts.sum(axis=1).tolist() == [10, 10] and counts[0, 0] == 0
    assert narrow.dtype == np.float32


def test_states_resume_a_stream(tmp_path):
    random = RandomStreams(3)
    f = oriel.function([], random.normal((5,)))
    f()
    states = random.states()
    oriel.save_states(str(tmp_path / "random.npz"), states)
    expected = f()
    oriel.load_states(str(tmp_path / "random.npz"), states)
    assert (f() == expected).all()
