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


class Memory:
    """What a search remembers of its last steps: they show the function's curvature.

    Attributes
    ----------
    steps : deque of tuple
        For each step the change of the arguments, that of the gradient, and their product.
    value, fall : float
        The function's value after the last step, and by how much that step has made it less. NaN before the first.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Remember no step."""
        self.steps: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=REMEMBERED)
        self.value = self.fall = math.nan

    def add(self, found: _Found, direction: np.ndarray, start: Point, gradient: np.ndarray) -> None:
        """Remember a step from a start with this gradient, unless the product of step and change is nothing beside that of the
        step and the gradient."""
        self.value, self.fall = found.value, start.value - found.value
        change, product = found.gradient - gradient, found.step * (found.slope - start.slope)
        if product > 2.0**-52 * (-found.step * start.slope) and dot(change, change) > 0:
            self.steps.append((found.step * direction, change, product))

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """The negative gradient times the inverse of the Hessian matrix, as far as the steps have shown it (J. Nocedal,
        Mathematics of Computation 35, 1980)."""
        result, shares = -gradient, []
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows has no finite slope, so no line is searched
            for step, change, product in reversed(self.steps):
                shares.append(dot(step, result) / product)
                result -= shares[-1] * change
            if self.steps:
                _, change, product = self.steps[-1]
                result *= product / dot(change, change)
            for step, change, product in self.steps:
                result += (shares.pop() - dot(change, result) / product) * step
        return result


class Search:
    """A search for a minimum, one step at a time.

    Parameters
    ----------
    function : callable
        Returns the value and the gradient at its argument, in a new array.
    x : numpy.ndarray
        Where to begin: float64, shape (n,).
    tolerance : float
        The search ends where no element of the gradient is larger.
    memory : Memory, optional
        What an earlier search that ended at ``x`` remembers. It is cleared if the function has another value there.

    Attributes
    ----------
    x, value, gradient
        The arguments so far, in a new array after each step, and the function there.
    memory : Memory
        What the search remembers.
    calls : int
        The number of calls of the function.
    end : str
        Why there is no further step: "converged", or "abnormal" if no step from here makes the value less. Empty until then.
    """

    def __init__(self, function: Function, x: np.ndarray, tolerance: float, memory: Memory | None = None) -> None:
        self._function, self._tolerance = function, tolerance
        self.x, self.calls, self.end, self.memory = x, 1, "", memory or Memory()
        self.value, self.gradient = function(x)
        if self.value != self.memory.value:
            self.memory.clear()

    def step(self) -> bool:
        """Take a step, and return whether there was one to take."""
        fall, value = self.memory.fall, self.value
        if _largest(self.gradient) <= self._tolerance or fall <= LEAST_FALL * max(abs(value + fall), abs(value), 1.0):
            self.end = "converged"
            return False
        while not self._descend(self.memory.direction(self.gradient)):
            if not self.memory.steps:
                self.end = "abnormal"
                return False
            self.memory.steps.clear()
        return True

    def _descend(self, direction: np.ndarray) -> bool:
        """Search along a line, and return whether a step has been found."""
        start = Point(0.0, self.value, dot(self.gradient, direction))
        found, tried = _along(self._function, self.x, direction, start, is_first=math.isnan(self.memory.value))
        self.calls += tried
        if found is None:
            return False
        self.memory.add(found, direction, start, self.gradient)
        self.x, self.value, self.gradient = found.x, found.value, found.gradient
        return True


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
    function, x, tolerance
        As for `Search`.
    most_iterations, most_calls : int
        It ends after so many steps, or after the step in which the function is called more often.
    after_step : callable
        Called after each step with the arguments and the value. If it returns true, the search ends.

    Returns
    -------
    Minimum
    """
    search, iterations, end = Search(function, x, tolerance), 0, ""
    while not end and search.step():
        iterations += 1
        if after_step(search.x, search.value):
            end = "stopped"
        elif iterations >= most_iterations:
            end = "iterations"
        elif search.calls > most_calls:
            end = "calls"
    return Minimum(search.x, search.value, iterations, search.calls, end or search.end)


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
