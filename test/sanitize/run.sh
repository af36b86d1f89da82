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
ctest --test-dir "$source/build/$preset" --output-on-failure
