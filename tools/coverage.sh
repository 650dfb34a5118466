#!/usr/bin/env bash
# Prints which lines of the Python and of the Cython files the tests run, on the best kernel variant.
#
#   tools/coverage.sh                        the whole suite
#   tools/coverage.sh tests/test_engine.py   what pytest runs with these arguments
#
# It works on a copy under build/coverage. It needs GCC and pip 25.1 or later.
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
copy=$source/build/coverage

# Makes a fresh copy of the sources, but keeps the environment of the previous run.
cd "$source"
mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard | tar --null -cf - -T - | tar -xf - -C "$copy"
cd "$copy"
[ -d .venv ] || { "${PYTHON:-python3}" -m venv .venv && .venv/bin/pip install -q -U 'pip>=25.1' 'setuptools>=77' 'Cython>=3.1,<4'; }

# gcov needs the C files and the compiler's notes, which pip's build would throw away.
.venv/bin/pip install -q --no-build-isolation -e '.[test,peers]' --group coverage
NNDL_EXT_BUILD=coverage .venv/bin/python setup.py -q build_ext --inplace --force --build-temp build/temp

# This build is too slow for the tests that interrupt a training after a certain time.
failed=0
.venv/bin/coverage run -m pytest --best-variant -k "not ends_soon and not so_do" "$@" || failed=$?
.venv/bin/coverage report
variant=$(.venv/bin/python -c 'from nndl_ext import _kernels; print(_kernels.available[0].replace("-", "_"))')
.venv/bin/python tools/cython_lines.py build/temp cpu pairs "$variant"
exit "$failed"
