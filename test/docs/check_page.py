#!/usr/bin/env python3
"""Runs the console blocks of a page and compares what they print."""

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap

# Measured: times and shares of time.
TIMES = re.compile(r"\d+\.\d+e[+-]\d+s|\d+\.\d+%")
# What kernels need for themselves depends on the machine's vectors: of sums with
# it only the label is compared.
SUMS = re.compile(r"(Planned peak:|Arena:|Limit: +|= max\(|a limit of|at most|with contiguous|largest batch in 4 GB:|buffers hold).*")


def normal(line):
    return re.sub(r"\s+", " ", SUMS.sub(r"\1", TIMES.sub("#", line))).strip()


def matches(expected, actual):
    """Do the lines agree, with `...` lines for any number of lines?"""
    if not expected:
        return not actual
    if expected[0].strip() == "...":
        return any(matches(expected[1:], actual[i:]) for i in range(len(actual) + 1))
    return bool(actual) and normal(expected[0]) == normal(actual[0]) and matches(expected[1:], actual[1:])


def split(command):
    """The settings before a command's program, and its words."""
    words = shlex.split(command)
    settings = {}
    while "=" in words[0]:  # NAME=value before the program
        name, _, value = words.pop(0).partition("=")
        settings[name] = value
    return settings, words


def run(command, args, folder):
    settings, words = split(command)
    if words[0] == "python":
        scripts = [source for source in args.sources if pathlib.Path(source).name == words[1]]
        if not scripts:
            raise SystemExit(f"{command}: no {words[1]} among {args.sources}")
        words = [args.python, os.path.abspath(scripts[0])] + words[2:]
    else:
        words[0] = os.path.abspath(os.path.join(args.programs, words[0]))
        if not pathlib.Path(words[0]).exists():
            raise SystemExit(f"{command}: no program {words[0]}")
    environment = dict(os.environ, XDG_CACHE_HOME=folder, PYTHONDONTWRITEBYTECODE="1")
    environment.pop("ORIEL_FLAGS", None)
    environment.update(settings)
    done = subprocess.run(words, cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return done.stdout.rstrip("\n").split("\n")


def elided(old, new):
    """`new` with the parts that `old` left out left out again."""
    if "..." not in [line.strip() for line in old]:
        return new
    kept = []
    at = 0
    for i, line in enumerate(old):
        if line.strip() != "...":
            continue
        before = i - at
        kept += new[at:at + before] + [line]
        at = len(new) - (len(old) - i - 1)
    return kept + new[at:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--programs", help="folder of the programs of the C++ part")
    which.add_argument("--python", type=os.path.abspath, help="the interpreter of the Python part")
    parser.add_argument("--sources", nargs="*", default=[])
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    text = pathlib.Path(args.page).read_text()
    # Code is compared without its indentation.
    sources = "\n".join(pathlib.Path(source).read_text() for source in args.sources)
    flat = "\n".join(line.strip() for line in sources.split("\n"))
    language = "python" if args.python else "cpp"
    failures, commands, snippets = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:

        def block(match):
            nonlocal commands, snippets
            kind, body = match.group(1), match.group(2)
            if kind == language:
                snippets += 1
                code = "\n".join(line.strip() for line in textwrap.dedent(body).strip("\n").split("\n"))
                if code not in flat:
                    failures.append(f"this code stands in none of {args.sources}:\n{body}")
                return match.group(0)
            if kind != "console":
                return match.group(0)
            parts = re.split(r"^\$ (.*)\n", body, flags=re.M)
            out = parts[0]
            for command, shown in zip(parts[1::2], parts[2::2]):
                if (split(command)[1][0] == "python") != (language == "python"):
                    out += f"$ {command}\n{shown}"
                    continue
                commands += 1
                expected = shown.rstrip("\n").split("\n")
                actual = run(command, args, folder)
                if args.update:
                    out += f"$ {command}\n" + "\n".join(elided(expected, actual)) + "\n"
                elif not matches(expected, actual):
                    failures.append(f"$ {command}\nprints\n" + "\n".join(actual) + "\nthe page says\n" + shown)
            return f"```{kind}\n{out}```" if args.update else match.group(0)

        updated = re.sub(r"^```(\w+)\n(.*?)^```", block, text, flags=re.M | re.S)
    if args.update:
        pathlib.Path(args.page).write_text(updated)
    for failure in failures:
        print(failure + "\n" + "-" * 60)
    print(f"{args.page}: {commands} commands, {snippets} snippets, {len(failures)} failures")
    if commands == 0 or failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
