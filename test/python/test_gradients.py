"""grad and the module gradient, from Python."""
import numpy as np
import pytest

import oriel
from oriel import gradient, tensor as T


def test_logistic_regression():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((200, 5))
    truth = rng.standard_normal(5)
    labels = (features @ truth > 0).astype("float64")
    x, t = T.dmatrix("x"), T.dvector("t")
    w, b = oriel.shared(np.zeros(5), "w"), oriel.shared(0.0, "b")
    p = T.nnet.sigmoid(T.dot(x, w) + b)
    cost = T.nnet.binary_crossentropy(p, t).mean() + 0.001 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = oriel.function([x, t], cost, updates=[(w, w - 0.5 * gw), (b, b - 0.5 * gb)])
    first = train(features, labels)
    for _ in range(200):
        last = train(features, labels)
    assert last < first / 3
    predict = oriel.function([x], p > 0.5)
    assert (predict(features) == labels).mean() > 0.97


def test_forms():
    x = T.dvector("x")
    y = (x**3).sum()
    assert isinstance(oriel.grad(y, x), oriel.TensorVariable)
    assert isinstance(oriel.grad(y, [x]), list)
    g = oriel.grad(y, x)
    h = oriel.grad(g.sum(), x)
    f = oriel.function([x], [g, h])
    for got, expected in zip(f([1.0, 2.0]), ([3, 12], [6, 12])):
        np.testing.assert_allclose(got, expected)


def test_disconnected():
    x, y = T.dscalars("x y")
    with pytest.raises(ValueError, match="disconnect|path"):
        oriel.grad(x * 2, y)
    assert oriel.grad(x * 2, [y], disconnected_inputs="ignore", return_disconnected="None") == [None]
    with pytest.warns(UserWarning):
        zero = oriel.grad(x * 2, y, disconnected_inputs="warn")
    assert zero.eval() == 0
    assert oriel.grad(x * gradient.disconnected_grad(x), x).eval({x: 3.0}) == 3
    assert oriel.grad(x * gradient.zero_grad(x), x).eval({x: 3.0}) == 3
    square = x * x
    assert oriel.grad(square * x, x, consider_constant=[square]).eval({x: 3.0}) == 9


def test_known_grads():
    x = T.dvector("x")
    y = x * 2
    g = oriel.grad(None, x, known_grads={y: T.ones_like(y) * 5})
    assert g.eval({x: [1.0, 2.0]}).tolist() == [10, 10]


def test_products_and_second_derivatives():
    x, v = T.dvector("x"), T.dvector("v")
    y = x**2
    data = {x: [1.0, 2.0], v: [1.0, 10.0]}
    assert oriel.Lop(y, x, v).eval(data).tolist() == [2, 40]
    assert oriel.Rop(y, x, v).eval(data).tolist() == [2, 40]
    assert gradient.jacobian(y, x).eval({x: [1.0, 2.0]}).tolist() == [[2, 0], [0, 4]]
    assert gradient.hessian((x**3).sum(), x).eval({x: [1.0, 2.0]}).tolist() == [[6, 0], [0, 12]]
    assert oriel.grad((gradient.grad_clip(x, -1, 1) * 5).sum(), x).eval({x: [1.0]}, ).tolist() == [1]
    assert oriel.grad((gradient.grad_scale(x, 3) * 5).sum(), x).eval({x: [1.0]}).tolist() == [15]


@pytest.mark.parametrize("shape", [(10001,), (10001, 1)])
def test_the_gradient_of_the_bias(shape):
    """S15: d/dbias of bias[targets], vectors as matrices."""
    targets = T.lvector("targets")
    bias = oriel.shared(np.zeros(shape), "bias")
    part = bias[targets] if len(shape) == 1 else bias[targets, 0]
    g = oriel.grad((part * 2).sum(), bias)
    f = oriel.function([targets], g)
    drawn = np.random.default_rng(1).integers(0, 10001, 18000)
    expected = np.zeros(10001)
    np.add.at(expected, drawn, 2)
    assert (f(drawn).ravel() == expected).all()
