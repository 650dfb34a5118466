"""A page on which you draw digits and a network reads them: one HTML file that contains the network.

The file needs no server and no library. It makes no requests: its Content-Security-Policy forbids them. Its template,
``page.html``, computes what `Network.feedforward` computes, in float64.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from os import PathLike

from nndl_ext._book.base import BookNetwork
from nndl_ext._engine.functions import ACTIVATIONS
from nndl_ext._files import disk, saving

__all__ = ["html", "write"]


def __dir__() -> list[str]:
    return __all__


_PIXELS = 784  # the page makes images of MNIST's size


def html(net: BookNetwork) -> str:
    """The page for a network.

    Parameters
    ----------
    net : Network
        One of the book's networks with 784 inputs, trained on images like MNIST's, with pixels from 0 to 255/256. It may have
        any number of outputs, each shown as a bar with the name of its class, and any activations that have a name.

    Returns
    -------
    str
        An HTML document.

    Raises
    ------
    TypeError
        If the network has activations or methods written in Python, or consists of perceptrons.
    ValueError
        If it has another number of inputs, its classes are not one text for each output, or a weight or bias is infinite or
        NaN.

    Examples
    --------
    >>> from nndl_ext import Network
    >>> html(Network([784, 30, 10], seed=0))[:15]
    '<!doctype html>'
    """
    if net.sizes[0] != _PIXELS:
        raise ValueError(
            f"the page makes images of 28 x 28 pixels, so the network must have {_PIXELS} inputs, not {net.sizes[0]}"
        )
    if net._overrides("feedforward"):
        raise TypeError(f"the page can't call the feedforward of a {type(net).__module__}.{type(net).__qualname__}")
    own = [activation for activation in net._model.activations if not isinstance(activation, str)]
    if own:
        raise TypeError(f"the page knows the activations {', '.join(ACTIVATIONS)}, not {own[0]!r}")
    template = files("nndl_ext").joinpath("page.html").read_text(encoding="utf-8")
    return template.replace("{{policy}}", _policy(template)).replace("{{network}}", _network(net))


def write(net: BookNetwork, path: str | PathLike[str]) -> None:
    """Write the page for a network to a file. The file is written completely or not at all.

    Parameters
    ----------
    net : Network
        As for `html`.
    path : str or path-like
        The file, usually with the suffix ``.html``. An existing file is replaced.

    Raises
    ------
    OSError
        If the file can't be written. An existing file is then unchanged.
    TypeError, ValueError
        As for `html`.

    Examples
    --------
    >>> from nndl_ext import Network
    >>> write(Network([784, 30, 10], seed=0), "draw.html")
    """
    disk.replace(path, html(net).encode())


def _policy(template: str) -> str:
    """The policy that allows the template's own script and style, and nothing else."""
    allowed = {}
    for tag in ("script", "style"):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", template, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        allowed[tag] = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']}; base-uri 'none'; form-action 'none'"
    )


def _network(net: BookNetwork) -> str:
    """The network as JSON, in the form that the page reads. No name of a class can end the page's element for it."""
    own = net._model.parameters
    arrays = zip(*own.views(), strict=True)
    numbers = b"".join(array.astype(net.dtype.newbyteorder("<")).tobytes() for layer in arrays for array in layer)
    text = json.dumps(
        {
            "sizes": net.sizes,
            "classes": saving.noted_classes(saving.classes_note(net.classes), net.sizes[-1]),
            "activations": net._model.activations,
            "dtype": net.dtype.name,
            "parameters": base64.b64encode(numbers).decode(),
        }
    )
    return text.replace("<", r"\u003c")
