"""Data sets: what they hold, and how the kernels read it."""
