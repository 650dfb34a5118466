"""The choice of a kernel build: one of the variants, made once, at import."""

from __future__ import annotations

import os
from importlib import import_module, util
from typing import TYPE_CHECKING, Any

from nndl_ext._kernels import cpu

if TYPE_CHECKING:
    from nndl_ext._kernels import baseline as kernels

# Best first. The names of the modules, and what each needs of the processor.
_VARIANTS = {"x86-64-v3": ("x86_64_v3", cpu.has_x86_64_v3), "baseline": ("baseline", lambda: True)}


def _available() -> list[str]:
    return [
        name
        for name, (module, runs_here) in _VARIANTS.items()
        if util.find_spec(f"{__name__}.{module}") is not None and runs_here()
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
