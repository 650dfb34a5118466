"""What all peers have in common."""

from __future__ import annotations

ETA = 0.5
RATE, FIRST, SECOND, EPSILON = 1e-3, 0.9, 0.999, 1e-8  # of Adam


class Peer:
    """What holds for a peer that says nothing else."""

    part = 1  # how many times less data it gets, so that a slow one does not take all day

    @staticmethod
    def suits(_job):
        """Whether it can do such a job."""
        return True

    def evidence(self):
        """Numbers that show that it computes what ours does: the first mini-batch's gradient. Nothing if it can't show any."""
