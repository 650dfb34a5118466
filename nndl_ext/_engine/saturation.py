"""A warning if the inputs are so large that the first hidden neurons hardly learn (chapter 3, "The cross-entropy cost")."""

from __future__ import annotations

import sys
import warnings

import numpy as np

from nndl_ext import _kernels
from nndl_ext._engine.model import Model, Samples

# The weighted inputs beyond which the slope of an activation is below 1e-6.
_SATURATED = {"sigmoid": 13.8, "tanh": 7.6}

_NEARLY_ALL = 0.8

# So many samples decide.
_SAMPLES = 32


def warn_if_saturated(model: Model, data: Samples) -> None:
    """Warn if nearly all first hidden neurons are saturated, and would not be if the inputs were divided by their largest."""
    limit = _SATURATED.get(str(model.activations[0]))
    if limit is None or len(model.activations) == 1:
        return
    layout, flat, rows = model.parameters.layout, model.parameters.flat(), data.rows
    z = np.empty((min(len(data), _SAMPLES), model.sizes[1]), model.dtype)
    _kernels.kernels.feedforward(layout.part(slice(1), "identity"), flat, rows, 0, z, None)
    if np.count_nonzero(np.abs(z) > limit) < _NEARLY_ALL * z.size:
        return
    largest, biases = rows.largest, layout.views(flat)[0][0].T
    divided = biases + (z - biases) / max(largest, 1)
    if np.count_nonzero(np.abs(divided) > limit) < _NEARLY_ALL * z.size:
        warnings.warn(
            f"nearly all {model.activations[0]} neurons of the first hidden layer are saturated, so they hardly learn: the "
            f"inputs reach {largest:g}. Divide them by {largest:g}",
            stacklevel=_callers_level(),
        )


def _callers_level() -> int:
    """The ``stacklevel`` with which `warn_if_saturated` names the user's line, also below scikit-learn's wrapper of ``fit``."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] in ("nndl_ext", "sklearn"):
        level, frame = level + 1, frame.f_back
    return level
