"""What is measured: the jobs, and the data that they are given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

REFERENCE, FASTEST, JAX, SCIKIT = "the book's NumPy", "fastest other peer", "JAX", "scikit-learn"
WITHOUT = "without it"  # ours, without what the job adds
RELU = {"hidden": "relu", "optimizer": "Adam"}
CLASSIFIER = {**RELU, "output": "softmax", "cost": "log-likelihood"}
REGRESSOR = {**RELU, "output": "identity", "data": "dense"}


@dataclass(frozen=True)
class Job:
    """Something to measure: ``call`` is the peers' method, and each goal a wanted ratio to a peer's time, or the fastest's.

    The data are "mnist", scikit-learn's "iris" or "digits", these ten times over, normal deviates, "dense", "half zeros" or
    "1 % filled", or a sparse matrix like that of texts, "0.1 % filled". What ``api`` names says which peers there are.
    """

    sizes: tuple[int, ...]
    batch: int
    rows: int
    goals: tuple[tuple[str, float], ...]
    dtype: str = "float32"
    data: str = "mnist"
    hidden: str = "sigmoid"
    output: str = "sigmoid"
    cost: str = "quadratic"
    optimizer: str = "descent"
    threads: int = 1
    call: str = "train"
    api: str = "network"
    adds: str = ""  # to what network2 would do without it
    epochs: int = 1  # of a call, whose time is that of one of them
    asked: int = 1  # rows of a prediction by an estimator
    workers: int = 1  # processes, each with so many threads

    @property
    def group(self):
        """The table to which it belongs."""
        if self.api == "network2":
            return "cross-entropy with network2"
        if self.api == "estimator":
            return f"scikit-learn's estimators, {self.dtype}"
        return f"{self.hidden} and {self.optimizer}, {self.dtype}" if self.call == "train" else "evaluation"

    def __str__(self):
        return f"{self.group}: {self.label}"

    @property
    def label(self):
        """What the job is within its group."""
        by_lbfgs = f"lbfgs, {self.epochs} iterations, {self.rows:,}"
        what = {
            "train": f"m {self.batch:,}, {self.rows:,}",
            "predict": f"feedforward {self.rows:,}",
            "fit": by_lbfgs if self.optimizer == "lbfgs" else f"m {self.batch:,}, {self.epochs} epochs, {self.rows:,}",
            "default_fit": f"default fit, {self.rows:,}",
            "predict_labels": f"predict {self.asked:,}",
            "predict_proba": f"predict_proba {self.asked:,}",
            "search": f"GridSearchCV of 48 fits, {self.rows:,}",
        }
        parts = [f"{[*self.sizes]} {what.get(self.call, f'{self.call} {self.rows:,}')} {self.data}"]
        parts += [self.output] * (self.output == "softmax" and self.api == "network") + [self.adds] * bool(self.adds)
        parts += [self.dtype] * (self.dtype not in self.group) + [f"{self.cores} cores"] * (self.cores > 1)
        return ", ".join(parts)

    @property
    def cores(self):
        """How many it is held to."""
        return self.threads * self.workers


def against_all(sizes, batch, rows, **options):
    return Job(sizes, batch, rows, ((FASTEST, 1.15),), **options)


def against_jax(least, sizes, batch, rows, **options):
    return Job(sizes, batch, rows, ((JAX, least),), **options)


def jobs_of_sigmoids():
    """Sigmoids and descent."""
    return [
        against_jax(1.25, (8, 100, 1), 200, 20_000, data="dense"),
        against_jax(1.4, (8, 64, 64, 1), 32, 20_000, data="dense"),
        against_jax(2.5, (2, 3, 1), 4, 20_000, data="dense"),
        against_jax(3, (30, 16, 2), 32, 20_000, data="dense"),
        against_jax(1.5, (64, 100, 10), 200, 17_970, data="digits"),
        against_jax(1.8, (64, 100, 10), 32, 17_970, data="digits"),
        against_jax(1.7, (100, 64, 64, 10), 32, 20_000, data="dense"),
        against_jax(1.15, (300, 300, 300, 10), 64, 5_000, data="dense"),
        against_jax(1.15, (300, 300, 300, 10), 64, 5_000, data="half zeros"),
        against_jax(1.4, (784, 512, 512, 10), 128, 5_000),
        against_jax(1.4, (784, 512, 512, 10), 128, 5_000, threads=2),
        against_jax(1.3, (784, 1000, 1000, 10), 100, 5_000),
        against_jax(1.3, (784, 1000, 1000, 10), 100, 5_000, threads=2),
        against_all((784, 1000, 1000, 10), 1_000, 5_000),
        Job((784, 30, 10), 10, 50_000, ((JAX, 5.8), (REFERENCE, 95))),
        against_jax(7, (784, 30, 10), 1, 50_000),
        against_jax(3, (784, 30, 10), 100, 50_000),
        against_jax(3.6, (784, 100, 10), 10, 50_000),
        against_jax(2.3, (784, 100, 10), 200, 50_000),
        against_all((784, 100, 10), 200, 50_000, threads=2),
        *(against_all((784, 100, 10), 10_000, 10_000, threads=threads) for threads in (1, 2)),
        against_jax(10, (1000, 500, 2), 64, 5_000, data="1 % filled"),
    ]


def in_float64(job):
    to_reference = tuple((peer, 58) for peer, _ in job.goals if peer == REFERENCE)
    return replace(job, dtype="float64", goals=((FASTEST, 1.1), *to_reference))


def jobs_of_adam():
    """Relu and Adam."""
    return [
        against_jax(1.25, (8, 100, 1), 200, 20_000, **REGRESSOR),
        against_jax(1.45, (8, 64, 64, 1), 32, 20_000, **REGRESSOR),
        against_jax(1.5, (64, 100, 10), 200, 17_970, **CLASSIFIER, data="digits"),
        against_jax(1.9, (64, 100, 10), 32, 17_970, **CLASSIFIER, data="digits"),
        against_jax(2.2, (784, 100, 10), 200, 50_000, **CLASSIFIER),
        against_jax(2, (784, 100, 10), 32, 50_000, **CLASSIFIER),
        against_jax(3, (784, 30, 10), 10, 50_000, **CLASSIFIER),
    ]


def jobs_of_tanh():
    """The small network of SimpleChains.jl's documentation, of which each epoch is one step."""
    options = {**REGRESSOR, "hidden": "tanh"}
    return [against_all((4, 32, 16, 4), 10_000, 10_000, **options, threads=threads) for threads in (1, 2)]


def jobs_of_one_image(dtype):
    """The gradient of one image, for which the book's `update_mini_batch` asks."""
    return [Job((784, 30, 10), 1, 1, ((REFERENCE, 3),), dtype, call="backprop")]


def jobs_of_network2(dtype, to_reference):
    """What the book's chapter 3 costs: each goal but the reference's is the inverse of how many times as long it may take."""
    job = Job((784, 30, 10), 10, 50_000, (), dtype, cost="cross-entropy", api="network2")
    return [
        replace(job, adds="cross-entropy and lmbda", goals=((WITHOUT, 1 / 1.1), (REFERENCE, to_reference))),
        replace(job, adds="four monitors", goals=((WITHOUT, 1 / 1.5),)),
        replace(job, adds="dropout", goals=((WITHOUT, 1 / 1.2),)),
    ]


def whole_fit(to_scikit, to_jax, sizes, batch, rows, epochs=20, **options):
    goals = ((SCIKIT, to_scikit), *[(JAX, to_jax)] * bool(to_jax))
    return Job(sizes, batch, rows, goals, call="fit", api="estimator", epochs=epochs, **options)


def jobs_of_estimators():
    """What users of scikit-learn do: whole fits, a prediction, a search."""
    digits = {**CLASSIFIER, "data": "digits", "api": "estimator"}
    return [
        whole_fit(3, 1.2, (784, 100, 10), 200, 50_000, 5, **CLASSIFIER),
        whole_fit(10, 3, (784, 30, 10), 10, 50_000, 5, **CLASSIFIER),
        whole_fit(4, 1.2, (64, 100, 10), 200, 17_970, **CLASSIFIER, data="digits"),
        whole_fit(6, 1.2, (64, 100, 10), 32, 17_970, **CLASSIFIER, data="digits"),
        whole_fit(8, 1.2, (8, 100, 1), 200, 20_000, **REGRESSOR),
        whole_fit(8, 1.2, (8, 64, 64, 1), 32, 20_000, **REGRESSOR),
        whole_fit(5, None, (100_000, 50, 20), 200, 10_000, 5, **CLASSIFIER, data="0.1 % filled"),
        Job((4, 100, 3), 150, 150, ((SCIKIT, 3),), **{**digits, "data": "iris"}, call="default_fit"),
        Job((64, 100, 10), 200, 1_797, ((SCIKIT, 10),), **digits, call="predict_labels"),
        Job((64, 100, 10), 200, 1_797, ((SCIKIT, 4),), **digits, call="search", workers=2),
    ]


def jobs_of_full_batches(dtype):
    """Whole fits of estimators, each step of which takes all rows."""
    fits = [
        ((784, 100, 10), 20_000, CLASSIFIER),
        ((8, 64, 64, 1), 20_000, REGRESSOR),
        ((64, 100, 10), 1_797, {**CLASSIFIER, "data": "digits"}),
    ]
    return [
        whole_fit(goal, None, sizes, rows, rows, 10, **{**options, "optimizer": optimizer, "dtype": dtype, "threads": 2})
        for optimizer, goal in (("lbfgs", 1.5), ("Adam", 2))
        for sizes, rows, options in fits
    ]


def jobs_of_predictions(dtype):
    """The probabilities of few and many images."""
    options = {**CLASSIFIER, "api": "estimator", "call": "predict_proba", "dtype": dtype, "threads": 2}
    return [
        Job((784, 100, 10), 200, 10_000, ((SCIKIT, goal),), **options, asked=asked)
        for asked, goal in ((1, 15), (100, 1.7), (10_000, 1.7))
    ]


JOBS = [
    *jobs_of_sigmoids(),
    Job((784, 30, 30, 30, 30, 10), 10, 10_000, ((FASTEST, 4),)),
    *map(in_float64, jobs_of_sigmoids()),
    *jobs_of_adam(),
    *jobs_of_tanh(),
    Job((784, 30, 10), 10, 10_000, ((REFERENCE, 100),), "float64", call="evaluate"),
    Job((784, 30, 10), 10, 1, ((REFERENCE, 6),), "float64", call="predict"),
    Job((784, 1000, 10), 10, 10_000, ((FASTEST, 1.0),), threads=2, call="predict"),
    *jobs_of_one_image("float64"),
    *jobs_of_one_image("float32"),
    *jobs_of_network2("float64", 50),
    *jobs_of_network2("float32", 90),
    *jobs_of_estimators(),
    *jobs_of_full_batches("float32"),
    *jobs_of_predictions("float32"),
    *jobs_of_full_batches("float64"),
    *jobs_of_predictions("float64"),
]


def weights_and_biases(job):
    """The first ones of all peers."""
    from nndl_ext import Network

    start = Network(job.sizes, dtype=job.dtype, seed=0)
    return [np.ascontiguousarray(w / np.sqrt(w.shape[1]), job.dtype) for w in start.weights], start.biases


def data_of(job):
    """Inputs of shape (rows, inputs) and desired outputs of shape (rows, outputs), in the job's dtype."""
    rng = np.random.default_rng(0)
    if job.data == "mnist":
        from nndl_ext import Dataset, mnist_loader

        data = Dataset.from_pairs(mnist_loader.load_data_wrapper()[0][: job.rows])
        x, y = data.x, data.y
    elif job.data in ("digits", "iris"):
        from sklearn.datasets import load_digits, load_iris

        x, labels = {"digits": load_digits, "iris": load_iris}[job.data](return_X_y=True)
        times, largest = job.rows // len(x), {"digits": 16, "iris": 1}[job.data]
        x, y = np.tile(x / largest, (times, 1)), np.tile(np.eye(job.sizes[-1])[labels], (times, 1))
    elif job.data == "0.1 % filled":
        from scipy.sparse import random as random_matrix

        x = random_matrix(job.rows, job.sizes[0], 0.001, "csr", job.dtype, random_state=0)
        return x, np.eye(job.sizes[-1], dtype=job.dtype)[rng.integers(0, job.sizes[-1], job.rows)]
    else:
        x = rng.standard_normal((job.rows, job.sizes[0]))
        x *= rng.random(x.shape) < {"dense": 1, "half zeros": 0.5, "1 % filled": 0.01}[job.data]
        y = rng.random((job.rows, 1)) if job.sizes[-1] == 1 else np.eye(job.sizes[-1])[rng.integers(0, job.sizes[-1], job.rows)]
    return np.ascontiguousarray(x, job.dtype), np.ascontiguousarray(y, job.dtype)
