"""A picture of the results: for each job, how many times longer each peer takes."""

from __future__ import annotations

from itertools import groupby
from statistics import median

from jobs import JAX
from matplotlib import pyplot

STYLES = {  # colour and marker, in the order of the legend
    "JAX": ("#27ae60", "o"),
    "JAX, sparse": ("#145a32", "P"),
    "NumPy, batched": ("#2980b9", "s"),
    "PyTorch, by hand": ("#8e44ad", "<"),
    "PyTorch, compiled": ("#bb8fce", ">"),
    "PyTorch": ("#5b2c6f", "D"),
    "scikit-learn": ("#f39c12", "^"),
    "the book's NumPy": ("#7f8c8d", "X"),
    "without it": ("#c0392b", "d"),
}
OURS = "#c0392b"


def draw(results, path):
    """Write the chart of the jobs' medians to ``path``, a panel for each group of jobs."""
    groups = {group: list(members) for group, members in groupby(results, lambda result: result["group"])}
    rows = [len(members) for members in groups.values()]
    figure, panels = pyplot.subplots(
        len(groups),
        figsize=(9, 0.24 * sum(rows) + 0.5 * len(groups) + 1),
        height_ratios=[count + 1 for count in rows],
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (group, members) in zip(panels[:, 0], groups.items(), strict=True):
        for row, result in enumerate(members):
            _draw_job(axes, row, result)
        axes.axvspan(1e-2, 1, color=OURS, alpha=0.08, linewidth=0)
        axes.axvline(1, color=OURS, linewidth=1.2)
        axes.set_yticks(range(len(members)), [result["label"] for result in members], fontsize=8)
        axes.set_ylim(len(members) - 0.4, -0.6)
        axes.set_title(f"{group[0].upper()}{group[1:]}", fontsize=10, loc="left", fontweight="bold")
        axes.grid(axis="x", which="both", alpha=0.2)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xscale("log")
    axes.set_xlim(0.4, 700)
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]
    axes.set_xticks(ticks, map(str, ticks))
    axes.set_xlabel("time in multiples of nndl-ext's (medians, logarithmic):\nright of the red line is slower than nndl-ext")
    for name, (colour, marker) in STYLES.items():
        if any(name in result["seconds"] for result in results):
            axes.plot([], [], marker, color=colour, label=name)
    axes.plot([], [], "|", color="black", markersize=9, label="goal for JAX")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _draw_job(axes, row, result):
    medians = {name: median(times) for name, times in result["seconds"].items()}
    ours = medians.pop("nndl-ext")
    axes.axhline(row, color="black", linewidth=0.4, alpha=0.15)
    for name, seconds in medians.items():
        colour, marker = STYLES[name]
        axes.plot(
            seconds / ours,
            row,
            marker,
            color=colour,
            markersize=6.5 if name == JAX else 5,
            alpha=0.9,
            zorder=3 if name == JAX else 2,
        )
    for against, wanted in result["goals"]:
        if against == JAX:
            axes.plot(wanted, row, "|", color="black", markersize=9)
