#!/usr/bin/env bash
# Checks format, style, types, and that modules import only those in the layers below them. Needs the extra `lint`.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff format --check .
ruff check .
cython-lint src_cython
mypy
lint-imports
