"""Trains a small network on the training part of the digits, and keeps it as an artifact."""

import joblib
import numpy as np
import sweepworks
from sklearn.neural_network import MLPClassifier

run = sweepworks.init()
run.seed_everything()

data = np.load(run.use_dataset("digits-train"))
n_train = len(data["x"]) * 4 // 5
network = MLPClassifier(
    hidden_layer_sizes=(run.params["hidden"],),
    learning_rate_init=run.params["lr"],
    batch_size=32,
    random_state=run.seed,
)
for epoch in range(run.params["epochs"]):
    network.partial_fit(data["x"][:n_train], data["y"][:n_train], classes=np.arange(10))
    accuracy = network.score(data["x"][n_train:], data["y"][n_train:])
    run.report(epoch + 1, val_accuracy=accuracy)
    if run.should_stop:
        break

if not run.should_stop:
    joblib.dump(network, "model.joblib")
    run.log_artifact("model.joblib", type="model")
run.finish()
