"""LoRA: a low-rank product beside a frozen kernel.

W' = W + (α/r)·A·B with r far smaller than W's extents. A has the kernel's dimensions but the last,
and r; B has r and the kernel's last dimension. A and B are float32 whatever the layer is. Their
kernels are those of W where they have its unit axis (B a unit's, an embedding's A a token's), else
the r products of rank one.

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
from kerasaudit.derivation.weight import Axis, Dimension, Weight

__all__ = ["with_adapters"]

_BASES = {
    **dict.fromkeys(("Dense", "EinsumDense", "Conv1D", "Conv2D", "Conv3D"), "kernel"),
    **dict.fromkeys(("Embedding", "ReversibleEmbedding"), "embeddings"),
}


def with_adapters(
    layer: LayerConfig, derivation: Derivation, shapes: Sequence[Shape | None]
) -> Derivation:
    """The derivation with the layer's kernel frozen, and the two adapters after its weights.

    A rule that gives its layer adapters of its own (`role="adapter"`) has said all there is to say.

    Raises:
        ConfigError: the kernel has a constraint, beside which Keras allows no adapters.
        UnsupportedError: Keras has no LoRA for layers of this class, or not in this state.
    """
    if any(weight.role == "adapter" for weight in derivation.weights):
        return derivation
    base = _base(layer, derivation)
    rank = Axis("r", layer.integer("lora_rank"))
    *rest, last = base.dimensions
    weights = [one.frozen() if one is base else one for one in derivation.weights]
    return replace(
        derivation,
        weights=(*weights, _adapter(base, "a", *rest, rank), _adapter(base, "b", rank, last)),
        macs=total((derivation.macs, _more_macs(layer, derivation, base, rank.extent, shapes))),
    )


def _base(layer: LayerConfig, derivation: Derivation) -> Weight:
    """The weight that is frozen, and that the adapters add to."""
    name = _BASES.get(layer.class_name) if layer.keys == (layer.class_name,) else None
    base = next((weight for weight in derivation.weights if weight.name == name), None)
    if base is None:
        layer.unsupported(
            "LoRA adapters (lora_rank) are not derived for this class; a rule of its own can give "
            'it weights of the role "adapter"'
        )
    if layer.get(f"{name}_constraint") is not None:
        layer.fail(f"{name}_constraint must be none beside LoRA adapters, received one")
    if layer.quantization is not None and layer.quantization.startswith(("gptq", "awq")):
        layer.unsupported(
            f"LoRA adapters beside a kernel in the state {layer.quantization!r} are not derived: "
            "Keras cannot build such a layer"
        )
    return base


def _adapter(base: Weight, which: str, *dimensions: Axis | Dimension) -> Weight:
    held = [axis.symbol for dimension in dimensions for axis in dimension.axes]
    unit = [symbol for symbol in base.unit if symbol in held]
    name = f"lora_{base.name}_{which}"
    return Weight(name, *dimensions, unit=unit or "r", dtype="float32", role="adapter")


def _more_macs(
    layer: LayerConfig,
    derivation: Derivation,
    base: Weight,
    rank: int,
    shapes: Sequence[Shape | None],
) -> int | None:
    """What the adapters cost in one call; `None` where Keras cannot make that call."""
    mode = layer.quantization
    if base.name == "embeddings" and layer.call.get("reverse"):
        # The way back takes the adapters only with the table that they add to.
        tied = layer.boolean("tie_weights", True)
        return base.count * rank if tied and mode is None else 0
    if mode is None:
        return base.count * rank
    if mode.startswith("float8"):
        return None  # such a layer is built, and its call raises
    if base.name == "embeddings":
        positions = product(shapes[0][1:]) if shapes and shapes[0] is not None else None
        return product((positions, rank, base.shape[-1]))
    return _macs_beside(layer, derivation, base, rank)


def _macs_beside(layer: LayerConfig, derivation: Derivation, base: Weight, rank: int) -> int | None:
    """What it costs to pass the inputs through A as through the kernel, and that through B."""
    made = str(layer.get("equation", "->u")).replace("...", "").partition("->")[2]
    output = derivation.output_shape
    if derivation.macs is None or output is None or isinstance(output[0], tuple):
        return None
    if base.axes[-1].symbol != made[-1:]:
        return None  # B is multiplied to the output's last axis, which is not the kernel's
    into = derivation.macs // base.shape[-1] * rank
    return total((into, product((*_extents(output[1:]), rank))))


def _extents(shape: Sequence[int | Shape | None]) -> list[int | None]:
    return [extent for extent in shape if not isinstance(extent, tuple)]
