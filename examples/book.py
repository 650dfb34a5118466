"""The book's three lines: train chapter 1's network on MNIST."""

import sys

from nndl_ext import mnist_loader, network

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 30

training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
net = network.Network([784, 30, 10])
net.SGD(training_data, epochs, 10, 3.0, test_data=test_data)
