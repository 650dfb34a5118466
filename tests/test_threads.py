"""The number of threads, and that each does its part."""

import _thread
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from nndl_ext import Dataset, Network
from nndl_ext._engine import model, threads

LARGE = 1e12


def large(number):
    """The time of a job that threads share without a loss."""
    return 1000 / number


def meeting(number):
    """The time of a job in which threads mostly wait for each other: 1, 0.7, 0.73, 0.85, 1, ... seconds."""
    return 1 / number + 0.2 * (number - 1)


@pytest.fixture
def free(monkeypatch):
    """The choice between numbers of threads, which other tests switch off."""
    monkeypatch.setattr(threads, "fastest", FASTEST)


FASTEST = threads.fastest


def test_by_default_each_thread_keeps_half_of_its_speed(monkeypatch):
    monkeypatch.setenv("NNDL_EXT_NUM_THREADS", "4")
    assert threads.number_of_threads(None, large) == 4
    assert threads.number_of_threads(None, meeting) == 2
    assert threads.number_of_threads(None, lambda number: 1e-5 / number) == 1  # over before another thread has started


@pytest.mark.usefixtures("free")
def test_a_request_is_an_upper_bound():
    assert [threads.number_of_threads(n, large) for n in (1, 2, 8)] == [1, 2, 8]
    assert [threads.number_of_threads(n, meeting) for n in (1, 2, 3, 8)] == [1, 2, 2, 2]
    assert threads.number_of_threads(8, lambda number: 1.0 + number) == 1


def test_a_thread_of_the_user_s_own_is_not_joined_by_others(monkeypatch):
    monkeypatch.delenv("NNDL_EXT_NUM_THREADS", raising=False)
    numbers = []
    worker = threading.Thread(target=lambda: numbers.append(threads.number_of_threads(None, large)))
    worker.start()
    worker.join()
    assert numbers == [1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "at least 1, not 0"),
        ("-2", "at least 1, not -2"),
        ("many", "an integer, not 'many'"),
        ("9" * 5000, "an integer, not '9999"),  # more digits than Python converts
    ],
)
def test_a_wrong_number_in_the_environment_is_named(monkeypatch, value, message):
    monkeypatch.setenv("NNDL_EXT_NUM_THREADS", value)
    with pytest.raises((TypeError, ValueError), match=f"^NNDL_EXT_NUM_THREADS must be {message}"):
        threads.number_of_threads(None, large)


def test_a_wrong_number_of_threads_is_named():
    with pytest.raises(ValueError, match="threads must be at least 1, not 0"):
        Network([2, 2], threads=0)


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("work", [0, 100, LARGE])
def test_all_parts_are_done(number, work):
    done = []
    for _ in range(50):
        threads.run_in_parts(lambda begin, end: done.extend(range(begin, end)), 17, number, work)
    assert sorted(done) == sorted([*range(17)] * 50)


def wait_for_the_end(meeting):
    """Wait like kernels at a synchronization."""
    deadline = time.monotonic() + 10
    while not meeting[1]:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    raise RuntimeError("another thread of this job has ended before its time")


@pytest.mark.parametrize("can_start", [0, 1, 2])
def test_where_not_all_threads_can_start_one_does_the_job(monkeypatch, can_start):
    start, started, ended, done = _thread.start_new_thread, [], [], []

    def start_some_only(function, arguments):
        def call():
            function(*arguments)
            ended.append(function)

        if len(started) == can_start:
            raise RuntimeError("can't create new thread at interpreter shutdown")
        started.append(function)
        start(call, ())

    def job(thread, threads, meeting):
        if threads > 1:
            wait_for_the_end(meeting)
        done.append((thread, threads))

    monkeypatch.setattr(_thread, "start_new_thread", start_some_only)
    threads.run(job, 4)
    assert done == [(0, 1)]
    while len(ended) < len(started):
        time.sleep(0.001)
    done.clear()
    threads.run_in_parts(lambda begin, end: done.extend(range(begin, end)), 17, 4, LARGE)
    assert {*done} == {*range(17)}


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_any_thread_ends_all_and_is_the_one_raised(failing):
    def job(thread, _threads, meeting):
        if thread == failing:
            raise ArithmeticError("no more")
        wait_for_the_end(meeting)

    with pytest.raises(ArithmeticError, match="no more"):
        threads.run(job, 3)


class TimeOutError(Exception):
    """The exception that a signal handler raises."""


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, TimeOutError])
@pytest.mark.parametrize("times", [1, 3])
def test_whatever_a_signal_raises_no_thread_is_left_running(error, times):
    """All threads that write to shared memory have ended when the exception is raised."""
    running, sent = set(), []

    def handler(*_):
        if len(sent) < times:
            sent.append(signal.setitimer(signal.ITIMER_REAL, 0.02))
        raise error

    def job(thread, _threads, meeting):
        running.add(thread)
        while not meeting[1]:
            time.sleep(0.001)
        time.sleep(0.2 if thread else 0)
        running.discard(thread)

    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(error):
            threads.run(job, 3)
        assert running <= {0}
        assert len(sent) == times
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


AT_THE_END = """
import atexit, sys, threading, time
import numpy as np
from nndl_ext import Dataset, Network
from nndl_ext._engine import model, threads

threads.processors = lambda: 2
x = np.arange(500 * 60.0).reshape(500, 60) % 7 - 3
data, started = Dataset(x, np.arange(500) % 10), threading.Event()

def train(epochs):
    net = Network([60, 50, 10], seed=0, threads=2)
    started.set()
    net.SGD(data, epochs, 50, 0.1)
    return net

if sys.argv[1] == "daemon":
    threading.Thread(target=train, args=(10**6,), daemon=True).start()
    started.wait()
    time.sleep(float(sys.argv[2]))
else:
    atexit.register(lambda: print(train(1).weights[0].sum().hex()))
    print(train(1).weights[0].sum().hex())
"""


def at_the_end(*arguments):
    return subprocess.run([sys.executable, "-c", AT_THE_END, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("after", ["0", "0.01", "0.05", "0.1"])
def test_a_program_ends_while_daemon_threads_train(after):
    result = at_the_end("daemon", after)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_a_training_at_the_program_s_end_has_the_same_bits():
    result = at_the_end("atexit")
    assert result.returncode == 0, result.stderr
    one, other = (line for line in result.stdout.splitlines() if not line.startswith("Epoch"))
    assert one == other


@pytest.fixture
def many(monkeypatch):
    """Simulates a machine with 8 processors and a clean environment."""
    for name in ("NNDL_EXT_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "processors", lambda: 8)
    return monkeypatch


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, 8),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5,2"}, 5),
        ({"OMP_NUM_THREADS": "64"}, 8),
        ({"OMP_NUM_THREADS": "0"}, 1),
        ({"OMP_NUM_THREADS": "true"}, 8),
        ({"OMP_NUM_THREADS": "2", "NNDL_EXT_NUM_THREADS": "4"}, 4),
        ({"NNDL_EXT_NUM_THREADS": "16"}, 16),
    ],
)
def test_the_environment_limits_the_threads(many, environment, expected):
    for name, value in environment.items():
        many.setenv(name, value)
    many.delitem(sys.modules, "threadpoolctl", raising=False)  # scikit-learn imports it
    assert threads.number_of_threads(None, large) == expected


def test_threadpoolctl_limits_the_threads(many):  # noqa: ARG001
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(limits=1):
        assert threads.number_of_threads(None, large) == 1
    with threadpoolctl.threadpool_limits(limits=2):
        assert threads.number_of_threads(None, large) == 2


def test_no_more_threads_than_processors():
    """64 threads on two processors would synchronize a hundred times more slowly."""
    assert threads.number_of_threads(64, large) == 8


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, threads.MOST_THREADS),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "250000 100000\n"}, 3),
        ({"cpu.max": "what?"}, threads.MOST_THREADS),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, threads.MOST_THREADS),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({}, threads.MOST_THREADS),
    ],
)
def test_the_quota_of_a_control_group_counts(tmp_path, files, expected):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    assert threads._quota(str(tmp_path)) == expected


def test_settings_are_checked_before_anything_changes(monkeypatch):
    net = Network([2, 2], seed=0)
    before = net._own_generator.getstate(), net.weights[0].tobytes()
    with pytest.raises(TypeError, match="threads must be an integer, not 'x'"):
        net.threads = "x"
    monkeypatch.setenv("NNDL_EXT_NUM_THREADS", "0")
    with pytest.raises(ValueError, match="NNDL_EXT_NUM_THREADS must be at least 1, not 0"):
        net.SGD([([0.0, 1.0], 1)] * 3, 2, 1, 0.5)
    assert (net._own_generator.getstate(), net.weights[0].tobytes()) == before


def test_threads_that_do_not_all_begin_change_nothing(monkeypatch):
    """The others have ended before the first synchronization. Mini-batches of several blocks keep a copy of the parameters."""
    monkeypatch.setattr(model, "run", lambda job, threads: job(0, threads, np.array([0, 1, 0])))
    net = Network([20, 10, 2], seed=0, threads=2)
    before = net.weights[0].tobytes(), net.biases[0].tobytes()
    with pytest.raises(RuntimeError, match="has ended before its time"):
        net.SGD(Dataset(np.ones((300, 20)), np.zeros(300, int)), 1, 300, 1.0)
    assert (net.weights[0].tobytes(), net.biases[0].tobytes()) == before


@pytest.mark.parametrize(("number", "meeting"), [(3, [0, 0, 0]), (2, [0, 0])])
def test_the_kernels_refuse_threads_and_meetings_for_which_there_is_no_memory(monkeypatch, number, meeting):
    monkeypatch.setattr(model, "run", lambda job, _: job(0, number, np.array(meeting)))
    with pytest.raises(ValueError, match="must be called by 1 or 2 threads with three numbers, not by"):
        Network([2, 2], threads=2).SGD([([0.0, 1.0], 1)] * 3, 1, 1, 0.5)
