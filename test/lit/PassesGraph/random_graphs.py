"""Random graphs whose values oriel-simplify must not change by a bit.

  random_graphs.py SEED COUNT    prints COUNT functions

The leaves are states, which no folder knows the value of, and constants, which
make identities likely: zeros of either sign, ones, NaN.
"""

import random
import sys

SHAPES = [(), (1,), (3,), (2, 3), (1, 3), (2, 1, 3)]
FLOATS = ["0.0", "-0.0", "1.0", "-1.0", "2.0", "0.5", "-2.5", "3.0e+38", "0x7FC00000", "0x7F800000"]
INTS = ["0", "1", "-1", "2", "7", "-128"]
UNSIGNED = ["0", "1", "2", "7", "200", "255"]
DTYPES = ["f32", "i8", "ui8", "i1"]


def tensor(shape, dtype):
    return "tensor<" + "".join(f"{n}x" for n in shape) + dtype + ">"


def size(shape):
    total = 1
    for n in shape:
        total *= n
    return total


class Graph:
    def __init__(self, rng, number):
        self.rng, self.number = rng, number
        self.lines, self.states, self.values = [], [], []

    def add(self, text, shape, dtype):
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        self.values.append((name, shape, dtype))

    def dense(self, shape, dtype, splat):
        choices = {"f32": FLOATS, "i8": INTS, "ui8": UNSIGNED, "i1": ["true", "false"]}[dtype]
        if size(shape) == 0:
            return f"dense<> : {tensor(shape, dtype)}"
        if splat or not shape:
            return f"dense<{self.rng.choice(choices)}> : {tensor(shape, dtype)}"

        def nested(dims):
            if not dims:
                return self.rng.choice(choices)
            return "[" + ", ".join(nested(dims[1:]) for _ in range(dims[0])) + "]"

        return f"dense<{nested(shape)}> : {tensor(shape, dtype)}"

    def leaf(self, shape, dtype):
        if self.rng.random() < 0.5:
            self.add(f"oriel.constant {self.dense(shape, dtype, self.rng.random() < 0.8)}", shape, dtype)
            return
        state = f"@s{self.number}_{len(self.states)}"
        self.states.append(f"oriel.state {state} : {tensor(shape, dtype)} = {self.dense(shape, dtype, False)}")
        self.add(f"oriel.state_read {state} : {tensor(shape, dtype)}", shape, dtype)

    def pick(self, shape=None, dtype=None):
        found = [v for v in self.values if shape in (None, v[1]) and dtype in (None, v[2])]
        if not found:
            self.leaf(shape if shape is not None else self.rng.choice(SHAPES), dtype or self.rng.choice(DTYPES))
            return self.values[-1]
        return self.rng.choice(found)

    def step(self):
        rng = self.rng
        x, shape, dtype = self.pick()
        t = tensor(shape, dtype)
        kind = rng.choice(["leaf", "unary", "binary", "binary", "binary", "select", "cast", "cast", "broadcast",
                           "reshape", "transpose", "slice", "concatenate", "reduce", "compare"])
        if kind == "leaf":
            self.leaf(shape, dtype)
        elif kind == "unary":
            op = {"f32": ["neg", "abs", "floor", "ceil", "round", "sign"], "i8": ["neg", "abs", "sign"],
                  "ui8": ["neg", "abs", "sign"], "i1": ["logical_not"]}[dtype]
            self.add(f"oriel.{rng.choice(op)} {x} : {t}", shape, dtype)
        elif kind == "binary":
            op = {"f32": ["add", "sub", "mul", "div", "maximum", "minimum"],
                  "i8": ["add", "sub", "mul", "floor_div", "mod", "maximum"],
                  "ui8": ["add", "sub", "mul", "floor_div", "mod", "minimum"],
                  "i1": ["logical_and", "logical_or", "logical_xor", "add", "mul"]}[dtype]
            y = self.pick(shape, dtype)[0]
            a, b = (x, y) if rng.random() < 0.5 else (y, x)
            self.add(f"oriel.{rng.choice(op)} {a}, {b} : {t}", shape, dtype)
        elif kind == "compare":
            y = self.pick(shape, dtype)[0]
            self.add(f"oriel.compare {rng.choice(['eq', 'lt', 'ge'])} {x}, {y} : {t}", shape, "i1")
        elif kind == "select":
            p, y = self.pick(shape, "i1")[0], self.pick(shape, dtype)[0]
            self.add(f"oriel.select {p}, {x}, {y} : {t}", shape, dtype)
        elif kind == "cast":
            # A float out of an integer's range converts to what the machine likes.
            to = rng.choice([d for d in DTYPES if dtype != "f32" or d in ("f32", "i1")])
            self.add(f"oriel.cast {x} : {t} -> {tensor(shape, to)}", shape, to)
        elif kind == "broadcast":
            targets = [s for s in SHAPES + [shape] + [(2,) + shape] * (len(shape) < 3) if len(s) >= len(shape) and
                       all(a in (1, b) for a, b in zip(reversed(shape), reversed(s)))]
            to = rng.choice(targets)
            axes = list(range(len(to) - len(shape), len(to)))
            self.add(f"oriel.broadcast {x} shape <{', '.join(map(str, to))}> axes {axes} : {t} -> {tensor(to, dtype)}",
                     to, dtype)
        elif kind == "reshape":
            to = rng.choice([s for s in SHAPES + [shape, (1, size(shape))] if size(s) == size(shape)])
            self.add(f"oriel.reshape {x} shape <{', '.join(map(str, to))}> : {t} -> {tensor(to, dtype)}", to, dtype)
        elif kind == "transpose":
            axes = list(range(len(shape)))
            rng.shuffle(axes)
            to = tuple(shape[a] for a in axes)
            self.add(f"oriel.transpose {x} permutation {axes} : {t} -> {tensor(to, dtype)}", to, dtype)
        elif kind == "slice":
            starts, limits, steps = [], [], []
            for n in shape:
                start = rng.randint(0, n)
                starts.append(start)
                limits.append(rng.randint(start, n))
                steps.append(rng.choice([1, 1, 2]))
            to = tuple(-(-(l - s) // k) for s, l, k in zip(starts, limits, steps))
            join = lambda values: ", ".join(map(str, values))
            self.add(f"oriel.slice {x} starts <{join(starts)}> limits <{join(limits)}> steps [{join(steps)}] : "
                     f"{t} -> {tensor(to, dtype)}", to, dtype)
        elif kind == "concatenate" and shape and size(shape) < 50:
            parts = [x] + [self.pick(shape, dtype)[0] for _ in range(rng.randrange(2))]
            axis = rng.randrange(len(shape))
            to = shape[:axis] + (shape[axis] * len(parts),) + shape[axis + 1:]
            self.add(f"oriel.concatenate {', '.join(parts)} axis {axis} : ({', '.join([t] * len(parts))}) -> "
                     f"{tensor(to, dtype)}", to, dtype)
        elif kind == "reduce" and dtype in ("i8", "f32") and shape and size(shape):
            axes = sorted(rng.sample(range(len(shape)), rng.randint(0, len(shape))))
            to = tuple(n for a, n in enumerate(shape) if a not in axes)
            self.add(f"oriel.reduce {rng.choice(['sum', 'max', 'prod'])} {x} axes {axes} : {t} -> {tensor(to, dtype)}",
                     to, dtype)

    def text(self):
        while len(self.lines) < 25:
            self.step()
        returned = self.rng.sample(self.values, 6)
        types = ", ".join(tensor(s, d) for _, s, d in returned)
        return "\n".join(self.states + [f"func.func @g{self.number}() -> ({types}) {{"] + self.lines +
                         [f"  return {', '.join(v for v, _, _ in returned)} : {types}", "}"])


def main():
    rng = random.Random(int(sys.argv[1]))
    for number in range(int(sys.argv[2])):
        print(Graph(rng, number).text())


if __name__ == "__main__":
    main()
