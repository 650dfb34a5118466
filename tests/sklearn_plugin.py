"""A pytest plugin that runs scikit-learn's tests of its perceptrons on our estimators::

PYTHONPATH=tests python -m pytest -p sklearn_plugin --pyargs sklearn.neural_network.tests.test_mlp
"""

import numpy as np
from sklearn import neural_network

import nndl_ext.sklearn
from nndl_ext._sklearn.fit_data import FitData
from nndl_ext._sklearn.lbfgs import Objective


class MLPClassifier(nndl_ext.sklearn.MLPClassifier):
    def _loss_grad_lbfgs(self, packed, x, y, *_):
        """Loss and gradient, which ``test_gradient`` compares with finite differences."""
        model = self._network(np.dtype(np.float64))
        return Objective(model, FitData(x, y, model.dtype), self.alpha, self._share)(packed)


neural_network.MLPClassifier = MLPClassifier
neural_network.MLPRegressor = nndl_ext.sklearn.MLPRegressor
