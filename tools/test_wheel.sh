#!/bin/sh
# Tests a wheel as a user gets it: installed into a fresh environment, outside the source tree, without a compiler.
#
#   tools/test_wheel.sh PYTHON FOLDER [pytest's arguments]
#
# FOLDER holds one or more wheels. pip takes the one that fits PYTHON.
set -eu

python=$1
wheels=$(cd "$2" && pwd)
shift 2
source=$(cd "$(dirname "$0")/.." && pwd)
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
cd "$away"

cp -r "$source/tests" "$source/tools" "$source/pyproject.toml" .
"$python" -m venv environment
commands=$away/environment/bin
[ -d "$commands" ] || commands=$away/environment/Scripts
reached() {
    PATH="$commands" "$@"
}
reached "$commands/python" -m pip install -q --disable-pip-version-check --no-deps --no-index --find-links "$wheels" nndl-ext
# Some platforms lack wheels of the libraries that read other programs' files. The tests of these are skipped there.
reached "$commands/python" -m pip install -q --disable-pip-version-check --only-binary :all: 'nndl-ext[test]' ||
    reached "$commands/python" -m pip install -q --disable-pip-version-check --only-binary :all: 'nndl-ext[images]' pytest hypothesis
reached "$commands/python" -m pytest -p no:cacheprovider "$@"
reached "$commands/nndl-ext" train --epochs 1 --seed 0
