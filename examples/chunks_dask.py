"""Train a network on a file that need not fit in memory: pip install 'nndl-ext[sklearn]' 'dask[array]'

    python examples/chunks_dask.py --copies 20 --chunk 10000

The program writes MNIST's images, each shifted in 20 ways, into a file of 784 MB. It then trains on the chunks of the file by
``partial_fit``. A ``dask.array`` reads a chunk when it is needed. For one file NumPy is enough: slice a memory-mapped array.
"""

import argparse
import tempfile
import tracemalloc
from pathlib import Path

import dask.array as da
import numpy as np

from nndl_ext import mnist_loader
from nndl_ext.sklearn import MLPClassifier


def write(path, copies, images):
    """Write copies of the images into a file of bytes, each copy shifted in another way; return the labels."""
    (x, y), _, _ = mnist_loader.load_data()
    grey = np.uint8(x[:images] * 256).reshape(-1, 28, 28)
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (copies * len(grey), 784))
    for copy, shift in enumerate(np.random.default_rng(0).integers(-2, 3, (copies, 2))):
        file[copy * len(grey) : (copy + 1) * len(grey)] = np.roll(grey, shift, axis=(1, 2)).reshape(-1, 784)
    return np.tile(y[: len(grey)], copies)


def read(path, block_info):
    """The chunk that Dask asks for, as grey levels from 0 to 255/256."""
    (begin, end), _ = block_info[None]["array-location"]
    return np.load(path, mmap_mode="r")[begin:end] / np.float32(256)


def train(path, labels, chunk, epochs):
    """Train a network on the chunks of a file, with one chunk at a time in memory."""
    chunks = da.core.normalize_chunks((chunk, 784), (len(labels), 784))
    x = da.map_blocks(read, path, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    net = MLPClassifier(100, random_state=0)
    for _ in range(epochs):
        for begin, block in zip(range(0, len(labels), chunk), x.blocks.ravel(), strict=True):
            net.partial_fit(block.compute(scheduler="synchronous"), labels[begin : begin + chunk], classes=range(10))
    return net


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in {"copies": 20, "images": 50_000, "chunk": 10_000, "epochs": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pixels.npy")
        labels = write(path, options.copies, options.images)
        tracemalloc.start()
        net = train(path, labels, options.chunk, options.epochs)
        most = tracemalloc.get_traced_memory()[1]
        print(f"file of {path.stat().st_size / 1e6:.0f} MB, at most {most / 1e6:.0f} MB in memory to train on it")
    print(f"accuracy {net.score(*mnist_loader.load_data()[2]):.2%}")
