#!/usr/bin/env bash
# The digits demo reaches its accuracy and prints its reports; the step shipped
# as .mlir is the demo's own and oriel-run repeats it to the bit.
set -euo pipefail
build=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORIEL_FLAGS="cache_dir=$work/cache"
(umask 077; mkdir -p "$work/cache")

"$build/bin/digits_demo" >"$work/out.txt"
accuracy=$(sed -n 's/^test accuracy: //p' "$work/out.txt")
echo "test accuracy: $accuracy"
awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.93) }'
for part in Function Class Ops Apply digits.cpp: logits; do
  grep -q "$part" "$work/out.txt" || { echo "no \"$part\" in the report"; exit 1; }
done

"$build/bin/digits_demo" --write-step "$work"
# Same graph as the shipped file, whatever the source lines.
strip() { sed -e 's/ *loc(.*$//' -e '/^#loc/d' -e 's/^module attributes .*/module {/' "$1"; }
diff <(strip "$source/examples/digits/step.mlir") <(strip "$work/step.mlir")
"$build/bin/oriel-run" "$source/examples/digits/step.mlir" \
  --input images="$work/images.npy" --input labels="$work/labels.npy" \
  --output cost="$work/cost2.npy" --output W="$work/W2.npy" --output b="$work/b2.npy"
cmp "$work/cost.npy" "$work/cost2.npy"
cmp "$work/W.npy" "$work/W2.npy"
cmp "$work/b.npy" "$work/b2.npy"
