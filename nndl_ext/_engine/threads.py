"""How many threads a kernel uses, and how they start and end.

Threads pay off only for large networks or much data; a small job runs on one thread. Their number never changes a result.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from math import ceil
from typing import Any

import numpy as np

from nndl_ext._checks import integer

# Seconds that a job on several threads takes to start and to end.
START = 1e-4

# How many times as fast more threads must make a job by themselves, unless the user asks for them.
WORTH = 1.1

# Multiply-adds between two checks for Ctrl-C in a job in parts: at most a tenth of a second.
A_PIECE = 100_000_000

# More than any machine has processors.
MOST_THREADS = 1024

# Seconds for which the program's exit waits for running jobs.
PATIENCE = 10.0

# A job on several threads. Each calls it with its number, the number of threads, and three numbers for synchronization. The
# second of these becomes 1 when the job must end early.
Job = Callable[[int, int, np.ndarray], None]


def number_of_threads(requested: int | None, seconds: Callable[[int], float]) -> int:
    """The number of threads for a job.

    Parameters
    ----------
    requested : int or None
        The most that the user asks for: the fastest number up to it and to the number of processors is used. Without a request,
        it is the largest number, up to `limit`, of which each thread keeps half of its speed.
    seconds : callable
        Estimates the time of the job on a number of threads.
    """
    if requested == 1 or sys.platform == "emscripten":  # the latter has no threads
        return 1
    if requested is not None:
        return fastest(min(requested, processors()), seconds)
    alone = seconds(1)
    if alone < START:
        return 1
    most = min(limit(), int(2 * alone / START))  # more would not even start in their share of the time
    return max((n for n in range(2, most + 1) if alone >= seconds(n) * max(n / 2, WORTH)), default=1)


def fastest(most: int, seconds: Callable[[int], float]) -> int:
    """The number of threads, from 1 to ``most``, that takes the least time."""
    return 1 if seconds(1) < START else min(range(1, most + 1), key=seconds)


def checked_threads(threads: int | None, name: str) -> int | None:
    """A number of threads that the user asked for, checked to be an integer from 1 to `MOST_THREADS`; or None."""
    return None if threads is None else integer(threads, name, least=1, most=MOST_THREADS)


def limit() -> int:
    """The largest number of threads for a job without a requested number.

    It is ``NNDL_EXT_NUM_THREADS`` if that is set. Else it is 1 in a thread that the program started, because such a program
    divides the processors itself. Else it is the least of the number of processors, ``OMP_NUM_THREADS`` (which joblib sets for
    its workers) and the limits of threadpoolctl, if the program uses it.

    Raises
    ------
    TypeError, ValueError
        If ``NNDL_EXT_NUM_THREADS`` is not a positive integer.
    """
    requested: Any = os.environ.get("NNDL_EXT_NUM_THREADS")
    if requested:
        with suppress(ValueError):  # else the check below names what was given
            requested = int(requested)
        return integer(requested, "NNDL_EXT_NUM_THREADS", 1, MOST_THREADS)
    if threading.current_thread() is not threading.main_thread():
        return 1
    limits = [processors(), *_limits_of_threadpoolctl()]
    outermost = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if outermost.isdecimal():
        limits.append(int(outermost))
    return max(1, min(limits))


def processors() -> int:
    """The number of processors that this process may use, by its affinity and the quota of its Linux control group."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13 and later
        count = os.process_cpu_count()
    else:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(count or 1, _quota()))


@cache
def _quota(folder: str = "/sys/fs/cgroup") -> int:
    """The quota of the control group (version 2 or 1) in processors, rounded up; a large number without a quota."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join(_content(f"{folder}/{name}") for name in names).split()
            if quota not in ("max", "-1"):
                return ceil(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            pass
    return MOST_THREADS


def _content(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


_pools: Any = None  # threadpoolctl's view of the libraries that were loaded on first use


def _limits_of_threadpoolctl() -> list[int]:
    """The numbers of threads to which other libraries are limited, if the program has imported threadpoolctl."""
    global _pools
    threadpoolctl = sys.modules.get("threadpoolctl")
    if threadpoolctl is None:
        return []
    if _pools is None:
        _pools = threadpoolctl.ThreadpoolController()  # takes a millisecond: it inspects all libraries of the process
    return [pool.num_threads for pool in _pools.lib_controllers if pool.num_threads]


def run_in_parts(job: Callable[[int, int], None], count: int, threads: int, work: float) -> None:
    """Call ``job(begin, end)`` for parts of ``count`` items, on several threads.

    All items together take ``work`` multiply-adds. Parts are small enough for Ctrl-C, which acts between them, to act soon.
    """
    threads = max(1, min(threads, count))
    piece = max(1, int(count * A_PIECE / max(work, 1)))
    if threads == 1 and count <= piece:
        job(0, count)
        return

    def go_through(thread: int, threads: int, meeting: np.ndarray) -> None:
        end = count * (thread + 1) // threads
        for begin in range(count * thread // threads, end, piece):
            if meeting[1]:
                return
            job(begin, min(begin + piece, end))

    run(go_through, threads)


def run(job: Job, threads: int) -> None:
    """Call ``job`` in this thread and ``threads - 1`` others at once, and return when all have ended.

    If one raises an exception, or this one is interrupted, the others end at their next synchronization; then the first
    exception is raised here. If a thread can't be started, as at the end of a program, this thread does the whole job. Nothing
    has changed by then, because no thread passes a synchronization before all have reached it.
    """
    if threads == 1 or _program_ends.is_set() or not _run_together(job, threads):
        job(0, 1, np.zeros(3, np.int64))


class _Worker:
    """A thread for one job, with an event for its end. `threading.Thread` takes twice as long to start, and before Python 3.13
    an interrupted ``join`` marks it as ended."""

    def __init__(self, job: Callable[[], None]) -> None:
        self._job, self._begun, self._has_left = job, False, threading.Event()

    def start(self) -> None:
        self._begun = True  # first, since a signal may raise an exception as soon as the thread runs
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._begun = False
            raise

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the thread has left the job, if it ever began."""
        if self._begun:
            self._has_left.wait(seconds)

    def _run(self) -> None:
        try:
            self._job()
        finally:
            self._has_left.set()


def _run_together(job: Job, threads: int) -> bool:
    """Do the job on several threads; return False, with nothing done, if a thread can't be started."""
    meeting, all_here = np.zeros(3, np.int64), True
    workers: list[_Worker] = []
    errors: list[BaseException] = []  # raised by the job
    interruptions: list[BaseException] = []  # raised in this thread before and after the job
    _running[id(meeting)] = meeting, workers

    def take_part(thread: int) -> None:
        try:
            job(thread, threads, meeting)
        except BaseException as error:
            errors.append(error)
            meeting[1] = 1

    try:
        try:
            for thread in range(1, threads):
                workers.append(_Worker(partial(take_part, thread)))  # listed before it runs: it will be waited for
                workers[-1].start()
        except RuntimeError:
            all_here, meeting[1] = False, 1
        else:
            take_part(0)
    except BaseException as error:
        interruptions.append(error)
    finally:
        _wait_for(workers, meeting, interruptions)
        del _running[id(meeting)]
    failures = interruptions + errors * all_here
    if failures:
        raise SystemExit if _program_ends.is_set() else failures[0]
    return all_here


def _wait_for(workers: list[_Worker], meeting: np.ndarray, interruptions: list[BaseException]) -> None:
    """Wait until all threads have left a job, even after Ctrl-C, because they write to memory that others will read."""
    while True:
        try:
            if interruptions:
                meeting[1] = 1
            for worker in workers:
                worker.wait()
        except BaseException as error:
            interruptions.append(error)
        else:
            return


# The synchronization arrays and workers of the running jobs, and whether the program is ending.
_running: dict[int, tuple[np.ndarray, list[_Worker]]] = {}
_program_ends = threading.Event()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)  # a child process has only the thread that forked


@atexit.register
def _end_jobs() -> None:
    """End the jobs of daemon threads before the interpreter shuts down under their workers."""
    _program_ends.set()
    jobs, deadline = [*_running.values()], time.monotonic() + PATIENCE
    for meeting, _ in jobs:
        meeting[1] = 1
    for _, workers in jobs:
        for worker in workers:
            worker.wait(max(0, deadline - time.monotonic()))
