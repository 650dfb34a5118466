#!/usr/bin/env bash
# Checks format, style, types, the stubs of the compiled modules, and that modules import only those in the layers below them.
# Needs the extra `lint`.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff format --check .
ruff check .
cython-lint src_cython
mypy
python -m mypy.stubtest --mypy-config-file pyproject.toml --concise --ignore-missing-stub --ignore-positional-only --ignore-disjoint-bases \
    nndl_ext._kernels.{baseline,pairs,cpu}
lint-imports
