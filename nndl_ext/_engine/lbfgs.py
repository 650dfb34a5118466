"""Limited-memory BFGS: minimization by the curvature that the last steps have shown.

R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, SIAM Journal on Scientific Computing 16, 1995, without their bounds. The steps and the
tests for convergence are those of SciPy's L-BFGS-B. Sums run in a fixed order, so the results have the same bits on every
machine, unlike SciPy's.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nndl_ext import _kernels
from nndl_ext._engine.line_search import LONGEST_STEP, LineSearch, Point

# Steps that are remembered, and calls of the function along one line.
REMEMBERED = 10
MOST_CALLS_ON_A_LINE = 20

# A fall of the value by less than this share of it, or of 1 if that is more, ends the search.
LEAST_FALL = 1e7 * 2.0**-52

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Minimum(NamedTuple):
    """Where a search has ended.

    Attributes
    ----------
    x : numpy.ndarray
        The arguments: float64, shape (n,).
    value : float
        The function's value there.
    iterations, calls : int
        The numbers of steps taken, and of calls of the function.
    end : str
        "converged"; "iterations" or "calls" after as many as allowed; "stopped" by the caller; or "abnormal" if no step from
        here makes the value less.
    """

    x: np.ndarray
    value: float
    iterations: int
    calls: int
    end: str


class _Curvature:
    """The inverse of the Hessian matrix, as far as the last steps have shown it."""

    def __init__(self) -> None:
        self.steps: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=REMEMBERED)
        self._scale = 1.0

    def add(self, step: np.ndarray, change: np.ndarray, product: float, expected: float) -> None:
        """Add a step and the gradient's change, unless their product is nothing beside that of the step and the gradient."""
        length = dot(change, change)
        if product > 2.0**-52 * expected and length > 0:
            self.steps.append((step, change, product))
            self._scale = product / length

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """The product of the matrix and the negative gradient (J. Nocedal, Mathematics of Computation 35, 1980)."""
        result, shares = -gradient, []
        for step, change, product in reversed(self.steps):
            shares.append(dot(step, result) / product)
            result -= shares[-1] * change
        if self.steps:
            result *= self._scale
        for step, change, product in self.steps:
            result += (shares.pop() - dot(change, result) / product) * step
        return result

    def forget(self) -> None:
        self.steps.clear()


def minimize(
    function: Function,
    x: np.ndarray,
    *,
    tolerance: float,
    most_iterations: int,
    most_calls: int,
    after_step: Callable[[np.ndarray, float], bool],
) -> Minimum:
    """Search for a minimum.

    Parameters
    ----------
    function : callable
        Returns the value and the gradient at its argument, in a new array.
    x : numpy.ndarray
        Where to begin: float64, shape (n,).
    tolerance : float
        The search ends where no element of the gradient is larger.
    most_iterations, most_calls : int
        It ends after so many steps, or after the step in which the function is called more often.
    after_step : callable
        Called after each step with the arguments and the value. If it returns true, the search ends.

    Returns
    -------
    Minimum
    """
    curvature, iterations, calls = _Curvature(), 0, 1
    value, gradient = function(x)
    end = "converged" if _largest(gradient) <= tolerance else ""
    while not end:
        direction = curvature.direction(gradient)
        start = Point(0.0, value, dot(gradient, direction))
        found, tried = _along(function, x, direction, start, is_first=iterations == 0)
        calls += tried
        if found is None and not curvature.steps:
            end = "abnormal"
        elif found is None:
            curvature.forget()
        else:
            fall, change = value - found.value, found.gradient - gradient
            x, value, gradient = found.x, found.value, found.gradient
            iterations += 1
            if after_step(x, value):
                end = "stopped"
            elif iterations >= most_iterations:
                end = "iterations"
            elif calls > most_calls:
                end = "calls"
            elif _largest(gradient) <= tolerance or fall <= LEAST_FALL * max(abs(value + fall), abs(value), 1.0):
                end = "converged"
            curvature.add(found.step * direction, change, found.step * (found.slope - start.slope), -found.step * start.slope)
    return Minimum(x, value, iterations, calls, end)


class _Found(NamedTuple):
    """Where a search along a line has ended."""

    x: np.ndarray
    value: float
    gradient: np.ndarray
    step: float
    slope: float


def _along(function: Function, x: np.ndarray, direction: np.ndarray, start: Point, is_first: bool) -> tuple[_Found | None, int]:
    """Search along a line, and count the calls of the function. Nothing is found if the function does not fall there, or if its
    slope or value is not finite. The first line has the direction of the gradient, whose length says nothing about the step."""
    if not -math.inf < start.slope < 0:
        return None, 0
    search = LineSearch(start, min(1 / math.sqrt(-start.slope), LONGEST_STEP) if is_first else 1.0)
    for calls in range(1, MOST_CALLS_ON_A_LINE + 1):
        step = search.step
        there = x + step * direction
        value, gradient = function(there)
        slope = dot(gradient, direction)
        if search.accepts(value, slope):
            return (_Found(there, value, gradient, step, slope) if math.isfinite(value) else None), calls
    return None, MOST_CALLS_ON_A_LINE


def dot(x: np.ndarray, y: np.ndarray) -> float:
    """The sum of products, in an order that is the same on every machine."""
    return float(_kernels.kernels.dot(x, y))


def _largest(gradient: np.ndarray) -> float:
    return float(np.abs(gradient).max())
