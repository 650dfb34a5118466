"""Times of calls that take turns."""

from __future__ import annotations

from timeit import timeit


def in_turn(calls, repeats):
    """The seconds of each repeat of each call, by name. They take turns, so that a busy machine slows all of them alike."""
    for call in calls.values():  # compile, fill caches
        call()
    numbers = {name: max(1, int(0.02 / timeit(call, number=1))) for name, call in calls.items()}
    seconds = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            call()  # brings back to the caches what the call before has driven out, and lets its threads fall asleep
            seconds[name].append(timeit(call, number=numbers[name]) / numbers[name])
    return seconds
