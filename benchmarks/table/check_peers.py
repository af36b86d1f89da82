#!/usr/bin/env python3
"""Each peer of scripts/peer-env computes a product and an exp; ends with 1 when one does not."""
import sys

import numpy

A = numpy.random.default_rng(1).standard_normal((17, 17)).astype("float32")
EXPECTED = numpy.exp(numpy.tanh(A.astype("float64") @ A))


def jax_():
    import jax
    import jax.numpy as jnp
    return jax.jit(lambda a: jnp.exp(jnp.tanh(a @ a)))(A)


def torch_eager():
    import torch
    t = torch.from_numpy(A)
    return torch.exp(torch.tanh(t @ t)).numpy()


def torch_compile():
    import torch
    return torch.compile(lambda t: torch.exp(torch.tanh(t @ t)))(torch.from_numpy(A)).numpy()


def onnxruntime_():
    import onnx.parser
    import onnxruntime
    model = onnx.parser.parse_model("""<ir_version: 9, opset_import: ["": 18]>
        g (float[17, 17] a) => (float[17, 17] o) { p = MatMul(a, a)
        t = Tanh(p)
        o = Exp(t) }""")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"a": A})[0]


def main():
    failed = 0
    for peer in (jax_, torch_eager, torch_compile, onnxruntime_):
        name = peer.__name__.rstrip("_")
        try:
            numpy.testing.assert_allclose(numpy.asarray(peer()), EXPECTED, rtol=1e-4, atol=1e-5)
            print(f"{name}: computes")
        except Exception as why:  # every peer is tried, each failure said
            print(f"{name}: {type(why).__name__}: {why}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
