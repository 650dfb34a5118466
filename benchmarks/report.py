"""What is said of the results: lines on the screen, and the tables of README.md."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from statistics import median, quantiles

from jobs import FASTEST, JAX, REFERENCE

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- written by run.py --markdown -->\n", "<!-- until here -->\n"
OURS = "nndl-ext"


def readable(seconds):
    scale, unit = next((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if seconds >= s or u == "us")
    return f"{seconds / scale:.3g} {unit}"


def spread(times):
    low, _, high = quantiles(times, n=4) if len(times) > 1 else (times[0],) * 3
    return f"{(high - low) / 2 / median(times):.0%}"


def medians_of(result):
    """Each package's median time, the fastest first."""
    return dict(sorted(((name, median(times)) for name, times in result["seconds"].items()), key=lambda item: item[1]))


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
    """The tables of all results, in Markdown."""
    lines = []
    jobs = [result for result in results if "sizes" in result]
    for group, members in groupby(jobs, lambda result: result["group"]):
        lines += [
            f"**{group[0].upper()}{group[1:]}**",
            "",
            "| job | nndl-ext | of the limit | JAX | fastest other | the book's NumPy | goal |",
        ]
        lines += ["|---|---|---|---|---|---|---|", *map(_line, members), ""]
    others = [result for result in results if "sizes" not in result]
    if others:
        lines += ["**Whole processes**", "", "| what | nndl-ext | the other | ratio | goal |", "|---|---|---|---|---|"]
    for result in others:
        ours, other = (median(times) for times in result["seconds"].values())
        lines.append(f"| {result['name']} | {readable(ours)} | {readable(other)} | {other / ours:.2f} | {result['goal']:.2f} |")
    return "\n".join(lines) + "\n"


def _line(result):
    """A job's line of a table: the times of others in multiples of ours, ours in multiples of the limit."""
    medians = medians_of(result)
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


def write_tables(results):
    """Put the tables into README.md, in the place of those that are there."""
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{tables(results)}\n{END}{rest.partition(END)[2]}")
