"""Sizes that only a run knows: scans that end early, masks, nonzero."""
import numpy as np
import pytest

import oriel as theano
import oriel.tensor as T


def until(x, limit):
    def step(row, total):
        total = total + row.sum()
        return [total, row * 2], theano.scan_module.until(total > limit)

    outputs, _ = theano.scan(step, sequences=[x], outputs_info=[T.constant(0.0), None], name="walk")
    return outputs


def reference(data, limit):
    total, totals, rows = 0.0, [], []
    for row in data:
        total += row.sum()
        totals.append(total)
        rows.append(row * 2)
        if total > limit:
            break
    return np.array(totals), np.array(rows).reshape(-1, data.shape[1])


@pytest.mark.parametrize("limit", [-1e9, 0.5, 1e9])
def test_rows_of_a_scan_that_ends_early_are_values_like_others(limit):
    data = np.random.default_rng(0).normal(size=(7, 3))
    x, stop = T.dmatrix("x"), T.dscalar("stop")
    totals, rows = until(x, stop)
    f = theano.function(
        [x, stop],
        [rows, T.tanh(rows) + 1, rows.sum(axis=0), T.dot(rows, rows.T), T.concatenate([rows, x]), rows[::-1] * 3,
         totals.mean(), rows.shape[0]])
    expected_totals, expected = reference(data, limit)
    out = f(data, limit)
    wanted = [expected, np.tanh(expected) + 1, expected.sum(0), expected @ expected.T, np.concatenate([expected, data]),
              expected[::-1] * 3, expected_totals.mean(), len(expected)]
    for got, want in zip(out, wanted):
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=1e-12)
    assert f"steps_of_walk = {len(expected)}" in f.memory.text()


@pytest.mark.parametrize("limit", [-1e9, 0.5, 1e9])
def test_gradients_equal_those_of_as_many_steps(limit):
    data = np.random.default_rng(1).normal(size=(6, 3))
    x, stop = T.dmatrix("x"), T.dscalar("stop")
    w = theano.shared(np.array([0.5, -0.3, 0.9]), "w")

    def step(row, h):
        h = T.tanh(h * w + row)
        return h, theano.scan_module.until(h.sum() > stop)

    h, _ = theano.scan(step, sequences=[x], outputs_info=[T.zeros((3,))])
    cost = (T.exp(h) * h).sum()
    made, gx, gw = theano.function([x, stop], [h.shape[0]] + T.grad(cost, [x, w]))(data, limit)

    state = T.zeros((3,))
    steps = []
    for t in range(int(made)):
        state = T.tanh(state * w + x[t])
        steps.append(state)
    unrolled = T.stack(steps)
    ex, ew = theano.function([x], T.grad((T.exp(unrolled) * unrolled).sum(), [x, w]))(data)
    np.testing.assert_allclose(gx, ex, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(gw, ew, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("shape,axes", [((11,), 1), ((5, 4), 1), ((5, 4), 2), ((3, 4, 2), 2), ((0, 3), 1)])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_masks_read_as_numpy_does(shape, axes, share):
    rng = np.random.default_rng(2)
    data, mask = rng.normal(size=shape), rng.random(shape[:axes]) < share
    x = T.TensorType("float64", (False,) * len(shape))("x")
    m = T.TensorType("bool", (False,) * axes)("m")
    part = x[m]
    outputs = [part, part * 2 + 1, part.sum(), part.shape[0], x[m.nonzero()], *m.nonzero(), T.grad((part ** 2).sum(), x),
               T.set_subtensor(x[m], part * 3), T.inc_subtensor(x[m], part)]
    out = theano.function([x, m], outputs)(data, mask)
    gradient, tripled, doubled = np.zeros(shape), data.copy(), data.copy()
    gradient[mask] = 2 * data[mask]
    tripled[mask] = data[mask] * 3
    doubled[mask] += data[mask]
    wanted = [data[mask], data[mask] * 2 + 1, data[mask].sum(), len(data[mask]), data[mask.nonzero()], *mask.nonzero(),
              gradient, tripled, doubled]
    for got, want in zip(out, wanted):
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_masks_within_an_index():
    data = np.arange(24.0).reshape(4, 3, 2)
    m = np.array([True, False, True])
    x, mask = T.dtensor3("x"), T.TensorType("bool", (False,))("m")
    f = theano.function([x, mask], [x[:, mask], x[1:3, mask, 0], T.where(mask)[0], T.flatnonzero(x > 20), x[x > 5.5].sum()])
    for got, want in zip(f(data, m), [data[:, m], data[1:3, m, 0], np.where(m)[0], np.flatnonzero(data > 20), data[data > 5.5].sum()]):
        np.testing.assert_array_equal(got, want)


def test_integer_masks_through_nonzero():
    data, mask = np.arange(5.0), np.array([0, 2, 0, 1, 1], "int8")
    x, m = T.dvector("x"), T.bvector("m")
    f = theano.function([x, m], [x[m.nonzero()], x[m.nonzero()[0]] + 1])
    np.testing.assert_array_equal(f(data, mask)[0], data[mask.nonzero()])
    np.testing.assert_array_equal(f(data, mask)[1], data[mask.nonzero()] + 1)


def test_a_mask_of_another_length_is_an_error():
    x, m = T.dvector("x"), T.TensorType("bool", (False,))("m")
    f = theano.function([x, m], x[m])
    np.testing.assert_array_equal(f([1.0, 2.0], [True, False]), [1.0])
    for other in ([True], [True, False, True]):
        with pytest.raises(AssertionError, match="boolean index"):
            f([1.0, 2.0], other)


def test_first_rows_of_a_count_found_at_run_time():
    x, n = T.dmatrix("x"), T.lscalar("n")
    f = theano.function([x, n], [T.first_rows(x, n, "picked") * 2, T.first_rows(T.arange(x.shape[0]), n)])
    data = np.arange(6.0).reshape(3, 2)
    rows, ramp = f(data, 2)
    np.testing.assert_array_equal(rows, data[:2] * 2)
    np.testing.assert_array_equal(ramp, [0, 1])
    for bad in (-1, 4):
        with pytest.raises(ValueError, match="picked"):
            f(data, bad)


def test_out_of_memory_where_the_size_is_found(config):
    config.memory_limit = "8MiB"
    x, m = T.dvector("x"), T.TensorType("bool", (False,))("m")
    count = theano.shared(np.zeros(3), "count")
    part = x[m]
    f = theano.function([x, m], T.exp(T.dot(part[:, None], part[None, :])).sum(axis=0), updates=[(count, count + 1)])
    data = np.ones(4000)
    f(data, np.arange(4000) < 10)
    with pytest.raises(MemoryError, match="Storage map") as error:
        f(data, np.ones(4000, bool))
    assert "nonzero = 4000" in str(error.value)
    np.testing.assert_array_equal(count.get_value(), np.ones(3))
    f(data, np.arange(4000) < 20)
    np.testing.assert_array_equal(count.get_value(), np.full(3, 2.0))


@pytest.mark.parametrize("seed", range(20))
def test_what_is_made_of_masked_values(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(0, 6, rng.integers(1, 4)))
    axes = rng.integers(1, len(shape) + 1)
    data, mask = rng.normal(size=shape), rng.random(shape[:axes]) < rng.random()
    x = T.TensorType("float64", (False,) * len(shape))("x")
    m = T.TensorType("bool", (False,) * axes)("m")
    p, q = x[m], data[mask]
    gradient = np.zeros(shape)
    gradient[mask] = 3 * q * q
    cases = [(T.exp(p), np.exp(q)), (p.sum(axis=0), q.sum(axis=0)), (T.concatenate([p, p]), np.concatenate([q, q])),
             (p[::-1], q[::-1]), (p[1:], q[1:]), (p[:-1], q[:-1]), (p[::2], q[::2]), (p[0:0], q[0:0]), (p.T, q.T),
             (T.sort(p, axis=0), np.sort(q, axis=0)), (p[p > 0], q[q > 0]), (T.grad((p ** 3).sum(), x), gradient)]
    for got, (_, want) in zip(theano.function([x, m], [value for value, _ in cases])(data, mask), cases):
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
