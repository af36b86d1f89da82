#!/usr/bin/env python3
"""What is made from the ODS records of the ops, and what must agree with them.

  generate_ops.py              writes docs/operations.md
  generate_ops.py --check      says what disagrees: docs/operations.md with the
                               records, runtime/ops/op_table.inc with the records
  generate_ops.py --examples   prints every example of the records as one file,
                               for oriel-opt --split-input-file
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operations.md"
TABLE = ROOT / "runtime" / "ops" / "op_table.inc"

# Families of the graph dialect in the order of the page, with their headings.
FAMILIES = {
    "Constant": "Leaves",
    "Elementwise": "Elementwise",
    "Shape": "Shape",
    "Reduce": "Reductions",
    "Sort": "Ordering",
    "Contract": "Contractions",
    "Index": "Indexing",
    "Control": "Control",
    "State": "State",
    "Tap": "Looking at values",
    "Kernel": "Made by the compiler",
}

# The op table's kind of an attribute by its class in MLIR.
KINDS = {
    "::oriel::ir::DimsAttr": "dims",
    "::mlir::DenseI64ArrayAttr": "i64s",
    "::mlir::UnitAttr": "bool",
    "::mlir::IntegerAttr": "i64",
    "::mlir::StringAttr": "string",
    "::mlir::ElementsAttr": "elements",
    "::mlir::FlatSymbolRefAttr": "symbol",
    "::mlir::SymbolRefAttr": "symbol",
    "::mlir::ArrayAttr": "node_lists",
    "::oriel::ir::ComparePredicateAttr": "predicate",
    "::oriel::ir::ReduceKindAttr": "reduce_kind",
    "::oriel::ir::ScatterKindAttr": "scatter_kind",
    "::oriel::ir::TapKindAttr": "tap_kind",
    "::oriel::ir::TapInfoAttr": "tap_info",
}

# Not in the table: only bodies of lowered kernels have it, no graph.
NOT_IN_TABLE = {"check_index"}
# Attributes of the records that are not the op's: a declaration's own.
DECLARATION_ATTRIBUTES = {"state": {"sym_name", "type", "initial"}}


class Op:
    """One op as its record states it."""

    def __init__(self, records, record):
        self.name = record["opName"]
        self.dialect = records[record["opDialect"]["def"]]["name"]
        self.summary = record["summary"]
        self.description = dedent(record["description"])
        self.family = pathlib.Path(record["!locs"][0].split(":")[0]).stem
        self.line = int(record["!locs"][0].split(":")[1])
        self.format = " ".join((record.get("assemblyFormat") or "").split())
        self.operands, self.attributes = [], []
        for value, name in record["arguments"]["args"]:
            argument = records[value["def"]]
            kinds = argument["!superclasses"]
            if "TypeConstraint" in kinds:
                self.operands.append((name, "Variadic" in kinds, argument))
            elif name not in DECLARATION_ATTRIBUTES.get(self.name, ()):
                kind = KINDS.get(argument["storageType"].strip(), argument["storageType"])
                # The one dim of dim_value has a kind of its own.
                if self.name == "dim_value" and kind == "dims":
                    kind = "dim"
                self.attributes.append((name, kind))
        self.results = [(name, "Variadic" in records[value["def"]]["!superclasses"])
                        for value, name in record["results"]["args"]]

    def operand_count(self):
        return -1 if any(variadic for _, variadic, _ in self.operands) else len(self.operands)

    def examples(self):
        return re.findall(r"```mlir\n(.*?)```", self.description, re.S)


def dedent(text):
    """Removes the indentation of the record from each line that has it."""
    lines = text.strip("\n").split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    # A description made by concatenation begins at the margin and indents only
    # its example.
    margin = min(indents, default=0)
    return "\n".join(line[margin:] for line in lines).strip()


def dump(tblgen, mlir_include, path):
    text = subprocess.run(
        [tblgen, "--dump-json", "-I", str(ROOT), "-I", mlir_include, str(path)],
        check=True, capture_output=True, text=True).stdout
    return json.loads(text)


def read_ops(records):
    ops = [Op(records, records[name]) for name in records["!instanceof"]["Op"]]
    return sorted(ops, key=lambda op: op.line)


def read_table():
    """{mnemonic: (operands, attributes, summary, numpy, dtypes)}."""
    text = re.sub(r"^//.*$", "", TABLE.read_text(), flags=re.M)
    rows = {}
    pattern = r'ORIEL_OP\(\w+, "(\w+)", (-?\d+), "([^"]*)",\s*"([^"]*)", "([^"]*)", "([^"]*)"\)'
    for match in re.finditer(pattern, text):
        attributes = [tuple(a.split(":")) for a in match[3].split(";") if a]
        rows[match[1]] = (int(match[2]), attributes, match[4], match[5], match[6])
    if len(rows) != text.count("ORIEL_OP("):
        sys.exit(f"{TABLE.name}: {text.count('ORIEL_OP(')} rows, of which {len(rows)} can be read")
    return rows


def disagreements(ops, table):
    """What differs between records and table, a line each."""
    lines = []
    names = {op.name for op in ops}
    for name in table:
        if name not in names:
            lines.append(f"{name}: in op_table.inc, but no op of the dialect")
    for op in ops:
        if op.name in NOT_IN_TABLE:
            if op.name in table:
                lines.append(f"{op.name}: in op_table.inc, but no op of a graph")
            continue
        if op.name not in table:
            lines.append(f"{op.name}: an op of the dialect, but not in op_table.inc")
            continue
        operands, attributes, summary, _, _ = table[op.name]
        if operands != op.operand_count():
            lines.append(f"{op.name}: {operands} operands in op_table.inc, {op.operand_count()} in the record")
        if sorted(attributes) != sorted(op.attributes):
            lines.append(f"{op.name}: attributes {attributes} in op_table.inc, {op.attributes} in the record")
        if summary != op.summary:
            lines.append(f"{op.name}: summary {summary!r} in op_table.inc, {op.summary!r} in the record")
    return lines


def page(ops, table):
    lines = [
        "# Operations",
        "",
        "Generated from the ODS records of `dialect/Graph` by `scripts/generate_ops.py`; a test says when",
        "it is out of date. Which op takes which element type is in [dtypes.md](dtypes.md), the meaning of",
        "the phases in [architecture.md](architecture.md).",
        "",
        "Operands of elementwise ops have equal shapes and one element type: the functions of",
        "`oriel/value.h` insert `oriel.broadcast` and `oriel.cast` as NumPy would. Each example parses.",
    ]
    for family, heading in FAMILIES.items():
        lines += ["", f"## {heading}"]
        for op in (op for op in ops if op.family == family):
            lines += ["", f"### `oriel.{op.name}`", "", f"{op.summary}.", "", op.description]
            facts = []
            if op.operands:
                facts.append("operands: " + ", ".join(
                    f"`{name}...`" if variadic else f"`{name}`" for name, variadic, _ in op.operands))
            if op.attributes:
                facts.append("attributes: " + ", ".join(f"`{name}` ({kind})" for name, kind in op.attributes))
            if facts:
                lines += ["", "; ".join(facts)]
    unknown = sorted({op.family for op in ops} - set(FAMILIES))
    if unknown:
        sys.exit(f"families without a heading in {pathlib.Path(__file__).name}: {', '.join(unknown)}")
    return "\n".join(lines) + "\n"


def examples(records_list):
    """Every example as text that parses by itself."""
    parts = []
    for records in records_list:
        for op in read_ops(records):
            found = op.examples()
            if len(found) != 1:
                sys.exit(f"{op.dialect}.{op.name}: {len(found)} examples in its description, required one")
            if f"{op.dialect}.{op.name}" not in found[0]:
                sys.exit(f"{op.dialect}.{op.name}: its example does not use it")
            parts.append(found[0])
        for name in records["!instanceof"].get("AttrDef", []):
            record = records[name]
            if not name.startswith("Oriel_") or "EnumAttr" in record["!superclasses"]:
                continue
            found = re.findall(r"```mlir\n(.*?)```", record["description"], re.S)
            if len(found) != 1:
                sys.exit(f"{name}: {len(found)} examples in its description, required one")
            for line in found[0].strip().split("\n"):
                parts.append(f"module attributes {{oriel.example = {line.strip()}}} {{}}\n")
    return "\n// -----\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when something disagrees")
    parser.add_argument("--examples", action="store_true", help="print the examples as MLIR")
    parser.add_argument("--llvm", default="/usr/lib/llvm-22", help="where LLVM and MLIR are installed")
    args = parser.parse_args()
    tblgen, include = f"{args.llvm}/bin/llvm-tblgen", f"{args.llvm}/include"

    graph = dump(tblgen, include, ROOT / "dialect/Graph/OrielOps.td")
    if args.examples:
        print(examples([graph, dump(tblgen, include, ROOT / "dialect/Check/CheckOps.td")]))
        return
    ops, table = read_ops(graph), read_table()
    problems = disagreements(ops, table)
    text = page(ops, table)
    if args.check:
        if not PAGE.exists() or PAGE.read_text() != text:
            problems.append("docs/operations.md is out of date: run scripts/generate_ops.py")
    else:
        PAGE.write_text(text)
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
