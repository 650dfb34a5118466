"""The command ``draw``: write and open a page to draw digits on."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from nndl_ext import network, network2, page, runs
from nndl_ext._files import disk


def main(file: str | None, out: str, opens: bool) -> None:
    """Write the page, and open it.

    Parameters
    ----------
    file : str, optional
        A saved network. Without it, one is trained with the defaults of ``train`` and seed 0.
    out : str
        Where to write the page. An existing file is replaced.
    opens : bool
        Whether to open the page in the browser.
    """
    disk.require_writable(out)
    page.write(network.load(file) if file else _trained(), out)
    print(f"wrote {out}")
    if opens and not webbrowser.open(Path(disk.resolved(out)).as_uri()):
        print("no browser was found: open the file yourself")


def _trained() -> network.Network | network2.Network:
    training_data, test_data = runs.load_data(None)
    run = runs.begin({"seed": 0}, len(training_data), len(test_data))
    for _ in run.train(training_data, test_data):
        pass
    return run.net
