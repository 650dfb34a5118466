"""The command line: ``nndl-ext`` and ``python -m nndl_ext``.

What needs the kernels is imported where it is used: if they can't be loaded, that is said as other errors are.
"""

from __future__ import annotations

import argparse
import os
import reprlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, cast

import nndl_ext

if TYPE_CHECKING:
    from nndl_ext.runs import Run

_STATUS = (
    "Exit status: 0 if all went well; 1 if input does not fit, a file can't be read or written, the training diverged, or the "
    "output can't be written, about which a closed pipe says nothing; 2 for options that make no sense; 130 after Ctrl-C."
)


class _Output:
    """Standard output, whose errors name it. After one, it writes nothing more: the interpreter tries again at its end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> Any:
        return self._try(self._stream.write, text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, call: Callable[..., Any], *arguments: str) -> Any:
        try:
            return call(*arguments)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            raise OSError(error.errno, error.strerror, "standard output") from error


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as the rest of the program does."""

    def error(self, message: str) -> NoReturn:
        _tell(sys.stderr, f"{self.prog}: {message}; see {self.prog} --help")
        self.exit(2)


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be integers with commas between them, not {reprlib.repr(text)}") from None


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must be a path, and is empty")
    return text


def _path_ending(*endings: str) -> Callable[[str], str]:
    """The type of a path to a file in one of some formats."""

    def path(text: str) -> str:
        if not text.lower().endswith(endings):
            raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(endings[:-1])} or {endings[-1]}")
        return text

    return path


def _run_path(text: str) -> str:
    if text.lower().endswith(".json"):
        raise argparse.ArgumentTypeError(f"{text!r} must not end in .json, as the book's files do, which can't hold a run")
    return _path(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="nndl-ext",
        description="The networks of 'Neural Networks and Deep Learning', chapters 1 to 3, on compiled kernels.",
        epilog=_STATUS,
    )
    parser.add_argument("--version", action="version", version=f"nndl-ext {nndl_ext.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train a network on MNIST: by default the book's experiment",
        description="Train a network and print how many test images it gets right after each epoch.",
        epilog="Chapter 3's experiment, which comes to 98%%: nndl-ext train --sizes 784,100,10 --cost cross-entropy "
        "--lmbda 5.0 --eta 0.1 --epochs 60. With a seed, a resumed run ends with the same bits as one that was never "
        "interrupted. A resumed run takes its options from the file; --epochs may be given anew, and data other than MNIST "
        f"must be. {_STATUS}",
    )
    add = train.add_argument
    add("--sizes", type=_sizes, metavar="N,N,...", help="neurons of each layer (784,30,10)")
    add("--epochs", type=int, metavar="N", help="how often to go through the training images, in all (30)")
    add("--batch", type=int, metavar="N", help="images in a mini-batch (10)")
    add("--eta", type=float, metavar="ETA", help="learning rate (3.0; 0.5 with an option of chapter 3)")
    add("--dtype", choices=("float64", "float32"), help="what to compute in (float64)")
    add("--seed", type=int, metavar="N", help="makes a run repeatable to the last bit on any machine")
    add(
        "--data",
        type=_path,
        metavar="PATH",
        help="folder of IDX files, mnist.pkl.gz or mnist.npz; without it the MNIST in the package",
    )
    file = train.add_mutually_exclusive_group()
    file.add_argument(
        "--save",
        type=_run_path,
        metavar="FILE",
        help="save the network and the run after each epoch; there must be no such file",
    )
    file.add_argument(
        "--resume", type=_run_path, metavar="FILE", help="go on with a saved run, and save it again after each epoch"
    )
    add(
        "--curve",
        type=_path_ending(".json", ".csv"),
        metavar="FILE",
        help="save the learning curve after each epoch as .json or .csv",
    )
    add(
        "--plot",
        type=_path_ending(".png", ".svg", ".pdf"),
        metavar="FILE",
        help="draw the learning curve at the end as .png, .svg or .pdf",
    )
    chapter3 = train.add_argument_group("options of chapter 3, any of which makes it chapter 3's network")
    add = chapter3.add_argument
    add("--cost", choices=("cross-entropy", "quadratic", "log-likelihood"), help="(cross-entropy); the last one with softmax")
    add("--lmbda", type=float, metavar="LMBDA", help="how much large weights cost (0)")
    add("--regularization", choices=("l2", "l1"), help="how weights are large: by squares or sizes (l2)")
    add("--activation", choices=("sigmoid", "tanh", "relu", "softplus", "identity"), help="of hidden neurons (sigmoid)")
    add("--dropout", type=float, metavar="RATE", help="part of the hidden neurons to leave out in training (0)")
    add("--optimizer", choices=("descent", "momentum", "nesterov", "adam"), help="how a step is made of gradients (descent)")
    add("--augment", action="store_true", default=None, help="train on each image also shifted by a pixel to each side")
    add("--early-stopping", type=int, metavar="N", help="end once N epochs brought no better accuracy")
    add("--halve-after", type=int, metavar="N", help="halve eta once N epochs brought none, and end at 1/128 of the first")
    train.set_defaults(run=_train, error=train.error)

    show = commands.add_parser("show", help="say what is in a saved network or run", description=_show.__doc__)
    show.add_argument("file", type=_path, metavar="FILE", help="the file that 'train --save' or Network.save has written")
    show.add_argument(
        "--out", type=_path, metavar="FOLDER", help="draw the weights, the learning curve, and how the test images come out"
    )
    show.add_argument("--data", type=_path, metavar="PATH", help="the images to test, as for 'train'")
    show.set_defaults(run=_show, error=show.error)

    draw = commands.add_parser("draw", help="write a page to draw digits on, and open it", description=_draw.__doc__)
    draw.add_argument(
        "file", type=_path, nargs="?", metavar="FILE", help="the file of a network; without it one is trained on MNIST first"
    )
    draw.add_argument(
        "--out",
        type=_path,
        default="nndl-ext-draw.html",
        metavar="PAGE",
        help="the page, replaced if it is there (%(default)s)",
    )
    draw.add_argument("--no-open", action="store_true", help="do not open the page in the browser")
    draw.set_defaults(run=_draw, error=draw.error)

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
    _refuse_one_file_twice(arguments)
    from nndl_ext import runs
    from nndl_ext._files import disk

    path, curve_path = arguments.resume or arguments.save, arguments.curve
    if arguments.save and os.path.exists(path):
        raise FileExistsError(f"{path} is there already: go on with its run by --resume, or remove it")
    if arguments.plot:
        from nndl_ext import plot  # without matplotlib, that is said now
        from nndl_ext._commands import pictures
    for file in filter(None, (path, curve_path, arguments.plot)):
        disk.require_writable(file)
    training_data, test_data = runs.load_data(arguments.data)
    images, tests = len(training_data), len(test_data)
    checksum = runs.checksum(training_data, test_data) if path else 0
    names = [*runs.DEFAULTS, *runs.OF_NETWORK2]
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    run = runs.resume(path, given, images, tests, checksum) if arguments.resume else runs.begin(given, images, tests)

    def keep_curve() -> None:
        if curve_path and run.curve:
            runs.write_curve(curve_path, run.accuracies)

    loaded = time.perf_counter()
    epochs, training = run.epochs, run.train(training_data, test_data)
    if path:
        run.save(path, checksum)
    if not epochs:
        keep_curve()
    _tell(sys.stdout if sys.stdout.isatty() else sys.stderr, _plan(arguments, run, images, tests))
    try:
        with _progress(len(run.curve), epochs.stop) as report:
            for right in training:
                run.curve.append(right)
                if path:
                    run.save(path, checksum)
                keep_curve()
                report()
    finally:
        if arguments.plot and run.curve:
            pictures.write(arguments.plot, plot.learning_curves, run.accuracies)
    seconds = time.perf_counter() - loaded
    if run.curve:
        last, best = run.curve[-1], max(run.curve)
        print(f"Accuracy {last / tests:.2%}, at best {best / tests:.2%} in epoch {run.curve.index(best)}")
    print(f"Loading took {loaded - start:.2f} s, training and evaluation {seconds:.2f} s")


def _refuse_one_file_twice(arguments: argparse.Namespace) -> None:
    """Two options for one file would overwrite each other's."""
    names = {"file": "FILE", **{name: f"--{name}" for name in ("data", "save", "resume", "curve", "plot", "out")}}
    given = [(name, path) for key, name in names.items() if (path := getattr(arguments, key, None))]
    for (name, path), (other_name, other) in combinations(given, 2):
        there = os.path.exists(path) and os.path.exists(other)
        if os.path.samefile(path, other) if there else os.path.realpath(path) == os.path.realpath(other):
            arguments.error(f"{name} {path} and {other_name} {other} are one file")


def _plan(arguments: argparse.Namespace, run: Run, images: int, tests: int) -> str:
    """What a training is about to do, in a line."""
    from nndl_ext import _kernels, runs

    options, epochs = run.options, run.epochs
    network = "-".join(map(str, options["sizes"]))
    return ", ".join(
        (
            f"{'Going on with' if arguments.resume else 'Training'} {network} on {arguments.data or 'MNIST'}: {images} images",
            f"{tests} to test",
            f"epochs from {epochs.start} up to {epochs.stop - 1}" if epochs else "no epochs left",
            f"mini-batches of {options['batch']}",
            f"eta {options['eta']:g}",
            *(f"{name.replace('_', ' ')} {options[name]}" for name in runs.OF_NETWORK2 if options.get(name)),
            "no seed" if options["seed"] is None else f"seed {options['seed']}",
            options["dtype"],
            f"{_kernels.variant} kernels",
        )
    )


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


def _show(arguments: argparse.Namespace) -> None:
    """Say what is in a saved network: sizes, neurons, a digest of its bits; and, of a run, its options and learning curve."""
    if arguments.data and not arguments.out:
        arguments.error("--data is for the pictures of --out, which was not given")
    from nndl_ext._commands import show

    show.main(arguments.file, arguments.out, arguments.data, sys.stdout.encoding or "ascii")


def _draw(arguments: argparse.Namespace) -> None:
    """Write one HTML file with a network inside, which reads the digits that one draws there, and open it in the browser. It
    needs no server and no connection."""
    _refuse_one_file_twice(arguments)
    from nndl_ext._commands import draw

    draw.main(arguments.file, arguments.out, not arguments.no_open)


def _bench(arguments: argparse.Namespace) -> None:
    """Run the book's jobs on the compiled kernels and on the book's algorithm in NumPy in turn, and compare the times."""
    from nndl_ext import bench
    from nndl_ext._core.validation import integer

    bench.main(integer(arguments.repeats, "repeats", least=1))


def _info(_arguments: argparse.Namespace) -> None:
    """Print versions, the kernel variant in use and those available, and the size of the shipped data."""
    nndl_ext.show_config()
    training_data, validation_data, test_data = nndl_ext.mnist_loader.load_data()
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
        The exit status: 0; 1 for input that does not fit, a file that can't be read or written, a training that diverged, or
        output that can't be written; 130 after Ctrl-C. What went wrong stands in one line on stderr, except that Ctrl-C and a
        pipe that its reader has closed (``| head``) end the program without a word.

    Raises
    ------
    SystemExit
        With status 2 for options that make no sense, and 0 after ``--help`` and ``--version``.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before the program began
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    try:
        with redirect_stdout(cast(TextIO, _Output(sys.stdout))):
            try:
                arguments = _parser().parse_args(argv)
                arguments.run(arguments)
            finally:
                sys.stdout.flush()
    except BrokenPipeError:
        return 1
    except (ArithmeticError, ImportError, MemoryError, OSError, TypeError, ValueError) as error:
        _tell(sys.stderr, f"nndl-ext: {str(error) or 'not enough memory'}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _tell(stream: TextIO, text: str) -> None:
    """Print a line, whatever the characters in a path or a file are; the program goes on if nobody can read it."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    encoding = stream.encoding or "utf-8"
    with suppress(OSError):
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
