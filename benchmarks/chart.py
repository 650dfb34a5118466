"""A picture of the results: for each job, how many times longer each peer takes."""

from __future__ import annotations

from statistics import median

from matplotlib import pyplot

COLOURS = {
    "nndl-ext": "#c0392b",
    "the book's NumPy": "#7f8c8d",
    "NumPy, batched": "#2980b9",
    "scikit-learn": "#f39c12",
    "PyTorch": "#8e44ad",
    "PyTorch, by hand": "#bb8fce",
    "PyTorch, compiled": "#d7bde2",
    "JAX": "#27ae60",
}


def draw(results, path):
    """Write the chart of the jobs' medians to ``path``."""
    figure, axes = pyplot.subplots(figsize=(10, 1.3 * len(results) + 1), layout="constrained")
    position, ticks, labels = 0.0, [], []
    for result in results:
        medians = {name: median(times) for name, times in result["seconds"].items()}
        ordered = sorted(medians.items(), key=lambda item: item[1])
        ticks.append(position + (len(ordered) - 1) / 2)
        labels.append(result["name"])
        for name, seconds in ordered:
            ratio = seconds / medians["nndl-ext"]
            axes.barh(position, ratio, color=COLOURS[name], height=0.9)
            axes.text(ratio * 1.05, position, f"{name}  {ratio:.3g}", va="center", fontsize=7)
            position += 1
        position += 1
    axes.axvline(1, color=COLOURS["nndl-ext"], linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.5, axes.get_xlim()[1] * 4)
    axes.set_xticks([1, 10, 100], ["1", "10", "100"])
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("time, in multiples of nndl-ext's (medians, logarithmic; shorter is faster)")
    axes.set_title("One job after another, all packages side by side in one run")
    figure.savefig(path, dpi=120)
