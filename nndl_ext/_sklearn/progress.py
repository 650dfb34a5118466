"""The progress bar of ``verbose="progress"``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(verbose: Any, most: int) -> Iterator[Callable[[float], None]]:
    """Yield a function that shows the loss after an epoch or iteration, of which there are at most ``most``."""
    if verbose != "progress":
        yield lambda _loss: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("verbose='progress' needs tqdm: pip install 'nndl-ext[progress]'") from None
    with tqdm(total=most, unit="epoch") as bar:

        def advance(loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.6f}", refresh=False)
            bar.update()

        yield advance
