"""The user's callbacks while an estimator is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Hooks:
    """The estimator's ``callback``, and scikit-learn's own callbacks (version 1.9 and later).

    Attributes
    ----------
    estimator : estimator
        The estimator being fitted.
    publish : callable
        Copies the network's parameters, and the solver's state, to the estimator.
    take_replaced : callable
        Copies what a callback has replaced back.
    data : dict
        The training data, for callbacks that ask for them: "X", "y" and "metadata".
    steps : int or None
        The largest number of epochs or iterations, if known.
    """

    estimator: Any
    publish: Callable[[], None]
    take_replaced: Callable[[], None]
    data: dict[str, Any]
    steps: int | None
    _fit: Any = field(default=None, init=False)
    _step: Any = field(default=None, init=False)

    @contextmanager
    def fit(self) -> Iterator[None]:
        """Tell scikit-learn's callbacks that the fit begins and, unless it fails, that it has ended."""
        self._fit_begins()
        try:
            yield
        finally:
            self.publish()  # also after an exception
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._fitted())

    def _fit_begins(self) -> None:
        if hasattr(self.estimator, "_init_callback_context"):
            context = self.estimator._init_callback_context(max_subtasks=self.steps)
            if getattr(self.estimator, "_skl_callbacks", None):
                self._fit = context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def step_begins(self) -> None:
        """Tell scikit-learn's callbacks that an epoch or iteration begins."""
        if self._fit is not None:
            self._step = self._fit.subcontext(task_name="epoch")
            self._step.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def step_ends(self) -> bool:
        """Call all callbacks after an epoch or iteration, and return whether one asks to stop."""
        if self.estimator.callback is None and self._step is None:
            return False
        self.publish()
        stop = self._step is not None and self._step.call_on_fit_task_end(**self._fitted())
        if self.estimator.callback is not None and self.estimator.callback(self.estimator):
            stop = True
        self.take_replaced()
        return bool(stop)

    def _fitted(self) -> dict[str, Any]:
        attributes = {name: getattr(self.estimator, name) for name in ("coefs_", "intercepts_")}
        return {"estimator": self.estimator, "reconstruction_attributes": attributes, **self.data}
