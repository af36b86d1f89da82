"""The tables as Markdown."""
import re

import profile_cost
import rows

BEGIN, END = "<!-- measured: scripts/benchmark --write -->", "<!-- end of measured -->"
TITLES = (("python", "numpy", "NumPy"), ("python", "numpy_kept", "NumPy, memory kept"), ("python", "jax", "JAX"), ("python", "torch", "PyTorch eager"),
          ("python", "torch_compile", "torch.compile"), ("python", "onnxruntime", "ONNX Runtime"))
CPP_PEERS = ("triad", "copy", "read", "openblas", "bare", "loop", "allocation", "loop_libm")


def show(us):
    if us < 1e3:
        return f"{us:.2f} us" if us < 100 else f"{us:.0f} us"
    return f"{us / 1e3:.2f} ms" if us < 1e5 else f"{us / 1e3:.0f} ms"


def order(name):
    numbers = tuple(int(n) for n in re.findall(r"\d+", name))
    return name.split("/")[0], numbers, name


def contenders(row):
    return {p: us for p, us in row.get("cpp", {}).items() if p != "oriel"}


def cpp_table(results):
    """Rows with a time in C++: the other contender and the floors."""
    lines = ["| case | Oriel | beside it | its time | ratio | floor |", "|---|---|---|---|---|---|"]
    for name in sorted(results, key=order):
        ours = results[name].get("cpp", {}).get("oriel")
        if ours is None:
            continue
        verdicts = [v for v in rows.judge(name, results) if v.floor.peer != "numpy"]
        said = "; ".join(f"{'met' if v.met else '**short**'}: {v.text}" for v in verdicts)
        peers = contenders(results[name]) or {"": None}
        for peer, us in peers.items():
            ratio = f"{us / ours:.2f}" if us else ""
            lines.append(f"| {name} | {show(ours)} | {peer} | {show(us) if us else ''} | {ratio} | {said} |")
            said = ""
    return lines


def python_table(results):
    """Rows with times from Python: every peer beside Oriel from Python."""
    lines = ["| case | Oriel | " + " | ".join(t for _, _, t in TITLES) + " |", "|---|---|" + "---|" * len(TITLES)]
    for name in sorted(results, key=order):
        python = results[name].get("python", {})
        if "oriel" not in python:
            continue
        cells = []
        for _, peer, _ in TITLES:
            us = python.get(peer)
            ratio = us / python["oriel"] if us else 0
            mark = "**" if us and peer in rows.NOT_SLOWER and ratio < 1 - rows.NOISE else ""
            cells.append(f"{show(us)} ({mark}{ratio:.2f}{mark})" if us else "-")
        if not name.startswith("rows/"):
            floors = []
        else:
            floors = [v for v in rows.judge(name, results) if v.floor.peer == "numpy"]
        for v in floors:
            cells[0] += f" {'met' if v.met else '**short**'}: floor {v.floor.limit:g}"
        lines.append(f"| {name} | {show(python['oriel'])} | " + " | ".join(cells) + " |")
    return lines


def profile_table(measured):
    """On against off: paired times with their quartiles, instructions."""
    lines = ["| the profile, on against off | on | off | ratio of paired times, its quartiles | instructions | ratio | floors |", "|---|---|---|---|---|---|---|"]
    for case, row in measured.items():
        low, middle, high = row["ratio"]
        on, off = row["instructions"]
        met = middle <= rows.PROFILE_TIME and on / off <= rows.PROFILE_INSTRUCTIONS
        lines.append(f"| {profile_cost.CASES[case]} | {show(row['on'] / 1e3)} | {show(row['off'] / 1e3)} | {middle:.3f} ({low:.3f} to {high:.3f}) | "
                     f"{on:,.0f} and {off:,.0f} | {on / off:.4f} | {'met' if met else '**short**'}: {rows.PROFILE_TIME} in time, {rows.PROFILE_INSTRUCTIONS} in instructions |")
    return lines


def huge_pages_table(measured):
    lines = ["| | with huge pages | without | ratio |", "|---|---|---|---|"]
    for name, row in sorted(measured.items(), key=lambda item: order(item[0])):
        lines.append(f"| {name} | {show(row['with'])} | {show(row['without'])} | {row['without'] / row['with']:.2f} |")
    return lines


def page(data):
    results = data["cases"]
    lines = [f"{data['date']}, {data['machine']}, revision {data['revision']}; medians of {data['rounds']} rounds"
             f" interleaved at random. {', '.join(data.get('versions', []))}.", ""]
    if data["limits"]:
        lines += ["The machine alone:", "", "| limit | threads | measured |", "|---|---|---|"]
        for name, rate in sorted(data["limits"].items()):
            _, what, threads = name.split("/")
            unit = "GFLOP/s" if what == "fma" else "GB/s"
            lines.append(f"| {what} | {threads.split(':')[1]} | {rate / 1e9:.1f} {unit} |")
        lines.append("")
    table = cpp_table(results)
    if len(table) > 2:
        lines += ["### Against the machine and libraries, from C++", ""] + table + [""]
    for group, (mean, floor, count) in rows.means(results).items():
        lines.append(f"Geometric mean of {count} rows ({group}): {mean:.3f}, floor {floor:g}: {'met' if mean >= floor else '**short**'}.")
    table = python_table(results)
    if len(table) > 2:
        lines += ["", "### Against peers, all from Python", "",
                  "In brackets the peer's time divided by Oriel's; bold where JAX or torch.compile is faster.", ""] + table
        beaten = {n: s for n in sorted(results, key=order) if (s := rows.slower(n, results))}
        compared = sum(1 for r in results.values() for p in rows.NOT_SLOWER if r.get("python", {}).get(p) and r["python"].get("oriel"))
        lines += ["", f"Slower than JAX or torch.compile (by more than {rows.NOISE:.0%}): {sum(map(len, beaten.values()))} of {compared} comparisons."]
    if data.get("profile"):
        lines += [""] + profile_table(data["profile"])
    if data.get("huge_pages"):
        lines += [""] + huge_pages_table(data["huge_pages"])
    if data.get("startup"):
        lines += ["", "| from process start to the first result | |", "|---|---|"]
        lines += [f"| {row} | {show(us)} |" for row, us in data["startup"].items()]
    missing = sorted({(peer, re.sub(r"/threads:\d+", "", n), why) for n, r in results.items() for peer, why in r.get("not_measured", {}).items()})
    if missing:
        lines += ["", "Not measured:", ""] + [f"- {peer}, {name}: {why}." for peer, name, why in missing]
    return "\n".join(lines) + "\n"


def write(path, text):
    """Replaces what stands between the two marks of the page."""
    with open(path) as f:
        old = f.read()
    if BEGIN not in old or END not in old:
        raise SystemExit(f"{path}: no section between '{BEGIN}' and '{END}'")
    head, rest = old.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    with open(path, "w") as f:
        f.write(head + BEGIN + "\n" + text + END + tail)
