#!/usr/bin/env bash
# shrink.sh FINDING [fuzz_graphs options]: makes the graph that fuzz_graphs left in
# the folder FINDING smaller while the same variant still differs in the same way;
# writes FINDING/small.mlir. BUILD names the build (build/release).
set -euo pipefail
finding=${1:?usage: shrink.sh FINDING [fuzz_graphs options]}
shift
source=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BUILD:-$source/build/release}/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compare=("$bin/fuzz_graphs" --data "$finding/data.safetensors" "$@")

# Of unknown extents if that shows it, else of known ones.
graph=
crash=
for text in graph known; do
  if line=$("${compare[@]}" --graph "$finding/$text.mlir"); then continue; else code=$?; fi
  graph=$finding/$text.mlir
  if [ "$code" -ge 128 ]; then crash=yes; fi
  break
done
line=${line%%$'\n'*}
if [ -z "$graph" ]; then
  echo "shrink.sh: the variants of the text alone agree: what was found needs the graph itself" >&2
  echo "(its taps, its extents, the evaluator); try the seeds around with fewer --ops" >&2
  exit 1
fi
if [ -n "$crash" ]; then
  # What crashes stays interesting while it does, in whatever variant.
  {
    echo '#!/bin/sh'
    printf 'timeout 60 '
    printf '%q ' "${compare[@]}" --graph
    echo '"$1" >/dev/null 2>&1'
    echo '[ $? -ge 128 ] && exit 1'
    echo 'exit 0'
  } >"$work/interesting.sh"
  chmod +x "$work/interesting.sh"
  "$bin/oriel-reduce" "$graph" --test="$work/interesting.sh" -o "$finding/small.mlir"
  echo "smaller: $finding/small.mlir crashes"
  exit 0
fi
variant=$(sed -n "s/.*: variant '\([^']*\)': .*/\1/p" <<<"$line")
# Other values may differ in a smaller graph, but in the same way.
case $line in
  *"differs in"*) expect="differs in" ;;
  *"does not compile"*) expect=${line##*: } ;;
  *"measured peak"*) expect="measured peak" ;;
  *) expect="variant '$variant'" ;;
esac
echo "$line"
{
  echo '#!/bin/sh'
  printf 'timeout 60 '
  printf '%q ' "${compare[@]}" --only "$variant" --expect "$expect" --graph
  echo '"$1" >/dev/null 2>&1'
} >"$work/interesting.sh"
chmod +x "$work/interesting.sh"
"$bin/oriel-reduce" "$graph" --test="$work/interesting.sh" -o "$finding/small.mlir"
echo "smaller: $finding/small.mlir"
printf 'again:  '
printf '%q ' "${compare[@]}" --only "$variant" --graph "$finding/small.mlir"
echo
