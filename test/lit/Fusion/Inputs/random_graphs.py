"""Random graphs must give the same bits with and without fusion.

usage: random_graphs.py FIRST COUNT OPS FOLDER

Graph k is made from seed k: values over (n, C), rows (n,), columns (C,) and
scalars, by elementwise ops, reductions, matmuls, gathers and views of each
other, several of them results. Prints each seed that fails or differs.
"""

import pathlib
import random
import subprocess
import sys

UNARY = ["tanh", "neg", "abs", "sigmoid", "sin"]
BINARY = ["add", "sub", "mul", "maximum", "minimum"]


class Graph:
    def __init__(self, seed, ops):
        self.random = random.Random(seed)
        self.columns = self.random.choice([1, 3, 8, 16, 33])
        self.rows = self.random.choice([1, 2, 7, 40, 300])
        c = self.columns
        self.types = {"full": f"tensor<?x{c}xf32>", "row": "tensor<?xf32>", "column": f"tensor<{c}xf32>",
                      "scalar": "tensor<f32>"}
        self.values = {"full": ["%x"], "row": [], "column": ["%c"], "scalar": ["%s"]}
        self.lines, self.count = [], 0
        steps = [(25, self.binary), (15, self.unary), (12, self.reduce_row), (6, self.reduce_column),
                 (12, self.row), (3, self.reduce_all), (2, self.scalar), (4, self.matmul), (4, self.gather),
                 (4, self.transpose), (4, self.reverse), (3, self.reshape), (12, self.broadcast)]
        weights, makers = zip(*steps)
        for _ in range(ops):
            self.random.choices(makers, weights)[0]()

    def emit(self, text, kind=None):
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"    {name} = oriel.{text}")
        if kind is not None:
            self.values[kind].append(name)
        return name

    def pick(self, kind):
        return self.random.choice(self.values[kind][-12:])

    def binary(self):
        t = self.types["full"]
        self.emit(f"{self.random.choice(BINARY)} {self.pick('full')}, {self.pick('full')} : {t}", "full")

    def unary(self):
        self.emit(f"{self.random.choice(UNARY)} {self.pick('full')} : {self.types['full']}", "full")

    def reduce_row(self):
        kind = self.random.choice(["max", "sum", "min"])
        self.emit(f"reduce {kind} {self.pick('full')} axes [1] : {self.types['full']} -> {self.types['row']}", "row")

    def reduce_column(self):
        kind = self.random.choice(["max", "sum"])
        self.emit(f"reduce {kind} {self.pick('full')} axes [0] : {self.types['full']} -> {self.types['column']}",
                  "column")

    def reduce_all(self):
        if self.values["row"]:
            self.emit(f"reduce max {self.pick('row')} axes [0] : {self.types['row']} -> tensor<f32>", "scalar")

    def row(self):
        if self.values["row"]:
            self.emit(f"{self.random.choice(BINARY)} {self.pick('row')}, {self.pick('row')} : {self.types['row']}", "row")

    def scalar(self):
        self.emit(f"mul {self.pick('scalar')}, {self.pick('scalar')} : tensor<f32>", "scalar")

    def matmul(self):
        t, c = self.types["full"], self.columns
        a = self.emit(f"tanh {self.pick('full')} : {t}")
        self.emit(f"matmul {a}, %w : ({t}, tensor<{c}x{c}xf32>) -> {t}", "full")

    def gather(self):
        t = self.types["full"]
        self.emit(f"gather {self.pick('full')}[%i] axis 0 : ({t}, tensor<?xi64>) -> {t}", "full")

    def transpose(self):
        t, turned = self.types["full"], f"tensor<{self.columns}x?xf32>"
        a = self.emit(f"transpose {self.pick('full')} permutation [1, 0] : {t} -> {turned}")
        b = self.emit(f"neg {a} : {turned}")
        self.emit(f"transpose {b} permutation [1, 0] : {turned} -> {t}", "full")

    def reverse(self):
        t = self.types["full"]
        self.emit(f"slice {self.pick('full')} starts <n-1, {self.columns - 1}> limits <-1, -1> steps [-1, -1]"
                  f" : {t} -> {t}", "full")

    def reshape(self):
        t = self.types["full"]
        a = self.emit(f"reshape {self.pick('full')} shape <{self.columns}*n> : {t} -> tensor<?xf32>")
        b = self.emit(f"neg {a} : tensor<?xf32>")
        self.emit(f"reshape {b} shape <n, {self.columns}> : tensor<?xf32> -> {t}", "full")

    def broadcast(self):
        kind = self.random.choice(["row", "column", "scalar"])
        if not self.values[kind]:
            return
        t, axes = self.types["full"], {"row": "0", "column": "1", "scalar": ""}[kind]
        a, source = self.pick(kind), self.types[kind]
        if kind == "row" and self.random.random() < 0.5:
            a, source, axes = self.emit(f"reshape {a} shape <n, 1> : {source} -> tensor<?x1xf32>"), "tensor<?x1xf32>", "0, 1"
        b = self.emit(f"broadcast {a} shape <n, {self.columns}> axes [{axes}] : {source} -> {t}")
        self.emit(f"{self.random.choice(BINARY)} {self.pick('full')}, {b} : {t}", "full")

    def text(self):
        results = [(self.values["full"][-1], self.types["full"])]
        for kind, values in self.values.items():
            made = [v for v in values if v.startswith("%v")]
            results += [(v, self.types[kind]) for v in self.random.sample(made, min(2, len(made)))]
        self.names = [f"o{k}" for k in range(len(results))]
        c = self.columns
        arguments = [("x", f"tensor<?x{c}xf32>", f"<n, {c}>"), ("w", f"tensor<{c}x{c}xf32>", f"<{c}, {c}>"),
                     ("c", f"tensor<{c}xf32>", f"<{c}>"), ("s", "tensor<f32>", "<>"), ("i", "tensor<?xi64>", "<n>")]
        head = ", ".join(f'%{name}: {t} {{oriel.name = "{name}", oriel.dims = #oriel.dims{dims}}}'
                         for name, t, dims in arguments)
        tail = ", ".join(f'{t} {{oriel.name = "{name}"}}' for (_, t), name in zip(results, self.names))
        types = ", ".join(t for _, t in results)
        return (f"func.func @main({head}) -> ({tail}) {{\n" + "\n".join(self.lines) +
                f"\n    return {', '.join(v for v, _ in results)} : {types}\n}}\n")


def run(graph, path, fusion):
    n, c = graph.rows, graph.columns
    command = ["oriel-run", str(path), "--cache-dir", "none", "--input", f"x=random:f32:{n}x{c}:seed=1",
               "--input", f"w=random:f32:{c}x{c}:seed=2", "--input", f"c=random:f32:{c}:seed=3",
               "--input", "s=random:f32:scalar:seed=4", "--input", f"i=random:i64:{n}:seed=5:below={n}"]
    outputs = [path.with_suffix(f".{name}.{int(fusion)}.npy") for name in graph.names]
    for name, output in zip(graph.names, outputs):
        command += ["--output", f"{name}={output}"]
    done = subprocess.run(command + ([] if fusion else ["--no-fusion"]), capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr
    return [output.read_bytes() for output in outputs]


def main():
    first, count, ops = (int(argument) for argument in sys.argv[1:4])
    folder = pathlib.Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    failed = False
    for seed in range(first, first + count):
        graph = Graph(seed, ops)
        path = folder / f"graph{seed}.mlir"
        path.write_text(graph.text())
        fused, alone = run(graph, path, True), run(graph, path, False)
        if isinstance(fused, str) or isinstance(alone, str):
            print(f"seed {seed} fails: {fused if isinstance(fused, str) else alone}")
            failed = True
        elif fused != alone:
            names = [name for name, a, b in zip(graph.names, fused, alone) if a != b]
            print(f"seed {seed} differs in {', '.join(names)} ({graph.rows}, {graph.columns}): {path}")
            failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
