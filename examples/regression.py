"""Regression on a table of ten columns: predict the progress of diabetes after a year."""

from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nndl_ext.sklearn import MLPRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
network = MLPRegressor(
    hidden_layer_sizes=(50,),
    activation="tanh",
    alpha=1.0,
    early_stopping=True,
    max_iter=500,
    random_state=0,
)
model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())

scores = cross_val_score(model, X, y, cv=5)
print(
    "R2 of five folds:",
    *(f"{score:.2f}" for score in scores),
    f"mean {scores.mean():.2f}",
)

model.fit(X, y)
print("predicted for the first three patients:", model.predict(X[:3]).round(1))
print("measured:", y[:3].to_list())
