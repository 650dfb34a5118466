"""How many threads a kernel runs on, and how they start and end.

Threads pay for large networks and much data only; small jobs stay on one core. Their number never changes a result.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from math import ceil
from typing import Any

import numpy as np

from nndl_ext._core.validation import integer

# Multiply-adds that pay for a thread: to start it, and for a mini-batch, in which all threads meet some times and read what the
# others have written.
WORTH_A_START = 20_000_000
WORTH_A_MINI_BATCH = 8_000_000

# Multiply-adds between two moments at which Ctrl-C can end a job in parts: a tenth of a second, at most.
A_PIECE = 100_000_000

# More than any machine has processors.
MOST_THREADS = 1024

# Seconds that the program's end waits for jobs that its threads have left running.
PATIENCE = 10.0

# What a job on several threads does: it gets the thread's number, the number of threads, and the place where they meet, whose
# second element is not 0 once the job is to end.
Job = Callable[[int, int, np.ndarray], None]


def number_of_threads(requested: int | None, work: float, work_of_a_mini_batch: float) -> int:
    """The number of threads for a job.

    Parameters
    ----------
    requested : int or None
        What the user asked for: taken as it is, up to the processors at hand.
    work, work_of_a_mini_batch : float
        Multiply-adds of the whole job, and of a mini-batch; infinite where there are none. Without a request there are as many
        threads as these pay for, up to `limit`.
    """
    if requested == 1 or sys.platform == "emscripten":  # which has no threads
        return 1
    if requested is not None:
        return min(requested, processors())
    worth = min(work / WORTH_A_START, work_of_a_mini_batch / WORTH_A_MINI_BATCH)
    return 1 if worth < 2 else min(int(worth), limit())


def limit() -> int:
    """The most threads for a job whose user has asked for no number.

    ``NNDL_EXT_NUM_THREADS`` says it; else ``OMP_NUM_THREADS``, which joblib sets for its workers, threadpoolctl, if the program
    uses it, and the processors at hand do. It is 1 in a thread that the user's program has started, since such a program shares
    out the processors itself.

    Raises
    ------
    TypeError, ValueError
        If ``NNDL_EXT_NUM_THREADS`` is not a positive integer.
    """
    requested = os.environ.get("NNDL_EXT_NUM_THREADS")
    if requested:
        return integer(int(requested) if requested.isdecimal() else requested, "NNDL_EXT_NUM_THREADS", 1, MOST_THREADS)
    if threading.current_thread() is not threading.main_thread():
        return 1
    limits = [processors(), *_limits_of_threadpoolctl()]
    outermost = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if outermost.isdecimal():
        limits.append(int(outermost))
    return max(1, min(limits))


def processors() -> int:
    """The processors that this process may use: those it is bound to, or fewer by the quota of its Linux control group."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        count = os.process_cpu_count()
    else:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(count or 1, _quota()))


@cache
def _quota(folder: str = "/sys/fs/cgroup") -> int:
    """The whole processors that a control group's quota is worth, of either version; many if there is none."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join(_content(f"{folder}/{name}") for name in names).split()
            if quota not in ("max", "-1"):
                return ceil(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            pass
    return MOST_THREADS


def _content(path: str) -> str:
    with open(path) as file:
        return file.read()


_pools: Any = None  # threadpoolctl's view of the libraries that were loaded when it was first asked


def _limits_of_threadpoolctl() -> list[int]:
    """How many threads the other libraries of this process are limited to, if the program has imported threadpoolctl."""
    global _pools
    threadpoolctl = sys.modules.get("threadpoolctl")
    if threadpoolctl is None:
        return []
    if _pools is None:
        _pools = threadpoolctl.ThreadpoolController()  # it looks at all libraries of the process, which takes a millisecond
    return [pool.num_threads for pool in _pools.lib_controllers if pool.num_threads]


def run_in_parts(job: Callable[[int, int], None], count: int, threads: int, work: float) -> None:
    """Call ``job(begin, end)`` for parts of ``count`` things, at once as many parts as there are threads.

    The whole takes ``work`` multiply-adds; a part takes few enough for Ctrl-C to end the job soon, between two of them.
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
    """Call ``job`` at once in so many threads, of which this is one, and return when all have ended.

    Should one raise an exception, or this one be interrupted, the others end at their next meeting; then the first exception is
    raised here. Should one not start, as at the end of a program, this thread does the job alone: nothing has changed, for
    nobody passes a meeting to which not all have come.
    """
    if threads == 1 or _program_ends.is_set() or not _run_together(job, threads):
        job(0, 1, np.zeros(2, np.int64))


class _Worker(threading.Thread):
    """A thread for one job, which tells when it has left it. ``join`` can't: where a signal interrupts it, Pythons before 3.13
    take the thread for ended."""

    def __init__(self, job: Callable[[], None]) -> None:
        super().__init__(name="nndl-ext")
        self._job = job
        self.has_left = threading.Event()

    def run(self) -> None:
        try:
            self._job()
        finally:
            self.has_left.set()


def _run_together(job: Job, threads: int) -> bool:
    """Whether all threads could start, and then have done the job."""
    meeting, all_here = np.zeros(2, np.int64), True
    workers: list[_Worker] = []
    errors: list[BaseException] = []  # of the job
    interruptions: list[BaseException] = []  # of this thread, on its way to the job and after it
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
                worker = _Worker(partial(take_part, thread))
                worker.start()
                workers.append(worker)
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
    """Wait until threads have left a job, whatever happens meanwhile, such as Ctrl-C: they write to what others will read."""
    while True:
        try:
            if interruptions:
                meeting[1] = 1
            for worker in workers:
                worker.has_left.wait()
        except BaseException as error:
            interruptions.append(error)
        else:
            return


# The meetings and workers of the jobs that run now, and whether the program ends.
_running: dict[int, tuple[np.ndarray, list[_Worker]]] = {}
_program_ends = threading.Event()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)  # the child has only the thread that forked


@atexit.register
def _end_jobs() -> None:
    """Let daemon threads end their jobs before the interpreter ends, which their workers would not survive."""
    _program_ends.set()
    jobs, deadline = [*_running.values()], time.monotonic() + PATIENCE
    for meeting, _ in jobs:
        meeting[1] = 1
    for _, workers in jobs:
        for worker in workers:
            worker.join(max(0, deadline - time.monotonic()))
