"""Train hundreds of small networks on MNIST, in worker processes of Ray: pip install 'nndl-ext[sklearn]' ray

    python examples/sweep_ray.py --count 200 --workers 2

Each network trains on one thread of a worker; the workers of a machine share one copy of the data. Kill a worker if you
like: Ray starts another and repeats the lost work. The last line is a digest of all weights, the same for any number of
workers, killed or not, and the same as in ``sweep_dask.py``. To use a cluster, call ``ray.init("the cluster's address")``.
"""

import argparse
import hashlib
import os
import sys

import ray
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


@ray.remote(num_cpus=1, max_retries=-1)
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
    training_data, validation_data, _ = mnist_loader.load_data()
    with ray.init(num_cpus=options.workers, include_dashboard=False, log_to_driver=False):
        data = ray.put(([part[: options.images] for part in training_data], validation_data))
        futures, results = [fit.remote(settings, data, options.epochs) for settings in sweep], {}
        while waiting := [future for future in futures if future not in results]:
            (done, *_), _ = ray.wait(waiting)
            results[done] = ray.get(done)
            best, process = max(results.values())[0], results[done][2]
            print(f"{len(results)} / {len(sweep)}, best {best:.2%}, last by process {process}", file=sys.stderr, end="  \r")
        accuracies, digests, _ = zip(*(results[future] for future in futures), strict=True)
    print(f"\n{max(accuracies):.2%}", sweep[accuracies.index(max(accuracies))])
    print(hashlib.sha256("".join(digests).encode()).hexdigest())
