"""The command ``show``: describe saved networks and compare them."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from itertools import product
from typing import Any

from nndl_ext import mnist_loader, network, network2, perceptron, runs
from nndl_ext._book.base import BookNetwork
from nndl_ext._commands.options import tell
from nndl_ext._commands.pictures import write
from nndl_ext._files import saving

# Characters filled to 0, 1, ... 8 eighths.
BLOCKS = " ▁▂▃▄▅▆▇█"

_ROWS, _COLUMNS = 8, 60  # size of the curve in characters

_Saved = tuple[BookNetwork, runs.Run | None, dict[str, Any]]


def main(paths: Sequence[str], out: str | None, data: str | None, encoding: str) -> None:
    """Describe saved networks, say in which settings they differ, and draw pictures if a folder is given.

    Parameters
    ----------
    paths : sequence of str
        The files of networks or of runs. A run also has a learning curve.
    out : str, optional
        The folder for the pictures. It is created if necessary. Several files have one picture, of all learning curves.
    data : str, optional
        The data set whose test images the pictures of one file show; by default the MNIST in this package.
    encoding : str
        The output's encoding. If it has no block characters, the curve is drawn in ASCII.
    """
    saved = {path: _read(path) for path in paths}
    curves = {path: run.accuracies for path, (_, run, _) in saved.items() if run and run.curve}
    if out and len(saved) > 1 and not curves:
        raise ValueError(f"one of the files must hold a run with a learning curve, not only networks: {', '.join(saved)}")
    for path, (net, run, _) in saved.items():
        _describe(path, net, run, _printable(BLOCKS, encoding))
    if len(saved) > 1:
        _compare(saved)
    if out:
        _draw(curves if len(saved) > 1 else next(iter(curves.values()), []), saved[paths[0]][0], out, data, paths)


def _read(path: str) -> _Saved:
    """The network in a file; its run, if it has one; and all settings by name."""
    if "run" not in saving.read(path).notes:
        net = network.load(path)
        return net, None, _settings(net)
    run, checksum = runs.read(path)
    options = {
        name: value for name, value in run.options.items() if name != "activation"
    }  # the network names those of all layers
    return run.net, run, options | _settings(run.net) | {"data": f"checksum {checksum:08x}"}


def _settings(net: BookNetwork) -> dict[str, Any]:
    """What defines a network besides its weights and biases."""
    if isinstance(net, network2.Network):
        chosen = net._described()
    else:
        chosen = {"cost": "QuadraticCost", "activations": _neurons(net).split(", ")}
    return {"sizes": net.sizes, "dtype": net.dtype.name, **chosen}


def _describe(path: str, net: BookNetwork, run: runs.Run | None, blocks: bool) -> None:
    """Print what a file holds."""
    parameters = sum(array.size for array in net.biases + net.weights)
    lines = {
        "sizes": f"{'-'.join(map(str, net.sizes))}, {parameters:,} parameters in {net.dtype}",
        "neurons": _neurons(net),
        "digest": digest(net),
    }
    if net.classes:
        lines["classes"] = ", ".join(net.classes)
    if run:
        options = run.options
        seed = "no seed" if options["seed"] is None else f"seed {options['seed']}"
        steps = f"mini-batches of {options['batch']}, eta {_text(options['eta'])}" if run.has_mini_batches else "lbfgs"
        lines["run"] = f"{len(run.curve)} of {options['epochs']} epochs, {steps}, {seed}"
    print(path)
    for name, text in lines.items():
        tell(sys.stdout, f"  {name:9}{text}")
    if run and run.curve:
        print()
        for line in curve(run.accuracies, blocks):
            print(f"  {line}")


def _compare(saved: dict[str, _Saved]) -> None:
    """Print each setting that is not the same in all files, and whether the networks are equal."""
    names = list(dict.fromkeys(name for _, _, settings in saved.values() for name in settings))
    print("\nDifferent settings:")
    different = False
    for name in names:
        values = {path: _text(settings.get(name)) for path, (_, _, settings) in saved.items()}
        if len({*values.values()}) > 1:
            different = True
            print(f"  {name.replace('_', ' ')}: {', '.join(f'{value} in {path}' for path, value in values.items())}")
    if not different:
        print("  none")
    same = len({digest(net) for net, _, _ in saved.values()}) == 1
    print(f"The weights and biases are {'the same bits' if same else 'different'}.")


def _text(value: Any) -> str:
    """A setting, with all digits. A file that lacks a setting has none."""
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, dict):
        return " ".join(f"{name}={_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ",".join(map(_text, value)) or "none"
    return "none" if value is None else str(value)


def digest(net: BookNetwork) -> str:
    """A hash of all bits of a network's biases and weights, the same on every machine: 16 hexadecimal digits."""
    order = net.dtype.newbyteorder("<")
    numbers = b"".join(array.astype(order).tobytes() for array in net.biases + net.weights)
    return hashlib.sha256(numbers).hexdigest()[:16]


def curve(accuracies: Sequence[float], blocks: bool = True) -> list[str]:
    """A learning curve as lines of text, with a bar for each epoch; of more than 60 epochs, 60 evenly spaced ones are shown."""
    count = len(accuracies)
    shown = [accuracies[i * count // _COLUMNS] for i in range(_COLUMNS)] if count > _COLUMNS else accuracies
    width = max(1, min(3, _COLUMNS // count))
    low, high = min(shown), max(shown)
    filled = [1 + round((8 * _ROWS - 1) * (value - low) / ((high - low) or 1)) for value in shown]
    lines = []
    for row in reversed(range(_ROWS)):
        eighths = (max(0, min(8, height - 8 * row)) for height in filled)
        bars = "".join((BLOCKS[n] if blocks else " #"[n > 3 or row == 0]) * width for n in eighths)
        name = {_ROWS - 1: f"{high:.2%}", 0: f"{low:.2%}"}.get(row, "")
        lines.append(f"{name:>8} {bars}".rstrip())
    last = f"{count - 1}" if count > 1 else ""
    lines.append(f"{'epoch':>8} 0{last:>{max(0, width * len(shown) - 1)}}")
    best = max(accuracies)
    lines.append(f"{'':8} best {best:.2%} in epoch {accuracies.index(best)}, last {accuracies[-1]:.2%}")
    return lines


def _neurons(net: BookNetwork) -> str:
    """The activations of the layers, as text."""
    if isinstance(net, perceptron.Network):
        return "perceptrons"
    return ", ".join(kind if isinstance(kind, str) else type(kind).__name__ for kind in net._model.activations)


def _printable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _draw(curves: Any, net: BookNetwork, out: str, data: str | None, shown: Sequence[str]) -> None:
    """Write pictures into a folder: all learning curves of several runs, or those pictures that suit one network. A file that
    is shown is not replaced."""
    from nndl_ext import plot

    pictures: dict[str, tuple[Any, ...]] = {}
    if curves:
        pictures["curve"] = plot.learning_curves, curves
    if not isinstance(curves, dict):
        pictures["weights"] = plot.weights, net
        if data or (net.sizes[0], net.sizes[-1]) == (784, 10):
            test_data = mnist_loader.load_data_wrapper(data)[2]
            pictures["confusion"] = plot.confusion_matrix, net, test_data
            pictures["misclassified"] = plot.misclassified, net, test_data
    places = {name: os.path.join(out, f"{name}.png") for name in pictures}
    for path, file in product(places.values(), shown):
        if os.path.exists(path) and os.path.samefile(path, file):
            raise FileExistsError(f"{path} is to be shown, so no picture can replace it: name another folder with --out")
    os.makedirs(out, exist_ok=True)
    for name, (draw, *arguments) in pictures.items():
        path = places[name]
        write(path, draw, *arguments)
        print(f"wrote {path}")
