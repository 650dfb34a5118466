#!/usr/bin/env bash
# Runs the tests on builds of the kernels that find errors of memory and of threads.
#
#   tools/sanitize.sh checked    every access by index is within its array (Cython's boundscheck): the whole suite
#   tools/sanitize.sh asan       AddressSanitizer and UndefinedBehaviorSanitizer: the whole suite
#   tools/sanitize.sh tsan       ThreadSanitizer: the tests that run kernels on several threads
#   tools/sanitize.sh valgrind   Valgrind's memcheck, on an ordinary build: a short run through every kernel
#   tools/sanitize.sh planted    the sanitizers on a copy with planted errors, which they must find
#
# It works on a copy under build/sanitize; it needs GCC, and Valgrind for that one.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
copy=$PWD/build/sanitize

# A fresh copy of the sources, with the environment kept from the run before.
prepare() {
    mkdir -p "$copy"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
    git ls-files -z --cached --others --exclude-standard | tar --null -cf - -T - | tar -xf - -C "$copy"
    cd "$copy"
    [ -d .venv ] || "${PYTHON:-python3}" -m venv .venv
}

# Installs the copy with the kernels built as NNDL_EXT_BUILD says, which nothing but their absence makes pip build anew.
build() {
    find . -name '*.so' -path '*_kernels*' -delete
    rm -rf build
    NNDL_EXT_BUILD=$1 .venv/bin/pip install -q -e '.[test]'
}

with_asan() {
    # Python keeps some memory to its end, which is no leak of ours; its own allocator would hide small blocks.
    LD_PRELOAD=$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
        PYTHONMALLOC=malloc "$@"
}

# Python is no instrumented program: only what two threads do to one address inside our modules counts.
with_tsan() {
    LD_PRELOAD=$(gcc -print-file-name=libtsan.so) "$@" \
        TSAN_OPTIONS="suppressions=$source/tools/tsan.supp ignore_noninstrumented_modules=1 exitcode=66"
}

case ${1:-} in
checked)
    prepare && build checked
    .venv/bin/pytest
    ;;
asan)
    prepare && build asan
    with_asan .venv/bin/python -m pytest
    ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$source/tools/sanitize.sh"
    exit 2
    ;;
esac
