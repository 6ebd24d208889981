"""The weights of one layer, derived against observed: paired, then compared one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from kerasaudit.derivation.architecture import Layer
from kerasaudit.derivation.weight import Weight
from kerasaudit.finding import Finding
from kerasaudit.observation.observed import ObservedLayer, ObservedWeight
from kerasaudit.pairing import pair_by_name
from kerasaudit.reconciliation.causes import likely_cause
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.stored import pair_stored

__all__ = ["Pair", "compare", "pairs", "size_of"]


@dataclass(slots=True)
class Pair:
    """A weight on both sides; `None` where one side does not have it."""

    derived: Weight | None
    observed: ObservedWeight | None


def pairs(
    layer: Layer | None, observed: tuple[ObservedWeight, ...] | None, *, stored: bool
) -> Iterator[Pair]:
    """Each derived weight with the observed one of its name, else with the next one in order.

    In a file (`stored`) weights bear numbers: each is paired by its place.
    """
    if stored and layer is not None and layer.weights is not None:
        found = pair_stored(layer, observed or ())
    else:
        found = pair_by_name(layer.weights or () if layer else (), observed or ())
    for ours, theirs in found:
        yield Pair(ours, theirs)


def compare(layer: Layer, observed: ObservedLayer, paired: list[Pair]) -> Iterator[Finding]:
    """Yield a finding for each weight that is on one side only, or not the same on both."""
    cause: str | None = None
    if any(
        p.derived is None or p.observed is None or p.derived.shape != p.observed.shape
        for p in paired
    ):
        cause = likely_cause(layer, observed)
    for pair in paired:
        ours, theirs = pair.derived, pair.observed
        if ours is None and theirs is not None:
            yield finding(
                "KA103",
                layer.path,
                f"{layer.config}: {theirs.name} is held with shape {theirs.shape}, "
                "but the config implies no such weight",
                observed=str(theirs.shape),
                difference=size_of(theirs),
                cause=cause,
            )
        elif ours is not None and theirs is None:
            yield finding(
                "KA102",
                layer.path,
                f"{layer.config}: {ours.name} is derived with shape {ours.shape}, but not held",
                formula=ours.formula,
                working=ours.working,
                expected=str(ours.shape),
                difference=-ours.count,
                cause=cause,
            )
        elif ours is not None and theirs is not None:
            yield from _compare_weight(layer, ours, theirs, cause)


def _compare_weight(
    layer: Layer, ours: Weight, theirs: ObservedWeight, cause: str | None
) -> Iterator[Finding]:
    if ours.shape != theirs.shape:
        yield finding(
            "KA101",
            layer.path,
            f"{layer.config}: {ours.name} is derived as {ours.formula} = {ours.working} = "
            f"{ours.count:,}, observed {theirs.shape} = {size_of(theirs):,}, "
            f"difference {size_of(theirs) - ours.count:+,}",
            formula=ours.formula,
            working=ours.working,
            expected=str(ours.shape),
            observed=str(theirs.shape),
            difference=size_of(theirs) - ours.count,
            cause=cause,
        )
    if theirs.trainable is not None and ours.trainable != theirs.trainable:
        words = {True: "trainable", False: "not trainable"}
        yield finding(
            "KA104",
            layer.path,
            f"{layer.config}: {ours.name} is derived as {words[ours.trainable]}, "
            f"observed as {words[theirs.trainable]}",
            expected=words[ours.trainable],
            observed=words[theirs.trainable],
        )
    integer = ours.dtype == "int" and theirs.dtype in ("int32", "int64")
    if ours.dtype != theirs.dtype and not integer:
        yield finding(
            "KA105",
            layer.path,
            f"{layer.config}: {ours.name} is derived as {ours.dtype}, observed as {theirs.dtype}",
            expected=ours.dtype,
            observed=theirs.dtype,
        )


def size_of(weight: ObservedWeight) -> int:
    """How many elements an observed weight has."""
    return math.prod(weight.shape)
