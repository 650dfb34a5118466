"""What no code can undercut, measured: ``python benchmarks/limits.py``, with GCC or Clang.

`multiply_adds` and `bandwidth` say how many multiply-adds a core does in registers, and how fast it reads and changes memory of
some size; `seconds` makes of it a limit for a job. As a program this file measures what the first layer of the book's network
takes if it is written by hand (limits.c): the same rows of weights for the same images, ten at a time as in training, but in
their own order, so that none is waited for.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import time
from functools import cache, partial
from itertools import pairwise

import numpy as np

MEMORY = 2**28  # bytes that no cache holds


@cache
def compiled(size, width):
    """The functions of limits.c for elements of so many bytes, and rows of so many elements."""
    options = ["-O3", "-funroll-loops", "-ffp-contract=fast", "-march=native", "-fPIC", "-shared"]
    options += os.environ.get("CFLAGS", "").split()
    source = os.path.join(os.path.dirname(__file__), "limits.c")
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/limits.so"
        command = [os.environ.get("CC", "cc"), *options, f"-DSIZE={size}", f"-DWIDTH={width}", source, "-o", library]
        subprocess.run(command, check=True)
        functions = ctypes.CDLL(library)
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    functions.forward.argtypes = functions.update.argtypes = [number] * 2 + [pointer] * 6
    functions.sweep.argtypes = [pointer, number, number, ctypes.c_int]
    functions.multiply_add.argtypes = [number]
    return functions


def aligned(shape, dtype):
    memory = np.full(np.prod(shape) * dtype.itemsize + 64, 1, np.uint8)
    return np.frombuffer(memory.data, dtype, np.prod(shape), -memory.ctypes.data % 64).reshape(shape)


def best(job, repeats=9):
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def address(array):
    return array.ctypes.data


@cache
def multiply_adds(dtype):
    """How many numbers a core multiplies and adds in a second."""
    functions, times = compiled(dtype.itemsize, 64), 1_000_000
    at_a_time = ctypes.c_int.in_dll(functions, "multiply_adds_at_a_time").value
    return at_a_time * times / best(partial(functions.multiply_add, times))


@cache
def bandwidth(size, changed=False):
    """How many bytes a core reads, or reads and writes, in a second, if it goes through so many again and again."""
    memory = aligned((-(-size // 256) * 64,), np.dtype("f4"))
    times = max(1, 10_000_000 // memory.nbytes)
    sweep = partial(compiled(4, 64).sweep, address(memory), memory.size, times, changed)
    return times * memory.nbytes / best(sweep, 3 if size == MEMORY else 9)


def seconds(job, data):
    """The least time for a job: that of its multiply-adds at the peak, or of its bytes, whichever is longer.

    Inputs that are zero take none, where the kernels leave them out. Inputs come from memory once. Weights come once for a
    mini-batch forward, once back, and once to be changed, with Adam's moments and the gradient beside them; of a sparse first
    layer only those of the inputs that are there. Sigmoids, roots and divisions count as nothing.
    """
    itemsize, training, adam = np.dtype(job.dtype).itemsize, job.call == "train", job.optimiser == "Adam"
    batches = -(-len(data) // job.batch) if training else 1
    sparse = len(data.rows.starts) > 0
    stored = len(data.rows.values) if sparse else len(data) * job.sizes[0]
    others = sum(inputs * neurons for inputs, neurons in pairwise(job.sizes[1:]))
    parameters = (job.sizes[0] * job.sizes[1] + others) * itemsize * (4 if adam else 1)

    sums = (1 + training) * stored * job.sizes[1] + (1 + 2 * training) * len(data) * others
    first = min(stored, batches * job.sizes[0]) * job.sizes[1]
    read = (first + (1 + training) * batches * others) * itemsize
    changed = training * (batches * parameters if adam else (first + batches * others) * itemsize)
    rows = stored * (data.rows.values.itemsize + sparse * data.rows.indices.itemsize)
    moved = read / bandwidth(parameters) + changed / bandwidth(parameters, changed=True) + rows / bandwidth(MEMORY)
    return max(sums / multiply_adds(np.dtype(job.dtype)), moved) / job.threads


def main():
    from nndl_ext import Dataset, mnist_loader

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    starts, indices, values, palette = Dataset.from_pairs(mnist_loader.load_data_wrapper()[0]).rows
    for dtype, neurons in ((np.dtype("f8"), 30), (np.dtype("f4"), 30), (np.dtype("f4"), 100)):
        width = -(-neurons * dtype.itemsize // 64) * 64 // dtype.itemsize
        functions = compiled(dtype.itemsize, width)
        levels, weights, z = palette.astype(dtype), aligned((784, width), dtype), aligned((10, width), dtype)
        data = [*map(address, (starts, indices, values, levels, weights, z))]
        jobs = {
            "epoch forward": partial(functions.forward, 50_000, 10, *data),
            "epoch update": partial(functions.update, 50_000, 10, *data),
            "10,000 images forward": partial(functions.forward, 10_000, 10, *data),
        }
        rates = bandwidth(weights.nbytes), bandwidth(weights.nbytes, changed=True), bandwidth(MEMORY)
        print(f"{neurons} neurons, {dtype}: " + ", ".join(f"{name} {1e3 * best(job):.1f} ms" for name, job in jobs.items()))
        print(f"    weights of {weights.nbytes // 1000} kB, read at {rates[0] / 1e9:.0f} GB/s, changed at {rates[1] / 1e9:.0f}")
        print(f"    memory read at {rates[2] / 1e9:.0f} GB/s; {multiply_adds(dtype) / 1e9:.0f}e9 multiply-adds a second")


if __name__ == "__main__":
    main()
