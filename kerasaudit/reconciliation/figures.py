"""The figures beyond counts, put beside them: bytes, activations, receptive fields, backward MACs.

They are derived; where a layer's weights are only observed, their bytes are of what is observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from kerasaudit.derivation.activations import Activations, activations
from kerasaudit.derivation.architecture import Architecture
from kerasaudit.derivation.backward import backward_macs
from kerasaudit.derivation.memory import bytes_by_dtype, parameter_bytes, policy_name
from kerasaudit.derivation.receptive_field import receptive_fields
from kerasaudit.derivation.shape import total
from kerasaudit.reconciliation.result import CallRow, LayerRow, Totals

__all__ = ["with_figures"]

_Counted = list[tuple[int | None, str | None]]  # elements and dtype of each weight


def with_figures(
    rows: Sequence[LayerRow],
    calls: Sequence[CallRow],
    totals: Totals,
    architecture: Architecture | None,
) -> tuple[list[LayerRow], list[CallRow], Totals]:
    """The rows, calls and totals with their figures.

    Args:
        rows: the layers.
        calls: those of `architecture`, in its order.
        totals: the model as a whole.
        architecture: what is derived; `None` where nothing could be.
    """
    derived = _Derived(architecture) if architecture is not None else None
    counted = [_counted(row) for row in rows]
    layers = []
    for row, weights in zip(rows, counted, strict=True):
        size = None if weights is None else parameter_bytes(weights)
        layers.append(replace(row, bytes=size, **(derived.layer(row.path) if derived else {})))
    if derived is not None:
        calls = [derived.call(number, row) for number, row in enumerate(calls)]
    return layers, list(calls), _summed(totals, layers, counted, derived)


class _Derived:
    """The figures of an architecture, found by layer and by call."""

    def __init__(self, architecture: Architecture) -> None:
        self.activations: Activations = activations(architecture)
        self._backward = backward_macs(architecture)
        self._fields = receptive_fields(architecture)
        self._policies = {one.path: policy_name(one.config) for one in architecture.layers}
        self._calls: dict[str, list[int]] = {}
        for number, call in enumerate(architecture.calls):
            self._calls.setdefault(call.path, []).append(number)

    def layer(self, path: str) -> dict[str, Any]:
        """What a layer's calls come to, by the names of its row's fields."""
        policy, numbers = self._policies.get(path), self._calls.get(path)
        if numbers is None:
            return {"dtype_policy": policy}
        made = [self.activations.calls[number] for number in numbers]
        field = self._fields[numbers[0]]
        return {
            "dtype_policy": policy,
            "activation_elements": total(one.elements for one in made),
            "activation_bytes": total(one.bytes for one in made),
            "receptive_field": field.size if field else None,
            "effective_stride": field.stride if field else None,
            "effective_padding": field.padding if field else None,
            "backward_macs": total(self._backward[number] for number in numbers),
        }

    def call(self, number: int, row: CallRow) -> CallRow:
        """A call's row with its figures."""
        made = self.activations.calls[number]
        return replace(
            row,
            activation_elements=made.elements,
            activation_bytes=made.bytes,
            live_bytes=made.live_bytes,
            backward_macs=self._backward[number],
        )


def _counted(row: LayerRow) -> _Counted | None:
    """The elements and dtypes of the weights that a row counts; `None` where they are not known."""
    sides = ("derived", "observed", "stored")
    side = next((side for side in sides if getattr(row, side) is not None), None)
    if side is None:
        return None
    return [(getattr(one, side), one.dtype) for one in row.weights if one.shared_with is None]


def _summed(
    totals: Totals,
    rows: Sequence[LayerRow],
    counted: Sequence[_Counted | None],
    derived: _Derived | None,
) -> Totals:
    known = [pair for weights in counted if weights is not None for pair in weights]
    return replace(
        totals,
        bytes=_total(row.bytes for row in rows),
        bytes_by_dtype=bytes_by_dtype(known) if rows and None not in counted else None,
        activation_elements=_total(row.activation_elements for row in rows),
        activation_bytes=_total(row.activation_bytes for row in rows),
        peak_activation_bytes=derived.activations.peak_bytes if derived is not None else None,
        backward_macs=_total(row.backward_macs for row in rows),
    )


def _total(figures: Iterable[int | None]) -> int | None:
    """The sum over the rows: of a model without layers nothing is known."""
    known = list(figures)
    return total(known) if known else None
