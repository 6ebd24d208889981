"""Clipping: what an optimizer makes of gradients that are too large."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.optimizers.rule import Array, Config

__all__ = ["CLIPPINGS", "clipped"]

CLIPPINGS = ("clipnorm", "global_clipnorm", "clipvalue")


def clipped(gradients: Mapping[str, Array], config: Config) -> Mapping[str, Array]:
    """The gradients clipped, each by its norm, all by their common norm, or element by element.

    A gradient g is clipped to the norm c as g·c / max(‖g‖, c): its direction is kept.

    >>> clipped({"w": np.array([3.0, 4.0])}, {"clipnorm": 1.0})["w"].tolist()
    [0.6, 0.8]
    """
    if limit := config.get("clipnorm"):
        return {path: g * limit / max(_norm([g]), limit) for path, g in gradients.items()}
    if limit := config.get("global_clipnorm"):
        factor = limit / max(_norm(list(gradients.values())), limit)
        return {path: g * factor for path, g in gradients.items()}
    if limit := config.get("clipvalue"):
        return {path: np.clip(g, -limit, limit) for path, g in gradients.items()}
    return gradients


def _norm(gradients: list[Array]) -> float:
    return float(np.sqrt(sum(float(np.sum(g**2)) for g in gradients)))
