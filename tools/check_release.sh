#!/usr/bin/env bash
# Checks everything about a release that one Linux machine can check. It validates the workflows, compares cibuildwheel's list
# of wheels with tools/wheels.txt, builds and inspects sdist and wheel, tests the wheel on each Python from 3.11 on that it
# finds, and tests a build by Clang. Takes ten minutes on one busy core. Writes to build/release.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$PWD/build/release
rm -rf "$folder"
mkdir -p "$folder"
python3 -m venv "$folder/venv"
PATH="$folder/venv/bin:$PATH"
pip install -q -U 'pip>=25.1'
pip install -q --group release

heading() { printf '\n== %s\n' "$*"; }

heading 'Workflows'
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
zizmor --offline --no-progress .github

heading 'The wheels that cibuildwheel will build, compared with tools/wheels.txt'
grep -v '^#' tools/wheels.txt | cut -d' ' -f1,2 | sort -u | while read -r platform processor; do
    diff <(grep "^$platform $processor " tools/wheels.txt | tr -s ' ' '\n' | grep -- - | sort) \
        <(cibuildwheel --print-build-identifiers --platform "$platform" --archs "$processor" | sort)
    grep -q "platform: $platform, processor: $processor[ ,}]" .github/workflows/wheels.yml
done
echo 'as listed'

heading 'The sdist, and the wheel built from it'
python -m build -q --outdir "$folder/dist"
twine check --strict "$folder"/dist/*
wheel=$(echo "$folder"/dist/*.whl)
check-wheel-contents "$wheel"
# The wheel must contain exactly the files of the repository's package and the extension modules.
diff <({ git ls-files nndl_ext && printf 'nndl_ext/_kernels/%s.abi3.so\n' baseline cpu pairs x86_64_v3 x86_64_v4; } | LC_ALL=C sort) \
    <(python -m zipfile -l "$wheel" | grep -o '^nndl_ext/[^ ]*' | LC_ALL=C sort)
python -m zipfile -l "$wheel" | grep -o 'dist-info/licenses/[^ ]*'
size=$(stat -c %s "$wheel")
echo "$size bytes" && [ "$size" -lt 20000000 ]
abi3audit --strict --summary "$wheel"
auditwheel repair --plat manylinux_2_28_x86_64 --wheel-dir "$folder/repaired" "$wheel"
auditwheel show "$folder"/repaired/*.whl

for version in 3.11 3.12 3.13 3.14 3.15; do
    heading "Python $version"
    found=
    for python in "$(command -v "python$version")" "$(pyenv root 2>/dev/null)"/versions/"$version".*/bin/python; do
        if [ -z "$found" ] && "$python" -c '' 2>/dev/null; then
            found=$python
            tools/test_wheel.sh "$python" "$folder/repaired" --best-variant
        fi
    done
    [ -n "$found" ] || echo 'is not on this machine'
done

heading 'A build by Clang'
if command -v clang; then
    CC=clang python -m build -q --wheel --outdir "$folder/clang"
    tools/test_wheel.sh python3 "$folder/clang" tests/test_training.py tests/test_engine.py -k digest
else
    echo 'Clang is not on this machine'
fi
