"""Dropout, noise, and penalties on activities. No weights."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.seed import drawing_state
from kerasaudit.derivation.shape import Shape

_SPATIAL = {"SpatialDropout1D": 1, "SpatialDropout2D": 2, "SpatialDropout3D": 3}


@rule("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise")
def regularization(layer: LayerConfig, x: Shape) -> Derivation:
    """Drops or disturbs activities in training. No weights.

    MACs:     0: element-wise work.
    Limits:   a layer with a rate (GaussianNoise: a stddev) above 0 holds the state of a random
              generator, which Keras counts in neither weights nor count_params.
    Source:   Srivastava et al. 2014; Keras layers/regularization/.
    """
    key = "stddev" if layer.class_name == "GaussianNoise" else "rate"
    return Derivation(output_shape=x, macs=0, window=POINTWISE, state=drawing_state(layer, key))


@rule("StochasticDepth", "ActivityRegularization")
def drawn_elsewhere(layer: LayerConfig, x: Shape) -> Derivation:
    """Drops a whole branch in training, or penalises activities. No weights.

    MACs:     0: element-wise work.
    Limits:   neither holds a generator: StochasticDepth (private to Keras's ConvNeXt) draws from
              the one that Keras keeps for all.
    Source:   Huang et al. 2016; Keras applications/convnext.py, activity_regularization.py.
    """
    return Derivation(output_shape=x, macs=0, window=POINTWISE)


@rule(*_SPATIAL)
def spatial_dropout(layer: LayerConfig, x: Shape) -> Derivation:
    """Drops whole feature maps in training. No weights.

    MACs:     0: element-wise work.
    Limits:   the state of its random generator, with a rate above 0, is no weight.
    Source:   Tompson et al. 2015; Keras spatial_dropout.py.
    """
    layer.expect_rank(x, _SPATIAL[layer.class_name] + 2)
    return Derivation(output_shape=x, macs=0, window=POINTWISE, state=drawing_state(layer, "rate"))
