"""How many threads a kernel runs on, and how they start.

Threads pay for large networks and much data only; small jobs stay on one core. Their number never changes a result.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from nndl_ext.validation import integer

# Multiply-adds that pay for a thread: to start it, and for a mini-batch, in which all threads meet some times and read what the
# others have written.
WORTH_A_START = 20_000_000
WORTH_A_MINI_BATCH = 8_000_000

# Multiply-adds between two moments at which Ctrl-C can end a job in parts: a tenth of a second, at most.
A_PIECE = 100_000_000

# More than any machine has processors.
MOST_THREADS = 1024


def number_of_threads(requested: int | None, work: float, work_of_a_mini_batch: float) -> int:
    """The number of threads for a job.

    Parameters
    ----------
    requested : int or None
        What the user asked for: taken as it is.
    work, work_of_a_mini_batch : float
        Multiply-adds of the whole job, and of a mini-batch; infinite where there are none. Without a request there are as many
        threads as these pay for, up to ``NNDL_EXT_NUM_THREADS`` or else the processors at hand; and only one in a thread that
        the user's program has started, since such a program shares out the processors itself.
    """
    if sys.platform == "emscripten":  # which has no threads
        return 1
    if requested is not None:
        return integer(requested, "threads", least=1, most=MOST_THREADS)
    worth = min(work / WORTH_A_START, work_of_a_mini_batch / WORTH_A_MINI_BATCH)
    return 1 if worth < 2 else min(int(worth), _limit())


def run_in_parts(job: Callable[[int, int], None], count: int, threads: int, work: float) -> None:
    """Call ``job(begin, end)`` for parts of ``count`` things, at once as many parts as there are threads.

    The whole takes ``work`` multiply-adds; a part takes few enough for Ctrl-C to end the job soon, between two of them.
    """
    threads = max(1, min(threads, count))
    piece = max(1, int(count * A_PIECE / max(work, 1)))
    if threads == 1 and count <= piece:
        job(0, count)
        return
    abandoned = threading.Event()

    def go_through(thread: int) -> None:
        end = count * (thread + 1) // threads
        for begin in range(count * thread // threads, end, piece):
            if abandoned.is_set():
                return
            job(begin, min(begin + piece, end))

    run(go_through, threads, abandoned.set)


def run(job: Callable[[int], None], threads: int, abandon: Callable[[], None] = lambda: None) -> None:
    """Call ``job(0)`` to ``job(threads - 1)`` at once, the first of them in this thread, and return when all have ended.

    Should one raise an exception, or not start, or should this thread be interrupted, ``abandon()`` is called, which must let
    the others end if they wait for that one; then the exception is raised here.
    """
    errors: list[BaseException] = []

    def keep_errors(thread: int) -> None:
        try:
            job(thread)
        except BaseException as error:
            errors.append(error)
            abandon()

    workers = [threading.Thread(target=keep_errors, args=(thread,)) for thread in range(1, threads)]
    try:
        for worker in workers:
            worker.start()
        job(0)
    except BaseException:
        abandon()
        raise
    finally:
        interruption = _join(workers, abandon)
    if interruption or errors:
        raise interruption or errors[0]


def _join(workers: list[threading.Thread], abandon: Callable[[], None]) -> KeyboardInterrupt | None:
    """Wait for threads, also if Ctrl-C is pressed meanwhile: they write to what others are about to read.

    Pressed again just when they were to be abandoned, it would leave them waiting; so it abandons them.
    """
    interruption = None
    while True:
        try:
            for worker in workers:
                if worker.is_alive():
                    worker.join()
        except KeyboardInterrupt as error:
            abandon()
            interruption = error
        else:
            return interruption


def _limit() -> int:
    requested = os.environ.get("NNDL_EXT_NUM_THREADS")
    if requested:
        return integer(int(requested) if requested.isdecimal() else requested, "NNDL_EXT_NUM_THREADS", 1, MOST_THREADS)
    if threading.current_thread() is not threading.main_thread():
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
