#!/usr/bin/env bash
# run.sh RELEASE_BUILD PRESET: compiled programs under a sanitizer preset, then
# that preset's own tests.
set -euo pipefail
release=$1
preset=$2
source=$(cd "$(dirname "$0")/../.." && pwd)
"$source/scripts/build" "$preset" >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$release/bin/make_programs" "$work"
"$source/build/$preset/bin/run_programs" "$work"
# Random graphs made, differentiated, evaluated and run here; what compiles them
# is the release compiler, whose locks the thread sanitizer does not see.
(cd "$work" && TSAN_OPTIONS=ignore_noninstrumented_modules=1 ORIEL_COMPILER_LIBRARY="$release/lib/liboriel_compiler.so" "$source/build/$preset/bin/fuzz_graphs" --seed 1 --count 12 --ops 5..60)
ctest --test-dir "$source/build/$preset" --output-on-failure
