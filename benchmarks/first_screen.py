"""The README's picture, ``first_screen.png``: chapter 1's learning curve, and how many times as long other libraries take.

``python benchmarks/first_screen.py`` draws what is kept in ``measured``.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

from chart import pyplot
from records import MAIN, record_of
from report import OURS, number

from nndl_ext import mnist_loader, network, plot

FOLDER = Path(__file__).parent
JOBS = {  # as the record names them, and as the picture does
    "[784, 30, 10] m 10, 50,000 mnist": "[784, 30, 10] on MNIST\nmini-batches of 10",
    "[784, 100, 10] m 10, 50,000 mnist": "[784, 100, 10] on MNIST\nmini-batches of 10",
    "[784, 1000, 1000, 10] m 100, 5,000 mnist": "[784, 1000, 1000, 10] on MNIST\nmini-batches of 100",
    "[64, 100, 10] m 32, 17,970 digits": "[64, 100, 10] on small digits\nmini-batches of 32",
    "[30, 16, 2] m 32, 20,000 dense": "[30, 16, 2] on a table\nmini-batches of 32",
}
PEERS = {  # Okabe and Ito's colours, a marker for print, and on which side of the marker the number stands
    "JAX": ("#009E73", "o", 9),
    "PyTorch": ("#CC79A7", "D", -17),
    "scikit-learn": ("#E69F00", "^", 9),
    "the book's NumPy": ("#0072B2", "s", -17),
}


def ratios(result):
    """How many times as long as ours each peer takes; the fastest of PyTorch's variants stands for PyTorch."""
    medians = result["medians"]  # the fastest first
    return {peer: next(medians[name] for name in medians if name.startswith(peer)) / medians[OURS] for peer in PEERS}


def draw_curve(axes):
    """The accuracy on the test data after each of the 30 epochs of chapter 1."""
    training_data, _, test_data = mnist_loader.load_data_wrapper()
    net = network.Network([784, 30, 10], seed=0)
    with redirect_stdout(io.StringIO()):
        net.SGD(training_data, 30, 10, 3.0, test_data=test_data)
    plot.learning_curves(net.history, evaluation_size=len(test_data), ax=axes)
    axes.set_ylabel("accuracy on the test images")
    axes.set_title("Chapter 1's network, 30 epochs on MNIST", loc="left", fontweight="bold")
    axes.get_legend().remove()
    best = max(net.history)
    axes.text(
        0.97,
        0.06,
        f"best: {best / len(test_data):.2%} in epoch {net.history.index(best)}",
        transform=axes.transAxes,
        ha="right",
    )


def draw_ratios(axes, results):
    """A line for each job, with a marker for each peer."""
    for row, job in enumerate(JOBS):
        axes.axhline(row, color="black", linewidth=0.4, alpha=0.2)
        for peer, ratio in ratios(results[job]).items():
            colour, marker, above = PEERS[peer]
            axes.plot(ratio, row, marker, color=colour, markersize=7)
            axes.annotate(number(ratio), (ratio, row), (0, above), textcoords="offset points", ha="center", fontsize=9)
    axes.axvline(1, color="black", linewidth=1.5)
    axes.set_yticks(range(len(JOBS)), JOBS.values(), fontsize=9)
    axes.set_ylim(len(JOBS) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(0.7, 800)
    ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500]
    axes.set_xticks(ticks, ["1\nnndl-ext", *map(str, ticks[1:])])
    axes.tick_params("x", which="minor", length=0)
    axes.set_xlabel(f"time for an epoch, in multiples of nndl-ext's:\nfloat32, one core of an {MAIN}")
    axes.set_title("How many times as long others take", loc="left", fontweight="bold")
    for peer, (colour, marker, _) in PEERS.items():
        axes.plot([], [], marker, color=colour, label=peer)
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.4, -0.28), handletextpad=0, columnspacing=1)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params("y", length=0)


def main():
    results = record_of(MAIN).results
    of_float32 = {result["label"]: result for result in results if result["group"] == "sigmoid and descent, float32"}
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10.7, 4.6), width_ratios=[4, 7], layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
    draw_curve(left)
    draw_ratios(right, of_float32)
    figure.savefig(FOLDER / "first_screen.png", dpi=150, facecolor="white")


if __name__ == "__main__":
    main()
