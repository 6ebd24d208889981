"""Layers that in inference pass on what they take: the input itself, and every dropout."""

from __future__ import annotations

from kerasaudit.backprop.paths.stage import Applied, family

__all__ = ["unchanged"]

_DROPOUTS = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
_NOISE = ("GaussianDropout", "GaussianNoise", "AlphaDropout")


@family("InputLayer", "Identity", *_DROPOUTS, *_NOISE)
def unchanged(applied: Applied) -> None:
    """No stage."""
