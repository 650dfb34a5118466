#!/usr/bin/env bash
# Runs the tests on builds of the kernels that detect memory errors and data races.
#
#   tools/sanitize.sh checked    the suite and the fuzzer of arrays, with bounds checks for every index (Cython's boundscheck)
#   tools/sanitize.sh asan       the same with AddressSanitizer and UndefinedBehaviorSanitizer
#   tools/sanitize.sh tsan       the tests that use several threads, with ThreadSanitizer
#   tools/sanitize.sh valgrind   a short run through every kernel of an ordinary build, with Valgrind's memcheck
#   tools/sanitize.sh planted    the sanitizers on a copy with planted errors, which they must find
#
# It works on a copy under build/sanitize. It needs GCC, and for valgrind also Valgrind.
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
copy=$source/build/sanitize

# Makes a fresh copy of the sources, but keeps the environment of the previous run.
prepare() {
    cd "$source"
    mkdir -p "$copy"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
    git ls-files -z --cached --others --exclude-standard | tar --null -cf - -T - | tar -xf - -C "$copy"
    cd "$copy"
    [ -d .venv ] || { "${PYTHON:-python3}" -m venv .venv && .venv/bin/pip install -q 'setuptools>=77' 'Cython>=3.1,<4'; }
}

# Installs the copy with kernels built for NNDL_EXT_BUILD=$1. pip rebuilds them only if they are missing.
build() {
    find . -name '*.so' -path '*_kernels*' -delete
    rm -rf build
    NNDL_EXT_BUILD=$1 .venv/bin/pip install -q --no-build-isolation -e '.[test,sklearn]'
}

with_asan() {
    # Python never frees some memory, so leaks are not reported. Python's own allocator would hide errors in small blocks.
    LD_PRELOAD=$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
        PYTHONMALLOC=malloc "$@"
}

# ThreadSanitizer fails on systems that randomize addresses strongly, so setarch switches this off.
with_tsan() {
    setarch -R env LD_PRELOAD="$(gcc -print-file-name=libtsan.so)" TSAN_OPTIONS="exitcode=66 halt_on_error=1" "$@"
}

# Applies a sed expression to a file; fails if it changes nothing.
plant() {
    cp "$1" planted
    sed -i "$2" "$1"
    ! cmp -s planted "$1" || { echo "nothing to plant in $1"; exit 1; }
}

# Fails unless a command fails with this message.
must_find() {
    local message=$1
    shift
    if "$@" >report 2>&1 || ! grep -q "$message" report; then
        cat report
        echo "NOT FOUND: $message"
        exit 1
    fi
    echo "found: $(grep -m1 "$message" report)"
}

small_run='
import dataclasses, itertools
import numpy as np
from nndl_ext import Dataset, Network
from nndl_ext._engine import threads
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import AdamDescent, Descent, MomentumDescent, Regularization
threads.processors, threads.fastest = lambda: 2, lambda most, _: most
for dtype in (np.float32, np.float64):
    for sizes in ([30, 9, 7, 3], [5, 2]):
        x = np.arange(sizes[0] * 12.0).reshape(12, -1) % 7 - 3
        for data in (Dataset(x, np.arange(12) % sizes[-1]), Dataset(np.where(x > 1, x, 0), np.arange(12) % sizes[-1])):
            net = Network(sizes, dtype=dtype, seed=0, threads=2)
            net.SGD(data, 2, 5, 0.5, test_data=data)
            net.backprop(*data[0]), net.cost_gradient(data), net.feedforward(x.T), net.feedforward(x[0])
    for outputs, optimizer in itertools.product((3, 20), (Descent(0.1), MomentumDescent(0.1), MomentumDescent(0.1, nesterov=True), AdamDescent())):
        for hidden, output, cost in (("relu", "softmax", "log-likelihood"), ("tanh", "exp", "poisson"), ("tanh", "softmax", "huber")):
            model = Model(dense([30, 9, outputs], [hidden, output]), dtype, 2, cost)
            kept = [dataclasses.replace(optimizer, regularization=Regularization(*each)) for each in ((0.1, 0.1), (0, 9, 30))]
            x, y = np.arange(300 * 30.0).reshape(300, 30) % 7 - 3, np.eye(outputs)[np.arange(300) % outputs]
            for data in (Dataset(x, y), Dataset(np.where(x > 1, x, 0), y)):
                for each in kept:
                    batches = Batches(np.arange(300), 150, np.ones(300), 0, (0.4, 0), costs=np.zeros(2), squares=np.zeros(2))
                    model.descend(data, batches, each)
                model.costs(model.outputs(data), y.astype(dtype))
'

# Long enough for two threads to synchronize, divided by layers, by samples and in units.
threaded_run='
import numpy as np
from nndl_ext import Dataset, Network
from nndl_ext._engine import threads
threads.processors, threads.fastest = lambda: 2, lambda most, _: most
x = np.arange(5000 * 100.0).reshape(5000, 100) % 7 - 3
for hidden, size in ((200, 10), (200, 50), (20, 1000)):
    for data in (Dataset(x, np.arange(5000) % 10), Dataset(np.where(x > 2, x, 0), np.arange(5000) % 10)):
        Network([100, hidden, 10], seed=0, threads=2).SGD(data, 1, size, 0.1)
'

# These builds are too slow for the tests that interrupt a training after a certain time.
in_any_time="not ends_soon and not so_does_one"

case ${1:-} in
checked)
    prepare && build checked
    .venv/bin/pytest -k "$in_any_time"
    .venv/bin/python tools/fuzz_arrays.py 60 0
    ;;
asan)
    prepare && build asan
    with_asan .venv/bin/python -m pytest -k "$in_any_time"
    with_asan .venv/bin/python tools/fuzz_arrays.py 60 0
    ;;
tsan)
    prepare && build tsan
    with_tsan .venv/bin/python -c "$threaded_run"
    with_tsan .venv/bin/python -m pytest tests/test_threads.py tests/test_training.py tests/test_engine.py \
        tests/test_division.py -k "thread or large or digests or units or inputs"
    ;;
valgrind)
    prepare && build ""
    # Valgrind does not support AVX-512.
    for variant in $(.venv/bin/python -c 'from nndl_ext import _kernels; print(*{*_kernels.available} - {"x86-64-v4"})'); do
        # Errors inside Python and NumPy are ignored: only those with our modules in the stack count.
        NNDL_EXT_CPU=$variant PYTHONMALLOC=malloc valgrind --quiet --num-callers=30 --log-file=report \
            .venv/bin/python -c "$small_run"
        ! grep -E "baseline|x86_64_v" report || { cat report; exit 1; }
        echo "$variant: nothing in $(wc -l <report) lines of report"
    done
    ;;
planted)
    prepare
    plant src_cython/outputs.pxi '/^cdef void copy_outputs/,/^cdef /s/last.neurons \* sizeof(real)/(last.neurons + 1) * sizeof(real)/'
    build asan
    must_find "heap-buffer-overflow" with_asan .venv/bin/python -c "$small_run"
    prepare
    plant src_cython/descend.pxi 's/work.squares\[own.batch\]/work.squares[own.batch + 1]/'
    build checked
    must_find "IndexError: Out of bounds" .venv/bin/python -c "$small_run"
    prepare
    plant src_cython/passes.pxi '/^cdef int forward/,/^cdef void/s/^        meet(job)$/        pass/'
    build tsan
    must_find "ThreadSanitizer: data race" with_tsan .venv/bin/python -c "$threaded_run"
    ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$source/tools/sanitize.sh"
    exit 2
    ;;
esac
