#!/usr/bin/env bash
# A wheel of ./python-bindings where no Oriel is installed: the library is built
# from the sources around. Then the wheel alone in a fresh environment, and the
# examples there. NumPy and the build's tools come from the environment of
# PYTHON: nothing is downloaded. It takes as long as a build of Oriel does;
# ORIEL_WHEEL_BUILD names a folder to keep it in for the next time.
set -euo pipefail
python=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=${ORIEL_WHEEL_BUILD:-$work/build}
unset PYTHONPATH CMAKE_PREFIX_PATH
"$python" -m venv "$work/build-venv"
"$python" -m venv "$work/venv"
tools=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
for venv in build-venv venv; do
  site=$("$work/$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo "$tools" > "$site/tools.pth"
done
cd "$work"
# An Oriel that someone installed on this machine does not count.
"$work/build-venv/bin/python" -m pip wheel --disable-pip-version-check --quiet --no-build-isolation --no-deps \
  --no-index --wheel-dir "$work/wheels" --config-settings=build-dir="$build" \
  --config-settings=cmake.define.CMAKE_DISABLE_FIND_PACKAGE_Oriel=ON "$root/python-bindings"
grep -q "ORIEL_COMPILER:BOOL=ON" "$build/CMakeCache.txt"  # the library's own build
rm -rf "$work/build"  # the wheel stands alone
"$work/venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --no-index "$work"/wheels/oriel-*.whl
export ORIEL_FLAGS="cache_dir=$work/cache"
cp "$root"/examples/debugging/*.py "$work/"
"$work/venv/bin/python" processor_test.py
"$work/venv/bin/python" slow.py tree
"$work/venv/bin/python" memory.py | grep "^Requested: 7713792000 bytes"
"$work/venv/bin/python" - <<'PROGRAM'
import os
import oriel

folder = os.path.dirname(oriel.__file__)
assert "site-packages" in folder, folder
assert (oriel.tensor.arange(4) * 3).sum().eval() == 18
assert folder + "/liboriel_compiler.so" in open("/proc/self/maps").read()
for needed in ("py.typed", "_core/__init__.pyi", "_core/tensor.pyi"):
    assert os.path.exists(os.path.join(folder, needed)), needed
print("from a wheel:", folder.split("/")[-2])
PROGRAM
