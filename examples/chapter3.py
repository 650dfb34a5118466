"""Train chapter 3's network, with cross-entropy, regularization and better first weights."""

import sys

from nndl_ext import mnist_loader, network2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 60

training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
net = network2.Network([784, 100, 10], cost=network2.CrossEntropyCost)
net.SGD(
    training_data,
    epochs,
    10,
    0.1,
    lmbda=5.0,
    evaluation_data=validation_data,
    monitor_evaluation_accuracy=True,
)
print(f"{net.accuracy(test_data)} of {len(test_data)} test images right")
