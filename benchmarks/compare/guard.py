"""The list of guarded benchmarks: a pattern (as of a shell) and the most that it may lose."""
import fnmatch
import math
import re


class Wrong(Exception):
    pass


def parse(text, where="guarded.txt"):
    """[(pattern, allowed share)]"""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        found = re.fullmatch(r"(\S+)\s+(\d+(?:\.\d+)?)%", line)
        if not found:
            raise Wrong(f"{where}:{number}: expected `pattern percent%`, got `{line}`")
        rows.append((found.group(1), float(found.group(2)) / 100))
    return rows


def select(rows, names):
    """{name: allowed share} of the names that a row guards, the first row that matches. A row that guards nothing is a mistake."""
    for pattern, _ in rows:
        if not fnmatch.filter(names, pattern):
            raise Wrong(f"guarded: nothing matches `{pattern}`: a benchmark was renamed or dropped")
    chosen = {}
    for name in names:
        for pattern, allowed in rows:
            if fnmatch.fnmatchcase(name, pattern):
                chosen[name] = allowed
                break
    return chosen


def losses(results, allowed):
    """Confirmed losses past what a row allows."""
    return [r for r in results if r.verdict == "slower" and r.name in allowed and r.change > math.log1p(allowed[r.name])]
