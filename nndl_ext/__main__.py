"""The command line: ``nndl-ext`` and ``python -m nndl_ext``."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from nndl_ext import __version__, mnist_loader
from nndl_ext.config import show_config
from nndl_ext.network import Data, Network
from nndl_ext.validation import integer


class _RecordingNetwork(Network):
    """A network that keeps the number of right answers of each evaluation, and tells when there is one more."""

    def __init__(self, sizes: Sequence[int], dtype: str, seed: int | None) -> None:
        super().__init__(sizes, dtype=dtype, seed=seed)
        self.curve: list[int] = []
        self.report: Callable[[], object] = lambda: None

    def evaluate(self, test_data: Data) -> int:
        self.curve.append(super().evaluate(test_data))
        self.report()
        return self.curve[-1]


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
    )
    add = train.add_argument
    add("--sizes", type=_sizes, default="784,30,10", metavar="N,N,...", help="neurons of each layer (%(default)s)")
    add("--epochs", type=int, default=30, metavar="N", help="how often to go through the training images (%(default)s)")
    add("--batch", type=int, default=10, metavar="N", help="images in a mini-batch (%(default)s)")
    add("--eta", type=float, default=3.0, metavar="ETA", help="learning rate (%(default)s)")
    add("--dtype", choices=("float64", "float32"), default="float64", help="what to compute in (%(default)s)")
    add("--seed", type=int, metavar="N", help="makes a run repeatable to the last bit on any machine")
    add("--data", metavar="PATH", help="folder of IDX files, mnist.pkl.gz or mnist.npz; without it the MNIST in the package")
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
    training_data, _, test_data = mnist_loader.load_data_wrapper(arguments.data)
    net = _RecordingNetwork(arguments.sizes, arguments.dtype, arguments.seed)
    loaded = time.perf_counter()
    with _progress(net, arguments.epochs):
        net.SGD(training_data, arguments.epochs, arguments.batch, arguments.eta, test_data=test_data)
    seconds = time.perf_counter() - loaded
    if net.curve:
        last, best = net.curve[-1], max(net.curve)
        print(f"Accuracy {last / len(test_data):.2%}, at best {best / len(test_data):.2%} in epoch {net.curve.index(best)}")
    print(f"Loading took {loaded - start:.2f} s, training and evaluation {seconds:.2f} s")
    if arguments.curve:
        _save_curve(arguments.curve, [correct / len(test_data) for correct in net.curve])


@contextmanager
def _progress(net: _RecordingNetwork, epochs: int) -> Iterator[None]:
    """A progress bar below the printed lines, if tqdm is there, on a terminal, once the work has taken two seconds."""
    terminal, start = sys.stdout, time.perf_counter()
    bars: list[Any] = []
    try:
        from tqdm import tqdm
        from tqdm.contrib import DummyTqdmFile
    except ImportError:
        yield
        return
    if not terminal.isatty():
        yield
        return

    def report() -> None:
        if bars:
            bars[0].update()
        elif time.perf_counter() - start > 2:
            bars.append(tqdm(total=epochs, initial=len(net.curve), unit="epoch", leave=False, file=terminal))

    net.report = report
    above: Any = DummyTqdmFile(terminal)
    try:
        with redirect_stdout(above):
            yield
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
        The exit status: 0, 1 for input that does not fit, 130 after Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (OSError, TypeError, ValueError) as error:
        print(f"nndl-ext: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
