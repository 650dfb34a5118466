"""What the user wants to be called while an estimator is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Hooks:
    """The estimator's ``callback``, and scikit-learn's callbacks, which there are from its version 1.9 on.

    Attributes
    ----------
    estimator : estimator
        The one that is fitted.
    publish : callable
        Puts the network's parameters into it.
    data : dict
        What it is fitted on, for callbacks that ask for it: "X", "y" and "metadata".
    steps : int or None
        The most epochs or iterations, if that is known.
    """

    estimator: Any
    publish: Callable[[], None]
    data: dict[str, Any]
    steps: int | None
    _fit: Any = field(default=None, init=False)
    _step: Any = field(default=None, init=False)

    def fit_begins(self) -> None:
        """Tell scikit-learn's callbacks."""
        if hasattr(self.estimator, "_init_callback_context"):
            context = self.estimator._init_callback_context(max_subtasks=self.steps)
            if getattr(self.estimator, "_skl_callbacks", None):
                self._fit = context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def step_begins(self) -> None:
        """Tell scikit-learn's callbacks of an epoch or iteration."""
        if self._fit is not None:
            self._step = self._fit.subcontext(task_name="epoch")
            self._step.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def step_ends(self) -> bool:
        """Tell all, and whether one of them asks to stop."""
        if self.estimator.callback is None and self._step is None:
            return False
        self.publish()
        stop = self._step is not None and self._step.call_on_fit_task_end(**self._fitted())
        if self.estimator.callback is not None and self.estimator.callback(self.estimator):
            return True
        return bool(stop)

    def fit_ends(self) -> None:
        """Tell scikit-learn's callbacks."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._fitted())

    def _fitted(self) -> dict[str, Any]:
        attributes = {name: getattr(self.estimator, name) for name in ("coefs_", "intercepts_")}
        return {"estimator": self.estimator, "reconstruction_attributes": attributes, **self.data}
