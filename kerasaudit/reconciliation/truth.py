"""What is known of a figure of a model or of one of its layers, on each side that knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerasaudit.derivation.shape import Shape, is_shape
from kerasaudit.reconciliation.result import LayerRow, Totals

__all__ = ["QUANTITIES", "Quantity", "Truth", "in_words", "truth_of"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that has a figure: what a message calls it, what it counts, and what it is of.

    `kind` is "count", "bytes" or "shape"; `field` is the attribute of `Totals` and `LayerRow` that
    holds it, where one does.
    """

    words: str
    kind: str = "count"
    field: str | None = None
    of_model: bool = True
    of_layer: bool = True


QUANTITIES: Mapping[str, Quantity] = {
    "params": Quantity("parameters"),
    "trainable_params": Quantity("trainable parameters", field="trainable"),
    "non_trainable_params": Quantity("non-trainable parameters", field="non_trainable"),
    "macs": Quantity("MACs", field="macs"),
    "flops": Quantity("FLOPs"),
    "backward_macs": Quantity("MACs of the gradients", field="backward_macs"),
    "bytes": Quantity("bytes of weights", "bytes", "bytes"),
    "activations": Quantity("activations", field="activation_elements"),
    "activation_bytes": Quantity("bytes of activations", "bytes", "activation_bytes"),
    "peak_activation_bytes": Quantity(
        "bytes of activations at once", "bytes", "peak_activation_bytes", of_layer=False
    ),
    "layers": Quantity("layers", field="layers", of_layer=False),
    "output_shape": Quantity("output shape", "shape"),
    "feature_maps": Quantity("feature maps"),
    "receptive_field": Quantity("receptive field", "shape", "receptive_field", of_model=False),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """A figure as each side has it, `None` where a side does not know it.

    `derived` by arithmetic, `observed` in the live model, `stored` in the file; a number, or the
    extents of a shape. `working` is that of the derived figure.
    """

    derived: Any = None
    observed: Any = None
    stored: Any = None
    working: str | None = None


def truth_of(
    quantity: str,
    row: LayerRow | None,
    totals: Totals,
    output_shapes: tuple[Shape | None, ...],
) -> Truth:
    """What is known of a quantity of a layer, or of the whole model where `row` is `None`."""
    holder = totals if row is None else row
    if quantity == "params":
        working = f"{row.formula} = {row.working}" if row is not None and row.working else None
        return Truth(holder.derived, holder.observed, holder.stored, working)
    if quantity == "flops":
        return Truth(None if holder.macs is None else 2 * holder.macs)
    if quantity in ("output_shape", "feature_maps"):
        extents = _extents(row, output_shapes)
        if extents is None or quantity == "output_shape":
            return Truth(extents)
        return Truth(extents[-1] if extents else None)
    asked = QUANTITIES[quantity]
    if asked.field is None or not (asked.of_model if row is None else asked.of_layer):
        return Truth()
    return Truth(getattr(holder, asked.field))


def _extents(
    row: LayerRow | None, output_shapes: tuple[Shape | None, ...]
) -> tuple[int | None, ...] | None:
    """The extents of the one output, the batch axis left out."""
    shape: Any = row.output_shape if row is not None else output_shapes
    if row is None:
        shape = output_shapes[0] if len(output_shapes) == 1 else None
    return tuple(shape)[1:] if shape is not None and is_shape(shape) else None


def in_words(value: Any) -> str | None:
    """A figure or the extents of a shape as a message has it; `None` stays `None`.

    >>> in_words(61706), in_words((26, None, 32)), in_words(None)
    ('61,706', '26 × ? × 32', None)
    """
    if value is None:
        return None
    if isinstance(value, tuple):
        return " × ".join("?" if extent is None else str(extent) for extent in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
