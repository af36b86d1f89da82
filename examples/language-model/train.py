#!/usr/bin/env python3
"""Trains a word-level GRU language model and writes some text with it.

  train.py [--text FILE] [--minutes N | --steps N] [--vocabulary N] [--checkpoint FILE] [--resume]

The text is the King James Bible (public domain), from the `bible` program of
Debian's bible-kjv package, or any UTF-8 file. The model is an embedding, one GRU
layer by scan, and an output layer whose rows and biases are indexed by the
targets: the cost compares each target with a few sampled words (noise
contrastive estimation), so a step touches few rows of a large table.
Perplexity of the held-out text comes from the full softmax.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys
import time

import numpy

import oriel as theano
from oriel import tensor as T

floatX = numpy.float32
UNKNOWN, END = 0, 1


def read_text(path):
    """One verse a line, without its reference."""
    if path is not None:
        return path.read_text(encoding="utf-8").splitlines()
    try:
        output = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        sys.exit("the `bible` program is missing: install the package bible-kjv, or give --text FILE")
    return [line.split(" ", 1)[1] for line in output.splitlines() if " " in line]


def tokenize(line):
    return re.findall(r"[a-z']+|[.,;:?!]", line.lower())


class Corpus:
    def __init__(self, lines, vocabulary):
        sentences = [tokenize(line) for line in lines]
        sentences = [s for s in sentences if s]
        counts = collections.Counter(word for s in sentences for word in s)
        self.words = ["<unk>", "</s>"] + [w for w, _ in counts.most_common(vocabulary - 2)]
        self.ids = {w: i for i, w in enumerate(self.words)}
        tokens = [i for s in sentences for i in [self.ids.get(w, UNKNOWN) for w in s] + [END]]
        tokens = numpy.array(tokens, numpy.int64)
        cut = len(tokens) * 19 // 20
        self.train, self.test = tokens[:cut], tokens[cut:]
        frequency = numpy.bincount(self.train, minlength=len(self.words)) + 1.0
        self.unigram = (frequency / frequency.sum()).astype(floatX)

    def batches(self, tokens, rows, steps):
        """(inputs, targets) of shape (steps, rows): each row reads on where it was."""
        length = (len(tokens) - 1) // rows
        x = tokens[:length * rows].reshape(rows, length).T
        y = tokens[1:length * rows + 1].reshape(rows, length).T
        for start in range(0, length - steps + 1, steps):
            yield numpy.ascontiguousarray(x[start:start + steps]), numpy.ascontiguousarray(y[start:start + steps])


class Model:
    def __init__(self, corpus, units, noise):
        rng = numpy.random.RandomState(5)
        self.noise, self.unigram = noise, corpus.unigram
        size = len(corpus.words)

        def weight(name, *shape):
            return theano.shared((rng.randn(*shape) / numpy.sqrt(shape[0])).astype(floatX), name=name)

        self.embedding = theano.shared((0.1 * rng.randn(size, units)).astype(floatX), name="embedding")
        self.W = weight("gru/W", units, 3 * units)
        self.U = weight("gru/U", units, 2 * units)
        self.V = weight("gru/V", units, units)
        self.b = theano.shared(numpy.zeros(3 * units, floatX), name="gru/b")
        self.output = theano.shared((0.1 * rng.randn(size, units)).astype(floatX), name="output/W")
        self.bias = theano.shared(numpy.log(corpus.unigram), name="bias")
        self.dense = [self.W, self.U, self.V, self.b]
        self.tables = [self.embedding, self.output, self.bias]
        self.units = units

    def step(self, x, h):
        """One GRU step of x (rows, 3 units), the input's part, and h (rows, units)."""
        n = self.units
        gates = T.nnet.sigmoid(x[:, :2 * n] + T.dot(h, self.U))
        update, reset = gates[:, :n], gates[:, n:]
        new = T.tanh(x[:, 2 * n:] + T.dot(reset * h, self.V))
        return update * h + (1 - update) * new

    def hidden(self, tokens, h0):
        x = T.dot(self.embedding[tokens], self.W) + self.b
        h, _ = theano.scan(self.step, sequences=x, outputs_info=h0, name="gru")
        return h

    def train_function(self):
        x, y, noise = T.lmatrix("words"), T.lmatrix("targets"), T.lvector("noise")
        h0, rate = T.fmatrix("h0"), T.fscalar("rate")
        h = self.hidden(x, h0)
        flat, targets = h.reshape((-1, self.units)), y.flatten()
        unigram = T.constant(self.unigram, name="unigram")
        expected = T.log(numpy.float32(self.noise) * unigram)
        true = (flat * self.output[targets]).sum(axis=1) + self.bias[targets] - expected[targets]
        false = T.dot(flat, self.output[noise].T) + self.bias[noise] - expected[noise]
        cost = T.nnet.softplus(-true).mean() + T.nnet.softplus(false).sum(axis=1).mean()
        cost.name = "cost"
        params = self.dense + self.tables
        updates = []
        for param, g in zip(params, theano.grad(cost, params)):
            if param in self.dense:
                g = T.clip(g, numpy.float32(-0.1), numpy.float32(0.1))
            updates.append((param, param - rate * g))
        return theano.function([x, y, noise, h0, rate], [cost, h[-1]], updates=updates, name="train")

    def score_function(self):
        """Negative log probability of each target, and the last state."""
        x, y, h0 = T.lmatrix("words"), T.lmatrix("targets"), T.fmatrix("h0")
        h = self.hidden(x, h0)
        scores = T.dot(h.reshape((-1, self.units)), self.output.T) + self.bias
        log_p = T.nnet.log_softmax(scores)
        return theano.function([x, y, h0], [-log_p[T.arange(y.size), y.flatten()].sum(), h[-1]], name="score")

    def next_function(self):
        """Probabilities of the word after one word."""
        x, h0 = T.lvector("word"), T.fmatrix("h0")
        h = self.step(T.dot(self.embedding[x], self.W) + self.b, h0)
        return theano.function([x, h0], [T.nnet.softmax(T.dot(h, self.output.T) + self.bias)[0], h], name="next")

    def states(self):
        return self.dense + self.tables


def perplexity(model, score, corpus, rows, steps):
    h, total, count = numpy.zeros((rows, model.units), floatX), 0.0, 0
    for x, y in corpus.batches(corpus.test, rows, steps):
        cost, h = score(x, y, h)
        total, count = total + float(cost), count + y.size
    return float(numpy.exp(total / count))


def write(model, following, corpus, rng, words=40):
    h, word, text = numpy.zeros((1, model.units), floatX), END, []
    for _ in range(words):
        p, h = following(numpy.array([word]), h)
        p = p.astype(numpy.float64)
        p[UNKNOWN] = 0
        word = int(rng.choice(len(p), p=p / p.sum()))
        text.append("\n" if word == END else corpus.words[word])
    return re.sub(r" ([.,;:?!])", r"\1", " ".join(text))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--vocabulary", type=int, default=10001)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--length", type=int, default=20)
    parser.add_argument("--noise", type=int, default=200)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--steps", type=int, help="stop after this many steps instead")
    parser.add_argument("--checkpoint", type=pathlib.Path)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(arguments)

    corpus = Corpus(read_text(args.text), args.vocabulary)
    print("%d words, %d of them held out, a vocabulary of %d" %
          (len(corpus.train) + len(corpus.test), len(corpus.test), len(corpus.words)))
    model = Model(corpus, args.units, args.noise)
    train, score, following = model.train_function(), model.score_function(), model.next_function()
    if args.resume:
        theano.load_states(args.checkpoint, model.states())
    rng = numpy.random.RandomState(6)
    print("perplexity before training: %.0f" % perplexity(model, score, corpus, args.rows, args.length))

    begin, step, average, done = time.monotonic(), 0, None, False
    while not done:
        h = numpy.zeros((args.rows, model.units), floatX)
        for x, y in corpus.batches(corpus.train, args.rows, args.length):
            noise = rng.choice(len(corpus.words), args.noise, p=corpus.unigram.astype(numpy.float64) / corpus.unigram.sum(dtype=numpy.float64))
            cost, h = train(x, y, noise, h, floatX(args.rate))
            step += 1
            average = float(cost) if average is None else 0.98 * average + 0.02 * float(cost)
            minutes = (time.monotonic() - begin) / 60
            done = step >= args.steps if args.steps else minutes >= args.minutes
            if step % 50 == 0 or done:
                print("\rstep %5d  %5.1f min  cost %.4f" % (step, minutes, average), end="\n" if done else "", flush=True)
            if done:
                break
        if args.checkpoint:
            theano.save_states(args.checkpoint, model.states())
    result = perplexity(model, score, corpus, args.rows, args.length)
    print("perplexity after training: %.0f" % result)
    print()
    print(write(model, following, corpus, rng))
    print()
    print(train.profile.text())
    print(train.memory.text())
    return result


if __name__ == "__main__":
    main()
