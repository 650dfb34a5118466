"""The command line: its commands, its output and its exit statuses.

Modules that need the kernels are imported where they are used, so that kernels that can't be loaded are an error like others.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any, TextIO, cast

import nndl_ext
from nndl_ext._commands.options import escaped, parser, refuse_one_file_twice, tell


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
    refuse_one_file_twice(arguments)
    from nndl_ext._commands import train

    train.main(arguments)


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
    refuse_one_file_twice(arguments)
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
