"""Measures one model on the held-out digits: the candidate, or what is in production.

The file is named by the parameter `model`, as RUN/NAME; with `evaluation_seed` a part of the holdout
is drawn, so that several seeds say how far the figures can be trusted.
"""

import time

import joblib
import numpy as np
import sweepworks

run = sweepworks.init()

network = joblib.load(run.use_artifact(run.params["model"]))
data = np.load(run.use_dataset("digits-holdout"))
chosen = np.random.default_rng(run.params["evaluation_seed"]).choice(
    len(data["y"]), size=len(data["y"]) * 9 // 10, replace=False
)
x, y = data["x"][chosen], data["y"][chosen]

began = time.perf_counter()
predicted = network.predict(x)
latency_ms = (time.perf_counter() - began) * 1000

run.report(1, accuracy=float((predicted == y).mean()), latency_ms=latency_ms)
run.finish()
