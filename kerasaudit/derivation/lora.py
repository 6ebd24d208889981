"""LoRA: a low-rank product beside a frozen kernel.

W' = W + (α/r)·A·B with r far smaller than W's extents. A has the kernel's dimensions but the last,
and r; B has r and the kernel's last dimension. A and B are float32 whatever the layer is.

Example: Dense(7) on 10 features with rank 3: kernel 10·7 (frozen), bias 7, A 10·3, B 3·7.

MACs: Keras adds A·B to the kernel whenever it uses it, so a call costs the kernel's elements times
r more, however many positions there are. A quantised kernel cannot be added to, so there the inputs
pass through A and B themselves: for each position r times what goes in and what comes out.

Source: Hu et al. 2021, "LoRA: Low-rank adaptation of large language models", §4.1; Keras
enable_lora and `kernel` in dense.py, einsum_dense.py, embedding.py and base_conv.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation
from kerasaudit.derivation.shape import Shape, product, total
from kerasaudit.derivation.weight import Axis, Weight

__all__ = ["with_adapters"]

_BASES = {
    **dict.fromkeys(("Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D"), "kernel"),
    **dict.fromkeys(("Embedding", "ReversibleEmbedding"), "embeddings"),
}


def with_adapters(
    layer: LayerConfig, derivation: Derivation, shapes: Sequence[Shape | None]
) -> Derivation:
    """The derivation with the layer's kernel frozen, and the two adapters after its weights.

    Raises:
        UnsupportedError: Keras has no LoRA for layers of this class.
    """
    name = _BASES.get(layer.class_name) if layer.keys == (layer.class_name,) else None
    base = next((weight for weight in derivation.weights if weight.name == name), None)
    if base is None:
        layer.unsupported("LoRA adapters (lora_rank) are not derived for this class")
    rank = Axis("r", layer.integer("lora_rank"))
    *rest, last = base.dimensions
    first = Weight(f"lora_{name}_a", *rest, rank, dtype="float32", role="adapter")
    second = Weight(f"lora_{name}_b", rank, last, dtype="float32", role="adapter")
    weights = [one.frozen() if one is base else one for one in derivation.weights]
    more = _more_macs(layer, derivation, base, rank.extent, shapes)
    return replace(
        derivation,
        weights=(*weights, first, second),
        macs=total((derivation.macs, more)),
    )


def _more_macs(
    layer: LayerConfig,
    derivation: Derivation,
    base: Weight,
    rank: int,
    shapes: Sequence[Shape | None],
) -> int | None:
    """What the adapters cost in one call."""
    if layer.quantization is None:
        return base.count * rank
    last = base.shape[-1]
    if base.name == "embeddings":
        if layer.call.get("reverse"):
            return None  # Keras decides by the mode what it multiplies; it is not worked out here
        positions = product(shapes[0][1:]) if shapes and shapes[0] is not None else None
        return product((positions, rank, last))
    output = derivation.output_shape
    if derivation.macs is None or output is None or isinstance(output[0], tuple):
        return None
    made = product(one for one in output[1:] if not isinstance(one, tuple))
    into = derivation.macs // last * rank
    return total((into, product((made, rank))))
