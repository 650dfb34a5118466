"""The command line as a program: ``nndl-ext`` and ``python -m nndl_ext``."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # not from the module typing, whose import takes time in which Ctrl-C gives a traceback
if TYPE_CHECKING:
    from typing import Any, NoReturn


def program() -> NoReturn:
    """Run the command line as a program of its own. Ctrl-C ends it by its signal, so it ends a loop in a shell too.

    During the imports the system's own action ends it. An exception would be a traceback there, or another exception.
    """
    heeds = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not if whoever started the program ignores Ctrl-C

    def on_ctrl_c(handler: Any) -> None:
        if heeds:
            signal.signal(signal.SIGINT, handler)

    on_ctrl_c(signal.SIG_DFL)
    from nndl_ext._commands.main import INTERRUPTED, main

    try:
        try:
            on_ctrl_c(signal.default_int_handler)
            status = main()
        finally:
            on_ctrl_c(signal.SIG_DFL)  # the interpreter's end is not worth a message
    except KeyboardInterrupt:  # pressed again
        status = INTERRUPTED
    if status == INTERRUPTED and os.name != "nt":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    sys.exit(status)


if __name__ == "__main__":
    program()
