"""What the first layer takes if it is written by hand: ``python benchmarks/limits.py``, on x86-64 with AVX2 and GCC or Clang.

The same rows of weights for the same images, by intrinsics (limits.c), ten images at a time as in training, but in their own
order, so that none is waited for; and how fast the cache is.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import time
from functools import partial

import numpy as np

from nndl_ext import Dataset, mnist_loader


def compiled(folder, size, width):
    """The functions of limits.c for elements of so many bytes, and rows of so many elements."""
    library = f"{folder}/{size}-{width}.so"
    options = ["-O2", "-funroll-loops", "-mavx2", "-mfma", "-fPIC", "-shared", f"-DSIZE={size}", f"-DWIDTH={width}"]
    source = os.path.join(os.path.dirname(__file__), "limits.c")
    subprocess.run([os.environ.get("CC", "cc"), *options, source, "-o", library], check=True)
    functions = ctypes.CDLL(library)
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    functions.forward.argtypes = functions.update.argtypes = [number] * 2 + [pointer] * 6
    functions.sweep.argtypes = [pointer, number, number, ctypes.c_int]
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


def main():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    starts, indices, values, palette = Dataset.from_pairs(mnist_loader.load_data_wrapper()[0]).rows
    with tempfile.TemporaryDirectory() as folder:
        for dtype, neurons in ((np.dtype("f8"), 30), (np.dtype("f4"), 30), (np.dtype("f4"), 100)):
            width = -(-neurons * dtype.itemsize // 64) * 64 // dtype.itemsize
            functions = compiled(folder, dtype.itemsize, width)
            levels, weights, z = palette.astype(dtype), aligned((784, width), dtype), aligned((10, width), dtype)
            data = [*map(address, (starts, indices, values, levels, weights, z))]
            jobs = {
                "epoch forward": partial(functions.forward, 50_000, 10, *data),
                "epoch update": partial(functions.update, 50_000, 10, *data),
                "10,000 images forward": partial(functions.forward, 10_000, 10, *data),
            }
            sweeps = {
                name: partial(functions.sweep, data[4], weights.size, 1000, i) for i, name in enumerate(("read", "changed"))
            }
            print(f"{neurons} neurons, {dtype}: " + ", ".join(f"{name} {1e3 * best(job):.1f} ms" for name, job in jobs.items()))
            rates = (f"{name} at {1e-6 * weights.nbytes / best(sweep):.0f} GB/s" for name, sweep in sweeps.items())
            print(f"    weights of {weights.nbytes // 1000} kB, " + ", ".join(rates))


if __name__ == "__main__":
    main()
