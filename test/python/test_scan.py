"""scan beside the unrolled graph and NumPy: taps, steps, gradients of every kind."""
import numpy as np
import pytest

import oriel
import oriel as theano
from oriel import tensor as T

RNG = np.random.default_rng(3)


def same(got, expected, rtol=1e-10):
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12)


def grads(cost, wrt):
    return T.grad(cost, wrt, disconnected_inputs="ignore")


@pytest.mark.parametrize("backwards", [False, True])
def test_taps_of_sequences_and_outputs(backwards):
    x, h0, w = T.dvector("x"), T.dvector("h0"), T.dscalar("w")

    def step(before, now, after, three_ago, one_ago, w):
        return T.sin(before * three_ago) + w * now * one_ago + after

    h, _ = theano.scan(
        step,
        sequences={"input": x, "taps": [-2, 0, 1]},
        outputs_info={"initial": h0, "taps": [-3, -1]},
        non_sequences=w,
        go_backwards=backwards,
    )
    rows = 8
    values = [h0[0], h0[1], h0[2]]
    times = range(2, rows - 1)
    for t in reversed(times) if backwards else times:
        values.append(step(x[t - 2], x[t], x[t + 1], values[-3], values[-1], w))
    unrolled = T.stack(values[3:])
    weights = T.arange(5) + 1.0
    wrt = [x, h0, w]
    f = theano.function(wrt, [h, unrolled] + grads((h * weights).sum(), wrt) + grads((unrolled * weights).sum(), wrt))
    got = f(RNG.standard_normal(rows), RNG.standard_normal(3), 0.7)
    same(got[0], got[1])
    for a, b in zip(got[2:5], got[5:8]):
        same(a, b)


def network(x, h0, w, **options):
    h, _ = theano.scan(lambda row, h, w: T.tanh(row + T.dot(h, w)), sequences=x, outputs_info=h0, non_sequences=w, **options)
    return h


def unrolled(x, h0, w, steps, window=None):
    """The hidden values; gradients through the last `window` steps alone."""
    hs, h = [], h0
    for t in range(steps):
        constant = window is not None and t < steps - window
        part = theano.gradient.disconnected_grad if constant else (lambda v: v)
        h = part(T.tanh(part(x[t]) + T.dot(part(h), part(w))))
        hs.append(h)
    return hs


DATA = [RNG.standard_normal((6, 3)), RNG.standard_normal(3), RNG.standard_normal((3, 3)) * 0.5]


@pytest.mark.parametrize("checkpoint", [0, 1, 2, 4, 9, "sqrt"])
@pytest.mark.parametrize("window", [-1, 0, 1, 4, 9])
@pytest.mark.parametrize("form", ["rows", "integer", "run time", "until"])
def test_gradients_equal_the_unrolled_graph(checkpoint, window, form):
    x, h0, w, n = T.dmatrix("x"), T.dvector("h0"), T.dmatrix("w"), T.lscalar("n")
    steps = 6 if form == "rows" else 5
    options = {"truncate_gradient": window, "checkpoint": checkpoint}
    if form == "integer":
        options["n_steps"] = 5
    if form == "run time":
        options["n_steps"] = n
    if form == "until":
        h, _ = theano.scan(
            lambda row, h, count, w: (
                [T.tanh(row + T.dot(h, w)), count + 1],
                theano.scan_module.until(T.ge(count + 1, n)),
            ),
            sequences=x,
            outputs_info=[h0, T.constant(0)],
            non_sequences=w,
            truncate_gradient=window,
            checkpoint=checkpoint,
        )
        h = h[0]
    else:
        h = network(x, h0, w, **options)
    cost = (h[-1] ** 2).sum() + h[-1].sum() + h[0].sum()
    hs = unrolled(x, h0, w, steps, None if window < 0 else window)
    expected = (hs[-1] ** 2).sum() + hs[-1].sum() + hs[0].sum()
    wrt = [x, h0, w]
    f = theano.function([*wrt, n], [cost, expected] + grads(cost, wrt) + grads(expected, wrt), on_unused_input="ignore")
    got = f(*DATA, steps)
    same(got[0], got[1])
    for a, b in zip(got[2:5], got[5:8]):
        same(a, b)


def test_checkpoint_arguments():
    x = T.dvector("x")
    for wrong, error in [("root", ValueError), (-1, ValueError), (1.5, TypeError)]:
        with pytest.raises(error, match="checkpoint"):
            theano.scan(lambda e, h: e + h, sequences=x, outputs_info=T.constant(0.0), checkpoint=wrong)


def test_checkpoints_need_the_root_in_memory():
    peaks = []
    for n in (256, 4096):
        x, w = T.fmatrix("x"), T.fmatrix("w")
        h, _ = theano.scan(
            lambda row, h, w: T.tanh(T.dot(h, w) + row.sum()),
            sequences=x,
            outputs_info=T.zeros((32, 32), dtype="float32"),
            non_sequences=w,
            checkpoint="sqrt",
            name="net",
        )
        f = theano.function([x, w], T.grad(h[-1].sum(), w))
        f(np.zeros((n, 1), "float32"), np.zeros((32, 32), "float32"))
        peaks.append(f.memory.planned_peak)
    assert peaks[1] < 4 * peaks[0] + 4 * 4096 * 4


def test_a_table_that_a_body_indexes():
    table, index = T.dmatrix("table"), T.lvector("index")
    h, _ = theano.scan(
        lambda i, h, table: T.tanh(h * table[i] + table[2]), sequences=index, outputs_info=T.ones((4,)), non_sequences=table
    )
    by_hand, value = None, T.ones((4,))
    for t in range(5):
        value = T.tanh(value * table[index[t]] + table[2])
    f = theano.function([table, index], [T.grad(h[-1].sum(), table), T.grad(value.sum(), table)])
    got, expected = f(RNG.standard_normal((9, 4)), np.array([1, 8, 1, 0, 3]))
    same(got, expected)


def test_second_derivatives_through_nested_scans():
    x, w = T.dmatrix("x"), T.dvector("w")

    def inner(e, c, w):
        return T.tanh(c * w + e)

    def outer(row, c, w):
        c, _ = theano.scan(inner, sequences=row, outputs_info=c, non_sequences=w)
        return c[-1]

    h, _ = theano.scan(outer, sequences=x, outputs_info=T.ones_like(w), non_sequences=w)
    c = T.ones_like(w)
    for i in range(3):
        for j in range(2):
            c = inner(x[i][j], c, w)
    results = []
    for cost in (h[-1].sum(), c.sum()):
        g = T.grad(cost, [x, w])
        results += g + T.grad((g[0] ** 2).sum() + (g[1] ** 3).sum(), [x, w])
    got = theano.function([x, w], results)(RNG.standard_normal((3, 2)), RNG.standard_normal(4))
    for a, b in zip(got[:4], got[4:]):
        same(a, b)


@pytest.mark.parametrize("steps", [0, -3])
def test_no_steps(steps):
    x, h0, n = T.dmatrix("x"), T.dvector("h0"), T.lscalar("n")
    for given in (steps, n):
        h, _ = theano.scan(lambda row, h: row * h, sequences=x, outputs_info=h0, n_steps=given)
        f = theano.function([x, h0, n], h, on_unused_input="ignore")
        assert f(np.ones((4, 3)), np.ones(3), steps).shape == (0, 3)


def test_gradients_of_no_rows_past_the_end():
    x, w = T.dmatrix("x"), T.dmatrix("w")
    rows = T.concatenate([T.ones((5, 3)), T.dot(x[5:5], w)])
    none, _ = theano.scan(lambda row, h: row * h, sequences=x, outputs_info=x[0], n_steps=0)
    cost = (rows**2).sum() + (T.concatenate([T.ones((5, 3)), none]) ** 2).sum()
    dx, dw = theano.function([x, w], T.grad(cost, [x, w]))(np.ones((6, 3)), np.ones((3, 3)))
    assert dx.tolist() == np.zeros((6, 3)).tolist() and dw.tolist() == np.zeros((3, 3)).tolist()


def test_symbolic_steps():
    x = T.dvector("x")
    h, _ = theano.scan(lambda h: h * 2, outputs_info=T.constant(1.0), n_steps=x.shape[0] * 2 + 1)
    f = theano.function([x], h)
    assert f(np.zeros(2)).tolist() == [2, 4, 8, 16, 32]
    assert f(np.zeros(0)).tolist() == [2]


def test_sequences_of_different_lengths():
    a, b = T.dvector("a"), T.dvector("b")
    h, _ = theano.scan(lambda p, q: p * q, sequences=[a, b])
    f = theano.function([a, b], [h] + T.grad(h.sum(), [a, b]))
    h, ga, gb = f(np.arange(5.0), np.arange(3.0) + 1)
    assert h.tolist() == [0, 2, 6] and ga.tolist() == [1, 2, 3, 0, 0] and gb.tolist() == [0, 1, 2]


def test_integers_carried_beside_floats():
    x, w = T.dvector("x"), T.dscalar("w")

    def step(e, h, k):
        return [h * w + e * T.cast(k, "float64"), k + 2]

    (h, k), _ = theano.scan(step, sequences=x, outputs_info=[T.constant(1.0), T.constant(0)])
    value, expected = T.constant(1.0), None
    for t in range(4):
        value = value * w + x[t] * float(2 * t)
    f = theano.function([x, w], T.grad(h[-1], [x, w]) + T.grad(value, [x, w]) + [k])
    ax, aw, bx, bw, count = f(RNG.standard_normal(4), 0.5)
    same(ax, bx)
    same(aw, bw)
    assert count.tolist() == [2, 4, 6, 8] and count.dtype == np.int64
    with pytest.raises(ValueError, match=r"disconnected.*it is int64"):
        T.grad(T.cast(k[-1], "float64"), w)


def test_states_and_draws_with_gradients():
    streams = T.shared_randomstreams.RandomStreams(7)
    w, total = T.dscalar("w"), theano.shared(0.0, "total")

    def step(h):
        draw = streams.uniform((3,))
        return h * w + draw, {total: total + draw.sum()}

    h, updates = theano.scan(step, outputs_info=T.zeros((3,)), n_steps=4)
    draws, more = theano.scan(step, outputs_info=T.zeros((3,)), n_steps=4)
    f = theano.function([w], [h[-1], T.grad(h[-1].sum(), w), h[0]], updates=updates)
    eps, previous = 1e-6, None
    for _ in range(2):
        last, slope, first = f(0.5)
        assert previous is None or not np.array_equal(first, previous)
        previous = first
        assert np.isfinite(slope) and slope != 0
    assert total.get_value() != 0


def test_strict():
    x, w = T.dvector("x"), T.dscalar("w")
    with pytest.raises(ValueError, match=r"strict.*'w'.*non_sequences"):
        theano.scan(lambda e: e * w, sequences=x, strict=True)
    h, _ = theano.scan(lambda e, w: e * w, sequences=x, non_sequences=w, strict=True)
    assert theano.function([x, w], h)([1.0, 2.0], 3.0).tolist() == [3, 6]


@pytest.mark.parametrize("mode", ["ignore", "warn", "raise"])
def test_test_values_inside(mode):
    before = oriel.config.compute_test_value
    oriel.config.compute_test_value = mode
    try:
        x = T.dmatrix("x")
        x.tag.test_value = np.ones((4, 3))
        seen = []

        def step(row, h):
            seen.append(None if mode == "ignore" else row.tag.test_value.shape)
            return row + h

        h, _ = theano.scan(step, sequences=x, outputs_info=T.zeros((3,)))
        if mode != "ignore":
            assert seen == [(3,)] and h.tag.test_value.tolist()[-1] == [4, 4, 4]
        if mode == "raise":
            with pytest.raises(ValueError, match=r"test_scan\.py"):
                theano.scan(lambda row, h: row + h + T.dot(x, x), sequences=x, outputs_info=T.zeros((3,)))
    finally:
        oriel.config.compute_test_value = before


@pytest.mark.parametrize("checkpoint", [0, 2, "sqrt"])
@pytest.mark.parametrize("window", [-1, 0, 2])
def test_test_values_of_loops_in_parts(checkpoint, window):
    before = oriel.config.compute_test_value
    oriel.config.compute_test_value = "raise"
    try:
        x, n = T.dmatrix("x"), T.lscalar("n")
        x.tag.test_value, n.tag.test_value = np.arange(12.0).reshape(4, 3) / 10, 3
        for steps in (None, n):
            h, _ = theano.scan(
                lambda row, h: T.tanh(row + h),
                sequences=x,
                outputs_info=T.zeros((3,)),
                n_steps=steps,
                checkpoint=checkpoint,
                truncate_gradient=window,
            )
            g = T.grad(h[-1].sum(), x)
            f = theano.function([x, n], [h, g], on_unused_input="ignore")
            values, slopes = f(x.tag.test_value, 3)
            same(h.tag.test_value, values)
            same(g.tag.test_value, slopes)
    finally:
        oriel.config.compute_test_value = before


@pytest.mark.parametrize("checkpoint", [0, 2])
def test_prints_of_nested_scans(capfd, checkpoint):
    x = T.dmatrix("x")

    def outer(row, c):
        inner, _ = theano.scan(lambda e, c: theano.printing.Print("c")(c * e), sequences=row, outputs_info=c)
        return inner[-1]

    h, _ = theano.scan(outer, sequences=x, outputs_info=T.constant(1.0), checkpoint=checkpoint)
    f = theano.function([x], [h[-1], T.grad(h[-1], x)])
    data = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert f(data)[0] == 720
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("c ")]
    assert [float(line.split("=")[1]) for line in lines] == [1, 2, 6, 24, 120, 720]
