"""What each peer calls the operations of cases.py, and how it is made ready.

`Peer(threads).prepare(case)` returns a function that runs the case once and
returns its answer as a NumPy array when asked: `call()` computes and drops,
`answer()` computes and returns. `compile_seconds(case)` is the time from a
stated function to the first result, nothing cached. NotMeasured says why a peer
has no such case.
"""
import contextlib
import math
import time

import numpy

import training


class NotMeasured(Exception):
    pass


class Peer:
    def prepare(self, case):
        """(call, answer)"""
        if case.kind == "train":
            return self.train()
        values = [self.put(a) for a in case.inputs()]
        f = self.function(case, values)
        return (lambda: self.wait(f(*values))), (lambda: self.get(f(*values)))

    def train(self):
        raise NotMeasured("it computes no gradients")

    def compile_seconds(self, case):
        raise NotMeasured("it compiles nothing")

    def put(self, array):
        return array

    def get(self, result):
        return numpy.asarray(result)

    def wait(self, result):
        pass

    def costs(self, step):
        """The costs of the first four steps, then the step alone as (call, answer)."""
        first = numpy.array([float(step()) for _ in range(4)])
        return step, lambda: first


class NumPy(Peer):
    def __init__(self, threads):
        self.version = "NumPy " + numpy.__version__

    def function(self, case, values):
        return lambda *v: case.build(NumpyOps, *v)

    def train(self):
        x, t = training.batch()
        step = training.numpy_step(numpy.float32)
        return self.costs(lambda: step(x, t))


class NumpyOps:
    abs, sqrt, maximum, tanh, matmul = numpy.abs, numpy.sqrt, numpy.maximum, numpy.tanh, numpy.matmul
    sum = staticmethod(lambda x, axis: numpy.sum(x, axis=axis))
    sigmoid = staticmethod(lambda x: 1 / (1 + numpy.exp(-x)))
    transposed = staticmethod(lambda x: numpy.ascontiguousarray(x.T))
    swapped = staticmethod(lambda x: numpy.swapaxes(x, -1, -2))
    concatenate = staticmethod(lambda parts, axis: numpy.concatenate(parts, axis))

    @staticmethod
    def softmax(x):
        e = numpy.exp(x - x.max(-1, keepdims=True))
        e /= e.sum(-1, keepdims=True)
        return e

    @staticmethod
    def log_softmax(x):
        d = x - x.max(-1, keepdims=True)
        d -= numpy.log(numpy.exp(d).sum(-1, keepdims=True))
        return d

    @staticmethod
    def logsumexp(x):
        m = x.max(-1, keepdims=True)
        return numpy.log(numpy.exp(x - m).sum(-1)) + m[:, 0]

    @staticmethod
    def layer_norm(x, g, b):
        d = x - x.mean(-1, keepdims=True)
        d /= numpy.sqrt(numpy.square(d).mean(-1, keepdims=True) + numpy.float32(1e-5))
        d *= g
        d += b
        return d

    @staticmethod
    def gelu(x):
        raise NotMeasured("NumPy has no erf")

    @staticmethod
    def scatter_add(size, index, updates):
        out = numpy.zeros(size, "float32")
        numpy.add.at(out, index, updates)
        return out


class Oriel(Peer):
    """From Python, extents unknown when compiled."""

    def __init__(self, threads):
        import oriel
        from oriel import tensor
        oriel.config.num_threads = threads
        oriel.config.cache_dir = "none"
        self.theano, self.T = oriel, tensor
        self.version = "Oriel"

    def symbols(self, values):
        T = self.T
        kinds = {("f", 1): T.fvector, ("f", 2): T.fmatrix, ("f", 3): T.ftensor3, ("l", 1): T.lvector}
        return [kinds[v.dtype.char, v.ndim]("x%d" % i) for i, v in enumerate(values)]

    def function(self, case, values):
        x = self.symbols(values)
        return self.theano.function(x, case.build(OrielOps(self.T), *x), name="case")

    def train(self):
        x, t = training.batch()
        f = training.oriel_step(self.theano, self.T)
        return self.costs(lambda: f(x, t))

    def compile_seconds(self, case):
        begin = time.perf_counter()
        if case.kind == "compile_train":
            f, values = training.oriel_step(self.theano, self.T), training.batch()
        else:
            values = case.inputs()
            f = self.function(case, values)
        f(*values)
        return time.perf_counter() - begin


class OrielOps:
    def __init__(self, T):
        self.T = T
        self.abs, self.sqrt, self.maximum, self.tanh, self.sigmoid = abs, T.sqrt, T.maximum, T.tanh, T.nnet.sigmoid
        self.softmax, self.log_softmax, self.matmul = T.nnet.softmax, T.nnet.logsoftmax, T.matmul
        self.concatenate = T.concatenate

    def sum(self, x, axis):
        return self.T.sum(x) if axis is None else self.T.sum(x, axis=axis)

    def transposed(self, x):
        return x.T

    def swapped(self, x):
        return self.T.swapaxes(x, x.ndim - 1, x.ndim - 2)

    def logsumexp(self, x):
        return self.T.logsumexp(x, axis=-1)

    def layer_norm(self, x, g, b):
        d = x - x.mean(axis=-1, keepdims=True)
        v = (d * d).mean(axis=-1, keepdims=True)
        return d / self.T.sqrt(v + numpy.float32(1e-5)) * g + b

    def gelu(self, x):
        return numpy.float32(0.5) * x * (1 + self.T.erf(x * numpy.float32(math.sqrt(0.5))))

    def scatter_add(self, size, index, updates):
        return self.T.inc_subtensor(self.T.zeros((size,), "float32")[index], updates)


class Jax(Peer):
    def __init__(self, threads):
        import os
        if threads == 1:
            os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
        import jax
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)  # 64-bit indices stay as they are
        self.jax = jax
        self.version = "JAX " + jax.__version__

    def put(self, array):
        return self.jax.numpy.asarray(array).block_until_ready()

    def wait(self, result):
        result.block_until_ready()

    def function(self, case, values):
        return self.jax.jit(lambda *v: case.build(JaxOps(self.jax), *v))

    def train(self):
        jnp = self.jax.numpy
        x, t = (self.put(a) for a in training.batch())
        step = training.jax_step(self.jax)
        state = [[jnp.asarray(a) for a in training.parameters()], [jnp.zeros_like(a) for a in training.parameters()]]

        def run():
            state[0], state[1], cost = step(state[0], state[1], x, t)
            cost.block_until_ready()
            return cost
        return self.costs(run)

    def compile_seconds(self, case):
        jnp = self.jax.numpy
        self.jax.clear_caches()
        if case.kind == "compile_train":
            p = [jnp.asarray(a) for a in training.parameters()]
            values = [p, [jnp.zeros_like(a) for a in p], *(self.put(a) for a in training.batch())]
            begin = time.perf_counter()
            f = training.jax_step(self.jax)
        else:
            values = [self.put(a) for a in case.inputs()]
            begin = time.perf_counter()
            f = self.function(case, values)
        self.jax.block_until_ready(f(*values))
        return time.perf_counter() - begin


class JaxOps:
    def __init__(self, jax):
        jnp = jax.numpy
        self.jax, self.jnp = jax, jnp
        self.abs, self.sqrt, self.maximum, self.tanh, self.matmul = jnp.abs, jnp.sqrt, jnp.maximum, jnp.tanh, jnp.matmul
        self.sigmoid, self.softmax, self.log_softmax = jax.nn.sigmoid, jax.nn.softmax, jax.nn.log_softmax
        self.concatenate = jnp.concatenate

    def sum(self, x, axis):
        return self.jnp.sum(x, axis=axis)

    def transposed(self, x):
        return x.T

    def swapped(self, x):
        return self.jnp.swapaxes(x, -1, -2)

    def logsumexp(self, x):
        return self.jax.nn.logsumexp(x, axis=-1)

    def layer_norm(self, x, g, b):
        d = x - x.mean(-1, keepdims=True)
        return d * self.jax.lax.rsqrt((d * d).mean(-1, keepdims=True) + numpy.float32(1e-5)) * g + b

    def gelu(self, x):
        return self.jax.nn.gelu(x, approximate=False)

    def scatter_add(self, size, index, updates):
        return self.jnp.zeros(size, "float32").at[index].add(updates)


class Torch(Peer):
    compiled = False

    def __init__(self, threads):
        import torch
        torch.set_num_threads(threads)
        self.torch = torch
        self.version = "PyTorch " + torch.__version__ + (" torch.compile" if self.compiled else " eager")
        if self.compiled:
            import torch._inductor.config
            torch._inductor.config.force_disable_caches = True
            torch._inductor.config.compile_threads = threads

    def put(self, array):
        return self.torch.from_numpy(array)

    def get(self, result):
        return result.numpy()

    def optimised(self, f):
        if not self.compiled:
            return f
        # Each case from nothing: else the second shape would be compiled for unknown extents.
        self.torch._dynamo.reset()
        return self.torch.compile(f, dynamic=False)

    def function(self, case, values):
        ops = TorchOps(self.torch)
        f = self.optimised(lambda *v: case.build(ops, *v))

        def run(*v):
            with self.torch.no_grad():
                return f(*v)
        return run

    def training(self):
        torch = self.torch
        p = [torch.from_numpy(a) for a in training.parameters()]
        return [p, [torch.zeros_like(a) for a in p], *(torch.from_numpy(a) for a in training.batch())]

    def train(self):
        values = self.training()
        step = self.optimised(training.torch_step(self.torch))
        return self.costs(lambda: step(*values))

    def compile_seconds(self, case):
        if not self.compiled:
            raise NotMeasured("eager compiles nothing")
        values = self.training() if case.kind == "compile_train" else [self.put(a) for a in case.inputs()]
        begin = time.perf_counter()
        f = self.optimised(training.torch_step(self.torch)) if case.kind == "compile_train" else self.function(case, values)
        f(*values)
        return time.perf_counter() - begin


class TorchCompile(Torch):
    compiled = True


class TorchOps:
    def __init__(self, torch):
        F = torch.nn.functional
        self.torch, self.F = torch, F
        self.abs, self.sqrt, self.maximum, self.tanh, self.matmul = torch.abs, torch.sqrt, torch.maximum, torch.tanh, torch.matmul
        self.sigmoid, self.gelu, self.concatenate = torch.sigmoid, F.gelu, torch.cat

    def sum(self, x, axis):
        return self.torch.sum(x) if axis is None else self.torch.sum(x, axis)

    def transposed(self, x):
        return x.t().contiguous()

    def swapped(self, x):
        return x.mT

    def softmax(self, x):
        return self.torch.softmax(x, -1)

    def log_softmax(self, x):
        return self.torch.log_softmax(x, -1)

    def logsumexp(self, x):
        return self.torch.logsumexp(x, -1)

    def layer_norm(self, x, g, b):
        return self.F.layer_norm(x, (x.shape[-1],), g, b, 1e-5)

    def scatter_add(self, size, index, updates):
        return self.torch.zeros(size).index_add_(0, index, updates)


class OnnxRuntime(Peer):
    def __init__(self, threads):
        import onnxruntime
        self.ort, self.threads = onnxruntime, threads
        self.version = "ONNX Runtime " + onnxruntime.__version__

    def function(self, case, values):
        import onnx
        graph = OnnxGraph()
        names = ["x%d" % i for i in range(len(values))]
        result = case.build(graph, *(OnnxValue(graph, n, v.ndim) for n, v in zip(names, values)))
        types = {"f": onnx.TensorProto.FLOAT, "l": onnx.TensorProto.INT64}
        made = onnx.helper.make_graph(
            graph.nodes, "case",
            [onnx.helper.make_tensor_value_info(n, types[v.dtype.char], v.shape) for n, v in zip(names, values)],
            [onnx.helper.make_tensor_value_info(result.name, onnx.TensorProto.FLOAT, None)], graph.constants)
        model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = self.ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return lambda *v: session.run(None, dict(zip(names, v)))[0]


class OnnxValue:
    def __init__(self, graph, name, ndim=None):
        self.graph, self.name, self.ndim = graph, name, ndim

    def __add__(self, other):
        return self.graph.node("Add", self, other)

    def __sub__(self, other):
        return self.graph.node("Sub", self, other)

    def __mul__(self, other):
        return self.graph.node("Mul", self, other)


class OnnxGraph:
    """Records nodes; an operation is a method."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def node(self, op, *inputs, **attributes):
        import onnx
        name = "v%d" % len(self.nodes)
        self.nodes.append(onnx.helper.make_node(op, [i.name for i in inputs], [name], **attributes))
        return OnnxValue(self, name)

    def constant(self, array):
        import onnx
        name = "c%d" % len(self.constants)
        self.constants.append(onnx.numpy_helper.from_array(numpy.asarray(array), name))
        return OnnxValue(self, name)

    def abs(self, x):
        return self.node("Abs", x)

    def sqrt(self, x):
        return self.node("Sqrt", x)

    def maximum(self, x, y):
        return self.node("Max", x, y)

    def tanh(self, x):
        return self.node("Tanh", x)

    def sigmoid(self, x):
        return self.node("Sigmoid", x)

    def softmax(self, x):
        return self.node("Softmax", x, axis=-1)

    def log_softmax(self, x):
        return self.node("LogSoftmax", x, axis=-1)

    def logsumexp(self, x):
        return self.node("ReduceLogSumExp", x, self.constant(numpy.array([-1])), keepdims=0)

    def layer_norm(self, x, g, b):
        return self.node("LayerNormalization", x, g, b, axis=-1, epsilon=1e-5)

    def sum(self, x, axis):
        return self.node("ReduceSum", x, *([] if axis is None else [self.constant(numpy.array([axis]))]), keepdims=0)

    def transposed(self, x):
        return self.node("Transpose", x, perm=[1, 0])

    def swapped(self, x):
        return self.node("Transpose", x, perm=[1, 0] if x.ndim == 2 else [0, 2, 1])

    def concatenate(self, parts, axis):
        return self.node("Concat", *parts, axis=axis)

    def matmul(self, a, b):
        return self.node("MatMul", a, b)

    def gelu(self, x):
        return self.node("Gelu", x)

    def scatter_add(self, size, index, updates):
        return self.node("ScatterElements", self.constant(numpy.zeros(size, "float32")), index, updates, axis=0, reduction="add")


PEERS = {"oriel": Oriel, "numpy": NumPy, "numpy_kept": NumPy, "jax": Jax, "torch": Torch, "torch_compile": TorchCompile, "onnxruntime": OnnxRuntime}
