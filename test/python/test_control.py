"""scan, ifelse, and states on disk."""
import numpy as np
import pytest

import oriel
import oriel as theano
from oriel import tensor as T
from oriel.ifelse import ifelse


def test_cumulative_sum():
    x = T.dmatrix("x")
    result, updates = theano.scan(lambda row, total: total + row, sequences=x, outputs_info=T.zeros_like(x[0]))
    assert not updates
    f = theano.function([x], [result, result[-1]])
    data = np.arange(12.0).reshape(4, 3)
    total, last = f(data)
    assert (total == data.cumsum(axis=0)).all() and (last == data.sum(axis=0)).all()


def test_the_power_of_the_tutorial():
    k, a = T.iscalar("k"), T.dvector("a")
    result, _ = theano.scan(
        fn=lambda prior, base: prior * base, outputs_info=T.ones_like(a), non_sequences=a, n_steps=k, max_steps=20
    )
    power = theano.function([a, k], result[-1])
    assert power([1.0, 2.0, 3.0], 3).tolist() == [1, 8, 27]


def test_taps_and_several_outputs():
    x = T.dvector("x")

    def step(before, now, two_ago, one_ago):
        return [two_ago + one_ago + before, now * 2]

    (fib, doubled), _ = theano.scan(
        step,
        sequences={"input": x, "taps": [-1, 0]},
        outputs_info=[{"initial": T.ones((2,)), "taps": [-2, -1]}, None],
    )
    data = np.arange(5.0)
    values = [1.0, 1.0]
    for t in range(1, 5):
        values.append(values[-2] + values[-1] + data[t - 1])
    got, twice = theano.function([x], [fib, doubled])(data)
    assert got.tolist() == values[2:] and twice.tolist() == (data[1:] * 2).tolist()


def test_backwards_map_and_folds():
    x = T.dvector("x")
    back, _ = theano.map(lambda e: e * 2, x, go_backwards=True)
    left, _ = theano.foldl(lambda e, acc: acc * 2 + e, x, T.constant(0.0))
    right, _ = theano.foldr(lambda e, acc: acc * 2 + e, x, T.constant(0.0))
    got = theano.function([x], [back, left, right])([1.0, 2.0, 3.0])
    assert got[0].tolist() == [6, 4, 2] and got[1] == 11 and got[2] == 17


def test_until():
    limit = T.dscalar("limit")

    def step(value):
        return value * 2, theano.scan_module.until(value * 2 > limit)

    values, _ = theano.scan(step, outputs_info=T.constant(1.0), n_steps=1024)
    f = theano.function([limit], values)
    assert f(45.0).tolist() == [2, 4, 8, 16, 32, 64]


def test_states_updated_in_a_scan():
    w = theano.shared(1.0, "w")
    x = T.dvector("x")
    result, updates = theano.scan(lambda e: (e + w, {w: w * 2}), sequences=x)
    f = theano.function([x], result, updates=updates)
    assert f([0.0, 0.0, 0.0]).tolist() == [1, 2, 4] and w.get_value() == 8


def test_gradient_through_a_scan():
    x, h0 = T.dmatrix("x"), T.dvector("h0")
    w = theano.shared(np.eye(3) * 0.5, "w")
    h, _ = theano.scan(lambda row, h: T.tanh(row + T.dot(h, w)), sequences=x, outputs_info=h0)
    cost = (h**2).sum()
    unrolled, by_hand = h0, 0
    for t in range(4):
        unrolled = T.tanh(x[t] + T.dot(unrolled, w))
        by_hand = by_hand + (unrolled**2).sum()
    f = theano.function([x, h0], T.grad(cost, [w, h0]) + T.grad(by_hand, [w, h0]))
    rng = np.random.default_rng(0)
    gw, gh, ew, eh = f(rng.standard_normal((4, 3)), rng.standard_normal(3))
    np.testing.assert_allclose(gw, ew, rtol=1e-12)
    np.testing.assert_allclose(gh, eh, rtol=1e-12)


def test_errors_of_a_scan():
    x = T.dvector("x")

    def fails(e):
        raise LookupError("in the body")

    with pytest.raises(LookupError, match="in the body"):
        theano.scan(fails, sequences=x)
    with pytest.raises(ValueError, match=r"test_control\.py:"):
        theano.scan(lambda e, h: T.zeros((3,)), sequences=x, outputs_info=T.zeros((2,)))
    with pytest.raises(ValueError, match="unknown key"):
        theano.scan(lambda e: e, sequences={"input": x, "tap": [0]})
    y = T.dscalar("y")
    with pytest.raises(ValueError):
        theano.scan(lambda e: e + y, sequences=x, strict=True)


def test_ifelse():
    c, x = T.dscalar("c"), T.dvector("x")
    f = theano.function([c, x], ifelse(T.gt(c, 0), x * 2, x - 1))
    assert f(1.0, [1.0]).tolist() == [2] and f(-1.0, [1.0]).tolist() == [0]
    a, b = ifelse(T.gt(c, 0), [x, x + 1], [x + 2, x + 3])
    assert theano.function([c, x], [a, b])(0.0, [1.0])[1].tolist() == [4]


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_states_on_disk(tmp_path, ending):
    w, b = theano.shared(np.arange(3.0), "w"), theano.shared(np.float32(2), "b")
    path = str(tmp_path / f"model.{ending}")
    oriel.save_states(path, [w, b])
    w.set_value(np.zeros(3))
    b.set_value(0)
    step = theano.function([], updates=[(w, w + 1), (b, b + 1)])
    oriel.load_states(path, [step])
    assert w.get_value().tolist() == [0, 1, 2] and b.get_value() == 2
    step()
    with open(path, "r+b") as f:
        f.truncate(f.seek(0, 2) - 4)
    with pytest.raises(OSError):
        oriel.load_states(path, [w, b])
    assert w.get_value().tolist() == [1, 2, 3]
    with pytest.raises(KeyError):
        oriel.load_states(str(tmp_path / f"none.{ending}"), [w])
    oriel.save_states(path, [w, b])
    whole = (tmp_path / f"model.{ending}").read_bytes()
    for size in (0, 4, 8, 12, 40, len(whole) // 2, len(whole) - 1):  # inside the header too
        (tmp_path / f"torn.{ending}").write_bytes(whole[:size])
        with pytest.raises(OSError, match="torn"):
            oriel.load_states(str(tmp_path / f"torn.{ending}"), [w, b])
