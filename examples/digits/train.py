"""Trains a small network on scikit-learn's handwritten digits and reports after every epoch."""

import joblib
import numpy as np
import sweepworks
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

run = sweepworks.init()

images, labels = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(
    images / 16.0, labels, test_size=0.25, random_state=0, stratify=labels
)

network = MLPClassifier(
    hidden_layer_sizes=(run.params["hidden"],),
    activation=run.params["activation"],
    learning_rate_init=run.params["lr"],
    alpha=run.params["alpha"],
    batch_size=32,
    random_state=run.seed,
)
if run.checkpoint:  # paused or interrupted earlier: go on from there
    network = joblib.load(run.checkpoint.path)
for epoch in range(run.resumed_from, run.max_resource or run.params["epochs"]):
    network.partial_fit(x_train, y_train, classes=np.arange(10))
    accuracy = network.score(x_val, y_val)
    run.log({"loss": network.loss_, "train_accuracy": network.score(x_train, y_train)}, step=epoch)
    joblib.dump(network, "network.joblib")
    run.report(epoch + 1, checkpoint="network.joblib", val_accuracy=accuracy)
    print(f"epoch {epoch + 1}: loss {network.loss_:.4f}, accuracy {accuracy:.4f}")
    if run.should_stop:
        break

if not run.should_stop:  # a trial that is paused may come back and get further
    np.savez("weights.npz", *network.coefs_, *network.intercepts_)
    run.log_artifact("weights.npz", type="model")
run.finish()
