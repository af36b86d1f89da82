"""Says which test states something that nobody reads."""

import pathlib
import re
import sys


def problems(path):
    text = path.read_text()
    runs = [line for line in text.split("\n") if re.search(r"\bRUN:", line)]
    if not runs:
        yield "has no RUN line"
    command = "\n".join(runs)
    prefixes = {"CHECK"}
    for option in re.findall(r"--check-prefix(?:es)?=(\S+)", command):
        prefixes.update(option.split(","))
    checks = rf"^\s*(?://|#|;)?\s*(?:{'|'.join(sorted(prefixes))})(?:-[A-Z]+)?:"
    if re.search(checks, text, re.M) and "FileCheck" not in command:
        yield "has CHECK lines, but no RUN line calls FileCheck"
    if re.search(r"expected-(error|warning|remark|note)\b", text) and "-verify-diagnostics" not in command:
        yield "expects diagnostics, but no RUN line has -verify-diagnostics"
    for line in runs:
        if "FileCheck" in line and re.search(r"FileCheck\s*$", line.rstrip()) and not line.rstrip().endswith("\\"):
            yield "calls FileCheck without a file of checks"


def main():
    root = pathlib.Path(sys.argv[1])
    found = [f"{path.relative_to(root)}: {problem}"
             for pattern in ("*.mlir", "*.test")
             for path in sorted(root.rglob(pattern)) if "Inputs" not in path.parts
             for problem in problems(path)]
    print("\n".join(found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
