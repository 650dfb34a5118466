"""The command line: ``nndl-ext`` and ``python -m nndl_ext``."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from nndl_ext import __version__, mnist_loader, saving
from nndl_ext.config import show_config
from nndl_ext.dataset import Dataset
from nndl_ext.network import DivergenceError, Network
from nndl_ext.validation import integer

# What a run is made of. A saved run brings its own, which options given along with --resume must not contradict.
_DEFAULTS: dict[str, Any] = {
    "sizes": [784, 30, 10], "batch": 10, "eta": 3.0, "dtype": "float64", "seed": None, "epochs": 30
}  # fmt: skip


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


def _curve_path(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".json", ".csv"):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .json or .csv")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nndl-ext", description="The network of 'Neural Networks and Deep Learning', chapter 1, on compiled kernels."
    )
    parser.add_argument("--version", action="version", version=f"nndl-ext {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train a network on MNIST: by default the book's experiment",
        description="Train a network and print how many test images it gets right after each epoch.",
        epilog="With a seed, a run that was saved, ended in whatever way and resumed comes to the bits of one that was not. "
        "A resumed run has its options from the file; more --epochs may be given, and other data than MNIST must be.",
    )
    add = train.add_argument
    add("--sizes", type=_sizes, metavar="N,N,...", help="neurons of each layer (784,30,10)")
    add("--epochs", type=int, metavar="N", help="how often to go through the training images, in all (30)")
    add("--batch", type=int, metavar="N", help="images in a mini-batch (10)")
    add("--eta", type=float, metavar="ETA", help="learning rate (3.0)")
    add("--dtype", choices=("float64", "float32"), help="what to compute in (float64)")
    add("--seed", type=int, metavar="N", help="makes a run repeatable to the last bit on any machine")
    add("--data", metavar="PATH", help="folder of IDX files, mnist.pkl.gz or mnist.npz; without it the MNIST in the package")
    file = train.add_mutually_exclusive_group()
    file.add_argument(
        "--save", metavar="FILE", help="save the network and the run after each epoch; there must be no such file"
    )
    file.add_argument("--resume", metavar="FILE", help="go on with a saved run, and save it again after each epoch")
    add("--curve", type=_curve_path, metavar="FILE", help="save the learning curve as .json or .csv")
    train.set_defaults(run=_train)

    bench = commands.add_parser(
        "bench", help="measure the speed against the book's algorithm in NumPy", description=_bench.__doc__
    )
    bench.add_argument("--repeats", type=int, default=5, metavar="N", help="of which the medians count (%(default)s)")
    bench.set_defaults(run=_bench)

    info = commands.add_parser("info", help="print version, kernel variant and data", description=_info.__doc__)
    info.set_defaults(run=_info)
    return parser


def _train(arguments: argparse.Namespace) -> None:
    start = time.perf_counter()
    if arguments.curve:
        arguments.curve.touch()  # better fail now than after the training
    training_data, _, test_data = map(Dataset.from_pairs, mnist_loader.load_data_wrapper(arguments.data))
    run = _resumed(arguments, training_data) if arguments.resume else _begun(arguments, training_data)
    net, options, curve, order = run
    path = arguments.resume or arguments.save

    def save() -> None:
        if path:
            notes = {"options": options, "curve": curve, "labels": _fingerprint(training_data)}
            saving.write(path, net._saved(run=np.array(json.dumps(notes)), order=order))

    loaded = time.perf_counter()
    epochs = range(len(curve), integer(options["epochs"], "epochs", least=0))
    training = net._epochs(training_data, epochs, options["batch"], options["eta"], test_data, order)
    save()
    with _progress(len(curve), epochs.stop) as report:
        for right in training:
            curve.append(right or 0)
            save()
            report()
    seconds = time.perf_counter() - loaded
    if curve:
        last, best = curve[-1], max(curve)
        print(f"Accuracy {last / len(test_data):.2%}, at best {best / len(test_data):.2%} in epoch {curve.index(best)}")
    print(f"Loading took {loaded - start:.2f} s, training and evaluation {seconds:.2f} s")
    if arguments.curve:
        _save_curve(arguments.curve, [correct / len(test_data) for correct in curve])


# The network, its options, how many test images it got right after each epoch, and the order of the images in the last one.
_Run = tuple[Network, dict[str, Any], list[int], np.ndarray]


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of a run that stand on the command line."""
    return {name: value for name in _DEFAULTS if (value := getattr(arguments, name)) is not None}


def _fingerprint(data: Dataset) -> int:
    """What tells data sets apart."""
    return zlib.crc32(data.classes(data.y.shape[1], "").astype("<i8").tobytes())


def _begun(arguments: argparse.Namespace, data: Dataset) -> _Run:
    if arguments.save and Path(arguments.save).exists():
        raise FileExistsError(f"{arguments.save} is there already: go on with its run by --resume, or remove it")
    options = _DEFAULTS | _given(arguments)
    net = Network(options["sizes"], dtype=options["dtype"], seed=options["seed"])
    return net, options, [], np.arange(len(data))


def _resumed(arguments: argparse.Namespace, data: Dataset) -> _Run:
    saved = saving.read(arguments.resume)
    try:
        order, notes = saved.notes["order"].astype(np.int64), json.loads(str(saved.notes["run"]))
        options, curve = _DEFAULTS | notes["options"], [integer(right, "curve", least=0) for right in notes["curve"]]
        labels = notes["labels"]
    except (LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{arguments.resume} is not the file of a run by 'nndl-ext train --save': {error}") from error
    same_images = order.shape == (len(data),) and np.array_equal(np.sort(order), np.arange(len(data)))
    if labels != _fingerprint(data) or not same_images:
        raise ValueError(f"{arguments.resume} is a run on other data: give theirs by --data")
    for name, value in _given(arguments).items():
        if name != "epochs" and value != options[name]:
            raise ValueError(f"--{name} {value} was given, but the run in {arguments.resume} has {options[name]}")
        options[name] = value
    return Network._from_saved(saved), options, curve, order


@contextmanager
def _progress(done: int, epochs: int) -> Iterator[Callable[[], object]]:
    """A progress bar below the printed lines, if tqdm is there, on a terminal, once the work has taken two seconds.

    Gives the function to call after each epoch.
    """
    terminal, start = sys.stdout, time.perf_counter()
    bars: list[Any] = []
    try:
        from tqdm import tqdm
        from tqdm.contrib import DummyTqdmFile
    except ImportError:
        yield lambda: None
        return
    if not terminal.isatty():
        yield lambda: None
        return

    def report() -> None:
        nonlocal done
        done += 1
        if bars:
            bars[0].update()
        elif time.perf_counter() - start > 2:
            bars.append(tqdm(total=epochs, initial=done, unit="epoch", leave=False, file=terminal))

    above: Any = DummyTqdmFile(terminal)
    try:
        with redirect_stdout(above):
            yield report
    finally:
        for bar in bars:
            bar.close()


def _save_curve(path: Path, accuracies: list[float]) -> None:
    rows = [{"epoch": epoch, "accuracy": accuracy} for epoch, accuracy in enumerate(accuracies)]
    with path.open("w", newline="") as file:
        if path.suffix == ".json":
            json.dump(rows, file, indent=1)
        else:
            writer = csv.DictWriter(file, ["epoch", "accuracy"])
            writer.writeheader()
            writer.writerows(rows)


def _bench(arguments: argparse.Namespace) -> None:
    """Run the book's jobs on the compiled kernels and on the book's algorithm in NumPy in turn, and compare the times."""
    from nndl_ext import bench  # not needed otherwise

    bench.main(integer(arguments.repeats, "repeats", least=1))


def _info(_arguments: argparse.Namespace) -> None:
    """Print versions, the kernel variant in use and those available, and the size of the shipped data."""
    show_config()
    training_data, validation_data, test_data = mnist_loader.load_data()
    print(f"MNIST: {len(training_data[0])} training, {len(validation_data[0])} validation, {len(test_data[0])} test images")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 0, 1 for input that does not fit or a training that diverged, 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (DivergenceError, MemoryError, OSError, TypeError, ValueError) as error:
        print(f"nndl-ext: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
