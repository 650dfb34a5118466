"""Pictures of data, learning curves and networks, drawn by matplotlib (the extra ``plot``).

Each function draws into the given axes, or into those of a new figure, and returns them, so you can combine pictures and change
titles and sizes. Colour-blind people can tell the colours apart. In grey print, lines differ by dashes and markers.

>>> from nndl_ext import mnist_loader, plot
>>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
>>> ax = plot.digits(test_data[:30])
>>> ax = plot.learning_curves({"eta 0.5": [0.91, 0.93, 0.94], "eta 3": [0.93, 0.94, 0.95]})
"""

try:
    import matplotlib as _  # noqa: F401
except ImportError as _error:
    raise ImportError("to draw pictures, install matplotlib: pip install 'nndl-ext[plot]'") from _error

from nndl_ext.plot.curves import activation, learning_curves
from nndl_ext.plot.images import digits, misclassified, weights
from nndl_ext.plot.matrix import confusion_matrix

__all__ = ["activation", "confusion_matrix", "digits", "learning_curves", "misclassified", "weights"]


def __dir__() -> list[str]:
    return __all__
