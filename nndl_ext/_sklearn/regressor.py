"""The regressor and its losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import RegressorMixin, _fit_context  # no public name checks parameters
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions

from nndl_ext._checks import real_array
from nndl_ext._sklearn.base import Perceptron

# The engine's names for the losses.
_COSTS = {"squared_error": "quadratic", "poisson": "poisson", "absolute_error": "absolute", "huber": "huber"}


class MLPRegressor(RegressorMixin, Perceptron):
    """A multilayer perceptron for regression, which minimizes the squared error or another loss.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "absolute_error", "huber"}, default="squared_error"
        Half the squared error; half the Poisson deviance (for y >= 0, with exp as the output's activation); the absolute error;
        or the Huber loss, half the squared error for errors up to 1 and linear beyond. As in scikit-learn, ``loss_`` is the
        mean over the outputs but the gradient is that of the sum, except for "poisson", where both are sums.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        The number of neurons in each hidden layer.
    activation : str or list of str, default="relu"
        The activation of the hidden layers: "identity", "logistic", "tanh", "relu" or "softplus", or a list with one for each
        layer.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Adam; stochastic gradient descent with momentum; or limited-memory BFGS on all samples at once.
    alpha : float, default=0.0001
        The strength of the L2 penalty on the weights, at least 0. It is divided by the number of samples in the mini-batch, or
        by the sum of their weights.
    batch_size : int or "auto", default="auto"
        The number of samples in a mini-batch; "auto" is 200, or the number of all samples if that is smaller. Not for lbfgs.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        The schedule for sgd: constant; divided by ``t ** power_t``, where t counts the samples seen; or divided by 5 whenever
        there has been no improvement for ``n_iter_no_change`` epochs.
    learning_rate_init : float, default=0.001
        The initial learning rate, above 0. If you change it, the next `partial_fit` uses it.
    power_t : float, default=0.5
        The exponent of "invscaling", at least 0. A rate that falls to 0 is an error.
    max_iter : int, default=200
        The largest number of epochs, or of iterations of lbfgs.
    shuffle : bool, default=True
        Whether to shuffle the samples before each epoch.
    random_state : int, RandomState or None, default=None
        The source of the first weights, the split for early stopping and the shuffles, draw for draw as in scikit-learn.
    tol : float, default=1e-4
        The smallest change of loss or score that counts as an improvement; for lbfgs the tolerance of the gradient.
    verbose : bool, int or "progress", default=False
        Whether to print a line after each epoch, or to show a progress bar (which needs tqdm).
    warm_start : bool, default=False
        Whether `fit` continues from the parameters of the previous fit.
    momentum : float, default=0.9
        The momentum of sgd, from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether sgd uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to stop when the score on validation samples, rather than the loss, has not improved for ``n_iter_no_change``
        epochs, and to keep the parameters of the best epoch.
    validation_fraction : float, default=0.1
        The share of the samples used for validation by ``early_stopping``, from 0 to below 1.
    beta_1, beta_2 : float, default=0.9, 0.999
        Adam's decay rates of the first and the second moment, from 0 to below 1.
    epsilon : float, default=1e-8
        Added to Adam's denominators to avoid a division by 0, above 0.
    n_iter_no_change : int or inf, default=10
        The number of epochs without an improvement before training stops.
    max_fun : int, default=15000
        The largest number of evaluations of the loss by lbfgs.
    dropout : float or list of float, default=0.0
        The share of hidden neurons dropped for each training sample, from 0 to below 1; or a list with one for each hidden
        layer. Not for lbfgs.
    callback : callable or None, default=None
        Called with the estimator after each epoch (or iteration of lbfgs), when ``coefs_``, ``loss_`` and the other attributes
        are up to date. If it returns true, training ends.
    n_threads : int or None, default=None
        The most threads that large fits and predictions may use, from 1 to 1024. Their number changes no result. If None, the
        size of the job decides, within the limits of joblib and threadpoolctl; in a thread that the program started itself,
        it is 1.

    Attributes
    ----------
    coefs_ : list of numpy.ndarray
        The weights of each layer: shape (neurons in the layer before, neurons), float32 or float64. You may edit or replace
        them. Where ``ravel`` or ``reshape`` must copy such an array, the copy is read-only.
    intercepts_ : list of numpy.ndarray
        The biases of each layer: shape (neurons,).
    loss_ : float
        The loss of the last epoch, penalty included: the mean over its mini-batches, each measured before its step.
    best_loss_ : float or None
        The lowest loss of an epoch; None with ``early_stopping``.
    loss_curve_ : list of float
        The loss of each epoch.
    validation_scores_ : list of float or None
        R squared on the validation samples after each epoch, if there are any.
    validation_loss_curve_ : list of float
        The mean loss on the validation samples, without the penalty. Only there if `fit` got ``validation_data``.
    best_validation_score_ : float or None
        The best score; None without ``early_stopping``.
    n_iter_, t_ : int
        The number of epochs of the last fit; the total number of samples that the solver has seen.
    n_features_in_, n_layers_, n_outputs_ : int
        The numbers of features, of layers (inputs included) and of outputs.
    feature_names_in_ : numpy.ndarray
        The names of the features, if X had names.
    out_activation_ : str
        The activation of the output layer.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> MLPRegressor(learning_rate_init=0.01, max_iter=500, random_state=0).fit(X, y / 100).score(X, y / 100) > 0.5
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson", "absolute_error", "huber"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        callback: Callable[[Any], Any] | None = None,
        n_threads: int | None = None,
    ) -> None:
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Fit the network to data.

        Parameters
        ----------
        X : array, data frame or sparse matrix
            Shape (n, features). float32 is computed in float32, any other type in float64. CSR and CSC matrices stay sparse.
        y : array_like
            Real numbers: shape (n,) or (n, outputs).
        sample_weight : array_like or None, default=None
            The weight of each sample: shape (n,), with a finite sum other than 0.
        validation_data : tuple or None, default=None
            (X, y) or (X, y, sample_weight), not used for training. Their loss and score are recorded after each epoch or
            iteration. ``early_stopping``, which needs at least 2, uses them instead of a part of the training samples.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data or a parameter are invalid, or the weights would become infinite or NaN.
        TypeError
            If a subclass overrides a private method of scikit-learn's that is not called here, or a program has replaced a
            function in scikit-learn's tables.
        """
        self._learn(X, y, sample_weight, validation_data)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on a part of the data. The solvers sgd and adam keep their state between calls.

        With lbfgs, this is a `fit` that continues from the parameters of the previous one, as in scikit-learn.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As for `fit`.
        """
        self._learn(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The values predicted for each sample.

        Parameters
        ----------
        X : array, data frame or sparse matrix
            Shape (n, features).

        Returns
        -------
        numpy.ndarray
            Shape (n,), or (n, outputs) for several outputs.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If ``X`` does not fit the network.
        """
        return self._decoded(self._forward_pass_fast(X))

    @property
    def _cost(self) -> str:
        if not isinstance(self.loss, str) or self.loss not in _COSTS:
            raise ValueError(f"loss must be one of {', '.join(_COSTS)}, not {self.loss!r}")
        return _COSTS[self.loss]

    @property
    def _share(self) -> float:
        return 1.0 if self.loss == "poisson" else 1.0 / self.n_outputs_

    def _output_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _encoded(self, y: np.ndarray, _incremental: bool) -> np.ndarray:
        return self._transformed(y)

    def _transformed(self, y: Any) -> np.ndarray:
        y = real_array(y.toarray() if issparse(y) else y, "y")
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(f"y must be at least 0 for loss='poisson', not {y.min():g}")
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _labels(self, desired: np.ndarray) -> np.ndarray:
        return desired

    def _score_of(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        if not np.isfinite(outputs).all():
            return float("nan")
        return float(r2_score(y, self._decoded(outputs), sample_weight=sample_weight))
