"""
Chapter 1: recognizing handwritten digits
=========================================

The book trains a network of sigmoid neurons on 50,000 handwritten digits. Change the
imports of its program, and it runs on this package.
"""

# %%
# The data
# --------
# MNIST comes with the package, so nothing is downloaded. ``load_data_wrapper`` returns
# the book's three lists of pairs: an image as a column of 784 pixels, and its digit.

from nndl_ext import mnist_loader, network, plot

training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
print(len(training_data), len(validation_data), len(test_data))
plot.digits(test_data[:40])

# %%
# Perceptrons
# -----------
# The chapter begins with step neurons. A perceptron fires if :math:`w \cdot x + b >
# 0`. With the weights -2, -2 and the bias 3 it computes NAND, from which any circuit
# can be built.

from nndl_ext.perceptron import Perceptron

nand = Perceptron([-2, -2], 3)
for x in ([0, 0], [0, 1], [1, 0], [1, 1]):
    print(x, nand(x))

# %%
# Sigmoid neurons
# ---------------
# A small change of a weight may flip a perceptron's output. The sigmoid is a smooth
# step, so a small change of a weight changes the output only a little (equation 3):
#
# .. math:: \sigma(z) = \frac{1}{1 + e^{-z}}

plot.activation("sigmoid")

# %%
# Gradient descent
# ----------------
# The network learns by small steps against the gradient of the quadratic cost
# (equation 6):
#
# .. math:: C(w, b) = \frac{1}{2n} \sum_x \| y(x) - a \|^2
#
# Each step takes the mean gradient of a mini-batch of m images (equations 20 and 21):
#
# .. math:: w \rightarrow w - \frac{\eta}{m} \sum_j \frac{\partial C_{X_j}}{\partial w}
#
# ``SGD`` takes the training data, the number of epochs, the size of a mini-batch and
# the learning rate :math:`\eta`. The book trains for 30 epochs; ten are enough
# here. The seed is an addition: with it, every machine prints exactly these lines.

net = network.Network([784, 30, 10], seed=0)
print("cost before:", net.cost(test_data))
net.SGD(training_data, 10, 10, 3.0, test_data=test_data)
print("cost after:", net.cost(test_data))

# %%
# The answers
# -----------
# The largest output is the network's answer. These are the wrong answers of which the
# network is most certain:

plot.misclassified(net, test_data)

# %%
# The confusion matrix shows which digits the network takes for which others.

plot.confusion_matrix(net, test_data)

# %%
# What a hidden neuron looks for
# ------------------------------
# Each hidden neuron has a weight for each pixel, so its weights form an image. In red
# places, ink raises the neuron's activation; in blue places, ink lowers it.

# sphinx_gallery_thumbnail_number = 5
plot.weights(net)

# %%
# The learning rate
# -----------------
# With a rate that is too small the network learns slowly; with one that is too large
# it does not learn at all. The book's examples are 0.001 and 100. Each run here starts
# from the same weights.

import io
from contextlib import redirect_stdout

runs = {}
for eta in (0.001, 0.1, 3, 100):
    net = network.Network([784, 30, 10], seed=0)
    with redirect_stdout(io.StringIO()):
        net.SGD(training_data, 6, 10, eta, test_data=test_data)
    runs[f"eta {eta:g}"] = net.history
plot.learning_curves(runs, evaluation_size=len(test_data))
