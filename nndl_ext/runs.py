"""Runs of the command ``train``: how a run begins, is saved and is resumed."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nndl_ext import mnist_loader, network2
from nndl_ext._book.monitors import Plan, checked_lmbda
from nndl_ext._book.settings import Settings, named_optimizer
from nndl_ext._checks import finite_number, integer, layer_sizes
from nndl_ext._data.dataset import Dataset, Sample
from nndl_ext._files import disk, saving
from nndl_ext.network import Network

# The options of a new run. A resumed run has those in its file; only the number of epochs may change.
DEFAULTS: dict[str, Any] = {
    "sizes": [784, 30, 10], "batch": 10, "eta": 3.0, "dtype": "float64", "seed": None, "epochs": 30
}  # fmt: skip

# The further options of chapter 3's network.
OF_NETWORK2: dict[str, Any] = {
    "cost": "cross-entropy", "lmbda": 0.0, "regularization": "l2", "activation": "sigmoid", "dropout": 0.0,
    "optimizer": "descent", "augment": False, "early_stopping": 0, "halve_after": 0,
}  # fmt: skip
_DEFAULTS2 = DEFAULTS | {"eta": 0.5} | OF_NETWORK2

# The options that its optimizer lbfgs does not use.
_NOT_OF_LBFGS = {"batch", "eta", "halve_after"}

COSTS: dict[str, Any] = {
    "cross-entropy": network2.CrossEntropyCost, "quadratic": network2.QuadraticCost,
    "log-likelihood": network2.LogLikelihoodCost,
}  # fmt: skip

# Images in each part of the checksum. Another number would change the checksum.
_IMAGES = 5000


@dataclass
class Run:
    """A training in progress.

    Attributes
    ----------
    net : Network or network2.Network
        The network after the last epoch.
    options : dict
        The options named in `DEFAULTS` and, for chapter 3's network, in `OF_NETWORK2`.
    tests : int
        The number of test images.
    curve : list of int
        The number of test images classified correctly after each epoch.
    order : numpy.ndarray
        The order of the training images in the last epoch, int64. It is shuffled for the next.
    """

    net: Network | network2.Network
    options: dict[str, Any]
    tests: int
    curve: list[int]
    order: np.ndarray

    @property
    def epochs(self) -> range:
        """The epochs that remain."""
        return range(len(self.curve), self.options["epochs"])

    @property
    def has_mini_batches(self) -> bool:
        """Whether it uses the options ``batch`` and ``eta``."""
        return self.options.get("optimizer") != "lbfgs"

    @property
    def accuracies(self) -> list[float]:
        """The share of test images classified correctly after each epoch."""
        return [right / self.tests for right in self.curve]

    def train(self, training_data: Sequence[Sample], test_data: Sequence[Sample]) -> Iterator[int]:
        """Check the data; then train for the epochs that remain, and yield the number of correct test images after each."""
        options = self.options
        if isinstance(self.net, Network):
            return (
                right or 0
                for right in self.net._epochs(
                    training_data, self.epochs, options["batch"], options["eta"], test_data, self.order
                )
            )
        halved = options["halve_after"]
        plan = Plan(
            training_data,
            options["batch"],
            network2.HalveOnPlateau(options["eta"], halved) if halved else options["eta"],
            options["lmbda"],
            test_data,
            evaluation_accuracy=True,
            early_stopping_n=options["early_stopping"],
            augment=network2.Shifts() if options["augment"] else None,
        )
        history = network2.History.begin()
        history.evaluation_accuracy.extend(self.curve)
        return (history.evaluation_accuracy[-1] for _ in self.net._epochs(plan, self.epochs, history, self.order))

    def save(self, path: str, data: int) -> None:
        """Write the run to a file, with the checksum of its data."""
        notes = json.dumps({"options": self.options, "tests": self.tests, "curve": self.curve, "data": data})
        saving.write(path, self.net._saved(run=np.array(notes), order=self.order))


def load_data(path: str | None) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Load the training and test images.

    Raises
    ------
    OSError, ValueError
        If they can't be read, or if there are none.
    """
    training_data, _, test_data = mnist_loader.load_data_wrapper(path)
    for pairs, name in ((training_data, "training"), (test_data, "test")):
        if not len(pairs):
            raise ValueError(f"{path} has no {name} images")
    return training_data, test_data


def sizes_for(training_data: Sequence[Sample]) -> list[int]:
    """The sizes of a network for these images, with the book's 30 hidden neurons."""
    x, y = training_data[0]
    return [len(x), DEFAULTS["sizes"][1], len(y)]


def checksum(*data_sets: Sequence[Sample]) -> int:
    """A checksum of images, as float32, and labels: it tells data sets apart."""
    result = 0
    for pairs in data_sets:
        for start in range(0, len(pairs), _IMAGES):
            part = Dataset.from_pairs(pairs[start : start + _IMAGES])
            labels = part.y if part.y.ndim == 1 else part.y.argmax(axis=1)
            result = zlib.crc32(part.x.astype("<f4", copy=False).data, result)
            result = zlib.crc32(labels.astype("<i8", copy=False).data, result)
    return result


def begin(given: dict[str, Any], images: int, tests: int) -> Run:
    """A new run with these options and these numbers of training and test images."""
    options = (_DEFAULTS2 if given.keys() & OF_NETWORK2 else DEFAULTS) | given
    integer(options["epochs"], "epochs", least=0)
    if options.get("optimizer") == "lbfgs":
        for name in sorted(given.keys() & _NOT_OF_LBFGS):
            raise ValueError(f"--optimizer lbfgs does not use --{name.replace('_', '-')}")
    made: dict[str, Any] = {"dtype": options["dtype"], "seed": options["seed"]}
    if "cost" not in options:
        return Run(Network(options["sizes"], **made), options, tests, [], np.arange(images))
    net = network2.Network(options["sizes"], **_chosen(options), **made)
    return Run(net, options, tests, [], np.arange(images * (network2.Shifts().copies if options["augment"] else 1)))


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    """The arguments for a network of chapter 3, in the order of `Settings`."""
    return {
        "cost": COSTS[options["cost"]],
        "activation": options["activation"],
        "output_activation": None,
        "dropout": options["dropout"],
        "regularization": options["regularization"],
        "optimizer": named_optimizer(options["optimizer"]),
    }


def resume(path: str, given: dict[str, Any], images: int, tests: int, data: int) -> Run:
    """Load a run from an untrusted file, and check that it has the given options and data with this checksum.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it does not hold a run, or the run has other options or data.
    """
    run, of_data = read(path)
    forms = network2.Shifts().copies if run.options.get("augment") else 1
    same_images = np.array_equal(np.sort(run.order), np.arange(images * forms))
    if of_data != data or not same_images or run.tests != tests:
        raise ValueError(f"{path} is a run on other data: name its data with --data")
    for name, value in given.items():
        if name != "epochs" and value != run.options.get(name):
            option = name.replace("_", "-")
            raise ValueError(f"--{option} {value} was given, but the run in {path} has {run.options.get(name, 'none')}")
    run.options |= given
    integer(run.options["epochs"], "epochs", least=0)
    return run


def read(path: str) -> tuple[Run, int]:
    """Load a run from an untrusted file, with the checksum of its data.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it does not hold a run.
    """
    saved = saving.read(path)
    try:
        return _run(saved)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} does not hold a run saved by 'nndl-ext train --save': {what}") from error


def _run(saved: saving.Saved) -> tuple[Run, int]:
    """A run and the checksum of its data, from the untrusted content of a file."""
    if saved.neuron == "perceptron":
        raise ValueError("it holds perceptrons, which can't be trained")
    order, notes = saved.notes["order"], json.loads(str(saved.notes["run"]))
    if order.ndim != 1 or order.dtype.newbyteorder("=") != np.int64:
        raise ValueError(f"the order of its images has shape {order.shape} of {order.dtype}")
    for name, part, kind in (("run", notes, dict), ("options", notes["options"], dict), ("curve", notes["curve"], list)):
        if not isinstance(part, kind):
            raise TypeError(f"its {name} must be a {kind.__name__}")
    options, seed = notes["options"], notes["options"]["seed"]
    checked = {
        "sizes": layer_sizes(options["sizes"]),
        "batch": integer(options["batch"], "batch", least=1),
        "eta": finite_number(options["eta"], "eta"),
        "dtype": options["dtype"],
        "seed": None if seed is None else integer(seed, "seed", least=0),
        "epochs": integer(options["epochs"], "epochs", least=0),
    }
    net: Network | network2.Network
    if saved.neuron == "sigmoid":
        net = Network._from_saved(saved)
    else:
        net = network2.Network._from_saved(saved)
        checked |= _checked2(options, net)
    if checked["sizes"] != saved.sizes or checked["dtype"] != saved.weights[0].dtype.name:
        raise ValueError("its options are those of another network")
    if (seed is None) != (saved.generator is None):
        raise ValueError("it must have both a seed and the state of a generator, or neither")
    tests = integer(notes["tests"], "tests", least=1)
    curve = [integer(right, "curve", least=0, most=tests) for right in notes["curve"]]
    return Run(net, checked, tests, curve, order.astype(np.int64)), integer(notes["data"], "data")


def _checked2(options: dict[str, Any], net: network2.Network) -> dict[str, Any]:
    """The options of `OF_NETWORK2` from a file, checked, and compared with the network in that file."""
    checked = {name: options[name] for name in OF_NETWORK2}
    checked["lmbda"], checked["dropout"] = checked_lmbda(checked["lmbda"]), finite_number(checked["dropout"], "dropout")
    for name in ("early_stopping", "halve_after"):
        checked[name] = integer(checked[name], name, least=0)
    if not isinstance(checked["augment"], bool):
        raise TypeError("its augment must be true or false")
    chosen = Settings(*_chosen(checked).values())
    if chosen.described(chosen.model(net.sizes, net.dtype)) != net._described():
        raise ValueError("its options are those of another network")
    return checked


def write_curve(path: str, accuracies: Iterable[float]) -> None:
    """Write the accuracy after each epoch: as JSON if the path ends in ``.json``, else as CSV."""
    rows = [{"epoch": epoch, "accuracy": accuracy} for epoch, accuracy in enumerate(accuracies)]
    if path.lower().endswith(".json"):
        text = json.dumps(rows, indent=1)
    else:
        file = io.StringIO()
        writer = csv.DictWriter(file, ["epoch", "accuracy"])
        writer.writeheader()
        writer.writerows(rows)
        text = file.getvalue()
    disk.replace(path, text.encode())
