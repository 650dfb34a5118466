"""How the cost grows with the work: ``python benchmarks/scaling.py`` draws benchmarks/scaling.png. See README.md beside it."""

from __future__ import annotations

import argparse
import os
import tempfile
import tracemalloc
from itertools import pairwise
from pathlib import Path
from timeit import timeit

import numpy as np
from matplotlib import pyplot

from nndl_ext import Dataset
from nndl_ext._engine import generators
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import AdamDescent, Descent

KINDS = {"sigmoid, descent": ("sigmoid", "#c0392b"), "relu, Adam": ("relu", "#2980b9")}
NARROW = (8, 16, 1)
MAPPED = ", from a mapped file"


def epoch_of(kind, sizes, batch, data, threads=1):
    """An epoch of a new network as a function: shuffle and steps."""
    activation = KINDS[kind][0]
    output, optimizer = ("sigmoid", Descent(0.01)) if activation == "sigmoid" else ("identity", AdamDescent(1e-5))
    model = Model(dense(sizes, [activation] * (len(sizes) - 2) + [output]), np.dtype("f4"), threads)
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((n, m), np.float32) / m**0.5 for m, n in pairwise(sizes)]
    model.parameters.replace([np.zeros((n, 1)) for n in sizes[1:]], weights)
    batches, generator = Batches(np.arange(len(data)), batch), generators.seeded(0)

    def epoch():
        generators.shuffle(batches.order, generator)
        model.descend(data, batches, optimizer)

    return epoch


def matrices(rows, inputs, outputs):
    rng = np.random.default_rng(0)
    return rng.random((rows, inputs), np.float32), rng.random((rows, outputs), np.float32)


def seconds_of_a_row(epoch, rows, least=0.5):
    """The least time of an epoch, of several that take so many seconds together, for each row."""
    first = timeit(epoch, number=1)  # it also makes what later ones find
    return min(timeit(epoch, number=1) for _ in range(max(2, int(least / first)))) / rows


def by_rows(counts):
    """Lines of times against rows, also from a mapped file; and the most memory that this took, in multiples of the file."""
    lines = {kind: [] for kind in KINDS} | {f"sigmoid, descent{MAPPED}": []}
    copies = []
    for rows in counts:
        x, y = matrices(rows, NARROW[0], NARROW[-1])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x"
            x.tofile(path)
            for line, times in lines.items():
                mapped = np.memmap(path, np.float32, "r", shape=x.shape)
                tracemalloc.start()
                data = Dataset(mapped if line.endswith(MAPPED) else x, y)
                epoch = epoch_of(line.removesuffix(MAPPED), NARROW, 32, data)
                if line.endswith(MAPPED):
                    epoch()
                    copies.append(tracemalloc.get_traced_memory()[1] / x.nbytes)
                tracemalloc.stop()
                times.append(seconds_of_a_row(epoch, rows))
    return lines, copies


def by_sizes(shapes, batch, rows):
    """Lines of times against shapes, of dense data."""
    lines = {kind: [] for kind in KINDS}
    for sizes in shapes:
        count = max(2 * batch, min(rows, 2_000_000_000 // sum(a * b for a, b in pairwise(sizes))))
        data = Dataset(*matrices(count, sizes[0], sizes[-1]))
        for kind, times in lines.items():
            times.append(seconds_of_a_row(epoch_of(kind, sizes, batch, data), count))
    return lines


def by_threads(counts):
    sizes, rows = (784, 1000, 1000, 10), 2_000
    data = Dataset(*matrices(rows, sizes[0], sizes[-1]))
    return {kind: [seconds_of_a_row(epoch_of(kind, sizes, 100, data, n), rows, 2) for n in counts] for kind in KINDS}


def draw(axes, counts, lines, power, title):
    """Lines against counts, and dashed what they would be if the cost grew exactly as that power; on logarithmic scales if it
    grows."""
    plot = axes.loglog if power > 0 else axes.plot
    anchor = len(counts) // 2 if power > 0 else 0
    for line, times in lines.items():
        colour = KINDS[line][1]
        exact = 1e6 * times[anchor] * (np.array(counts) / counts[anchor]) ** power
        plot(counts, 1e6 * np.array(times), "o-", color=colour, label=line, markersize=4)
        plot(counts, exact, "--", color=colour, linewidth=0.8)
    axes.plot([], [], "--", color="grey", linewidth=0.8, label="in proportion")
    if power < 0:
        axes.set_ylim(bottom=0)
    finish(axes, "µs for each row", title)


def draw_rows(axes, counts, lines):
    """Lines against rows, which should be level: the time on a scale from 0."""
    for line, times in lines.items():
        kind = line.removesuffix(MAPPED)
        axes.semilogx(
            counts, 1e9 * np.array(times), "o-" if kind == line else "x:", color=KINDS[kind][1], label=line, markersize=5
        )
    axes.set_ylim(0, 1.25e9 * max(map(max, lines.values())))
    finish(axes, "ns for each row", f"rows, {[*NARROW]}, mini-batches of 32")


def finish(axes, unit, title):
    axes.set_title(title, fontsize=10)
    axes.set_ylabel(unit)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most-rows", type=int, default=10_000_000, help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("scaling.png"), help="(%(default)s)")
    arguments = parser.parse_args()
    rows = [
        n
        for n in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
        if n <= arguments.most_rows
    ]
    neurons = [1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096]
    layers = [1, 2, 5, 10, 20, 50, 100]
    threads = list(range(1, (os.cpu_count() or 1) + 1))
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 8), layout="constrained")
    lines, copies = by_rows(rows)
    print("most memory, in multiples of the mapped file:", *(f"{n:,} rows {c:.2f};" for n, c in zip(rows, copies, strict=True)))
    if copies[-1] >= 2:
        raise SystemExit("the mapped file was copied more than once")
    draw_rows(axes[0, 0], rows, lines)
    lines = by_sizes([(100, n, 10) for n in neurons], 32, 20_000)
    draw(axes[0, 1], neurons, lines, 1, "hidden neurons, [100, n, 10], mini-batches of 32")
    lines = by_sizes([(64,) * (n + 1) + (10,) for n in layers], 32, 20_000)
    draw(axes[1, 0], layers, lines, 1, "hidden layers of 64, mini-batches of 32")
    draw(axes[1, 1], threads, by_threads(threads), -1, "threads, [784, 1000, 1000, 10] dense, mini-batches of 100")
    axes[1, 1].set_xticks(threads, map(str, threads))
    axes[1, 1].minorticks_off()
    figure.savefig(arguments.output, dpi=110)


if __name__ == "__main__":
    main()
