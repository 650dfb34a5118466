"""Train fifty networks in threads on one copy of the data, and average their answers."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from os import cpu_count

import numpy as np

from nndl_ext import Dataset, Network, mnist_loader

NETWORKS = 50
images = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000

training_data, _, test_data = map(Dataset.from_pairs, mnist_loader.load_data_wrapper())
training_data = training_data[:images]


def outputs(seed):
    """Train a network with this seed; return its outputs for the test images, of shape (10, n)."""
    net = Network([784, 30, 10], dtype=np.float32, seed=seed)
    net.SGD(training_data, 3, 10, 3.0)
    return net.feedforward(test_data.x.T)


# The kernels run without the GIL.
with redirect_stdout(io.StringIO()), ThreadPoolExecutor(cpu_count()) as pool:
    answers = list(pool.map(outputs, range(NETWORKS)))

right = [int((answer.argmax(axis=0) == test_data.y).sum()) for answer in answers]
together = int((np.mean(answers, axis=0).argmax(axis=0) == test_data.y).sum())
print(f"{NETWORKS} networks, right of {len(test_data)}: {min(right)} to {max(right)}")
print(f"their mean answer: {together}")
