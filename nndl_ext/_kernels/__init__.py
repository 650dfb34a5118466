"""Chooses one of the kernel variants at import."""

from __future__ import annotations

import inspect  # noqa: F401 - Cython's modules import it as they start, and crash if that is interrupted
import os
from importlib import import_module, util
from typing import TYPE_CHECKING, Any

from nndl_ext._kernels import cpu

if TYPE_CHECKING:
    from nndl_ext._kernels import baseline as kernels

# Best first. For each variant, its module and the level of x86-64 that it needs.
_VARIANTS = {"x86-64-v4": ("x86_64_v4", 4), "x86-64-v3": ("x86_64_v3", 3), "baseline": ("baseline", 0)}


def _available() -> list[str]:
    return [
        name
        for name, (module, level) in _VARIANTS.items()
        if util.find_spec(f"{__name__}.{module}") is not None and cpu.x86_64_level() >= level
    ]


def _load(requested: str | None) -> tuple[str, Any]:
    name = requested or available[0]
    if name not in available:
        raise ImportError(
            f"NNDL_EXT_CPU={name!r} asks for a kernel variant that this build or processor lacks; it has {', '.join(available)}"
        )
    return name, import_module(f"{__name__}.{_VARIANTS[name][0]}")


available = _available()
variant: str
variant, kernels = _load(os.environ.get("NNDL_EXT_CPU"))
