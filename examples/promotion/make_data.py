"""Writes two parts of scikit-learn's handwritten digits: one to learn from, one to hold out."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

folder = Path(__file__).parent / "data"
folder.mkdir(exist_ok=True)
images, labels = load_digits(return_X_y=True)
parts = train_test_split(images / 16.0, labels, test_size=0.25, random_state=0, stratify=labels)
for name, (x, y) in {"train": (parts[0], parts[2]), "holdout": (parts[1], parts[3])}.items():
    np.savez(folder / f"{name}.npz", x=x, y=y)
