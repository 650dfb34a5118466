"""Curves: cost and accuracy over the epochs, and activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from nndl_ext._checks import integer, real_array
from nndl_ext._engine.functions import ACTIVATIONS
from nndl_ext._kernels import kernels
from nndl_ext.plot._style import COLOURS, GREY, MARKERS, WIDTH, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What a training reports after each epoch, in the order in which network2's SGD returns it.
CURVES = ("evaluation_cost", "evaluation_accuracy", "training_cost", "training_accuracy")

# What else network2 records.
_OTHERS = ("eta", "gradient_norms")

History = Sequence[Any] | Mapping[str, Any] | np.ndarray


def learning_curves(history: History, *, evaluation_size: int = 0, training_size: int = 0, ax: Any = None) -> Any:
    """Draw cost and accuracy after each epoch, on training and evaluation data, and mark the best epoch.

    Parameters
    ----------
    history : sequence, tuple or mapping
        One run: the ``history`` of a network; or the four lists that ``network2.Network.SGD`` returns; or a mapping with some
        of the names ``evaluation_cost``, ``evaluation_accuracy``, ``training_cost`` and ``training_accuracy``; or a list of
        accuracies on evaluation data. Or several runs: a mapping from labels to runs. Empty lists are left out.
    evaluation_size, training_size : int, optional
        The number of samples in these data. Accuracies that are integers, or above 1, are divided by it. Without it they are
        drawn unchanged.
    ax : matplotlib.axes.Axes or sequence of them, optional
        Where to draw: one, or two if there are both costs and accuracies. By default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes or numpy.ndarray of them
        One for costs or accuracies alone; else two, costs first, as ``matplotlib.pyplot.subplots`` returns them.

    Raises
    ------
    TypeError, ValueError
        If a run has none of these forms, no epoch has been reported, accuracies have different scales (as numbers of correct
        training and evaluation samples have), or ``ax`` has the wrong number of axes.

    Notes
    -----
    The best epoch is the first one with the highest accuracy on evaluation data or, if there is none, the lowest cost on them.

    Examples
    --------
    >>> from nndl_ext import plot
    >>> ax = plot.learning_curves({"eta 0.5": [0.91, 0.93, 0.94], "eta 3": [0.93, 0.94, 0.95]})
    """
    several = isinstance(history, Mapping) and not history.keys() & {*CURVES}
    sizes = {"evaluation": integer(evaluation_size, "evaluation_size", least=0)}
    sizes["training"] = integer(training_size, "training_size", least=0)
    given = dict(history) if several else {"": history}
    runs = {str(label): _curves(run, sizes) for label, run in given.items()}
    scale = _scale(runs)
    quantities = [name for name in ("cost", "accuracy") if any(key.endswith(name) for run in runs.values() for key in run)]
    if not quantities:
        raise ValueError("history must report at least one epoch")
    lines = sum(map(len, runs.values())) / len(quantities) if several else 0
    panels = _panels(ax, len(quantities), 3.2 + 0.17 * lines)
    for panel, quantity in zip(panels, quantities, strict=True):
        for number, (label, run) in enumerate(runs.items()):
            look = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]} if several else {}
            _draw_run(panel, quantity, label, run, look)
        _finish(panel, "cost" if quantity == "cost" else scale, several)
    return panels[0] if len(panels) == 1 else panels


def activation(name: str, *, ax: Axes | None = None) -> Axes:
    """Draw an activation and its derivative.

    Parameters
    ----------
    name : str
        sigmoid, tanh, relu, identity, softmax, exp or softplus. Softmax is drawn for one of two neurons; the other has weighted
        input 0.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such activation.

    Examples
    --------
    >>> from nndl_ext import plot
    >>> ax = plot.activation("tanh")
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"name must be one of {', '.join(ACTIVATIONS)}, not {name!r}")
    z = np.linspace(-5, 5, 1001) if name != "exp" else np.linspace(-3, 2, 1001)
    a = np.empty_like(z)
    kernels.activations(ACTIVATIONS["sigmoid" if name == "softmax" else name], z, a)
    ax = axes_or_new(ax, (4.8, 3.3))
    for value in (ax.axhline, ax.axvline):
        value(0, color=GREY, linewidth=0.6)
    ax.plot(z, a, color=COLOURS[0], linewidth=2, label="activation a(z)")
    ax.plot(z, np.gradient(a, z), "--", color=COLOURS[1], linewidth=1.6, label="derivative da/dz")
    ax.set(xlabel="weighted input z", title="softmax of z and 0" if name == "softmax" else name)
    ax.margins(x=0)
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _panels(ax: Any, number: int, height: float) -> np.ndarray:
    """The given axes, or this number of new ones side by side, of a height in inches."""
    if ax is None:
        from matplotlib import pyplot

        size = (WIDTH if number == 2 else 5.4, height)
        return pyplot.subplots(1, number, figsize=size, layout="constrained", squeeze=False)[1][0]
    panels = np.atleast_1d(np.asarray(ax, object)).ravel()
    if len(panels) != number:
        raise ValueError(
            f"ax must be {number} axes, {'for costs and accuracies' if number == 2 else 'for one curve'}, not {len(panels)}"
        )
    return panels


def _curves(run: Any, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The curves of a run by name, without empty lists; accuracies as shares if the number of samples is known."""
    curves = {}
    for name, given in _by_name(run).items():
        values = real_array(given, name)
        if values.ndim != 1:
            raise ValueError(f"{name} must hold a number for each epoch, not an array of shape {values.shape}")
        if not len(values):
            continue
        if name.endswith("accuracy"):
            size = sizes[name.partition("_")[0]]
            if np.asarray(given).dtype.kind in "iu":  # numbers of correct samples
                values = values / size if size else values.astype(np.int64)
            elif values.max() > 1:
                values = values / (size or 1)
        curves[name] = values
    return curves


def _scale(runs: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """The scale of all runs' accuracies: counts of correct samples, shares up to 1, or others such as percentages."""
    scales = set()
    for run in runs.values():
        for name in run.keys() & {"evaluation_accuracy", "training_accuracy"}:
            if run[name].dtype.kind == "i":
                scales.add(("count", name))
            else:
                scales.add(("share" if run[name].max() <= 1 else "other", ""))
    if len(scales) > 1:
        raise ValueError("accuracies differ in scale: give the numbers of samples as evaluation_size and training_size")
    return next(iter(scales))[0] if scales else ""


def _by_name(run: Any) -> dict[str, Any]:
    """The curves of a run by name, unchanged."""
    if isinstance(run, Mapping):
        unknown = sorted(map(repr, run.keys() - {*CURVES, *_OTHERS}))
        if unknown:
            raise ValueError(f"a run must report {', '.join(CURVES)}, not {', '.join(unknown)}")
        return {name: run[name] for name in CURVES if name in run}
    if hasattr(run, CURVES[0]):
        return {name: getattr(run, name) for name in CURVES}
    if not isinstance(run, Sequence | np.ndarray) or isinstance(run, str):
        raise TypeError(f"a run must be accuracies, or the lists {', '.join(CURVES)}, not {run!r}")
    if not any(map(np.ndim, run)):
        return {"evaluation_accuracy": run}
    if len(run) != len(CURVES):
        raise ValueError(f"a run must have the {len(CURVES)} lists {', '.join(CURVES)}, not {len(run)}")
    return dict(zip(CURVES, run, strict=True))


def _draw_run(panel: Axes, quantity: str, label: str, run: Mapping[str, np.ndarray], look: Mapping[str, Any]) -> None:
    """Draw a run's costs or accuracies: a line for training data and one for evaluation data, and a star at the best epoch."""
    deciding, best = _best(run)
    for kind, colour, dashes in (("training", COLOURS[1], "--"), ("evaluation", COLOURS[0], "-")):
        name = f"{kind}_{quantity}"
        if name not in run:
            continue
        values = run[name]
        alone = sum(other.endswith(quantity) for other in run) == 1
        text = label if label and alone else ", ".join(filter(None, (label, kind)))
        if name == deciding:
            share = quantity == "accuracy" and values.dtype.kind == "f" and values[best] <= 1
            number = f"{values[best]:.2%}" if share else f"{values[best]:.6g}"
            text += f": best {number} in epoch {best}"
        spaced = {"markevery": max(1, len(values) // 8), "markersize": 5, "linewidth": 1.8}
        own = {"color": colour, "marker": "o" if len(values) == 1 else None}
        (line,) = panel.plot(values, dashes, label=text, **(spaced | own | dict(look)))
        if kind == "evaluation" and best < len(values):
            panel.scatter(best, values[best], s=150, marker="*", color=line.get_color(), edgecolor="white", zorder=3)


def _best(run: Mapping[str, np.ndarray]) -> tuple[str, int]:
    """The name of the curve that decides which epoch is best, and that epoch."""
    if "evaluation_accuracy" in run:
        return "evaluation_accuracy", int(run["evaluation_accuracy"].argmax())
    if "evaluation_cost" in run:
        return "evaluation_cost", int(run["evaluation_cost"].argmin())
    return "", 0


def _finish(panel: Axes, scale: str, several: bool) -> None:
    """Label a panel. The legend of several runs would hide their lines, so it goes below."""
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_ylabel({"cost": "cost", "count": "right answers"}.get(scale, "accuracy"))
    if scale == "share":
        panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.grid(alpha=0.25, linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)
    if several:
        panel.legend(frameon=False, fontsize=8, handlelength=4, loc="upper center", bbox_to_anchor=(0.5, -0.17))
    else:
        panel.legend(frameon=False, fontsize=8)
