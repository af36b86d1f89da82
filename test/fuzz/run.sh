#!/usr/bin/env bash
# run.sh TARGET RELEASE_BUILD FUZZ_BUILD SECONDS: seeds, then the fuzzer.
set -euo pipefail
target=$1
release=$2
build=$3
seconds=$4
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir corpus
case $target in
  fuzz_npy) cp "$source"/examples/digits/data/labels.npy corpus/
            "$release/bin/make_programs" "$work/corpus" && find corpus -name '*.oriel' -delete ;;
  fuzz_program) "$release/bin/make_programs" "$work/corpus" && find corpus -name '*.npy' -delete ;;
esac
"$source/scripts/build" asan "$target" >/dev/null
if ! "$build/bin/$target" -max_total_time="$seconds" -seed=1 -max_len=65536 -rss_limit_mb=4096 -timeout=20 corpus 2>log.txt; then
  tail -60 log.txt
  for f in crash-* leak-* timeout-* oom-*; do [ -f "$f" ] && echo "$f:" && base64 -w0 "$f" | head -c 4000 && echo; done
  exit 1
fi
tail -1 log.txt
