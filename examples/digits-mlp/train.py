#!/usr/bin/env python3
"""Trains a multilayer perceptron on the UCI handwritten digits.

  train.py [--epochs N] [--hidden N] [--checkpoint FILE] [--resume] [--data DIR]

Two hidden layers with dropout, cross-entropy, momentum, a learning rate that
falls linearly. With --checkpoint all states are saved after every epoch, the
random streams included; --resume goes on from there and gives the same bits as
a run that was never interrupted. Ends with the accuracy on the held-out images
and where the training step's time and memory went.
"""
import argparse
import pathlib
import sys

import numpy

import oriel as theano
from oriel import tensor as T
from oriel.tensor.shared_randomstreams import RandomStreams

HERE = pathlib.Path(__file__).resolve().parent


def load(folder):
    """Images as float32 in [0, 1] and labels, split by a fixed permutation."""
    images = numpy.load(folder / "images.npy").reshape(-1, 64).astype(numpy.float32) / 16
    labels = numpy.load(folder / "labels.npy").astype(numpy.int64)
    order = numpy.random.RandomState(1).permutation(len(labels))
    cut = len(labels) * 4 // 5
    train, test = order[:cut], order[cut:]
    return (images[train], labels[train]), (images[test], labels[test])


class Layer:
    """tanh(x W + b), dropped out at random while training."""

    def __init__(self, name, inputs, outputs, rng):
        scale = numpy.sqrt(6 / (inputs + outputs))
        self.W = theano.shared(rng.uniform(-scale, scale, (inputs, outputs)).astype(numpy.float32), name=name + "/W")
        self.b = theano.shared(numpy.zeros(outputs, numpy.float32), name=name + "/b")
        self.params = [self.W, self.b]

    def __call__(self, x):
        return T.dot(x, self.W) + self.b


class Perceptron:
    def __init__(self, hidden, keep=0.9):
        rng = numpy.random.RandomState(2)
        self.random = RandomStreams(seed=3)
        self.keep = keep
        self.layers = [Layer("hidden1", 64, hidden, rng), Layer("hidden2", hidden, hidden, rng), Layer("output", hidden, 10, rng)]
        self.params = [p for layer in self.layers for p in layer.params]
        self.momenta = [theano.shared(numpy.zeros_like(p.get_value()), name=p.name + "/momentum") for p in self.params]
        self.epoch = theano.shared(numpy.int64(0), name="epoch")

    def logits(self, x, training):
        for layer in self.layers[:-1]:
            x = T.tanh(layer(x))
            if training:
                mask = self.random.binomial(size=x.shape, n=1, p=self.keep, dtype="float32")
                x = x * mask / numpy.float32(self.keep)
        return self.layers[-1](x)

    def train_function(self):
        x, t, rate = T.fmatrix("images"), T.lvector("labels"), T.fscalar("rate")
        p = T.nnet.softmax(self.logits(x, training=True))
        cost = T.nnet.categorical_crossentropy(p, t).mean()
        cost.name = "cost"
        updates = []
        for param, momentum, g in zip(self.params, self.momenta, theano.grad(cost, self.params)):
            step = numpy.float32(0.9) * momentum - rate * g
            updates += [(momentum, step), (param, param + step)]
        return theano.function([x, t, rate], cost, updates=updates, name="train")

    def predict_function(self):
        x = T.fmatrix("images")
        return theano.function([x], self.logits(x, training=False).argmax(axis=1), name="predict")

    def states(self):
        return self.params + self.momenta + [self.epoch] + self.random.states()


def progress(done, total, text):
    width = 30
    filled = width * done // total
    end = "\n" if done == total else "\r"
    sys.stdout.write("[" + "#" * filled + "." * (width - filled) + "] " + text + end)
    sys.stdout.flush()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--checkpoint", type=pathlib.Path)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--stop-after", type=int, help="end early after this epoch, as an interruption would")
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parent / "digits" / "data")
    args = parser.parse_args(arguments)

    (images, labels), (test_images, test_labels) = load(args.data)
    net = Perceptron(args.hidden)
    train, predict = net.train_function(), net.predict_function()
    if args.resume:
        theano.load_states(args.checkpoint, net.states())

    batches = (len(labels) + args.batch - 1) // args.batch
    for epoch in range(int(net.epoch.get_value()), args.epochs):
        # Each epoch's order depends on its number alone: resuming repeats it.
        order = numpy.random.RandomState(100 + epoch).permutation(len(labels))
        rate = numpy.float32(args.rate * (1 - epoch / args.epochs))
        total = 0.0
        for batch in range(batches):
            chosen = order[batch * args.batch:(batch + 1) * args.batch]
            total += float(train(images[chosen], labels[chosen], rate)) * len(chosen)
            if batch % 8 == 7 or batch + 1 == batches:
                progress(batch + 1, batches, "epoch %2d  cost %.4f" % (epoch + 1, total / len(labels)))
        net.epoch.set_value(numpy.int64(epoch + 1))
        if args.checkpoint:
            theano.save_states(args.checkpoint, net.states())
        if args.stop_after == epoch + 1:
            return None

    accuracy = float((predict(test_images) == test_labels).mean())
    print("test accuracy: %.4f" % accuracy)
    print()
    print(train.profile.text())
    print(train.memory.text())
    return accuracy


if __name__ == "__main__":
    main()
