"""Layers that hold something else than their rule's weights: LoRA adapters, quantised kernels.

Both are states that a layer's config records (`lora_rank`, a quantised dtype policy), and both
change the weights of the layer in the same way whatever its class: so they stand here once, and the
rules know nothing of them. LoRA comes first, as in Keras: a kernel may have adapters and be
quantised as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.lora import with_adapters
from kerasaudit.derivation.quantization import quantized
from kerasaudit.derivation.rule import Derivation
from kerasaudit.derivation.shape import Shape

__all__ = ["as_stored"]


def as_stored(
    layer: LayerConfig, derivation: Derivation, shapes: Sequence[Shape | None]
) -> Derivation:
    """The derivation of a layer as it is held, from that of the float layer."""
    if layer.get("lora_rank"):  # 0 is none, as in Keras
        derivation = with_adapters(layer, derivation, shapes)
    if layer.quantization is not None:
        derivation = quantized(layer, derivation)
    return derivation
