"""A training step of a multilayer perceptron, 64-128-128-10, tanh, batches of 32,
cross-entropy, momentum: the step of examples/digits-mlp without its dropout
(random streams differ between libraries). One function a peer that makes
`step(x, t) -> cost`; the costs of four steps are compared with REFERENCE."""
import numpy

LAYERS = ((64, 128), (128, 128), (128, 10))
BATCH, RATE, MOMENTUM = 32, 0.1, 0.9


def parameters():
    rng = numpy.random.default_rng(2)
    out = []
    for i, o in LAYERS:
        bound = numpy.sqrt(6 / (i + o))
        out += [rng.uniform(-bound, bound, (i, o)).astype("float32"), numpy.zeros(o, "float32")]
    return out


def batch():
    rng = numpy.random.default_rng(3)
    return rng.random((BATCH, 64), dtype="float32"), rng.integers(0, 10, BATCH)


def numpy_step(dtype):
    """The step by hand: the reference in float64, the peer in float32."""
    p = [a.astype(dtype) for a in parameters()]
    v = [numpy.zeros_like(a) for a in p]
    rate, momentum = dtype(RATE), dtype(MOMENTUM)

    def step(x, t):
        h1 = numpy.tanh(x @ p[0] + p[1])
        h2 = numpy.tanh(h1 @ p[2] + p[3])
        z = h2 @ p[4] + p[5]
        z -= z.max(1, keepdims=True)
        logp = z - numpy.log(numpy.exp(z).sum(1, keepdims=True))
        every = numpy.arange(len(t))
        cost = -logp[every, t].mean()
        d = numpy.exp(logp)
        d[every, t] -= 1
        d /= len(t)
        g = [None] * 6
        g[4], g[5] = h2.T @ d, d.sum(0)
        d = d @ p[4].T * (1 - h2 * h2)
        g[2], g[3] = h1.T @ d, d.sum(0)
        d = d @ p[2].T * (1 - h1 * h1)
        g[0], g[1] = x.T @ d, d.sum(0)
        for i in range(6):
            v[i] *= momentum
            v[i] -= rate * g[i]
            p[i] += v[i]
        return cost
    return step


def reference(steps=4):
    x, t = batch()
    step = numpy_step(numpy.float64)
    return numpy.array([step(x.astype("float64"), t) for _ in range(steps)])


def oriel_step(theano, T):
    x, t = T.fmatrix("x"), T.lvector("t")
    p = [theano.shared(a, name="p%d" % i) for i, a in enumerate(parameters())]
    v = [theano.shared(numpy.zeros_like(a.get_value()), name="v%d" % i) for i, a in enumerate(p)]
    h = x
    for w, b in ((p[0], p[1]), (p[2], p[3])):
        h = T.tanh(T.dot(h, w) + b)
    cost = T.nnet.categorical_crossentropy(T.nnet.softmax(T.dot(h, p[4]) + p[5]), t).mean()
    updates = []
    for param, momentum, g in zip(p, v, theano.grad(cost, p)):
        moved = numpy.float32(MOMENTUM) * momentum - numpy.float32(RATE) * g
        updates += [(momentum, moved), (param, param + moved)]
    return theano.function([x, t], cost, updates=updates, name="train")


def jax_step(jax):
    """The jitted step(p, v, x, t) -> p, v, cost; p and v are donated."""
    jnp = jax.numpy

    def cost_of(p, x, t):
        h = jnp.tanh(x @ p[0] + p[1])
        h = jnp.tanh(h @ p[2] + p[3])
        logp = jax.nn.log_softmax(h @ p[4] + p[5])
        return -jnp.mean(jnp.take_along_axis(logp, t[:, None], axis=1))

    def step(p, v, x, t):
        cost, g = jax.value_and_grad(cost_of)(p, x, t)
        v = [MOMENTUM * a - RATE * b for a, b in zip(v, g)]
        return [a + b for a, b in zip(p, v)], v, cost

    return jax.jit(step, donate_argnums=(0, 1))


def torch_step(torch):
    """step(p, v, x, t) -> cost, in place; eager as it stands, or compiled."""
    F = torch.nn.functional

    def cost_of(p, x, t):
        h = torch.tanh(torch.addmm(p[1], x, p[0]))
        h = torch.tanh(torch.addmm(p[3], h, p[2]))
        return F.cross_entropy(torch.addmm(p[5], h, p[4]), t)

    def step(p, v, x, t):
        g, cost = torch.func.grad_and_value(cost_of)(p, x, t)
        for a, m, d in zip(p, v, g):
            m.mul_(MOMENTUM).sub_(d, alpha=RATE)
            a.add_(m)
        return cost

    return step
