"""What is said of the results: lines on the screen, and tables."""

from __future__ import annotations

import math
from functools import partial
from itertools import groupby
from statistics import median, quantiles

from jobs import FASTEST, JAX, REFERENCE
from records import medians_of

OURS = "nndl-ext"
PROCESSES = "whole processes"
MORE_THREADS, SIDE_BY_SIDE = "speed-up by more threads", "speed-up of trainings side by side"
BASES = {MORE_THREADS: "1 thread", SIDE_BY_SIDE: "one after the other"}  # how many times as fast the other ways are
PROCESSES_HEAD = "| what | nndl-ext | the other | ratio | goal |"
JOBS_HEAD = "| job | nndl-ext | of the limit | JAX | fastest other | the book's NumPy | goal |"


def readable(seconds):
    scale, unit = next((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if seconds >= s or u == "us")
    return f"{seconds / scale:.3g} {unit}"


def spread(times):
    low, _, high = quantiles(times, n=4) if len(times) > 1 else (times[0],) * 3
    return f"{(high - low) / 2 / median(times):.0%}"


def ratio_to(against, medians):
    """A peer's name, that of the fastest one if so wanted, and its time over ours; None if it was not measured."""
    names = [name for name in medians if name not in (OURS, REFERENCE)] if against == FASTEST else [against]
    return (names[0], medians[names[0]] / medians[OURS]) if names and names[0] in medians else None


def show(result):
    """Print what was measured of a job."""
    medians = medians_of(result)
    print(f"\n{result['name']}")
    for name, seconds in medians.items():
        print(f"    {name:20}{readable(seconds):>10}  +- {spread(result['seconds'][name])}")
    for name, reason in result["missing"].items():
        print(f"    {name:20}   missing: {reason}")
    if result["limit"]:
        print(f"    -> {medians[OURS] / result['limit']:.2f} times the limit of {readable(result['limit'])}")
    for against, wanted in result["goals"]:
        if found := ratio_to(against, medians):
            print(f"    -> {found[1]:.2f} times {found[0]} (goal {wanted:.3g})", flush=True)


def tables(results):
    """The tables of a record's results, in Markdown."""
    lines = []
    for group, members in groupby(results, lambda result: result["group"]):
        members = [*members]
        head, line = _form(group, members[0])
        rule = "|---" * (head.count("|") - 1) + "|"
        lines += [f"**{group[0].upper()}{group[1:]}**", "", head, rule, *map(line, members), ""]
    return "\n".join(lines[:-1])


def _form(group, result):
    """The head of a group's table, and the function that makes a line of a result."""
    if group in BASES:
        names = sorted(result["medians"], key=lambda name: (name != BASES[group], _leading_number(name), name))
        return f"| job | {' | '.join(names)} |", partial(_speed_ups, names)
    return (PROCESSES_HEAD, _process_line) if group == PROCESSES else (JOBS_HEAD, _line)


def _leading_number(name):
    start = name.partition(" ")[0]
    return int(start) if start.isdecimal() else math.inf


def _speed_ups(names, result):
    """The time of the first way, and how many times as fast the others are."""
    first, *others = (result["medians"][name] for name in names)
    return f"| {' | '.join([result['label'], readable(first), *(_digits(first / seconds) for seconds in others)])} |"


def number(ratio):
    """A ratio in words: two digits, or all that stand before the point."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def _process_line(result):
    ours, other = result["medians"][OURS], result["medians"]["other"]
    [(_, goal)] = result["goals"]
    return f"| {result['label']} | {readable(ours)} | {readable(other)} | {other / ours:.2f} | {goal:.2f} |"


def _line(result):
    """A job's line of a table: the times of others in multiples of ours, ours in multiples of the limit."""
    medians = result["medians"]
    limit = _digits(medians[OURS] / result["limit"]) if result["limit"] else ""
    jax, reference = ("" if name not in medians else _digits(medians[name] / medians[OURS]) for name in (JAX, REFERENCE))
    found = ratio_to(FASTEST, {name: seconds for name, seconds in medians.items() if name != JAX})
    other = f"{found[0]} {_digits(found[1])}" if found else ""
    goals = []
    for against, wanted in result["goals"]:
        measured = ratio_to(against, medians)
        verdict = "" if measured is None else f": {'held' if measured[1] >= wanted else '**missed**'}, {measured[1]:.2f}"
        goals.append(f"{against} {wanted:.3g}{verdict}")
    return f"| {result['label']} | {readable(medians[OURS])} | {limit} | {jax} | {other} | {reference} | {'; '.join(goals)} |"


def _digits(ratio):
    return f"{ratio:.{2 if ratio < 10 else 1 if ratio < 100 else 0}f}"
