"""scikit-learn's estimators, and this package's that take their place, as their users call them."""

from __future__ import annotations

import warnings
from importlib import import_module

import numpy as np

from peers.base import Peer

GRID = {  # 16 networks, thrice
    "hidden_layer_sizes": [(50,), (100,)],
    "alpha": [1e-4, 1e-2],
    "learning_rate_init": [1e-3, 3e-3],
    "activation": ["relu", "tanh"],
}


class Estimator(Peer):
    """What is said of both. They begin with weights of their own, the same ones, so they must report the same losses."""

    def __init__(self, job, _weights, _biases, x, y):
        from sklearn.exceptions import ConvergenceWarning

        warnings.simplefilter("ignore", ConvergenceWarning)
        module, classifies = import_module(self.module), job.output == "softmax"
        self.type = module.MLPClassifier if classifies else module.MLPRegressor
        self.x, self.y, self.asked = x, y.argmax(axis=1) if classifies else y.ravel(), x[: job.asked]
        self.call = job.call
        self.options = {"hidden_layer_sizes": job.sizes[1:-1], "batch_size": job.batch, "random_state": 0}
        self.options |= {"solver": job.optimizer.lower(), "activation": job.hidden}
        self.options |= {"max_iter": job.epochs, "tol": 0, "n_iter_no_change": np.inf}  # so that no fit ends early
        some = slice(5 * job.batch)
        self.net = self.type(**self.options).fit(x[some], self.y[some])

    def fit(self):
        self.type(**self.options).fit(self.x, self.y)

    def default_fit(self):
        self.type(random_state=0).fit(self.x, self.y)

    def predict_labels(self):
        return self.net.predict(self.asked)

    def predict_proba(self):
        return self.net.predict_proba(self.asked)

    def search(self):
        from sklearn.model_selection import GridSearchCV

        GridSearchCV(self.type(random_state=0), GRID, cv=3, n_jobs=2, refit=False).fit(self.x, self.y)

    def evidence(self):
        """What is predicted, or the losses of a fit to the first mini-batches; lbfgs shows the last one."""
        if self.call == "predict_proba":
            return self.predict_proba()
        return np.array(self.net.loss_ if self.options["solver"] == "lbfgs" else self.net.loss_curve_)


class OurEstimator(Estimator):
    """This package's."""

    name = "nndl-ext"
    module = "nndl_ext.sklearn"

    def take_threads(self, threads):
        self.net.n_threads = threads


class TheirEstimator(Estimator):
    """scikit-learn's."""

    name = "scikit-learn"
    module = "sklearn.neural_network"
