"""The command ``train``: train a network, and save it as it goes on."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from nndl_ext import _kernels, runs
from nndl_ext._commands.options import tell
from nndl_ext._data.dataset import Sample
from nndl_ext._files import disk


def main(arguments: argparse.Namespace) -> None:
    """Train a network, or continue a run, as the options say."""
    start = time.perf_counter()
    _require_places(arguments)
    training_data, test_data = runs.load_data(arguments.data)
    checksum = runs.checksum(training_data, test_data) if arguments.resume or arguments.save else 0
    run = _run(arguments, training_data, len(test_data), checksum)
    loaded = time.perf_counter()
    epochs, training = run.epochs, run.train(training_data, test_data)
    if arguments.save or epochs:
        _save(arguments, run, checksum)
    if not epochs:
        _keep_curve(arguments, run)
    tell(sys.stdout if sys.stdout.isatty() else sys.stderr, _plan(arguments, run, len(training_data)))
    try:
        with _progress(len(run.curve), epochs.stop) as report:
            for right in training:
                run.curve.append(right)
                _save(arguments, run, checksum)
                _keep_curve(arguments, run)
                report()
    except BaseException:
        with suppress(OSError):  # what ended the training is the error to report
            _draw_curve(arguments, run)
        raise
    _draw_curve(arguments, run)
    if run.curve:
        last, best = run.accuracies[-1], max(run.accuracies)
        print(f"Accuracy {last:.2%}, at best {best:.2%} in epoch {run.accuracies.index(best)}")
    print(f"Loading took {loaded - start:.2f} s, training and evaluation {time.perf_counter() - loaded:.2f} s")


def _require_places(arguments: argparse.Namespace) -> None:
    """Check before the training that its results can be written."""
    if arguments.plot:
        from nndl_ext import plot  # noqa: F401
    for file in filter(None, (arguments.resume, arguments.save, arguments.curve, arguments.plot)):
        disk.require_writable(file)
    if arguments.save and os.path.exists(disk.resolved(arguments.save)):  # the file that would be replaced
        raise FileExistsError(f"{arguments.save} already exists: use --resume to continue its run, or remove it")


def _run(arguments: argparse.Namespace, training_data: Sequence[Sample], tests: int, checksum: int) -> runs.Run:
    """The run to continue, or a new one."""
    names = [*runs.DEFAULTS, *runs.OF_NETWORK2]
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if arguments.resume:
        return runs.resume(arguments.resume, given, len(training_data), tests, checksum)
    return runs.begin({"sizes": runs.sizes_for(training_data)} | given, len(training_data), tests)


def _save(arguments: argparse.Namespace, run: runs.Run, checksum: int) -> None:
    if path := arguments.resume or arguments.save:
        run.save(path, checksum)


def _keep_curve(arguments: argparse.Namespace, run: runs.Run) -> None:
    if arguments.curve and run.curve:
        runs.write_curve(arguments.curve, run.accuracies)


def _draw_curve(arguments: argparse.Namespace, run: runs.Run) -> None:
    if arguments.plot and run.curve:
        from nndl_ext import plot
        from nndl_ext._commands import pictures

        pictures.write(arguments.plot, plot.learning_curves, run.accuracies)


def _plan(arguments: argparse.Namespace, run: runs.Run, images: int) -> str:
    """One line that says what the training will do."""
    options, epochs = run.options, run.epochs
    network = "-".join(map(str, options["sizes"]))
    return ", ".join(
        (
            f"{'Resuming' if arguments.resume else 'Training'} {network} on {arguments.data or 'MNIST'}: {images} images",
            f"{run.tests} to test",
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
