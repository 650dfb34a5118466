"""scikit-learn's estimators."""

from __future__ import annotations

from peers.base import RATE, Peer


class ScikitLearn(Peer):
    """Its estimators, which show no gradient. MLPRegressor is the one with a quadratic cost; its outputs are linear, so the
    gradient differs there from that of sigmoids."""

    name = "scikit-learn"
    part = 5

    def __init__(self, job, _weights, _biases, x, y):
        import warnings

        from scipy.sparse import csr_array
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        warnings.simplefilter("ignore", ConvergenceWarning)
        classifies = job.output == "softmax"
        self.x = csr_array(x) if job.data == "1 % filled" else x
        self.y = y.argmax(axis=1) if classifies else y.ravel() if y.shape[1] == 1 else y
        self.net = (MLPClassifier if classifies else MLPRegressor)(
            hidden_layer_sizes=job.sizes[1:-1],
            activation={"sigmoid": "logistic"}.get(job.hidden, job.hidden),
            solver="adam" if job.optimizer == "Adam" else "sgd",
            alpha=0,
            batch_size=min(job.batch, len(x)),
            learning_rate_init=RATE,
            max_iter=1,
            momentum=0,
            warm_start=True,
            random_state=0,
        )
        some = slice(max(1000, job.batch))
        self.net.fit(self.x[some], self.y[some])

    def train(self):
        self.net.fit(self.x, self.y)

    def predict(self):
        return self.net.predict(self.x)
