#!/usr/bin/env bash
# Runs the digest tests for another processor: cross-compiles the package, and runs it under QEMU's user-mode emulation with
# Debian's Python for that processor.
#
#   tools/emulate.sh [arm64 | s390x] [pytest's arguments]
#
# arm64 is AArch64. s390x is big-endian; NumPy has no wheel for it, so Debian's NumPy is used. Needs Debian or a derivative with
# gcc-aarch64-linux-gnu or gcc-s390x-linux-gnu, and qemu-user. Changes nothing outside build/emulation. The first run downloads
# 110 MB. A run takes two minutes, or five for s390x.
set -euo pipefail
cd "$(dirname "$0")/.."

debian=${1:-arm64}
shift || true
case $debian in
    arm64) machine=aarch64 packages=(libstdc++6) wheels=(numpy pytest hypothesis scikit-learn) ;;
    s390x) machine=s390x packages=(python3-numpy) wheels=(pytest hypothesis) ;;
    *) sed -n '2,9s/^# \?//p' "$0" && exit 2 ;;
esac
folder=$PWD/build/emulation/$debian
root=$folder/root site=$folder/site
mkdir -p "$folder"/{apt/lists/partial,cache/archives/partial,wheel} "$root"

# Unpack Debian's packages for the other processor into a folder, without installing them.
touch "$folder/apt/status"
apt=(apt-get -q -o "APT::Architecture=$debian" -o "APT::Architectures=$debian" -o "Dir::State=$folder/apt"
    -o "Dir::State::status=$folder/apt/status" -o "Dir::Cache=$folder/cache")
if [ ! -x "$root/usr/bin/python3" ]; then
    "${apt[@]}" update
    "${apt[@]}" install --yes --no-install-recommends --download-only python3 libpython3-dev "${packages[@]}"
    for package in "$folder"/cache/archives/*.deb; do dpkg-deb --extract "$package" "$root"; done
fi
python=$(readlink "$root/usr/bin/python3")
version=${python#python3.}

python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" --disable-pip-version-check -q)
rm -rf "$site" "$folder"/wheel/*
"${pip[@]}" install --target "$site" --only-binary :all: --platform "manylinux_2_28_$machine" --platform "manylinux2014_$machine" \
    --python-version "3.$version" "${wheels[@]}"
CC=$machine-linux-gnu-gcc LDSHARED="$machine-linux-gnu-gcc -shared" _PYTHON_HOST_PLATFORM=linux-$machine \
    CFLAGS="-I$root/usr/include/$python -I$root/usr/include" "${pip[@]}" wheel --no-deps --wheel-dir "$folder/wheel" .
"$folder/venv/bin/python" -m zipfile -e "$folder"/wheel/*.whl "$site"

# Copy only the tests, so that Python can't import the package from the source folder.
rm -rf "$folder"/{tests,tools} && cp -r tests tools pyproject.toml "$folder" && cd "$folder"
# Debian selects a BLAS by symbolic links, which unpacking a package does not set.
libraries=/usr/lib/$machine-linux-gnu/blas:/usr/lib/$machine-linux-gnu/lapack
emulated=("qemu-$machine" -L "$root" -E "PYTHONPATH=$site" -E "LD_LIBRARY_PATH=$libraries" "$root/usr/bin/$python")
"${emulated[@]}" -c 'import nndl_ext, sys; nndl_ext.show_config(); print(sys.byteorder, "endian")'
if [ $# = 0 ]; then set -- tests/test_{training,engine,network2,sklearn}.py -k digest; fi
"${emulated[@]}" -m pytest -vv -p no:cacheprovider "$@"
