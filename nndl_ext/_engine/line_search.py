"""The line search of J. J. Moré and D. J. Thuente (ACM Transactions on Mathematical Software 20, 1994)."""

from __future__ import annotations

import math
from typing import NamedTuple

# A step is accepted if the function falls by at least this share of what its slope at 0 promises, and if at most this share of
# that slope is left.
SUFFICIENT_DECREASE, SLOPE_LEFT = 1e-3, 0.9

# An interval that contains a minimizer and is shorter than this share of its end can be searched no further.
SHORTEST = 0.1

LONGEST_STEP = 1e10


class Point(NamedTuple):
    """A function's value and slope along a line, after a step from its beginning."""

    step: float
    value: float
    slope: float

    def tilted(self, slope: float) -> Point:
        """The point of the function less a line through 0 of this slope."""
        return Point(self.step, self.value - self.step * slope, self.slope - slope)


class LineSearch:
    """A search for a step along a line on which a function falls at first.

    Parameters
    ----------
    start : Point
        The function at step 0, where its slope is negative.
    step : float
        The first step to try.

    Attributes
    ----------
    step : float
        The next step to try.
    """

    def __init__(self, start: Point, step: float) -> None:
        self.step, self._start = step, start
        self._best = self._other = start  # the least value so far; the other end of an interval with a minimizer, if bracketed
        self._bracketed, self._first_stage = False, True
        self._least, self._most = 0.0, 5 * step  # bounds of the next step
        self._width, self._previous_width = LONGEST_STEP, 2 * LONGEST_STEP

    def accepts(self, value: float, slope: float) -> bool:
        """Take the function's value and slope at ``step``; return whether the search ends there, or choose the next step."""
        now, demanded = Point(self.step, value, slope), SUFFICIENT_DECREASE * self._start.slope
        enough = value <= self._start.value + now.step * demanded
        if self._first_stage and enough and slope >= 0:
            self._first_stage = False
        stuck = self._bracketed and (not self._least < now.step < self._most or self._is_short())
        at_an_end = (now.step == LONGEST_STEP and enough and slope <= demanded) or (
            now.step == 0 and (not enough or slope >= demanded)
        )
        if stuck or at_an_end or (enough and abs(slope) <= SLOPE_LEFT * -self._start.slope):
            return True
        if self._first_stage and not enough and value <= self._best.value:
            # The function has fallen, but less than demanded: search a minimizer of its distance from the demand first.
            ends = [point.tilted(demanded) for point in (self._best, self._other, now)]
            best, other = self._narrow(*ends)
            self._best, self._other = best.tilted(-demanded), other.tilted(-demanded)
        else:
            self._best, self._other = self._narrow(self._best, self._other, now)
        self._bound()
        return False

    def _narrow(self, best: Point, other: Point, now: Point) -> tuple[Point, Point]:
        """Choose the next step by interpolation; return the ends of the new interval."""
        opposite = now.slope * math.copysign(1.0, best.slope) < 0
        if now.value > best.value:
            cubic, quadratic = _cubic(best, now), _quadratic(best, now)
            near = abs(cubic - best.step) < abs(quadratic - best.step)
            self.step, self._bracketed = (cubic if near else cubic + (quadratic - cubic) / 2), True
            return best, now
        if opposite:
            cubic, secant = _cubic(now, best), _secant(now, best)
            far = abs(cubic - now.step) > abs(secant - now.step)
            self.step, self._bracketed = (cubic if far else secant), True
            return now, best
        if abs(now.slope) < abs(best.slope):
            self.step = self._beyond(best, other, now)
        elif self._bracketed:
            self.step = _cubic(now, other)
        else:
            self.step = self._most if now.step > best.step else self._least
        return now, other

    def _beyond(self, best: Point, other: Point, now: Point) -> float:
        """The next step if the function still falls, but less steeply."""
        limit = self._most if now.step > best.step else self._least
        cubic, secant = _cubic(now, best, otherwise=limit), _secant(now, best)
        nearer = abs(cubic - now.step) < abs(secant - now.step)
        if not self._bracketed:
            return min(max(secant if nearer else cubic, self._least), self._most)
        step, farthest = (cubic if nearer else secant), now.step + 0.66 * (other.step - now.step)
        return min(farthest, step) if now.step > best.step else max(farthest, step)

    def _bound(self) -> None:
        """Bisect an interval that has not become shorter, and bound the next step."""
        best, other = self._best.step, self._other.step
        if self._bracketed:
            if abs(other - best) >= 0.66 * self._previous_width:
                self.step = best + 0.5 * (other - best)
            self._previous_width, self._width = self._width, abs(other - best)
            self._least, self._most = min(best, other), max(best, other)
        else:
            self._least, self._most = (self.step + factor * (self.step - best) for factor in (1.1, 4.0))
        self.step = min(max(self.step, 0.0), LONGEST_STEP)
        if self._bracketed and (not self._least < self.step < self._most or self._is_short()):
            self.step = best

    def _is_short(self) -> bool:
        return self._most - self._least <= SHORTEST * self._most


def _cubic(start: Point, end: Point, otherwise: float | None = None) -> float:
    """The minimizer of the cubic with the values and slopes of both points.

    ``otherwise`` is for a cubic that has none on the side of ``start`` where ``end`` is not."""
    mean = 3 * (start.value - end.value) / (end.step - start.step) + start.slope + end.slope
    scale = max(abs(mean), abs(start.slope), abs(end.slope))
    root = scale * math.sqrt(max(0.0, (mean / scale) * (mean / scale) - (start.slope / scale) * (end.slope / scale)))
    root = -root if end.step < start.step else root
    below = root - start.slope + root + end.slope
    share = (root - start.slope + mean) / below if below else math.inf
    if otherwise is not None and not (share < 0 and root != 0):
        return otherwise
    return start.step + share * (end.step - start.step)


def _quadratic(start: Point, end: Point) -> float:
    """The minimizer of the parabola with the value and slope of ``start`` and the value of ``end``."""
    mean = (start.value - end.value) / (end.step - start.step)
    below = mean + start.slope
    return start.step + (start.slope / below / 2 if below else math.inf) * (end.step - start.step)


def _secant(start: Point, end: Point) -> float:
    """Where a line through both slopes is 0."""
    return start.step + start.slope / (start.slope - end.slope) * (end.step - start.step)
