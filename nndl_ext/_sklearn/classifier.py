"""The classifier: labels, their desired outputs, and class weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin, _fit_context  # no public name checks parameters
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_class_weight, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from nndl_ext._data.sparse import csr_of
from nndl_ext._sklearn.base import Perceptron


def _is_stochastic(estimator: MLPClassifier) -> bool:
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic.")
    return True


class MLPClassifier(ClassifierMixin, Perceptron):
    """A multilayer perceptron for classification, which minimizes the log-loss.

    Parameters
    ----------
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
    class_weight : dict, "balanced" or None, default=None
        The weight of each class, multiplied by ``sample_weight``. "balanced" makes it inversely proportional to the number of
        samples in the class.
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
    classes_ : numpy.ndarray
        The labels.
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
        The accuracy on the validation samples after each epoch, if there are any.
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
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> MLPClassifier(solver="lbfgs", max_iter=1000, random_state=0).fit(X, y).predict(X[:3])
    array([0, 0, 0])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    loss = "log_loss"

    classes_: Any

    def __init__(
        self,
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
        class_weight: Any = None,
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
            Labels of shape (n,); or, for multilabel classification, zeros and ones of shape (n, labels).
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

    @available_if(_is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch on a part of the data. Only for the solvers sgd and adam, which keep their state between calls.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like or None, default=None
            All labels that can occur in any call. Required in the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``classes`` is missing in the first call or has changed; or as for `fit`.
        """
        if issparse(y):
            y = csr_of(y, "y")
        if self._are_new(classes):
            self._label_binarizer = LabelBinarizer().fit(y if type_of_target(y).startswith("multilabel") else classes)
            self.classes_ = unique_labels(classes)
        self._learn(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The label of each sample.

        Parameters
        ----------
        X : array, data frame or sparse matrix
            Shape (n, features).

        Returns
        -------
        numpy.ndarray
            Labels of shape (n,); for multilabel classification zeros and ones of shape (n, labels).

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If ``X`` does not fit the network.
        """
        return self._decoded(self._forward_pass_fast(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class.

        Parameters
        ----------
        X : array, data frame or sparse matrix
            Shape (n, features).

        Returns
        -------
        numpy.ndarray
            From 0 to 1, of shape (n, classes), in the order of ``classes_``. For multilabel classification, each label has its
            own probability.

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError
            As for `predict`.
        """
        outputs = self._forward_pass_fast(X)
        if self.n_outputs_ == 1:
            return np.vstack([1 - outputs[:, 0], outputs[:, 0]]).T
        return outputs

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`.

        Parameters
        ----------
        X : array, data frame or sparse matrix
            Shape (n, features).

        Returns
        -------
        numpy.ndarray
            At most 0, of shape (n, classes).

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError
            As for `predict`.
        """
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    @property
    def _cost(self) -> str:
        return "log-likelihood" if self.out_activation_ == "softmax" else "cross-entropy"

    def _output_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _are_new(self, classes: Any) -> bool:
        """Whether this is the first `partial_fit`, whose classes are to be stored."""
        known = getattr(self, "classes_", None)
        if known is None and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is None:
            return False
        if known is None:
            return True
        if not np.array_equal(known, unique_labels(classes)):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}")
        return False

    def _encoded(self, y: np.ndarray, incremental: bool) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return self._desired(y)
        if self.warm_start and set(classes := unique_labels(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously got "
                f"{self.classes_}, `y` has {classes}"
            )
        return self._transformed(y)

    def _transformed(self, y: np.ndarray) -> np.ndarray:
        known = self._label_binarizer.y_type_
        if known.startswith("multilabel") != (y.ndim == 2 and y.shape[1] > 1):
            raise ValueError(f"`y` must have the form of the first fit, whose labels were {known}, not {type_of_target(y)}")
        classes = unique_labels(y)
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}.")
        return self._desired(y)

    def _desired(self, y: np.ndarray) -> np.ndarray:
        desired: np.ndarray = self._label_binarizer.transform(y)
        if desired.min() < 0 or desired.max() > 1:
            raise ValueError(f"multilabel `y` must hold zeros and ones, not {desired.min()} to {desired.max()}")
        return desired

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        classes = self._label_binarizer.classes_  # like scikit-learn's, whatever a program has put into classes_
        if self.out_activation_ == "softmax":
            return classes.take(outputs.argmax(axis=1))
        if self.n_outputs_ == 1 and len(classes) == 2:
            return classes.take(outputs[:, 0] > 0.5)
        return self._label_binarizer.inverse_transform(outputs[:, 0] if self.n_outputs_ == 1 else outputs)

    def _labels(self, desired: np.ndarray) -> np.ndarray:
        return self._label_binarizer.inverse_transform(desired)

    def _score_of(self, outputs: np.ndarray, y: Any, sample_weight: np.ndarray | None) -> float:
        answers: Any = self._decoded(outputs)
        if issparse(answers):  # as the labels were
            answers, y = answers.toarray(), y.toarray()
        right = answers == y
        if right.ndim == 2:
            right = right.all(axis=1)
        return float(np.average(right, weights=sample_weight))  # accuracy_score, without its slow checks

    def _weighted(self, y: np.ndarray, sample_weight: np.ndarray | None, incremental: bool) -> np.ndarray | None:
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all samples, but partial_fit sees only a part: give a dict or use sample_weight"
            )
        if y.ndim == 2 and y.shape[1] > 1:
            by_class = compute_sample_weight(self.class_weight, y)
        else:  # of all classes, because a part may lack some
            labels, y = self._label_binarizer.classes_, column_or_1d(y)
            by_class = compute_class_weight(self.class_weight, classes=labels, y=y)[np.searchsorted(labels, y)]
        return by_class if sample_weight is None else by_class * sample_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
