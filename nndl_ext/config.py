"""The configuration in use: versions and kernel variant."""

from __future__ import annotations

import platform
from typing import Any, Literal

import numpy as np

import nndl_ext
from nndl_ext import _kernels


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Print or return the configuration in use: versions, processor and kernel variant.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Whether to print the configuration or to return it as a dictionary.

    Returns
    -------
    dict or None
        With ``mode="dicts"``: the versions of nndl-ext, Python and NumPy; ``"machine"``, the processor's architecture;
        ``"cpu"``, the active kernel variant; ``"cpu_available"``, the variants that this build contains and this processor can
        run, best first.

    Raises
    ------
    ValueError
        If ``mode`` is neither.

    Examples
    --------
    >>> sorted(show_config("dicts"))
    ['cpu', 'cpu_available', 'machine', 'nndl_ext', 'numpy', 'python']
    """
    config = {
        "nndl_ext": nndl_ext.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cpu": _kernels.variant,
        "cpu_available": list(_kernels.available),
    }
    if mode == "dicts":
        return config
    if mode != "stdout":
        raise ValueError(f"mode must be 'stdout' or 'dicts', not {mode!r}")
    import json  # here, to keep the package quick to import

    print(json.dumps(config, indent=2))
    return None
