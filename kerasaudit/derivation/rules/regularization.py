"""Dropout, noise, and penalties on activities. No weights."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape

_SPATIAL = {"SpatialDropout1D": 1, "SpatialDropout2D": 2, "SpatialDropout3D": 3}


@rule(
    "Dropout",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "StochasticDepth",
    "ActivityRegularization",
)
def regularization(layer: LayerConfig, x: Shape) -> Derivation:
    """Drops, disturbs or penalises activities in training. No weights.

    MACs:     0: element-wise work.
    Limits:   a layer with a rate above 0 holds the state of a random generator, which Keras
              counts in neither weights nor count_params.
    Source:   Srivastava et al. 2014; Huang et al. 2016 (StochasticDepth, private to Keras's
              ConvNeXt); Keras layers/regularization/.
    """
    return Derivation(output_shape=x, macs=0, window=POINTWISE)


@rule(*_SPATIAL)
def spatial_dropout(layer: LayerConfig, x: Shape) -> Derivation:
    """Drops whole feature maps in training. No weights.

    MACs:     0: element-wise work.
    Source:   Tompson et al. 2015; Keras spatial_dropout.py.
    """
    layer.expect_rank(x, _SPATIAL[layer.class_name] + 2)
    return Derivation(output_shape=x, macs=0, window=POINTWISE)
