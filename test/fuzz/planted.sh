#!/usr/bin/env bash
# planted.sh BUILD: the fuzzer finds faults that are planted, and shrink.sh makes
# what it found small. One fault gives wrong numbers (a compiler that takes tanh
# for the sigmoid where it does not fuse), the other leaves out a phase.
set -euo pipefail
export BUILD=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# planted NAME MOST_OPS WORD OPTIONS...: the fault is found, and the smaller graph
# has it still, at most MOST_OPS ops, and WORD.
planted() {
  local name=$1 most=$2 word=$3
  shift 3
  if "$BUILD/bin/fuzz_graphs" --seed 1 --count 60 --ops 20..60 --out "$name" "$@" >"$name.log"; then
    echo "planted.sh: $name is not found"
    tail -3 "$name.log"
    exit 1
  fi
  local finding
  finding=$(ls -d "$name"/finding-*)
  "$here/shrink.sh" "$finding" "$@" 2>&1 | tee "$name.shrink"
  if "$BUILD/bin/fuzz_graphs" --graph "$finding/small.mlir" --data "$finding/data.safetensors" "$@"; then
    echo "planted.sh: the smaller graph of $name runs clean"
    exit 1
  fi
  local ops before
  ops=$(grep -c '= oriel\.\|oriel\.state_update' "$finding/small.mlir" || true)
  before=$(grep -c '= oriel\.\|oriel\.state_update' "$finding/graph.mlir")
  if ! grep -q "$word" "$finding/small.mlir" || [ "$ops" -gt "$most" ] || [ "$before" -lt 15 ]; then
    echo "planted.sh: $name has $ops ops of $before, expected at most $most with '$word':"
    cat "$finding/small.mlir"
    exit 1
  fi
  echo "$name: $before ops to $ops"
}

# The tolerance against the evaluator is none that holds everything.
if "$BUILD/bin/fuzz_graphs" --seed 1 --count 8 --ops 5..30 --plant-error 1e-3 --expect reference >tolerance.log; then
  echo "planted.sh: an error of a thousandth is within tolerance of eight graphs"
  exit 1
fi

mkdir wrong_function no_simplify
planted wrong_function 2 oriel.tanh --plant oriel.tanh=oriel.sigmoid
planted no_simplify 4 oriel.reduce --leave-out-phase simplified
