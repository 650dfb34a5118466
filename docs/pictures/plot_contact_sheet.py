"""
Contact sheet
=============

These are all the pictures that the package draws, for a network of chapter 1. Each
takes one call.
"""

import io
from contextlib import redirect_stdout

import matplotlib.pyplot as plt

from nndl_ext import mnist_loader, network, plot

training_data, _, test_data = mnist_loader.load_data_wrapper()
net = network.Network([784, 30, 10], seed=0)
with redirect_stdout(io.StringIO()):
    net.SGD(training_data, 8, 10, 3.0, test_data=test_data)

# %%
# Without ``ax``, each picture is a figure of its own.

plot.digits(test_data[:50])
plot.misclassified(net, test_data)
plot.learning_curves(net.history, evaluation_size=10_000)
plot.confusion_matrix(net, test_data)
plot.weights(net)

# %%
# The activations
# ---------------
# The kernels know these activations. The dashed lines are the derivatives. The pictures
# are drawn into matplotlib axes, so one figure can hold them all.

names = ["sigmoid", "tanh", "relu", "softplus", "identity", "softmax"]
figure, axes = plt.subplots(3, 2, figsize=(9, 9.5), layout="constrained")
figure.get_layout_engine().set(hspace=0.06)
for name, ax in zip(names, axes.flat, strict=True):
    plot.activation(name, ax=ax)
