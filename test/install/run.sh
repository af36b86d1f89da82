#!/usr/bin/env bash
# Installs BUILD into a fresh prefix and uses it from outside the tree.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
cp "$here"/*.cpp "$here/CMakeLists.txt" "$work/"
cmake -S "$work" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/build"
export ORIEL_FLAGS="cache_dir=$work/cache"
"$work/build/ten_lines" "$work/step.oriel"
"$work/build/runtime_only" "$work/step.oriel"
