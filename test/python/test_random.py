"""Random streams from Python."""
import numpy as np
import pytest

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


def chi_squared(counts, expected):
    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    return float(((counts - expected) ** 2 / expected).sum())


def test_permutations():
    random = RandomStreams(4)
    x = T.fmatrix("x")
    f = oriel.function(
        [x],
        [
            random.permutation(n=10),
            random.permutation((2000, 3), 4),
            random.permutation(n=x.shape[0], dtype="int32"),
            random.permutation(n=x),
            random.shuffle_row_elements(x),
        ],
    )
    data = np.arange(300, dtype=np.float32).reshape(100, 3)
    one, many, of_dim, rows, elements = f(data)
    assert sorted(one) == list(range(10)) and one.dtype == np.int64
    assert many.shape == (2000, 3, 4) and (np.sort(many, axis=-1) == np.arange(4)).all()
    orders, counts = np.unique(many.reshape(-1, 4), axis=0, return_counts=True)
    assert len(orders) == 24 and chi_squared(counts, np.full(24, 6000 / 24)) < 70.5
    assert of_dim.dtype == np.int32 and sorted(of_dim) == list(range(100))
    assert (rows != data).any() and (np.sort(rows, axis=0) == data).all() and (rows[:, 1] == rows[:, 0] + 1).all()
    assert (elements != data).any() and (np.sort(elements, axis=1) == data).all()
    assert (f(data)[0] != one).any()
    random.seed(4)
    assert (f(data)[1] == many).all()


def test_choice():
    random = MRG_RandomStreams(5)
    p = T.dmatrix("p")
    f = oriel.function(
        [p],
        [
            random.choice((20000,), 5),
            random.choice((3, 4), 12, replace=False),
            random.choice((20000,), p=[0.0, 1.0, 3.0]),
            random.choice(size=2, a=None, replace=False, p=p),
            random.multinomial_wo_replacement(n=2, pvals=p),
            random.choice((6,), a=np.array([[1.0, 2.0], [3.0, 4.0]])),
            random.choice(),
            random.choice((50,), a=np.array([10, 20, 30], np.int32), p=[1, 0, 2]),
        ],
    )
    uniform, different, weighted, rows, also, slices, one, values = f(np.array([[0.0, 1.0, 2.0], [5.0, 0.0, 1.0]]))
    assert chi_squared(np.bincount(uniform, minlength=5), np.full(5, 4000)) < 34
    assert sorted(different.ravel()) == list(range(12)) and different.shape == (3, 4)
    assert set(weighted) == {1, 2} and abs((weighted == 2).mean() - 0.75) < 0.02
    for drawn in (rows, also):
        assert sorted(drawn[0]) == [1, 2] and sorted(drawn[1]) == [0, 2]
    assert slices.shape == (6, 2) and (slices[:, 1] == slices[:, 0] + 1).all()
    assert one.shape == () and one in (0, 1)
    assert set(values) == {10, 30} and values.dtype == np.int32


def test_choices_that_cannot_be():
    random = RandomStreams(6)
    p = T.dvector("p")
    with pytest.raises(ValueError, match="5 of 3 elements cannot be had without replacement"):
        random.choice((5,), 3, replace=False)
    with pytest.raises(ValueError, match="2 weights for 3 elements"):
        random.choice((5,), 3, p=[1.0, 2.0])
    with pytest.raises(ValueError, match="ndim is 2"):
        random.permutation((3,), 4, ndim=2)
    with pytest.raises(ValueError, match="leave size and dtype out"):
        random.permutation((3,), p)
    f = oriel.function([p], random.choice((2,), p=p, replace=False))
    states = random.states()
    before = states[0].get_value()
    for weights in ([0.0, 0.0, 0.0], [1.0, -1.0, 2.0], [1.0, np.nan, 1.0], [1.0, 0.0, 0.0]):
        with pytest.raises(AssertionError, match="a row of weights"):
            f(np.array(weights))
        assert (states[0].get_value() == before).all()
    with pytest.raises(ValueError):
        f(np.array([1.0]))
    assert sorted(f(np.array([1.0, 0.0, 2.0]))) == [0, 2]
    assert (states[0].get_value() != before).any()


def test_permutations_in_a_scan():
    random = RandomStreams(7)
    orders, updates = oriel.scan(lambda: random.permutation(n=20), n_steps=5)
    f = oriel.function([], orders, updates=updates)
    drawn = f()
    assert (np.sort(drawn, axis=1) == np.arange(20)).all() and len(np.unique(drawn, axis=0)) == 5
