"""Layers that prepare inputs. Normalization, which has weights, is in normalization.py."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape


@rule("Rescaling")
def rescaling(layer: LayerConfig, x: Shape) -> Derivation:
    """Multiplies by a constant and adds another. No weights: neither is learnt.

    MACs:     0: element-wise work.
    Source:   Keras rescaling.py.
    """
    return Derivation(output_shape=x, macs=0, window=POINTWISE)
