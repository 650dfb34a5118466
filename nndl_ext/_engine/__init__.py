"""Layers of neurons and their training. Knows nothing of the book or of scikit-learn."""
