"""
Digits and wrong guesses
========================

``digits`` shows images in a grid. If you pass it guesses, it marks the wrong ones.
"""

import io
from contextlib import redirect_stdout

import numpy as np

from nndl_ext import mnist_loader, network, plot

training_data, _, test_data = mnist_loader.load_data_wrapper()
net = network.Network([784, 30, 10], seed=0)
with redirect_stdout(io.StringIO()):
    net.SGD(training_data, 1, 10, 3.0)

shown = test_data[:50]
guesses = net.feedforward(np.hstack([x for x, _ in shown])).argmax(axis=0)
plot.digits(shown, guesses)
