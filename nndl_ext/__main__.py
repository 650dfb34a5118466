"""The command line: ``nndl-ext`` and ``python -m nndl_ext``.

Modules that need the kernels are imported where they are used, so that kernels that can't be loaded are an error like others.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, cast

import nndl_ext
from nndl_ext._commands.options import escaped, parser, tell

if TYPE_CHECKING:
    from nndl_ext.runs import Run


class _Output:
    """Standard output for any characters, with errors that name it.

    After an error it leads nowhere, since the interpreter flushes it at exit, and each further use raises that error again,
    since argparse suppresses it.
    """

    _error: OSError | None = None

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> Any:
        try:
            return self._try(self._stream.write, text)
        except UnicodeEncodeError:
            return self._try(self._stream.write, escaped(self._stream, text))

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, call: Callable[..., Any], *arguments: str) -> Any:
        if self._error:
            raise self._error
        try:
            return call(*arguments)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._error = OSError(error.errno, error.strerror, "standard output")
            raise self._error from error


def _train(arguments: argparse.Namespace) -> None:
    start = time.perf_counter()
    _refuse_one_file_twice(arguments)
    from nndl_ext import runs
    from nndl_ext._files import disk

    path, curve_path = arguments.resume or arguments.save, arguments.curve
    if arguments.plot:
        from nndl_ext import plot  # reports a missing matplotlib before the training
        from nndl_ext._commands import pictures
    for file in filter(None, (path, curve_path, arguments.plot)):
        disk.require_writable(file)
    if arguments.save and os.path.exists(os.path.realpath(path)):  # the file that would be replaced
        raise FileExistsError(f"{path} already exists: use --resume to continue its run, or remove it")
    training_data, test_data = runs.load_data(arguments.data)
    images, tests = len(training_data), len(test_data)
    checksum = runs.checksum(training_data, test_data) if path else 0
    names = [*runs.DEFAULTS, *runs.OF_NETWORK2]
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if not arguments.resume:
        given.setdefault("sizes", runs.sizes_for(training_data))
    run = runs.resume(path, given, images, tests, checksum) if arguments.resume else runs.begin(given, images, tests)

    def keep_curve() -> None:
        if curve_path and run.curve:
            runs.write_curve(curve_path, run.accuracies)

    def draw_curve() -> None:
        if arguments.plot and run.curve:
            pictures.write(arguments.plot, plot.learning_curves, run.accuracies)

    loaded = time.perf_counter()
    epochs, training = run.epochs, run.train(training_data, test_data)
    if path:
        run.save(path, checksum)
    if not epochs:
        keep_curve()
    tell(sys.stdout if sys.stdout.isatty() else sys.stderr, _plan(arguments, run, images, tests))
    try:
        with _progress(len(run.curve), epochs.stop) as report:
            for right in training:
                run.curve.append(right)
                if path:
                    run.save(path, checksum)
                keep_curve()
                report()
    except BaseException:
        with suppress(OSError):  # what ended the training is the error to report
            draw_curve()
        raise
    draw_curve()
    seconds = time.perf_counter() - loaded
    if run.curve:
        last, best = run.curve[-1], max(run.curve)
        print(f"Accuracy {last / tests:.2%}, at best {best / tests:.2%} in epoch {run.curve.index(best)}")
    print(f"Loading took {loaded - start:.2f} s, training and evaluation {seconds:.2f} s")


def _refuse_one_file_twice(arguments: argparse.Namespace) -> None:
    """Refuse two options that name the same file: one would overwrite the other's data."""
    names = {"file": "FILE", **{name: f"--{name}" for name in ("data", "save", "resume", "curve", "plot", "out")}}
    given = [(name, path) for key, name in names.items() if (path := getattr(arguments, key, None))]
    for (name, path), (other_name, other) in combinations(given, 2):
        there = os.path.exists(path) and os.path.exists(other)
        if os.path.samefile(path, other) if there else os.path.realpath(path) == os.path.realpath(other):
            arguments.error(f"{name} {path} and {other_name} {other} are the same file")


def _plan(arguments: argparse.Namespace, run: Run, images: int, tests: int) -> str:
    """One line that says what the training will do."""
    from nndl_ext import _kernels, runs

    options, epochs = run.options, run.epochs
    network = "-".join(map(str, options["sizes"]))
    return ", ".join(
        (
            f"{'Resuming' if arguments.resume else 'Training'} {network} on {arguments.data or 'MNIST'}: {images} images",
            f"{tests} to test",
            f"epochs from {epochs.start} up to {epochs.stop - 1}" if epochs else "no epochs left",
            *([f"mini-batches of {options['batch']}", f"eta {options['eta']:g}"] if run.has_mini_batches else []),
            *(f"{name.replace('_', ' ')} {options[name]}" for name in runs.OF_NETWORK2 if options.get(name)),
            "no seed" if options["seed"] is None else f"seed {options['seed']}",
            options["dtype"],
            f"{_kernels.variant} kernels",
        )
    )


@contextmanager
def _progress(done: int, epochs: int) -> Iterator[Callable[[], object]]:
    """A progress bar below the printed lines; yields the function to call after each epoch.

    It appears after two seconds, on a terminal, if tqdm is installed.
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
    """Describe saved networks: their sizes, their neurons and a digest of their bits. For a run, also show its options and
    learning curve. For several files, say which settings differ."""
    if arguments.data and not (arguments.out and len(arguments.files) == 1):
        arguments.error("--data needs --out and a single FILE")
    from nndl_ext._commands import show

    show.main(arguments.files, arguments.out, arguments.data, sys.stdout.encoding or "ascii")


def _draw(arguments: argparse.Namespace) -> None:
    """Write an HTML page on which you draw digits and a network reads them, and open it in the browser. The page is one file
    and needs no server or connection."""
    _refuse_one_file_twice(arguments)
    from nndl_ext._commands import draw

    draw.main(arguments.file, arguments.out, not arguments.no_open)


def _bench(arguments: argparse.Namespace) -> None:
    """Run the book's jobs alternately with the compiled kernels and with the book's algorithm in NumPy, and compare times."""
    from nndl_ext import bench
    from nndl_ext._checks import integer

    bench.main(integer(arguments.repeats, "repeats", least=1))


def _info(_arguments: argparse.Namespace) -> None:
    """Print versions, the kernel variant in use, the available variants, and the size of the data in this package."""
    nndl_ext.show_config()
    training_data, validation_data, test_data = nndl_ext.mnist_loader.load_data()
    print(f"MNIST: {len(training_data[0])} training, {len(validation_data[0])} validation, {len(test_data[0])} test images")


INTERRUPTED = 128 + signal.SIGINT  # a shell's status for it

_COMMANDS = {"train": _train, "show": _show, "draw": _draw, "bench": _bench, "info": _info}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 0 on success; 1 if the input is invalid, a file can't be read or written, the training diverged, or
        the output can't be written; 130 after Ctrl-C. An error is reported in one line on stderr. Ctrl-C and a pipe that its
        reader has closed (``| head``) end the program without a message.

    Raises
    ------
    SystemExit
        With status 2 for invalid options, and 0 after ``--help`` and ``--version``.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before the program began
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    try:
        with redirect_stdout(cast(TextIO, _Output(sys.stdout))):
            try:
                arguments = parser(_COMMANDS).parse_args(argv)
                arguments.run(arguments)
            finally:
                sys.stdout.flush()
    except BrokenPipeError:
        return 1
    except (ArithmeticError, ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, ImportError | RuntimeError) and _by_ctrl_c(error):
            return INTERRUPTED
        if isinstance(error, RuntimeError):
            raise
        tell(sys.stderr, f"nndl-ext: {str(error) or 'not enough memory'}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _by_ctrl_c(error: BaseException | None) -> bool:
    """Whether Ctrl-C is the reason for an error: an import that it interrupts may raise another one."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def program() -> NoReturn:
    """Run the command line as a program of its own. Ctrl-C ends it by its signal, so it ends a loop in a shell too."""
    try:
        try:
            status = main()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the interpreter's end is not worth a message
    except KeyboardInterrupt:  # pressed again
        status = INTERRUPTED
    if status == INTERRUPTED and os.name != "nt":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    sys.exit(status)


if __name__ == "__main__":
    program()
