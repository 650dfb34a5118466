"""Write pictures to files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nndl_ext._files import disk

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write(path: str, draw: Callable[..., Axes], *arguments: Any) -> None:
    """Write what a function of `nndl_ext.plot` draws to a file. The path's suffix gives the format."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("agg")  # needs no window system
    picture, figure = io.BytesIO(), draw(*arguments).get_figure(root=True)
    assert figure is not None
    figure.savefig(picture, format=path.rpartition(".")[2].lower(), dpi=150)
    pyplot.close(figure)
    disk.replace(path, picture.getvalue())
