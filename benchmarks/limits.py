"""What no code can undercut, measured: ``python benchmarks/limits.py``, with GCC or Clang.

`multiply_adds` and `bandwidth` say how many multiply-adds a core does in registers, and how fast it reads and changes memory of
some size; `seconds` makes of it a limit for a job. As a program this file measures what the first layer of the book's network
takes if it is written by hand (limits.c): the same rows of weights for the same images and mini-batches, in their own order,
so that none is waited for.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import subprocess
import tempfile
import time
from functools import cache, partial
from itertools import pairwise

import numpy as np

from nndl_ext import _kernels

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


def compressed(data):
    """The inputs as the kernels have them: where the non-zero elements of each row start, their indices, and their values.

    Dense rows have no starts. A value takes one byte if there are at most 256 different ones.
    """
    starts, indices, values = _kernels.kernels.compress(data.x)
    levels, positions = np.unique(values, return_inverse=True)
    return starts, indices, positions.astype(np.uint8) if len(starts) and len(levels) <= 256 else values


def seconds(job, data):
    """The least time for a job: that of its multiply-adds at the peak, or of its bytes, whichever is longer.

    Inputs that are zero take none, where the kernels leave them out. Inputs come from memory once. Weights come once for a
    mini-batch forward, once back, and once to be changed, with Adam's moments and the gradient beside them; of a sparse first
    layer only those of the inputs that are there. Sigmoids, roots and divisions count as nothing.
    """
    itemsize, training, adam = np.dtype(job.dtype).itemsize, job.call in ("train", "backprop"), job.optimizer == "Adam"
    batches = -(-len(data) // job.batch) if training else 1
    starts, indices, values = compressed(data)
    sparse, stored = len(starts) > 0, len(values)
    others = sum(inputs * neurons for inputs, neurons in pairwise(job.sizes[1:]))
    parameters = (job.sizes[0] * job.sizes[1] + others) * itemsize * (4 if adam else 1)

    sums = (1 + training) * stored * job.sizes[1] + (1 + 2 * training) * len(data) * others
    first = min(stored, batches * job.sizes[0]) * job.sizes[1]
    read = (first + (1 + training) * batches * others) * itemsize
    changed = training * (batches * parameters if adam else (first + batches * others) * itemsize)
    rows = stored * (values.itemsize + sparse * indices.itemsize)
    moved = read / bandwidth(parameters) + changed / bandwidth(parameters, changed=True) + rows / bandwidth(MEMORY)
    return max(sums / multiply_adds(np.dtype(job.dtype)), moved) / job.threads


def by_hand(job, data):
    """Seconds that the first layer takes for an epoch, forward and in the update."""
    starts, indices, values = compressed(data)
    if values.dtype != np.uint8:  # the same work
        values = np.arange(len(values)).astype(np.uint8)
    dtype = np.dtype(job.dtype)
    width = -(-job.sizes[1] * dtype.itemsize // 64) * 64 // dtype.itemsize
    levels, weights = np.linspace(-1, 1, 256, dtype=dtype), aligned((job.sizes[0], width), dtype)
    z = aligned((job.batch, width), dtype)
    arguments = len(data), job.batch, *map(address, (starts, indices, values, levels, weights, z))
    functions = compiled(dtype.itemsize, width)
    return best(partial(functions.forward, *arguments)), best(partial(functions.update, *arguments))


def main():
    from jobs import JOBS, data_of

    from nndl_ext import Dataset, Network

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    print(f"memory is read at {bandwidth(MEMORY) / 1e9:.0f} GB/s")
    for dtype in ("float32", "float64"):
        print(f"{multiply_adds(np.dtype(dtype)) / 1e9:.0f}e9 multiply-adds in a second in {dtype}")
    for job in JOBS:
        if job.group.startswith("sigmoid") and job.data == "mnist" and len(job.sizes) == 3 and job.threads == 1:
            data, net = Dataset(*data_of(job)), Network(job.sizes, dtype=job.dtype, seed=0)
            with contextlib.redirect_stdout(io.StringIO()):
                whole = best(partial(net.SGD, data, 1, job.batch, 1.0))
            parts = by_hand(job, data)
            hand = "; by hand, its first layer takes {:.1f} ms forward and {:.1f} ms in the update"
            print(f"{job}: {1e3 * whole:.1f} ms{hand.format(*(1e3 * part for part in parts))}")


if __name__ == "__main__":
    main()
