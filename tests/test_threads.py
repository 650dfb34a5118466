"""How many threads there are, and that each of them does its part."""

import os
import signal
import threading

import pytest

from nndl_ext import Network, threads

LARGE = 1e12


def test_small_jobs_stay_on_one_core(monkeypatch):
    monkeypatch.setenv("NNDL_EXT_NUM_THREADS", "4")
    assert threads.number_of_threads(None, LARGE, LARGE) == 4
    assert threads.number_of_threads(None, LARGE, 1000) == 1
    assert threads.number_of_threads(None, 1000, LARGE) == 1
    assert threads.number_of_threads(3, 1000, 1000) == 3


def test_a_thread_of_the_user_s_own_is_not_joined_by_others(monkeypatch):
    monkeypatch.delenv("NNDL_EXT_NUM_THREADS", raising=False)
    numbers = []
    worker = threading.Thread(target=lambda: numbers.append(threads.number_of_threads(None, LARGE, LARGE)))
    worker.start()
    worker.join()
    assert numbers == [1]


@pytest.mark.parametrize("value", ["0", "-2", "many"])
def test_a_wrong_number_in_the_environment_is_named(monkeypatch, value):
    monkeypatch.setenv("NNDL_EXT_NUM_THREADS", value)
    with pytest.raises((TypeError, ValueError), match="NNDL_EXT_NUM_THREADS must be"):
        threads.number_of_threads(None, LARGE, LARGE)


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


def test_a_thread_that_can_not_start_lets_the_others_end(monkeypatch):
    start, started, abandoned = threading.Thread.start, [], threading.Event()

    def start_one_only(self):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_one_only)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        threads.run(lambda _thread: abandoned.wait(10), 3, abandoned.set)
    assert not started[0].is_alive()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_any_thread_ends_all_and_is_raised(failing):
    abandoned = threading.Event()

    def job(thread):
        if thread == failing:
            raise ArithmeticError("no more")
        assert abandoned.wait(10)

    with pytest.raises(ArithmeticError, match="no more"):
        threads.run(job, 3, abandoned.set)


@pytest.mark.skipif(os.name == "nt", reason="a process can't send itself Ctrl-C there")
def test_ctrl_c_again_at_the_worst_moment_leaves_no_thread_waiting():
    calls, abandoned = [], threading.Event()

    def abandon():
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        abandoned.set()

    def job(thread):
        if thread == 0:
            raise KeyboardInterrupt
        assert abandoned.wait(10)

    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        threads.run(job, 3, abandon)
    assert len(calls) == 2
    timer.join()
