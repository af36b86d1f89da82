#!/usr/bin/env bash
# pip install ./python-bindings into a fresh virtual environment, against BUILD
# installed into a prefix, and a program that uses it outside the tree. NumPy and
# the build's tools come from the environment of PYTHON: nothing is downloaded.
set -euo pipefail
build=$1
python=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
"$python" -m venv "$work/venv"
site=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$site/tools.pth"
cd "$work"
unset PYTHONPATH
CMAKE_PREFIX_PATH="$work/prefix" "$work/venv/bin/python" -m pip install --disable-pip-version-check --quiet \
  --no-build-isolation --no-deps --no-index "$root/python-bindings"
rm -rf "$work/prefix"  # the wheel stands alone
export ORIEL_FLAGS="cache_dir=$work/cache"
"$work/venv/bin/python" - <<'PROGRAM'
import os
import numpy as np
import oriel
from oriel import tensor as T

folder = os.path.dirname(oriel.__file__)
assert "site-packages" in folder, folder
for needed in ("py.typed", "liboriel_compiler.so", "_core/__init__.pyi", "_core/tensor.pyi"):
    assert os.path.exists(os.path.join(folder, needed)), needed
x = T.dmatrix("x")
w = oriel.shared(np.eye(3), "w")
f = oriel.function([x], T.nnet.softmax(T.dot(x, w)), updates=[(w, w * 2)])
assert np.allclose(f(np.zeros((2, 3))), 1 / 3)
assert f.compile_info.source == "compiled"
assert folder + "/liboriel_compiler.so" in open("/proc/self/maps").read()
print("installed and used:", folder.split("/")[-2])
PROGRAM
