"""Train hundreds of small networks on MNIST, in worker processes of Dask: pip install 'nndl-ext[dask]'

    python examples/sweep_dask.py --count 200 --workers 2

Each network trains on one thread of a worker. Kill a worker if you like: Dask starts another and repeats the lost work. The
last line is a digest of all weights, the same for any number of workers, killed or not, and the same as in ``sweep_ray.py``.
"""

import argparse
import hashlib
import os
import sys

from distributed import Client, as_completed
from sklearn.model_selection import ParameterSampler

from nndl_ext import mnist_loader
from nndl_ext.sklearn import MLPClassifier

CHOICES = {
    "hidden_layer_sizes": [(10,), (20,), (30,), (50,), (30, 20)],
    "activation": ["relu", "tanh", "logistic", "softplus"],
    "alpha": [1e-5, 1e-4, 1e-3, 1e-2],
    "learning_rate_init": [3e-4, 1e-3, 3e-3, 1e-2],
    "batch_size": [20, 50, 100, 200],
}


def load(images):
    """The first training images, so many, and the validation data."""
    training_data, validation_data, _ = mnist_loader.load_data()
    return [part[:images] for part in training_data], validation_data


def fit(settings, data, epochs):
    """Train a network with these settings; return its accuracy, the digest of its weights, and the process's number."""
    net = MLPClassifier(**settings, random_state=0, n_threads=1)
    for _ in range(epochs):
        net.partial_fit(*data[0], classes=range(10))
    numbers = b"".join(array.tobytes() for array in (*net.coefs_, *net.intercepts_))
    return net.score(*data[1]), hashlib.sha256(numbers).hexdigest(), os.getpid()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in {"count": 200, "workers": 2, "images": 50_000, "epochs": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    sweep = list(ParameterSampler(CHOICES, options.count, random_state=0))
    with Client(n_workers=options.workers, threads_per_worker=1, dashboard_address=None) as client:  # or a scheduler's address
        data = client.submit(load, options.images)  # on a worker: if it is lost, Dask loads them again
        futures, results = client.map(fit, sweep, data=data, epochs=options.epochs), {}
        for future, result in as_completed(futures, with_results=True):
            results[future.key] = result
            future.release()  # else Dask would train the network again if its worker is killed later
            best, process = max(results.values())[0], result[2]
            print(f"{len(results)} / {len(sweep)}, best {best:.2%}, last by process {process}", file=sys.stderr, end="  \r")
        accuracies, digests, _ = zip(*(results[future.key] for future in futures), strict=True)
    print(f"\n{max(accuracies):.2%}", sweep[accuracies.index(max(accuracies))])
    print(hashlib.sha256("".join(digests).encode()).hexdigest())
