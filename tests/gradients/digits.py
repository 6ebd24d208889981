"""scikit-learn's digits, 1,797 real images of 8×8, as the models of `models/` take them."""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def digits(size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Images (1797, size, size, 1) from 0 to 1, and their classes 0 to 9.

    They are enlarged bilinearly, each axis by itself, with the outer pixels' centres at the edges.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.images.astype("float64") / 16
    places = np.linspace(0, 7, size)
    low = np.minimum(places.astype(int), 6)
    share = places - low
    rows = images[:, low] * (1 - share)[:, None] + images[:, low + 1] * share[:, None]
    both = rows[:, :, low] * (1 - share) + rows[:, :, low + 1] * share
    return both[..., None].astype("float32"), data.target.astype("int32")
