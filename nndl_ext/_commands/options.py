"""The options of the command line."""

from __future__ import annotations

import argparse
import os
import reprlib
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import combinations
from math import isfinite
from typing import Any, NoReturn, TextIO

import nndl_ext

STATUS = (
    "Exit status: 0 on success; 1 if the input is invalid, a file can't be read or written, the training diverged, or the "
    "output can't be written (a closed pipe gives no message); 2 if the options are invalid; 130 after Ctrl-C."
)


class _Parser(argparse.ArgumentParser):
    """Reports a usage error in one line, as the rest of the program reports errors."""

    def error(self, message: str) -> NoReturn:
        tell(sys.stderr, f"{self.prog}: {message}; see {self.prog} --help")
        self.exit(2)


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be integers separated by commas, not {reprlib.repr(text)}") from None


def _at_least(least: int) -> Callable[[str], int]:
    """An argument type: an integer from this one on."""

    def number(text: str) -> int:
        with suppress(ValueError):
            value = int(text)
            if value >= least:
                return value
        raise argparse.ArgumentTypeError(f"must be an integer of at least {least}, not {reprlib.repr(text)}")

    return number


def _number(text: str) -> float:
    with suppress(ValueError):
        if isfinite(value := float(text)):
            return value
    raise argparse.ArgumentTypeError(f"must be a finite number, not {reprlib.repr(text)}")


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must be a path, not empty")
    return text


def _path_ending(*endings: str) -> Callable[[str], str]:
    """An argument type: a path with one of these suffixes."""

    def path(text: str) -> str:
        if not text.lower().endswith(endings):
            raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(endings[:-1])} or {endings[-1]}")
        return text

    return path


def _run_path(text: str) -> str:
    if text.lower().endswith(".json"):
        raise argparse.ArgumentTypeError(f"{text!r} must not end in .json: the book's JSON format can't hold a run")
    return _path(text)


def parser(commands: Mapping[str, Callable[[argparse.Namespace], None]]) -> argparse.ArgumentParser:
    """The parser. ``commands`` has a function for each command, which becomes ``run`` of what is parsed. Its docstring is the
    command's description."""
    own = _Parser(
        prog="nndl-ext",
        description="The networks of 'Neural Networks and Deep Learning', chapters 1 to 3, with compiled kernels.",
        epilog=STATUS,
    )
    own.add_argument("--version", action="version", version=f"nndl-ext {nndl_ext.__version__}")
    all_commands = own.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, add in _ADD.items():
        command = add(all_commands, commands[name].__doc__)
        command.set_defaults(run=commands[name], error=command.error)
    return own


def _add_train(commands: Any, _description: str | None) -> argparse.ArgumentParser:
    train: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a network on MNIST: by default the book's experiment",
        description="Train a network. After each epoch, print how many test images it classifies correctly.",
        epilog="Chapter 3's experiment, which reaches 98 %: nndl-ext train --sizes 784,100,10 --cost cross-entropy "
        "--lmbda 5.0 --eta 0.1 --epochs 60. A resumed run takes its options from the file. You may give a new --epochs, and "
        "must repeat --data if the run is not on MNIST. With a seed, a resumed run ends with the same bits as an uninterrupted "
        f"one. {STATUS}",
    )
    add = train.add_argument
    add("--sizes", type=_sizes, metavar="N,N,...", help="number of neurons in each layer (30 hidden ones: 784,30,10 for MNIST)")
    add("--epochs", type=_at_least(0), metavar="N", help="total number of epochs (30)")
    add("--batch", type=_at_least(1), metavar="N", help="images in a mini-batch (10)")
    add("--eta", type=_number, metavar="ETA", help="learning rate (3.0; 0.5 with an option of chapter 3)")
    add("--dtype", choices=("float64", "float32"), help="floating-point type of the computation (float64)")
    add("--seed", type=_at_least(0), metavar="N", help="make the run reproducible to the last bit on any machine")
    add(
        "--data",
        type=_path,
        metavar="PATH",
        help="data set: a folder of IDX files or of images by class, mnist.npz, train.csv and others "
        "(default: the MNIST in this package)",
    )
    file = train.add_mutually_exclusive_group()
    file.add_argument(
        "--save",
        type=_run_path,
        metavar="FILE",
        help="save the network and the run after each epoch; the file must not exist yet",
    )
    file.add_argument("--resume", type=_run_path, metavar="FILE", help="continue a saved run, and save it after each epoch")
    add(
        "--curve",
        type=_path_ending(".json", ".csv"),
        metavar="FILE",
        help="write the learning curve after each epoch, as .json or .csv",
    )
    add(
        "--plot",
        type=_path_ending(".png", ".svg", ".pdf"),
        metavar="FILE",
        help="draw the learning curve at the end, as .png, .svg or .pdf",
    )
    _add_chapter3(train.add_argument_group("options of chapter 3 (any of them selects chapter 3's network)").add_argument)
    return train


def _add_chapter3(add: Callable[..., Any]) -> None:
    add(
        "--cost",
        choices=("cross-entropy", "quadratic", "log-likelihood"),
        help="cost (cross-entropy); log-likelihood has softmax outputs",
    )
    add("--lmbda", type=_number, metavar="LMBDA", help="regularization parameter (0)")
    add("--regularization", choices=("l2", "l1"), help="penalize squares or absolute values of weights (l2)")
    add(
        "--activation",
        choices=("sigmoid", "tanh", "relu", "softplus", "identity"),
        help="activation of the hidden neurons (sigmoid)",
    )
    add("--dropout", type=_number, metavar="RATE", help="share of hidden neurons to drop in training (0)")
    add("--optimizer", choices=("descent", "momentum", "nesterov", "adam", "lbfgs"), help="optimizer (descent)")
    add("--augment", action="store_true", default=None, help="also train on each image shifted by one pixel in four directions")
    add("--early-stopping", type=_at_least(0), metavar="N", help="stop after N epochs without a better accuracy")
    add(
        "--halve-after",
        type=_at_least(0),
        metavar="N",
        help="halve eta after N epochs without a better accuracy; stop at eta / 128",
    )


def _add_show(commands: Any, description: str | None) -> argparse.ArgumentParser:
    show: argparse.ArgumentParser = commands.add_parser(
        "show", help="describe and compare saved networks and runs", description=description
    )
    show.add_argument("files", type=_path, nargs="+", metavar="FILE", help="files written by 'train --save' or Network.save")
    show.add_argument(
        "--out",
        type=_path,
        metavar="FOLDER",
        help="write pictures here: weights, learning curve, confusion matrix, misclassified test images; of several files, "
        "one picture of all learning curves",
    )
    show.add_argument("--data", type=_path, metavar="PATH", help="test images for the pictures of one FILE, as for 'train'")
    return show


def _add_draw(commands: Any, description: str | None) -> argparse.ArgumentParser:
    draw: argparse.ArgumentParser = commands.add_parser(
        "draw", help="write a page to draw digits on, and open it", description=description
    )
    draw.add_argument("file", type=_path, nargs="?", metavar="FILE", help="saved network (default: train one on MNIST first)")
    draw.add_argument(
        "--out",
        type=_path,
        default="nndl-ext-draw.html",
        metavar="PAGE",
        help="where to write the page; an existing file is replaced (%(default)s)",
    )
    draw.add_argument("--no-open", action="store_true", help="do not open the page in the browser")
    return draw


def _add_bench(commands: Any, description: str | None) -> argparse.ArgumentParser:
    bench: argparse.ArgumentParser = commands.add_parser(
        "bench", help="measure the speed against the book's algorithm in NumPy", description=description
    )
    bench.add_argument("--repeats", type=_at_least(1), default=5, metavar="N", help="measurements per job (%(default)s)")
    return bench


def _add_info(commands: Any, description: str | None) -> argparse.ArgumentParser:
    info: argparse.ArgumentParser = commands.add_parser(
        "info", help="print versions, kernel variant and data", description=description
    )
    return info


_ADD = {"train": _add_train, "show": _add_show, "draw": _add_draw, "bench": _add_bench, "info": _add_info}


def refuse_one_file_twice(arguments: argparse.Namespace) -> None:
    """Refuse two options that name the same file: one would overwrite the other's data."""
    from nndl_ext._files import disk  # here, since NumPy, which it needs, takes long to import

    names = {"file": "FILE", **{name: f"--{name}" for name in ("data", "save", "resume", "curve", "plot", "out")}}
    given = [(name, path) for key, name in names.items() if (path := getattr(arguments, key, None))]
    for (name, path), (other_name, other) in combinations(given, 2):
        there = os.path.exists(path) and os.path.exists(other)
        if os.path.samefile(path, other) if there else disk.resolved(path) == disk.resolved(other):
            arguments.error(f"{name} {path} and {other_name} {other} are the same file")


def tell(stream: TextIO, text: str) -> None:
    """Print a line with any characters. The program goes on if the stream can't be written."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    with suppress(OSError):
        print(escaped(stream, line), file=stream, flush=True)


def escaped(stream: TextIO, text: str) -> str:
    """The text, with backslash escapes for the characters that the stream's encoding lacks."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
