"""What is measured: the jobs, and the data that they are given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

REFERENCE, FASTEST, JAX = "the book's NumPy", "fastest other peer", "JAX"


@dataclass(frozen=True)
class Job:
    """Something to measure: ``call`` is the peers' method, and each goal a wanted ratio to a peer's time, or the fastest's.

    The data are "mnist", scikit-learn's "digits" ten times over, or normal deviates: "dense", "half zeros" or "1 % filled".
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
    optimiser: str = "descent"
    threads: int = 1
    call: str = "train"

    @property
    def group(self):
        """The table to which it belongs."""
        return f"{self.hidden} and {self.optimiser}, {self.dtype}" if self.call == "train" else "evaluation"

    def __str__(self):
        return f"{self.group}: {self.label}"

    @property
    def label(self):
        """What the job is within its group."""
        what = {"train": f"m {self.batch}, {self.rows:,}", "predict": f"feedforward {self.rows:,}"}
        parts = [f"{[*self.sizes]} {what.get(self.call, f'{self.call} {self.rows:,}')} {self.data}"]
        parts += [self.output] * (self.output == "softmax") + [self.dtype] * (self.call != "train")
        return ", ".join(parts + [f"{self.threads} cores"] * (self.threads > 1))


def against_jax(least, sizes, batch, rows, **options):
    return Job(sizes, batch, rows, ((JAX, least),), **options)


def jobs_of_sigmoids():
    """The first table: sigmoids and descent."""
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
        Job((784, 30, 10), 10, 50_000, ((JAX, 5.8), (REFERENCE, 95))),
        against_jax(7, (784, 30, 10), 1, 50_000),
        against_jax(3, (784, 30, 10), 100, 50_000),
        against_jax(3.6, (784, 100, 10), 10, 50_000),
        against_jax(2.3, (784, 100, 10), 200, 50_000),
        against_jax(10, (1000, 500, 2), 64, 5_000, data="1 % filled"),
    ]


def in_float64(job):
    to_reference = tuple((peer, 58) for peer, _ in job.goals if peer == REFERENCE)
    return replace(job, dtype="float64", goals=((FASTEST, 1.1), *to_reference))


def jobs_of_adam():
    """The second table: relu and Adam."""
    relu = {"hidden": "relu", "optimiser": "Adam"}
    classifier = {**relu, "output": "softmax", "cost": "log-likelihood"}
    regressor = {**relu, "output": "identity", "data": "dense"}
    return [
        against_jax(1.25, (8, 100, 1), 200, 20_000, **regressor),
        against_jax(1.45, (8, 64, 64, 1), 32, 20_000, **regressor),
        against_jax(1.5, (64, 100, 10), 200, 17_970, **classifier, data="digits"),
        against_jax(1.9, (64, 100, 10), 32, 17_970, **classifier, data="digits"),
        against_jax(2.2, (784, 100, 10), 200, 50_000, **classifier),
        against_jax(2, (784, 100, 10), 32, 50_000, **classifier),
        against_jax(3, (784, 30, 10), 10, 50_000, **classifier),
    ]


JOBS = [
    *jobs_of_sigmoids(),
    Job((784, 30, 30, 30, 30, 10), 10, 10_000, ((FASTEST, 4),)),
    *map(in_float64, jobs_of_sigmoids()),
    *jobs_of_adam(),
    Job((784, 30, 10), 10, 10_000, ((REFERENCE, 100),), "float64", call="evaluate"),
    Job((784, 30, 10), 10, 1, ((REFERENCE, 6),), "float64", call="predict"),
    Job((784, 1000, 10), 10, 10_000, ((FASTEST, 1.0),), threads=2, call="predict"),
]


def data_of(job):
    """Inputs of shape (rows, inputs) and desired outputs of shape (rows, outputs), in the job's dtype."""
    rng = np.random.default_rng(0)
    if job.data == "mnist":
        from nndl_ext import Dataset, mnist_loader

        data = Dataset.from_pairs(mnist_loader.load_data_wrapper()[0][: job.rows])
        x, y = data.x, data.y
    elif job.data == "digits":
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        times = job.rows // len(pixels)
        x, y = np.tile(pixels / 16, (times, 1)), np.tile(np.eye(10)[labels], (times, 1))
    else:
        x = rng.standard_normal((job.rows, job.sizes[0]))
        x *= rng.random(x.shape) < {"dense": 1, "half zeros": 0.5, "1 % filled": 0.01}[job.data]
        y = rng.random((job.rows, 1)) if job.sizes[-1] == 1 else np.eye(job.sizes[-1])[rng.integers(0, job.sizes[-1], job.rows)]
    return np.ascontiguousarray(x, job.dtype), np.ascontiguousarray(y, job.dtype)
